//! `chingu bench broadcast`: hands the bench its own executable.

use std::process::ExitCode;

use crate::cli::BenchCommand;

pub async fn run(command: BenchCommand) -> anyhow::Result<ExitCode> {
    let BenchCommand::Broadcast(_) = command;
    anyhow::bail!("not yet")
}
