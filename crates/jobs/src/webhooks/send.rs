//! The role `jobs`: accounts beside each other, the events of each in requests after each other.

use std::sync::Arc;
use std::time::Duration;

use domain::id::AccountId;
use domain::time::Timestamp;
use domain::webhook::{self, EventId, FailureReason};
use store::webhook::{DueEvent, TryEnd, WebhookAttempt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Webhooks;
use super::post::{ANSWER_TIMEOUT, Outcome};
use crate::Error;

/// Accounts that are told something at once.
const ACCOUNTS_AT_ONCE: usize = 64;
/// How long nobody else tells an account anything, although whoever does says nothing more.
const LEASE: Duration = Duration::from_secs(20);
/// How often somebody looks whether another process has made events.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After something that may pass.
const REST: Duration = Duration::from_secs(5);
/// Events of one request.
pub const EVENTS_MAX: u32 = 100;
/// Bytes of their bodies: the first goes however large it is.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
/// After which pauses a failed event is sent again: for a day, all in all.
const PAUSES_SECONDS: [u64; 10] = [
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    6 * HOUR,
    6 * HOUR,
];

const _: () = assert!(ANSWER_TIMEOUT.as_secs() * 4 < LEASE.as_secs());

impl Webhooks {
    /// Tells whoever waits, until it is stopped. What is under way then is finished: it takes no
    /// longer than an answer may.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut telling = JoinSet::new();
        loop {
            let claimed = tokio::select! {
                () = stop.cancelled() => break,
                claimed = self.claim(ACCOUNTS_AT_ONCE - telling.len()) => claimed,
            };
            let rest = match claimed {
                Ok(accounts) => {
                    for account in accounts {
                        telling.spawn(self.clone().tell_or_say(account));
                    }
                    LOOK_EVERY
                }
                Err(error) => {
                    tracing::error!(%error, "webhooks rest");
                    REST
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                // Whoever was told may have more, and there is room for another.
                Some(told) = telling.join_next() => say_panic(told),
                () = self.wake.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
        while let Some(told) = telling.join_next().await {
            say_panic(told);
        }
    }

    /// Tells every account that waits once; how many there were. Safe to repeat, to interrupt and
    /// to run twice.
    pub async fn step(&self) -> Result<usize, Error> {
        let accounts = self.claim(ACCOUNTS_AT_ONCE).await?;
        for account in &accounts {
            self.tell(*account).await?;
        }
        Ok(accounts.len())
    }

    /// Takes accounts that wait, so that nobody else tells them anything for a while.
    async fn claim(&self, room: usize) -> Result<Vec<AccountId>, Error> {
        let now = self.clock.now();
        if room == 0 || !self.store.webhooks_wait(now).await? {
            return Ok(Vec::new());
        }
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let mut write = self.store.write().await?;
        let accounts = write.claim_webhooks(now, LEASE, room).await?;
        write.commit().await?;
        Ok(accounts)
    }

    async fn tell_or_say(self: Arc<Self>, account: AccountId) {
        if let Err(error) = self.tell(account).await {
            // Nobody tells it anything until the lease is over, and then it is tried again.
            tracing::error!(%account, %error, "a webhook rests");
        }
    }

    /// One request of an account, and what came of it.
    async fn tell(&self, account: AccountId) -> Result<(), Error> {
        let now = self.clock.now();
        let endpoint = self.store.webhook_endpoint(account).await?;
        let Some(endpoint) = endpoint.filter(|endpoint| endpoint.is_active) else {
            let mut write = self.store.write().await?;
            write.give_up_webhooks(account).await?;
            return Ok(write.commit().await?);
        };
        let mut due = self.store.due_webhooks(account, now, EVENTS_MAX).await?;
        due.truncate(within_bytes(&due));
        let channel = self.store.channel_of_account(account).await?;
        let Some(channel) = channel.filter(|_| !due.is_empty()) else {
            let mut write = self.store.write().await?;
            write.release_webhooks(account).await?;
            return Ok(write.commit().await?);
        };
        let events: Vec<&str> = due.iter().map(|event| event.body.as_str()).collect();
        let body = webhook::body(channel.bot, &events);
        let secret = self.channels.secret(&channel)?;
        let signature = webhook::sign(secret.reveal(), body.as_bytes());
        self.renew_reply_tokens(&due).await?;
        let began = self.clock.monotonic();
        let outcome = self
            .poster
            .post(endpoint.url.as_str(), body, &signature)
            .await;
        let attempt = self.attempt(account, (now, began), &outcome, due.len());
        count(&attempt);
        store::pause::point("webhook:sent").await;
        let ends = due
            .iter()
            .map(|event| self.end(event, &outcome, endpoint.redelivers));
        let ends: Vec<TryEnd> = ends.collect();
        let mut write = self.store.write().await?;
        write.record_webhook(&attempt, &ends).await?;
        write.sweep_webhooks(account, now).await?;
        write.commit().await?;
        tracing::debug!(%account, events = due.len(), detail = %outcome.detail, "a webhook");
        Ok(())
    }

    /// Programs have a minute to answer from when they are told, not from when it happened.
    async fn renew_reply_tokens(&self, due: &[DueEvent]) -> Result<(), Error> {
        let ids: Vec<EventId> = due.iter().map(|event| event.id).collect();
        let mut write = self.store.write().await?;
        let now = self.clock.now();
        write
            .renew_reply_tokens(&ids, now, self.replies_within)
            .await?;
        Ok(write.commit().await?)
    }

    /// What becomes of an event after a try.
    fn end(&self, event: &DueEvent, outcome: &Outcome, redelivers: bool) -> TryEnd {
        let pause = match redelivers {
            true => pause_after(event.tries + 1),
            false => None,
        };
        match (outcome.is_taken(), pause) {
            (true, _) => TryEnd::delivered(event.id),
            (false, Some(pause)) => TryEnd::again(event.id, self.clock.now() + pause),
            (false, None) => TryEnd::given_up(event.id),
        }
    }

    /// A request that began a while ago, as it is kept.
    pub(super) fn attempt(
        &self,
        account: AccountId,
        (at, began): (Timestamp, Duration),
        outcome: &Outcome,
        events: usize,
    ) -> WebhookAttempt {
        let took = self.clock.monotonic().saturating_sub(began);
        WebhookAttempt {
            id: self.ids.next(),
            account,
            at,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
            status: outcome.status,
            failure: outcome.failure,
            detail: outcome.detail.clone(),
            events: u32::try_from(events).unwrap_or(u32::MAX),
        }
    }
}

/// How long to wait after so many tries; `None`: it is given up.
fn pause_after(tries: u32) -> Option<Duration> {
    let place = usize::try_from(tries.checked_sub(1)?).ok()?;
    PAUSES_SECONDS
        .get(place)
        .map(|seconds| Duration::from_secs(*seconds))
}

/// How many of these one request holds.
fn within_bytes(due: &[DueEvent]) -> usize {
    let mut bytes = 0;
    let fits = |event: &&DueEvent| {
        let is_first = bytes == 0;
        bytes += event.body.len();
        is_first || bytes <= EVENT_BYTES_MAX
    };
    due.iter().take_while(fits).count()
}

fn count(attempt: &WebhookAttempt) {
    let result = attempt.failure.map_or("taken", FailureReason::name);
    let events = u64::from(attempt.events);
    metrics::counter!("chingu_webhooks_total", "result" => result).increment(1);
    metrics::counter!("chingu_webhook_events_total", "result" => result).increment(events);
    let seconds = f64::from(attempt.took_ms) / 1_000.0;
    metrics::histogram!("chingu_webhook_seconds").record(seconds);
}

fn say_panic(told: Result<(), tokio::task::JoinError>) {
    if let Err(error) = told {
        tracing::error!(%error, "a webhook was not sent");
    }
}
