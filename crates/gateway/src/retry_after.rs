//! `Retry-After`: seconds, or one of the three date forms HTTP knows.

use std::time::Duration;

use domain::time::Timestamp;

/// A messenger that asks for more is asked again after this long.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// The forms of RFC 9110, the preferred one first; all of them mean UTC.
const DATE_FORMS: [&str; 3] = [
    "%a, %d %b %Y %H:%M:%S GMT",
    "%A, %d-%b-%y %H:%M:%S GMT",
    "%a %b %e %H:%M:%S %Y",
];
const TEXT_BYTES_MAX: usize = 64;

/// How long to wait from `now`, at most [`RETRY_AFTER_MAX`]; `None` where the header says nothing
/// that can be read. A date that has passed is no wait.
pub fn parse(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 holds still mean "much later".
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
    }
    let at = DATE_FORMS.into_iter().find_map(|form| {
        let civil = jiff::fmt::strtime::parse(form, text)
            .and_then(|parsed| parsed.to_datetime())
            .ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok()
    })?;
    let at = Timestamp::from_millis(at.timestamp().as_millisecond());
    Some(at.since(now).min(RETRY_AFTER_MAX))
}
