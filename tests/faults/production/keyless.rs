//! A messenger that neither deduplicates nor tells: whatever is unknown stays unknown, is not sent
//! again and not billed.

use anyhow::Result;
use chingu_tests::draw::Draw;

use super::site::{Run, Site, Terms};
use super::{Act, Case, Struck, Told, load, messenger, processes};

/// So slow that a kill strikes pushes under way.
const MESSENGER: &[&str] = &["guarantee=N", "latency=50ms"];
const PLATFORM: &[(&str, &str)] = &[("CHINGU_GATEWAY__GUARANTEE", "neither")];

type Strike = fn(&mut Site, &Run, &mut Draw) -> Result<Struck>;

pub(super) const CASES: &[Case] = &[
    Case::new(
        "F21",
        "without keys: kill -9 of one worker",
        Act::Alone(|draw| keyless(draw, processes::one_worker_killed)),
    )
    .in_suite(),
    Case::new(
        "F21",
        "without keys: kill -9 of all workers",
        Act::Alone(|draw| keyless(draw, processes::all_workers_killed)),
    ),
    Case::new(
        "F21",
        "without keys: the messenger accepts, then drops the answer, 30 %",
        Act::Alone(|draw| keyless(draw, dropped)),
    ),
];

fn keyless(draw: &mut Draw, strike: Strike) -> Result<Told> {
    let terms = Terms {
        environment: PLATFORM,
        messenger_faults: MESSENGER,
        ..Terms::default()
    };
    let mut site = Site::on_terms(load(), terms, draw)?;
    site.start()?;
    let run = site.launch("F21")?;
    let mut struck = strike(&mut site, &run, draw)?;
    site.start()?;
    let verdict = site.end_but_uncertain(&run)?;
    verdict.assert_at_most_once()?;
    struck.proof = format!("{}; {} unknown, unbilled", struck.proof, verdict.unknown);
    site.stop()?;
    Ok(Told { verdict, struck })
}

fn dropped(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
    messenger::answers_dropped_by(site, run, MESSENGER)
}
