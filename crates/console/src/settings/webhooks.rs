//! Webhooks: where a brand's program is told what friends do, whether it takes it, and every event
//! with each try.

pub mod event; // one event with its body and its tries
mod log; // what is looked for, and its page
mod chart; // a week of requests, as shapes

use askama::Template;
use axum::extract::{Form, Query};
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::time::LocalDay;
use domain::webhook::{EventId, FailureReason};
use jobs::webhooks::{Trial, TrialError};
use serde::Deserialize;
use store::webhook::{WebhookEndpoint, WebhookEvent};
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;
use chart::{Chart, DayCounts};
use log::{Choice, LogQuery, Row};

const HERE: &str = "/settings/webhooks";
/// Days of the chart, today among them.
const CHART_DAYS: i32 = 7;

#[derive(Template)]
#[template(path = "settings/webhooks.html")]
struct WebhooksPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    path: String,
    has_endpoint: bool,
    fields: EndpointForm,
    faults: Faults,
    tested: Option<Tested>,
    chart: Chart,
    query: LogQuery,
    is_filtered: bool,
    kinds: Vec<Choice>,
    states: Vec<Choice>,
    rows: Vec<Row>,
    /// Given up, among those that the log is filtered to.
    failed: u64,
    first: Option<String>,
    next: Option<String>,
}

/// What came of a test.
struct Tested {
    /// Empty where it was taken.
    reason: String,
    detail: String,
    took: String,
}

/// The endpoint, as it was typed. A box that is not checked is not sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EndpointForm {
    url: String,
    active: String,
    redelivers: String,
}

impl EndpointForm {
    fn of(endpoint: Option<&WebhookEndpoint>) -> Self {
        let checked = |is_checked: bool| match is_checked {
            true => "1".to_owned(),
            false => String::new(),
        };
        match endpoint {
            // Whoever names an address wants events.
            None => Self {
                active: checked(true),
                ..Self::default()
            },
            Some(endpoint) => Self {
                url: endpoint.url.to_string(),
                active: checked(endpoint.is_active),
                redelivers: checked(endpoint.redelivers),
            },
        }
    }

    fn is_active(&self) -> bool {
        self.active == "1"
    }

    fn is_redelivering(&self) -> bool {
        self.redelivers == "1"
    }
}

/// What the page shows besides what it always shows.
#[derive(Default)]
struct Shown {
    fields: Option<EndpointForm>,
    faults: Faults,
    tested: Option<Tested>,
    query: LogQuery,
}

pub async fn show(desk: Desk, Query(query): Query<LogQuery>) -> Result<Response, Error> {
    let shown = Shown {
        query,
        ..Shown::default()
    };
    draw(&desk, shown).await
}

/// `POST /console/{handle}/settings/webhooks/test`.
pub async fn test(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    let trial = match desk.webhooks.trial(business, account, None).await {
        Ok(trial) => trial,
        Err(TrialError::NoEndpoint | TrialError::BadUrl) => return Err(Error::NotFound),
        Err(TrialError::Directory(error)) => return Err(error.into()),
        Err(TrialError::Store(error)) => return Err(error.into()),
    };
    let shown = Shown {
        tested: Some(Tested::of(&desk.words, trial)),
        ..Shown::default()
    };
    draw(&desk, shown).await
}

impl Tested {
    fn of(words: &Words, trial: Trial) -> Self {
        let reason = trial.outcome.failure.map(FailureReason::name);
        Self {
            reason: reason.unwrap_or_default().to_owned(),
            detail: trial.outcome.detail,
            took: words.count(trial.took_ms),
        }
    }
}

/// `POST /console/{handle}/settings/webhooks`.
pub async fn change(desk: Desk, Form(fields): Form<EndpointForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let typed = fields.url.trim();
    if typed.is_empty() {
        desk.webhooks.remove_endpoint(desk.account.id).await?;
        return Ok(done(&desk, "done-webhook"));
    }
    let Some(url) = desk.webhooks.endpoint_url(typed) else {
        let faults = Faults::one("url", desk.words.t("webhooks-fault-url"));
        let shown = Shown {
            fields: Some(fields),
            faults,
            ..Shown::default()
        };
        return draw(&desk, shown).await;
    };
    let (active, redelivers) = (fields.is_active(), fields.is_redelivering());
    let account = desk.account.id;
    let set = desk.webhooks.set_endpoint(account, url, active, redelivers);
    set.await?;
    Ok(done(&desk, "done-webhook"))
}

/// `POST /console/{handle}/settings/webhooks/replay`: everything that was given up of a search.
pub async fn replay(desk: Desk, Form(query): Form<LogQuery>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let filter = query.filter(&desk.zone);
    desk.webhooks
        .replay_given_up(desk.account.id, &filter)
        .await?;
    Ok(done(&desk, "done-webhook-replayed"))
}

fn done(desk: &Desk, key: &str) -> Response {
    Redirect::to(&desk.at(&format!("{HERE}?done={key}"))).into_response()
}

async fn draw(desk: &Desk, shown: Shown) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (words, account, path) = (desk.words, desk.account.id, desk.at(HERE));
    let (store, query) = (&desk.store, shown.query);
    let endpoint = store.webhook_endpoint(account).await?;
    let filter = query.filter(&desk.zone);
    let after = query.after();
    let found = store
        .webhook_events(account, &filter, after, log::PAGE)
        .await?;
    let failed = store.count_given_up(account, &filter).await?;
    let page = WebhooksPage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/webhooks"),
        has_endpoint: endpoint.is_some(),
        fields: match shown.fields {
            Some(typed) => typed,
            None => EndpointForm::of(endpoint.as_ref()),
        },
        faults: shown.faults,
        tested: shown.tested,
        chart: week(desk).await?,
        is_filtered: query.is_filtered(),
        kinds: query.kinds(&words),
        states: query.states(&words),
        rows: rows(desk, &path, &found.events).await?,
        failed,
        first: after.map(|_| query.address(&path, None)),
        next: found.next.map(|next| query.address(&path, Some(next))),
        query,
        path,
    };
    page::show_as(page.faults.status(), &page)
}

/// Events with the last request that each was in.
async fn rows(desk: &Desk, path: &str, events: &[WebhookEvent]) -> Result<Vec<Row>, Error> {
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let account = desk.account.id;
    let attempts = desk.store.attempts_of_events(account, &ids).await?;
    let row = |event: &WebhookEvent| {
        // The newest come first.
        let last = attempts.iter().find(|(id, _)| *id == event.id);
        Row::of(desk, path, event, last.map(|(_, attempt)| attempt))
    };
    Ok(events.iter().map(row).collect())
}

/// The requests of the last days, today's so far among them.
async fn week(desk: &Desk) -> Result<Chart, Error> {
    let today = LocalDay::of(desk.now, &desk.zone).number();
    let reasons = FailureReason::ALL.map(FailureReason::name);
    let mut days: Vec<DayCounts> = Vec::new();
    for number in today - CHART_DAYS + 1..=today {
        let day = LocalDay::from_number(number);
        let (from, until) = (day.begin(&desk.zone), day.end(&desk.zone));
        let counts = desk
            .store
            .webhook_counts(desk.account.id, from, until)
            .await?;
        let failed = FailureReason::ALL.map(|reason| counts.failed_by(reason));
        days.push(DayCounts {
            day: number,
            taken: counts.taken,
            failed: failed.to_vec(),
        });
    }
    Ok(chart::of(&days, &reasons, &desk.words))
}
