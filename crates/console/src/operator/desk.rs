//! An operator who is signed in: the first thing of every page of theirs but sign-in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use billing::Counter;
use directory::OperatorVisit;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use store::Store;
use store::directory::Operator;
use words::Words;

use crate::desk::path_and_query;
use crate::error::Error;
use crate::guest::{Guest, Theme};
use crate::state::ConsoleState;

pub const SESSION_COOKIE: &str = "chingu_operator_session";
/// Where these pages begin, and the cookie is sent.
pub const BASE: &str = "/operator";

/// An operator, with what reads for all businesses and what moves their money.
pub struct OperatorDesk {
    /// Before the wall; refuses to write.
    pub store: Store,
    pub counter: Counter,
    pub words: Words,
    pub theme: Theme,
    pub now: Timestamp,
    pub visit: OperatorVisit,
    /// The operator's: what times are shown in.
    pub zone: TimeZone,
    /// What was just done, as the key of its words; from `?done=`.
    pub done: Option<String>,
    /// The path and query asked for: where a change of language comes back to.
    pub here: String,
}

impl FromRequestParts<Arc<ConsoleState>> for OperatorDesk {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<ConsoleState>,
    ) -> Result<Self, Error> {
        let here = path_and_query(parts);
        let signed_out = || Error::SignedOut {
            back_to: match parts.method.is_safe() {
                true => here.clone(),
                false => BASE.to_owned(),
            },
        };
        let cookies = CookieJar::from_headers(&parts.headers);
        let cookie = cookies.get(SESSION_COOKIE).ok_or_else(signed_out)?;
        let visit = state.operators.visit(cookie.value()).await?;
        let visit = visit.ok_or_else(signed_out)?;
        let Ok(Guest { words, theme }) = Guest::from_request_parts(parts, state).await;
        let zone = domain::time::zone(&visit.operator.time_zone);
        let query: Result<Query<HashMap<String, String>>, _> =
            Query::from_request_parts(parts, state).await;
        let done = query
            .ok()
            .and_then(|Query(query)| query.get("done").cloned());
        Ok(Self {
            store: state.books.clone(),
            counter: state.counter.clone(),
            words,
            theme,
            now: state.clock.now(),
            visit,
            zone: zone.map_err(|error| Error::Broken(error.to_string()))?,
            done: done.filter(|key| key.starts_with("done-") && words.has(key)),
            here,
        })
    }
}

impl OperatorDesk {
    pub fn operator(&self) -> &Operator {
        &self.visit.operator
    }

    /// A moment in short, with its year where it is another.
    pub fn moment(&self, at: Timestamp) -> String {
        let year = |at| crate::campaigns::months::day_of(at, &self.zone).year();
        match year(at) == year(self.now) {
            true => self.words.time(at, &self.zone),
            false => {
                let (day, clock) = (
                    self.words.day(at, &self.zone),
                    self.words.clock(at, &self.zone),
                );
                format!("{day} {clock}")
            }
        }
    }

    /// How long ago something was, in its largest unit.
    pub fn ago(&self, at: Timestamp) -> String {
        crate::campaigns::ago(&self.words, self.now.since(at).as_secs())
    }
}
