//! The id of a coupon, in LINE's form: a ULID.

use std::fmt;

/// 26 of Crockford's digits, in upper case; ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CouponId([u8; 16]);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 26 digits of 5 bits hold 128 bits.
const DIGITS: usize = 26;

impl CouponId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id, or `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        // The first digit holds only 3 bits.
        if digits.len() != DIGITS || digits[0] > b'7' {
            return None;
        }
        let mut value: u128 = 0;
        for digit in digits {
            let bits = ALPHABET.iter().position(|letter| letter == digit)?;
            value = value << 5 | bits as u128;
        }
        Some(Self(value.to_be_bytes()))
    }
}

impl fmt::Display for CouponId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = u128::from_be_bytes(self.0);
        let mut digits = [0u8; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(value & 31) as usize];
            value >>= 5;
        }
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_round_trips_and_keeps_order(a: [u8; 16], b: [u8; 16]) {
            let (left, right) = (CouponId::from_bytes(a), CouponId::from_bytes(b));
            prop_assert_eq!(CouponId::parse(&left.to_string()), Some(left));
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        assert!(CouponId::parse("01JYNW8JMQVFBNWF1APF8Z3FS7").is_some());
        for text in [
            "",
            "01jynw8jmqvfbnwf1apf8z3fs7",
            "01JYNW8JMQVFBNWF1APF8Z3FS",
            "81JYNW8JMQVFBNWF1APF8Z3FS7",
            "01JYNW8JMQVFBNWF1APF8Z3FSU",
        ] {
            assert_eq!(CouponId::parse(text), None, "{text}");
        }
    }
}
