//! What may be sent this month, what was, and how much by which operation on which day.
//!
//! The quota is of whoever pays: what its plan, wallet and budgets still have, and what was sent
//! already. So it moves with top-ups, and is never more than what could really be sent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::api_request::ApiOperation;
use domain::campaign::{CampaignKind, StandingOperation};
use domain::id::BusinessId;
use domain::price::Tariff;
use domain::time::{Clock, LocalDay, zone};
use serde_json::{Value, json};
use store::StoreError;
use store::api_request::{CampaignSent, SentBy};
use store::directory::Account;

use super::request::Query;
use super::{Channel, LineError, LineState};

/// How long the sum of a month is believed; LINE calls its own approximate.
const BELIEVED_FOR: Duration = Duration::from_secs(5);
/// Sums remembered; beyond that they are added up anew.
const SUMS_MAX: usize = 10_000;

/// `GET /v2/bot/message/quota`.
pub async fn limit(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    let left = billing::allowance(
        &channel.store,
        channel.business,
        channel.account,
        Tariff::ApiPush,
        state.clock.now(),
    );
    let Some(left) = left.await? else {
        return Ok(Json(json!({ "type": "none" })));
    };
    let used = used(&state, &channel).await?;
    Ok(Json(json!({ "type": "limited", "value": used + left })))
}

/// `GET /v2/bot/message/quota/consumption`.
pub async fn consumption(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    let used = used(&state, &channel).await?;
    Ok(Json(json!({ "totalUsage": used })))
}

/// What the business has sent since its month began, replies left out.
async fn used(state: &LineState, channel: &Channel) -> Result<u64, LineError> {
    if let Some(used) = state.sums.get(channel.business) {
        return Ok(used);
    }
    let account = account_of(channel).await?;
    let now = state.clock.now();
    let zone = zone_of(&account)?;
    let from = LocalDay::of(now, &zone).first_of_month().begin(&zone);
    let whose = SentBy::Business(channel.business);
    let campaigns = channel.store.sent_by(whose, from, now).await?;
    let is_counted =
        |sent: &&CampaignSent| sent.kind != CampaignKind::Standing(StandingOperation::Reply);
    let counted = campaigns.iter().filter(is_counted);
    let used = counted.map(|sent| sent.delivered).sum();
    state.sums.keep(channel.business, used);
    Ok(used)
}

/// `GET /v2/bot/message/delivery/reply`.
pub async fn replies(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    delivered(&state, &channel, &query, ApiOperation::Reply).await
}

/// `GET /v2/bot/message/delivery/push`.
pub async fn pushes(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    delivered(&state, &channel, &query, ApiOperation::Push).await
}

/// `GET /v2/bot/message/delivery/multicast`.
pub async fn multicasts(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    delivered(&state, &channel, &query, ApiOperation::Multicast).await
}

/// `GET /v2/bot/message/delivery/broadcast`.
pub async fn broadcasts(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    delivered(&state, &channel, &query, ApiOperation::Broadcast).await
}

/// What was sent on a day through the API by one operation.
async fn delivered(
    state: &LineState,
    channel: &Channel,
    query: &Query,
    operation: ApiOperation,
) -> Result<Json<Value>, LineError> {
    let day = match sent_on_day(state, channel, query).await? {
        Day::Status(status) => return Ok(Json(json!({ "status": status }))),
        Day::Sent(day) => day,
    };
    let of_operation = day.iter().filter(|sent| sent.operation == Some(operation));
    let success: u64 = of_operation.map(|sent| sent.delivered).sum();
    Ok(Json(json!({ "status": "ready", "success": success })))
}

/// What a channel sent on the day that a query names.
pub(super) enum Day {
    /// Why there are no numbers.
    Status(&'static str),
    Sent(Vec<CampaignSent>),
}

pub(super) async fn sent_on_day(
    state: &LineState,
    channel: &Channel,
    query: &Query,
) -> Result<Day, LineError> {
    let account = account_of(channel).await?;
    let zone = zone_of(&account)?;
    let day = date(query)?;
    let today = LocalDay::of(state.clock.now(), &zone);
    if day > today {
        return Ok(Day::Status("unready"));
    }
    if day < LocalDay::of(account.created_at, &zone) {
        return Ok(Day::Status("out_of_service"));
    }
    let whose = SentBy::Account(channel.account);
    let (from, before) = (day.begin(&zone), day.end(&zone));
    let sent = channel.store.sent_by(whose, from, before).await?;
    Ok(Day::Sent(sent))
}

/// The day that a query asks for, in the account's zone, which is UTC+9 with LINE.
pub(super) fn date(query: &Query) -> Result<LocalDay, LineError> {
    let text = query.text("date");
    let text = text.ok_or_else(|| LineError::invalid("date is required"))?;
    LocalDay::parse_compact(text).ok_or_else(|| LineError::parameter("date"))
}

pub(super) async fn account_of(channel: &Channel) -> Result<Account, LineError> {
    let account = channel
        .store
        .account_of_business(channel.business, channel.account)
        .await?;
    account.ok_or(LineError::NotFound("Not found"))
}

pub(super) fn zone_of(account: &Account) -> Result<domain::time::Zone, LineError> {
    let found = zone(&account.time_zone).map_err(|why| StoreError::Corrupt {
        table: "account",
        column: "time_zone",
        why: why.to_string(),
    });
    Ok(found?)
}

/// Sums of months that were added up a moment ago.
pub(super) struct Sums {
    clock: Arc<dyn Clock>,
    sums: Mutex<HashMap<BusinessId, (u64, Duration)>>,
}

impl Sums {
    pub fn of(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            sums: Mutex::default(),
        }
    }

    fn get(&self, business: BusinessId) -> Option<u64> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let (sum, at) = sums.get(&business)?;
        let is_fresh = self.clock.monotonic().saturating_sub(*at) < BELIEVED_FOR;
        is_fresh.then_some(*sum)
    }

    fn keep(&self, business: BusinessId, sum: u64) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if sums.len() >= SUMS_MAX {
            sums.clear();
        }
        sums.insert(business, (sum, self.clock.monotonic()));
    }
}
