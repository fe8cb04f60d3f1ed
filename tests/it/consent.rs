//! Who withdraws is not sent to by any request that begins afterwards: between two attempts of one
//! chunk, and between the freeze's reading and its commit.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::world::Wishes;

use crate::crowd::{Person, brand_of, crowd};
use crate::stage::{SOON, accepted_keys, chunks, end_of, wait_for_strikes, withdrawal};

const WITHDRAW: usize = 7;

#[test]
fn withdrawn_between_two_attempts_excluded_or_accepted_before() {
    between_attempts().unwrap();
}

#[test]
fn withdrawn_while_the_freeze_has_read_and_not_yet_written() {
    across_the_freeze().unwrap();
}

fn platform_of(people: &[Person], faults: &[&str]) -> Result<Platform> {
    let make = |data: &Path| brand_of(people, data, "@hanok");
    Platform::with_brand(Place::Beside, faults, Times::default(), make)
}

/// Some of those who agreed, spread over the chunks.
fn some_of(people: &[Person]) -> Vec<String> {
    let agreed: Vec<&Person> = people.iter().filter(|person| person.agreed).collect();
    let step = agreed.len() / WITHDRAW;
    let chosen = agreed.iter().step_by(step).take(WITHDRAW);
    chosen.map(|person| person.key.clone()).collect()
}

fn between_attempts() -> Result<()> {
    let mut draw = Draw::seeded("withdrawals between attempts", 26);
    let people = crowd(2_200, &mut draw);
    let withdrawn = some_of(&people);
    let everybody: BTreeSet<String> = people
        .iter()
        .filter(|person| person.agreed)
        .map(|person| person.key.clone())
        .collect();
    // Before: the first attempt did nothing, so the second leaves them out. After: it was
    // processed, so the same key is answered with what was accepted before they withdrew.
    for (fault, is_processed) in [("5xx", false), ("5xx_after", true)] {
        let platform = platform_of(&people, &[&format!("{fault}=1")])?;
        let program = platform.recipe.clone().start()?;
        let brand = &platform.brand;
        let campaign = brand.campaign(fault, Wishes::default())?;
        brand.launch(&campaign)?;
        wait_for_strikes(&platform, fault, chunks(brand))?;
        let events: Vec<_> = withdrawn
            .iter()
            .map(|user| withdrawal(&brand.handle, user))
            .collect();
        let answer = platform.messenger.tell(&events)?;
        ensure!(answer["accepted"] == WITHDRAW, "{answer}");
        platform.messenger.misbehave(&[])?;

        let verdict = end_of(&platform, brand, &campaign)?;
        let accepted = accepted_keys(platform.messenger.data(), &campaign)?;
        let mut expected = everybody.clone();
        if !is_processed {
            expected.retain(|key| !withdrawn.contains(key));
        }
        ensure!(accepted == expected, "{fault}: {verdict:?}");
        let excluded = everybody.len() - expected.len();
        ensure!(verdict.excluded == excluded as u64, "{fault}: {verdict:?}");
        ensure!(
            program.recipe().log_count("content_mismatch") == 0,
            "{fault}"
        );
    }
    Ok(())
}

fn across_the_freeze() -> Result<()> {
    let mut draw = Draw::seeded("withdrawals across the freeze", 27);
    let people = crowd(2_200, &mut draw);
    let withdrawn = some_of(&people);
    let platform = platform_of(&people, &[])?;
    let (recipe, paused) = platform.recipe.pausing_at("task:freeze:before_write");
    let mut program = recipe.start()?;
    let brand = &platform.brand;
    let campaign = brand.campaign("freezing", Wishes::default())?;
    brand.launch(&campaign)?;
    program.wait_until_paused(&paused, SOON)?;

    let events: Vec<_> = withdrawn
        .iter()
        .map(|user| withdrawal(&brand.handle, user))
        .collect();
    let answer = platform.messenger.tell(&events)?;
    ensure!(answer["accepted"] == WITHDRAW, "{answer}");
    std::fs::remove_file(&paused)?;

    let verdict = end_of(&platform, brand, &campaign)?;
    let accepted = accepted_keys(platform.messenger.data(), &campaign)?;
    let sent: Vec<&String> = withdrawn
        .iter()
        .filter(|key| accepted.contains(*key))
        .collect();
    ensure!(sent.is_empty(), "{sent:?} were sent to");
    ensure!(verdict.excluded == WITHDRAW as u64, "{verdict:?}");
    ensure!(
        verdict.recorded == brand.reachable - WITHDRAW as u64,
        "{verdict:?}"
    );
    Ok(())
}
