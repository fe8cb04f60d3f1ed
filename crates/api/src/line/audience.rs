//! Audience groups: made of ids or of what people did with a request, renamed, deleted, listed.
//!
//! Everything that is to be filled is filled beside the request, as with LINE: a group is in
//! progress until it is ready. Ids of a request wait in the data folder as a file's do.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::audience_group::{
    AudienceGroupId, CLICK_URL_CHARS_MAX, FILE_BYTES_MAX, GroupKind, GroupRefusal, GroupRoute,
    GroupStatus, JOBS_AT_ONCE, JOBS_SHOWN, REQUEST_IDS_MAX,
};
use domain::id::RequestId;
use domain::time::Timestamp;
use domain::user::LineUserId;
use jobs::Audiences;
use jobs::audiences::{Accepts, AudienceError, NewGroup, Source, Upload};
use serde::Deserialize;
use serde_json::{Value, json};
use store::audience_group::{AudienceGroup, AudienceJob, GroupQuery};

use super::error::Detail;
use super::limits::Exceeded;
use super::request::{Properties, Query};
use super::{Channel, LineError, LineState};

/// Groups on one page, and where nobody says how many.
const PAGE_MAX: u32 = 40;
const PAGE_USUAL: u32 = 20;
/// Statuses and routes of LINE's that no group has here.
const STATUSES_OF_NOBODY: [&str; 2] = ["INACTIVE", "ACTIVATING"];
const ROUTES_OF_NOBODY: [&str; 2] = ["POINT_AD", "AD_MANAGER"];
/// Bytes of an id and its line end.
const LINE_BYTES: usize = 34;
/// When to come again where too many uploads wait.
const UPLOADS_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// One id of a request.
#[derive(Debug, Deserialize)]
struct GivenId {
    id: String,
}

/// Which groups a list shows.
struct Wanted<'a> {
    query: GroupQuery<'a>,
    /// Nobody has such a status or comes by such a route.
    is_of_nobody: bool,
    page: u32,
    size: u32,
}

/// `POST /v2/bot/audienceGroup/upload`: of up to 10,000 ids, or of none so far.
pub async fn create(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Response, LineError> {
    let audiences = audiences(&state, &channel);
    let new = group_to_make(&channel, body.typed("description")?);
    expect_user_ids(body.typed("isIfaAudience")?)?;
    let upload = match given_ids(&body)? {
        ids if ids.is_empty() => None,
        ids => Some(arrived(&audiences, &body, &ids).await?),
    };
    let group = audiences.create(new, upload).await.map_err(refused)?;
    Ok(created(&group))
}

/// `PUT /v2/bot/audienceGroup/upload`: up to 10,000 ids more.
pub async fn add(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Response, LineError> {
    let audiences = audiences(&state, &channel);
    body.required("audienceGroupId")?;
    let number: Option<i64> = body.typed("audienceGroupId")?;
    let id = number.and_then(AudienceGroupId::from_number);
    let id = id.ok_or_else(|| refusal(GroupRefusal::NotFound))?;
    let found = audiences.expect_addable(channel.account, id).await;
    found.map_err(refused)?;
    let ids = given_ids(&body)?;
    if ids.is_empty() {
        return Err(refusal(GroupRefusal::NoIds));
    }
    let upload = arrived(&audiences, &body, &ids).await?;
    let added = audiences.add(channel.account, id, upload).await;
    added.map_err(refused)?;
    Ok(accepted(json!({})))
}

/// `POST /v2/bot/audienceGroup/click`: of who clicked in what a request sent.
pub async fn create_of_clicks(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Response, LineError> {
    let click_url: Option<String> = body.typed("clickUrl")?;
    let click_url = click_url.filter(|url| !url.is_empty());
    let is_long = |url: &String| url.chars().count() > CLICK_URL_CHARS_MAX;
    if click_url.as_ref().is_some_and(is_long) {
        return Err(LineError::property("clickUrl"));
    }
    of_request(&state, &channel, &body, GroupKind::Click, click_url).await
}

/// `POST /v2/bot/audienceGroup/imp`: of who saw what a request sent.
pub async fn create_of_impressions(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Properties,
) -> Result<Response, LineError> {
    of_request(&state, &channel, &body, GroupKind::Impression, None).await
}

async fn of_request(
    state: &LineState,
    channel: &Channel,
    body: &Properties,
    kind: GroupKind,
    click_url: Option<String>,
) -> Result<Response, LineError> {
    let new = group_to_make(channel, body.typed("description")?);
    let text: String = body.typed("requestId")?.unwrap_or_default();
    let request = RequestId::parse_uuid(&text);
    let source = Source {
        business: channel.business,
        request: request.ok_or_else(|| refusal(GroupRefusal::RequestNotFound))?,
        kind,
        click_url,
    };
    let audiences = audiences(state, channel);
    let group = audiences.create_of_campaign(new, source).await;
    Ok(created(&group.map_err(refused)?))
}

/// `PUT /v2/bot/audienceGroup/{audienceGroupId}/updateDescription`.
pub async fn rename(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
    body: Properties,
) -> Result<Json<Value>, LineError> {
    let id = group_id(&id)?;
    let description: String = body.typed("description")?.unwrap_or_default();
    let audiences = audiences(&state, &channel);
    let renamed = audiences.rename(channel.account, id, &description).await;
    renamed.map_err(refused)?;
    Ok(Json(json!({})))
}

/// `DELETE /v2/bot/audienceGroup/{audienceGroupId}`.
pub async fn delete(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
) -> Result<Response, LineError> {
    let id = group_id(&id)?;
    let audiences = audiences(&state, &channel);
    let deleted = audiences.delete(channel.account, id).await;
    deleted.map_err(refused)?;
    Ok(accepted(json!({})))
}

/// `GET /v2/bot/audienceGroup/{audienceGroupId}`, and the same of shared ones: nobody shares, so
/// those are the channel's own.
pub async fn one(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, LineError> {
    let (id, account) = (group_id(&id)?, channel.account);
    let group = channel.store.audience_group(account, id).await?;
    let group = group.ok_or_else(|| refusal(GroupRefusal::NotFound))?;
    let jobs = match group.kind {
        GroupKind::Upload => {
            let jobs = channel.store.audience_jobs(account, id, JOBS_SHOWN);
            jobs.await?.iter().map(job_json).collect()
        }
        GroupKind::Click | GroupKind::Impression => Vec::new(),
    };
    let shown = group_json(&group, state.clock.now());
    Ok(Json(json!({ "audienceGroup": shown, "jobs": jobs })))
}

/// `GET /v2/bot/audienceGroup/list`.
pub async fn list(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let mut wanted = wanted(&channel, &query, state.clock.now())?;
    // Without those of other channels: the console is one.
    if query.truth("includesExternalPublicGroups")? == Some(false) {
        wanted.is_of_nobody |= wanted.query.route == Some(GroupRoute::Console);
        wanted.query.route = Some(GroupRoute::Api);
    }
    listed(&channel, &wanted).await
}

/// `GET /v2/bot/audienceGroup/shared/list`: nobody shares, so these are the channel's own where it
/// asks for them, and none otherwise.
pub async fn shared(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let mut wanted = wanted(&channel, &query, state.clock.now())?;
    wanted.is_of_nobody |= query.truth("includesOwnedAudienceGroups")? != Some(true);
    listed(&channel, &wanted).await
}

fn wanted<'a>(
    channel: &Channel,
    query: &'a Query,
    now: Timestamp,
) -> Result<Wanted<'a>, LineError> {
    let page = within(query, "page", u32::MAX)?;
    let page = page.ok_or_else(|| of_bound("page: must not be null", "MISSING"))?;
    let size = within(query, "size", PAGE_MAX)?.unwrap_or(PAGE_USUAL);
    let mut is_of_nobody = false;
    let mut known = |name: &str, of_nobody: [&str; 2]| {
        let value = query.text(name)?;
        is_of_nobody |= of_nobody.contains(&value);
        (!of_nobody.contains(&value)).then_some(value)
    };
    let status = known("status", STATUSES_OF_NOBODY);
    let route = known("createRoute", ROUTES_OF_NOBODY);
    let status = status.map(|name| {
        let mut all = GroupStatus::ALL.iter().copied();
        let found = all.find(|status| status.line_name() == name);
        found.ok_or_else(|| LineError::parameter("status"))
    });
    let route = route.map(|name| {
        let mut all = GroupRoute::ALL.iter().copied();
        let found = all.find(|route| route.line_name() == name);
        found.ok_or_else(|| LineError::parameter("createRoute"))
    });
    Ok(Wanted {
        query: GroupQuery {
            account: channel.account,
            text: query.text("description").unwrap_or_default(),
            status: status.transpose()?,
            route: route.transpose()?,
            now,
        },
        is_of_nobody,
        page,
        size,
    })
}

/// A whole number from 1 to `max`, in LINE's words where it is none.
fn within(query: &Query, name: &str, max: u32) -> Result<Option<u32>, LineError> {
    let Some(text) = query.text(name) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(number) if number > i64::from(max) => {
            let words = format!("{name}: must be less than or equal to {max}");
            Err(of_bound(&words, "TOO_HIGH"))
        }
        Ok(number) if number < 1 => {
            let words = format!("{name}: must be greater than or equal to 1");
            Err(of_bound(&words, "TOO_LOW"))
        }
        Ok(number) => Ok(u32::try_from(number).ok()),
        Err(_) => Err(LineError::parameter(name)),
    }
}

fn of_bound(words: &str, code: &str) -> LineError {
    LineError::Invalid {
        message: words.to_owned(),
        details: vec![Detail {
            message: code.to_owned(),
            property: String::new(),
        }],
    }
}

async fn listed(channel: &Channel, wanted: &Wanted<'_>) -> Result<Json<Value>, LineError> {
    let skipped = u64::from(wanted.page - 1) * u64::from(wanted.size);
    let (count, groups) = match wanted.is_of_nobody {
        true => (0, Vec::new()),
        false => {
            let store = &channel.store;
            let found = store.audience_groups(&wanted.query, skipped, wanted.size);
            found.await?
        }
    };
    let shown = groups
        .iter()
        .map(|group| group_json(group, wanted.query.now));
    let shown: Vec<Value> = shown.collect();
    Ok(Json(json!({
        "audienceGroups": shown,
        "hasNextPage": skipped + (groups.len() as u64) < count,
        "totalCount": count,
        "readWriteAudienceGroupTotalCount": count,
        "page": wanted.page,
        "size": wanted.size,
    })))
}

/// Groups of the channel's business, behind the wall.
pub(super) fn audiences(state: &LineState, channel: &Channel) -> Audiences {
    state.audiences.on(state.wall.store_of(channel.business))
}

pub(super) fn group_to_make(channel: &Channel, description: Option<String>) -> NewGroup {
    NewGroup {
        account: channel.account,
        description: description.unwrap_or_default(),
        route: GroupRoute::Api,
    }
}

/// There are no advertisers' ids here.
pub(super) fn expect_user_ids(is_ifa: Option<bool>) -> Result<(), LineError> {
    match is_ifa {
        Some(true) => Err(LineError::NotAvailable),
        Some(false) | None => Ok(()),
    }
}

fn given_ids(body: &Properties) -> Result<Vec<String>, LineError> {
    let given: Vec<GivenId> = body.typed("audiences")?.unwrap_or_default();
    if given.len() > REQUEST_IDS_MAX {
        return Err(refusal(GroupRefusal::TooManyIds(REQUEST_IDS_MAX as u64)));
    }
    Ok(given.into_iter().map(|given| given.id).collect())
}

/// The ids of a request as a file of them, a line each.
async fn arrived(
    audiences: &Audiences,
    body: &Properties,
    ids: &[String],
) -> Result<Upload, LineError> {
    let description: Option<String> = body.typed("uploadDescription")?;
    let mut lines = String::with_capacity(ids.len() * LINE_BYTES);
    for (at, id) in ids.iter().enumerate() {
        if LineUserId::parse(id).is_none() {
            let wrong = GroupRefusal::WrongId(at as u64 + 1);
            return Err(of_group(wrong, format!("audiences[{at}].id")));
        }
        lines.push_str(id);
        lines.push('\n');
    }
    let mut arriving = audiences.begin(Accepts::LineIds).await.map_err(refused)?;
    let taken = arriving.write(lines.as_bytes()).await;
    taken.map_err(refused)?;
    Ok(Upload {
        ids: arriving,
        description,
    })
}

fn group_id(text: &str) -> Result<AudienceGroupId, LineError> {
    let number: Result<i64, _> = text.parse();
    let number = number.map_err(|_| LineError::parameter("audienceGroupId"))?;
    AudienceGroupId::from_number(number).ok_or_else(|| refusal(GroupRefusal::NotFound))
}

pub(super) fn created(group: &AudienceGroup) -> Response {
    accepted(Value::Object(common(group)))
}

pub(super) fn accepted(body: Value) -> Response {
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// What every answer says of a group.
fn common(group: &AudienceGroup) -> serde_json::Map<String, Value> {
    let mut shown = serde_json::Map::new();
    let mut say = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    say("audienceGroupId", group.id.number().into());
    say("createRoute", group.route.line_name().into());
    say("type", group.kind.line_name().into());
    say("description", group.description.as_str().into());
    say("created", group.created_at.as_seconds().into());
    say("permission", "READ_WRITE".into());
    say("expireTimestamp", group.expires_at.as_seconds().into());
    say("isIfaAudience", false.into());
    if let Some(source) = &group.source {
        say("requestId", source.request.uuid().to_string().into());
        if let Some(url) = &source.click_url {
            say("clickUrl", url.as_str().into());
        }
    }
    shown
}

fn group_json(group: &AudienceGroup, now: Timestamp) -> Value {
    let mut shown = common(group);
    let status = group.status_at(now);
    shown.insert("status".to_owned(), status.line_name().into());
    if let Some(failure) = group.failure {
        shown.insert("failedType".to_owned(), failure.line_name().into());
    }
    shown.insert("audienceCount".to_owned(), group.members.into());
    Value::Object(shown)
}

fn job_json(job: &AudienceJob) -> Value {
    json!({
        "audienceGroupJobId": AudienceGroupId::drawn(*job.id.as_bytes()).number(),
        "audienceGroupId": job.group.number(),
        "description": job.description,
        "type": "DIFF_ADD",
        "jobStatus": job.status.line_name(),
        "failedType": job.failure.map(|failure| failure.line_name()),
        "audienceCount": job.added,
        "created": job.created_at.as_seconds(),
    })
}

pub(super) fn refusal(refusal: GroupRefusal) -> LineError {
    of_group(refusal, String::new())
}

fn of_group(refusal: GroupRefusal, property: String) -> LineError {
    let Some(code) = refusal.line_code() else {
        return match refusal {
            GroupRefusal::FileTooLarge => LineError::TooLarge(FILE_BYTES_MAX as usize),
            _ => LineError::RateLimited(Exceeded {
                limit: JOBS_AT_ONCE as u32,
                wait: UPLOADS_WAIT,
                whole_again: UPLOADS_WAIT,
            }),
        };
    };
    LineError::Invalid {
        message: refusal.to_string(),
        details: vec![Detail {
            message: code.to_owned(),
            property,
        }],
    }
}

pub(super) fn refused(error: AudienceError) -> LineError {
    match error {
        AudienceError::Refused(why) => refusal(why),
        AudienceError::Store(error) => error.into(),
        other => {
            tracing::error!(error = %other, "ids of a brand are not kept");
            LineError::Broken
        }
    }
}
