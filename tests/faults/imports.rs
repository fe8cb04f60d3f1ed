//! kill -9 of an import midway: the same command again goes on where it was, and no row is doubled.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell::{self, json};
use chingu_tests::wait::{self, Stopwatch};
use chingu_tests::world::{Brand, friends_csv};
use tempfile::TempDir;

const FRIENDS: u64 = 30_000;
/// Kills that may come too early or too late before the test gives up.
const TRIES: u64 = 12;

#[test]
fn a_killed_import_goes_on_and_doubles_nobody() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("imports", 3);
    let folder = TempDir::new()?;
    let data = folder.path().join("platform");
    Brand::create(&data, "@first", 10, &mut draw)?;
    let whole = import_undisturbed(folder.path(), &data, &mut draw)?;
    for attempt in 0..TRIES {
        let handle = format!("@killed{attempt}");
        let brand = Brand::create(&data, &handle, 1, &mut draw)?;
        let (csv, _) = friends_csv(FRIENDS, &mut draw);
        let file = folder.path().join(format!("killed-{attempt}.csv"));
        std::fs::write(&file, csv)?;
        let arguments = ["import", "friends", "--account", &handle, path(&file)?];
        let mut import = shell::spawn(&data, &arguments)?;
        wait::let_pass(whole.mul_f64(draw.between(20, 80) as f64 / 100.0));
        import.kill().context("kill -9")?;
        import.wait()?;
        let report = json(&data, &arguments)?;
        ensure!(report["accepted"].as_u64() == Some(FRIENDS), "{report}");
        ensure!(report["rejected"].as_u64() == Some(0), "{report}");
        // Struck only where something was committed and something was not.
        let was_struck = report["resumed_at_line"]
            .as_u64()
            .is_some_and(|line| line > 2)
            && report["was_finished"] == false;
        if was_struck {
            let campaign = brand.campaign("counts", Default::default())?;
            let launched = brand.launch(&campaign)?;
            ensure!(
                launched["audience"].as_u64() == Some(FRIENDS + 1),
                "{launched}"
            );
            return Ok(());
        }
    }
    bail!("missed: {TRIES} kills, none in the middle of an import")
}

/// How long an import of that size takes here and now.
fn import_undisturbed(folder: &Path, data: &Path, draw: &mut Draw) -> Result<Duration> {
    let (csv, _) = friends_csv(FRIENDS, draw);
    let file = folder.join("undisturbed.csv");
    std::fs::write(&file, csv)?;
    let watch = Stopwatch::start();
    json(
        data,
        &["import", "friends", "--account", "@first", path(&file)?],
    )?;
    Ok(watch.elapsed())
}

fn path(file: &Path) -> Result<&str> {
    file.to_str().context("a path in UTF-8")
}
