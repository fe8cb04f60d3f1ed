//! A campaign under way: how far it is, how fast, what it cost so far, and how it is stopped.
//!
//! Owns what is shown while a campaign runs. Does not own what running means (`scheduler`) nor what
//! it looks like afterwards (the report). Invariant: however many people watch, a campaign is
//! counted at most once a second in this process.

pub mod chart; // the pace, drawn
pub mod course; // how fast it goes
pub mod outcome; // what a cancel came to, for this page and the report
pub mod shared; // read once for everybody who looks
pub mod stream; // sent once a second
pub mod tally; // people, money and chunks, adding up
pub mod view; // what the templates show

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use scheduler::SchedulerError;
use serde::Deserialize;
use store::campaign::Campaign;
use words::Words;

pub use outcome::{Outcome, outcome_of};
pub use tally::Tally;

use crate::campaign_words;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::state::ConsoleState;
use shared::Shared;
use stream::Streams;
use view::{CancelPart, LivePart};

/// Characters of a reason, at most.
const REASON_CHARACTERS_MAX: usize = 200;

/// What this process knows of campaigns that somebody watches.
#[derive(Default)]
pub struct Watching {
    tallies: Shared<CampaignId, Tally>,
    pub streams: Streams,
}

#[derive(Template)]
#[template(path = "running/page.html")]
struct RunningPage<'a> {
    frame: Frame<'a>,
    words: Words,
    live: LivePart<'a>,
    /// There was not enough for everybody.
    fewer: Option<String>,
    cancel: CancelPart,
    reason: String,
    faults: Faults,
    /// Why what was asked for was not done.
    refused: Option<String>,
}

/// The question before a cancel, read again when it is asked.
#[derive(Template)]
#[template(path = "running/cancel.html")]
struct CancelQuestion {
    words: Words,
    cancel: CancelPart,
}

#[derive(Debug, Default, Deserialize)]
pub struct CancelForm {
    #[serde(default)]
    reason: String,
}

/// What was asked for and why it was not done.
#[derive(Default)]
struct Refusal {
    reason: String,
    faults: Faults,
    words: Option<String>,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    draw(&state, &desk, &campaign, StatusCode::OK, Refusal::default()).await
}

pub async fn cancel_question(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Send)?;
    let campaign = own_campaign(&desk, &path).await?;
    if campaign.launch.is_none() {
        return Err(Error::NotFound);
    }
    let tally = look(&state, &desk, campaign.id).await?;
    page::show(&CancelQuestion {
        words: desk.words,
        cancel: CancelPart::of(&desk, &tally),
    })
}

pub async fn pause(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Send)?;
    let campaign = own_campaign(&desk, &path).await?;
    let (business, member) = (desk.business.id, desk.member.id);
    let paused = desk.control.pause(business, campaign.id, member).await;
    ended(&state, &desk, &campaign, paused, "done-paused").await
}

pub async fn resume(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Send)?;
    let campaign = own_campaign(&desk, &path).await?;
    let (business, member) = (desk.business.id, desk.member.id);
    let resumed = desk.control.resume(business, campaign.id, member).await;
    ended(&state, &desk, &campaign, resumed, "done-resumed").await
}

pub async fn cancel(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(form): Form<CancelForm>,
) -> Result<Response, Error> {
    desk.expect(Permission::Send)?;
    let campaign = own_campaign(&desk, &path).await?;
    let reason = form.reason.trim();
    if reason.chars().count() > REASON_CHARACTERS_MAX || reason.chars().any(char::is_control) {
        let words = desk.words.t("running-fault-reason");
        let words = words.num("most", REASON_CHARACTERS_MAX);
        let refusal = Refusal {
            reason: form.reason.clone(),
            faults: Faults::one("reason", words),
            words: None,
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return draw(&state, &desk, &campaign, status, refusal).await;
    }
    let (business, member) = (desk.business.id, desk.member.id);
    let cancelled = desk
        .control
        .cancel(business, campaign.id, member, reason)
        .await;
    let cancelled = cancelled.map(|_| ());
    ended(&state, &desk, &campaign, cancelled, "done-cancelled").await
}

/// A campaign as it was counted within the last second.
pub async fn look(state: &ConsoleState, desk: &Desk, id: CampaignId) -> Result<Arc<Tally>, Error> {
    let (clock, business) = (state.clock.as_ref(), desk.business.id);
    let read = |before| Tally::read(&desk.store, business, id, clock.now(), before);
    Ok(state.watching.tallies.get(&id, clock, read).await?)
}

async fn ended(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    done: Result<(), SchedulerError>,
    words: &str,
) -> Result<Response, Error> {
    state.watching.tallies.refresh(&campaign.id).await;
    match done {
        Ok(()) => {
            let to = desk.at(&format!("/campaigns/{}/running?done={words}", campaign.id));
            Ok(Redirect::to(&to).into_response())
        }
        Err(SchedulerError::Refused(_) | SchedulerError::NotPossible(_)) => {
            // It moved on since the page was drawn: say so beside how it stands now.
            let campaign = desk.store.campaign(campaign.id).await?;
            let refusal = Refusal {
                words: Some(view::refusal(&desk.words, campaign.shown_state())),
                ..Refusal::default()
            };
            draw(state, desk, &campaign, StatusCode::CONFLICT, refusal).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page; where there is none in this state, the campaign's own door.
async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    status: StatusCode,
    refusal: Refusal,
) -> Result<Response, Error> {
    use CampaignState as S;
    let has_page = matches!(
        campaign.state,
        S::Launching | S::Running | S::Paused(_) | S::Cancelling | S::Closing
    );
    if !has_page {
        if let Some(words) = refusal.words {
            return Err(Error::Conflict(words));
        }
        let to = match campaign.state {
            S::Closed => desk.at(&format!("/campaigns/{}/report", campaign.id)),
            _ => desk.at(&format!("/campaigns/{}", campaign.id)),
        };
        let done = desk.done.as_deref();
        let query = done.map_or(String::new(), |done| format!("?done={done}"));
        return Ok(Redirect::to(&format!("{to}{query}")).into_response());
    }
    let tally = look(state, desk, campaign.id).await?;
    let partial = desk.store.partial_launch(campaign.id).await?;
    let shown = RunningPage {
        frame: Frame::of(desk, Place::Campaigns),
        words: desk.words,
        live: LivePart::of(state, desk, &tally).await?,
        fewer: partial.map(|partial| campaign_words::fewer(&desk.words, &partial)),
        cancel: CancelPart::of(desk, &tally),
        reason: refusal.reason,
        faults: refusal.faults,
        refused: refusal.words,
    };
    page::show_as(status, &shown)
}
