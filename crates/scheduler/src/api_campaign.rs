//! Campaigns that a brand's program asks for: written, approved and launched in one commit, with
//! the retry key, so that a request that is made again finds the campaign or begins it.

use billing::BillingError;
use domain::api_request::ApiOperation;
use domain::audience::Audience;
use domain::campaign::{CampaignEvent, Purpose};
use domain::id::{AccountId, BusinessId, CampaignId, RequestId};
use domain::message::{Messages, Rules};
use domain::narrowcast::progress::Failure;
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use domain::time::{LocalDay, Timestamp, zone};
use store::campaign::CampaignDraft;
use store::directory::Account;
use store::standing::AcceptedRequest;
use store::{StoreError, Write, pause};

use crate::SchedulerError;
use crate::launch::{LaunchContext, Launched, launch_in};
use crate::settings::STANDING_LIFETIME;
use crate::standing::{Accepted, ApiSender};

/// A campaign as a brand's program asks for it.
#[derive(Debug, Clone, Copy)]
pub struct CampaignRequest<'a> {
    /// What the brand is told it is called.
    pub id: RequestId,
    pub business: BusinessId,
    pub account: AccountId,
    pub operation: ApiOperation,
    pub purpose: Purpose,
    pub messages: &'a Messages,
    pub notification_disabled: bool,
    pub audience: &'a Audience,
    /// What happens where there is not enough money for everybody.
    pub if_short: IfShort,
    /// The same key again, within a day, is answered as before and not sent again.
    pub retry_key: Option<&'a str>,
}

/// What a request finds.
enum Asked {
    /// It was accepted before, with the same key.
    Before(Accepted),
    Now(Account),
}

impl ApiSender {
    /// Begins a campaign in one commit, or refuses it whole: nothing is held, sent or written then.
    pub async fn launch(
        &self,
        rules: &Rules,
        request: &CampaignRequest<'_>,
    ) -> Result<Accepted, SchedulerError> {
        let mut write = self.store.write().await?;
        let accepted = self.begin(&mut write, rules, request).await?;
        pause::point("request:before_commit").await;
        write.commit().await?;
        pause::point("request:after_commit").await;
        self.wake.notify_waiters();
        Ok(accepted)
    }

    /// The same, but it goes to all of its audience or to nobody: where more than `max` are in it,
    /// or there is not enough for all, it is accepted and has failed.
    pub async fn launch_whole(
        &self,
        rules: &Rules,
        request: &CampaignRequest<'_>,
        max: Option<u32>,
    ) -> Result<Accepted, SchedulerError> {
        let mut write = self.store.write().await?;
        let why = match self.begin(&mut write, rules, request).await {
            Ok(accepted) => match max.filter(|max| accepted.request.recipients > *max) {
                Some(max) if !accepted.is_repeated => format!(
                    "{} people are in the audience, and it may go to {max}",
                    accepted.request.recipients
                ),
                _ => {
                    write.commit().await?;
                    self.wake.notify_waiters();
                    return Ok(accepted);
                }
            },
            Err(SchedulerError::Billing(
                error @ (BillingError::FundsShort { .. }
                | BillingError::BeyondPlan { .. }
                | BillingError::BeyondBudget { .. }),
            )) => error.to_string(),
            Err(error) => return Err(error),
        };
        write.roll_back().await?;
        self.give_up(request, &why).await
    }

    /// Accepts a request whose campaign has failed, unlaunched.
    async fn give_up(
        &self,
        request: &CampaignRequest<'_>,
        why: &str,
    ) -> Result<Accepted, SchedulerError> {
        let now = self.clock.now();
        let mut write = self.store.write().await?;
        let account = match self.account_for(&mut write, request, now).await? {
            Asked::Before(before) => return Ok(before),
            Asked::Now(account) => account,
        };
        let draft = self.draft(&account, request, now)?;
        write.insert_campaign(&draft).await?;
        for event in [
            CampaignEvent::Approve,
            CampaignEvent::Launch,
            CampaignEvent::LaunchError,
        ] {
            let campaign = write.campaign_to_move(draft.id).await?;
            write.move_campaign(&campaign, event).await?;
        }
        write.set_launch_error(draft.id, why).await?;
        let accepted = acceptance(request, draft.id, 0, now);
        write.record_requests(&[&accepted]).await?;
        write
            .note_failure(account.id, request.id, Failure::PartialDelivery)
            .await?;
        write.commit().await?;
        tracing::info!(campaign = %draft.id, why, "given up rather than sent to some");
        Ok(Accepted {
            request: accepted,
            is_repeated: false,
        })
    }

    /// Keeps whom a campaign was sent to, so that an audience can name it.
    pub async fn keep_sent(&self, id: CampaignId) -> Result<(), SchedulerError> {
        let campaign = self.store.campaign(id).await?;
        if self.store.is_sent_kept(campaign.account, id).await? {
            return Ok(());
        }
        // It has ended, so its record stays as it is.
        let snapshot = self.store.snapshot().await?;
        let people = snapshot.people_sent(&campaign).await?;
        snapshot.end().await?;
        let mut write = self.store.write().await?;
        let now = self.clock.now();
        write.keep_sent(campaign.account, id, &people, now).await?;
        Ok(write.commit().await?)
    }

    async fn account_for(
        &self,
        write: &mut Write,
        request: &CampaignRequest<'_>,
        now: Timestamp,
    ) -> Result<Asked, SchedulerError> {
        let account = write
            .account_of_business(request.business, request.account)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("account {}", request.account)))?;
        let before = self.accepted_before(write, account.id, request.retry_key, now);
        if let Some(before) = before.await? {
            return Ok(Asked::Before(before));
        }
        match write.is_stopped(account.id).await? {
            true => Err(SchedulerError::Stopped),
            false => Ok(Asked::Now(account)),
        }
    }

    async fn begin(
        &self,
        write: &mut Write,
        rules: &Rules,
        request: &CampaignRequest<'_>,
    ) -> Result<Accepted, SchedulerError> {
        let now = self.clock.now();
        let account = match self.account_for(write, request, now).await? {
            Asked::Before(before) => return Ok(before),
            Asked::Now(account) => account,
        };
        let draft = self.draft(&account, request, now)?;
        write.insert_campaign(&draft).await?;
        let campaign = write.campaign_to_move(draft.id).await?;
        write
            .move_campaign(&campaign, CampaignEvent::Approve)
            .await?;
        let campaign = write.campaign_to_move(draft.id).await?;
        let context = LaunchContext {
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: self.ids.as_ref(),
            rules,
            connector_rate: self.connector_rate,
        };
        let is_quiet = request.notification_disabled;
        let launched = launch_in(&context, write, &campaign, is_quiet, None, now).await?;
        let Launched::Launched { granted, .. } = launched else {
            let words = format!("{} waits for funds within its launch", campaign.id);
            return Err(StoreError::Invariant(words).into());
        };
        let recipients = u32::try_from(granted).unwrap_or(u32::MAX);
        let accepted = acceptance(request, campaign.id, recipients, now);
        write.record_requests(&[&accepted]).await?;
        Ok(Accepted {
            request: accepted,
            is_repeated: false,
        })
    }

    fn draft(
        &self,
        account: &Account,
        request: &CampaignRequest<'_>,
        now: Timestamp,
    ) -> Result<CampaignDraft, SchedulerError> {
        let zone = zone(&account.time_zone).map_err(|why| StoreError::Corrupt {
            table: "account",
            column: "time_zone",
            why: why.to_string(),
        })?;
        Ok(CampaignDraft {
            id: self.ids.next(),
            business: account.business,
            account: account.id,
            name: format!(
                "API {} {}",
                request.operation.name(),
                LocalDay::of(now, &zone)
            ),
            purpose: request.purpose,
            messages: request.messages.to_json(),
            audience: request.audience.to_json(),
            schedule: Schedule::Now.to_json(),
            scheduled_for: None,
            rate_per_second: None,
            lifetime_seconds: STANDING_LIFETIME.as_secs() as u32,
            if_short: request.if_short,
            created_at: now,
        })
    }
}

fn acceptance(
    request: &CampaignRequest<'_>,
    campaign: CampaignId,
    recipients: u32,
    now: Timestamp,
) -> AcceptedRequest {
    AcceptedRequest {
        id: request.id,
        operation: request.operation,
        campaign,
        account: request.account,
        retry_key: request.retry_key.map(ToOwned::to_owned),
        unit: None,
        answer: None,
        accepted_at: now,
        recipients,
        left_out: Vec::new(),
        unknown_users: 0,
    }
}
