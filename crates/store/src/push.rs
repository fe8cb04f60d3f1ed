//! Pushes by their keys: of which campaign, to whom, with which links. What receipts are read by.
//!
//! A key is written when its chunk is claimed, before the first byte of its push: whatever a
//! messenger tells of a push finds it.

use std::collections::HashMap;

use domain::campaign::CampaignKind;
use domain::chunk::{ChunkId, ChunkState};
use domain::codec;
use domain::freeze::{CHUNKS_PER_RANGE, FreezePlan};
use domain::id::{AccountId, CampaignId, LinkId};
use domain::outcome::Outcome;
use domain::push::PushKey;
use domain::receipt::{self, BLOCKED_AFTERWARDS};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use sea_orm::Value;

use crate::receipt::CampaignLink;
use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// Broadcasts looked at for the last that reached somebody.
const BROADCASTS_MAX: u64 = 8;

/// What one key sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    pub campaign: CampaignId,
    /// What its receipts are counted under as well, where its request named a unit.
    pub unit: Option<CampaignId>,
    /// The recipients of its chunk, rising.
    numbers: Vec<UserNumber>,
}

/// What receipts need to know of a campaign; it stays the same after the launch, but for the links
/// of a standing one, which come with its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedCampaign {
    pub account: AccountId,
    pub epoch: Timestamp,
    /// Their places.
    pub links: HashMap<LinkId, u32>,
}

/// A campaign that reached somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    pub campaign: CampaignId,
    pub epoch: Timestamp,
}

impl Push {
    pub fn has(&self, number: UserNumber) -> bool {
        self.numbers.binary_search(&number).is_ok()
    }
}

impl Store {
    /// The pushes of these keys; keys of no push are missing from the answer.
    pub async fn pushes(&self, keys: &[PushKey]) -> Result<HashMap<PushKey, Push>, StoreError> {
        let items: Vec<Value> = keys
            .iter()
            .map(|key| Value::from(key.as_bytes().to_vec()))
            .collect();
        let sql = "SELECT k.push_key AS push_key, k.campaign AS campaign, c.numbers AS numbers,
                     q.counted_under AS unit
                   FROM chunk_key k JOIN chunk c ON c.month = k.month AND c.campaign = k.campaign
                     AND c.number = k.number AND c.round = k.round
                     LEFT JOIN api_request q ON q.id = c.request
                   WHERE k.push_key IN";
        let rows = bulk::look_up(self.reader(), "chunk_key", [sql, ""], &[], &items).await?;
        rows.iter().map(push).collect()
    }

    pub async fn pushed_campaign(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<PushedCampaign>, StoreError> {
        let sql = "SELECT account, launched_at FROM campaign
                   WHERE id = $1 AND launched_at IS NOT NULL";
        let Some(row) = row::one(self.reader(), "campaign", sql, values![campaign]).await? else {
            return Ok(None);
        };
        let links = crate::receipt::links(self.reader(), campaign).await?;
        Ok(Some(PushedCampaign {
            account: row.id("account")?,
            epoch: receipt::epoch(row.time("launched_at")?),
            links: links.iter().map(|link| (link.id, link.place)).collect(),
        }))
    }

    /// The numbers of the users that are known.
    pub async fn user_numbers(
        &self,
        keys: &[&UserKey],
    ) -> Result<HashMap<UserKey, UserNumber>, StoreError> {
        crate::user::known(self.reader(), keys).await
    }

    /// For each of these people the broadcast of the account that was the last to reach them before
    /// the moment, where there was one within [`BLOCKED_AFTERWARDS`].
    pub async fn last_that_reached(
        &self,
        account: AccountId,
        people: &[(UserNumber, Timestamp)],
    ) -> Result<Vec<Option<Reached>>, StoreError> {
        let moments = people.iter().map(|(_, at)| *at);
        let (Some(first), Some(last)) = (moments.clone().min(), moments.max()) else {
            return Ok(Vec::new());
        };
        let sql = "SELECT id, month, launched_at, highest_number, chunk_size FROM campaign
                   WHERE account = $1 AND kind = $2 AND launched_at BETWEEN $3 AND $4
                   ORDER BY launched_at DESC LIMIT $5";
        let kind = CampaignKind::Broadcast.code();
        let bound = values![
            account,
            kind,
            first - BLOCKED_AFTERWARDS,
            last,
            BROADCASTS_MAX
        ];
        let rows = row::all(self.reader(), "campaign", sql, bound).await?;
        let broadcasts: Vec<Broadcast> = rows.iter().map(broadcast).collect::<Result<_, _>>()?;
        let mut found = Vec::with_capacity(people.len());
        for (number, at) in people {
            found.push(self.last_of(&broadcasts, *number, *at).await?);
        }
        Ok(found)
    }

    async fn last_of(
        &self,
        broadcasts: &[Broadcast],
        number: UserNumber,
        at: Timestamp,
    ) -> Result<Option<Reached>, StoreError> {
        for broadcast in broadcasts {
            let since = at - BLOCKED_AFTERWARDS;
            let is_near = broadcast.launched_at <= at && broadcast.launched_at >= since;
            if is_near && self.has_reached(broadcast, number).await? {
                return Ok(Some(Reached {
                    campaign: broadcast.id,
                    epoch: receipt::epoch(broadcast.launched_at),
                }));
            }
        }
        Ok(None)
    }

    /// Whether a push went to somebody, or may have gone: a place in a chunk alone is none.
    async fn has_reached(
        &self,
        broadcast: &Broadcast,
        number: UserNumber,
    ) -> Result<bool, StoreError> {
        let range = broadcast
            .plan
            .ranges()
            .find(|range| (range.first..=range.last).contains(&number));
        let Some(range) = range else {
            return Ok(false);
        };
        let sql = "SELECT number, round, state, tainted, size, numbers, outcomes FROM chunk
                   WHERE month = $1 AND campaign = $2 AND number >= $3 AND number < $4
                     AND first_number <= $5 AND last_number >= $5";
        let begin = u64::from(range.index) * CHUNKS_PER_RANGE;
        let end = begin + CHUNKS_PER_RANGE;
        let bound = values![broadcast.month, broadcast.id, begin, end, number.0];
        for row in row::all(self.reader(), "chunk", sql, bound).await? {
            let numbers = numbers(&row)?;
            let Ok(position) = numbers.binary_search(&number) else {
                continue;
            };
            let Some(blob) = row.optional_outcomes("outcomes")? else {
                if may_have_gone(&row)? {
                    return Ok(true);
                }
                continue;
            };
            let outcomes = codec::unpack_outcomes(&blob, row.int("size")?)
                .map_err(|error| row.corrupt("outcomes", error))?;
            let Some(settled) = outcomes.get(position).copied() else {
                continue;
            };
            let sent_by = (i64::from(broadcast.month), broadcast.id);
            let outcome = self.amended(sent_by, &row, position, settled).await?;
            use Outcome::{Accepted, Confirmed, Uncertain, Unconfirmed, WrittenOff};
            match (outcome, settled) {
                (Accepted | Confirmed | Uncertain | Unconfirmed, _) => return Ok(true),
                // Not billed, and accepted all the same.
                (WrittenOff, Unconfirmed) => return Ok(true),
                _ => {}
            }
        }
        Ok(false)
    }
}

impl Write {
    /// The links of what a campaign sends, behind those it has.
    pub async fn add_links(
        &mut self,
        campaign: CampaignId,
        links: &[CampaignLink],
    ) -> Result<(), StoreError> {
        // The last place and not a count: a day of API sending has a link for every request.
        let sql = "SELECT COALESCE(MAX(place) + 1, 0) AS links FROM link WHERE campaign = $1";
        let row = row::one(self.connection(), "link", sql, values![campaign]).await?;
        let there: u32 = row.map_or(Ok(0), |row| row.int("links"))?;
        let rows = links.iter().map(|link| {
            values![
                campaign,
                there + link.place,
                link.id,
                link.message,
                link.path.as_str(),
                link.url.as_str(),
                link.label.as_str(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO link (campaign, place, id, message, path, url, label)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }
}

/// Notes by which keys a chunk is pushed, before it is.
pub(crate) async fn note_keys(
    write: &Write,
    id: ChunkId,
    size: u32,
    batch_max: u32,
) -> Result<(), StoreError> {
    let whole = PushKey::of(&id);
    let parts: Vec<(PushKey, u32)> = match size <= batch_max {
        true => vec![(whole, 0)],
        false => (0..size)
            .step_by(batch_max.max(1) as usize)
            .map(|first| (whole.part(first), first))
            .collect(),
    };
    let month = id.month.number();
    let rows = parts.into_iter().map(|(key, first)| {
        values![
            *key.as_bytes(),
            month,
            id.campaign,
            id.number,
            id.round,
            first
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = "INSERT INTO chunk_key (push_key, month, campaign, number, round, first_position)";
    bulk::insert(write.connection(), head, "ON CONFLICT DO NOTHING", rows).await?;
    Ok(())
}

struct Broadcast {
    id: CampaignId,
    month: u16,
    launched_at: Timestamp,
    plan: FreezePlan,
}

/// Of a chunk without outcomes: being sent, or sent with an end that nobody knows. One that waits
/// sent nothing, and one that was cancelled or ran out neither.
fn may_have_gone(chunk: &Row) -> Result<bool, StoreError> {
    let code: u8 = chunk.int("state")?;
    let state = ChunkState::from_code(code).ok_or_else(|| chunk.corrupt("state", code))?;
    let is_tainted = chunk.int::<i64>("tainted")? != 0;
    use ChunkState::{Cancelled, Expired, Ready, Rejected, Sending};
    Ok(match state {
        Sending => true,
        Ready | Cancelled | Expired | Rejected => false,
        _ => is_tainted,
    })
}

fn broadcast(row: &Row) -> Result<Broadcast, StoreError> {
    let highest = UserNumber(row.int("highest_number")?);
    Ok(Broadcast {
        id: row.id("id")?,
        month: row.int("month")?,
        launched_at: row.time("launched_at")?,
        plan: FreezePlan::of(highest, row.int("chunk_size")?),
    })
}

fn push(row: &Row) -> Result<(PushKey, Push), StoreError> {
    let mut numbers = numbers(row)?;
    // Those of a request of API sending may come in any order.
    if !numbers.is_sorted() {
        numbers.sort_unstable();
    }
    let campaign = row.id("campaign")?;
    let key = PushKey::from_bytes(row.bytes("push_key")?);
    let push = Push {
        campaign,
        unit: row.optional_id("unit")?,
        numbers,
    };
    Ok((key, push))
}

fn numbers(row: &Row) -> Result<Vec<UserNumber>, StoreError> {
    let blob = row.packed_numbers("numbers")?;
    codec::unpack_numbers(&blob).map_err(|error| row.corrupt("numbers", error))
}
