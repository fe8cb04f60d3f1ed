//! A messenger in memory that misbehaves as real ones do, and remembers the truth.
//!
//! It speaks to a connector's port, so that nothing lies between a push and its log. What it wrote
//! down is the oracle: who was accepted, by which request, begun when. Whether it deduplicates,
//! tells or does neither follows from its capability record.

mod keys; // what it knows of a key
mod moods; // how often it misbehaves, and how
mod oracle; // what it saw and did

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use connector::{Connector, Push};
use domain::answer::{
    AskAnswer, CloseAnswer, NotProcessed, PushAnswer, PushResults, UnknownReason,
};
use domain::capability::{Capability, Guarantee};
use domain::outcome::RejectionCode;
use domain::push::PushKey;
use domain::time::{Clock, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use keys::{Key, Keys};

pub use moods::Moods;
pub use oracle::{Acceptance, Decision, Oracle, Request, Undecided};

/// How long a request may be on its way after its sender gave up, at most.
const LATE_MAX: Duration = Duration::from_secs(20 * 60);
/// How long a request of a messenger that can be asked may be on its way: it promises that a
/// question after `query_settles_after` finds everything settled.
const LATE_PART_OF_SETTLING: u32 = 2;

pub struct Messenger {
    capability: Capability,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    dice: ChaCha8Rng,
    moods: Moods,
    keys: Keys,
    /// Requests that are still on their way, with the moment they arrive at the latest.
    on_the_way: Vec<(Request, Timestamp)>,
    oracle: Oracle,
}

impl Messenger {
    pub fn of(capability: Capability, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let state = State {
            dice: ChaCha8Rng::seed_from_u64(seed),
            moods: Moods::default(),
            keys: Keys::default(),
            on_the_way: Vec::new(),
            oracle: Oracle::default(),
        };
        Self {
            capability,
            clock,
            state: Mutex::new(state),
        }
    }

    pub fn set_moods(&self, moods: Moods) {
        self.state().moods = moods;
    }

    /// Looks at what it saw and did so far.
    pub fn oracle<T>(&self, look: impl FnOnce(&mut Oracle) -> T) -> T {
        look(&mut self.state().oracle)
    }

    pub fn requests_on_the_way(&self) -> usize {
        self.state().on_the_way.len()
    }

    /// One of the requests that are on their way arrives.
    pub fn arrive(&self, which: usize) {
        let mut state = self.state();
        if which < state.on_the_way.len() {
            let (request, _) = state.on_the_way.remove(which);
            state.process(&self.capability, request, self.clock.now());
        }
    }

    /// Whatever has to have arrived by `now` arrives.
    pub fn arrive_by(&self, now: Timestamp) {
        let mut state = self.state();
        let due: Vec<(Request, Timestamp)> = state
            .on_the_way
            .extract_if(.., |(_, latest)| *latest <= now)
            .collect();
        for (request, latest) in due {
            state.process(&self.capability, request, latest);
        }
    }

    fn latest_arrival(&self, now: Timestamp) -> Timestamp {
        let settling = self.capability.query_settles_after / LATE_PART_OF_SETTLING;
        match self.capability.guarantee() {
            Guarantee::Queryable => now + settling.min(LATE_MAX),
            Guarantee::Keyed | Guarantee::Neither => now + LATE_MAX,
        }
    }

    // Every change under the lock is whole before anything could panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Connector for Messenger {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    async fn push(&self, push: &Push<'_>) -> PushAnswer {
        let now = self.clock.now();
        let latest = self.latest_arrival(now);
        let mut state = self.state();
        let request = state.oracle.began(push, now);
        let moods = state.moods;
        let retry_after = state.retry_after();
        let mut roll = state.dice.random_range(0..1_000u32);
        let mut comes_up = |per_mille: u32| {
            let hit = roll < per_mille;
            roll = roll.wrapping_sub(per_mille);
            hit
        };
        if comes_up(moods.not_processed) {
            let reasons = [
                NotProcessed::Throttled,
                NotProcessed::Unavailable,
                NotProcessed::Unauthorized,
                NotProcessed::Unreachable,
            ];
            let reason = reasons[state.dice.random_range(0..reasons.len())];
            return PushAnswer::NotProcessed {
                reason,
                retry_after,
            };
        }
        if comes_up(moods.refused) {
            return PushAnswer::Rejected { status: 400 };
        }
        if comes_up(moods.lost) {
            return PushAnswer::Unknown(UnknownReason::Timeout);
        }
        if comes_up(moods.late) {
            if state.dice.random_bool(0.5) {
                state.keys.being_processed(&self.capability, &request, now);
            }
            state.on_the_way.push((request, latest));
            return PushAnswer::Unknown(UnknownReason::Timeout);
        }
        let answer_lost = comes_up(moods.answer_lost);
        let garbled = comes_up(moods.garbled);
        let answer = state.process(&self.capability, request, now);
        match answer {
            _ if answer_lost => PushAnswer::Unknown(UnknownReason::ConnectionLost),
            PushAnswer::Processed(results) if garbled => PushAnswer::Processed(PushResults {
                accepted: results.accepted + 1,
                ..results
            }),
            answer => answer,
        }
    }

    async fn close(&self, key: PushKey, _size: u32) -> CloseAnswer {
        let now = self.clock.now();
        let mut state = self.state();
        let retry_after = state.retry_after();
        let lost_before = state.dice.random_range(0..1_000) < state.moods.close_lost;
        let lost_after = state.dice.random_range(0..1_000) < state.moods.close_lost;
        if lost_before {
            return CloseAnswer::Unknown;
        }
        let answer = match state.keys.find(&self.capability, key, now) {
            Some(Key::Processed { results, .. }) => CloseAnswer::Processed(PushResults {
                replayed: true,
                ..results.clone()
            }),
            Some(Key::BeingProcessed { .. }) => CloseAnswer::InProgress { retry_after },
            Some(Key::Closed { .. }) | None => {
                state.keys.close(key, now);
                state.oracle.closed.insert(key);
                CloseAnswer::Closed
            }
        };
        match lost_after {
            true => CloseAnswer::Unknown,
            false => answer,
        }
    }

    async fn ask(&self, key: PushKey, _size: u32) -> AskAnswer {
        let now = self.clock.now();
        let mut state = self.state();
        if state.dice.random_range(0..1_000) < state.moods.close_lost {
            return AskAnswer::Unknown;
        }
        match state.keys.find(&self.capability, key, now) {
            Some(Key::Processed { results, .. }) => AskAnswer::Processed(results.clone()),
            Some(Key::BeingProcessed { .. }) => AskAnswer::Unknown,
            Some(Key::Closed { .. }) => AskAnswer::Closed,
            None => AskAnswer::NotFound,
        }
    }
}

impl State {
    fn retry_after(&mut self) -> Option<Duration> {
        let seconds = self.dice.random_range(0..4u64);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// What a request does once it is there.
    fn process(&mut self, capability: &Capability, request: Request, now: Timestamp) -> PushAnswer {
        if self.oracle.is_mismatched(&request) {
            return PushAnswer::ContentMismatch;
        }
        if capability.keyed {
            match self.keys.find(capability, request.key, now) {
                Some(Key::Processed { results, .. }) => {
                    return PushAnswer::Processed(PushResults {
                        replayed: true,
                        ..results.clone()
                    });
                }
                Some(Key::Closed { .. }) => return PushAnswer::Closed,
                Some(Key::BeingProcessed { request: other, .. }) if *other != request.number => {
                    return PushAnswer::InProgress {
                        retry_after: self.retry_after(),
                    };
                }
                Some(Key::BeingProcessed { .. }) | None => {}
            }
        }
        let results = self.results(&request, now);
        self.oracle.processed(&request, &results, now);
        self.keys.processed(request.key, results.clone(), now);
        PushAnswer::Processed(results)
    }

    fn results(&mut self, request: &Request, now: Timestamp) -> PushResults {
        let mut results = PushResults::default();
        let moods = self.moods;
        for position in 0..request.users.len() as u32 {
            let roll = self.dice.random_range(0..1_000u32);
            if request.exclude.contains(&position) {
                results.excluded.push(position);
            } else if request.not_after.is_some_and(|until| until < now) {
                results.rejected.push((position, RejectionCode::Expired));
            } else if roll < moods.rejected_for_now {
                results
                    .rejected
                    .push((position, RejectionCode::RateLimited));
            } else if roll < moods.rejected_for_now + moods.rejected {
                results
                    .rejected
                    .push((position, RejectionCode::Unreachable));
            } else if roll < moods.rejected_for_now + moods.rejected + moods.uncertain {
                results.uncertain.push(position);
            } else {
                results.accepted += 1;
            }
        }
        results
    }
}
