//! Channels: what a brand's programs are to the API, and how long their tokens last.
//!
//! An account has one channel. Its id is ten digits that follow from the account, because nothing
//! about them is secret; what proves a program to be the brand's is the secret, or a key of theirs.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::id::{AccountId, AssertionKeyId};
use crate::time::Timestamp;

/// A stateless token: signed, not stored, and so never taken back.
pub const STATELESS_LIFETIME: Duration = Duration::from_secs(900);
pub const SHORT_LIVED_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3_600);
/// The longest a token by assertion may ask for.
pub const ASSERTED_LIFETIME_MAX: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Tokens of one channel that live at once: by assertion, and short-lived ones beside them.
pub const LIVE_TOKENS_MAX: usize = 30;
/// How long the long-lived token before a reissue may go on.
pub const OVERLAP_MAX: Duration = Duration::from_secs(24 * 3_600);
/// What is said of a token that never ends: a century, in seconds as LINE counts them.
pub const ENDLESS_SECONDS: u64 = 100 * 365 * 24 * 3_600;
/// Public keys of one channel: one in use, others on their way in or out.
pub const ASSERTION_KEYS_MAX: usize = 10;
/// Bits of a public key's modulus, as LINE has them.
pub const ASSERTION_KEY_BITS: usize = 2_048;

const CHANNEL_FIRST: u64 = 1_000_000_000;
const CHANNEL_LAST: u64 = 9_999_999_999;
const KEY_ID_CHARS: usize = 22;

/// Ten decimal digits, the first of them not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(u64);

impl ChannelId {
    /// The id of an account. Two accounts may meet on one: who finds it taken asks for the next
    /// choice.
    pub fn of_account(account: AccountId, choice: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(account.as_bytes());
        hash.update(choice.to_be_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        let mut eight = [0; 8];
        eight.copy_from_slice(&digest[..8]);
        let spread = CHANNEL_LAST - CHANNEL_FIRST + 1;
        Self(CHANNEL_FIRST + u64::from_be_bytes(eight) % spread)
    }

    pub fn from_number(number: u64) -> Option<Self> {
        (CHANNEL_FIRST..=CHANNEL_LAST)
            .contains(&number)
            .then_some(Self(number))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        Self::from_number(text.parse().ok().filter(|_| is_digits)?)
    }

    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The four kinds of channel access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// LINE's v2.1: by a signed assertion, for a time that it names.
    Asserted,
    /// LINE's v3.
    Stateless,
    ShortLived,
    LongLived,
}

impl TokenKind {
    pub const ALL: [TokenKind; 4] = [
        Self::Asserted,
        Self::Stateless,
        Self::ShortLived,
        Self::LongLived,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Asserted => 1,
            Self::Stateless => 2,
            Self::ShortLived => 3,
            Self::LongLived => 4,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Asserted => "asserted",
            Self::Stateless => "stateless",
            Self::ShortLived => "short-lived",
            Self::LongLived => "long-lived",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a stored token is called by whoever may not see it: 22 characters of URL-safe base64.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKeyId(String);

impl TokenKeyId {
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_one = text.len() == KEY_ID_CHARS && text.bytes().all(fits);
        is_one.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key's `kid`, as headers of assertions name it: a UUID in lower case.
pub fn kid(key: AssertionKeyId) -> String {
    key.uuid().to_string()
}

/// Reads a `kid`; `None` where it is written any other way.
pub fn key_of_kid(text: &str) -> Option<AssertionKeyId> {
    let uuid = Uuid::parse_str(text).ok()?;
    let key = AssertionKeyId::from_bytes(uuid.into_bytes());
    (kid(key) == text).then_some(key)
}

/// Whether a token is over; one without an end never is.
pub fn is_over(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now)
}

/// Whole seconds that are left of a token that is not over.
pub fn seconds_left(expires_at: Option<Timestamp>, now: Timestamp) -> u64 {
    expires_at.map_or(ENDLESS_SECONDS, |end| end.since(now).as_secs())
}

/// When the long-lived token before a reissue ends; an end that it has already stays if it is
/// sooner.
pub fn end_of_reissued(
    expires_at: Option<Timestamp>,
    overlap: Duration,
    now: Timestamp,
) -> Timestamp {
    let end = now + overlap.min(OVERLAP_MAX);
    expires_at.map_or(end, |known| known.min(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

    proptest! {
        #[test]
        fn channel_ids_are_ten_digits_and_round_trip(account: [u8; 16], choice: u32) {
            let id = ChannelId::of_account(AccountId::from_bytes(account), choice);
            prop_assert_eq!(id.to_string().len(), 10);
            prop_assert_eq!(ChannelId::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn kids_round_trip(bytes: [u8; 16]) {
            let key = AssertionKeyId::from_bytes(bytes);
            prop_assert_eq!(key_of_kid(&kid(key)), Some(key));
        }
    }

    #[test]
    fn the_next_choice_is_another_id() {
        let account = AccountId::from_bytes([7; 16]);
        let first = ChannelId::of_account(account, 0);
        assert_eq!(first, ChannelId::of_account(account, 0));
        assert_ne!(first, ChannelId::of_account(account, 1));
    }

    #[test]
    fn what_is_no_id_is_not_read() {
        for text in [
            "",
            "0123456789",
            "999999999",
            "10000000000",
            "+123456789",
            "１２３４５６７８９０",
            "1234567890 ",
            "99999999999999999999999",
        ] {
            assert_eq!(ChannelId::parse(text), None, "{text:?}");
        }
        for text in ["", "a", &"a".repeat(23), "aaaaaaaaaaaaaaaaaaaaa+"] {
            assert_eq!(TokenKeyId::parse(text), None, "{text:?}");
        }
        let upper = kid(AssertionKeyId::from_bytes([0xab; 16])).to_uppercase();
        for text in ["", "abc", &upper, &upper.replace('-', "").to_lowercase()] {
            assert_eq!(key_of_kid(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_token_ends_on_its_last_millisecond_and_an_endless_one_never() {
        let end = NOW + Duration::from_secs(60);
        let before = Timestamp::from_millis(end.as_millis() - 1);
        assert!(!is_over(Some(end), before) && is_over(Some(end), end));
        assert!(!is_over(None, end));
        assert_eq!(seconds_left(Some(end), NOW), 60);
        assert_eq!(seconds_left(Some(end), before), 0);
        assert_eq!(seconds_left(None, NOW), ENDLESS_SECONDS);
    }

    #[test]
    fn what_was_reissued_goes_on_for_a_day_at_most_and_never_longer_than_before() {
        let hours = |hours: u64| Duration::from_secs(hours * 3_600);
        assert_eq!(end_of_reissued(None, Duration::ZERO, NOW), NOW);
        assert_eq!(end_of_reissued(None, hours(5), NOW), NOW + hours(5));
        assert_eq!(end_of_reissued(None, hours(25), NOW), NOW + OVERLAP_MAX);
        let soon = NOW + hours(1);
        assert_eq!(end_of_reissued(Some(soon), hours(5), NOW), soon);
    }
}
