//! LINE's errors, letter for letter: JSON with `message` and, where there are some, `details`.
//!
//! The endpoints of tokens answer most refusals in another shape, that of OAuth.

use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use billing::BillingError;
use domain::id::RequestId;
use domain::message::ValidationError;
use scheduler::SchedulerError;
use serde::Serialize;
use serde_json::{Map, Value};
use store::StoreError;

use super::limits::Exceeded;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What tells a limit of requests from a quota of messages: both are 429 with LINE.
pub const RATE_LIMITED: &str = "RATE_LIMITED";
pub const QUOTA_EXCEEDED: &str = "QUOTA_EXCEEDED";
const ACCEPTED_REQUEST_ID: HeaderName = HeaderName::from_static("x-line-accepted-request-id");

/// Why a request is not answered as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// 400.
    #[error("{message}")]
    Invalid {
        message: String,
        details: Vec<Detail>,
    },
    /// 401: whose token it is cannot be told.
    #[error("Authentication failed due to the following reason: {0}")]
    Unauthenticated(&'static str),
    /// 403.
    #[error("Access to this API is not available for your account")]
    NotAvailable,
    /// 404.
    #[error("{0}")]
    NotFound(&'static str),
    /// 404 and 410 as coupons have them: with the shape of a refused body.
    #[error("The request body has 1 error(s)")]
    Coupon { is_gone: bool },
    /// 405.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// 408: the body did not arrive.
    #[error("The request body did not arrive in time")]
    TooSlow,
    /// 413.
    #[error("The request body is larger than {0} bytes")]
    TooLarge(usize),
    /// 415.
    #[error("The content type, {0}, is not supported")]
    UnsupportedType(String),
    /// 409: the retry key was accepted with another request, which is answered again.
    #[error("The retry key is already accepted")]
    AcceptedBefore {
        request: RequestId,
        /// What that request was answered, beyond the usual: JSON.
        answer: Option<String>,
    },
    /// 429.
    #[error("The API rate limit has been exceeded. Try again later.")]
    RateLimited(Exceeded),
    /// 429: money, plan or a budget does not suffice.
    #[error("You have reached your monthly limit.")]
    QuotaExceeded(String),
    /// 400 in the shape of OAuth.
    #[error("{error}: {description}")]
    OAuth {
        error: &'static str,
        description: String,
    },
    /// 500: come again. What happened is for our logs, not for the client.
    #[error("Error on the internal server")]
    Unavailable(#[source] directory::Error),
    /// 500: a handler gave up. It is a defect of ours.
    #[error("Error on the internal server")]
    Broken,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Detail {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Such as `messages[0].text`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub property: String,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: String,
    #[serde(skip_serializing_if = "<[Detail]>::is_empty")]
    details: &'a [Detail],
}

#[derive(Serialize)]
struct OAuthBody<'a> {
    error: &'a str,
    error_description: &'a str,
}

impl LineError {
    /// 400 with nothing but a message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.into(),
            details: Vec::new(),
        }
    }

    /// 400 of a parameter in the path or the query.
    pub fn parameter(name: &str) -> Self {
        Self::invalid(format!("The value for the '{name}' parameter is invalid"))
    }

    /// 400 of a property of the body that has another type than it should.
    pub fn property(path: &str) -> Self {
        Self::invalid(format!(
            "The property, {path}, in the request body is invalid (line: -, column: -)"
        ))
    }

    /// 400 of everything that is wrong in a body.
    pub fn body(errors: Vec<ValidationError>) -> Self {
        let details = errors.into_iter().map(|error| Detail {
            message: error.message,
            property: error.property,
        });
        let details: Vec<Detail> = details.collect();
        Self::Invalid {
            message: format!("The request body has {} error(s)", details.len()),
            details,
        }
    }

    /// 400 of a body that is no JSON, with the place.
    pub fn no_json(error: &serde_json::Error) -> Self {
        Self::invalid(format!(
            "The request body could not be parsed as JSON (line: {}, column: {})",
            error.line(),
            error.column()
        ))
    }

    pub fn oauth(error: &'static str, description: impl Into<String>) -> Self {
        Self::OAuth {
            error,
            description: description.into(),
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Invalid { .. } | Self::OAuth { .. } => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::NotAvailable => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::Coupon { is_gone: false } => StatusCode::NOT_FOUND,
            Self::Coupon { is_gone: true } => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::AcceptedBefore { .. } => StatusCode::CONFLICT,
            Self::RateLimited(_) | Self::QuotaExceeded(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn to_json(&self) -> String {
        let written = match self {
            Self::OAuth { error, description } => serde_json::to_string(&OAuthBody {
                error,
                error_description: description,
            }),
            Self::Invalid { details, .. } => self.with(details),
            Self::Coupon { is_gone } => self.with(&[Detail {
                message: match is_gone {
                    true => "The coupon is already closed".to_owned(),
                    false => "The coupon is not found".to_owned(),
                },
                property: String::new(),
            }]),
            Self::RateLimited(_) => self.with(&[Detail {
                message: RATE_LIMITED.to_owned(),
                property: String::new(),
            }]),
            Self::QuotaExceeded(why) => self.with(&[Detail {
                message: format!("{QUOTA_EXCEEDED}: {why}"),
                property: String::new(),
            }]),
            Self::AcceptedBefore { answer, .. } => self.beside(answer.as_deref()),
            _ => self.with(&[]),
        };
        // Texts and nothing else: there is no error to hand on.
        written.expect("an error is plain text")
    }

    /// The message beside what was answered the first time.
    fn beside(&self, answer: Option<&str>) -> serde_json::Result<String> {
        let mut body: Map<String, Value> = answer
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default();
        body.insert("message".to_owned(), self.to_string().into());
        serde_json::to_string(&body)
    }

    fn with(&self, details: &[Detail]) -> serde_json::Result<String> {
        let message = self.to_string();
        serde_json::to_string(&ErrorBody { message, details })
    }
}

impl From<directory::Error> for LineError {
    fn from(error: directory::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl From<StoreError> for LineError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<SchedulerError> for LineError {
    fn from(error: SchedulerError) -> Self {
        match error {
            SchedulerError::Billing(
                error @ (BillingError::FundsShort { .. }
                | BillingError::BeyondPlan { .. }
                | BillingError::BeyondBudget { .. }),
            ) => Self::QuotaExceeded(error.to_string()),
            SchedulerError::UnknownRecipient => Self::invalid("Failed to send messages"),
            SchedulerError::InvalidReplyToken(why) => Self::Invalid {
                message: "Invalid reply token".to_owned(),
                // LINE does not say which.
                details: vec![Detail {
                    message: why.to_string(),
                    property: "replyToken".to_owned(),
                }],
            },
            SchedulerError::Stopped => Self::NotAvailable,
            SchedulerError::NotPossible(why) => Self::invalid(why),
            SchedulerError::Store(error) => error.into(),
            other => {
                tracing::error!(error = %other, "a request of a brand is not answered");
                Self::Broken
            }
        }
    }
}

impl From<BillingError> for LineError {
    fn from(error: BillingError) -> Self {
        SchedulerError::from(error).into()
    }
}

impl IntoResponse for LineError {
    fn into_response(self) -> Response {
        if let Self::Unavailable(source) = &self {
            tracing::error!(error = %source, "a request of a brand is not answered");
        }
        let mut response = (self.status(), self.to_json()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match &self {
            Self::Unauthenticated(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::RateLimited(exceeded) => {
                headers.insert(RETRY_AFTER, seconds(exceeded.wait));
                headers.insert(LIMIT, HeaderValue::from(exceeded.limit));
                headers.insert(REMAINING, HeaderValue::from(0));
                headers.insert(RESET, seconds(exceeded.whole_again));
            }
            Self::AcceptedBefore { request, .. } => {
                if let Ok(id) = HeaderValue::from_str(&request.uuid().to_string()) {
                    headers.insert(ACCEPTED_REQUEST_ID, id);
                }
            }
            _ => {}
        }
        response
    }
}

/// Whole seconds, and never none: who comes at once comes too early.
fn seconds(duration: Duration) -> HeaderValue {
    HeaderValue::from(duration.as_millis().div_ceil(1_000).max(1) as u64)
}

/// What is answered where a handler gave up.
pub fn panicked(_cause: Box<dyn Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler of LINE's paths panicked");
    LineError::Broken.into_response()
}

/// A refusal of the framework's own, such as a path that is no UTF-8, in LINE's shape.
pub fn in_lines_shape(response: Response) -> Response {
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(CONTENT_TYPE);
    if !is_refusal || content_type.is_some_and(|kind| kind == "application/json") {
        return response;
    }
    let mut shaped = match status {
        StatusCode::NOT_FOUND => LineError::NotFound("Not found").into_response(),
        StatusCode::METHOD_NOT_ALLOWED => LineError::MethodNotAllowed.into_response(),
        _ => LineError::invalid(status.canonical_reason().unwrap_or("Bad Request")).into_response(),
    };
    *shaped.status_mut() = status;
    shaped
}
