//! Sealing: days that are over, one after the other, each told in the log as it is sealed. Whoever
//! keeps these lines elsewhere can show later that nobody wrote the seals anew.

use billing::seal::{read_day, seal};
use store::leader::LeaderEpoch;
use store::pause;

use crate::settings::SEAL_STEP_MAX;
use crate::{Progress, Scheduler, SchedulerError};

impl Scheduler {
    /// Seals the days that can be.
    pub async fn seal_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let mut progress = Progress::Idle;
        for _ in 0..SEAL_STEP_MAX {
            let Some(day) = read_day(&self.store, self.clock.now()).await? else {
                break;
            };
            let mut write = self.store.write().await?;
            write.must_lead(epoch).await?;
            let sealed = seal(&mut write, day, self.clock.now()).await?;
            pause::point("seal:before_commit").await;
            write.commit().await?;
            let (seal, hash) = (sealed.seal, sealed.hash);
            tracing::info!(
                day = %seal.day, chunks = seal.chunks, sends = seal.sends, root = %seal.root,
                hash = %hash, "sealed"
            );
            progress = Progress::Worked;
        }
        Ok(progress)
    }
}
