//! One event of a webhook: its body as it is sent, and every request it was in.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::webhook::EventId;
use serde::Deserialize;
use store::webhook::{WebhookAttempt, WebhookEvent};
use words::Words;

use super::HERE;
use super::log::{attempt_words, badge, kind_words, state_words};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

#[derive(Template)]
#[template(path = "settings/webhook_event.html")]
struct EventPage<'a> {
    frame: Frame<'a>,
    words: Words,
    list: String,
    path: String,
    id: String,
    kind: String,
    state: String,
    badge: &'static str,
    at: String,
    /// JSON, letter for letter.
    body: String,
    attempts: Vec<AttemptRow>,
}

struct AttemptRow {
    at: String,
    words: String,
    badge: &'static str,
    detail: String,
    took: String,
    events: u32,
}

#[derive(Debug, Deserialize)]
pub struct EventPath {
    event: String,
}

/// `GET /console/{handle}/settings/webhooks/log/{event}`.
pub async fn show(desk: Desk, Path(path): Path<EventPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let event = found(&desk, &path).await?;
    let (words, account) = (desk.words, desk.account.id);
    let attempts = desk.store.webhook_attempts(account, event.id).await?;
    let list = desk.at(HERE);
    page::show(&EventPage {
        frame: Frame::of(&desk, Place::Settings),
        words,
        path: format!("{list}/log/{}", event.id),
        list,
        id: event.id.to_string(),
        kind: kind_words(&words, event.kind),
        state: state_words(&words, event.state),
        badge: badge(event.state),
        at: words.time(event.at, &desk.zone),
        body: event.body,
        attempts: attempts
            .iter()
            .map(|one| AttemptRow::of(&desk, one))
            .collect(),
    })
}

/// `POST /console/{handle}/settings/webhooks/log/{event}/replay`.
pub async fn replay(desk: Desk, Path(path): Path<EventPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let event = found(&desk, &path).await?;
    desk.webhooks.replay(desk.account.id, event.id).await?;
    let path = desk.at(&format!(
        "{HERE}/log/{}?done=done-webhook-replayed",
        event.id
    ));
    Ok(Redirect::to(&path).into_response())
}

async fn found(desk: &Desk, path: &EventPath) -> Result<WebhookEvent, Error> {
    let id = EventId::parse(&path.event).ok_or(Error::NotFound)?;
    let event = desk.store.webhook_event(desk.account.id, id).await?;
    event.ok_or(Error::NotFound)
}

impl AttemptRow {
    fn of(desk: &Desk, attempt: &WebhookAttempt) -> Self {
        let words = desk.words;
        Self {
            at: words.time(attempt.at, &desk.zone),
            words: attempt_words(&words, attempt),
            badge: match attempt.failure {
                None => "done",
                Some(_) => "failed",
            },
            detail: attempt.detail.clone(),
            took: words.count(attempt.took_ms),
            events: attempt.events,
        }
    }
}
