//! `chingu bench broadcast`: hands the bench its own executable.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bench::BroadcastRun;

use crate::cli::BenchCommand;
use crate::machine::{SystemClock, SystemIds};
use crate::output::Output;
use crate::progress;

pub async fn run(command: BenchCommand) -> anyhow::Result<ExitCode> {
    let BenchCommand::Broadcast(arguments) = command;
    let run = BroadcastRun {
        executable: std::env::current_exe().context("this program does not find itself")?,
        friends: arguments.friends,
        cores: std::thread::available_parallelism()?.get(),
        clock: Arc::new(SystemClock::start()),
        ids: Arc::new(SystemIds),
    };
    let waiting = progress::wait("starting");
    let measured = bench::broadcast(&run, &|words| waiting.set_message(words.to_owned())).await;
    waiting.finish_and_clear();
    let report = measured?;
    Output::of(arguments.json).show(&report, &serde_json::to_value(&report)?)?;
    Ok(ExitCode::SUCCESS)
}
