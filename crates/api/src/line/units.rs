//! Units that the month's sends are added up under.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::time::{LaunchMonth, LocalDay};
use serde_json::{Value, json};

use super::quota::{account_of, zone_of};
use super::request::Query;
use super::{Channel, LineError, LineState};

/// Units on one page.
const PAGE_MAX: u32 = 100;

/// `GET /v2/bot/message/aggregation/info`.
pub async fn count(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    let month = month(&state, &channel).await?;
    let units = channel.store.count_units(channel.account, month).await?;
    Ok(Json(json!({ "numOfCustomAggregationUnits": units })))
}

/// `GET /v2/bot/message/aggregation/list`.
pub async fn list(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let limit = query.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE_MAX);
    let after = match query.text("start") {
        Some(start) => read_start(&state, &channel, start)?,
        None => String::new(),
    };
    let month = month(&state, &channel).await?;
    // One more says whether there is a next page.
    let found = channel
        .store
        .units(channel.account, month, &after, limit + 1);
    let mut units = found.await?;
    let is_last = units.len() <= limit as usize;
    units.truncate(limit as usize);
    let next = units.last().filter(|_| !is_last).cloned();
    let mut answer = json!({ "customAggregationUnits": units });
    if let Some(next) = next {
        let place = place(&channel);
        answer["next"] = json!(state.channels.seal_text(&place, next.as_bytes())?);
    }
    Ok(Json(answer))
}

/// The month it is for the account.
async fn month(state: &LineState, channel: &Channel) -> Result<LaunchMonth, LineError> {
    let zone = zone_of(&account_of(channel).await?)?;
    Ok(LocalDay::of(state.clock.now(), &zone).month())
}

fn read_start(state: &LineState, channel: &Channel, start: &str) -> Result<String, LineError> {
    let text = state.channels.open_text(&place(channel), start);
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| LineError::invalid("Invalid start param"))
}

fn place(channel: &Channel) -> Vec<u8> {
    [&b"units"[..], channel.account.as_bytes()].concat()
}
