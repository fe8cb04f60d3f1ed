//! How fast the messenger accepted: what its own log says of every second and of every ten.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use domain::time::Timestamp;

use crate::messenger::for_each_accepted;

const SECOND_MS: i64 = 1_000;
/// The window that a rate is promised for.
const WINDOW_MS: i64 = 10 * SECOND_MS;
/// Between the beginnings of two windows that are looked at.
const STEP_MS: i64 = 100;

/// Acceptances of one campaign, by millisecond since 1970.
#[derive(Debug, Clone, Default)]
pub struct Course(BTreeMap<i64, u64>);

/// The least and the most of every window that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extremes {
    pub least: u64,
    pub most: u64,
}

impl Course {
    /// The courses of all campaigns in a messenger's log.
    pub fn all(messenger: &Path) -> Result<BTreeMap<String, Self>> {
        let mut courses: BTreeMap<String, Self> = BTreeMap::new();
        // Lines of a push stand together and share their moment.
        let (mut text, mut at) = (String::new(), 0);
        for_each_accepted(messenger, |line| {
            if line.at != text {
                text.clear();
                text.push_str(line.at);
                at = Timestamp::parse_rfc3339(line.at)?.as_millis();
            }
            if !courses.contains_key(line.campaign) {
                courses.insert(line.campaign.to_owned(), Self::default());
            }
            if let Some(course) = courses.get_mut(line.campaign) {
                *course.0.entry(at).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(courses)
    }

    /// Several campaigns as one.
    pub fn with(mut self, other: &Self) -> Self {
        for (at, count) in &other.0 {
            *self.0.entry(*at).or_default() += count;
        }
        self
    }

    pub fn accepted(&self) -> u64 {
        self.0.values().sum()
    }

    pub fn first_ms(&self) -> Option<i64> {
        self.0.keys().next().copied()
    }

    pub fn last_ms(&self) -> Option<i64> {
        self.0.keys().next_back().copied()
    }

    /// The first acceptance at or after a moment.
    pub fn next_ms(&self, from_ms: i64) -> Option<i64> {
        self.0.range(from_ms..).next().map(|(at, _)| *at)
    }

    /// Between two acceptances, at most.
    pub fn longest_silence_ms(&self) -> i64 {
        let times = self.0.keys().zip(self.0.keys().skip(1));
        times
            .map(|(one, next)| next - one)
            .max()
            .unwrap_or_default()
    }

    /// What was accepted between two moments, the first included.
    pub fn within(&self, from_ms: i64, until_ms: i64) -> u64 {
        match from_ms < until_ms {
            true => self
                .0
                .range(from_ms..until_ms)
                .map(|(_, count)| count)
                .sum(),
            false => 0,
        }
    }

    /// The most within any second of the whole course.
    pub fn largest_second(&self) -> u64 {
        self.largest_second_between(i64::MIN, i64::MAX)
    }

    /// The most within any second that lies between two moments.
    pub fn largest_second_between(&self, from_ms: i64, until_ms: i64) -> u64 {
        let times: Vec<(i64, u64)> = self
            .0
            .range(from_ms..until_ms)
            .map(|(at, count)| (*at, *count))
            .collect();
        let (mut first, mut sum, mut most) = (0, 0, 0);
        for (at, count) in &times {
            sum += count;
            while times[first].0 + SECOND_MS <= *at {
                sum -= times[first].1;
                first += 1;
            }
            most = most.max(sum);
        }
        most
    }

    /// Every ten seconds that lie wholly between two moments; `None` where nothing does.
    pub fn ten_seconds(&self, from_ms: i64, until_ms: i64) -> Option<Extremes> {
        let mut extremes: Option<Extremes> = None;
        let mut begin = from_ms;
        while begin + WINDOW_MS <= until_ms {
            let sum = self.within(begin, begin + WINDOW_MS);
            extremes = Some(match extremes {
                None => Extremes {
                    least: sum,
                    most: sum,
                },
                Some(seen) => Extremes {
                    least: seen.least.min(sum),
                    most: seen.most.max(sum),
                },
            });
            begin += STEP_MS;
        }
        extremes
    }
}

impl Extremes {
    /// How far the worst of them is from a rate, in percent.
    pub fn error_percent(&self, rate: u64) -> f64 {
        let wanted = (rate * (WINDOW_MS / SECOND_MS) as u64) as f64;
        let off = |sum: u64| (sum as f64 / wanted - 1.0).abs() * 100.0;
        off(self.least).max(off(self.most))
    }

    pub fn over_percent(&self, rate: u64) -> f64 {
        let wanted = (rate * (WINDOW_MS / SECOND_MS) as u64) as f64;
        (self.most as f64 / wanted - 1.0).max(0.0) * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred every tenth of a second.
    fn steady(seconds: i64) -> Course {
        Course((0..seconds * 10).map(|tenth| (tenth * 100, 100)).collect())
    }

    #[test]
    fn a_steady_course_has_no_error() {
        let course = steady(30);
        let extremes = course.ten_seconds(0, 30_000).unwrap();
        assert_eq!(extremes.error_percent(1_000), 0.0);
        assert_eq!(course.largest_second(), 1_000);
        assert_eq!(course.next_ms(101), Some(200));
        assert_eq!(course.longest_silence_ms(), 100);
        assert_eq!(course.ten_seconds(0, 9_999), None);
    }

    #[test]
    fn a_gap_and_a_burst_are_seen() {
        let mut course = steady(30);
        course.0.remove(&12_000);
        assert_eq!(course.ten_seconds(0, 30_000).unwrap().least, 9_900);
        course.0.insert(12_050, 300);
        let extremes = course.ten_seconds(0, 30_000).unwrap();
        assert_eq!(extremes.most, 10_200);
        assert_eq!(extremes.over_percent(1_000).round(), 2.0);
        assert_eq!(course.largest_second(), 1_300);
        assert_eq!(course.largest_second_between(0, 12_000), 1_000);
    }
}
