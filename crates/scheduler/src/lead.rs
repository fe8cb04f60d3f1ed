//! Who leads: a lease in the database, renewed, with an epoch.

use std::time::Duration;

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
        let went_back = self.store.clock_went_back(now, LEAD_LEASE).await?;
        let epoch = self.store.lead(self.id, now, LEAD_LEASE).await?;
        if let Some(held) = epoch {
            // Whenever the lead is renewed: another database may answer in the place of the one
            // before, and hold this very lead, where a copy of it was promoted.
            let cluster = self.store.note_cluster(self.ids.as_ref(), now).await?;
            if let Cluster::Another(campaigns) = &cluster {
                tracing::warn!(
                    ?campaigns,
                    "the database is a copy: these campaigns stand still"
                );
            }
            // Before anything is handed out.
            if epoch != current || matches!(cluster, Cluster::Another(_)) {
                let mut write = self.store.write().await?;
                write.must_lead(held).await?;
                let taken_back = write.clear_dispatched(None).await?;
                write.commit().await?;
                tracing::info!(epoch = held.0, taken_back, "leads");
            }
        }
        if let (Some(epoch), Some(by)) = (epoch, went_back) {
            self.clock_went_back(epoch, by).await?;
        }
        Ok(epoch)
    }

    /// Nothing waits for a moment that was an hour ago and comes once more.
    async fn clock_went_back(
        &self,
        epoch: LeaderEpoch,
        by: Duration,
    ) -> Result<(), SchedulerError> {
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let due_again = write.make_due_again(by, self.clock.now()).await?;
        let taken_back = write.clear_dispatched(None).await?;
        write.commit().await?;
        tracing::warn!(?by, due_again, taken_back, "the clock went back");
        Ok(())
    }

    pub async fn resign(&self) -> Result<(), StoreError> {
        self.store.resign(self.id, self.clock.now()).await
    }
}
