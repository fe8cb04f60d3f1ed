//! Chunk rows beside the hot paths: dispatch, gate, rescue, cancel and reading what was recorded.

use domain::chunk::{ChunkId, ChunkState};
use domain::codec::{self, PackedKeys};
use domain::friend::{FriendState, ReachFlags};
use domain::gate::{Consent, RecipientFacts};
use domain::id::{AccountId, CampaignId};
use domain::outcome::Outcome;
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;

use crate::hot::Claimed;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write};

/// A chunk that may be dispatched now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueChunk {
    pub id: ChunkId,
    pub size: u32,
}

/// What the push needs beside the claim.
#[derive(Debug, Clone)]
pub struct Recipients {
    pub keys: PackedKeys,
    pub variables: Option<String>,
    pub numbers: Vec<u8>,
}

/// An UNKNOWN chunk that rescue looks at.
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
    pub exclusions: Vec<(u32, RuleId)>,
}

/// How far a campaign has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub chunks: u64,
    pub chunks_open: u64,
    pub frozen: u64,
    pub excluded_at_freeze: u64,
    pub ready: u64,
    pub in_flight: u64,
    pub unknown: u64,
    pub quarantined: u64,
    pub accepted: u64,
    pub failed: u64,
    pub excluded: u64,
    /// Recorded uncertain and not decided by an amendment since.
    pub uncertain: u64,
    pub cancelled: u64,
    pub confirmed_later: u64,
}

/// Holds for a chunk unless it is a push to one user by a request and an earlier request's push to
/// that user, of the same account, is still open. Requests have one order, so nobody waits in a
/// ring.
pub(crate) const IN_ORDER: &str = "(chunk.size > 1 OR chunk.request IS NULL OR NOT EXISTS (
    SELECT 1 FROM api_request own
    JOIN chunk e ON e.first_number = chunk.first_number AND e.size = 1 AND e.state < 10
      AND e.request IS NOT NULL
    JOIN api_request earlier ON earlier.id = e.request
    WHERE own.id = chunk.request AND earlier.account = own.account
      AND earlier.sequence < own.sequence))";

impl Store {
    /// Chunks of a campaign that are due and not dispatched, in order; `retry_unknown_since` also
    /// takes UNKNOWN ones whose first attempt was after that moment: their key may be used again.
    pub async fn due_chunks(
        &self,
        campaign: CampaignId,
        now: Timestamp,
        retry_unknown_since: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<DueChunk>, StoreError> {
        let sql = format!(
            "SELECT month, campaign, number, round, size FROM chunk
             WHERE campaign = $1 AND state IN (1, 3) AND due_at <= $2 AND dispatched_at IS NULL
               AND (state = 1 OR (close_next = 0 AND first_attempt_at > $3)) AND {IN_ORDER}
             ORDER BY state DESC, number LIMIT $4"
        );
        let never = Timestamp::from_millis(i64::MAX);
        let bound = values![campaign, now, retry_unknown_since.unwrap_or(never), limit];
        let rows = row::all(self.reader(), "chunk", &sql, bound).await?;
        rows.iter()
            .map(|row| {
                Ok(DueChunk {
                    id: id(row)?,
                    size: row.int("size")?,
                })
            })
            .collect()
    }

    pub async fn recipients(&self, id: ChunkId) -> Result<Recipients, StoreError> {
        let sql = "SELECT r.keys AS keys, r.variables AS variables, c.numbers AS numbers
                   FROM chunk_recipients r JOIN chunk c USING (month, campaign, number, round)
                   WHERE r.month = $1 AND r.campaign = $2 AND r.number = $3 AND r.round = $4";
        let row = row::one(self.reader(), "chunk_recipients", sql, address(id)).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("recipients of {id}")))?;
        Ok(Recipients {
            keys: PackedKeys::from_blob(row.get("keys")?),
            variables: row.get("variables")?,
            numbers: row.get("numbers")?,
        })
    }

    /// The gate's hint and facts: the friends between two numbers whose reach changed since `mark`,
    /// as they stand now.
    pub async fn gate_facts(
        &self,
        account: AccountId,
        first: UserNumber,
        last: UserNumber,
        mark: i64,
    ) -> Result<Vec<(UserNumber, RecipientFacts)>, StoreError> {
        let sql = "SELECT DISTINCT h.number AS number, COALESCE(r.flags, 0) AS flags,
                          COALESCE(f.state, 3) AS state
                   FROM reach_change h
                   LEFT JOIN reach r ON r.account = h.account AND r.number = h.number
                   LEFT JOIN friend f ON f.account = h.account AND f.number = h.number
                   WHERE h.account = $1 AND h.number BETWEEN $2 AND $3 AND h.sequence >= $4";
        let bound = values![account, first.0, last.0, mark];
        let rows = row::all(self.reader(), "reach_change", sql, bound).await?;
        let read = |row: &Row| {
            let flags: u8 = row.int("flags")?;
            let state = FriendState::from_code(row.int("state")?)
                .ok_or_else(|| row.corrupt("state", "no such state"))?;
            // Whoever was frozen had agreed; without consent now, they have refused since.
            let promotion = match flags & ReachFlags::PROMOTION {
                0 => Consent::Refused,
                _ => Consent::Granted,
            };
            let facts = RecipientFacts {
                state,
                promotion,
                suppressed: false,
                erased: false,
            };
            Ok((UserNumber(row.int("number")?), facts))
        };
        rows.iter().map(read).collect()
    }

    /// The frozen body parts of a message.
    pub async fn message(&self, hash: [u8; 32]) -> Result<String, StoreError> {
        let sql = "SELECT body FROM message WHERE hash = $1";
        let row = row::one(self.reader(), "message", sql, values![hash]).await?;
        row.ok_or_else(|| StoreError::NotFound("message of that hash".into()))?
            .get("body")
    }

    /// SENDING chunks whose lease is over: their worker is gone or stuck.
    pub async fn leases_over(&self, now: Timestamp) -> Result<Vec<(ChunkId, u32, u8)>, StoreError> {
        let sql = "SELECT c.month AS month, c.campaign AS campaign, c.number AS number,
                          c.round AS round, c.epoch AS epoch, c.deaths AS deaths
                   FROM campaign k
                   JOIN chunk c ON c.campaign = k.id AND c.state = 2 AND c.lease_until <= $1
                   WHERE k.state BETWEEN 6 AND 11 LIMIT 1000";
        let rows = row::all(self.reader(), "chunk", sql, values![now]).await?;
        rows.iter()
            .map(|row| Ok((id(row)?, row.int("epoch")?, row.int("deaths")?)))
            .collect()
    }

    /// UNKNOWN chunks of a campaign that are due.
    pub async fn unknown_due(
        &self,
        campaign: CampaignId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<UnknownChunk>, StoreError> {
        let sql = "SELECT month, campaign, number, round, epoch, size, retry_rounds, close_next,
                          deaths, message, first_attempt_at
                   FROM chunk WHERE campaign = $1 AND state = 3 AND due_at <= $2
                   ORDER BY due_at LIMIT $3";
        let rows = row::all(self.reader(), "chunk", sql, values![campaign, now, limit]).await?;
        let mut unknown = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = id(row)?;
            unknown.push(UnknownChunk {
                id,
                epoch: row.int("epoch")?,
                size: row.int("size")?,
                retry_rounds: row.int("retry_rounds")?,
                close_next: row.int::<u8>("close_next")? != 0,
                deaths: row.int("deaths")?,
                message_hash: row.bytes("message")?,
                first_attempt_at: row.time("first_attempt_at")?,
                exclusions: crate::hot::exclusions_so_far(self.reader(), id).await?,
            });
        }
        Ok(unknown)
    }

    pub async fn has_open_chunks(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk WHERE campaign = $1 AND state < 10 LIMIT 1";
        Ok(row::one(self.reader(), "chunk", sql, values![campaign])
            .await?
            .is_some())
    }

    pub async fn progress(&self, campaign: CampaignId) -> Result<Progress, StoreError> {
        let sql = "SELECT COUNT(*) AS chunks, COALESCE(SUM(state < 10), 0) AS chunks_open,
                     COALESCE(SUM((round = 0) * size), 0) AS frozen,
                     COALESCE(SUM((state = 1) * size), 0) AS ready,
                     COALESCE(SUM((state = 2) * size), 0) AS in_flight,
                     COALESCE(SUM((state = 3) * size), 0) AS unknown,
                     COALESCE(SUM((state = 4) * size), 0) AS quarantined,
                     COALESCE(SUM(accepted), 0) AS accepted, COALESCE(SUM(failed), 0) AS failed,
                     COALESCE(SUM(excluded), 0) AS excluded,
                     COALESCE(SUM(uncertain), 0) AS uncertain,
                     COALESCE(SUM(cancelled), 0) AS cancelled,
                     (SELECT COALESCE(SUM(count), 0) FROM exclusion WHERE campaign = $1)
                       AS excluded_at_freeze,
                     (SELECT COUNT(*) FROM amendment WHERE campaign = $1) AS decided,
                     (SELECT COUNT(*) FROM amendment WHERE campaign = $1 AND outcome = 2)
                       AS confirmed_later
                   FROM chunk
                   WHERE month = (SELECT month FROM campaign WHERE id = $1) AND campaign = $1";
        let row = row::one(self.reader(), "chunk", sql, values![campaign]).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?;
        let decided: u64 = row.int("decided")?;
        Ok(Progress {
            chunks: row.int("chunks")?,
            chunks_open: row.int("chunks_open")?,
            frozen: row.int("frozen")?,
            excluded_at_freeze: row.int("excluded_at_freeze")?,
            ready: row.int("ready")?,
            in_flight: row.int("in_flight")?,
            unknown: row.int("unknown")?,
            quarantined: row.int("quarantined")?,
            accepted: row.int("accepted")?,
            failed: row.int("failed")?,
            excluded: row.int("excluded")?,
            uncertain: row.int::<u64>("uncertain")?.saturating_sub(decided),
            cancelled: row.int("cancelled")?,
            confirmed_later: row.int("confirmed_later")?,
        })
    }

    pub async fn has_ready_chunks(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk WHERE campaign = $1 AND state = 1 LIMIT 1";
        Ok(row::one(self.reader(), "chunk", sql, values![campaign])
            .await?
            .is_some())
    }

    /// Whether a chunk of a running campaign is dispatched and nobody has claimed it.
    pub async fn has_dispatched_unclaimed(&self) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM campaign k
                   JOIN chunk c ON c.campaign = k.id AND c.state IN (1, 3)
                     AND c.dispatched_at IS NOT NULL
                   WHERE k.state = 8 LIMIT 1";
        Ok(row::one(self.reader(), "chunk", sql, []).await?.is_some())
    }

    /// The ranges of a launch that are frozen already.
    pub async fn frozen_ranges(&self, campaign: CampaignId) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT range FROM freeze_range WHERE campaign = $1 ORDER BY range";
        let rows = row::all(self.reader(), "freeze_range", sql, values![campaign]).await?;
        rows.iter().map(|row| row.int("range")).collect()
    }
}

impl Write {
    /// Marks chunks as dispatched, one statement per campaign; which of them it marked.
    pub async fn mark_dispatched(
        &mut self,
        campaign: CampaignId,
        chunks: &[DueChunk],
        now: Timestamp,
    ) -> Result<Vec<DueChunk>, StoreError> {
        let pairs: Vec<[u64; 2]> = chunks
            .iter()
            .map(|due| [due.id.number, u64::from(due.id.round)])
            .collect();
        let pairs = serde_json::json!(pairs).to_string();
        let sql = "UPDATE chunk SET dispatched_at = $1
                   WHERE month = (SELECT month FROM campaign WHERE id = $2) AND campaign = $2
                     AND (number, round) IN (SELECT value ->> 0, value ->> 1 FROM json_each($3))
                     AND state IN (1, 3) AND dispatched_at IS NULL
                     AND EXISTS (SELECT 1 FROM campaign WHERE id = $2 AND state = 8
                                 AND restored_at IS NULL)
                   RETURNING month, campaign, number, round, size";
        let rows = row::all(
            self.connection(),
            "chunk",
            sql,
            values![now, campaign, pairs],
        )
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DueChunk {
                    id: id(row)?,
                    size: row.int("size")?,
                })
            })
            .collect()
    }

    /// Takes back the dispatch of every unclaimed chunk of one campaign, or of all: at a pause, at
    /// a change of leader, when the queue was seen empty.
    pub async fn clear_dispatched(
        &mut self,
        campaign: Option<CampaignId>,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE chunk SET dispatched_at = NULL
                   WHERE campaign IN (SELECT id FROM campaign WHERE state BETWEEN 6 AND 11
                                      AND ($1 IS NULL OR id = $1))
                     AND state IN (1, 3) AND dispatched_at IS NOT NULL";
        row::execute(
            self.connection(),
            sql,
            values![campaign.map(|id| id.as_bytes().to_vec())],
        )
        .await
    }

    /// Notes whom the gate excludes, before the first byte; false where the claim is lost.
    pub async fn set_exclusions(
        &mut self,
        claimed: &Claimed,
        exclusions: &[(u32, RuleId)],
    ) -> Result<bool, StoreError> {
        let id = claimed.id;
        let sql = "UPDATE attempt SET exclusions = $6
                   WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4 AND epoch = $5
                     AND EXISTS (SELECT 1 FROM chunk c WHERE c.month = $1 AND c.campaign = $2
                         AND c.number = $3 AND c.round = $4 AND c.epoch = $5 AND c.state = 2)";
        let blob = codec::pack_exclusions(exclusions);
        let bound = values![
            id.month.number(),
            id.campaign,
            id.number,
            id.round,
            claimed.epoch,
            blob
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Ends every READY chunk of a campaign unsent: all at cancel, the untouched at expiry. The
    /// units that ended. A chunk without outcomes ended alike for everybody.
    pub async fn end_ready(
        &mut self,
        campaign: CampaignId,
        state: ChunkState,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sequence = self.sequence().await?;
        let sql = "UPDATE chunk SET state = $2, cancelled = size, settled_at = $3, sequence = $4,
                     dispatched_at = NULL
                   WHERE campaign = $1 AND state = 1 RETURNING size";
        let bound = values![campaign, state.code(), now, sequence];
        let rows = row::all(self.connection(), "chunk", sql, bound).await?;
        rows.iter()
            .try_fold(0, |sum, row| Ok(sum + row.int::<u64>("size")?))
    }

    /// Moves a SENDING chunk whose lease is over to UNKNOWN, tainted; counts its worker's death.
    pub async fn lease_over(
        &mut self,
        chunk: ChunkId,
        epoch: u32,
        now: Timestamp,
        state: ChunkState,
        detour: &str,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE chunk SET state = $7, tainted = 1, deaths = deaths + 1, due_at = $6,
                     detour = $8, dispatched_at = NULL, lease_until = NULL, worker = NULL
                   WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4 AND epoch = $5
                     AND state = 2 AND lease_until <= $6";
        let id = chunk;
        let bound = values![
            id.month.number(),
            id.campaign,
            id.number,
            id.round,
            epoch,
            now,
            state.code(),
            detour
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Uncertain recipients of a campaign that nothing decided, and the last deadline's settle.
    pub async fn uncertain_left(&mut self, campaign: CampaignId) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(SUM(uncertain), 0)
                     - (SELECT COUNT(*) FROM amendment WHERE campaign = $1) AS uncertain_left
                   FROM chunk WHERE campaign = $1 AND uncertain > 0";
        let row = row::one(self.connection(), "chunk", sql, values![campaign]).await?;
        row.ok_or_else(|| StoreError::NotFound("chunks".into()))?
            .int("uncertain_left")
    }

    /// Whether a settle or proof of a campaign still waits for its capture.
    pub async fn has_uncaptured(&mut self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk c WHERE c.campaign = $1 AND c.state = 10
                     AND c.sequence >= (SELECT mark FROM roll_up WHERE one = 1)
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
                       AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
                       AND p.part = 0)
                   UNION ALL
                   SELECT 1 FROM amendment a WHERE a.campaign = $1 AND a.outcome = 2
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = a.month
                       AND p.campaign = a.campaign AND p.number = a.number AND p.round = a.round
                       AND p.part = a.position + 1)
                   LIMIT 1";
        Ok(row::one(self.connection(), "chunk", sql, values![campaign])
            .await?
            .is_some())
    }

    /// Uncertain recipients that nothing decided, of chunks settled before `settled_before`.
    pub async fn uncertain_overdue(
        &mut self,
        campaign: CampaignId,
        settled_before: Timestamp,
    ) -> Result<Vec<(ChunkId, u32)>, StoreError> {
        let sql = "SELECT month, campaign, number, round, size, outcomes FROM chunk
                   WHERE campaign = $1 AND uncertain > 0 AND settled_at <= $2
                     AND uncertain > (SELECT COUNT(*) FROM amendment a WHERE a.month = chunk.month
                       AND a.campaign = chunk.campaign AND a.number = chunk.number
                       AND a.round = chunk.round)
                   LIMIT 100";
        let bound = values![campaign, settled_before];
        let rows = row::all(self.connection(), "chunk", sql, bound).await?;
        let mut overdue = Vec::new();
        for row in &rows {
            let (id, blob): (ChunkId, Vec<u8>) = (id(row)?, row.get("outcomes")?);
            let outcomes = codec::unpack_outcomes(&blob, row.int("size")?)
                .map_err(|error| row.corrupt("outcomes", error))?;
            let uncertain = outcomes
                .iter()
                .enumerate()
                .filter(|(_, outcome)| **outcome == Outcome::Uncertain)
                .map(|(position, _)| (id, position as u32));
            overdue.extend(uncertain);
        }
        Ok(overdue)
    }

    /// Records what became known of an uncertain recipient; false where it was decided before.
    pub async fn insert_amendment(
        &mut self,
        event_id: &str,
        chunk: ChunkId,
        position: u32,
        outcome: Outcome,
        reason: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sequence = self.sequence().await?;
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

    pub async fn insert_outcome_bitmap(
        &mut self,
        campaign: CampaignId,
        outcome: u8,
        count: u64,
        bitmap: Vec<u8>,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO outcome_bitmap (campaign, outcome, count, bitmap)
                   VALUES ($1, $2, $3, $4)";
        let bound = values![campaign, outcome, count, bitmap];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

pub(crate) fn id(row: &Row) -> Result<ChunkId, StoreError> {
    Ok(ChunkId {
        month: LaunchMonth::from_number(row.get("month")?)
            .map_err(|error| row.corrupt("month", error))?,
        campaign: row.id("campaign")?,
        number: row.int("number")?,
        round: row.int("round")?,
    })
}

fn address(id: ChunkId) -> [sea_orm::Value; 4] {
    values![id.month.number(), id.campaign, id.number, id.round]
}
