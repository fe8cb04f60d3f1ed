//! The fault table on the production engine: a row per fault, struck in the middle of a metered
//! load on two accounts, with what became of every recipient, how long it took until the messenger
//! accepted again, and the proof that the fault struck.
//!
//! `just faults` runs the whole table, goes on where it was interrupted, and writes
//! `docs/faults.md`; the suite takes a short load and the cases that are marked for it.
//! `CHINGU_FAULTS=F10,F15` takes those rows alone.

mod broker; // what strikes RabbitMQ, and the way to it
mod clock; // the machine's clock steps
mod crash_points; // a worker killed at each point of a chunk's way
mod database; // what strikes PostgreSQL, and the way to it
mod fairness; // what one account suffers, and what the others feel of it
mod disk; // a disk that is full
mod keyless; // a messenger that neither deduplicates nor tells
mod messenger; // what the messenger and the way to it do
mod mixed; // faults at random, one after the other
mod money; // fifty campaigns and money for ten
mod pages; // fifty people press one button
mod processes; // what strikes schedulers, workers and the front
mod restored; // the database as it was before a launch
mod results; // rows of the table, kept as they come
mod unknown; // what happens before an outcome is known
mod site; // the processes, servers and networks of the table

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::place;
use chingu_tests::verdict::Verdict;

use self::results::{Results, Row};
use self::site::{Load, Run, Site};

/// The whole table's load: 2 × 3 campaigns to 20,000 each, 30 s undisturbed.
const WHOLE: Load = Load {
    friends: 24_000,
    seconds: 30,
};
const SHORT: Load = Load {
    friends: 2_400,
    seconds: 6,
};
/// Of sites whose usual load is not used.
const NO_LOAD: Load = Load {
    friends: 1_200,
    seconds: 6,
};
/// Seeds are less than this.
const SEEDS: u64 = 1_000_000;
/// Names the rows that are run: all of them without it.
const CHOSEN: &str = "CHINGU_FAULTS";

/// What a case did to the site.
struct Struck {
    /// Until the messenger accepted again.
    recovery_seconds: f64,
    proof: String,
}

/// What became of a case that has a load and a judgement of its own.
struct Told {
    verdict: Verdict,
    struck: Struck,
}

/// How a case goes about it.
enum Act {
    /// Strikes the site in the middle of its usual load, after which everybody has been sent to
    /// exactly once.
    Strike(fn(&mut Site, &Run, &mut Draw) -> Result<Struck>),
    /// On the same site, with a load and a judgement of its own.
    OnSite(fn(&mut Site, &mut Draw) -> Result<Told>),
    /// In a world of its own.
    Alone(fn(&mut Draw) -> Result<Told>),
}

struct Case {
    id: &'static str,
    fault: &'static str,
    part: Part,
    act: Act,
}

/// What a case belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Table,
    /// The whole table, and the suite's short part.
    Both,
    /// A shorter form of what the table has in several rows.
    Suite,
}

impl Case {
    const fn new(id: &'static str, fault: &'static str, act: Act) -> Self {
        Self {
            id,
            fault,
            part: Part::Table,
            act,
        }
    }

    const fn in_suite(mut self) -> Self {
        self.part = Part::Both;
        self
    }

    const fn in_suite_only(mut self) -> Self {
        self.part = Part::Suite;
        self
    }

    fn name(&self) -> String {
        format!("{} {}", self.id, self.fault)
    }

    /// Its own, so that a row that failed can be had alone, whatever stands before it.
    fn seed(&self) -> u64 {
        let letters = self.name().into_bytes().into_iter();
        letters.fold(0, |seed, letter| (seed * 31 + u64::from(letter)) % SEEDS)
    }
}

fn cases() -> Vec<&'static Case> {
    let by_place = [
        processes::CASES,
        crash_points::CASES,
        pages::CASES,
        broker::CASES,
        database::CASES,
        messenger::CASES,
        fairness::CASES,
        keyless::CASES,
        money::CASES,
        disk::CASES,
        clock::CASES,
        unknown::CASES,
        restored::CASES,
        mixed::CASES,
    ];
    by_place.into_iter().flatten().collect()
}

#[test]
fn every_fault_is_survived_on_the_production_engine() {
    run_table().unwrap();
}

/// Whether this is the whole table, not the suite's part.
fn is_whole() -> bool {
    place::tables().is_some()
}

fn load() -> Load {
    if is_whole() { WHOLE } else { SHORT }
}

fn run_table() -> Result<()> {
    let chosen = std::env::var(CHOSEN).unwrap_or_default();
    let is_chosen = |case: &Case| match chosen.is_empty() {
        true => case.part == Part::Both || is_whole() == (case.part == Part::Table),
        false => chosen.split(',').any(|id| id == case.id),
    };
    let mut results = Results::open(is_whole())?;
    let mut site = None;
    let mut missed = Vec::new();
    let mut run = 0;
    for case in cases() {
        let name = case.name();
        // What was named is run again, whatever is known of it.
        if !is_chosen(case) || (chosen.is_empty() && results.has(&name)) {
            continue;
        }
        run += 1;
        let mut draw = Draw::seeded(&name, case.seed());
        // One that fails does not hide the others, and does not stand in their way.
        match run_case(&mut site, case, &mut draw) {
            Ok(row) => {
                eprintln!("{}", row.in_words());
                results.add(&name, row)?;
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                missed.push(format!("{name}, seed {}: {error:#}", draw.seed));
                site = None;
            }
        }
    }
    if let Some(mut site) = site {
        site.stop()?;
    }
    let order: Vec<String> = cases().into_iter().map(Case::name).collect();
    results.publish(&order)?;
    ensure!(missed.is_empty(), "{}", missed.join("\n"));
    // Nothing is left of a table that is complete; a choice that fits nothing has failed.
    ensure!(run > 0 || is_whole(), "no such row: {chosen}");
    Ok(())
}

fn run_case(site: &mut Option<Site>, case: &Case, draw: &mut Draw) -> Result<Row> {
    let told = match case.act {
        Act::Alone(act) => {
            // Two installations at once would be in each other's way.
            if let Some(mut site) = site.take() {
                site.stop()?;
            }
            act(draw)?
        }
        Act::OnSite(act) => {
            let site = ready(site, draw)?;
            let told = act(site, draw)?;
            site.heal();
            told
        }
        Act::Strike(strike) => {
            let site = ready(site, draw)?;
            let run = site.launch(case.id)?;
            let struck = strike(site, &run, draw)?;
            site.heal();
            site.start()?;
            let verdict = site.end(&run)?;
            judge(&verdict)?;
            Told { verdict, struck }
        }
    };
    Ok(Row {
        id: case.id.into(),
        fault: case.fault.into(),
        seed: draw.seed,
        cells: told.verdict.cells(),
        recovery_seconds: told.struck.recovery_seconds,
        proof: told.struck.proof,
    })
}

/// The site of the cases that share one, built once, every process of it running.
fn ready<'a>(site: &'a mut Option<Site>, draw: &mut Draw) -> Result<&'a mut Site> {
    if site.is_none() {
        *site = Some(Site::build(load(), draw)?);
    }
    let site = site.as_mut().context("a site")?;
    site.start()?;
    Ok(site)
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
