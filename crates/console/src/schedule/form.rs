//! When and how fast, as it was typed, and what it means.

use domain::money::{Currency, Money};
use domain::pace::RATE_MAX;
use domain::schedule::{Schedule, ScheduleError, WallTime};
use domain::shortage::IfShort;
use domain::time::Timestamp;
use jiff::tz::AmbiguousOffset;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::limit;

const FIELD_CHARS_MAX: usize = 64;

/// The delivery of a draft, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleForm {
    /// At a time; otherwise as soon as it is sent.
    pub is_planned: bool,
    /// `2026-11-30`.
    pub day: String,
    /// `20:00`.
    pub time: String,
    /// The IANA name.
    pub zone: String,
    /// Not faster than `rate`; otherwise as fast as the messenger takes.
    pub is_paced: bool,
    pub rate: String,
    /// The name of what happens where there is not enough for everybody.
    pub if_short: String,
    /// The most this campaign may cost, empty for no limit; `None` until somebody has seen the
    /// field, and then a limit that was set elsewhere holds.
    pub budget: Option<String>,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub schedule: Schedule,
    pub rate: Option<u32>,
    pub if_short: IfShort,
    /// What its budget is set to, or lifted; `None` where it stays what it is.
    pub budget: Option<Option<Money>>,
    pub starts: Timestamp,
    /// What is odd about the wall time.
    pub odd: Option<Odd>,
}

/// A wall time that its zone's clocks do not show once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// Clocks are put forward over it: it becomes the first moment after.
    Skipped,
    /// Clocks are put back over it: the first of the two.
    Twice,
}

/// The id of a field and the key of what is wrong with it.
pub type Wrong = (&'static str, &'static str);

/// The time was once to come.
pub const PAST: Wrong = ("day", "schedule-past");

impl ScheduleForm {
    /// Reads the fields of a form. Whatever is not a field of it is passed over.
    pub fn of_fields(fields: &[(String, String)]) -> Self {
        let mut form = Self::default();
        for (name, value) in fields {
            let value: String = value.trim().chars().take(FIELD_CHARS_MAX).collect();
            match name.as_str() {
                "when" => form.is_planned = value == "at",
                "day" => form.day = value,
                "time" => form.time = value,
                "zone" => form.zone = value,
                "pace" => form.is_paced = value == "paced",
                "rate" => form.rate = value,
                "if_short" => form.if_short = value,
                "budget" => form.budget = Some(value),
                _ => {}
            }
        }
        form
    }

    /// What it means at `now`, of a business with this currency, or everything that is wrong with
    /// it.
    pub fn meaning(&self, now: Timestamp, currency: Currency) -> Result<Delivery, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let start = self.start(now).map_err(|fault| wrong.push(fault)).ok();
        let rate = self.rate().map_err(|fault| wrong.push(fault)).ok();
        let budget = self
            .budget(currency)
            .map_err(|fault| wrong.push(fault))
            .ok();
        match (start, rate, budget) {
            (Some((schedule, starts, odd)), Some(rate), Some(budget)) => Ok(Delivery {
                schedule,
                rate,
                if_short: self.if_short(),
                budget,
                starts,
                odd,
            }),
            _ => Err(wrong),
        }
    }

    /// What was chosen; nothing chosen is the careful choice.
    pub fn if_short(&self) -> IfShort {
        IfShort::from_name(&self.if_short).unwrap_or_default()
    }

    fn start(&self, now: Timestamp) -> Result<(Schedule, Timestamp, Option<Odd>), Wrong> {
        if !self.is_planned {
            return Ok((Schedule::Now, now, None));
        }
        if self.day.is_empty() {
            return Err(("day", "schedule-empty-day"));
        }
        if self.time.is_empty() {
            return Err(("time", "schedule-empty-time"));
        }
        let zone = domain::time::zone(&self.zone);
        let zone = zone.map_err(|_| ("zone", "schedule-wrong-zone"))?;
        let wall = format!("{} {}", self.day, self.time);
        let at = WallTime::parse(&wall, &self.zone);
        let at = at.map_err(|_| ("day", "schedule-wrong-time"))?;
        let civil: Option<jiff::civil::DateTime> = at.wall().parse().ok();
        let odd = civil.and_then(|civil| match zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { .. } => None,
            AmbiguousOffset::Gap { .. } => Some(Odd::Skipped),
            AmbiguousOffset::Fold { .. } => Some(Odd::Twice),
        });
        let schedule = Schedule::At(at);
        match schedule.resolve(now) {
            Ok(starts) => Ok((schedule, starts, odd)),
            Err(ScheduleError::Past { .. }) => Err(PAST),
            Err(ScheduleError::TooFarAhead { .. }) => Err(("day", "schedule-too-far")),
            Err(ScheduleError::Time(_)) => Err(("day", "schedule-wrong-time")),
        }
    }

    fn rate(&self) -> Result<Option<u32>, Wrong> {
        if !self.is_paced {
            return Ok(None);
        }
        match self.rate.replace([',', ' '], "") {
            text if text.is_empty() => Err(("rate", "schedule-empty-rate")),
            text => match text.parse::<u32>() {
                Ok(rate) if (1..=RATE_MAX).contains(&rate) => Ok(Some(rate)),
                _ => Err(("rate", "schedule-wrong-rate")),
            },
        }
    }

    fn budget(&self, currency: Currency) -> Result<Option<Option<Money>>, Wrong> {
        let typed = self.budget.as_deref();
        let limit = typed.map(|typed| limit::read(typed, currency)).transpose();
        limit.map_err(|()| ("budget", "schedule-wrong-budget"))
    }

    /// What is stored: `{"schedule":…,"rate":…,"typed":…}`; the schedule only where it means
    /// something.
    pub fn to_content(&self, now: Timestamp, currency: Currency) -> String {
        let mut content = json!({"rate": null, "typed": self});
        let meaning = self.meaning(now, currency);
        // A time that has come since means what it meant: the review says that it is past.
        let schedule = match &meaning {
            Ok(delivery) => Some(delivery.schedule.to_json()),
            Err(_) => None,
        };
        let schedule = schedule.and_then(|json| serde_json::from_str::<Value>(&json).ok());
        if let (Some(schedule), Ok(delivery)) = (schedule, &meaning) {
            content["schedule"] = schedule;
            content["rate"] = json!(delivery.rate);
            content["if_short"] = json!(delivery.if_short.name());
        }
        content.to_string()
    }

    /// The form that a part holds; one that was written elsewhere is shown as a form. `zone` is
    /// what stands in a form without one.
    pub fn of_content(content: Option<&str>, zone: &str) -> Self {
        let value: Value = content
            .and_then(|content| serde_json::from_str(content).ok())
            .unwrap_or_default();
        let typed = value.get("typed").cloned();
        let mut form = match typed.and_then(|typed| serde_json::from_value(typed).ok()) {
            Some(form) => form,
            None => Self::of_delivery(&value),
        };
        if form.zone.is_empty() {
            form.zone = zone.to_owned();
        }
        form
    }

    fn of_delivery(value: &Value) -> Self {
        let mut form = Self::default();
        let schedule = value.get("schedule").map(Value::to_string);
        if let Some(Ok(Schedule::At(at))) = schedule.map(|json| Schedule::parse(&json)) {
            let (day, time) = at.wall().split_once(' ').unwrap_or((at.wall(), ""));
            form.is_planned = true;
            form.day = day.to_owned();
            // Seconds only where they say something.
            form.time = time.strip_suffix(":00").unwrap_or(time).to_owned();
            form.zone = at.zone().to_owned();
        }
        if let Some(if_short) = value["if_short"].as_str() {
            form.if_short = if_short.chars().take(FIELD_CHARS_MAX).collect();
        }
        if let Some(rate) = value["rate"].as_u64() {
            form.is_paced = true;
            form.rate = rate.to_string();
        }
        form
    }
}

/// The anchor of a campaign's hour, so that the field is not empty when somebody begins to plan:
/// tomorrow at the same hour is rarely wrong, and never past.
pub fn suggested_day(now: Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let instant = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let today = instant.to_zoned(zone.clone()).date();
    today.tomorrow().unwrap_or(today).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        // 20:31 in Seoul.
        Timestamp::parse_rfc3339("2026-11-29T11:31:00Z").unwrap()
    }

    fn at(day: &str, time: &str, zone: &str) -> ScheduleForm {
        ScheduleForm {
            is_planned: true,
            day: day.into(),
            time: time.into(),
            zone: zone.into(),
            ..ScheduleForm::default()
        }
    }

    fn paced(rate: &str) -> ScheduleForm {
        ScheduleForm {
            is_paced: true,
            rate: rate.into(),
            ..ScheduleForm::default()
        }
    }

    fn of_at_most(budget: &str) -> ScheduleForm {
        ScheduleForm {
            budget: Some(budget.into()),
            ..ScheduleForm::default()
        }
    }

    #[test]
    fn a_budget_is_set_lifted_or_left_as_it_is() {
        let budget = |form: ScheduleForm| form.meaning(now(), Currency::Krw).unwrap().budget;
        let limit = Money::whole(10_000, Currency::Krw);
        assert_eq!(budget(of_at_most("10,000")), Some(Some(limit)));
        assert_eq!(budget(of_at_most(" ")), Some(None));
        assert_eq!(budget(ScheduleForm::default()), None);
    }

    #[test]
    fn times_become_instants() {
        let start = |form: &ScheduleForm| {
            let delivery = form.meaning(now(), Currency::Krw).unwrap();
            (delivery.starts.to_string(), delivery.odd)
        };
        for (form, starts, odd) in [
            (ScheduleForm::default(), "2026-11-29T11:31:00.000Z", None),
            (
                at("2026-11-30", "09:00", "Asia/Seoul"),
                "2026-11-30T00:00:00.000Z",
                None,
            ),
            (
                at("2027-03-14", "02:30", "America/New_York"),
                "2027-03-14T07:00:00.000Z",
                Some(Odd::Skipped),
            ),
            (
                at("2027-11-07", "01:30", "America/New_York"),
                "2027-11-07T05:30:00.000Z",
                Some(Odd::Twice),
            ),
        ] {
            assert_eq!(start(&form), (starts.to_owned(), odd), "{form:?}");
        }
    }

    #[test]
    fn every_slip_is_named_at_its_field() {
        for (form, wrong) in [
            (at("", "09:00", "Asia/Seoul"), ("day", "schedule-empty-day")),
            (
                at("2026-11-30", "", "Asia/Seoul"),
                ("time", "schedule-empty-time"),
            ),
            (
                at("2026-11-30", "09:00", "Mars/Olympus"),
                ("zone", "schedule-wrong-zone"),
            ),
            (
                at("2026-11-30", "09:00", "+09:00"),
                ("zone", "schedule-wrong-zone"),
            ),
            (
                at("2026-11-31", "09:00", "Asia/Seoul"),
                ("day", "schedule-wrong-time"),
            ),
            (
                at("2026-11-30", "25:00", "Asia/Seoul"),
                ("day", "schedule-wrong-time"),
            ),
            (
                at("tomorrow", "nine", "Asia/Seoul"),
                ("day", "schedule-wrong-time"),
            ),
            (
                at("2026-11-30", "09:00Z", "Asia/Seoul"),
                ("day", "schedule-wrong-time"),
            ),
            (
                at("2026-11-29", "20:30", "Asia/Seoul"),
                ("day", "schedule-past"),
            ),
            (
                at("1999-01-01", "00:00", "Asia/Seoul"),
                ("day", "schedule-past"),
            ),
            (
                at("2027-12-31", "09:00", "Asia/Seoul"),
                ("day", "schedule-too-far"),
            ),
            (paced(""), ("rate", "schedule-empty-rate")),
            (paced("0"), ("rate", "schedule-wrong-rate")),
            (paced("-5"), ("rate", "schedule-wrong-rate")),
            (paced("1.5"), ("rate", "schedule-wrong-rate")),
            (paced("fast"), ("rate", "schedule-wrong-rate")),
            (paced("10000001"), ("rate", "schedule-wrong-rate")),
            (paced("99999999999"), ("rate", "schedule-wrong-rate")),
            (of_at_most("-1"), ("budget", "schedule-wrong-budget")),
            (of_at_most("a lot"), ("budget", "schedule-wrong-budget")),
        ] {
            assert_eq!(
                form.meaning(now(), Currency::Krw),
                Err(vec![wrong]),
                "{form:?}"
            );
        }
        let both = ScheduleForm {
            rate: "x".into(),
            is_paced: true,
            ..at("", "", "")
        };
        assert_eq!(both.meaning(now(), Currency::Krw).unwrap_err().len(), 2);
        assert_eq!(
            paced("1,000").meaning(now(), Currency::Krw).unwrap().rate,
            Some(1_000)
        );
    }

    #[test]
    fn parts_come_back_as_they_were_typed() {
        let zone = "Asia/Seoul";
        for form in [
            at("2026-11-30", "09:00", "Asia/Tokyo"),
            at("2026-11-31", "", "Mars/Olympus"),
            ScheduleForm {
                zone: zone.into(),
                if_short: "fewer_at_random".into(),
                budget: Some("10,000".into()),
                ..paced("70")
            },
        ] {
            let content = form.to_content(now(), Currency::Krw);
            assert_eq!(ScheduleForm::of_content(Some(&content), zone), form);
            let value: Value = serde_json::from_str(&content).unwrap();
            assert_eq!(
                value.get("schedule").is_some(),
                form.meaning(now(), Currency::Krw).is_ok()
            );
        }
        let elsewhere = r#"{"schedule":{"at":{"wall":"2026-11-30 09:00:00","zone":"Asia/Tokyo"}},
            "rate":70,"if_short":"wait"}"#;
        let form = ScheduleForm::of_content(Some(elsewhere), zone);
        assert_eq!(
            (form.day.as_str(), form.time.as_str()),
            ("2026-11-30", "09:00")
        );
        assert!(form.is_planned && form.is_paced && form.rate == "70");
        assert_eq!(form.if_short(), IfShort::Wait);
        for nothing in [None, Some(""), Some("[]"), Some(r#"{"typed":1}"#)] {
            let form = ScheduleForm::of_content(nothing, zone);
            assert!(
                !form.is_planned && !form.is_paced && form.zone == zone && form.if_short.is_empty(),
                "{nothing:?}"
            );
        }
    }
}
