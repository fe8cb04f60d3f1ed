//! The fault table on the production engine: a row per fault, struck in the middle of a metered
//! load on two accounts, with what became of every recipient, how long it took until the messenger
//! accepted again, and the proof that the fault struck.
//!
//! `just faults` runs the whole table, goes on where it was interrupted, and writes
//! `docs/faults.md`; the suite takes a short load and the cases that are marked for it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::place;
use chingu_tests::program::Program;
use chingu_tests::verdict::{self, Verdict};
use chingu_tests::wait::{self, Stopwatch};
use testkit::chaos_proxy::{CommitCut, Direction};

use crate::results::{Results, Row};
use crate::site::{LEASE, Load, RECOVERED_WITHIN, Run, SCHEDULERS, Site, WORKERS};

/// The whole table's load: 2 × 3 campaigns to 20,000 each, 30 s undisturbed.
const WHOLE: Load = Load {
    friends: 24_000,
    seconds: 30,
};
const SHORT: Load = Load {
    friends: 2_400,
    seconds: 6,
};

/// What a case did to the site.
struct Struck {
    /// Until the messenger accepted again.
    recovery_seconds: f64,
    proof: String,
}

struct Case {
    id: &'static str,
    fault: &'static str,
    /// Belongs to the suite's short part.
    is_short: bool,
    strike: fn(&mut Site, &Run, &mut Draw) -> Result<Struck>,
}

const CASES: &[Case] = &[
    Case {
        id: "F1",
        fault: "kill -9 of one worker",
        is_short: true,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 60))?;
            kill(&mut site.workers[draw.between(0, WORKERS as u64 - 1) as usize])?;
            let recovery_seconds = site.recovery(run)?;
            site.start()?;
            let limit = LEASE + Duration::from_secs(5);
            ensure!(
                recovery_seconds <= limit.as_secs_f64(),
                "stood still for {recovery_seconds} s"
            );
            Ok(Struck {
                recovery_seconds,
                proof: "killed with leases open".into(),
            })
        },
    },
    Case {
        id: "F2",
        fault: "kill -9 of all workers",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 60))?;
            for worker in &mut site.workers {
                kill(worker)?;
            }
            site.start()?;
            struck(site, run, "all killed, all started again")
        },
    },
    Case {
        id: "F4",
        fault: "kill -9 of the leading scheduler",
        is_short: true,
        strike: |site, run, draw| {
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
        },
    },
    Case {
        id: "F5",
        fault: "two schedulers: the leader stands still past its lease and goes on",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            let leader = leader(site)?;
            let before = takeovers(site);
            running(&site.schedulers[leader])?.freeze()?;
            wait_for_takeover(site, before)?;
            running(&site.schedulers[leader])?.resume()?;
            struck(site, run, "the other one took over meanwhile")
        },
    },
    Case {
        id: "F6",
        fault: "a worker stands still past its lease and goes on",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            running(&site.workers[0])?.freeze()?;
            let before = leases_over(site);
            wait::until(
                "a lease of the frozen worker is over",
                RECOVERED_WITHIN,
                || (leases_over(site) > before).then_some(()),
                || site.logs(),
            )?;
            running(&site.workers[0])?.resume()?;
            let over = leases_over(site) - before;
            struck(site, run, &format!("{over} leases over"))
        },
    },
    Case {
        id: "F8",
        fault: "kill -9 of the broker, and a restart",
        is_short: true,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            site.rabbit.kill()?;
            site.rabbit.restart()?;
            let done = struck(site, run, "all connections to the broker lost")?;
            ensure!(done.recovery_seconds <= 30.0, "{} s", done.recovery_seconds);
            Ok(done)
        },
    },
    Case {
        id: "F9",
        fault: "the broker is wiped",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            site.rabbit.kill()?;
            site.rabbit.wipe()?;
            site.rabbit.restart()?;
            struck(site, run, "data folder removed, queues and messages gone")
        },
    },
    Case {
        id: "F12",
        fault: "the queue purged, then deleted, under load",
        is_short: true,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 30))?;
            let queue = "site.bulk";
            running(&site.workers[0])?.freeze()?;
            running(&site.workers[1])?.freeze()?;
            let waiting = wait::until_state(
                "messages wait in the queue",
                RECOVERED_WITHIN,
                || Ok(site.rabbit.messages(queue)?.unwrap_or(0)),
                |messages| *messages > 0,
            )?;
            site.rabbit.purge(queue)?;
            running(&site.workers[0])?.resume()?;
            running(&site.workers[1])?.resume()?;
            site.rabbit.delete_queue(queue)?;
            struck(site, run, &format!("{waiting} messages purged"))
        },
    },
    Case {
        id: "F14",
        fault: "kill -9 of PostgreSQL",
        is_short: true,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 60))?;
            site.postgres.kill();
            site.postgres.start_again();
            struck(site, run, "recovered from its log")
        },
    },
    Case {
        id: "F14",
        fault: "immediate shutdown of PostgreSQL, ten times in one run",
        is_short: false,
        strike: |site, run, _| {
            let mut longest: f64 = 0.0;
            for time in 1..=10 {
                site.wait_for_percent(run, time * 7)?;
                site.postgres.stop_immediately();
                site.postgres.start_again();
                longest = longest.max(site.recovery(run)?);
            }
            Ok(Struck {
                recovery_seconds: longest,
                proof: "10 recoveries; the longest is shown".into(),
            })
        },
    },
    Case {
        id: "F15",
        fault: "the connection cut at COMMIT, before the server saw it",
        is_short: true,
        strike: |site, run, _| cut_commits(site, run, CommitCut::Before),
    },
    Case {
        id: "F15",
        fault: "the connection cut at COMMIT, after the server had done it",
        is_short: true,
        strike: |site, run, _| cut_commits(site, run, CommitCut::After),
    },
    Case {
        id: "F16",
        fault: "the messenger accepts, then drops the answer, 30 %",
        is_short: false,
        strike: |site, run, _| {
            site.messenger.misbehave(&["drop_answer=0.3"])?;
            site.wait_for_percent(run, 60)?;
            let struck_times = site.messenger.struck()?;
            site.messenger.misbehave(&[])?;
            let dropped = struck_times.get("drop_answer").copied().unwrap_or(0);
            ensure!(dropped > 0, "missed: no answer was dropped");
            struck(site, run, &format!("{dropped} answers dropped"))
        },
    },
    Case {
        id: "F17",
        fault: "the network to the messenger goes silent for 5 s",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            site.messenger_network.go_silent();
            wait::let_pass(Duration::from_secs(5));
            site.messenger_network.heal();
            struck(site, run, "nothing passed for 5 s")
        },
    },
    Case {
        id: "F17",
        fault: "the messenger's answers are lost for 5 s",
        is_short: false,
        strike: |site, run, draw| {
            site.wait_for_percent(run, draw.between(5, 50))?;
            let before = site.messenger_network.struck().bytes_dropped;
            site.messenger_network.drop_direction(Direction::ToClient);
            wait::let_pass(Duration::from_secs(5));
            site.messenger_network.heal();
            let bytes = site.messenger_network.struck().bytes_dropped - before;
            ensure!(bytes > 0, "missed: no answer was on its way");
            struck(site, run, &format!("{bytes} bytes of answers lost"))
        },
    },
    Case {
        id: "F26",
        fault: "SIGTERM of every worker and scheduler under load",
        is_short: true,
        strike: |site, run, draw| {
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
        },
    },
    Case {
        id: "F27",
        fault: "a rolling restart of every process",
        is_short: false,
        strike: |site, run, _| {
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
        },
    },
];

#[test]
fn every_fault_is_survived_on_the_production_engine() {
    run_table().unwrap();
}

fn run_table() -> Result<()> {
    let is_whole = place::tables().is_some();
    let load = if is_whole { WHOLE } else { SHORT };
    let mut draw = Draw::seeded("faults", 20_261_130);
    let mut results = Results::open(is_whole)?;
    let mut site = Site::build(load, &mut draw)?;
    for (index, case) in CASES.iter().enumerate() {
        let name = format!("{index} {} {}", case.id, case.fault);
        if !(is_whole || case.is_short) || results.has(&name) {
            continue;
        }
        let row = run_case(&mut site, case, &mut draw)
            .with_context(|| format!("{name}, seed {}", draw.seed))?;
        eprintln!("{}", row.in_words());
        results.add(&name, row)?;
    }
    site.stop()?;
    results.publish()
}

fn run_case(site: &mut Site, case: &Case, draw: &mut Draw) -> Result<Row> {
    site.start()?;
    let run = site.launch(case.id)?;
    let struck = (case.strike)(site, &run, draw)?;
    site.database_network.heal();
    site.broker_network.heal();
    site.messenger_network.heal();
    site.start()?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    Ok(Row {
        id: case.id.into(),
        fault: case.fault.into(),
        seed: draw.seed,
        cells: verdict.cells(),
        recovery_seconds: struck.recovery_seconds,
        proof: struck.proof,
    })
}

fn judge(verdict: &Verdict) -> Result<()> {
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    Ok(())
}

/// The fault is over; how long until the messenger accepts again.
fn struck(site: &Site, run: &Run, proof: &str) -> Result<Struck> {
    Ok(Struck {
        recovery_seconds: site.recovery(run)?,
        proof: proof.to_owned(),
    })
}

/// Ten commits are cut in the short part, fifty each way in the whole table.
fn cut_commits(site: &mut Site, run: &Run, cut: CommitCut) -> Result<Struck> {
    let times = if place::tables().is_some() { 50 } else { 5 };
    let cuts = |site: &Site| {
        let struck = site.database_network.struck();
        match cut {
            CommitCut::Before => struck.commits_cut_before,
            CommitCut::After => struck.commits_cut_after,
        }
    };
    let before = cuts(site);
    site.wait_for_percent(run, 5)?;
    site.database_network.cut_commits(cut, 7, times);
    wait::until(
        "the commits are cut",
        RECOVERED_WITHIN,
        || (cuts(site) - before >= times).then_some(()),
        || format!("{:?}\n{}", site.database_network.struck(), site.logs()),
    )?;
    ensure!(
        site.accepted(run)? < run.attempted,
        "missed: everything was sent before the last cut"
    );
    struck(site, run, &format!("{times} commits cut"))
}

fn kill(place: &mut Option<Program>) -> Result<()> {
    place.take().context("a process that runs")?.kill()?;
    Ok(())
}

fn running(place: &Option<Program>) -> Result<&Program> {
    place.as_ref().context("a process that runs")
}

/// The scheduler that said last that it leads.
fn leader(site: &Site) -> Result<usize> {
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

fn leases_over(site: &Site) -> usize {
    site.scheduler_logs("a lease is over")
}

/// Columns of the table.
pub fn columns() -> Vec<&'static str> {
    let mut columns = vec!["#", "fault", "seed"];
    columns.extend(verdict::COLUMNS);
    columns.extend(["recovered", "struck"]);
    columns
}
