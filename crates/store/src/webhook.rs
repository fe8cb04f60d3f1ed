//! What programs of brands are told: where, which events wait, and what came of every request.
//!
//! Events are sent in the order of their ids. An account is taken for a while before it is told
//! anything, so that no two processes tell it the same.

pub mod sweep; // what is forgotten

use std::collections::HashSet;
use std::time::Duration;

use domain::id::{AccountId, RequestId};
use domain::time::Timestamp;
use domain::webhook::{EndpointUrl, EventId, EventKind, EventState, FailureReason};
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// Where an account's events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    pub url: EndpointUrl,
    /// Whether events are sent.
    pub is_active: bool,
    /// Whether what failed is sent again.
    pub redelivers: bool,
}

/// Something that happened, and whether the program was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    pub id: EventId,
    pub kind: EventKind,
    pub at: Timestamp,
    /// JSON in LINE's shape.
    pub body: String,
    pub state: EventState,
    /// Requests it was in.
    pub tries: u32,
}

/// Something that happened, to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeEvent {
    pub id: EventId,
    pub account: AccountId,
    pub kind: EventKind,
    pub at: Timestamp,
    /// JSON in LINE's shape.
    pub body: String,
}

/// An event that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEvent {
    pub id: EventId,
    /// As it is sent this time.
    pub body: String,
    pub tries: u32,
}

/// Which events are looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub kind: Option<EventKind>,
    pub state: Option<EventState>,
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
}

/// Events, the newest first, and behind which the next page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPage {
    pub events: Vec<WebhookEvent>,
    pub next: Option<EventId>,
}

/// One request, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookAttempt {
    pub id: RequestId,
    pub account: AccountId,
    pub at: Timestamp,
    pub took_ms: u32,
    /// Of the answer, where there was one.
    pub status: Option<u16>,
    /// `None`: it was taken.
    pub failure: Option<FailureReason>,
    pub detail: String,
    pub events: u32,
}

/// What becomes of an event after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryEnd {
    event: EventId,
    state: EventState,
    due_at: Timestamp,
}

/// Requests of a stretch of time, tests among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookCounts {
    pub taken: u64,
    failed: Vec<(FailureReason, u64)>,
}

impl WebhookCounts {
    pub fn failed_by(&self, reason: FailureReason) -> u64 {
        let found = self.failed.iter().find(|(known, _)| *known == reason);
        found.map_or(0, |(_, count)| *count)
    }
}

impl TryEnd {
    pub const fn delivered(event: EventId) -> Self {
        Self::of(event, EventState::Delivered, Timestamp::from_millis(0))
    }

    pub const fn given_up(event: EventId) -> Self {
        Self::of(event, EventState::GivenUp, Timestamp::from_millis(0))
    }

    /// It waits until then.
    pub const fn again(event: EventId, due_at: Timestamp) -> Self {
        Self::of(event, EventState::Waiting, due_at)
    }

    const fn of(event: EventId, state: EventState, due_at: Timestamp) -> Self {
        Self {
            event,
            state,
            due_at,
        }
    }
}

const EVENT: &str = "SELECT id, kind, at, body, state, tries FROM webhook_event";

impl Store {
    pub async fn webhook_endpoint(
        &self,
        account: AccountId,
    ) -> Result<Option<WebhookEndpoint>, StoreError> {
        let sql = "SELECT url, active, redelivers FROM webhook_endpoint WHERE account = $1";
        let row = row::one(self.reader(), "webhook_endpoint", sql, values![account]).await?;
        row.map(|row| {
            let url: String = row.get("url")?;
            let parsed = EndpointUrl::parse(&url).map_err(|why| row.corrupt("url", why))?;
            Ok(WebhookEndpoint {
                url: parsed,
                is_active: row.int::<u8>("active")? == 1,
                redelivers: row.int::<u8>("redelivers")? == 1,
            })
        })
        .transpose()
    }

    /// Whether any account is to be told something, taken by somebody or not.
    pub async fn webhooks_wait(&self, now: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM webhook_event WHERE state = 1 AND due_at <= $1 LIMIT 1";
        let row = row::one(self.reader(), "webhook_event", sql, values![now]).await?;
        Ok(row.is_some())
    }

    /// The oldest events of an account that are due.
    pub async fn due_webhooks(
        &self,
        account: AccountId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueEvent>, StoreError> {
        let sql = "SELECT id, body, tries FROM webhook_event
                   WHERE account = $1 AND state = 1 AND due_at <= $2 ORDER BY id LIMIT $3";
        let bound = values![account, now, limit];
        let rows = row::all(self.reader(), "webhook_event", sql, bound).await?;
        let due = rows.iter().map(|row| {
            let (body, tries): (String, u32) = (row.get("body")?, row.int("tries")?);
            Ok(DueEvent {
                id: EventId::from_bytes(row.bytes("id")?),
                body: match tries {
                    0 => body,
                    _ => domain::webhook::again(&body),
                },
                tries,
            })
        });
        due.collect()
    }

    pub async fn webhook_event(
        &self,
        account: AccountId,
        id: EventId,
    ) -> Result<Option<WebhookEvent>, StoreError> {
        event(self.reader(), account, id).await
    }

    /// A page of events behind one, the newest first.
    pub async fn webhook_events(
        &self,
        account: AccountId,
        filter: &EventFilter,
        after: Option<EventId>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        let (mut wanted, mut bound) = conditions(account, filter);
        if let Some(after) = after {
            bound.extend(values![*after.as_bytes()]);
            wanted.push_str(&format!(" AND id < ${}", bound.len()));
        }
        bound.extend(values![limit.saturating_add(1)]);
        let place = bound.len();
        let sql = format!("{EVENT} WHERE {wanted} ORDER BY id DESC LIMIT ${place}");
        let rows = row::all(self.reader(), "webhook_event", &sql, bound).await?;
        let mut events: Vec<WebhookEvent> = rows.iter().map(read).collect::<Result<_, _>>()?;
        let has_more = events.len() > limit as usize;
        events.truncate(limit as usize);
        Ok(EventPage {
            next: events.last().filter(|_| has_more).map(|last| last.id),
            events,
        })
    }

    /// How many of a search were given up.
    pub async fn count_given_up(
        &self,
        account: AccountId,
        filter: &EventFilter,
    ) -> Result<u64, StoreError> {
        let Some(filter) = given_up(filter) else {
            return Ok(0);
        };
        let (wanted, bound) = conditions(account, &filter);
        let sql = format!("SELECT COUNT(*) AS events FROM webhook_event WHERE {wanted}");
        let row = row::one(self.reader(), "webhook_event", &sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("events"))
    }

    /// The requests that an event was in, the newest first.
    pub async fn webhook_attempts(
        &self,
        account: AccountId,
        id: EventId,
    ) -> Result<Vec<WebhookAttempt>, StoreError> {
        let found = self.attempts_of_events(account, &[id]).await?;
        Ok(found.into_iter().map(|(_, attempt)| attempt).collect())
    }

    /// The requests that some events of one page were in, the newest first.
    pub async fn attempts_of_events(
        &self,
        account: AccountId,
        ids: &[EventId],
    ) -> Result<Vec<(EventId, WebhookAttempt)>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut bound = Vec::from(values![account]);
        let mut places = Vec::with_capacity(ids.len());
        for id in ids {
            bound.extend(values![*id.as_bytes()]);
            places.push(format!("${}", bound.len()));
        }
        let sql = format!(
            "SELECT l.event AS event, a.id AS id, a.at AS at, a.took_ms AS took_ms,
               a.status AS status, a.failure AS failure, a.detail AS detail, a.events AS events
             FROM webhook_attempt_event l JOIN webhook_attempt a ON a.id = l.attempt
             WHERE l.account = $1 AND l.event IN ({}) ORDER BY a.at DESC, a.id DESC",
            places.join(", ")
        );
        let rows = row::all(self.reader(), "webhook_attempt", &sql, bound).await?;
        let found = rows.iter().map(|row| {
            let attempt = WebhookAttempt {
                id: row.id("id")?,
                account,
                at: row.time("at")?,
                took_ms: row.int("took_ms")?,
                status: row.optional_int("status")?,
                failure: reason(row)?,
                detail: row.get("detail")?,
                events: row.int("events")?,
            };
            Ok((EventId::from_bytes(row.bytes("event")?), attempt))
        });
        found.collect()
    }

    /// Requests of an account from one moment on and before another.
    pub async fn webhook_counts(
        &self,
        account: AccountId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<WebhookCounts, StoreError> {
        let sql = "SELECT failure, COUNT(*) AS requests FROM webhook_attempt
                   WHERE account = $1 AND at >= $2 AND at < $3 GROUP BY failure";
        let bound = values![account, from, until];
        let rows = row::all(self.reader(), "webhook_attempt", sql, bound).await?;
        let mut counts = WebhookCounts::default();
        for row in &rows {
            let requests: u64 = row.int("requests")?;
            match reason(row)? {
                None => counts.taken += requests,
                Some(reason) => counts.failed.push((reason, requests)),
            }
        }
        Ok(counts)
    }
}

impl Write {
    pub async fn set_webhook_endpoint(
        &mut self,
        account: AccountId,
        url: &EndpointUrl,
        is_active: bool,
        redelivers: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO webhook_endpoint
              (account, url, active, redelivers, set_at, leased_until)
            VALUES ($1, $2, $3, $4, $5, 0)
            ON CONFLICT (account) DO UPDATE SET url = excluded.url, active = excluded.active,
              redelivers = excluded.redelivers, set_at = excluded.set_at";
        let bound = values![account, url.as_str(), is_active, redelivers, now];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Takes the address away; what waits is given up.
    pub async fn remove_webhook_endpoint(&mut self, account: AccountId) -> Result<(), StoreError> {
        self.give_up_webhooks(account).await?;
        let sql = "DELETE FROM webhook_endpoint WHERE account = $1";
        row::execute(self.connection(), sql, values![account]).await?;
        Ok(())
    }

    /// Adds something that happened, with its fields in LINE's shape beside those that all events
    /// have; nothing where nobody wants to be told.
    pub async fn add_webhook_event(
        &mut self,
        account: AccountId,
        (id, kind): (EventId, EventKind),
        at: Timestamp,
        body: &str,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO webhook_event (id, account, kind, at, body, state, tries, due_at)
                   SELECT $1, account, $3, $4, $5, 1, 0, $4 FROM webhook_endpoint
                   WHERE account = $2 AND active = 1";
        let bound = values![*id.as_bytes(), account, kind.code(), at, body];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Those of some accounts that are told what happens; they are until this write ends.
    pub async fn accounts_with_webhooks(
        &self,
        accounts: &[AccountId],
    ) -> Result<HashSet<AccountId>, StoreError> {
        let items = accounts.iter().map(|account| account.as_bytes().to_vec());
        let items: Vec<Value> = items.map(Value::from).collect();
        let head = "SELECT account FROM webhook_endpoint WHERE active = 1 AND account IN";
        let sql = [head, row::for_key_share(self.connection())];
        let rows = bulk::look_up(self.connection(), "webhook_endpoint", sql, &[], &items).await?;
        rows.iter().map(|row| row.id("account")).collect()
    }

    /// Adds what happened to accounts that are told, to be sent now.
    pub async fn add_webhook_events(
        &mut self,
        events: &[MadeEvent],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rows = events.iter().map(|event| {
            values![
                *event.id.as_bytes(),
                event.account,
                event.kind.code(),
                event.at,
                event.body.as_str(),
                EventState::Waiting.code(),
                0u32,
                now,
            ]
        });
        let rows: Vec<_> = rows.collect();
        let head = "INSERT INTO webhook_event (id, account, kind, at, body, state, tries, due_at)";
        bulk::insert(self.connection(), head, "", rows).await?;
        Ok(())
    }

    /// Takes accounts that are to be told something and that nobody else tells anything.
    pub async fn claim_webhooks(
        &mut self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<AccountId>, StoreError> {
        let sql = "SELECT p.account AS account FROM webhook_endpoint p
            WHERE p.leased_until <= $1 AND EXISTS (SELECT 1 FROM webhook_event e
              WHERE e.account = p.account AND e.state = 1 AND e.due_at <= $1)
            ORDER BY p.leased_until, p.account LIMIT $2";
        let found = row::all(
            self.connection(),
            "webhook_endpoint",
            sql,
            values![now, limit],
        );
        let mut claimed = Vec::new();
        for row in found.await? {
            let account: AccountId = row.id("account")?;
            // Another process may have been quicker.
            let sql = "UPDATE webhook_endpoint SET leased_until = $2
                       WHERE account = $1 AND leased_until <= $3";
            let bound = values![account, now + lease, now];
            if row::execute(self.connection(), sql, bound).await? == 1 {
                claimed.push(account);
            }
        }
        Ok(claimed)
    }

    /// Lets others tell the account something.
    pub async fn release_webhooks(&mut self, account: AccountId) -> Result<(), StoreError> {
        let sql = "UPDATE webhook_endpoint SET leased_until = 0 WHERE account = $1";
        row::execute(self.connection(), sql, values![account]).await?;
        Ok(())
    }

    /// Gives up whatever waits, because nobody is to be told.
    pub async fn give_up_webhooks(&mut self, account: AccountId) -> Result<(), StoreError> {
        let sql = "UPDATE webhook_event SET state = 3 WHERE account = $1 AND state = 1";
        row::execute(self.connection(), sql, values![account]).await?;
        self.release_webhooks(account).await
    }

    /// Notes a request without events.
    pub async fn record_webhook_test(
        &mut self,
        attempt: &WebhookAttempt,
    ) -> Result<(), StoreError> {
        self.insert_attempt(attempt, true).await
    }

    /// Notes a request and what becomes of its events, and lets others tell the account something.
    pub async fn record_webhook(
        &mut self,
        attempt: &WebhookAttempt,
        ends: &[TryEnd],
    ) -> Result<(), StoreError> {
        self.insert_attempt(attempt, false).await?;
        for end in ends {
            let sql = "UPDATE webhook_event SET state = $2, due_at = $3, tries = tries + 1
                       WHERE id = $1";
            let bound = values![*end.event.as_bytes(), end.state.code(), end.due_at];
            row::execute(self.connection(), sql, bound).await?;
            let sql = "INSERT INTO webhook_attempt_event (event, attempt, account)
                       VALUES ($1, $2, $3)";
            let bound = values![*end.event.as_bytes(), attempt.id, attempt.account];
            row::execute(self.connection(), sql, bound).await?;
        }
        self.release_webhooks(attempt.account).await
    }

    /// Has an event sent again, whatever became of it.
    pub async fn replay_webhook(
        &mut self,
        account: AccountId,
        id: EventId,
        now: Timestamp,
    ) -> Result<WebhookEvent, StoreError> {
        let sql = "UPDATE webhook_event SET state = 1, due_at = $3 WHERE account = $1 AND id = $2";
        let bound = values![account, *id.as_bytes(), now];
        row::execute(self.connection(), sql, bound).await?;
        let found = event(self.connection(), account, id).await?;
        found.ok_or_else(|| StoreError::NotFound(format!("webhook event {id}")))
    }

    /// Has everything sent again that was given up of a search; how many.
    pub async fn replay_given_up(
        &mut self,
        account: AccountId,
        filter: &EventFilter,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Some(filter) = given_up(filter) else {
            return Ok(0);
        };
        let (wanted, mut bound) = conditions(account, &filter);
        bound.extend(values![now]);
        let place = bound.len();
        let sql = format!("UPDATE webhook_event SET state = 1, due_at = ${place} WHERE {wanted}");
        row::execute(self.connection(), &sql, bound).await
    }

    async fn insert_attempt(
        &mut self,
        attempt: &WebhookAttempt,
        is_test: bool,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO webhook_attempt
              (id, account, at, took_ms, status, failure, detail, events, is_test)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let bound = values![
            attempt.id,
            attempt.account,
            attempt.at,
            attempt.took_ms,
            attempt.status,
            attempt.failure.map(FailureReason::code),
            attempt.detail.as_str(),
            attempt.events,
            is_test,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

/// A search among those that were given up; `None` where it is one for others.
fn given_up(filter: &EventFilter) -> Option<EventFilter> {
    let state = EventState::GivenUp;
    let is_possible = filter.state.is_none_or(|wanted| wanted == state);
    is_possible.then_some(EventFilter {
        state: Some(state),
        ..*filter
    })
}

/// What a search asks of an event, with the values of its placeholders.
fn conditions(account: AccountId, filter: &EventFilter) -> (String, Vec<Value>) {
    let (mut wanted, mut bound) = ("account = $1".to_owned(), Vec::from(values![account]));
    let asked = [
        ("kind =", filter.kind.map(|kind| i64::from(kind.code()))),
        ("state =", filter.state.map(|state| i64::from(state.code()))),
        ("at >=", filter.from.map(Timestamp::as_millis)),
        ("at <", filter.until.map(Timestamp::as_millis)),
    ];
    for (condition, value) in asked {
        if let Some(value) = value {
            bound.extend(values![value]);
            wanted.push_str(&format!(" AND {condition} ${}", bound.len()));
        }
    }
    (wanted, bound)
}

async fn event(
    connection: &impl ConnectionTrait,
    account: AccountId,
    id: EventId,
) -> Result<Option<WebhookEvent>, StoreError> {
    let sql = format!("{EVENT} WHERE account = $1 AND id = $2");
    let bound = values![account, *id.as_bytes()];
    let row = row::one(connection, "webhook_event", &sql, bound).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<WebhookEvent, StoreError> {
    let (kind, state): (u8, u8) = (row.int("kind")?, row.int("state")?);
    Ok(WebhookEvent {
        id: EventId::from_bytes(row.bytes("id")?),
        kind: EventKind::from_code(kind).ok_or_else(|| row.corrupt("kind", kind))?,
        at: row.time("at")?,
        body: row.get("body")?,
        state: EventState::from_code(state).ok_or_else(|| row.corrupt("state", state))?,
        tries: row.int("tries")?,
    })
}

fn reason(row: &Row) -> Result<Option<FailureReason>, StoreError> {
    let code: Option<u8> = row.optional_int("failure")?;
    let read = |code| FailureReason::from_code(code).ok_or_else(|| row.corrupt("failure", code));
    code.map(read).transpose()
}
