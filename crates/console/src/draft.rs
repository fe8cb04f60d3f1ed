//! A draft as its pages read it: the parts that were saved, and what they say.

use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use directory::drafts::{Save, Saved};
use domain::audience::Audience;
use domain::campaign::{CampaignKind, CampaignState, Purpose};
use domain::id::CampaignId;
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use serde_json::{Value, json};
use store::campaign::Campaign;
use store::draft::{DraftPart, Part};

use crate::audience::Sent;
use crate::composer;
use crate::desk::Desk;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};

/// A campaign of this account and the parts of its draft.
pub struct Draft {
    pub campaign: Campaign,
    parts: Vec<DraftPart>,
    /// What its row says: it stands for parts that were never saved, so that a campaign which came
    /// another way than through these pages keeps what it is when it is taken back.
    row: Vec<(Part, String)>,
}

/// The parts as the row of a campaign says them; none of what a draft begins with.
pub fn parts_of_row(campaign: &Campaign) -> Vec<(Part, String)> {
    let message = composer::written_elsewhere(campaign).to_json();
    let mut parts = vec![(Part::Message, message)];
    // Whom a test went to is a list that no other campaign may name.
    let is_test = campaign.kind == CampaignKind::Test;
    if !is_test && campaign.audience != Audience::ALL.to_json() {
        parts.push((Part::Audience, campaign.audience.clone()));
    }
    let is_now = campaign.schedule == Schedule::Now.to_json();
    let is_usual = campaign.if_short == IfShort::default();
    if !is_now || campaign.rate_per_second.is_some() || !is_usual {
        let schedule: Value = serde_json::from_str(&campaign.schedule).unwrap_or_default();
        let delivery = json!({
            "schedule": schedule,
            "rate": campaign.rate_per_second,
            "if_short": campaign.if_short.name(),
        });
        parts.push((Part::Delivery, delivery.to_string()));
    }
    parts
}

/// Somebody else's save that stands where this one wanted to.
pub struct Conflict {
    pub version: u32,
    pub who: String,
    pub at: String,
}

/// How a part stands, beside its form.
pub struct SaveState {
    /// `saved` or `conflict`.
    pub name: &'static str,
    pub words: String,
    /// What the next save begins from.
    pub version: u32,
    pub conflict: Option<Conflict>,
}

impl SaveState {
    /// Where nothing was saved just now.
    pub fn standing(desk: &Desk, draft: &Draft, part: Part) -> Self {
        let words = desk.words;
        let part = draft.part(part);
        let said = match part {
            Some(part) => {
                let at = words.clock_seconds(part.updated_at, &desk.zone);
                words.t("draft-saved-at").text("time", at).to_string()
            }
            None => words.t("draft-not-yet").to_string(),
        };
        Self {
            name: "saved",
            words: said,
            version: part.map_or(0, |part| part.version),
            conflict: None,
        }
    }

    fn now(desk: &Desk, version: u32) -> Self {
        let at = desk.words.clock_seconds(desk.now, &desk.zone);
        Self {
            name: "saved",
            words: desk.words.t("draft-saved-at").text("time", at).to_string(),
            version,
            conflict: None,
        }
    }

    fn refused(desk: &Desk, version: u32, conflict: Conflict) -> Self {
        Self {
            name: "conflict",
            words: desk.words.t("draft-in-conflict").to_string(),
            version,
            conflict: Some(conflict),
        }
    }
}

impl Draft {
    pub async fn open(desk: &Desk, path: &CampaignPath) -> Result<Self, Error> {
        let campaign = own_campaign(desk, path).await?;
        let parts = desk.store.draft_parts(campaign.id).await?;
        let row = parts_of_row(&campaign);
        Ok(Self {
            campaign,
            parts,
            row,
        })
    }

    /// As it was saved.
    pub fn part(&self, part: Part) -> Option<&DraftPart> {
        self.parts.iter().find(|found| found.part == part)
    }

    /// 0 where the part was never saved.
    pub fn version(&self, part: Part) -> u32 {
        self.part(part).map_or(0, |part| part.version)
    }

    /// What a part says; `None` where it is what a draft begins with.
    pub fn content(&self, part: Part) -> Option<&str> {
        let saved = self.part(part).map(|part| part.content.as_str());
        saved.or_else(|| {
            let said = self.row.iter().find(|(named, _)| *named == part);
            said.map(|(_, content)| content.as_str())
        })
    }

    /// Everything it says beyond what a draft begins with.
    pub fn contents(&self) -> Vec<(Part, String)> {
        let parts = Part::ALL.into_iter();
        let said = parts.filter_map(|part| Some((part, self.content(part)?.to_owned())));
        said.collect()
    }

    pub fn is_draft(&self) -> bool {
        self.campaign.state == CampaignState::Draft
    }

    /// The address of one of its pages; empty is its door.
    pub fn at(&self, desk: &Desk, page: &str) -> String {
        desk.at(&format!("/campaigns/{}{page}", self.campaign.id))
    }

    /// To the door of what is no draft any more: it knows where to go.
    pub fn to_door(&self, desk: &Desk) -> Response {
        Redirect::to(&self.at(desk, "")).into_response()
    }

    /// Whether this member may write on it.
    pub fn may_edit(&self, desk: &Desk) -> bool {
        self.is_draft() && desk.may(Permission::Compose)
    }

    /// What it is called, if anything yet.
    pub fn title(&self, desk: &Desk) -> String {
        match self.campaign.name.trim() {
            "" => desk.words.t("composer-nameless").to_string(),
            name => name.to_owned(),
        }
    }

    /// What the message says it is; a promotion until it says otherwise.
    pub fn purpose(&self) -> Purpose {
        let content = self.content(Part::Message);
        let content: Option<Value> = content.and_then(|json| serde_json::from_str(json).ok());
        let named = content
            .as_ref()
            .and_then(|content| content["purpose"].as_str());
        match named {
            Some(name) if name == Purpose::Information.name() => Purpose::Information,
            _ => Purpose::Promotion,
        }
    }

    /// Saves the form of one part as it was sent, and says how the part stands now.
    pub async fn save(
        &self,
        desk: &Desk,
        part: Part,
        content: &str,
        sent: &Sent,
    ) -> Result<SaveState, Error> {
        let asked = Save {
            part,
            from_version: sent.version,
            content,
            writer: &sent.writer,
            name: None,
        };
        match save(desk, self.campaign.id, &asked).await? {
            Saved::Done { version } => Ok(SaveState::now(desk, version)),
            Saved::Conflict(theirs) => {
                let members = desk.store.members_of_business(desk.business.id).await?;
                let who = members.into_iter().find(|m| m.id == theirs.updated_by);
                let conflict = Conflict {
                    version: theirs.version,
                    who: who.map(|member| member.display_name).unwrap_or_default(),
                    at: desk.words.clock_seconds(theirs.updated_at, &desk.zone),
                };
                Ok(SaveState::refused(desk, sent.version, conflict))
            }
        }
    }
}

/// Every save of a part of a draft, whatever page it comes from; a refusal is in the reader's
/// words.
pub async fn save(desk: &Desk, campaign: CampaignId, save: &Save<'_>) -> Result<Saved, Error> {
    let (business, account, member) = (desk.business.id, desk.account.id, desk.member.id);
    let saved = desk
        .directory
        .save_draft(business, account, campaign, member, save)
        .await;
    let said = |key: &str| desk.words.t(key).to_string();
    saved.map_err(|error| match error {
        directory::Error::Refused { field: "state", .. } => {
            Error::Conflict(said("composer-not-draft"))
        }
        directory::Error::Refused { .. } => Error::Unreadable(said("composer-fault-large")),
        error => error.into(),
    })
}
