//! Schedulers and workers killed, stopped, frozen.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::program::Program;
use chingu_tests::wait::{self, Stopwatch};

use super::site::{LEASE, RECOVERED_WITHIN, Run, SCHEDULERS, Site, WORKERS};
use super::{Act, Case, Struck, struck};

/// A push takes longer than it takes to freeze a process.
const UNDER_WAY: &str = "latency=300ms";

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F1",
        "kill -9 of one worker",
        Act::Strike(one_worker_killed),
    )
    .in_suite(),
    Case::new(
        "F2",
        "kill -9 of all workers",
        Act::Strike(all_workers_killed),
    ),
    Case::new(
        "F4",
        "kill -9 of the leading scheduler",
        Act::Strike(leader_killed),
    )
    .in_suite(),
    Case::new(
        "F5",
        "two schedulers: the leader stands still past its lease and goes on",
        Act::Strike(leader_frozen),
    ),
    Case::new(
        "F6",
        "a worker stands still past its lease and goes on",
        Act::Strike(worker_frozen),
    ),
    Case::new(
        "F26",
        "SIGTERM of every worker and scheduler under load",
        Act::Strike(everything_stopped),
    )
    .in_suite(),
    Case::new(
        "F27",
        "a rolling restart of every process",
        Act::Strike(rolling_restart),
    ),
];

pub(super) fn one_worker_killed(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 60))?;
    kill(&mut site.workers[draw.between(0, WORKERS as u64 - 1) as usize])?;
    let done = struck(site, run, "killed under load")?;
    site.start()?;
    let limit = LEASE + Duration::from_secs(5);
    ensure!(
        done.recovery_seconds <= limit.as_secs_f64(),
        "stood still for {} s",
        done.recovery_seconds
    );
    Ok(done)
}

pub(super) fn all_workers_killed(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 60))?;
    for worker in &mut site.workers {
        kill(worker)?;
    }
    site.start()?;
    struck(site, run, "all killed, all started again")
}

pub(super) fn leader_killed(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 60))?;
    let leader = leader(site)?;
    let before = takeovers(site);
    kill(&mut site.schedulers[leader])?;
    let done = struck(site, run, &format!("scheduler {leader} led"))?;
    wait_for_takeover(site, before)?;
    ensure!(
        done.recovery_seconds <= 10.0,
        "no standby for {} s",
        done.recovery_seconds
    );
    site.start()?;
    Ok(done)
}

fn leader_frozen(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    let leader = leader(site)?;
    let before = takeovers(site);
    running(&site.schedulers[leader])?.freeze()?;
    wait_for_takeover(site, before)?;
    running(&site.schedulers[leader])?.resume()?;
    struck(site, run, "the other one took over meanwhile")
}

/// Before its lease is over, and past it: then another one has pushed what it held.
fn worker_frozen(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    let late = |site: &Site| site.worker_logs("a late record changed nothing");
    let before = (leases_over(site), late(site));
    // So that it is frozen with pushes under way.
    site.messenger.misbehave(&[UNDER_WAY])?;
    let mut settled = 0.0;
    for frozen in [LEASE / 4, LEASE * 4] {
        wait::until_state(
            "it has pushes under way",
            RECOVERED_WITHIN,
            || site.metric_of(running(&site.workers[0])?, "chingu_chunks_in_flight"),
            |in_flight| *in_flight > 0.0,
        )?;
        settled = site.metric_of(running(&site.workers[0])?, "chingu_recipients_total")?;
        running(&site.workers[0])?.freeze()?;
        wait::let_pass(frozen);
        running(&site.workers[0])?.resume()?;
    }
    site.messenger.misbehave(&[])?;
    wait::until_state(
        "it goes on",
        RECOVERED_WITHIN,
        || site.metric_of(running(&site.workers[0])?, "chingu_recipients_total"),
        |now| *now > settled,
    )?;
    let over = leases_over(site) - before.0;
    ensure!(over > 0, "missed: it held nothing");
    let late = late(site) - before.1;
    struck(
        site,
        run,
        &format!("{over} leases over, {late} late records changed nothing"),
    )
}

pub(super) fn everything_stopped(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 60))?;
    let watch = Stopwatch::start();
    let over = leases_over(site);
    let both = site.workers.iter_mut().chain(&mut site.schedulers);
    for program in both.filter_map(Option::take) {
        let (status, recipe) = program.stop()?;
        ensure!(status.success(), "{status}. {}", recipe.log_end());
    }
    let seconds = watch.seconds();
    site.start()?;
    let done = struck(site, run, &format!("stopped within {seconds:.1} s"))?;
    ensure!(leases_over(site) == over, "something was left in flight");
    Ok(done)
}

fn rolling_restart(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, 10)?;
    for number in 0..WORKERS.max(SCHEDULERS) {
        for programs in [&mut site.workers, &mut site.schedulers] {
            if let Some(program) = programs.get_mut(number).and_then(Option::take) {
                let (status, recipe) = program.stop()?;
                ensure!(status.success(), "{status}. {}", recipe.log_end());
                programs[number] = Some(recipe.start()?);
            }
        }
    }
    struck(site, run, "every worker and scheduler once")
}

pub(super) fn kill(place: &mut Option<Program>) -> Result<()> {
    place.take().context("a process that runs")?.kill()?;
    Ok(())
}

/// By SIGTERM, which has to end well.
pub(super) fn stop(place: &mut Option<Program>) -> Result<()> {
    let program = place.take().context("a process that runs")?;
    let (status, recipe) = program.stop()?;
    ensure!(status.success(), "{status}. {}", recipe.log_end());
    Ok(())
}

pub(super) fn running(place: &Option<Program>) -> Result<&Program> {
    place.as_ref().context("a process that runs")
}

/// The scheduler that said last that it leads.
pub(super) fn leader(site: &Site) -> Result<usize> {
    let epoch_of = |program: &Program| program.recipe().last_number("leads", "epoch");
    let epochs = site.schedulers.iter().enumerate();
    epochs
        .filter_map(|(index, program)| Some((epoch_of(program.as_ref()?)?, index)))
        .max()
        .map(|(_, index)| index)
        .context("nobody leads")
}

fn takeovers(site: &Site) -> usize {
    site.scheduler_logs("\"message\":\"leads\"")
}

fn wait_for_takeover(site: &Site, before: usize) -> Result<()> {
    wait::until(
        "the standby leads",
        Duration::from_secs(10),
        || (takeovers(site) > before).then_some(()),
        || site.logs(),
    )
}

pub(super) fn leases_over(site: &Site) -> usize {
    site.scheduler_logs("a lease is over")
}
