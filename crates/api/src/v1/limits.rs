//! How often a channel may ask on our own paths: one bucket for all of them, told in the fields of
//! the IETF's draft (`RateLimit-Policy`, `RateLimit`) with every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::id::AccountId;
use domain::time::Clock;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::line::Rate;
use crate::line::limits::{Exceeded, FORGET_EVERY, Passing};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

type Buckets =
    RateLimiter<AccountId, HashMapStateStore<AccountId>, Passing, StateInformationMiddleware>;

/// The buckets of every channel in this process.
pub(super) struct Limits {
    buckets: Option<(Quota, Buckets)>,
    clock: Passing,
    taken: AtomicU32,
}

/// What a bucket has after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// What the full bucket holds.
    pub limit: u32,
    /// In how many seconds an empty one is full.
    pub window_seconds: u64,
    pub remaining: u32,
    /// Until it is full.
    pub reset_seconds: u64,
}

impl Limits {
    pub fn of(rate: Rate, clock: Arc<dyn Clock>) -> Self {
        let clock = Passing(clock);
        let buckets = rate.quota().map(|quota| {
            let buckets = RateLimiter::hashmap_with_clock(quota, clock.clone());
            let buckets: Buckets = buckets.with_middleware::<StateInformationMiddleware>();
            (quota, buckets)
        });
        Self {
            buckets,
            clock,
            taken: AtomicU32::new(0),
        }
    }

    /// Takes one request out of the channel's bucket; `None` where nothing is limited.
    pub fn take(&self, account: AccountId) -> Result<Option<Left>, (Exceeded, Left)> {
        let Some((quota, buckets)) = &self.buckets else {
            return Ok(None);
        };
        if self.taken.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
        match buckets.check_key(&account) {
            Ok(state) => Ok(Some(Left::of(quota, state.remaining_burst_capacity()))),
            Err(until) => {
                metrics::counter!("chingu_v1_rate_limited_total").increment(1);
                let exceeded = Exceeded {
                    limit: quota.burst_size().get(),
                    wait: until.wait_time_from(self.clock.now()),
                    whole_again: quota.burst_size_replenished_in(),
                };
                Err((exceeded, Left::of(quota, 0)))
            }
        }
    }
}

impl Left {
    fn of(quota: &Quota, remaining: u32) -> Self {
        let limit = quota.burst_size().get();
        let window = quota.burst_size_replenished_in();
        let missing = limit.saturating_sub(remaining);
        let reset = quota.replenish_interval().saturating_mul(missing);
        Self {
            limit,
            window_seconds: rounded(window).max(1),
            remaining,
            reset_seconds: u64::try_from(reset.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX),
        }
    }

    pub fn put_on(&self, headers: &mut HeaderMap) {
        let Self {
            limit,
            window_seconds,
            remaining,
            reset_seconds,
        } = self;
        let policy = format!("\"v1\";q={limit};w={window_seconds}");
        let left = format!("\"v1\";r={remaining};t={reset_seconds}");
        for (name, text) in [(POLICY, policy), (LIMIT, left)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
}

/// The interval of one request is rounded down to nanoseconds, and so is what many of them take.
fn rounded(window: Duration) -> u64 {
    (window + Duration::from_millis(500)).as_secs()
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;
    use testkit::ManualClock;

    use super::*;

    const OURS: AccountId = AccountId::from_bytes([1; 16]);
    const THEIRS: AccountId = AccountId::from_bytes([2; 16]);

    #[test]
    fn a_bucket_tells_what_it_has_and_when_it_is_full() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let limits = Limits::of("3/min".parse().unwrap(), clock.clone());
        for (remaining, reset_seconds) in [(2, 20), (1, 40), (0, 60)] {
            let left = limits.take(OURS).unwrap().unwrap();
            let expected = Left {
                limit: 3,
                window_seconds: 60,
                remaining,
                reset_seconds,
            };
            assert_eq!(left, expected);
        }
        let (exceeded, left) = limits.take(OURS).unwrap_err();
        assert_eq!(exceeded.wait, Duration::from_secs(20));
        let mut headers = HeaderMap::new();
        left.put_on(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"v1\";q=3;w=60");
        assert_eq!(headers["ratelimit"], "\"v1\";r=0;t=60");
        assert!(limits.take(THEIRS).is_ok());
        clock.advance(Duration::from_secs(20));
        assert!(limits.take(OURS).is_ok() && limits.take(OURS).is_err());
        let off = Limits::of("off".parse().unwrap(), clock);
        assert_eq!(off.take(OURS).unwrap(), None);
    }
}
