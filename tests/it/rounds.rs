//! Who is rejected for now is tried again in a next round; five rounds later it is a failure.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::world::{Brand, Wishes};

use crate::stage::{chunks, end_of, platform, resum, wait_for_strikes};

/// The first push and five rounds.
const PUSHES_PER_CHUNK: u64 = 6;

#[test]
fn the_rejected_come_again_and_the_hopeless_fail_after_five_rounds() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("rounds", 22);
    let faults = [
        "account=@hanok:reject=0.7:rate_limited,unavailable",
        "account=@hopeless:reject=1:unavailable",
    ];
    let platform = platform(1_700, &faults, &mut draw)?;
    let hopeless = Brand::create(&platform.brand.data, "@hopeless", 600, &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("busy", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let lost_cause = hopeless.campaign("hopeless", Wishes::default())?;
    hopeless.launch(&lost_cause)?;

    // Two rounds of both with rejections, then one account's messenger recovers.
    let of_both = 3 * chunks(&platform.brand) + 2;
    wait_for_strikes(&platform, "reject", of_both)?;
    platform.messenger.misbehave(&[faults[1]])?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");

    let verdict = end_of(&platform, &hopeless, &lost_cause)?;
    ensure!(
        verdict.failed == hopeless.reachable && verdict.recorded == 0,
        "{verdict:?}"
    );
    let summed = resum(&hopeless, &lost_cause)?;
    ensure!(
        summed["reasons"]["failed:unavailable"] == hopeless.reachable,
        "{summed}"
    );
    let pushes = platform.messenger.summary()?["pushes"].as_u64();
    let at_least = PUSHES_PER_CHUNK * chunks(&hopeless) + 2 * chunks(&platform.brand);
    ensure!(
        pushes >= Some(at_least),
        "{pushes:?} pushes, not {at_least}"
    );
    Ok(())
}
