//! Drafts: begun, copied from any campaign, taken back to be written on, thrown away.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use domain::money::Currency;
use domain::time::Timestamp;
use store::draft::Part;

use super::content::{Card, Content, Kind};
use super::finished::NAME_CHARS_MAX;
use crate::desk::Desk;
use crate::draft::Draft;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::schedule::form::{PAST, ScheduleForm};

/// Begins a draft and opens its first step.
pub async fn begin(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let time = desk.words.time(desk.now, &desk.zone);
    let name = desk.words.t("composer-first-name").text("time", time);
    let content = Content::begun(name.to_string());
    let parts = [(Part::Message, content.to_json())];
    let id = desk
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

/// Begins a draft whose message is a coupon.
pub(crate) async fn with_coupon(
    desk: &Desk,
    title: &str,
    coupon: String,
) -> Result<Response, Error> {
    let card = Card {
        coupon,
        ..Card::of(Kind::Coupon)
    };
    let content = Content {
        cards: vec![card],
        ..Content::begun(title.to_owned())
    };
    let parts = [(Part::Message, content.to_json())];
    let (business, account, member) = (desk.business.id, desk.account.id, desk.member.id);
    let begun = desk
        .directory
        .begin_draft(business, account, member, &content.name, &parts);
    Ok(to_message(desk, begun.await?, ""))
}

/// A draft of its own with the message, the audience and the delivery of any campaign.
pub async fn copy(desk: Desk, Path(path): Path<CampaignPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let draft = Draft::open(&desk, &path).await?;
    let id = copied(&desk, &draft).await?;
    Ok(to_message(&desk, id, "?done=done-copied"))
}

/// Takes a finished campaign back to be written on. One whose launch failed was launched, and
/// nothing is launched twice: it is copied.
pub async fn reopen(desk: Desk, Path(path): Path<CampaignPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let draft = Draft::open(&desk, &path).await?;
    let id = draft.campaign.id;
    match draft.campaign.state {
        CampaignState::Draft => return Ok(to_message(&desk, id, "")),
        CampaignState::LaunchFailed => {
            let id = copied(&desk, &draft).await?;
            return Ok(to_message(&desk, id, "?done=done-copied"));
        }
        CampaignState::Review
        | CampaignState::Approved
        | CampaignState::Scheduled
        | CampaignState::WaitingForFunds => {}
        _ => return Err(too_late(&desk)),
    }
    let (business, account) = (desk.business.id, desk.account.id);
    desk.directory.reopen(business, account, id).await?;
    Ok(to_message(&desk, id, "?done=done-reopened"))
}

/// Throws away what was not launched.
pub async fn discard(desk: Desk, Path(path): Path<CampaignPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&desk, &path).await?;
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
    desk.directory
        .discard(desk.business.id, desk.account.id, campaign.id)
        .await?;
    Ok(Redirect::to(&list).into_response())
}

async fn copied(desk: &Desk, draft: &Draft) -> Result<CampaignId, Error> {
    let mut parts = draft.contents();
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
            Part::Delivery => {
                *content = without_past(
                    content,
                    desk.now,
                    &desk.account.time_zone,
                    desk.business.currency,
                );
            }
            Part::Audience => {}
        }
    }
    let (business, account, member) = (desk.business.id, desk.account.id, desk.member.id);
    let begun = desk
        .directory
        .begin_draft(business, account, member, &name, &parts);
    Ok(begun.await?)
}

/// A time that has passed is left out, with what was typed of it: a copy is sent when somebody says
/// so. What is merely unfinished comes along.
fn without_past(delivery: &str, now: Timestamp, zone: &str, currency: Currency) -> String {
    let mut form = ScheduleForm::of_content(Some(delivery), zone);
    let wrong = form.meaning(now, currency).err().unwrap_or_default();
    if wrong.contains(&PAST) {
        form.is_planned = false;
        form.day.clear();
        form.time.clear();
    }
    form.to_content(now, currency)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_no_time_that_has_passed() {
        let now = Timestamp::parse_rfc3339("2026-11-29T11:31:00Z").unwrap();
        let zone = "Asia/Seoul";
        let planned = |day: &str, rate: &str| ScheduleForm {
            is_planned: true,
            day: day.into(),
            time: "10:00".into(),
            zone: zone.into(),
            is_paced: true,
            rate: rate.into(),
            if_short: String::new(),
            budget: None,
        };
        let at_once = |rate: &str| ScheduleForm {
            is_planned: false,
            day: String::new(),
            time: String::new(),
            ..planned("", rate)
        };
        let elsewhere =
            r#"{"schedule":{"at":{"wall":"2026-11-01 10:00:00","zone":"Asia/Seoul"}},"rate":70}"#;
        // Saved while its time was still to come.
        let before = Timestamp::parse_rfc3339("2026-11-01T00:00:00Z").unwrap();
        let saved = |form: &ScheduleForm| form.to_content(before, Currency::Krw);
        for (delivery, copy) in [
            (elsewhere.to_owned(), at_once("70")),
            (saved(&planned("2026-11-02", "70")), at_once("70")),
            (saved(&planned("2026-11-02", "fast")), at_once("fast")),
            (
                saved(&planned("2026-12-02", "70")),
                planned("2026-12-02", "70"),
            ),
            (saved(&planned("", "70")), planned("", "70")),
        ] {
            let copied = without_past(&delivery, now, zone, Currency::Krw);
            assert_eq!(
                ScheduleForm::of_content(Some(&copied), zone),
                copy,
                "{delivery}"
            );
        }
    }
}
