//! Sending: push and multicast as chunks of the day's standing campaign, broadcast as a campaign of
//! its own; all of them metered, held, gated and recorded as anything is sent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::api_request::{AggregationUnit, ApiOperation, SentMessage};
use domain::audience::Audience;
use domain::campaign::{Purpose, StandingOperation};
use domain::message::{self, Messages, ValidationError};
use domain::shortage::IfShort;
use domain::user::LineUserId;
use scheduler::api_campaign::CampaignRequest;
use scheduler::send_queue::QueuedRequest;
use scheduler::settings::REQUEST_RECIPIENTS_MAX;
use scheduler::standing::Accepted;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::request::Properties;
use super::retry::Retry;
use super::{Channel, LineError, LineRequest, LineState, coupon};

/// What every way of sending has in its body.
pub(super) struct Sent {
    pub messages: Messages,
    pub notification_disabled: bool,
    pub unit: Option<AggregationUnit>,
}

/// `POST /v2/bot/message/push`: to one user. Whoever may not get it is not sent to, and not paid
/// for; whoever is no user here is refused.
pub async fn push(
    channel: Channel,
    LineRequest(id): LineRequest,
    retry: Retry,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let sent = read(&state, &body, ApiOperation::Push)?;
    coupon::check_messages(&channel, &sent.messages, state.clock.now()).await?;
    let to = match body.raw("to") {
        Some(_) => body.typed::<String>("to")?.unwrap_or_default(),
        None => return Err(LineError::body(vec![empty("to")])),
    };
    let to = LineUserId::parse(&to).ok_or_else(|| LineError::property("to"))?;
    let answer = sent_messages(&SentMessage::of(id, &sent.messages));
    let request = QueuedRequest {
        id,
        business: channel.business,
        account: channel.account,
        operation: StandingOperation::Push,
        purpose: Purpose::Promotion,
        messages: sent.messages,
        notification_disabled: sent.notification_disabled,
        recipients: vec![to],
        all_known: true,
        retry_key: retry.0,
        unit: sent.unit,
        answer: Some(answer.to_string()),
        reply_token: None,
    };
    fresh(state.sends.send(request).await?)?;
    Ok(Json(answer))
}

/// `POST /v2/bot/message/multicast`: to up to 500 users, each once.
pub async fn multicast(
    channel: Channel,
    LineRequest(id): LineRequest,
    retry: Retry,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let sent = read(&state, &body, ApiOperation::Multicast)?;
    coupon::check_messages(&channel, &sent.messages, state.clock.now()).await?;
    let to = several(&body)?;
    let request = QueuedRequest {
        id,
        business: channel.business,
        account: channel.account,
        operation: StandingOperation::Multicast,
        purpose: Purpose::Promotion,
        messages: sent.messages,
        notification_disabled: sent.notification_disabled,
        recipients: to,
        all_known: false,
        retry_key: retry.0,
        unit: sent.unit,
        answer: None,
        reply_token: None,
    };
    fresh(state.sends.send(request).await?)?;
    Ok(Json(json!({})))
}

/// `POST /v2/bot/message/broadcast`: to every friend.
pub async fn broadcast(
    channel: Channel,
    LineRequest(id): LineRequest,
    retry: Retry,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let sent = read(&state, &body, ApiOperation::Broadcast)?;
    coupon::check_messages(&channel, &sent.messages, state.clock.now()).await?;
    let request = CampaignRequest {
        id,
        business: channel.business,
        account: channel.account,
        operation: ApiOperation::Broadcast,
        purpose: Purpose::Promotion,
        messages: &sent.messages,
        notification_disabled: sent.notification_disabled,
        audience: &Audience::ALL,
        if_short: IfShort::DoNotStart,
        retry_key: retry.as_str(),
    };
    fresh(state.sends.sender().launch(&state.rules, &request).await?)?;
    Ok(Json(json!({})))
}

/// `POST /v2/bot/message/validate/…`: the messages of an operation, looked at and nothing else.
pub async fn look_at(
    channel: &Channel,
    state: &LineState,
    body: &Properties,
    operation: ApiOperation,
) -> Result<(), LineError> {
    let messages = messages(state, body, operation)?;
    coupon::check_messages(channel, &messages, state.clock.now()).await
}

pub(super) fn read(
    state: &LineState,
    body: &Properties,
    operation: ApiOperation,
) -> Result<Sent, LineError> {
    Ok(Sent {
        messages: messages(state, body, operation)?,
        notification_disabled: body.typed("notificationDisabled")?.unwrap_or(false),
        unit: match operation {
            ApiOperation::Push | ApiOperation::Multicast => unit(body)?,
            ApiOperation::Reply | ApiOperation::Broadcast | ApiOperation::Narrowcast => None,
        },
    })
}

fn messages(
    state: &LineState,
    body: &Properties,
    operation: ApiOperation,
) -> Result<Messages, LineError> {
    checked_messages(state, body, operation).map_err(LineError::body)
}

/// The same, or all that is wrong with them.
pub(super) fn checked_messages(
    state: &LineState,
    body: &Properties,
    operation: ApiOperation,
) -> Result<Messages, Vec<ValidationError>> {
    let Some(text) = body.raw("messages") else {
        return Err(vec![empty("messages")]);
    };
    let messages = message::parse(text, &state.rules)?;
    let is_one_chat = matches!(operation, ApiOperation::Push | ApiOperation::Reply);
    let misplaced = messages.misplaced(is_one_chat);
    match misplaced.is_empty() {
        true => Ok(messages),
        false => Err(misplaced),
    }
}

/// At most one, as LINE has it, though it comes as a list.
fn unit(body: &Properties) -> Result<Option<AggregationUnit>, LineError> {
    const NAME: &str = "customAggregationUnits";
    let units: Vec<String> = body.typed(NAME)?.unwrap_or_default();
    match &*units {
        [] => Ok(None),
        [one] => AggregationUnit::parse(one)
            .map(Some)
            .ok_or_else(|| LineError::property(&format!("{NAME}[0]"))),
        _ => Err(LineError::body(vec![size(NAME, 0, 1)])),
    }
}

/// The users of a multicast.
fn several(body: &Properties) -> Result<Vec<LineUserId>, LineError> {
    let Some(given) = body.typed::<Vec<Box<RawValue>>>("to")? else {
        return Err(LineError::body(vec![empty("to")]));
    };
    if given.is_empty() || given.len() > REQUEST_RECIPIENTS_MAX {
        return Err(LineError::body(vec![size("to", 1, REQUEST_RECIPIENTS_MAX)]));
    }
    let read = |(place, raw): (usize, &RawValue)| {
        let text: Option<String> = serde_json::from_str(raw.get()).ok();
        text.and_then(|text| LineUserId::parse(&text))
            .ok_or_else(|| LineError::property(&format!("to[{place}]")))
    };
    let given = given.iter().map(AsRef::as_ref);
    given.enumerate().map(read).collect()
}

pub(super) fn empty(property: &str) -> ValidationError {
    ValidationError {
        message: "May not be empty".to_owned(),
        property: property.to_owned(),
    }
}

fn size(property: &str, least: usize, most: usize) -> ValidationError {
    ValidationError {
        message: format!("Size must be between {least} and {most}"),
        property: property.to_owned(),
    }
}

pub fn sent_messages(sent: &[SentMessage]) -> Value {
    let one = |message: &SentMessage| {
        let mut shown = json!({ "id": message.id });
        if let Some(token) = &message.quote_token {
            shown["quoteToken"] = json!(token);
        }
        shown
    };
    json!({ "sentMessages": sent.iter().map(one).collect::<Vec<_>>() })
}

/// A request that was accepted before is not an error of ours, and 409 with LINE.
pub fn fresh(accepted: Accepted) -> Result<(), LineError> {
    match accepted.is_repeated {
        true => Err(LineError::AcceptedBefore {
            request: accepted.request.id,
            answer: accepted.request.answer,
        }),
        false => Ok(()),
    }
}
