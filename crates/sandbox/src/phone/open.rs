//! Where a tap leads outside the chat: a page elsewhere, a date to pick, a text to copy. The
//! address is the message's own; no address is taken from the one who asks.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::deeds::InChat;
use super::error::Error;
use super::guest::Guest;
use super::page;
use super::taps::Tapped;
use crate::state::Sandbox;

#[derive(Deserialize)]
pub(crate) struct OpenQuery {
    push: String,
    tap: String,
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
    tap_path: String,
    push: String,
    tap: &'a str,
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
    let found = Tapped::find(&sandbox, &here, &query.push, &query.tap).await?;
    let action = found.action(&query.tap).ok_or(Error::NotFound)?;
    let text = |name: &str| action.text(name).unwrap_or("").to_owned();
    let leads = match action.kind {
        "uri" => {
            let address = action.address().unwrap_or("");
            match bubble::address::page(address) {
                Some(address) => Leads::Page(address.to_owned()),
                None => Leads::Elsewhere(address.to_owned()),
            }
        }
        "datetimepicker" => Leads::Pick {
            field: match action.text("mode") {
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
    };
    page::show(&OpenPage {
        guest: &guest,
        back: format!("{}#end", here.path()),
        tap_path: format!("{}/tap", here.path()),
        push: found.received.push_key.to_string(),
        tap: &query.tap,
        leads,
    })
}
