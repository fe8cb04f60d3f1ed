//! kill -9 of the program: while dispatching at random moments, and at named places while freezing,
//! between the hold and the first push, and while closing. After each restart the campaign finishes
//! by itself, exactly once for everybody.
//!
//! `CHINGU_KILLS` says how many kills each table has, `CHINGU_KILL_FRIENDS` to how many friends.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::messenger;
use chingu_tests::place;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::shell;
use chingu_tests::table::Table;
use chingu_tests::verdict::{self, Verdict};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::Wishes;

/// Both of the messenger: the run lasts long enough to be struck.
const MESSENGER: &str = "latency=50ms,speed=2000";
/// A thousand recipients take half a second at that speed, and two such requests stand in line.
const TIMES: Times = Times {
    request_timeout_ms: 5_000,
    lease_ms: 6_000,
    in_flight: 2,
};
/// From a campaign's launch to any of its pause points.
const PAUSED_WITHIN: Duration = Duration::from_secs(60);
/// Beyond what the sending itself takes.
const FINISHED_WITHIN: Duration = Duration::from_secs(60);
/// While the launching shell waits for a program that was frozen inside a transaction.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const SPEED_PER_SECOND: u64 = 2_000;

/// Where a kill strikes.
#[derive(Debug, Clone, Copy)]
enum Strike {
    /// Once that share of the reachable friends was accepted.
    Sending { percent: u64 },
    /// Where the program stops by itself for the n-th time.
    At { point: &'static str, times: u64 },
    /// The shell that launches is killed right after the hold, the program before it saw anything.
    Launcher,
}

/// The part of a campaign's way that is struck, and the places in it, taken in turn.
const PHASES: [(&str, &[Strike]); 4] = [
    ("dispatching", &[]),
    (
        "freezing",
        &[
            Strike::At {
                point: "freeze:before_commit",
                times: 1,
            },
            Strike::At {
                point: "freeze:after_commit",
                times: 1,
            },
            Strike::At {
                point: "freeze:before_commit",
                times: 2,
            },
        ],
    ),
    (
        "held",
        &[
            Strike::Launcher,
            Strike::At {
                point: "dispatch:after_commit",
                times: 1,
            },
            Strike::At {
                point: "claim:after_commit",
                times: 1,
            },
            Strike::At {
                point: "push:before_first_byte",
                times: 1,
            },
        ],
    ),
    (
        "closing",
        &[
            Strike::At {
                point: "close:before_commit",
                times: 1,
            },
            Strike::At {
                point: "close:after_commit",
                times: 1,
            },
        ],
    ),
];
/// Friends beyond which a freeze has a second range to be struck in.
const SECOND_RANGE_FROM: u64 = 10_000;

#[test]
fn killed_with_the_messenger_beside() {
    run_table(
        Place::Beside,
        "kills.md",
        "Kills, the messenger a process of its own",
    )
    .unwrap();
}

#[test]
fn killed_with_the_messenger_inside() {
    run_table(
        Place::Inside,
        "kills-inside.md",
        "Kills, the messenger inside",
    )
    .unwrap();
}

fn run_table(place: Place, file: &str, title: &str) -> Result<()> {
    let kills = place::number("CHINGU_KILLS", 4);
    let friends = place::number("CHINGU_KILL_FRIENDS", 6_000);
    let mut draw = Draw::seeded(file, 20_261_122);
    let platform = Platform::create(place, friends, &[MESSENGER], TIMES, &mut draw)?;
    let columns = ["kill", "phase", "place", "accepted then", "ready again"];
    let mut table = Table::with_columns(&[&columns[..], &verdict::COLUMNS].concat());
    for kill in 0..kills {
        let (phase, strikes) = PHASES[(kill % PHASES.len() as u64) as usize];
        let strike = choose(strikes, kill / PHASES.len() as u64, friends, &mut draw);
        let struck = strike_once(&platform, kill, strike)
            .with_context(|| format!("kill {kill}, {phase}: {strike:?}, seed {}", draw.seed))?;
        let cells = vec![
            (kill + 1).to_string(),
            phase.to_owned(),
            in_words(strike),
            struck.accepted_then.to_string(),
            format!("{:.2} s", struck.ready_seconds),
        ];
        eprintln!("kill {} of {kills}: {}", kill + 1, in_words(strike));
        table.add([cells, struck.verdict.cells()].concat());
    }
    let introduction = format!(
        "{kills} times kill -9, each followed by a restart after which the campaign finished by \
         itself. {friends} friends, messenger `{MESSENGER}`, seed {}. Lost and duplicated by the \
         messenger's own log; after each run `chingu reconcile` was clean and exactly one hold of \
         attempted × 15 KRW was booked. Written by `just kills`.",
        draw.seed
    );
    table.publish(file, title, &introduction)
}

fn choose(strikes: &[Strike], turn: u64, friends: u64, draw: &mut Draw) -> Strike {
    let possible: Vec<Strike> = strikes
        .iter()
        .copied()
        .filter(|strike| {
            let needs_second =
                matches!(strike, Strike::At { point, times: 2 } if point.starts_with("freeze"));
            !needs_second || friends > SECOND_RANGE_FROM
        })
        .collect();
    match possible.len() as u64 {
        0 => Strike::Sending {
            percent: draw.between(1, 85),
        },
        count => possible[(turn % count) as usize],
    }
}

struct Struck {
    /// Accepted of this campaign when the kill came.
    accepted_then: u64,
    ready_seconds: f64,
    verdict: Verdict,
}

/// One campaign, one kill, one restart, and what became of it.
fn strike_once(platform: &Platform, number: u64, strike: Strike) -> Result<Struck> {
    let (recipe, file) = match strike {
        Strike::At { point, times } => {
            let (recipe, file) = platform.recipe.pausing_at(&format!("{point}:{times}"));
            (recipe, Some(file))
        }
        _ => (platform.recipe.clone(), None),
    };
    let mut program = recipe.start()?;
    let before = platform.messenger.accepted()?;
    let campaign = platform
        .brand
        .campaign(&format!("kill {number}"), Wishes::default())?;
    let watch = Stopwatch::start();
    match (strike, &file) {
        (Strike::Launcher, _) => launch_and_kill_the_launcher(platform, &program, &campaign)?,
        (Strike::Sending { percent }, _) => {
            platform.brand.launch(&campaign)?;
            let share = (platform.brand.reachable * percent / 100).max(1);
            let accepted = platform.wait_for_accepted(before + share, FINISHED_WITHIN)?;
            let all = before + platform.brand.reachable;
            ensure!(
                accepted < all,
                "missed: everything was sent before the kill"
            );
        }
        (Strike::At { .. }, Some(file)) => {
            platform.brand.launch(&campaign)?;
            program.wait_until_paused(file, PAUSED_WITHIN)?;
        }
        (Strike::At { .. }, None) => unreachable!("a pause point has a file"),
    }
    program.kill()?;
    let accepted_then = messenger::count(&platform.messenger.log()?, &campaign).people;
    let ready = Stopwatch::start();
    let program = platform.recipe.clone().start()?;
    let ready_seconds = ready.seconds();
    let sending = Duration::from_secs(platform.brand.reachable / SPEED_PER_SECOND);
    platform.wait_for_state(&campaign, &["closed"], FINISHED_WITHIN + sending)?;
    let seconds = watch.seconds();
    stop(program)?;
    let verdict = platform.verdict(&campaign, seconds)?;
    verdict.assert_exactly_once()?;
    ensure!(
        verdict.recorded == verdict.attempted,
        "not everybody: {verdict:?}"
    );
    Ok(Struck {
        accepted_then,
        ready_seconds,
        verdict,
    })
}

/// Launches from a shell that stops behind its commit, and kills the shell there. The program is
/// frozen meanwhile, so nothing follows the hold before its own kill.
fn launch_and_kill_the_launcher(
    platform: &Platform,
    program: &Program,
    campaign: &str,
) -> Result<()> {
    let file: PathBuf = platform.recipe.log.with_extension("launcher");
    let _ = std::fs::remove_file(&file);
    let mut command = shell::command(
        &platform.recipe.data,
        &["admin", "campaign", "launch", campaign],
    )?;
    command
        .env("CHINGU_PAUSE_AT", "launch:after_hold")
        .env("CHINGU_PAUSE_FILE", &file);
    program.freeze()?;
    let mut launcher = command.spawn().context("the launching shell")?;
    let mut frozen = Stopwatch::start();
    let paused = wait::until(
        "the launch holds the money",
        PAUSED_WITHIN,
        || {
            if frozen.elapsed() > LOCK_PATIENCE && !file.exists() {
                // It was frozen with the database's lock in its hand.
                let _ = program.resume();
                let _ = program.freeze();
                frozen = Stopwatch::start();
            }
            file.exists().then_some(())
        },
        || platform.recipe.log_end(),
    );
    launcher.kill().context("kill -9 of the shell")?;
    launcher.wait()?;
    paused
}

fn stop(program: Program) -> Result<Recipe> {
    let (status, recipe) = program.stop()?;
    ensure!(
        status.success(),
        "SIGTERM ended with {status}. {}",
        recipe.log_end()
    );
    Ok(recipe)
}

fn in_words(strike: Strike) -> String {
    match strike {
        Strike::Sending { percent } => format!("random, {percent} % accepted"),
        Strike::At { point, times: 1 } => format!("`{point}`"),
        Strike::At { point, times } => format!("`{point}`, time {times}"),
        Strike::Launcher => "`launch:after_hold`, shell and program".to_owned(),
    }
}
