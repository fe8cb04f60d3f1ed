//! Asking for a key's stored result, and closing a key for good.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use domain::capability::Guarantee;
use domain::push::PushKey;
use gateway::answer::{CODE_CLOSED, CODE_IN_PROGRESS, CODE_NOT_FOUND};
use store::sandbox::{StoredKey, StoredPush};

use crate::fault::{FaultPlan, Faults};
use crate::push::{
    cannot_record, internal_error, misbehave_after, misbehave_before, refuse_unauthorized,
};
use crate::reply::Reply;
use crate::state::Sandbox;

#[derive(Clone, Copy)]
enum Question {
    Ask,
    Close,
}

/// `GET /v1/pushes/{key}`.
pub(crate) async fn ask_key(
    State(sandbox): State<Arc<Sandbox>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Reply {
    answer(sandbox, &headers, &key, Question::Ask).await
}

/// `POST /v1/pushes/{key}/close`.
pub(crate) async fn close_key(
    State(sandbox): State<Arc<Sandbox>>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Reply {
    answer(sandbox, &headers, &key, Question::Close).await
}

async fn answer(
    sandbox: Arc<Sandbox>,
    headers: &HeaderMap,
    key: &str,
    question: Question,
) -> Reply {
    if let Some(refusal) = refuse_unauthorized(&sandbox, headers) {
        return refusal;
    }
    let Some(key) = PushKey::parse(key) else {
        let words = "the path does not name a push key, which is a UUID";
        return Reply::error(StatusCode::BAD_REQUEST, "malformed", words);
    };
    let task = tokio::spawn(async move {
        let plan = sandbox.plan();
        let faults = &plan.process;
        let mut draws = sandbox.draws();
        if let Some(refusal) = misbehave_before(&sandbox, faults, &mut draws).await {
            return refusal;
        }
        let reply = match question {
            Question::Ask => ask(&sandbox, &plan, key).await,
            Question::Close => close(&sandbox, &plan, key).await,
        };
        misbehave_after(&sandbox, faults, &mut draws, reply)
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a question about a key ended unexpectedly");
        internal_error()
    })
}

async fn ask(sandbox: &Sandbox, plan: &FaultPlan, key: PushKey) -> Reply {
    let not_found = Reply::code(StatusCode::NOT_FOUND, CODE_NOT_FOUND);
    match sandbox.store.find(key).await {
        Err(error) => cannot_record(&error),
        Ok(None) => not_found,
        Ok(Some(StoredKey::Closed)) => Reply::code(StatusCode::GONE, CODE_CLOSED),
        Ok(Some(StoredKey::Processed(stored))) => {
            let faults = plan.of(&stored.handle);
            let told = match faults.guarantee {
                Guarantee::Keyed => true,
                Guarantee::Queryable => has_settled(sandbox, faults, &stored),
                Guarantee::Neither => false,
            };
            match told {
                true => Reply::Processed {
                    key,
                    results: stored.results,
                },
                false => not_found,
            }
        }
    }
}

async fn close(sandbox: &Sandbox, plan: &FaultPlan, key: PushKey) -> Reply {
    let Some(_held) = sandbox.begin(key) else {
        return Reply::code(StatusCode::CONFLICT, CODE_IN_PROGRESS).after(plan.process.retry_after);
    };
    let found = match sandbox.store.find(key).await {
        Ok(found) => found,
        Err(error) => return cannot_record(&error),
    };
    let faults = match &found {
        Some(StoredKey::Processed(stored)) => plan.of(&stored.handle),
        Some(StoredKey::Closed) | None => &plan.process,
    };
    if faults.guarantee != Guarantee::Keyed {
        let words = "this messenger does not close keys";
        return Reply::error(StatusCode::NOT_FOUND, "not_closable", words);
    }
    match found {
        Some(StoredKey::Processed(stored)) => Reply::Processed {
            key,
            results: stored.results,
        },
        Some(StoredKey::Closed) => Reply::NotProcessed,
        None => match sandbox.store.close_key(key, sandbox.clock.now()).await {
            Ok(()) => Reply::NotProcessed,
            Err(error) => cannot_record(&error),
        },
    }
}

fn has_settled(sandbox: &Sandbox, faults: &Faults, stored: &StoredPush) -> bool {
    sandbox.clock.now().since(stored.at) >= faults.settles
}
