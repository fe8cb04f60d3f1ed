//! Drafts: begun, copied from any campaign, taken back to be written on, thrown away.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use directory::drafts::Save;
use domain::audience::Audience;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use domain::schedule::Schedule;
use serde_json::{Value, json};
use store::campaign::Campaign;
use store::draft::Part;

use super::content::Content;
use super::finished::NAME_CHARS_MAX;
use crate::desk::Desk;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::state::ConsoleState;

/// Begins a draft and opens its first step.
pub async fn begin(State(state): State<Arc<ConsoleState>>, desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let time = desk.words.time(desk.now, &desk.zone);
    let name = desk.words.t("composer-first-name").text("time", time);
    let content = Content::begun(name.to_string());
    let parts = [(Part::Message, content.to_json())];
    let id = state
        .directory
        .begin_draft(
            desk.business.id,
            desk.account.id,
            desk.member.id,
            &content.name,
            &parts,
        )
        .await?;
    Ok(to_message(&desk, id, ""))
}

/// A draft of its own with the message, the audience and the delivery of any campaign.
pub async fn copy(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&state, &desk, &path).await?;
    let id = copied(&state, &desk, &campaign).await?;
    Ok(to_message(&desk, id, "?done=done-copied"))
}

/// Takes a finished campaign back to be written on. One whose launch failed was launched, and
/// nothing is launched twice: it is copied.
pub async fn reopen(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&state, &desk, &path).await?;
    match campaign.state {
        CampaignState::Draft => return Ok(to_message(&desk, campaign.id, "")),
        CampaignState::LaunchFailed => {
            let id = copied(&state, &desk, &campaign).await?;
            return Ok(to_message(&desk, id, "?done=done-copied"));
        }
        CampaignState::Review
        | CampaignState::Approved
        | CampaignState::Scheduled
        | CampaignState::WaitingForFunds => {}
        _ => return Err(too_late(&desk)),
    }
    let (business, account) = (desk.business.id, desk.account.id);
    state
        .directory
        .reopen(business, account, campaign.id)
        .await?;
    let there = state.store.draft_parts(campaign.id).await?;
    for (part, content) in parts_of_row(&campaign) {
        if there.iter().any(|saved| saved.part == part) {
            continue;
        }
        // It came another way than through these pages: its steps begin with what it says.
        let save = Save {
            part,
            from_version: 0,
            content: &content,
            writer: "",
            name: None,
        };
        state
            .directory
            .save_draft(business, account, campaign.id, desk.member.id, &save)
            .await?;
    }
    Ok(to_message(&desk, campaign.id, "?done=done-reopened"))
}

/// Throws away what was not launched.
pub async fn discard(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&state, &desk, &path).await?;
    let list = desk.at("/campaigns?done=done-discarded");
    match campaign.state {
        // Pressed twice: it is gone, as was asked.
        CampaignState::Discarded => return Ok(Redirect::to(&list).into_response()),
        CampaignState::Draft
        | CampaignState::Review
        | CampaignState::Approved
        | CampaignState::Scheduled
        | CampaignState::WaitingForFunds
        | CampaignState::LaunchFailed => {}
        _ => return Err(too_late(&desk)),
    }
    state
        .directory
        .discard(desk.business.id, desk.account.id, campaign.id)
        .await?;
    Ok(Redirect::to(&list).into_response())
}

async fn copied(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
) -> Result<CampaignId, Error> {
    let saved = state.store.draft_parts(campaign.id).await?;
    let mut parts: Vec<(Part, String)> = parts_of_row(campaign);
    for own in saved {
        parts.retain(|(part, _)| *part != own.part);
        parts.push((own.part, own.content));
    }
    let mut name = String::new();
    for (part, content) in &mut parts {
        match part {
            Part::Message => {
                let mut message =
                    Content::parse(content).map_err(|error| Error::Broken(error.to_string()))?;
                message.name = copy_name(desk, &message.name);
                message.sequence = 0;
                name.clone_from(&message.name);
                *content = message.to_json();
            }
            Part::Delivery => *content = without_past(content, desk),
            Part::Audience => {}
        }
    }
    let (business, account, member) = (desk.business.id, desk.account.id, desk.member.id);
    let begun = state
        .directory
        .begin_draft(business, account, member, &name, &parts);
    Ok(begun.await?)
}

/// The parts as the row of a campaign says them.
fn parts_of_row(campaign: &Campaign) -> Vec<(Part, String)> {
    let mut parts = vec![(Part::Message, super::written_elsewhere(campaign).to_json())];
    if campaign.audience != Audience::ALL.to_json() {
        parts.push((Part::Audience, campaign.audience.clone()));
    }
    let is_now = campaign.schedule == Schedule::Now.to_json();
    if !is_now || campaign.rate_per_second.is_some() {
        let schedule: Value = serde_json::from_str(&campaign.schedule).unwrap_or_default();
        let delivery = json!({"schedule": schedule, "rate": campaign.rate_per_second});
        parts.push((Part::Delivery, delivery.to_string()));
    }
    parts
}

/// A time that has passed is left out: a copy is sent when somebody says so.
fn without_past(delivery: &str, desk: &Desk) -> String {
    let Ok(Value::Object(mut delivery)) = serde_json::from_str(delivery) else {
        return delivery.to_owned();
    };
    let schedule = delivery.get("schedule").map(Value::to_string);
    let comes = schedule
        .as_deref()
        .and_then(|json| Schedule::parse(json).ok())
        .is_some_and(|schedule| schedule.resolve(desk.now).is_ok());
    if !comes {
        let now = serde_json::from_str(&Schedule::Now.to_json()).unwrap_or_default();
        delivery.insert("schedule".to_owned(), now);
    }
    Value::Object(delivery).to_string()
}

/// The name with a word that says it is a copy, as long as there is room.
fn copy_name(desk: &Desk, name: &str) -> String {
    let copy = desk.words.t("composer-copy-name").text("name", name);
    let copy = copy.to_string();
    match copy.chars().count() <= NAME_CHARS_MAX {
        true => copy,
        false => name.to_owned(),
    }
}

fn too_late(desk: &Desk) -> Error {
    Error::Conflict(desk.words.t("composer-too-late").to_string())
}

fn to_message(desk: &Desk, campaign: CampaignId, query: &str) -> Response {
    let path = desk.at(&format!("/campaigns/{campaign}/message{query}"));
    Redirect::to(&path).into_response()
}
