//! `POST /v2/bot/message/reply`: an answer to an event, free of charge, once and within a minute of
//! when the program was told.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::api_request::{ApiOperation, SentMessage};
use domain::campaign::{Purpose, StandingOperation};
use domain::webhook::events::{ReplyToken, TokenRefusal};
use scheduler::SchedulerError;
use scheduler::send_queue::QueuedRequest;
use serde_json::Value;

use super::request::Properties;
use super::send::{empty, fresh, read, sent_messages};
use super::{Channel, LineError, LineRequest, LineState, coupon};

/// Whoever did something is told what it came to: that is no advertising, and waits for no morning.
const PURPOSE: Purpose = Purpose::Information;

pub async fn send(
    channel: Channel,
    LineRequest(id): LineRequest,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let sent = read(&state, &body, ApiOperation::Reply)?;
    coupon::check_messages(&channel, &sent.messages, state.clock.now()).await?;
    let Some(token) = body.typed::<String>("replyToken")? else {
        return Err(LineError::body(vec![empty("replyToken")]));
    };
    let unknown = || SchedulerError::InvalidReplyToken(TokenRefusal::Unknown);
    let token = ReplyToken::parse(&token).ok_or_else(unknown)?;
    // Whose it is cannot change; whether it is still good is found out where it is used.
    let user = channel.store.user_of_reply_token(channel.account, &token);
    let user = user.await?.ok_or_else(unknown)?;
    let answer = sent_messages(&SentMessage::of(id, &sent.messages));
    let request = QueuedRequest {
        id,
        business: channel.business,
        account: channel.account,
        operation: StandingOperation::Reply,
        purpose: PURPOSE,
        messages: sent.messages,
        notification_disabled: sent.notification_disabled,
        recipients: vec![user],
        all_known: false,
        retry_key: None,
        unit: None,
        answer: Some(answer.to_string()),
        reply_token: Some(token),
    };
    fresh(state.sends.send(request).await?)?;
    Ok(Json(answer))
}
