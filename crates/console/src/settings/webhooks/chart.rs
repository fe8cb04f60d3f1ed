//! A week of webhook requests: those that were taken and those that failed, by day and by reason.

use words::Words;

use crate::friends::chart::{Bar, day, nice, number};

/// Steps of the scale that are asked for.
const STEPS: u64 = 4;

/// The requests of one day: taken, and failed by the reasons of [`Chart`].
#[derive(Debug, Clone, Default)]
pub struct DayCounts {
    /// Counted in the account's zone.
    pub day: i32,
    pub taken: u64,
    pub failed: Vec<u64>,
}

pub struct Chart {
    pub requests: u64,
    pub failed: u64,
    pub bars: Vec<Bar>,
    pub grid: Vec<String>,
    /// From the top.
    pub scale: Vec<String>,
    pub labels: Vec<String>,
    pub reasons: Vec<ReasonRow>,
    pub rows: Vec<DayRow>,
}

pub struct ReasonRow {
    pub words: String,
    pub count: u64,
    /// Of the failed ones, with a percent sign: the bar's width as well.
    pub percent: String,
}

/// The numbers of one day.
pub struct DayRow {
    pub day: String,
    pub taken: u64,
    pub failed: Vec<u64>,
}

impl DayCounts {
    fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}

/// Draws days in their order; `reasons` are the names that `failed` is counted by.
pub fn of(days: &[DayCounts], reasons: &[&str], words: &Words) -> Chart {
    let failed: u64 = days.iter().map(DayCounts::failures).sum();
    let taken: u64 = days.iter().map(|day| day.taken).sum();
    let most = days.iter().map(|day| day.taken + day.failures()).max();
    let step = nice(most.unwrap_or(0).div_ceil(STEPS));
    let steps = most.unwrap_or(0).div_ceil(step).max(1);
    let height = |requests: u64| 100.0 * requests as f64 / (steps * step) as f64;
    let slot = 100.0 / days.len().max(1) as f64;
    let mut bars = Vec::new();
    for (index, day) in days.iter().enumerate() {
        let parts = [("f-1", day.taken, 0), ("f-bad", day.failures(), day.taken)];
        for (class, requests, below) in parts.into_iter().filter(|part| part.1 > 0) {
            bars.push(Bar {
                class,
                x: number(slot * (index as f64 + 0.16)),
                y: number(100.0 - height(below + requests)),
                width: number(slot * 0.68),
                height: number(height(requests)),
            });
        }
    }
    let sums = (0..reasons.len()).map(|place| sum_at(days, place));
    let rows = reasons.iter().zip(sums).map(|(name, count)| ReasonRow {
        words: words.t(format!("webhooks-reason-{name}")).to_string(),
        count,
        percent: words.percent(count, failed),
    });
    let ends = [days.first(), days.last()];
    Chart {
        requests: taken + failed,
        failed,
        bars,
        grid: (0..=steps)
            .map(|line| number(100.0 * line as f64 / steps as f64))
            .collect(),
        scale: (0..=steps)
            .rev()
            .map(|line| words.count(line * step))
            .collect(),
        labels: ends
            .into_iter()
            .flatten()
            .map(|counts| day(counts.day, words))
            .collect(),
        reasons: rows.collect(),
        rows: days
            .iter()
            .rev()
            .map(|counts| DayRow {
                day: day(counts.day, words),
                taken: counts.taken,
                failed: counts.failed.clone(),
            })
            .collect(),
    }
}

fn sum_at(days: &[DayCounts], place: usize) -> u64 {
    days.iter().filter_map(|day| day.failed.get(place)).sum()
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn bars_stay_inside_and_every_failure_has_its_reason() {
        let days = |taken: u64| -> Vec<DayCounts> {
            let counts = |day: i32| DayCounts {
                day,
                taken,
                failed: vec![day.unsigned_abs().into(), 2],
            };
            (0..7).map(counts).collect()
        };
        for taken in [0, 1, 9, 100, 12_345] {
            let reasons = ["request_timeout", "unclassified"];
            let chart = of(&days(taken), &reasons, &Words::of(Language::English));
            assert_eq!((chart.failed, chart.requests), (35, 35 + 7 * taken));
            let counts: Vec<u64> = chart.reasons.iter().map(|reason| reason.count).collect();
            assert_eq!(counts, [21, 14]);
            for bar in &chart.bars {
                let (y, height): (f64, f64) = (bar.y.parse().unwrap(), bar.height.parse().unwrap());
                assert!(y >= -0.01 && y + height <= 100.02, "{taken}: {y} {height}");
            }
            assert_eq!(chart.rows.len(), 7);
            assert_eq!(chart.labels, ["1 Jan 1970", "7 Jan 1970"]);
        }
        let empty = of(&[], &[], &Words::of(Language::Korean));
        assert_eq!((empty.requests, empty.scale.len()), (0, 2));
    }
}
