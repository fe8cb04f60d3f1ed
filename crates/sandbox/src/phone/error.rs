//! What went wrong on the screen, as a page in the reader's language.

use askama::Template;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store::StoreError;

use super::guest::Guest;
use super::page;

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
    status: u16,
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

/// Draws the page of whatever went wrong further in.
pub(crate) async fn explain(guest: Guest, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(Problem(status, key)) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let shown = ProblemPage {
        guest: &guest,
        title: guest.words.t(key).to_string(),
        explanation: guest.words.t(format!("{key}-text")).to_string(),
        status: status.as_u16(),
    };
    page::show_as(status, &shown).unwrap_or_else(|_| status.into_response())
}
