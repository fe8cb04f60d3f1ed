//! Sealing: days that are over, one after the other, each told in the log as it is sealed. Whoever
//! keeps these lines elsewhere can show later that nobody wrote the seals anew.

use billing::seal::{read_day, seal};
use store::leader::LeaderEpoch;
use store::pause;
use store::seal::RecordedSeal;

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
            tell(&sealed);
            progress = Progress::Worked;
        }
        Ok(progress)
    }
}

/// A day on which nothing happened is in the hash of the next one that is told.
fn tell(sealed: &RecordedSeal) {
    let RecordedSeal { seal, hash } = sealed;
    let (day, root) = (seal.day, seal.root);
    if seal.chunks == 0 && seal.heads == 0 {
        tracing::debug!(%day, %hash, "sealed");
        return;
    }
    let (chunks, sends) = (seal.chunks, seal.sends);
    tracing::info!(%day, chunks, sends, %root, %hash, "sealed");
}
