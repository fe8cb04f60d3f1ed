//! `chingu seals`: what was sealed of every day that is over. Whoever keeps these lines elsewhere
//! can show later that nobody wrote the seals anew.

use std::process::ExitCode;

use domain::seal::SealDay;
use serde_json::{Value, json};
use store::seal::RecordedSeal;

use crate::cli::SealsArgs;
use crate::config::Config;
use crate::output::{Output, say, thousands};
use crate::platform::Platform;

/// Seals read at once.
const SEALS_PER_PAGE: u32 = 1_000;

pub async fn run(config: &Config, arguments: SealsArgs) -> anyhow::Result<ExitCode> {
    let platform = Platform::open(config).await?;
    // Days before the first of all are before every seal.
    let before = |day: SealDay| SealDay::from_number(day.number().saturating_sub(1));
    let mut after = arguments.from.map(before);
    let mut all: Vec<Value> = Vec::new();
    loop {
        let snapshot = platform.store.snapshot().await?;
        let page = snapshot.seals(after, SEALS_PER_PAGE).await?;
        snapshot.end().await?;
        let Some(last) = page.last() else { break };
        after = Some(last.seal.day);
        for seal in &page {
            match arguments.json {
                true => all.push(as_json(seal)),
                false => say(in_words(seal))?,
            }
        }
    }
    platform.close().await?;
    match (arguments.json, after) {
        (true, _) => Output::Json.show("", &json!({ "seals": all }))?,
        (false, None) => say("no day is sealed yet")?,
        (false, Some(_)) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// `2026-11-22  4f1d…  10,000 chunks, 9,812,004 sends, root 83ab…, after 77e0…`.
fn in_words(recorded: &RecordedSeal) -> String {
    let RecordedSeal { seal, hash } = recorded;
    let (chunks, sends) = (thousands(seal.chunks), thousands(seal.sends));
    let (day, root, previous) = (seal.day, seal.root, seal.previous);
    format!("{day}  {hash}  {chunks} chunks, {sends} sends, root {root}, after {previous}")
}

fn as_json(recorded: &RecordedSeal) -> Value {
    let RecordedSeal { seal, hash } = recorded;
    json!({
        "day": seal.day.to_string(),
        "mark": seal.mark,
        "chunks": seal.chunks,
        "sends": seal.sends,
        "root": seal.root.to_string(),
        "heads": seal.heads,
        "heads_root": seal.heads_root.to_string(),
        "sealed_at": seal.sealed_at.to_string(),
        "previous": seal.previous.to_string(),
        "hash": hash.to_string(),
    })
}
