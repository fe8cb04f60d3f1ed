//! HTTP for machines: what the messenger tells, pictures that were uploaded, and for the programs
//! of brands LINE's API and our own.
//!
//! It owns routes, limits and the words of errors. It does not own what an event means for a friend
//! (`directory`) or for a delivery (`store`), nor what a token is worth (`directory`), nor the
//! shapes of the wire (`gateway`).
//!
//! Invariants: nothing a client sends is answered with a 500 or with a page of the framework; a bad
//! event never rejects its neighbours; what is answered with 202 is committed; what is read for a
//! brand's program is read behind the wall of its business.

pub mod error; // answers that are not what was asked for, as JSON in words
pub mod state; // what every route needs, and how much at once
pub mod body; // reading a body without trusting its length
pub mod events; // POST /gateway/v1/events
pub mod chats; // POST /gateway/v1/chats
pub mod receipts; // what friends did with a push, against what was sent
mod pushes; // what receipts are read by, remembered
mod menu_deeds; // what friends do with rich menus
mod coupon_deeds; // coupons that friends want and use
mod told; // what programs of brands are told of it
mod commit; // everything of one request in one transaction
pub mod media; // GET /media/{file}
mod bearer; // who asks, by a bearer token
pub mod line; // LINE's Messaging API for brands' programs
pub mod v1; // our own API for brands' programs
pub mod take; // events to facts and deliveries, in one transaction

pub use error::ApiError;
pub use state::ApiState;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use store::Store;

/// Pictures, wherever pages or messengers ask for them: for every role that has pages or clients.
pub fn pictures(store: Store) -> Router {
    Router::new()
        .route("/media/{file}", get(media::show))
        .with_state(Arc::new(store))
}

/// Every other route of this crate, on one page.
pub fn router(state: Arc<ApiState>) -> Router {
    Router::new()
        .route(
            "/gateway/v1/events",
            post(events::post_events).fallback(error::method_not_allowed),
        )
        .route(
            "/gateway/v1/chats",
            post(chats::post_chats).fallback(error::method_not_allowed),
        )
        .with_state(state)
}
