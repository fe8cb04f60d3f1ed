//! `chingu import friends`: a file of friends, streaming, resumable.

use std::process::ExitCode;

use jobs::{ImportReport, Progress};
use serde_json::json;

use crate::cli::{ImportCommand, ImportFriendsArgs};
use crate::config::Config;
use crate::output::{Output, thousands};
use crate::platform::Platform;
use crate::progress;

pub async fn run(config: &Config, command: ImportCommand) -> anyhow::Result<ExitCode> {
    let ImportCommand::Friends(arguments) = command;
    let platform = Platform::open(config).await?;
    let account = platform
        .directory()
        .account_by_handle(&arguments.account)
        .await?;
    let bar = progress::bytes(0);
    bar.set_message("importing");
    let started = platform.clock.monotonic();
    let imported = jobs::import_friends(
        &platform.store,
        platform.ids.as_ref(),
        &account,
        &arguments.file,
        platform.clock.now(),
        &mut |at: Progress| {
            bar.set_length(at.bytes_total);
            bar.set_position(at.bytes);
        },
    )
    .await;
    bar.finish_and_clear();
    let report = imported?;
    let seconds = (platform.clock.monotonic() - started).as_secs_f64();
    if let Some(path) = &arguments.report {
        jobs::write_rejections(&platform.store, &report.import, path).await?;
    }
    platform.close().await?;
    show(&arguments, &report, seconds)?;
    Ok(ExitCode::SUCCESS)
}

fn show(arguments: &ImportFriendsArgs, report: &ImportReport, seconds: f64) -> anyhow::Result<()> {
    let done = report.import.checkpoint;
    let reasons: Vec<_> = report
        .reasons
        .iter()
        .map(|counted| {
            json!({
                "reason": counted.reason.as_str(),
                "rows": counted.rows,
                "first_lines": counted.first_lines,
            })
        })
        .collect();
    let json = json!({
        "id": report.import.id,
        "accepted": done.accepted,
        "rejected": done.rejected,
        "reasons": reasons,
        "resumed_at_line": report.resumed_at_line,
        "was_finished": report.was_finished,
        "seconds": seconds,
    });
    Output::of(arguments.json).show(in_words(report, seconds), &json)
}

fn in_words(report: &ImportReport, seconds: f64) -> String {
    let done = report.import.checkpoint;
    let mut words = String::new();
    if report.was_finished {
        words.push_str("this file was taken in before; nothing was done\n");
    }
    if let Some(line) = report.resumed_at_line {
        words.push_str(&format!(
            "went on at line {line}, where it was interrupted\n"
        ));
    }
    words.push_str(&format!(
        "{} friends accepted, {} rows rejected, {seconds:.1} s",
        thousands(done.accepted),
        thousands(done.rejected),
    ));
    for counted in &report.reasons {
        let lines: Vec<String> = counted.first_lines.iter().map(u64::to_string).collect();
        let more = match counted.rows > counted.first_lines.len() as u64 {
            true => ", …",
            false => "",
        };
        let (reason, rows) = (counted.reason.as_str(), thousands(counted.rows));
        words.push_str(&format!(
            "\n  {rows:>7} {reason:<24} lines {}{more}",
            lines.join(", ")
        ));
    }
    words
}
