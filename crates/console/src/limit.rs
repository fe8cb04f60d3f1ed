//! An amount that may be left out: a limit, as it is typed and as it is shown in its field.

use domain::money::{Currency, Money};

/// `1,000,000`, or nothing; `Err` where it is neither.
pub fn read(typed: &str, currency: Currency) -> Result<Option<Money>, ()> {
    let typed = typed.replace([',', ' '], "");
    if typed.is_empty() {
        return Ok(None);
    }
    match Money::parse(&typed, currency) {
        Ok(limit) if !limit.is_negative() => Ok(Some(limit)),
        _ => Err(()),
    }
}

/// As it may be typed, without its currency.
pub fn plain(limit: Money) -> String {
    let text = limit.to_string();
    let (amount, _) = text.split_once(' ').unwrap_or((&text, ""));
    amount.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_may_be_typed() {
        for (typed, micro) in [
            ("1,000,000", Some(1_000_000_000_000)),
            (" 12 500 ", Some(12_500_000_000)),
            ("0", Some(0)),
            ("", None),
            (" ", None),
        ] {
            let limit = read(typed, Currency::Krw).unwrap();
            assert_eq!(limit.map(Money::micro), micro, "{typed}");
            let shown = limit.map(plain).unwrap_or_default();
            assert_eq!(read(&shown, Currency::Krw), Ok(limit), "{typed}");
        }
        for typed in ["-1", "many", "1.2.3"] {
            assert_eq!(read(typed, Currency::Krw), Err(()), "{typed}");
        }
    }
}
