//! `Idempotency-Key`: a request that is made again within a day is answered as before, and what it
//! does is done once.
//!
//! The key is written in the commit of the effect, with a fingerprint of the request and the whole
//! answer. So whoever was answered has an effect behind it; who was not, because a process died or
//! a line broke, asks again with the same key and is told what became of it. A refusal has no
//! effect and keeps no key: mended, the request may be made with the same one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::id::AccountId;
use domain::time::Clock;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::idempotency::AnsweredRequest;
use store::{Store, Write, pause};

use super::{Caller, Refusal, V1State};

pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Characters of a key, all of them printable ASCII.
pub const KEY_CHARS_MAX: usize = 255;
/// How long a key is known.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// The key of a request, where it has one, and what it says.
#[derive(Debug, Clone)]
pub struct Asked {
    key: Option<String>,
    fingerprint: [u8; 32],
}

/// What becomes of a request.
pub enum Turn {
    /// It is made for the first time: its effect is written here.
    Fresh(Box<Open>),
    /// It was answered before.
    Answered(Response),
}

/// A write that ends with an answer.
pub struct Open {
    pub write: Write,
    /// Where the write is begun anew.
    store: Store,
    asked: Asked,
    account: AccountId,
    clock: Arc<dyn Clock>,
    busy: Option<BusyKey>,
}

/// Keys of requests that are being answered in this process.
#[derive(Default)]
pub(super) struct Busy(Mutex<HashSet<(AccountId, String)>>);

/// Takes its key out when the request is over, however it ends.
struct BusyKey {
    all: Arc<Busy>,
    key: (AccountId, String),
}

/// The key of the one header of its name.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let refuse = || {
        Refusal::Malformed(format!(
            "the Idempotency-Key header holds one key of 1 to {KEY_CHARS_MAX} printable characters"
        ))
    };
    let mut found = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = found.next() else {
        return Ok(None);
    };
    let key = value.to_str().map_err(|_| refuse())?.trim();
    let is_printable = key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match found.next().is_none() && is_printable && (1..=KEY_CHARS_MAX).contains(&key.len()) {
        true => Ok(Some(key.to_owned())),
        false => Err(refuse()),
    }
}

impl Asked {
    pub(super) fn of(key: Option<String>, method: &Method, path: &str, body: &[u8]) -> Self {
        let mut hash = Sha256::new();
        // No method and no path holds a line's end: parts do not run into each other.
        hash.update(method.as_str().as_bytes());
        hash.update(b"\n");
        hash.update(path.as_bytes());
        hash.update(b"\n");
        hash.update(body);
        Self {
            key,
            fingerprint: hash.finalize().into(),
        }
    }

    /// The answer once more, where it was this that was asked.
    fn repeat(&self, before: &AnsweredRequest) -> Result<Response, Refusal> {
        match before.fingerprint == self.fingerprint {
            true => Ok(replayed(before)),
            false => Err(Refusal::KeyReused),
        }
    }
}

/// The answer of a request that was answered before, without a write.
pub(super) async fn answered_before(
    state: &V1State,
    caller: &Caller,
    asked: &Asked,
) -> Result<Option<Response>, Refusal> {
    let Some(key) = &asked.key else {
        return Ok(None);
    };
    let since = state.clock.now() - KEY_LIFE;
    let before = caller.store.answered_request(caller.account, key, since);
    before
        .await?
        .map(|before| asked.repeat(&before))
        .transpose()
}

/// Begins the write of a request, unless it was answered before.
pub async fn begin(state: &V1State, caller: &Caller, asked: Asked) -> Result<Turn, Refusal> {
    begin_on(state, &caller.behind, caller, asked).await
}

/// The same before the wall, for what launches: it makes the partitions of what will be recorded,
/// which only their owner may. Whose the campaign is was found behind the wall, and is looked at
/// once more by what launches it.
pub async fn begin_launch(state: &V1State, caller: &Caller, asked: Asked) -> Result<Turn, Refusal> {
    begin_on(state, &state.store, caller, asked).await
}

async fn begin_on(
    state: &V1State,
    store: &Store,
    caller: &Caller,
    asked: Asked,
) -> Result<Turn, Refusal> {
    let busy = match &asked.key {
        Some(key) => Some(state.busy.enter(caller.account, key)?),
        None => None,
    };
    let open = Open {
        write: store.write().await?,
        store: store.clone(),
        asked,
        account: caller.account,
        clock: state.clock.clone(),
        busy,
    };
    open.unless_answered().await
}

impl Open {
    async fn unless_answered(self) -> Result<Turn, Refusal> {
        let before = match &self.asked.key {
            None => None,
            Some(key) => {
                let since = self.clock.now() - KEY_LIFE;
                self.write
                    .answered_request(self.account, key, since)
                    .await?
            }
        };
        match before {
            None => Ok(Turn::Fresh(Box::new(self))),
            Some(before) => Ok(Turn::Answered(self.asked.repeat(&before)?)),
        }
    }

    /// Takes back what was written so far and begins anew.
    pub async fn start_over(self) -> Result<Turn, Refusal> {
        let Self {
            write,
            store,
            asked,
            account,
            clock,
            busy,
        } = self;
        write.roll_back().await?;
        let open = Self {
            write: store.write().await?,
            store,
            asked,
            account,
            clock,
            busy,
        };
        open.unless_answered().await
    }

    /// Commits the effect with its answer.
    pub async fn end(
        self,
        status: StatusCode,
        answer: &impl Serialize,
    ) -> Result<Response, Refusal> {
        let Self {
            mut write,
            store: _,
            asked,
            account,
            clock,
            busy,
        } = self;
        let text = serde_json::to_string(answer).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Refusal::Broken
        })?;
        if let Some(key) = asked.key {
            let now = clock.now();
            let answered = AnsweredRequest {
                account,
                key,
                fingerprint: asked.fingerprint,
                status: status.as_u16(),
                answer: text.clone(),
                answered_at: now,
            };
            write.keep_answer(&answered, now - KEY_LIFE).await?;
        }
        pause::point("v1:before_commit").await;
        write.commit().await?;
        pause::point("v1:after_commit").await;
        drop(busy);
        Ok(in_json(status, text))
    }
}

impl Busy {
    fn enter(self: &Arc<Self>, account: AccountId, key: &str) -> Result<BusyKey, Refusal> {
        let key = (account, key.to_owned());
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match keys.insert(key.clone()) {
            true => Ok(BusyKey {
                all: Arc::clone(self),
                key,
            }),
            false => Err(Refusal::InProgress),
        }
    }
}

impl Drop for BusyKey {
    fn drop(&mut self) {
        let mut keys = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&self.key);
    }
}

fn replayed(before: &AnsweredRequest) -> Response {
    let status = StatusCode::from_u16(before.status).unwrap_or(StatusCode::OK);
    let mut response = in_json(status, before.answer.clone());
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn in_json(status: StatusCode, text: String) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, content_type)], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_printable_text() {
        let with = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            key_of(&headers)
        };
        assert_eq!(with(&[]).unwrap(), None);
        assert_eq!(with(&[b" a b~ "]).unwrap(), Some("a b~".to_owned()));
        let long = "k".repeat(KEY_CHARS_MAX);
        assert_eq!(with(&[long.as_bytes()]).unwrap(), Some(long.clone()));
        let too_long = format!("{long}k");
        let cases: [&[&[u8]]; 5] = [
            &[b""],
            &[b"a", b"a"],
            &[b"a\xff"],
            &["열쇠".as_bytes()],
            &[too_long.as_bytes()],
        ];
        for refused in cases {
            assert!(with(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_method_path_and_body() {
        let of = |method: &Method, path: &str, body: &[u8]| {
            Asked::of(None, method, path, body).fingerprint
        };
        let first = of(&Method::POST, "/v1/campaigns", b"{}");
        assert_eq!(first, of(&Method::POST, "/v1/campaigns", b"{}"));
        assert_ne!(first, of(&Method::PUT, "/v1/campaigns", b"{}"));
        assert_ne!(first, of(&Method::POST, "/v1/campaigns/", b"{}"));
        assert_ne!(first, of(&Method::POST, "/v1/campaigns", b"{ }"));
    }

    #[test]
    fn a_key_is_busy_until_its_request_is_over() {
        let busy: Arc<Busy> = Arc::default();
        let (ours, theirs) = (
            AccountId::from_bytes([1; 16]),
            AccountId::from_bytes([2; 16]),
        );
        let first = busy.enter(ours, "k").unwrap_or_else(|_| panic!("busy"));
        assert!(matches!(busy.enter(ours, "k"), Err(Refusal::InProgress)));
        assert!(busy.enter(theirs, "k").is_ok() && busy.enter(ours, "l").is_ok());
        drop(first);
        assert!(busy.enter(ours, "k").is_ok());
    }
}
