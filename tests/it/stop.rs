//! SIGTERM in the middle of a broadcast of the all-in-one program: what is in flight finishes, and
//! the next start sends the rest.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::world::Wishes;

use crate::stage::{SOON, end_of};

#[test]
fn stopped_in_the_middle_it_finishes_what_is_in_flight_and_the_rest_later() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("stop", 35);
    let faults = ["latency=50ms", "speed=4000"];
    let times = Times {
        request_timeout_ms: 8_000,
        lease_ms: 10_000,
        in_flight: 4,
    };
    let platform = Platform::create(Place::Inside, 12_000, &faults, times, &mut draw)?;
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
