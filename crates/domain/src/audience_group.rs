//! Audience groups: audiences that are kept under a number, as LINE's API has them.

use std::fmt;

/// The smallest and the largest number of thirteen digits. The largest stays far below 2^53, beyond
/// which JavaScript would round it.
const NUMBER_MIN: i64 = 1_000_000_000_000;
const NUMBER_MAX: i64 = 9_999_999_999_999;
const NUMBERS: u128 = (NUMBER_MAX - NUMBER_MIN + 1) as u128;
const _: () = assert!(NUMBER_MAX < 1 << 53);

/// The number of an audience group: thirteen digits, in LINE's API and here alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AudienceGroupId(i64);

impl AudienceGroupId {
    /// `None` where no group can have this number.
    pub fn from_number(number: i64) -> Option<Self> {
        (NUMBER_MIN..=NUMBER_MAX)
            .contains(&number)
            .then_some(Self(number))
    }

    /// Reads the digits as they are written in paths and forms.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_digits.then(|| text.parse().ok()).flatten();
        number.and_then(Self::from_number)
    }

    /// A number out of sixteen bytes that were never given out before. Two of them may lead to the
    /// same one: whoever keeps it draws again where it is taken.
    pub fn drawn(bytes: [u8; 16]) -> Self {
        // The ends of time-ordered bytes differ, their beginnings hardly: all of them are mixed.
        let mut mixed = u128::from_be_bytes(bytes);
        for _ in 0..2 {
            mixed ^= mixed >> 67;
            mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        }
        let offset = i64::try_from((mixed >> 40) % NUMBERS).unwrap_or_default();
        Self(NUMBER_MIN + offset)
    }

    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for AudienceGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_thirteen_digits() {
        for (text, good) in [
            ("1000000000000", true),
            ("9999999999999", true),
            ("999999999999", false),
            ("10000000000000", false),
            ("+1000000000000", false),
            ("-1000000000000", false),
            (" 1000000000000", false),
            ("1e12", false),
            ("", false),
            ("99999999999999999999999", false),
        ] {
            let read = AudienceGroupId::parse(text);
            assert_eq!(read.is_some(), good, "{text}");
            assert_eq!(read.map(|id| id.to_string()), good.then(|| text.to_owned()));
        }
    }

    #[test]
    fn ids_that_follow_each_other_lead_to_numbers_apart() {
        let numbers: std::collections::BTreeSet<AudienceGroupId> = (0..10_000_u128)
            .map(|count| AudienceGroupId::drawn(count.to_be_bytes()))
            .collect();
        assert!(numbers.len() >= 9_999, "{}", numbers.len());
    }

    proptest! {
        #[test]
        fn what_is_drawn_can_be_read(bytes in any::<[u8; 16]>()) {
            let drawn = AudienceGroupId::drawn(bytes);
            prop_assert_eq!(AudienceGroupId::from_number(drawn.number()), Some(drawn));
            prop_assert_eq!(AudienceGroupId::parse(&drawn.to_string()), Some(drawn));
        }
    }
}
