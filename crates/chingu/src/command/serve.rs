//! `chingu serve`: the roles of one process, from the listener to the last commit.
//!
//! It stops in order: first nothing new is claimed and what is in flight is recorded, then the
//! scheduler gives up its lead, then the port closes. A second signal ends it at once; what was in
//! flight then is unknown, and resolved after the next start.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use store::Store;
use store::restore::Cluster;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, Role};
use crate::demo;
use crate::http::{self, Health};
use crate::output::say;
use crate::platform::Platform;
use crate::signals::Signals;
use crate::wiring::{Parts, reachable};

/// After the second signal, as shells say it: 128 + 2.
const STOPPED_AT_ONCE: i32 = 130;

pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    config.check_roles_together()?;
    let mut signals = Signals::listen()?;
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .context("metrics cannot be collected")?;
    let wanted = config.server.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| format!("cannot listen on {wanted}"))?;
    let address = reachable(listener.local_addr()?);
    let is_alone = listener.local_addr()?.ip().is_loopback();
    demo::make_where_wanted(config, address, is_alone).await?;
    let platform = Platform::open_at(config, address).await?;
    note_cluster(&platform).await?;
    let following = platform.follow_clock();
    let parts = Parts::of(config, &platform, listener.local_addr()?).await?;
    let health = Health::of(
        platform.store.clone(),
        parts.broker.clone(),
        metrics.clone(),
    );
    let reading = platform.store.read_only();
    let mut running = Running::start(&parts, health.clone(), listener, reading, metrics);
    let url = format!("http://{address}");
    greet(config, &platform, &url, &parts.messenger_url).await?;
    tracing::info!(%address, roles = ?config.roles(), "started");
    let failed = tokio::select! {
        signal = signals.next() => {
            tracing::info!(signal, "stopping; what is in flight is finished");
            false
        }
        role = running.any_ends() => {
            tracing::error!(role, "a role has ended; the process stops");
            true
        }
    };
    health.stopping();
    if let Some(sandbox) = &parts.sandbox {
        sandbox.stop_streams();
    }
    let in_time = Duration::from_millis(config.server.shutdown_ms);
    tokio::select! {
        () = running.stop() => {}
        () = tokio::time::sleep(in_time) => {
            let left = health.running();
            tracing::error!(?left, "not finished in time; stopped in the middle of it");
            std::process::exit(1);
        }
        signal = signals.next() => {
            let left = health.running();
            tracing::warn!(signal, ?left, "stopped at once");
            std::process::exit(STOPPED_AT_ONCE);
        }
    }
    if let Some(line) = &parts.line {
        // The port is closed: nobody asks any more.
        line.sends.sender().end_blocks().await?;
    }
    if let Some(sandbox) = &parts.sandbox {
        sandbox.close().await;
    }
    following.abort();
    platform.close().await?;
    tracing::info!("stopped");
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// Before anything runs: where the database is a copy, its campaigns stand still until somebody
/// lets them go on.
async fn note_cluster(platform: &Platform) -> anyhow::Result<()> {
    let (store, now) = (&platform.store, platform.clock.now());
    match store.note_cluster(platform.ids.as_ref(), now).await? {
        Cluster::Fresh | Cluster::Same => {}
        Cluster::Another(campaigns) => {
            tracing::warn!(
                ?campaigns,
                "the database is a copy: these campaigns stand still"
            );
        }
    }
    Ok(())
}

/// The tasks of the process, in the order in which they stop.
struct Running {
    tasks: Vec<RoleTask>,
    upkeep: JoinHandle<()>,
}

struct RoleTask {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(
        parts: &Parts,
        health: Arc<Health>,
        listener: TcpListener,
        store: Store,
        metrics: PrometheusHandle,
    ) -> Self {
        let mut tasks = Vec::new();
        let mut role = |name, start: &mut dyn FnMut(CancellationToken) -> JoinHandle<()>| {
            let stop = CancellationToken::new();
            let task = start(stop.clone());
            health.watch(name, task.abort_handle());
            tasks.push(RoleTask { name, stop, task });
        };
        if let Some(worker) = &parts.worker {
            role(Role::Worker.name(), &mut |stop| {
                tokio::spawn(worker.clone().run(stop))
            });
        }
        if let Some(jobs) = &parts.jobs {
            role(Role::Jobs.name(), &mut |stop| {
                tokio::spawn(jobs.clone().run(stop))
            });
        }
        if let Some(audiences) = &parts.audiences {
            role("audiences", &mut |stop| {
                tokio::spawn(audiences.clone().run(stop))
            });
        }
        if let Some(menu_batches) = &parts.menu_batches {
            role("menu batches", &mut |stop| {
                tokio::spawn(menu_batches.clone().run(stop))
            });
        }
        if let Some(webhooks) = &parts.webhooks {
            role("webhooks", &mut |stop| {
                tokio::spawn(webhooks.clone().run(stop))
            });
        }
        if let Some(scheduler) = &parts.scheduler {
            role(Role::Scheduler.name(), &mut |stop| {
                tokio::spawn(scheduler.clone().run(stop))
            });
        }
        // Before the port: what is being told goes through it.
        if let Some(sandbox) = &parts.sandbox {
            role("phone", &mut |stop| {
                tokio::spawn(sandbox::tell::run(sandbox.clone(), stop))
            });
        }
        let router = http::router(health.clone(), role_routes(parts, store));
        let mut listener = Some(listener);
        role("http", &mut |stop| {
            let (listener, router) = (listener.take(), router.clone());
            end_streams(parts, stop.clone());
            tokio::spawn(async move {
                let Some(listener) = listener else { return };
                if let Err(error) = http::serve(listener, router, stop).await {
                    tracing::error!(%error, "the port failed");
                }
            })
        });
        let upkeep = tokio::spawn(http::keep_metrics(metrics));
        Self { tasks, upkeep }
    }

    /// Waits until a role ends that nobody stopped: a panic, or a port that failed.
    async fn any_ends(&mut self) -> &'static str {
        let ends = self.tasks.iter_mut().map(|role| {
            let name = role.name;
            Box::pin(async move {
                if let Err(error) = (&mut role.task).await {
                    tracing::error!(role = name, %error, "a role failed");
                }
                name
            })
        });
        futures_util::future::select_all(ends).await.0
    }

    /// Stops one after the other and waits for each.
    async fn stop(&mut self) {
        for RoleTask { name, stop, task } in &mut self.tasks {
            stop.cancel();
            if !task.is_finished()
                && let Err(error) = task.await
            {
                tracing::error!(role = name, %error, "a role failed while it stopped");
            }
            tracing::debug!(role = name, "stopped");
        }
        self.upkeep.abort();
    }
}

fn role_routes(parts: &Parts, store: Store) -> Router {
    let mut routes = Router::new();
    if let Some(state) = &parts.console {
        routes = routes.merge(console::router(state.clone()));
    }
    if let Some(state) = &parts.api {
        routes = routes.merge(api::router(state.clone()));
    }
    if let Some(state) = &parts.line {
        routes = routes.merge(api::line::router(state.clone()));
    }
    if let Some(state) = &parts.v1 {
        routes = routes.merge(api::v1::router(state.clone()));
    }
    if parts.console.is_some() || parts.api.is_some() {
        routes = routes.merge(api::pictures(store));
    }
    if let Some(sandbox) = &parts.sandbox {
        routes = routes.merge(sandbox::router(sandbox.clone()));
    }
    routes
}

/// The port waits for answers under way, and a stream of events is one that does not end.
fn end_streams(parts: &Parts, stop: CancellationToken) {
    let Some(console) = parts.console.clone() else {
        return;
    };
    tokio::spawn(async move {
        stop.cancelled().await;
        console.watching.streams.close();
    });
}

/// Where it is, how to sign in, what to look at.
async fn greet(
    config: &Config,
    platform: &Platform,
    url: &str,
    messenger_url: &str,
) -> anyhow::Result<()> {
    let roles = config.roles();
    let names: Vec<&str> = roles.iter().copied().map(Role::name).collect();
    let mut lines = vec![
        format!("Chingu {} listens on {url}", env!("CARGO_PKG_VERSION")),
        String::new(),
    ];
    let mut line = |name: &str, words: String| lines.push(format!("  {name:<10} {words}"));
    if roles.contains(&Role::Console) {
        line("console", format!("{url}/console"));
    }
    if platform.store.businesses().await?.is_empty() {
        line(
            "sign in",
            "nobody can yet: the console's first page says what to do".into(),
        );
    } else if platform.sign_in().fits(demo::EMAIL, demo::PASSWORD).await? {
        line(
            "sign in",
            format!("{} with the password {}", demo::EMAIL, demo::PASSWORD),
        );
    }
    if roles.contains(&Role::Console) {
        line("operator", format!("{url}/operator"));
        let (email, password) = (demo::OPERATOR_EMAIL, demo::OPERATOR_PASSWORD);
        let operators = platform.sign_in().of_operators();
        if operators.is_first_run().await? {
            line(
                "",
                "no operator can sign in yet: that page says what to do".into(),
            );
        } else if operators.fits(email, password).await? {
            line("", format!("{email} with the password {password}"));
        }
    }
    if roles.contains(&Role::Sandbox) && config.sandbox.phone {
        line("phone", format!("{url}/messenger"));
    }
    line("messenger", messenger_url.to_owned());
    line("data", config.data().display().to_string());
    if config.store.database_url.is_some() {
        line("database", config.database_in_words());
    }
    line("roles", names.join(", "));
    say(lines.join("\n"))
}
