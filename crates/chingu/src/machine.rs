//! The machine's clock and randomness: the only place that asks for either.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::id::{IdSource, SecretSource};
use domain::time::{CLOCK_STEP_MIN, Clock, Timestamp};
use rand::TryRng;
use rand::rngs::SysRng;
use store::{Store, StoreError};

/// Between two looks at the database's clock.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// A look that took longer says little about when it was answered.
const LOOK_MAX: Duration = Duration::from_millis(500);

/// Follows the machine.
pub struct SystemClock {
    started: Instant,
}

/// Follows the database, which many machines share: between two looks at it time passes as it does,
/// whatever becomes of the machine's own clock.
pub struct DatabaseClock {
    machine: SystemClock,
    /// What the database's clock says where [`Clock::monotonic`] is zero: milliseconds since 1970.
    zero_ms: AtomicI64,
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

impl DatabaseClock {
    /// `None` where the database has no clock of its own.
    pub async fn start(store: &Store) -> Result<Option<Self>, StoreError> {
        let clock = Self {
            machine: SystemClock::start(),
            zero_ms: AtomicI64::new(0),
        };
        let reading = store.clock_reading().await?;
        Ok(reading.map(|now| {
            clock.is_told(now, clock.monotonic());
            clock
        }))
    }

    /// Looks at the database's clock every few seconds, for as long as it is polled.
    pub async fn follow(&self, store: &Store) {
        loop {
            tokio::time::sleep(FOLLOW_EVERY).await;
            let asked = self.monotonic();
            let reading = store.clock_reading().await;
            let took = self.monotonic().saturating_sub(asked);
            match reading {
                Ok(Some(now)) if took <= LOOK_MAX => self.step_to(now, asked + took / 2),
                Ok(_) => {}
                Err(error) => tracing::debug!(%error, "the database's clock was not read"),
            }
        }
    }

    fn step_to(&self, now: Timestamp, at: Duration) {
        let step_ms = self.is_told(now, at);
        if step_ms.unsigned_abs() > CLOCK_STEP_MIN.as_millis() as u64 {
            metrics::counter!("chingu_clock_steps_total").increment(1);
            tracing::warn!(step_ms, "the database's clock has stepped");
        }
    }

    /// That it was `now` at a monotonic moment; by how much the clock has stepped.
    fn is_told(&self, now: Timestamp, at: Duration) -> i64 {
        let zero_ms = now.as_millis() - millis(at);
        zero_ms - self.zero_ms.swap(zero_ms, Ordering::Relaxed)
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let zero_ms = self.zero_ms.load(Ordering::Relaxed);
        Timestamp::from_millis(zero_ms + millis(self.monotonic()))
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_from_what_the_database_said_and_steps_with_it() {
        let clock = DatabaseClock {
            machine: SystemClock::start(),
            zero_ms: AtomicI64::new(0),
        };
        let at = Timestamp::from_millis(1_000_000);
        clock.is_told(at, Duration::ZERO);
        assert!(clock.now() >= at && clock.now() < at + Duration::from_secs(60));
        assert_eq!(
            clock.is_told(at + Duration::from_secs(5), Duration::from_secs(5)),
            0
        );
        assert_eq!(clock.is_told(at, Duration::from_secs(5)), -5_000);
        assert!(clock.now() < at + Duration::from_secs(55));
    }
}
