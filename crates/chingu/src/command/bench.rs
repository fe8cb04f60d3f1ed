//! `chingu bench broadcast` and `chingu bench lookups`: hand the bench their own executable.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bench::{BroadcastRun, Engine, LookupsRun, Scenario, Servers};

use crate::cli::{BenchCommand, BroadcastArgs, LookupsArgs};
use crate::config::Config;
use crate::machine::{SystemClock, SystemIds};
use crate::output::Output;
use crate::progress;

pub async fn run(config: &Config, command: BenchCommand) -> anyhow::Result<ExitCode> {
    match command {
        BenchCommand::Broadcast(arguments) => broadcast(config, &arguments).await?,
        BenchCommand::Lookups(arguments) => lookups(config, &arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn broadcast(config: &Config, arguments: &BroadcastArgs) -> anyhow::Result<()> {
    let run = BroadcastRun {
        executable: own_executable()?,
        engine: engine(config),
        friends: arguments.friends,
        scenario: scenario(arguments),
        workers: arguments.workers.into(),
        cores: std::thread::available_parallelism()?.get(),
        clock: Arc::new(SystemClock::start()),
        ids: Arc::new(SystemIds),
    };
    let waiting = progress::wait("starting");
    let measured = bench::broadcast(&run, &|words| waiting.set_message(words.to_owned())).await;
    waiting.finish_and_clear();
    let report = measured?;
    Output::of(arguments.json).show(&report, &serde_json::to_value(&report)?)
}

async fn lookups(config: &Config, arguments: &LookupsArgs) -> anyhow::Result<()> {
    let run = LookupsRun {
        executable: own_executable()?,
        engine: engine(config),
        sends: arguments.sends,
        friends: arguments.friends,
        lookups: arguments.lookups,
        clock: Arc::new(SystemClock::start()),
        ids: Arc::new(SystemIds),
    };
    let waiting = progress::wait("starting");
    let measured = bench::lookups(&run, &|words| waiting.set_message(words.to_owned())).await;
    waiting.finish_and_clear();
    let report = measured?;
    Output::of(arguments.json).show(&report, &serde_json::to_value(&report)?)
}

fn scenario(arguments: &BroadcastArgs) -> Scenario {
    Scenario {
        accounts: arguments.accounts,
        changed_percent: arguments.changed,
        faults: arguments.faults.clone(),
        batch_max: arguments.batch_max,
        personal: arguments.personal,
    }
}

fn own_executable() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("this program does not find itself")
}

/// The embedded engine in a folder of the run, or the configured servers; the installation that may
/// share the broker keeps its queues to itself.
fn engine(config: &Config) -> Engine {
    let Some(database_url) = &config.store.database_url else {
        return Engine::Embedded;
    };
    let amqp_url = config.broker.amqp_url.as_ref();
    Engine::Production(Servers {
        database_url: database_url.reveal().to_owned(),
        amqp_url: amqp_url.map(|url| url.reveal().to_owned()),
        prefix: format!("{}-bench", config.broker.prefix),
    })
}
