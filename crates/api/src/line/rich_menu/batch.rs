//! Many friends' menus changed at once, beside the request.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::id::RequestId;
use domain::rich_menu::BatchRequest;
use domain::rich_menu::limits::BATCH_KEPT;
use serde_json::{Value, json};

use super::super::LineRequest;
use super::super::request::{Document, Query};
use super::{Channel, LineError, LineState, of, writer};

/// `POST /v2/bot/richmenu/batch`: accepted; the id of the request asks how far it is.
pub async fn begin(
    channel: Channel,
    LineRequest(id): LineRequest,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<(StatusCode, Json<Value>), LineError> {
    let batch = BatchRequest::parse(body.text()).map_err(LineError::body)?;
    let writer = writer(&state, &channel);
    writer.begin_menu_batch(of(&channel), id, &batch).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

/// `POST /v2/bot/richmenu/validate/batch`.
pub async fn validate(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    let batch = BatchRequest::parse(body.text()).map_err(LineError::body)?;
    let writer = writer(&state, &channel);
    writer.check_menu_batch(of(&channel), &batch).await?;
    Ok(Json(json!({})))
}

/// `GET /v2/bot/richmenu/progress/batch`.
pub async fn progress(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let text = query.text("requestId");
    let text = text.ok_or_else(|| LineError::invalid("requestId is required"))?;
    let id = RequestId::parse_uuid(text).ok_or_else(|| LineError::parameter("requestId"))?;
    let since = state.clock.now() - BATCH_KEPT;
    let batch = channel.store.menu_batch(channel.account, id).await?;
    let batch = batch.filter(|batch| batch.accepted_at > since);
    let batch = batch.ok_or(LineError::NotFound("Not found"))?;
    let phase = match (batch.completed_at, batch.failed) {
        (None, _) => "ongoing",
        (Some(_), false) => "succeeded",
        (Some(_), true) => "failed",
    };
    let mut answer = json!({ "phase": phase, "acceptedTime": batch.accepted_at.to_string() });
    if let Some(completed_at) = batch.completed_at {
        answer["completedTime"] = json!(completed_at.to_string());
    }
    Ok(Json(answer))
}
