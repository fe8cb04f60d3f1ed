//! What a connector's record says decides what follows a lost answer: keyed ones are asked again
//! with the same key, queryable ones are asked what became of it, and of the others nobody is sent
//! to twice, nobody is billed without proof, and late proof counts.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::Platform;
use chingu_tests::world::{UNTARGETED_MICRO, Wishes};

use crate::stage::{end_of, number, platform, tell, wait_for_shown};
use crate::uncertain::uncertain_places;

/// A twentieth of it is a chunk: enough pushes for some to be struck and some not.
const RATE: u64 = 600;

/// A messenger, and what the platform is told of it.
struct Kind {
    friends: u64,
    faults: &'static str,
    configuration: &'static [(&'static str, &'static str)],
}

#[test]
fn keyed_every_lost_answer_is_had_again() {
    everybody_once(&Kind {
        friends: 900,
        faults: "drop_answer=0.3,seed=3",
        configuration: &[],
    })
    .unwrap();
}

#[test]
fn queryable_every_lost_answer_is_asked_for() {
    everybody_once(&Kind {
        friends: 900,
        faults: "guarantee=Q,settles=300ms,drop_answer=0.3,seed=4",
        configuration: &[
            ("CHINGU_GATEWAY__GUARANTEE", "queryable"),
            ("CHINGU_GATEWAY__QUERY_SETTLES_MS", "600"),
        ],
    })
    .unwrap();
}

#[test]
fn one_recipient_per_request_every_part_is_had_again() {
    everybody_once(&Kind {
        friends: 300,
        faults: "batch=1,drop_answer=0.05,seed=5",
        configuration: &[("CHINGU_GATEWAY__BATCH_MAX", "1")],
    })
    .unwrap();
}

#[test]
fn neither_nobody_twice_and_late_proof_counts() {
    proven_late(&Kind {
        friends: 900,
        faults: "guarantee=N,drop_answer=0.3,seed=6",
        configuration: &[("CHINGU_GATEWAY__GUARANTEE", "neither")],
    })
    .unwrap();
}

fn begin(kind: &Kind, draw: &mut Draw) -> Result<Platform> {
    let mut platform = platform(kind.friends, &[kind.faults], draw)?;
    for (variable, value) in kind.configuration {
        platform.recipe = platform.recipe.with(variable, value);
    }
    Ok(platform)
}

fn launch(platform: &Platform) -> Result<String> {
    let wishes = Wishes {
        rate: Some(RATE),
        ..Wishes::default()
    };
    let campaign = platform.brand.campaign("guaranteed", wishes)?;
    platform.brand.launch(&campaign)?;
    Ok(campaign)
}

fn dropped(platform: &Platform) -> Result<u64> {
    let struck = platform.messenger.struck()?;
    let dropped = struck.get("drop_answer").copied().unwrap_or(0);
    ensure!(dropped > 0, "missed: no answer was lost");
    Ok(dropped)
}

fn everybody_once(kind: &Kind) -> Result<()> {
    let mut draw = Draw::seeded("guarantees", 41);
    let platform = begin(kind, &mut draw)?;
    let _program = platform.recipe.clone().start()?;
    let campaign = launch(&platform)?;
    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    ensure!(verdict.recorded == platform.brand.reachable, "{verdict:?}");
    dropped(&platform)?;
    Ok(())
}

fn proven_late(kind: &Kind) -> Result<()> {
    let mut draw = Draw::seeded("late proof", 42);
    let platform = begin(kind, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = launch(&platform)?;
    let brand = &platform.brand;
    let shown = wait_for_shown(&platform, &campaign, "only the unknown are open", |shown| {
        let uncertain = shown["uncertain"].as_u64().unwrap_or(0);
        shown["state"] == "closing"
            && uncertain > 0
            && shown["open_micro"] == uncertain * UNTARGETED_MICRO as u64
    })?;
    dropped(&platform)?;
    let (accepted, uncertain) = (number(&shown, "accepted")?, number(&shown, "uncertain")?);
    ensure!(accepted + uncertain == brand.reachable, "{shown}");
    let billed = accepted * UNTARGETED_MICRO as u64;
    ensure!(number(&shown, "captured_micro")? == billed, "{shown}");
    // The messenger had processed them all, and nobody was sent to again.
    ensure!(platform.messenger.accepted()? == brand.reachable, "{shown}");
    let places = uncertain_places(&platform, &campaign, &shown)?;
    let events: Vec<_> = places
        .iter()
        .map(|place| place.event("delivery.confirmed"))
        .collect();
    let answer = tell(program.address(), &events)?;
    ensure!(answer["accepted"] == uncertain, "{answer}");
    let verdict = end_of(&platform, brand, &campaign)?;
    ensure!(verdict.recorded == brand.reachable, "{verdict:?}");
    Ok(())
}
