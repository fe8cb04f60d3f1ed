//! The machine's clock and randomness: the only place that asks for either.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::id::{IdSource, SecretSource};
use domain::time::{Clock, Timestamp};
use rand::TryRng;
use rand::rngs::SysRng;

/// Follows the machine.
pub struct SystemClock {
    started: Instant,
}

/// UUIDs of version 7: random, and rising with time.
pub struct SystemIds;

/// The operating system's randomness.
pub struct SystemSecrets;

impl SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock everybody else is handed"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock everybody else is handed"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A machine that believes it is before 1970 gets the first instant there is.
        let millis = since.unwrap_or_default().as_millis();
        Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

impl IdSource for SystemIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the source everybody else is handed"
    )]
    fn next_bytes(&self) -> [u8; 16] {
        uuid::Uuid::now_v7().into_bytes()
    }
}

impl SecretSource for SystemSecrets {
    /// A system without randomness cannot keep anybody out: it stops.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = SysRng.try_fill_bytes(bytes) {
            tracing::error!(%error, "the system gives no randomness");
            std::process::abort();
        }
    }
}
