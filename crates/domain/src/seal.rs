//! The seal of a day: what was recorded on it as one hash, and where every ledger stood when it was
//! sealed.
//!
//! Owns: the canonical bytes of a recorded chunk, of a ledger's head and of a seal, which chunk
//! belongs to which day, and the chain of seals. Does not own: when a day is sealed, and the rows.
//! Invariants: what is sealed is never changed, so its bytes can be computed again for years; who
//! knows one seal's hash knows all before it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::chunk::ChunkId;
use crate::id::{BusinessId, LedgerTransactionId};
use crate::ledger::ChainHash;
use crate::merkle::{Tree, TreeHash};
use crate::money::Money;
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::user::UserNumber;

/// A day is sealed no sooner than this after its end: what settled on it is in the books by then,
/// because settles time out sooner, and a clock that is set right has been.
pub const SEAL_DELAY: Duration = Duration::from_secs(600);
const DAY_MS: i64 = 86_400_000;
/// The versions of the canonical bytes, their first byte.
const CHUNK_VERSION: u8 = 1;
const HEAD_VERSION: u8 = 1;
const SEAL_VERSION: u8 = 1;
/// Bytes of a chunk before its captures, and of each capture.
const CHUNK_BYTES: usize = 1 + ChunkId::BYTES + 1 + 1 + 4 + 32 + 32 + 8 + 32 + 4;
const CAPTURE_BYTES: usize = 4 + 16 + 4 + 3 + 8 + 8;

/// A day in UTC, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SealDay(i32);

impl SealDay {
    pub fn of(at: Timestamp) -> Self {
        // Timestamps of millions of years are none of ours.
        Self(i32::try_from(at.as_millis().div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    pub const fn number(self) -> i32 {
        self.0
    }

    pub const fn begin(self) -> Timestamp {
        Timestamp::from_millis(self.0 as i64 * DAY_MS)
    }

    /// The first instant of the day after.
    pub const fn end(self) -> Timestamp {
        Timestamp::from_millis((self.0 as i64 + 1) * DAY_MS)
    }

    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub fn may_be_sealed(self, now: Timestamp) -> bool {
        now >= self.end() + SEAL_DELAY
    }
}

/// `2026-11-22`.
impl fmt::Display for SealDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = self.begin().to_string();
        f.write_str(begin.split('T').next().unwrap_or(&begin))
    }
}

/// Why a text is no day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a day: expected one such as 2026-11-22")]
pub struct InvalidDay(String);

impl FromStr for SealDay {
    type Err = InvalidDay;

    fn from_str(text: &str) -> Result<Self, InvalidDay> {
        let begin = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
        let begin = begin.map_err(|_| InvalidDay(text.chars().take(40).collect()))?;
        Ok(Self::of(begin))
    }
}

impl Serialize for SealDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SealDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Which chunks a seal covers: those that settled before the end of its day and no seal before it
/// covers. `mark` is the number from which on a settle was not sure to be seen: one that comes with
/// a later number for a day that is sealed belongs to the next seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealWindow {
    pub day: SealDay,
    pub mark: i64,
    /// The mark of the seal before it; `None` for the first.
    pub previous_mark: Option<i64>,
}

impl SealWindow {
    pub fn covers(&self, settled_at: Timestamp, sequence: i64) -> bool {
        let is_new = match self.previous_mark {
            None => true,
            Some(mark) => settled_at >= self.day.begin() || sequence >= mark,
        };
        settled_at < self.day.end() && sequence < self.mark && is_new
    }
}

/// A part of what a chunk's settle was captured as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedCapture {
    pub part: u32,
    pub ledger_transaction: Option<LedgerTransactionId>,
    pub units: u32,
    pub unit_price: Money,
    pub amount: Money,
}

/// A recorded chunk as a seal covers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChunk {
    pub id: ChunkId,
    pub state: u8,
    pub tariff: u8,
    pub size: u32,
    /// Of the frozen body.
    pub message: [u8; 32],
    /// Of everything that was pushed, in order.
    pub content: [u8; 32],
    pub settled_at: Timestamp,
    /// The root over its recipients and what became of them.
    pub recipients: TreeHash,
    pub captures: Vec<SealedCapture>,
}

impl SealedChunk {
    /// Canonical bytes, version 1, numbers big-endian: version, month (2), campaign, number (8),
    /// round, state, tariff, size (4), message hash, content hash, settled at (8), root over the
    /// recipients, number of captures (4), then per capture part (4), ledger transaction or zeros,
    /// units (4), currency (3), unit price (8), amount (8).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CHUNK_BYTES + self.captures.len() * CAPTURE_BYTES);
        bytes.push(CHUNK_VERSION);
        bytes.extend_from_slice(&self.id.to_bytes());
        bytes.extend_from_slice(&[self.state, self.tariff]);
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(&self.message);
        bytes.extend_from_slice(&self.content);
        bytes.extend_from_slice(&self.settled_at.as_millis().to_be_bytes());
        bytes.extend_from_slice(self.recipients.as_bytes());
        bytes.extend_from_slice(&(self.captures.len() as u32).to_be_bytes());
        for capture in &self.captures {
            bytes.extend_from_slice(&capture.part.to_be_bytes());
            let transaction = capture.ledger_transaction;
            let none = LedgerTransactionId::from_bytes([0; 16]);
            bytes.extend_from_slice(transaction.unwrap_or(none).as_bytes());
            bytes.extend_from_slice(&capture.units.to_be_bytes());
            bytes.extend_from_slice(capture.unit_price.currency().code().as_bytes());
            bytes.extend_from_slice(&capture.unit_price.micro().to_be_bytes());
            bytes.extend_from_slice(&capture.amount.micro().to_be_bytes());
        }
        bytes
    }

    /// What canonical bytes say; `None` where they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.take::<1>()? != [CHUNK_VERSION] {
            return None;
        }
        let id = ChunkId::from_bytes(&reader.take::<{ ChunkId::BYTES }>()?)?;
        let [state, tariff] = reader.take()?;
        let mut chunk = Self {
            id,
            state,
            tariff,
            size: u32::from_be_bytes(reader.take()?),
            message: reader.take()?,
            content: reader.take()?,
            settled_at: Timestamp::from_millis(i64::from_be_bytes(reader.take()?)),
            recipients: TreeHash::from_bytes(reader.take()?),
            captures: Vec::new(),
        };
        for _ in 0..u32::from_be_bytes(reader.take()?) {
            let part = u32::from_be_bytes(reader.take()?);
            let transaction: [u8; 16] = reader.take()?;
            let units = u32::from_be_bytes(reader.take()?);
            let currency = std::str::from_utf8(&reader.take::<3>()?).ok()?.parse();
            let currency = currency.ok()?;
            chunk.captures.push(SealedCapture {
                part,
                ledger_transaction: (transaction != [0; 16])
                    .then(|| LedgerTransactionId::from_bytes(transaction)),
                units,
                unit_price: Money::from_micro(i64::from_be_bytes(reader.take()?), currency),
                amount: Money::from_micro(i64::from_be_bytes(reader.take()?), currency),
            });
        }
        reader.0.is_empty().then_some(chunk)
    }

    pub fn leaf(&self) -> TreeHash {
        TreeHash::leaf(&self.to_bytes())
    }
}

/// The leaf of one recipient in the tree of its chunk: position (4), user number (4), outcome (1).
/// So one send is shown without the others.
pub fn recipient_leaf(position: u32, number: UserNumber, outcome: Outcome) -> TreeHash {
    let mut bytes = [0; 9];
    bytes[..4].copy_from_slice(&position.to_be_bytes());
    bytes[4..8].copy_from_slice(&number.0.to_be_bytes());
    bytes[8] = outcome.code();
    TreeHash::leaf(&bytes)
}

/// The tree over the recipients of a chunk, in order; it keeps the way of one where it is wanted.
pub fn recipients_tree(numbers: &[UserNumber], outcomes: &[Outcome], wanted: Option<u32>) -> Tree {
    let mut tree = match wanted {
        Some(position) => Tree::proving(position.into()),
        None => Tree::default(),
    };
    for (position, (number, outcome)) in (0u32..).zip(numbers.iter().zip(outcomes)) {
        tree.push(recipient_leaf(position, *number, *outcome));
    }
    tree
}

/// Where the ledger of one business stood: a ledger that ends before its last sealed head has lost
/// its end, which its own chain does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHead {
    pub business: BusinessId,
    pub sequence: u64,
    pub hash: ChainHash,
}

impl LedgerHead {
    /// Canonical bytes, version 1: version, business, sequence (8), hash.
    pub fn leaf(&self) -> TreeHash {
        let mut bytes = Vec::with_capacity(1 + 16 + 8 + 32);
        bytes.push(HEAD_VERSION);
        bytes.extend_from_slice(self.business.as_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        TreeHash::leaf(&bytes)
    }
}

/// The hash of a seal, which covers the seal before it.
pub type SealHash = TreeHash;

/// A sealed day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    pub day: SealDay,
    /// See [`SealWindow`].
    pub mark: i64,
    pub chunks: u64,
    /// Recipients whose last word stands in one of these chunks.
    pub sends: u64,
    /// Over the chunks, by campaign, number and round.
    pub root: TreeHash,
    /// Ledgers that went on since the seal before.
    pub heads: u64,
    /// Over their heads, by business.
    pub heads_root: TreeHash,
    pub sealed_at: Timestamp,
    pub previous: SealHash,
}

impl Seal {
    /// What the first seal follows.
    pub const GENESIS: SealHash = TreeHash::from_bytes([0; 32]);

    /// SHA-256 over the canonical bytes, version 1, numbers big-endian: version, day (4), mark (8),
    /// chunks (8), sends (8), root, heads (8), root over the heads, sealed at (8), hash of the seal
    /// before.
    pub fn hash(&self) -> SealHash {
        let mut hasher = Sha256::new();
        hasher.update([SEAL_VERSION]);
        hasher.update(self.day.number().to_be_bytes());
        hasher.update(self.mark.to_be_bytes());
        hasher.update(self.chunks.to_be_bytes());
        hasher.update(self.sends.to_be_bytes());
        hasher.update(self.root.as_bytes());
        hasher.update(self.heads.to_be_bytes());
        hasher.update(self.heads_root.as_bytes());
        hasher.update(self.sealed_at.as_millis().to_be_bytes());
        hasher.update(self.previous.as_bytes());
        TreeHash::from_bytes(hasher.finalize().into())
    }

    pub const fn window(&self, previous_mark: Option<i64>) -> SealWindow {
        SealWindow {
            day: self.day,
            mark: self.mark,
            previous_mark,
        }
    }
}

/// Bytes taken from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

#[cfg(test)]
mod tests;
