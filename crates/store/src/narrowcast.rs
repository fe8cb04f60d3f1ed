//! Narrowcasts: how far one is, why one was given up, and whom a campaign was sent to, kept so that
//! an audience can name it.
//!
//! The record has its recipients packed, chunk by chunk, where no condition of a statement finds
//! them. So whom a campaign was sent to is written down once more, by words of 64 user numbers,
//! when somebody first aims at it, and stays.

use std::collections::{BTreeMap, HashSet};

use domain::chunk::ChunkState;
use domain::codec::{unpack_numbers, unpack_outcomes};
use domain::id::{AccountId, CampaignId, RequestId};
use domain::narrowcast::progress::Failure;
use domain::outcome::Outcome;
use domain::time::{LaunchMonth, Timestamp};
use roaring::RoaringBitmap;

use crate::campaign::{self, Campaign};
use crate::contract::coded;
use crate::row::{self, Row, values};
use crate::standing::{AcceptedRequest, REQUEST, request};
use crate::{Snapshot, Store, StoreError, Write, bulk};

/// Chunks read at once, of up to a thousand recipients each.
const CHUNKS_AT_ONCE: u32 = 500;
/// User numbers in one word.
const WORD_NUMBERS: u32 = 64;

/// A request whose recipients are those of a campaign of its own.
#[derive(Debug, Clone)]
pub struct OwnCampaign {
    pub request: AcceptedRequest,
    pub campaign: Campaign,
    /// When the last send of it was recorded.
    pub closing_at: Option<Timestamp>,
    pub was_cancelled: bool,
    /// Why it was given up before its launch.
    pub failure: Option<Failure>,
    pub sent: SentSoFar,
}

/// People of a campaign, counted by what became of them. Who is undecided is in neither of the last
/// two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentSoFar {
    /// Somebody's turn has come.
    pub has_begun: bool,
    /// Whom it is for: granted, or frozen once the freeze has ended.
    pub targets: u64,
    pub delivered: u64,
    pub undelivered: u64,
}

impl Write {
    /// Notes why a narrowcast was given up.
    pub async fn note_failure(
        &mut self,
        account: AccountId,
        request: RequestId,
        failure: Failure,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO narrowcast_failure (request, account, code) VALUES ($1, $2, $3)";
        row::execute(
            self.connection(),
            sql,
            values![request, account, failure.code()],
        )
        .await?;
        Ok(())
    }

    /// Keeps whom a campaign was sent to; what is kept already stays.
    pub async fn keep_sent(
        &mut self,
        account: AccountId,
        campaign: CampaignId,
        people: &RoaringBitmap,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO campaign_sent (campaign, account, people, made_at)
                   VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let bound = values![campaign, account, people.len(), now];
        if row::execute(self.connection(), sql, bound).await? == 0 {
            return Ok(());
        }
        let rows = words(people)
            .into_iter()
            .map(|(word, bits)| values![account, campaign, word, bits.cast_signed()]);
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO campaign_sent_member (account, campaign, word, bits)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }

    /// Whether it is kept whom a campaign of the account was sent to.
    pub async fn is_sent_kept(
        &mut self,
        account: AccountId,
        campaign: CampaignId,
    ) -> Result<bool, StoreError> {
        is_sent_kept(self.connection(), account, campaign).await
    }
}

impl Store {
    /// The same, read beside whatever is written.
    pub async fn is_sent_kept(
        &self,
        account: AccountId,
        campaign: CampaignId,
    ) -> Result<bool, StoreError> {
        is_sent_kept(self.reader(), account, campaign).await
    }
}

impl Snapshot {
    /// A request of the account by the id it was answered with, with the campaign it made.
    pub async fn own_campaign(
        &self,
        account: AccountId,
        id: RequestId,
    ) -> Result<Option<OwnCampaign>, StoreError> {
        let sql = format!("{REQUEST} account = $1 AND id = $2");
        let row = row::one(self.connection(), "api_request", &sql, values![account, id]).await?;
        let Some(row) = row else { return Ok(None) };
        let request = request(&row)?;
        let campaign = campaign::find(self.connection(), request.campaign).await?;
        let sql = "SELECT closing_at FROM campaign WHERE id = $1";
        let row = row::one(self.connection(), "campaign", sql, values![campaign.id]).await?;
        let closing_at = row.map_or(Ok(None), |row| row.optional_time("closing_at"))?;
        let sql = "SELECT code FROM narrowcast_failure WHERE request = $1";
        let row = row::one(self.connection(), "narrowcast_failure", sql, values![id]).await?;
        let failure = row.map(|row| coded(&row, "code", Failure::from_code));
        Ok(Some(OwnCampaign {
            closing_at,
            was_cancelled: self.was_cancelled(campaign.id).await?,
            failure: failure.transpose()?,
            sent: self.sent_so_far(&campaign).await?,
            request,
            campaign,
        }))
    }

    async fn sent_so_far(&self, campaign: &Campaign) -> Result<SentSoFar, StoreError> {
        let Some(launch) = campaign.launch else {
            return Ok(SentSoFar::default());
        };
        let begun = format!("state <> {}", ChunkState::Ready.code());
        let sql = format!(
            "SELECT {} AS begun, {} FROM chunk WHERE month = $1 AND campaign = $2",
            row::sum_where(&begun, "1"),
            row::sums(&["accepted", "failed", "excluded", "cancelled"]),
        );
        let bound = || values![launch.month.number(), campaign.id];
        let row = row::one(self.connection(), "chunk", &sql, bound()).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("chunks".into()))?;
        let sql = format!(
            "SELECT COUNT(*) AS decided, {} AS confirmed FROM amendment a
             JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign
               AND c.number = a.number AND c.round = a.round
             WHERE a.month = $1 AND a.campaign = $2 AND c.state >= 10",
            row::sum_where("a.outcome = 2", "1"),
        );
        let later = row::one(self.connection(), "amendment", &sql, bound()).await?;
        let later = later.ok_or_else(|| StoreError::NotFound("amendments".into()))?;
        let (decided, confirmed): (u64, u64) = (later.int("decided")?, later.int("confirmed")?);
        let tariffs = campaign::tariffs(self.connection(), campaign.id).await?;
        let unsent: u64 = row.int::<u64>("failed")? + row.int::<u64>("excluded")?;
        Ok(SentSoFar {
            has_begun: row.int::<u64>("begun")? > 0,
            targets: tariffs.iter().map(|tariff| tariff.granted).sum(),
            delivered: row.int::<u64>("accepted")? + confirmed,
            undelivered: unsent + row.int::<u64>("cancelled")? + decided - confirmed,
        })
    }

    /// Whom a campaign was sent to: whoever the messenger accepted, confirmed or not, at once or
    /// later.
    pub async fn people_sent(&self, campaign: &Campaign) -> Result<RoaringBitmap, StoreError> {
        let mut people = RoaringBitmap::new();
        let Some(launch) = campaign.launch else {
            return Ok(people);
        };
        let sql = "SELECT number, round, size, numbers, outcomes FROM chunk
                   WHERE month = $1 AND campaign = $2 AND (number, round) > ($3, $4)
                     AND state >= 10 AND outcomes IS NOT NULL
                   ORDER BY number, round LIMIT $5";
        // Numbers begin at 0, and `>` has to let the first one in.
        let (mut number, mut round) = (-1_i64, 0_i64);
        loop {
            let month = launch.month.number();
            let bound = values![month, campaign.id, number, round, CHUNKS_AT_ONCE];
            let rows = row::all(self.connection(), "chunk", sql, bound).await?;
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
                return Ok(people);
            };
            let numbers = (first.get("number")?, last.get("number")?);
            (number, round) = (numbers.1, last.get("round")?);
            let mut unknown = BTreeMap::new();
            for row in &rows {
                add_sent(row, &mut people, &mut unknown)?;
            }
            if !unknown.is_empty() {
                let confirmed = self.confirmed(launch.month, campaign.id, numbers).await?;
                unknown.retain(|place, _| confirmed.contains(place));
                people.extend(unknown.into_values());
            }
        }
    }

    /// Places that the messenger confirmed later, of chunks between two numbers, both included.
    async fn confirmed(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        (first, last): (i64, i64),
    ) -> Result<HashSet<Place>, StoreError> {
        let sql = "SELECT number, round, position FROM amendment WHERE month = $1
                     AND campaign = $2 AND number BETWEEN $3 AND $4 AND outcome = $5";
        let outcome = Outcome::Confirmed.code();
        let bound = values![month.number(), campaign, first, last, outcome];
        let rows = row::all(self.connection(), "amendment", sql, bound).await?;
        let read = |row: &Row| Ok((row.int("number")?, row.int("round")?, row.int("position")?));
        rows.iter().map(read).collect()
    }
}

/// Number and round of a chunk, and a position in it.
type Place = (u64, u8, u32);

async fn is_sent_kept(
    connection: &impl sea_orm::ConnectionTrait,
    account: AccountId,
    campaign: CampaignId,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM campaign_sent WHERE campaign = $1 AND account = $2";
    let row = row::one(connection, "campaign_sent", sql, values![campaign, account]).await?;
    Ok(row.is_some())
}

/// Adds whom a chunk was sent to; of whom nobody knew it, the places.
fn add_sent(
    row: &Row,
    people: &mut RoaringBitmap,
    unknown: &mut BTreeMap<Place, u32>,
) -> Result<(), StoreError> {
    let (number, round): (u64, u8) = (row.int("number")?, row.int("round")?);
    let numbers = row.packed_numbers("numbers")?;
    let outcomes = row.packed_outcomes("outcomes")?;
    let numbers = unpack_numbers(&numbers).map_err(|error| row.corrupt("numbers", error))?;
    let outcomes = unpack_outcomes(&outcomes, row.int("size")?)
        .map_err(|error| row.corrupt("outcomes", error))?;
    for (position, (user, outcome)) in (0_u32..).zip(numbers.into_iter().zip(outcomes)) {
        match outcome {
            Outcome::Accepted | Outcome::Confirmed | Outcome::Unconfirmed => {
                people.insert(user.0);
            }
            Outcome::Uncertain => {
                unknown.insert((number, round, position), user.0);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Words of 64 numbers with anybody in them: bit `n` of word `w` is number `64 w + n`.
fn words(people: &RoaringBitmap) -> Vec<(u32, u64)> {
    let mut words: Vec<(u32, u64)> = Vec::new();
    for number in people {
        let (word, bit) = (number / WORD_NUMBERS, 1 << (number % WORD_NUMBERS));
        match words.last_mut() {
            Some((last, bits)) if *last == word => *bits |= bit,
            _ => words.push((word, bit)),
        }
    }
    words
}

#[cfg(test)]
mod tests;
