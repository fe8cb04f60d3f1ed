//! Coupons: made, listed, read, closed; and looked at before a message with one is sent.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use directory::CouponError;
use domain::coupon::{Count, CouponId, CouponRequest, CouponState};
use domain::message::{Messages, ValidationError};
use domain::money::Currency;
use domain::time::Timestamp;
use serde_json::{Map, Value, json};
use store::StoreError;
use store::coupon::StoredCoupon;

use super::request::{Document, Query};
use super::rich_menu::writer;
use super::{Channel, LineError, LineState};

/// Coupons on one page, and where nobody says how many.
const PAGE_MAX: u32 = 100;
const PAGE_USUAL: u32 = 20;
/// How long a list may be gone on with, as LINE has it.
const PAGE_LIVES_FOR: Duration = Duration::from_secs(24 * 3_600);
/// A state of LINE's console that no coupon has here.
const DRAFT: &str = "DRAFT";
const ALL: [CouponState; 2] = [CouponState::Running, CouponState::Closed];

/// `POST /v2/bot/coupon`.
pub async fn create(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    let now = state.clock.now();
    let request = CouponRequest::parse(body.text(), &state.rules, now).map_err(LineError::body)?;
    let writer = writer(&state, &channel);
    let added = writer.add_coupon(channel.business, channel.account, &request);
    Ok(Json(json!({ "couponId": added.await?.to_string() })))
}

/// `GET /v2/bot/coupon`: the latest first.
pub async fn list(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let limit = query.number("limit", 1..=PAGE_MAX)?.unwrap_or(PAGE_USUAL);
    let states = states(&query)?;
    let before = match query.text("start") {
        Some(start) => Some(read_start(&state, &channel, start)?),
        None => None,
    };
    // One more says whether there is a next page.
    let found = channel
        .store
        .coupons(channel.account, &states, before, limit + 1);
    let mut found = found.await?;
    let is_last = found.len() <= limit as usize;
    found.truncate(limit as usize);
    let items = found
        .iter()
        .map(|coupon| json!({ "couponId": coupon.facts.id.to_string(), "title": coupon.title }));
    let mut answer = json!({ "items": items.collect::<Vec<Value>>() });
    if let Some(last) = found.last().filter(|_| !is_last) {
        answer["next"] = json!(write_start(&state, &channel, last.facts.id)?);
    }
    Ok(Json(answer))
}

/// `GET /v2/bot/coupon/{couponId}`.
pub async fn show(channel: Channel, Path(id): Path<String>) -> Result<Json<Value>, LineError> {
    let coupon = own(&channel, &id).await?;
    let business = channel.store.business(channel.business).await?;
    let business = business.ok_or(LineError::NotFound("Not found"))?;
    Ok(Json(as_json(&coupon, business.currency)?))
}

/// `PUT /v2/bot/coupon/{couponId}/close`: for good.
pub async fn close(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, LineError> {
    let id = CouponId::parse(&id).ok_or(LineError::Coupon { is_gone: false })?;
    let writer = writer(&state, &channel);
    writer
        .close_coupon(channel.business, channel.account, id)
        .await?;
    Ok(Json(json!({})))
}

/// Whether every coupon that messages name is one of the channel's account, and can be sent.
pub async fn check_messages(
    channel: &Channel,
    messages: &Messages,
    now: Timestamp,
) -> Result<(), LineError> {
    let named: Vec<(String, Option<CouponId>)> = messages
        .coupons()
        .map(|(property, id)| (property, CouponId::parse(id)))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let ids: Vec<CouponId> = named.iter().filter_map(|(_, id)| *id).collect();
    let found = channel.store.coupons_of(channel.account, &ids).await?;
    let mut errors = Vec::new();
    for (property, id) in named {
        let coupon = found.iter().find(|coupon| Some(coupon.facts.id) == id);
        let message = match coupon.map(|coupon| coupon.facts.may_be_sent(now)) {
            Some(Ok(())) => continue,
            Some(Err(refusal)) => refusal.to_string(),
            None => "there is no such coupon".to_owned(),
        };
        errors.push(ValidationError { message, property });
    }
    match errors.is_empty() {
        true => Ok(()),
        false => Err(LineError::body(errors)),
    }
}

async fn own(channel: &Channel, id: &str) -> Result<StoredCoupon, LineError> {
    let unknown = LineError::Coupon { is_gone: false };
    let Some(id) = CouponId::parse(id) else {
        return Err(unknown);
    };
    let found = channel.store.coupon(channel.account, id).await?;
    found.ok_or(unknown)
}

/// What a coupon was created with, and how it stands, in LINE's shape.
fn as_json(coupon: &StoredCoupon, currency: Currency) -> Result<Value, LineError> {
    let read: Result<Map<String, Value>, _> = serde_json::from_str(&coupon.content);
    let mut shown = read.map_err(|why| StoreError::Corrupt {
        table: "coupon",
        column: "content",
        why: why.to_string(),
    })?;
    let facts = &coupon.facts;
    let price = shown.get_mut("reward");
    let price = price.and_then(|reward| reward.get_mut("priceInfo"));
    if let Some(Value::Object(price)) = price
        && price.get("type") != Some(&json!("percentage"))
        && currency == Currency::Jpy
    {
        // Of ours the only one that LINE's libraries know: they refuse any other.
        price.insert("currency".to_owned(), json!(currency.code()));
    }
    if let Count::AtMost(most) = facts.acquire_max {
        shown.insert("maxAcquireCount".to_owned(), json!(most));
    }
    let more = [
        ("couponId", json!(facts.id.to_string())),
        ("maxTicketPerUser", json!(1)),
        ("createdTimestamp", json!(coupon.created_at.as_seconds())),
        ("status", json!(facts.state.name())),
    ];
    shown.extend(more.map(|(name, value)| (name.to_owned(), value)));
    Ok(Value::Object(shown))
}

/// The states that a query asks for; all of them where it names none.
fn states(query: &Query) -> Result<Vec<CouponState>, LineError> {
    let named = query.list("status");
    if named.is_empty() {
        return Ok(ALL.to_vec());
    }
    let mut states = Vec::with_capacity(named.len());
    for name in named.into_iter().filter(|name| *name != DRAFT) {
        let state = CouponState::from_name(name);
        states.push(state.ok_or_else(|| LineError::parameter("status"))?);
    }
    Ok(states)
}

/// Where a list goes on, for the channel that was told it.
fn write_start(
    state: &LineState,
    channel: &Channel,
    before: CouponId,
) -> Result<String, LineError> {
    let now = state.clock.now().as_millis().to_be_bytes();
    let text = [&now[..], before.as_bytes()].concat();
    Ok(state.channels.seal_text(&place(channel), &text)?)
}

fn read_start(state: &LineState, channel: &Channel, start: &str) -> Result<CouponId, LineError> {
    let refuse = || LineError::invalid("Invalid start param");
    let text = state.channels.open_text(&place(channel), start);
    let text = text.ok_or_else(refuse)?;
    let (at, before) = text.split_at_checked(8).ok_or_else(refuse)?;
    let at = i64::from_be_bytes(at.try_into().map_err(|_| refuse())?);
    let before: [u8; 16] = before.try_into().map_err(|_| refuse())?;
    let is_over = state.clock.now() >= Timestamp::from_millis(at) + PAGE_LIVES_FOR;
    match is_over {
        true => Err(refuse()),
        false => Ok(CouponId::from_bytes(before)),
    }
}

fn place(channel: &Channel) -> Vec<u8> {
    [&b"coupons"[..], channel.account.as_bytes()].concat()
}

impl From<CouponError> for LineError {
    fn from(error: CouponError) -> Self {
        match error {
            CouponError::NoCoupon => Self::Coupon { is_gone: false },
            CouponError::Closed => Self::Coupon { is_gone: true },
            CouponError::Full => Self::invalid(error.to_string()),
            CouponError::Other(error) => error.into(),
        }
    }
}
