//! How fast a broadcast is: `chingu bench broadcast` again and again, on both engines, plain and
//! with more to do, on servers of its own. Writes `docs/speed.md`.
//!
//! Runs that an earlier call has made are kept in `target/speed.json` and not made again; the file
//! is removed to begin anew. `CHINGU_SPEED_RUNS` says how many of each, three without it.
//! Nothing else should run on the machine meanwhile.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::table::{Table, grouped};
use chingu_tests::{place, shell};
use serde_json::{Map, Value};
use testkit::postgres::PostgresServer;
use testkit::rabbitmq::RabbitMqServer;
use tokio::runtime::Runtime;

/// As a small server of one's own has them.
const POSTGRES: &[(&str, &str)] = &[("shared_buffers", "1GB"), ("max_wal_size", "8GB")];
const RUNS: u64 = 3;
const PRODUCTION: &[&str] = &["--workers", "2"];

struct Case {
    name: &'static str,
    is_production: bool,
    friends: u64,
    arguments: &'static [&'static str],
}

const fn production(name: &'static str, friends: u64, arguments: &'static [&'static str]) -> Case {
    Case {
        name,
        is_production: true,
        friends,
        arguments,
    }
}

const fn embedded(name: &'static str, friends: u64) -> Case {
    Case {
        name,
        is_production: false,
        friends,
        arguments: &[],
    }
}

const CASES: &[Case] = &[
    production("100,000 friends", 100_000, &[]),
    production("1,000,000 friends", 1_000_000, &[]),
    production("10,000,000 friends", 10_000_000, &[]),
    production("1 % block before the push", 1_000_000, &["--changed", "1"]),
    production(
        "10 % block before the push",
        1_000_000,
        &["--changed", "10"],
    ),
    production("names in messages", 1_000_000, &["--personal"]),
    production(
        "3 % rejected",
        1_000_000,
        &["--fault", "reject=0.03:blocked,left"],
    ),
    production("five accounts at once", 1_000_000, &["--accounts", "5"]),
    production("one recipient in a request", 100_000, &["--batch-max", "1"]),
    embedded("embedded, 100,000 friends", 100_000),
    embedded("embedded, 1,000,000 friends", 1_000_000),
];

/// What a column shows: a path into the report, and how its number is written.
type Column = (&'static str, &'static str, fn(f64) -> String);

const COLUMNS: &[Column] = &[
    ("sends/s", "/sends_per_second", thousands),
    ("dispatch alone/s", "/dispatch_sends_per_second", thousands),
    ("first push, s", "/first_push_seconds", two),
    ("freeze/s", "/freeze_per_second", thousands),
    ("roofline/s", "/roofline_sends_per_second", thousands),
    ("of it", "/roofline_ratio", percent),
    ("CPU µs: chingu", "/cpu_us_per_send/chingu", two),
    ("postgres", "/cpu_us_per_send/postgres", two),
    ("broker", "/cpu_us_per_send/broker", two),
    ("sink", "/cpu_us_per_send/sink", two),
    ("bytes: table", "/bytes_per_send/table", one),
    ("log", "/bytes_per_send/wal", one),
    ("peak MB", "/peak_memory_bytes", mega),
    ("books, s", "/reconcile_seconds", two),
];

fn main() -> Result<()> {
    let file = place::target().join("speed.json");
    let mut known = known(&file)?;
    // One of each first: whoever interrupts it has a figure of everything.
    for run in 0..place::number("CHINGU_SPEED_RUNS", RUNS) {
        for case in CASES {
            let name = format!("{} {run}", case.name);
            if known.contains_key(&name) {
                continue;
            }
            let report = measure(case)?;
            eprintln!("{name}: {}", report["sends_per_second"]);
            known.insert(name, report);
            let fresh = file.with_extension("json.new");
            std::fs::write(&fresh, serde_json::to_string_pretty(&known)?)?;
            std::fs::rename(&fresh, &file)?;
        }
    }
    publish(&known)
}

fn known(file: &PathBuf) -> Result<Map<String, Value>> {
    match std::fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).with_context(|| file.display().to_string()),
        Err(_) => Ok(Map::new()),
    }
}

/// On servers that nothing has been done on before.
fn measure(case: &Case) -> Result<Value> {
    let friends = case.friends.to_string();
    let mut command: Command = place::command()?;
    command.args(["bench", "broadcast", "--json", "--friends", &friends]);
    command.args(case.arguments);
    if !case.is_production {
        return report(command);
    }
    let postgres = PostgresServer::start_with(POSTGRES);
    let rabbit = RabbitMqServer::start()?;
    let database = Runtime::new()?.block_on(postgres.create_database());
    command.args(PRODUCTION);
    command.env("CHINGU_DATABASE_URL", postgres.url(&database));
    command.env("CHINGU_AMQP_URL", rabbit.url());
    report(command)
}

fn report(mut command: Command) -> Result<Value> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", shell::words(&output));
    serde_json::from_slice(&output.stdout).with_context(|| shell::words(&output))
}

fn publish(known: &Map<String, Value>) -> Result<()> {
    let mut columns = vec!["", "runs", "lost", "doubled"];
    columns.extend(COLUMNS.iter().map(|(name, ..)| *name));
    let mut table = Table::with_columns(&columns);
    for case in CASES {
        let runs = (0..).map_while(|run| known.get(&format!("{} {run}", case.name)));
        let runs: Vec<&Value> = runs.collect();
        let mut row = vec![case.name.to_owned(), runs.len().to_string()];
        for count in ["lost", "duplicated"] {
            let sum: Option<u64> = runs.iter().map(|run| run[count].as_u64()).sum();
            row.push(sum.context("a count")?.to_string());
        }
        for (_, path, written) in COLUMNS {
            row.push(cell(&runs, path, *written)?);
        }
        table.add(row);
    }
    let Some(durability) = known.values().find_map(|run| run["durability"].as_object()) else {
        bail!("nothing was measured");
    };
    let settings: Vec<String> = durability
        .iter()
        .map(|(name, value)| format!("{name} = {}", value.as_str().unwrap_or_default()))
        .collect();
    let introduction = format!(
        "{}, {} cores; PostgreSQL (shared_buffers 1 GB), RabbitMQ, the messenger in a process of \
         its own, a scheduler and two workers on one machine, {}. Friends are imported in random \
         order and one in twenty is updated. The median of all runs, in brackets the least and the \
         most. *sends/s* is from the launch request to the last capture; where friends change, \
         from the start of the processes that push. Written by `just speed`.",
        place::profile()?,
        std::thread::available_parallelism()?,
        settings.join(", ")
    );
    table.publish("speed.md", "How fast a broadcast is", &introduction)
}

/// The median, and in brackets the least and the most.
fn cell(runs: &[&Value], path: &str, written: fn(f64) -> String) -> Result<String> {
    let values = runs
        .iter()
        .map(|run| run.pointer(path).and_then(Value::as_f64));
    let mut values: Vec<f64> = values.collect::<Option<_>>().context("a figure of a run")?;
    values.sort_by(f64::total_cmp);
    let (Some(least), Some(most)) = (values.first(), values.last()) else {
        bail!("a case without runs");
    };
    let median = values[values.len() / 2];
    Ok(match least == most {
        true => written(median),
        false => format!(
            "{} ({}–{})",
            written(median),
            written(*least),
            written(*most)
        ),
    })
}

fn thousands(value: f64) -> String {
    grouped(value.round() as u64)
}

fn percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

fn one(value: f64) -> String {
    format!("{value:.1}")
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

fn mega(value: f64) -> String {
    format!("{:.0}", value / 1e6)
}
