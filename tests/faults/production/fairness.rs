//! What the messenger does to one account, or all of them, and what the others feel of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::course::Course;
use chingu_tests::draw::Draw;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};
use serde_json::Value;

use super::site::{IN_FLIGHT, Run, Site, WORKERS};
use super::{Act, Case, Struck, Told, is_whole, struck};

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F18",
        "the messenger is 100 times slower for one account",
        Act::Strike(one_account_slow),
    )
    .in_suite(),
    Case::new(
        "F19",
        "429 with Retry-After in storms, for one account",
        Act::Strike(storms),
    )
    .in_suite(),
    Case::new(
        "F20",
        "3 % rejected, 0.1 % uncertain per push, told later by event",
        Act::OnSite(rejected_and_uncertain),
    )
    .in_suite(),
    Case::new(
        "F23",
        "a backlog of one account, and small campaigns of others",
        Act::OnSite(small_beside_backlog),
    )
    .in_suite(),
];

/// The account that is struck; the site's other one is not.
const STRUCK: usize = 0;
/// A push is answered within some milliseconds otherwise.
const SLOW: &str = "latency=500ms";
/// What the others keep of the speed they had before.
const KEPT_PERCENT_MIN: f64 = 90.0;
const STORM: &str = "429=1,retry_after=1s";
const RETRY_AFTER_SECONDS: u64 = 1;
const STORM_SECONDS: u64 = 2;
const STORMS: u64 = 3;
/// Campaigns of one account begin and end one after the other.
const RAMP_MS: i64 = 2_000;
/// Figures are printed; beyond this they are no rate any more.
const OVER_PERCENT_MAX: f64 = 3.0;
/// How long a backlog lasts, at least, as fast as its account may send.
const BACKLOG_SECONDS: u64 = 40;
const BACKLOG_SECONDS_SHORT: u64 = 20;
const STARTS_WITHIN_MS: i64 = 5_000;
const SMALL_FRIENDS: u64 = 120;
const BOOKS_FOLLOW_WITHIN: Duration = Duration::from_secs(10);

fn one_account_slow(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
    let (before, lasts) = match is_whole() {
        true => (Duration::from_secs(8), Duration::from_secs(10)),
        false => (Duration::from_millis(1_500), Duration::from_millis(2_500)),
    };
    site.wait_for_percent(run, 5)?;
    let undisturbed_ms = wait::wall_ms();
    wait::let_pass(before);
    let from_ms = wait::wall_ms();
    site.messenger
        .misbehave(&[&of_account(&site.brands[STRUCK], SLOW)])?;
    wait::let_pass(lasts);
    let until_ms = wait::wall_ms();
    let slow_pushes = site.messenger_struck("latency")?;
    site.messenger.misbehave(&[])?;
    let done = struck(site, run, "")?;
    ensure!(slow_pushes > 0, "missed: no push was slow");
    let courses = Course::all(site.messenger.data())?;
    let percent = |is_struck: bool| {
        let course = together(site, run, &courses, is_struck);
        let speed =
            |from: i64, until: i64| course.within(from, until) as f64 / (until - from) as f64;
        100.0 * speed(from_ms, until_ms) / speed(undisturbed_ms, from_ms)
    };
    let (others, slow) = (percent(false), percent(true));
    // A machine that does other things beside has no speed to keep.
    ensure!(
        others >= KEPT_PERCENT_MIN || !is_whole(),
        "the other account kept {others:.0} % of its speed, the slow one {slow:.0} %"
    );
    Ok(Struck {
        proof: format!(
            "{slow_pushes} pushes took 500 ms longer; the other account kept {others:.0} % of its \
             speed, the slow one {slow:.0} %"
        ),
        ..done
    })
}

/// The campaigns of the account that is struck as one, or those of the others.
fn together(site: &Site, run: &Run, courses: &BTreeMap<String, Course>, is_struck: bool) -> Course {
    let struck = &site.brands[STRUCK].handle;
    let of = run
        .campaigns
        .iter()
        .filter(|(brand, _)| (brand.handle == *struck) == is_struck);
    of.filter_map(|(_, campaign)| courses.get(campaign))
        .fold(Course::default(), Course::with)
}

fn storms(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
    let refused_before = site.messenger_struck("429")?;
    site.wait_for_percent(run, 5)?;
    for _ in 0..STORMS {
        site.messenger
            .misbehave(&[&of_account(&site.brands[STRUCK], STORM)])?;
        wait::let_pass(Duration::from_secs(STORM_SECONDS));
        site.messenger.misbehave(&[])?;
        wait::let_pass(Duration::from_secs(STORM_SECONDS));
    }
    let refused = site.messenger_struck("429")? - refused_before;
    let done = struck(site, run, "")?;
    ensure!(refused > 0, "missed: nothing was refused");
    // Once per Retry-After every worker learns it anew, from what it had on its way.
    let asked_max =
        STORMS * (STORM_SECONDS / RETRY_AFTER_SECONDS + 1) * (WORKERS * IN_FLIGHT) as u64;
    ensure!(
        refused <= asked_max,
        "{refused} pushes were refused: Retry-After is not obeyed"
    );
    site.end(run)?;
    let courses = Course::all(site.messenger.data())?;
    let of_struck = |campaign: &&(Brand, String)| campaign.0.handle == site.brands[STRUCK].handle;
    let rate = site.brands[STRUCK].reachable / run.seconds
        * run.campaigns.iter().filter(of_struck).count() as u64;
    let errors = |is_struck: bool| {
        let course = together(site, run, &courses, is_struck);
        let all = (course.first_ms(), course.last_ms());
        let seen = match all {
            (Some(first), Some(last)) => course.ten_seconds(first + RAMP_MS, last - RAMP_MS),
            _ => None,
        };
        (seen, course.largest_second())
    };
    let ((struck_ten, struck_second), (other_ten, other_second)) = (errors(true), errors(false));
    let over = struck_ten.map_or(0.0, |seen| seen.over_percent(rate));
    let other = other_ten.map_or(0.0, |seen| seen.error_percent(rate));
    if is_whole() {
        ensure!(over <= OVER_PERCENT_MAX, "{over:.2} % faster than its rate");
    }
    Ok(Struck {
        proof: format!(
            "{refused} pushes refused in {STORMS} storms of {STORM_SECONDS} s; of {rate}/s the \
             struck account had at most {struck_second} in a second and {over:.2} % too many in \
             ten, the other one {other_second} and an error of {other:.2} %"
        ),
        ..done
    })
}

fn rejected_and_uncertain(site: &mut Site, _: &mut Draw) -> Result<Told> {
    let before = (
        site.messenger_struck("reject")?,
        site.messenger_struck("uncertain")?,
    );
    site.messenger
        .misbehave(&["reject=0.03:blocked,left,uncertain=0.001"])?;
    let run = site.launch("F20")?;
    let watch = Stopwatch::start();
    let mut uncertain = 0;
    for (brand, campaign) in &run.campaigns {
        site.wait_for_state(&run, brand, campaign, &["closing", "closed"])?;
        // The books follow the record within a second.
        let shown = wait::until_state(
            "the books follow",
            BOOKS_FOLLOW_WITHIN,
            || brand.show(campaign),
            is_billed_exactly,
        );
        let shown = shown.with_context(|| site.logs())?;
        uncertain += shown["uncertain"].as_i64().unwrap_or_default();
    }
    site.messenger.misbehave(&[])?;
    let told = Stopwatch::start();
    site.messenger.resolve_uncertain(0.5)?;
    let verdict = site.end(&run)?;
    verdict.assert_exactly_once()?;
    let after = (
        site.messenger_struck("reject")?,
        site.messenger_struck("uncertain")?,
    );
    ensure!(
        after.0 > before.0 && after.1 > before.1 && uncertain > 0 && verdict.failed > 0,
        "missed: {uncertain} uncertain, {verdict:?}"
    );
    let proof = format!(
        "{} failed and {uncertain} uncertain, unbilled; told after {:.0} s, and all settled",
        verdict.failed,
        watch.seconds() - told.seconds()
    );
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: told.seconds(),
            proof,
        },
    })
}

/// Nobody is billed but who was accepted; who is uncertain is held, who failed no longer than until
/// the campaign is closed.
fn is_billed_exactly(shown: &Value) -> bool {
    let number = |field: &str| shown[field].as_i64().unwrap_or(i64::MIN);
    let (uncertain, failed) = (number("uncertain"), number("failed"));
    let held = uncertain * UNTARGETED_MICRO..=(uncertain + failed) * UNTARGETED_MICRO;
    held.contains(&number("open_micro"))
        && number("captured_micro") == number("accepted") * UNTARGETED_MICRO
}

fn small_beside_backlog(site: &mut Site, draw: &mut Draw) -> Result<Told> {
    let (brands, each, seconds) = match is_whole() {
        true => (10, 10, BACKLOG_SECONDS),
        false => (3, 4, BACKLOG_SECONDS_SHORT),
    };
    let backlogged = site.brands[STRUCK].clone();
    let mut small = Vec::new();
    for number in 0..brands {
        let handle = format!("@small-{number}-{}", draw.between(1, 1_000_000));
        let brand = Brand::create(&backlogged.data, &handle, SMALL_FRIENDS, draw)?;
        for campaign in 0..each {
            let campaign = brand.campaign(&format!("small {campaign}"), Wishes::default())?;
            small.push((brand.clone(), campaign));
        }
    }
    // Slow, so that its pushes would take every place of the workers.
    site.messenger
        .misbehave(&[&of_account(&backlogged, SLOW)])?;
    let rate = (backlogged.reachable / seconds).max(1);
    let mut run = site.begin(seconds)?;
    let backlog = site.add(&mut run, &backlogged, "backlog", Some(rate))?;
    site.wait_for_percent(&run, 1)?;
    let mut launched_ms = Vec::new();
    for (brand, campaign) in &small {
        brand.launch(campaign)?;
        launched_ms.push(wait::wall_ms());
        run.takes_in(brand, campaign);
    }
    for (brand, campaign) in &small {
        site.wait_for_state(&run, brand, campaign, &["closed"])?;
    }
    site.messenger.misbehave(&[])?;
    let verdict = site.end(&run)?;
    super::judge(&verdict)?;
    let courses = Course::all(site.messenger.data())?;
    let last_of_backlog = courses.get(&backlog).and_then(Course::last_ms);
    ensure!(
        last_of_backlog > launched_ms.last().copied(),
        "missed: the backlog was gone before the last small campaign"
    );
    let mut slowest_ms = 0;
    for ((_, campaign), launched_ms) in small.iter().zip(&launched_ms) {
        let first = courses.get(campaign).and_then(Course::first_ms);
        let first = first.with_context(|| format!("a first acceptance of {campaign}"))?;
        slowest_ms = slowest_ms.max(first - launched_ms);
    }
    ensure!(
        slowest_ms <= STARTS_WITHIN_MS || !is_whole(),
        "a small campaign began after {slowest_ms} ms"
    );
    let slowest = slowest_ms.max(0) as f64 / 1_000.0;
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: slowest,
            proof: format!(
                "{} small campaigns of {brands} accounts beside {} recipients at {rate}/s, each \
                 push 500 ms slower; the last to begin did so after {slowest:.2} s",
                small.len(),
                backlogged.reachable
            ),
        },
    })
}

fn of_account(brand: &Brand, faults: &str) -> String {
    format!("account={}:{faults}", brand.handle)
}
