//! Days as a chat says them.

use domain::time::Timestamp;
use jiff::tz::TimeZone;
use words::{Language, Words};

/// A day with its weekday: `11월 19일 목요일`.
pub(crate) fn day(words: &Words, at: Timestamp, zone: &TimeZone) -> String {
    let at = zoned(at, zone);
    let weekday = at.weekday().to_sunday_zero_offset();
    match words.language() {
        Language::Korean => {
            const NAMES: [&str; 7] = ["일", "월", "화", "수", "목", "금", "토"];
            let name = NAMES[weekday as usize % 7];
            format!("{}월 {}일 {name}요일", at.month(), at.day())
        }
        Language::Japanese => {
            const NAMES: [&str; 7] = ["日", "月", "火", "水", "木", "金", "土"];
            let name = NAMES[weekday as usize % 7];
            format!("{}月{}日 {name}曜日", at.month(), at.day())
        }
        Language::English => at.strftime("%A %-d %B").to_string(),
    }
}

/// The same day as something to compare.
pub(crate) fn date(at: Timestamp, zone: &TimeZone) -> String {
    zoned(at, zone).strftime("%Y-%m-%d").to_string()
}

/// How a list says when: the time of today, yesterday, the day.
pub(crate) fn lately(words: &Words, at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, today) = (zoned(at, zone), zoned(now, zone));
    let is_yesterday = today
        .date()
        .yesterday()
        .is_ok_and(|yesterday| yesterday == then.date());
    if then.date() == today.date() {
        words.clock(at, zone)
    } else if is_yesterday {
        words.t("messenger-yesterday").to_string()
    } else {
        match words.language() {
            Language::Korean => then.strftime("%-m월 %-d일").to_string(),
            Language::Japanese => then.strftime("%-m月%-d日").to_string(),
            Language::English => then.strftime("%-d %b").to_string(),
        }
    }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> jiff::Zoned {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    instant.to_zoned(zone.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_said_as_people_say_them() {
        let seoul = domain::time::zone("Asia/Seoul").unwrap();
        let at = |text| Timestamp::parse_rfc3339(text).unwrap();
        let now = at("2026-11-19T16:00:00Z");
        let words = Words::of(Language::Korean);
        assert_eq!(day(&words, now, &seoul), "11월 20일 금요일");
        for (then, expected) in [
            ("2026-11-19T15:30:00Z", "00:30"),
            ("2026-11-19T14:59:00Z", "어제"),
            ("2026-11-18T14:59:00Z", "11월 18일"),
        ] {
            assert_eq!(lately(&words, at(then), now, &seoul), expected);
        }
        let day = |language| day(&Words::of(language), now, &seoul);
        assert_eq!(day(Language::Japanese), "11月20日 金曜日");
        assert_eq!(day(Language::English), "Friday 20 November");
    }
}
