//! When to stop asking: a messenger that refuses our credentials, that cannot be reached, that
//! fails every second request of an account, or that wants an account to wait.
//!
//! What concerns the connection stops everybody, what concerns one account stops that account: the
//! others go on. While a breaker is open nothing is sent, so what it answers is certain: not
//! processed. After the pause one request is let through; its answer closes the breaker or doubles
//! the pause. With everything failing, requests fall to one per pause, far below a tenth of the
//! traffic. A messenger's Retry-After is no failure: until then nothing is sent, and from then on
//! everything may go.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use domain::answer::NotProcessed;
use domain::id::AccountId;

/// Credentials do not heal by themselves: ask rarely until an operator resets.
pub const UNAUTHORIZED_PAUSE: Duration = Duration::from_secs(30);
/// The first and longest pause of a failing messenger.
pub const FAILING_PAUSE_MIN: Duration = Duration::from_secs(1);
pub const FAILING_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Answers are counted over this long before the share of failures is judged anew.
const WINDOW: Duration = Duration::from_secs(5);
/// Fewer answers than this prove nothing.
const ANSWERS_MIN: u32 = 20;
/// Accounts remembered; beyond that those of which nothing is known against them are forgotten.
const ACCOUNTS_MAX: usize = 10_000;
/// A probe whose answer never came (its task was dropped) does not keep the breaker open for good.
const PROBE_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakReason {
    /// 401 or 403.
    Unauthorized,
    /// At least half of the answers were failures.
    Failing,
    /// The messenger wants the account to wait, for the reason it gave.
    Asked(NotProcessed),
}

/// What one answer says of the messenger's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Good,
    /// The account's push failed; another's may not.
    Failed,
    /// Nothing reaches the messenger.
    Unreachable,
    Unauthorized,
    /// Not processed: try again after so long.
    Asked(NotProcessed, Duration),
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
pub struct Breaker(Mutex<States>);

#[derive(Debug, Default)]
struct States {
    connection: State,
    accounts: HashMap<AccountId, State>,
}

#[derive(Debug, Default)]
struct State {
    window_began: Duration,
    answers: u32,
    failures: u32,
    open: Option<Open>,
    /// Until when the messenger wants to be left alone, and why.
    asked: Option<(NotProcessed, Duration)>,
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
    /// Whether a request may begin, of an account where it concerns one. Whoever is told to go must
    /// send and [`Breaker::record`]: it may be the one that is waited for.
    pub fn ask(&self, account: Option<AccountId>, now: Duration) -> Permission {
        let mut states = self.lock();
        let States {
            connection,
            accounts,
        } = &mut *states;
        let mut of_account = account.and_then(|account| accounts.get_mut(&account));
        let both = [Some(&*connection), of_account.as_deref()];
        let stop = both
            .into_iter()
            .flatten()
            .find_map(|state| state.stops(now));
        if let Some(stop) = stop {
            return stop;
        }
        connection.begins(now);
        if let Some(state) = &mut of_account {
            state.begins(now);
        }
        Permission::Go
    }

    pub fn record(&self, account: Option<AccountId>, health: Health, now: Duration) {
        let mut states = self.lock();
        match health {
            Health::Unauthorized => {
                let reason = BreakReason::Unauthorized;
                states.connection.open(reason, UNAUTHORIZED_PAUSE, now);
            }
            Health::Unreachable => states.connection.failed(now),
            Health::Failed if account.is_none() => states.connection.failed(now),
            // Whatever it said, it is there.
            Health::Good | Health::Failed | Health::Asked(..) => states.connection.good(now),
        }
        let Some(account) = account else { return };
        let state = states.of(account);
        match health {
            Health::Failed => state.failed(now),
            Health::Good => state.good(now),
            Health::Asked(why, pause) => {
                state.good(now);
                let until = now + pause;
                if state.asked.is_none_or(|(_, known)| known < until) {
                    state.asked = Some((why, until));
                }
            }
            // It says nothing of the account; a probe is not waited for any longer.
            Health::Unreachable | Health::Unauthorized => state.gives_up_probe(),
        }
    }

    /// Why nothing is sent at `now`, of an account where it is asked after one.
    pub fn is_open(&self, account: Option<AccountId>, now: Duration) -> Option<BreakReason> {
        let states = self.lock();
        let of_account = account.and_then(|account| states.accounts.get(&account));
        let both = [Some(&states.connection), of_account];
        both.into_iter().flatten().find_map(|state| state.why(now))
    }

    /// An operator has looked: begin anew.
    pub fn reset(&self) {
        *self.lock() = States::default();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, States> {
        // The states are valid between any two of their assignments.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl States {
    fn of(&mut self, account: AccountId) -> &mut State {
        if self.accounts.len() >= ACCOUNTS_MAX {
            let is_known = |state: &State| state.open.is_some() || state.asked.is_some();
            self.accounts.retain(|_, state| is_known(state));
        }
        self.accounts.entry(account).or_default()
    }
}

impl State {
    /// What stops a request at `now`, if anything does.
    fn stops(&self, now: Duration) -> Option<Permission> {
        if let Some((why, until)) = self.asked
            && now < until
        {
            return Some(Permission::Stop {
                reason: BreakReason::Asked(why),
                retry_after: until - now,
            });
        }
        let open = self.open?;
        let probing = open
            .probing_since
            .is_some_and(|since| now < since + PROBE_PATIENCE);
        (now < open.until || probing).then(|| Permission::Stop {
            reason: open.reason,
            retry_after: open.until.saturating_sub(now).max(FAILING_PAUSE_MIN),
        })
    }

    /// A request begins that nothing stopped: of an open breaker it is the probe.
    fn begins(&mut self, now: Duration) {
        if let Some(open) = &mut self.open {
            open.probing_since = Some(now);
        }
    }

    fn gives_up_probe(&mut self) {
        if let Some(open) = &mut self.open {
            open.probing_since = None;
        }
    }

    fn why(&self, now: Duration) -> Option<BreakReason> {
        if let Some((why, until)) = self.asked
            && now < until
        {
            return Some(BreakReason::Asked(why));
        }
        self.open
            .filter(|open| now < open.until || open.probing_since.is_some())
            .map(|open| open.reason)
    }

    fn good(&mut self, now: Duration) {
        match self.open {
            // Answers of requests that began before the breaker opened prove nothing new.
            Some(open) if open.probing_since.is_none() => {}
            Some(_) => {
                *self = Self {
                    asked: self.asked,
                    ..Self::default()
                }
            }
            None => self.count(now),
        }
    }

    fn failed(&mut self, now: Duration) {
        match self.open {
            Some(open) if open.probing_since.is_none() => {}
            Some(open) => {
                let pause = (open.pause * 2).min(match open.reason {
                    BreakReason::Unauthorized => UNAUTHORIZED_PAUSE,
                    _ => FAILING_PAUSE_MAX,
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
            asked: self.asked,
            ..Self::default()
        };
    }
}
