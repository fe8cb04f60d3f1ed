//! Users: the installation's dense numbers, the messenger's opaque keys, and LINE's ids.

use std::fmt;

use crate::id::UserId;

/// A user's dense number in this installation: never shown, never reused. Chunks and bitmaps hold
/// these; `usr_…` is the public twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserNumber(pub u32);

impl UserNumber {
    pub const FIRST: UserNumber = UserNumber(1);
}

/// The longest user key a messenger may use, in bytes.
pub const USER_KEY_BYTES_MAX: usize = 64;

/// The messenger's key of a user: opaque, 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUserKey {
    #[error("the user key is empty")]
    Empty,
    #[error("the user key is longer than {USER_KEY_BYTES_MAX} characters")]
    TooLong,
    #[error("the user key holds a character other than printable ASCII")]
    NotPrintable,
}

/// `U` and 32 lower-case hex digits are kept in 16 bytes, anything else as its text.
const PACKED_BYTES: usize = 16;

impl UserKey {
    pub fn parse(text: &str) -> Result<Self, InvalidUserKey> {
        match text {
            "" => Err(InvalidUserKey::Empty),
            _ if text.len() > USER_KEY_BYTES_MAX => Err(InvalidUserKey::TooLong),
            _ if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(InvalidUserKey::NotPrintable)
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 16 bytes of a `U` + 32 hex digits key; `None` for a key of another shape.
    pub fn packed(&self) -> Option<[u8; PACKED_BYTES]> {
        let digits = self.0.strip_prefix('U')?;
        let is_lower_hex = digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_lower_hex {
            return None;
        }
        let mut bytes = [0; PACKED_BYTES];
        hex::decode_to_slice(digits, &mut bytes).ok()?;
        Some(bytes)
    }

    /// What the narrow table of reachable friends keeps: the 16 packed bytes, or the text; a text
    /// of just 16 bytes gets a NUL behind it, so that its length tells it apart.
    pub fn to_reach_bytes(&self) -> Vec<u8> {
        if let Some(packed) = self.packed() {
            return packed.to_vec();
        }
        let mut bytes = self.0.as_bytes().to_vec();
        if bytes.len() == PACKED_BYTES {
            bytes.push(0);
        }
        bytes
    }

    /// Reads [`UserKey::to_reach_bytes`]; `None` where the bytes are not a key.
    pub fn from_reach_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(packed) = <[u8; PACKED_BYTES]>::try_from(bytes) {
            return Some(Self::from_packed(packed));
        }
        let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
        Self::parse(std::str::from_utf8(text).ok()?).ok()
    }

    pub fn from_packed(bytes: [u8; PACKED_BYTES]) -> Self {
        Self(format!("U{}", hex::encode(bytes)))
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user or a bot is called on LINE's paths: `U` and 32 lower-case hex digits.
///
/// A messenger's key of that shape is the id itself. Any other key stays between the messenger and
/// us: its user is called by the 16 bytes of the public `usr_…` id, so that libraries and rules
/// which expect LINE's shape find it whatever the messenger's keys look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineUserId([u8; PACKED_BYTES]);

impl LineUserId {
    pub const fn from_bytes(bytes: [u8; PACKED_BYTES]) -> Self {
        Self(bytes)
    }

    pub fn of(id: UserId, key: &UserKey) -> Self {
        Self(key.packed().unwrap_or(*id.as_bytes()))
    }

    /// `None` where the text has another shape.
    pub fn parse(text: &str) -> Option<Self> {
        UserKey::parse(text).ok()?.packed().map(Self)
    }

    pub const fn as_bytes(&self) -> &[u8; PACKED_BYTES] {
        &self.0
    }
}

impl fmt::Display for LineUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U{}", hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_of_lines_shape_is_the_id_and_any_other_is_called_by_ours() {
        let id = UserId::from_bytes([0xab; 16]);
        let text = "U73c1cd2c81f98b521905d591c5b2e75a";
        let theirs = LineUserId::of(id, &UserKey::parse(text).unwrap());
        assert_eq!(theirs.to_string(), text);
        assert_eq!(LineUserId::parse(text), Some(theirs));
        let ours = LineUserId::of(id, &UserKey::parse("kim").unwrap());
        assert_eq!(ours.to_string(), format!("U{}", "ab".repeat(16)));
        for text in ["kim", "U12", "", "u73c1cd2c81f98b521905d591c5b2e75a"] {
            assert_eq!(LineUserId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn packing_round_trips(bytes: [u8; 16]) {
            let key = UserKey::from_packed(bytes);
            prop_assert_eq!(key.packed(), Some(bytes));
            prop_assert_eq!(UserKey::parse(key.as_str()).unwrap(), key);
        }

        #[test]
        fn reach_bytes_round_trip(text in "[!-~]{1,64}|[!-~]{16}|U[0-9a-f]{32}") {
            let key = UserKey::parse(&text).unwrap();
            prop_assert_eq!(UserKey::from_reach_bytes(&key.to_reach_bytes()), Some(key));
        }
    }

    #[test]
    fn keys_of_another_shape_are_not_packed() {
        for text in [
            "kim",
            "U12",
            "U73C1CD2C81F98B521905D591C5B2E75A",
            "V73c1cd2c81f98b521905d591c5b2e75a",
        ] {
            assert_eq!(UserKey::parse(text).unwrap().packed(), None, "{text}");
        }
        for text in ["", "a b", "키", "a\u{0}", &"x".repeat(65)] {
            assert!(UserKey::parse(text).is_err(), "{text:?}");
        }
    }
}
