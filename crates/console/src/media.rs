//! Uploading a picture: for a message, from the composer. JSON for scripts, a page for people.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use directory::media::{FILE_BYTES_MAX, Fault};
use directory::{MediaError, Permission, Picture};
use serde::Serialize;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::guest::Guest;
use crate::state::ConsoleState;
use crate::upload::{Refusal, Upload};

/// The field of the file.
const FILE: &str = "file";

/// A picture that is kept, by addresses that hold anywhere.
#[derive(Debug, Serialize)]
pub struct Uploaded {
    pub url: String,
    pub preview_url: String,
    pub width: u32,
    pub height: u32,
}

/// Why a picture is not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// The file is at fault: the status, and the key of the words.
    Fault(StatusCode, &'static str),
    Other(Error),
}

impl From<Error> for NotTaken {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

pub async fn upload(
    State(state): State<Arc<ConsoleState>>,
    guest: Guest,
    desk: Result<Desk, Error>,
    request: Request,
) -> Result<Response, Error> {
    let wants_json = wants_json(request.headers());
    let taken = match desk {
        Ok(desk) => take(&state, &desk, request).await,
        Err(error) => Err(NotTaken::Other(error)),
    };
    match (taken, wants_json) {
        (Ok(uploaded), true) => Ok(Json(uploaded).into_response()),
        (Ok(uploaded), false) => Ok(Redirect::to(&uploaded.url).into_response()),
        (Err(refusal), true) => Ok(refusal.as_json(guest.words)),
        (Err(NotTaken::Fault(_, key)), false) => Err(Error::Unfit(guest.words.t(key).to_string())),
        (Err(NotTaken::Other(error)), false) => Err(error),
    }
}

async fn take(state: &ConsoleState, desk: &Desk, request: Request) -> Result<Uploaded, NotTaken> {
    desk.expect(Permission::Compose)?;
    let upload = read(request, FILE).await?;
    let file = upload.file.ok_or(NotTaken::missing())?;
    let picture = keep(desk, &file.name, file.bytes).await?;
    let at = |path: &str| format!("{}{path}", state.public_url);
    Ok(Uploaded {
        url: at(&picture.path),
        preview_url: at(&picture.preview_path),
        width: picture.width,
        height: picture.height,
    })
}

/// Reads a form whose file is a picture.
pub async fn read(request: Request, file: &str) -> Result<Upload, NotTaken> {
    Upload::read(request, file, FILE_BYTES_MAX)
        .await
        .map_err(|refusal| match refusal {
            Refusal::TooLarge => NotTaken::of(Fault::TooLarge),
            Refusal::Unreadable(why) => NotTaken::Other(Error::Unreadable(why)),
        })
}

/// Keeps a picture of the desk's account.
pub async fn keep(desk: &Desk, name: &str, bytes: Vec<u8>) -> Result<Picture, NotTaken> {
    let (business, account, member) = (desk.business.id, desk.account.id, desk.member.id);
    let kept = desk
        .directory
        .add_picture(business, account, Some(member), name, bytes)
        .await;
    kept.map_err(|error| match error {
        MediaError::Unfit(fault) => NotTaken::of(fault),
        MediaError::Full => NotTaken::Fault(StatusCode::CONFLICT, "media-fault-full"),
        MediaError::Other(error) => NotTaken::Other(error.into()),
    })
}

impl NotTaken {
    pub(crate) const fn missing() -> Self {
        Self::Fault(StatusCode::UNPROCESSABLE_ENTITY, "media-fault-missing")
    }

    pub(crate) fn of(fault: Fault) -> Self {
        let unfit = StatusCode::UNPROCESSABLE_ENTITY;
        match fault {
            Fault::Empty => Self::Fault(unfit, "media-fault-empty"),
            Fault::TooLarge => Self::Fault(StatusCode::PAYLOAD_TOO_LARGE, "media-fault-too-large"),
            Fault::OtherType => Self::Fault(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-fault-type"),
            Fault::TooManyPixels => Self::Fault(unfit, "media-fault-pixels"),
            Fault::Damaged => Self::Fault(unfit, "media-fault-damaged"),
            Fault::OtherShape => Self::Fault(unfit, "media-fault-shape"),
        }
    }

    fn as_json(&self, words: Words) -> Response {
        let (status, key) = match self {
            Self::Fault(status, key) => (*status, *key),
            Self::Other(error) => match error {
                Error::SignedOut { .. } => (StatusCode::UNAUTHORIZED, "media-fault-signed-out"),
                Error::NotFound => (StatusCode::NOT_FOUND, "problem-not-found-text"),
                Error::Forbidden => (StatusCode::FORBIDDEN, "problem-forbidden-text"),
                Error::Unreadable(_) => (StatusCode::BAD_REQUEST, "problem-unreadable-text"),
                Error::Conflict(_) => (StatusCode::CONFLICT, "problem-conflict-text"),
                Error::Unfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "problem-unfit-text"),
                Error::Broken(why) => {
                    tracing::error!(%why, "a picture could not be kept");
                    (StatusCode::INTERNAL_SERVER_ERROR, "problem-broken-text")
                }
            },
        };
        let said = serde_json::json!({"error": words.t(key).to_string()});
        (status, Json(said)).into_response()
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    accepted
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.contains("application/json"))
}
