//! How often each operation may be asked for: per channel, operation and method, as LINE documents.
//!
//! Buckets of this process ([`governor`]): where several answer brands, a channel has as many of
//! each. The numbers are configuration; LINE's are the defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::Method;
use domain::id::AccountId;
use domain::time::Clock;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use serde::Deserialize;

use super::LineError;

/// Requests between two looks for buckets that are full again, and forgotten.
pub(crate) const FORGET_EVERY: u32 = 4_096;

/// So many in so long, such as `60/h`; or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Rate {
    Off,
    Per(NonZeroU32, Span),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Second,
    Minute,
    Hour,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a rate: expected one such as 60/h, 1000/min, 200/s, or off")]
pub struct InvalidRate(String);

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, InvalidRate> {
        let refuse = || InvalidRate(text.chars().take(40).collect());
        if text == "off" {
            return Ok(Self::Off);
        }
        let (count, span) = text.split_once('/').ok_or_else(refuse)?;
        let span = match span {
            "s" => Span::Second,
            "min" => Span::Minute,
            "h" => Span::Hour,
            _ => return Err(refuse()),
        };
        let count: NonZeroU32 = count.parse().map_err(|_| refuse())?;
        Ok(Self::Per(count, span))
    }
}

impl TryFrom<String> for Rate {
    type Error = InvalidRate;

    fn try_from(text: String) -> Result<Self, InvalidRate> {
        text.parse()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Per(count, Span::Second) => write!(f, "{count}/s"),
            Self::Per(count, Span::Minute) => write!(f, "{count}/min"),
            Self::Per(count, Span::Hour) => write!(f, "{count}/h"),
        }
    }
}

impl Rate {
    const fn of(count: u32, span: Span) -> Self {
        match NonZeroU32::new(count) {
            Some(count) => Self::Per(count, span),
            None => Self::Off,
        }
    }

    pub(crate) fn quota(self) -> Option<Quota> {
        match self {
            Self::Off => None,
            Self::Per(count, Span::Second) => Some(Quota::per_second(count)),
            Self::Per(count, Span::Minute) => Some(Quota::per_minute(count)),
            Self::Per(count, Span::Hour) => Some(Quota::per_hour(count)),
        }
    }
}

/// The rates of one installation, by what is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimits {
    /// Narrowcast and broadcast.
    pub broadcast: Rate,
    /// All statistics.
    pub insight: Rate,
    pub webhook_test: Rate,
    /// Where webhooks go, read and set.
    pub webhook_endpoint: Rate,
    pub audience: Rate,
    /// Rich menus made and deleted, aliases deleted, the progress of a batch.
    pub rich_menu: Rate,
    pub rich_menu_batch: Rate,
    pub rich_menu_list: Rate,
    pub multicast: Rate,
    pub membership: Rate,
    pub coupon: Rate,
    pub loading: Rate,
    /// Short-lived tokens.
    pub token: Rate,
    /// Everything else.
    pub other: Rate,
    /// Everything on our own paths together.
    pub v1: Rate,
}

impl Default for RateLimits {
    fn default() -> Self {
        use Span::{Hour, Minute, Second};
        Self {
            broadcast: Rate::of(60, Hour),
            insight: Rate::of(60, Hour),
            webhook_test: Rate::of(60, Hour),
            webhook_endpoint: Rate::of(1_000, Minute),
            audience: Rate::of(60, Minute),
            rich_menu: Rate::of(100, Hour),
            rich_menu_batch: Rate::of(3, Hour),
            rich_menu_list: Rate::of(10, Second),
            multicast: Rate::of(200, Second),
            membership: Rate::of(200, Second),
            coupon: Rate::of(200, Second),
            loading: Rate::of(100, Second),
            token: Rate::of(370, Second),
            other: Rate::of(2_000, Second),
            v1: Rate::of(1_000, Minute),
        }
    }
}

/// What an operation is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Broadcast,
    Insight,
    WebhookTest,
    WebhookEndpoint,
    Audience,
    RichMenu,
    RichMenuBatch,
    RichMenuList,
    Multicast,
    Membership,
    Coupon,
    Loading,
    Token,
    Other,
}

/// Operations that are not counted as [`Class::Other`]: method, path as it is routed (one that ends
/// with `*` stands for all that begin so), class. The first that fits counts.
const CLASSES: [(&str, &str, Class); 20] = [
    ("POST", "/v2/bot/message/narrowcast", Class::Broadcast),
    ("POST", "/v2/bot/message/broadcast", Class::Broadcast),
    ("GET", "/v2/bot/insight/*", Class::Insight),
    ("POST", "/v2/bot/channel/webhook/test", Class::WebhookTest),
    (
        "GET",
        "/v2/bot/channel/webhook/endpoint",
        Class::WebhookEndpoint,
    ),
    (
        "PUT",
        "/v2/bot/channel/webhook/endpoint",
        Class::WebhookEndpoint,
    ),
    ("*", "/v2/bot/audienceGroup/*", Class::Audience),
    ("POST", "/v2/bot/richmenu", Class::RichMenu),
    ("DELETE", "/v2/bot/richmenu/{richMenuId}", Class::RichMenu),
    (
        "DELETE",
        "/v2/bot/richmenu/alias/{richMenuAliasId}",
        Class::RichMenu,
    ),
    ("GET", "/v2/bot/richmenu/progress/batch", Class::RichMenu),
    ("POST", "/v2/bot/richmenu/batch", Class::RichMenuBatch),
    ("GET", "/v2/bot/richmenu/list", Class::RichMenuList),
    ("POST", "/v2/bot/message/multicast", Class::Multicast),
    ("GET", "/v2/bot/membership/*", Class::Membership),
    ("*", "/v2/bot/coupon", Class::Coupon),
    ("*", "/v2/bot/coupon/*", Class::Coupon),
    ("POST", "/v2/bot/chat/loading/start", Class::Loading),
    ("POST", "/v2/oauth/accessToken", Class::Token),
    ("*", "*", Class::Other),
];

impl Class {
    const ALL: [Class; 14] = [
        Self::Broadcast,
        Self::Insight,
        Self::WebhookTest,
        Self::WebhookEndpoint,
        Self::Audience,
        Self::RichMenu,
        Self::RichMenuBatch,
        Self::RichMenuList,
        Self::Multicast,
        Self::Membership,
        Self::Coupon,
        Self::Loading,
        Self::Token,
        Self::Other,
    ];

    fn of(method: &Method, path: &str) -> Self {
        let fits = |known: &str, given: &str| match known.strip_suffix('*') {
            Some(beginning) => given.starts_with(beginning),
            None => known == given,
        };
        let found = CLASSES
            .iter()
            .find(|(known, paths, _)| fits(known, method.as_str()) && fits(paths, path));
        found.map_or(Self::Other, |(_, _, class)| *class)
    }

    const fn rate(self, limits: &RateLimits) -> Rate {
        match self {
            Self::Broadcast => limits.broadcast,
            Self::Insight => limits.insight,
            Self::WebhookTest => limits.webhook_test,
            Self::WebhookEndpoint => limits.webhook_endpoint,
            Self::Audience => limits.audience,
            Self::RichMenu => limits.rich_menu,
            Self::RichMenuBatch => limits.rich_menu_batch,
            Self::RichMenuList => limits.rich_menu_list,
            Self::Multicast => limits.multicast,
            Self::Membership => limits.membership,
            Self::Coupon => limits.coupon,
            Self::Loading => limits.loading,
            Self::Token => limits.token,
            Self::Other => limits.other,
        }
    }
}

/// An empty bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// What the full bucket holds.
    pub limit: u32,
    /// Until the next request is answered.
    pub wait: Duration,
    /// Until the bucket is full.
    pub whole_again: Duration,
}

/// governor's clock, by the house's.
#[derive(Clone)]
pub(crate) struct Passing(pub(crate) Arc<dyn Clock>);

impl governor::clock::Clock for Passing {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// Whose bucket: the channel's account, the method, the path as it is routed.
type Key = (AccountId, Method, String);
type Buckets = RateLimiter<Key, HashMapStateStore<Key>, Passing, NoOpMiddleware<Duration>>;

/// The buckets of every channel.
pub struct Limits {
    buckets: BTreeMap<Class, Buckets>,
    clock: Passing,
    taken: AtomicU32,
}

impl Limits {
    pub fn of(limits: &RateLimits, clock: Arc<dyn Clock>) -> Self {
        let clock = Passing(clock);
        let buckets = Class::ALL.into_iter().filter_map(|class| {
            let quota = class.rate(limits).quota()?;
            Some((class, Buckets::hashmap_with_clock(quota, clock.clone())))
        });
        Self {
            buckets: buckets.collect(),
            taken: AtomicU32::new(0),
            clock,
        }
    }

    /// Takes one request out of the channel's bucket of an operation.
    pub fn take(&self, account: AccountId, method: &Method, path: &str) -> Result<(), LineError> {
        if self.taken.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.forget();
        }
        let Some(buckets) = self.buckets.get(&Class::of(method, path)) else {
            return Ok(());
        };
        let key = (account, method.clone(), path.to_owned());
        buckets.check_key(&key).map_err(|until| {
            let quota = until.quota();
            metrics::counter!("chingu_line_rate_limited_total").increment(1);
            LineError::RateLimited(Exceeded {
                limit: quota.burst_size().get(),
                wait: until.wait_time_from(self.clock.now()),
                whole_again: quota.burst_size_replenished_in(),
            })
        })
    }

    /// Drops buckets that are full again: they say nothing.
    fn forget(&self) {
        for buckets in self.buckets.values() {
            buckets.retain_recent();
            buckets.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Timestamp;
    use testkit::ManualClock;

    use super::*;

    const OURS: AccountId = AccountId::from_bytes([1; 16]);
    const THEIRS: AccountId = AccountId::from_bytes([2; 16]);
    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;

    fn exceeded(limits: &Limits, account: AccountId, method: &Method, path: &str) -> Option<u64> {
        match limits.take(account, method, path) {
            Ok(()) => None,
            Err(LineError::RateLimited(exceeded)) => Some(exceeded.wait.as_millis() as u64),
            Err(other) => panic!("{other}"),
        }
    }

    /// Method, path, what the bucket holds, and in how many milliseconds it is full again: LINE's
    /// own table.
    #[test]
    fn every_operation_has_the_bucket_that_line_documents() {
        let table = [
            ("POST", "/v2/bot/message/narrowcast", 60, HOUR),
            ("POST", "/v2/bot/message/broadcast", 60, HOUR),
            ("GET", "/v2/bot/insight/message/delivery", 60, HOUR),
            (
                "GET",
                "/v2/bot/insight/richmenu/{richMenuId}/daily",
                60,
                HOUR,
            ),
            ("POST", "/v2/bot/channel/webhook/test", 60, HOUR),
            ("GET", "/v2/bot/channel/webhook/endpoint", 1_000, MINUTE),
            ("PUT", "/v2/bot/channel/webhook/endpoint", 1_000, MINUTE),
            ("POST", "/v2/bot/audienceGroup/upload", 60, MINUTE),
            (
                "DELETE",
                "/v2/bot/audienceGroup/{audienceGroupId}",
                60,
                MINUTE,
            ),
            ("POST", "/v2/bot/richmenu", 100, HOUR),
            ("DELETE", "/v2/bot/richmenu/{richMenuId}", 100, HOUR),
            (
                "DELETE",
                "/v2/bot/richmenu/alias/{richMenuAliasId}",
                100,
                HOUR,
            ),
            ("GET", "/v2/bot/richmenu/progress/batch", 100, HOUR),
            ("POST", "/v2/bot/richmenu/batch", 3, HOUR),
            ("GET", "/v2/bot/richmenu/list", 10, SECOND),
            ("POST", "/v2/bot/message/multicast", 200, SECOND),
            ("GET", "/v2/bot/membership/list", 200, SECOND),
            ("GET", "/v2/bot/coupon", 200, SECOND),
            ("PUT", "/v2/bot/coupon/{couponId}/close", 200, SECOND),
            ("POST", "/v2/bot/chat/loading/start", 100, SECOND),
            ("POST", "/v2/oauth/accessToken", 370, SECOND),
            ("GET", "/v2/bot/richmenu/{richMenuId}", 2_000, SECOND),
            ("POST", "/v2/bot/message/push", 2_000, SECOND),
            ("POST", "/v2/bot/message/reply", 2_000, SECOND),
            ("POST", "/v2/bot/message/validate/push", 2_000, SECOND),
            ("GET", "/v2/bot/info", 2_000, SECOND),
        ];
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_795_000_000_000)));
        let limits = Limits::of(&RateLimits::default(), clock.clone());
        for (name, path, count, span_ms) in table {
            let method: Method = name.parse().unwrap();
            for request in 0..count {
                let waits = exceeded(&limits, OURS, &method, path);
                assert_eq!(waits, None, "{name} {path}: {request}");
            }
            let refused = limits.take(OURS, &method, path).unwrap_err();
            let LineError::RateLimited(exceeded_now) = refused else {
                panic!("{name} {path}: {refused}");
            };
            assert_eq!(exceeded_now.limit, count, "{name} {path}");
            let rounding = Duration::from_micros(10);
            let whole = Duration::from_millis(span_ms);
            assert!(
                exceeded_now.whole_again.abs_diff(whole) < rounding,
                "{name} {path}: {exceeded_now:?}"
            );
            // One more after its share of the time, and one only.
            let share_ms = span_ms.div_ceil(u64::from(count));
            clock.advance(Duration::from_millis(share_ms));
            assert_eq!(
                exceeded(&limits, OURS, &method, path),
                None,
                "{name} {path}"
            );
            if share_ms > 10 {
                let waits = exceeded(&limits, OURS, &method, path);
                assert!(waits.is_some_and(|ms| ms <= share_ms), "{path}: {waits:?}");
            }
            clock.advance(Duration::from_millis(span_ms));
        }
    }

    #[test]
    fn buckets_are_of_a_channel_an_operation_and_a_method() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let limits = RateLimits {
            webhook_endpoint: "1/h".parse().unwrap(),
            other: Rate::Off,
            ..RateLimits::default()
        };
        let limits = Limits::of(&limits, clock);
        let path = "/v2/bot/channel/webhook/endpoint";
        assert!(limits.take(OURS, &Method::GET, path).is_ok());
        assert!(limits.take(OURS, &Method::GET, path).is_err());
        assert!(limits.take(OURS, &Method::PUT, path).is_ok());
        assert!(limits.take(THEIRS, &Method::GET, path).is_ok());
        for _ in 0..2 * FORGET_EVERY {
            assert!(limits.take(OURS, &Method::GET, "/v2/bot/info").is_ok());
        }
        // What was forgotten were full buckets only.
        assert!(limits.take(OURS, &Method::GET, path).is_err());
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        for text in ["60/h", "1000/min", "200/s", "off"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "60",
            "0/s",
            "-1/s",
            "60/d",
            "1,000/s",
            "/s",
            "5000000000/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
