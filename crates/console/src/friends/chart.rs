//! A chart of what came and went: shapes in a square of 100 by 100, labels as text.
//!
//! Bars above the line are those who came, below it those who blocked and those who left.

use domain::time::Timestamp;
use jiff::tz::TimeZone;
use store::growth::GrowthDay;
use words::Words;

const DAY_MS: i64 = 86_400_000;
/// More bars than this are hairlines: days are put together by weeks.
const BARS_MAX: usize = 100;
const DAYS_OF_A_WEEK: usize = 7;
/// Steps of the scale that are asked for; it becomes a few more or less.
const STEPS: u64 = 4;
/// Labels below.
const LABELS: usize = 3;

pub struct Chart {
    pub bars: Vec<Bar>,
    pub grid: Vec<String>,
    /// Where nobody came and nobody went.
    pub zero: String,
    /// From the top.
    pub scale: Vec<String>,
    pub labels: Vec<String>,
    pub rows: Vec<ChartRow>,
    pub is_by_week: bool,
}

/// A rectangle of one kind: `f-1`, `f-2`, `f-3`.
pub struct Bar {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
}

/// The numbers of one bar.
pub struct ChartRow {
    pub day: String,
    pub gained: u64,
    pub blocked: u64,
    pub lost: u64,
}

pub fn of(days: &[GrowthDay], words: &Words) -> Chart {
    let is_by_week = days.len() > BARS_MAX;
    let stretches = together(days, if is_by_week { DAYS_OF_A_WEEK } else { 1 });
    let up = stretches.iter().map(|s| s.gained).max().unwrap_or(0);
    let down = stretches
        .iter()
        .map(|s| s.blocked + s.lost)
        .max()
        .unwrap_or(0);
    let step = nice((up + down).div_ceil(STEPS));
    let (up, down) = (up.div_ceil(step).max(1), down.div_ceil(step));
    let whole = ((up + down) * step) as f64;
    let zero = 100.0 * up as f64 / (up + down) as f64;
    let height = |people: u64| 100.0 * people as f64 / whole;
    let slot = 100.0 / stretches.len().max(1) as f64;
    let mut bars = Vec::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let x = slot * (index as f64 + 0.16);
        let mut bar = |class, y: f64, people| {
            if people > 0 {
                bars.push(Bar {
                    class,
                    x: number(x),
                    y: number(y),
                    width: number(slot * 0.68),
                    height: number(height(people)),
                });
            }
        };
        bar("f-1", zero - height(stretch.gained), stretch.gained);
        bar("f-2", zero, stretch.blocked);
        bar("f-3", zero + height(stretch.blocked), stretch.lost);
    }
    let lines = 0..=(up + down);
    Chart {
        bars,
        grid: lines
            .clone()
            .map(|line| number(100.0 * line as f64 / (up + down) as f64))
            .collect(),
        zero: number(zero),
        scale: lines
            .map(|line| words.count(line.abs_diff(up) * step))
            .collect(),
        labels: labels(&stretches, words),
        rows: stretches
            .iter()
            .rev()
            .map(|stretch| ChartRow {
                day: day(stretch.day, words),
                gained: stretch.gained,
                blocked: stretch.blocked,
                lost: stretch.lost,
            })
            .collect(),
        is_by_week,
    }
}

/// A day's name; days are counted in the account's zone already.
pub fn day(number: i32, words: &Words) -> String {
    let at = Timestamp::from_millis(i64::from(number) * DAY_MS);
    words.day(at, &TimeZone::UTC)
}

/// Sums of so many days, the last stretch complete and the first perhaps not.
fn together(days: &[GrowthDay], count: usize) -> Vec<GrowthDay> {
    let sum = |days: &[GrowthDay]| {
        let first = days.first().copied().unwrap_or_default();
        days[1..].iter().fold(first, |sum, day| GrowthDay {
            gained: sum.gained + day.gained,
            lost: sum.lost + day.lost,
            blocked: sum.blocked + day.blocked,
            ..sum
        })
    };
    let mut stretches: Vec<GrowthDay> = days.rchunks(count).map(sum).collect();
    stretches.reverse();
    stretches
}

fn labels(stretches: &[GrowthDay], words: &Words) -> Vec<String> {
    let last = stretches.len().saturating_sub(1);
    let at = |index: usize| stretches.get(last * index / (LABELS - 1));
    (0..LABELS)
        .filter_map(at)
        .map(|stretch| day(stretch.day, words))
        .collect()
}

/// The next of 1, 2, 5, 10, 20, 50, …
pub(crate) fn nice(at_least: u64) -> u64 {
    let mut ten = 1;
    loop {
        for step in [ten, 2 * ten, 5 * ten] {
            if step >= at_least {
                return step;
            }
        }
        ten *= 10;
    }
}

pub(crate) fn number(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    fn days(count: i32, of: impl Fn(i32) -> (u64, u64, u64)) -> Vec<GrowthDay> {
        let day = |day| {
            let (gained, blocked, lost) = of(day);
            GrowthDay {
                day,
                gained,
                lost,
                blocked,
            }
        };
        (0..count).map(day).collect()
    }

    #[test]
    fn scales_end_on_round_numbers_and_hold_every_bar() {
        for most in [0, 1, 3, 9, 10, 11, 99, 750, 1_000_000] {
            let chart = of(
                &days(30, |day| (most, day as u64 % 3, 1)),
                &Words::of(Language::English),
            );
            for bar in &chart.bars {
                let (y, height): (f64, f64) = (bar.y.parse().unwrap(), bar.height.parse().unwrap());
                assert!(y >= -0.01 && y + height <= 100.02, "{most}: {y} {height}");
            }
            assert!(chart.scale.len() <= 8 && chart.scale.contains(&"0".to_owned()));
            assert_eq!(chart.labels.first().unwrap(), "1 Jan 1970");
            assert_eq!(chart.labels.last().unwrap(), "30 Jan 1970");
        }
    }

    #[test]
    fn a_year_is_put_together_by_weeks_and_nobody_is_lost() {
        let year = days(365, |_| (2, 1, 1));
        let chart = of(&year, &Words::of(Language::Korean));
        assert!(chart.is_by_week);
        assert_eq!(chart.rows.len(), 53);
        let gained: u64 = chart.rows.iter().map(|row| row.gained).sum();
        assert_eq!(gained, 730);
        assert_eq!(chart.rows[0].gained, 14);
    }
}
