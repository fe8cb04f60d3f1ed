//! `POST /v2/bot/channel/webhook/test`: a request without events, and what came of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use jobs::webhooks::{Trial, TrialError};
use serde_json::{Value, json};

use super::request::Properties;
use super::{Channel, LineError, LineState};

/// What LINE says where the program took it.
const OK: &str = "OK";

pub async fn test(
    State(state): State<Arc<LineState>>,
    channel: Channel,
    request: Request,
) -> Result<Json<Value>, LineError> {
    let body = Properties::or_none(request).await?;
    let endpoint = body.typed::<String>("endpoint")?;
    let webhooks = state.webhooks.on(state.wall.store_of(channel.business));
    let (business, account) = (channel.business, channel.account);
    let tried = webhooks.trial(business, account, endpoint.as_deref()).await;
    Ok(Json(told(&tried?)))
}

fn told(trial: &Trial) -> Value {
    let outcome = &trial.outcome;
    json!({
        "success": outcome.is_taken(),
        "timestamp": trial.at.to_string(),
        "statusCode": outcome.status.unwrap_or(0),
        "reason": outcome.failure.map_or(OK, |reason| reason.line_name()),
        "detail": outcome.detail,
    })
}

impl From<TrialError> for LineError {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::NoEndpoint => Self::NotFound("Webhook endpoint not found"),
            TrialError::BadUrl => Self::invalid("Invalid webhook endpoint URL"),
            TrialError::Directory(error) => error.into(),
            TrialError::Store(error) => error.into(),
        }
    }
}
