//! Chunk rows beside the hot paths: dispatch, gate, rescue, cancel and reading what was recorded.

use domain::chunk::{ChunkId, ChunkState};
use domain::codec::{self, PackedKeys};
use domain::friend::{FriendState, ReachFlags};
use domain::gate::{Consent, RecipientFacts};
use domain::id::{AccountId, CampaignId};
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

/// What an account has on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnItsWay {
    pub account: AccountId,
    /// Handed out and not recorded yet.
    pub chunks: usize,
    /// Until when the messenger wants nothing more of the account: the latest Retry-After of what
    /// it refused and what waits for that.
    pub held_until: Option<Timestamp>,
}

/// What the push needs beside the claim.
#[derive(Debug, Clone)]
pub struct Recipients {
    pub keys: PackedKeys,
    pub variables: Option<String>,
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
    /// Recorded uncertain or unconfirmed, and not decided by an amendment since.
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

pub(crate) fn recipients_of(row: &Row) -> Result<Recipients, StoreError> {
    Ok(Recipients {
        keys: PackedKeys::from_blob(row.get("keys")?),
        variables: row.get("variables")?,
    })
}

/// A friend whose reach changed, as they stand now.
pub(crate) fn gate_fact(row: &Row) -> Result<(UserNumber, RecipientFacts), StoreError> {
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
}

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
        let rows = row::all(&self.hot_reader(), "chunk", &sql, bound).await?;
        rows.iter().map(due_chunk).collect()
    }

    /// Running campaigns that have a chunk for [`Store::due_chunks`]. Most passes of the dispatcher
    /// find none: a campaign is not asked after by a statement of its own.
    pub async fn campaigns_with_due_chunks(
        &self,
        now: Timestamp,
        retry_unknown_since: Option<Timestamp>,
    ) -> Result<Vec<CampaignId>, StoreError> {
        // A subquery that answers one value is asked per campaign; as a condition that something
        // exists it may be joined, over all chunks there are.
        let sql = "SELECT k.id AS campaign FROM campaign k
             WHERE k.state = 8 AND k.restored_at IS NULL
               AND (SELECT 1 FROM chunk c
                    WHERE c.month = k.month AND c.campaign = k.id AND c.state < 10
                      AND c.state IN (1, 3) AND c.due_at <= $1 AND c.dispatched_at IS NULL
                      AND (c.state = 1 OR (c.close_next = 0 AND c.first_attempt_at > $2))
                    LIMIT 1) = 1";
        let never = Timestamp::from_millis(i64::MAX);
        let bound = values![now, retry_unknown_since.unwrap_or(never)];
        let rows = row::all(&self.hot_reader(), "campaign", sql, bound).await?;
        rows.iter().map(|row| row.id("campaign")).collect()
    }

    pub async fn recipients(&self, id: ChunkId) -> Result<Recipients, StoreError> {
        let sql = format!(
            "SELECT keys, variables FROM chunk_recipients
             WHERE month = {} AND campaign = $1 AND number = $2 AND round = $3",
            id.month.number()
        );
        let bound = values![id.campaign, id.number, id.round];
        let row = row::one(self.reader(), "chunk_recipients", &sql, bound).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("recipients of {id}")))?;
        recipients_of(&row)
    }

    /// The user numbers of a chunk, in order: the few pushes that exclude somebody need them.
    pub async fn chunk_numbers(&self, id: ChunkId) -> Result<Vec<UserNumber>, StoreError> {
        let sql = format!(
            "SELECT numbers FROM chunk
             WHERE month = {} AND campaign = $1 AND number = $2 AND round = $3",
            id.month.number()
        );
        let bound = values![id.campaign, id.number, id.round];
        let row = row::one(self.reader(), "chunk", &sql, bound).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("chunk {id}")))?;
        let numbers = codec::unpack_numbers(&row.packed_numbers("numbers")?);
        numbers.map_err(|error| row.corrupt("numbers", error))
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

    pub async fn has_open_chunks(&self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk WHERE campaign = $1 AND state < 10 LIMIT 1";
        Ok(row::one(self.reader(), "chunk", sql, values![campaign])
            .await?
            .is_some())
    }

    pub async fn progress(&self, campaign: CampaignId) -> Result<Progress, StoreError> {
        let of_state = |state| row::sum_where(&format!("state = {state}"), "size");
        let sql = format!(
            "SELECT COUNT(*) AS chunks, {} AS chunks_open, {} AS frozen, {} AS ready,
               {} AS in_flight, {} AS unknown, {} AS quarantined, {},
               (SELECT {} FROM exclusion WHERE campaign = $1) AS excluded_at_freeze,
               (SELECT COUNT(*) FROM amendment WHERE campaign = $1) AS decided,
               (SELECT COUNT(*) FROM amendment WHERE campaign = $1 AND outcome = 2)
                 AS confirmed_later
             FROM chunk
             WHERE month = (SELECT month FROM campaign WHERE id = $1) AND campaign = $1",
            row::sum_where("state < 10", "1"),
            row::sum_where("round = 0", "size"),
            of_state(1),
            of_state(2),
            of_state(3),
            of_state(4),
            row::sums(&["accepted", "failed", "excluded", "uncertain", "cancelled"]),
            row::sum("count"),
        );
        let row = row::one(self.reader(), "chunk", &sql, values![campaign]).await?;
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

    /// Whether a chunk of a running campaign was dispatched up to `before` and nobody has claimed
    /// it. A dispatch later than `now` is of a clock that was set back since.
    pub async fn has_dispatched_before(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk WHERE dispatched_at IS NOT NULL AND state < 10
                     AND state IN (1, 3) AND (dispatched_at <= $1 OR dispatched_at > $2)
                     AND EXISTS (SELECT 1 FROM campaign WHERE id = chunk.campaign AND state = 8)
                   LIMIT 1";
        Ok(row::one(self.reader(), "chunk", sql, values![before, now])
            .await?
            .is_some())
    }

    /// Chunks that are handed out and not recorded yet, unclaimed ones and those in a worker's
    /// hands, of campaigns that may be worked on.
    pub async fn chunks_outstanding(&self) -> Result<usize, StoreError> {
        let sql = "SELECT CAST(COALESCE(SUM(c.chunks), 0) AS BIGINT) AS chunks
                   FROM (SELECT campaign, COUNT(*) AS chunks FROM chunk
                         WHERE dispatched_at IS NOT NULL AND state < 10 GROUP BY campaign) c
                   JOIN campaign k ON k.id = c.campaign
                   JOIN account a ON a.id = k.account
                   JOIN business b ON b.id = k.business
                   WHERE k.restored_at IS NULL AND a.stopped_at IS NULL AND b.stopped_at IS NULL";
        let row = row::one(self.reader(), "chunk", sql, []).await?;
        row.map_or(Ok(0), |row| row.int("chunks"))
    }

    /// The same by account, with the messenger's wish to be left alone. Accounts without either are
    /// not listed.
    pub async fn on_their_way(&self, now: Timestamp) -> Result<Vec<OnItsWay>, StoreError> {
        let sql = "SELECT k.account AS account, CAST(SUM(c.chunks) AS BIGINT) AS chunks,
                     MAX(c.held_until) AS held_until
                   FROM (SELECT campaign, COUNT(*) AS chunks, CAST(NULL AS BIGINT) AS held_until
                         FROM chunk
                         WHERE dispatched_at IS NOT NULL AND state < 10 GROUP BY campaign
                         UNION ALL
                         SELECT campaign, 0, MAX(due_at) FROM chunk
                         WHERE detour = 'throttled' AND state < 10 AND state IN (1, 3)
                           AND due_at > $1
                         GROUP BY campaign) c
                   JOIN campaign k ON k.id = c.campaign
                   JOIN account a ON a.id = k.account
                   JOIN business b ON b.id = k.business
                   WHERE k.restored_at IS NULL AND a.stopped_at IS NULL AND b.stopped_at IS NULL
                   GROUP BY k.account";
        let rows = row::all(&self.hot_reader(), "chunk", sql, values![now]).await?;
        let read = |row: &Row| {
            Ok(OnItsWay {
                account: row.id("account")?,
                chunks: row.int("chunks")?,
                held_until: row.optional_time("held_until")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Chunks that are dispatched and unclaimed and that a claim would find, the longest waiting
    /// first: what workers look at while the broker is away.
    pub async fn dispatched_unclaimed(
        &self,
        now: Timestamp,
        retry_unknown_since: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<ChunkId>, StoreError> {
        let sql = format!(
            "SELECT chunk.month AS month, chunk.campaign AS campaign, chunk.number AS number,
                    chunk.round AS round
             FROM chunk
             JOIN campaign k ON k.id = chunk.campaign AND k.state = 8 AND k.restored_at IS NULL
               AND k.not_after > $1
             JOIN account a ON a.id = k.account AND a.stopped_at IS NULL
             JOIN business b ON b.id = k.business AND b.stopped_at IS NULL
             WHERE chunk.dispatched_at > 0 AND chunk.state < 10 AND chunk.due_at <= $1
               AND (chunk.state = 1 OR (chunk.state = 3 AND chunk.first_attempt_at > $2))
               AND chunk.close_next = 0 AND {IN_ORDER}
             ORDER BY chunk.dispatched_at, chunk.number LIMIT $3"
        );
        let never = Timestamp::from_millis(i64::MAX);
        let bound = values![now, retry_unknown_since.unwrap_or(never), limit as u64];
        let rows = row::all(self.reader(), "chunk", &sql, bound).await?;
        rows.iter().map(id).collect()
    }

    /// The ranges of a launch that are frozen already.
    pub async fn frozen_ranges(&self, campaign: CampaignId) -> Result<Vec<u32>, StoreError> {
        let sql = "SELECT range FROM freeze_range WHERE campaign = $1 ORDER BY range";
        let rows = row::all(self.reader(), "freeze_range", sql, values![campaign]).await?;
        rows.iter().map(|row| row.int("range")).collect()
    }
}

impl Write {
    /// Marks chunks as dispatched, one statement per campaign; which of them it marked. Whoever
    /// pauses the campaign waits for the commit, and then takes these back with the others.
    pub async fn mark_dispatched(
        &mut self,
        campaign: CampaignId,
        chunks: &[DueChunk],
        now: Timestamp,
    ) -> Result<Vec<DueChunk>, StoreError> {
        let sql = format!(
            "SELECT id FROM campaign WHERE id = $1 AND state = 8 AND restored_at IS NULL{}",
            row::for_share(self.connection())
        );
        let running = row::one(self.connection(), "campaign", &sql, values![campaign]).await?;
        if running.is_none() {
            return Ok(Vec::new());
        }
        let ids: Vec<ChunkId> = chunks.iter().map(|due| due.id).collect();
        let hot = crate::hot::of(self.engine());
        hot.mark_dispatched(self, &ids, now).await
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

    /// Takes back the dispatch of unclaimed chunks that were dispatched up to `before`: their
    /// messages are lost. A dispatch later than `now` is of a clock that was set back since.
    pub async fn clear_dispatched_before(
        &mut self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "UPDATE chunk SET dispatched_at = NULL
                   WHERE dispatched_at IS NOT NULL AND state < 10 AND state IN (1, 3)
                     AND (dispatched_at <= $1 OR dispatched_at > $2)
                     AND EXISTS (SELECT 1 FROM campaign
                                 WHERE id = chunk.campaign AND state BETWEEN 6 AND 11)";
        row::execute(self.connection(), sql, values![before, now]).await
    }

    /// Notes whom the gate excludes, before the first byte; false where the claim is lost.
    pub async fn set_exclusions(
        &mut self,
        claimed: &Claimed,
        exclusions: &[(u32, RuleId)],
    ) -> Result<bool, StoreError> {
        let id = claimed.id;
        let claim = values![id.campaign, id.number, id.round, claimed.epoch];
        let sql = format!(
            "SELECT state FROM chunk WHERE month = {} AND campaign = $1 AND number = $2
               AND round = $3 AND epoch = $4 AND state = 2{}",
            id.month.number(),
            row::for_share(self.connection())
        );
        let held = row::one(self.connection(), "chunk", &sql, claim).await?;
        if held.is_none() {
            return Ok(false);
        }
        let sql = "UPDATE attempt SET exclusions = $6 WHERE month = $1 AND campaign = $2
                     AND number = $3 AND round = $4 AND epoch = $5";
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
        let sequence = self.settle_sequence().await?;
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

    /// Whether a settle or proof of a campaign still waits for its capture.
    pub async fn has_uncaptured(&mut self, campaign: CampaignId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM chunk c WHERE c.campaign = $1 AND c.state = 10
                     AND c.sequence >= (SELECT mark FROM roll_up WHERE one = 1)
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
                       AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
                       AND p.part = 0)
                   UNION ALL
                   SELECT 1 FROM amendment a WHERE a.campaign = $1 AND a.outcome = 2
                     AND a.sequence >= (SELECT mark FROM roll_up WHERE one = 1)
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = a.month
                       AND p.campaign = a.campaign AND p.number = a.number AND p.round = a.round
                       AND p.part = a.position + 1)
                   LIMIT 1";
        Ok(row::one(self.connection(), "chunk", sql, values![campaign])
            .await?
            .is_some())
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

pub(crate) fn due_chunk(row: &Row) -> Result<DueChunk, StoreError> {
    Ok(DueChunk {
        id: id(row)?,
        size: row.int("size")?,
    })
}
