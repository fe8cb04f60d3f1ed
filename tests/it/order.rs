//! Settles that come late: what was begun earlier and commits after a younger settle was captured
//! is captured as well, once.

use std::path::Path;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};

use crate::crowd::{brand_of, crowd};
use crate::stage::{end_of, number, wait_for_strikes};

#[test]
fn an_older_push_that_settles_after_a_younger_was_captured_is_captured_too() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("order", 28);
    let people = crowd(1_500, &mut draw);
    let times = Times {
        request_timeout_ms: 8_000,
        lease_ms: 10_000,
        in_flight: 32,
    };
    let make = |data: &Path| brand_of(&people, data, "@hanok");
    let faults = ["account=@slow:latency=4s"];
    let platform = Platform::with_brand(Place::Beside, &faults, times, make)?;
    // Another account of the same business: one roll-up captures both.
    let young = &platform.brand;
    young.add_account("@slow")?;
    let old = Brand {
        handle: "@slow".to_owned(),
        ..young.clone()
    };
    let slow_people = crowd(700, &mut draw);
    let old = crate::crowd::befriend(&slow_people, old)?;
    let _program = platform.recipe.clone().start()?;

    let first = old.campaign("older", Wishes::default())?;
    old.launch(&first)?;
    wait_for_strikes(&platform, "latency", 1)?;
    let second = young.campaign("younger", Wishes::default())?;
    young.launch(&second)?;
    let verdict = end_of(&platform, young, &second)?;
    ensure!(verdict.recorded == young.reachable, "{verdict:?}");
    let shown = old.show(&first)?;
    ensure!(
        number(&shown, "accepted")? == 0,
        "missed: the older one was there first: {shown}"
    );

    let verdict = end_of(&platform, &old, &first)?;
    ensure!(
        verdict.billed_micro == old.reachable as i64 * UNTARGETED_MICRO,
        "{verdict:?}"
    );
    Ok(())
}
