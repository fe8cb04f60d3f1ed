//! Answers that are not what was asked for: JSON, with a code for programs and words for people.

use std::time::Duration;

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use gateway::answer::ErrorBody;
use store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The same request will never be taken: 400.
    #[error("{0}")]
    Malformed(String),
    /// 401: who wrote it is not proven.
    #[error("{0}")]
    Unauthentic(String),
    /// 405.
    #[error("this address takes POST only")]
    MethodNotAllowed,
    /// 408: the body did not arrive.
    #[error("the body did not arrive within {0:?}")]
    TooSlow(Duration),
    /// 413.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// 415.
    #[error("{0}")]
    UnsupportedEncoding(String),
    /// 429: come again.
    #[error("the platform is behind: send these events again later")]
    Behind,
    /// 503: nothing was taken, come again. What happened is for our logs, not for the client.
    #[error("nothing was taken, send these events again later")]
    Unavailable(#[source] directory::Error),
}

/// How long a client waits before it comes again.
const PAUSE: Duration = Duration::from_secs(1);

/// What any other method of a known address is answered.
pub async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

impl ApiError {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthentic(_) => StatusCode::UNAUTHORIZED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedEncoding(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Behind => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Unauthentic(_) => "unauthentic",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooSlow(_) => "too_slow",
            Self::TooLarge(_) => "too_large",
            Self::UnsupportedEncoding(_) => "unsupported_encoding",
            Self::Behind => "behind",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl From<directory::Error> for ApiError {
    fn from(error: directory::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<gateway::Error> for ApiError {
    fn from(error: gateway::Error) -> Self {
        match error {
            gateway::Error::Malformed(words) => Self::Malformed(words),
            gateway::Error::TooLarge { max, .. } => Self::TooLarge(max),
            gateway::Error::Unauthentic(words) => Self::Unauthentic(words.to_owned()),
            gateway::Error::Corrupt(blob) => Self::Malformed(blob.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Unavailable(source) = &self {
            tracing::error!(error = %source, "events are not taken");
        }
        let body = ErrorBody::with_words(self.code(), self.to_string()).to_json();
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::Behind | Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(PAUSE.as_secs()));
            }
            Self::MethodNotAllowed => {
                headers.insert(ALLOW, HeaderValue::from_static("POST"));
            }
            _ => {}
        }
        response
    }
}
