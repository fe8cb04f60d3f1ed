//! The stages of everything under way, counted for whoever watches the installation.

use domain::chunk::ChunkState;
use domain::money::Currency;
use domain::time::Timestamp;

use crate::ledger::currency;
use crate::row::{self, values};
use crate::{Store, StoreError};

/// Open chunks of one state, over all campaigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenChunks {
    pub state: ChunkState,
    pub chunks: u64,
    pub recipients: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stages {
    pub open: Vec<OpenChunks>,
    /// Since when the longest waiting chunk of a running campaign is due and not recorded.
    pub oldest_due: Option<Timestamp>,
    /// Campaigns between their approval and their close.
    pub campaigns_alive: u64,
    /// What is held for them and neither captured nor released, in micro-units.
    pub held: Vec<(Currency, i64)>,
    /// When the longest waiting settle without a capture was recorded.
    pub oldest_uncaptured: Option<Timestamp>,
}

impl Store {
    pub async fn stages(&self, now: Timestamp) -> Result<Stages, StoreError> {
        let snapshot = self.snapshot().await?;
        let connection = snapshot.connection();
        let sql = "SELECT c.state AS state, COUNT(*) AS chunks,
                     CAST(SUM(c.size) AS BIGINT) AS recipients,
                     MIN(CASE WHEN k.state = 8 AND k.restored_at IS NULL AND c.due_at <= $1
                              THEN c.due_at END) AS oldest_due
                   FROM chunk c JOIN campaign k ON k.id = c.campaign
                   WHERE c.state < 10 AND k.state BETWEEN 4 AND 11 GROUP BY c.state";
        let rows = row::all(connection, "chunk", sql, values![now]).await?;
        let mut stages = Stages::default();
        for row in &rows {
            let code: u8 = row.int("state")?;
            let state = ChunkState::from_code(code).ok_or_else(|| row.corrupt("state", code))?;
            stages.open.push(OpenChunks {
                state,
                chunks: row.int("chunks")?,
                recipients: row.int("recipients")?,
            });
            let oldest = row.optional_time("oldest_due")?;
            stages.oldest_due = stages.oldest_due.into_iter().chain(oldest).min();
        }
        let sql = "SELECT w.currency AS currency, COUNT(*) AS campaigns,
                     CAST(COALESCE(SUM(h.amount - h.captured - h.released), 0) AS BIGINT) AS held
                   FROM campaign k JOIN wallet w ON w.business = k.business
                   LEFT JOIN hold h ON h.campaign = k.id
                   WHERE k.state BETWEEN 4 AND 11 GROUP BY w.currency";
        for row in &row::all(connection, "hold", sql, []).await? {
            let currency = currency(row)?;
            let campaigns: u64 = row.int("campaigns")?;
            stages.campaigns_alive += campaigns;
            stages.held.push((currency, row.get("held")?));
        }
        let sql = "SELECT MIN(c.settled_at) AS oldest FROM chunk c
                   WHERE c.sequence >= (SELECT mark FROM roll_up WHERE one = 1) AND c.state = 10
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
                       AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
                       AND p.part = 0)";
        let row = row::one(connection, "chunk", sql, []).await?;
        stages.oldest_uncaptured = row.map_or(Ok(None), |row| row.optional_time("oldest"))?;
        snapshot.end().await?;
        Ok(stages)
    }

    /// Recipients per second that running campaigns with a speed of their own ask for together.
    pub async fn pace_wanted(&self) -> Result<u64, StoreError> {
        let sql = "SELECT CAST(COALESCE(SUM(rate_per_second), 0) AS BIGINT) AS wanted
                   FROM campaign WHERE state = 8 AND restored_at IS NULL";
        let row = row::one(self.reader(), "campaign", sql, []).await?;
        row.map_or(Ok(0), |row| row.int("wanted"))
    }
}
