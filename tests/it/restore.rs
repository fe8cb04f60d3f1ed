//! A backup while a broadcast is under way, the platform lost, and what comes back: nobody gets
//! anything twice, nobody is forgotten, nothing goes by itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{self, admin, text};
use chingu_tests::verdict;
use chingu_tests::world::Wishes;
use chingu_tests::{engine, http};
use testkit::database::Raw;

use crate::console_campaigns::in_thirty_days;
use crate::stage::{SOON, create, end_of, number, platform, wait_for_shown};

const FAULTS: [&str; 2] = ["latency=50ms", "speed=4000"];
const TIMES: Times = Times {
    request_timeout_ms: 8_000,
    lease_ms: 10_000,
    in_flight: 4,
};

#[test]
fn a_broadcast_lost_in_the_middle_goes_on_from_its_backup_without_a_double() {
    lost_in_the_middle().unwrap();
}

#[test]
fn a_scheduled_campaign_that_was_sent_after_the_backup_asks_and_is_not_sent_twice() {
    sent_after_the_backup().unwrap();
}

#[test]
fn a_backup_older_than_the_messengers_memory_is_never_sent_again() {
    too_old_to_ask().unwrap();
}

#[test]
fn a_database_moved_by_hand_is_noticed_at_the_next_start() {
    moved_by_hand().unwrap();
}

#[test]
fn a_backup_is_whole_or_not_there_and_fills_an_empty_place_only() {
    whole_or_nothing().unwrap();
}

fn lost_in_the_middle() -> Result<()> {
    let mut draw = Draw::seeded("lost in the middle", 41);
    let mut platform = Platform::create(Place::Beside, 12_000, &FAULTS, TIMES, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("restored", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let before = platform.wait_for_accepted(2_000, SOON)?;
    let file = back_up(&platform)?;
    // What the backup does not know of.
    let lost = platform.wait_for_accepted(before + 2_000, SOON)?;
    program.kill()?;
    ensure!(
        lost < platform.brand.reachable,
        "missed: all {lost} were sent"
    );

    restore(&mut platform, &file)?;
    let shown = platform.brand.show(&campaign)?;
    ensure!(shown["state"] == "paused", "{shown}");
    ensure!(shown["pause_reason"] == "restored", "{shown}");
    ensure!(number(&shown, "accepted")? < lost, "{shown}");
    let program = platform.recipe.clone().start()?;
    ensure!(
        program.recipe().log_count("stand still") == 0,
        "it is no other cluster"
    );
    let words = shell::run(
        &platform.brand.data,
        &["admin", "campaign", "show", &campaign],
    )?;
    let words = shell::words(&words);
    ensure!(words.contains("resume it"), "{words}");
    admin(&platform.brand.data, &["campaign", "resume", &campaign])?;

    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    Ok(())
}

fn sent_after_the_backup() -> Result<()> {
    let mut draw = Draw::seeded("sent after the backup", 42);
    let mut platform = platform(3_000, &[], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let at = format!("{} 09:00", in_thirty_days()?);
    let everybody = r#"{"expression":{"all":true}}"#;
    let flags = ["--at", &*at, "--audience", everybody];
    let campaign = create(&platform.brand, "scheduled", &flags)?;
    let file = back_up(&platform)?;
    platform.brand.launch(&campaign)?;
    let all = platform.brand.reachable;
    platform.wait_for_accepted(all, SOON)?;
    program.kill()?;

    restore(&mut platform, &file)?;
    let _program = platform.recipe.clone().start()?;
    let shown = platform.brand.show(&campaign)?;
    ensure!(shown["pause_reason"] == "restored", "{shown}");
    let refused = platform.brand.launch(&campaign);
    let words = format!("{:#}", refused.err().context("launched by itself")?);
    ensure!(words.contains("resume it first"), "{words}");
    let resumed = admin(&platform.brand.data, &["campaign", "resume", &campaign])?;
    ensure!(resumed["state"] == "scheduled", "{resumed}");

    platform.brand.launch(&campaign)?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == all, "{verdict:?}");
    Ok(())
}

fn too_old_to_ask() -> Result<()> {
    let mut draw = Draw::seeded("too old to ask", 43);
    let mut platform = Platform::create(Place::Beside, 8_000, &FAULTS, TIMES, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("old", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    platform.wait_for_accepted(1_000, SOON)?;
    admin(&platform.brand.data, &["campaign", "pause", &campaign])?;
    // What is in flight finishes: the books and the messenger agree at rest.
    program.stop()?;
    let file = back_up(&platform)?;
    let sent = platform.messenger.accepted()?;

    restore(&mut platform, &file)?;
    age(&platform.brand.data, 8)?;
    let _program = platform.recipe.clone().start()?;
    admin(&platform.brand.data, &["campaign", "resume", &campaign])?;
    let rest = platform.brand.reachable - sent;
    let shown = wait_for_shown(&platform, &campaign, "uncertain", |shown| {
        shown["uncertain"] == rest
    })?;
    ensure!(number(&shown, "accepted")? == sent, "{shown}");
    ensure!(platform.messenger.accepted()? == sent, "sent again");
    let found = verdict::violations(&shell::reconcile(&platform.brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

fn moved_by_hand() -> Result<()> {
    let mut draw = Draw::seeded("moved by hand", 44);
    let platform = platform(1_000, &[], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let at = format!("{} 09:00", in_thirty_days()?);
    let campaign = create(&platform.brand, "scheduled", &["--at", &*at])?;
    let (_, recipe) = program.stop()?;
    // The same place: nothing to notice.
    let (_, recipe) = recipe.start()?.stop()?;
    ensure!(
        platform.brand.show(&campaign)?["state"] == "scheduled",
        "marked without a reason"
    );
    raw(
        &platform.brand.data,
        "UPDATE cluster SET identity = 'another one'",
    )?;
    let program = recipe.start()?;
    let shown = platform.brand.show(&campaign)?;
    ensure!(shown["pause_reason"] == "restored", "{shown}");
    ensure!(
        program.recipe().log_count("the database is a copy") == 1,
        "not said"
    );
    let ready = http::get(program.address(), "/readyz")?;
    ensure!(ready.status == 200, "{ready:?}");
    Ok(())
}

fn whole_or_nothing() -> Result<()> {
    let mut draw = Draw::seeded("whole or nothing", 45);
    let platform = platform(500, &[], &mut draw)?;
    let data = platform.brand.data.clone();
    let file = back_up(&platform)?;
    let refused = |data: &Path, file: &Path, words: &str| -> Result<()> {
        let file = file.to_str().context("a path in UTF-8")?;
        let output = shell::run(data, &["restore", file])?;
        let said = shell::words(&output);
        ensure!(!output.status.success() && said.contains(words), "{said}");
        Ok(())
    };
    // Over what is there.
    refused(&data, &file, "is not empty")?;
    let whole = std::fs::read(&file)?;
    let damaged = data.with_extension("damaged");
    std::fs::write(&damaged, &whole[..whole.len() / 2])?;
    let fresh = data.with_extension("fresh");
    refused(&fresh, &damaged, "damaged or cut off")?;
    refused(&fresh, &data.with_extension("nowhere"), "cannot read")?;
    // What was refused left nothing behind that would be refused.
    let restored = shell::json(
        &fresh,
        &["restore", file.to_str().context("a path in UTF-8")?],
    )?;
    ensure!(restored["campaigns"] == serde_json::json!([]), "{restored}");
    let accounts = verdict::violations(&shell::reconcile(&fresh)?)?;
    ensure!(accounts.is_empty(), "{accounts:?}");
    // Nothing half made stands beside a backup, and a place that is not there is said.
    let beside = std::fs::read_dir(data.parent().context("a folder")?)?;
    for entry in beside {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        ensure!(
            !name.contains(".scratch") && !name.contains(".part"),
            "{name} is left"
        );
    }
    let nowhere = data.with_extension("no").join("such").join("chingu.backup");
    let output = nowhere.to_str().context("a path in UTF-8")?;
    let done = shell::run(&data, &["backup", "--output", output])?;
    ensure!(
        done.status.success() && nowhere.is_file(),
        "{}",
        shell::words(&done)
    );
    Ok(())
}

/// `chingu backup`, beside the running program.
fn back_up(platform: &Platform) -> Result<PathBuf> {
    let file = platform.brand.data.with_extension("backup");
    let output = file.to_str().context("a path in UTF-8")?;
    let told = shell::json(&platform.brand.data, &["backup", "--output", output])?;
    ensure!(text(&told, "file")? == output, "{told}");
    ensure!(
        told["bytes"].as_u64() == Some(std::fs::metadata(&file)?.len()),
        "{told}"
    );
    Ok(file)
}

/// As if the backup that was restored had been taken so many days before.
fn age(data: &Path, days: i64) -> Result<()> {
    let millis = days * 24 * 3_600 * 1_000;
    raw(
        data,
        &format!(
            "UPDATE campaign SET known_until = known_until - {millis};
             UPDATE chunk SET first_attempt_at = first_attempt_at - {millis} WHERE state = 3"
        ),
    )
}

/// Plain SQL on the platform's database: for what takes days, or another cluster.
fn raw(data: &Path, sql: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let raw = Raw::of(&engine::database(data)).await;
        raw.run(sql).await;
        raw.close().await;
    });
    Ok(())
}

/// The platform begins anew, in another place, from a backup.
fn restore(platform: &mut Platform, file: &Path) -> Result<()> {
    let data = platform.brand.data.with_extension("restored");
    let file = file.to_str().context("a path in UTF-8")?;
    shell::json(&data, &["restore", file])?;
    platform.recipe.data = data.clone();
    platform.brand.data = data;
    Ok(())
}
