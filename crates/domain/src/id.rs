//! Typed identifiers: 16 bytes, time-ordered (UUID version 7), with a prefix in text.
//!
//! `cmp_01jd3h…` names a campaign and nothing else: the kind is part of the type and of the text.
//! New ids come from an [`IdSource`], because randomness is handed in from outside.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A kind of thing that has ids; `PREFIX` is what its ids start with in text.
pub trait Kind {
    const PREFIX: &'static str;
    const NAME: &'static str;
}

macro_rules! kinds {
    ($($kind:ident $alias:ident $prefix:literal $name:literal),* $(,)?) => {$(
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $name;
        }
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    Operator OperatorId "opr" "operator",
    Business BusinessId "biz" "business",
    Account AccountId "acc" "account",
    Member MemberId "mem" "member",
    User UserId "usr" "user",
    Wording WordingId "wrd" "wording",
    Campaign CampaignId "cmp" "campaign",
    Hold HoldId "hld" "hold",
    Block BlockId "blk" "block",
    Request RequestId "req" "request",
    LedgerTransaction LedgerTransactionId "ltx" "ledger transaction",
    Lot LotId "lot" "promotional lot",
    Import ImportId "imp" "import",
    UserList UserListId "lst" "uploaded list",
    Installation InstallationId "ins" "installation",
    Worker WorkerId "wrk" "worker",
    Link LinkId "lnk" "link",
    Reconciliation ReconciliationId "rec" "reconciliation",
    AssertionKey AssertionKeyId "key" "assertion key",
}

/// The identifier of one thing of kind `K`.
pub struct Id<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self {
            bytes,
            kind: PhantomData,
        }
    }

    /// Reads the 16 bytes a database column holds; `None` where it holds another length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_bytes(bytes.try_into().ok()?))
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.bytes
    }

    pub const fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.bytes)
    }

    /// Reads an id as UUIDs are written, with hyphens.
    pub fn parse_uuid(text: &str) -> Option<Self> {
        let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let uuid = Uuid::try_parse(text).ok().filter(|_| is_hyphenated)?;
        Some(Self::from_bytes(uuid.into_bytes()))
    }
}

/// Where new ids come from: random in the binary, counted in tests and simulation.
pub trait IdSource: Send + Sync {
    /// Sixteen bytes, never the same twice, ordered by time as far as the source can.
    fn next_bytes(&self) -> [u8; 16];
}

/// Where secrets come from: bytes that nobody can guess. An id is not one.
pub trait SecretSource: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn IdSource + '_ {
    pub fn next<K>(&self) -> Id<K> {
        Id::from_bytes(self.next_bytes())
    }
}

/// Crockford's alphabet in lower case: no i, l, o, u, so that ids survive being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 26 digits of 5 bits hold 128 bits.
const TEXT_DIGITS: usize = 26;

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = u128::from_be_bytes(self.bytes);
        let mut digits = [0u8; TEXT_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(value & 31) as usize];
            value >>= 5;
        }
        let digits = std::str::from_utf8(&digits).map_err(|_| fmt::Error)?;
        write!(f, "{}_{digits}", K::PREFIX)
    }
}

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {name} id: expected {prefix}_ and 26 characters")]
pub struct InvalidId {
    text: String,
    name: &'static str,
    prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse_digits(text, K::PREFIX)
            .map(Self::from_bytes)
            .ok_or_else(|| InvalidId {
                text: text.chars().take(64).collect(),
                name: K::NAME,
                prefix: K::PREFIX,
            })
    }
}

fn parse_digits(text: &str, prefix: &str) -> Option<[u8; 16]> {
    let digits = text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes();
    // The first digit holds only 3 bits.
    if digits.len() != TEXT_DIGITS || digits[0] > b'7' {
        return None;
    }
    let mut value: u128 = 0;
    for digit in digits {
        let bits = ALPHABET.iter().position(|letter| letter == digit)?;
        value = value << 5 | bits as u128;
    }
    Some(value.to_be_bytes())
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips_and_keeps_order(a: [u8; 16], b: [u8; 16]) {
            let (left, right) = (CampaignId::from_bytes(a), CampaignId::from_bytes(b));
            prop_assert_eq!(left.to_string().parse::<CampaignId>().unwrap(), left);
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<CampaignId>();
        }
    }

    #[test]
    fn another_kind_is_refused_in_words() {
        let text = AccountId::from_bytes([7; 16]).to_string();
        let error = text.parse::<CampaignId>().unwrap_err();
        assert!(
            error.to_string().contains("is not a campaign id"),
            "{error}"
        );
    }
}
