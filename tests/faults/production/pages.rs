//! Fifty people press "send" at the same moment, at two processes.

use std::sync::{Arc, Barrier};
use std::thread;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, borrowed};
use chingu_tests::draw::Draw;
use chingu_tests::wait::Stopwatch;

use super::processes::running;
use super::site::Site;
use super::{Act, Case, Struck, Told, judge};

const SESSIONS: usize = 50;
const SECONDS: u64 = 10;
/// Transactions that hold money, of everybody.
const HOLDS: &str = "SELECT COUNT(*) FROM ledger_transaction WHERE kind = 2";
const WORDS: &str = "가을 원두가 나왔어요";

pub(super) const CASES: &[Case] = &[Case::new(
    "F7",
    "50 parallel \"send\" requests of 50 sessions to two console processes",
    Act::OnSite(pressed_fifty_times),
)
.in_suite()];

fn pressed_fifty_times(site: &mut Site, _: &mut Draw) -> Result<Told> {
    let other = site.another_front()?;
    let addresses = [running(&site.front)?.address(), other.address()];
    let brand = site.small.clone();
    let mut owner = Browser::of_member(addresses[0], &brand, "owner")?;
    let console = format!("/console/{}", brand.handle);
    let campaign = owner.draft(&console, WORDS)?;
    let fields = owner.button(&campaign)?;
    let email = format!("owner@{}.example", brand.handle.trim_start_matches('@'));
    let browsers = (0..SESSIONS)
        .map(|number| {
            let mut browser = Browser::open(addresses[number % addresses.len()])?;
            browser.sign_in(&email, PASSWORD)?;
            Ok(browser)
        })
        .collect::<Result<Vec<_>>>()?;

    let before = site.number(HOLDS)?;
    let mut run = site.begin(SECONDS)?;
    let together = Arc::new(Barrier::new(SESSIONS));
    let watch = Stopwatch::start();
    let presses: Vec<_> = browsers
        .into_iter()
        .map(|mut browser| {
            let (together, fields) = (together.clone(), fields.clone());
            let launch = format!("{campaign}/launch");
            thread::spawn(move || -> Result<Page> {
                together.wait();
                browser.post_form(&launch, &borrowed(&fields))
            })
        })
        .collect();
    for press in presses {
        let page = press.join().ok().context("a press panicked")??;
        let is_there = page.status == 303 && page.location().starts_with(&campaign);
        ensure!(is_there, "sent elsewhere: {page:?}");
    }
    let seconds = watch.seconds();
    let id = campaign.rsplit('/').next().context("an id")?;
    run.takes_in(&brand, id);
    let verdict = site.end(&run)?;
    judge(&verdict)?;
    let holds = site.number(HOLDS)? - before;
    ensure!(holds == 1, "{holds} holds");
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: 0.0,
            proof: format!("{SESSIONS} answers within {seconds:.1} s, 1 launch, 1 hold"),
        },
    })
}
