//! Audience groups out of files: a form of several parts, read as it comes.
//!
//! The file goes to disk piece by piece and is looked at line by line, so that a million and a half
//! ids take no more memory than one. Its fields may stand before it or behind it.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, Multipart, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use domain::audience_group::{AudienceGroupId, FILE_BYTES_MAX, GroupRefusal};
use jobs::Audiences;
use jobs::audiences::{Accepts, IdsArriving, Upload};
use serde_json::json;

use super::audience::{
    accepted, audiences, created, expect_user_ids, group_to_make, refusal, refused,
};
use super::request::{expect_type, unread};
use super::{Channel, LineError, LineState};
use crate::body;
use crate::state::BODY_TIMEOUT;

const FORM: &str = "multipart/form-data";
const FILE: &str = "file";
const FILE_TYPE: &str = "text/plain";
/// What stands around a file: boundaries, and the fields beside it.
const AROUND_BYTES_MAX: usize = 64 * 1024;
const FIELD_BYTES_MAX: usize = 4 * 1024;
const WHOLE_BYTES_MAX: usize = FILE_BYTES_MAX as usize + AROUND_BYTES_MAX;

/// What came in a form.
#[derive(Default)]
struct Given {
    description: Option<String>,
    is_ifa: Option<bool>,
    upload_description: Option<String>,
    group: Option<String>,
    file: Option<IdsArriving>,
}

/// `POST /v2/bot/audienceGroup/upload/byFile`: of up to 1,500,000 ids.
pub async fn create(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    request: Request,
) -> Result<Response, LineError> {
    let audiences = audiences(&state, &channel);
    let given = read(&audiences, request).await?;
    expect_user_ids(given.is_ifa)?;
    let new = group_to_make(&channel, given.description.clone());
    let group = audiences.create(new, Some(given.upload()?)).await;
    Ok(created(&group.map_err(refused)?))
}

/// `PUT /v2/bot/audienceGroup/upload/byFile`: up to 1,500,000 ids more.
pub async fn add(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    request: Request,
) -> Result<Response, LineError> {
    let audiences = audiences(&state, &channel);
    let given = read(&audiences, request).await?;
    let id = given.group.as_deref().and_then(AudienceGroupId::parse);
    let id = id.ok_or_else(|| refusal(GroupRefusal::NotFound))?;
    let added = audiences.add(channel.account, id, given.upload()?).await;
    added.map_err(refused)?;
    Ok(accepted(json!({})))
}

impl Given {
    fn upload(self) -> Result<Upload, LineError> {
        match self.file {
            Some(ids) => Ok(Upload {
                ids,
                description: self.upload_description,
            }),
            None => Err(LineError::property(FILE)),
        }
    }
}

async fn read(audiences: &Audiences, mut request: Request) -> Result<Given, LineError> {
    expect_type(request.headers(), &[FORM])?;
    body::expect_readable(request.headers(), WHOLE_BYTES_MAX).map_err(unread)?;
    DefaultBodyLimit::max(WHOLE_BYTES_MAX).apply(&mut request);
    let read: Result<Multipart, _> = request.extract().await;
    let mut parts = read.map_err(|error| LineError::invalid(error.body_text()))?;
    let mut given = Given::default();
    loop {
        let next = in_time(parts.next_field()).await?;
        let Some(part) = next.map_err(of_form)? else {
            return Ok(given);
        };
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            FILE if given.file.is_none() => given.file = Some(file(audiences, part).await?),
            FILE => return Err(LineError::property(FILE)),
            "description" => given.description = Some(text(part).await?),
            "uploadDescription" => given.upload_description = Some(text(part).await?),
            "audienceGroupId" => given.group = Some(text(part).await?),
            "isIfaAudience" => {
                given.is_ifa = match text(part).await?.to_ascii_lowercase().as_str() {
                    "true" => Some(true),
                    "false" | "" => Some(false),
                    _ => return Err(LineError::property("isIfaAudience")),
                };
            }
            // A field nobody asked for is read over.
            _ => {
                text(part).await?;
            }
        }
    }
}

async fn file(audiences: &Audiences, mut part: Field<'_>) -> Result<IdsArriving, LineError> {
    let taken = take_file(audiences, &mut part).await;
    if taken.is_err() {
        // Whoever sends first and listens afterwards hears why only if the rest is taken.
        while let Ok(Ok(Some(_))) = in_time(part.chunk()).await {}
    }
    taken
}

async fn take_file(audiences: &Audiences, part: &mut Field<'_>) -> Result<IdsArriving, LineError> {
    let kind = part.content_type().unwrap_or(FILE_TYPE);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(FILE_TYPE) {
        let shown = kind.chars().take(FIELD_BYTES_MAX).collect();
        return Err(LineError::UnsupportedType(shown));
    }
    let mut ids = audiences.begin(Accepts::LineIds).await.map_err(refused)?;
    while let Some(bytes) = in_time(part.chunk()).await?.map_err(of_form)? {
        ids.write(&bytes).await.map_err(refused)?;
    }
    Ok(ids)
}

async fn text(mut part: Field<'_>) -> Result<String, LineError> {
    let name = part.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(piece) = in_time(part.chunk()).await?.map_err(of_form)? {
        if bytes.len() + piece.len() > FIELD_BYTES_MAX {
            return Err(LineError::property(&name));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| LineError::property(&name))
}

/// The next piece, where it comes in time.
async fn in_time<T>(piece: impl Future<Output = T>) -> Result<T, LineError> {
    let waited = tokio::time::timeout(BODY_TIMEOUT, piece).await;
    waited.map_err(|_| LineError::TooSlow)
}

fn of_form(error: MultipartError) -> LineError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => LineError::TooLarge(WHOLE_BYTES_MAX),
        _ => LineError::invalid(error.body_text()),
    }
}
