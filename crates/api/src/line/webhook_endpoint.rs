//! `GET` and `PUT /v2/bot/channel/webhook/endpoint`: where events go.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::request::Properties;
use super::{Channel, LineError, LineState};

pub async fn show(channel: Channel) -> Result<Json<Value>, LineError> {
    let endpoint = channel.store.webhook_endpoint(channel.account).await?;
    let endpoint = endpoint.ok_or(LineError::NotFound("Webhook endpoint not found"))?;
    Ok(Json(json!({
        "endpoint": endpoint.url.as_str(),
        "active": endpoint.is_active,
    })))
}

/// The switches stay as they are; where there was none, events are sent from now on.
pub async fn set(
    State(state): State<Arc<LineState>>,
    channel: Channel,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let invalid = || LineError::invalid("Invalid webhook endpoint URL");
    let text = body.typed::<String>("endpoint")?.ok_or_else(invalid)?;
    let behind = state.wall.store_of(channel.business);
    let webhooks = state.webhooks.on(behind);
    let url = webhooks.endpoint_url(&text).ok_or_else(invalid)?;
    let before = channel.store.webhook_endpoint(channel.account).await?;
    let is_active = before.as_ref().is_none_or(|before| before.is_active);
    let redelivers = before.is_some_and(|before| before.redelivers);
    webhooks
        .set_endpoint(channel.account, url, is_active, redelivers)
        .await?;
    Ok(Json(json!({})))
}
