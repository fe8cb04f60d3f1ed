//! A messenger that misbehaves, each way alone and every way at once. What it promises decides what
//! must hold: keyed and queryable ones deliver exactly once; without either, nothing is sent twice
//! and nothing is billed that is not proven.
//!
//! `CHINGU_MISBEHAVIOUR_SECONDS` says how long everything at once lasts; 60 runs the whole table.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::place;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::admin;
use chingu_tests::table::Table;
use chingu_tests::verdict::{self, Verdict};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::Wishes;

/// Recipients per second of every campaign here: a tenth of it is a push.
const RATE: u64 = 500;
/// How long the sending alone takes, in the whole table and in the short part.
const SECONDS: u64 = 8;
const SECONDS_SHORT: u64 = 3;
/// From here on the whole table is run.
const WHOLE_FROM_SECONDS: u64 = 60;
/// How long a messenger that refuses everything does so.
const AWAY: Duration = Duration::from_secs(3);
/// Beyond the sending: breakers, retries, leases, closed keys.
const FINISHED_WITHIN: Duration = Duration::from_secs(300);

/// What must hold in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Everybody has a final outcome, nobody is accepted twice, billed is accepted.
    ExactlyOnce,
    /// Nobody is accepted twice; who is unknown is not billed, and the money for them stays held.
    AtMostOnce,
}

#[derive(Debug, Clone, Copy)]
struct Mode {
    name: &'static str,
    faults: &'static str,
    /// Which of the sandbox's strikes must have happened.
    strikes: &'static [&'static str],
    configuration: &'static [(&'static str, &'static str)],
    promise: Promise,
    /// The messenger comes back after [`AWAY`].
    comes_back: bool,
    /// Belongs to the short part.
    is_short: bool,
}

const KEYED: Mode = Mode {
    name: "",
    faults: "",
    strikes: &[],
    configuration: &[],
    promise: Promise::ExactlyOnce,
    comes_back: false,
    is_short: false,
};

const MODES: [Mode; 18] = [
    Mode {
        name: "500 before processing",
        faults: "5xx=0.3",
        strikes: &["5xx"],
        ..KEYED
    },
    Mode {
        name: "500 after processing",
        faults: "5xx_after=0.3",
        strikes: &["5xx_after"],
        ..KEYED
    },
    Mode {
        name: "429",
        faults: "429=0.3,retry_after=1s",
        strikes: &["429"],
        ..KEYED
    },
    Mode {
        name: "503, not processed",
        faults: "503=0.3,retry_after=1s",
        strikes: &["503"],
        ..KEYED
    },
    Mode {
        name: "answer dropped",
        faults: "drop_answer=0.3",
        strikes: &["drop_answer"],
        is_short: true,
        ..KEYED
    },
    Mode {
        name: "answer truncated",
        faults: "truncate=0.3",
        strikes: &["truncate"],
        ..KEYED
    },
    Mode {
        name: "answer wrong",
        faults: "wrong=0.3",
        strikes: &["wrong"],
        ..KEYED
    },
    Mode {
        name: "400 for some",
        faults: "400=0.03",
        strikes: &["400"],
        ..KEYED
    },
    Mode {
        name: "3 % rejected for good",
        faults: "reject=0.03:blocked,left,unreachable",
        strikes: &["reject"],
        ..KEYED
    },
    Mode {
        name: "3 % to be tried again",
        faults: "reject=0.03:rate_limited,unavailable",
        strikes: &["reject"],
        is_short: true,
        ..KEYED
    },
    Mode {
        name: "0.5 % uncertain",
        faults: "uncertain=0.005",
        strikes: &["uncertain"],
        ..KEYED
    },
    Mode {
        name: "slow, 300 ms",
        faults: "latency=300ms",
        strikes: &["latency"],
        ..KEYED
    },
    Mode {
        name: "down for 3 s",
        faults: "down",
        strikes: &["down"],
        comes_back: true,
        ..KEYED
    },
    Mode {
        name: "401 for 3 s",
        faults: "401=1",
        strikes: &["401"],
        comes_back: true,
        ..KEYED
    },
    Mode {
        name: "one recipient per request, answer dropped",
        faults: "batch=1,drop_answer=0.02",
        strikes: &["drop_answer"],
        configuration: &[("CHINGU_GATEWAY__BATCH_MAX", "1")],
        ..KEYED
    },
    Mode {
        name: "queryable, answer dropped",
        faults: "guarantee=Q,settles=500ms,drop_answer=0.2",
        strikes: &["drop_answer"],
        configuration: &[
            ("CHINGU_GATEWAY__GUARANTEE", "queryable"),
            ("CHINGU_GATEWAY__QUERY_SETTLES_MS", "1000"),
        ],
        ..KEYED
    },
    Mode {
        name: "neither, answer dropped",
        faults: "guarantee=N,drop_answer=0.2",
        strikes: &["drop_answer"],
        configuration: &[("CHINGU_GATEWAY__GUARANTEE", "neither")],
        promise: Promise::AtMostOnce,
        is_short: true,
        ..KEYED
    },
    Mode {
        name: "everything at once",
        faults: "latency=20ms,5xx=0.05,5xx_after=0.05,429=0.05,503=0.05,400=0.005,drop_answer=0.1,\
                 truncate=0.05,wrong=0.05,reject=0.03,uncertain=0.001",
        strikes: &[
            "5xx",
            "5xx_after",
            "429",
            "503",
            "drop_answer",
            "truncate",
            "wrong",
            "reject",
        ],
        is_short: true,
        ..KEYED
    },
];

#[test]
fn whatever_the_messenger_does_the_books_close() {
    let longest = place::number("CHINGU_MISBEHAVIOUR_SECONDS", SECONDS_SHORT * 2);
    run_table(longest).unwrap();
}

fn run_table(longest: u64) -> Result<()> {
    let is_whole = longest >= WHOLE_FROM_SECONDS;
    let mut draw = Draw::seeded("misbehaviour", 20_261_123);
    let columns = [&["mode", "struck", "failed"][..], &verdict::COLUMNS].concat();
    let mut table = Table::with_columns(&columns);
    let mut faults = Vec::new();
    for mode in MODES.iter().filter(|mode| is_whole || mode.is_short) {
        let seconds = match (mode.name, is_whole) {
            ("everything at once", _) => longest,
            (_, true) => SECONDS,
            (_, false) => SECONDS_SHORT,
        };
        eprintln!("{}", mode.name);
        // One that fails does not hide the others.
        match run_mode(mode, seconds, &mut draw) {
            Ok(run) => {
                let cells = vec![
                    mode.name.to_owned(),
                    run.struck.to_string(),
                    run.verdict.failed.to_string(),
                ];
                table.add([cells, run.verdict.cells()].concat());
            }
            Err(error) => faults.push(format!("{}: {error:#}", mode.name)),
        }
    }
    let introduction = format!(
        "A keyed messenger unless the mode says otherwise, {RATE} recipients per second, \
         everything at once for {longest} s, seed {}. `struck` counts the sandbox's own faults. \
         Written by `just misbehaviour`.",
        draw.seed
    );
    table.publish(
        "misbehaviour.md",
        "A messenger that misbehaves",
        &introduction,
    )?;
    ensure!(
        faults.is_empty(),
        "seed {}:\n{}",
        draw.seed,
        faults.join("\n")
    );
    Ok(())
}

struct Run {
    struck: u64,
    verdict: Verdict,
}

fn run_mode(mode: &Mode, seconds: u64, draw: &mut Draw) -> Result<Run> {
    let friends = RATE * seconds * 6 / 5;
    let faults = format!("{},seed={}", mode.faults, draw.between(1, 1_000_000));
    let times = Times::default();
    let mut platform = Platform::create(Place::Beside, friends, &[&faults], times, draw)?;
    for (variable, value) in mode.configuration {
        platform.recipe = platform.recipe.with(variable, value);
    }
    let program = platform.recipe.clone().start()?;
    let wishes = Wishes {
        rate: Some(RATE),
        ..Wishes::default()
    };
    let campaign = platform.brand.campaign(mode.name, wishes)?;
    let watch = Stopwatch::start();
    platform.brand.launch(&campaign)?;
    if mode.comes_back {
        wait::let_pass(AWAY);
        platform.messenger.misbehave(&[])?;
    }
    let sending = Duration::from_secs(seconds);
    finish(&platform, mode, &campaign, FINISHED_WITHIN + sending)?;
    let seconds = watch.seconds();
    drop(program);
    let verdict = platform.verdict(&campaign, seconds)?;
    let struck = count_strikes(&platform, mode)?;
    check(&verdict, mode.promise)?;
    Ok(Run { struck, verdict })
}

/// Waits for the end, as an operator would: resumes what three refusals in a row paused, and lets
/// the messenger tell what became of the uncertain ones.
fn finish(platform: &Platform, mode: &Mode, campaign: &str, deadline: Duration) -> Result<()> {
    let watch = Stopwatch::start();
    loop {
        let left = deadline.saturating_sub(watch.elapsed());
        let states = ["paused", "closing", "closed"];
        let (shown, _) = platform.wait_for_state(campaign, &states, left)?;
        match shown["state"].as_str().context("a state")? {
            "closed" => return Ok(()),
            "paused" => {
                admin(&platform.recipe.data, &["campaign", "resume", campaign])?;
            }
            // Only uncertain ones are left, and their deadline is days away.
            _ if mode.promise == Promise::AtMostOnce => return Ok(()),
            _ => {
                platform.messenger.resolve_uncertain(0.5)?;
            }
        }
    }
}

fn count_strikes(platform: &Platform, mode: &Mode) -> Result<u64> {
    let struck = platform.messenger.struck()?;
    let mut sum = 0;
    for name in mode.strikes {
        let count = struck.get(*name).copied().unwrap_or_default();
        ensure!(count > 0, "missed: {name} never struck: {struck:?}");
        sum += count;
    }
    Ok(sum)
}

fn check(verdict: &Verdict, promise: Promise) -> Result<()> {
    match promise {
        Promise::ExactlyOnce => verdict.assert_exactly_once(),
        Promise::AtMostOnce => verdict.assert_at_most_once(),
    }
}
