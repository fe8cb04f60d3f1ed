//! Days and months as revenue is counted by them, and a chart of a stretch of days: shapes in a
//! square of 100 by 100, labels as text, and the same numbers for a table.

use std::collections::BTreeMap;

use domain::money::{Currency, MICRO_PER_UNIT, Money};
use domain::price::PRICE_STEP_MICRO;
use domain::time::{LocalDay, Timestamp};
use jiff::tz::TimeZone;
use store::revenue::{Days, RevenueDay, RevenueSum};
use words::Words;

use super::money;
use crate::campaigns::months::Month;
use crate::friends::chart::{day, nice, number};

/// Steps of the scale that are asked for; it becomes a few more or less.
const STEPS: u64 = 4;
/// Labels below.
const LABELS: i32 = 3;
const MICRO: u64 = 1_000_000;
const HUNDREDTH_MICRO: i64 = MICRO_PER_UNIT / 100;

/// Revenue by day, drawn and in numbers.
pub struct Chart {
    pub bars: Vec<Bar>,
    pub grid: Vec<String>,
    /// From the top.
    pub scale: Vec<String>,
    pub labels: Vec<String>,
    /// The latest day first.
    pub rows: Vec<DayRow>,
    pub units: String,
    pub amount: String,
}

pub struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// A day on which something was earned.
pub struct DayRow {
    pub day: String,
    pub units: String,
    pub amount: String,
}

/// The day that it is in the zone.
pub fn today(now: Timestamp, zone: &TimeZone) -> i32 {
    LocalDay::of(now, zone).number()
}

/// The last so many days, today among them.
pub fn last_days(today: i32, count: i32) -> Days {
    Days {
        first: today - count + 1,
        last: today,
    }
}

/// The days of a month.
pub fn of_month(month: Month) -> Days {
    let (from, until) = month.bounds(&TimeZone::UTC);
    let last = Timestamp::from_millis(until.as_millis() - 1);
    Days {
        first: LocalDay::of(from, &TimeZone::UTC).number(),
        last: LocalDay::of(last, &TimeZone::UTC).number(),
    }
}

/// What these days of one currency add up to.
pub fn total(revenue: &[RevenueDay], days: Days, currency: Currency) -> RevenueSum {
    let is_own = |one: &&RevenueDay| one.currency == currency && within(days, one.day);
    let own = revenue.iter().filter(is_own);
    own.fold(RevenueSum::default(), |sum, day| RevenueSum {
        units: sum.units + day.sum.units,
        amount_micro: sum.amount_micro + day.sum.amount_micro,
    })
}

fn within(days: Days, day: i32) -> bool {
    (days.first..=days.last).contains(&day)
}

/// What a send cost on the average; `None` where nothing was sent.
pub fn average(words: &Words, sum: RevenueSum, currency: Currency) -> Option<String> {
    let units = i64::try_from(sum.units).ok().filter(|units| *units > 0)?;
    let micro = sum.amount_micro / units;
    // To the hundredth; what is below one unit is a price in dollars, which are finer.
    let step = match micro < MICRO_PER_UNIT {
        true => PRICE_STEP_MICRO,
        false => HUNDREDTH_MICRO,
    };
    let micro = micro / step * step;
    Some(words.money(Money::from_micro(micro, currency)))
}

pub fn chart(words: &Words, days: Days, revenue: &[RevenueDay], currency: Currency) -> Chart {
    let own: BTreeMap<i32, RevenueSum> = revenue
        .iter()
        .filter(|one| one.currency == currency && within(days, one.day))
        .map(|one| (one.day, one.sum))
        .collect();
    let units_of = |micro: i64| u64::try_from(micro).unwrap_or(0).div_ceil(MICRO);
    let most = own.values().map(|sum| units_of(sum.amount_micro)).max();
    let step = nice(most.unwrap_or(0).div_ceil(STEPS).max(1));
    let lines = most.unwrap_or(0).div_ceil(step).max(1);
    let whole = (lines * step * MICRO) as f64;
    let count = days.last - days.first + 1;
    let slot = 100.0 / f64::from(count.max(1));
    let bars = own.iter().filter(|(_, sum)| sum.amount_micro > 0);
    let bars = bars.map(|(day, sum)| {
        let height = 100.0 * sum.amount_micro as f64 / whole;
        Bar {
            x: number(slot * (f64::from(day - days.first) + 0.16)),
            y: number(100.0 - height),
            width: number(slot * 0.68),
            height: number(height),
        }
    });
    let label = |index: i32| day(days.first + (count - 1) * index / (LABELS - 1), words);
    let sum = total(revenue, days, currency);
    Chart {
        bars: bars.collect(),
        grid: (0..=lines)
            .map(|line| number(100.0 * line as f64 / lines as f64))
            .collect(),
        scale: (0..=lines)
            .map(|line| words.count((lines - line) * step))
            .collect(),
        labels: (0..LABELS).map(label).collect(),
        rows: own
            .iter()
            .rev()
            .map(|(number, sum)| DayRow {
                day: day(*number, words),
                units: words.count(sum.units),
                amount: money(words, sum.amount_micro, currency),
            })
            .collect(),
        units: words.count(sum.units),
        amount: money(words, sum.amount_micro, currency),
    }
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    fn earned(day: i32, won: i64) -> RevenueDay {
        RevenueDay {
            day,
            currency: Currency::Krw,
            sum: RevenueSum {
                units: won as u64 / 15,
                amount_micro: won * 1_000_000,
            },
        }
    }

    #[test]
    fn months_and_stretches_have_their_days() {
        let days = of_month(Month::parse("2026-11").unwrap());
        assert_eq!((days.first, days.last), (20_758, 20_787));
        let days = last_days(20_787, 30);
        assert_eq!((days.first, days.last), (20_758, 20_787));
    }

    #[test]
    fn averages_are_as_fine_as_prices_are() {
        let words = Words::of(Language::English);
        let of = |amount_micro, units, currency| {
            let sum = RevenueSum {
                units,
                amount_micro,
            };
            average(&words, sum, currency)
        };
        let krw = |amount, units| of(amount, units, Currency::Krw);
        assert_eq!(krw(46_000_000, 3).as_deref(), Some("15.33 KRW"));
        let usd = of(25_500, 3, Currency::Usd);
        assert_eq!(usd.as_deref(), Some("0.0085 USD"));
        assert_eq!(krw(0, 0), None);
    }

    #[test]
    fn every_bar_is_within_the_chart_and_the_table_has_every_day() {
        let words = Words::of(Language::English);
        let days = last_days(20_787, 30);
        for won in [15, 1_500, 18_518_505] {
            let revenue = [earned(20_758, won), earned(20_787, won / 3)];
            let chart = chart(&words, days, &revenue, Currency::Krw);
            assert_eq!(chart.rows.len(), 2);
            for bar in &chart.bars {
                let (y, height): (f64, f64) = (bar.y.parse().unwrap(), bar.height.parse().unwrap());
                assert!(y >= -0.01 && y + height <= 100.02, "{won}: {y} {height}");
            }
            assert!((2..=8).contains(&chart.scale.len()), "{:?}", chart.scale);
        }
        let nothing = chart(&words, days, &[], Currency::Krw);
        assert_eq!((nothing.bars.len(), nothing.rows.len()), (0, 0));
        let other = total(&[earned(20_787, 15)], days, Currency::Jpy);
        assert_eq!(other, RevenueSum::default());
    }

    #[test]
    fn an_average_of_nothing_is_none() {
        let words = Words::of(Language::English);
        let sum = earned(1, 3_000).sum;
        let average_of = |sum| average(&words, sum, Currency::Krw);
        assert_eq!(average_of(sum).as_deref(), Some("15 KRW"));
        assert_eq!(average_of(RevenueSum::default()), None);
    }
}
