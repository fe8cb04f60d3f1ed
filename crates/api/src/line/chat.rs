//! What a bot does in a chat beside writing.
//!
//! The gateway has no word for a loading sign, nor for reading what somebody wrote: a bot here has
//! read everything as it comes (`markAsReadMode` is `auto`). So these are checked and answered as
//! LINE answers them, and nothing follows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::message::ValidationError;
use domain::user::LineUserId;
use domain::webhook::EventKind;
use domain::webhook::events::event_of_read_token;
use serde_json::{Value, json};

use super::request::Properties;
use super::send::empty;
use super::{Channel, LineError, LineState};

/// Seconds that a loading sign is shown, in steps.
const LOADING_SECONDS: std::ops::RangeInclusive<i64> = 5..=60;
const LOADING_STEP: i64 = 5;

/// `POST /v2/bot/chat/loading/start`.
pub async fn loading(
    _channel: Channel,
    body: Properties,
) -> Result<(StatusCode, Json<Value>), LineError> {
    let mut errors = Vec::new();
    let mut tell = |message: &str, property: &str| {
        errors.push(ValidationError {
            message: message.to_owned(),
            property: property.to_owned(),
        });
    };
    match body.typed::<String>("chatId")? {
        None => tell("May not be empty", "chatId"),
        Some(chat) if LineUserId::parse(&chat).is_none() => tell(
            "Only user id is acceptable, please confirm if there are any group/room ids or \
             illegal ids.",
            "chatId",
        ),
        Some(_) => {}
    }
    match body.typed::<i64>("loadingSeconds")? {
        Some(seconds) if !LOADING_SECONDS.contains(&seconds) => {
            tell("Must be between 5 and 60", "loadingSeconds");
        }
        Some(seconds) if seconds % LOADING_STEP != 0 => {
            tell("must be a multiple of five", "loadingSeconds");
        }
        _ => {}
    }
    match errors.is_empty() {
        true => Ok((StatusCode::ACCEPTED, Json(json!({})))),
        false => Err(LineError::body(errors)),
    }
}

/// `POST /v2/bot/chat/markAsRead`: by the token that a message's event brought. Whatever comes is
/// read by itself, so nothing follows; a token of another channel's, or of none, is refused.
pub async fn read_by_token(channel: Channel, body: Properties) -> Result<Json<Value>, LineError> {
    let Some(token) = body.typed::<String>("markAsReadToken")? else {
        return Err(LineError::body(vec![empty("markAsReadToken")]));
    };
    let found = match event_of_read_token(&token) {
        Some(id) => channel.store.webhook_event(channel.account, id).await?,
        None => None,
    };
    match found.is_some_and(|event| event.kind == EventKind::Message) {
        true => Ok(Json(json!({}))),
        false => Err(LineError::invalid(
            "Invalid markAsReadToken. Tokens must be used by the bot that received them via \
             Webhook.",
        )),
    }
}

/// `POST /v2/bot/message/markAsRead`: the form before tokens, by the user; it is read already.
pub async fn read(_channel: Channel, body: Properties) -> Result<Json<Value>, LineError> {
    let chat = body.typed::<Value>("chat")?;
    let chat = chat.ok_or_else(|| LineError::body(vec![empty("chat")]))?;
    let user = match &chat["userId"] {
        Value::Null => return Err(LineError::body(vec![empty("chat.userId")])),
        user => user.as_str().and_then(LineUserId::parse),
    };
    match user {
        Some(_) => Ok(Json(json!({}))),
        None => Err(LineError::property("chat.userId")),
    }
}

/// `POST /v2/bot/user/{userId}/linkToken`: sealed, with the user, the channel and the moment in it.
/// What a messenger shows to link an account takes it within ten minutes; this one shows nothing of
/// the kind.
pub async fn link_token(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(user): Path<String>,
) -> Result<Json<Value>, LineError> {
    let id = LineUserId::parse(&user).ok_or_else(|| LineError::parameter("userId"))?;
    let friend = channel.store.follower(channel.account, id).await?;
    let friend = friend.ok_or(LineError::NotFound("Not found"))?;
    let now = state.clock.now().as_millis().to_be_bytes();
    let text = [&now[..], &friend.line_id.as_bytes()[..]].concat();
    let place = [&b"link"[..], channel.account.as_bytes()].concat();
    let token = state.channels.seal_text(&place, &text)?;
    Ok(Json(json!({ "linkToken": token })))
}
