//! The names by which actions switch from one menu to another.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use directory::MenuError;
use domain::rich_menu::{CreateAliasRequest, RichMenuAliasId, RichMenuId, UpdateAliasRequest};
use serde_json::{Value, json};

use super::super::request::Document;
use super::{Channel, LineError, LineState, of, writer};

/// `POST /v2/bot/richmenu/alias`.
pub async fn create(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    let asked = CreateAliasRequest::parse(body.text()).map_err(LineError::body)?;
    let writer = writer(&state, &channel);
    let (alias, menu) = (&asked.alias_id, asked.rich_menu_id);
    let added = writer.add_menu_alias(of(&channel), alias, menu).await;
    added.map_err(named_menu)?;
    Ok(Json(json!({})))
}

/// `GET /v2/bot/richmenu/alias/list`.
pub async fn list(channel: Channel) -> Result<Json<Value>, LineError> {
    let found = channel.store.menu_aliases(channel.account).await?;
    let aliases = found.iter().map(|named| shown(&named.alias, named.menu));
    Ok(Json(json!({ "aliases": aliases.collect::<Vec<_>>() })))
}

/// `GET /v2/bot/richmenu/alias/{richMenuAliasId}`.
pub async fn show(channel: Channel, Path(alias): Path<String>) -> Result<Json<Value>, LineError> {
    let alias = parse(&alias)?;
    let found = channel.store.menu_of_alias(channel.account, &alias).await?;
    let menu = found.ok_or(LineError::from(MenuError::NoAlias))?;
    Ok(Json(shown(&alias, menu)))
}

/// `POST /v2/bot/richmenu/alias/{richMenuAliasId}`: it leads to another menu.
pub async fn change(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(alias): Path<String>,
    body: Document,
) -> Result<Json<Value>, LineError> {
    let alias = parse(&alias)?;
    let asked = UpdateAliasRequest::parse(body.text()).map_err(LineError::body)?;
    let writer = writer(&state, &channel);
    let moved = writer.move_menu_alias(of(&channel), &alias, asked.rich_menu_id);
    moved.await.map_err(named_menu)?;
    Ok(Json(json!({})))
}

/// `DELETE /v2/bot/richmenu/alias/{richMenuAliasId}`.
pub async fn delete(
    channel: Channel,
    State(state): State<Arc<LineState>>,
    Path(alias): Path<String>,
) -> Result<Json<Value>, LineError> {
    let alias = parse(&alias)?;
    let writer = writer(&state, &channel);
    writer.delete_menu_alias(of(&channel), &alias).await?;
    Ok(Json(json!({})))
}

fn parse(alias: &str) -> Result<RichMenuAliasId, LineError> {
    RichMenuAliasId::parse(alias).ok_or_else(|| LineError::parameter("richMenuAliasId"))
}

fn shown(alias: &RichMenuAliasId, menu: RichMenuId) -> Value {
    json!({ "richMenuAliasId": alias.as_str(), "richMenuId": menu.to_string() })
}

/// A menu that a body names and that is not there is a fault of the body: 400.
fn named_menu(error: MenuError) -> LineError {
    match error {
        MenuError::NoMenu => LineError::invalid("richmenu not found"),
        other => other.into(),
    }
}
