//! Outcomes that nobody knows, and what happens before they are known: a friend withdraws, the
//! messenger refuses, somebody cancels, the campaign's time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::messenger::{self, Accepted};
use chingu_tests::shell::{admin, text};
use chingu_tests::verdict::Verdict;
use chingu_tests::wait;
use chingu_tests::world::{Brand, EVERYBODY, MESSAGES, Wishes};
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::processes;
use super::site::{RECOVERED_WITHIN, Run, Site};
use super::{Act, Case, NO_LOAD, Struck, Told};

const WITHDRAWALS: usize = 7;
const FRIENDS: u64 = 1_500;
const SECONDS: u64 = 10;
/// Recipients of one chunk of an unpaced campaign.
const CHUNK_SIZE: u64 = 1_000;
/// How long pushes of a campaign may begin after its launch, where that is soon over.
const LIFETIME: Duration = Duration::from_secs(8);

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F28",
        "opt-outs between two attempts of one chunk, the first not processed",
        Act::OnSite(|site, draw| between_attempts(site, draw, "5xx")),
    ),
    Case::new(
        "F28",
        "opt-outs between two attempts of one chunk, the first processed",
        Act::OnSite(|site, draw| between_attempts(site, draw, "5xx_after")),
    ),
    Case::new(
        "F28",
        "opt-outs between the freeze's snapshot and its commit",
        Act::Alone(across_the_freeze),
    ),
    Case::new(
        "F29",
        "unknown, then refused, then cancelled",
        Act::OnSite(refused_and_cancelled),
    ),
    Case::new(
        "F30",
        "unknown, and cancelled",
        Act::OnSite(|site, draw| not_later(site, draw, Ends::Cancelled)),
    ),
    Case::new(
        "F30",
        "unknown when the campaign's time is over",
        Act::OnSite(|site, draw| not_later(site, draw, Ends::PastItsTime)),
    ),
];

/// A brand of this case's own, some of whose friends are known by a campaign before.
struct Crowd {
    brand: Brand,
    known: Vec<String>,
}

fn crowd(site: &Site, draw: &mut Draw) -> Result<Crowd> {
    let handle = format!("@crowd{}", draw.between(1_000_000, 9_999_999));
    let brand = Brand::create(&site.small.data, &handle, FRIENDS, draw)?;
    let mut run = site.begin(SECONDS)?;
    let campaign = site.add(&mut run, &brand, "before", None)?;
    site.end(&run)?;
    let log = site.messenger.log()?;
    let known: Vec<String> = accepted_of(&log, &campaign).into_iter().collect();
    let step = known.len() / WITHDRAWALS;
    Ok(Crowd {
        brand,
        known: known.into_iter().step_by(step).take(WITHDRAWALS).collect(),
    })
}

fn accepted_of(log: &[Accepted], campaign: &str) -> BTreeSet<String> {
    let of_campaign = log.iter().filter(|accepted| accepted.campaign == campaign);
    of_campaign
        .map(|accepted| accepted.user_key.clone())
        .collect()
}

fn withdraw(site: &Site, crowd: &Crowd) -> Result<()> {
    let now = Timestamp::from_millis(wait::wall_ms()).to_string();
    let event = |user: &String| {
        json!({"id": format!("withdrawal-{user}"), "type": "consent.changed", "at": now,
            "account": crowd.brand.handle, "user": user, "kind": "promotion", "granted": false})
    };
    let events: Vec<Value> = crowd.known.iter().map(event).collect();
    let answer = site.messenger.tell(&events)?;
    ensure!(answer["accepted"] == WITHDRAWALS, "{answer}");
    Ok(())
}

/// Every chunk of the campaign is unknown: each was pushed once, and failed so.
fn launch_until_unknown(site: &Site, brand: &Brand, fault: &str, run: &mut Run) -> Result<String> {
    let before = site.messenger_struck(fault)?;
    site.messenger.misbehave(&[&format!("{fault}=1")])?;
    let campaign = site.add(run, brand, fault, None)?;
    wait_for_strikes(site, fault, before + chunks(brand))?;
    Ok(campaign)
}

fn chunks(brand: &Brand) -> u64 {
    brand.reachable.div_ceil(CHUNK_SIZE)
}

fn wait_for_strikes(site: &Site, fault: &str, times: u64) -> Result<()> {
    let struck = wait::until_state(
        &format!("{times} times {fault}"),
        RECOVERED_WITHIN,
        || site.messenger_struck(fault),
        |struck| *struck >= times,
    );
    struck.map(|_| ()).with_context(|| site.logs())
}

fn between_attempts(site: &mut Site, draw: &mut Draw, fault: &str) -> Result<Told> {
    let crowd = crowd(site, draw)?;
    let mut run = site.begin(SECONDS)?;
    let campaign = launch_until_unknown(site, &crowd.brand, fault, &mut run)?;
    withdraw(site, &crowd)?;
    site.messenger.misbehave(&[])?;
    let recovery_seconds = site.recovery(&run)?;
    let verdict = site.end(&run)?;
    let sent = sent_to(site, &crowd, &campaign)?;
    let expected = match fault {
        // Nothing had been processed: the second attempt leaves them out.
        "5xx" => 0,
        // It had been: the same key is answered with what was accepted before they withdrew.
        _ => WITHDRAWALS,
    };
    ensure!(sent == expected, "{sent} of them were sent to: {verdict:?}");
    let proof = format!("{WITHDRAWALS} withdrew, {sent} had been sent to before");
    told(verdict, WITHDRAWALS - sent, recovery_seconds, site, proof)
}

/// Alone, so that all of them are within the first range of user numbers that is frozen.
fn across_the_freeze(draw: &mut Draw) -> Result<Told> {
    let mut site = Site::build(NO_LOAD, draw)?;
    site.start()?;
    let crowd = crowd(&site, draw)?;
    for scheduler in &mut site.schedulers {
        processes::stop(scheduler)?;
    }
    let (recipe, paused) = site.scheduler_recipes[0].pausing_at("task:freeze:before_write");
    let mut freezing = recipe.start()?;
    let mut run = site.begin(SECONDS)?;
    let campaign = site.add(&mut run, &crowd.brand, "freezing", None)?;
    freezing.wait_until_paused(&paused, RECOVERED_WITHIN)?;
    withdraw(&site, &crowd)?;
    std::fs::remove_file(&paused)?;
    let recovery_seconds = site.recovery(&run)?;
    let verdict = site.end(&run)?;
    freezing.stop()?;
    let sent = sent_to(&site, &crowd, &campaign)?;
    ensure!(sent == 0, "{sent} of them were sent to: {verdict:?}");
    let proof = format!("{WITHDRAWALS} withdrew while the freeze stood still, 0 were sent to");
    told(verdict, WITHDRAWALS, recovery_seconds, &site, proof)
}

/// How many of those who withdrew got the campaign.
fn sent_to(site: &Site, crowd: &Crowd, campaign: &str) -> Result<usize> {
    let accepted = accepted_of(&site.messenger.log()?, campaign);
    Ok(crowd
        .known
        .iter()
        .filter(|key| accepted.contains(*key))
        .count())
}

fn told(
    verdict: Verdict,
    excluded: usize,
    recovery_seconds: f64,
    site: &Site,
    proof: String,
) -> Result<Told> {
    verdict.assert_exactly_once()?;
    ensure!(verdict.excluded == excluded as u64, "{verdict:?}");
    ensure!(
        verdict.recorded + verdict.excluded == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    let mismatches = site.worker_logs("content_mismatch");
    ensure!(mismatches == 0, "{mismatches} other contents under one key");
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds,
            proof: format!("{proof}; 0 mismatches"),
        },
    })
}

fn refused_and_cancelled(site: &mut Site, draw: &mut Draw) -> Result<Told> {
    let brand = crowd(site, draw)?.brand;
    let mut run = site.begin(SECONDS)?;
    // Half of the pushes are processed, and nobody is told which.
    let before = (
        site.messenger_struck("5xx")?,
        site.messenger_struck("5xx_after")?,
    );
    site.messenger
        .misbehave(&["5xx=0.5", "5xx_after=1", "seed=4"])?;
    for number in 0..4 {
        let campaign = brand.campaign(&format!("refused {number}"), Wishes::default())?;
        brand.launch(&campaign)?;
        run.takes_in(&brand, &campaign);
    }
    wait_for_strikes(site, "5xx", before.0 + 1)?;
    wait_for_strikes(site, "5xx_after", before.1 + 1)?;
    let refused = site.messenger_struck("429")?;
    site.messenger.misbehave(&["429=1", "retry_after=1s"])?;
    wait_for_strikes(site, "429", refused + chunks(&brand))?;
    for (brand, campaign) in &run.campaigns {
        admin(&brand.data, &["campaign", "cancel", campaign])?;
    }
    site.messenger.misbehave(&[])?;
    let verdict = site.end(&run)?;
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded > 0 && verdict.cancelled > 0,
        "missed: {verdict:?}"
    );
    ensure!(
        verdict.recorded + verdict.cancelled == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    let proof = format!(
        "{} had been accepted and are billed, {} are cancelled and their money is back",
        verdict.recorded, verdict.cancelled
    );
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: 0.0,
            proof,
        },
    })
}

/// What ends a campaign whose outcomes are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Cancelled,
    PastItsTime,
}

fn not_later(site: &mut Site, draw: &mut Draw, ends: Ends) -> Result<Told> {
    let brand = crowd(site, draw)?.brand;
    let closed = |site: &Site| -> Result<u64> {
        let summary = site.messenger.summary()?;
        let closed = summary["closedKeys"].as_u64();
        closed.with_context(|| format!("closedKeys: {summary}"))
    };
    let (before, failed) = (closed(site)?, site.messenger_struck("5xx")?);
    let mut run = site.begin(SECONDS)?;
    site.messenger.misbehave(&["5xx=1"])?;
    let campaign = short_lived(&brand, ends)?;
    brand.launch(&campaign)?;
    run.takes_in(&brand, &campaign);
    wait_for_strikes(site, "5xx", failed + chunks(&brand))?;
    match ends {
        Ends::Cancelled => {
            admin(&brand.data, &["campaign", "cancel", &campaign])?;
        }
        Ends::PastItsTime => wait::let_pass(LIFETIME),
    }
    site.messenger.misbehave(&[])?;
    let verdict = site.end(&run)?;
    verdict.assert_exactly_once()?;
    let counted = messenger::count(&site.messenger.log()?, &campaign);
    ensure!(counted.people == 0, "{counted:?} were sent to later");
    ensure!(verdict.cancelled == brand.reachable, "{verdict:?}");
    let keys = closed(site)? - before;
    ensure!(keys == chunks(&brand), "missed: {keys} keys were closed");
    let proof = format!("{keys} keys closed, nobody is sent to later");
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: 0.0,
            proof,
        },
    })
}

fn short_lived(brand: &Brand, ends: Ends) -> Result<String> {
    let lifetime = match ends {
        Ends::Cancelled => "3600".to_owned(),
        Ends::PastItsTime => LIFETIME.as_secs().to_string(),
    };
    let account = ["--account", &brand.handle, "--name", "unknown"];
    let content = ["--messages", MESSAGES, "--audience", EVERYBODY];
    let flags = ["--lifetime", &*lifetime];
    let arguments = [&["campaign", "create"][..], &account, &content, &flags].concat();
    Ok(text(&admin(&brand.data, &arguments)?, "id")?.to_owned())
}
