//! Launch, pause, resume and cancel for brands' programs: what people do on pages, inside writes of
//! their callers, who keep in the same commit what the program was answered.
//!
//! A caller commits, and then wakes the scheduler of its process ([`CampaignControl::wake`]).

use domain::campaign::CampaignKind;
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::money::Money;
use store::action::{Action, CampaignAction};
use store::campaign::Campaign;
use store::shortage::Waiting;
use store::{StoreError, Write};

use crate::control::{Cancelled, cancel_in, pause_in, resume_in};
use crate::launch::{Launched, launch_within, wait_for_funds};
use crate::{CampaignControl, SchedulerError};

/// A campaign as a program names it.
#[derive(Debug, Clone, Copy)]
pub struct OwnCampaign {
    pub business: BusinessId,
    pub account: AccountId,
    pub id: CampaignId,
}

impl CampaignControl {
    /// Launches now; dearer than `highest` is refused. Where funds are short the caller rolls back
    /// and lets it wait ([`CampaignControl::wait_in`]).
    pub async fn launch_in(
        &self,
        write: &mut Write,
        campaign: OwnCampaign,
        highest: Option<Money>,
    ) -> Result<Launched, SchedulerError> {
        own(write, campaign).await?;
        if write.is_stopped(campaign.account).await? {
            return Err(SchedulerError::Stopped);
        }
        let now = self.clock.now();
        launch_within(&self.context(), write, campaign.id, highest, now).await
    }

    /// A launch that found too little: it waits for a top-up, as one from a page does.
    pub async fn wait_in(
        &self,
        write: &mut Write,
        campaign: OwnCampaign,
        needed: Money,
        highest: Option<Money>,
    ) -> Result<(), SchedulerError> {
        own(write, campaign).await?;
        let waiting = Waiting {
            since: self.clock.now(),
            needed,
            highest,
        };
        wait_for_funds(write, campaign.id, waiting).await
    }

    pub async fn pause_in(
        &self,
        write: &mut Write,
        campaign: OwnCampaign,
    ) -> Result<(), SchedulerError> {
        own(write, campaign).await?;
        let noted = CampaignAction::of(Action::Pause, None, self.clock.now());
        pause_in(write, campaign.id, Some(noted)).await
    }

    pub async fn resume_in(
        &self,
        write: &mut Write,
        campaign: OwnCampaign,
    ) -> Result<(), SchedulerError> {
        own(write, campaign).await?;
        let now = self.clock.now();
        let noted = CampaignAction::of(Action::Resume, None, now);
        resume_in(write, campaign.id, now, Some(noted)).await
    }

    /// Cancels for good; the reason is kept with the campaign as it was written.
    pub async fn cancel_in(
        &self,
        write: &mut Write,
        campaign: OwnCampaign,
        reason: &str,
    ) -> Result<Cancelled, SchedulerError> {
        own(write, campaign).await?;
        let mut noted = CampaignAction::of(Action::Cancel, None, self.clock.now());
        noted.reason = reason.to_owned();
        cancel_in(write, self.ids.as_ref(), campaign.id, noted).await
    }
}

/// A broadcast of the account, or the test of one; anything else is not there.
async fn own(write: &mut Write, campaign: OwnCampaign) -> Result<Campaign, SchedulerError> {
    let found = write.campaign(campaign.id).await?;
    let is_own = found.business == campaign.business && found.account == campaign.account;
    match (is_own, found.kind) {
        (true, CampaignKind::Broadcast | CampaignKind::Test) => Ok(found),
        _ => Err(StoreError::NotFound(format!("campaign {}", campaign.id)).into()),
    }
}
