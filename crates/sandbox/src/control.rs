//! Switching faults and sending events while the sandbox runs. For tests and for the operator of a
//! sandbox; it asks for the gateway token like the gateway itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::events::{Fates, resolve};
use crate::fault::FaultPlan;
use crate::push::refuse_unauthorized;
use crate::reply::Reply;
use crate::state::{Error, Sandbox};

#[derive(Serialize)]
struct FaultsShown<'a> {
    faults: &'a [String],
    seed: u64,
    /// How often each fault struck since the start.
    struck: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultsAsked {
    faults: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ResolveAsked {
    /// The share that was delivered after all.
    confirmed: Option<f64>,
    /// The share of what was accepted and not told of that is told of as well.
    accepted: Option<f64>,
}

#[derive(Serialize)]
struct SummaryShown {
    pushes: u64,
    #[serde(rename = "distinctKeys")]
    distinct_keys: u64,
    accepted: u64,
    uncertain: u64,
    confirmed: u64,
    #[serde(rename = "closedKeys")]
    closed_keys: u64,
}

/// `GET /messenger/control/faults`.
pub(crate) async fn show_faults(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
) -> Response {
    match refuse_unauthorized(&sandbox, &headers) {
        Some(refusal) => refusal.into_response(),
        None => faults_shown(&sandbox),
    }
}

/// `PUT /messenger/control/faults` with `{"faults": ["latency=50ms", …]}`: these and no others.
pub(crate) async fn put_faults(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse_unauthorized(&sandbox, &headers) {
        return refusal.into_response();
    }
    let asked: FaultsAsked = match read_object(&body) {
        Ok(asked) => asked,
        Err(error) => return malformed(format!("expected {{\"faults\": […]}}: {error}")),
    };
    match FaultPlan::parse(&asked.faults) {
        Ok(plan) => {
            tracing::info!(faults = ?plan.specs, seed = plan.seed, "faults were switched");
            sandbox.misbehave(plan);
            faults_shown(&sandbox)
        }
        Err(error) => malformed(error.to_string()),
    }
}

/// `GET /messenger/control/summary`.
pub(crate) async fn show_summary(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = refuse_unauthorized(&sandbox, &headers) {
        return refusal.into_response();
    }
    match sandbox.store.summary().await {
        Ok(summary) => json(&SummaryShown {
            pushes: summary.pushes,
            distinct_keys: summary.distinct_keys,
            accepted: summary.accepted,
            uncertain: summary.uncertain,
            confirmed: summary.confirmed,
            closed_keys: summary.closed_keys,
        }),
        Err(error) => failed(&error.into()),
    }
}

/// `POST /messenger/control/events`: the body goes to the platform as it is, signed; the platform's
/// answer comes back as it is.
pub(crate) async fn send_events(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse_unauthorized(&sandbox, &headers) {
        return refusal.into_response();
    }
    let Some(sender) = &sandbox.sender else {
        return failed(&Error::Platform("no address is set".to_owned()));
    };
    match sender.send(body).await {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            with_type(status, Body::from(answer.body))
        }
        Err(error) => failed(&error),
    }
}

/// `POST /messenger/control/resolve_uncertain`, perhaps with `{"confirmed": 0.9, "accepted": 0.5}`:
/// what was accepted is told of as well where deliveries are billed.
pub(crate) async fn resolve_undecided(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refuse_unauthorized(&sandbox, &headers) {
        return refusal.into_response();
    }
    let asked = if body.is_empty() {
        Ok(ResolveAsked::default())
    } else {
        read_object::<ResolveAsked>(&body)
    };
    let fates = match asked {
        Ok(asked) => Fates {
            confirmed_share: asked.confirmed.unwrap_or(1.0),
            accepted_share: asked.accepted.unwrap_or(0.0),
        },
        Err(words) => return malformed(words),
    };
    for (name, share) in [
        ("confirmed", fates.confirmed_share),
        ("accepted", fates.accepted_share),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return malformed(format!("{name} is a share from 0 to 1"));
        }
    }
    match resolve(&sandbox, fates).await {
        Ok(resolved) => json(&resolved),
        Err(error) => failed(&error),
    }
}

fn faults_shown(sandbox: &Sandbox) -> Response {
    let plan = sandbox.plan();
    json(&FaultsShown {
        faults: &plan.specs,
        seed: plan.seed,
        struck: sandbox.struck(),
    })
}

fn json(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_type(StatusCode::OK, Body::from(bytes)),
        Err(error) => Reply::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            error.to_string(),
        )
        .into_response(),
    }
}

fn with_type(status: StatusCode, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn malformed(words: String) -> Response {
    Reply::error(StatusCode::BAD_REQUEST, "malformed", words).into_response()
}

fn failed(error: &Error) -> Response {
    let (status, code) = match error {
        Error::Platform(_) => (StatusCode::BAD_GATEWAY, "platform"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    };
    Reply::error(status, code, error.to_string()).into_response()
}

/// serde would take an object's fields from a list as well.
fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body).map_err(|error| error.to_string()),
        _ => Err("expected an object".to_owned()),
    }
}
