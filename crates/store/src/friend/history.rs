//! One friend's history: what they were sent and what became of it. What they wrote
//! back is read in [`crate::friend_message`].
//!
//! There is no row per send. Whom a chunk was for stands in it, between its first and last number,
//! so each campaign is asked by itself, a few campaigns a page, the latest launch first.

use domain::campaign::CampaignKind;
use domain::codec::{unpack_numbers, unpack_outcomes};
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::outcome::Outcome;
use domain::rule::RuleId;
use domain::time::{LaunchMonth, Timestamp};
use domain::user::UserNumber;
use roaring::RoaringBitmap;

use crate::campaign::kind_of;
pub use crate::friend_message::FriendMessage;
use crate::receipt::SendReceipts;
use crate::report::capture_of;
use crate::row::{self, Row, values};
use crate::{Store, StoreError};

/// One campaign as far as one friend was in it.
#[derive(Debug, Clone, PartialEq)]
pub struct FriendSend {
    pub campaign: CampaignId,
    pub name: String,
    /// A test of what the campaign of this name says: free.
    pub is_test: bool,
    pub launched_at: Timestamp,
    /// `None` until it is decided.
    pub outcome: Option<Outcome>,
    /// When it was decided; of those left out beforehand, when that was.
    pub at: Option<Timestamp>,
    /// What was billed for it; nothing is `None`.
    pub billed: Option<Money>,
    pub receipts: SendReceipts,
}

/// A few campaigns' worth of sends.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FriendSends {
    pub sends: Vec<FriendSend>,
    /// The campaign after which looking goes on; `None` when all were asked.
    pub next: Option<CampaignId>,
}

/// A campaign that is asked for one friend.
struct Asked {
    id: CampaignId,
    month: i64,
    name: String,
    kind: CampaignKind,
    launched_at: Timestamp,
    currency: Currency,
}

/// What the record says of one friend in one campaign.
struct Found {
    outcome: Option<Outcome>,
    at: Option<Timestamp>,
    unit_price: Option<i64>,
}

impl Store {
    /// What a friend was sent by `campaigns` campaigns launched before the one named, the latest
    /// first; campaigns they were not in do not appear.
    pub async fn sends_of_friend(
        &self,
        business: BusinessId,
        account: AccountId,
        number: UserNumber,
        before: Option<CampaignId>,
        campaigns: u32,
    ) -> Result<FriendSends, StoreError> {
        let mut asked = self
            .launched_before(business, account, number, before, campaigns + 1)
            .await?;
        let is_more = asked.len() > campaigns as usize;
        asked.truncate(campaigns as usize);
        let next = asked.last().filter(|_| is_more).map(|asked| asked.id);
        let mut sends = Vec::new();
        for campaign in asked {
            let Some(found) = self.found_in(&campaign, number).await? else {
                continue;
            };
            let receipts = match found.outcome {
                Some(Outcome::Excluded(_) | Outcome::Cancelled) => SendReceipts::default(),
                _ => {
                    let told = self.receipts_of(business, campaign.id, &[number]).await?;
                    told.get(&number).copied().unwrap_or_default()
                }
            };
            let is_billed = found.outcome.is_some_and(Outcome::is_billable);
            let price = found.unit_price.filter(|_| is_billed);
            sends.push(FriendSend {
                campaign: campaign.id,
                name: campaign.name,
                is_test: campaign.kind == CampaignKind::Test,
                launched_at: campaign.launched_at,
                outcome: found.outcome,
                at: found.at,
                billed: price.map(|micro| Money::from_micro(micro, campaign.currency)),
                receipts,
            });
        }
        Ok(FriendSends { sends, next })
    }

    async fn launched_before(
        &self,
        business: BusinessId,
        account: AccountId,
        number: UserNumber,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<Asked>, StoreError> {
        // Tests are many and of few: only those that were sent to this friend are looked into.
        let sql = "SELECT k.id AS id, k.month AS month, k.name AS name, k.kind AS kind,
                     k.launched_at AS launched_at, b.currency AS currency
                   FROM campaign k JOIN business b ON b.id = k.business
                   WHERE k.business = $1 AND k.account = $2
                     AND (k.kind = $3 OR (k.kind = $6 AND EXISTS (
                       SELECT 1 FROM user_list l JOIN user_list_entry e ON e.list = l.id
                       WHERE l.test_of = k.id AND e.number = $7)))
                     AND k.launched_at IS NOT NULL
                     AND ($4 IS NULL OR (k.launched_at, k.id) <
                       (SELECT launched_at, id FROM campaign WHERE id = $4 AND account = $2))
                   ORDER BY k.launched_at DESC, k.id DESC LIMIT $5";
        let before = before.map(|id| id.as_bytes().to_vec());
        let bound = values![
            business,
            account,
            CampaignKind::Broadcast.code(),
            before,
            limit,
            CampaignKind::Test.code(),
            number.0,
        ];
        let rows = row::all(self.reader(), "campaign", sql, bound).await?;
        let asked = |row: &Row| {
            Ok(Asked {
                id: row.id("id")?,
                month: row.get("month")?,
                name: row.get("name")?,
                kind: kind_of(row)?,
                launched_at: row.time("launched_at")?,
                currency: crate::ledger::currency(row)?,
            })
        };
        rows.iter().map(asked).collect()
    }

    /// What a campaign's record says of one friend; `None` where they were not in it.
    async fn found_in(
        &self,
        campaign: &Asked,
        number: UserNumber,
    ) -> Result<Option<Found>, StoreError> {
        let sql = "SELECT c.number AS number, c.round AS round, c.state AS state, c.size AS size,
                     c.cancelled AS cancelled, c.settled_at AS settled_at, c.numbers AS numbers,
                     c.outcomes AS outcomes, t.unit_price AS unit_price,
                     COALESCE(t.by_unit, 0) AS by_unit
                   FROM chunk c LEFT JOIN campaign_tariff t
                     ON t.campaign = c.campaign AND t.tariff = c.tariff
                   WHERE c.month = $1 AND c.campaign = $2
                     AND c.first_number <= $3 AND c.last_number >= $3 AND c.size > 0
                   ORDER BY c.round DESC, c.number";
        let bound = values![campaign.month, campaign.id, number.0];
        for row in row::all(self.reader(), "chunk", sql, bound).await? {
            let packed = row.packed_numbers("numbers")?;
            let numbers = unpack_numbers(&packed).map_err(|e| row.corrupt("numbers", e))?;
            let Ok(position) = numbers.binary_search(&number) else {
                continue;
            };
            let of = (campaign.month, campaign.id);
            let outcome = match outcome_at(&row, position)? {
                Some(settled) => Some(self.amended(of, &row, position, settled).await?),
                None => None,
            };
            let unit_price = match row.int::<u8>("by_unit")? {
                0 => row.get("unit_price")?,
                _ => self.captured_at(campaign, &row, position).await?,
            };
            return Ok(Some(Found {
                outcome,
                at: row.optional_time("settled_at")?,
                unit_price,
            }));
        }
        self.left_out_of(campaign, number).await
    }

    /// The price that a send was captured at, where that depends on those before it.
    async fn captured_at(
        &self,
        campaign: &Asked,
        chunk: &Row,
        position: usize,
    ) -> Result<Option<i64>, StoreError> {
        let (month, id) = (LaunchMonth::from_number(campaign.month), campaign.id);
        let month = month.map_err(|error| chunk.corrupt("month", error))?;
        let (number, round): (u64, u8) = (chunk.int("number")?, chunk.int("round")?);
        let mut before = 0;
        for earlier in 0..=position {
            let is_billable = outcome_at(chunk, earlier)?.is_some_and(Outcome::is_billable);
            match (earlier == position, is_billable) {
                (false, true) => before += 1,
                // An amendment's part is its position + 1.
                (true, false) => before = u32::MAX,
                _ => {}
            }
        }
        let snapshot = self.snapshot().await?;
        let captures = snapshot
            .captures_of(month, id, campaign.currency, (number, round))
            .await?;
        snapshot.end().await?;
        let part = position as u32 + 1;
        let capture = match before {
            u32::MAX => captures.iter().find(|capture| capture.part == part),
            before => capture_of(&captures, before),
        };
        Ok(capture.map(|capture| capture.unit_price.micro()))
    }

    /// What became later of a send that settled undecided; as it settled as long as nothing did.
    pub(crate) async fn amended(
        &self,
        (month, campaign): (i64, CampaignId),
        chunk: &Row,
        position: usize,
        settled: Outcome,
    ) -> Result<Outcome, StoreError> {
        if !settled.is_undecided() {
            return Ok(settled);
        }
        let sql = "SELECT outcome FROM amendment WHERE month = $1 AND campaign = $2
                     AND number = $3 AND round = $4 AND position = $5";
        let (number, round): (i64, i64) = (chunk.get("number")?, chunk.get("round")?);
        let bound = values![month, campaign, number, round, position as u64];
        let Some(row) = row::one(self.reader(), "amendment", sql, bound).await? else {
            return Ok(settled);
        };
        let code: u8 = row.int("outcome")?;
        Outcome::from_code(code).ok_or_else(|| row.corrupt("outcome", code))
    }

    /// The rule by which the freeze left somebody out.
    async fn left_out_of(
        &self,
        campaign: &Asked,
        number: UserNumber,
    ) -> Result<Option<Found>, StoreError> {
        let sql = "SELECT e.rule AS rule, e.bitmap AS bitmap, f.done_at AS done_at
                   FROM freeze_range f
                   JOIN exclusion e ON e.campaign = f.campaign AND e.range = f.range
                   WHERE f.campaign = $1 AND f.first_number <= $2 AND f.last_number >= $2
                   ORDER BY e.rule";
        let bound = values![campaign.id, number.0];
        for row in row::all(self.reader(), "exclusion", sql, bound).await? {
            let blob: Vec<u8> = row.get("bitmap")?;
            let numbers = RoaringBitmap::deserialize_from(&blob[..]);
            let numbers = numbers.map_err(|error| row.corrupt("bitmap", error))?;
            if numbers.contains(number.0) {
                let code: u8 = row.int("rule")?;
                let rule = RuleId::from_code(code).ok_or_else(|| row.corrupt("rule", code))?;
                return Ok(Some(Found {
                    outcome: Some(Outcome::Excluded(rule)),
                    at: row.optional_time("done_at")?,
                    unit_price: None,
                }));
            }
        }
        Ok(None)
    }
}

/// A recipient's outcome; `None` before the chunk is decided. Chunks that ended unsent were ended
/// in one statement that writes no outcomes: all cancelled.
fn outcome_at(row: &Row, position: usize) -> Result<Option<Outcome>, StoreError> {
    const TERMINAL_FROM: u8 = domain::chunk::ChunkState::TERMINAL_FROM;
    let size: u32 = row.int("size")?;
    let outcomes = row.optional_outcomes("outcomes")?;
    if let Some(blob) = outcomes {
        let outcomes = unpack_outcomes(&blob, size).map_err(|e| row.corrupt("outcomes", e))?;
        return Ok(outcomes.get(position).copied());
    }
    let is_over = row.int::<u8>("state")? >= TERMINAL_FROM && row.int::<u32>("cancelled")? == size;
    Ok(is_over.then_some(Outcome::Cancelled))
}
