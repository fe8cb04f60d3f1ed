//! Who leads: a lease in the database, renewed, with an epoch.

use store::StoreError;
use store::leader::LeaderEpoch;
use store::restore::Cluster;

use crate::settings::LEAD_LEASE;
use crate::{Scheduler, SchedulerError};

impl Scheduler {
    /// Takes or renews the lead. A new leader does not know what its predecessor published, so it
    /// takes every unclaimed dispatch back: a chunk published twice is claimed once.
    pub async fn lead(
        &self,
        current: Option<LeaderEpoch>,
    ) -> Result<Option<LeaderEpoch>, SchedulerError> {
        let now = self.clock.now();
        let epoch = self.store.lead(self.id, now, LEAD_LEASE).await?;
        if let Some(new) = epoch
            && epoch != current
        {
            // Before anything is handed out: the database may have been restored, or another may
            // answer in its place.
            let cluster = self.store.note_cluster(self.ids.as_ref(), now).await?;
            if let Cluster::Another(campaigns) = &cluster {
                tracing::warn!(
                    ?campaigns,
                    "the database is a copy: these campaigns stand still"
                );
            }
            let mut write = self.store.write().await?;
            write.must_lead(new).await?;
            let taken_back = write.clear_dispatched(None).await?;
            write.commit().await?;
            tracing::info!(epoch = new.0, taken_back, "leads");
        }
        Ok(epoch)
    }

    pub async fn resign(&self) -> Result<(), StoreError> {
        self.store.resign(self.id, self.clock.now()).await
    }
}
