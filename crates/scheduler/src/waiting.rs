//! Campaigns that wait for a top-up are launched once there is one.

use domain::campaign::CampaignState;
use domain::shortage::IfShort;
use domain::time::Timestamp;
use store::campaign::Campaign;

use crate::error::by_itself;
use crate::settings::FUNDS_WAIT_MAX;
use crate::{Progress, Scheduler, SchedulerError};

impl Scheduler {
    /// Launches what waits and can be paid for now: not dearer than whoever sent it agreed to, and
    /// not after [`FUNDS_WAIT_MAX`], when what it says may be wrong. Then somebody has to send it.
    pub async fn waiting_step(&self) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        for campaign in self.store.campaigns_alive().await? {
            let waits = campaign.state == CampaignState::WaitingForFunds
                && campaign.if_short == IfShort::Wait
                && campaign.restored_at.is_none();
            if waits {
                let launched = self.launch_if_paid_for(&campaign, now).await;
                by_itself("funds", campaign.id, launched)?;
            }
        }
        Ok(Progress::Idle)
    }

    async fn launch_if_paid_for(
        &self,
        campaign: &Campaign,
        now: Timestamp,
    ) -> Result<Progress, SchedulerError> {
        let payer = campaign.business;
        let Some(waiting) = self.store.waiting(payer, campaign.id).await? else {
            return Ok(Progress::Idle);
        };
        let wallet = store::wallet::find(&self.store, payer).await?;
        let spendable = wallet.spendable().map_err(billing::BillingError::from)?;
        let is_paid_for = spendable.micro() >= waiting.needed.micro();
        if is_paid_for && now.since(waiting.since) < FUNDS_WAIT_MAX {
            self.launch_by_itself(campaign.id, waiting.highest).await?;
        }
        Ok(Progress::Idle)
    }
}
