//! The forecast as pages show it: when it begins and ends, what a speed means, the quiet hours.

use domain::time::Timestamp;
use words::Words;

use super::forecast::{KOREA, Plan, Quiet};
use super::form::Odd;
use crate::aim::{Aim, Counted, fastest};
use crate::desk::Desk;
use crate::state::ConsoleState;

/// Parts of the chart to the right of the end, so that it does not touch the edge.
const CHART_MARGIN: i64 = 12;

const HOUR_SECONDS: u64 = 60 * 60;

pub struct Outlook {
    pub words: Words,
    /// Where remedies are sent.
    pub action: String,
    /// The count is not there yet.
    pub is_waiting: bool,
    pub people: Option<String>,
    pub starts: Option<String>,
    pub zone: String,
    pub ends: Option<String>,
    pub span: Option<String>,
    /// What the speed means, in words.
    pub speed: String,
    /// What is odd about the time.
    pub odd: Option<String>,
    pub quiet: Option<QuietView>,
    pub chart: Option<Chart>,
    /// Whether it starts by itself at a time.
    pub is_planned: bool,
}

pub struct QuietView {
    pub title: String,
    pub text: String,
    /// The wish of a button, and its words.
    pub remedies: Vec<(String, String)>,
    pub people: u64,
}

/// People over time; numbers are percent of the width or of the height.
pub struct Chart {
    pub line: String,
    pub area: String,
    pub quiet_from: Option<(f64, f64)>,
    pub people: [String; 3],
    pub times: [String; 3],
    /// The same in words, for those who hear it and in the table.
    pub said: String,
    pub rows: Vec<(String, String)>,
}

impl Outlook {
    pub fn of(state: &ConsoleState, desk: &Desk, aim: &Aim, counted: Option<&Counted>) -> Self {
        let words = desk.words;
        let people = counted.map(|counted| counted.people);
        let plan = aim.plan(state, desk, people.unwrap_or(0));
        let zone_name = match aim.schedule.is_planned {
            true => aim.schedule.zone.as_str(),
            false => desk.account.time_zone.as_str(),
        };
        let zone = domain::time::zone(zone_name).unwrap_or_else(|_| desk.zone.clone());
        let forecast = plan.map(|plan| plan.forecast());
        let ends = forecast
            .and_then(|forecast| forecast.ends)
            .filter(|_| people.is_some());
        let seconds =
            |ends: Timestamp| forecast.map_or(0, |forecast| ends.since(forecast.starts).as_secs());
        let starts = forecast.map(|forecast| match aim.schedule.is_planned {
            true => words.time(forecast.starts, &zone),
            false => words.t("schedule-at-once").to_string(),
        });
        let odd = aim.delivery.as_ref().ok().and_then(|delivery| {
            let key = match delivery.odd? {
                Odd::Skipped => "schedule-odd-skipped",
                Odd::Twice => "schedule-odd-twice",
            };
            let at = words.time(delivery.starts, &zone);
            Some(words.t(key).text("time", at).to_string())
        });
        let quiet = plan.and_then(|plan| {
            let rate = fastest(state, desk);
            let quiet = plan.quiet(aim.purpose, &desk.account.time_zone, rate)?;
            let reach = &counted?.reach;
            // Where everybody agreed to the night there is nothing to warn of.
            (reach.night < reach.everybody).then(|| quiet_view(desk, &plan, &quiet))
        });
        Self {
            words,
            action: String::new(),
            is_waiting: people.is_none() && aim.audience().is_some(),
            people: people.map(|people| words.count(people)),
            starts,
            zone: words.zone(zone_name),
            // Seconds where minutes would say that it ends as it starts.
            ends: ends.map(|ends| match seconds(ends) {
                0..HOUR_SECONDS => words.clock_seconds(ends, &zone),
                _ => words.time(ends, &zone),
            }),
            span: ends.map(|ends| words.span(seconds(ends))),
            speed: speed(state, desk, aim),
            odd,
            quiet,
            chart: plan.and_then(|plan| chart(desk, aim, &plan, &zone, people?)),
            is_planned: aim.schedule.is_planned,
        }
    }
}

/// What the speed is, and what bounds it.
fn speed(state: &ConsoleState, desk: &Desk, aim: &Aim) -> String {
    let words = desk.words;
    let own = aim
        .delivery
        .as_ref()
        .ok()
        .and_then(|delivery| delivery.rate);
    match (own, fastest(state, desk)) {
        (Some(own), Some(bound)) if bound < own => words
            .t("schedule-speed-bounded")
            .num("rate", bound)
            .to_string(),
        (Some(own), _) => words.t("schedule-speed-own").num("rate", own).to_string(),
        (None, Some(bound)) => words
            .t("schedule-speed-bounded")
            .num("rate", bound)
            .to_string(),
        (None, None) => words.t("schedule-speed-free").to_string(),
    }
}

fn quiet_view(desk: &Desk, plan: &Plan, quiet: &Quiet) -> QuietView {
    let words = desk.words;
    let korea = domain::time::zone(KOREA).unwrap_or_else(|_| desk.zone.clone());
    let key = match quiet.begins {
        Some(_) => "schedule-quiet-runs-into",
        None => "schedule-quiet-whole",
    };
    let day = jiff::Timestamp::from_millisecond(quiet.ends.as_millis()).unwrap_or_default();
    let day = day.to_zoned(korea.clone()).date();
    let morning = words.time(quiet.ends, &korea);
    let start = words
        .t("schedule-remedy-start")
        .text("time", morning)
        .to_string();
    let mut remedies = Vec::new();
    if let Some(rate) = quiet.faster {
        let faster = Plan {
            rate: Some(rate),
            ..*plan
        };
        let ends = faster.forecast().ends.unwrap_or(quiet.ends);
        let said = words.t("schedule-remedy-rate").num("rate", rate);
        let said = said
            .text("time", words.clock_seconds(ends, &korea))
            .to_string();
        remedies.push((format!("rate:{rate}"), said));
    }
    remedies.push((format!("start:{day}"), start));
    QuietView {
        title: words.t(key).num("count", quiet.people).to_string(),
        text: words.t("schedule-quiet-text").to_string(),
        remedies,
        people: quiet.people,
    }
}

fn chart(
    desk: &Desk,
    aim: &Aim,
    plan: &Plan,
    zone: &jiff::tz::TimeZone,
    people: u64,
) -> Option<Chart> {
    let words = desk.words;
    let ends = plan.forecast().ends?;
    let (from, until) = (plan.starts.as_millis(), ends.as_millis());
    let width = (until - from).max(1_000);
    let right = until + width / CHART_MARGIN;
    if people == 0 {
        return None;
    }
    let x = |at: i64| (at - from) as f64 / (right - from) as f64 * 100.0;
    let end = x(until);
    let quiet = plan.quiet(aim.purpose, &desk.account.time_zone, None);
    let quiet_from = quiet.map(|quiet| {
        let begin = quiet.begins.map_or(0.0, |begins| x(begins.as_millis()));
        (begin, (100.0 - begin).max(0.0))
    });
    let clock = |millis: i64| words.clock_seconds(Timestamp::from_millis(millis), zone);
    let middle = Timestamp::from_millis((from + right) / 2);
    let said = words.t("schedule-chart").num("count", people);
    let said = said.text("time", words.time(ends, zone)).to_string();
    let quarters = (0..=4).map(|quarter| {
        let at = Timestamp::from_millis(from + (until - from) / 4 * quarter);
        let sent = if quarter == 4 {
            people
        } else {
            plan.sent_by(at)
        };
        (words.clock_seconds(at, zone), words.count(sent))
    });
    Some(Chart {
        line: format!("0,100 {end:.3},8"),
        area: format!("0,100 {end:.3},8 {end:.3},100"),
        quiet_from,
        people: [words.count(people), words.count(people / 2), "0".to_owned()],
        times: [clock(from), words.clock_seconds(middle, zone), clock(right)],
        said,
        rows: quarters.collect(),
    })
}
