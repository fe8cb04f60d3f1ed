//! Tokens by assertion (v2.1) and stateless ones (v3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::channels::{Asserted, Issued, TokenRefusal, TokenState, is_signed};
use domain::channel::{TokenKind, seconds_left};
use serde_json::{Value, json};
use store::channel::Channel;

use super::request::{Form, Query};
use super::{LineError, LineState};

const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const INVALID_REQUEST: &str = "invalid_request";
const INVALID_CLIENT: &str = "invalid_client";
const MISSED_OR_INVALID: &str = "some parameters missed or invalid";
/// What LINE says a token by assertion may do.
const SCOPE: &str = "profile chat_message.write";

/// `POST /oauth2/v2.1/token`.
pub async fn issue_asserted(
    State(state): State<Arc<LineState>>,
    method: Method,
    path: MatchedPath,
    form: Form,
) -> Result<Json<Value>, LineError> {
    expect_grant(&form)?;
    let asserted = by_assertion(&state, &form).await?;
    let account = asserted.channel.account;
    state.limits.take(account, &method, path.as_str())?;
    let issued = state.channels.issue_asserted(&asserted).await;
    let issued = issued.map_err(refused)?;
    let mut answer = token_answer(&issued);
    if let Some(key_id) = &issued.key_id {
        answer["key_id"] = json!(key_id.as_str());
    }
    Ok(Json(answer))
}

/// `POST /oauth2/v3/token`: for a secret or for an assertion.
pub async fn issue_stateless(
    State(state): State<Arc<LineState>>,
    method: Method,
    path: MatchedPath,
    form: Form,
) -> Result<Json<Value>, LineError> {
    expect_grant(&form)?;
    let channel = match form.field("client_assertion") {
        Some(_) => by_assertion(&state, &form).await?.channel,
        None => {
            let (id, secret) = client(&form)?;
            let found = state.channels.by_secret(id, secret).await;
            found.map_err(|refusal| match refusal {
                TokenRefusal::UnknownChannel | TokenRefusal::WrongSecret => {
                    LineError::oauth(INVALID_REQUEST, "Invalid 'client_credentials'.")
                }
                other => refused(other),
            })?
        }
    };
    state.limits.take(channel.account, &method, path.as_str())?;
    let issued = state.channels.issue_stateless(&channel)?;
    Ok(Json(token_answer(&issued)))
}

/// `GET /oauth2/v2.1/verify`: of signed tokens.
pub async fn verify(
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let refuse = |description: &str| LineError::oauth(INVALID_REQUEST, description);
    let token = query.text("access_token");
    let token = token.ok_or_else(|| refuse("access_token in invalid format"))?;
    if !is_signed(token) {
        return Err(refuse("The access token not JWS"));
    }
    verified(&state, token, SCOPE).await
}

/// `GET /oauth2/v2.1/tokens/kid`: what the tokens by assertion are called that live.
pub async fn key_ids(
    State(state): State<Arc<LineState>>,
    query: Query,
) -> Result<Json<Value>, LineError> {
    let kind = query.text("client_assertion_type");
    let (Some(JWT_BEARER), Some(assertion)) = (kind, query.text("client_assertion")) else {
        return Err(LineError::oauth(INVALID_REQUEST, MISSED_OR_INVALID));
    };
    let asserted = state.channels.by_assertion(assertion).await;
    let channel = asserted.map_err(refused)?.channel;
    let kids = state.channels.live_key_ids(&channel).await?;
    let kids: Vec<&str> = kids.iter().map(|kid| kid.as_str()).collect();
    Ok(Json(json!({ "kids": kids })))
}

/// `POST /oauth2/v2.1/revoke`: a token that is not there is gone already.
pub async fn revoke(
    State(state): State<Arc<LineState>>,
    form: Form,
) -> Result<Response, LineError> {
    let channel = by_secret(&state, &form).await?;
    let token = form.field("access_token").ok_or_else(missed)?;
    state
        .channels
        .revoke_shown(token, &[TokenKind::Asserted], Some(channel.account))
        .await?;
    Ok(StatusCode::OK.into_response())
}

/// What is said of a token that lives.
pub(super) async fn verified(
    state: &LineState,
    token: &str,
    scope: &str,
) -> Result<Json<Value>, LineError> {
    let refuse = |description: &str| LineError::oauth(INVALID_REQUEST, description);
    match state.channels.look_up(token).await? {
        TokenState::Live(found) => Ok(Json(json!({
            "client_id": found.channel.to_string(),
            "expires_in": seconds_left(found.expires_at, state.clock.now()),
            "scope": scope,
        }))),
        TokenState::Over => Err(refuse("The access token expired")),
        TokenState::Unknown => Err(refuse("access_token invalid")),
    }
}

pub(super) fn token_answer(issued: &Issued) -> Value {
    json!({
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.seconds,
    })
}

pub(super) fn expect_grant(form: &Form) -> Result<(), LineError> {
    match form.field("grant_type") {
        Some(CLIENT_CREDENTIALS) => Ok(()),
        _ => Err(missed()),
    }
}

/// The channel whose id and secret the form holds.
pub(super) async fn by_secret(state: &LineState, form: &Form) -> Result<Channel, LineError> {
    let (id, secret) = client(form)?;
    state.channels.by_secret(id, secret).await.map_err(refused)
}

pub(super) fn missed() -> LineError {
    LineError::oauth(INVALID_REQUEST, MISSED_OR_INVALID)
}

fn client(form: &Form) -> Result<(&str, &str), LineError> {
    let (id, secret) = (form.field("client_id"), form.field("client_secret"));
    id.zip(secret).ok_or_else(missed)
}

async fn by_assertion(state: &LineState, form: &Form) -> Result<Asserted, LineError> {
    let kind = form.field("client_assertion_type");
    let (Some(JWT_BEARER), Some(assertion)) = (kind, form.field("client_assertion")) else {
        return Err(missed());
    };
    let asserted = state.channels.by_assertion(assertion).await;
    asserted.map_err(refused)
}

fn refused(refusal: TokenRefusal) -> LineError {
    match refusal {
        TokenRefusal::UnknownChannel => LineError::oauth(INVALID_CLIENT, "invalid client_id"),
        TokenRefusal::WrongSecret => LineError::oauth(INVALID_CLIENT, "invalid client_secret"),
        TokenRefusal::UnknownKey => {
            LineError::NotFound("Cannot find channel key that satisfies the conditions")
        }
        TokenRefusal::Unsigned => LineError::oauth(INVALID_CLIENT, "Invalid client_assertion"),
        TokenRefusal::Claims(claim) => LineError::oauth(INVALID_CLIENT, claim.to_string()),
        TokenRefusal::TooMany => {
            LineError::invalid("The maximum number of access tokens has already been issued")
        }
        TokenRefusal::Directory(error) => error.into(),
    }
}
