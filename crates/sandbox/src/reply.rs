//! Answers, and answers that never arrive whole.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::answer::PushResults;
use domain::push::PushKey;
use futures_util::{StreamExt, stream};
use gateway::answer::{ErrorBody, ProcessedBody, PushResponse};

/// How long half an answer has to leave the machine.
const HALF_LEAVES: Duration = Duration::from_millis(5);

/// What a route answers.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Processed {
        key: PushKey,
        results: PushResults,
    },
    /// `{"processed": false}`.
    NotProcessed,
    Error {
        status: StatusCode,
        body: ErrorBody,
        retry_after: Option<Duration>,
    },
    /// The connection ends without a byte of an answer.
    Cut,
    /// The connection ends in the middle of the answer.
    Halved(Bytes),
    /// An answer in the protocol's words that cannot be true.
    Wrong(Bytes),
}

impl Reply {
    pub fn error(status: StatusCode, code: &str, words: impl Into<String>) -> Self {
        Self::Error {
            status,
            body: ErrorBody::with_words(code, words),
            retry_after: None,
        }
    }

    /// The protocol's own codes need no words.
    pub fn code(status: StatusCode, code: &str) -> Self {
        Self::Error {
            status,
            body: ErrorBody::code(code),
            retry_after: None,
        }
    }

    pub fn after(self, pause: Duration) -> Self {
        match self {
            Self::Error { status, body, .. } => Self::Error {
                status,
                body,
                retry_after: Some(pause),
            },
            other => other,
        }
    }

    /// The bytes an undisturbed answer has.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Processed { key, results } => PushResponse::of(*key, results).to_json().into(),
            Self::NotProcessed => {
                let body = serde_json::to_vec(&ProcessedBody { processed: false });
                body.unwrap_or_default().into()
            }
            Self::Error { body, .. } => body.to_json().into(),
            Self::Halved(bytes) | Self::Wrong(bytes) => bytes.clone(),
            Self::Cut => Bytes::new(),
        }
    }

    /// An answer that contradicts itself; `kind` picks how. Errors stay as they are.
    pub fn falsified(self, kind: u32) -> Self {
        let Self::Processed { key, results } = &self else {
            return self;
        };
        let mut response = PushResponse::of(*key, results);
        match kind % 3 {
            0 => response.accepted += 1,
            1 => response.push_key = key.part(u32::MAX).to_string(),
            _ => response.excluded.push(u32::MAX),
        }
        Self::Wrong(response.to_json().into())
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let bytes = self.to_bytes();
        match self {
            Self::Processed { .. } | Self::NotProcessed | Self::Wrong(_) => {
                json(StatusCode::OK, Body::from(bytes))
            }
            Self::Error {
                status,
                retry_after,
                ..
            } => {
                let mut response = json(status, Body::from(bytes));
                if let Some(pause) = retry_after {
                    let seconds = pause.as_millis().div_ceil(1_000) as u64;
                    let value = HeaderValue::from(seconds);
                    response.headers_mut().insert(RETRY_AFTER, value);
                }
                response
            }
            // A body that fails before its first byte takes its unsent head with it: the server
            // drops the connection with nothing written.
            Self::Cut => json(StatusCode::OK, failing()),
            Self::Halved(_) => json(
                StatusCode::OK,
                failing_after(bytes.slice(..bytes.len() / 2)),
            ),
        }
    }
}

fn json(status: StatusCode, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let content_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "cut on request")
}

/// A body that fails at once.
fn failing() -> Body {
    Body::from_stream(stream::once(async { Err::<Bytes, _>(cut()) }))
}

/// A body that gives `first` and then fails.
fn failing_after(first: Bytes) -> Body {
    let first = stream::iter([Ok::<Bytes, io::Error>(first)]);
    let end = stream::once(async {
        // Let the first half leave before the connection ends.
        tokio::time::sleep(HALF_LEAVES).await;
        Err(cut())
    });
    Body::from_stream(first.chain(end))
}
