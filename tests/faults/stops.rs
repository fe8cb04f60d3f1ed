//! SIGTERM under load, and a program that stood still past its leases: nobody is sent to twice, and
//! nothing waits for a person.

use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::Wishes;

const FRIENDS: u64 = 4_000;
const MESSENGER: &str = "latency=50ms,speed=2000";
const TIMES: Times = Times {
    request_timeout_ms: 1_500,
    lease_ms: 2_500,
    in_flight: 2,
};
const WITHIN: Duration = Duration::from_secs(60);
/// In-flight work may finish, within this.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// Longer than a lease.
const FROZEN: Duration = Duration::from_secs(4);

#[test]
fn a_stop_under_load_leaves_nothing_unknown() {
    stop_under_load().unwrap();
}

#[test]
fn a_program_frozen_past_its_leases_goes_on() {
    freeze_under_load().unwrap();
}

fn stop_under_load() -> Result<()> {
    let mut draw = Draw::seeded("stop", 26);
    let platform = Platform::create(Place::Beside, FRIENDS, &[MESSENGER], TIMES, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("stopped", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let accepted = platform.wait_for_accepted(platform.brand.reachable / 4, WITHIN)?;
    ensure!(
        accepted < platform.brand.reachable,
        "missed: everything was sent before the stop"
    );
    let watch = Stopwatch::start();
    let (status, recipe) = program.stop()?;
    ensure!(
        status.success(),
        "SIGTERM ended with {status}. {}",
        recipe.log_end()
    );
    ensure!(
        watch.elapsed() <= STOPPED_WITHIN,
        "it took {:.1} s to stop",
        watch.seconds()
    );
    let stopped = platform.verdict(&campaign, watch.seconds())?;
    ensure!(
        stopped.recorded == stopped.accepted,
        "unknown after a stop: {stopped:?}"
    );
    ensure!(
        stopped.recorded < stopped.attempted,
        "missed: it finished before it stopped"
    );
    let _program = recipe.start()?;
    platform.wait_for_state(&campaign, &["closed"], WITHIN)?;
    finished(&platform, &campaign)
}

fn freeze_under_load() -> Result<()> {
    let mut draw = Draw::seeded("freeze", 6);
    let platform = Platform::create(Place::Beside, FRIENDS, &[MESSENGER], TIMES, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("frozen", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let accepted = platform.wait_for_accepted(platform.brand.reachable / 4, WITHIN)?;
    program.freeze()?;
    ensure!(
        accepted < platform.brand.reachable,
        "missed: everything was sent before"
    );
    wait::let_pass(FROZEN);
    program.resume()?;
    platform.wait_for_state(&campaign, &["closed"], WITHIN)?;
    finished(&platform, &campaign)
}

fn finished(platform: &Platform, campaign: &str) -> Result<()> {
    let verdict = platform.verdict(campaign, 0.0)?;
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    Ok(())
}
