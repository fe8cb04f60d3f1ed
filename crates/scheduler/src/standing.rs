//! API sending: requests become chunks of the standing campaign of their account, operation and
//! day.
//!
//! A process leases a block of units, held in advance, and accepts requests out of it: one commit
//! for a request or several, which checks the block, inserts the chunks and keeps the answer under
//! the retry key. The wallet is touched once per block, never per request. A block ends when it is
//! used up, when its process goes or falls silent, with its day, or where what it only keeps ready
//! is needed for another send of its business; what it did not use goes back.
//!
//! Invariant: what was accepted is held, whoever dies at whatever moment.

use std::sync::Arc;

use domain::api_request::AggregationUnit;
use domain::campaign::{CampaignKind, CampaignState, Purpose, StandingOperation};
use domain::contract::Billable;
use domain::id::{AccountId, BusinessId, CampaignId, IdSource, RequestId, WorkerId};
use domain::message::Messages;
use domain::money::Money;
use domain::pace;
use domain::price::Tariff;
use domain::time::{Clock, LocalDay, Timestamp, zone};
use domain::user::{LineUserId, UserKey, UserNumber};
use domain::webhook::events::ReplyToken;
use store::campaign::{Campaign, Launch};
use store::directory::Account;
use store::leader::LeaderEpoch;
use store::standing::{AcceptedRequest, Block, StandingDay};
use store::{Store, StoreError, Write, pause};
use tokio::sync::Notify;

use crate::block::{end_block, end_blocks};
use crate::error::by_itself;
use crate::launch::slowest_rate;
use crate::settings::{BLOCK_SILENCE_MAX, RETRY_KEY_LIFE, STANDING_LIFETIME};
use crate::{Progress, Scheduler, SchedulerError};

/// What one process accepts requests with.
pub struct ApiSender {
    /// Whom blocks are leased to: another id after every start.
    pub process: WorkerId,
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// Recipients per second of the connector, where it is limited.
    pub connector_rate: Option<u32>,
    /// Told that there is something to dispatch.
    pub wake: Arc<Notify>,
}

/// Whom a request names; whoever is named twice gets it once.
#[derive(Debug, Clone, Copy)]
pub enum Recipients<'a> {
    Keys(&'a [UserKey]),
    /// As LINE's paths call them.
    LineIds(&'a [LineUserId]),
}

/// A push, multicast or reply as a brand asks for it.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    /// What the brand is told it is called.
    pub id: RequestId,
    pub business: BusinessId,
    pub account: AccountId,
    pub operation: StandingOperation,
    pub purpose: Purpose,
    pub messages: &'a Messages,
    pub notification_disabled: bool,
    pub recipients: Recipients<'a>,
    /// Whether one who is no user here has the whole request refused.
    pub all_known: bool,
    /// The same key again, within a day, is answered as before and not sent again.
    pub retry_key: Option<&'a str>,
    /// What its sends are added up under.
    pub unit: Option<&'a AggregationUnit>,
    /// What it is answered beyond the usual, kept for who asks again: JSON.
    pub answer: Option<&'a str>,
    /// What a reply answers: used in the commit that accepts it.
    pub reply_token: Option<&'a ReplyToken>,
}

/// What a request became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub request: AcceptedRequest,
    /// This is the answer to an earlier request with the same retry key.
    pub is_repeated: bool,
}

impl ApiSender {
    /// Accepts a request in one commit, or refuses it whole: nothing is held, sent or answered
    /// then.
    pub async fn send(&self, request: &SendRequest<'_>) -> Result<Accepted, SchedulerError> {
        let mut accepted = self.send_all(std::slice::from_ref(request)).await?;
        accepted.pop().unwrap_or_else(|| {
            let words = "a request became nothing".to_owned();
            Err(StoreError::Invariant(words).into())
        })
    }

    /// Accepts requests of one account and operation in one commit, each whole or not at all. Where
    /// they cannot be paid for together, or the database is not there, the error is of all of them:
    /// none was accepted.
    ///
    /// They are no repetitions of each other, and those to one user name different ones: requests
    /// of one commit have no order among them.
    pub async fn send_all(
        &self,
        requests: &[SendRequest<'_>],
    ) -> Result<Vec<Result<Accepted, SchedulerError>>, SchedulerError> {
        let mut write = self.store.write().await?;
        let accepted = self.accept_all(&mut write, requests).await?;
        if accepted.iter().all(Result::is_err) {
            // Not even a day begins with nothing.
            write.roll_back().await?;
            return Ok(accepted);
        }
        pause::point("request:before_commit").await;
        write.commit().await?;
        pause::point("request:after_commit").await;
        self.wake.notify_waiters();
        Ok(accepted)
    }

    /// Ends what this process leased: the last thing it does.
    pub async fn end_blocks(&self) -> Result<(), SchedulerError> {
        for block in self.store.blocks_of_process(self.process).await? {
            let mut write = self.store.write().await?;
            let now = self.clock.now();
            match end_block(&mut write, &block, now, self.ids.as_ref()).await {
                Ok(_) => write.commit().await?,
                // The scheduler was faster.
                Err(SchedulerError::Store(StoreError::Conflict(_))) => write.roll_back().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was answered to a request with the same retry key within a day.
    pub(crate) async fn accepted_before(
        &self,
        write: &mut Write,
        account: AccountId,
        retry_key: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Accepted>, SchedulerError> {
        let Some(key) = retry_key else {
            return Ok(None);
        };
        let since = now - RETRY_KEY_LIFE;
        let before = write.request_of_key(account, key, since).await?;
        Ok(before.map(|request| Accepted {
            request,
            is_repeated: true,
        }))
    }

    /// The account's campaign of today, begun by its first request.
    pub(crate) async fn open(
        &self,
        write: &mut Write,
        account: &Account,
        request: &SendRequest<'_>,
        now: Timestamp,
    ) -> Result<Campaign, SchedulerError> {
        let zone = zone(&account.time_zone).map_err(|why| StoreError::Corrupt {
            table: "account",
            column: "time_zone",
            why: why.to_string(),
        })?;
        let day = LocalDay::of(now, &zone);
        let found = write
            .standing_campaign(account.id, request.operation, day)
            .await?;
        match found {
            Some(campaign) if campaign.restored_at.is_some() => {
                // Its own chunks are asked for key by key; what comes now does not wait for that.
                end_day(write, &campaign, now, self.ids.as_ref()).await?;
                write.detach_restored(campaign.id).await?;
            }
            Some(campaign) if takes_requests(&campaign, now) => return Ok(campaign),
            Some(campaign) => {
                return Err(SchedulerError::NotPossible(format!(
                    "{} is {}: it takes no more requests",
                    campaign.id, campaign.state
                )));
            }
            None => {}
        }
        let terms = billing::terms_at_launch(write, account.business, now).await?;
        let bands = terms.book.bands(Tariff::ApiPush);
        let nothing = Money::zero(terms.book.currency());
        // Whoever wrote first is answered free of charge.
        let (unit_price, is_by_unit, billable) = match request.operation {
            StandingOperation::Push | StandingOperation::Multicast => {
                let is_by_unit = terms.is_by_unit(Tariff::ApiPush);
                (bands.dearest(), is_by_unit, terms.contract.billable)
            }
            StandingOperation::Reply => (nothing, false, Billable::Accepted),
        };
        let sequence = write.sequence().await?;
        let standing = StandingDay {
            id: self.ids.next(),
            business: account.business,
            account: account.id,
            operation: request.operation,
            purpose: request.purpose,
            name: format!("API {} {day}", operation_name(request.operation)),
            day,
            launch: Launch {
                month: day.month(),
                launched_at: now,
                price_version: terms.book.version(),
                tariff: Tariff::ApiPush.code(),
                message_hash: None,
                cut_sequence: sequence,
                reach_mark: sequence,
                highest_number: UserNumber(0),
                chunk_size: pace::chunk_size_max(slowest_rate([
                    None,
                    account.rate_per_second,
                    self.connector_rate,
                ])),
                not_after: day.end(&zone) + STANDING_LIFETIME,
                billable,
            },
            unit_price_micro: unit_price.micro(),
            is_by_unit,
            lifetime_seconds: STANDING_LIFETIME.as_secs() as u32,
        };
        write.insert_standing(&standing).await?;
        let payer = account.business;
        let ids = self.ids.as_ref();
        billing::hold(write, payer, standing.id, nothing, now, ids).await?;
        tracing::info!(campaign = %standing.id, name = standing.name, "begun");
        Ok(write.campaign(standing.id).await?)
    }
}

fn takes_requests(campaign: &Campaign, now: Timestamp) -> bool {
    campaign.state.may_freeze()
        && campaign.freeze_ended_at.is_none()
        && campaign.day_ends().is_some_and(|end| now < end)
}

pub(crate) fn launch_of(campaign: &Campaign) -> Result<Launch, StoreError> {
    let words = || StoreError::Invariant(format!("{} runs unlaunched", campaign.id));
    campaign.launch.ok_or_else(words)
}

const fn operation_name(operation: StandingOperation) -> &'static str {
    match operation {
        StandingOperation::Push => "push",
        StandingOperation::Multicast => "multicast",
        StandingOperation::Reply => "reply",
    }
}

/// The day is over: no request comes any more, and the close goes on as a broadcast's.
async fn end_day(
    write: &mut Write,
    campaign: &Campaign,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<(), SchedulerError> {
    end_blocks(write, campaign, now, ids).await?;
    Ok(write.set_freeze_ended(campaign.id, now).await?)
}

impl Scheduler {
    /// Ends the days that are over, and blocks whose process is gone or has nothing to send.
    pub async fn standing_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let mut progress = Progress::Idle;
        for campaign in self.store.campaigns_alive().await? {
            let is_over = campaign.day_ends().is_some_and(|end| end <= now);
            if is_over && is_open(&campaign) {
                let closed = self.close_day(epoch, campaign.id, now).await;
                progress = progress.and(by_itself("standing", campaign.id, closed)?);
            }
        }
        for block in self.store.silent_blocks(now - BLOCK_SILENCE_MAX).await? {
            let ended = self.end_silent(epoch, &block, now).await;
            progress = progress.and(by_itself("standing", block.campaign, ended)?);
        }
        Ok(progress)
    }

    async fn close_day(
        &self,
        epoch: LeaderEpoch,
        id: CampaignId,
        now: Timestamp,
    ) -> Result<Progress, SchedulerError> {
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let campaign = write.campaign_to_move(id).await?;
        if !is_open(&campaign) {
            return Ok(Progress::Idle);
        }
        end_day(&mut write, &campaign, now, self.ids.as_ref()).await?;
        pause::point("day:before_commit").await;
        write.commit().await?;
        tracing::info!(campaign = %id, "its day is over");
        self.wake.notify_waiters();
        Ok(Progress::Worked)
    }

    async fn end_silent(
        &self,
        epoch: LeaderEpoch,
        block: &Block,
        now: Timestamp,
    ) -> Result<Progress, SchedulerError> {
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        // Used, or ended, since it was read.
        let current = write.open_blocks(block.campaign).await?;
        if !current.contains(block) {
            return Ok(Progress::Idle);
        }
        end_block(&mut write, block, now, self.ids.as_ref()).await?;
        write.commit().await?;
        Ok(Progress::Worked)
    }
}

/// Whether requests may still come to a standing campaign.
fn is_open(campaign: &Campaign) -> bool {
    matches!(campaign.kind, CampaignKind::Standing(_))
        && matches!(
            campaign.state,
            CampaignState::Running | CampaignState::Paused(_)
        )
        && campaign.freeze_ended_at.is_none()
        && campaign.restored_at.is_none()
}
