//! `POST /v2/bot/message/validate/…`: messages looked at by the one validator of the house, as they
//! are before they are sent, and nothing else.

use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, State};
use domain::api_request::ApiOperation;
use serde_json::{Value, json};

use super::request::Properties;
use super::send::look_at;
use super::{Channel, LineError, LineState};

/// Each operation has a path of its own below this one, and a bucket.
pub const PATH: &str = "/v2/bot/message/validate/";

/// The same for all five ways of sending.
pub async fn messages(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    path: MatchedPath,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let name = path.as_str().strip_prefix(PATH);
    let known = ApiOperation::ALL
        .into_iter()
        .find(|known| Some(known.name()) == name);
    let known = known.ok_or(LineError::NotFound("Not found"))?;
    look_at(&channel, &state, &body, known).await?;
    Ok(Json(json!({})))
}
