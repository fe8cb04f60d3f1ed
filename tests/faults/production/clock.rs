//! The clock of the whole machine steps: the program's, the database's, the messenger's.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::machine::Machine;
use chingu_tests::shell::{admin, text};
use chingu_tests::wait;
use chingu_tests::world::{EVERYBODY, MESSAGES};
use domain::time::Timestamp;
use serde_json::Value;

use super::disk::borrowed;
use super::site::{Load, RECOVERED_WITHIN, Site, Terms};
use super::{Act, Case, NO_LOAD, Struck, Told, judge, load};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Longer than a campaign's pushes may begin after its launch.
const PAST_ITS_TIME: Duration = Duration::from_secs(25 * 3_600);
/// Longer than the messenger remembers a key.
const KEY_IS_OVER: Duration = Duration::from_secs(8 * 24 * 3_600);
/// What is due is sent so soon after a step.
const HEALED_WITHIN_SECONDS: f64 = 60.0;
/// A schedule is kept to this.
const LATE_MAX: Duration = Duration::from_secs(10);
/// How long before a scheduled moment the clock steps to, and how long it is watched there.
const BEFORE: Duration = Duration::from_secs(8);
const MINUTE_MS: i64 = 60_000;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F25",
        "the machine's clock steps by an hour, to and fro, under load",
        Act::Alone(to_and_fro),
    ),
    Case::new(
        "F25",
        "the machine's clock steps by 25 hours under load",
        Act::Alone(past_its_time),
    ),
    Case::new(
        "F25",
        "the machine's clock steps by 8 days while outcomes are unknown",
        Act::Alone(past_the_keys_life),
    ),
    Case::new(
        "F25",
        "the machine's clock steps by an hour, to and fro, around a schedule",
        Act::Alone(around_a_schedule),
    ),
];

/// A site of which everything is on one machine.
fn site_on(machine: &Machine, load: Load, draw: &mut Draw) -> Result<Site> {
    let environment = machine.environment();
    let environment = borrowed(&environment);
    let terms = Terms {
        environment: &environment,
        messenger_environment: &environment,
        postgres_environment: &environment,
        ..Terms::default()
    };
    let mut site = Site::on_terms(load, terms, draw)?;
    site.start()?;
    Ok(site)
}

fn to_and_fro(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let mut site = site_on(&machine, load(), draw)?;
    let run = site.launch("F25")?;
    let mut longest: f64 = 0.0;
    for (percent, is_ahead, by) in [
        (15, true, HOUR),
        (30, true, Duration::ZERO),
        (45, false, HOUR),
        (60, true, Duration::ZERO),
    ] {
        site.wait_for_percent(&run, percent)?;
        match is_ahead {
            true => machine.set_clock_ahead(by)?,
            false => machine.set_clock_back(by)?,
        }
        longest = longest.max(site.recovery(&run)?);
    }
    ensure!(
        longest <= HEALED_WITHIN_SECONDS,
        "nothing was accepted for {longest} s"
    );
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    site.stop()?;
    let proof = "4 steps: +1 h, -1 h, -1 h, +1 h; the longest is shown".to_owned();
    let struck = Struck {
        recovery_seconds: longest,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn past_its_time(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let mut site = site_on(&machine, load(), draw)?;
    let run = site.launch("F25")?;
    site.wait_for_percent(&run, 30)?;
    machine.set_clock_ahead(PAST_ITS_TIME)?;
    let verdict = site.end(&run)?;
    verdict.assert_exactly_once()?;
    ensure!(verdict.cancelled > 0, "missed: all were sent: {verdict:?}");
    // What was under way has come too late, too: the messenger's clock stepped with ours.
    ensure!(
        verdict.recorded + verdict.cancelled + verdict.failed == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    site.stop()?;
    let proof = format!(
        "{} had not begun and are past their time: cancelled; {} were refused as too late; all \
         unbilled",
        verdict.cancelled, verdict.failed
    );
    let struck = Struck {
        recovery_seconds: 0.0,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn past_the_keys_life(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let mut site = site_on(&machine, load(), draw)?;
    let run = site.launch("F25")?;
    site.wait_for_percent(&run, 30)?;
    site.messenger.misbehave(&["drop_answer=1"])?;
    let before = site.messenger_struck("drop_answer")?;
    let struck = |site: &Site| Ok(site.messenger_struck("drop_answer")? - before);
    wait::until_state(
        "answers are dropped",
        RECOVERED_WITHIN,
        || struck(&site),
        |struck| *struck > 4,
    )?;
    machine.set_clock_ahead(KEY_IS_OVER)?;
    site.messenger.misbehave(&[])?;
    let verdict = site.end_but_uncertain(&run)?;
    verdict.assert_at_most_once()?;
    site.stop()?;
    let proof = format!(
        "{} unknown: their keys are past their life, none was used again",
        verdict.unknown
    );
    let struck = Struck {
        recovery_seconds: 0.0,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn around_a_schedule(draw: &mut Draw) -> Result<Told> {
    let machine = Machine::build()?;
    let mut site = site_on(&machine, NO_LOAD, draw)?;
    let mut run = site.begin(60)?;
    // A whole minute, more than an hour from now.
    let due_ms = (wait::wall_ms() / MINUTE_MS + 63) * MINUTE_MS;
    let brand = site.small.clone();
    let campaign = scheduled(&site, due_ms)?;
    run.takes_in(&brand, &campaign);
    let ahead = Duration::from_millis(u64::try_from(due_ms - wait::wall_ms())?);
    machine.set_clock_ahead(ahead - BEFORE)?;
    wait::let_pass(BEFORE / 2);
    let shown = brand.show(&campaign)?;
    ensure!(shown["state"] == "scheduled", "launched early: {shown}");
    let shown = wait_until_launched(&site, &campaign)?;
    let launched = Timestamp::parse_rfc3339(text(&shown, "launched_at")?)?;
    let late_ms = launched.as_millis() - due_ms;
    ensure!(
        (0..=LATE_MAX.as_millis() as i64).contains(&late_ms),
        "launched {late_ms} ms after its time"
    );
    // Its time comes again, and again.
    machine.set_clock_back(Duration::ZERO)?;
    wait::let_pass(BEFORE / 2);
    machine.set_clock_ahead(ahead + HOUR)?;
    wait::let_pass(BEFORE / 2);
    machine.set_clock_ahead(ahead + DAY - HOUR)?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    site.stop()?;
    let proof = format!("launched once, {late_ms} ms after its time, which came three times");
    let struck = Struck {
        recovery_seconds: 0.0,
        proof,
    };
    Ok(Told { verdict, struck })
}

/// A campaign to everybody of the small brand at a wall time; its id.
fn scheduled(site: &Site, due_ms: i64) -> Result<String> {
    // 2026-11-30T09:00:00.000Z
    let at = Timestamp::from_millis(due_ms).to_string();
    let at = at[..16].replace('T', " ");
    let brand = &site.small;
    let account = ["--account", &brand.handle, "--name", "scheduled"];
    let messages = ["--messages", MESSAGES, "--audience", EVERYBODY];
    let created = admin(
        &brand.data,
        &[
            &["campaign", "create"][..],
            &account,
            &messages,
            &["--at", &at, "--zone", "UTC"],
        ]
        .concat(),
    )?;
    Ok(text(&created, "id")?.to_owned())
}

fn wait_until_launched(site: &Site, campaign: &str) -> Result<Value> {
    let shown = wait::until_state(
        "the scheduled campaign is launched",
        RECOVERED_WITHIN,
        || site.small.show(campaign),
        |shown| shown["state"] != "scheduled",
    );
    shown.with_context(|| site.logs())
}
