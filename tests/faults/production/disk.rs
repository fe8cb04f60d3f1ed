//! A disk that is full: the database's, and that of the program's logs and files.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::draw::Draw;
use chingu_tests::http;
use chingu_tests::machine::Machine;
use chingu_tests::wait::Stopwatch;
use chingu_tests::world::friends_csv;

use super::processes::running;
use super::site::{Site, Terms};
use super::{Act, Case, Struck, Told, judge, load};

const NO_SPACE: &str = "No space left on device";
/// Rows of a file that is brought while the disk is full: more than a buffer holds.
const ROWS: u64 = 2_000;
const BOUNDARY: &str = "x-boundary-of-this-test-x";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F24",
        "the database's disk is full",
        Act::Alone(full_for_the_database),
    ),
    Case::new(
        "F24",
        "the disk for logs and files is full",
        Act::Alone(full_for_logs_and_files),
    ),
];

fn full_for_the_database(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let environment = machine.environment();
    let environment = borrowed(&environment);
    let terms = Terms {
        postgres_environment: &environment,
        ..Terms::default()
    };
    let mut site = Site::on_terms(load(), terms, draw)?;
    site.start()?;
    let run = site.launch("F24")?;
    site.wait_for_percent(&run, 20)?;
    machine.fill_disk()?;
    let watch = Stopwatch::start();
    let accepted = site.wait_until_still(&run)?;
    let stopped_seconds = watch.seconds();
    machine.free_disk()?;
    let ended = match site.postgres.start_if_ended() {
        true => "the server had ended and was started again",
        false => "the server went on",
    };
    // The server's own log is on that disk, too.
    let refused = site.worker_logs(NO_SPACE) + site.scheduler_logs(NO_SPACE);
    ensure!(refused > 0, "missed: the server had room");
    let recovery_seconds = site.recovery(&run)?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    site.stop()?;
    let proof = format!(
        "{refused} times no space; still within {stopped_seconds:.1} s, at {accepted}; {ended}"
    );
    let struck = Struck {
        recovery_seconds,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn full_for_logs_and_files(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let environment = machine.environment();
    let environment = borrowed(&environment);
    let terms = Terms {
        environment: &environment,
        ..Terms::default()
    };
    let mut site = Site::on_terms(load(), terms, draw)?;
    site.start()?;
    let address = running(&site.front)?.address();
    let mut owner = Browser::of_member(address, &site.small, "owner")?;
    let (csv, _) = friends_csv(ROWS, draw);
    let run = site.launch("F24")?;
    site.wait_for_percent(&run, 20)?;
    machine.fill_disk()?;
    let logs = log_bytes(&site)?;
    let refused = bring(&mut owner, &site.small.handle, &csv)?;
    ensure!(
        refused.status >= 500 && refused.body.contains("</html>"),
        "a file was taken in on a full disk, or without words: {refused:?}"
    );
    // Something to be logged on every process: the leader goes, and all connections to the broker.
    site.broker_network.cut_all();
    site.wait_for_percent(&run, 60)?;
    let processes = site
        .schedulers
        .iter()
        .chain(&site.workers)
        .chain([&site.front]);
    for process in processes {
        let ready = http::get(running(process)?.address(), "/readyz")?;
        ensure!(ready.status == 200, "{ready:?}");
    }
    ensure!(log_bytes(&site)? == logs, "missed: logs could be written");
    machine.free_disk()?;
    let taken = bring(&mut owner, &site.small.handle, &csv)?;
    ensure!(taken.status == 303, "with room again: {taken:?}");
    let recovery_seconds = site.recovery(&run)?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    site.stop()?;
    let proof = format!(
        "logs of {logs} bytes did not grow, a file was refused with {}, all processes ready",
        refused.status
    );
    let struck = Struck {
        recovery_seconds,
        proof,
    };
    Ok(Told { verdict, struck })
}

/// A file of friends, brought to the console.
fn bring(owner: &mut Browser, handle: &str, csv: &str) -> Result<Page> {
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"friends.csv\"";
    let body = format!(
        "--{BOUNDARY}\r\n{head}\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n--{BOUNDARY}--\r\n"
    );
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    owner.post_body(
        &format!("/console/{handle}/friends/import"),
        &kind,
        body.into_bytes(),
    )
}

/// All logs of the site's processes together.
fn log_bytes(site: &Site) -> Result<u64> {
    let processes = site
        .schedulers
        .iter()
        .chain(&site.workers)
        .chain([&site.front]);
    let length = |path: &Path| std::fs::metadata(path).map(|found| found.len());
    let lengths = processes.map(|process| {
        let recipe = running(process)?.recipe();
        length(&recipe.log).context("a log")
    });
    lengths.sum()
}

pub(super) fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}
