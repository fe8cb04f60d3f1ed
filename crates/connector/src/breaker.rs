//! When to stop asking: a messenger that refuses our credentials or fails every second request.
//!
//! While the breaker is open nothing is sent, so what it answers is certain: not processed. After
//! the pause one request is let through; its answer closes the breaker or doubles the pause. With
//! everything failing, requests fall to one per pause, far below a tenth of the traffic.

use std::sync::Mutex;
use std::time::Duration;

/// Credentials do not heal by themselves: ask rarely until an operator resets.
pub const UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(30);
/// The first and longest pause of a failing messenger.
pub const FAILING_PAUSE_MIN: Duration = Duration::from_secs(1);
pub const FAILING_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Answers are counted over this long before the share of failures is judged anew.
const WINDOW: Duration = Duration::from_secs(5);
/// Fewer answers than this prove nothing.
const ANSWERS_MIN: u32 = 20;
/// A probe whose answer never came (its task was dropped) does not keep the breaker open for good.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakReason {
    /// 401 or 403.
    Unauthorized,
    /// At least half of the answers were failures.
    Failing,
}

/// What one answer says of the messenger's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Good,
    Failed,
    Unauthorized,
}

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    Go,
    Stop {
        reason: BreakReason,
        retry_after: Duration,
    },
}

/// Shared by all requests of one connector. Times are `Clock::monotonic`.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    window_began: Duration,
    answers: u32,
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    reason: BreakReason,
    pause: Duration,
    until: Duration,
    /// Since when the one request that is let through is on its way.
    probing_since: Option<Duration>,
}

impl Breaker {
    pub fn ask(&self, now: Duration) -> Permission {
        let mut state = self.lock();
        let Some(open) = &mut state.open else {
            return Permission::Go;
        };
        let probing = open
            .probing_since
            .is_some_and(|since| now < since + PROBE_PATIENCE);
        if now < open.until || probing {
            let rest = open.until.saturating_sub(now).max(FAILING_PAUSE_MIN);
            return Permission::Stop {
                reason: open.reason,
                retry_after: rest,
            };
        }
        open.probing_since = Some(now);
        Permission::Go
    }

    pub fn record(&self, health: Health, now: Duration) {
        let mut state = self.lock();
        match health {
            Health::Unauthorized => state.open(BreakReason::Unauthorized, UNAUTHORIZED_PAUSE, now),
            Health::Good => state.good(now),
            Health::Failed => state.failed(now),
        }
    }

    /// Why nothing is sent at `now`, if so.
    pub fn is_open(&self, now: Duration) -> Option<BreakReason> {
        let state = self.lock();
        state
            .open
            .filter(|open| now < open.until || open.probing_since.is_some())
            .map(|open| open.reason)
    }

    /// An operator has looked: begin anew.
    pub fn reset(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is valid between any two of its assignments.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn good(&mut self, now: Duration) {
        match self.open {
            // Answers of requests that began before the breaker opened prove nothing new.
            Some(open) if open.probing_since.is_none() => {}
            Some(_) => *self = Self::default(),
            None => self.count(now),
        }
    }

    fn failed(&mut self, now: Duration) {
        match self.open {
            Some(open) if open.probing_since.is_none() => {}
            Some(open) => {
                let pause = (open.pause * 2).min(match open.reason {
                    BreakReason::Unauthorized => UNAUTHORIZED_PAUSE,
                    BreakReason::Failing => FAILING_PAUSE_MAX,
                });
                self.open(open.reason, pause, now);
            }
            None => {
                self.count(now);
                self.failures += 1;
                if self.answers >= ANSWERS_MIN && self.failures * 2 >= self.answers {
                    self.open(BreakReason::Failing, FAILING_PAUSE_MIN, now);
                }
            }
        }
    }

    fn count(&mut self, now: Duration) {
        if now >= self.window_began + WINDOW {
            (self.window_began, self.answers, self.failures) = (now, 0, 0);
        }
        self.answers += 1;
    }

    fn open(&mut self, reason: BreakReason, pause: Duration, now: Duration) {
        *self = Self {
            open: Some(Open {
                reason,
                pause,
                until: now + pause,
                probing_since: None,
            }),
            ..Self::default()
        };
    }
}
