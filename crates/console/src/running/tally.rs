//! A campaign under way, counted: people by what became of them, money likewise, chunks, reasons
//! and pace. People add up to those who were counted at launch, money to the hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use billing::BillingError;
use domain::chunk::{ChunkState, UNCERTAIN_DEADLINE};
use domain::id::{BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::outcome::{Outcome, OutcomeCounts, RejectionCode};
use domain::rule::RuleId;
use domain::time::Timestamp;
use store::action::{Action, CampaignAction};
use store::campaign::Campaign;
use store::progress::{DoneChunk, OpenChunks, UnderWay};
use store::receipt::CampaignReceipts;
use store::{Snapshot, Store, StoreError};

use super::course::Course;

/// Chunks read at once on the first look.
const CHUNKS_PER_READ: u32 = 2_000;
/// What friends did with it is read less often: adding it up may take a while.
const RECEIPTS_FRESH_MS: i64 = 1_800;

/// Everything a viewer is shown, as of one commit.
#[derive(Debug, Clone)]
pub struct Tally {
    pub at: Timestamp,
    pub campaign: Campaign,
    pub people: People,
    pub money: CampaignMoney,
    /// Whom the gate left out right before the push, by rule.
    pub skipped: BTreeMap<RuleId, u64>,
    /// Who dropped out between the count and the freeze: part of the skipped.
    pub dropped: u64,
    pub failed: BTreeMap<RejectionCode, u64>,
    /// Whom the freeze left out: never counted, never held for.
    pub left_out: Vec<(RuleId, u64)>,
    pub chunks: Chunks,
    pub course: Course,
    /// User numbers frozen so far and in all; `None` once the freeze has ended.
    pub freeze: Option<(u64, u64)>,
    /// When what is uncertain is given up.
    pub uncertain_until: Option<Timestamp>,
    pub actions: Vec<CampaignAction>,
    /// What friends did with it so far, and when that was read.
    pub receipts: (Timestamp, Arc<CampaignReceipts>),
    done: Done,
}

/// What became of everybody who was counted at launch; the fields add up to `counted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct People {
    pub counted: u64,
    pub delivered: u64,
    pub skipped: u64,
    pub failed: u64,
    /// Handed to the messenger, no answer yet.
    pub in_flight: u64,
    /// The answer is not known, or does not say.
    pub checking: u64,
    /// Not begun.
    pub left: u64,
    /// Not sent, and not going to be.
    pub stopped: u64,
}

/// A campaign's money: `held` = `captured` + `released` + `open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignMoney {
    pub unit_price: Money,
    /// What a unit costs depends on those before it: `unit_price` is the most it can be.
    pub is_by_unit: bool,
    pub held: Money,
    pub captured: Money,
    pub released: Money,
    pub open: Money,
}

/// Chunks by what they are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chunks {
    pub recorded: u64,
    pub sending: u64,
    pub unknown: u64,
    pub quarantined: u64,
    pub ready: u64,
    pub cancelled: u64,
}

/// What the chunks that are done add up to.
#[derive(Debug, Clone, Default)]
struct Done {
    /// Whatever is not in stands from here on ([`Snapshot::settle_mark`]).
    mark: i64,
    /// Chunks that stand there too and are in.
    beyond_mark: BTreeMap<(u64, u8), i64>,
    accepted: u64,
    failed: u64,
    excluded: u64,
    uncertain: u64,
    cancelled: u64,
    recorded_chunks: u64,
    cancelled_chunks: u64,
    failed_by: BTreeMap<RejectionCode, u64>,
    skipped_by: BTreeMap<RuleId, u64>,
}

impl People {
    /// With whom it is over, whatever came of it.
    pub const fn finished(&self) -> u64 {
        self.delivered + self.skipped + self.failed + self.stopped
    }

    pub const fn sum(&self) -> u64 {
        self.finished() + self.in_flight + self.checking + self.left
    }
}

impl CampaignMoney {
    /// What so many people cost: at most what is still held, where that depends on the unit.
    pub fn of(&self, people: u64) -> Money {
        let zero = Money::zero(self.unit_price.currency());
        let amount = self.unit_price.times(people).unwrap_or(zero);
        match self.is_by_unit && self.open.micro() < amount.micro() {
            true => self.open,
            false => amount,
        }
    }
}

impl Chunks {
    pub const fn all(&self) -> u64 {
        self.recorded + self.sending + self.unknown + self.quarantined + self.ready + self.cancelled
    }
}

impl Tally {
    /// Counts a business's campaign; of chunks that are done only what came since `before`.
    pub async fn read(
        store: &Store,
        business: BusinessId,
        id: CampaignId,
        now: Timestamp,
        before: Option<Arc<Tally>>,
    ) -> Result<Self, BillingError> {
        let snapshot = store.snapshot().await?;
        let under_way = snapshot.under_way(business, id).await?;
        let launched_at = under_way.campaign.launch.map(|launch| launch.launched_at);
        let (done, course) = match &before {
            Some(before) => {
                let (mut done, mut course) = (before.done.clone(), before.course.clone());
                for chunk in snapshot.done_chunks_since(id, done.mark).await? {
                    done.add(&chunk, &mut course);
                }
                done.move_mark(snapshot.settle_mark().await?);
                (done, course)
            }
            None => first_look(&snapshot, &under_way, launched_at.unwrap_or(now)).await?,
        };
        let receipts = match before.map(|before| before.receipts.clone()) {
            Some((at, read)) if now.as_millis() - at.as_millis() < RECEIPTS_FRESH_MS => (at, read),
            _ => (now, Arc::new(snapshot.receipts(business, id).await?)),
        };
        let currency = match &under_way.hold {
            Some(hold) => hold.amount.currency(),
            None => snapshot.wallet(business).await?.available.currency(),
        };
        snapshot.end().await?;
        Ok(Self::of(under_way, done, course, receipts, currency, now)?)
    }

    fn of(
        under_way: UnderWay,
        done: Done,
        mut course: Course,
        receipts: (Timestamp, Arc<CampaignReceipts>),
        currency: Currency,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        course.settle(now);
        let mut tally = Self {
            at: now,
            people: People::default(),
            money: money_of(&under_way, currency),
            skipped: done.skipped_by.clone(),
            dropped: 0,
            failed: done.failed_by.clone(),
            left_out: rules(&under_way.left_out)?,
            chunks: done.chunks(&under_way),
            course,
            freeze: freeze_of(&under_way),
            uncertain_until: None,
            actions: under_way.actions.clone(),
            receipts,
            campaign: under_way.campaign.clone(),
            done,
        };
        tally.count(&under_way);
        if tally.people.checking > 0 {
            let deadline = UNCERTAIN_DEADLINE.as_millis() as i64;
            tally.uncertain_until = under_way
                .uncertain_since
                .map(|at| Timestamp::from_millis(at.as_millis() + deadline));
        }
        Ok(tally)
    }

    fn count(&mut self, under_way: &UnderWay) {
        let done = &self.done;
        let sum = |of: fn(&store::campaign::CampaignTariff) -> u64| -> u64 {
            under_way.tariffs.iter().map(of).sum()
        };
        let (counted, granted) = (sum(|tariff| tariff.counted), sum(|tariff| tariff.granted));
        let frozen = sum(|tariff| tariff.frozen);
        let OpenChunks {
            people: unknown, ..
        } = under_way.unknown;
        let held_up = unknown + under_way.quarantined.people;
        let (mut delivered, mut failed) = (done.accepted, done.failed);
        let (mut excluded, mut stopped) = (done.excluded, done.cancelled);
        let mut uncertain = done.uncertain;
        for (outcome, people) in &under_way.decided {
            uncertain = uncertain.saturating_sub(*people);
            match outcome {
                Outcome::Accepted | Outcome::Confirmed => delivered += people,
                Outcome::Failed(code) => {
                    failed += people;
                    *self.failed.entry(*code).or_default() += people;
                }
                Outcome::Excluded(rule) => {
                    excluded += people;
                    *self.skipped.entry(*rule).or_default() += people;
                }
                _ => stopped += people,
            }
        }
        let begun = delivered + failed + excluded + uncertain + stopped;
        let ready = frozen.saturating_sub(begun + under_way.sending.people + held_up);
        // Counted and not granted any more: stopped by a cancel, or gone before the freeze.
        let given_back = counted.saturating_sub(granted);
        let not_frozen = self.cancel().map_or(0, |cancel| cancel.not_frozen);
        self.dropped = given_back.saturating_sub(not_frozen);
        self.people = People {
            counted,
            delivered,
            skipped: excluded + self.dropped,
            failed,
            in_flight: under_way.sending.people,
            checking: held_up + uncertain,
            left: ready + granted.saturating_sub(frozen),
            stopped: stopped + given_back.min(not_frozen),
        };
    }

    /// The cancel, where it was cancelled.
    pub fn cancel(&self) -> Option<&CampaignAction> {
        let mut actions = self.actions.iter();
        actions.find(|action| action.action == Action::Cancel)
    }

    /// When it ends at the pace of now; `None` while nothing moves.
    pub fn ends_in_seconds(&self) -> Option<u64> {
        let pace = self.course.pace(self.at);
        let left = self.people.left + self.people.in_flight;
        (pace > 0.0 && left > 0).then(|| (left as f64 / pace).ceil() as u64)
    }
}

impl Done {
    /// Counts a chunk, once.
    fn add(&mut self, chunk: &DoneChunk, course: &mut Course) {
        if chunk.sequence >= self.mark {
            let place = (chunk.number, chunk.round);
            if self.beyond_mark.insert(place, chunk.sequence).is_some() {
                return;
            }
        }
        let OutcomeCounts {
            accepted,
            failed,
            excluded,
            uncertain,
            cancelled,
            moved,
        } = chunk.counts;
        self.accepted += u64::from(accepted);
        self.failed += u64::from(failed);
        self.excluded += u64::from(excluded);
        self.uncertain += u64::from(uncertain);
        self.cancelled += u64::from(cancelled);
        let ended_unsent = matches!(chunk.state, ChunkState::Cancelled | ChunkState::Expired);
        match ended_unsent {
            true => self.cancelled_chunks += 1,
            // Whose recipients all moved on goes on as its next round.
            false if accepted + failed + excluded + uncertain == 0 && moved > 0 => {}
            false => self.recorded_chunks += 1,
        }
        let pushed = u64::from(accepted + failed + excluded + uncertain);
        course.add(chunk.settled_at, pushed);
        for outcome in &chunk.outcomes {
            match outcome {
                Outcome::Failed(code) => *self.failed_by.entry(*code).or_default() += 1,
                Outcome::Excluded(rule) => *self.skipped_by.entry(*rule).or_default() += 1,
                _ => {}
            }
        }
    }

    fn move_mark(&mut self, mark: i64) {
        self.mark = mark;
        self.beyond_mark.retain(|_, sequence| *sequence >= mark);
    }

    fn chunks(&self, under_way: &UnderWay) -> Chunks {
        Chunks {
            recorded: self.recorded_chunks,
            sending: under_way.sending.chunks,
            unknown: under_way.unknown.chunks,
            quarantined: under_way.quarantined.chunks,
            ready: under_way.ready,
            cancelled: self.cancelled_chunks,
        }
    }
}

async fn first_look(
    snapshot: &Snapshot,
    under_way: &UnderWay,
    began: Timestamp,
) -> Result<(Done, Course), StoreError> {
    let mut course = Course::of(began);
    let mut done = Done {
        mark: snapshot.settle_mark().await?,
        ..Done::default()
    };
    let Some(launch) = under_way.campaign.launch else {
        return Ok((done, course));
    };
    let mut after = None;
    loop {
        let chunks = snapshot
            .done_chunks(launch.month, under_way.campaign.id, after, CHUNKS_PER_READ)
            .await?;
        for chunk in &chunks {
            done.add(chunk, &mut course);
        }
        after = chunks.last().map(|chunk| (chunk.number, chunk.round));
        if chunks.len() < CHUNKS_PER_READ as usize {
            return Ok((done, course));
        }
    }
}

fn money_of(under_way: &UnderWay, currency: Currency) -> CampaignMoney {
    // A campaign has one tariff.
    let tariff = under_way.tariffs.first();
    let price = tariff.map_or(0, |tariff| tariff.unit_price_micro);
    let zero = Money::zero(currency);
    let hold = under_way.hold;
    CampaignMoney {
        unit_price: Money::from_micro(price, currency),
        is_by_unit: tariff.is_some_and(|tariff| tariff.is_by_unit),
        held: hold.map_or(zero, |hold| hold.amount),
        captured: hold.map_or(zero, |hold| hold.captured),
        released: hold.map_or(zero, |hold| hold.released),
        open: hold.map_or(zero, |hold| hold.open()),
    }
}

fn freeze_of(under_way: &UnderWay) -> Option<(u64, u64)> {
    let launch = under_way.campaign.launch?;
    if under_way.campaign.freeze_ended_at.is_some() {
        return None;
    }
    let done = under_way.frozen_up_to.unwrap_or(0);
    let all = launch.highest_number.0.max(1);
    Some((u64::from(done.min(all)), u64::from(all)))
}

fn rules(sums: &[(u8, u64)]) -> Result<Vec<(RuleId, u64)>, StoreError> {
    let named = |(code, people): &(u8, u64)| match RuleId::from_code(*code) {
        Some(rule) => Ok((rule, *people)),
        None => Err(StoreError::Corrupt {
            table: "exclusion",
            column: "rule",
            why: code.to_string(),
        }),
    };
    sums.iter().map(named).collect()
}
