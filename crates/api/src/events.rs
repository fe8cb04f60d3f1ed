//! `POST /gateway/v1/events`: what the messenger tells.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::time::Timestamp;
use gateway::signature::EVENT_SIGNATURE_AGE_MAX;
use gateway::{BODY_BYTES_MAX, SIGNATURE_HEADER, parse_events, verify};
use tokio::sync::SemaphorePermit;

use crate::state::BODY_TIMEOUT;
use crate::take::take;
use crate::{ApiError, ApiState, body};

/// Takes up to 1,000 events: 202 with what became of them, committed.
pub async fn post_events(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let _place = place(&state)?;
    let (bytes, now) = signed(&state, request).await?;
    let events = parse_events(&bytes, now)?;
    let taken = take(&state, events, now).await?;
    // Whether anybody wants to be told of them is looked up by whoever tells.
    state.webhooks.notify_one();
    for (result, count) in taken.counts() {
        metrics::counter!("chingu_events_total", "result" => result).increment(count);
    }
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}

/// A place among the requests that are read and answered at once.
pub(crate) fn place(state: &ApiState) -> Result<SemaphorePermit<'_>, ApiError> {
    state.requests.try_acquire().map_err(|_| {
        metrics::counter!("chingu_events_behind_total").increment(1);
        ApiError::Behind
    })
}

/// The body of a request that the messenger signed, and when it was read.
pub(crate) async fn signed(
    state: &ApiState,
    request: Request,
) -> Result<(Vec<u8>, Timestamp), ApiError> {
    let (head, content) = request.into_parts();
    body::expect_readable(&head.headers, BODY_BYTES_MAX)?;
    let signature = signature(&head.headers)?;
    let bytes = body::read(content, BODY_BYTES_MAX, BODY_TIMEOUT).await?;
    let now = state.clock.now();
    let age_max = Some(EVENT_SIGNATURE_AGE_MAX);
    verify(signature, &bytes, &state.secrets, now, age_max)?;
    Ok((bytes, now))
}

fn signature(headers: &HeaderMap) -> Result<&str, ApiError> {
    let refuse =
        |words: &str| ApiError::Unauthentic(format!("the header {SIGNATURE_HEADER} {words}"));
    let mut found = headers.get_all(SIGNATURE_HEADER).iter();
    let first = found.next().ok_or_else(|| refuse("is missing"))?;
    if found.next().is_some() {
        return Err(refuse("stands there twice"));
    }
    first.to_str().map_err(|_| refuse("is not text"))
}

#[cfg(test)]
mod tests;
