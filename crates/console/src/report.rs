//! A campaign's report: how far it got, what it cost, what friends did with it, and every send.
//!
//! What a campaign cost belongs to its report: whoever may read campaigns reads its bill, its unit
//! prices and where they were booked. The wallet behind it (balance, movements) asks for more.

pub mod cache; // figures read once a second however many watch them
pub mod course; // the course since launch as a chart and a table
pub mod figures; // what the page shows of the figures
pub mod facts; // what was sent to whom, when, how fast
pub mod sends; // one line for every send, with filters
pub mod evidence; // what proves one send
pub mod csv; // every send as a file

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::campaign::{CampaignKind, CampaignState};
use store::campaign::Campaign;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::report::facts::Facts;
use crate::report::figures::Figures;
use crate::running::outcome_of;
use crate::state::ConsoleState;

/// So long after its launch a report follows by itself what friends do.
const LIVE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Template)]
#[template(path = "report/report.html")]
struct ReportPage<'a> {
    frame: Frame<'a>,
    words: Words,
    head: Head,
    figures: Figures,
    facts: Facts,
    /// The messages as friends saw them, drawn.
    bubbles: String,
    /// Where it asks for what is new, as long as something may be.
    live: Option<String>,
    /// Who cancelled it, when, and why.
    cancelled_by: Option<String>,
}

/// What a report asks for again and again: the parts that change.
#[derive(Template)]
#[template(path = "report/live.html")]
struct LiveParts {
    words: Words,
    head: Head,
    figures: Figures,
}

/// What stands above every page of a launched campaign's results.
pub struct Head {
    pub name: String,
    pub path: String,
    pub state: &'static str,
    pub icon: Option<&'static str>,
    pub state_words: String,
    /// Purpose, audience, when: one quiet line.
    pub line: String,
    pub sends: String,
    /// Where it can still be watched and stopped.
    pub running: bool,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    let Some(launch) = campaign.launch else {
        return Ok(before_launch(&desk, &campaign));
    };
    let figures = read(&state, &desk, &campaign).await?;
    let is_live = desk.now.since(launch.launched_at) < LIVE_FOR;
    let head = Head::of(&desk, &campaign, &figures);
    let outcome = outcome_of(&state, &desk, &campaign).await?;
    let live = is_live.then(|| format!("{}/report/live", head.path));
    page::show(&ReportPage {
        frame: Frame::of(&desk, Place::Campaigns),
        words: desk.words,
        figures: Figures::of(&desk, &campaign, &figures),
        facts: facts::read(&desk, &campaign, &figures).await?,
        bubbles: facts::bubbles(&desk, &campaign),
        live,
        cancelled_by: outcome.map(|outcome| outcome.who_and_why()),
        head,
    })
}

/// The parts that change; nothing at all where they have not.
pub async fn live(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    if campaign.launch.is_none() {
        return Err(Error::NotFound);
    }
    let figures = read(&state, &desk, &campaign).await?;
    let parts = LiveParts {
        words: desk.words,
        head: Head::of(&desk, &campaign, &figures),
        figures: Figures::of(&desk, &campaign, &figures),
    };
    let html = parts
        .render()
        .map_err(|error| Error::Broken(error.to_string()))?;
    let tag = tag_of(&html);
    let tag = HeaderValue::from_str(&tag).map_err(|error| Error::Broken(error.to_string()))?;
    if headers.get(header::IF_NONE_MATCH) == Some(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(([(header::ETAG, tag)], axum::response::Html(html)).into_response())
}

/// A name for what is shown: equal parts, equal name. It lives as long as the process.
fn tag_of(html: &str) -> String {
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    format!("W/\"{:016x}\"", hasher.finish())
}

async fn read(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
) -> Result<Arc<billing::CampaignFigures>, Error> {
    let figures = state
        .figures
        .figures(&desk.store, desk.business.id, campaign.id, desk.now)
        .await?;
    Ok(figures)
}

/// Nothing was sent yet: the campaign's own page knows where to go on.
fn before_launch(desk: &Desk, campaign: &Campaign) -> Response {
    Redirect::to(&desk.at(&format!("/campaigns/{}", campaign.id))).into_response()
}

impl Head {
    pub fn of(desk: &Desk, campaign: &Campaign, figures: &billing::CampaignFigures) -> Self {
        let words = desk.words;
        let (state, icon, key) = badge(campaign.shown_state(), figures.bill.is_cancelled);
        let purpose = words.t(format!("report-purpose-{}", campaign.purpose.name()));
        let audience = facts::audience_words(&words, &campaign.audience, &desk.zone);
        let launched = campaign.launch.map(|launch| launch.launched_at);
        let when = launched
            .map(|at| words.time(at, &desk.zone))
            .unwrap_or_default();
        let sends = figures.bill.outcomes.frozen() + figures.bill.outcomes.left_out;
        Self {
            name: campaign.name.clone(),
            path: desk.at(&format!("/campaigns/{}", campaign.id)),
            state,
            icon,
            state_words: words.t(key).to_string(),
            line: match campaign.kind {
                CampaignKind::Test => format!("{when} · {} · {purpose}", words.t("report-test")),
                _ => format!("{when} · {purpose} · {audience}"),
            },
            sends: words.count(sends),
            running: matches!(
                campaign.state,
                CampaignState::Launching
                    | CampaignState::Running
                    | CampaignState::Paused(_)
                    | CampaignState::Cancelling
            ),
        }
    }
}

/// The look and the word of a state.
fn badge(
    state: CampaignState,
    is_cancelled: bool,
) -> (&'static str, Option<&'static str>, &'static str) {
    match state {
        CampaignState::Paused(_) => ("paused", Some("pause"), "report-state-paused"),
        CampaignState::Cancelling => ("cancelled", Some("x"), "report-state-cancelling"),
        CampaignState::Closing | CampaignState::Closed if is_cancelled => {
            ("cancelled", Some("x"), "report-state-cancelled")
        }
        CampaignState::Closing => ("running", None, "report-state-closing"),
        CampaignState::Closed => ("done", Some("check"), "report-state-closed"),
        _ => ("running", None, "report-state-running"),
    }
}
