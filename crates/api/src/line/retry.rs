//! `X-Line-Retry-Key`: a request that is made again within a day is answered as before.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use domain::api_request::RetryKey;

use super::{LineError, LineState};

pub const RETRY_KEY: HeaderName = HeaderName::from_static("x-line-retry-key");
/// Operations that take a key.
const TAKERS: [&str; 4] = [
    "/v2/bot/message/push",
    "/v2/bot/message/multicast",
    "/v2/bot/message/narrowcast",
    "/v2/bot/message/broadcast",
];

/// The key of a request, where it has one.
#[derive(Debug)]
pub struct Retry(pub Option<RetryKey>);

impl Retry {
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_ref().map(RetryKey::as_str)
    }
}

impl FromRequestParts<Arc<LineState>> for Retry {
    type Rejection = LineError;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &Arc<LineState>,
    ) -> Result<Self, LineError> {
        let mut found = parts.headers.get_all(RETRY_KEY).iter();
        let Some(value) = found.next() else {
            return Ok(Self(None));
        };
        let key = value.to_str().ok().and_then(RetryKey::parse);
        match (key, found.next()) {
            (Some(key), None) => Ok(Self(Some(key))),
            _ => Err(LineError::invalid(
                "The value for the 'X-Line-Retry-Key' header is invalid",
            )),
        }
    }
}

/// Other operations are not repeated by a key, and say so rather than be done twice.
pub fn expect_none(headers: &HeaderMap, path: &str) -> Result<(), LineError> {
    match headers.contains_key(RETRY_KEY) && !TAKERS.contains(&path) {
        true => Err(LineError::invalid(
            "The 'X-Line-Retry-Key' header is not supported by this API",
        )),
        false => Ok(()),
    }
}
