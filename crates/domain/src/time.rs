//! Instants, launch months and the clock port.
//!
//! An instant is milliseconds since 1970 in UTC, as the databases store it. Zones and calendars are
//! [`jiff`]'s; this module only names the few conversions the product needs.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Reads RFC 3339 with an offset (`2026-11-22T21:00:00+09:00`); the instant, or why not.
    pub fn parse_rfc3339(text: &str) -> Result<Self, InvalidTime> {
        let refuse = || InvalidTime::NotRfc3339(text.chars().take(40).collect());
        if !has_rfc3339_shape(text) {
            return Err(refuse());
        }
        text.parse::<jiff::Timestamp>()
            .map(|instant| Self(instant.as_millisecond()))
            .map_err(|_| refuse())
    }

    /// The calendar year in UTC.
    pub fn utc_year(self) -> u16 {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        let year = instant.to_zoned(jiff::tz::TimeZone::UTC).year();
        u16::try_from(year).unwrap_or_default()
    }

    /// This instant less `earlier`, zero where `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, duration: Duration) -> Timestamp {
        Timestamp(
            self.0
                .saturating_add(duration.as_millis().min(i64::MAX as u128) as i64),
        )
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, duration: Duration) -> Timestamp {
        Timestamp(
            self.0
                .saturating_sub(duration.as_millis().min(i64::MAX as u128) as i64),
        )
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T12:00:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTime {
    #[error("'{0}' is not a time: expected RFC 3339 such as 2026-11-22T21:00:00+09:00")]
    NotRfc3339(String),
    #[error("'{0}' is not a time: expected 2026-11-22 21:00:00 or 2026-11-22T21:00")]
    NotLocal(String),
    #[error("'{0}' is not a time zone: expected an IANA name such as Asia/Seoul")]
    UnknownZone(String),
    #[error("'{0}' is not a month")]
    NotAMonth(i64),
    #[error("'{0}' is not a month: expected one such as 2026-11")]
    NotMonthText(String),
}

/// Years since 1970 × 12 + month − 1, in UTC: the partition a campaign's chunks live in, fixed at
/// launch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct LaunchMonth(u16);

impl LaunchMonth {
    pub fn of(at: Timestamp) -> Self {
        let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        let date = instant.to_zoned(jiff::tz::TimeZone::UTC).date();
        let months = (i32::from(date.year()) - 1970) * 12 + i32::from(date.month()) - 1;
        Self(months.clamp(0, i32::from(u16::MAX)) as u16)
    }

    pub const fn number(self) -> u16 {
        self.0
    }

    pub fn from_number(number: i64) -> Result<Self, InvalidTime> {
        u16::try_from(number)
            .map(Self)
            .map_err(|_| InvalidTime::NotAMonth(number))
    }

    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The month's first instant in a zone: the month before ends there.
    pub fn begins(self, zone: &jiff::tz::TimeZone) -> Timestamp {
        // A u16 of months ends in the year 7431, long before calendars do.
        let (year, month) = (1970 + self.0 / 12, self.0 % 12 + 1);
        let first = jiff::civil::Date::new(year as i16, month as i8, 1);
        let midnight = first.and_then(|first| first.to_zoned(zone.clone()));
        Timestamp(midnight.map_or(i64::MAX, |midnight| midnight.timestamp().as_millisecond()))
    }
}

/// Reads `2026-11`.
impl std::str::FromStr for LaunchMonth {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let refuse = || InvalidTime::NotMonthText(text.chars().take(20).collect());
        if !matches_digits(text.as_bytes(), "0000-00") {
            return Err(refuse());
        }
        let (year, month) = text.split_at(4);
        let (year, month): (u32, u32) = (
            year.parse().map_err(|_| refuse())?,
            month[1..].parse().map_err(|_| refuse())?,
        );
        if year < 1970 || !(1..=12).contains(&month) {
            return Err(refuse());
        }
        u16::try_from((year - 1970) * 12 + month - 1)
            .map(Self)
            .map_err(|_| refuse())
    }
}

/// `2026-11`.
impl fmt::Display for LaunchMonth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", 1970 + self.0 / 12, self.0 % 12 + 1)
    }
}

/// A calendar day of some zone, as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalDay(i32);

impl LocalDay {
    /// The day that it is in `zone` at `at`.
    pub fn of(at: Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        Self::of_date(instant.to_zoned(zone.clone()).date())
    }

    /// Reads `20261130`; `None` where it is no day of the calendar.
    pub fn parse_compact(text: &str) -> Option<Self> {
        let is_digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits {
            return None;
        }
        let (year, month) = (text[..4].parse().ok()?, text[4..6].parse().ok()?);
        let date = jiff::civil::Date::new(year, month, text[6..].parse().ok()?);
        Some(Self::of_date(date.ok()?))
    }

    fn of_date(date: jiff::civil::Date) -> Self {
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        let days = date.duration_since(epoch).as_hours() / 24;
        // Calendars end long before an i32 of days does.
        Self(i32::try_from(days).unwrap_or_default())
    }

    pub const fn number(self) -> i32 {
        self.0
    }

    /// The day of [`LocalDay::number`].
    pub const fn from_number(number: i32) -> Self {
        Self(number)
    }

    /// Its first instant.
    pub fn begin(self, zone: &jiff::tz::TimeZone) -> Timestamp {
        start_of(self.date(), zone)
    }

    /// The first instant of the day after.
    pub fn end(self, zone: &jiff::tz::TimeZone) -> Timestamp {
        start_of(
            self.date().tomorrow().unwrap_or(jiff::civil::Date::MAX),
            zone,
        )
    }

    pub fn year(self) -> u16 {
        u16::try_from(self.date().year()).unwrap_or_default()
    }

    /// The first day of its month.
    pub fn first_of_month(self) -> Self {
        Self(self.0 - i32::from(self.date().day()) + 1)
    }

    /// The last day of its month.
    pub fn last_of_month(self) -> Self {
        let date = self.date();
        Self(self.0 + i32::from(date.days_in_month() - date.day()))
    }

    /// The month the day is in.
    pub fn month(self) -> LaunchMonth {
        const DAY_MS: i64 = 86_400_000;
        LaunchMonth::of(Timestamp(i64::from(self.0) * DAY_MS))
    }

    fn date(self) -> jiff::civil::Date {
        let epoch = jiff::civil::Date::constant(1970, 1, 1);
        let days = jiff::SignedDuration::from_hours(i64::from(self.0) * 24);
        epoch.checked_add(days).unwrap_or(jiff::civil::Date::MAX)
    }
}

/// When a day begins: at the first instant that its zone's clocks show for it.
fn start_of(date: jiff::civil::Date, zone: &jiff::tz::TimeZone) -> Timestamp {
    // Only the last day of the calendar has no day after it.
    let midnight = date.to_zoned(zone.clone());
    let millis = midnight.map_or(i64::MAX, |midnight| midnight.timestamp().as_millisecond());
    Timestamp(millis)
}

/// `2026-11-22`.
impl fmt::Display for LocalDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

pub use jiff::tz::TimeZone as Zone;

/// A zone by its IANA name, or why there is none.
pub fn zone(name: &str) -> Result<Zone, InvalidTime> {
    let unknown = || InvalidTime::UnknownZone(name.chars().take(64).collect());
    // jiff also reads POSIX strings and offsets; a person's zone is a place.
    let looks_like_a_place = name == "UTC" || name.contains('/');
    if !looks_like_a_place {
        return Err(unknown());
    }
    jiff::tz::TimeZone::get(name).map_err(|_| unknown())
}

/// Minutes east of UTC that `zone` has at `at`.
pub fn utc_offset_minutes(zone: &jiff::tz::TimeZone, at: Timestamp) -> i32 {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    zone.to_offset(instant).seconds() / 60
}

/// Wall time in `zone` as an instant; a time that does not exist becomes the first instant after,
/// a time that exists twice the first.
pub fn local_to_instant(text: &str, zone: &jiff::tz::TimeZone) -> Result<Timestamp, InvalidTime> {
    let refuse = || InvalidTime::NotLocal(text.chars().take(40).collect());
    if !has_wall_shape(text) {
        return Err(refuse());
    }
    let wall: jiff::civil::DateTime = text.parse().map_err(|_| refuse())?;
    let candidates = zone.to_ambiguous_timestamp(wall);
    let in_a_gap = matches!(candidates.offset(), jiff::tz::AmbiguousOffset::Gap { .. });
    let earlier = candidates.earlier().map_err(|_| refuse())?;
    if !in_a_gap {
        return Ok(Timestamp(earlier.as_millisecond()));
    }
    let jump = zone.following(earlier).next().ok_or_else(refuse)?;
    Ok(Timestamp(jump.timestamp().as_millisecond()))
}

/// `2026-11-22 21:00:00` or `2026-11-22T21:00`, and nothing behind it: [`jiff`] would read an
/// offset or a zone there and drop it silently, which moves the time.
fn has_wall_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let separator_fits = bytes.get(10).is_some_and(|b| matches!(b, b' ' | b'T'));
    separator_fits && (matches_digits(bytes, "0000-00-00?00:00") || matches_digits(bytes, WALL))
}

/// Date, time with seconds, perhaps a fraction, and an offset: what RFC 3339 asks for. [`jiff`]
/// alone would also read a zone in brackets, which may contradict the offset.
fn has_rfc3339_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((wall, rest)) = bytes.split_at_checked(WALL.len()) else {
        return false;
    };
    let separator_fits = matches!(wall[10], b'T' | b't' | b' ');
    let offset = match rest.strip_prefix(b".") {
        None => rest,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
    };
    let offset_fits = match offset {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', hours_minutes @ ..] => matches_digits(hours_minutes, "00:00"),
        _ => false,
    };
    separator_fits && matches_digits(wall, WALL) && offset_fits
}

const WALL: &str = "0000-00-00?00:00:00";

/// `0` in the shape stands for a digit, `?` for any byte, everything else for itself.
fn matches_digits(bytes: &[u8], shape: &str) -> bool {
    bytes.len() == shape.len()
        && bytes.iter().zip(shape.bytes()).all(|(byte, expected)| {
            matches!(expected, b'?')
                || (expected == b'0' && byte.is_ascii_digit())
                || *byte == expected
        })
}

/// A clock that differs by more than this from what it was has stepped; less is measured wrongly.
pub const CLOCK_STEP_MIN: Duration = Duration::from_secs(2);

/// The clock port. The binary's follows the machine, a test's stands still until it is moved.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment that no clock step moves: for waits and deadlines.
    fn monotonic(&self) -> Duration;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_in_utc() {
        let at = Timestamp::parse_rfc3339("2026-12-01T08:59:59+09:00").unwrap();
        assert_eq!(LaunchMonth::of(at).to_string(), "2026-11");
        assert_eq!(at.to_string(), "2026-11-30T23:59:59.000Z");
    }

    #[test]
    fn months_begin_in_their_zone_and_are_read_as_they_are_written() {
        let november: LaunchMonth = "2026-11".parse().unwrap();
        assert_eq!(november.to_string(), "2026-11");
        assert_eq!(november.next().to_string(), "2026-12");
        assert_eq!(november.next().next().previous().to_string(), "2026-12");
        let seoul = zone("Asia/Seoul").unwrap();
        let begins = november.begins(&seoul);
        assert_eq!(begins.to_string(), "2026-10-31T15:00:00.000Z");
        assert_eq!(LocalDay::of(begins, &seoul).month(), november);
        let before = begins - Duration::from_millis(1);
        assert_eq!(LocalDay::of(before, &seoul).month(), november.previous());
        for bad in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "1969-12",
            "2026-1",
            "2026/11",
            "９026-11",
        ] {
            assert!(bad.parse::<LaunchMonth>().is_err(), "{bad}");
        }
    }

    #[test]
    fn days_follow_their_zone() {
        let seoul = zone("Asia/Seoul").unwrap();
        let at = Timestamp::parse_rfc3339("2026-12-01T00:00:00+09:00").unwrap();
        let day = LocalDay::of(at, &seoul);
        assert_eq!(
            (day.to_string().as_str(), day.number()),
            ("2026-12-01", 20_788)
        );
        assert_eq!(day.month().to_string(), "2026-12");
        assert_eq!(day.end(&seoul).to_string(), "2026-12-01T15:00:00.000Z");
        let before = LocalDay::of(at - Duration::from_millis(1), &seoul);
        assert_eq!(
            (before.to_string().as_str(), before.end(&seoul)),
            ("2026-11-30", at)
        );
        // A midnight that does not exist: the day begins at one o'clock.
        let cairo = zone("Africa/Cairo").unwrap();
        let at = Timestamp::parse_rfc3339("2026-04-23T23:00:00+02:00").unwrap();
        let end = LocalDay::of(at, &cairo).end(&cairo);
        assert_eq!(end.to_string(), "2026-04-23T22:00:00.000Z");
        assert_eq!(LocalDay::of(end, &cairo).to_string(), "2026-04-24");
    }

    #[test]
    fn wall_times_that_do_not_exist_or_exist_twice_follow_the_rule() {
        let zone = zone("America/New_York").unwrap();
        let missing = local_to_instant("2026-03-08 02:30:00", &zone).unwrap();
        assert_eq!(missing.to_string(), "2026-03-08T07:00:00.000Z");
        let twice = local_to_instant("2026-11-01 01:30:00", &zone).unwrap();
        assert_eq!(twice.to_string(), "2026-11-01T05:30:00.000Z");
    }

    #[test]
    fn times_with_anything_behind_them_are_refused() {
        let zone = zone("Asia/Seoul").unwrap();
        for case in [
            "",
            "now",
            "2026-11-22",
            "2026-11-22 21",
            "2026-11-22 21:00:00.5",
            "2026-11-22T21:00+09:00",
            "2026-11-22T21:00Z",
            "2026-11-22T21:00[Asia/Seoul]",
            "20261122T210000",
            "2026-13-45 00:00",
            "2026-02-30 00:00",
            "2026-11-22 24:00",
            "2026-11-22 21:60",
            "2026-11-22_21:00",
            " 2026-11-22 21:00",
            "２０２６-11-22 21:00",
        ] {
            assert!(local_to_instant(case, &zone).is_err(), "{case:?}");
        }
        for case in [
            "",
            "2026-13-45",
            "2026-11-22T21:00:00",
            "2026-11-22T21:00+09:00",
            "2026-11-22T21:00:00+09",
            "2026-11-22T21:00:00+0900",
            "2026-11-22T21:00:00.+09:00",
            "2026-11-22T21:00:00+09:00[America/New_York]",
            "2026-11-22T21:00:00+25:90",
            "2026-02-29T00:00:00Z",
            "2026-11-22T21:00:00 KST",
            "1700000000000",
        ] {
            assert!(Timestamp::parse_rfc3339(case).is_err(), "{case:?}");
        }
        let parsed = Timestamp::parse_rfc3339("2026-11-22t21:00:00.25-00:30").unwrap();
        assert_eq!(parsed.to_string(), "2026-11-22T21:30:00.250Z");
        assert_eq!(parsed.utc_year(), 2026);
    }

    #[test]
    fn days_are_read_as_eight_digits() {
        for text in ["19700101", "20240229", "20261130"] {
            let day = LocalDay::parse_compact(text).unwrap();
            assert_eq!(day.to_string().replace('-', ""), text);
        }
        for text in [
            "", "2026113", "20261131", "20230229", "2026-1-3", "202611 1", "+2026113",
        ] {
            assert_eq!(LocalDay::parse_compact(text), None, "{text:?}");
        }
    }

    #[test]
    fn zones_that_are_not_places_are_refused() {
        for case in [
            "",
            "KST",
            "Asia/Seul",
            "+09:00",
            "EST5EDT4,M3",
            "../etc/passwd",
            "Asia/",
        ] {
            assert!(zone(case).is_err(), "{case:?} was accepted");
        }
        assert!(zone("Asia/Seoul").is_ok());
    }
}
