//! What the messenger tells later decides what was uncertain: once, and whenever it comes.

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::Platform;
use chingu_tests::world::{UNTARGETED_MICRO, Wishes};
use serde_json::{Value, json};

use crate::stage::{
    chunks, end_of, now, number, platform, push_key, report, tell, wait_for_shown, wait_for_strikes,
};

const UNTARGETED: u64 = UNTARGETED_MICRO as u64;

#[test]
fn late_events_decide_and_early_ones_wait() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("uncertain", 23);
    let platform = platform(2_300, &["uncertain=0.3"], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    decided_later(&platform, program.address())?;
    decided_before_the_settle(&platform)
}

fn decided_later(platform: &Platform, address: std::net::SocketAddr) -> Result<()> {
    let brand = &platform.brand;
    let campaign = brand.campaign("later", Wishes::default())?;
    brand.launch(&campaign)?;
    // Everything else is settled, captured and released; what is uncertain stays held.
    let shown = wait_for_shown(
        platform,
        &campaign,
        "only the uncertain are open",
        |shown| {
            let uncertain = shown["uncertain"].as_u64().unwrap_or(0);
            shown["state"] == "closing"
                && uncertain > 0
                && shown["open_micro"] == uncertain * UNTARGETED
        },
    )?;
    let (accepted, uncertain) = (number(&shown, "accepted")?, number(&shown, "uncertain")?);
    ensure!(accepted + uncertain == brand.reachable, "{shown}");
    ensure!(
        number(&shown, "captured_micro")? == accepted * UNTARGETED,
        "{shown}"
    );
    let places = uncertain_places(platform, &campaign, &shown)?;
    ensure!(
        places.len() as u64 == uncertain,
        "{} places, {shown}",
        places.len()
    );

    let resolved = platform.messenger.resolve_uncertain(0.5)?;
    let confirmed = resolved["confirmed"].as_u64().context("confirmed")?;
    ensure!(
        resolved["told"] == uncertain && confirmed > 0 && confirmed < uncertain,
        "{resolved}"
    );
    let verdict = end_of(platform, brand, &campaign)?;
    ensure!(
        verdict.recorded == accepted + confirmed,
        "{verdict:?}, {resolved}"
    );
    ensure!(
        verdict.failed == uncertain - confirmed,
        "{verdict:?}, {resolved}"
    );

    // The first word stands: the opposite of it, and itself once more, change nothing.
    let before = brand.show(&campaign)?;
    for kind in ["delivery.confirmed", "delivery.failed"] {
        let events: Vec<Value> = places.iter().map(|place| place.event(kind)).collect();
        let answer = tell(address, &events)?;
        ensure!(answer["accepted"] == 0, "{kind}: {answer}");
        let ignored = answer["ignored"].as_array().map(Vec::len);
        ensure!(ignored == Some(places.len()), "{kind}: {answer}");
        let again = tell(address, &events)?;
        ensure!(again["duplicates"] == places.len(), "{kind}: {again}");
    }
    ensure!(brand.show(&campaign)? == before, "{before}");
    end_of(platform, brand, &campaign)?;
    Ok(())
}

fn decided_before_the_settle(platform: &Platform) -> Result<()> {
    let brand = &platform.brand;
    let faults = ["uncertain=0.3", "drop_answer=1"];
    platform.messenger.misbehave(&faults)?;
    let campaign = brand.campaign("earlier", Wishes::default())?;
    brand.launch(&campaign)?;
    wait_for_strikes(platform, "drop_answer", chunks(brand))?;
    let resolved = platform.messenger.resolve_uncertain(0.5)?;
    let confirmed = resolved["confirmed"].as_u64().context("confirmed")?;
    let failed = resolved["failed"].as_u64().context("failed")?;
    ensure!(confirmed > 0 && failed > 0, "{resolved}");
    let shown = brand.show(&campaign)?;
    ensure!(
        number(&shown, "pending")? == brand.reachable,
        "told too late: {shown}"
    );
    platform.messenger.misbehave(&[])?;
    let verdict = end_of(platform, brand, &campaign)?;
    ensure!(
        verdict.recorded == brand.reachable - failed,
        "{verdict:?}, {resolved}"
    );
    ensure!(
        verdict.failed == failed && verdict.unknown == 0,
        "{verdict:?}, {resolved}"
    );
    Ok(())
}

/// A recipient that the messenger left uncertain.
pub struct Place {
    push_key: String,
    index: u64,
}

impl Place {
    pub fn event(&self, kind: &str) -> Value {
        let id = format!("{kind}-{}-{}", self.push_key, self.index);
        json!({"id": id, "type": kind, "at": now().to_string(), "pushKey": self.push_key,
            "index": self.index, "code": (kind == "delivery.failed").then_some("unreachable")})
    }
}

/// Everybody whom a campaign's report shows as uncertain.
pub fn uncertain_places(platform: &Platform, campaign: &str, shown: &Value) -> Result<Vec<Place>> {
    let sends = std::fs::read_to_string(report(&platform.brand, campaign)?)?;
    let mut lines = sends.lines();
    let header: Vec<&str> = lines.next().context("a header")?.split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name);
    let (chunk, position) = (
        column("chunk").context("chunk")?,
        column("position").context("position")?,
    );
    let outcome = column("outcome").context("outcome")?;
    let cells = lines.map(|line| line.split(',').collect::<Vec<&str>>());
    cells
        .filter(|cells| cells[outcome] == "uncertain")
        .map(|cells| {
            Ok(Place {
                push_key: push_key(shown, cells[chunk])?.to_string(),
                index: cells[position].parse()?,
            })
        })
        .collect()
}
