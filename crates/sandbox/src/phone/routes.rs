//! Every page of the messenger's screen on one page.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;

use super::error::explain;
use super::{add, deeds, guest, live, open, page, people, receipt, screen, taps};
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
        .route("/messenger/{user}/{handle}/open", get(open::show))
        .route("/messenger/{user}/{handle}/write", post(deeds::write))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(explain))
        .layer(CsrfLayer::new())
        .layer(middleware::map_response(page::add_headers))
        .layer(CompressionLayer::new())
}
