//! Claiming: a batch of chunks, their attempts and the keys of their pushes in one statement.

use std::collections::BTreeMap;

use domain::campaign::CampaignState;
use domain::chunk::{ChunkId, ChunkState};
use domain::push::PushKey;
use domain::time::{LaunchMonth, Timestamp};

use super::super::{ClaimTerms, Claimed, attempt};
use super::{Chunks, by_month, few, rows, statement};
use crate::chunk::IN_ORDER;
use crate::row::Row;
use crate::{StoreError, Write, push};

/// Pushes to single users keep their order, which is a question about every open push to that user:
/// asked only of those.
#[derive(Clone, Copy)]
enum Kind {
    Broadcast,
    OfRequest,
}

/// Claims in the order of `chunks`; one that is named twice is claimed once.
pub(super) async fn claim(
    write: &mut Write,
    chunks: &[ChunkId],
    terms: &ClaimTerms,
) -> Result<Vec<Claimed>, StoreError> {
    let mut open = BTreeMap::new();
    for (place, id) in chunks.iter().enumerate() {
        open.entry(*id).or_insert(place);
    }
    let mut claimed: BTreeMap<usize, Claimed> = BTreeMap::new();
    for kind in [Kind::Broadcast, Kind::OfRequest] {
        for (month, asked) in by_month(&open) {
            for row in claim_month(write, month, &asked, kind, terms).await? {
                let place: usize = row.int("place")?;
                let id = chunks
                    .get(place)
                    .ok_or_else(|| row.corrupt("place", place))?;
                open.remove(id);
                claimed.insert(place, Claimed::of_row(&row, *id)?);
            }
        }
    }
    for chunk in claimed.values_mut() {
        if chunk.size > terms.batch_max {
            push::note_keys(write, chunk.id, chunk.size, terms.batch_max).await?;
        }
        if chunk.epoch > 1 {
            chunk.exclusions = attempt::exclusions_so_far(write.connection(), chunk.id).await?;
        }
    }
    Ok(claimed.into_values().collect())
}

async fn claim_month(
    write: &mut Write,
    month: LaunchMonth,
    asked: &[(usize, ChunkId)],
    kind: Kind,
    terms: &ClaimTerms,
) -> Result<Vec<Row>, StoreError> {
    let mut chunks = Chunks::default();
    let mut keys = Vec::with_capacity(asked.len());
    for (place, id) in asked {
        chunks.push(*place, *id);
        keys.push(*PushKey::of(id).as_bytes());
    }
    let never = Timestamp::from_millis(i64::MAX);
    let claim = statement(sql(month, kind))
        .bind(chunks.places)
        .bind(chunks.campaigns)
        .bind(chunks.numbers)
        .bind(chunks.rounds)
        .bind(keys)
        .bind(asked.len() as i64)
        .bind(terms.now.as_millis())
        .bind((terms.now + terms.lease).as_millis())
        .bind(terms.worker.as_bytes().to_vec())
        .bind(terms.retry_unknown_since.unwrap_or(never).as_millis())
        .bind(i64::from(terms.batch_max));
    rows(write, "chunk", claim).await
}

/// Whoever waits for a chunk that another claims, pauses or cancels sees it then as it has become:
/// the conditions on the chunk itself are asked again.
fn sql(month: LaunchMonth, kind: Kind) -> String {
    let month = month.number();
    let (ready, sending) = (ChunkState::Ready.code(), ChunkState::Sending.code());
    let unknown = ChunkState::Unknown.code();
    let running = CampaignState::Running.code();
    let asked = few(
        "$1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[]",
        6,
        "asked (place, campaign, number, round, push_key)",
    );
    let of_kind = match kind {
        Kind::Broadcast => "(chunk.size > 1 OR chunk.request IS NULL)".to_owned(),
        Kind::OfRequest => format!("chunk.size = 1 AND chunk.request IS NOT NULL AND {IN_ORDER}"),
    };
    // A subquery that answers one value is asked per chunk; as a condition that something exists
    // it would be joined, from the campaign to all of its chunks. A state plus nothing keeps the
    // index of open chunks out, which would be walked for each of them.
    format!(
        "WITH claimed AS (
           UPDATE chunk
           SET state = {sending}, epoch = chunk.epoch + 1, lease_until = $8, worker = $9,
             first_attempt_at = COALESCE(chunk.first_attempt_at, $7)
           FROM {asked}
           WHERE chunk.month = {month} AND chunk.campaign = asked.campaign
             AND chunk.number = asked.number AND chunk.round = asked.round
             AND (chunk.state + 0 = {ready} OR (chunk.state + 0 = {unknown}
               AND chunk.first_attempt_at > $10))
             AND chunk.dispatched_at IS NOT NULL AND chunk.due_at <= $7 AND chunk.close_next = 0
             AND (SELECT k.state = {running} AND k.restored_at IS NULL AND k.not_after > $7
                    AND a.stopped_at IS NULL AND b.stopped_at IS NULL
                  FROM campaign k
                  JOIN account a ON a.id = k.account
                  JOIN business b ON b.id = k.business
                  WHERE k.id = chunk.campaign)
             AND {of_kind}
           RETURNING asked.place, asked.push_key, chunk.campaign, chunk.number, chunk.round,
             chunk.epoch, chunk.tainted, chunk.size, chunk.retry_rounds, chunk.message,
             chunk.content_hash, chunk.first_number, chunk.last_number
         ), begun AS (
           INSERT INTO attempt (month, campaign, number, round, epoch, worker, began_at)
           SELECT {month}, campaign, number, round, epoch, $9, $7 FROM claimed
         ), noted AS (
           INSERT INTO chunk_key (push_key, month, campaign, number, round, first_position)
           SELECT push_key, {month}, campaign, number, round, 0 FROM claimed
           WHERE epoch = 1 AND size <= $11
           ON CONFLICT DO NOTHING
         )
         SELECT place, epoch, tainted, size, retry_rounds, message, content_hash, first_number,
           last_number FROM claimed"
    )
}
