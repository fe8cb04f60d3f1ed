//! The broadcast bench, small: on either engine nobody is lost, nobody gets anything twice, every
//! send is billed, and the report has all of its keys.

use anyhow::{Context, Result, ensure};
use chingu_tests::{engine, place, shell};
use serde_json::Value;

const FRIENDS: u64 = 20_000;
const SOME_FRIENDS: u64 = 3_000;
const MORE_TO_DO: [&str; 7] = [
    "--accounts",
    "3",
    "--fault",
    "reject=0.03:blocked",
    "--batch-max",
    "100",
    "--personal",
];
/// Recipients of one chunk.
const CHUNK_SIZE: u64 = 1_000;
/// 15 KRW.
const UNIT_PRICE_MICRO: u64 = 15_000_000;

#[test]
fn a_broadcast_on_the_embedded_engine() {
    let report = report_of(FRIENDS, &[]).unwrap();
    assert_eq!(report["engine"], "embedded");
    assert_eq!(report["durability"]["synchronous"], "full");
    assert_whole(&report);
}

#[test]
fn a_broadcast_on_the_production_engine() {
    let servers = engine::fresh_servers("bench");
    let database = ["--database-url", &servers.database_url];
    let arguments = [&database[..], &["--amqp-url", &servers.amqp_url]].concat();
    let shared = [&arguments[..], &["--workers", "2"]].concat();
    let report = report_of(FRIENDS, &shared).unwrap();
    assert_eq!(report["engine"], "production");
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(report["durability"][setting], "on", "{report}");
    }
    assert_eq!(report["durability"]["wal_level"], "replica");
    // Both servers are on this machine.
    for group in ["postgres", "broker"] {
        let taken = report["cpu_us_per_send"][group].as_f64();
        assert!(taken.is_some_and(|micros| micros > 0.0), "{report}");
    }
    assert_whole(&report);
    // What it filled is not filled again.
    let refused = words_of(&arguments).unwrap();
    assert!(refused.contains("is not empty"), "{refused}");
}

/// One process on a database of its own, the broker inside.
#[test]
fn a_broadcast_without_a_broker_of_its_own() {
    let servers = engine::fresh_servers("bench-alone");
    let report = report_of(FRIENDS, &["--database-url", &servers.database_url]).unwrap();
    assert_eq!(report["engine"], "production");
    assert_eq!(report["cpu_us_per_send"]["broker"], 0.0);
    assert_whole(&report);
}

/// Accounts that send at once, names in messages, a messenger that refuses some of them and takes
/// small requests only.
#[test]
fn a_broadcast_with_more_to_do() {
    let report = report_of(SOME_FRIENDS, &MORE_TO_DO).unwrap();
    assert_more_done(&report, 0);
}

/// And friends who block their account before the first push.

#[test]
fn a_broadcast_with_more_to_do_on_the_production_engine() {
    let servers = engine::fresh_servers("bench-more");
    let database = ["--database-url", &servers.database_url];
    let broker = ["--amqp-url", &servers.amqp_url, "--workers", "2"];
    let changed = ["--changed", "10"];
    let arguments = [&database[..], &broker, &MORE_TO_DO, &changed].concat();
    let report = report_of(SOME_FRIENDS, &arguments).unwrap();
    assert_more_done(&report, SOME_FRIENDS / 10);
}

/// Nobody is lost or doubled: such a run ends with words.
fn assert_more_done(report: &Value, excluded: u64) {
    let number = |key: &str| report[key].as_u64().unwrap_or_default();
    assert_eq!(report["scenario"]["accounts"], 3, "{report}");
    assert_eq!(number("excluded"), excluded, "{report}");
    let failed = number("failed");
    assert!((1..SOME_FRIENDS / 10).contains(&failed), "{report}");
    let sends = number("sends");
    let recorded = sends + failed + number("excluded");
    assert_eq!(recorded, SOME_FRIENDS, "{report}");
    assert_eq!(number("billed_micro"), sends * UNIT_PRICE_MICRO, "{report}");
}

#[test]
fn what_cannot_be_measured_is_refused_in_words() {
    for (arguments, words) in [
        (["--workers", "2"], "--amqp-url"),
        (["--changed", "1"], "--amqp-url"),
        (["--amqp-url", "amqp://127.0.0.1:1"], "--database-url"),
        (
            ["--database-url", "postgres://127.0.0.1:1/chingu"],
            "127.0.0.1:1/chingu",
        ),
    ] {
        let refused = words_of(&arguments).unwrap();
        assert!(refused.contains(words), "{refused}");
    }
}

/// One send and one friend's history among those of a year's forty campaigns.
#[test]
fn lookups_among_many_sends() {
    let servers = engine::fresh_servers("lookups");
    let database = ["--database-url", &servers.database_url];
    let sends = ["--sends", "200000", "--friends", "5000", "--lookups", "50"];
    let mut command = place::command().unwrap();
    command.args(["bench", "lookups", "--json"]);
    command.args([&database[..], &sends].concat());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", shell::words(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["sends"], 200_000, "{report}");
    assert_eq!(report["campaigns"], 40, "{report}");
    for key in ["one_send_ms", "friend_history_ms"] {
        let p50 = report[key]["p50"].as_f64();
        assert!(
            p50.is_some_and(|milliseconds| milliseconds > 0.0),
            "{key} in {report}"
        );
    }
    for key in [
        "bytes_per_send",
        "view_rows_per_second",
        "written_per_second",
    ] {
        let value = report[key].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{key} in {report}");
    }
}

/// What holds for every broadcast.
fn assert_whole(report: &Value) {
    assert_eq!(report["friends"], FRIENDS, "{report}");
    assert_eq!(report["sends"], FRIENDS, "{report}");
    assert_eq!(report["lost"], 0, "{report}");
    assert_eq!(report["duplicated"], 0, "{report}");
    assert_eq!(
        report["billed_micro"],
        FRIENDS * UNIT_PRICE_MICRO,
        "{report}"
    );
    for key in [
        "seconds",
        "sends_per_second",
        "dispatch_sends_per_second",
        "first_push_seconds",
        "freeze_per_second",
        "roofline_sends_per_second",
        "roofline_ratio",
        "peak_memory_bytes",
    ] {
        let value = report[key].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{key} in {report}");
    }
    for (group, keys) in [
        (
            "cpu_us_per_send",
            &["chingu", "postgres", "broker", "sink"][..],
        ),
        ("bytes_per_send", &["table", "wal"]),
    ] {
        for key in keys {
            assert!(report[group][key].is_number(), "{key} in {report}");
        }
    }
    for key in ["table", "wal"] {
        let bytes = report["bytes_per_send"][key].as_f64();
        assert!(bytes.is_some_and(|bytes| bytes > 0.0), "{key} in {report}");
    }
    // More than a message per chunk where a busy machine did not confirm or answer in time.
    let chunks = FRIENDS.div_ceil(CHUNK_SIZE);
    for count in [
        &report["broker"]["published"],
        &report["broker"]["delivered"],
        &report["gate_reads"],
    ] {
        assert!(count.as_u64() >= Some(chunks), "{report}");
    }
    let broker = &report["broker"];
    assert_eq!(broker["acknowledged"], broker["delivered"], "{report}");
}

fn report_of(friends: u64, arguments: &[&str]) -> Result<Value> {
    let output = bench(friends, arguments)?;
    ensure!(output.status.success(), "{}", shell::words(&output));
    serde_json::from_slice(&output.stdout).with_context(|| shell::words(&output))
}

/// What is said where it does not begin.
fn words_of(arguments: &[&str]) -> Result<String> {
    let output = bench(FRIENDS, arguments)?;
    ensure!(!output.status.success(), "{}", shell::words(&output));
    Ok(shell::words(&output))
}

fn bench(friends: u64, arguments: &[&str]) -> Result<std::process::Output> {
    let friends = friends.to_string();
    let mut command = place::command()?;
    command.args(["bench", "broadcast", "--friends", &friends, "--json"]);
    command.args(arguments);
    command.output().context("starting the program")
}
