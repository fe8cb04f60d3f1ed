//! What went wrong, as a page in the reader's language.
//!
//! A handler answers with [`Error`]; the layer [`explain`] draws the page, because only it knows
//! the reader. What only the operator can mend is logged and not shown.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use scheduler::SchedulerError;
use store::StoreError;

use crate::guest::Guest;
use crate::operator::desk::BASE;
use crate::page::{self, Home};

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in: to the sign-in page, and back here afterwards.
    #[error("nobody is signed in")]
    SignedOut { back_to: String },
    /// Not there, or not this business's.
    #[error("there is no such page")]
    NotFound,
    /// There, and the member's role does not reach so far.
    #[error("the member's role does not allow it")]
    Forbidden,
    /// What was sent cannot be read as the form it should be.
    #[error("{0}")]
    Unreadable(String),
    /// What was sent is read, and cannot be taken: the words say why, in the reader's language.
    #[error("{0}")]
    Unfit(String),
    /// The state of things does not allow it (any more): the words say why.
    #[error("{0}")]
    Conflict(String),
    /// Nobody's fault who reads this; the log says what.
    #[error("{0}")]
    Broken(String),
}

/// What [`explain`] draws: the status and the key of its words.
#[derive(Debug, Clone)]
struct Problem {
    status: StatusCode,
    key: &'static str,
    detail: Option<String>,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Conflict(_) => Self::Conflict(error.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<directory::Error> for Error {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::NotFound(_) => Self::NotFound,
            directory::Error::Store(error) => error.into(),
            directory::Error::Sealed(why) => Self::Broken(why),
            refused => Self::Conflict(refused.to_string()),
        }
    }
}

impl From<BillingError> for Error {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Store(error) => error.into(),
            BillingError::BeyondPlan { .. } | BillingError::BeyondBudget { .. } => {
                Self::Conflict(error.to_string())
            }
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<SchedulerError> for Error {
    fn from(error: SchedulerError) -> Self {
        match error {
            SchedulerError::Store(error) => error.into(),
            SchedulerError::Billing(error) => error.into(),
            SchedulerError::Refused(_)
            | SchedulerError::NotPossible(_)
            | SchedulerError::Dearer { .. } => Self::Conflict(error.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, key, detail) = match self {
            Self::SignedOut { back_to } => return sign_in_first(&back_to),
            Self::NotFound => (StatusCode::NOT_FOUND, "problem-not-found", None),
            Self::Forbidden => (StatusCode::FORBIDDEN, "problem-forbidden", None),
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, "problem-unreadable", Some(why)),
            Self::Unfit(why) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, "problem-unfit", Some(why))
            }
            Self::Conflict(why) => (StatusCode::CONFLICT, "problem-conflict", Some(why)),
            Self::Broken(why) => {
                tracing::error!(%why, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "problem-broken", None)
            }
        };
        let problem = Problem {
            status,
            key,
            detail,
        };
        (status, axum::Extension(problem)).into_response()
    }
}

/// Draws the page of whatever went wrong further in.
pub async fn explain(guest: Guest, request: Request, next: Next) -> Response {
    let is_operator = is_operators(request.uri().path());
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let home = match is_operator {
        true => Home::OPERATOR,
        false => Home::CONSOLE,
    };
    page::problem(&guest, problem.status, problem.key, problem.detail, home)
}

/// Whether a path is one of the operators' pages.
fn is_operators(path: &str) -> bool {
    let below = path.strip_prefix(BASE);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '.']))
}

fn sign_in_first(back_to: &str) -> Response {
    let home = match is_operators(back_to) {
        true => Home::OPERATOR.path,
        false => Home::CONSOLE.path,
    };
    let mut query = format!("{home}/sign-in");
    if back_to != home {
        query.push_str("?back_to=");
        query.push_str(&page::percent_encoded(back_to));
    }
    Redirect::to(&query).into_response()
}
