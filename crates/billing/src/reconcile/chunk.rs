//! A chunk number with its rounds: who is in it, what became of them, what was captured.

use domain::chunk::ChunkState;
use domain::codec::CorruptBlob;
use domain::outcome::{Outcome, OutcomeCounts};
use domain::user::UserNumber;
use store::reconcile::AttemptCount;
use store::report::RecordedChunk;

use super::Invariant;
use super::campaign::Fold;
use super::freeze::range_of;
use crate::send::{ChunkOnPage, RecordedSend};

/// The bytes of a SHA-256.
const CONTENT_HASH_BYTES: usize = 32;

/// What the round before left for the next one.
#[derive(Default)]
pub(super) struct Rounds {
    expected: Option<Expected>,
}

struct Expected {
    number: u64,
    round: u8,
    recipients: Vec<UserNumber>,
}

impl Rounds {
    /// Whatever was moved has to have been found by now.
    pub(super) fn end(&mut self, fold: &mut Fold<'_>) {
        let Some(expected) = self.expected.take() else {
            return;
        };
        let id = fold.campaign.id;
        let Expected {
            number,
            round,
            recipients,
        } = expected;
        let many = recipients.len();
        fold.tally
            .expect(Invariant::MovedIsNextRound, many == 0, || {
                format!("{id}/{number}.{round} is missing, {many} were moved to it")
            });
    }

    fn begin(&mut self, fold: &mut Fold<'_>, record: &RecordedChunk, numbers: &[UserNumber]) {
        let expected_here = self
            .expected
            .as_ref()
            .is_some_and(|e| (e.number, e.round) == (record.id.number, record.id.round));
        if !expected_here {
            self.end(fold);
            fold.tally
                .expect(Invariant::MovedIsNextRound, record.id.round == 0, || {
                    format!("{} follows no round that moved anybody", record.id)
                });
            return;
        }
        let moved = self.expected.take().map(|expected| expected.recipients);
        let same = moved.as_deref() == Some(numbers);
        fold.tally.expect(Invariant::MovedIsNextRound, same, || {
            let many = moved.map_or(0, |moved| moved.len());
            format!(
                "{} has {} recipients, {many} were moved to it, or others",
                record.id,
                numbers.len()
            )
        });
    }
}

pub(super) fn check(
    fold: &mut Fold<'_>,
    rounds: &mut Rounds,
    chunk: ChunkOnPage<'_>,
    attempts: Option<AttemptCount>,
) {
    let record = chunk.record;
    states(fold, record, attempts);
    let sends = match chunk.sends() {
        Ok(sends) => sends,
        Err(error) => return unreadable(fold, record, error),
    };
    let settled = match record.outcomes() {
        Ok(settled) => settled,
        Err(error) => return unreadable(fold, record, error),
    };
    let numbers: Vec<UserNumber> = sends.iter().map(|send| send.number).collect();
    rounds.begin(fold, record, &numbers);
    recipients(fold, record, &numbers);
    outcomes(fold, record, settled.as_deref());
    let moved: Vec<UserNumber> = sends
        .iter()
        .filter(|send| send.outcome == Some(Outcome::Moved))
        .map(|send| send.number)
        .collect();
    if !moved.is_empty() {
        rounds.expected = Some(Expected {
            number: record.id.number,
            round: record.id.round.saturating_add(1),
            recipients: moved,
        });
    }
    billed(fold, record, &sends);
    captures(fold, &chunk, settled.as_deref(), &sends);
}

fn unreadable(fold: &mut Fold<'_>, record: &RecordedChunk, error: CorruptBlob) {
    fold.tally.expect(Invariant::OutcomesAddUp, false, || {
        format!("{}: {error}", record.id)
    });
}

fn states(fold: &mut Fold<'_>, record: &RecordedChunk, attempts: Option<AttemptCount>) {
    let id = record.id;
    let state = record.known_state();
    let terminal = record.is_terminal();
    let sound = state.is_some()
        && terminal == record.sequence.is_some()
        && terminal == record.settled_at.is_some();
    fold.tally
        .expect(Invariant::StatesFollowDiagrams, sound, || {
            format!(
                "{id} has state {}, or a settle without its time",
                record.state
            )
        });
    let claimed = match state {
        Some(ChunkState::Ready | ChunkState::Cancelled | ChunkState::Expired) | None => true,
        Some(_) => record.epoch > 0,
    };
    let (count, last) = attempts.map_or((0, 0), |a| (a.attempts, a.last_epoch));
    let every_claim = (count, last) == (record.epoch, record.epoch);
    fold.tally.expect(
        Invariant::StatesFollowDiagrams,
        claimed && every_claim,
        || {
            let word = state.map_or("unknown", ChunkState::name);
            let epoch = record.epoch;
            format!("{id} is {word} in epoch {epoch} with {count} attempts, the last of {last}")
        },
    );
    let hash = &record.content_hash;
    let kept = hash.len() == CONTENT_HASH_BYTES && hash.iter().any(|byte| *byte != 0);
    fold.tally.expect(Invariant::EvidenceKept, kept, || {
        format!("{id} does not carry the hash of what was sent")
    });
    fold.open_chunks += u64::from(!terminal);
}

fn recipients(fold: &mut Fold<'_>, record: &RecordedChunk, numbers: &[UserNumber]) {
    let id = record.id;
    let edges = (numbers.first().map(|n| n.0), numbers.last().map(|n| n.0));
    let packed_right = numbers.len() == record.size as usize
        && edges == (Some(record.first_number), Some(record.last_number));
    fold.tally
        .expect(Invariant::EvidenceKept, packed_right, || {
            format!(
                "{id} says {} recipients, {} are packed in it, or others",
                record.size,
                numbers.len()
            )
        });
    if id.round > 0 {
        return;
    }
    *fold.frozen.entry(record.tariff).or_default() += u64::from(record.size);
    let range = fold.ranges.entry(range_of(id.number)).or_default();
    range.0 += 1;
    range.1 += u64::from(record.size);
    let audience = fold
        .audience
        .entry(group(fold.is_standing(), record))
        .or_default();
    let fresh = numbers
        .iter()
        .filter(|number| audience.insert(number.0))
        .count();
    let many = numbers.len();
    fold.tally.expect_of_many(
        Invariant::AudiencePartitioned,
        many as u64,
        fresh == many,
        || {
            format!(
                "{id}: {} of its recipients stand in another chunk, too",
                many - fresh
            )
        },
    );
}

fn outcomes(fold: &mut Fold<'_>, record: &RecordedChunk, settled: Option<&[Outcome]>) {
    let id = record.id;
    let counts = match settled {
        Some(outcomes) => OutcomeCounts::of(outcomes.iter().copied()),
        None => OutcomeCounts::default(),
    };
    let right = settled.is_some() == record.is_terminal()
        && counts == record.counts
        && (settled.is_none() || counts.total() == record.size);
    fold.tally.expect(Invariant::OutcomesAddUp, right, || {
        format!(
            "{id}: its columns say {:?}, its outcomes {counts:?}",
            record.counts
        )
    });
}

/// Nobody is billed twice, in whatever rounds.
fn billed(fold: &mut Fold<'_>, record: &RecordedChunk, sends: &[RecordedSend]) {
    let is_billable = |send: &&RecordedSend| send.outcome.is_some_and(Outcome::is_billable);
    let billed = fold
        .billed
        .entry(group(fold.is_standing(), record))
        .or_default();
    let mut many = 0;
    let mut again = 0;
    for send in sends.iter().filter(is_billable) {
        many += 1;
        again += u64::from(!billed.insert(send.number.0));
    }
    fold.tally
        .expect_of_many(Invariant::BilledOnce, many, again == 0, || {
            format!(
                "{}: {again} recipients are billed in another chunk, too",
                record.id
            )
        });
}

/// What the settle accepted and each amendment that proved an acceptance, each at its price; before
/// the roll-up's mark nothing is left to capture.
fn captures(
    fold: &mut Fold<'_>,
    chunk: &ChunkOnPage<'_>,
    settled: Option<&[Outcome]>,
    sends: &[RecordedSend],
) {
    let record = chunk.record;
    let id = record.id;
    let is_billable = |outcome: &&Outcome| outcome.is_billable();
    let accepted = settled.map_or(0, |outcomes| {
        outcomes.iter().filter(is_billable).count() as u32
    });
    // A settle is captured whole, in as many parts as it has prices.
    let of_settle = chunk
        .captures
        .iter()
        .filter(|capture| capture.is_of_settle());
    let of_settle: u32 = of_settle.map(|capture| capture.units).sum();
    for capture in chunk.captures {
        let (captured, billable) = match capture.is_of_settle() {
            true => (of_settle, accepted),
            false => {
                let position = capture.part as usize - 1;
                let proven = settled
                    .and_then(|outcomes| outcomes.get(position))
                    .is_some_and(|outcome| outcome.is_undecided())
                    && sends[position].outcome.is_some_and(Outcome::is_billable);
                (capture.units, u32::from(proven))
            }
        };
        let (part, units) = (capture.part, capture.units);
        let many = u64::from(units);
        fold.tally.expect_of_many(
            Invariant::BilledWasAccepted,
            many,
            captured <= billable,
            || format!("{id}: part {part} captured {units}, {billable} were accepted"),
        );
        let micro = capture.unit_price.micro();
        let amount = capture.amount.micro();
        let priced = captured == billable
            && fold.may_cost(record.tariff, micro)
            && i128::from(micro) * i128::from(units) == i128::from(amount);
        fold.tally.expect(Invariant::CapturesArePrices, priced, || {
            let (price, amount) = (capture.unit_price, capture.amount);
            format!(
                "{id}: part {part} captured {units} at {price} as {amount}, {billable} are billable"
            )
        });
        fold.captured += amount;
        if let Some(transaction) = capture.ledger_transaction {
            *fold.captured_by.entry(transaction).or_default() += amount;
        }
        fold.included(record.tariff, micro, u64::from(units));
    }
    due(fold, chunk, settled, accepted, sends);
}

/// What of a chunk may still be billed, and what should have been captured by now.
fn due(
    fold: &mut Fold<'_>,
    chunk: &ChunkOnPage<'_>,
    settled: Option<&[Outcome]>,
    accepted: u32,
    sends: &[RecordedSend],
) {
    let record = chunk.record;
    let has_part = |part| chunk.captures.iter().any(|capture| capture.part == part);
    let is_before_mark = |sequence: Option<i64>| sequence.is_some_and(|s| s < fold.mark);
    let mut uncaptured = if has_part(0) { 0 } else { accepted };
    let mut overdue = if is_before_mark(record.sequence) {
        uncaptured
    } else {
        0
    };
    for amendment in chunk.amendments {
        let position = amendment.position as usize;
        let was_undecided = settled.is_some_and(|all| all[position].is_undecided());
        let proven = sends[position].outcome.is_some_and(Outcome::is_billable);
        if was_undecided && proven && !has_part(amendment.position + 1) {
            uncaptured += 1;
            overdue += u32::from(is_before_mark(Some(amendment.sequence)));
        }
    }
    let many = u64::from(accepted) + chunk.amendments.len() as u64;
    fold.tally
        .expect_of_many(Invariant::AcceptedIsCaptured, many, overdue == 0, || {
            let id = record.id;
            format!("{id}: {overdue} accepted sends before the roll-up's mark are not captured")
        });
    let waits = |send: &&RecordedSend| send.outcome.is_none_or(Outcome::is_undecided);
    let undecided = sends.iter().filter(waits).count() as u64;
    if record.is_terminal() {
        fold.undecided += undecided;
    }
    let units = i64::from(uncaptured) + undecided as i64;
    let price = fold.unit_price(record.tariff).unwrap_or_default();
    fold.still_due = fold.still_due.saturating_add(units.saturating_mul(price));
}

/// Within which recipients may not repeat: a campaign, or one request of a standing one.
fn group(standing: bool, record: &RecordedChunk) -> Option<Vec<u8>> {
    record.request.clone().filter(|_| standing)
}
