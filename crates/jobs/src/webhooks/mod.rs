//! What programs of brands are told: events that wait, sent in requests, again where they failed.
//!
//! An account has at most one request under way, and every account its own: whoever is slow holds
//! up nobody. A process takes an account for a while, sends outside any transaction, and records
//! what came of it. One that dies in between is followed by another that sends the same events with
//! the same ids: at least once, never not at all.

pub mod guard; // whom webhooks may be sent to
pub mod post; // one request, and what came of it
mod send; // the role: accounts beside each other, events of each in their order
mod trial; // a request without events, because somebody wants to know
mod change; // where events go, set, and events sent again
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use directory::Channels;
use domain::id::IdSource;
use domain::time::Clock;
use store::Store;
use store::reply_token::USUALLY_VALID;
use tokio::sync::Notify;

pub use guard::{Forbidden, Guard};
pub use post::{Outcome, Poster};
pub use trial::{Trial, TrialError};

/// The way to everything about sending webhooks.
#[derive(Clone)]
pub struct Webhooks {
    pub store: Store,
    /// Whose secrets sign.
    pub channels: Channels,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub poster: Arc<Poster>,
    /// Told when there is something to send.
    pub wake: Arc<Notify>,
    /// How long a program may take to answer an event.
    pub replies_within: Duration,
}

impl Webhooks {
    pub fn of(
        store: Store,
        channels: Channels,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        guard: Guard,
    ) -> Result<Self, reqwest::Error> {
        Ok(Self {
            store,
            channels,
            clock,
            ids,
            poster: Arc::new(Poster::open(guard)?),
            wake: Arc::default(),
            replies_within: USUALLY_VALID,
        })
    }

    /// The same where programs may take so long to answer an event.
    pub fn with_replies_within(self, replies_within: Duration) -> Self {
        Self {
            replies_within,
            ..self
        }
    }

    /// The same on another store.
    pub fn on(&self, store: Store) -> Self {
        Self {
            channels: self.channels.on(store.clone()),
            store,
            ..self.clone()
        }
    }
}
