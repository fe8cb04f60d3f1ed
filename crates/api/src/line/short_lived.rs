//! Short-lived tokens (v2), and what is asked about those that are nothing but random.

use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::channels::is_signed;
use domain::channel::TokenKind;
use serde_json::Value;

use super::oauth::{by_secret, expect_grant, missed, token_answer, verified};
use super::request::Form;
use super::{LineError, LineState};

/// What LINE says such a token may do.
const SCOPE: &str = "P CM";

/// `POST /v2/oauth/accessToken`.
pub async fn issue(
    State(state): State<Arc<LineState>>,
    method: Method,
    path: MatchedPath,
    form: Form,
) -> Result<Json<Value>, LineError> {
    expect_grant(&form)?;
    let channel = by_secret(&state, &form).await?;
    state.limits.take(channel.account, &method, path.as_str())?;
    let issued = state.channels.issue_short_lived(&channel).await?;
    Ok(Json(token_answer(&issued)))
}

/// `POST /v2/oauth/verify`: of short-lived and long-lived tokens.
pub async fn verify(
    State(state): State<Arc<LineState>>,
    form: Form,
) -> Result<Json<Value>, LineError> {
    let token = form.field("access_token").ok_or_else(missed)?;
    if is_signed(token) {
        return Err(LineError::oauth("invalid_request", "access_token invalid"));
    }
    verified(&state, token, SCOPE).await
}

/// `POST /v2/oauth/revoke`: a token that is not there is gone already.
pub async fn revoke(
    State(state): State<Arc<LineState>>,
    form: Form,
) -> Result<Response, LineError> {
    let token = form.field("access_token").ok_or_else(missed)?;
    let kinds = [TokenKind::ShortLived, TokenKind::LongLived];
    state.channels.revoke_shown(token, &kinds, None).await?;
    Ok(StatusCode::OK.into_response())
}
