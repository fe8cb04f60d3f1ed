//! What became known later of recipients who settled undecided: uncertain, or accepted under a
//! contract that bills what was delivered. The first final outcome wins, whoever tells it.

use domain::chunk::ChunkId;
use domain::codec;
use domain::id::CampaignId;
use domain::outcome::Outcome;
use domain::time::Timestamp;

use crate::chunk::id;
use crate::row::{self, values};
use crate::{StoreError, Write, bulk};

impl Write {
    /// Recipients of a campaign who settled uncertain or unconfirmed and whom nothing decided.
    pub async fn undecided_left(&mut self, campaign: CampaignId) -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT {} - (SELECT COUNT(*) FROM amendment WHERE campaign = $1) AS undecided_left
             FROM chunk WHERE campaign = $1 AND uncertain > 0",
            row::sum("uncertain")
        );
        let row = row::one(self.connection(), "chunk", &sql, values![campaign]).await?;
        row.ok_or_else(|| StoreError::NotFound("chunks".into()))?
            .int("undecided_left")
    }

    /// Recipients who settled uncertain or unconfirmed until `settled_before`, chunk by chunk after
    /// one, and whom nothing decided when this was read.
    pub async fn overdue(
        &mut self,
        campaign: CampaignId,
        settled_before: Timestamp,
        after: Option<ChunkId>,
        limit: u32,
    ) -> Result<Vec<(ChunkId, Vec<u32>)>, StoreError> {
        let sql = "SELECT month, campaign, number, round, size, outcomes FROM chunk
                   WHERE campaign = $1 AND uncertain > 0 AND settled_at <= $2
                     AND (number > $3 OR (number = $3 AND round > $4))
                     AND uncertain > (SELECT COUNT(*) FROM amendment a WHERE a.month = chunk.month
                       AND a.campaign = chunk.campaign AND a.number = chunk.number
                       AND a.round = chunk.round)
                   ORDER BY number, round LIMIT $5";
        // Numbers begin at 0, and the first one is after none.
        let (number, round) = after.map_or((-1, 0), |id| (id.number as i64, id.round));
        let bound = values![campaign, settled_before, number, round, limit];
        let rows = row::all(self.connection(), "chunk", sql, bound).await?;
        let mut overdue = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, blob) = (id(row)?, row.packed_outcomes("outcomes")?);
            let outcomes = codec::unpack_outcomes(&blob, row.int("size")?)
                .map_err(|error| row.corrupt("outcomes", error))?;
            let undecided = (0u32..)
                .zip(outcomes)
                .filter(|(_, outcome)| outcome.is_undecided());
            overdue.push((id, undecided.map(|(position, _)| position).collect()));
        }
        Ok(overdue)
    }

    /// Writes these recipients off, but whom something decided.
    pub async fn write_off(
        &mut self,
        overdue: &[(ChunkId, Vec<u32>)],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sequence = self.settle_sequence().await?;
        let head = "INSERT INTO amendment (event_id, month, campaign, number, round, position,
                      outcome, reason, at, sequence)";
        let mut rows = Vec::new();
        for (chunk, positions) in overdue {
            let row = |position: &u32| {
                values![
                    format!("deadline:{chunk}:{position}"),
                    chunk.month.number(),
                    chunk.campaign,
                    chunk.number,
                    chunk.round,
                    *position,
                    Outcome::WrittenOff.code(),
                    "deadline",
                    at,
                    sequence,
                ]
            };
            rows.extend(positions.iter().map(row));
        }
        bulk::insert(self.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }

    /// Records what became known of an undecided recipient; false where it was decided before.
    pub async fn insert_amendment(
        &mut self,
        event_id: &str,
        chunk: ChunkId,
        position: u32,
        outcome: Outcome,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sequence = self.settle_sequence().await?;
        let sql = "INSERT INTO amendment (event_id, month, campaign, number, round, position,
                     outcome, reason, at, sequence)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING";
        let bound = values![
            event_id,
            chunk.month.number(),
            chunk.campaign,
            chunk.number,
            chunk.round,
            position,
            outcome.code(),
            reason,
            at,
            sequence
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }
}
