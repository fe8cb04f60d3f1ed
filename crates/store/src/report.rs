//! Reading the record back: chunks with all their rounds, what was captured of them, what became
//! known later, whom the freeze left out, and the public ids of users.
//!
//! Blobs and codes come as they stand: the report refuses what it cannot read, reconciliation names
//! it and goes on.

use std::ops::RangeInclusive;

use domain::band::Slice;
use domain::campaign::CampaignKind;
use domain::chunk::{ChunkId, ChunkState};
use domain::codec::{CorruptBlob, unpack_numbers, unpack_outcomes};
use domain::contract::Billable;
use domain::id::{AccountId, BusinessId, CampaignId, LedgerTransactionId, UserId};
use domain::money::{Currency, Money};
use domain::outcome::{Outcome, OutcomeCounts};
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use roaring::RoaringBitmap;

use crate::contract::coded;
use crate::ledger::currency;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// A campaign as its money and its record need it. Codes stand as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCampaign {
    pub id: CampaignId,
    pub business: BusinessId,
    pub account: AccountId,
    pub currency: Currency,
    pub name: String,
    pub kind: u8,
    pub state: u8,
    pub pause_reason: Option<u8>,
    pub month: Option<LaunchMonth>,
    pub launched_at: Option<Timestamp>,
    pub price_version: Option<u32>,
    pub highest_number: Option<u32>,
    pub chunk_size: Option<u32>,
    pub freeze_ended_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// As it was launched.
    pub billable: Billable,
}

impl RecordedCampaign {
    /// What its sends are: tests cost nothing.
    pub fn known_kind(&self) -> Result<CampaignKind, StoreError> {
        CampaignKind::from_code(self.kind).ok_or_else(|| StoreError::Corrupt {
            table: "campaign",
            column: "kind",
            why: self.kind.to_string(),
        })
    }
}

/// One round of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChunk {
    pub id: ChunkId,
    pub state: u8,
    pub epoch: u32,
    pub size: u32,
    pub tariff: u8,
    /// Of the frozen body.
    pub message: Vec<u8>,
    /// Of everything that was pushed, in order.
    pub content_hash: Vec<u8>,
    pub first_number: u32,
    pub last_number: u32,
    pub counts: OutcomeCounts,
    pub settled_at: Option<Timestamp>,
    /// The writer's, of the commit that made it terminal.
    pub sequence: Option<i64>,
    pub request: Option<Vec<u8>>,
    numbers: Vec<u8>,
    outcomes: Option<Vec<u8>>,
}

/// Where the parts of a settle go on after part 0, for those of its sends that had other prices.
/// Amendments have the parts between.
pub const EDGE_PARTS: u32 = 2_000;

/// A part of what a chunk was captured as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCapture {
    pub chunk: ChunkId,
    /// 0 and from [`EDGE_PARTS`] on the settle, else the amendment of the position before.
    pub part: u32,
    pub ledger_transaction: Option<LedgerTransactionId>,
    pub units: u32,
    pub unit_price: Money,
    pub amount: Money,
}

impl RecordedCapture {
    pub fn is_of_settle(&self) -> bool {
        self.part == 0 || self.part >= EDGE_PARTS
    }
}

/// The capture of the send that so many billable ones of its settle came before. Captures of one
/// chunk are in the order of their parts.
pub fn capture_of(captures: &[RecordedCapture], billable_before: u32) -> Option<&RecordedCapture> {
    let mut until = 0u32;
    captures
        .iter()
        .filter(|capture| capture.is_of_settle())
        .find(|capture| {
            until = until.saturating_add(capture.units);
            billable_before < until
        })
}

/// What became known later of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedAmendment {
    pub chunk: ChunkId,
    pub position: u32,
    pub outcome: u8,
    pub at: Timestamp,
    pub sequence: i64,
}

/// Some chunk numbers with every round of each, and what hangs on them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordPage {
    /// By number, then round.
    pub chunks: Vec<RecordedChunk>,
    /// By chunk, then part.
    pub captures: Vec<RecordedCapture>,
    /// By chunk, then the order in which they were written.
    pub amendments: Vec<RecordedAmendment>,
}

/// The recipients of a campaign's chunks of one tariff, counted by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkSums {
    pub tariff: u8,
    /// Not terminal yet.
    pub pending: u64,
    pub accepted: u64,
    pub failed: u64,
    pub excluded: u64,
    pub uncertain: u64,
    pub cancelled: u64,
}

/// Whom one range of the freeze left out for one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedExclusion {
    pub range: u32,
    pub rule: u8,
    pub count: u64,
    pub at: Option<Timestamp>,
    bitmap: Vec<u8>,
}

impl RecordedChunk {
    pub fn known_state(&self) -> Option<ChunkState> {
        ChunkState::from_code(self.state)
    }

    /// By the state's code, as SQL and the roll-up ask.
    pub const fn is_terminal(&self) -> bool {
        self.state >= ChunkState::TERMINAL_FROM
    }

    /// The recipients in order: a recipient's index is its position.
    pub fn numbers(&self) -> Result<Vec<UserNumber>, CorruptBlob> {
        unpack_numbers(&self.numbers)
    }

    /// One outcome per position; `None` before the chunk is terminal. A chunk that ended unsent was
    /// ended with its campaign's others in one statement, which writes no outcomes: all cancelled.
    pub fn outcomes(&self) -> Result<Option<Vec<Outcome>>, CorruptBlob> {
        match &self.outcomes {
            Some(blob) => unpack_outcomes(blob, self.size).map(Some),
            None if self.is_terminal() && self.counts.cancelled == self.size => {
                Ok(Some(vec![Outcome::Cancelled; self.size as usize]))
            }
            None => Ok(None),
        }
    }
}

impl RecordedExclusion {
    pub fn numbers(&self) -> Result<RoaringBitmap, StoreError> {
        RoaringBitmap::deserialize_from(&self.bitmap[..]).map_err(|error| StoreError::Corrupt {
            table: "exclusion",
            column: "bitmap",
            why: error.to_string(),
        })
    }
}

/// The statement that reads campaigns, with its conditions.
pub(crate) fn campaign_select(conditions: &str) -> String {
    format!(
        "SELECT {CAMPAIGN_COLUMNS} FROM campaign c JOIN business b ON b.id = c.business
         {conditions}"
    )
}

const CAMPAIGN_COLUMNS: &str = "c.id AS id, c.business AS business, c.account AS account,
    b.currency AS currency, c.name AS name, c.kind AS kind, c.state AS state,
    c.pause_reason AS pause_reason, c.month AS month, c.launched_at AS launched_at,
    c.price_version AS price_version, c.highest_number AS highest_number,
    c.chunk_size AS chunk_size, c.freeze_ended_at AS freeze_ended_at, c.closed_at AS closed_at,
    c.billable AS billable";

/// Numbers asked for at once by name; a denser set is read as one stretch.
const NUMBERS_PER_QUERY: usize = 1_000;
/// How many unwanted users a stretch may hold per wanted one.
const STRETCH_FACTOR: usize = 4;

impl Snapshot {
    /// A business's campaign.
    pub async fn recorded_campaign(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<RecordedCampaign, StoreError> {
        let sql = campaign_select("WHERE c.business = $1 AND c.id = $2");
        let values = values![business, campaign];
        let row = row::one(self.connection(), "campaign", &sql, values).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?;
        campaign_of(&row)
    }

    /// Every campaign that was ever launched or holds money, in pages by id.
    pub async fn recorded_campaigns(
        &self,
        after: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<RecordedCampaign>, StoreError> {
        let sql = campaign_select(
            "WHERE c.id > $1 AND (c.launched_at IS NOT NULL OR c.month IS NOT NULL
               OR EXISTS (SELECT 1 FROM hold h WHERE h.campaign = c.id))
             ORDER BY c.id LIMIT $2",
        );
        let after = after.unwrap_or(CampaignId::from_bytes([0; 16]));
        let rows = row::all(self.connection(), "campaign", &sql, values![after, limit]).await?;
        rows.iter().map(campaign_of).collect()
    }

    /// The next `limit` chunk numbers after `after`, with all rounds of each.
    pub async fn record_page(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        currency: Currency,
        after: Option<u64>,
        limit: u32,
    ) -> Result<RecordPage, StoreError> {
        // As a range: so the page is read off the key, whatever the server believes of the table.
        let page = "number > $3 AND number <= (
               SELECT MAX(number) FROM (SELECT DISTINCT number FROM chunk
               WHERE month = $1 AND campaign = $2 AND number > $3
               ORDER BY number LIMIT $4) AS page)";
        let sql = format!(
            "SELECT number, round, state, epoch, size, tariff, message, content_hash, first_number,
               last_number, accepted, failed, excluded, uncertain, cancelled, moved,
               settled_at, sequence, request, numbers, outcomes
             FROM chunk WHERE month = $1 AND campaign = $2 AND {page}
             ORDER BY number, round"
        );
        // Numbers begin at 0, and `>` has to let the first one in.
        let after = after.map_or(-1, |number| number.min(i64::MAX as u64) as i64);
        let values = values![month.number(), campaign, after, limit];
        let rows = row::all(self.connection(), "chunk", &sql, values).await?;
        let read = |row: &Row| chunk_of(row, month, campaign);
        let chunks: Vec<RecordedChunk> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
            return Ok(RecordPage::default());
        };
        let numbers = first.id.number..=last.id.number;
        Ok(RecordPage {
            captures: self
                .captures(month, campaign, currency, numbers.clone())
                .await?,
            amendments: self.amendments(month, campaign, numbers).await?,
            chunks,
        })
    }

    /// Recipients by tariff and outcome, before amendments. Who moved to a next round counts there.
    pub async fn chunk_sums(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
    ) -> Result<Vec<ChunkSums>, StoreError> {
        let sql = format!(
            "SELECT tariff, {} AS pending, {}
             FROM chunk WHERE month = $1 AND campaign = $2 GROUP BY tariff ORDER BY tariff",
            row::sum_where("state < 10", "size"),
            row::sums(&["accepted", "failed", "excluded", "uncertain", "cancelled"]),
        );
        let values = values![month.number(), campaign];
        let rows = row::all(self.connection(), "chunk", &sql, values).await?;
        let read = |row: &Row| {
            Ok(ChunkSums {
                tariff: row.int("tariff")?,
                pending: row.int("pending")?,
                accepted: row.int("accepted")?,
                failed: row.int("failed")?,
                excluded: row.int("excluded")?,
                uncertain: row.int("uncertain")?,
                cancelled: row.int("cancelled")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What became known later, by tariff and outcome: of recipients who had settled undecided.
    pub async fn amended_sums(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
    ) -> Result<Vec<(u8, Outcome, u64)>, StoreError> {
        let sql = "SELECT c.tariff AS tariff, a.outcome AS outcome, COUNT(*) AS people
                   FROM amendment a JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign
                     AND c.number = a.number AND c.round = a.round
                   WHERE a.month = $1 AND a.campaign = $2 AND c.state >= 10 AND c.uncertain > 0
                   GROUP BY c.tariff, a.outcome";
        let bound = values![month.number(), campaign];
        let rows = row::all(self.connection(), "amendment", sql, bound).await?;
        let read = |row: &Row| {
            let code: u8 = row.int("outcome")?;
            let outcome = Outcome::from_code(code).ok_or_else(|| row.corrupt("outcome", code))?;
            Ok((row.int("tariff")?, outcome, row.int("people")?))
        };
        rows.iter().map(read).collect()
    }

    /// Whom the freeze left out, counted by rule.
    pub async fn exclusion_sums(&self, campaign: CampaignId) -> Result<Vec<(u8, u64)>, StoreError> {
        let sql = format!(
            "SELECT rule, {} FROM exclusion WHERE campaign = $1 GROUP BY rule ORDER BY rule",
            row::sums(&["count"])
        );
        let rows = row::all(self.connection(), "exclusion", &sql, values![campaign]).await?;
        rows.iter()
            .map(|row| Ok((row.int("rule")?, row.int("count")?)))
            .collect()
    }

    /// What a campaign's sends were captured at: units and price, the dearest last.
    pub async fn captured_slices(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        currency: Currency,
    ) -> Result<Vec<Slice>, StoreError> {
        let sql = format!(
            "SELECT unit_price, {} AS units FROM capture
             WHERE month = $1 AND campaign = $2 AND units > 0
             GROUP BY unit_price ORDER BY unit_price",
            row::sum("units")
        );
        let values = values![month.number(), campaign];
        let rows = row::all(self.connection(), "capture", &sql, values).await?;
        let read = |row: &Row| {
            Ok(Slice {
                units: row.int("units")?,
                unit_price: Money::from_micro(row.get("unit_price")?, currency),
            })
        };
        rows.iter().map(read).collect()
    }

    /// What one chunk was captured as, part by part.
    pub(crate) async fn captures_of(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        currency: Currency,
        (number, round): (u64, u8),
    ) -> Result<Vec<RecordedCapture>, StoreError> {
        let mut captures = self
            .captures(month, campaign, currency, number..=number)
            .await?;
        captures.retain(|capture| capture.chunk.round == round);
        Ok(captures)
    }

    async fn captures(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        currency: Currency,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<RecordedCapture>, StoreError> {
        let sql = "SELECT number, round, part, ledger_transaction, units, unit_price, amount
                   FROM capture WHERE month = $1 AND campaign = $2 AND number BETWEEN $3 AND $4
                   ORDER BY number, round, part";
        let values = values![month.number(), campaign, *numbers.start(), *numbers.end()];
        let rows = row::all(self.connection(), "capture", sql, values).await?;
        let read = |row: &Row| {
            Ok(RecordedCapture {
                chunk: chunk_id_of(row, month, campaign)?,
                part: row.int("part")?,
                ledger_transaction: row.optional_id("ledger_transaction")?,
                units: row.int("units")?,
                unit_price: Money::from_micro(row.get("unit_price")?, currency),
                amount: Money::from_micro(row.get("amount")?, currency),
            })
        };
        rows.iter().map(read).collect()
    }

    async fn amendments(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<RecordedAmendment>, StoreError> {
        let sql = "SELECT number, round, position, outcome, at, sequence
                   FROM amendment WHERE month = $1 AND campaign = $2 AND number BETWEEN $3 AND $4
                   ORDER BY number, round, sequence, position";
        let values = values![month.number(), campaign, *numbers.start(), *numbers.end()];
        let rows = row::all(self.connection(), "amendment", sql, values).await?;
        let read = |row: &Row| {
            Ok(RecordedAmendment {
                chunk: chunk_id_of(row, month, campaign)?,
                position: row.int("position")?,
                outcome: row.int("outcome")?,
                at: row.time("at")?,
                sequence: row.get("sequence")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Whom the next range after `after` left out, a record per rule; empty after the last range.
    pub async fn exclusion_page(
        &self,
        campaign: CampaignId,
        after: Option<u32>,
    ) -> Result<Vec<RecordedExclusion>, StoreError> {
        let sql = "SELECT e.range AS range, e.rule AS rule, e.count AS count, e.bitmap AS bitmap,
                          f.done_at AS done_at
                   FROM exclusion e
                   LEFT JOIN freeze_range f ON f.campaign = e.campaign AND f.range = e.range
                   WHERE e.campaign = $1 AND e.range = (
                     SELECT MIN(range) FROM exclusion WHERE campaign = $1 AND range > $2)
                   ORDER BY e.rule";
        let values = values![campaign, after.map_or(-1, i64::from)];
        let rows = row::all(self.connection(), "exclusion", sql, values).await?;
        let read = |row: &Row| {
            Ok(RecordedExclusion {
                range: row.int("range")?,
                rule: row.int("rule")?,
                count: row.int("count")?,
                at: row.optional_time("done_at")?,
                bitmap: row.get("bitmap")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The public ids of users, in the order of `numbers`, which rise.
    pub async fn user_ids(&self, numbers: &[u32]) -> Result<Vec<UserId>, StoreError> {
        let mut found: Vec<(u32, UserId)> = Vec::with_capacity(numbers.len());
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else {
            return Ok(Vec::new());
        };
        let stretch = (last - first) as usize + 1;
        if stretch <= numbers.len() * STRETCH_FACTOR {
            let condition = format!("number BETWEEN {first} AND {last}");
            self.users_where(&condition, &mut found).await?;
        } else {
            for part in numbers.chunks(NUMBERS_PER_QUERY) {
                let part: Vec<String> = part.iter().map(u32::to_string).collect();
                let condition = format!("number IN ({})", part.join(","));
                self.users_where(&condition, &mut found).await?;
            }
        }
        let id_of = |number: &u32| match found.binary_search_by_key(number, |(found, _)| *found) {
            Ok(index) => Ok(found[index].1),
            Err(_) => Err(StoreError::Corrupt {
                table: "user",
                column: "number",
                why: format!("a recorded send names user {number}, who is not there"),
            }),
        };
        numbers.iter().map(id_of).collect()
    }

    /// Rising numbers with their ids. The condition is made of integers only.
    async fn users_where(
        &self,
        condition: &str,
        found: &mut Vec<(u32, UserId)>,
    ) -> Result<(), StoreError> {
        let sql = format!("SELECT number, id FROM \"user\" WHERE {condition} ORDER BY number");
        for row in row::all(self.connection(), "user", &sql, []).await? {
            found.push((row.int("number")?, row.id("id")?));
        }
        Ok(())
    }
}

pub(crate) fn campaign_of(row: &Row) -> Result<RecordedCampaign, StoreError> {
    let month: Option<i64> = row.get("month")?;
    let month = month
        .map(|month| LaunchMonth::from_number(month).map_err(|error| row.corrupt("month", error)))
        .transpose()?;
    Ok(RecordedCampaign {
        id: row.id("id")?,
        business: row.id("business")?,
        account: row.id("account")?,
        currency: currency(row)?,
        name: row.get("name")?,
        kind: row.int("kind")?,
        state: row.int("state")?,
        pause_reason: row.optional_int("pause_reason")?,
        month,
        launched_at: row.optional_time("launched_at")?,
        price_version: row.optional_int("price_version")?,
        highest_number: row.optional_int("highest_number")?,
        chunk_size: row.optional_int("chunk_size")?,
        freeze_ended_at: row.optional_time("freeze_ended_at")?,
        closed_at: row.optional_time("closed_at")?,
        billable: coded(row, "billable", Billable::from_code)?,
    })
}

fn chunk_of(
    row: &Row,
    month: LaunchMonth,
    campaign: CampaignId,
) -> Result<RecordedChunk, StoreError> {
    Ok(RecordedChunk {
        id: chunk_id_of(row, month, campaign)?,
        state: row.int("state")?,
        epoch: row.int("epoch")?,
        size: row.int("size")?,
        tariff: row.int("tariff")?,
        message: row.get("message")?,
        content_hash: row.get("content_hash")?,
        first_number: row.int("first_number")?,
        last_number: row.int("last_number")?,
        counts: OutcomeCounts {
            accepted: row.int("accepted")?,
            failed: row.int("failed")?,
            excluded: row.int("excluded")?,
            uncertain: row.int("uncertain")?,
            cancelled: row.int("cancelled")?,
            moved: row.int("moved")?,
        },
        settled_at: row.optional_time("settled_at")?,
        sequence: row.get("sequence")?,
        request: row.get("request")?,
        numbers: row.packed_numbers("numbers")?,
        outcomes: row.optional_outcomes("outcomes")?,
    })
}

fn chunk_id_of(row: &Row, month: LaunchMonth, campaign: CampaignId) -> Result<ChunkId, StoreError> {
    Ok(ChunkId {
        month,
        campaign,
        number: row.int("number")?,
        round: row.int("round")?,
    })
}
