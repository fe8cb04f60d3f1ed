//! Sealed days: their roots, the leaves under them and the heads of ledgers, written once and read
//! back; and which campaigns a day concerns.
//!
//! What is sealed, and whether it still is what it was, is decided in `domain::seal` and `billing`.
//! Nothing here is ever updated or deleted.

use std::time::Duration;

use domain::id::{BusinessId, CampaignId};
use domain::ledger::ChainHash;
use domain::merkle::TreeHash;
use domain::seal::{LedgerHead, Seal, SealDay, SealHash};
use domain::time::Timestamp;
use sea_orm::Value;

use crate::report::{RecordedCampaign, campaign_of, campaign_select};
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError, Write, bulk};

/// Leaves of one row.
pub const LEAVES_PER_PART: usize = 1_024;
/// A chunk number and a round.
const PLACE_BYTES: usize = 9;
const LEAF_BYTES: usize = 32;
/// By how much a clock that was set back may have made a settle look older than its campaign's end.
const CLOCK_BACK_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A seal as its row stands: what it says, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSeal {
    pub seal: Seal,
    pub hash: SealHash,
}

/// One chunk under a seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedLeaf {
    pub number: u64,
    pub round: u8,
    pub leaf: TreeHash,
}

/// Some leaves of one campaign under a day's root, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedLeaves {
    pub campaign: CampaignId,
    pub day: SealDay,
    pub part: u32,
    /// The place of the first of them among all leaves of the day.
    pub first_index: u64,
    pub leaves: Vec<SealedLeaf>,
}

impl Snapshot {
    /// The day sealed last.
    pub async fn last_seal(&self) -> Result<Option<RecordedSeal>, StoreError> {
        let sql = format!("{SEAL} ORDER BY day DESC LIMIT 1");
        let row = row::one(self.connection(), "day_seal", &sql, []).await?;
        row.as_ref().map(seal_of).transpose()
    }

    pub async fn seal(&self, day: SealDay) -> Result<Option<RecordedSeal>, StoreError> {
        let sql = format!("{SEAL} WHERE day = $1");
        let bound = values![i64::from(day.number())];
        let row = row::one(self.connection(), "day_seal", &sql, bound).await?;
        row.as_ref().map(seal_of).transpose()
    }

    /// Seals in their order, after a day.
    pub async fn seals(
        &self,
        after: Option<SealDay>,
        limit: u32,
    ) -> Result<Vec<RecordedSeal>, StoreError> {
        let sql = format!("{SEAL} WHERE day > $1 ORDER BY day LIMIT $2");
        let after = after.map_or(i64::MIN, |day| i64::from(day.number()));
        let rows = row::all(self.connection(), "day_seal", &sql, values![after, limit]).await?;
        rows.iter().map(seal_of).collect()
    }

    /// The first day of which there is anything to seal: a launch or a booking.
    pub async fn first_day(&self) -> Result<Option<SealDay>, StoreError> {
        let sql = "SELECT MIN(at) AS at FROM (
                     SELECT MIN(launched_at) AS at FROM campaign
                     UNION ALL SELECT MIN(booked_at) FROM ledger_transaction) AS first";
        let row = row::one(self.connection(), "campaign", sql, []).await?;
        let at = row.map_or(Ok(None), |row| row.optional_time("at"))?;
        Ok(at.map(SealDay::of))
    }

    /// Whether a settle of before `end` still waits for the roll-up.
    pub async fn has_uncaptured_before(&self, end: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT c.number AS number FROM chunk c
                   WHERE c.sequence >= (SELECT mark FROM roll_up WHERE one = 1) AND c.state = 10
                     AND c.settled_at < $1
                     AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
                       AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
                       AND p.part = 0) LIMIT 1";
        let row = row::one(self.connection(), "chunk", sql, values![end]).await?;
        Ok(row.is_some())
    }

    /// Campaigns that may have chunks under the seal of a day, in pages by id.
    pub async fn campaigns_of_day(
        &self,
        day: SealDay,
        after: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<RecordedCampaign>, StoreError> {
        let sql = campaign_select(
            "WHERE c.id > $1 AND c.month IS NOT NULL AND c.launched_at < $2
               AND (c.closing_at IS NULL OR c.closing_at >= $3)
             ORDER BY c.id LIMIT $4",
        );
        let after = after.unwrap_or(CampaignId::from_bytes([0; 16]));
        let bound = values![after, day.end(), day.begin() - CLOCK_BACK_MAX, limit];
        let rows = row::all(self.connection(), "campaign", &sql, bound).await?;
        rows.iter().map(campaign_of).collect()
    }

    /// Leaves of a day in their order, from a place on.
    pub async fn seal_leaves(
        &self,
        day: SealDay,
        from: u64,
        parts: u32,
    ) -> Result<Vec<SealedLeaves>, StoreError> {
        let sql =
            format!("{LEAVES} WHERE day = $1 AND first_index >= $2 ORDER BY first_index LIMIT $3");
        let bound = values![i64::from(day.number()), from, parts];
        let rows = row::all(self.connection(), "day_seal_leaves", &sql, bound).await?;
        rows.iter().map(leaves_of).collect()
    }

    /// The part in which a chunk stands, where its day is sealed.
    pub async fn seal_leaves_of(
        &self,
        campaign: CampaignId,
        number: u64,
        round: u8,
    ) -> Result<Option<SealedLeaves>, StoreError> {
        let sql = format!(
            "{LEAVES} WHERE campaign = $1 AND first_number <= $2 AND last_number >= $2
             ORDER BY day, part"
        );
        let bound = values![campaign, number];
        for row in &row::all(self.connection(), "day_seal_leaves", &sql, bound).await? {
            let found = leaves_of(row)?;
            if found.place_of(number, round).is_some() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The heads under a day's seal, by business.
    pub async fn seal_heads(&self, day: SealDay) -> Result<Vec<LedgerHead>, StoreError> {
        let sql = "SELECT business, sequence, hash FROM day_seal_head
                   WHERE day = $1 ORDER BY business";
        let bound = values![i64::from(day.number())];
        let rows = row::all(self.connection(), "day_seal_head", sql, bound).await?;
        rows.iter().map(head_of).collect()
    }

    /// Where the seals say that a ledger stood, in their order.
    pub async fn sealed_heads_of(
        &self,
        business: BusinessId,
    ) -> Result<Vec<(SealDay, LedgerHead)>, StoreError> {
        let sql = "SELECT business, day, sequence, hash FROM day_seal_head
                   WHERE business = $1 ORDER BY day";
        let rows = row::all(self.connection(), "day_seal_head", sql, values![business]).await?;
        rows.iter()
            .map(|row| Ok((day_of(row)?, head_of(row)?)))
            .collect()
    }
}

impl Write {
    /// Ledgers that went on since their last sealed head, by business, as they stand now.
    pub async fn heads_to_seal(&mut self) -> Result<Vec<LedgerHead>, StoreError> {
        let sql = "SELECT t.business AS business, t.sequence AS sequence, t.hash AS hash
                   FROM (SELECT b.id AS business, (SELECT MAX(l.sequence) FROM ledger_transaction l
                           WHERE l.business = b.id) AS sequence FROM business b) AS last
                   JOIN ledger_transaction t
                     ON t.business = last.business AND t.sequence = last.sequence
                   WHERE NOT EXISTS (SELECT 1 FROM day_seal_head h
                     WHERE h.business = t.business AND h.sequence >= t.sequence)
                   ORDER BY t.business";
        let rows = row::all(self.connection(), "ledger_transaction", sql, []).await?;
        rows.iter().map(head_of).collect()
    }

    /// Writes a seal with all that is under it.
    pub async fn insert_seal(
        &mut self,
        seal: &Seal,
        leaves: &[SealedLeaves],
        heads: &[LedgerHead],
    ) -> Result<(), StoreError> {
        let day = i64::from(seal.day.number());
        let sql = "INSERT INTO day_seal (day, mark, chunks, sends, root, heads, heads_root,
                     sealed_at, previous_hash, hash)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let bound = values![
            day,
            seal.mark,
            seal.chunks,
            seal.sends,
            *seal.root.as_bytes(),
            seal.heads,
            *seal.heads_root.as_bytes(),
            seal.sealed_at,
            *seal.previous.as_bytes(),
            *seal.hash().as_bytes(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        let head = "INSERT INTO day_seal_leaves (campaign, day, part, first_index, first_number,
                      last_number, places, leaves)";
        let rows: Vec<[Value; 8]> = leaves.iter().map(|part| part.values()).collect();
        bulk::insert(self.connection(), head, "", rows).await?;
        let head_values =
            |head: &LedgerHead| values![head.business, day, head.sequence, *head.hash.as_bytes()];
        let rows: Vec<[Value; 4]> = heads.iter().map(head_values).collect();
        let head = "INSERT INTO day_seal_head (business, day, sequence, hash)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }
}

impl SealedLeaves {
    /// The place of a chunk among these leaves.
    pub fn place_of(&self, number: u64, round: u8) -> Option<usize> {
        let place = (number, round);
        let found = self
            .leaves
            .binary_search_by_key(&place, |leaf| (leaf.number, leaf.round));
        found.ok()
    }

    fn values(&self) -> [Value; 8] {
        let mut places = Vec::with_capacity(self.leaves.len() * PLACE_BYTES);
        let mut leaves = Vec::with_capacity(self.leaves.len() * LEAF_BYTES);
        for leaf in &self.leaves {
            places.extend_from_slice(&leaf.number.to_be_bytes());
            places.push(leaf.round);
            leaves.extend_from_slice(leaf.leaf.as_bytes());
        }
        let number = |leaf: Option<&SealedLeaf>| leaf.map_or(0, |leaf| leaf.number);
        values![
            self.campaign,
            i64::from(self.day.number()),
            self.part,
            self.first_index,
            number(self.leaves.first()),
            number(self.leaves.last()),
            places,
            leaves,
        ]
    }
}

const SEAL: &str = "SELECT day, mark, chunks, sends, root, heads, heads_root, sealed_at,
    previous_hash, hash FROM day_seal";
const LEAVES: &str = "SELECT campaign, day, part, first_index, places, leaves FROM day_seal_leaves";

fn seal_of(row: &Row) -> Result<RecordedSeal, StoreError> {
    Ok(RecordedSeal {
        seal: Seal {
            day: day_of(row)?,
            mark: row.get("mark")?,
            chunks: row.int("chunks")?,
            sends: row.int("sends")?,
            root: TreeHash::from_bytes(row.bytes("root")?),
            heads: row.int("heads")?,
            heads_root: TreeHash::from_bytes(row.bytes("heads_root")?),
            sealed_at: row.time("sealed_at")?,
            previous: TreeHash::from_bytes(row.bytes("previous_hash")?),
        },
        hash: TreeHash::from_bytes(row.bytes("hash")?),
    })
}

fn leaves_of(row: &Row) -> Result<SealedLeaves, StoreError> {
    let places: Vec<u8> = row.get("places")?;
    let leaves: Vec<u8> = row.get("leaves")?;
    let (places, rest) = places.as_chunks::<PLACE_BYTES>();
    let (hashes, tail) = leaves.as_chunks::<LEAF_BYTES>();
    if !rest.is_empty() || !tail.is_empty() || places.len() != hashes.len() {
        return Err(row.corrupt("leaves", "not a hash for each place"));
    }
    let leaf = |(place, hash): (&[u8; PLACE_BYTES], &[u8; LEAF_BYTES])| {
        let [number @ .., round] = *place;
        SealedLeaf {
            number: u64::from_be_bytes(number),
            round,
            leaf: TreeHash::from_bytes(*hash),
        }
    };
    Ok(SealedLeaves {
        campaign: row.id("campaign")?,
        day: day_of(row)?,
        part: row.int("part")?,
        first_index: row.int("first_index")?,
        leaves: places.iter().zip(hashes).map(leaf).collect(),
    })
}

fn head_of(row: &Row) -> Result<LedgerHead, StoreError> {
    Ok(LedgerHead {
        business: row.id("business")?,
        sequence: row.int("sequence")?,
        hash: ChainHash::from_bytes(row.bytes("hash")?),
    })
}

fn day_of(row: &Row) -> Result<SealDay, StoreError> {
    Ok(SealDay::from_number(row.int("day")?))
}
