//! Receipts: who opened, clicked, used a coupon or blocked after a campaign, when, and how many.
//!
//! A messenger tells them by the million within minutes. They are kept packed: a log entry per
//! request as it came, and what many requests add up to by blocks of user numbers, so that neither
//! a row nor a page of the database is written per person. Counting does not depend on the order
//! in which receipts come: of several of one person the earliest says when.

mod pack;

use std::collections::BTreeMap;
use std::time::Duration;

use roaring::RoaringBitmap;

use crate::time::Timestamp;
use crate::user::UserNumber;

pub use pack::{pack_people, pack_receipts, unpack_people, unpack_receipts};

/// User numbers whose times stand in one packed block.
pub const BLOCK_NUMBERS: u32 = 1_024;
/// So long after launch the course of receipts is kept by the minute, later by the hour.
pub const BY_THE_MINUTE: Duration = Duration::from_secs(6 * 3_600);
const BY_THE_MINUTE_SECONDS: u32 = BY_THE_MINUTE.as_secs() as u32;
pub const MINUTE_SECONDS: u32 = 60;
pub const HOUR_SECONDS: u32 = 3_600;
/// A friend who blocks so soon after a campaign reached them counts as its loss.
pub const BLOCKED_AFTERWARDS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What somebody did with a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReceiptKind {
    Opened,
    Clicked,
    Blocked,
    CouponUsed,
}

impl ReceiptKind {
    pub const ALL: [ReceiptKind; 4] =
        [Self::Opened, Self::Clicked, Self::Blocked, Self::CouponUsed];

    /// What is stored: stable for years.
    pub const fn code(self) -> u8 {
        match self {
            Self::Opened => 1,
            Self::Clicked => 2,
            Self::Blocked => 3,
            Self::CouponUsed => 4,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One thing one person did. The order is the one they are packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt {
    pub number: UserNumber,
    pub kind: ReceiptKind,
    /// The place of the link among its campaign's links; of a click only.
    pub link: Option<u32>,
    /// Seconds since the campaign's [`epoch`].
    pub second: u32,
}

/// What the seconds of a campaign's receipts count from: the minute of its launch.
pub fn epoch(launched_at: Timestamp) -> Timestamp {
    let minute = i64::from(MINUTE_SECONDS) * 1_000;
    Timestamp::from_millis(launched_at.as_millis().div_euclid(minute) * minute)
}

/// Seconds from the epoch to `at`. A messenger's clock that runs behind does not put a receipt
/// before the launch.
pub fn second_of(epoch: Timestamp, at: Timestamp) -> u32 {
    u32::try_from(at.since(epoch).as_secs()).unwrap_or(u32::MAX)
}

pub fn at_second(epoch: Timestamp, second: u32) -> Timestamp {
    epoch + Duration::from_secs(u64::from(second))
}

/// The stretch of time a receipt is counted in, by its first second.
pub fn bucket_of(second: u32) -> u32 {
    let length = match second < BY_THE_MINUTE_SECONDS {
        true => MINUTE_SECONDS,
        false => HOUR_SECONDS,
    };
    second - second % length
}

pub fn block_of(number: UserNumber) -> u32 {
    number.0 / BLOCK_NUMBERS
}

/// When one person did each kind of thing first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times([Option<u32>; ReceiptKind::ALL.len()]);

impl Times {
    pub const fn first(&self, kind: ReceiptKind) -> Option<u32> {
        self.0[kind as usize]
    }

    fn first_mut(&mut self, kind: ReceiptKind) -> &mut Option<u32> {
        &mut self.0[kind as usize]
    }
}

/// The people of one block who did anything, by rising number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People(Vec<(UserNumber, Times)>);

impl People {
    pub fn of(&self, number: UserNumber) -> Option<&Times> {
        let place = self.0.binary_search_by_key(&number, |(number, _)| *number);
        place.ok().map(|place| &self.0[place].1)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(UserNumber, Times)> {
        self.0.iter()
    }

    fn entry(&mut self, number: UserNumber) -> &mut Times {
        let place = self.0.binary_search_by_key(&number, |(number, _)| *number);
        let place = place.unwrap_or_else(|place| {
            self.0.insert(place, (number, Times::default()));
            place
        });
        &mut self.0[place].1
    }
}

/// How many people, and how often altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    pub people: u64,
    pub total: u64,
}

/// Who clicked one link.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clickers {
    pub total: u64,
    pub numbers: RoaringBitmap,
}

/// What receipts of one campaign add up to. It need not hold all of the campaign: those blocks and
/// links have to be there that the receipts which are added touch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    pub sums: BTreeMap<ReceiptKind, Sum>,
    pub links: BTreeMap<u32, Clickers>,
    /// People by kind and by the bucket of their first; what is added may take from one.
    pub buckets: BTreeMap<(ReceiptKind, u32), i64>,
    pub people: BTreeMap<u32, People>,
}

impl Figures {
    pub fn sum(&self, kind: ReceiptKind) -> Sum {
        self.sums.get(&kind).copied().unwrap_or_default()
    }

    pub fn add(&mut self, receipt: Receipt) {
        let Receipt {
            number,
            kind,
            link,
            second,
        } = receipt;
        let sum = self.sums.entry(kind).or_default();
        sum.total += 1;
        let people = self.people.entry(block_of(number)).or_default();
        let first = people.entry(number).first_mut(kind);
        let before = *first;
        if before.is_none() {
            sum.people += 1;
        }
        if before.is_none_or(|before| second < before) {
            *first = Some(second);
            *self.buckets.entry((kind, bucket_of(second))).or_default() += 1;
            if let Some(before) = before {
                *self.buckets.entry((kind, bucket_of(before))).or_default() -= 1;
            }
        }
        if let Some(link) = link {
            let clickers = self.links.entry(link).or_default();
            clickers.total += 1;
            clickers.numbers.insert(number.0);
        }
    }
}

#[cfg(test)]
mod tests;
