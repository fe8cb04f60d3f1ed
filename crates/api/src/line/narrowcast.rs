//! Narrowcasts: to those friends whom LINE's conditions name, as a campaign of its own; and how far
//! one is.
//!
//! Only whoever is in the audience is counted, held and paid for; LINE reserves for every friend
//! there is. It has floors of fifty and a hundred people, which are not here: an owner may know how
//! few they are. LINE finds out about quota later, and tells it as a phase; here it is found out
//! when the request comes, and is 429, unless the request wants all or nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::api_request::ApiOperation;
use domain::audience::Audience;
use domain::audience_group::GroupStatus;
use domain::campaign::Purpose;
use domain::id::{CampaignId, RequestId};
use domain::message::Messages;
use domain::narrowcast::progress::{self, Phase, TOLD_FOR};
use domain::narrowcast::{Narrowcast, Parts, aim};
use domain::time::Timestamp;
use scheduler::api_campaign::CampaignRequest;
use serde_json::{Value, json};
use store::narrowcast::OwnCampaign;

use super::quota::{account_of, zone_of};
use super::request::{Properties, Query};
use super::retry::Retry;
use super::send::{checked_messages, fresh};
use super::{Channel, LineError, LineRequest, LineState};

/// `POST /v2/bot/message/narrowcast`.
pub async fn send(
    channel: Channel,
    LineRequest(id): LineRequest,
    retry: Retry,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<(StatusCode, Json<Value>), LineError> {
    let (messages, narrowcast) = read(&state, &body)?;
    let notification_disabled = body.typed("notificationDisabled")?.unwrap_or(false);
    let audience = aimed(&state, &channel, id, &narrowcast).await?;
    let limit = narrowcast.limit;
    let request = CampaignRequest {
        id,
        business: channel.business,
        account: channel.account,
        operation: ApiOperation::Narrowcast,
        purpose: Purpose::Promotion,
        messages: &messages,
        notification_disabled,
        audience: &audience,
        if_short: limit.if_short(),
        retry_key: retry.as_str(),
    };
    let sender = state.sends.sender();
    let accepted = match limit.forbid_partial_delivery {
        true => sender.launch_whole(&state.rules, &request, limit.max).await,
        false => sender.launch(&state.rules, &request).await,
    };
    fresh(accepted?)?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))))
}

/// `GET /v2/bot/message/progress/narrowcast`: of a broadcast, too.
pub async fn progress(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let text = query.text("requestId");
    let text = text.ok_or_else(|| LineError::invalid("requestId is required"))?;
    let id = RequestId::parse_uuid(text).ok_or_else(|| LineError::parameter("requestId"))?;
    let now = state.clock.now();
    let found = own_campaign(&channel, id).await?;
    let told = found.filter(|own| {
        let operation = own.request.operation;
        let makes_one = matches!(
            operation,
            ApiOperation::Narrowcast | ApiOperation::Broadcast
        );
        makes_one && is_told(own, now)
    });
    let own = told.ok_or(LineError::NotFound("Not found"))?;
    let mut answer = json!({
        "phase": "waiting",
        "acceptedTime": own.request.accepted_at.to_string(),
    });
    let phase = phase(&own);
    if phase == Phase::Waiting {
        return Ok(Json(answer));
    }
    answer["successCount"] = json!(own.sent.delivered);
    answer["failureCount"] = json!(own.sent.undelivered);
    answer["targetCount"] = json!(own.sent.targets);
    answer["phase"] = json!(match &phase {
        Phase::Waiting => "waiting",
        Phase::Sending => "sending",
        Phase::Succeeded => "succeeded",
        Phase::Failed { .. } => "failed",
    });
    if let Phase::Failed { failure, why } = &phase {
        answer["failedDescription"] = json!(why);
        answer["errorCode"] = json!(failure.code());
    }
    if phase != Phase::Sending {
        // What was given up was so as soon as it was accepted.
        let given_up = own.failure.map(|_| own.request.accepted_at);
        if let Some(completed) = own.closing_at.or(given_up) {
            answer["completedTime"] = json!(completed.to_string());
        }
    }
    Ok(Json(answer))
}

/// All that is wrong with a body is told at once.
fn read(state: &LineState, body: &Properties) -> Result<(Messages, Narrowcast), LineError> {
    let messages = checked_messages(state, body, ApiOperation::Narrowcast);
    let narrowcast = Narrowcast::parse(&Parts {
        recipient: body.raw("recipient"),
        filter: body.raw("filter"),
        limit: body.raw("limit"),
    });
    match (messages, narrowcast) {
        (Ok(messages), Ok(narrowcast)) => Ok((messages, narrowcast)),
        (messages, narrowcast) => {
            let errors = [messages.err(), narrowcast.err()];
            Err(LineError::body(
                errors.into_iter().flatten().flatten().collect(),
            ))
        }
    }
}

/// Whom it goes to, where everything that it names may be aimed at.
async fn aimed(
    state: &LineState,
    channel: &Channel,
    id: RequestId,
    narrowcast: &Narrowcast,
) -> Result<Audience, LineError> {
    let now = state.clock.now();
    let zone = zone_of(&account_of(channel).await?)?;
    let mut groups = BTreeSet::new();
    for id in narrowcast.groups() {
        let group = channel.store.audience_group(channel.account, id).await?;
        if group.is_some_and(|group| group.status_at(now) == GroupStatus::Ready) {
            groups.insert(id);
        }
    }
    let mut sent = BTreeMap::new();
    for id in narrowcast.redeliveries() {
        if let Some(campaign) = redelivered(channel, id, now).await? {
            state.sends.sender().keep_sent(campaign).await?;
            sent.insert(id, campaign);
        }
    }
    let facts = aim::Facts {
        request: id,
        now,
        zone: &zone,
        groups: &groups,
        sent: &sent,
    };
    let audience = narrowcast.audience(&facts);
    audience.map_err(|unusable| LineError::invalid(unusable.to_string()))
}

/// The campaign of an earlier narrowcast that may be aimed at.
async fn redelivered(
    channel: &Channel,
    id: RequestId,
    now: Timestamp,
) -> Result<Option<CampaignId>, LineError> {
    let found = own_campaign(channel, id).await?;
    let usable = found.filter(|own| {
        let is_narrowcast = own.request.operation == ApiOperation::Narrowcast;
        is_narrowcast && is_told(own, now) && phase(own) == Phase::Succeeded
    });
    Ok(usable.map(|own| own.campaign.id))
}

async fn own_campaign(channel: &Channel, id: RequestId) -> Result<Option<OwnCampaign>, LineError> {
    let snapshot = channel.store.snapshot().await?;
    let own = snapshot.own_campaign(channel.account, id).await?;
    snapshot.end().await?;
    Ok(own)
}

fn is_told(own: &OwnCampaign, now: Timestamp) -> bool {
    now < own.request.accepted_at + TOLD_FOR
}

fn phase(own: &OwnCampaign) -> Phase {
    progress::phase(&progress::Facts {
        state: own.campaign.shown_state(),
        has_begun: own.sent.has_begun,
        targets: own.sent.targets,
        was_cancelled: own.was_cancelled,
        failure: own.failure,
        launch_error: own.campaign.launch_error.as_deref(),
    })
}
