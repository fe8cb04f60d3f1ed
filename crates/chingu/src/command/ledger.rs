//! `chingu ledger verify`: whether anybody laid a hand on the books.

use std::process::ExitCode;

use crate::cli::{LedgerCommand, LedgerVerifyArgs};
use crate::config::Config;
use crate::output::Output;
use crate::platform::Platform;
use crate::progress;

pub async fn run(config: &Config, command: LedgerCommand) -> anyhow::Result<ExitCode> {
    let LedgerCommand::Verify(LedgerVerifyArgs { business, json }) = command;
    let platform = Platform::open(config).await?;
    let waiting = progress::wait("walking the books");
    let found = billing::verify(&platform.store, business).await;
    waiting.finish_and_clear();
    let found = found?;
    platform.close().await?;
    Output::of(json).show(&found, &serde_json::to_value(&found)?)?;
    Ok(match found.clean {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
