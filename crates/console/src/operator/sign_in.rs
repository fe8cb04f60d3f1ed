//! Operators signing in and out.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::Cookie;

use super::desk::{BASE, OperatorDesk, SESSION_COOKIE};
use crate::error::Error;
use crate::guest::Guest;
use crate::page;
use crate::sign_in::{SignInForm, SignInQuery, browser_of, not_let_in, own_path, session_cookie};
use crate::state::ConsoleState;

const SIGN_IN: &str = "/operator/sign-in";

#[derive(Template)]
#[template(path = "operator/sign_in.html")]
struct SignInPage<'a> {
    guest: &'a Guest,
    email: &'a str,
    back_to: &'a str,
    here: String,
    problem: Option<String>,
    /// Nobody can sign in yet.
    is_first_run: bool,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    guest: Guest,
    Query(query): Query<SignInQuery>,
) -> Result<Response, Error> {
    let is_first_run = state.operators.is_first_run().await?;
    form(&guest, "", &query.back_to, None, is_first_run)
}

pub async fn submit(
    State(state): State<Arc<ConsoleState>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    guest: Guest,
    headers: HeaderMap,
    cookies: CookieJar,
    Form(fields): Form<SignInForm>,
) -> Result<Response, Error> {
    let address = address.ip().to_string();
    let tried = state
        .operators
        .sign_in(
            &fields.email,
            &fields.password,
            &address,
            browser_of(&headers),
        )
        .await;
    match tried {
        Ok(token) => {
            // A brand's page never sees it.
            let cookie = session_cookie(SESSION_COOKIE, BASE, token);
            let to = Redirect::to(own_path(&fields.back_to, BASE));
            Ok((cookies.add(cookie), to).into_response())
        }
        Err(refusal) => {
            let problem = not_let_in(&guest.words, refusal, state.clock.now())?;
            form(&guest, &fields.email, &fields.back_to, Some(problem), false)
        }
    }
}

pub async fn sign_out(
    State(state): State<Arc<ConsoleState>>,
    desk: Result<OperatorDesk, Error>,
    cookies: CookieJar,
) -> Result<Response, Error> {
    if let Ok(desk) = desk {
        let session = desk.visit.session.token_hash;
        state.operators.sign_out(session).await?;
    }
    let gone = Cookie::build(SESSION_COOKIE).path(BASE);
    Ok((cookies.remove(gone), Redirect::to(SIGN_IN)).into_response())
}

fn form(
    guest: &Guest,
    email: &str,
    back_to: &str,
    problem: Option<String>,
    is_first_run: bool,
) -> Result<Response, Error> {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let here = match own_path(back_to, BASE) {
        BASE => SIGN_IN.to_owned(),
        path => format!("{SIGN_IN}?back_to={}", page::percent_encoded(path)),
    };
    let shown = SignInPage {
        guest,
        email,
        back_to,
        here,
        problem,
        is_first_run,
    };
    page::show_as(status, &shown)
}
