//! An outcome that nobody knows stays unknown until it is known: what a messenger refuses
//! afterwards proves nothing about what it did before.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::world::Wishes;

use crate::stage::{chunks, end_of, number, platform, wait_for_strikes};

#[test]
fn refusals_after_a_lost_outcome_prove_nothing() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("taint", 21);
    // Processed by the messenger, answered with 500: the platform cannot know.
    let platform = platform(2_600, &["5xx_after=1"], &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("taint", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let (brand, pushes) = (&platform.brand, chunks(&platform.brand));
    wait_for_strikes(&platform, "5xx_after", pushes)?;
    platform.wait_for_accepted(brand.reachable, crate::stage::SOON)?;

    // "Not processed" and "malformed" are true of the retry only.
    for (fault, strikes) in [("429", pushes), ("400", pushes)] {
        let spec = format!("{fault}=1");
        platform.messenger.misbehave(&[&spec, "retry_after=1s"])?;
        wait_for_strikes(&platform, fault, strikes)?;
        let shown = brand.show(&campaign)?;
        ensure!(shown["state"] == "running", "after {fault}: {shown}");
        ensure!(
            number(&shown, "pending")? == brand.reachable,
            "after {fault}: {shown}"
        );
        ensure!(
            number(&shown, "captured_micro")? == 0,
            "after {fault}: {shown}"
        );
    }

    platform.messenger.misbehave(&[])?;
    let verdict = end_of(&platform, brand, &campaign)?;
    ensure!(verdict.recorded == brand.reachable, "{verdict:?}");
    Ok(())
}
