//! Why a request is not answered as it was asked: problems as RFC 9457 has them, in JSON, with
//! everything that is wrong and where.

use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use billing::BillingError;
use domain::message::ValidationError;
use scheduler::SchedulerError;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::bearer::Unidentified;
use crate::line::limits::Exceeded;

pub const PROBLEM_JSON: &str = "application/problem+json";
/// Where the kinds are explained; each has a place of its own there.
const EXPLAINED_AT: &str = "/v1/docs#";
/// How long a client waits that comes again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the client is told.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem it is: the address of its explanation.
    #[serde(rename = "type")]
    #[schema(example = "/v1/docs#invalid")]
    pub kind: String,
    /// The same in a few words, whatever the request was.
    #[schema(example = "Something in the request is wrong")]
    pub title: String,
    #[schema(example = 422)]
    pub status: u16,
    /// What it is this time.
    pub detail: String,
    /// Everything that is wrong, not only the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fault {
    /// Where, such as `messages[0].text`; the name of a parameter where it is one.
    #[schema(example = "messages[0].text")]
    pub property: String,
    pub message: String,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Malformed(String),
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Money, plan or a budget does not suffice.
    #[error("{0}")]
    NotEnough(String),
    #[error("the account is stopped by whoever runs this installation")]
    Stopped,
    #[error("there is nothing of yours here")]
    NotFound,
    #[error("this address does not take that method")]
    MethodNotAllowed,
    #[error("the body did not arrive in time")]
    TooSlow,
    /// As things stand it is not possible.
    #[error("{0}")]
    Conflict(String),
    #[error(
        "a request with this key is being answered: come again, and it is answered as that one"
    )]
    InProgress,
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    UnsupportedType(String),
    #[error("{} in the request", in_words(.0))]
    Invalid(Vec<Fault>),
    #[error("the key came before with another request: another request has another key")]
    KeyReused,
    #[error("too many requests: come again later")]
    RateLimited(Exceeded),
    /// Nothing was done. What happened is for our logs, not for the client.
    #[error("nothing was done: come again later")]
    Unavailable(#[source] directory::Error),
    /// A defect of ours.
    #[error("the request could not be answered, which is a defect here")]
    Broken,
}

/// A kind of problem, for the page that explains them.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub status: StatusCode,
    pub title: &'static str,
    /// What whoever asked does about it.
    pub advice: &'static str,
}

/// Every kind, by its status.
pub const KINDS: [Kind; 16] = [
    Kind {
        name: "malformed",
        status: StatusCode::BAD_REQUEST,
        title: "The request cannot be read",
        advice: "Send a body in JSON, and a header once.",
    },
    Kind {
        name: "unauthenticated",
        status: StatusCode::UNAUTHORIZED,
        title: "The channel access token is missing or worth nothing",
        advice: "Send a token of the channel: Authorization: Bearer …",
    },
    Kind {
        name: "not-enough",
        status: StatusCode::PAYMENT_REQUIRED,
        title: "Wallet, plan or a budget does not suffice",
        advice: "Top up, raise the budget, or send to fewer.",
    },
    Kind {
        name: "stopped",
        status: StatusCode::FORBIDDEN,
        title: "The account is stopped",
        advice: "Ask whoever runs the installation.",
    },
    Kind {
        name: "not-found",
        status: StatusCode::NOT_FOUND,
        title: "There is no such thing",
        advice: "What belongs to another account is not there either.",
    },
    Kind {
        name: "method-not-allowed",
        status: StatusCode::METHOD_NOT_ALLOWED,
        title: "The address takes other methods",
        advice: "Look the operation up below.",
    },
    Kind {
        name: "too-slow",
        status: StatusCode::REQUEST_TIMEOUT,
        title: "The body did not arrive in time",
        advice: "Send it again.",
    },
    Kind {
        name: "conflict",
        status: StatusCode::CONFLICT,
        title: "As things stand it is not possible",
        advice: "Read how they stand, and decide anew.",
    },
    Kind {
        name: "in-progress",
        status: StatusCode::CONFLICT,
        title: "A request with this key is being answered",
        advice: "Send it again with the same key after Retry-After: it is answered as the first.",
    },
    Kind {
        name: "too-large",
        status: StatusCode::PAYLOAD_TOO_LARGE,
        title: "The body is too large",
        advice: "Send less.",
    },
    Kind {
        name: "unsupported-type",
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        title: "The body is of another type",
        advice: "Send application/json, not packed.",
    },
    Kind {
        name: "invalid",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "Something in the request is wrong",
        advice: "Mend what errors names; all of it is named at once.",
    },
    Kind {
        name: "key-reused",
        status: StatusCode::UNPROCESSABLE_ENTITY,
        title: "The idempotency key came with another request",
        advice: "Give every request a key of its own.",
    },
    Kind {
        name: "rate-limited",
        status: StatusCode::TOO_MANY_REQUESTS,
        title: "Too many requests",
        advice: "Come again after Retry-After.",
    },
    Kind {
        name: "broken",
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "A defect of this installation",
        advice: "Tell whoever runs it. With an idempotency key the request can be made again.",
    },
    Kind {
        name: "unavailable",
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "Not available now",
        advice: "Nothing was done: come again after Retry-After.",
    },
];

impl Refusal {
    /// One fault alone.
    pub fn at(property: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Fault {
            property: property.to_owned(),
            message: message.into(),
        }])
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::NotEnough(_) => "not-enough",
            Self::Stopped => "stopped",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::TooSlow => "too-slow",
            Self::Conflict(_) => "conflict",
            Self::InProgress => "in-progress",
            Self::TooLarge(_) => "too-large",
            Self::UnsupportedType(_) => "unsupported-type",
            Self::Invalid(_) => "invalid",
            Self::KeyReused => "key-reused",
            Self::RateLimited(_) => "rate-limited",
            Self::Unavailable(_) => "unavailable",
            Self::Broken => "broken",
        }
    }

    fn kind(&self) -> Kind {
        let found = KINDS.into_iter().find(|kind| kind.name == self.name());
        found.unwrap_or(KINDS[KINDS.len() - 1])
    }
}

impl From<ValidationError> for Fault {
    fn from(error: ValidationError) -> Self {
        Self {
            property: error.property,
            message: error.message,
        }
    }
}

impl From<Unidentified> for Refusal {
    fn from(why: Unidentified) -> Self {
        match why {
            Unidentified::Token(words) => Self::Unauthenticated(words),
            Unidentified::Unavailable(error) => error.into(),
        }
    }
}

impl From<directory::Error> for Refusal {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Refused {
                field: "state",
                why,
            } => Self::Conflict(why),
            directory::Error::Refused { field, why } => Self::at(field, why),
            directory::Error::Taken(why) => Self::Conflict(why),
            directory::Error::NotFound(_) => Self::NotFound,
            directory::Error::Store(error) => error.into(),
            sealed @ directory::Error::Sealed(_) => broken(&sealed),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Taken(why) => Self::Conflict(why),
            conflict @ StoreError::Conflict(_) => Self::Conflict(conflict.to_string()),
            StoreError::Unavailable(_) => Self::Unavailable(error.into()),
            other => broken(&other),
        }
    }
}

impl From<SchedulerError> for Refusal {
    fn from(error: SchedulerError) -> Self {
        match error {
            SchedulerError::Billing(error) => error.into(),
            SchedulerError::Store(error) => error.into(),
            SchedulerError::Stopped => Self::Stopped,
            words @ (SchedulerError::Refused(_)
            | SchedulerError::NotPossible(_)
            | SchedulerError::Dearer { .. }) => Self::Conflict(words.to_string()),
            other => broken(&other),
        }
    }
}

impl From<BillingError> for Refusal {
    fn from(error: BillingError) -> Self {
        match error {
            words @ (BillingError::FundsShort { .. }
            | BillingError::BeyondPlan { .. }
            | BillingError::BeyondBudget { .. }) => Self::NotEnough(words.to_string()),
            words @ BillingError::BadBudget { .. } => Self::at("budget", words.to_string()),
            BillingError::Store(error) => error.into(),
            other => broken(&other),
        }
    }
}

fn broken(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "a request of a brand's program is not answered");
    Refusal::Broken
}

fn in_words(faults: &[Fault]) -> String {
    match faults.len() {
        1 => "1 thing is wrong".to_owned(),
        several => format!("{several} things are wrong"),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if let Self::Unavailable(source) = &self {
            tracing::error!(error = %source, "a request of a brand's program is not answered");
        }
        let kind = self.kind();
        let mut problem = Problem {
            kind: format!("{EXPLAINED_AT}{}", kind.name),
            title: kind.title.to_owned(),
            status: kind.status.as_u16(),
            detail: self.to_string(),
            errors: Vec::new(),
        };
        let wait = match self {
            Self::Invalid(faults) => {
                problem.errors = faults;
                None
            }
            Self::RateLimited(exceeded) => Some(exceeded.wait),
            Self::InProgress | Self::Unavailable(_) => Some(PAUSE),
            _ => None,
        };
        // Texts and a number: there is no error to hand on.
        let body = serde_json::to_string(&problem).expect("a problem is plain text");
        let mut response = (kind.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Whole seconds, and never none: who comes at once comes too early.
fn whole_seconds(duration: Duration) -> u64 {
    let seconds = duration.as_millis().div_ceil(1_000).max(1);
    u64::try_from(seconds).unwrap_or(u64::MAX)
}

/// What is answered where a handler gave up.
pub fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler of our own API panicked");
    Refusal::Broken.into_response()
}

/// A refusal of the framework's own, such as a path that is no UTF-8, as a problem.
pub fn as_problem(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(CONTENT_TYPE);
    if !is_refusal || content_type.is_some_and(|kind| kind == PROBLEM_JSON) {
        return response;
    }
    match status {
        StatusCode::NOT_FOUND => Refusal::NotFound.into_response(),
        StatusCode::METHOD_NOT_ALLOWED => {
            let allow = response.headers().get(axum::http::header::ALLOW).cloned();
            let mut problem = Refusal::MethodNotAllowed.into_response();
            if let Some(allow) = allow {
                problem
                    .headers_mut()
                    .insert(axum::http::header::ALLOW, allow);
            }
            problem
        }
        _ => {
            let words = status.canonical_reason().unwrap_or("the request is wrong");
            Refusal::Malformed(words.to_owned()).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_kind_that_is_explained() {
        let refusals = [
            Refusal::Malformed(String::new()),
            Refusal::Unauthenticated(""),
            Refusal::NotEnough(String::new()),
            Refusal::Stopped,
            Refusal::NotFound,
            Refusal::MethodNotAllowed,
            Refusal::TooSlow,
            Refusal::Conflict(String::new()),
            Refusal::InProgress,
            Refusal::TooLarge(1),
            Refusal::UnsupportedType(String::new()),
            Refusal::at("a", "b"),
            Refusal::KeyReused,
            Refusal::RateLimited(Exceeded {
                limit: 1,
                wait: Duration::from_millis(1_001),
                whole_again: PAUSE,
            }),
            Refusal::Broken,
            Refusal::Unavailable(StoreError::NotFound(String::new()).into()),
        ];
        assert_eq!(refusals.len(), KINDS.len());
        for (refusal, kind) in refusals.into_iter().zip(KINDS) {
            assert_eq!(refusal.name(), kind.name);
            let response = refusal.into_response();
            assert_eq!(response.status(), kind.status);
            let waits = response.headers().get(RETRY_AFTER);
            let expected = match kind.name {
                "rate-limited" => Some("2"),
                "in-progress" | "unavailable" => Some("1"),
                _ => None,
            };
            assert_eq!(waits.map(|wait| wait.to_str().unwrap()), expected);
        }
    }
}
