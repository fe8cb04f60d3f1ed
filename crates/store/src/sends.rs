//! Single sends found again: which chunks may hold what is looked for, without reading whom they
//! hold; and what a campaign's figures need beside the sums of its bill.

use std::collections::BTreeMap;

use domain::chunk::{ChunkId, UNCERTAIN_DEADLINE};
use domain::codec::{unpack_exclusions, unpack_outcomes};
use domain::id::{CampaignId, UserId};
use domain::outcome::Outcome;
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use roaring::RoaringBitmap;

use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// What a chunk's counts have to say for it to be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    Anything,
    Accepted,
    Failed,
    Excluded,
    /// Somebody who was undecided when it settled; it may be known by now.
    Uncertain,
    /// Cancelled then, or written off later.
    Cancelled,
    /// It is not terminal.
    Pending,
}

/// One round of a chunk, without its recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkPlace {
    pub number: u64,
    pub first: UserNumber,
    pub last: UserNumber,
}

/// One claim of a chunk: what was asked of the messenger, and what came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub epoch: u32,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The messenger's answer in a word of the connector's.
    pub answer: Option<String>,
    /// Positions that the gate took out, and why.
    pub exclusions: Vec<(u32, RuleId)>,
}

impl Holds {
    /// What settled undecided may have become anything since.
    const fn condition(self) -> &'static str {
        match self {
            Self::Anything => "1 = 1",
            Self::Accepted => "(accepted > 0 OR uncertain > 0)",
            Self::Failed => "(failed > 0 OR uncertain > 0)",
            Self::Excluded => "excluded > 0",
            Self::Uncertain => "uncertain > 0",
            Self::Cancelled => "(cancelled > 0 OR uncertain > 0)",
            Self::Pending => "state < 10",
        }
    }
}

impl Snapshot {
    /// Chunks from a number on, by number and round.
    pub async fn chunk_places(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        from: u64,
        holds: Holds,
        limit: u32,
    ) -> Result<Vec<ChunkPlace>, StoreError> {
        let sql = format!(
            "SELECT number, first_number, last_number FROM chunk
             WHERE month = $1 AND campaign = $2 AND number >= $3 AND {}
             ORDER BY number, round LIMIT $4",
            holds.condition()
        );
        let from = from.min(i64::MAX as u64);
        let bound = values![month.number(), campaign, from, limit];
        let rows = row::all(self.connection(), "chunk", &sql, bound).await?;
        let read = |row: &Row| {
            Ok(ChunkPlace {
                number: row.int("number")?,
                first: UserNumber(row.int("first_number")?),
                last: UserNumber(row.int("last_number")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// How many failed and how many the gate excluded, by outcome, late outcomes included. A closed
    /// campaign's are counted already.
    pub async fn unsent_by_outcome(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
    ) -> Result<BTreeMap<u8, u64>, StoreError> {
        let sql = "SELECT outcome, count FROM outcome_bitmap WHERE campaign = $1";
        let counted = row::all(self.connection(), "outcome_bitmap", sql, values![campaign]).await?;
        let mut sums: BTreeMap<u8, u64> = BTreeMap::new();
        for row in &counted {
            sums.insert(row.int("outcome")?, row.int("count")?);
        }
        if counted.is_empty() {
            self.count_unsent(month, campaign, &mut sums).await?;
        }
        let is_unsent = |code: u8| {
            let outcome = Outcome::from_code(code);
            matches!(outcome, Some(Outcome::Failed(_) | Outcome::Excluded(_)))
        };
        sums.retain(|code, _| is_unsent(*code));
        Ok(sums)
    }

    async fn count_unsent(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        sums: &mut BTreeMap<u8, u64>,
    ) -> Result<(), StoreError> {
        let sql = "SELECT size, outcomes FROM chunk WHERE month = $1 AND campaign = $2
                     AND (failed > 0 OR excluded > 0) AND outcomes IS NOT NULL";
        let bound = values![month.number(), campaign];
        for row in row::all(self.connection(), "chunk", sql, bound).await? {
            let blob = row.packed_outcomes("outcomes")?;
            let outcomes = unpack_outcomes(&blob, row.int("size")?);
            for outcome in outcomes.map_err(|error| row.corrupt("outcomes", error))? {
                *sums.entry(outcome.code()).or_default() += 1;
            }
        }
        let sql = "SELECT a.outcome AS outcome, COUNT(*) AS count FROM amendment a
                   JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign
                     AND c.number = a.number AND c.round = a.round
                   WHERE a.month = $1 AND a.campaign = $2 AND c.state >= 10 AND c.uncertain > 0
                   GROUP BY a.outcome";
        let bound = values![month.number(), campaign];
        for row in row::all(self.connection(), "amendment", sql, bound).await? {
            let count: u64 = row.int("count")?;
            *sums.entry(row.int("outcome")?).or_default() += count;
        }
        Ok(())
    }

    /// Who ended so, once the campaign is closed; `None` before.
    pub async fn people_of_outcome(
        &self,
        campaign: CampaignId,
        outcome: Outcome,
    ) -> Result<Option<RoaringBitmap>, StoreError> {
        let sql = "SELECT outcome, bitmap FROM outcome_bitmap WHERE campaign = $1 AND outcome = $2";
        let bound = values![campaign, outcome.code()];
        let row = row::one(self.connection(), "outcome_bitmap", sql, bound).await?;
        let Some(row) = row else { return Ok(None) };
        let blob: Vec<u8> = row.get("bitmap")?;
        let numbers = RoaringBitmap::deserialize_from(&blob[..]);
        numbers
            .map(Some)
            .map_err(|error| row.corrupt("bitmap", error))
    }

    /// How many were delivered in each stretch of time, by its number since `from`: as recorded, or
    /// confirmed later.
    pub async fn deliveries_over_time(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        from: Timestamp,
        stretch_ms: i64,
    ) -> Result<BTreeMap<i64, u64>, StoreError> {
        let accepted = format!(
            "SELECT (settled_at - $3) / $4 AS stretch, {} FROM chunk
             WHERE month = $1 AND campaign = $2 AND accepted > 0 GROUP BY 1",
            row::sums(&["accepted"])
        );
        let confirmed = "SELECT (at - $3) / $4 AS stretch, COUNT(*) AS accepted FROM amendment
             WHERE month = $1 AND campaign = $2 AND outcome = 2 AND at >= $3 GROUP BY 1";
        let mut over_time: BTreeMap<i64, u64> = BTreeMap::new();
        for (table, sql) in [("chunk", &*accepted), ("amendment", confirmed)] {
            let bound = values![month.number(), campaign, from, stretch_ms.max(1)];
            for row in row::all(self.connection(), table, sql, bound).await? {
                *over_time.entry(row.get("stretch")?).or_default() += row.int::<u64>("accepted")?;
            }
        }
        Ok(over_time)
    }

    /// When the last of the undecided recipients is decided one way or the other; `None` where
    /// none ever was.
    pub async fn uncertain_until(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MAX(settled_at) AS settled_at FROM chunk
                   WHERE campaign = $1 AND uncertain > 0";
        let row = row::one(self.connection(), "chunk", sql, values![campaign]).await?;
        let settled = row.map_or(Ok(None), |row| row.optional_time("settled_at"))?;
        Ok(settled.map(|at| at + UNCERTAIN_DEADLINE))
    }

    /// The range and the rule by which a freeze left somebody out, and when.
    pub async fn exclusion_of(
        &self,
        campaign: CampaignId,
        number: UserNumber,
    ) -> Result<Option<(u32, u8, Timestamp)>, StoreError> {
        let sql = "SELECT e.range AS range, e.rule AS rule, e.bitmap AS bitmap,
                          f.done_at AS done_at
                   FROM freeze_range f JOIN exclusion e
                     ON e.campaign = f.campaign AND e.range = f.range
                   WHERE f.campaign = $1 AND $2 BETWEEN f.first_number AND f.last_number";
        let rows = row::all(
            self.connection(),
            "exclusion",
            sql,
            values![campaign, number.0],
        );
        for row in rows.await? {
            let blob: Vec<u8> = row.get("bitmap")?;
            let numbers = RoaringBitmap::deserialize_from(&blob[..]);
            let numbers = numbers.map_err(|error| row.corrupt("bitmap", error))?;
            if numbers.contains(number.0) {
                let found = (row.int("range")?, row.int("rule")?, row.time("done_at")?);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A user by the id that reports show.
    pub async fn user_of_id(&self, id: UserId) -> Result<Option<UserNumber>, StoreError> {
        let sql = r#"SELECT number FROM "user" WHERE id = $1"#;
        let row = row::one(self.connection(), "user", sql, values![id]).await?;
        row.map(|row| Ok(UserNumber(row.int("number")?)))
            .transpose()
    }

    /// Every claim of a chunk, in their order.
    pub async fn attempts_of(&self, chunk: ChunkId) -> Result<Vec<Attempt>, StoreError> {
        let sql = "SELECT epoch, began_at, ended_at, answer, exclusions FROM attempt
                   WHERE month = $1 AND campaign = $2 AND number = $3 AND round = $4
                   ORDER BY epoch";
        let bound = values![
            chunk.month.number(),
            chunk.campaign,
            chunk.number,
            chunk.round
        ];
        let rows = row::all(self.connection(), "attempt", sql, bound).await?;
        let read = |row: &Row| {
            let blob: Option<Vec<u8>> = row.get("exclusions")?;
            let exclusions = match blob {
                None => Vec::new(),
                Some(blob) => {
                    unpack_exclusions(&blob).map_err(|error| row.corrupt("exclusions", error))?
                }
            };
            Ok(Attempt {
                epoch: row.int("epoch")?,
                began_at: row.time("began_at")?,
                ended_at: row.optional_time("ended_at")?,
                answer: row.get("answer")?,
                exclusions,
            })
        };
        rows.iter().map(read).collect()
    }
}
