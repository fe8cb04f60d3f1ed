//! The hot paths on SQLite.
//!
//! One writer, `synchronous = FULL`; the callers batch. Reading a million friends row by row costs
//! more than pushing to them, so the freeze reads a block of friends as one row ([`block`]).

use domain::answer::UnknownReason;
use domain::campaign::CampaignState;
use domain::chunk::{ChunkId, ChunkState, Detour};
use domain::freeze::FreezeRange;
use domain::gate::RecipientFacts;
use domain::id::IdSource;
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::Value;

use self::block::{BLOCK_NUMBERS, read_block, read_mixed};
use super::{
    Change, ClaimTerms, Claimed, FreezeCommit, GateSpan, Hot, NextRoundRows, ReachCount, ReachKeys,
    ReachQuery, ReachRead, Record, RolledUp, attempt, range, reach, roll_up,
};
use crate::chunk::{DueChunk, IN_ORDER, Recipients, due_chunk, gate_fact};
use crate::row::{self, values};
use crate::{Store, StoreError, Write};

mod block; // reading whom a freeze may take

pub(crate) struct Sqlite;

#[async_trait::async_trait]
impl Hot for Sqlite {
    async fn count_reach(
        &self,
        write: &mut Write,
        query: &ReachQuery,
    ) -> Result<ReachCount, StoreError> {
        reach::count(write, query).await
    }

    async fn read_reach(
        &self,
        store: &Store,
        query: &ReachQuery,
        range: FreezeRange,
    ) -> Result<ReachRead, StoreError> {
        let mut rows = Vec::new();
        let mut packed = Vec::new();
        let mut first = range.first.0;
        loop {
            let last = first.saturating_add(BLOCK_NUMBERS - 1).min(range.last.0);
            if !read_block(store, query, first, last, &mut rows, &mut packed).await? {
                return read_mixed(store, query, range).await;
            }
            if last == range.last.0 {
                return Ok(ReachRead {
                    rows,
                    keys: ReachKeys::Packed(packed),
                });
            }
            first = last + 1;
        }
    }

    async fn commit_freeze(
        &self,
        write: &mut Write,
        commit: &FreezeCommit,
    ) -> Result<(), StoreError> {
        range::open(write, commit).await?;
        insert_frozen_chunks(write, commit).await
    }

    async fn mark_dispatched(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        now: Timestamp,
    ) -> Result<Vec<DueChunk>, StoreError> {
        let Some(first) = chunks.first() else {
            return Ok(Vec::new());
        };
        let pairs: Vec<[u64; 2]> = chunks
            .iter()
            .map(|id| [id.number, u64::from(id.round)])
            .collect();
        let pairs = serde_json::json!(pairs).to_string();
        let sql = "UPDATE chunk SET dispatched_at = $1
                   WHERE month = $2 AND campaign = $3
                     AND (number, round) IN (SELECT value ->> 0, value ->> 1 FROM json_each($4))
                     AND state IN (1, 3) AND dispatched_at IS NULL
                   RETURNING month, campaign, number, round, size";
        let bound = values![now, first.month.number(), first.campaign, pairs];
        let rows = row::all(write.connection(), "chunk", sql, bound).await?;
        rows.iter().map(due_chunk).collect()
    }

    async fn claim(
        &self,
        write: &mut Write,
        chunks: &[ChunkId],
        terms: &ClaimTerms,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::with_capacity(chunks.len());
        for id in chunks {
            if let Some(chunk) = claim_one(write, *id, terms).await? {
                claimed.push(chunk);
            }
        }
        Ok(claimed)
    }

    async fn recipients(
        &self,
        store: &Store,
        chunks: &[ChunkId],
    ) -> Result<Vec<Recipients>, StoreError> {
        let mut all = Vec::with_capacity(chunks.len());
        for id in chunks {
            all.push(store.recipients(*id).await?);
        }
        Ok(all)
    }

    async fn gate_facts(
        &self,
        store: &Store,
        spans: &[GateSpan],
    ) -> Result<Vec<Vec<(UserNumber, RecipientFacts)>>, StoreError> {
        let mut all = Vec::with_capacity(spans.len());
        for span in spans {
            all.push(gate_facts(store, span).await?);
        }
        Ok(all)
    }

    async fn record(
        &self,
        write: &mut Write,
        records: &[Record],
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        let mut applied = Vec::with_capacity(records.len());
        for record in records {
            applied.push(record_one(write, record, now).await?);
        }
        Ok(applied)
    }

    async fn roll_up(
        &self,
        write: &mut Write,
        ids: &dyn IdSource,
    ) -> Result<Vec<RolledUp>, StoreError> {
        roll_up::roll_up(write, ids).await
    }
}

async fn gate_facts(
    store: &Store,
    span: &GateSpan,
) -> Result<Vec<(UserNumber, RecipientFacts)>, StoreError> {
    let sql = "SELECT DISTINCT h.number AS number, COALESCE(r.flags, 0) AS flags,
                      COALESCE(f.state, 3) AS state
               FROM reach_change h
               LEFT JOIN reach r ON r.account = h.account AND r.number = h.number
               LEFT JOIN friend f ON f.account = h.account AND f.number = h.number
               WHERE h.account = $1 AND h.number BETWEEN $2 AND $3 AND h.sequence >= $4";
    let bound = values![span.account, span.first.0, span.last.0, span.mark];
    let rows = row::all(store.reader(), "reach_change", sql, bound).await?;
    rows.iter().map(gate_fact).collect()
}

async fn insert_frozen_chunks(write: &Write, commit: &FreezeCommit) -> Result<(), StoreError> {
    let insert_chunk = "INSERT INTO chunk (month, campaign, number, round, state, size, tariff,
            message, content_hash, night_consent, utc_offset_minutes, first_number, last_number,
            due_at, numbers)
        VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let insert_recipients =
        "INSERT INTO chunk_recipients (month, campaign, number, round, keys, variables)
        VALUES ($1, $2, $3, 0, $4, $5)";
    let month = commit.launch.month.number();
    for chunk in &commit.chunks {
        let bound = values![
            month,
            commit.campaign,
            chunk.number,
            ChunkState::Ready.code(),
            chunk.size,
            commit.launch.tariff,
            commit.launch.message_hash,
            chunk.content_hash,
            chunk.group.night_consent,
            chunk.group.utc_offset_minutes,
            chunk.first_number.0,
            chunk.last_number.0,
            commit.now,
            chunk.numbers.clone(),
        ];
        row::execute(write.connection(), insert_chunk, bound).await?;
        let keys = chunk.keys.as_blob().to_vec();
        let variables = chunk.variables.clone();
        let bound = values![month, commit.campaign, chunk.number, keys, variables];
        row::execute(write.connection(), insert_recipients, bound).await?;
    }
    Ok(())
}

async fn claim_one(
    write: &Write,
    id: ChunkId,
    terms: &ClaimTerms,
) -> Result<Option<Claimed>, StoreError> {
    let ClaimTerms {
        worker,
        now,
        lease,
        retry_unknown_since,
        ..
    } = *terms;
    let never = Timestamp::from_millis(i64::MAX);
    let sql = format!(
        "UPDATE chunk SET state = $6, epoch = epoch + 1, lease_until = $7, worker = $8,
           first_attempt_at = COALESCE(first_attempt_at, $5)
         WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
           AND (state = $9 OR (state = $10 AND first_attempt_at > $12))
           AND dispatched_at IS NOT NULL AND due_at <= $5 AND close_next = 0
           AND EXISTS (SELECT 1 FROM campaign k
                       JOIN account a ON a.id = k.account
                       JOIN business b ON b.id = k.business
                       WHERE k.id = $2 AND k.state = $11 AND k.restored_at IS NULL
                         AND k.not_after > $5
                         AND a.stopped_at IS NULL AND b.stopped_at IS NULL)
           AND {IN_ORDER}
         RETURNING epoch, tainted, size, retry_rounds, message, content_hash, first_number,
           last_number"
    );
    let bound = values![
        id.month.number(),
        id.campaign,
        id.number,
        id.round,
        now,
        ChunkState::Sending.code(),
        now + lease,
        worker,
        ChunkState::Ready.code(),
        ChunkState::Unknown.code(),
        CampaignState::Running.code(),
        retry_unknown_since.unwrap_or(never),
    ];
    let Some(row) = row::one(write.connection(), "chunk", &sql, bound).await? else {
        return Ok(None);
    };
    let mut claimed = Claimed::of_row(&row, id)?;
    if claimed.epoch == 1 || claimed.size > terms.batch_max {
        crate::push::note_keys(write, id, claimed.size, terms.batch_max).await?;
    }
    if claimed.epoch > 1 {
        claimed.exclusions = attempt::exclusions_so_far(write.connection(), id).await?;
    }
    let sql = "INSERT INTO attempt (month, campaign, number, round, epoch, worker, began_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let bound = values![
        id.month.number(),
        id.campaign,
        id.number,
        id.round,
        claimed.epoch,
        worker,
        now
    ];
    row::execute(write.connection(), sql, bound).await?;
    Ok(Some(claimed))
}

async fn record_one(
    write: &mut Write,
    record: &Record,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let applied = match &record.change {
        Change::End { .. } => record_end(write, record, now).await?,
        Change::Return { due_at, detour } => {
            let sql = "UPDATE chunk SET state = $6, due_at = $7, detour = $8, dispatched_at = NULL,
                         lease_until = NULL, worker = NULL, first_attempt_at = NULL
                       WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                         AND epoch = $5 AND state = 2 AND tainted = 0";
            let rest = values![ChunkState::Ready.code(), *due_at, *detour];
            row::execute(write.connection(), sql, address(record, rest)).await?
        }
        Change::Unknown {
            due_at,
            detour,
            close_next,
        } => {
            // A worker that died of something else than the messenger is counted by the rescue.
            let died = *detour == Detour::Unknown(UnknownReason::LeaseOver).name();
            let sql = "UPDATE chunk SET state = $6, due_at = $7, detour = $8, tainted = 1,
                         close_next = MAX(close_next, $9), dispatched_at = NULL,
                         lease_until = NULL, worker = NULL,
                         deaths = CASE WHEN $10 THEN deaths + 1 ELSE 0 END
                       WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                         AND epoch = $5 AND state IN (2, 3)";
            let state = ChunkState::Unknown.code();
            let rest = values![state, *due_at, *detour, *close_next, died];
            row::execute(write.connection(), sql, address(record, rest)).await?
        }
        Change::Quarantine { detour } => {
            let sql = "UPDATE chunk SET state = $6, detour = $7, tainted = 1, dispatched_at = NULL,
                         lease_until = NULL, worker = NULL
                       WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                         AND epoch = $5 AND state IN (2, 3)";
            let rest = values![ChunkState::Quarantined.code(), *detour];
            row::execute(write.connection(), sql, address(record, rest)).await?
        }
    };
    let sql = "UPDATE attempt SET ended_at = $6, answer = $7
               WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4 AND epoch = $5
                 AND ended_at IS NULL";
    let bound = address(record, values![now, record.answer]);
    row::execute(write.connection(), sql, bound).await?;
    Ok(applied == 1)
}

async fn record_end(write: &mut Write, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
    let Change::End {
        state,
        outcomes,
        counts,
        detour,
        next_round,
        undecided_keys,
    } = &record.change
    else {
        return Ok(0);
    };
    let sequence = write.settle_sequence().await?;
    let sql = "UPDATE chunk SET state = $6, outcomes = $7, accepted = $8, failed = $9,
                 excluded = $10, uncertain = $11, cancelled = $12, moved = $13, settled_at = $14,
                 sequence = $15, detour = COALESCE($16, detour), lease_until = NULL
               WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                 AND epoch = $5 AND state IN (2, 3)
                 -- A lease that ran out meanwhile tainted the chunk: its key is closed first.
                 AND (tainted = 0 OR $6 <> 11)";
    let rest = values![
        state.code(),
        outcomes.clone(),
        counts.accepted,
        counts.failed,
        counts.excluded,
        counts.uncertain,
        counts.cancelled,
        counts.moved,
        now,
        sequence,
        *detour,
    ];
    let applied = row::execute(write.connection(), sql, address(record, rest)).await?;
    if applied != 1 {
        return Ok(0);
    }
    attempt::note_undecided(write, record.id, undecided_keys).await?;
    if let Some(next) = next_round {
        insert_next_round(write, record.id, next).await?;
    }
    Ok(1)
}

async fn insert_next_round(
    write: &Write,
    parent: ChunkId,
    next: &NextRoundRows,
) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO chunk (month, campaign, number, round, state, retry_rounds, size, tariff,
                 message, content_hash, night_consent, utc_offset_minutes, first_number,
                 last_number, due_at, block, request, numbers)
               SELECT month, campaign, number, round + 1, $5, $6, $7, tariff, message, $8,
                 night_consent, utc_offset_minutes, $9, $10, $11, block, request, $12
               FROM chunk WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4";
    let month = parent.month.number();
    let bound = values![
        month,
        parent.campaign,
        parent.number,
        parent.round,
        ChunkState::Ready.code(),
        next.retry_rounds,
        next.size,
        next.content_hash,
        next.first_number.0,
        next.last_number.0,
        next.due_at,
        next.numbers.clone(),
    ];
    row::execute(write.connection(), sql, bound).await?;
    let sql = "INSERT INTO chunk_recipients (month, campaign, number, round, keys, variables)
               VALUES ($1, $2, $3, $4, $5, $6)";
    let keys = next.keys.as_blob().to_vec();
    let bound = values![
        month,
        parent.campaign,
        parent.number,
        parent.round + 1,
        keys,
        next.variables.clone(),
    ];
    row::execute(write.connection(), sql, bound).await?;
    Ok(())
}

fn address(record: &Record, rest: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let id = record.id;
    let address = values![
        id.month.number(),
        id.campaign,
        id.number,
        id.round,
        record.epoch
    ];
    address.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests;
