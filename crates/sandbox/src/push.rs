//! Taking a push: check, perhaps refuse or misbehave, process once, record, answer.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::answer::PushResults;
use domain::capability::Guarantee;
use domain::outcome::RejectionCode;
use gateway::answer::{CODE_CLOSED, CODE_CONTENT_MISMATCH, CODE_IN_PROGRESS, ErrorBody};
use gateway::{BODY_BYTES_MAX, IDEMPOTENCY_HEADER, PushRequest, SIGNATURE_HEADER};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use store::StoreError;
use store::sandbox::{ProcessedPush, StoredKey};

use crate::fault::Faults;
use crate::reply::Reply;
use crate::state::{Sandbox, lock};

/// `POST /v1/pushes`.
pub(crate) async fn take_push(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Body,
) -> Reply {
    if let Some(refusal) = refuse_unauthorized(&sandbox, &headers) {
        return refusal;
    }
    let body = match read_body(&headers, body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    // A task of its own: a caller that hangs up does not stop what was begun.
    let task = tokio::spawn(async move { check_and_process(&sandbox, &headers, body).await });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a push ended unexpectedly");
        internal_error()
    })
}

pub(crate) fn refuse_unauthorized(sandbox: &Sandbox, headers: &HeaderMap) -> Option<Reply> {
    let authorization = headers.get(AUTHORIZATION).map(|value| value.as_bytes());
    (!sandbox.knows(authorization)).then(|| {
        let words = "the Authorization header does not name the gateway token";
        Reply::error(StatusCode::UNAUTHORIZED, "unauthorized", words)
    })
}

pub(crate) fn internal_error() -> Reply {
    Reply::error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the push may have been processed",
    )
}

pub(crate) fn cannot_record(error: &StoreError) -> Reply {
    tracing::error!(%error, "the sandbox's file cannot be used");
    internal_error()
}

/// A fault drawn before anything is processed.
pub(crate) async fn misbehave_before(
    sandbox: &Sandbox,
    faults: &Faults,
    draws: &mut ChaCha8Rng,
) -> Option<Reply> {
    if faults.down {
        sandbox.strike("down");
        return Some(Reply::Cut);
    }
    if !faults.latency.is_zero() {
        sandbox.strike("latency");
        tokio::time::sleep(faults.latency).await;
    }
    let shares = [
        (faults.server_error, "5xx"),
        (faults.throttled, "429"),
        (faults.unavailable, "503"),
        (faults.unauthorized, "401"),
        (faults.bad_request, "400"),
    ];
    let fault = pick(&shares, draws)?;
    sandbox.strike(fault);
    let words = "as asked for by a fault";
    Some(match fault {
        "5xx" => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "internal", words),
        "429" => Reply::error(StatusCode::TOO_MANY_REQUESTS, "rate_limited", words)
            .after(faults.retry_after),
        "503" => Reply::Error {
            status: StatusCode::SERVICE_UNAVAILABLE,
            body: ErrorBody {
                processed: Some(false),
                ..ErrorBody::with_words("unavailable", words)
            },
            retry_after: Some(faults.retry_after),
        },
        "401" => Reply::error(StatusCode::UNAUTHORIZED, "unauthorized", words),
        _ => Reply::error(StatusCode::BAD_REQUEST, "malformed", words),
    })
}

/// A fault drawn after the work was done: what becomes of the answer.
pub(crate) fn misbehave_after(
    sandbox: &Sandbox,
    faults: &Faults,
    draws: &mut ChaCha8Rng,
    reply: Reply,
) -> Reply {
    let shares = [
        (faults.server_error_after, "5xx_after"),
        (faults.drop_answer, "drop_answer"),
        (faults.truncate, "truncate"),
        (faults.wrong, "wrong"),
    ];
    let Some(fault) = pick(&shares, draws) else {
        return reply;
    };
    sandbox.strike(fault);
    match fault {
        "5xx_after" => internal_error(),
        "drop_answer" => Reply::Cut,
        "truncate" => Reply::Halved(reply.to_bytes()),
        _ => reply.falsified(draws.random()),
    }
}

async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Reply> {
    let too_large = || {
        let words = format!("at most {BODY_BYTES_MAX} bytes are taken");
        Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", words)
    };
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        let words = "the Content-Type is not application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Reply::error(status, "not_json", words));
    }
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|bytes| bytes > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    axum::body::to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| too_large())
}

async fn check_and_process(sandbox: &Sandbox, headers: &HeaderMap, body: Bytes) -> Reply {
    if let Err(reason) = check_signature(sandbox, headers, &body) {
        return Reply::error(StatusCode::UNAUTHORIZED, "bad_signature", reason);
    }
    let push = match PushRequest::parse(&body) {
        Ok(push) => push,
        Err(error) => {
            return Reply::error(StatusCode::BAD_REQUEST, "malformed", error.to_string());
        }
    };
    let key_header = headers
        .get(IDEMPOTENCY_HEADER)
        .map(|value| value.as_bytes());
    if key_header != Some(push.push_key.to_string().as_bytes()) {
        let words = "the Idempotency-Key header is not the body's pushKey";
        return Reply::error(StatusCode::BAD_REQUEST, "malformed", words);
    }
    let plan = sandbox.plan();
    let faults = plan.of(&push.account.handle);
    if push.recipients.len() > faults.batch_max as usize {
        let words = format!("at most {} recipients are taken", faults.batch_max);
        return Reply::error(StatusCode::BAD_REQUEST, "too_many_recipients", words);
    }
    let mut draws = sandbox.draws();
    if let Some(refusal) = misbehave_before(sandbox, faults, &mut draws).await {
        return refusal;
    }
    let reply = match faults.guarantee {
        Guarantee::Keyed => process_once(sandbox, faults, &mut draws, &push).await,
        // Keys mean nothing to these: every push is accepted anew.
        Guarantee::Queryable | Guarantee::Neither => {
            process(sandbox, faults, &mut draws, &push).await
        }
    };
    misbehave_after(sandbox, faults, &mut draws, reply)
}

fn check_signature(sandbox: &Sandbox, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = headers
        .get(SIGNATURE_HEADER)
        .and_then(|value| value.to_str().ok())
        .ok_or("there is no readable signature header")?;
    // A push is deduplicated by its key, so its signature may be old.
    gateway::verify(header, body, &sandbox.secrets, sandbox.clock.now(), None)
        .map_err(|error| error.to_string())
}

async fn process_once(
    sandbox: &Sandbox,
    faults: &Faults,
    draws: &mut ChaCha8Rng,
    push: &PushRequest<'_>,
) -> Reply {
    // Held until the result is on disk, so that no second request finds neither.
    let Some(_held) = sandbox.begin(push.push_key) else {
        return Reply::code(StatusCode::CONFLICT, CODE_IN_PROGRESS).after(faults.retry_after);
    };
    match sandbox.store.find(push.push_key).await {
        Ok(None) => process(sandbox, faults, draws, push).await,
        Ok(Some(StoredKey::Closed)) => Reply::code(StatusCode::GONE, CODE_CLOSED),
        Ok(Some(StoredKey::Processed(stored))) if stored.content_hash != push.content_hash.0 => {
            Reply::code(StatusCode::UNPROCESSABLE_ENTITY, CODE_CONTENT_MISMATCH)
        }
        Ok(Some(StoredKey::Processed(stored))) => Reply::Processed {
            key: push.push_key,
            results: stored.results,
        },
        Err(error) => cannot_record(&error),
    }
}

async fn process(
    sandbox: &Sandbox,
    faults: &Faults,
    draws: &mut ChaCha8Rng,
    push: &PushRequest<'_>,
) -> Reply {
    let size = push.recipients.len() as u32;
    let wait = sandbox.wait_for_turn(faults, &push.account.handle, size);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let at = sandbox.clock.now();
    let results = if push.not_after.is_some_and(|not_after| at > not_after) {
        all_rejected(push, RejectionCode::Expired)
    } else {
        deliver(sandbox, faults, draws, push)
    };
    let processed = ProcessedPush {
        key: push.push_key,
        content_hash: push.content_hash.0,
        content: sandbox.content(push),
        at,
        size,
        results: results.clone(),
        variables: push.variables_text.map(str::to_owned),
        recipients: push.packed_recipients(),
    };
    match sandbox.store.record(processed).await {
        Ok(()) => {
            sandbox.screens.reached(&push.recipients);
            Reply::Processed {
                key: push.push_key,
                results,
            }
        }
        Err(error) => cannot_record(&error),
    }
}

/// Everybody not excluded is accepted, but for who blocked the account on this screen or left it,
/// and for the shares that faults reject or leave uncertain.
fn deliver(
    sandbox: &Sandbox,
    faults: &Faults,
    draws: &mut ChaCha8Rng,
    push: &PushRequest<'_>,
) -> PushResults {
    let size = push.recipients.len() as u32;
    let mut results = PushResults {
        accepted: size - push.exclude.len() as u32,
        excluded: push.exclude.clone(),
        ..PushResults::default()
    };
    let refusing = lock(&sandbox.refusing).among(&push.account.handle, &push.recipients);
    let misbehaves = faults.reject + faults.uncertain > 0.0;
    if !misbehaves && refusing.is_empty() {
        return results;
    }
    let mut refusing = refusing.into_iter().peekable();
    let mut strikes = false;
    for position in 0..size {
        let refused = refusing.next_if(|(place, _)| *place == position);
        if push.exclude.binary_search(&position).is_ok() {
            continue;
        }
        let draw: f64 = match misbehaves {
            true => draws.random(),
            false => 1.0,
        };
        if let Some(refused) = refused {
            results.rejected.push(refused);
        } else if draw < faults.reject {
            let code = draws.random_range(0..faults.reject_codes.len());
            results.rejected.push((position, faults.reject_codes[code]));
            strikes = true;
        } else if draw < faults.reject + faults.uncertain {
            results.uncertain.push(position);
        }
    }
    results.accepted -= (results.rejected.len() + results.uncertain.len()) as u32;
    if strikes {
        sandbox.strike("reject");
    }
    if !results.uncertain.is_empty() {
        sandbox.strike("uncertain");
    }
    results
}

fn all_rejected(push: &PushRequest<'_>, code: RejectionCode) -> PushResults {
    let size = push.recipients.len() as u32;
    let named = (0..size).filter(|position| push.exclude.binary_search(position).is_err());
    PushResults {
        accepted: 0,
        excluded: push.exclude.clone(),
        rejected: named.map(|position| (position, code)).collect(),
        ..PushResults::default()
    }
}

/// One of several faults by their shares, which add up to 1 at most.
fn pick(shares: &[(f64, &'static str)], draws: &mut ChaCha8Rng) -> Option<&'static str> {
    let mut draw: f64 = draws.random();
    for (share, fault) in shares {
        if draw < *share {
            return Some(fault);
        }
        draw -= share;
    }
    None
}
