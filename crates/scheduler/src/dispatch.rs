//! Dispatch: due chunks go to the broker at the metered pace, fair between accounts.
//!
//! That a chunk is dispatched is a fact in the database, set under the leader's epoch before the
//! message is published; the message is only a hint. Only a window's worth of work is handed out,
//! so that a pause or cancel acts at once and a small campaign never stands behind a large one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use broker::{Availability, Lane, Message};
use domain::bulkhead;
use domain::campaign::CampaignState;
use domain::fair::{FairQueue, Head};
use domain::id::{AccountId, CampaignId};
use domain::pace::{self, Meter, Rate};
use domain::time::Timestamp;
use store::campaign::Campaign;
use store::chunk::{DueChunk, OnItsWay};
use store::leader::LeaderEpoch;

use crate::settings::{BACKLOG_READ_MAX, DISPATCH_PASS_MAX};
use crate::{Progress, Scheduler, SchedulerError, SchedulerSettings, trace};

/// What the dispatcher remembers between passes; a new leader begins with nothing.
#[derive(Debug, Default)]
pub struct Dispatcher {
    fair: FairQueue,
    /// Due chunks read ahead, per campaign.
    backlog: BTreeMap<CampaignId, VecDeque<DueChunk>>,
    connector_meter: Option<Meter>,
    account_meters: BTreeMap<AccountId, Meter>,
    campaign_meters: BTreeMap<CampaignId, Meter>,
    /// How fast each account's chunks leave, for the window's size.
    throughput: BTreeMap<AccountId, Throughput>,
    /// Processes that receive, as the broker told last: while it is away nobody knows.
    receivers: usize,
    epoch: Option<LeaderEpoch>,
    /// Since when the queue has been seen empty, by both clocks.
    empty_since: Option<(Duration, Timestamp)>,
    /// What the broker had lost when its messages were last published anew, and when that was.
    losses_seen: Option<u64>,
    republished_at: Option<Duration>,
}

/// How much may be handed out in one pass.
#[derive(Debug, Default)]
struct Room {
    /// Chunks of everybody together.
    total: usize,
    /// And of each account; none of one that the messenger wants to be left alone by.
    of_account: BTreeMap<AccountId, usize>,
}

/// Chunks per second, over a quarter of a second each.
#[derive(Debug, Clone, Copy, Default)]
struct Throughput {
    since: Duration,
    chunks: usize,
    chunks_per_second: usize,
}

/// A queue that stays empty this long beside chunks that are dispatched and unclaimed has lost
/// their messages.
const LOST_MESSAGES_AFTER: Duration = Duration::from_secs(2);
/// Between two times that messages are published anew: a broker that refuses everything must not
/// keep the database busy.
const REPUBLISH_GAP_MIN: Duration = Duration::from_millis(500);

impl Throughput {
    /// Looked at in every pass, so that who stands still is seen to.
    fn look(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.since);
        if elapsed >= Duration::from_millis(250) {
            let per_second = self.chunks as u128 * 1_000 / elapsed.as_millis().max(1);
            self.chunks_per_second = usize::try_from(per_second).unwrap_or(usize::MAX);
            self.chunks = 0;
            self.since = now;
        }
    }
}

impl Scheduler {
    /// One pass: reads what is due, picks fairly as far as the meters and the window allow, marks
    /// it dispatched and publishes it.
    pub async fn dispatch_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        let monotonic = self.clock.monotonic();
        if self.republish(epoch, now, monotonic).await? == Progress::Worked {
            return Ok(Progress::Worked);
        }
        let running: Vec<Campaign> = self
            .store
            .campaigns_alive()
            .await?
            .into_iter()
            .filter(|c| c.state == CampaignState::Running && c.restored_at.is_none())
            .collect();
        let rates = self.rates(&running).await?;
        // What is outstanding stands in the database: messages are acknowledged in other processes,
        // and where the broker is away there are none, but workers poll what is dispatched.
        let on_their_way = match running.is_empty() {
            // Nobody to hand anything out for, a hundred times a second.
            true => Vec::new(),
            false => self.store.on_their_way(now).await?,
        };
        let wanted = self.with_dispatcher(|dispatcher| {
            dispatcher.begin_pass(epoch, &running, &rates, monotonic);
            dispatcher.campaigns_to_read(&running)
        });
        if running.is_empty() {
            return Ok(Progress::Idle);
        }
        let retry_since = self.connector.capability().retry_since(now);
        let with_due = match wanted.is_empty() {
            true => Vec::new(),
            false => {
                self.store
                    .campaigns_with_due_chunks(now, retry_since)
                    .await?
            }
        };
        for campaign in wanted.into_iter().filter(|id| with_due.contains(id)) {
            let due = self
                .store
                .due_chunks(campaign, now, retry_since, BACKLOG_READ_MAX)
                .await?;
            self.with_dispatcher(|dispatcher| dispatcher.backlog.insert(campaign, due.into()));
        }
        // Reading took its time, on a busy database more than a paced chunk lasts.
        let monotonic = self.clock.monotonic();
        let picked = self.with_dispatcher(|dispatcher| {
            let room = dispatcher.room(&running, &on_their_way, &self.settings, monotonic);
            dispatcher.pick(&running, room, monotonic)
        });
        if picked.is_empty() {
            return Ok(Progress::Idle);
        }
        let chunks = picked.values().map(Vec::len).sum();
        let handed_out = self.hand_out(epoch, &running, picked, now).await?;
        let took = self.clock.monotonic().saturating_sub(monotonic);
        trace::passed(chunks, epoch, took);
        Ok(handed_out)
    }

    async fn hand_out(
        &self,
        epoch: LeaderEpoch,
        running: &[Campaign],
        picked: BTreeMap<CampaignId, Vec<DueChunk>>,
        now: Timestamp,
    ) -> Result<Progress, SchedulerError> {
        let mut write = self.store.write_beside().await?;
        write.must_lead(epoch).await?;
        let mut marked = Vec::new();
        let mut left: BTreeMap<AccountId, usize> = BTreeMap::new();
        for campaign in running {
            let Some(chunks) = picked.get(&campaign.id) else {
                continue;
            };
            let lane = Lane::of(campaign.kind);
            let dispatched = write.mark_dispatched(campaign.id, chunks, now).await?;
            *left.entry(campaign.account).or_default() += dispatched.len();
            marked.extend(dispatched.iter().map(|due| Message {
                lane,
                chunk: due.id,
            }));
        }
        write.commit().await?;
        store::pause::point("dispatch:after_commit").await;
        // What is refused is dispatched all the same: workers find it in the table while the broker
        // is away, and the refusal counts as a loss.
        let began = self.clock.monotonic();
        let answers = self.broker.publish_all(&marked).await;
        let took = self.clock.monotonic().saturating_sub(began);
        trace::published(&marked, epoch, took);
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        metrics::counter!("chingu_publish_refused_total").increment(refused as u64);
        metrics::counter!("chingu_chunks_dispatched_total").increment(marked.len() as u64);
        self.with_dispatcher(|dispatcher| {
            for (account, chunks) in left {
                dispatcher.throughput.entry(account).or_default().chunks += chunks;
            }
        });
        Ok(Progress::Worked)
    }

    /// Messages can be lost, chunks cannot. What is dispatched and unclaimed is handed out anew
    /// after the broker has lost or refused messages, and where it stays so beside an empty queue.
    async fn republish(
        &self,
        epoch: LeaderEpoch,
        now: Timestamp,
        monotonic: Duration,
    ) -> Result<Progress, SchedulerError> {
        let is_empty = self.broker.depth().queued == 0;
        let is_available = *self.broker.availability().borrow() == Availability::Available;
        let losses = self.broker.losses();
        let lost = self.with_dispatcher(|dispatcher| {
            dispatcher.follow(epoch);
            // A new leader has just taken everything back.
            dispatcher.losses_seen.get_or_insert(losses);
            match is_available {
                true => dispatcher.lost(is_empty, losses, now, monotonic),
                // Nobody would take it; workers poll what they do not hear of.
                false => None,
            }
        });
        let Some(before) = lost else {
            return Ok(Progress::Idle);
        };
        if !self.store.has_dispatched_before(before, now).await? {
            return Ok(Progress::Idle);
        }
        let mut write = self.store.write().await?;
        write.must_lead(epoch).await?;
        let taken_back = write.clear_dispatched_before(before, now).await?;
        write.commit().await?;
        metrics::counter!("chingu_chunks_republished_total").increment(taken_back);
        tracing::warn!(taken_back, losses, "messages were lost: published anew");
        Ok(Progress::Worked)
    }

    async fn rates(
        &self,
        running: &[Campaign],
    ) -> Result<BTreeMap<AccountId, Option<Rate>>, SchedulerError> {
        let of_accounts = match running.is_empty() {
            true => BTreeMap::new(),
            false => self.store.rates_of_running().await?,
        };
        let of_account = |account: &AccountId| of_accounts.get(account).copied().and_then(rate_of);
        let accounts = running.iter().map(|campaign| campaign.account);
        Ok(accounts
            .map(|account| (account, of_account(&account)))
            .collect())
    }

    fn with_dispatcher<T>(&self, work: impl FnOnce(&mut Dispatcher) -> T) -> T {
        // A panic inside leaves at worst a backlog that is read again.
        let mut dispatcher = self
            .dispatcher
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        dispatcher.connector_rate_is(rate(self.settings.connector_rate), self.clock.monotonic());
        match self.broker.receivers() {
            0 => {}
            receivers => dispatcher.receivers = receivers,
        }
        work(&mut dispatcher)
    }
}

impl Dispatcher {
    /// A new leader begins with nothing.
    fn follow(&mut self, epoch: LeaderEpoch) {
        if self.epoch != Some(epoch) {
            *self = Self {
                epoch: Some(epoch),
                ..Self::default()
            };
        }
    }

    /// Before which moment dispatched chunks have lost their messages, if any may have.
    fn lost(
        &mut self,
        is_empty: bool,
        losses: u64,
        now: Timestamp,
        monotonic: Duration,
    ) -> Option<Timestamp> {
        let since = match is_empty {
            true => Some(*self.empty_since.get_or_insert((monotonic, now))),
            false => {
                self.empty_since = None;
                None
            }
        };
        let has_lost = self.losses_seen != Some(losses);
        let paused = self
            .republished_at
            .is_some_and(|at| monotonic.saturating_sub(at) < REPUBLISH_GAP_MIN);
        if has_lost && !paused {
            self.losses_seen = Some(losses);
            self.republished_at = Some(monotonic);
            return Some(now);
        }
        let (since, before) = since?;
        if monotonic.saturating_sub(since) < LOST_MESSAGES_AFTER {
            return None;
        }
        self.empty_since = Some((monotonic, now));
        Some(before)
    }

    fn begin_pass(
        &mut self,
        epoch: LeaderEpoch,
        running: &[Campaign],
        account_rates: &BTreeMap<AccountId, Option<Rate>>,
        now: Duration,
    ) {
        self.follow(epoch);
        let is_running = |id: &CampaignId| running.iter().any(|campaign| campaign.id == *id);
        self.backlog.retain(|id, _| is_running(id));
        self.campaign_meters.retain(|id, _| is_running(id));
        self.account_meters
            .retain(|account, _| account_rates.contains_key(account));
        for (account, rate) in account_rates {
            keep_meter(&mut self.account_meters, *account, *rate, now);
        }
        for campaign in running {
            let rate = rate(campaign.rate_per_second);
            keep_meter(&mut self.campaign_meters, campaign.id, rate, now);
        }
        self.throughput
            .retain(|account, _| account_rates.contains_key(account));
        for throughput in self.throughput.values_mut() {
            throughput.look(now);
        }
    }

    /// What may still be handed out: a second's work of everybody, within bounds, and of each
    /// account no more than its bulkhead holds.
    fn room(
        &self,
        running: &[Campaign],
        on_their_way: &[OnItsWay],
        settings: &SchedulerSettings,
        now: Duration,
    ) -> Room {
        let places = self.receivers.max(1) * settings.places_per_worker;
        let mut outstanding: BTreeMap<AccountId, usize> = BTreeMap::new();
        let mut demands: BTreeMap<AccountId, usize> = BTreeMap::new();
        for account in on_their_way {
            outstanding.insert(account.account, account.chunks);
            demands.insert(account.account, account.chunks);
        }
        let is_held = |account: &AccountId| {
            on_their_way
                .iter()
                .any(|other| other.account == *account && other.held_until.is_some())
        };
        for campaign in running.iter().filter(|other| !is_held(&other.account)) {
            let waiting = self.backlog.get(&campaign.id).map_or(0, VecDeque::len);
            // One that its meters hold wants the next place it is free for, and no more.
            let wanted = match self.is_free(campaign.account, campaign.id, now) {
                true => waiting,
                false => waiting.min(1),
            };
            *demands.entry(campaign.account).or_default() += wanted;
        }
        let level = bulkhead::level(places, demands.values().copied());
        let is_alone = demands.values().filter(|wanted| **wanted > 0).count() <= 1;
        let per_second = |account: &AccountId| {
            let throughput = self.throughput.get(account);
            throughput.map_or(0, |throughput| throughput.chunks_per_second)
        };
        let of_account = |account: &AccountId| {
            let limit = match is_held(account) {
                true => 0,
                false => bulkhead::limit(level, per_second(account), is_alone),
            };
            limit.saturating_sub(outstanding.get(account).copied().unwrap_or(0))
        };
        let all: usize = self.throughput.keys().map(per_second).sum();
        let max = settings.window_chunks_max;
        let window = all.clamp(settings.window_chunks_min.max(places).min(max), max);
        let taken: usize = outstanding.values().sum();
        Room {
            total: window.saturating_sub(taken).min(DISPATCH_PASS_MAX),
            of_account: running
                .iter()
                .map(|campaign| (campaign.account, of_account(&campaign.account)))
                .collect(),
        }
    }

    /// Whether every meter on a campaign's way lets a chunk go.
    fn is_free(&self, account: AccountId, campaign: CampaignId, now: Duration) -> bool {
        self.connector_meter
            .iter()
            .chain(self.account_meters.get(&account))
            .chain(self.campaign_meters.get(&campaign))
            .all(|meter| meter.free_at() <= now)
    }

    fn connector_rate_is(&mut self, rate: Option<Rate>, now: Duration) {
        if self.connector_meter.as_ref().map(Meter::rate) != rate {
            self.connector_meter = rate.map(|rate| Meter::starting(rate, now));
        }
    }

    /// Campaigns whose read-ahead is used up.
    fn campaigns_to_read(&self, running: &[Campaign]) -> Vec<CampaignId> {
        let is_used_up = |id: &CampaignId| {
            self.backlog
                .get(id)
                .is_none_or(|backlog| backlog.is_empty())
        };
        running
            .iter()
            .map(|campaign| campaign.id)
            .filter(is_used_up)
            .collect()
    }

    fn pick(
        &mut self,
        running: &[Campaign],
        mut room: Room,
        now: Duration,
    ) -> BTreeMap<CampaignId, Vec<DueChunk>> {
        let account_of: BTreeMap<CampaignId, AccountId> = running
            .iter()
            .map(|campaign| (campaign.id, campaign.account))
            .collect();
        for (campaign, account) in &account_of {
            if self
                .backlog
                .get(campaign)
                .is_some_and(|backlog| !backlog.is_empty())
            {
                self.fair.enter(*account, *campaign);
            }
        }
        let mut picked: BTreeMap<CampaignId, Vec<DueChunk>> = BTreeMap::new();
        let mut fair = std::mem::take(&mut self.fair);
        for _ in 0..room.total {
            let pick = fair.pick(|campaign| {
                let Some(account) = account_of.get(&campaign) else {
                    return Head::Empty;
                };
                let first = self.backlog.get(&campaign).and_then(VecDeque::front);
                let Some(due) = first else { return Head::Empty };
                let has_room = room.of_account.get(account).is_some_and(|left| *left > 0);
                match has_room && self.is_free(*account, campaign, now) {
                    true => Head::Ready(due.size),
                    false => Head::Held,
                }
            });
            let Some(pick) = pick else { break };
            let Some(due) = self
                .backlog
                .get_mut(&pick.campaign)
                .and_then(VecDeque::pop_front)
            else {
                break;
            };
            self.charge(&pick, now);
            if let Some(left) = room.of_account.get_mut(&pick.account) {
                *left -= 1;
            }
            picked.entry(pick.campaign).or_default().push(due);
        }
        self.fair = fair;
        picked
    }

    fn charge(&mut self, pick: &domain::fair::Pick, now: Duration) {
        let mut meters: Vec<&mut Meter> = self
            .connector_meter
            .iter_mut()
            .chain(self.account_meters.get_mut(&pick.account))
            .chain(self.campaign_meters.get_mut(&pick.campaign))
            .collect();
        // They were all free a moment ago, and nobody else holds them.
        let granted = pace::grant(&mut meters, now, pick.size);
        debug_assert!(granted.is_ok(), "a free meter grants");
    }
}

fn keep_meter<K: Ord>(meters: &mut BTreeMap<K, Meter>, key: K, rate: Option<Rate>, now: Duration) {
    match (rate, meters.get_mut(&key)) {
        (None, _) => {
            meters.remove(&key);
        }
        (Some(rate), Some(meter)) if meter.rate() == rate => {}
        (Some(rate), Some(meter)) => meter.set_rate(rate),
        (Some(rate), None) => {
            meters.insert(key, Meter::starting(rate, now));
        }
    }
}

fn rate(per_second: Option<u32>) -> Option<Rate> {
    per_second.and_then(rate_of)
}

fn rate_of(per_second: u32) -> Option<Rate> {
    Rate::per_second(u64::from(per_second)).ok()
}
