//! One's own password and sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;
use crate::password::{PasswordForm, unconfirmed};
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "settings/me.html")]
struct MePage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    role: String,
    sessions: Vec<SessionRow>,
    faults: Faults,
}

struct SessionRow {
    browser: String,
    last_seen: String,
    is_this: bool,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    draw(&desk, Faults::default()).await
}

pub async fn change_password(
    State(state): State<Arc<ConsoleState>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    desk: Desk,
    Form(fields): Form<PasswordForm>,
) -> Result<Response, Error> {
    let words = desk.words;
    let faults = fields.faults(&words);
    if !faults.is_empty() {
        return draw(&desk, faults).await;
    }
    let address = address.ip().to_string();
    let confirmed = state
        .sign_in
        .confirm(&desk.member, &fields.current, &address);
    if let Err(refusal) = confirmed.await {
        return draw(&desk, unconfirmed(&words, refusal, desk.now)?).await;
    }
    let kept = Some(desk.session.token_hash);
    state
        .sign_in
        .set_password(desk.business.id, desk.member.id, &fields.password, kept)
        .await?;
    Ok(Redirect::to(&desk.at("/settings/me?done=done-password")).into_response())
}

pub async fn sign_out_elsewhere(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
) -> Result<Response, Error> {
    state.sign_in.sign_out_elsewhere(&desk.session).await?;
    Ok(Redirect::to(&desk.at("/settings/me?done=done-elsewhere")).into_response())
}

async fn draw(desk: &Desk, faults: Faults) -> Result<Response, Error> {
    let words = desk.words;
    let sessions = desk.store.sessions_of(desk.member.id, desk.now).await?;
    let sessions = sessions.into_iter().map(|session| SessionRow {
        is_this: session.token_hash == desk.session.token_hash,
        last_seen: words.time(session.last_seen_at, &desk.zone),
        browser: browser(&session.user_agent),
    });
    let shown = MePage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/me"),
        role: words.t(format!("role-{}", desk.role.name())).to_string(),
        sessions: sessions.collect(),
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}

/// The browser and its system, as far as they name themselves.
fn browser(user_agent: &str) -> String {
    // In this order: many name those they descend from, too.
    let browsers = [
        "Edg/",
        "Whale/",
        "SamsungBrowser/",
        "Chrome/",
        "Firefox/",
        "Safari/",
    ];
    let systems = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"];
    let named = |names: &[&str]| {
        let found = names.iter().find(|name| user_agent.contains(**name));
        found.map(|name| name.trim_end_matches('/').replace("Edg", "Edge"))
    };
    match (named(&browsers), named(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => user_agent.chars().take(40).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_by_what_they_are() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0 Safari/537.36",
                "Chrome, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
                "Safari, iPhone",
            ),
            ("curl/8.0", "curl/8.0"),
            ("", ""),
        ] {
            assert_eq!(browser(agent), expected);
        }
    }
}
