//! `POST /gateway/v1/events`: what the messenger tells.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use gateway::signature::EVENT_SIGNATURE_AGE_MAX;
use gateway::{BODY_BYTES_MAX, SIGNATURE_HEADER, parse_events, verify};

use crate::state::BODY_TIMEOUT;
use crate::take::take;
use crate::{ApiError, ApiState, body};

/// Takes up to 1,000 events: 202 with what became of them, committed.
pub async fn post_events(
    State(state): State<Arc<ApiState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let Ok(_place) = state.requests.try_acquire() else {
        metrics::counter!("chingu_events_behind_total").increment(1);
        return Err(ApiError::Behind);
    };
    let (head, content) = request.into_parts();
    body::expect_readable(&head.headers, BODY_BYTES_MAX)?;
    let signature = signature(&head.headers)?;
    let bytes = body::read(content, BODY_BYTES_MAX, BODY_TIMEOUT).await?;
    let now = state.clock.now();
    let age_max = Some(EVENT_SIGNATURE_AGE_MAX);
    verify(signature, &bytes, &state.secrets, now, age_max)?;
    let events = parse_events(&bytes, now)?;
    let taken = take(&state, events, now).await?;
    for (result, count) in taken.counts() {
        metrics::counter!("chingu_events_total", "result" => result).increment(count);
    }
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
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
