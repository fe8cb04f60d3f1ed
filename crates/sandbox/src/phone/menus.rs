//! The rich menu below a chat: drawn, and tapped. A tap names an area; what it does is read from
//! the menu as the platform has it, never from what a browser claims.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use domain::rich_menu::RichMenuId;
use domain::time::Timestamp;
use gateway::{ChatMenu, FriendEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use store::sandbox::{Act, DeedKind};
use words::Words;

use super::beside;
use super::deeds::{InChat, done, wrote};
use super::error::Error;
use super::page;
use super::people;
use super::taps::is_moment;
use crate::state::Sandbox;

/// Impressions of one person and menu within so many milliseconds are one: a page that is asked for
/// again by itself shows nothing new.
const SHOWN_EVERY_MS: i64 = 60_000;

/// A menu as the chat draws it.
pub(crate) struct MenuView {
    pub id: RichMenuId,
    /// What the bar says.
    pub bar: String,
    pub is_open: bool,
    pub image: String,
    pub width: u64,
    pub height: u64,
    pub areas: Vec<AreaView>,
}

pub(crate) struct AreaView {
    pub place: usize,
    pub x: u64,
    pub y: u64,
    pub width: u64,
    pub height: u64,
    pub kind: String,
    pub label: String,
}

/// An area that was tapped.
pub(crate) struct TappedArea {
    id: RichMenuId,
    place: u8,
    pub action: Value,
}

#[derive(Deserialize)]
pub(crate) struct MenuForm {
    menu: String,
    area: u8,
    /// What was picked: of a date and time picker only.
    picked: Option<String>,
}

impl MenuView {
    /// `None` where it is no menu that can be drawn.
    pub fn of(menu: &ChatMenu, words: &Words) -> Option<Self> {
        let pixels = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64);
        let size = menu.menu.get("size")?;
        let areas = menu.menu.get("areas")?.as_array()?;
        let area = |(place, area): (usize, &Value)| {
            let (bounds, action) = (area.get("bounds")?, area.get("action")?);
            let label = text(action, "label").filter(|label| !label.is_empty());
            Some(AreaView {
                place,
                x: pixels(bounds, "x")?,
                y: pixels(bounds, "y")?,
                width: pixels(bounds, "width")?,
                height: pixels(bounds, "height")?,
                kind: text(action, "type")?.to_owned(),
                label: match label {
                    Some(label) => label.to_owned(),
                    None => words.t("bubble-open").to_string(),
                },
            })
        };
        Some(Self {
            id: RichMenuId::parse(&menu.id)?,
            bar: text(&menu.menu, "chatBarText")?.to_owned(),
            is_open: menu.menu.get("selected") == Some(&json!(true)),
            image: page::picture(Some(&menu.image_url))?.to_owned(),
            width: pixels(size, "width")?,
            height: pixels(size, "height")?,
            areas: areas.iter().enumerate().filter_map(area).collect(),
        })
    }
}

/// Tells that the person sees the menu.
pub(crate) async fn note_shown(
    sandbox: &Arc<Sandbox>,
    here: &InChat,
    menu: &MenuView,
) -> Result<(), Error> {
    let at = sandbox.clock.now();
    let span = at.as_millis().div_euclid(SHOWN_EVERY_MS);
    let user = here.somebody.key.as_str();
    // The same within a minute is taken once.
    let digits = hex::encode(&menu.id.as_bytes()[..]);
    let id = format!("menu-{digits}-{span}-{user}");
    let event = FriendEvent::RichMenuShown { menu: menu.id };
    let mut act = here.act(at);
    act.events = vec![here.event_as(&id, at, event).to_string()];
    sandbox.tell_of(act).await
}

/// `POST /messenger/{user}/{handle}/menu`.
pub(crate) async fn submit(
    State(sandbox): State<Arc<Sandbox>>,
    Path((user, handle)): Path<(String, String)>,
    headers: HeaderMap,
    Form(fields): Form<MenuForm>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let here = InChat::find(&sandbox, &user, &handle).await?;
    let found = find(&sandbox, &here, &fields.menu, fields.area).await?;
    let at = sandbox.clock.now();
    let back = format!("{}#end", here.path());
    let opened = format!(
        "{}/open?menu={}&area={}",
        here.path(),
        found.id,
        found.place
    );
    let say = |name: &str| text(&found.action, name).filter(|words| !words.is_empty());
    let tapped = FriendEvent::RichMenuTapped {
        menu: found.id,
        area: found.place,
    };
    let tapped = here.event(&sandbox, at, tapped).to_string();
    let mut act = here.act(at);
    match say("type").unwrap_or_default() {
        "message" => act = wrote(&sandbox, &here, say("text").unwrap_or_default()),
        "postback" => act = posted(&sandbox, &here, &found.action, at, None),
        "datetimepicker" => match fields.picked.as_deref().filter(|text| is_moment(text)) {
            Some(picked) => {
                let mode = say("mode").unwrap_or("datetime");
                let params = json!({ mode: picked });
                act = posted(&sandbox, &here, &found.action, at, Some(params));
                act.deed = Some((DeedKind::Wrote, picked.replace('T', " ")));
            }
            // Nothing was done yet: it counts once something is picked.
            None => return Ok(Redirect::to(&opened).into_response()),
        },
        "richmenuswitch" => {
            let params = json!({
                "newRichMenuAliasId": say("richMenuAliasId"),
                "status": "SUCCESS",
            });
            act = posted(&sandbox, &here, &found.action, at, Some(params));
            act.events.insert(0, tapped);
            sandbox.act(act).await?;
            // The next page shows the menu that the platform says.
            sandbox.tell_now().await;
            return Ok(done(&headers, &back, json!({})));
        }
        "clipboard" => {
            let copied = say("clipboardText").unwrap_or_default();
            act.deed = Some((DeedKind::Copied, copied.to_owned()));
            act.events.push(tapped);
            sandbox.act(act).await?;
            return Ok(done(&headers, &opened, json!({ "copy": copied })));
        }
        "uri" => {
            let address = say("uri").unwrap_or_default();
            act.deed = Some((DeedKind::Opened, address.to_owned()));
            act.events.push(tapped);
            sandbox.act(act).await?;
            return Ok(Redirect::to(&opened).into_response());
        }
        _ => {}
    }
    act.events.insert(0, tapped);
    sandbox.act(act).await?;
    Ok(done(&headers, &back, json!({})))
}

/// An area of the menu that the person sees now.
pub(crate) async fn find(
    sandbox: &Arc<Sandbox>,
    here: &InChat,
    menu: &str,
    area: u8,
) -> Result<TappedArea, Error> {
    let seen = beside::ask(sandbox, here, &[]).await.menu;
    let seen = seen.filter(|seen| seen.id == menu).ok_or(Error::NotFound)?;
    let id = RichMenuId::parse(&seen.id).ok_or(Error::NotFound)?;
    let pointer = format!("/areas/{area}/action");
    let action = seen.menu.pointer(&pointer).ok_or(Error::NotFound)?;
    Ok(TappedArea {
        id,
        place: area,
        action: action.clone(),
    })
}

/// A postback: what it shows is written in the chat, what it carries is told.
fn posted(
    sandbox: &Sandbox,
    here: &InChat,
    action: &Value,
    at: Timestamp,
    params: Option<Value>,
) -> Act {
    let carried = text(action, "data").unwrap_or_default().to_owned();
    let posted = FriendEvent::Postback {
        data: carried,
        params: BTreeMap::new(),
    };
    let mut event = here.event(sandbox, at, posted);
    if let Some(params) = params {
        event["params"] = params;
    }
    let shown = text(action, "displayText").or_else(|| text(action, "text"));
    let mut act = here.act(at);
    act.deed = shown.map(|words| (DeedKind::Wrote, words.to_owned()));
    act.events.push(event.to_string());
    act
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}
