//! What a connector can do, and what follows from it. Nothing else decides how an unknown outcome
//! is resolved: there is no `if` on a connector's name.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How a send stays single when its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// Deduplicates by our key for `key_ttl` and answers with the original results.
    Keyed,
    /// Tells the outcome by our reference after `query_settles_after`.
    Queryable,
    /// Neither: paid promotion is sent at most once.
    Neither,
}

/// A connector's record. Durations are minimums the messenger promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Recipients in one request, at least 1.
    pub batch_max: u32,
    pub keyed: bool,
    pub key_ttl: Duration,
    pub closable: bool,
    pub replay_returns_results: bool,
    pub queryable: bool,
    pub query_settles_after: Duration,
    pub per_recipient_result: bool,
    /// Recipients per second the messenger takes; `None` where it names no limit.
    pub recipients_per_second: Option<u32>,
    pub personal_payload: bool,
    pub reports_receipts: bool,
}

/// The last hour of a key's life is left alone: clocks differ, requests wait.
pub const KEY_TTL_MARGIN: Duration = Duration::from_secs(3_600);
/// The protocol's promise: keys and results are kept at least 7 days.
pub const GATEWAY_KEY_TTL: Duration = Duration::from_secs(7 * 24 * 3_600);
const _: () = assert!(KEY_TTL_MARGIN.as_secs() < GATEWAY_KEY_TTL.as_secs());

impl Capability {
    /// The messenger gateway protocol of version 1.
    pub const fn gateway() -> Self {
        Self {
            batch_max: 1_000,
            keyed: true,
            key_ttl: GATEWAY_KEY_TTL,
            closable: true,
            replay_returns_results: true,
            queryable: false,
            query_settles_after: Duration::ZERO,
            per_recipient_result: true,
            recipients_per_second: None,
            personal_payload: true,
            reports_receipts: true,
        }
    }

    /// A gateway that forgets keys but answers `GET /v1/pushes/{key}` reliably after a while.
    pub const fn queryable_gateway(query_settles_after: Duration) -> Self {
        Self {
            keyed: false,
            closable: false,
            replay_returns_results: false,
            queryable: true,
            query_settles_after,
            ..Self::gateway()
        }
    }

    /// A gateway that neither deduplicates nor tells.
    pub const fn bare_gateway() -> Self {
        Self {
            keyed: false,
            closable: false,
            replay_returns_results: false,
            ..Self::gateway()
        }
    }

    pub const fn guarantee(&self) -> Guarantee {
        if self.keyed {
            Guarantee::Keyed
        } else if self.queryable {
            Guarantee::Queryable
        } else {
            Guarantee::Neither
        }
    }

    /// An unknown outcome whose first attempt began after this may be tried again with its key at
    /// `now`; `None` where no key may be used twice.
    pub fn retry_since(&self, now: Timestamp) -> Option<Timestamp> {
        let usable = self.key_ttl.saturating_sub(KEY_TTL_MARGIN);
        self.keyed.then(|| now - usable)
    }

    /// Until when a key that was first used `age` ago may be used again.
    pub fn key_is_usable(&self, age: Duration) -> bool {
        self.keyed && age + KEY_TTL_MARGIN < self.key_ttl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_tried_again_as_long_as_it_is_usable() {
        let gateway = Capability::gateway();
        let now = Timestamp::from_millis(1_793_000_000_000);
        let margin = GATEWAY_KEY_TTL - KEY_TTL_MARGIN;
        for (age, usable) in [(margin, false), (margin - Duration::from_millis(1), true)] {
            let since = gateway.retry_since(now).unwrap();
            assert_eq!(now - age > since, usable, "{age:?}");
            assert_eq!(gateway.key_is_usable(age), usable, "{age:?}");
        }
        assert_eq!(Capability::bare_gateway().retry_since(now), None);
    }
}
