//! The one port: routes of the roles, health, readiness and metrics.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{StatusCode, header};
use axum::middleware::map_request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use broker::{Availability, Broker};
use metrics::gauge;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use store::Store;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

/// Histograms would grow without bound otherwise.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// A database that takes longer to say yes is not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// What health, readiness and metrics are read from.
pub struct Health {
    store: Store,
    broker: Arc<dyn Broker>,
    metrics: PrometheusHandle,
    roles: Mutex<Vec<(&'static str, AbortHandle)>>,
    is_stopping: AtomicBool,
}

impl Health {
    pub fn of(store: Store, broker: Arc<dyn Broker>, metrics: PrometheusHandle) -> Arc<Self> {
        Arc::new(Self {
            store,
            broker,
            metrics,
            roles: Mutex::default(),
            is_stopping: AtomicBool::new(false),
        })
    }

    /// From now on the process is ready only while this task runs.
    pub fn watch(&self, role: &'static str, task: AbortHandle) {
        self.roles().push((role, task));
    }

    /// Whoever balances load sends nothing new.
    pub fn stopping(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// The roles that still run.
    pub fn running(&self) -> Vec<&'static str> {
        let roles = self.roles();
        let running = roles.iter().filter(|(_, task)| !task.is_finished());
        running.map(|(name, _)| *name).collect()
    }

    fn ended(&self) -> Vec<&'static str> {
        let roles = self.roles();
        let ended = roles.iter().filter(|(_, task)| task.is_finished());
        ended.map(|(name, _)| *name).collect()
    }

    fn roles(&self) -> std::sync::MutexGuard<'_, Vec<(&'static str, AbortHandle)>> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a browser may keep a file whose address changes with it: a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Without its hash in the address a file may change under it.
const ASK_AGAIN: &str = "no-cache";

/// Every route of this process; `role_routes` are those of its roles.
pub fn router(health: Arc<Health>, role_routes: Router) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(render_metrics))
        .with_state(health)
        .merge(files())
        .merge(role_routes)
        .layer(CatchPanicLayer::new());
    // Around all of them, because a layer inside comes after the route is chosen.
    Router::new()
        .fallback_service(routes)
        .layer(map_request(with_single_slashes))
}

/// Clients that join an address with a slash at its end to a path ask for `//v2/bot/info`.
async fn with_single_slashes(mut request: Request) -> Request {
    if let Some(uri) = single_slashes(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The same address with every run of slashes as one; `None` where it has none.
fn single_slashes(uri: &Uri) -> Option<Uri> {
    if !uri.path().contains("//") {
        return None;
    }
    let mut text = String::with_capacity(uri.path().len());
    for letter in uri.path().chars() {
        if letter != '/' || !text.ends_with('/') {
            text.push(letter);
        }
    }
    if let Some(query) = uri.query() {
        text = format!("{text}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

/// The sandbox in a process of its own: ready once it listens, for its file is open then.
pub fn sandbox_alone(routes: Router) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|| async { axum::Json(json!({"ready": true})) }),
        )
        .merge(files())
        .merge(routes)
        .layer(CatchPanicLayer::new())
}

/// What pages load.
fn files() -> Router {
    let path = format!("{}{{*path}}", assets::BASE);
    Router::new()
        .route(&path, get(file))
        .layer(CompressionLayer::new())
}

async fn file(Path(path): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(asset) = assets::find(&path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kept = match query {
        Some(_) => FOR_EVER,
        None => ASK_AGAIN,
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, kept),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A picture opened by itself runs nothing.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        ),
    ];
    (headers, Body::from(asset.bytes)).into_response()
}

/// Serves until `shutdown`, then finishes the requests under way.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Answers are small and somebody waits for each.
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    // Limits on guessing go by where a request comes from.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// Keeps the metrics small for as long as the process runs.
pub async fn keep_metrics(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(METRICS_UPKEEP).await;
        metrics.run_upkeep();
    }
}

/// Ready: the database answers (it is migrated, or the process had not started), every role runs.
async fn ready(State(health): State<Arc<Health>>) -> Response {
    let mut faults: Vec<String> = Vec::new();
    match tokio::time::timeout(PING_TIMEOUT, health.store.ping()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => faults.push(error.to_string()),
        Err(_) => faults.push("the database does not answer in time".into()),
    }
    let ended = health.ended();
    faults.extend(
        ended
            .iter()
            .map(|role| format!("the role {role} has ended")),
    );
    if health.is_stopping.load(Ordering::Relaxed) {
        faults.push("the process is stopping".into());
    }
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = json!({"ready": faults.is_empty(), "faults": faults, "roles": health.running()});
    (status, axum::Json(body)).into_response()
}

async fn render_metrics(State(health): State<Arc<Health>>) -> Response {
    let depth = health.broker.depth();
    gauge!("chingu_broker_queued").set(depth.queued as f64);
    gauge!("chingu_broker_unacknowledged").set(depth.unacknowledged as f64);
    let is_available = *health.broker.availability().borrow() == Availability::Available;
    gauge!("chingu_broker_available").set(f64::from(u8::from(is_available)));
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (text, health.metrics.render()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_slashes_are_one_and_queries_stay() {
        for (asked, expected) in [
            ("//v2/bot/info", "/v2/bot/info"),
            ("/v2//bot///info//", "/v2/bot/info/"),
            ("//", "/"),
            ("//a?b=//c&d", "/a?b=//c&d"),
            ("http://h//a", "http://h/a"),
        ] {
            let found = single_slashes(&asked.parse().unwrap()).unwrap();
            assert_eq!(found.to_string(), expected, "{asked}");
        }
        for untouched in ["/", "/v2/bot/info", "/a?b=//c"] {
            assert_eq!(single_slashes(&untouched.parse().unwrap()), None);
        }
    }
}
