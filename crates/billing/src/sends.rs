//! Sends looked for, a page at a time: by what became of them, why, what the friend did afterwards,
//! or by friend.
//!
//! A page looks into the chunks that may hold what is looked for, so many and no more, and says
//! where to go on: a rare thing in ten million sends takes several pages, never a long one.

mod filter; // what is looked for

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use domain::chunk::{ChunkId, ChunkState};
use domain::id::{BusinessId, CampaignId, UserId};
use domain::outcome::Outcome;
use domain::price::Tariff;
use domain::rule::RuleId;
use domain::time::Timestamp;
use domain::user::UserNumber;
use store::report::{RecordedCampaign, RecordedExclusion};
use store::sends::ChunkPlace;
use store::{Snapshot, Store, StoreError};

use crate::BillingError;
use crate::send::{Captured, ChunkOnPage, RecordedSend, chunks_of};

pub(crate) use filter::Sieve;
pub use filter::{Afterwards, Became, SendFilter};

/// Lines of a page.
pub const LINES_PER_PAGE: usize = 50;
/// Chunks that are looked into for one page: 64,000 sends.
const CHUNKS_READ_MAX: usize = 64;
/// Ranges of those left out that are looked into for one page.
const RANGES_READ_MAX: usize = 16;
/// Chunks whose counts are read at once.
const PLACES_PER_QUERY: u32 = 2_000;

/// A place in the order of a campaign's lines: the last that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cursor {
    Chunk {
        number: u64,
        round: u8,
        position: u32,
    },
    /// Of those whom the freeze left out, who come last.
    LeftOut { range: u32, rule: u8, number: u32 },
}

/// One line: one recipient, with its last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendLine {
    pub place: Cursor,
    pub number: UserNumber,
    pub friend: UserId,
    pub at: Option<Timestamp>,
    /// `None` until its chunk is terminal.
    pub outcome: Option<Outcome>,
    pub captured: Option<Captured>,
    /// `None` of whom the freeze left out.
    pub chunk: Option<SendChunk>,
}

/// The chunk a line stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendChunk {
    pub id: ChunkId,
    pub state: Option<ChunkState>,
    pub tariff: Option<Tariff>,
    /// Of the frozen body.
    pub message: Vec<u8>,
    /// Of everything that was pushed, in order.
    pub content_hash: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendsPage {
    pub lines: Vec<SendLine>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
    /// It is short because enough was searched, not because there is no more.
    pub is_cut_short: bool,
}

/// The lines after a place that a filter admits, as of one commit.
pub async fn page(
    store: &Store,
    business: BusinessId,
    campaign: CampaignId,
    filter: SendFilter,
    after: Option<Cursor>,
) -> Result<SendsPage, BillingError> {
    let snapshot = store.snapshot().await?;
    let campaign = snapshot.recorded_campaign(business, campaign).await?;
    let sieve = Sieve::of(&snapshot, campaign.id, filter).await?;
    let mut search = Search {
        snapshot: &snapshot,
        campaign: &campaign,
        sieve: &sieve,
        after,
        found: Vec::new(),
        go_on_after: None,
    };
    search.run().await?;
    let page = search.finish().await?;
    snapshot.end().await?;
    Ok(page)
}

impl Cursor {
    /// Before everything of a chunk number.
    const fn before(number: u64) -> Option<Self> {
        match number {
            0 => None,
            _ => Some(Self::Chunk {
                number: number - 1,
                round: u8::MAX,
                position: u32::MAX,
            }),
        }
    }
}

/// `131072.0.17`, or `x3.1.70512` among those left out.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk {
                number,
                round,
                position,
            } => write!(f, "{number}.{round}.{position}"),
            Self::LeftOut {
                range,
                rule,
                number,
            } => write!(f, "x{range}.{rule}.{number}"),
        }
    }
}

/// Not a place of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such place in the sends")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (is_left_out, numbers) = match text.strip_prefix('x') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut parts = numbers.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u64>().ok()).flatten()
        });
        let mut next = || parts.next().flatten().ok_or(InvalidCursor);
        let (first, second, third) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(InvalidCursor);
        }
        let second = u8::try_from(second).map_err(|_| InvalidCursor)?;
        let third = u32::try_from(third).map_err(|_| InvalidCursor)?;
        Ok(match is_left_out {
            false => Self::Chunk {
                number: first,
                round: second,
                position: third,
            },
            true => Self::LeftOut {
                range: u32::try_from(first).map_err(|_| InvalidCursor)?,
                rule: second,
                number: third,
            },
        })
    }
}

/// A line whose friend's public id is not known yet.
struct Found {
    place: Cursor,
    send: RecordedSend,
    chunk: Option<SendChunk>,
}

struct Search<'a> {
    snapshot: &'a Snapshot,
    campaign: &'a RecordedCampaign,
    sieve: &'a Sieve,
    after: Option<Cursor>,
    found: Vec<Found>,
    /// Set when enough was searched for one page.
    go_on_after: Option<Cursor>,
}

impl Search<'_> {
    async fn run(&mut self) -> Result<(), BillingError> {
        if !matches!(self.after, Some(Cursor::LeftOut { .. })) {
            self.chunks().await?;
        }
        let is_over = self.is_full() || self.go_on_after.is_some();
        if !is_over && self.sieve.admits_left_out() {
            match self.sieve.filter.friend {
                Some(friend) => self.left_out_friend(friend).await?,
                None => self.left_out().await?,
            }
        }
        Ok(())
    }

    /// One more than a page shows says that there is a next page.
    fn is_full(&self) -> bool {
        self.found.len() > LINES_PER_PAGE
    }

    async fn chunks(&mut self) -> Result<(), BillingError> {
        let (Some(month), id) = (self.campaign.month, self.campaign.id) else {
            return Ok(());
        };
        let mut from = match self.after {
            Some(Cursor::Chunk { number, .. }) => number,
            _ => 0,
        };
        let holds = self.sieve.holds();
        let mut read = 0;
        loop {
            let places = self
                .snapshot
                .chunk_places(month, id, from, holds, PLACES_PER_QUERY)
                .await?;
            let is_last = places.len() < PLACES_PER_QUERY as usize;
            for number in self.candidates(&places) {
                if read == CHUNKS_READ_MAX {
                    self.go_on_after = Cursor::before(number);
                    return Ok(());
                }
                read += 1;
                self.look_into(number).await?;
                if self.is_full() {
                    return Ok(());
                }
            }
            match places.last() {
                Some(last) if !is_last => from = last.number + 1,
                _ => return Ok(()),
            }
        }
    }

    /// Numbers whose chunks may hold somebody; rounds of one number are looked into together. The
    /// last number of a page of places counts whatever it holds: its other rounds may be cut off.
    fn candidates(&self, places: &[ChunkPlace]) -> Vec<u64> {
        let is_cut_off = places.len() == PLACES_PER_QUERY as usize;
        let last = places.last().filter(|_| is_cut_off).map(|last| last.number);
        let may_be = places
            .iter()
            .filter(|place| Some(place.number) == last || self.sieve.may_be_in(place));
        let mut numbers: Vec<u64> = may_be.map(|place| place.number).collect();
        numbers.dedup();
        numbers
    }

    async fn look_into(&mut self, number: u64) -> Result<(), BillingError> {
        let Some(month) = self.campaign.month else {
            return Ok(());
        };
        let (id, currency) = (self.campaign.id, self.campaign.currency);
        let page = self
            .snapshot
            .record_page(month, id, currency, number.checked_sub(1), 1)
            .await?;
        for chunk in chunks_of(&page) {
            let sends = chunk.sends().map_err(|error| StoreError::Corrupt {
                table: "chunk",
                column: "outcomes",
                why: format!("{}: {error}", chunk.record.id),
            })?;
            for send in sends {
                let place = Cursor::Chunk {
                    number,
                    round: chunk.record.id.round,
                    position: send.position,
                };
                // Who moved has a line in a later round.
                let is_line = send.outcome != Some(Outcome::Moved) && self.is_new(place);
                if is_line && self.sieve.admits(send.number, send.outcome) {
                    self.found.push(Found {
                        place,
                        send,
                        chunk: Some(SendChunk::of(&chunk)),
                    });
                    if self.is_full() {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    fn is_new(&self, place: Cursor) -> bool {
        self.after.is_none_or(|after| place > after)
    }

    async fn left_out(&mut self) -> Result<(), BillingError> {
        let wanted = match self.sieve.filter.reason {
            Some(Outcome::Excluded(rule)) => Some(rule),
            _ => None,
        };
        if let Some(rule) = wanted {
            let sums = self.snapshot.exclusion_sums(self.campaign.id).await?;
            if !sums.iter().any(|(code, _)| *code == rule.code()) {
                return Ok(());
            }
        }
        let mut after = match self.after {
            Some(Cursor::LeftOut { range, .. }) => range.checked_sub(1),
            _ => None,
        };
        for _ in 0..RANGES_READ_MAX {
            let records = self.snapshot.exclusion_page(self.campaign.id, after);
            let records = records.await?;
            let Some(first) = records.first() else {
                return Ok(());
            };
            after = Some(first.range);
            for record in &records {
                if wanted.is_none_or(|rule| rule.code() == record.rule) {
                    self.left_out_in(record)?;
                }
                if self.is_full() {
                    return Ok(());
                }
            }
        }
        self.go_on_after = after.map(|range| Cursor::LeftOut {
            range,
            rule: u8::MAX,
            number: u32::MAX,
        });
        Ok(())
    }

    fn left_out_in(&mut self, record: &RecordedExclusion) -> Result<(), StoreError> {
        for number in &record.numbers()? {
            let place = Cursor::LeftOut {
                range: record.range,
                rule: record.rule,
                number,
            };
            if self.is_new(place) {
                self.push_left_out(place, record.rule, record.at)?;
            }
            if self.is_full() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn left_out_friend(&mut self, friend: UserNumber) -> Result<(), BillingError> {
        let found = self.snapshot.exclusion_of(self.campaign.id, friend).await?;
        let Some((range, rule, at)) = found else {
            return Ok(());
        };
        let place = Cursor::LeftOut {
            range,
            rule,
            number: friend.0,
        };
        let outcome = RuleId::from_code(rule).map(Outcome::Excluded);
        if self.is_new(place) && self.sieve.admits(friend, outcome) {
            self.push_left_out(place, rule, Some(at))?;
        }
        Ok(())
    }

    fn push_left_out(
        &mut self,
        place: Cursor,
        rule: u8,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let Cursor::LeftOut { number, .. } = place else {
            return Ok(());
        };
        let rule = RuleId::from_code(rule).ok_or_else(|| StoreError::Corrupt {
            table: "exclusion",
            column: "rule",
            why: rule.to_string(),
        })?;
        self.found.push(Found {
            place,
            send: RecordedSend {
                position: 0,
                number: UserNumber(number),
                outcome: Some(Outcome::Excluded(rule)),
                at,
                captured: None,
            },
            chunk: None,
        });
        Ok(())
    }

    async fn finish(mut self) -> Result<SendsPage, BillingError> {
        let is_full = self.is_full();
        self.found.truncate(LINES_PER_PAGE);
        let next = match is_full {
            true => self.found.last().map(|line| line.place),
            false => self.go_on_after,
        };
        let mut numbers: Vec<u32> = self.found.iter().map(|line| line.send.number.0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let ids = self.snapshot.user_ids(&numbers).await?;
        let ids: BTreeMap<u32, UserId> = numbers.into_iter().zip(ids).collect();
        let lines = self.found.into_iter().filter_map(|found| {
            // `user_ids` refuses to leave anybody out.
            let friend = *ids.get(&found.send.number.0)?;
            Some(SendLine {
                place: found.place,
                number: found.send.number,
                friend,
                at: found.send.at,
                outcome: found.send.outcome,
                captured: found.send.captured,
                chunk: found.chunk,
            })
        });
        Ok(SendsPage {
            lines: lines.collect(),
            next,
            is_cut_short: !is_full && next.is_some(),
        })
    }
}

impl SendChunk {
    fn of(chunk: &ChunkOnPage<'_>) -> Self {
        Self {
            id: chunk.record.id,
            state: chunk.record.known_state(),
            tariff: Tariff::from_code(chunk.record.tariff),
            message: chunk.record.message.clone(),
            content_hash: chunk.record.content_hash.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        let chunk = Cursor::Chunk {
            number: 131_072,
            round: 1,
            position: 17,
        };
        let left_out = Cursor::LeftOut {
            range: 3,
            rule: 1,
            number: 70_512,
        };
        for place in [chunk, left_out] {
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert!(chunk < left_out);
        let wrong = [
            "",
            "x",
            "1",
            "1.2",
            "1.2.3.4",
            "1.256.3",
            "1.2.4294967296",
            "-1.0.0",
            "1.+2.3",
            "1..3",
            "x4294967296.1.1",
            "xx1.1.1",
            "1.1.1 ",
            "99999999999999999999.0.0",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
