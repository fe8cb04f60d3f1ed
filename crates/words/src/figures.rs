//! Numbers, money and times as people write them, in each language.

use std::borrow::Borrow;

use domain::money::Money;
use domain::time::Timestamp;
use jiff::tz::TimeZone;

use crate::{Language, Words};

const MICRO: u64 = 1_000_000;
const MINUTE_SECONDS: u64 = 60;
const HOUR_SECONDS: u64 = 60 * MINUTE_SECONDS;
const DAY_SECONDS: u64 = 24 * HOUR_SECONDS;

/// Whole numbers of any width, by value or by reference: templates hand over either.
pub trait Count {
    /// As far as 64 bits reach.
    fn to_signed(&self) -> i64;
}

macro_rules! counts {
    ($($number:ty),*) => {$(
        impl Count for $number {
            fn to_signed(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
counts!(u8, u16, u32, u64, usize, i32, i64);

impl<C: Count> Count for &C {
    fn to_signed(&self) -> i64 {
        (*self).to_signed()
    }
}

impl Words {
    /// A number grouped by thousands.
    pub fn count(&self, number: impl Count) -> String {
        grouped(number.to_signed())
    }

    /// Money with its unit: `15,000원`, `15,000ウォン`, `15,000 KRW`.
    pub fn money(&self, money: impl Borrow<Money>) -> String {
        let money = money.borrow();
        let amount = self.amount(money);
        let code = money.currency().code();
        let unit = match (self.language(), code) {
            (Language::Korean, "KRW") => "원",
            (Language::Japanese, "KRW") => "ウォン",
            (Language::Korean, "JPY") => "엔",
            (Language::Japanese, "JPY") => "円",
            (Language::Korean, "USD") => "달러",
            (Language::Japanese, "USD") => "ドル",
            _ => return format!("{amount} {code}"),
        };
        format!("{amount}{unit}")
    }

    /// Money without its unit: whole, with decimals only where there are any.
    pub fn amount(&self, money: impl Borrow<Money>) -> String {
        let money = money.borrow();
        let (whole, part) = whole_and_part(money.micro());
        let sign = if money.is_negative() { "-" } else { "" };
        let decimals = money.currency().minor_digits();
        let mut digits = format!("{part:06}");
        while digits.len() > decimals && digits.ends_with('0') {
            digits.pop();
        }
        let point = if digits.is_empty() { "" } else { "." };
        let whole = grouped(i64::try_from(whole).unwrap_or(i64::MAX));
        format!("{sign}{whole}{point}{digits}")
    }

    /// A part of a whole in percent with one decimal; nothing of nothing is 0.
    pub fn percent(&self, part: impl Count, whole: impl Count) -> String {
        let (part, whole) = (part.to_signed() as f64, whole.to_signed() as f64);
        let share = if whole > 0.0 { part / whole } else { 0.0 };
        format!("{:.1}%", share * 100.0)
    }

    /// The day: `2026년 11월 24일`, `2026年11月24日`, `24 Nov 2026`.
    pub fn day(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> String {
        let pattern = match self.language() {
            Language::Korean => "%Y년 %-m월 %-d일",
            Language::Japanese => "%Y年%-m月%-d日",
            Language::English => "%-d %b %Y",
        };
        written(*at.borrow(), zone, pattern)
    }

    /// Day and time without the year: `11월 24일 (화) 20:00`.
    pub fn time(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> String {
        let (at, weekday) = (*at.borrow(), self.weekday(*at.borrow(), zone));
        match self.language() {
            Language::Korean => {
                let day = written(at, zone, "%-m월 %-d일");
                format!("{day} ({weekday}) {}", self.clock(at, zone))
            }
            Language::Japanese => {
                let day = written(at, zone, "%-m月%-d日");
                format!("{day}({weekday}) {}", self.clock(at, zone))
            }
            Language::English => written(at, zone, "%a %-d %b %H:%M"),
        }
    }

    /// The time of day: `20:00`.
    pub fn clock(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> String {
        written(*at.borrow(), zone, "%H:%M")
    }

    /// The time of day to the second: `20:00:05`.
    pub fn clock_seconds(&self, at: impl Borrow<Timestamp>, zone: &TimeZone) -> String {
        written(*at.borrow(), zone, "%H:%M:%S")
    }

    /// How long something takes, in its two largest units: `1시간 5분`.
    pub fn span(&self, seconds: impl Count) -> String {
        let seconds = u64::try_from(seconds.to_signed()).unwrap_or(0);
        let (large, small) = match seconds {
            DAY_SECONDS.. => (
                ("span-days", seconds / DAY_SECONDS),
                ("span-hours", seconds % DAY_SECONDS / HOUR_SECONDS),
            ),
            HOUR_SECONDS.. => (
                ("span-hours", seconds / HOUR_SECONDS),
                ("span-minutes", seconds % HOUR_SECONDS / MINUTE_SECONDS),
            ),
            MINUTE_SECONDS.. => (
                ("span-minutes", seconds / MINUTE_SECONDS),
                ("span-seconds", seconds % MINUTE_SECONDS),
            ),
            _ => (("span-seconds", seconds), ("span-seconds", 0)),
        };
        let say = |(key, number): (&str, u64)| self.t(key).num("count", number).to_string();
        match small.1 {
            0 => say(large),
            _ => format!("{} {}", say(large), say(small)),
        }
    }

    /// A time zone by the city people know it by.
    pub fn zone(&self, name: &str) -> String {
        let key = format!("zone-{}", name.replace('/', "-"));
        match self.has(&key) {
            true => self.t(key).to_string(),
            false => name.replace('_', " "),
        }
    }

    fn weekday(&self, at: Timestamp, zone: &TimeZone) -> &'static str {
        const KOREAN: [&str; 7] = ["일", "월", "화", "수", "목", "금", "토"];
        const JAPANESE: [&str; 7] = ["日", "月", "火", "水", "木", "金", "土"];
        const ENGLISH: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        let number = written(at, zone, "%w").parse().unwrap_or(0_usize) % 7;
        match self.language() {
            Language::Korean => KOREAN[number],
            Language::Japanese => JAPANESE[number],
            Language::English => ENGLISH[number],
        }
    }
}

/// Whole units and micro-units of an amount, without its sign.
pub fn whole_and_part(micro: i64) -> (u64, u64) {
    let micro = micro.unsigned_abs();
    (micro / MICRO, micro % MICRO)
}

pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn written(at: Timestamp, zone: &TimeZone, pattern: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    instant.to_zoned(zone.clone()).strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use domain::money::Currency;

    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1_000, "1,000"),
            (-1_234_567, "-1,234,567"),
            (i64::MAX, "9,223,372,036,854,775,807"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn money_has_its_unit_and_only_the_decimals_it_needs() {
        let cases = [
            (15_000_000_000, "15,000원", "15,000ウォン", "15,000 KRW"),
            (-500_000, "-0.5원", "-0.5ウォン", "-0.5 KRW"),
            (0, "0원", "0ウォン", "0 KRW"),
        ];
        for (micro, korean, japanese, english) in cases {
            let money = Money::from_micro(micro, Currency::Krw);
            let said = Language::ALL.map(|language| Words::of(language).money(money));
            assert_eq!(said, [korean, japanese, english]);
        }
    }

    #[test]
    fn times_are_said_in_their_zone() {
        let seoul = domain::time::zone("Asia/Seoul").unwrap();
        let at = Timestamp::parse_rfc3339("2026-11-24T11:00:00Z").unwrap();
        let said = Language::ALL.map(|language| Words::of(language).time(at, &seoul));
        assert_eq!(
            said,
            [
                "11월 24일 (화) 20:00",
                "11月24日(火) 20:00",
                "Tue 24 Nov 20:00"
            ]
        );
        let said = Language::ALL.map(|language| Words::of(language).day(at, &seoul));
        assert_eq!(said, ["2026년 11월 24일", "2026年11月24日", "24 Nov 2026"]);
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let words = Words::of(Language::English);
        for (seconds, expected) in [
            (0_u64, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_665, "1 h 1 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(words.span(seconds), expected);
        }
    }

    #[test]
    fn percentages_of_nothing_are_nothing() {
        let words = Words::of(Language::Korean);
        assert_eq!(words.percent(1_u32, 3_u64), "33.3%");
        assert_eq!(words.percent(1_u32, 0_u32), "0.0%");
    }
}
