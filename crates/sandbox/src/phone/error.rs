//! What went wrong on the screen, in the reader's language: a page for people, JSON for scripts.
//!
//! Handlers answer with [`Error`]. What refuses before a handler is asked (a form that cannot be
//! read, a path nobody serves, a form from elsewhere) answers with a status alone: that becomes
//! words here too.

use askama::Template;
use axum::Json;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use store::StoreError;

use super::guest::Guest;
use super::page::{self, wants_json};

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such person, account, chat or message.
    #[error("there is no such page")]
    NotFound,
    /// What was sent cannot be read as the form it should be.
    #[error("{0}")]
    Unreadable(&'static str),
    /// More was done at once than a person does.
    #[error("too much at once")]
    TooFast,
    /// As many streams are open as there may be.
    #[error("too many phones are looked at")]
    TooMany,
    /// Nobody's fault who reads this; the log says what.
    #[error("{0}")]
    Broken(String),
}

#[derive(Debug, Clone)]
struct Problem(StatusCode, &'static str);

#[derive(Template)]
#[template(path = "messenger/problem.html")]
struct ProblemPage<'a> {
    guest: &'a Guest,
    title: String,
    explanation: String,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<crate::state::Error> for Error {
    fn from(error: crate::state::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, key) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "messenger-not-found"),
            Self::Unreadable(why) => {
                tracing::debug!(why, "a form cannot be read");
                (StatusCode::BAD_REQUEST, "messenger-unreadable")
            }
            Self::TooFast => (StatusCode::TOO_MANY_REQUESTS, "messenger-too-fast"),
            Self::TooMany => (StatusCode::SERVICE_UNAVAILABLE, "messenger-too-fast"),
            Self::Broken(why) => {
                tracing::error!(%why, "a page of the messenger could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "messenger-broken")
            }
        };
        (status, axum::Extension(Problem(status, key))).into_response()
    }
}

/// Says in words whatever went wrong further in.
pub(crate) async fn explain(guest: Guest, request: Request, next: Next) -> Response {
    let wants_json = wants_json(request.headers());
    let mut response = next.run(request).await;
    let problem = response.extensions_mut().remove::<Problem>();
    let Some(Problem(status, key)) = problem.or_else(|| unsaid(&response)) else {
        return response;
    };
    let explanation = guest.words.t(format!("{key}-text")).to_string();
    if wants_json {
        return (status, Json(json!({ "error": explanation }))).into_response();
    }
    let shown = ProblemPage {
        guest: &guest,
        title: guest.words.t(key).to_string(),
        explanation,
    };
    page::show_as(status, &shown).unwrap_or_else(|_| status.into_response())
}

/// What is wrong where a status is all that says it.
fn unsaid(response: &Response) -> Option<Problem> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_said = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_said || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let key = match status {
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "messenger-not-found",
        StatusCode::FORBIDDEN => "messenger-elsewhere",
        _ if status.is_server_error() => "messenger-broken",
        _ => "messenger-unreadable",
    };
    Some(Problem(status, key))
}

/// `/messenger/…` where nothing is.
pub(crate) async fn nothing_here() -> Error {
    Error::NotFound
}
