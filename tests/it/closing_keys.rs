//! What was not delivered when a campaign stopped is not delivered later: its keys are closed.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell::admin;
use chingu_tests::world::Wishes;

use crate::stage::{chunks, end_of, number, platform, wait_for_shown, wait_for_strikes};

#[test]
fn unknown_when_cancelled_its_keys_are_closed_and_nobody_is_sent_to() {
    cancelled().unwrap();
}

#[test]
fn unknown_when_paused_it_is_settled_or_closed_and_goes_on_after_the_resume() {
    paused().unwrap();
}

fn cancelled() -> Result<()> {
    let mut draw = Draw::seeded("cancelled while unknown", 24);
    // The messenger fails before it does anything; the platform cannot know that.
    let platform = platform(2_400, &["5xx=1"], &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let (brand, pushes) = (&platform.brand, chunks(&platform.brand));
    let campaign = brand.campaign("cancelled", Wishes::default())?;
    brand.launch(&campaign)?;
    wait_for_strikes(&platform, "5xx", pushes)?;
    admin(&brand.data, &["campaign", "cancel", &campaign])?;
    let shown = brand.show(&campaign)?;
    ensure!(shown["state"] == "cancelling", "{shown}");
    ensure!(
        number(&shown, "open_micro")? > 0,
        "what is unknown stays held: {shown}"
    );

    platform.messenger.misbehave(&[])?;
    let verdict = end_of(&platform, brand, &campaign)?;
    ensure!(
        verdict.cancelled == brand.reachable && verdict.accepted == 0,
        "{verdict:?}"
    );
    let summary = platform.messenger.summary()?;
    ensure!(
        summary["closedKeys"] == pushes && summary["pushes"] == 0,
        "{summary}"
    );
    Ok(())
}

fn paused() -> Result<()> {
    let mut draw = Draw::seeded("paused while unknown", 25);
    // Half of the pushes are processed and their answers lost; the others were never processed.
    let faults = ["5xx=0.5", "drop_answer=1", "seed=3"];
    let platform = platform(7_000, &faults, &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let (brand, pushes) = (&platform.brand, chunks(&platform.brand));
    let campaign = brand.campaign("paused", Wishes::default())?;
    brand.launch(&campaign)?;
    wait_for_strikes(&platform, "5xx", 2)?;
    wait_for_strikes(&platform, "drop_answer", 2)?;
    admin(&brand.data, &["campaign", "pause", &campaign])?;
    platform.messenger.misbehave(&[])?;
    // Whatever was in flight at the pause is recorded or closed; then the messenger's count and
    // the record agree, and the paused campaign sends nothing.
    let shown = wait_for_shown(&platform, &campaign, "resolved while paused", |shown| {
        let accepted = platform.messenger.accepted().ok();
        let closed = platform.messenger.summary().ok();
        let closed = closed.and_then(|summary| summary["closedKeys"].as_u64());
        accepted.is_some() && shown["accepted"].as_u64() == accepted && closed > Some(0)
    })?;
    ensure!(shown["state"] == "paused", "{shown}");
    let accepted = number(&shown, "accepted")?;
    ensure!(
        accepted > 0 && accepted < brand.reachable,
        "missed: {shown}"
    );
    ensure!(
        number(&shown, "pending")? == brand.reachable - accepted,
        "{shown}"
    );

    admin(&brand.data, &["campaign", "resume", &campaign])?;
    let verdict = end_of(&platform, brand, &campaign)?;
    ensure!(verdict.recorded == brand.reachable, "{verdict:?}");
    let summary = platform.messenger.summary()?;
    eprintln!("paused while unknown: {pushes} chunks, {accepted} accepted before, {summary}");
    Ok(())
}
