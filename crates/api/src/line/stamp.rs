//! An id and the usual headers on every answer, whatever became of the request.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use domain::id::RequestId;

use super::LineState;
use super::error::in_lines_shape;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-line-request-id");
const NOT_KEPT: HeaderValue =
    HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate");

/// The id of the request under way: what a send is asked about by, later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRequest(pub RequestId);

/// Gives a request its id, and its answer the headers that all of LINE's have.
pub async fn stamp(
    State(state): State<Arc<LineState>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id: RequestId = state.ids.next();
    request.extensions_mut().insert(LineRequest(id));
    let mut response = in_lines_shape(next.run(request).await);
    let headers = response.headers_mut();
    if let Ok(text) = HeaderValue::from_str(&id.uuid().to_string()) {
        headers.insert(REQUEST_ID, text);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, NOT_KEPT);
    response
}

impl FromRequestParts<Arc<LineState>> for LineRequest {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<LineState>,
    ) -> Result<Self, Infallible> {
        let stamped = parts.extensions.get::<Self>().copied();
        Ok(stamped.unwrap_or_else(|| Self(state.ids.next())))
    }
}
