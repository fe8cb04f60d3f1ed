//! Promotional credit whose time is over, taken back.

use store::leader::LeaderEpoch;

use crate::{Progress, Scheduler, SchedulerError};

impl Scheduler {
    /// Expires what nobody spent or pinned in time. Whoever holds does the same first, so that this
    /// step is never what decides about a launch.
    pub async fn expire_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        for business in billing::promotional::businesses_due(&self.store, now).await? {
            let mut write = self.store.write().await?;
            write.must_lead(epoch).await?;
            let ids = self.ids.as_ref();
            let expired = billing::promotional::expire(&mut write, business, now, ids).await?;
            write.commit().await?;
            tracing::info!(%business, %expired, "promotional credit expired");
        }
        Ok(Progress::Idle)
    }
}
