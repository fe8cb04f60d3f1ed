//! How fast a campaign goes: people by when their chunk was recorded, and what that is per second.

use domain::time::Timestamp;

/// Stretches kept; a longer campaign is kept in longer ones.
const STRETCHES_MAX: usize = 4_096;
/// What "now" means for the pace.
pub const PACE_SECONDS: i64 = 10;

/// The course of one campaign since its launch.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    began: Timestamp,
    /// Seconds of one stretch.
    width: i64,
    stretches: Vec<u64>,
    /// The last of them once more, to the millisecond.
    recent: Vec<(Timestamp, u64)>,
    last: Timestamp,
}

/// One point of the chart: people per second around a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub at: Timestamp,
    pub pace: f64,
}

impl Course {
    pub fn of(began: Timestamp) -> Self {
        Self {
            began,
            width: 1,
            stretches: Vec::new(),
            recent: Vec::new(),
            last: began,
        }
    }

    pub fn add(&mut self, at: Timestamp, people: u64) {
        if people == 0 {
            return;
        }
        self.recent.push((at, people));
        self.last = self.last.max(at);
        let second = (at.as_millis() - self.began.as_millis()).max(0) / 1_000;
        let mut place = usize::try_from(second / self.width).unwrap_or(usize::MAX);
        while place >= STRETCHES_MAX {
            self.widen();
            place = usize::try_from(second / self.width).unwrap_or(usize::MAX);
        }
        if self.stretches.len() <= place {
            self.stretches.resize(place + 1, 0);
        }
        self.stretches[place] += people;
    }

    /// Forgets to the millisecond what is too old for the pace.
    pub fn settle(&mut self, now: Timestamp) {
        let oldest = now.as_millis() - PACE_SECONDS * 1_000;
        self.recent.retain(|(at, _)| at.as_millis() > oldest);
    }

    /// People per second over the last seconds, or since the launch where that is shorter.
    pub fn pace(&self, now: Timestamp) -> f64 {
        let oldest = now.as_millis() - PACE_SECONDS * 1_000;
        let recent = self.recent.iter().filter(|(at, _)| at.as_millis() > oldest);
        let people: u64 = recent.map(|(_, people)| people).sum();
        let since = (now.as_millis() - self.began.as_millis()).clamp(1_000, PACE_SECONDS * 1_000);
        people as f64 / (since as f64 / 1_000.0)
    }

    /// When somebody was sent to last; the launch before that.
    pub const fn last(&self) -> Timestamp {
        self.last
    }

    /// The course in at most so many points, evenly spaced up to `until`. The stretch that has not
    /// ended is left out: it would look like a fall.
    pub fn points(&self, until: Timestamp, most: usize) -> Vec<Point> {
        let seconds = (until.as_millis() - self.began.as_millis()).max(0) / 1_000;
        let whole = usize::try_from(seconds / self.width).unwrap_or(usize::MAX);
        let per_point = whole.div_ceil(most.max(1)).max(1);
        let of_point = |point: usize| {
            let from = point * per_point;
            let stretches = self.stretches.iter().skip(from).take(per_point);
            let people: u64 = stretches.sum();
            let seconds = per_point as i64 * self.width;
            let at = self.began.as_millis() + (point as i64 + 1) * seconds * 1_000;
            Point {
                at: Timestamp::from_millis(at),
                pace: people as f64 / seconds as f64,
            }
        };
        (0..whole / per_point).map(of_point).collect()
    }

    fn widen(&mut self) {
        let pairs = self.stretches.chunks(2);
        self.stretches = pairs.map(|pair| pair.iter().sum()).collect();
        self.width *= 2;
    }
}

/// The top of an axis that holds a value: 1, 2 or 5 with zeros behind.
pub fn axis_top(most: f64) -> f64 {
    let mut unit = 1.0;
    loop {
        for step in [1.0, 2.0, 5.0] {
            // A little room above the line.
            if most * 1.05 <= step * unit {
                return step * unit;
            }
        }
        unit *= 10.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1_000)
    }

    #[test]
    fn the_pace_is_of_the_last_seconds() {
        let mut course = Course::of(at(0));
        for second in 1..=30 {
            course.add(at(second), if second <= 15 { 100 } else { 20 });
        }
        assert_eq!(course.pace(at(30)), 20.0);
        assert_eq!(course.pace(at(15)), 100.0 + 20.0 * 1.5);
        course.settle(at(30));
        assert_eq!(course.pace(at(30)), 20.0);
        assert_eq!(course.pace(at(40)), 0.0);
        // Two seconds after the launch there are no ten to look at.
        let mut young = Course::of(at(0));
        young.add(at(1), 50);
        assert_eq!(young.pace(at(2)), 25.0);
    }

    #[test]
    fn a_long_course_keeps_everybody_in_fewer_stretches() {
        let mut course = Course::of(at(0));
        for second in 0..20_000 {
            course.add(at(second), 3);
        }
        assert!(course.stretches.len() <= STRETCHES_MAX);
        assert_eq!(course.stretches.iter().sum::<u64>(), 60_000);
        let points = course.points(at(20_000), 30);
        assert!((20..=30).contains(&points.len()), "{}", points.len());
        assert!(points.iter().all(|point| (2.9..=3.1).contains(&point.pace)));
    }

    #[test]
    fn a_stretch_that_goes_on_is_no_fall() {
        let mut course = Course::of(at(0));
        course.add(at(0), 10);
        course.add(at(1), 10);
        let paces = |until| -> Vec<f64> {
            let until = Timestamp::from_millis(until);
            course.points(until, 30).iter().map(|p| p.pace).collect()
        };
        assert_eq!(paces(900), Vec::<f64>::new());
        assert_eq!(paces(1_900), [10.0]);
        // And a stretch in which nothing came is one.
        assert_eq!(paces(4_000), [10.0, 10.0, 0.0, 0.0]);
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, top) in [
            (0.0, 1.0),
            (19.0, 20.0),
            (20.0, 50.0),
            (74.9, 100.0),
            (4_800.0, 10_000.0),
        ] {
            assert_eq!(axis_top(most), top, "{most}");
        }
    }
}
