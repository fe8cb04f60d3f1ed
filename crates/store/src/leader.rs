//! Who leads the scheduler, with an epoch that every write of leader work carries.

use std::time::Duration;

use domain::id::WorkerId;
use domain::time::Timestamp;

use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// Proof of leading: compared in the same transaction as the leader's write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderEpoch(pub i64);

const SCHEDULER: &str = "scheduler";

impl Store {
    /// Takes or renews the lead; `None` while somebody else's lease runs.
    pub async fn lead(
        &self,
        holder: WorkerId,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Option<LeaderEpoch>, StoreError> {
        let write = self.write().await?;
        let sql = "INSERT INTO leader (name, holder, epoch, until) VALUES ($1, $2, 1, $3)
                   ON CONFLICT (name) DO UPDATE SET
                     epoch = CASE WHEN leader.holder = $2 THEN leader.epoch
                                  ELSE leader.epoch + 1 END,
                     holder = $2, until = $3
                   WHERE leader.holder = $2 OR leader.until <= $4
                   RETURNING epoch";
        let bound = values![SCHEDULER, holder, now + lease, now];
        let row = row::one(write.connection(), "leader", sql, bound).await?;
        let epoch = row
            .map(|row| row.get("epoch").map(LeaderEpoch))
            .transpose()?;
        write.commit().await?;
        Ok(epoch)
    }

    /// Gives the lead up at once, so that a standby need not wait.
    pub async fn resign(&self, holder: WorkerId, now: Timestamp) -> Result<(), StoreError> {
        let write = self.write().await?;
        let sql = "UPDATE leader SET until = $3 WHERE name = $1 AND holder = $2";
        row::execute(write.connection(), sql, values![SCHEDULER, holder, now]).await?;
        write.commit().await
    }
}

impl Write {
    /// Fails unless `epoch` still leads: first statement of every leader's transaction.
    pub async fn must_lead(&mut self, epoch: LeaderEpoch) -> Result<(), StoreError> {
        let sql = "SELECT epoch FROM leader WHERE name = $1";
        let row = row::one(self.connection(), "leader", sql, values![SCHEDULER]).await?;
        let current: Option<i64> = row.map(|row| row.get("epoch")).transpose()?;
        match current == Some(epoch.0) {
            true => Ok(()),
            false => Err(StoreError::Conflict("the lead")),
        }
    }
}
