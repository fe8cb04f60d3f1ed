//! How a test begins, and how every test ends: the accept log, the record, the bill and the
//! per-send report, added up by a program that shares no line with ours, say the same.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::messenger::SECRET;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, text};
use chingu_tests::verdict::Verdict;
use chingu_tests::world::Brand;
use chingu_tests::{http, messenger, shell, wait};
use domain::chunk::ChunkId;
use domain::push::PushKey;
use domain::time::{LaunchMonth, Timestamp};
use gateway::{SIGNATURE_HEADER, Secret};
use serde_json::{Value, json};

/// Facts that come by themselves: retries with their pauses included.
pub const SOON: Duration = Duration::from_secs(60);
/// Recipients of one chunk of an unpaced campaign.
const CHUNK_SIZE: u64 = 1_000;

/// A platform with `@hanok` and its friends, and a messenger of its own beside it; not started.
pub fn platform(friends: u64, faults: &[&str], draw: &mut Draw) -> Result<Platform> {
    Platform::create(Place::Beside, friends, faults, Times::default(), draw)
}

/// Pushes it takes to reach everybody once.
pub fn chunks(brand: &Brand) -> u64 {
    brand.reachable.div_ceil(CHUNK_SIZE)
}

/// Waits until the messenger showed a fault so many times.
pub fn wait_for_strikes(platform: &Platform, fault: &str, times: u64) -> Result<()> {
    let what = format!("{times} times {fault}");
    let struck = wait::until_state(
        &what,
        SOON,
        || platform.messenger.struck(),
        |struck| struck.get(fault).copied().unwrap_or(0) >= times,
    );
    struck
        .map(|_| ())
        .map_err(|error| error.context(platform.recipe.log_end()))
}

/// Waits until what a campaign shows satisfies.
pub fn wait_for_shown(
    platform: &Platform,
    campaign: &str,
    what: &str,
    is_enough: impl FnMut(&Value) -> bool,
) -> Result<Value> {
    let shown = wait::until_state(what, SOON, || platform.brand.show(campaign), is_enough);
    shown.map_err(|error| error.context(platform.recipe.log_end()))
}

/// A number a campaign shows.
pub fn number(shown: &Value, field: &str) -> Result<u64> {
    shown[field]
        .as_u64()
        .with_context(|| format!("the number '{field}' in {shown}"))
}

/// `chingu admin campaign create` with flags of its own; its id.
pub fn create(brand: &Brand, name: &str, flags: &[&str]) -> Result<String> {
    let campaign = [
        "campaign",
        "create",
        "--account",
        &brand.handle,
        "--name",
        name,
    ];
    let messages = [
        "--messages",
        r#"[{"type":"text","text":"(광고) 안녕하세요"}]"#,
    ];
    let created = admin(&brand.data, &[&campaign[..], &messages, flags].concat())?;
    Ok(text(&created, "id")?.to_owned())
}

/// Waits for the end of a campaign to the whole reach; everybody was accepted once, failed or was
/// left out, and every witness says so.
pub fn end_of(platform: &Platform, brand: &Brand, campaign: &str) -> Result<Verdict> {
    wait_for_shown(platform, campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    let verdict = Verdict::of(brand, &platform.messenger, campaign, 0.0)?;
    verdict
        .assert_exactly_once()
        .map_err(|error| error.context(platform.recipe.log_end()))?;
    let report = resum(brand, campaign)?;
    ensure!(report["error_count"] == 0, "the report: {report}");
    ensure!(
        report["billed_micro"] == verdict.billed_micro,
        "{report} is not {verdict:?}"
    );
    ensure!(
        report["billable"] == verdict.recorded,
        "{report} is not {verdict:?}"
    );
    Ok(verdict)
}

/// The per-send report of a campaign, added up by `tests/resum.py`.
pub fn resum(brand: &Brand, campaign: &str) -> Result<Value> {
    let file = report(brand, campaign)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/resum.py");
    let output = Command::new("python3").arg(script).arg(&file).output();
    let output = output.context("python3 runs resum.py")?;
    serde_json::from_slice(&output.stdout).with_context(|| shell::words(&output))
}

/// The per-send report of a campaign, as a file beside the data folder.
pub fn report(brand: &Brand, campaign: &str) -> Result<std::path::PathBuf> {
    let file = brand.data.with_extension(format!("{campaign}.csv"));
    let name = file.to_str().context("a path in UTF-8")?;
    let arguments = ["admin", "campaign", "report", campaign, "--output", name];
    let output = shell::run(&brand.data, &arguments)?;
    ensure!(output.status.success(), "{}", shell::words(&output));
    Ok(file)
}

/// The key of a push, as the report names its chunk: `0.1` is number 0, round 1.
pub fn push_key(shown: &Value, chunk: &str) -> Result<PushKey> {
    let (number, round) = chunk.split_once('.').context("number.round")?;
    let launched_at = Timestamp::parse_rfc3339(text(shown, "launched_at")?)?;
    Ok(PushKey::of(&ChunkId {
        month: LaunchMonth::of(launched_at),
        campaign: text(shown, "id")?.parse()?,
        number: number.parse()?,
        round: round.parse()?,
    }))
}

/// Tells a platform what happened, signed as the messenger signs; its answer.
pub fn tell(platform: SocketAddr, events: &[Value]) -> Result<Value> {
    let body = json!({ "events": events }).to_string();
    let signature = gateway::sign(&Secret::parse(SECRET)?, now(), body.as_bytes());
    let headers = [
        ("Content-Type", "application/json"),
        (SIGNATURE_HEADER, &*signature),
    ];
    let answer = http::request(platform, "POST", "/gateway/v1/events", &headers, &body)?;
    ensure!(answer.status == 202, "{answer:?}");
    serde_json::from_str(&answer.body).context("an answer in JSON")
}

/// A friend withdraws the consent to promotion now.
pub fn withdrawal(handle: &str, user: &str) -> Value {
    json!({"id": format!("withdrawal-{user}"), "type": "consent.changed", "at": now().to_string(),
        "account": handle, "user": user, "kind": "promotion", "granted": false})
}

/// The machine's time.
pub fn now() -> Timestamp {
    Timestamp::from_millis(wait::wall_ms())
}

/// The keys a messenger accepted of a campaign.
pub fn accepted_keys(data: &Path, campaign: &str) -> Result<std::collections::BTreeSet<String>> {
    let log = messenger::accept_log(data)?;
    let of_campaign = log
        .into_iter()
        .filter(|accepted| accepted.campaign == campaign);
    Ok(of_campaign.map(|accepted| accepted.user_key).collect())
}
