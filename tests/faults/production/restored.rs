//! The database as it was before a launch, on a timeline of its own: what it has forgotten was
//! sent.

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell::admin;
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::Wishes;

use super::site::{RECOVERED_WITHIN, Site};
use super::{Act, Case, Struck, Told, judge, load};

/// Recipients per second, and how long that lasts.
const RATE: u64 = 200;
const SECONDS: u64 = 10;

pub(super) const CASES: &[Case] = &[Case::new(
    "F31",
    "the database is promoted from a copy of before the launch",
    Act::Alone(promoted),
)];

fn promoted(draw: &mut Draw) -> Result<Told> {
    let mut site = Site::build(load(), draw)?;
    let brand = site.small.clone();
    let wishes = Wishes {
        rate: Some(RATE),
        ..Wishes::default()
    };
    let campaign = brand.campaign("forgotten", wishes)?;
    // Which cluster it is has been noted by whoever served on it before.
    site.start()?;
    let copy = site.postgres.copy_at_rest();
    let mut run = site.begin(SECONDS)?;
    brand.launch(&campaign)?;
    run.takes_in(&brand, &campaign);
    let lost = site.wait_for_percent(&run, 40)?;
    site.postgres.kill();
    site.postgres.promote(copy);

    let shown = wait::until_state(
        "the restored campaign stands still",
        RECOVERED_WITHIN,
        || brand.show(&campaign),
        |shown| shown["pause_reason"] == "restored",
    );
    shown.with_context(|| site.logs())?;
    let refused = brand.launch(&campaign);
    let words = format!("{:#}", refused.err().context("launched by itself")?);
    ensure!(words.contains("resume it first"), "{words}");
    let watch = Stopwatch::start();
    admin(&brand.data, &["campaign", "resume", &campaign])?;
    brand.launch(&campaign)?;
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    site.stop()?;
    let proof = format!("{lost} sent and forgotten; it stood still until it was resumed");
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: watch.seconds(),
            proof,
        },
    })
}
