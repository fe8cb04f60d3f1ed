//! `chingu migrate`: opening the database applies what is missing.

use std::process::ExitCode;

use crate::config::Config;
use crate::output::say;
use crate::platform::Platform;

pub async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    Platform::open(config).await?.close().await?;
    say(format_args!("{} is up to date", config.database_in_words()))?;
    Ok(ExitCode::SUCCESS)
}
