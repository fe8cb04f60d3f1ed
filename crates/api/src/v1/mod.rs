//! Our own API for brands' programs: what LINE's has no words for, in JSON, with an OpenAPI
//! document out of the code.
//!
//! It does nothing that pages and commands do not do: campaigns are written by `directory`, moved
//! by `scheduler`, paid by `billing`. What it adds is its own manner. Every fault of a request is
//! told at once, with its path ([`problem`]); a request that does something does it once per key,
//! in the commit that keeps its answer ([`once`]); lists come in pages ([`page`]).
//!
//! A route is one line in [`router`]; its handler says its path, and so it is in the document.

pub mod state; // what every route needs
pub mod problem; // why a request is refused: RFC 9457
pub mod caller; // who asks, let in out of its bucket
mod limits; // how often a channel may ask
pub mod body; // bodies and parameters, with everything that is wrong
pub mod once; // what a request does, once per key
pub mod page; // lists, page by page
pub mod amount; // money, exact
pub mod campaign; // a campaign as a program sees it
pub mod campaigns; // written, read, listed
pub mod steps; // approved, scheduled, tested, launched, stopped
mod figures; // counted at most once a second
pub mod progress; // how far, what it costs, what friends did
pub mod sends; // every single send, and what proves one
pub mod friends; // friends, listed and one by one
pub mod consents; // what a friend agreed to, as proof
pub mod audiences; // how many an expression reaches
pub mod webhook; // where events go, which were taken, which are sent again
pub mod document; // OpenAPI, and its page

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::routing::{any, get};
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use caller::Caller;
pub use problem::{Problem, Refusal};
pub use state::{V1Ports, V1State};

use document::{Document, Served};

/// Every route of our own API, on one page: with the document that is made of them.
fn documented() -> OpenApiRouter<Arc<V1State>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(campaigns::create, campaigns::list))
        .routes(routes!(campaigns::show))
        .routes(routes!(steps::approve))
        .routes(routes!(steps::set_schedule))
        .routes(routes!(steps::test))
        .routes(routes!(steps::launch))
        .routes(routes!(steps::pause))
        .routes(routes!(steps::resume))
        .routes(routes!(steps::cancel))
        .routes(routes!(steps::discard))
        .routes(routes!(progress::progress))
        .routes(routes!(progress::bill))
        .routes(routes!(progress::report))
        .routes(routes!(sends::download))
        .routes(routes!(sends::evidence))
        .routes(routes!(friends::list))
        .routes(routes!(friends::show))
        .routes(routes!(consents::show))
        .routes(routes!(consents::put))
        .routes(routes!(audiences::estimate))
        .routes(routes!(webhook::show, webhook::put))
        .routes(routes!(webhook::test))
        .routes(routes!(webhook::events))
        .routes(routes!(webhook::replay))
}

pub fn router(state: Arc<V1State>) -> Router {
    let (guarded, document) = documented().split_for_parts();
    let served = Served::of(document);
    let page = served.clone();
    guarded
        .route_layer(middleware::from_fn_with_state(state.clone(), caller::admit))
        // Whoever has no token yet may read how it is asked.
        .route(
            "/v1/openapi.json",
            get(move || async move { served.json() }),
        )
        .route("/v1/docs", get(move || async move { page.page() }))
        .route("/v1", any(nothing_there))
        .route("/v1/", any(nothing_there))
        .route("/v1/{*rest}", any(nothing_there))
        .method_not_allowed_fallback(no_such_method)
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(middleware::from_fn(caller::stamp))
        .with_state(state)
}

async fn nothing_there() -> Refusal {
    Refusal::NotFound
}

async fn no_such_method() -> Refusal {
    Refusal::MethodNotAllowed
}
