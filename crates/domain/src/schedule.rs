//! When a campaign starts: now, or at a wall time in a named zone.
//!
//! The wall time and the zone are stored, never an instant alone: if a country moves its clocks
//! between planning and sending, nine in the morning stays nine in the morning.

use serde::ser::{Serialize, SerializeMap, Serializer};

use std::time::Duration;

use crate::document::{self, Faults, Node, Object, only_true, text};
use crate::message::ValidationError;
use crate::time::{InvalidTime, Timestamp, local_to_instant, zone};

/// How far ahead a campaign can be planned: prices, consents and laws change.
pub const AHEAD_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const SCHEDULE_BYTES_MAX: usize = 1_024;
const ROOT: &str = "schedule";

/// When a campaign starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    Now,
    At(WallTime),
}

/// A time on the wall of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WallTime {
    /// `2026-11-22 21:00:00`.
    wall: String,
    /// The IANA name.
    zone: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("{wall} in {zone} is past: it is {now} now")]
    Past {
        wall: String,
        zone: String,
        now: Timestamp,
    },
    #[error("{wall} in {zone} is more than 366 days ahead")]
    TooFarAhead { wall: String, zone: String },
    #[error(transparent)]
    Time(#[from] InvalidTime),
}

impl Schedule {
    /// Reads `{"now":true}` or `{"at":{"wall":"2026-11-22 21:00","zone":"Asia/Seoul"}}`. All
    /// faults, each with its path.
    pub fn parse(json: &str) -> Result<Schedule, Vec<ValidationError>> {
        let node = document::parse(json, ROOT, SCHEDULE_BYTES_MAX)?;
        let mut faults = Faults::default();
        let schedule = read(&node, &mut faults);
        faults.finish(schedule)
    }

    pub fn to_json(&self) -> String {
        // Maps with text keys and values always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The instant it stands for. A time that does not exist becomes the first instant after, one
    /// that exists twice the first; what is past is refused.
    pub fn resolve(&self, now: Timestamp) -> Result<Timestamp, ScheduleError> {
        match self {
            Self::Now => Ok(now),
            Self::At(at) => at.resolve(now),
        }
    }
}

impl WallTime {
    pub fn parse(wall: &str, zone_name: &str) -> Result<Self, InvalidTime> {
        let zone = zone(zone_name)?;
        local_to_instant(wall, &zone)?;
        // The shape is checked: a date, a separator, a time with or without seconds.
        let mut wall = wall.replace('T', " ");
        if wall.len() == "2026-11-22 21:00".len() {
            wall.push_str(":00");
        }
        Ok(Self {
            wall,
            zone: zone.iana_name().unwrap_or(zone_name).to_owned(),
        })
    }

    pub fn wall(&self) -> &str {
        &self.wall
    }

    pub fn zone(&self) -> &str {
        &self.zone
    }

    fn resolve(&self, now: Timestamp) -> Result<Timestamp, ScheduleError> {
        let at = local_to_instant(&self.wall, &zone(&self.zone)?)?;
        let (wall, zone) = (self.wall.clone(), self.zone.clone());
        if at < now {
            return Err(ScheduleError::Past { wall, zone, now });
        }
        if at > now + AHEAD_MAX {
            return Err(ScheduleError::TooFarAhead { wall, zone });
        }
        Ok(at)
    }
}

fn read(node: &Node, faults: &mut Faults) -> Option<Schedule> {
    let object = Object::read(node, ROOT, &["now", "at"], faults)?;
    match (object.get("now"), object.get("at")) {
        (Some(now), None) => {
            only_true(now, &object.path_of("now"), faults)?;
            Some(Schedule::Now)
        }
        (None, Some(at)) => read_wall_time(at, &object.path_of("at"), faults).map(Schedule::At),
        _ => faults.add(ROOT, "must have either 'now' or 'at'"),
    }
}

fn read_wall_time(node: &Node, path: &str, faults: &mut Faults) -> Option<WallTime> {
    let object = Object::read(node, path, &["wall", "zone"], faults)?;
    let mut field = |key| {
        let node = object.required(key, faults)?;
        text(node, &object.path_of(key), faults)
    };
    let (wall, zone_name) = (field("wall"), field("zone"));
    let (wall, zone_name) = (wall?, zone_name?);
    match WallTime::parse(wall, zone_name) {
        Ok(at) => Some(at),
        Err(error @ InvalidTime::UnknownZone(_)) => {
            faults.add(&object.path_of("zone"), error.to_string())
        }
        Err(error) => faults.add(&object.path_of("wall"), error.to_string()),
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Now => map.serialize_entry("now", &true)?,
            Self::At(at) => map.serialize_entry("at", at)?,
        }
        map.end()
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("wall", &self.wall)?;
        map.serialize_entry("zone", &self.zone)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(wall: &str, zone: &str) -> String {
        format!(r#"{{"at":{{"wall":"{wall}","zone":"{zone}"}}}}"#)
    }

    #[test]
    fn wall_times_become_instants_across_every_change_of_clocks() {
        let cases = [
            ("2026-11-22 21:00", "Asia/Seoul", "2026-11-22T12:00:00.000Z"),
            (
                "2026-11-22T21:00:30",
                "Asia/Seoul",
                "2026-11-22T12:00:30.000Z",
            ),
            ("2026-12-31 23:59:59", "UTC", "2026-12-31T23:59:59.000Z"),
            // Clocks go forward: the hour from 02:00 does not exist.
            (
                "2027-03-14 01:59:59",
                "America/New_York",
                "2027-03-14T06:59:59.000Z",
            ),
            (
                "2027-03-14 02:00",
                "America/New_York",
                "2027-03-14T07:00:00.000Z",
            ),
            (
                "2027-03-14 02:30",
                "America/New_York",
                "2027-03-14T07:00:00.000Z",
            ),
            (
                "2027-03-14 03:00",
                "America/New_York",
                "2027-03-14T07:00:00.000Z",
            ),
            (
                "2027-03-28 01:30",
                "Europe/London",
                "2027-03-28T01:00:00.000Z",
            ),
            (
                "2027-03-28 02:30",
                "Europe/Berlin",
                "2027-03-28T01:00:00.000Z",
            ),
            // By half an hour only.
            (
                "2027-10-03 02:15",
                "Australia/Lord_Howe",
                "2027-10-02T15:30:00.000Z",
            ),
            // At midnight: the day begins at 01:00.
            (
                "2027-09-05 00:30",
                "America/Santiago",
                "2027-09-05T04:00:00.000Z",
            ),
            // Clocks go back: the first of the two.
            (
                "2027-11-07 01:30",
                "America/New_York",
                "2027-11-07T05:30:00.000Z",
            ),
            (
                "2027-11-07 02:00",
                "America/New_York",
                "2027-11-07T07:00:00.000Z",
            ),
            (
                "2027-10-31 02:30",
                "Europe/Berlin",
                "2027-10-31T00:30:00.000Z",
            ),
            (
                "2027-04-04 01:45",
                "Australia/Lord_Howe",
                "2027-04-03T14:45:00.000Z",
            ),
            (
                "2027-07-01 09:00",
                "Asia/Kathmandu",
                "2027-07-01T03:15:00.000Z",
            ),
        ];
        for (wall, zone, expected) in cases {
            let schedule = Schedule::parse(&at(wall, zone)).unwrap();
            let now = Timestamp::parse_rfc3339(expected).unwrap();
            let resolved = schedule.resolve(now).unwrap();
            assert_eq!(resolved.to_string(), expected, "{wall} {zone}");
            assert_eq!(Schedule::parse(&schedule.to_json()).unwrap(), schedule);
        }
    }

    #[test]
    fn stored_text_is_whole() {
        let schedule = Schedule::parse(&at("2026-11-22T21:00", "Asia/Seoul")).unwrap();
        assert_eq!(schedule.to_json(), at("2026-11-22 21:00:00", "Asia/Seoul"));
        let now = Timestamp::from_millis(7);
        let schedule = Schedule::parse(r#" {"now": true} "#).unwrap();
        assert_eq!(schedule.to_json(), r#"{"now":true}"#);
        assert_eq!(schedule.resolve(now), Ok(now));
    }

    #[test]
    fn what_is_past_or_too_far_ahead_is_refused_in_words() {
        let now = Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap();
        let resolve = |wall| {
            let schedule = Schedule::parse(&at(wall, "Asia/Seoul")).unwrap();
            schedule.resolve(now).map_err(|error| error.to_string())
        };
        assert_eq!(resolve("2026-11-22 21:00"), Ok(now));
        let past = "2026-11-22 20:59:59 in Asia/Seoul is past: it is 2026-11-22T12:00:00.000Z now";
        assert_eq!(resolve("2026-11-22 20:59:59"), Err(past.to_owned()));
        assert!(resolve("0001-01-01 00:00").unwrap_err().contains("is past"));
        assert!(resolve("2027-11-23 21:00").is_ok());
        let far = "2027-11-23 21:00:01 in Asia/Seoul is more than 366 days ahead";
        assert_eq!(resolve("2027-11-23 21:00:01"), Err(far.to_owned()));
        assert!(
            resolve("9998-01-01 00:00")
                .unwrap_err()
                .contains("366 days")
        );
    }

    /// A wrong schedule, the path of its fault and a word of the message.
    #[test]
    fn every_fault_is_told_in_words_at_its_path() {
        let wrong_wall = |wall| (at(wall, "Asia/Seoul"), "schedule.at.wall", "not a time");
        let wrong_zone = |zone| {
            (
                at("2026-11-22 21:00", zone),
                "schedule.at.zone",
                "time zone",
            )
        };
        let wrong = |json: &str, path, words| (json.to_owned(), path, words);
        let cases = [
            wrong("", "schedule", "not JSON"),
            wrong("now", "schedule", "not JSON"),
            wrong(r#"{"now":true"#, "schedule", "not JSON"),
            wrong(r#""now""#, "schedule", "an object"),
            wrong("null", "schedule", "an object"),
            wrong("[]", "schedule", "an object"),
            wrong("{}", "schedule", "either 'now' or 'at'"),
            wrong(
                r#"{"now":true,"at":{}}"#,
                "schedule",
                "either 'now' or 'at'",
            ),
            wrong(r#"{"now":true,"now":true}"#, "schedule", "twice"),
            wrong(
                r#"{"now":true,"zone":"UTC"}"#,
                "schedule",
                "unknown key 'zone'",
            ),
            wrong(r#"{"now":false}"#, "schedule.now", "true"),
            wrong(r#"{"now":"yes"}"#, "schedule.now", "true"),
            wrong(r#"{"at":"2026-11-22 21:00"}"#, "schedule.at", "an object"),
            wrong(r#"{"at":1795000000000}"#, "schedule.at", "an object"),
            wrong(
                r#"{"at":{"wall":"2026-11-22 21:00"}}"#,
                "schedule.at",
                "'zone'",
            ),
            wrong(r#"{"at":{"zone":"Asia/Seoul"}}"#, "schedule.at", "'wall'"),
            wrong(
                r#"{"at":{"wall":5,"zone":"UTC"}}"#,
                "schedule.at.wall",
                "a text",
            ),
            wrong(
                r#"{"at":{"wall":"2026-11-22 21:00","zone":9}}"#,
                "schedule.at.zone",
                "a text",
            ),
            wrong(
                r#"{"at":{"wall":"2026-11-22 21:00","zone":"UTC","every":"day"}}"#,
                "schedule.at",
                "unknown key 'every'",
            ),
            wrong_wall(""),
            wrong_wall("tomorrow"),
            wrong_wall("2026-11-22"),
            wrong_wall("21:00"),
            wrong_wall("2026-11-22 21"),
            wrong_wall("2026-11-22 9:00"),
            wrong_wall("2026-11-22 24:00"),
            wrong_wall("2026-11-22 21:60"),
            wrong_wall("2026-11-31 21:00"),
            wrong_wall("2026-02-29 21:00"),
            wrong_wall("2026-13-01 21:00"),
            wrong_wall("2026-00-10 21:00"),
            wrong_wall("2026/11/22 21:00"),
            wrong_wall("22.11.2026 21:00"),
            wrong_wall("2026-11-22 21:00:00.000"),
            wrong_wall("2026-11-22 21:00 "),
            wrong_wall("2026-11-22T21:00:00Z"),
            wrong_wall("2026-11-22T21:00:00+09:00"),
            wrong_wall("2026-11-22T21:00:00[UTC]"),
            wrong_wall("+002026-11-22 21:00"),
            wrong_wall("-2026-11-22 21:00"),
            wrong_wall("2026-11-22 9:00 PM"),
            wrong_wall("２０２６-11-22 21:00"),
            wrong_zone(""),
            wrong_zone("KST"),
            wrong_zone("+09:00"),
            wrong_zone("Asia/Seul"),
            wrong_zone("Asia"),
            wrong_zone("Asia/"),
            wrong_zone("/etc/localtime"),
            wrong_zone("../Asia/Seoul"),
            wrong_zone("UTC+9"),
            wrong_zone("서울"),
        ];
        for (json, path, words) in &cases {
            let errors = Schedule::parse(json).expect_err(json);
            assert_eq!(errors.len(), 1, "{json}: {errors:?}");
            assert_eq!(errors[0].property, *path, "{json}: {errors:?}");
            assert!(errors[0].message.contains(words), "{json}: {errors:?}");
        }
        let both = Schedule::parse(r#"{"at":{"wall":1,"zone":2}}"#).unwrap_err();
        assert_eq!(both.len(), 2);
    }

    proptest! {
        #[test]
        fn an_instant_never_lies_before_its_wall_time_was_first_reached(
            day in 0i64..20_000,
            second in 0u32..86_400,
            zone_name in prop::sample::select(vec![
                "Asia/Seoul", "America/New_York", "Europe/London", "Australia/Lord_Howe",
                "America/Santiago", "Pacific/Apia", "Africa/Casablanca",
            ]),
        ) {
            let date = Timestamp::from_millis(day * 86_400_000).to_string();
            let (hour, minute) = (second / 3_600, second / 60 % 60);
            let wall = format!("{} {hour:02}:{minute:02}:{:02}", &date[..10], second % 60);
            let at = WallTime::parse(&wall, zone_name).unwrap();
            let now = Timestamp::from_millis((day - 3) * 86_400_000);
            let instant = at.resolve(now).unwrap();
            // Shown on the wall again it is the same time, or the first after a jump.
            let zone = zone(zone_name).unwrap();
            let shown = jiff::Timestamp::from_millisecond(instant.as_millis())
                .unwrap()
                .to_zoned(zone.clone())
                .datetime();
            let wanted: jiff::civil::DateTime = wall.parse().unwrap();
            prop_assert!(shown >= wanted);
            if shown != wanted {
                let before = jiff::Timestamp::from_millisecond(instant.as_millis() - 1).unwrap();
                prop_assert!(before.to_zoned(zone).datetime() < wanted);
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,60}", wall in "[0-9T: +-]{0,20}") {
            let _ = Schedule::parse(&text);
            let _ = Schedule::parse(&at(&wall, "Europe/Berlin"));
        }
    }
}
