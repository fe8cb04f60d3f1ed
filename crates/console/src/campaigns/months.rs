//! Months as people look at them: rows of weeks, with the days of their neighbours at the edges.

use std::fmt;

use domain::time::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// Years a calendar shows: far enough for anybody who types one into the address.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i16,
    /// 1 to 12.
    month: i8,
}

impl Month {
    /// `2026-11`; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let is_shaped = year.len() == 4 && month.len() == 2;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_shaped || !digits(year) || !digits(month) {
            return None;
        }
        let (year, month): (i16, i8) = (year.parse().ok()?, month.parse().ok()?);
        let exists = YEARS.contains(&year) && (1..=12).contains(&month);
        exists.then_some(Self { year, month })
    }

    /// The month that it is in the zone.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let date = day_of(at, zone);
        Self {
            year: date.year().clamp(*YEARS.start(), *YEARS.end()),
            month: date.month(),
        }
    }

    pub const fn year(self) -> i16 {
        self.year
    }

    pub const fn month(self) -> i8 {
        self.month
    }

    /// `None` at the end of the calendar.
    pub fn next(self) -> Option<Self> {
        let next = match self.month {
            12 => Self {
                year: self.year + 1,
                month: 1,
            },
            month => Self {
                month: month + 1,
                ..self
            },
        };
        YEARS.contains(&next.year).then_some(next)
    }

    pub fn previous(self) -> Option<Self> {
        let previous = match self.month {
            1 => Self {
                year: self.year - 1,
                month: 12,
            },
            month => Self {
                month: month - 1,
                ..self
            },
        };
        YEARS.contains(&previous.year).then_some(previous)
    }

    pub fn first_day(self) -> Date {
        Date::constant(self.year, self.month, 1)
    }

    /// The first instant of the month in a zone, and the first after it.
    pub fn bounds(self, zone: &TimeZone) -> (Timestamp, Timestamp) {
        let first = self.first_day();
        let after = first.last_of_month().tomorrow().unwrap_or(Date::MAX);
        (midnight(first, zone), midnight(after, zone))
    }

    /// Rows of seven days that begin with `first`, from the week of the 1st to that of the last
    /// day.
    pub fn weeks(self, first: Weekday) -> Vec<[Date; 7]> {
        let last = self.first_day().last_of_month();
        let mut day = self.first_day();
        while day.weekday() != first {
            day = day.yesterday().unwrap_or(Date::MIN);
        }
        let mut weeks = Vec::new();
        while day <= last {
            let mut week = [day; 7];
            for place in &mut week {
                *place = day;
                day = day.tomorrow().unwrap_or(Date::MAX);
            }
            weeks.push(week);
        }
        weeks
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The day that it is in the zone.
pub fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    instant.to_zoned(zone.clone()).date()
}

/// The first instant of a day in the zone: not midnight where the clocks jump over it.
pub fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    let start = day.to_zoned(zone.clone());
    // Only the last day of all calendars has no beginning.
    let millis = start.map_or(i64::MAX, |start| start.timestamp().as_millisecond());
    Timestamp::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> Month {
        Month::parse(text).unwrap()
    }

    #[test]
    fn only_months_are_read() {
        assert_eq!(month("2026-11").to_string(), "2026-11");
        for text in [
            "",
            "2026",
            "2026-",
            "2026-1",
            "2026-13",
            "2026-00",
            "1999-12",
            "2101-01",
            "20260-1",
            "2026-11-01",
            "+026-11",
            "2026-+1",
            "이천-십일",
        ] {
            assert_eq!(Month::parse(text), None, "{text}");
        }
    }

    #[test]
    fn months_follow_each_other_and_end() {
        assert_eq!(month("2026-12").next(), Some(month("2027-01")));
        assert_eq!(month("2027-01").previous(), Some(month("2026-12")));
        assert_eq!(month("2026-02").next(), Some(month("2026-03")));
        assert_eq!(month("2100-12").next(), None);
        assert_eq!(month("2000-01").previous(), None);
    }

    #[test]
    fn every_day_of_a_month_stands_once_in_its_weeks() {
        for (text, first, rows, edges) in [
            // Begins on a Sunday and fits four weeks and two days.
            ("2026-11", Weekday::Sunday, 5, ("2026-11-01", "2026-12-05")),
            ("2026-11", Weekday::Monday, 6, ("2026-10-26", "2026-12-06")),
            // Exactly four weeks.
            ("2015-02", Weekday::Sunday, 4, ("2015-02-01", "2015-02-28")),
            ("2028-02", Weekday::Sunday, 5, ("2028-01-30", "2028-03-04")),
            ("2026-08", Weekday::Sunday, 6, ("2026-07-26", "2026-09-05")),
        ] {
            let weeks = month(text).weeks(first);
            assert_eq!(weeks.len(), rows, "{text}");
            let days: Vec<Date> = weeks.concat();
            assert_eq!(days[0].to_string(), edges.0, "{text}");
            assert_eq!(days[days.len() - 1].to_string(), edges.1, "{text}");
            assert!(weeks.iter().all(|week| week[0].weekday() == first));
            let own = days.iter().filter(|day| day.month() == month(text).month());
            let last = month(text).first_day().last_of_month().day();
            assert_eq!(own.count(), usize::try_from(last).unwrap(), "{text}");
        }
    }

    #[test]
    fn bounds_are_those_of_the_zone() {
        let seoul = domain::time::zone("Asia/Seoul").unwrap();
        let (from, until) = month("2026-11").bounds(&seoul);
        assert_eq!(
            from,
            Timestamp::parse_rfc3339("2026-10-31T15:00:00Z").unwrap()
        );
        assert_eq!(
            until,
            Timestamp::parse_rfc3339("2026-11-30T15:00:00Z").unwrap()
        );
        let late = Timestamp::parse_rfc3339("2026-10-31T15:30:00Z").unwrap();
        assert_eq!(Month::of(late, &seoul), month("2026-11"));
        // Chile's clocks jump at midnight: the day begins at one.
        let chile = domain::time::zone("America/Santiago").unwrap();
        let day = Date::constant(2026, 9, 6);
        let begins = midnight(day, &chile);
        assert_eq!(day_of(begins, &chile), day);
    }
}
