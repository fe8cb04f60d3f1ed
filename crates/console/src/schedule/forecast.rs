//! How long a campaign would take, and whether it runs into the quiet hours of the law.
//!
//! Nothing here holds a message back: the worker's gate knows no quiet hours yet. A page says what
//! would happen and offers what avoids it.

use std::time::Duration;

use domain::campaign::Purpose;
use domain::pace::{Rate, forecast_end};
use domain::time::{Timestamp, local_to_instant};
use jiff::tz::TimeZone;

/// Where the law of quiet hours holds.
pub const KOREA: &str = "Asia/Seoul";
/// The law says 21:00; ten minutes before, because sending takes its time.
const QUIET_FROM: &str = "20:50";
pub const QUIET_TO: &str = "08:00";

/// What is forecast of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub people: u64,
    pub starts: Timestamp,
    /// The slowest speed on the way; `None` is as fast as the messenger takes.
    pub rate: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    pub starts: Timestamp,
    /// `None` where no speed is known.
    pub ends: Option<Timestamp>,
}

/// A campaign runs into the quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// People who would get it in the quiet hours.
    pub people: u64,
    /// When the quiet hours begin, where it starts before them.
    pub begins: Option<Timestamp>,
    /// When they end.
    pub ends: Timestamp,
    /// The speed at which it is over before they begin.
    pub faster: Option<u32>,
}

impl Plan {
    pub fn forecast(&self) -> Forecast {
        let rate = self
            .rate
            .and_then(|rate| Rate::per_second(u64::from(rate)).ok());
        Forecast {
            starts: self.starts,
            ends: rate.map(|rate| forecast_end(self.people, rate, self.starts)),
        }
    }

    /// People who have it by `at`.
    pub fn sent_by(&self, at: Timestamp) -> u64 {
        let passed = at.since(self.starts).as_millis();
        let sent = passed.saturating_mul(u128::from(self.rate.unwrap_or(0))) / 1_000;
        u64::try_from(sent).unwrap_or(u64::MAX).min(self.people)
    }

    /// Whether a promotion from an account in Korea runs into the quiet hours; `fastest` is the
    /// highest speed it could be given.
    pub fn quiet(
        &self,
        purpose: Purpose,
        account_zone: &str,
        fastest: Option<u32>,
    ) -> Option<Quiet> {
        let is_concerned = purpose == Purpose::Promotion && account_zone == KOREA;
        if !is_concerned || self.people == 0 {
            return None;
        }
        let zone = domain::time::zone(KOREA).ok()?;
        let (today, tomorrow) = days(self.starts, &zone)?;
        let at =
            |day: jiff::civil::Date, time| local_to_instant(&format!("{day} {time}"), &zone).ok();
        let (morning, evening) = (at(today, QUIET_TO)?, at(today, QUIET_FROM)?);
        let next_morning = at(tomorrow, QUIET_TO)?;
        if self.starts < morning {
            return Some(self.whole(morning));
        }
        if self.starts >= evening {
            return Some(self.whole(next_morning));
        }
        let ends = self.forecast().ends?;
        if ends <= evening {
            return None;
        }
        let seconds = evening.since(self.starts).as_secs();
        let needed = u32::try_from(self.people.div_ceil(seconds.max(1))).ok();
        let faster = needed.filter(|needed| fastest.is_none_or(|fastest| *needed <= fastest));
        Some(Quiet {
            people: self.people - self.sent_by(evening),
            begins: Some(evening),
            ends: next_morning,
            faster: faster.filter(|_| seconds > 0),
        })
    }

    fn whole(&self, ends: Timestamp) -> Quiet {
        Quiet {
            people: self.people,
            begins: None,
            ends,
            faster: None,
        }
    }
}

/// Within which pushes of a campaign must begin: a day, longer where it needs longer.
pub fn lifetime(plan: &Plan, longest: Duration) -> Duration {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let forecast = plan.forecast();
    let needed = forecast
        .ends
        .map_or(Duration::ZERO, |ends| ends.since(forecast.starts));
    // Half as long again: pauses and retries take their time too.
    (needed + needed / 2).clamp(DAY, longest)
}

fn days(at: Timestamp, zone: &TimeZone) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok()?;
    let today = instant.to_zoned(zone.clone()).date();
    Some((today, today.tomorrow().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seoul(wall: &str) -> Timestamp {
        local_to_instant(wall, &domain::time::zone(KOREA).unwrap()).unwrap()
    }

    fn plan(people: u64, starts: &str, rate: Option<u32>) -> Plan {
        Plan {
            people,
            starts: seoul(starts),
            rate,
        }
    }

    #[test]
    fn the_example_of_the_mockup_holds() {
        // 408,256 of them after the first one in a hundred, from 19:15:59.
        let plan = plan(408_256, "2026-11-19 19:15:59", Some(70));
        assert_eq!(
            plan.forecast().ends,
            Some(seoul("2026-11-19 20:53:11") + Duration::from_millis(229))
        );
        let quiet = plan.quiet(Purpose::Promotion, KOREA, None).unwrap();
        assert_eq!(quiet.people, 13_386);
        assert_eq!(quiet.begins, Some(seoul("2026-11-19 20:50")));
        assert_eq!(quiet.ends, seoul("2026-11-20 08:00"));
        assert_eq!(quiet.faster, Some(73));
        let capped = plan.quiet(Purpose::Promotion, KOREA, Some(72)).unwrap();
        assert_eq!(capped.faster, None);
    }

    #[test]
    fn only_promotions_in_korea_at_night_are_warned_of() {
        let cases = [
            ("2026-11-19 07:59:59", None, Some("2026-11-19 08:00")),
            ("2026-11-19 08:00", None, None),
            ("2026-11-19 20:49:59", None, None),
            ("2026-11-19 20:50", None, Some("2026-11-20 08:00")),
            ("2026-11-19 23:59", None, Some("2026-11-20 08:00")),
            ("2026-11-19 20:49", Some(1), Some("2026-11-20 08:00")),
            ("2026-11-19 20:33", Some(1), None),
            ("2026-12-31 21:00", None, Some("2027-01-01 08:00")),
        ];
        for (starts, rate, ends) in cases {
            let plan = plan(1_000, starts, rate);
            let quiet = plan.quiet(Purpose::Promotion, KOREA, None);
            assert_eq!(quiet.map(|quiet| quiet.ends), ends.map(seoul), "{starts}");
            assert_eq!(plan.quiet(Purpose::Information, KOREA, None), None);
            assert_eq!(plan.quiet(Purpose::Promotion, "Asia/Tokyo", None), None);
        }
        let nobody = plan(0, "2026-11-19 23:00", None);
        assert_eq!(nobody.quiet(Purpose::Promotion, KOREA, None), None);
    }

    #[test]
    fn slow_campaigns_live_longer() {
        let week = Duration::from_secs(7 * 24 * 60 * 60);
        let of = |people, rate| lifetime(&plan(people, "2026-11-19 09:00", rate), week);
        assert_eq!(of(1_000, None), Duration::from_secs(86_400));
        assert_eq!(of(1_000, Some(10)), Duration::from_secs(86_400));
        assert_eq!(of(100_000, Some(1)), Duration::from_secs(150_000));
        assert_eq!(of(10_000_000, Some(1)), week);
    }
}
