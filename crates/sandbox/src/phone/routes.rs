//! Every page of the messenger's screen on one page.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

use super::error::{Error, explain, nothing_here};
use super::{add, deeds, guest, live, menus, open, page, people, receipt, screen, taps};
use crate::state::Sandbox;

/// Bytes of a form: the longest message there is, with room to spare.
const FORM_BYTES_MAX: usize = 64 * 1024;

pub(crate) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/messenger", get(screen::anybody))
        .route("/messenger/preferences", post(guest::prefer))
        .route("/messenger/people", post(people::make_up))
        .route("/messenger/add/{handle}", get(add::show).post(add::submit))
        .route("/messenger/{user}", get(screen::list))
        .route("/messenger/{user}/add", get(add::find))
        .route("/messenger/{user}/live", get(live::stream))
        .route("/messenger/{user}/consent", get(receipt::show))
        .route("/messenger/{user}/consent/stop", post(receipt::stop_all))
        .route("/messenger/{user}/{handle}", get(screen::chat))
        .route("/messenger/{user}/{handle}/do", post(deeds::submit))
        .route("/messenger/{user}/{handle}/tap", post(taps::submit))
        .route("/messenger/{user}/{handle}/menu", post(menus::submit))
        .route("/messenger/{user}/{handle}/open", get(open::show))
        .route("/messenger/{user}/{handle}/write", post(deeds::write))
        .route("/messenger/", get(nothing_here))
        .route("/messenger/{user}/{handle}/{*rest}", any(nothing_here))
        .layer(middleware::from_fn(whole))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(CsrfLayer::new())
        .layer(middleware::from_fn(explain))
        .layer(middleware::map_response(page::add_headers))
        .layer(CompressionLayer::new())
}

/// Does what a form asks for as a whole: a browser that hangs up does not leave somebody who was
/// made up without their friend, or half of the promotions stopped.
async fn whole(request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let doing = tokio::spawn(next.run(request));
    doing
        .await
        .unwrap_or_else(|error| Error::Broken(error.to_string()).into_response())
}
