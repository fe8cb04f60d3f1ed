//! Dispatch: due chunks go to the broker at the metered pace, fair between accounts.
//!
//! That a chunk is dispatched is a fact in the database, set under the leader's epoch before the
//! message is published; the message is only a hint. Only a window's worth of work is handed out,
//! so that a pause or cancel acts at once and a small campaign never stands behind a large one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use broker::{Availability, Lane, Message};
use domain::campaign::CampaignState;
use domain::fair::{FairQueue, Head};
use domain::id::{AccountId, CampaignId};
use domain::pace::{self, Meter, Rate};
use domain::time::Timestamp;
use store::campaign::Campaign;
use store::chunk::DueChunk;
use store::leader::LeaderEpoch;

use crate::settings::{BACKLOG_READ_MAX, DISPATCH_PASS_MAX};
use crate::{Progress, Scheduler, SchedulerError};

/// What the dispatcher remembers between passes; a new leader begins with nothing.
#[derive(Debug, Default)]
pub struct Dispatcher {
    fair: FairQueue,
    /// Due chunks read ahead, per campaign.
    backlog: BTreeMap<CampaignId, VecDeque<DueChunk>>,
    connector_meter: Option<Meter>,
    account_meters: BTreeMap<AccountId, Meter>,
    campaign_meters: BTreeMap<CampaignId, Meter>,
    /// Recipients handed out in the last seconds, for the window's size.
    throughput: Throughput,
    epoch: Option<LeaderEpoch>,
    /// Since when the queue has been seen empty, by both clocks.
    empty_since: Option<(Duration, Timestamp)>,
    /// What the broker had lost when its messages were last published anew, and when that was.
    losses_seen: Option<u64>,
    republished_at: Option<Duration>,
}

/// Chunks per second, smoothed over about a second.
#[derive(Debug, Default)]
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
    fn count(&mut self, chunks: usize, now: Duration) {
        self.chunks += chunks;
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
        let room = match running.is_empty() {
            // Nobody to hand anything out for, a hundred times a second.
            true => 0,
            false => self.room_in_window().await?,
        };
        let wanted = self.with_dispatcher(|dispatcher| {
            dispatcher.begin_pass(epoch, &running, &rates, monotonic);
            dispatcher.campaigns_to_read(&running)
        });
        if room == 0 {
            return Ok(Progress::Idle);
        }
        for campaign in wanted {
            let retry_since = self.connector.capability().retry_since(now);
            let due = self
                .store
                .due_chunks(campaign, now, retry_since, BACKLOG_READ_MAX)
                .await?;
            self.with_dispatcher(|dispatcher| dispatcher.backlog.insert(campaign, due.into()));
        }
        let picked = self.with_dispatcher(|dispatcher| {
            dispatcher.pick(&running, room.min(DISPATCH_PASS_MAX), monotonic)
        });
        if picked.is_empty() {
            return Ok(Progress::Idle);
        }
        self.hand_out(epoch, &running, picked, now).await
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
        for campaign in running {
            let Some(chunks) = picked.get(&campaign.id) else {
                continue;
            };
            let lane = Lane::of(campaign.kind);
            let dispatched = write.mark_dispatched(campaign.id, chunks, now).await?;
            marked.extend(dispatched.iter().map(|due| Message {
                lane,
                chunk: due.id,
            }));
        }
        write.commit().await?;
        store::pause::point("dispatch:after_commit").await;
        // What is refused is dispatched all the same: workers find it in the table while the broker
        // is away, and the refusal counts as a loss.
        let answers = self.broker.publish_all(&marked).await;
        let refused = answers.iter().filter(|answer| answer.is_err()).count();
        metrics::counter!("chingu_publish_refused_total").increment(refused as u64);
        metrics::counter!("chingu_chunks_dispatched_total").increment(marked.len() as u64);
        let monotonic = self.clock.monotonic();
        self.with_dispatcher(|dispatcher| dispatcher.throughput.count(marked.len(), monotonic));
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

    /// Chunks that may still be handed out: a second's work, within bounds. What is outstanding
    /// stands in the database: messages are acknowledged in other processes, and where the broker
    /// is away there are none, but workers poll what is dispatched.
    async fn room_in_window(&self) -> Result<usize, SchedulerError> {
        let outstanding = self.store.chunks_outstanding().await?;
        let per_second = self.with_dispatcher(|dispatcher| dispatcher.throughput.chunks_per_second);
        let (min, max) = (
            self.settings.window_chunks_min,
            self.settings.window_chunks_max,
        );
        Ok(per_second.clamp(min, max).saturating_sub(outstanding))
    }

    async fn rates(
        &self,
        running: &[Campaign],
    ) -> Result<BTreeMap<AccountId, Option<Rate>>, SchedulerError> {
        let mut rates = BTreeMap::new();
        for campaign in running {
            if rates.contains_key(&campaign.account) {
                continue;
            }
            let account = self
                .store
                .account_of_business(campaign.business, campaign.account)
                .await?;
            let rate = account.and_then(|account| rate(account.rate_per_second));
            rates.insert(campaign.account, rate);
        }
        Ok(rates)
    }

    fn with_dispatcher<T>(&self, work: impl FnOnce(&mut Dispatcher) -> T) -> T {
        // A panic inside leaves at worst a backlog that is read again.
        let mut dispatcher = self
            .dispatcher
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        dispatcher.connector_rate_is(rate(self.settings.connector_rate), self.clock.monotonic());
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
        room: usize,
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
        for _ in 0..room {
            let Self {
                fair,
                backlog,
                connector_meter,
                account_meters,
                campaign_meters,
                ..
            } = self;
            let pick = fair.pick(|campaign| {
                let Some(account) = account_of.get(&campaign) else {
                    return Head::Empty;
                };
                let first = backlog.get(&campaign).and_then(|backlog| backlog.front());
                let Some(due) = first else { return Head::Empty };
                let free = connector_meter
                    .iter()
                    .chain(account_meters.get(account))
                    .chain(campaign_meters.get(&campaign))
                    .all(|meter| meter.free_at() <= now);
                if free {
                    Head::Ready(due.size)
                } else {
                    Head::Held
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
            picked.entry(pick.campaign).or_default().push(due);
        }
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
    per_second.and_then(|rate| Rate::per_second(u64::from(rate)).ok())
}
