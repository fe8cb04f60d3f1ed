//! The program: command line, configuration, wiring of roles, shutdown, telemetry.
//!
//! It owns which adapter stands behind which port, the machine's clock and randomness, and what a
//! person at a shell can do. It owns no rule of the product: every command hands on to the crates
//! below.

mod cli; // every command and flag
mod config; // sections, read and checked at start
mod credentials; // the token and secret shared with the messenger
mod machine; // clock and randomness
mod logs; // structured logs
#[cfg(feature = "otlp")]
mod traces; // steps of chunks, told to a collector
mod output; // words for people, JSON for programs
mod progress; // bars on a terminal
mod signals; // the first asks, the second insists
mod platform; // what every command that opens the database works with
mod counted_broker; // what passes the broker, counted
mod wiring; // which adapter stands behind which port
mod http; // the one port: health, readiness, metrics, the roles' routes
mod demo; // the demo of a first start
mod command; // one file per command
mod admin; // the stop-gap for pages
mod backup; // what a backup consists of

use std::process::ExitCode;

use cli::{Cli, Command};
use config::{Config, Sources};
use logs::Verbosity;
#[cfg(feature = "otlp")]
use tracing_subscriber::Layer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::of_arguments(std::env::args_os().collect());
    match run(cli).await {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let sources = Sources::of_machine(cli.common.config.as_deref())?;
    let config = Config::read(&sources, cli.overrides())?;
    #[cfg(feature = "otlp")]
    let traces = traces::Traces::of(&config)?;
    #[cfg(feature = "otlp")]
    let beside: logs::Beside = traces.as_ref().map(|traces| traces.layer().boxed());
    #[cfg(not(feature = "otlp"))]
    let beside: logs::Beside = None;
    logs::start(&config.log, verbosity(&cli), beside)?;
    let done = command(cli, &config).await;
    #[cfg(feature = "otlp")]
    if let Some(traces) = traces {
        // It waits for its own thread.
        tokio::task::spawn_blocking(move || traces.end()).await?;
    }
    done
}

async fn command(cli: Cli, config: &Config) -> anyhow::Result<ExitCode> {
    match cli.command {
        Some(Command::Serve(_)) | None => command::serve::run(config).await,
        Some(Command::Migrate) => command::migrate::run(config).await,
        Some(Command::Sandbox(arguments)) => command::sandbox::run(config, arguments).await,
        Some(Command::Import(arguments)) => command::import::run(config, arguments).await,
        Some(Command::Bench(arguments)) => command::bench::run(config, arguments).await,
        Some(Command::Reconcile(arguments)) => command::reconcile::run(config, arguments).await,
        Some(Command::Ledger(command)) => command::ledger::run(config, command).await,
        Some(Command::Seals(arguments)) => command::seals::run(config, arguments).await,
        Some(Command::Prove(arguments)) => command::prove::run(config, arguments).await,
        Some(Command::Backup(arguments)) => command::backup::run(config, arguments).await,
        Some(Command::Restore(arguments)) => command::restore::run(config, arguments).await,
        Some(Command::Admin(arguments)) => admin::run(config, arguments).await,
    }
}

fn verbosity(cli: &Cli) -> Verbosity {
    match &cli.command {
        Some(Command::Serve(_)) | None => Verbosity::Server,
        Some(Command::Sandbox(arguments)) if arguments.command.is_none() => Verbosity::Server,
        _ => Verbosity::Command,
    }
}
