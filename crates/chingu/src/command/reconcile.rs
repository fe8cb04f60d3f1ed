//! `chingu reconcile`: every invariant, checked on what stands in the database.

use std::process::ExitCode;

use crate::cli::ReconcileArgs;
use crate::config::Config;
use crate::output::Output;
use crate::platform::Platform;
use crate::progress;

pub async fn run(config: &Config, arguments: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let platform = Platform::open(config).await?;
    let waiting = progress::wait("checking the books");
    let found = billing::reconcile(&platform.store).await;
    waiting.finish_and_clear();
    let found = found?;
    platform.close().await?;
    Output::of(arguments.json).show(&found, &serde_json::to_value(&found)?)?;
    Ok(match found.clean {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
