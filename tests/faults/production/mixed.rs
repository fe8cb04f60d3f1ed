//! One fault after the other, at random, for as long as the load lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::wait::{self, Stopwatch};

use super::site::{Run, SCHEDULERS, Site, WORKERS};
use super::{Act, Case, Struck, Told, is_whole, judge, processes};

const SECONDS: u64 = 600;
const SECONDS_SHORT: u64 = 60;
/// Between two faults, in milliseconds.
const PAUSE_MS: (u64, u64) = (500, 4_000);
/// How long answers are dropped, and how many.
const DROPPING: Duration = Duration::from_secs(3);
const DROP: &str = "drop_answer=0.3";

type Strike = fn(&mut Site, &mut Draw) -> Result<()>;

/// What may strike next, by the rows of the table it stands in alone.
const FAULTS: [(&str, Strike); 6] = [
    ("F1", |site, draw| {
        processes::kill(&mut site.workers[draw.between(0, WORKERS as u64 - 1) as usize])?;
        site.start()
    }),
    ("F4", |site, draw| {
        processes::kill(&mut site.schedulers[draw.between(0, SCHEDULERS as u64 - 1) as usize])?;
        site.start()
    }),
    ("F8", |site, _| Ok(site.rabbit.restart()?)),
    ("F14", |site, _| {
        site.postgres.kill();
        site.postgres.start_again();
        Ok(())
    }),
    ("F16", |site, _| {
        site.messenger.misbehave(&[DROP])?;
        wait::let_pass(DROPPING);
        site.messenger.misbehave(&[])?;
        Ok(())
    }),
    ("F26", |site, draw| {
        let number = draw.between(0, WORKERS as u64 - 1) as usize;
        processes::stop(&mut site.workers[number])?;
        site.start()
    }),
];

pub(super) const CASES: &[Case] = &[Case::new(
    "F32",
    "F1, F4, F8, F14, F16 and F26 at random, one after the other",
    Act::OnSite(at_random),
)
.in_suite()];

fn at_random(site: &mut Site, draw: &mut Draw) -> Result<Told> {
    let seconds = if is_whole() { SECONDS } else { SECONDS_SHORT };
    let run = site.launch_for("F32", seconds)?;
    let watch = Stopwatch::start();
    let mut struck: BTreeMap<&str, u64> = BTreeMap::new();
    while watch.elapsed() < Duration::from_secs(seconds) && is_under_way(site, &run)? {
        wait::let_pass(Duration::from_millis(draw.between(PAUSE_MS.0, PAUSE_MS.1)));
        let (name, strike) = FAULTS[draw.between(0, FAULTS.len() as u64 - 1) as usize];
        strike(site, draw)?;
        *struck.entry(name).or_default() += 1;
    }
    let recovery_seconds = site.recovery(&run)?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    let counted: Vec<String> = struck
        .iter()
        .map(|(name, times)| format!("{times} × {name}"))
        .collect();
    ensure!(!counted.is_empty(), "missed: nothing struck");
    let struck = Struck {
        recovery_seconds,
        proof: counted.join(", "),
    };
    Ok(Told { verdict, struck })
}

fn is_under_way(site: &Site, run: &Run) -> Result<bool> {
    Ok(site.accepted(run)? < run.attempted)
}
