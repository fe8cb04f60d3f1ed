//! What the page sends: a save while somebody writes, answered with JSON, and the same form without
//! script, answered with the page.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Json, http::StatusCode};
use directory::Permission;
use directory::drafts::{Save, Saved};
use serde::Serialize;
use store::campaign::Campaign;
use store::draft::Part;

use super::fields::{self, Sent};
use super::page::{self, Conflict, Shown};
use super::preview::preview;
use super::steps::Step;
use super::test;
use crate::desk::Desk;
use crate::draft;
use crate::error::Error;
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::state::ConsoleState;

/// What a script is told of a save.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// As `data-save-state` has it.
    state: &'static str,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// By field: tone and words.
    lints: BTreeMap<String, (&'static str, String)>,
    preview: String,
    quick: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<String>,
}

pub async fn save(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&desk, &path).await?;
    let accepts = headers.get(header::ACCEPT);
    let is_script = accepts.is_some_and(|value| value == "application/json");
    match save_sent(&state, &desk, &campaign, &pairs, is_script).await {
        Err(error) if is_script => refused(error),
        answer => answer,
    }
}

async fn save_sent(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    pairs: &[(String, String)],
    is_script: bool,
) -> Result<Response, Error> {
    super::expect_draft(desk, campaign)?;
    let mut sent = fields::read(pairs).map_err(|error| Error::Unreadable(error.to_string()))?;
    let changed = fields::act(&mut sent.content, &sent.act);
    let kept = sent.act.strip_prefix("keep ");
    let from_version = kept
        .and_then(|version| version.parse().ok())
        .unwrap_or(sent.version);
    let json = sent.content.to_json();
    let save = Save {
        part: Part::Message,
        from_version,
        content: &json,
        writer: &sent.window,
        name: Some(&sent.content.name),
    };
    match draft::save(desk, campaign.id, &save).await? {
        Saved::Done { version } if is_script => {
            Ok(Json(done(state, desk, &sent, version)).into_response())
        }
        Saved::Done { version } => go_on(state, desk, campaign, &sent, version, changed).await,
        Saved::Conflict(part) => {
            let path = desk.at(&format!("/campaigns/{}/message", campaign.id));
            let conflict = Conflict::of(desk, path, &part).await?;
            match is_script {
                true => conflicted(desk, &sent, &conflict),
                false => {
                    page::draw(
                        state,
                        desk,
                        campaign,
                        &sent.content,
                        Shown {
                            version: sent.version,
                            writer: "",
                            saved_at: None,
                            checks: false,
                            test_fault: None,
                        },
                        Some(conflict),
                    )
                    .await
                }
            }
        }
    }
}

fn done(state: &ConsoleState, desk: &Desk, sent: &Sent, version: u32) -> Answer {
    let lints = page::lints(state, desk, &sent.content, sent.checks);
    let drawn = preview(&sent.content, desk);
    let odd = lints
        .odd
        .into_iter()
        .map(|(at, words)| (at, ("warn", words)));
    let wrong = lints
        .wrong
        .into_iter()
        .map(|(at, words)| (at, ("bad", words)));
    Answer {
        state: "saved",
        words: page::saved_words(desk, desk.now),
        version: Some(version),
        // What is wrong is said before what is odd; of one field, the first.
        lints: odd.chain(wrong.rev()).collect(),
        preview: drawn.messages,
        quick: drawn.quick,
        conflict: None,
    }
}

fn conflicted(desk: &Desk, sent: &Sent, conflict: &Conflict) -> Result<Response, Error> {
    let html = askama::Template::render(conflict);
    let drawn = preview(&sent.content, desk);
    let answer = Answer {
        state: "conflict",
        words: desk.words.t("composer-in-conflict").to_string(),
        preview: drawn.messages,
        quick: drawn.quick,
        conflict: Some(html.map_err(|error| Error::Broken(error.to_string()))?),
        ..Answer::default()
    };
    Ok((StatusCode::CONFLICT, Json(answer)).into_response())
}

/// Without script: where the button leads.
async fn go_on(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    sent: &Sent,
    version: u32,
    changed: Option<usize>,
) -> Result<Response, Error> {
    let at = |step: Step| desk.at(&format!("/campaigns/{}/{}", campaign.id, step.name()));
    if sent.act == "next" || sent.act == "test" {
        let finished = super::finished::check(&sent.content, &state.rules);
        let fault = match &finished {
            Ok(_) if sent.act == "next" => {
                return Ok(Redirect::to(&at(Step::Audience)).into_response());
            }
            Ok(finished) => match test::send(state, desk, campaign, finished, &sent.testers).await?
            {
                None => {
                    let path = format!("{}?done=done-test#test", at(Step::Message));
                    return Ok(Redirect::to(&path).into_response());
                }
                refused => refused,
            },
            Err(_) => None,
        };
        let shown = Shown {
            version,
            writer: &sent.window,
            saved_at: Some(desk.now),
            checks: finished.is_err(),
            test_fault: fault.as_deref(),
        };
        return page::draw(state, desk, campaign, &sent.content, shown, None).await;
    }
    let mut path = at(Step::Message);
    if let Some(card) = changed {
        path.push_str(&format!("#cards%5B{card}%5D"));
    }
    Ok(Redirect::to(&path).into_response())
}

/// A script is told in JSON too.
fn refused(error: Error) -> Result<Response, Error> {
    let (status, words) = match error {
        Error::Conflict(words) => (StatusCode::CONFLICT, words),
        Error::Unreadable(words) => (StatusCode::BAD_REQUEST, words),
        other => return Err(other),
    };
    let answer = Answer {
        state: "refused",
        words,
        ..Answer::default()
    };
    Ok((status, Json(answer)).into_response())
}
