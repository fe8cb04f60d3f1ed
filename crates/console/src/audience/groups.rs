//! Audience groups: those there are, and new ones out of a file or of what friends did with a
//! campaign.

use std::time::Duration;

use askama::Template;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Form, Multipart, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::audience_group::{
    AudienceGroupId, DESCRIPTION_CHARS_MAX, FILE_BYTES_MAX, FILE_IDS_MAX, GROUPS_MAX, GroupFailure,
    GroupKind, GroupRefusal, GroupRoute, GroupStatus, SOURCE_AGE_MAX,
};
use domain::id::{CampaignId, RequestId};
use jobs::audiences::{Accepts, AudienceError, IdsArriving, NewGroup, Source, Upload};
use serde::Deserialize;
use store::StoreError;
use store::audience_group::{AudienceGroup, GroupQuery, GroupSource};
use words::Words;

use crate::campaign_words::called;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;

/// Groups that the audience page lists, and that a condition offers.
const LISTED_MAX: u32 = 200;
const OFFERED_MAX: u32 = 100;
/// Campaigns that a group may be made of, the latest.
const CAMPAIGNS_MAX: usize = 100;
/// Campaigns that are looked through for them.
const CAMPAIGNS_READ: u32 = 500;
const FIELD_BYTES_MAX: usize = 4 * 1024;
/// How long the next piece of a file may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);

/// A group on the audience page.
pub struct GroupRow {
    pub id: String,
    pub name: String,
    pub state: &'static str,
    pub status: String,
    /// Why it failed.
    pub why: Option<String>,
    pub people: String,
    pub source: String,
    pub created: String,
    pub expires: String,
    /// Whether somebody may be written to by it.
    pub is_ready: bool,
}

#[derive(Template)]
#[template(path = "audience/groups.html")]
struct GroupsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    ids_max: u64,
    name_max: usize,
    campaigns: Vec<CampaignChoice>,
    fields: OfCampaign,
    /// As it was typed beside the file.
    name: String,
    faults: Faults,
}

struct CampaignChoice {
    id: String,
    name: String,
    is_chosen: bool,
}

/// A group of what friends did with a campaign, as it was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OfCampaign {
    name: String,
    campaign: String,
    what: String,
}

#[derive(Debug, Deserialize)]
pub struct GroupPath {
    group: String,
}

/// Why no group came of a form.
enum Setback {
    /// The id of the field, and the key of its words.
    Fault(&'static str, &'static str, u64),
    Error(Error),
}

impl From<AudienceError> for Setback {
    fn from(error: AudienceError) -> Self {
        match error {
            AudienceError::Refused(why) => fault_of(why),
            AudienceError::Store(error) => Self::Error(error.into()),
            other => Self::Error(Error::Broken(other.to_string())),
        }
    }
}

/// The groups that an audience may name now.
pub async fn to_choose(desk: &Desk) -> Result<Vec<AudienceGroup>, Error> {
    let query = GroupQuery {
        status: Some(GroupStatus::Ready),
        ..every(desk)
    };
    let found = desk.store.audience_groups(&query, 0, OFFERED_MAX).await?;
    Ok(found.1)
}

/// The groups of the audience page, the latest first.
pub async fn rows(desk: &Desk) -> Result<Vec<GroupRow>, Error> {
    let found = desk
        .store
        .audience_groups(&every(desk), 0, LISTED_MAX)
        .await?;
    let mut rows = Vec::with_capacity(found.1.len());
    for group in found.1 {
        rows.push(row(desk, &group).await?);
    }
    Ok(rows)
}

fn every(desk: &Desk) -> GroupQuery<'static> {
    GroupQuery {
        account: desk.account.id,
        text: "",
        status: None,
        route: None,
        now: desk.now,
    }
}

async fn row(desk: &Desk, group: &AudienceGroup) -> Result<GroupRow, Error> {
    let words = desk.words;
    let status = group.status_at(desk.now);
    let (state, key) = match status {
        GroupStatus::InProgress => ("running", "group-state-progress"),
        GroupStatus::Ready => ("done", "group-state-ready"),
        GroupStatus::Failed => ("failed", "group-state-failed"),
        GroupStatus::Expired => ("draft", "group-state-expired"),
    };
    let why = group.failure.map(|failure| match failure {
        GroupFailure::Insufficient => "group-failed-nobody",
        GroupFailure::Internal => "group-failed-defect",
    });
    let people = words.t("audience-people").num("count", group.members);
    Ok(GroupRow {
        id: group.id.to_string(),
        name: group.description.clone(),
        state,
        status: words.t(key).to_string(),
        why: why.map(|key| words.t(key).to_string()),
        people: people.to_string(),
        source: source_words(desk, group).await?,
        created: words.day(group.created_at, &desk.zone),
        expires: words.day(group.expires_at, &desk.zone),
        is_ready: status == GroupStatus::Ready,
    })
}

async fn source_words(desk: &Desk, group: &AudienceGroup) -> Result<String, Error> {
    let words = desk.words;
    let Some(GroupSource {
        campaign,
        click_url,
        ..
    }) = &group.source
    else {
        let key = match group.route {
            GroupRoute::Api => "group-source-program",
            GroupRoute::Console => "group-source-file",
        };
        return Ok(words.t(key).to_string());
    };
    let name = match desk.store.campaign(*campaign).await {
        Ok(campaign) => called(&words, &campaign.name),
        Err(StoreError::NotFound(_)) => campaign.to_string(),
        Err(error) => return Err(error.into()),
    };
    let said = match (group.kind, click_url) {
        (GroupKind::Click, Some(url)) => words
            .t("group-source-clicked-url")
            .text("name", name)
            .text("url", url),
        (GroupKind::Click, None) => words.t("group-source-clicked").text("name", name),
        (GroupKind::Impression | GroupKind::Upload, _) => {
            words.t("group-source-saw").text("name", name)
        }
    };
    Ok(said.to_string())
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let fields = OfCampaign::default();
    draw(&desk, fields, String::new(), Faults::default()).await
}

/// Makes a group of a file of ids, a line each.
pub async fn upload(
    desk: Desk,
    parts: Result<Multipart, MultipartRejection>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let parts = parts.map_err(|error| Error::Unreadable(error.body_text()))?;
    let mut name = String::new();
    match of_file(&desk, parts, &mut name).await {
        Ok(()) => Ok(made(&desk)),
        Err(Setback::Error(error)) => Err(error),
        Err(Setback::Fault(field, key, number)) => {
            let field = if field == "name" { "file-name" } else { field };
            let faults = Faults::one(field, desk.words.t(key).num("count", number));
            draw(&desk, OfCampaign::default(), name, faults).await
        }
    }
}

/// Makes a group of who clicked in a campaign, or saw it.
pub async fn of_campaign(desk: Desk, Form(fields): Form<OfCampaign>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    match make_of_campaign(&desk, &fields).await {
        Ok(()) => Ok(made(&desk)),
        Err(Setback::Error(error)) => Err(error),
        Err(Setback::Fault(field, key, number)) => {
            let faults = Faults::one(field, desk.words.t(key).num("count", number));
            draw(&desk, fields, String::new(), faults).await
        }
    }
}

pub async fn delete(desk: Desk, Path(path): Path<GroupPath>) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let id = AudienceGroupId::parse(&path.group).ok_or(Error::NotFound)?;
    match desk.audiences.delete(desk.account.id, id).await {
        Ok(()) => {
            let to = desk.at("/audience?done=done-group-deleted");
            Ok(Redirect::to(&to).into_response())
        }
        Err(AudienceError::Refused(_)) => Err(Error::NotFound),
        Err(AudienceError::Store(error)) => Err(error.into()),
        Err(other) => Err(Error::Broken(other.to_string())),
    }
}

fn made(desk: &Desk) -> Response {
    let to = desk.at("/audience?done=done-group");
    Redirect::to(&to).into_response()
}

async fn make_of_campaign(desk: &Desk, fields: &OfCampaign) -> Result<(), Setback> {
    let campaign: Result<CampaignId, _> = fields.campaign.parse();
    let nothing = Setback::Fault("campaign", "group-fault-campaign", 0);
    let source = Source {
        business: desk.business.id,
        request: RequestId::from_bytes(*campaign.map_err(|_| nothing)?.as_bytes()),
        kind: match fields.what.as_str() {
            "clicked" => GroupKind::Click,
            _ => GroupKind::Impression,
        },
        click_url: None,
    };
    let new = group_to_make(desk, &fields.name);
    desk.audiences.create_of_campaign(new, source).await?;
    Ok(())
}

fn group_to_make(desk: &Desk, name: &str) -> NewGroup {
    NewGroup {
        account: desk.account.id,
        description: name.trim().to_owned(),
        route: GroupRoute::Console,
    }
}

async fn of_file(desk: &Desk, mut parts: Multipart, name: &mut String) -> Result<(), Setback> {
    let mut arrived: Option<(IdsArriving, String)> = None;
    while let Some(part) = in_time(parts.next_field()).await? {
        let field = part.name().unwrap_or_default().to_owned();
        match field.as_str() {
            "file" if arrived.is_none() => {
                let file_name = part.file_name().unwrap_or_default().to_owned();
                arrived = Some((arrive(desk, part).await?, file_name));
            }
            "name" => *name = text(part).await?,
            _ => {
                text(part).await?;
            }
        }
    }
    let nothing = Setback::Fault("file", "group-fault-file", 0);
    let (ids, file_name) = arrived.ok_or(nothing)?;
    let file_name: String = file_name.chars().take(DESCRIPTION_CHARS_MAX).collect();
    let upload = Upload {
        ids,
        description: (!file_name.is_empty()).then_some(file_name),
    };
    let new = group_to_make(desk, name);
    desk.audiences.create(new, Some(upload)).await?;
    Ok(())
}

/// A browser sends first and listens afterwards: it hears what is wrong only if the rest is taken,
/// and dropped.
async fn arrive(desk: &Desk, mut part: Field<'_>) -> Result<IdsArriving, Setback> {
    let mut ids = desk.audiences.begin(Accepts::AnyKey).await?;
    while let Some(bytes) = in_time(part.chunk()).await? {
        if let Err(wrong) = ids.write(&bytes).await {
            let mut dropped = 0;
            while let Ok(Some(rest)) = in_time(part.chunk()).await {
                dropped += rest.len() as u64;
                if dropped > FILE_BYTES_MAX {
                    break;
                }
            }
            return Err(wrong.into());
        }
    }
    Ok(ids)
}

async fn text(mut part: Field<'_>) -> Result<String, Setback> {
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(part.chunk()).await? {
        if bytes.len() + piece.len() > FIELD_BYTES_MAX {
            return Err(Setback::Error(Error::Unreadable(
                "a field is too long".to_owned(),
            )));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whoever sends it is gone, too slow, or it is not what a form is.
async fn in_time<T>(piece: impl Future<Output = Result<T, MultipartError>>) -> Result<T, Setback> {
    let waited = tokio::time::timeout(PIECE_PATIENCE, piece).await;
    let why = match waited {
        Ok(Ok(piece)) => return Ok(piece),
        Ok(Err(error)) => error.body_text(),
        Err(_) => "the file did not arrive in time".to_owned(),
    };
    Err(Setback::Error(Error::Unreadable(why)))
}

/// What is wrong, at its field, with the number that its words have.
fn fault_of(refusal: GroupRefusal) -> Setback {
    let (field, key, number) = match refusal {
        GroupRefusal::NameEmpty => ("name", "group-fault-name", 0),
        GroupRefusal::NameTooLong => (
            "name",
            "group-fault-name-long",
            DESCRIPTION_CHARS_MAX as u64,
        ),
        GroupRefusal::NameWrong => ("name", "group-fault-name-wrong", 0),
        GroupRefusal::TooManyGroups => ("name", "group-fault-many", GROUPS_MAX),
        GroupRefusal::TooManyJobs => ("file", "group-fault-waiting", 0),
        GroupRefusal::WrongId(line) => ("file", "group-fault-line", line),
        GroupRefusal::NoIds => ("file", "group-fault-empty", 0),
        GroupRefusal::TooManyIds(most) => ("file", "group-fault-ids", most),
        GroupRefusal::FileTooLarge => ("file", "group-fault-ids", FILE_IDS_MAX),
        GroupRefusal::Duplicate => ("campaign", "group-fault-twice", 0),
        GroupRefusal::RequestNotFound
        | GroupRefusal::OtherAccount
        | GroupRefusal::TooOld
        | GroupRefusal::NotFound
        | GroupRefusal::Expired
        | GroupRefusal::UploadDescriptionTooLong => ("campaign", "group-fault-campaign", 0),
    };
    Setback::Fault(field, key, number)
}

async fn draw(
    desk: &Desk,
    fields: OfCampaign,
    name: String,
    faults: Faults,
) -> Result<Response, Error> {
    let snapshot = desk.store.snapshot().await?;
    let (from, until) = (desk.now - SOURCE_AGE_MAX, desk.now);
    let account = desk.account.id;
    let found = snapshot
        .campaigns_between(account, from, until, CAMPAIGNS_READ)
        .await?;
    snapshot.end().await?;
    let launched = found.iter().rev().filter(|one| one.launched_at.is_some());
    let campaigns = launched.take(CAMPAIGNS_MAX).map(|campaign| CampaignChoice {
        id: campaign.id.to_string(),
        name: called(&desk.words, &campaign.name),
        is_chosen: campaign.id.to_string() == fields.campaign,
    });
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = GroupsPage {
        frame: Frame::of(desk, Place::Audience),
        words: desk.words,
        ids_max: FILE_IDS_MAX,
        name_max: DESCRIPTION_CHARS_MAX,
        campaigns: campaigns.collect(),
        fields,
        name,
        faults,
    };
    page::show_as(status, &shown)
}
