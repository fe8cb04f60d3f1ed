//! A messenger that drops its answers or is away, and a network to it that does.

use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::wait;
use testkit::chaos_proxy::Direction;

use super::site::{Run, Site};
use super::{Act, Case, Struck, Told, judge, struck};

/// How long every push fails, and the load lasts without that.
const FAILING_SECONDS: u64 = 60;
/// Pushes per second of a paced campaign: a chunk is a twentieth of its speed.
const PUSHES_PER_SECOND: u64 = 20;
const RETRIES_MAX_PERCENT: f64 = 10.0;
/// How long the network to the messenger is away.
const AWAY: Duration = Duration::from_secs(5);

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F16",
        "the messenger accepts, then drops the answer, 30 %",
        Act::Strike(answers_dropped),
    ),
    Case::new(
        "F17",
        "500 to every push for a minute, then to every tenth",
        Act::OnSite(failing_for_a_minute),
    ),
    Case::new(
        "F17",
        "the network to the messenger goes silent for 5 s",
        Act::Strike(network_silent),
    ),
    Case::new(
        "F17",
        "the messenger's answers are lost for 5 s",
        Act::Strike(answers_lost),
    ),
];

fn answers_dropped(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
    answers_dropped_by(site, run, &[])
}

/// Of a messenger that is otherwise as `usual` says.
pub(super) fn answers_dropped_by(site: &Site, run: &Run, usual: &[&str]) -> Result<Struck> {
    let before = site.messenger_struck("drop_answer")?;
    site.messenger
        .misbehave(&[usual, &["drop_answer=0.3"]].concat())?;
    site.wait_for_percent(run, 60)?;
    let dropped = site.messenger_struck("drop_answer")? - before;
    site.messenger.misbehave(usual)?;
    ensure!(dropped > 0, "missed: no answer was dropped");
    struck(site, run, &format!("{dropped} answers dropped"))
}

fn failing_for_a_minute(site: &mut Site, _: &mut Draw) -> Result<Told> {
    let run = site.launch_for("F17", FAILING_SECONDS)?;
    site.wait_for_percent(&run, 10)?;
    let (failed_before, pushed_before) = (site.messenger_struck("5xx")?, site.pushes()?);
    site.messenger.misbehave(&["5xx=1"])?;
    wait::let_pass(Duration::from_secs(FAILING_SECONDS));
    let failed = site.messenger_struck("5xx")? - failed_before;
    ensure!(failed > 0, "missed: nothing failed");
    // What that time would have had without the breaker.
    let usual = PUSHES_PER_SECOND * run.campaigns.len() as u64 * FAILING_SECONDS;
    let asked = 100.0 * failed as f64 / usual as f64;
    site.messenger.misbehave(&["5xx=0.1"])?;
    let recovery_seconds = site.recovery(&run)?;
    site.wait_for_percent(&run, 65)?;
    site.messenger.misbehave(&[])?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    let all_failed = site.messenger_struck("5xx")? - failed_before;
    let pushed = site.pushes()? - pushed_before;
    let retries = 100.0 * all_failed as f64 / (pushed + all_failed) as f64;
    let proof = format!(
        "{failed} pushes in the minute, {asked:.1} % of the usual; retries {retries:.1} % of all \
         {} pushes, every tenth failing until 65 % were sent",
        pushed + all_failed
    );
    ensure!(asked <= RETRIES_MAX_PERCENT, "no breaker: {proof}");
    ensure!(retries <= RETRIES_MAX_PERCENT, "too many retries: {proof}");
    let struck = Struck {
        recovery_seconds,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn network_silent(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    site.messenger_network.go_silent();
    wait::let_pass(AWAY);
    site.messenger_network.heal();
    struck(site, run, "nothing passed for 5 s")
}

fn answers_lost(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    let before = site.messenger_network.struck().bytes_dropped;
    site.messenger_network.drop_direction(Direction::ToClient);
    wait::let_pass(AWAY);
    site.messenger_network.heal();
    let bytes = site.messenger_network.struck().bytes_dropped - before;
    ensure!(bytes > 0, "missed: no answer was on its way");
    struck(site, run, &format!("{bytes} bytes of answers lost"))
}
