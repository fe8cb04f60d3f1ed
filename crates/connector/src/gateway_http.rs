//! The messenger gateway over HTTP: one request, one answer, and what a failed transport proves.
//!
//! Only a connection that never came to be proves that nothing was processed. A timeout, a reset or
//! an answer that is cut off proves nothing: the request may have been processed.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::answer::{AskAnswer, CloseAnswer, NotProcessed, PushAnswer, UnknownReason};
use domain::capability::Capability;
use domain::chunk::RETRY_AFTER_MAX;
use domain::codec::{CorruptBlob, PackedKeys};
use domain::id::AccountId;
use domain::push::PushKey;
use domain::time::Clock;
use domain::trace::{Share, traceparent};
use domain::user::UserKey;
use futures_util::{StreamExt, stream};
use gateway::{Secrets, classify_ask, classify_close, classify_push, part_of_body, push_body};
use reqwest::Method;

use crate::breaker::{BreakReason, Breaker, Health, Permission};
use crate::parts::{self, PARTS_IN_FLIGHT_MAX};
use crate::port::{Connector, Push};
use crate::transport::{Answer, Exchange, Transport};

/// How to reach one messenger.
pub struct GatewayConfig {
    /// Up to and without `/v1/pushes`.
    pub base_url: String,
    pub token: String,
    pub secrets: Secrets,
    /// Whom an `https://` address trusts beside the system's authorities; PEM.
    pub root_certificates: Option<String>,
    pub capability: Capability,
    /// Of which pushes the messenger is told that they are traced.
    pub traced: Share,
    /// From the first try to connect to the answer's last byte.
    pub request_timeout: Duration,
}

pub struct GatewayConnector {
    transport: Transport,
    capability: Capability,
    traced: Share,
    request_timeout: Duration,
    clock: Arc<dyn Clock>,
    breaker: Breaker,
}

/// A configuration that cannot work: refuse to start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "the messenger's address '{0}' is no http:// or https:// URL without query and password"
    )]
    Address(String),
    #[error("the messenger's root certificates cannot be read: {0}")]
    RootCertificates(#[source] reqwest::Error),
    #[error("the gateway token is empty or holds characters that a header cannot carry")]
    Token,
    #[error("the request timeout must be longer than zero")]
    Timeout,
    #[error("the HTTP client cannot be built")]
    Client(#[from] reqwest::Error),
}

/// Why the remaining parts of a chunk are not begun.
type Stopped = OnceLock<(NotProcessed, Option<Duration>)>;

impl GatewayConnector {
    pub fn open(config: GatewayConfig, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let request_timeout = config.request_timeout;
        if request_timeout.is_zero() {
            return Err(Error::Timeout);
        }
        Ok(Self {
            transport: Transport::open(
                &config.base_url,
                config.root_certificates.as_deref(),
                &config.token,
                config.secrets.current,
                request_timeout,
            )?,
            capability: config.capability,
            traced: config.traced,
            request_timeout,
            clock,
            breaker: Breaker::default(),
        })
    }

    /// Why nothing of an account is sent at the moment, if so.
    pub fn is_open(&self, account: AccountId) -> Option<BreakReason> {
        self.breaker.is_open(Some(account), self.clock.monotonic())
    }

    /// An operator has looked at the credentials or the messenger: ask again at once.
    pub fn reset(&self) {
        self.breaker.reset();
    }

    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// One request with all of `push`, traced as part of a chunk's.
    async fn push_one(&self, push: &Push<'_>, chunk: PushKey) -> PushAnswer {
        let body = push_body(
            push.key,
            &push.content_hash,
            push.frozen,
            push.keys,
            push.variables,
            push.not_after,
            push.exclude,
        );
        let body = match body {
            Ok(body) => body,
            // The messenger would refuse it with the same words.
            Err(gateway::Error::TooLarge { .. }) => return PushAnswer::Rejected { status: 413 },
            Err(error) => return self.unbuildable(push.key, &error),
        };
        let body = (body, traceparent(&chunk, self.traced));
        let request = match self.transport.push(push.key, body, self.clock.now()) {
            Ok(request) => request,
            Err(error) => return self.unbuildable(push.key, &error),
        };
        if self.clock.monotonic() >= push.deadline {
            return PushAnswer::NotProcessed {
                reason: NotProcessed::DeadlinePassed,
                retry_after: None,
            };
        }
        // Asked last: whoever is let through as the probe must send and report.
        if let Permission::Stop {
            reason,
            retry_after,
        } = self.breaker.ask(Some(push.account), self.clock.monotonic())
        {
            return stopped_by(reason, retry_after);
        }
        let answer = match self.transport.exchange(request).await {
            Exchange::Unreachable => PushAnswer::NotProcessed {
                reason: NotProcessed::Unreachable,
                retry_after: None,
            },
            Exchange::Lost(reason) => PushAnswer::Unknown(reason),
            Exchange::Answered(answer) => {
                let classified = answer
                    .with_http(|http| classify_push(http, push.key, push.size, self.clock.now()));
                match (classified, answer.body) {
                    // Its status alone would have been no proof, and the body did not arrive.
                    (PushAnswer::Unknown(UnknownReason::BadAnswer), Err(reason)) => {
                        PushAnswer::Unknown(reason)
                    }
                    (classified, _) => classified,
                }
            }
        };
        let now = self.clock.monotonic();
        self.breaker
            .record(Some(push.account), health(&answer), now);
        answer
    }

    /// The requests of a chunk that is larger than the messenger's batch.
    async fn push_in_parts(&self, push: &Push<'_>) -> PushAnswer {
        let guarantee = self.capability.guarantee();
        let keys = match push.keys.to_keys() {
            Ok(keys) => keys,
            Err(error) => return self.unbuildable(push.key, &error),
        };
        let stopped = Stopped::new();
        let parts = stream::iter(parts::ranges(push.size, self.capability.batch_max))
            .map(|range| self.push_part(push, &keys, range, &stopped))
            .buffered(PARTS_IN_FLIGHT_MAX);
        let mut parts: Vec<(Range<u32>, PushAnswer)> = parts.collect().await;
        self.have_lost_parts_again(push, &keys, &mut parts).await;
        if parts::must_close_rejected(guarantee, &parts) {
            for (range, answer) in &mut parts {
                if matches!(answer, PushAnswer::Rejected { .. }) {
                    let size = range.len() as u32;
                    let closed = match self.capability.closable {
                        true => Some(self.close_one(push.key.part(range.start), size).await),
                        false => None,
                    };
                    *answer = parts::rejected_part(size, closed);
                }
            }
        }
        parts::put_together(guarantee, &parts)
    }

    /// Asks again for the few answers that were lost, with the same keys: otherwise one lost answer
    /// has all parts of the chunk sent again, of which one would be lost again.
    async fn have_lost_parts_again(
        &self,
        push: &Push<'_>,
        keys: &[UserKey],
        parts: &mut [(Range<u32>, PushAnswer)],
    ) {
        for _ in 0..parts::REPETITIONS_MAX {
            let lost = parts::worth_repeating(self.capability.guarantee(), parts);
            if lost.is_empty() {
                return;
            }
            let stopped = Stopped::new();
            let again: Vec<(Range<u32>, PushAnswer)> = stream::iter(lost.clone())
                .map(|index| self.push_part(push, keys, parts[index].0.clone(), &stopped))
                .buffered(PARTS_IN_FLIGHT_MAX)
                .collect()
                .await;
            for (index, (_, answer)) in lost.into_iter().zip(again) {
                parts::repeated(&mut parts[index].1, answer);
            }
        }
    }

    async fn push_part(
        &self,
        push: &Push<'_>,
        keys: &[UserKey],
        range: Range<u32>,
        stopped: &Stopped,
    ) -> (Range<u32>, PushAnswer) {
        if let Some((reason, retry_after)) = stopped.get().copied() {
            let answer = PushAnswer::NotProcessed {
                reason,
                retry_after,
            };
            return (range, answer);
        }
        let answer = match PartBody::cut(push, keys, &range) {
            Ok(part) => self.push_one(&part.as_push(push, &range), push.key).await,
            Err(error) => self.unbuildable(push.key, &error),
        };
        // What one part is refused, the next ones would be refused as well.
        if let PushAnswer::NotProcessed {
            reason,
            retry_after,
        } = &answer
        {
            stopped.get_or_init(|| (*reason, *retry_after));
        }
        (range, answer)
    }

    async fn close_one(&self, key: PushKey, size: u32) -> CloseAnswer {
        let path = format!("/{key}/close");
        let Some(answer) = self.small_exchange(Method::POST, &path).await else {
            return CloseAnswer::Unknown;
        };
        answer.with_http(|http| classify_close(http, key, size, self.clock.now()))
    }

    async fn ask_one(&self, key: PushKey, size: u32) -> AskAnswer {
        let path = format!("/{key}");
        let Some(answer) = self.small_exchange(Method::GET, &path).await else {
            return AskAnswer::Unknown;
        };
        answer.with_http(|http| classify_ask(http, key, size))
    }

    /// A request without a body; `None` where nothing usable came back.
    async fn small_exchange(&self, method: Method, path: &str) -> Option<Answer> {
        let request = self.transport.small(method, path).ok()?;
        if let Permission::Stop { .. } = self.breaker.ask(None, self.clock.monotonic()) {
            return None;
        }
        let exchange = self.transport.exchange(request).await;
        let health = match &exchange {
            Exchange::Answered(Answer {
                status: 401 | 403, ..
            }) => Health::Unauthorized,
            Exchange::Answered(answer) if answer.status < 500 => Health::Good,
            _ => Health::Failed,
        };
        self.breaker.record(None, health, self.clock.monotonic());
        match exchange {
            Exchange::Answered(answer) => Some(answer),
            Exchange::Unreachable | Exchange::Lost(_) => None,
        }
    }

    /// Nothing was sent, but sending is impossible: our own books are damaged. Waiting is harmless
    /// and the log says why.
    fn unbuildable(&self, key: PushKey, error: &dyn std::error::Error) -> PushAnswer {
        tracing::error!(%key, %error, "a push cannot be built");
        PushAnswer::NotProcessed {
            reason: NotProcessed::Unavailable,
            retry_after: None,
        }
    }

    fn fits_one_request(&self, size: u32) -> bool {
        size <= self.capability.batch_max
    }

    fn part_keys(&self, key: PushKey, size: u32) -> impl Iterator<Item = (Range<u32>, PushKey)> {
        parts::ranges(size, self.capability.batch_max)
            .map(move |range| (range.clone(), key.part(range.start)))
    }
}

#[async_trait]
impl Connector for GatewayConnector {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    async fn push(&self, push: &Push<'_>) -> PushAnswer {
        if self.fits_one_request(push.size) {
            self.push_one(push, push.key).await
        } else {
            self.push_in_parts(push).await
        }
    }

    async fn close(&self, key: PushKey, size: u32) -> CloseAnswer {
        if self.fits_one_request(size) {
            return self.close_one(key, size).await;
        }
        let parts: Vec<_> = stream::iter(self.part_keys(key, size))
            .map(|(range, key)| async move {
                let answer = self.close_one(key, range.len() as u32).await;
                (range, answer)
            })
            .buffered(PARTS_IN_FLIGHT_MAX)
            .collect()
            .await;
        parts::put_closes_together(&parts)
    }

    async fn ask(&self, key: PushKey, size: u32) -> AskAnswer {
        if self.fits_one_request(size) {
            return self.ask_one(key, size).await;
        }
        let parts: Vec<_> = stream::iter(self.part_keys(key, size))
            .map(|(range, key)| async move {
                let answer = self.ask_one(key, range.len() as u32).await;
                (range, answer)
            })
            .buffered(PARTS_IN_FLIGHT_MAX)
            .collect()
            .await;
        parts::put_asks_together(self.capability.guarantee(), &parts)
    }
}

/// What one part of a chunk sends.
struct PartBody {
    keys: PackedKeys,
    variables: Option<String>,
    exclude: Vec<u32>,
    content_hash: [u8; 32],
}

impl PartBody {
    fn cut(push: &Push<'_>, keys: &[UserKey], range: &Range<u32>) -> Result<Self, gateway::Error> {
        let chosen = keys
            .get(range.start as usize..range.end as usize)
            .ok_or(CorruptBlob::Impossible("fewer keys than recipients"))?;
        let keys = PackedKeys::of(chosen);
        let positions: Vec<u32> = range.clone().collect();
        let (content_hash, variables) =
            part_of_body(push.frozen, &keys, push.variables, &positions)?;
        let exclude = push
            .exclude
            .iter()
            .filter(|position| range.contains(position));
        Ok(Self {
            keys,
            variables,
            exclude: exclude.map(|position| position - range.start).collect(),
            content_hash,
        })
    }

    fn as_push<'a>(&'a self, whole: &Push<'a>, range: &Range<u32>) -> Push<'a> {
        Push {
            key: whole.key.part(range.start),
            content_hash: self.content_hash,
            size: range.len() as u32,
            keys: &self.keys,
            variables: self.variables.as_deref(),
            exclude: &self.exclude,
            ..*whole
        }
    }
}

fn stopped_by(reason: BreakReason, retry_after: Duration) -> PushAnswer {
    PushAnswer::NotProcessed {
        reason: match reason {
            BreakReason::Unauthorized => NotProcessed::Unauthorized,
            BreakReason::Failing => NotProcessed::Unavailable,
            BreakReason::Asked(why) => why,
        },
        retry_after: Some(retry_after),
    }
}

fn health(answer: &PushAnswer) -> Health {
    match answer {
        PushAnswer::NotProcessed {
            reason: NotProcessed::Unauthorized,
            ..
        } => Health::Unauthorized,
        PushAnswer::NotProcessed {
            reason: NotProcessed::Unreachable,
            ..
        } => Health::Unreachable,
        PushAnswer::NotProcessed {
            reason,
            retry_after: Some(pause),
        } => Health::Asked(*reason, (*pause).min(RETRY_AFTER_MAX)),
        PushAnswer::Unknown(_) => Health::Failed,
        _ => Health::Good,
    }
}
