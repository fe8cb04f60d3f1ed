//! Who asks, by a bearer token: the same tokens on LINE's paths and on our own.
//!
//! What a token was found to be is believed for one second, so that a program that asks thousands
//! of times does not have the database asked as often, and a token that was taken back ends within
//! that second in every process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use directory::Channels;
use directory::channels::{Identified, TokenState};
use domain::channel::is_over;
use domain::time::Clock;

/// How long a token is believed to be what it was.
pub const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Tokens remembered; beyond that they are read anew.
const TOKENS_MAX: usize = 10_000;

/// Why nobody is told by a request's token.
#[derive(Debug)]
pub enum Unidentified {
    /// There is none, or it is worth nothing: in words.
    Token(&'static str),
    /// Nobody could be asked.
    Unavailable(directory::Error),
}

/// The channel of the request's token.
pub async fn identify(
    channels: &Channels,
    known: &KnownTokens,
    headers: &HeaderMap,
) -> Result<Identified, Unidentified> {
    let token = bearer(headers).map_err(Unidentified::Token)?;
    if let Some(found) = known.get(token) {
        return Ok(found);
    }
    let found = channels.look_up(token).await;
    match found.map_err(Unidentified::Unavailable)? {
        TokenState::Live(found) => {
            known.keep(token, found.clone());
            Ok(found)
        }
        TokenState::Over => Err(Unidentified::Token("the channel access token has expired")),
        TokenState::Unknown => Err(Unidentified::Token("the channel access token is invalid")),
    }
}

/// The token of the one header of its kind.
fn bearer(headers: &HeaderMap) -> Result<&str, &'static str> {
    let mut found = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (found.next(), found.next()) else {
        return Err("exactly one Authorization header is expected");
    };
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    match scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() {
        true => Ok(token.trim()),
        false => Err("the Authorization header holds no bearer token"),
    }
}

/// Tokens that were looked up a moment ago.
pub struct KnownTokens {
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
