//! Every route of the operators' pages.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::prices::publish;
use super::{
    businesses, contract, credit, holds, me, months, overview, prices, reconciliation, revenue,
    settle, sign_in, top_up,
};
use crate::state::ConsoleState;

pub fn routes() -> Router<Arc<ConsoleState>> {
    Router::new()
        .route("/operator", get(overview::show))
        .route(
            "/operator/sign-in",
            get(sign_in::show).post(sign_in::submit),
        )
        .route("/operator/sign-out", post(sign_in::sign_out))
        .route("/operator/businesses", get(businesses::list))
        .route("/operator/businesses/{business}", get(businesses::show))
        .route(
            "/operator/businesses/{business}/top-up",
            get(top_up::show).post(top_up::submit),
        )
        .route(
            "/operator/businesses/{business}/contract",
            get(contract::show).post(contract::submit),
        )
        .route(
            "/operator/businesses/{business}/credit",
            get(credit::show).post(credit::submit),
        )
        .route(
            "/operator/businesses/{business}/months",
            get(months::list).post(months::close),
        )
        .route(
            "/operator/businesses/{business}/months/{month}",
            get(months::show),
        )
        .route(
            "/operator/businesses/{business}/settle",
            get(settle::show).post(settle::submit),
        )
        .route("/operator/prices", get(prices::show))
        .route(
            "/operator/prices/publish",
            get(publish::show).post(publish::submit),
        )
        .route("/operator/me", get(me::show).post(me::change_password))
        .route("/operator/revenue", get(revenue::show))
        .route("/operator/revenue.csv", get(revenue::download))
        .route("/operator/holds", get(holds::show))
        .route(
            "/operator/reconciliation",
            get(reconciliation::list).post(reconciliation::check_now),
        )
        .route(
            "/operator/reconciliation/{check}",
            get(reconciliation::show),
        )
}
