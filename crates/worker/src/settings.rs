//! Limits and times of a worker.

use std::time::Duration;

/// Chunks claimed in one commit.
pub const CLAIM_BATCH_MAX: usize = 16;
/// Chunks recorded in one commit, or as many as came within [`RECORD_WAIT_MAX`].
pub const RECORD_BATCH_MAX: usize = 20;
pub const RECORD_WAIT_MAX: Duration = Duration::from_millis(5);
/// Between the end of a request and the end of the lease: time to record.
pub const COMMIT_TIME_MAX: Duration = Duration::from_millis(500);
/// Between a claim and its first byte, at least: a lease without it would always be too late.
pub const START_TIME_MIN: Duration = Duration::from_millis(250);
/// How long the broker is away before its messages are looked for in the table: a connection that
/// is made anew at once is no reason to.
pub const POLL_AFTER: Duration = Duration::from_secs(1);
/// Between two looks at a table where nothing was to be claimed.
pub const POLL_STEP: Duration = Duration::from_millis(50);
/// Of so many times as many chunks as it may claim a worker takes its own part: several that poll
/// the same table seldom meet.
pub const POLL_SPREAD: usize = 4;
/// While the database or the broker is away.
pub const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerSettings {
    /// How long a claim holds. Longer than a request and its commit.
    pub lease: Duration,
    pub request_timeout: Duration,
    /// Chunks between claim and record, at most.
    pub in_flight_max: usize,
}

/// A lease that a request could outlive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a lease of {lease:?} is too short for a request of {request_timeout:?}: it must be at least \
     {:?}", lease_min(*request_timeout)
)]
pub struct LeaseTooShort {
    lease: Duration,
    request_timeout: Duration,
}

impl WorkerSettings {
    pub fn check(&self) -> Result<(), LeaseTooShort> {
        match self.lease >= lease_min(self.request_timeout) {
            true => Ok(()),
            false => Err(LeaseTooShort {
                lease: self.lease,
                request_timeout: self.request_timeout,
            }),
        }
    }
}

/// The shortest lease under which a push of that timeout can begin and be recorded.
fn lease_min(request_timeout: Duration) -> Duration {
    request_timeout + COMMIT_TIME_MAX + START_TIME_MIN
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            request_timeout: Duration::from_secs(10),
            in_flight_max: 32,
        }
    }
}
