//! Signing in and out; language and theme.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use directory::SignInError;
use domain::time::Timestamp;
use serde::Deserialize;
use words::Words;

use crate::desk::{SESSION_COOKIE, SignedIn};
use crate::error::Error;
use crate::guest::{Guest, LANGUAGE_COOKIE, THEME_COOKIE, Theme};
use crate::operator::desk::BASE as OPERATOR_BASE;
use crate::page;
use crate::password::too_many;
use crate::state::ConsoleState;

/// Where the pages of brands begin.
const BASE: &str = "/console";

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    guest: &'a Guest,
    email: &'a str,
    back_to: &'a str,
    here: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "console/first_run.html")]
struct FirstRunPage<'a> {
    guest: &'a Guest,
}

#[derive(Debug, Deserialize)]
pub struct SignInQuery {
    #[serde(default)]
    pub(crate) back_to: String,
}

#[derive(Debug, Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) password: String,
    #[serde(default)]
    pub(crate) back_to: String,
}

#[derive(Debug, Deserialize)]
pub struct PreferencesForm {
    language: Option<String>,
    theme: Option<String>,
    #[serde(default)]
    back_to: String,
}

/// `/console`: the first account of whoever is signed in; what to do first where nobody exists.
pub async fn enter(
    State(state): State<Arc<ConsoleState>>,
    guest: Guest,
    signed_in: Result<SignedIn, Error>,
) -> Result<Response, Error> {
    match signed_in {
        Ok(SignedIn { member, .. }) => {
            let store = state.wall.store_of(member.business);
            let accounts = store.accounts_of_business(member.business).await?;
            let first = accounts.first().ok_or(Error::NotFound)?;
            Ok(Redirect::to(&format!("/console/{}", first.handle)).into_response())
        }
        Err(Error::SignedOut { .. }) if state.sign_in.is_first_run().await? => {
            page::show(&FirstRunPage { guest: &guest })
        }
        Err(error) => Err(error),
    }
}

pub async fn show(guest: Guest, Query(query): Query<SignInQuery>) -> Result<Response, Error> {
    form(&guest, "", &query.back_to, None)
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
        .sign_in
        .sign_in(
            &fields.email,
            &fields.password,
            &address,
            browser_of(&headers),
        )
        .await;
    match tried {
        Ok((token, _)) => {
            let cookie = session_cookie(SESSION_COOKIE, "/", token);
            let to = Redirect::to(own_path(&fields.back_to, BASE));
            Ok((cookies.add(cookie), to).into_response())
        }
        Err(refusal) => {
            let problem = not_let_in(&guest.words, refusal, state.clock.now())?;
            form(&guest, &fields.email, &fields.back_to, Some(problem))
        }
    }
}

/// What a browser calls itself.
pub(crate) fn browser_of(headers: &HeaderMap) -> &str {
    let browser = headers.get(header::USER_AGENT);
    browser.and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The cookie of a session, sent to the pages below `path` only.
pub(crate) fn session_cookie(
    name: &'static str,
    path: &'static str,
    token: String,
) -> Cookie<'static> {
    let cookie = Cookie::build((name, token)).path(path).http_only(true);
    cookie.same_site(SameSite::Lax).permanent().build()
}

/// What is said to somebody who did not get in.
pub(crate) fn not_let_in(
    words: &Words,
    refusal: SignInError,
    now: Timestamp,
) -> Result<String, Error> {
    match refusal {
        SignInError::Wrong => Ok(words.t("sign-in-wrong").to_string()),
        SignInError::TooMany { until } => Ok(too_many(words, until, now)),
        SignInError::Directory(error) => Err(error.into()),
    }
}

pub async fn sign_out(
    State(state): State<Arc<ConsoleState>>,
    signed_in: Result<SignedIn, Error>,
    cookies: CookieJar,
) -> Result<Response, Error> {
    if let Ok(SignedIn { session, .. }) = signed_in {
        state.sign_in.sign_out(&session).await?;
    }
    let gone = Cookie::build(SESSION_COOKIE).path("/");
    let to = Redirect::to("/console/sign-in");
    Ok((cookies.remove(gone), to).into_response())
}

/// Keeps language and theme in the browser and goes back to where it was.
pub async fn prefer(cookies: CookieJar, Form(fields): Form<PreferencesForm>) -> Response {
    let keep = |name: &'static str, value: &str| {
        Cookie::build((name, value.to_owned()))
            .path("/")
            .same_site(SameSite::Lax)
            .permanent()
    };
    let mut cookies = cookies;
    let language = fields.language.as_deref();
    if let Some(language) = language.and_then(words::Language::from_code) {
        cookies = cookies.add(keep(LANGUAGE_COOKIE, language.code()));
    }
    let theme = fields.theme.as_deref();
    if let Some(theme) = theme.and_then(Theme::from_name) {
        cookies = cookies.add(keep(THEME_COOKIE, theme.name()));
    }
    // Operators' pages keep them in the same place.
    let base = match fields.back_to.starts_with(OPERATOR_BASE) {
        true => OPERATOR_BASE,
        false => BASE,
    };
    (cookies, Redirect::to(own_path(&fields.back_to, base))).into_response()
}

fn form(
    guest: &Guest,
    email: &str,
    back_to: &str,
    problem: Option<String>,
) -> Result<Response, Error> {
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let here = match own_path(back_to, BASE) {
        BASE => "/console/sign-in".to_owned(),
        path => format!("/console/sign-in?back_to={}", page::percent_encoded(path)),
    };
    let shown = SignInPage {
        guest,
        email,
        back_to,
        here,
        problem,
    };
    page::show_as(status, &shown)
}

/// A path below `base`; anything else leads to its beginning, so that no address from outside sends
/// anybody elsewhere.
pub(crate) fn own_path<'a>(text: &'a str, base: &'a str) -> &'a str {
    let below = text.strip_prefix(base);
    let is_own = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    match is_own && is_plain {
        true => text,
        false => base,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_back_to() {
        for (given, kept) in [
            (
                "/console/@hanok/wallet?page=2",
                "/console/@hanok/wallet?page=2",
            ),
            ("/console", "/console"),
            ("", "/console"),
            ("//evil.example", "/console"),
            ("https://evil.example/console/", "/console"),
            ("/console/\\evil", "/console"),
            ("/console/\r\nSet-Cookie: a=b", "/console"),
            ("/consoles", "/console"),
        ] {
            assert_eq!(own_path(given, BASE), kept, "{given}");
        }
        assert_eq!(
            own_path("/operator/holds", OPERATOR_BASE),
            "/operator/holds"
        );
        assert_eq!(own_path("/console/@hanok", OPERATOR_BASE), "/operator");
    }
}
