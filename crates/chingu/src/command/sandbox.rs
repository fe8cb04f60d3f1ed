//! `chingu sandbox`: the messenger alone, and its accept log.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use sandbox::serve::GATEWAY_BASE;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{SandboxArgs, SandboxCommand};
use crate::config::Config;
use crate::credentials::{Credentials, Surroundings, leads_to_loopback};
use crate::http;
use crate::machine::SystemClock;
use crate::output::say;
use crate::signals::Signals;
use crate::wiring::{self, reachable};

pub async fn run(config: &Config, arguments: SandboxArgs) -> anyhow::Result<ExitCode> {
    match arguments.command {
        None => serve(config).await,
        Some(SandboxCommand::Log { output }) => log(config, output.as_deref()).await,
    }
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let wanted = config.sandbox.listen;
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| format!("cannot listen on {wanted}"))?;
    let address = listener.local_addr()?;
    let events_url = config.sandbox.events_url.as_deref();
    let surroundings = Surroundings {
        is_loopback: address.ip().is_loopback() && events_url.is_none_or(leads_to_loopback),
        has_sandbox: true,
    };
    let credentials = Credentials::of(config, surroundings)?;
    let clock = Arc::new(SystemClock::start());
    let sandbox = wiring::open_sandbox(config, clock, &credentials, None).await?;
    let url = format!("http://{}{GATEWAY_BASE}", reachable(address));
    say(format_args!("The sandbox messenger listens on {url}"))?;
    if config.sandbox.phone {
        say(format_args!(
            "Its phones are at http://{}/messenger, for whoever reaches it",
            reachable(address)
        ))?;
    }
    tracing::info!(%address, faults = ?config.sandbox.faults, "the sandbox listens");
    let shutdown = CancellationToken::new();
    let teller = tokio::spawn(sandbox::tell::run(sandbox.clone(), shutdown.clone()));
    let routes = http::sandbox_alone(sandbox::router(sandbox.clone()));
    let serving = http::serve(listener, routes, shutdown.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => ended?,
        signal = signals.next() => {
            tracing::info!(signal, "stopping; what is under way is finished");
            sandbox.stop_streams();
            shutdown.cancel();
            tokio::select! {
                ended = serving => ended?,
                signal = signals.next() => {
                    tracing::warn!(signal, "stopped at once");
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
    }
    shutdown.cancel();
    teller.await.context("telling the platform failed")?;
    sandbox.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn log(config: &Config, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let file = config.sandbox_file();
    match output {
        None => match sandbox::log::export(&file, std::io::stdout().lock()).await {
            // Whoever read it has seen enough.
            Err(sandbox::Error::Output(error)) if error.kind() == ErrorKind::BrokenPipe => 0,
            written => written?,
        },
        Some(path) => {
            let cannot = || format!("cannot write {}", path.display());
            sandbox::log::export(&file, File::create(path).with_context(cannot)?).await?
        }
    };
    Ok(ExitCode::SUCCESS)
}
