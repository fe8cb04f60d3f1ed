//! What every route needs, and how much of it at once.

use std::sync::Arc;
use std::time::Duration;

use domain::id::IdSource;
use domain::time::Clock;
use gateway::Secrets;
use jobs::Webhooks;
use store::Store;
use tokio::sync::Semaphore;

use crate::pushes::Pushes;

/// Requests with events that are read and taken at once: at most 64 MB of bodies. Whoever comes
/// while so many wait for the database is told that the platform is behind.
pub const REQUESTS_AT_ONCE: usize = 32;
/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub struct ApiState {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    /// What the messenger signs its events with.
    pub secrets: Secrets,
    /// Where others reach this installation, without a slash at the end: the addresses of pictures
    /// begin with it.
    pub public_url: String,
    /// Tells programs of brands what happens; `None`: nobody is told anything.
    pub webhooks: Option<Arc<Webhooks>>,
    pub(crate) requests: Semaphore,
    pub(crate) pushes: Pushes,
}

impl ApiState {
    pub fn of(
        store: Store,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        secrets: Secrets,
        public_url: String,
    ) -> Self {
        Self {
            store,
            clock,
            ids,
            secrets,
            public_url,
            webhooks: None,
            requests: Semaphore::new(REQUESTS_AT_ONCE),
            pushes: Pushes::default(),
        }
    }

    /// The same for an installation where programs of brands are told what happens.
    pub fn telling(self, webhooks: Arc<Webhooks>) -> Self {
        Self {
            webhooks: Some(webhooks),
            ..self
        }
    }
}
