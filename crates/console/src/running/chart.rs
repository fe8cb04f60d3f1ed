//! The pace as a chart: shapes for who looks, a table for who reads.

use domain::campaign::CampaignState;
use domain::time::Timestamp;
use words::Words;

use super::Tally;
use super::course::{PACE_SECONDS, Point, axis_top};
use crate::desk::Desk;

/// Points of the chart, at most.
const POINTS: usize = 30;
/// Times below the chart.
const TIMES: usize = 4;

pub struct PaceChart {
    pub actual: String,
    /// `None` where nothing limits the speed.
    pub wanted: Option<String>,
    pub said: String,
    /// From the top down.
    pub axis: [String; 3],
    pub times: Vec<String>,
    pub line: String,
    pub area: String,
    /// Where the wanted pace is, from the top.
    pub wanted_y: Option<String>,
    pub rows: Vec<(String, String)>,
}

impl PaceChart {
    pub fn of(desk: &Desk, tally: &Tally, wanted: Option<u32>) -> Self {
        let words = desk.words;
        // What stands still draws no longer and longer line of nothing.
        let standstill = tally.course.last().as_millis() + PACE_SECONDS * 1_000;
        let until = match tally.campaign.state {
            CampaignState::Launching | CampaignState::Running => tally.at,
            _ => tally.at.min(Timestamp::from_millis(standstill)),
        };
        let points = tally.course.points(until, POINTS);
        let now = tally.course.pace(tally.at);
        let most = points.iter().map(|point| point.pace).fold(now, f64::max);
        let top = axis_top(most.max(wanted.map_or(0.0, f64::from)));
        let wanted_words = wanted.map(|rate| words.count(rate));
        let said = match &wanted_words {
            Some(wanted) => words.t("running-pace-said").text("wanted", wanted),
            None => words.t("running-pace-said-free"),
        };
        let decimal = |value: f64| decimal(&words, value);
        let time = |point: &Point| words.clock_seconds(point.at, &desk.zone);
        let line = line(&points, top);
        Self {
            actual: decimal(now),
            said: said.text("actual", decimal(now)).to_string(),
            axis: [top, top / 2.0, 0.0].map(decimal),
            times: times(&points, time),
            area: area(&line),
            wanted_y: wanted.map(|rate| height(f64::from(rate), top)),
            rows: points
                .iter()
                .rev()
                .map(|point| (time(point), decimal(point.pace)))
                .collect(),
            wanted: wanted_words,
            line,
        }
    }
}

fn line(points: &[Point], top: f64) -> String {
    let last = points.len().saturating_sub(1).max(1);
    let point = |(place, point): (usize, &Point)| {
        let x = place as f64 / last as f64 * 100.0;
        format!("{x:.2},{}", height(point.pace, top))
    };
    points
        .iter()
        .enumerate()
        .map(point)
        .collect::<Vec<_>>()
        .join(" ")
}

fn area(line: &str) -> String {
    match line.is_empty() {
        true => String::new(),
        false => format!("0,100 {line} 100,100"),
    }
}

fn height(value: f64, top: f64) -> String {
    format!("{:.2}", 100.0 - (value / top * 100.0).clamp(0.0, 100.0))
}

fn times(points: &[Point], time: impl Fn(&Point) -> String) -> Vec<String> {
    match points.len() {
        0 | 1 => points.iter().map(time).collect(),
        count => {
            let shown = TIMES.min(count);
            let at = |place: usize| &points[place * (count - 1) / (shown - 1)];
            (0..shown).map(|place| time(at(place))).collect()
        }
    }
}

/// With one decimal where that says something.
fn decimal(words: &Words, value: f64) -> String {
    match value >= 100.0 || value.fract() == 0.0 {
        true => words.count(value.round() as u64),
        false => format!("{value:.1}"),
    }
}
