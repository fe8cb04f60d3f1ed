//! Money: an integer of micro-units with its currency. 1 KRW = 1,000,000 micro-units.
//!
//! Unit prices and amounts share the type. No floats; sums are exact; nothing here rounds.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Micro-units in one whole unit of any currency.
pub const MICRO_PER_UNIT: i64 = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Krw,
    Jpy,
    Usd,
    Eur,
}

impl Currency {
    pub const ALL: [Currency; 4] = [Self::Krw, Self::Jpy, Self::Usd, Self::Eur];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Krw => "KRW",
            Self::Jpy => "JPY",
            Self::Usd => "USD",
            Self::Eur => "EUR",
        }
    }

    /// Decimal places people expect on a page.
    pub const fn minor_digits(self) -> usize {
        match self {
            Self::Krw | Self::Jpy => 0,
            Self::Usd | Self::Eur => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        Self::ALL
            .into_iter()
            .find(|currency| currency.code() == text)
            .ok_or_else(|| InvalidMoney::UnknownCurrency(text.chars().take(16).collect()))
    }
}

/// An exact amount in micro-units of one currency. May be negative (a ledger entry, a difference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    micro: i64,
    currency: Currency,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMoney {
    #[error("'{0}' is not a currency; known are KRW, JPY, USD and EUR")]
    UnknownCurrency(String),
    #[error("'{0}' is not an amount: write digits, at most one point and at most 6 decimals")]
    NotAnAmount(String),
    #[error("the amount is too large: the largest is 9,223,372,036,854 {0}")]
    TooLarge(Currency),
    #[error("{0} and {1} cannot be added")]
    CurrenciesDiffer(Currency, Currency),
}

impl Money {
    pub const fn from_micro(micro: i64, currency: Currency) -> Self {
        Self { micro, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self::from_micro(0, currency)
    }

    /// Whole units, for price tables and tests: `Money::whole(15, Currency::Krw)` is 15 KRW.
    pub const fn whole(units: i64, currency: Currency) -> Self {
        Self::from_micro(units * MICRO_PER_UNIT, currency)
    }

    pub const fn micro(self) -> i64 {
        self.micro
    }

    pub const fn currency(self) -> Currency {
        self.currency
    }

    pub const fn is_negative(self) -> bool {
        self.micro < 0
    }

    pub const fn is_zero(self) -> bool {
        self.micro == 0
    }

    pub fn checked_add(self, other: Money) -> Result<Money, InvalidMoney> {
        self.combine(other, i64::checked_add)
    }

    pub fn checked_sub(self, other: Money) -> Result<Money, InvalidMoney> {
        self.combine(other, i64::checked_sub)
    }

    /// `self` as a unit price, times a count of sends.
    pub fn times(self, count: u64) -> Result<Money, InvalidMoney> {
        let count = i64::try_from(count).map_err(|_| InvalidMoney::TooLarge(self.currency))?;
        let micro = self
            .micro
            .checked_mul(count)
            .ok_or(InvalidMoney::TooLarge(self.currency))?;
        Ok(Self { micro, ..self })
    }

    fn combine(
        self,
        other: Money,
        operation: fn(i64, i64) -> Option<i64>,
    ) -> Result<Money, InvalidMoney> {
        if self.currency != other.currency {
            return Err(InvalidMoney::CurrenciesDiffer(
                self.currency,
                other.currency,
            ));
        }
        let micro =
            operation(self.micro, other.micro).ok_or(InvalidMoney::TooLarge(self.currency))?;
        Ok(Self { micro, ..self })
    }

    /// Reads what a person types: `15000`, `15,000`, `6.5`. Never rounds: a seventh decimal is
    /// refused.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, InvalidMoney> {
        let refuse = || InvalidMoney::NotAnAmount(text.chars().take(32).collect());
        let trimmed = text.trim();
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole = without_thousands(whole).ok_or_else(refuse)?;
        let fraction_fits = fraction.len() <= 6 && fraction.bytes().all(|b| b.is_ascii_digit());
        if !fraction_fits || digits.ends_with('.') {
            return Err(refuse());
        }
        let too_large = || InvalidMoney::TooLarge(currency);
        let whole: i64 = whole.parse().map_err(|_| too_large())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| refuse())?;
        let micro = whole
            .checked_mul(MICRO_PER_UNIT)
            .and_then(|micro| micro.checked_add(fraction))
            .ok_or_else(too_large)?;
        Ok(Self {
            micro: if negative { -micro } else { micro },
            currency,
        })
    }
}

/// `1,234,567` → `1234567`; `None` where commas do not separate thousands or a non-digit appears.
fn without_thousands(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let first_fits = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    let has_commas = text.contains(',');
    if !first_fits || (has_commas && first.len() > 3) {
        return None;
    }
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || !group.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.push_str(group);
    }
    Some(digits)
}

/// `647,445 KRW`, `19.5 KRW`: exact, with thousands, at least the currency's minor digits.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.micro.unsigned_abs();
        let whole = (magnitude / MICRO_PER_UNIT as u64).to_string();
        let fraction = format!("{:06}", magnitude % MICRO_PER_UNIT as u64);
        let shown = fraction
            .trim_end_matches('0')
            .len()
            .max(self.currency.minor_digits());
        if self.micro < 0 {
            f.write_str("-")?;
        }
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        if shown > 0 {
            write!(f, ".{}", &fraction[..shown])?;
        }
        write!(f, " {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_examples_hold() {
        let price = Money::whole(15, Currency::Krw);
        assert_eq!(
            price.times(1_234_567).unwrap(),
            Money::whole(18_518_505, Currency::Krw)
        );
        let price = Money::parse("6.5", Currency::Krw).unwrap();
        assert_eq!(price.times(3).unwrap().to_string(), "19.5 KRW");
        assert_eq!(
            Money::whole(647_445, Currency::Krw).to_string(),
            "647,445 KRW"
        );
        assert_eq!(Money::whole(12, Currency::Usd).to_string(), "12.00 USD");
        assert_eq!(
            Money::from_micro(-1, Currency::Krw).to_string(),
            "-0.000001 KRW"
        );
    }

    #[test]
    fn bad_amounts_are_refused() {
        let cases = [
            "",
            " ",
            "-",
            ".",
            "1.",
            ".5",
            "1.2345678",
            "1,00",
            "1000,000",
            "1,,000",
            "0x10",
            "１５",
            "1e3",
            "15 KRW",
            "NaN",
            "+5",
            "--5",
            "99999999999999999999",
            "9223372036855",
            "1,0000",
        ];
        for case in cases {
            assert!(
                Money::parse(case, Currency::Krw).is_err(),
                "{case:?} was accepted"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_typed(micro in i64::MIN + 1..i64::MAX) {
            let money = Money::from_micro(micro, Currency::Krw);
            let shown = money.to_string();
            let typed = shown.strip_suffix(" KRW").unwrap();
            prop_assert_eq!(Money::parse(typed, Currency::Krw).unwrap(), money);
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,40}") {
            let _ = Money::parse(&text, Currency::Eur);
        }
    }
}
