//! From when something holds that an operator decides: at once, or at a day and time read off the
//! wall in a zone.

use domain::time::{LocalDay, Timestamp, local_to_instant};
use jiff::tz::TimeZone;

use crate::campaigns::months::Month;

/// The id of a field and the key of what is wrong with it.
pub type Wrong = (&'static str, &'static str);

/// What three fields say: `when` is `at` or anything else, `day` 2026-11-30, `time` 20:00.
#[derive(Debug, Clone, Copy)]
pub struct StartFields<'a> {
    pub when: &'a str,
    pub day: &'a str,
    pub time: &'a str,
}

impl StartFields<'_> {
    /// The moment, or `None` for at once. What is past is refused: what was sent is priced.
    pub fn read(&self, zone: &TimeZone, now: Timestamp) -> Result<Option<Timestamp>, Wrong> {
        if self.when != "at" {
            return Ok(None);
        }
        let (day, time) = (self.day.trim(), self.time.trim());
        if day.is_empty() {
            return Err(("day", "schedule-empty-day"));
        }
        if time.is_empty() {
            return Err(("time", "schedule-empty-time"));
        }
        let at = local_to_instant(&format!("{day}T{time}"), zone);
        let at = at.map_err(|_| ("day", "schedule-wrong-time"))?;
        match at < now {
            true => Err(("day", "operator-start-past")),
            false => Ok(Some(at)),
        }
    }
}

/// A day as a date field writes it: `2026-11-30`.
pub fn day_field(at: Timestamp, zone: &TimeZone) -> String {
    LocalDay::of(at, zone).to_string()
}

/// The first day of the next month, when terms change that nothing hurries.
pub fn next_month(now: Timestamp, zone: &TimeZone) -> String {
    let (_, until) = Month::of(now, zone).bounds(zone);
    day_field(until, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_read_off_the_wall_and_never_past() {
        let zone = domain::time::zone("Asia/Seoul").unwrap();
        // 20:31 in Seoul.
        let now = Timestamp::parse_rfc3339("2026-11-29T11:31:00Z").unwrap();
        let read = |when, day, time| StartFields { when, day, time }.read(&zone, now);
        assert_eq!(read("now", "2020-01-01", "nonsense"), Ok(None));
        let midnight = Timestamp::parse_rfc3339("2026-11-30T15:00:00Z").unwrap();
        assert_eq!(read("at", "2026-12-01", "00:00"), Ok(Some(midnight)));
        for (day, time, wrong) in [
            ("", "00:00", ("day", "schedule-empty-day")),
            ("2026-12-01", "", ("time", "schedule-empty-time")),
            ("2026-13-01", "00:00", ("day", "schedule-wrong-time")),
            ("2026-12-01", "00:00+00", ("day", "schedule-wrong-time")),
            ("2026-11-29", "20:30", ("day", "operator-start-past")),
        ] {
            assert_eq!(read("at", day, time), Err(wrong), "{day} {time}");
        }
        assert_eq!(day_field(now, &zone), "2026-11-29");
        assert_eq!(day_field(midnight, &zone), "2026-12-01");
        assert_eq!(next_month(now, &zone), "2026-12-01");
        assert_eq!(next_month(midnight, &zone), "2027-01-01");
    }
}
