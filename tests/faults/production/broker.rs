//! RabbitMQ killed, wiped, away, short of memory, purged, and saying everything three times.

use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::wait::{self, Stopwatch};
use testkit::rabbitmq::Repeater;

use super::processes::running;
use super::site::{RECOVERED_WITHIN, Run, Site};
use super::{Act, Case, Struck, Told, judge, struck};

/// The queue of what is not urgent.
const QUEUE: &str = "site.bulk";
/// How long the broker is away, and how long the load around it lasts undisturbed.
const AWAY: Duration = Duration::from_secs(120);
const LOAD_SECONDS: u64 = 300;
/// How long it stays short of memory once nothing passes any more.
const SHORT_OF_MEMORY: Duration = Duration::from_secs(5);
const RESUMES_WITHIN_SECONDS: f64 = 5.0;
/// Between two looks at how much is polled.
const POLLED_STEP: Duration = Duration::from_secs(1);

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F8",
        "kill -9 of the broker, and a restart",
        Act::Strike(killed),
    )
    .in_suite(),
    Case::new("F9", "the broker is wiped", Act::Strike(wiped)),
    Case::new("F10", "the broker is away for 2 minutes", Act::OnSite(away)),
    Case::new(
        "F11",
        "the broker is short of memory",
        Act::Strike(short_of_memory),
    ),
    Case::new(
        "F12",
        "the queue purged, then deleted, under load",
        Act::Strike(purged_and_deleted),
    )
    .in_suite(),
    Case::new(
        "F13",
        "every message is delivered three times",
        Act::OnSite(three_times),
    )
    .in_suite(),
];

fn killed(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    site.rabbit.kill()?;
    site.rabbit.restart()?;
    let done = struck(site, run, "all connections to the broker lost")?;
    ensure!(done.recovery_seconds <= 30.0, "{} s", done.recovery_seconds);
    Ok(done)
}

fn wiped(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 50))?;
    site.rabbit.kill()?;
    site.rabbit.wipe()?;
    site.rabbit.restart()?;
    struck(site, run, "data folder removed, queues and messages gone")
}

fn away(site: &mut Site, _: &mut Draw) -> Result<Told> {
    let run = site.launch_for("F10", LOAD_SECONDS)?;
    site.wait_for_percent(&run, 5)?;
    let polled = site.workers_metric("chingu_chunks_polled_total")?;
    site.rabbit.kill()?;
    let (watch, before) = (Stopwatch::start(), site.accepted(&run)?);
    wait::let_pass(AWAY);
    let sent = site.accepted(&run)? - before;
    let full = run.attempted as f64 / LOAD_SECONDS as f64 * watch.seconds();
    let speed = 100.0 * sent as f64 / full;
    let polled = site.workers_metric("chingu_chunks_polled_total")? - polled;
    ensure!(polled > 0.0, "missed: nothing was polled");
    ensure!(speed >= 50.0, "{speed:.0} % of the speed without a broker");
    site.rabbit.restart()?;
    let watch = Stopwatch::start();
    wait_until_nothing_is_polled(site)?;
    let recovery_seconds = watch.seconds();
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    let proof =
        format!("{polled:.0} chunks polled at {speed:.0} % of the speed; afterwards 0 % polled");
    let struck = Struck {
        recovery_seconds,
        proof,
    };
    Ok(Told { verdict, struck })
}

/// Chunks are claimed again, and none of them by polling.
fn wait_until_nothing_is_polled(site: &Site) -> Result<()> {
    let counted = || -> Result<(f64, f64)> {
        let claimed = site.workers_metric("chingu_chunks_claimed_total")?;
        Ok((claimed, site.workers_metric("chingu_chunks_polled_total")?))
    };
    let mut last = counted()?;
    wait::until_state(
        "chunks come by messages alone",
        RECOVERED_WITHIN,
        || {
            wait::let_pass(POLLED_STEP);
            let now = counted()?;
            let before = std::mem::replace(&mut last, now);
            Ok((now.0 - before.0, now.1 - before.1))
        },
        |(claimed, polled)| *claimed > 0.0 && *polled == 0.0,
    )?;
    Ok(())
}

fn short_of_memory(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 40))?;
    let refusals = |site: &Site| site.scheduler_logs("the broker takes no messages");
    let before = refusals(site);
    site.rabbit.memory_alarm(true)?;
    wait::until(
        "the publishing connection is blocked",
        RECOVERED_WITHIN,
        || (refusals(site) > before).then_some(()),
        || site.logs(),
    )?;
    // What had been taken is delivered, worked on and acknowledged all the same.
    wait::until_state(
        "every message is acknowledged",
        RECOVERED_WITHIN,
        || Ok(site.rabbit.messages(QUEUE)?.unwrap_or(0)),
        |messages| *messages == 0,
    )?;
    wait::let_pass(SHORT_OF_MEMORY);
    site.rabbit.memory_alarm(false)?;
    let done = struck(
        site,
        run,
        "blocked, and every message acknowledged meanwhile",
    )?;
    ensure!(
        done.recovery_seconds <= RESUMES_WITHIN_SECONDS,
        "resumed after {} s",
        done.recovery_seconds
    );
    Ok(done)
}

fn three_times(site: &mut Site, _: &mut Draw) -> Result<Told> {
    let mut repeater = Repeater::start(&site.rabbit, 2)?;
    let run = site.launch("F13")?;
    let verdict = site.end(&run)?;
    let repeated = repeater.stop()?;
    ensure!(repeated > 0, "missed: nothing was repeated");
    judge(&verdict)?;
    let proof = format!("{repeated} messages said twice more");
    let struck = Struck {
        recovery_seconds: 0.0,
        proof,
    };
    Ok(Told { verdict, struck })
}

fn purged_and_deleted(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 30))?;
    for worker in &site.workers {
        running(worker)?.freeze()?;
    }
    let waiting = wait::until_state(
        "messages wait in the queue",
        RECOVERED_WITHIN,
        || Ok(site.rabbit.messages(QUEUE)?.unwrap_or(0)),
        |messages| *messages > 0,
    )?;
    site.rabbit.purge(QUEUE)?;
    for worker in &site.workers {
        running(worker)?.resume()?;
    }
    site.rabbit.delete_queue(QUEUE)?;
    struck(site, run, &format!("{waiting} messages purged"))
}
