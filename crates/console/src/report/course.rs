//! The course of a campaign since its launch: how many it had reached, who had opened and clicked,
//! as a chart and as a table.

use std::time::Duration;

use billing::CampaignFigures;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use words::Words;

/// How far a chart reaches, in minutes: the first that holds everything.
const REACHES_MINUTES: [i64; 10] = [
    10,
    60,
    3 * 60,
    6 * 60,
    24 * 60,
    3 * 24 * 60,
    7 * 24 * 60,
    14 * 24 * 60,
    30 * 24 * 60,
    90 * 24 * 60,
];
/// Points of a line; it begins at nothing.
const POINTS_MAX: usize = 120;
/// Lines of the table.
const TABLE_LINES: i64 = 6;
const X_LABELS: i64 = 4;
const MINUTE_MS: i64 = 60_000;

/// What a report draws over time.
pub struct Course {
    /// How far it reaches, in words.
    pub span: String,
    /// From the top.
    pub y_labels: Vec<String>,
    pub x_labels: Vec<String>,
    pub delivered: String,
    pub opened: String,
    /// The same as an area.
    pub opened_area: String,
    pub clicked: String,
    pub lines: Vec<CourseLine>,
    pub last: CourseLine,
}

/// What had happened by a time after the launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CourseLine {
    pub after: String,
    pub delivered: u64,
    pub opened: u64,
    pub clicked: u64,
}

/// Sums by the minute at which they were reached, rising.
struct Sums {
    delivered: Vec<(i64, u64)>,
    opened: Vec<(i64, u64)>,
    clicked: Vec<(i64, u64)>,
}

/// `None` before the launch. A chart of the first hours goes as far as the clock does.
pub fn course(
    words: &Words,
    zone: &TimeZone,
    figures: &CampaignFigures,
    now: Timestamp,
) -> Option<Course> {
    let epoch = figures.epoch?;
    // The minute that is going on counts as far as it has come.
    let known = minutes_between(epoch, now).max(0) + 1;
    let sums = Sums::of(figures, epoch, known);
    let reach = reach_minutes(sums.last_minute(), known);
    let known = known.min(reach);
    let top = round_up(sums.highest());
    let at = |minute: i64| epoch + Duration::from_millis((minute * MINUTE_MS).unsigned_abs());
    let clock = |minute: i64| match reach > 2 * 24 * 60 {
        true => day_of(words, at(minute), zone),
        false => words.clock(at(minute), zone),
    };
    let line = |minute: i64| CourseLine {
        after: words.span(minute * 60),
        delivered: reached(&sums.delivered, minute),
        opened: reached(&sums.opened, minute),
        clicked: reached(&sums.clicked, minute),
    };
    let opened = points(&sums.opened, reach, known, top);
    let end = x_of(known, reach);
    Some(Course {
        span: words.span(reach * 60),
        y_labels: (0..=3)
            .rev()
            .map(|part| words.count(top * part / 3))
            .collect(),
        x_labels: (0..=X_LABELS)
            .map(|part| clock(reach * part / X_LABELS))
            .collect(),
        delivered: points(&sums.delivered, reach, known, top),
        opened_area: format!("0,100 {opened} {end},100"),
        opened,
        clicked: points(&sums.clicked, reach, known, top),
        lines: table_minutes(reach, known).into_iter().map(line).collect(),
        last: line(known),
    })
}

impl Sums {
    fn of(figures: &CampaignFigures, epoch: Timestamp, known: i64) -> Self {
        let buckets = &figures.receipts.over_time;
        let stretch = i64::from(figures.receipts.bucket_seconds / 60).max(1);
        // What is counted in a stretch is known at its end, or now.
        let minute = |at: Timestamp| (minutes_between(epoch, at) + stretch).min(known);
        let opened = buckets
            .iter()
            .map(|bucket| (minute(bucket.at), bucket.opened));
        let clicked = buckets
            .iter()
            .map(|bucket| (minute(bucket.at), bucket.clicked));
        let delivered = figures.delivered_over_time.iter();
        Self {
            delivered: summed(delivered.map(|(minute, count)| ((minute + 1).min(known), *count))),
            opened: summed(opened),
            clicked: summed(clicked),
        }
    }

    fn last_minute(&self) -> i64 {
        let lasts = [&self.delivered, &self.opened, &self.clicked];
        let lasts = lasts.into_iter().filter_map(|sums| sums.last());
        lasts.map(|(minute, _)| *minute).max().unwrap_or(0)
    }

    fn highest(&self) -> u64 {
        let lasts = [&self.delivered, &self.opened, &self.clicked];
        let lasts = lasts.into_iter().filter_map(|sums| sums.last());
        lasts.map(|(_, sum)| *sum).max().unwrap_or(0)
    }
}

fn summed(counts: impl Iterator<Item = (i64, u64)>) -> Vec<(i64, u64)> {
    let counts = counts.scan(0, |sum, (minute, count)| {
        *sum += count;
        Some((minute, *sum))
    });
    counts.collect()
}

/// What was reached by a minute.
fn reached(sums: &[(i64, u64)], minute: i64) -> u64 {
    let count = sums.partition_point(|(at, _)| *at <= minute);
    match count {
        0 => 0,
        _ => sums[count - 1].1,
    }
}

/// A day at least, once a day has passed: that is what people compare.
fn reach_minutes(last: i64, elapsed: i64) -> i64 {
    let wanted = match elapsed {
        ..1_440 => elapsed.max(last),
        _ => last.max(1_440),
    };
    let fits = REACHES_MINUTES.into_iter().find(|reach| *reach >= wanted);
    fits.unwrap_or(wanted)
}

/// The next number that three parts of a scale divide well.
fn round_up(highest: u64) -> u64 {
    let mut step = 1;
    loop {
        for factor in [3, 6, 9, 12, 15, 18, 24] {
            if factor * step >= highest {
                return factor * step;
            }
        }
        step *= 10;
    }
}

/// The points of a line up to the minute that is known, of a picture 100 wide and high: where its
/// sum changed, thinned out, and straight lines between.
fn points(sums: &[(i64, u64)], reach: i64, known: i64, top: u64) -> String {
    let step = sums.len() / POINTS_MAX + 1;
    let last = sums.last().map_or(0, |(_, sum)| *sum);
    let kept = sums.iter().copied().enumerate();
    let kept = kept.filter(|(place, _)| place % step == 0 || place + 1 == sums.len());
    let ends = [(0, 0)].into_iter().chain(kept.map(|(_, point)| point));
    let point = |(minute, sum): (i64, u64)| {
        let height = sum as f64 / top as f64;
        format!(
            "{},{}",
            x_of(minute, reach),
            rounded(100.0 - height * 100.0)
        )
    };
    let mut all: Vec<String> = ends.chain([(known, last)]).map(point).collect();
    all.dedup();
    all.join(" ")
}

fn x_of(minute: i64, reach: i64) -> String {
    rounded(minute as f64 / reach as f64 * 100.0)
}

fn rounded(number: f64) -> String {
    format!("{:.2}", number.clamp(0.0, 100.0))
}

/// Times of the table: even parts of what is known, to the whole minute.
fn table_minutes(reach: i64, known: i64) -> Vec<i64> {
    let mut minutes: Vec<i64> = (1..=TABLE_LINES)
        .map(|part| reach * part / TABLE_LINES)
        .filter(|minute| *minute > 0 && *minute <= known)
        .collect();
    if minutes.last() != Some(&known) {
        minutes.push(known);
    }
    minutes
}

fn minutes_between(epoch: Timestamp, at: Timestamp) -> i64 {
    (at.as_millis() - epoch.as_millis()).div_euclid(MINUTE_MS)
}

/// `11월 24일` of a time that is written with more.
fn day_of(words: &Words, at: Timestamp, zone: &TimeZone) -> String {
    let said = words.time(at, zone);
    let ends = [" (", "("];
    let day = ends.into_iter().find_map(|end| said.split_once(end));
    match day {
        Some((day, _)) => day.to_owned(),
        None => said
            .rsplit_once(' ')
            .map_or(said.clone(), |(day, _)| day.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_reaches_as_far_as_it_has_to() {
        let cases = [
            (0, 0, 10),
            (3, 5, 10),
            (61, 70, 180),
            (5, 600, 1_440),
            (5, 1_439, 1_440),
            (5, 100_000, 1_440),
            (1_500, 100_000, 4_320),
            (1_000_000, 2_000_000, 1_000_000),
        ];
        for (last, elapsed, expected) in cases {
            assert_eq!(reach_minutes(last, elapsed), expected, "{last} {elapsed}");
        }
    }

    #[test]
    fn scales_end_at_round_numbers() {
        let cases = [
            (0, 3),
            (1, 3),
            (4, 6),
            (16, 18),
            (19, 24),
            (25, 30),
            (407_716, 600_000),
        ];
        for (highest, expected) in cases {
            assert_eq!(round_up(highest), expected, "{highest}");
        }
    }

    #[test]
    fn lines_rise_to_their_sum_and_stop_where_nothing_is_known() {
        let sums = summed([(1, 10), (5, 20)].into_iter());
        assert_eq!(
            (reached(&sums, 0), reached(&sums, 4), reached(&sums, 5)),
            (0, 10, 30)
        );
        let line = points(&sums, 10, 5, 30);
        assert_eq!(line, "0.00,100.00 10.00,66.67 50.00,0.00");
        assert_eq!(table_minutes(60, 25), [10, 20, 25]);
        assert_eq!(table_minutes(60, 60), [10, 20, 30, 40, 50, 60]);
    }
}
