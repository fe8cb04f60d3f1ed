//! Who asks: the channel of a bearer token.
//!
//! What a token was found to be is believed for one second, so that a program that asks thousands
//! of times does not have the database asked as often, and a token that was taken back ends within
//! that second in every process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use directory::channels::{Identified, TokenState};
use domain::channel::{ChannelId, is_over};
use domain::id::{AccountId, BusinessId};
use domain::time::Clock;
use store::Store;

use super::{LineError, LineState, retry};

/// How long a token is believed to be what it was.
pub const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Tokens remembered; beyond that they are read anew.
const TOKENS_MAX: usize = 10_000;

/// A channel that asks, with what is read for it.
#[derive(Debug, Clone)]
pub struct Channel {
    pub id: ChannelId,
    pub account: AccountId,
    pub business: BusinessId,
    /// Behind the wall: it finds nothing of another business, and refuses to write.
    pub store: Store,
}

/// The request comes out of the channel's bucket of its operation.
impl FromRequestParts<Arc<LineState>> for Channel {
    type Rejection = LineError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<LineState>,
    ) -> Result<Self, LineError> {
        let found = identified(state, bearer(&parts.headers)?).await?;
        let path = parts.extensions.get::<MatchedPath>();
        let path = path.map_or("", MatchedPath::as_str);
        state.limits.take(found.account, &parts.method, path)?;
        retry::expect_none(&parts.headers, path)?;
        Ok(Self {
            id: found.channel,
            account: found.account,
            business: found.business,
            store: state.wall.store_of(found.business).read_only(),
        })
    }
}

/// The token of the one header of its kind.
fn bearer(headers: &HeaderMap) -> Result<&str, LineError> {
    let mut found = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (found.next(), found.next()) else {
        return Err(LineError::Unauthenticated(
            "exactly one Authorization header is expected",
        ));
    };
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    match scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        true => Ok(token.trim()),
        false => Err(LineError::Unauthenticated(
            "the Authorization header holds no bearer token",
        )),
    }
}

async fn identified(state: &LineState, token: &str) -> Result<Identified, LineError> {
    if let Some(found) = state.known.get(token) {
        return Ok(found);
    }
    match state.channels.look_up(token).await? {
        TokenState::Live(found) => {
            state.known.keep(token, found.clone());
            Ok(found)
        }
        TokenState::Over => Err(LineError::Unauthenticated(
            "the channel access token has expired",
        )),
        TokenState::Unknown => Err(LineError::Unauthenticated(
            "the channel access token is invalid",
        )),
    }
}

/// Tokens that were looked up a moment ago.
pub(super) struct KnownTokens {
    clock: Arc<dyn Clock>,
    tokens: Mutex<HashMap<String, (Identified, Duration)>>,
}

impl KnownTokens {
    pub fn of(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            tokens: Mutex::default(),
        }
    }

    fn get(&self, token: &str) -> Option<Identified> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let (found, read_at) = tokens.get(token)?;
        let is_fresh = self.clock.monotonic().saturating_sub(*read_at) < BELIEVED_FOR;
        let is_live = !is_over(found.expires_at, self.clock.now());
        (is_fresh && is_live).then(|| found.clone())
    }

    fn keep(&self, token: &str, found: Identified) {
        let read_at = self.clock.monotonic();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS_MAX {
            tokens.retain(|_, (_, at)| read_at.saturating_sub(*at) < BELIEVED_FOR);
        }
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(token.to_owned(), (found, read_at));
    }
}
