//! The screen: whose phone it is, the list of chats, and one of them open beside it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::chat::{self, Chat, What};
use super::chats::{self, ChatRow};
use super::deeds::InChat;
use super::error::Error;
use super::guest::{self, Guest};
use super::page;
use super::people::{self, Somebody};
use crate::state::Sandbox;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ScreenQuery {
    /// Whom to look for.
    q: String,
}

/// Somebody whose phone can be chosen.
struct Choice {
    path: String,
    name: String,
    is_current: bool,
}

/// What the messenger did so far.
struct Facts {
    pushes: u64,
    accepted: u64,
    untold: u64,
    is_telling: bool,
}

#[derive(Template)]
#[template(path = "messenger/screen.html")]
struct ScreenPage<'a> {
    guest: &'a Guest,
    /// This page's own address.
    here: String,
    search: &'a str,
    choices: Vec<Choice>,
    somebody: Option<&'a Somebody>,
    chats: Vec<ChatRow>,
    chat: Option<Chat>,
    clock: String,
    facts: Facts,
}

/// `GET /messenger`: the phone that was looked at last, or whoever the last push reached.
pub(crate) async fn anybody(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    cookies: CookieJar,
    Query(query): Query<ScreenQuery>,
) -> Result<(CookieJar, Response), Error> {
    let somebody = match people::last(&sandbox, &guest).await? {
        Some(somebody) => Some(somebody),
        None => people::offered(&sandbox, "").await?.into_iter().next(),
    };
    // The next push reaches others: whoever comes back finds the same phone.
    let cookies = match &somebody {
        Some(somebody) => guest::remember(cookies, &somebody.key),
        None => cookies,
    };
    let page = show(&sandbox, &guest, &query.q, somebody.as_ref(), None).await?;
    Ok((cookies, page))
}

/// `GET /messenger/{user}`: the list of chats.
pub(crate) async fn list(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    cookies: CookieJar,
    Path(user): Path<String>,
    Query(query): Query<ScreenQuery>,
) -> Result<(CookieJar, Response), Error> {
    let somebody = people::known(&sandbox, &user).await?;
    let cookies = guest::remember(cookies, &somebody.key);
    let page = show(&sandbox, &guest, &query.q, Some(&somebody), None).await?;
    Ok((cookies, page))
}

/// `GET /messenger/{user}/{handle}`: a chat, which is seen by that.
pub(crate) async fn chat(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    cookies: CookieJar,
    Path((user, handle)): Path<(String, String)>,
    Query(query): Query<ScreenQuery>,
) -> Result<(CookieJar, Response), Error> {
    let here = InChat::find(&sandbox, &user, &handle).await?;
    let cookies = guest::remember(cookies, &here.somebody.key);
    let chat = chat::open(&sandbox, &guest, &here).await?;
    let somebody = Some(&here.somebody);
    let page = show(&sandbox, &guest, &query.q, somebody, Some(chat)).await?;
    Ok((cookies, page))
}

async fn show(
    sandbox: &Sandbox,
    guest: &Guest,
    search: &str,
    somebody: Option<&Somebody>,
    chat: Option<Chat>,
) -> Result<Response, Error> {
    let offered = people::offered(sandbox, search).await?;
    let is_current = |one: &Somebody| somebody.is_some_and(|somebody| somebody.key == one.key);
    // Whoever it is stands first, found or not.
    let current = somebody.filter(|_| search.is_empty() && !offered.iter().any(is_current));
    let choices = current.into_iter().chain(&offered);
    let choices = choices.map(|one| Choice {
        path: one.path(),
        name: one.name.clone(),
        is_current: is_current(one),
    });
    let chats = match somebody {
        Some(somebody) => {
            sandbox.store.search_pushes(&somebody.key).await?;
            let current = chat.as_ref().map(|chat| chat.handle.as_str());
            chats::rows(sandbox, guest, somebody, current).await?
        }
        None => Vec::new(),
    };
    let here = match (&chat, somebody) {
        (Some(chat), _) => chat.path.clone(),
        (None, Some(somebody)) => somebody.path(),
        (None, None) => "/messenger".to_owned(),
    };
    let total = sandbox.store.push_total().await?;
    page::show(&ScreenPage {
        guest,
        here,
        search,
        choices: choices.collect(),
        somebody,
        chats,
        chat,
        clock: guest.words.clock(sandbox.clock.now(), &guest.zone),
        facts: Facts {
            pushes: total.pushes,
            accepted: total.accepted,
            untold: sandbox.store.untold_count().await?,
            is_telling: sandbox.sender.is_some(),
        },
    })
}
