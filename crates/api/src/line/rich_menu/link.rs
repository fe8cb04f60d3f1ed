//! Friends' own menus: one friend's, or those of up to 500 users at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::message::ValidationError;
use domain::rich_menu::RichMenuId;
use domain::rich_menu::limits::USERS_MAX;
use domain::user::LineUserId;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::request::Properties;
use super::{Channel, LineError, LineState, of, parse, writer};

/// `GET /v2/bot/user/{userId}/richmenu`: their own, no default.
pub async fn show(channel: Channel, Path(user): Path<String>) -> Result<Json<Value>, LineError> {
    let none = || LineError::NotFound("the user has no richmenu");
    let number = channel.store.user_by_line_id(user_id(&user)?).await?;
    let number = number.ok_or_else(none)?;
    let found = channel.store.linked_menu(channel.account, number).await?;
    let id = found.ok_or_else(none)?;
    Ok(Json(json!({ "richMenuId": id.to_string() })))
}

/// `POST /v2/bot/user/{userId}/richmenu/{richMenuId}`.
pub async fn link(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path((user, menu)): Path<(String, String)>,
) -> Result<Json<Value>, LineError> {
    let (user, menu) = (user_id(&user)?, parse(&menu)?);
    let writer = writer(&state, &channel);
    match writer.link_menu(of(&channel), &[user], menu).await? {
        0 => Err(LineError::NotFound("Not found")),
        _ => Ok(Json(json!({}))),
    }
}

/// `DELETE /v2/bot/user/{userId}/richmenu`.
pub async fn unlink(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, LineError> {
    let user = user_id(&user)?;
    let writer = writer(&state, &channel);
    writer.unlink_menus(of(&channel), &[user]).await?;
    Ok(Json(json!({})))
}

/// `POST /v2/bot/richmenu/bulk/link`: users who are none here are left out.
pub async fn link_many(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<(StatusCode, Json<Value>), LineError> {
    const MENU: &str = "richMenuId";
    body.required(MENU)?;
    let menu: String = body.typed(MENU)?.unwrap_or_default();
    let menu = RichMenuId::parse(&menu).ok_or_else(|| refused("invalid richMenuId", MENU))?;
    let users = users(&body)?;
    let writer = writer(&state, &channel);
    writer.link_menu(of(&channel), &users, menu).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

/// `POST /v2/bot/richmenu/bulk/unlink`.
pub async fn unlink_many(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<(StatusCode, Json<Value>), LineError> {
    let users = users(&body)?;
    let writer = writer(&state, &channel);
    writer.unlink_menus(of(&channel), &users).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

fn user_id(text: &str) -> Result<LineUserId, LineError> {
    LineUserId::parse(text).ok_or_else(|| LineError::parameter("userId"))
}

fn users(body: &Properties) -> Result<Vec<LineUserId>, LineError> {
    const USERS: &str = "userIds";
    body.required(USERS)?;
    let given: Vec<Box<RawValue>> = body.typed(USERS)?.unwrap_or_default();
    if !(1..=USERS_MAX).contains(&given.len()) {
        let words = format!("Size must be between 1 and {USERS_MAX}");
        return Err(refused(&words, USERS));
    }
    let read = |(place, raw): (usize, &RawValue)| {
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        text.and_then(|text| LineUserId::parse(&text))
            // LINE's menus quote the property, its messages do not.
            .ok_or_else(|| LineError::property(&format!("'{USERS}[{place}]'")))
    };
    let given = given.iter().map(AsRef::as_ref);
    given.enumerate().map(read).collect()
}

fn refused(message: &str, property: &str) -> LineError {
    LineError::body(vec![ValidationError {
        message: message.to_owned(),
        property: property.to_owned(),
    }])
}
