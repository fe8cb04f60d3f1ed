//! An operator's own password.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use words::Words;

use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use crate::error::Error;
use crate::form::Faults;
use crate::page;
use crate::password::{PasswordForm, unconfirmed};
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "operator/me.html")]
struct MePage<'a> {
    frame: Frame<'a>,
    words: Words,
    faults: Faults,
}

pub async fn show(desk: OperatorDesk) -> Result<Response, Error> {
    draw(&desk, Faults::default())
}

pub async fn change_password(
    State(state): State<Arc<ConsoleState>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    desk: OperatorDesk,
    Form(fields): Form<PasswordForm>,
) -> Result<Response, Error> {
    let words = desk.words;
    let faults = fields.faults(&words);
    if !faults.is_empty() {
        return draw(&desk, faults);
    }
    let (operators, address) = (&state.operators, address.ip().to_string());
    let confirmed = operators.confirm(desk.operator(), &fields.current, &address);
    if let Err(refusal) = confirmed.await {
        return draw(&desk, unconfirmed(&words, refusal, desk.now)?);
    }
    let (operator, kept) = (desk.operator().id, desk.visit.session.token_hash);
    operators
        .set_password(operator, &fields.password, Some(kept))
        .await?;
    tracing::info!(%operator, "an operator changed their password");
    Ok(Redirect::to(&format!("{BASE}/me?done=done-password")).into_response())
}

fn draw(desk: &OperatorDesk, faults: Faults) -> Result<Response, Error> {
    let shown = MePage {
        frame: Frame::of(desk, Place::Elsewhere),
        words: desk.words,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}
