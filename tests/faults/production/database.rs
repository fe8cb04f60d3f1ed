//! PostgreSQL killed, stopped, and cut off at a commit.

use anyhow::{Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::wait;
use testkit::chaos_proxy::CommitCut;

use super::site::{RECOVERED_WITHIN, Run, Site};
use super::{Act, Case, Struck, is_whole, struck};

pub(super) const CASES: &[Case] = &[
    Case::new("F14", "kill -9 of PostgreSQL", Act::Strike(killed)).in_suite(),
    Case::new(
        "F14",
        "immediate shutdown of PostgreSQL, ten times in one run",
        Act::Strike(stopped_ten_times),
    ),
    Case::new(
        "F15",
        "the connection cut at COMMIT, before the server saw it",
        Act::Strike(|site, run, _| cut_commits(site, run, CommitCut::Before)),
    )
    .in_suite(),
    Case::new(
        "F15",
        "the connection cut at COMMIT, after the server had done it",
        Act::Strike(|site, run, _| cut_commits(site, run, CommitCut::After)),
    )
    .in_suite(),
];

fn killed(site: &mut Site, run: &Run, draw: &mut Draw) -> Result<Struck> {
    site.wait_for_percent(run, draw.between(5, 60))?;
    site.postgres.kill();
    site.postgres.start_again();
    struck(site, run, "recovered from its log")
}

fn stopped_ten_times(site: &mut Site, run: &Run, _: &mut Draw) -> Result<Struck> {
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
}

/// Ten commits are cut in the short part, fifty each way in the whole table.
fn cut_commits(site: &mut Site, run: &Run, cut: CommitCut) -> Result<Struck> {
    let times = if is_whole() { 50 } else { 5 };
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
