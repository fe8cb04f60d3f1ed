//! The routes, on one page, and a server of their own for `chingu sandbox`.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use gateway::BODY_BYTES_MAX;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::state::{Error, Sandbox};
use crate::{control, key, phone, push, tell};

/// Where the gateway protocol begins; the platform's `base_url` ends with it.
pub const GATEWAY_BASE: &str = "/messenger/gateway";

pub fn router(sandbox: Arc<Sandbox>) -> Router {
    let phone = match sandbox.has_phone {
        true => phone::routes(),
        false => Router::new(),
    };
    Router::new()
        .route("/messenger/gateway/v1/pushes", post(push::take_push))
        .route("/messenger/gateway/v1/pushes/{key}", get(key::ask_key))
        .route(
            "/messenger/gateway/v1/pushes/{key}/close",
            post(key::close_key),
        )
        .route(
            "/messenger/control/faults",
            get(control::show_faults).put(control::put_faults),
        )
        .route("/messenger/control/summary", get(control::show_summary))
        .route("/messenger/control/events", post(control::send_events))
        .route(
            "/messenger/control/resolve_uncertain",
            post(control::resolve_undecided),
        )
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(phone)
        .with_state(sandbox)
}

/// Serves gateway and screen until `shutdown`, finishes what is under way, and closes its file.
pub async fn serve(
    listener: TcpListener,
    sandbox: Arc<Sandbox>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let listener = listener.tap_io(|connection| {
        // Answers are small and somebody waits for each.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let teller = tokio::spawn(tell::run(sandbox.clone(), shutdown.clone()));
    let streams = sandbox.clone();
    let stopping = async move {
        shutdown.cancelled().await;
        // They would be waited for for ever.
        streams.stop_streams();
    };
    axum::serve(listener, router(sandbox.clone()))
        .with_graceful_shutdown(stopping)
        .await
        .map_err(Error::Listen)?;
    if let Err(error) = teller.await {
        tracing::error!(%error, "telling the platform failed");
    }
    sandbox.close().await;
    Ok(())
}
