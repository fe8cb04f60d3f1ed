//! A worker killed at each point of a chunk's way, again and again: it stops there by itself, with
//! whatever it holds, and is killed. Another worker and the next life of this one do the rest.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::program::Program;
use chingu_tests::wait;
use testkit::chaos_proxy::ChaosProxy;

use super::site::{LEASE, Run, Site};
use super::{Act, Case, Struck, Told, is_whole, judge};

/// Kills at each point, in the whole table and in the suite.
const KILLS: u64 = 20;
const KILLS_SHORT: u64 = 3;
/// Recipients per second: a chunk is a twentieth of it, so that there are some to be killed in.
const RATE: u64 = 1_000;
const SECONDS: u64 = 2;
/// A worker stops at its point for the n-th time it passes, up to this.
const PASSES_MAX: u64 = 3;
/// A campaign that others have sent before is followed by another one.
const THERE_WITHIN: Duration = Duration::from_secs(4);
/// Beyond a lease.
const RESCUED_WITHIN: Duration = Duration::from_secs(5);
const CAMPAIGNS_MAX: u32 = 10;
/// Within the body of the first request: its head is shorter, the whole of it longer.
const BODY_BYTES: (u64, u64) = (700, 1_200);

/// Where the worker is killed.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// Where the program stops by itself.
    Named(&'static str),
    /// While the messenger has half of the request.
    MidBody,
}

use Point::{MidBody, Named};

const POINTS: [(&str, Point); 7] = [
    ("before the claim", Named("claim:before")),
    ("inside the claim", Named("claim:before_commit")),
    ("before the first byte", Named("push:before_first_byte")),
    ("mid body", MidBody),
    ("after the answer", Named("push:after_answer")),
    ("after the settle", Named("settle:after_commit")),
    ("after the acknowledge", Named("acknowledge:after")),
];

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F3",
        "crash before the claim",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[0].1)),
    ),
    Case::new(
        "F3",
        "crash inside the claim transaction",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[1].1)),
    ),
    Case::new(
        "F3",
        "crash after the claim, before the first byte",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[2].1)),
    ),
    Case::new(
        "F3",
        "crash in the middle of the request body",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[3].1)),
    ),
    Case::new(
        "F3",
        "crash after the answer",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[4].1)),
    ),
    Case::new(
        "F3",
        "crash after the settle commit",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[5].1)),
    ),
    Case::new(
        "F3",
        "crash after the acknowledge",
        Act::OnSite(|site, draw| crash_at(site, draw, POINTS[6].1)),
    ),
    Case::new(
        "F3",
        "crash at every point, a worker at each",
        Act::OnSite(crash_everywhere),
    )
    .in_suite_only(),
];

/// A worker of its own at one point, kill after kill, a campaign with each.
fn crash_at(site: &mut Site, draw: &mut Draw, point: Point) -> Result<Told> {
    let kills = if is_whole() { KILLS } else { KILLS_SHORT };
    let mut run = site.begin(SECONDS * kills)?;
    for kill in 0..kills {
        let passes = draw.between(1, PASSES_MAX);
        let mut strikers = [Striker::start(site, 0, point, passes, draw)?];
        launch_until_there(site, &mut run, &mut strikers, &format!("crash {kill}"))?;
        let [striker] = strikers;
        striker.kill()?;
    }
    told(site, &run, format!("{kills} times killed there"))
}

/// A worker at each point at once, and all of them killed.
fn crash_everywhere(site: &mut Site, draw: &mut Draw) -> Result<Told> {
    let mut run = site.begin(SECONDS * KILLS_SHORT)?;
    let mut killed = [0_u64; POINTS.len()];
    for kill in 0..KILLS_SHORT {
        let strikers = POINTS.iter().enumerate();
        let mut strikers = strikers
            .map(|(number, (_, point))| Striker::start(site, number, *point, 1, draw))
            .collect::<Result<Vec<_>>>()?;
        launch_until_there(site, &mut run, &mut strikers, &format!("crash {kill}"))?;
        for (striker, killed) in strikers.into_iter().zip(&mut killed) {
            striker.kill()?;
            *killed += 1;
        }
    }
    let counted = POINTS.iter().zip(killed);
    let words: Vec<String> = counted
        .map(|((words, _), killed)| format!("{killed} {words}"))
        .collect();
    told(site, &run, format!("killed {}", words.join(", ")))
}

/// Campaign after campaign, until every striker stands at its point.
fn launch_until_there(
    site: &Site,
    run: &mut Run,
    strikers: &mut [Striker],
    name: &str,
) -> Result<()> {
    for number in 0..CAMPAIGNS_MAX {
        site.add(run, &site.small, &format!("{name}.{number}"), Some(RATE))?;
        let there = wait::until(
            "every worker is at its point",
            THERE_WITHIN,
            || strikers.iter().all(Striker::is_there).then_some(()),
            String::new,
        );
        if there.is_ok() {
            return Ok(());
        }
    }
    let missing: Vec<String> = strikers
        .iter()
        .filter(|striker| !striker.is_there())
        .map(|striker| striker.program.recipe().log_end())
        .collect();
    bail!("missed: never there: {}", missing.join("\n"))
}

/// What the last killed worker held is over once its lease is: then everybody has been sent to.
fn told(site: &mut Site, run: &Run, proof: String) -> Result<Told> {
    let recovery_seconds = site.completion(run)?;
    let limit = LEASE + RESCUED_WITHIN;
    ensure!(
        recovery_seconds <= limit.as_secs_f64(),
        "everybody only after {recovery_seconds} s"
    );
    let verdict = site.end(run)?;
    judge(&verdict)?;
    let unaccepted = verdict.recorded.saturating_sub(verdict.accepted);
    ensure!(unaccepted == 0, "billed and not accepted: {verdict:?}");
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds,
            proof: format!("{proof}; {unaccepted} billed unaccepted"),
        },
    })
}

/// A worker beside the usual ones that is going to be killed.
struct Striker {
    program: Program,
    halt: Halt,
}

/// How it is seen to stand at its point.
enum Halt {
    File(std::path::PathBuf),
    Network(ChaosProxy),
}

impl Striker {
    fn start(
        site: &Site,
        number: usize,
        point: Point,
        passes: u64,
        draw: &mut Draw,
    ) -> Result<Self> {
        let recipe = site.striker_recipe(number)?;
        let (recipe, halt) = match point {
            Named(name) => {
                let (recipe, file) = recipe.pausing_at(&format!("{name}:{passes}"));
                (recipe, Halt::File(file))
            }
            MidBody => {
                let network = ChaosProxy::start(site.messenger.address())?;
                network.stall_after(draw.between(BODY_BYTES.0, BODY_BYTES.1));
                let recipe = site.with_messenger_at(recipe, network.address());
                (recipe, Halt::Network(network))
            }
        };
        Ok(Self {
            program: recipe.start()?,
            halt,
        })
    }

    fn is_there(&self) -> bool {
        match &self.halt {
            Halt::File(file) => file.exists(),
            Halt::Network(network) => network.struck().stalled > 0,
        }
    }

    fn kill(self) -> Result<()> {
        self.program.kill().map(|_| ()).context("a worker killed")
    }
}
