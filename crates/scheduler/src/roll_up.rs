//! Rolling up: what was recorded becomes captures and one ledger transaction per business.

use domain::id::CampaignId;
use domain::money::Money;
use store::leader::LeaderEpoch;
use store::pause;
use store::wallet::EarnedAs;

use crate::{Progress, Scheduler, SchedulerError, trace};

impl Scheduler {
    pub async fn roll_up_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let (now, began) = (self.clock.now(), self.clock.monotonic());
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let rolled_up = self
            .store
            .hot()
            .roll_up(&mut write, self.ids.as_ref())
            .await?;
        let sequence = u64::try_from(write.sequence().await?).unwrap_or_default();
        for business in &rolled_up {
            let currency = write.currency_of(business.business).await?;
            let amounts: Vec<(CampaignId, Money)> = business
                .campaigns
                .iter()
                .map(|(campaign, micro)| (*campaign, Money::from_micro(*micro, currency)))
                .collect();
            let earned_as = EarnedAs {
                transaction: business.transaction,
                sequence,
                month: business.month,
            };
            let (payer, ids) = (business.business, self.ids.as_ref());
            billing::capture(&mut write, payer, earned_as, &amounts, now, ids).await?;
        }
        if rolled_up.is_empty() {
            write.roll_back().await?;
            return Ok(Progress::Idle);
        }
        pause::point("roll_up:before_commit").await;
        write.commit().await?;
        let took = self.clock.monotonic().saturating_sub(began);
        trace::rolled_up(rolled_up.len(), epoch, took);
        self.wake.notify_waiters();
        Ok(Progress::Worked)
    }
}
