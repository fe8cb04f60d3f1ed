//! What is looked for among the events of a webhook, as it stands in the address.

use domain::time::LocalDay;
use domain::webhook::{EventId, EventKind, EventState};
use jiff::tz::TimeZone;
use serde::Deserialize;
use store::webhook::{EventFilter, WebhookAttempt, WebhookEvent};
use words::Words;

use crate::desk::Desk;
use crate::page::percent_encoded;

/// Events of one page.
pub const PAGE: u32 = 50;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LogQuery {
    pub kind: String,
    pub state: String,
    /// Days as browsers send them, the last one included.
    pub from: String,
    pub until: String,
    /// The last event of the page before.
    pub after: String,
}

pub struct Choice {
    pub name: &'static str,
    pub words: String,
    pub is_chosen: bool,
}

/// One event of the list.
pub struct Row {
    pub path: String,
    pub id: String,
    pub at: String,
    pub kind: String,
    pub state: String,
    pub badge: &'static str,
    pub tries: u32,
    pub last: String,
}

impl LogQuery {
    /// What is not known here is not looked for.
    pub fn filter(&self, zone: &TimeZone) -> EventFilter {
        EventFilter {
            kind: EventKind::from_name(&self.kind),
            state: EventState::from_name(&self.state),
            from: day(&self.from).map(|day| day.begin(zone)),
            until: day(&self.until).map(|day| day.end(zone)),
        }
    }

    pub fn after(&self) -> Option<EventId> {
        EventId::parse(&self.after)
    }

    pub fn is_filtered(&self) -> bool {
        let all = [&self.kind, &self.state, &self.from, &self.until];
        all.iter().any(|text| !text.is_empty())
    }

    /// The same search as an address, behind an event.
    pub fn address(&self, path: &str, after: Option<EventId>) -> String {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let own = [
            ("kind", &*self.kind),
            ("state", &*self.state),
            ("from", &*self.from),
            ("until", &*self.until),
            ("after", &*after),
        ];
        let told = own.iter().filter(|(_, value)| !value.is_empty());
        let pairs = told.map(|(name, value)| format!("{name}={}", percent_encoded(value)));
        let pairs: Vec<String> = pairs.collect();
        match pairs.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", pairs.join("&")),
        }
    }

    pub fn kinds(&self, words: &Words) -> Vec<Choice> {
        let choice = |kind: EventKind| Choice {
            name: kind.name(),
            words: kind_words(words, kind),
            is_chosen: kind.name() == self.kind,
        };
        EventKind::ALL.into_iter().map(choice).collect()
    }

    pub fn states(&self, words: &Words) -> Vec<Choice> {
        let choice = |state: EventState| Choice {
            name: state.name(),
            words: state_words(words, state),
            is_chosen: state.name() == self.state,
        };
        EventState::ALL.into_iter().map(choice).collect()
    }
}

impl Row {
    pub fn of(
        desk: &Desk,
        path: &str,
        event: &WebhookEvent,
        last: Option<&WebhookAttempt>,
    ) -> Self {
        let words = desk.words;
        Self {
            path: format!("{path}/log/{}", event.id),
            id: event.id.to_string(),
            at: words.time(event.at, &desk.zone),
            kind: kind_words(&words, event.kind),
            state: state_words(&words, event.state),
            badge: badge(event.state),
            tries: event.tries,
            last: last
                .map(|attempt| last_words(desk, attempt))
                .unwrap_or_default(),
        }
    }
}

pub fn kind_words(words: &Words, kind: EventKind) -> String {
    words
        .t(format!("webhooks-kind-{}", kind.name()))
        .to_string()
}

pub fn state_words(words: &Words, state: EventState) -> String {
    words
        .t(format!("webhooks-state-{}", state.name()))
        .to_string()
}

/// What a request came to, in words.
pub fn attempt_words(words: &Words, attempt: &WebhookAttempt) -> String {
    let said = match attempt.failure {
        None => words.t("webhooks-taken"),
        Some(reason) => words.t(format!("webhooks-reason-{}", reason.name())),
    };
    said.to_string()
}

/// The same with when it was, its status and how long it took.
fn last_words(desk: &Desk, attempt: &WebhookAttempt) -> String {
    let words = desk.words;
    let took = words.count(attempt.took_ms);
    let mut parts = vec![
        words.time(attempt.at, &desk.zone),
        attempt_words(&words, attempt),
    ];
    parts.extend(attempt.status.map(|status| status.to_string()));
    parts.push(words.t("webhooks-took-ms").text("time", took).to_string());
    parts.join(" · ")
}

/// The look of a state.
pub fn badge(state: EventState) -> &'static str {
    match state {
        EventState::Waiting => "scheduled",
        EventState::Delivered => "done",
        EventState::GivenUp => "failed",
    }
}

/// A day as browsers send it: `2026-12-01`.
fn day(text: &str) -> Option<LocalDay> {
    let has_shape = text.split('-').map(str::len).eq([4, 2, 2]);
    let digits = text.replace('-', "");
    LocalDay::parse_compact(&digits).filter(|_| has_shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_browsers_send_them() {
        let zone = domain::time::zone("Asia/Seoul").unwrap();
        let query = LogQuery {
            from: "2026-12-01".to_owned(),
            until: "2026-12-02".to_owned(),
            ..LogQuery::default()
        };
        let filter = query.filter(&zone);
        let (from, until) = (filter.from.unwrap(), filter.until.unwrap());
        assert_eq!(from.to_string(), "2026-11-30T15:00:00.000Z");
        assert_eq!(until.to_string(), "2026-12-02T15:00:00.000Z");
        for text in ["", "20261201", "2026-13-01", "yesterday", "2026-1-001"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn a_search_is_an_address() {
        let query = LogQuery {
            kind: "follow".to_owned(),
            from: "2026-12-01".to_owned(),
            ..LogQuery::default()
        };
        assert_eq!(query.address("/x", None), "/x?kind=follow&from=2026-12-01");
        assert_eq!(LogQuery::default().address("/x", None), "/x");
        assert!(query.is_filtered() && !LogQuery::default().is_filtered());
    }
}
