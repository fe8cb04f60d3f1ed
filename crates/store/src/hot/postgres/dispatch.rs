//! Dispatching: what is published next, marked in one statement.

use std::collections::BTreeMap;

use domain::chunk::ChunkId;
use domain::time::Timestamp;

use super::{Chunks, by_month, few, rows, statement};
use crate::chunk::{DueChunk, due_chunk};
use crate::{StoreError, Write};

pub(super) async fn mark(
    write: &mut Write,
    chunks: &[ChunkId],
    now: Timestamp,
) -> Result<Vec<DueChunk>, StoreError> {
    let places: BTreeMap<ChunkId, usize> = chunks.iter().copied().zip(0..).collect();
    let mut marked = Vec::with_capacity(chunks.len());
    for (month, asked) in by_month(&places) {
        let mut chunks = Chunks::default();
        for (place, id) in &asked {
            chunks.push(*place, *id);
        }
        let sql = format!(
            "UPDATE chunk SET dispatched_at = $5
             FROM {}
             WHERE chunk.month = {} AND chunk.campaign = asked.campaign
               AND chunk.number = asked.number AND chunk.round = asked.round
               AND chunk.state + 0 IN (1, 3) AND chunk.dispatched_at IS NULL
             RETURNING chunk.month, chunk.campaign, chunk.number, chunk.round, chunk.size",
            few(
                "$1::bytea[], $2::bigint[], $3::bigint[]",
                4,
                "asked (campaign, number, round)"
            ),
            month.number()
        );
        let mark = statement(sql)
            .bind(chunks.campaigns)
            .bind(chunks.numbers)
            .bind(chunks.rounds)
            .bind(asked.len() as i64)
            .bind(now.as_millis());
        for row in rows(write, "chunk", mark).await? {
            marked.push(due_chunk(&row)?);
        }
    }
    Ok(marked)
}
