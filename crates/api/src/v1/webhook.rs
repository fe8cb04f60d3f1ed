//! The webhook: where the account's events go, whether they are taken, and which are sent again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::time::Timestamp;
use domain::webhook::{EventId, EventKind, EventState};
use jobs::Webhooks;
use jobs::webhooks::{Trial, TrialError};
use serde::Serialize;
use serde_json::value::RawValue;
use store::webhook::{EventFilter, WebhookEndpoint, WebhookEvent};
use utoipa::ToSchema;

use super::body::{Faults, Fields, Parameters, Posted};
use super::once::{Turn, begin};
use super::page::{Page, Wanted, cursor};
use super::{Caller, Refusal, V1State};

const LIST: &str = "webhook events";
const NO_URL: &str = "is no address of a webhook";
pub(super) const PROPERTIES: [&str; 3] = ["endpoint", "active", "redelivers"];
pub(super) const TEST_PROPERTIES: [&str; 1] = ["endpoint"];

/// Where events go.
#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    /// Null where none is set: nothing is sent then, and nothing kept.
    pub endpoint: Option<String>,
    /// Whether events are sent.
    pub active: bool,
    /// Whether an event that failed is sent again, for up to a day.
    pub redelivers: bool,
}

/// Where events go, as it is asked for. What is left out stays as it is.
#[derive(Debug, ToSchema)]
pub struct WebhookBody {
    /// Up to 500 characters.
    pub endpoint: Option<String>,
    pub active: Option<bool>,
    pub redelivers: Option<bool>,
}

/// An address to try.
#[derive(Debug, ToSchema)]
pub struct WebhookTestBody {
    /// The one that is set where it is left out.
    pub endpoint: Option<String>,
}

/// What came of a try.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookTest {
    pub taken: bool,
    pub at: String,
    pub took_ms: u32,
    /// Of the answer, where there was one.
    pub status: Option<u16>,
    /// could_not_connect, request_timeout, error_status_code, unclassified or forbidden_address.
    pub reason: Option<&'static str>,
    pub detail: String,
}

/// Something that a friend did.
#[derive(Debug, Serialize, ToSchema)]
pub struct WebhookEventEntry {
    /// Its `webhookEventId`.
    #[schema(example = "01FZ74A0TDDPYRVKNK77XKC3ZR")]
    pub id: String,
    /// As LINE calls it, such as follow.
    #[schema(example = "follow")]
    pub kind: &'static str,
    pub at: String,
    /// waiting, delivered or given_up.
    pub state: &'static str,
    /// Requests it was in.
    pub tries: u32,
    /// As it is sent.
    #[schema(value_type = Object)]
    pub event: Box<RawValue>,
}

/// Where events go now.
#[utoipa::path(
    get, path = "/v1/webhook", tag = "webhook", operation_id = "getWebhook",
    responses((status = 200, description = "The webhook", body = Webhook)),
)]
pub async fn show(caller: Caller) -> Result<Json<Webhook>, Refusal> {
    let endpoint = caller.store.webhook_endpoint(caller.account).await?;
    Ok(Json(Webhook::of(endpoint.as_ref())))
}

/// Says where events go. What happens from then on is sent.
#[utoipa::path(
    put, path = "/v1/webhook", tag = "webhook", operation_id = "putWebhook",
    request_body = WebhookBody,
    responses((status = 200, description = "As it stands now", body = Webhook)),
)]
pub async fn put(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<Webhook>, Refusal> {
    let webhooks = behind(&state, &caller);
    let before = caller.store.webhook_endpoint(caller.account).await?;
    let mut faults = Faults::default();
    fields.only(&PROPERTIES, &mut faults);
    let typed: Option<String> = fields.optional("endpoint", "an address", &mut faults);
    let active: Option<bool> = fields.optional("active", "true or false", &mut faults);
    let again: Option<bool> = fields.optional("redelivers", "true or false", &mut faults);
    let url = match (&typed, &before) {
        (Some(text), _) => webhooks.endpoint_url(text),
        (None, Some(before)) => Some(before.url.clone()),
        (None, None) => None,
    };
    if url.is_none() && !faults.knows("endpoint") {
        faults.add("endpoint", NO_URL);
    }
    faults.finish()?;
    let url = url.ok_or(Refusal::Broken)?;
    let active = active.unwrap_or(before.as_ref().is_none_or(|before| before.is_active));
    let again = again.unwrap_or(before.as_ref().is_some_and(|before| before.redelivers));
    webhooks
        .set_endpoint(caller.account, url, active, again)
        .await?;
    show(caller).await
}

/// Sends a request without events, and tells what came of it.
#[utoipa::path(
    post, path = "/v1/webhook/test", tag = "webhook", operation_id = "testWebhook",
    request_body = Option<WebhookTestBody>,
    responses((status = 200, description = "What came of it", body = WebhookTest)),
)]
pub async fn test(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    fields: Fields,
) -> Result<Json<WebhookTest>, Refusal> {
    let mut faults = Faults::default();
    fields.only(&TEST_PROPERTIES, &mut faults);
    let url: Option<String> = fields.optional("endpoint", "an address", &mut faults);
    faults.finish()?;
    let webhooks = behind(&state, &caller);
    let tried = webhooks.trial(caller.business, caller.account, url.as_deref());
    Ok(Json(WebhookTest::of(tried.await?)))
}

/// What friends did, the newest first, and whether the program was told.
#[utoipa::path(
    get, path = "/v1/webhook/events", tag = "webhook", operation_id = "listWebhookEvents",
    params(
        ("kind" = Option<String>, Query, description = "As LINE calls it, such as follow"),
        ("state" = Option<String>, Query, description = "waiting, delivered or given_up"),
        ("from" = Option<String>, Query, description = "Not before this time, RFC 3339"),
        ("until" = Option<String>, Query, description = "Before this time, RFC 3339"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 where it is left out"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of them", body = Page<WebhookEventEntry>)),
)]
pub async fn events(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<WebhookEventEntry>>, Refusal> {
    let known = ["kind", "state", "from", "until", "limit", "cursor"];
    let mut faults = Faults::default();
    parameters.only(&known, &[], &mut faults);
    let wanted = Wanted::read(&state, &caller, LIST, &parameters, &mut faults);
    let filter = EventFilter {
        kind: parameters.named("kind", EventKind::from_name, &mut faults),
        state: parameters.named("state", EventState::from_name, &mut faults),
        from: parameters.named("from", time, &mut faults),
        until: parameters.named("until", time, &mut faults),
    };
    faults.finish()?;
    let after = wanted.after.map(EventId::from_bytes);
    let found = caller
        .store
        .webhook_events(caller.account, &filter, after, wanted.limit)
        .await?;
    let next = match found.next {
        Some(id) => Some(cursor(&state, &caller, LIST, id.as_bytes())?),
        None => None,
    };
    let items = found.events.into_iter().map(WebhookEventEntry::of);
    Ok(Json(Page {
        items: items.collect::<Result<_, Refusal>>()?,
        next,
    }))
}

/// Sends an event again, with the id it has.
#[utoipa::path(
    post, path = "/v1/webhook/events/{event}/replay", tag = "webhook",
    operation_id = "replayWebhookEvent",
    params(("event" = String, Path, description = "Its `webhookEventId`")),
    responses((status = 200, description = "It waits to be sent", body = WebhookEventEntry)),
)]
pub async fn replay(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(event): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let id = EventId::parse(&event).ok_or(Refusal::NotFound)?;
    let found = caller.store.webhook_event(caller.account, id).await?;
    found.ok_or(Refusal::NotFound)?;
    let mut faults = Faults::default();
    posted.fields.only(&[], &mut faults);
    faults.finish()?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let webhooks = behind(&state, &caller);
    let replayed = webhooks
        .replay_in(&mut open.write, caller.account, id)
        .await?;
    let answer = open
        .end(StatusCode::OK, &WebhookEventEntry::of(replayed)?)
        .await?;
    webhooks.wake.notify_one();
    Ok(answer)
}

/// Behind the wall of whoever asks.
fn behind(state: &V1State, caller: &Caller) -> Webhooks {
    state.webhooks.on(caller.behind.clone())
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).ok()
}

impl Webhook {
    fn of(endpoint: Option<&WebhookEndpoint>) -> Self {
        Self {
            endpoint: endpoint.map(|endpoint| endpoint.url.to_string()),
            active: endpoint.is_some_and(|endpoint| endpoint.is_active),
            redelivers: endpoint.is_some_and(|endpoint| endpoint.redelivers),
        }
    }
}

impl WebhookTest {
    fn of(trial: Trial) -> Self {
        Self {
            taken: trial.outcome.is_taken(),
            at: trial.at.to_string(),
            took_ms: trial.took_ms,
            status: trial.outcome.status,
            reason: trial.outcome.failure.map(|reason| reason.name()),
            detail: trial.outcome.detail,
        }
    }
}

impl WebhookEventEntry {
    fn of(event: WebhookEvent) -> Result<Self, Refusal> {
        let body = RawValue::from_string(event.body).map_err(|error| {
            tracing::error!(%error, event = %event.id, "an event is no JSON");
            Refusal::Broken
        })?;
        Ok(Self {
            id: event.id.to_string(),
            kind: event.kind.name(),
            at: event.at.to_string(),
            state: event.state.name(),
            tries: event.tries,
            event: body,
        })
    }
}

impl From<TrialError> for Refusal {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::NoEndpoint => Self::Conflict("the account has no webhook".to_owned()),
            TrialError::BadUrl => Self::at("endpoint", NO_URL),
            TrialError::Directory(error) => error.into(),
            TrialError::Store(error) => error.into(),
        }
    }
}
