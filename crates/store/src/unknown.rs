//! Chunks whose outcome nobody knows: what rescue resolves, and what is asked for after a restore.

use domain::chunk::ChunkId;
use domain::contract::Billable;
use domain::id::CampaignId;
use domain::rule::RuleId;
use domain::time::Timestamp;

use crate::chunk::id;
use crate::contract::coded;
use crate::row::{self, Row, values};
use crate::{Store, StoreError};

/// An UNKNOWN chunk.
#[derive(Debug, Clone)]
pub struct UnknownChunk {
    pub id: ChunkId,
    pub epoch: u32,
    pub size: u32,
    pub retry_rounds: u8,
    pub close_next: bool,
    pub deaths: u8,
    pub message_hash: [u8; 32],
    pub first_attempt_at: Timestamp,
    /// As its campaign was launched.
    pub billable: Billable,
    pub exclusions: Vec<(u32, RuleId)>,
}

/// What [`unknown_chunk`] reads.
pub(crate) const COLUMNS: &str = "month, campaign, number, round, epoch, size,
    retry_rounds, close_next, deaths, message, first_attempt_at,
    (SELECT k.billable FROM campaign k WHERE k.id = chunk.campaign) AS billable";

impl Store {
    /// UNKNOWN chunks of a campaign that are due.
    pub async fn unknown_due(
        &self,
        campaign: CampaignId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UnknownChunk>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM chunk WHERE campaign = $1 AND state = 3 AND due_at <= $2
             ORDER BY due_at LIMIT $3"
        );
        let bound = values![campaign, now, limit];
        let rows = row::all(self.reader(), "chunk", &sql, bound).await?;
        let mut unknown = Vec::with_capacity(rows.len());
        for row in &rows {
            unknown.push(unknown_chunk(self.reader(), row).await?);
        }
        Ok(unknown)
    }
}

pub(crate) async fn unknown_chunk(
    connection: &impl sea_orm::ConnectionTrait,
    row: &Row,
) -> Result<UnknownChunk, StoreError> {
    let id = id(row)?;
    Ok(UnknownChunk {
        id,
        epoch: row.int("epoch")?,
        size: row.int("size")?,
        retry_rounds: row.int("retry_rounds")?,
        close_next: row.int::<u8>("close_next")? != 0,
        deaths: row.int("deaths")?,
        message_hash: row.bytes("message")?,
        first_attempt_at: row.time("first_attempt_at")?,
        billable: coded(row, "billable", Billable::from_code)?,
        exclusions: crate::hot::exclusions_so_far(connection, id).await?,
    })
}
