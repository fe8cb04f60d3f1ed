//! SIGTERM in the middle of a broadcast of the all-in-one program: what is in flight finishes, and
//! the next start sends the rest.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::wait;
use chingu_tests::world::Wishes;

use crate::stage::{SOON, end_of};

#[test]
fn stopped_in_the_middle_it_finishes_what_is_in_flight_and_the_rest_later() {
    run().unwrap();
}

/// SIGTERM comes while a claim is committed and nothing of it is pushed yet.
#[test]
fn stopped_between_a_claim_and_its_push_it_pushes_what_it_claimed() {
    run_within_a_claim().unwrap();
}

const FAULTS: [&str; 2] = ["latency=50ms", "speed=4000"];
const TIMES: Times = Times {
    request_timeout_ms: 8_000,
    lease_ms: 10_000,
    in_flight: 4,
};

fn run_within_a_claim() -> Result<()> {
    let mut draw = Draw::seeded("stop within a claim", 36);
    let platform = Platform::create(Place::Inside, 6_000, &FAULTS, TIMES, &mut draw)?;
    let (recipe, paused) = platform.recipe.pausing_at("task:claim:after_commit:2");
    let mut program = recipe.start()?;
    let campaign = platform.brand.campaign("stopped", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    program.wait_until_paused(&paused, SOON)?;
    program.ask_to_stop()?;
    wait::until(
        "the program takes note of SIGTERM",
        SOON,
        || (program.recipe().log_count("stopping; what is in flight") > 0).then_some(()),
        || program.recipe().log_end(),
    )?;
    std::fs::remove_file(&paused)?;
    let (status, stopped) = program.wait_until_ended()?;
    ensure!(status.success(), "{status}. {}", stopped.log_end());
    // Started again it has nothing to rescue: what was claimed was pushed and recorded.
    let program = platform.recipe.clone().start()?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    let log = program.recipe();
    ensure!(log.log_count("a lease is over") == 0, "{}", log.log_end());
    Ok(())
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("stop", 35);
    let platform = Platform::create(Place::Inside, 12_000, &FAULTS, TIMES, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("stopped", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    platform.wait_for_accepted(2_000, SOON)?;
    let (status, recipe) = program.stop()?;
    ensure!(status.success(), "{status}. {}", recipe.log_end());
    let shown = platform.brand.show(&campaign)?;
    let (accepted, pending) = (shown["accepted"].as_u64(), shown["pending"].as_u64());
    ensure!(
        accepted >= Some(2_000) && pending > Some(0),
        "missed: {shown}"
    );
    // All that was in flight is recorded: the messenger's log and the record agree at rest.
    let counted = chingu_tests::messenger::count(&platform.messenger.log()?, &campaign);
    ensure!(Some(counted.people) == accepted, "{counted:?}, {shown}");

    let program = recipe.start()?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    let log = program.recipe();
    ensure!(log.log_count("a lease is over") == 0, "{}", log.log_end());
    Ok(())
}
