//! A program that stood still past its leases and went on: what it knew was stale, and nobody is
//! sent to twice.

use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::wait;
use chingu_tests::world::Wishes;

const FRIENDS: u64 = 4_000;
const MESSENGER: &str = "latency=50ms,speed=2000";
const TIMES: Times = Times {
    request_timeout_ms: 1_500,
    lease_ms: 2_500,
    in_flight: 2,
};
const WITHIN: Duration = Duration::from_secs(60);
/// Longer than a lease.
const FROZEN: Duration = Duration::from_secs(4);

#[test]
fn a_program_frozen_past_its_leases_goes_on() {
    run().unwrap();
}

fn run() -> Result<()> {
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
    let verdict = platform.verdict(&campaign, 0.0)?;
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    Ok(())
}
