//! The hash chain over a business's transactions.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{Entry, IdempotencyKey, TransactionKind};
use crate::id::{BusinessId, LedgerTransactionId};
use crate::time::Timestamp;

/// A transaction as the chain hashes it.
#[derive(Debug, Clone, Copy)]
pub struct BookedTransaction<'a> {
    pub id: LedgerTransactionId,
    pub business: BusinessId,
    /// 1, 2, 3, … per business, without gaps.
    pub sequence: u64,
    pub kind: TransactionKind,
    pub key: &'a IdempotencyKey,
    pub booked_at: Timestamp,
    pub entries: &'a [Entry],
}

/// The hash of a transaction, which covers the one before it: a changed or missing row breaks the
/// chain from there on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

/// The version of the canonical bytes, their first byte.
const CANONICAL_VERSION: u8 = 1;

impl ChainHash {
    /// What the first transaction of a business follows.
    pub const GENESIS: ChainHash = ChainHash([0; 32]);

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 over this hash and the canonical bytes of the transaction that follows it.
    ///
    /// Canonical bytes, version 1, numbers big-endian: version, id, business, sequence (8), kind,
    /// booked at (8), key length (4), key, number of entries (4), then per entry account, what it
    /// names (1 a campaign, 2 a lot, 3 both, 0 neither) and their ids in that order, currency (3),
    /// amount (8).
    pub fn follow(self, transaction: &BookedTransaction<'_>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update([CANONICAL_VERSION]);
        hasher.update(transaction.id.as_bytes());
        hasher.update(transaction.business.as_bytes());
        hasher.update(transaction.sequence.to_be_bytes());
        hasher.update([transaction.kind.code()]);
        hasher.update(transaction.booked_at.as_millis().to_be_bytes());
        let key = transaction.key.as_str().as_bytes();
        hasher.update((key.len() as u32).to_be_bytes());
        hasher.update(key);
        hasher.update((transaction.entries.len() as u32).to_be_bytes());
        for entry in transaction.entries {
            hasher.update([entry.account.code()]);
            let named = u8::from(entry.campaign.is_some()) | u8::from(entry.lot.is_some()) << 1;
            hasher.update([named]);
            if let Some(campaign) = entry.campaign {
                hasher.update(campaign.as_bytes());
            }
            if let Some(lot) = entry.lot {
                hasher.update(lot.as_bytes());
            }
            hasher.update(entry.amount.currency().code().as_bytes());
            hasher.update(entry.amount.micro().to_be_bytes());
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
