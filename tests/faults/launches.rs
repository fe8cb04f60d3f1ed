//! Fifty shells launch one campaign at once: one launch, one hold.

use std::process::Output;
use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell;
use chingu_tests::world::Wishes;

const SHELLS: usize = 50;
const FRIENDS: u64 = 600;
const FINISHED_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn fifty_launches_at_once_hold_once() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("launches", 50);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("fifty times", Wishes::default())?;
    let launch = ["admin", "campaign", "launch", &campaign, "--json"];
    let shells: Vec<_> = (0..SHELLS)
        .map(|_| shell::spawn(&platform.recipe.data, &launch))
        .collect::<Result<_>>()?;
    let outputs: Vec<Output> = shells
        .into_iter()
        .map(|shell| Ok(shell.wait_with_output()?))
        .collect::<Result<_>>()?;
    let launched = outputs
        .iter()
        .filter(|output| output.status.success())
        .count();
    let refused: Vec<&Output> = outputs
        .iter()
        .filter(|output| !output.status.success())
        .collect();
    ensure!(launched == 1, "{launched} of {SHELLS} launched");
    for output in refused {
        let words = shell::words(output);
        ensure!(
            output.status.code() == Some(1) && words.contains("launch"),
            "a refusal that does not say why: {}: {words}",
            output.status
        );
    }
    platform.wait_for_state(&campaign, &["closed"], FINISHED_WITHIN)?;
    drop(program);
    let verdict = platform.verdict(&campaign, 0.0)?;
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded == platform.brand.reachable,
        "not everybody: {verdict:?}"
    );
    Ok(())
}
