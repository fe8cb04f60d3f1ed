//! Rich menus: made, pictured, listed, shown to everybody or to some.
//!
//! A program sees the menus that programs made; those of the console are the console's.

mod alias; // the names by which actions switch
mod batch; // many friends' menus changed at once
mod link; // friends' own menus

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use directory::{Directory, MediaError, MenuError, MenusOf};
use domain::rich_menu::limits::PICTURE_BYTES_MAX;
use domain::rich_menu::{MenuOrigin, RichMenu, RichMenuId};
use serde_json::{Map, Value, json};
use store::StoreError;
use store::rich_menu::StoredMenu;

use super::request::{Document, PictureFile};
use super::{Channel, LineError, LineState};

/// What is said of a menu that is not there.
pub const NO_MENU: LineError = LineError::NotFound("richmenu not found");

pub fn routes() -> Router<Arc<LineState>> {
    Router::new()
        .route("/v2/bot/richmenu", post(create))
        .route("/v2/bot/richmenu/validate", post(validate))
        .route("/v2/bot/richmenu/list", get(list))
        .route("/v2/bot/richmenu/{richMenuId}", get(show).delete(delete))
        .route(
            "/v2/bot/richmenu/{richMenuId}/content",
            get(picture).post(set_picture),
        )
        .route(
            "/v2/bot/user/all/richmenu",
            get(default).delete(clear_default),
        )
        .route("/v2/bot/user/all/richmenu/{richMenuId}", post(set_default))
        .route(
            "/v2/bot/user/{userId}/richmenu",
            get(link::show).delete(link::unlink),
        )
        .route(
            "/v2/bot/user/{userId}/richmenu/{richMenuId}",
            post(link::link),
        )
        .route("/v2/bot/richmenu/bulk/link", post(link::link_many))
        .route("/v2/bot/richmenu/bulk/unlink", post(link::unlink_many))
        .route("/v2/bot/richmenu/batch", post(batch::begin))
        .route("/v2/bot/richmenu/validate/batch", post(batch::validate))
        .route("/v2/bot/richmenu/progress/batch", get(batch::progress))
        .route("/v2/bot/richmenu/alias", post(alias::create))
        .route("/v2/bot/richmenu/alias/list", get(alias::list))
        .route(
            "/v2/bot/richmenu/alias/{richMenuAliasId}",
            get(alias::show).post(alias::change).delete(alias::delete),
        )
}

/// `POST /v2/bot/richmenu`.
async fn create(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    let menu = RichMenu::parse(body.text(), &state.rules).map_err(LineError::body)?;
    let id = writer(&state, &channel)
        .add_menu(of(&channel), &menu)
        .await?;
    Ok(Json(json!({ "richMenuId": id.to_string() })))
}

/// `POST /v2/bot/richmenu/validate`.
async fn validate(
    _channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    RichMenu::parse(body.text(), &state.rules).map_err(LineError::body)?;
    Ok(Json(json!({})))
}

/// `GET /v2/bot/richmenu/list`.
async fn list(channel: Channel) -> Result<Json<Value>, LineError> {
    let found = channel.store.menus(channel.account, MenuOrigin::Program);
    let shown: Result<Vec<Value>, LineError> = found.await?.iter().map(as_json).collect();
    Ok(Json(json!({ "richmenus": shown? })))
}

/// `GET /v2/bot/richmenu/{richMenuId}`.
async fn show(channel: Channel, Path(id): Path<String>) -> Result<Json<Value>, LineError> {
    Ok(Json(as_json(&own(&channel, &id).await?)?))
}

/// `DELETE /v2/bot/richmenu/{richMenuId}`.
async fn delete(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, LineError> {
    let id = parse(&id)?;
    writer(&state, &channel)
        .delete_menu(of(&channel), id)
        .await?;
    Ok(Json(json!({})))
}

/// `GET /v2/bot/richmenu/{richMenuId}/content`.
async fn picture(channel: Channel, Path(id): Path<String>) -> Result<Response, LineError> {
    let menu = own(&channel, &id).await?;
    let picture = menu.picture.ok_or(LineError::NotFound("Not found"))?;
    let media = channel.store.media(&picture.hash).await?;
    let media = media.ok_or(LineError::NotFound("Not found"))?;
    let kind = [(CONTENT_TYPE, media.content_type)];
    Ok((kind, Body::from(media.bytes)).into_response())
}

/// `POST /v2/bot/richmenu/{richMenuId}/content`: once.
async fn set_picture(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
    PictureFile(bytes): PictureFile,
) -> Result<Json<Value>, LineError> {
    let id = parse(&id)?;
    if bytes.len() > PICTURE_BYTES_MAX {
        return Err(LineError::invalid(format!(
            "The image must not be larger than {PICTURE_BYTES_MAX} bytes"
        )));
    }
    let writer = writer(&state, &channel);
    writer
        .set_menu_picture(of(&channel), id, bytes, false)
        .await?;
    Ok(Json(json!({})))
}

/// `GET /v2/bot/user/all/richmenu`: the default that programs set.
async fn default(channel: Channel) -> Result<Json<Value>, LineError> {
    let found = channel
        .store
        .default_menu(channel.account, MenuOrigin::Program)
        .await?;
    let id = found.ok_or(LineError::NotFound("no default richmenu"))?;
    Ok(Json(json!({ "richMenuId": id.to_string() })))
}

/// `POST /v2/bot/user/all/richmenu/{richMenuId}`.
async fn set_default(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, LineError> {
    let id = parse(&id)?;
    let writer = writer(&state, &channel);
    writer.set_default_menu(of(&channel), id).await?;
    Ok(Json(json!({})))
}

/// `DELETE /v2/bot/user/all/richmenu`.
async fn clear_default(
    channel: Channel,
    State(state): State<Arc<LineState>>,
) -> Result<Json<Value>, LineError> {
    let writer = writer(&state, &channel);
    writer.clear_default_menu(of(&channel)).await?;
    Ok(Json(json!({})))
}

/// The menus that a program means.
fn of(channel: &Channel) -> MenusOf {
    MenusOf {
        business: channel.business,
        account: channel.account,
        origin: MenuOrigin::Program,
    }
}

/// What writes for a channel: behind the wall of its business.
pub(super) fn writer(state: &LineState, channel: &Channel) -> Directory {
    let store = state.wall.store_of(channel.business);
    Directory::of(store, state.clock.clone(), state.ids.clone())
}

/// The id in a path: what has another shape is no menu.
pub(super) fn parse(id: &str) -> Result<RichMenuId, LineError> {
    RichMenuId::parse(id).ok_or(NO_MENU)
}

/// A menu that a program made.
pub(super) async fn own(channel: &Channel, id: &str) -> Result<StoredMenu, LineError> {
    let found = channel.store.menu(channel.account, parse(id)?).await?;
    let own = found.filter(|menu| menu.origin == MenuOrigin::Program);
    own.ok_or(NO_MENU)
}

/// A menu with its id, in LINE's shape.
fn as_json(menu: &StoredMenu) -> Result<Value, LineError> {
    let read: Result<Map<String, Value>, _> = serde_json::from_str(&menu.content);
    let mut shown = read.map_err(|why| StoreError::Corrupt {
        table: "rich_menu",
        column: "content",
        why: why.to_string(),
    })?;
    shown.insert("richMenuId".to_owned(), json!(menu.id.to_string()));
    Ok(Value::Object(shown))
}

impl From<MenuError> for LineError {
    fn from(error: MenuError) -> Self {
        let words = match error {
            MenuError::NoMenu => return NO_MENU,
            MenuError::NoAlias => return Self::NotFound("richmenu alias not found"),
            MenuError::Media(MediaError::Other(error)) => return error.into(),
            MenuError::NoPicture => {
                "must upload richmenu image before applying it to user".to_owned()
            }
            MenuError::HasPicture => {
                "An image has already been uploaded to the richmenu".to_owned()
            }
            MenuError::AliasTaken => "conflict richmenu alias id".to_owned(),
            MenuError::Full | MenuError::AliasesFull | MenuError::OtherBatch => error.to_string(),
            MenuError::Media(error) => error.to_string(),
        };
        Self::invalid(words)
    }
}
