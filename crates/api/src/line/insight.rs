//! Figures: what was sent on a day, friends, and what friends did with a request's messages.
//!
//! They are there at once, and the owner sees every value, however small: LINE waits for the next
//! day and hides what concerns fewer than twenty people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use domain::api_request::ApiOperation;
use domain::id::RequestId;
use domain::price::Tariff;
use domain::time::LocalDay;
use serde_json::{Value, json};
use store::api_request::CampaignSent;

use super::quota::{Day, account_of, date, sent_on_day, zone_of};
use super::request::Query;
use super::{Channel, LineError, LineState};

/// `GET /v2/bot/insight/message/delivery`: what was sent on a day, by how.
pub async fn deliveries(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let day = match sent_on_day(&state, &channel, &query).await? {
        Day::Status(status) => return Ok(Json(json!({ "status": status }))),
        Day::Sent(day) => day,
    };
    let sum = |is_wanted: &dyn Fn(&CampaignSent) -> bool| -> u64 {
        let wanted = day.iter().filter(|sent| is_wanted(sent));
        wanted.map(|sent| sent.delivered).sum()
    };
    let by_console = |targeted: bool| {
        sum(&|sent| {
            let is_targeted = sent.tariff == Tariff::Targeted.code();
            sent.operation.is_none() && is_targeted == targeted
        })
    };
    let by = |operation: ApiOperation| sum(&|sent| sent.operation == Some(operation));
    Ok(Json(json!({
        "status": "ready",
        "broadcast": by_console(false),
        "targeting": by_console(true),
        "apiBroadcast": by(ApiOperation::Broadcast),
        "apiPush": by(ApiOperation::Push),
        "apiMulticast": by(ApiOperation::Multicast),
        "apiNarrowcast": by(ApiOperation::Narrowcast),
        "apiReply": by(ApiOperation::Reply),
    })))
}

/// `GET /v2/bot/insight/followers`: friends at the end of a day.
pub async fn followers(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let account = account_of(&channel).await?;
    let zone = zone_of(&account)?;
    let (day, today) = (date(&query)?, LocalDay::of(state.clock.now(), &zone));
    let begun = LocalDay::of(account.created_at, &zone);
    if day > today || day < begun {
        let status = if day > today {
            "unready"
        } else {
            "out_of_service"
        };
        return Ok(Json(json!({
            "status": status, "followers": null, "targetedReaches": null, "blocks": null,
        })));
    }
    let tally = channel.store.friend_tally(channel.account).await?;
    // What happened since is taken back: the tables know how it stands, and each day's change.
    let since = u32::try_from(today.number() - day.number()).unwrap_or(0);
    let (gained, lost, blocked) = match since {
        0 => (0, 0, 0),
        days => {
            let growth = channel.store.growth(channel.account, today, days);
            growth.await?.sums()
        }
    };
    let still_friends = tally.active().saturating_sub(gained) + lost + blocked;
    Ok(Json(json!({
        "status": "ready",
        "followers": tally.all().saturating_sub(gained),
        "targetedReaches": still_friends,
        "blocks": tally.blocked.saturating_sub(blocked),
    })))
}

/// `GET /v2/bot/insight/message/event`: what friends did with a broadcast or narrowcast.
pub async fn event(channel: Channel, query: Query) -> Result<Json<Value>, LineError> {
    let text = query.text("requestId");
    let text = text.ok_or_else(|| LineError::invalid("requestId is required"))?;
    let id = RequestId::parse_uuid(text).ok_or_else(|| LineError::parameter("requestId"))?;
    let request = channel.store.api_request(channel.account, id).await?;
    let is_of_campaign = |operation| {
        matches!(
            operation,
            ApiOperation::Broadcast | ApiOperation::Narrowcast
        )
    };
    let Some(request) = request.filter(|request| is_of_campaign(request.operation)) else {
        return Ok(Json(json!({
            "overview": {
                "requestId": text, "timestamp": null, "delivered": null,
                "uniqueImpression": null, "uniqueClick": null, "uniqueMediaPlayed": null,
                "uniqueMediaPlayed100Percent": null,
            },
            "messages": [],
            "clicks": [],
        })));
    };
    let campaign = channel.store.campaign(request.campaign).await?;
    let receipts = channel
        .store
        .receipts(channel.business, request.campaign)
        .await?;
    let is_sent = campaign.closed_at.is_some();
    let clicks = receipts.links.iter().map(|link| {
        json!({
            "seq": link.message + 1,
            "url": link.url,
            "click": link.total,
            "uniqueClick": link.unique,
            "uniqueClickOfRequest": receipts.clicked.people,
        })
    });
    let clicks: Vec<Value> = clicks.collect();
    // A messenger says that a chat was opened, which shows every message of the push.
    let messages: Vec<Value> = (1..=message_count(&campaign.messages))
        .map(|seq| without_media(seq, receipts.opened.total))
        .collect();
    Ok(Json(json!({
        "overview": {
            "requestId": text,
            "timestamp": request.accepted_at.as_seconds(),
            "delivered": is_sent.then_some(receipts.delivered),
            "uniqueImpression": receipts.opened.people,
            "uniqueClick": receipts.clicked.people,
            "uniqueMediaPlayed": null,
            "uniqueMediaPlayed100Percent": null,
        },
        "messages": messages,
        "clicks": clicks,
    })))
}

/// How often one message was seen. No messenger tells what is played.
pub(super) fn without_media(seq: u32, impression: u64) -> Value {
    json!({
        "seq": seq,
        "impression": impression,
        "mediaPlayed": null, "mediaPlayed25Percent": null,
        "mediaPlayed50Percent": null, "mediaPlayed75Percent": null,
        "mediaPlayed100Percent": null, "uniqueMediaPlayed": null,
        "uniqueMediaPlayed25Percent": null, "uniqueMediaPlayed50Percent": null,
        "uniqueMediaPlayed75Percent": null, "uniqueMediaPlayed100Percent": null,
    })
}

fn message_count(messages: &str) -> u32 {
    serde_json::from_str::<Vec<Box<serde_json::value::RawValue>>>(messages)
        .map_or(0, |messages| messages.len() as u32)
}
