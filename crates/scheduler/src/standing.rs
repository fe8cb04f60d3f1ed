//! API sending: requests become chunks of the standing campaign of their account, operation and
//! day.
//!
//! A process leases a block of units, held in advance, and accepts requests out of it: one commit
//! per request, which checks the block, inserts the chunks and keeps the answer under the retry
//! key. The wallet is touched once per block, never per request. A block ends when it is used up,
//! when its process goes or falls silent, or with its day; what it did not use goes back.
//!
//! Invariant: what was accepted is held, whoever dies at whatever moment.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use domain::campaign::{CampaignKind, CampaignState, Purpose, StandingOperation};
use domain::codec::{self, PackedKeys};
use domain::freeze::ChunkGroup;
use domain::gate::{self, Consent, RecipientFacts};
use domain::id::{AccountId, BusinessId, CampaignId, IdSource, RequestId, WorkerId};
use domain::message::Messages;
use domain::money::Money;
use domain::pace;
use domain::price::Tariff;
use domain::rule::RuleId;
use domain::time::{Clock, LocalDay, Timestamp, zone};
use domain::user::{UserKey, UserNumber};
use gateway::FrozenBody;
use store::campaign::{Campaign, Launch};
use store::directory::Account;
use store::friend::Standing;
use store::hot::FrozenChunk;
use store::leader::LeaderEpoch;
use store::standing::{AcceptedRequest, Block, StandingDay};
use store::{Store, StoreError, Write, pause};
use tokio::sync::Notify;

use crate::block::{end_block, end_blocks};
use crate::launch::{Content, freeze_content, slowest_rate};
use crate::settings::{
    BLOCK_SILENCE_MAX, REQUEST_RECIPIENTS_MAX, RETRY_KEY_LIFE, STANDING_LIFETIME,
};
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

/// A push, multicast or reply as a brand asks for it.
#[derive(Debug, Clone, Copy)]
pub struct SendRequest<'a> {
    pub business: BusinessId,
    pub account: AccountId,
    pub operation: StandingOperation,
    pub purpose: Purpose,
    pub messages: &'a Messages,
    pub notification_disabled: bool,
    /// Whoever is named twice gets it once.
    pub recipients: &'a [UserKey],
    /// The same key again, within a day, is answered as before and not sent again.
    pub retry_key: Option<&'a str>,
}

/// What a request became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub request: AcceptedRequest,
    /// This is the answer to an earlier request with the same retry key.
    pub is_repeated: bool,
}

/// Recipients as they stand when their request is accepted.
struct Chosen {
    groups: BTreeMap<ChunkGroup, Vec<(UserNumber, UserKey)>>,
    recipients: u32,
    left_out: Vec<(UserNumber, RuleId)>,
    unknown_users: u32,
}

impl ApiSender {
    /// Accepts a request in one commit, or refuses it whole: nothing is held, sent or answered
    /// then.
    pub async fn send(&self, request: &SendRequest<'_>) -> Result<Accepted, SchedulerError> {
        if request.recipients.len() > REQUEST_RECIPIENTS_MAX {
            return Err(SchedulerError::NotPossible(format!(
                "a request has at most {REQUEST_RECIPIENTS_MAX} recipients"
            )));
        }
        let mut write = self.store.write().await?;
        let accepted = self.accept(&mut write, request).await?;
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

    async fn accept(
        &self,
        write: &mut Write,
        request: &SendRequest<'_>,
    ) -> Result<Accepted, SchedulerError> {
        let now = self.clock.now();
        let account = write
            .account_of_business(request.business, request.account)
            .await?
            .ok_or_else(|| StoreError::NotFound(format!("account {}", request.account)))?;
        if let Some(key) = request.retry_key {
            let since = now - RETRY_KEY_LIFE;
            if let Some(before) = write.request_of_key(account.id, key, since).await? {
                return Ok(Accepted {
                    request: before,
                    is_repeated: true,
                });
            }
        }
        if write.is_stopped(account.id).await? {
            return Err(SchedulerError::NotPossible("the account is stopped".into()));
        }
        let campaign = self.open(write, &account, request, now).await?;
        let launch = launch_of(&campaign)?;
        let chosen = choose(write, &account, campaign.purpose, request.recipients).await?;
        let content = Content {
            campaign: campaign.id,
            purpose: campaign.purpose,
            messages: request.messages,
            notification_disabled: request.notification_disabled,
        };
        let (body, links) = freeze_content(&content, &account, |_| self.ids.next())?;
        write.add_links(campaign.id, &links).await?;
        write.insert_message(body.hash(), &body.to_stored()).await?;
        let accepted = AcceptedRequest {
            id: self.next_request(),
            campaign: campaign.id,
            account: account.id,
            retry_key: request.retry_key.map(ToOwned::to_owned),
            accepted_at: now,
            recipients: chosen.recipients,
            left_out: chosen.left_out,
            unknown_users: chosen.unknown_users,
        };
        let block = match chosen.recipients {
            0 => None,
            units => Some(
                self.use_units(write, &campaign, units.into(), now)
                    .await?
                    .id,
            ),
        };
        let chunks = cut(&chosen.groups, launch.chunk_size, &body)?;
        write
            .insert_request(&accepted, &launch, body.hash(), block, &chunks)
            .await?;
        Ok(Accepted {
            request: accepted,
            is_repeated: false,
        })
    }

    fn next_request(&self) -> RequestId {
        self.ids.next()
    }

    /// The account's campaign of today, begun by its first request.
    async fn open(
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
        let (unit_price, is_by_unit) = match request.operation {
            StandingOperation::Push | StandingOperation::Multicast => {
                (bands.dearest(), terms.is_by_unit(Tariff::ApiPush))
            }
            StandingOperation::Reply => (nothing, false),
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

fn launch_of(campaign: &Campaign) -> Result<Launch, StoreError> {
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

/// Who of the named gets it, by the facts of this moment: the gate hears only of later changes.
async fn choose(
    write: &mut Write,
    account: &Account,
    purpose: Purpose,
    keys: &[UserKey],
) -> Result<Chosen, SchedulerError> {
    let mut named: Vec<&UserKey> = keys.iter().collect();
    named.sort_unstable();
    named.dedup();
    let known: HashMap<UserKey, UserNumber> = write.known_users(&named).await?;
    let unknown_users = (named.len() - known.len()) as u32;
    let mut users: Vec<(UserNumber, UserKey)> = known
        .into_iter()
        .map(|(key, number)| (number, key))
        .collect();
    users.sort_unstable_by_key(|(number, _)| *number);
    let numbers: Vec<UserNumber> = users.iter().map(|(number, _)| *number).collect();
    let standings = write.standings(account.id, &numbers).await?;
    let mut chosen = Chosen {
        groups: BTreeMap::new(),
        recipients: 0,
        left_out: Vec::new(),
        unknown_users,
    };
    for (number, key) in users {
        match reachable(standings.get(&number), purpose) {
            Ok(group) => {
                chosen.recipients += 1;
                chosen.groups.entry(group).or_default().push((number, key));
            }
            Err(rule) => chosen.left_out.push((number, rule)),
        }
    }
    Ok(chosen)
}

/// The group of a friend who may get it, or the rule by which they may not.
fn reachable(standing: Option<&Standing>, purpose: Purpose) -> Result<ChunkGroup, RuleId> {
    // Whoever was never a friend is told as one who is none any more.
    let standing = standing.ok_or(RuleId::Left)?;
    let friend = standing.friend.as_ref().ok_or(RuleId::Left)?;
    let promotion = match &standing.promotion {
        None => Consent::Absent,
        Some(consent) if consent.granted => Consent::Granted,
        Some(_) => Consent::Refused,
    };
    let facts = RecipientFacts {
        state: friend.state.state,
        promotion,
        suppressed: false,
        erased: false,
    };
    if let Some(rule) = gate::exclusion(purpose, &facts) {
        return Err(rule.id);
    }
    let reach = standing.reach.ok_or(RuleId::Left)?;
    Ok(ChunkGroup {
        night_consent: reach.flags.has_night_consent(),
        utc_offset_minutes: reach.utc_offset_minutes,
    })
}

/// One chunk per group, more where a group is larger than a chunk.
fn cut(
    groups: &BTreeMap<ChunkGroup, Vec<(UserNumber, UserKey)>>,
    chunk_size: u32,
    body: &FrozenBody,
) -> Result<Vec<FrozenChunk>, SchedulerError> {
    let mut chunks = Vec::with_capacity(groups.len());
    for (group, members) in groups {
        for part in members.chunks(chunk_size.max(1) as usize) {
            let numbers: Vec<UserNumber> = part.iter().map(|(number, _)| *number).collect();
            let keys: Vec<UserKey> = part.iter().map(|(_, key)| key.clone()).collect();
            let keys = PackedKeys::of(&keys);
            let content_hash = gateway::content_hash(body, &keys, None)
                .map_err(|error| SchedulerError::NotPossible(error.to_string()))?;
            chunks.push(FrozenChunk {
                // The store gives the campaign's next one.
                number: 0,
                size: part.len() as u32,
                group: *group,
                content_hash,
                // `chunks` yields no empty part.
                first_number: numbers[0],
                last_number: numbers[numbers.len() - 1],
                numbers: codec::pack_numbers(&numbers),
                keys,
                variables: None,
            });
        }
    }
    Ok(chunks)
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
                self.close_day(epoch, campaign.id, now).await?;
                progress = Progress::Worked;
            }
        }
        for block in self.store.silent_blocks(now - BLOCK_SILENCE_MAX).await? {
            progress = progress.and(self.end_silent(epoch, &block, now).await?);
        }
        Ok(progress)
    }

    async fn close_day(
        &self,
        epoch: LeaderEpoch,
        id: CampaignId,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let campaign = write.campaign_to_move(id).await?;
        if is_open(&campaign) {
            end_day(&mut write, &campaign, now, self.ids.as_ref()).await?;
            pause::point("day:before_commit").await;
            write.commit().await?;
            tracing::info!(campaign = %id, "its day is over");
            self.wake.notify_waiters();
        }
        Ok(())
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
