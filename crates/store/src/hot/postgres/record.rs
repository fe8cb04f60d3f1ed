//! Recording: what happened to a batch of claimed chunks, a statement per kind of change, each row
//! under its epoch.

use std::collections::BTreeMap;

use domain::answer::UnknownReason;
use domain::chunk::{ChunkId, ChunkState, Detour};
use domain::codec;
use domain::outcome::OutcomeCounts;
use domain::time::{LaunchMonth, Timestamp};

use super::super::{Change, NextRoundRows, Record, attempt};
use super::freeze::array;
use super::{Chunks, Statement, by_month, few, rows, statement};
use crate::{StoreError, Write};

/// For every record whether it was applied. A chunk that is named twice is changed in turn.
pub(super) async fn record(
    write: &mut Write,
    records: &[Record],
    now: Timestamp,
) -> Result<Vec<bool>, StoreError> {
    let mut applied = vec![false; records.len()];
    let mut open: Vec<usize> = (0..records.len()).collect();
    while !open.is_empty() {
        let mut turn: BTreeMap<ChunkId, usize> = BTreeMap::new();
        let mut later = Vec::new();
        for place in open {
            match turn.entry(records[place].id) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(place);
                }
                std::collections::btree_map::Entry::Occupied(_) => later.push(place),
            }
        }
        for (month, chunks) in by_month(&turn) {
            for place in record_month(write, month, &chunks, records, now).await? {
                applied[place] = true;
            }
        }
        open = later;
    }
    Ok(applied)
}

/// The places of those that were applied.
async fn record_month(
    write: &mut Write,
    month: LaunchMonth,
    chunks: &[(usize, ChunkId)],
    records: &[Record],
    now: Timestamp,
) -> Result<Vec<usize>, StoreError> {
    let (mut ended, mut returned) = (Ended::default(), Returned::default());
    let (mut unknown, mut quarantined) = (Unknown::default(), Quarantined::default());
    let mut attempts = Told::default();
    let mut answers = Vec::with_capacity(chunks.len());
    for (place, _) in chunks {
        let record = &records[*place];
        attempts.push(*place, record);
        answers.push(record.answer);
        match &record.change {
            Change::End { .. } => ended.push(*place, record)?,
            Change::Return { due_at, detour } => returned.push(*place, record, *due_at, detour),
            Change::Unknown { .. } => unknown.push(*place, record),
            Change::Quarantine { detour } => quarantined.push(*place, record, detour),
        }
    }
    let mut applied = Vec::with_capacity(chunks.len());
    let changes = [
        ended.statement(month, now),
        returned.statement(month),
        unknown.statement(month),
        quarantined.statement(month),
    ];
    for change in changes.into_iter().flatten() {
        for row in rows(write, "chunk", change).await? {
            applied.push(row.int::<usize>("place")?);
        }
    }
    end_attempts(write, month, attempts, answers, now).await?;
    applied.sort_unstable();
    let changes = applied.iter().map(|place| &records[*place]);
    let (mut parents, mut rounds) = (Vec::new(), Vec::new());
    for record in changes {
        if let Change::End {
            next_round,
            undecided_keys,
            ..
        } = &record.change
        {
            attempt::note_undecided(write, record.id, undecided_keys).await?;
            if let Some(next) = next_round {
                parents.push(record.id);
                rounds.push(&**next);
            }
        }
    }
    insert_next_rounds(write, month, &parents, &rounds).await?;
    Ok(applied)
}

/// Chunks with the epochs under which something is told of them.
#[derive(Default)]
struct Told {
    chunks: Chunks,
    epochs: Vec<i64>,
}

impl Told {
    fn push(&mut self, place: usize, record: &Record) {
        self.chunks.push(place, record.id);
        self.epochs.push(i64::from(record.epoch));
    }

    /// Binds `$1` to `$6`.
    fn bind(self, sql: String) -> Statement {
        let count = self.epochs.len() as i64;
        statement(sql)
            .bind(self.chunks.places)
            .bind(self.chunks.campaigns)
            .bind(self.chunks.numbers)
            .bind(self.chunks.rounds)
            .bind(self.epochs)
            .bind(count)
    }

    fn is_empty(&self) -> bool {
        self.epochs.is_empty()
    }
}

/// The arrays of [`Told`], further ones behind them, as a table.
fn told(types: &str, names: &str) -> String {
    few(
        &format!("$1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bigint[]{types}"),
        6,
        &format!("told (place, campaign, number, round, epoch{names})"),
    )
}

/// An update of the chunks told of that are still what the teller holds them for. Conditions say
/// `state + 0`, so that chunks are looked up by their keys and not among the open ones.
fn update(month: LaunchMonth, set: &str, told: &str, condition: &str) -> String {
    format!(
        "UPDATE chunk SET {set}
         FROM {told}
         WHERE chunk.month = {} AND chunk.campaign = told.campaign
           AND chunk.number = told.number AND chunk.round = told.round
           AND chunk.epoch = told.epoch AND {condition}
         RETURNING told.place",
        month.number()
    )
}

/// Chunks that end, their outcomes one behind the other.
#[derive(Default)]
struct Ended {
    told: Told,
    states: Vec<i64>,
    /// The outcome of all recipients of a chunk where they have one in common.
    alike: Vec<Option<i16>>,
    /// First and last index, counted from one, among `outcomes`.
    from: Vec<i32>,
    to: Vec<i32>,
    outcomes: Vec<i16>,
    counts: [Vec<i64>; 6],
    detours: Vec<Option<&'static str>>,
}

impl Ended {
    fn push(&mut self, place: usize, record: &Record) -> Result<(), StoreError> {
        let Change::End {
            state,
            outcomes,
            counts,
            detour,
            ..
        } = &record.change
        else {
            return Ok(());
        };
        self.told.push(place, record);
        self.states.push(i64::from(state.code()));
        self.detours.push(*detour);
        for (column, count) in self.counts.iter_mut().zip(columns(counts)) {
            column.push(i64::from(count));
        }
        let unpacked = codec::unpack_outcomes(outcomes, counts.total())
            .map_err(|error| StoreError::Invariant(format!("outcomes of a chunk: {error}")))?;
        let mut codes = unpacked.iter().map(|outcome| i16::from(outcome.code()));
        let first = codes.next();
        let alike = first.filter(|first| codes.all(|code| code == *first));
        self.alike.push(alike);
        let from = self.outcomes.len();
        if alike.is_none() {
            let codes = unpacked.iter().map(|outcome| i16::from(outcome.code()));
            self.outcomes.extend(codes);
        }
        // At most a batch of chunks of a thousand recipients.
        self.from.push(from as i32 + 1);
        self.to.push(self.outcomes.len() as i32);
        Ok(())
    }

    fn statement(self, month: LaunchMonth, now: Timestamp) -> Option<Statement> {
        if self.told.is_empty() {
            return None;
        }
        let set = "state = told.state,
            outcomes = CASE WHEN told.alike IS NULL
              THEN ($18::int2[])[told.outcomes_from:told.outcomes_to]
              ELSE array_fill(told.alike, ARRAY[chunk.size::int4]) END,
            accepted = told.accepted, failed = told.failed, excluded = told.excluded,
            uncertain = told.uncertain, cancelled = told.cancelled, moved = told.moved,
            settled_at = $19, sequence = pg_current_xact_id()::text::bigint,
            detour = COALESCE(told.detour, chunk.detour), lease_until = NULL";
        let table = told(
            ", $7::bigint[], $8::int2[], $9::int4[], $10::int4[], $11::bigint[], $12::bigint[],
               $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::text[]",
            ", state, alike, outcomes_from, outcomes_to, accepted, failed, excluded, uncertain,
               cancelled, moved, detour",
        );
        // A lease that ran out meanwhile tainted the chunk: its key is closed first.
        let rejected = ChunkState::Rejected.code();
        let condition = format!(
            "chunk.state + 0 IN (2, 3) AND (chunk.tainted = 0 OR told.state <> {rejected})"
        );
        let [accepted, failed, excluded, uncertain, cancelled, moved] = self.counts;
        let ended = self
            .told
            .bind(update(month, set, &table, &condition))
            .bind(self.states)
            .bind(self.alike)
            .bind(self.from)
            .bind(self.to)
            .bind(accepted)
            .bind(failed)
            .bind(excluded)
            .bind(uncertain)
            .bind(cancelled)
            .bind(moved)
            .bind(self.detours)
            .bind(self.outcomes)
            .bind(now.as_millis());
        Some(ended)
    }
}

fn columns(counts: &OutcomeCounts) -> [u32; 6] {
    [
        counts.accepted,
        counts.failed,
        counts.excluded,
        counts.uncertain,
        counts.cancelled,
        counts.moved,
    ]
}

/// Chunks that go back to READY, undispatched.
#[derive(Default)]
struct Returned {
    told: Told,
    due: Vec<i64>,
    detours: Vec<&'static str>,
}

impl Returned {
    fn push(&mut self, place: usize, record: &Record, due_at: Timestamp, detour: &'static str) {
        self.told.push(place, record);
        self.due.push(due_at.as_millis());
        self.detours.push(detour);
    }

    fn statement(self, month: LaunchMonth) -> Option<Statement> {
        if self.told.is_empty() {
            return None;
        }
        let set = format!(
            "state = {}, due_at = told.due_at, detour = told.detour, dispatched_at = NULL,
             lease_until = NULL, worker = NULL, first_attempt_at = NULL",
            ChunkState::Ready.code()
        );
        let table = told(", $7::bigint[], $8::text[]", ", due_at, detour");
        let condition = "chunk.state + 0 = 2 AND chunk.tainted = 0";
        let sql = update(month, &set, &table, condition);
        Some(self.told.bind(sql).bind(self.due).bind(self.detours))
    }
}

/// Chunks that nobody knows the outcome of: tainted for good, undispatched.
#[derive(Default)]
struct Unknown {
    told: Told,
    due: Vec<i64>,
    detours: Vec<&'static str>,
    close_next: Vec<i64>,
    died: Vec<bool>,
}

impl Unknown {
    fn push(&mut self, place: usize, record: &Record) {
        let Change::Unknown {
            due_at,
            detour,
            close_next,
        } = &record.change
        else {
            return;
        };
        self.told.push(place, record);
        self.due.push(due_at.as_millis());
        self.detours.push(detour);
        self.close_next.push(i64::from(*close_next));
        // A worker that died of something else than the messenger is counted by the rescue.
        self.died
            .push(*detour == Detour::Unknown(UnknownReason::LeaseOver).name());
    }

    fn statement(self, month: LaunchMonth) -> Option<Statement> {
        if self.told.is_empty() {
            return None;
        }
        let set = format!(
            "state = {}, due_at = told.due_at, detour = told.detour, tainted = 1,
             close_next = GREATEST(chunk.close_next, told.close_next), dispatched_at = NULL,
             lease_until = NULL, worker = NULL,
             deaths = CASE WHEN told.died THEN chunk.deaths + 1 ELSE 0 END",
            ChunkState::Unknown.code()
        );
        let table = told(
            ", $7::bigint[], $8::text[], $9::bigint[], $10::bool[]",
            ", due_at, detour, close_next, died",
        );
        let sql = update(month, &set, &table, "chunk.state + 0 IN (2, 3)");
        let unknown = self
            .told
            .bind(sql)
            .bind(self.due)
            .bind(self.detours)
            .bind(self.close_next)
            .bind(self.died);
        Some(unknown)
    }
}

/// Chunks that wait for a person.
#[derive(Default)]
struct Quarantined {
    told: Told,
    detours: Vec<&'static str>,
}

impl Quarantined {
    fn push(&mut self, place: usize, record: &Record, detour: &'static str) {
        self.told.push(place, record);
        self.detours.push(detour);
    }

    fn statement(self, month: LaunchMonth) -> Option<Statement> {
        if self.told.is_empty() {
            return None;
        }
        let set = format!(
            "state = {}, detour = told.detour, tainted = 1, dispatched_at = NULL,
             lease_until = NULL, worker = NULL",
            ChunkState::Quarantined.code()
        );
        let table = told(", $7::text[]", ", detour");
        let sql = update(month, &set, &table, "chunk.state + 0 IN (2, 3)");
        Some(self.told.bind(sql).bind(self.detours))
    }
}

async fn end_attempts(
    write: &mut Write,
    month: LaunchMonth,
    attempts: Told,
    answers: Vec<&'static str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE attempt SET ended_at = $8, answer = told.answer
         FROM {}
         WHERE attempt.month = {} AND attempt.campaign = told.campaign
           AND attempt.number = told.number AND attempt.round = told.round
           AND attempt.epoch = told.epoch AND attempt.ended_at IS NULL",
        told(", $7::text[]", ", answer"),
        month.number()
    );
    let ended = attempts.bind(sql).bind(answers).bind(now.as_millis());
    ended.execute(write.postgres()?).await?;
    Ok(())
}

/// The next rounds of those that settled, behind their parents, and their recipients.
async fn insert_next_rounds(
    write: &mut Write,
    month: LaunchMonth,
    parents: &[ChunkId],
    rounds: &[&NextRoundRows],
) -> Result<(), StoreError> {
    if rounds.is_empty() {
        return Ok(());
    }
    let mut chunks = Chunks::default();
    let (mut from, mut to, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (parent, next)) in parents.iter().zip(rounds).enumerate() {
        chunks.push(place, *parent);
        from.push(numbers.len() as i32 + 1);
        numbers.extend(array(&next.numbers)?);
        to.push(numbers.len() as i32);
    }
    let next = few(
        "$1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[],
         $7::bigint[], $8::bigint[], $9::bigint[], $10::int4[], $11::int4[]",
        12,
        "next (campaign, number, round, retries, size, content_hash, first_number, last_number,
           due_at, numbers_from, numbers_to)",
    );
    let sql = format!(
        "INSERT INTO chunk (month, campaign, number, round, state, retry_rounds, size, tariff,
           message, content_hash, night_consent, utc_offset_minutes, first_number, last_number,
           due_at, block, request, numbers)
         SELECT parent.month, parent.campaign, parent.number, parent.round + 1, {}, next.retries,
           next.size, parent.tariff, parent.message, next.content_hash, parent.night_consent,
           parent.utc_offset_minutes, next.first_number, next.last_number, next.due_at,
           parent.block, parent.request, ($13::int4[])[next.numbers_from:next.numbers_to]
         FROM {next}
         JOIN chunk AS parent ON parent.month = {} AND parent.campaign = next.campaign
           AND parent.number = next.number AND parent.round = next.round",
        ChunkState::Ready.code(),
        month.number()
    );
    let integers = |value: fn(&NextRoundRows) -> i64| -> Vec<i64> {
        rounds.iter().map(|next| value(next)).collect()
    };
    let hashes: Vec<[u8; 32]> = rounds.iter().map(|next| next.content_hash).collect();
    statement(sql)
        .bind(chunks.campaigns.clone())
        .bind(chunks.numbers.clone())
        .bind(chunks.rounds.clone())
        .bind(integers(|next| i64::from(next.retry_rounds)))
        .bind(integers(|next| i64::from(next.size)))
        .bind(hashes)
        .bind(integers(|next| i64::from(next.first_number.0)))
        .bind(integers(|next| i64::from(next.last_number.0)))
        .bind(integers(|next| next.due_at.as_millis()))
        .bind(from)
        .bind(to)
        .bind(rounds.len() as i64)
        .bind(numbers)
        .execute(write.postgres()?)
        .await?;
    let keys = rounds.iter().map(|next| next.keys.as_blob().to_vec());
    let keys: Vec<Vec<u8>> = keys.collect();
    let variables: Vec<Option<String>> = rounds.iter().map(|next| next.variables.clone()).collect();
    let sql = format!(
        "INSERT INTO chunk_recipients (month, campaign, number, round, keys, variables)
         SELECT {}, campaign, number, round + 1, keys, variables
         FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[])
           AS next (campaign, number, round, keys, variables)",
        month.number()
    );
    statement(sql)
        .bind(chunks.campaigns)
        .bind(chunks.numbers)
        .bind(chunks.rounds)
        .bind(keys)
        .bind(variables)
        .execute(write.postgres()?)
        .await?;
    Ok(())
}
