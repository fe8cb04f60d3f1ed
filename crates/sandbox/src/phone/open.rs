//! Where a tap leads outside the chat: a page elsewhere, a date to pick, a text to copy. The
//! address is the message's own; no address is taken from the one who asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::deeds::InChat;
use super::error::Error;
use super::guest::Guest;
use super::menus;
use super::page;
use super::taps::Tapped;
use crate::state::Sandbox;

/// A tap on a message, or on an area of a menu.
#[derive(Deserialize)]
pub(crate) struct OpenQuery {
    push: Option<String>,
    tap: Option<String>,
    menu: Option<String>,
    area: Option<u8>,
}

/// What is asked or shown.
enum Leads {
    /// An address a browser opens.
    Page(String),
    /// One that only a phone knows what to do with.
    Elsewhere(String),
    Pick {
        field: &'static str,
        initial: String,
        least: String,
        most: String,
    },
    Copy(String),
    Nowhere,
}

#[derive(Template)]
#[template(path = "messenger/open.html")]
struct OpenPage<'a> {
    guest: &'a Guest,
    back: String,
    /// Where what is picked is sent, with the fields that say what was tapped.
    target: String,
    hidden: [(&'static str, String); 2],
    leads: Leads,
}

/// `GET /messenger/{user}/{handle}/open`.
pub(crate) async fn show(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    Path((user, handle)): Path<(String, String)>,
    Query(query): Query<OpenQuery>,
) -> Result<Response, Error> {
    let here = InChat::find(&sandbox, &user, &handle).await?;
    let (target, hidden, leads) = match query {
        OpenQuery {
            menu: Some(menu),
            area: Some(area),
            ..
        } => {
            let found = menus::find(&sandbox, &here, &menu, area).await?;
            let hidden = [("menu", menu), ("area", area.to_string())];
            ("menu", hidden, leads(&found.action))
        }
        OpenQuery {
            push: Some(push),
            tap: Some(tap),
            ..
        } => {
            let found = Tapped::find(&sandbox, &here, &push, &tap).await?;
            let action = found.action(&tap).ok_or(Error::NotFound)?;
            let leads = leads(action.value);
            let push = found.received.push_key.to_string();
            ("tap", [("push", push), ("tap", tap)], leads)
        }
        _ => return Err(Error::Unreadable("what was tapped")),
    };
    page::show(&OpenPage {
        guest: &guest,
        back: format!("{}#end", here.path()),
        target: format!("{}/{target}", here.path()),
        hidden,
        leads,
    })
}

/// Where an action leads.
fn leads(action: &Value) -> Leads {
    let known = |name: &str| action.get(name).and_then(Value::as_str);
    let text = |name: &str| known(name).unwrap_or_default().to_owned();
    match known("type").unwrap_or_default() {
        "uri" => {
            let address = known("uri").or_else(|| known("linkUri"));
            let address = address.unwrap_or_default();
            match bubble::address::page(address) {
                Some(address) => Leads::Page(address.to_owned()),
                None => Leads::Elsewhere(address.to_owned()),
            }
        }
        "datetimepicker" => Leads::Pick {
            field: match known("mode") {
                Some("date") => "date",
                Some("time") => "time",
                _ => "datetime-local",
            },
            initial: text("initial").replace('t', "T"),
            least: text("min").replace('t', "T"),
            most: text("max").replace('t', "T"),
        },
        "clipboard" => Leads::Copy(text("clipboardText")),
        _ => Leads::Nowhere,
    }
}
