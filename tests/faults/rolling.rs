//! Two schedulers and four workers, each restarted once in the middle of a broadcast: everybody
//! gets it once, and it is billed once.
//!
//! The suite takes a short broadcast, `just rolling` one to a million. `just upgrade` begins it
//! with the program of another revision and restarts every process, the front one too, as this one.

use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::course::Course;
use chingu_tests::draw::Draw;
use chingu_tests::fleet::{Fleet, Size};
use chingu_tests::place;
use chingu_tests::table::Table;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::Wishes;

const SIZE: Size = Size {
    schedulers: 2,
    workers: 4,
    in_flight: 8,
    request_timeout_ms: 5_000,
    lease_ms: 8_000,
    connector_rate: None,
};
/// Who agreed is five in six of them.
const FRIENDS: u64 = 1_202_000;
const FRIENDS_SHORT: u64 = 24_000;
/// How long the undisturbed broadcast lasts.
const SECONDS: u64 = 50;
const SECONDS_SHORT: u64 = 12;
const CLOSED_WITHIN: Duration = Duration::from_secs(180);

#[test]
fn a_rolling_restart_loses_nothing_on_the_production_engine() {
    run().unwrap();
}

fn run() -> Result<()> {
    let is_whole = place::tables().is_some();
    let (friends, seconds) = match is_whole {
        true => (FRIENDS, SECONDS),
        false => (FRIENDS_SHORT, SECONDS_SHORT),
    };
    let mut draw = Draw::seeded("rolling", 20_261_203);
    let mut fleet = Fleet::start(SIZE)?;
    let brand = fleet.brand("@hanok", friends, &mut draw)?;
    let rate = brand.reachable / seconds;
    let wishes = Wishes {
        rate: Some(rate),
        ..Wishes::default()
    };
    let campaign = brand.campaign("rolling", wishes)?;
    brand.launch(&campaign)?;
    wait::until_state(
        "a tenth is accepted",
        CLOSED_WITHIN,
        || fleet.messenger.accepted(),
        |accepted| *accepted >= brand.reachable / 10,
    )?;
    let is_upgrade = place::upgrade();
    let watch = Stopwatch::start();
    let mut table = Table::with_columns(&["restarted", "accepted then", "seconds until ready"]);
    let mut restart = |fleet: &mut Fleet, role: &str, number: usize| -> Result<()> {
        let accepted = fleet.messenger.accepted()?;
        let watch = Stopwatch::start();
        match role {
            "scheduler" => fleet.schedulers[number].restart()?,
            "worker" => fleet.workers[number].restart()?,
            _ => fleet.front.restart()?,
        }
        table.add(vec![
            format!("{role} {number}"),
            accepted.to_string(),
            format!("{:.2}", watch.seconds()),
        ]);
        Ok(())
    };
    for number in 0..SIZE.workers {
        restart(&mut fleet, "worker", number)?;
        if number < SIZE.schedulers {
            restart(&mut fleet, "scheduler", number)?;
        }
    }
    if is_upgrade {
        restart(&mut fleet, "front", 0)?;
    }
    let restarting_seconds = watch.seconds();
    let accepted = fleet.messenger.accepted()?;
    ensure!(
        accepted < brand.reachable,
        "missed: everything was sent before the last restart"
    );
    let lasts = Duration::from_secs(seconds);
    fleet.wait_until_closed(&brand, &campaign, CLOSED_WITHIN + lasts)?;
    let launched = [(campaign.clone(), brand.reachable)];
    let reckoning = fleet.expect_exactly_once(&launched)?;
    let courses = Course::all(fleet.messenger.data())?;
    let silence = courses
        .get(&campaign)
        .map_or(0.0, |course| course.longest_silence_ms() as f64 / 1_000.0);
    let (file, title, verb) = match is_upgrade {
        true => ("upgrade.md", "An upgrade while a broadcast runs", "upgrade"),
        false => ("rolling.md", "A rolling restart", "rolling"),
    };
    let introduction = format!(
        "{}; a broadcast at {rate} recipients/s, meanwhile each of {} schedulers and {} workers \
         ended by SIGTERM and started again, one after the other, within \
         {restarting_seconds:.1} s. {reckoning}. The longest time without an acceptance: \
         {silence:.2} s. Seed {}. Written by `just {verb}`.",
        place::profile()?,
        SIZE.schedulers,
        SIZE.workers,
        draw.seed
    );
    table.publish(file, title, &introduction)?;
    fleet.stop()
}
