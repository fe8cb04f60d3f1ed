//! An import that is killed again and again: it goes on where it was, and doubles nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::world::{Brand, Wishes};
use chingu_tests::{shell, wait};
use testkit::friends_csv::{BROKEN_KINDS, friends_csv};

use crate::stage::{SOON, accepted_keys, end_of};

const GOOD_ROWS: usize = 32_000;
const KILLS_AT_COMMITS: u64 = 3;
const KILLS_AT_RANDOM: u64 = 3;

#[test]
fn killed_again_and_again_it_resumes_and_doubles_nothing() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("import", 34);
    let kinds = BROKEN_KINDS.map(|kind| (kind, 20));
    let file = friends_csv(draw.seed, GOOD_ROWS, &kinds);
    let open = |data: &Path| Brand::open(data, "@hanok");
    let mut platform = Platform::with_brand(Place::Beside, &[], Times::default(), open)?;
    // Beside a running server, as a brand would do it.
    let _program = platform.recipe.clone().start()?;
    let data = platform.brand.data.clone();
    let path = data.with_extension("friends.csv");
    std::fs::write(&path, &file.bytes)?;
    let path = path.to_str().context("a path in UTF-8")?;
    let import = ["import", "friends", "--account", "@hanok", path, "--json"];
    let import = import.as_slice();

    for kill in 1..=KILLS_AT_COMMITS {
        // Right before its second commit: the rows of the first are there, the others are not.
        let paused = data.with_extension(format!("paused.{kill}"));
        let mut command = shell::command(&data, import)?;
        command.env("CHINGU_PAUSE_AT", "import-commit:2");
        command.env("CHINGU_PAUSE_FILE", &paused);
        let mut child = command.stdout(std::process::Stdio::null()).spawn()?;
        let stands = || paused.exists().then_some(());
        wait::until(
            "the import stands before a commit",
            SOON,
            stands,
            String::new,
        )?;
        child.kill()?;
        child.wait()?;
    }
    let mut finished_early = 0;
    for _ in 0..KILLS_AT_RANDOM {
        let mut child = shell::spawn(&data, import)?;
        wait::let_pass(Duration::from_millis(draw.between(5, 400)));
        child.kill()?;
        finished_early += u32::from(child.wait()?.success());
    }

    let report = shell::json(&data, &import[..import.len() - 1])?;
    eprintln!("import: {report}, {finished_early} finished before their kill");
    ensure!(report["accepted"] == GOOD_ROWS, "{report}");
    ensure!(report["rejected"] == file.broken.len(), "{report}");
    let was_resumed = report["resumed_at_line"].as_u64() > Some(2 + KILLS_AT_COMMITS * 5_000);
    ensure!(was_resumed || report["was_finished"] == true, "{report}");
    for reason in report["reasons"].as_array().context("reasons")? {
        let of_kind = |kind: &str| {
            file.broken
                .iter()
                .filter(|(_, k)| k.as_str() == kind)
                .count()
        };
        let kind = reason["reason"].as_str().context("a reason")?;
        ensure!(reason["rows"] == of_kind(kind), "{reason}");
    }
    let again = shell::json(&data, &import[..import.len() - 1])?;
    ensure!(
        again["was_finished"] == true && again["accepted"] == GOOD_ROWS,
        "{again}"
    );

    // Everybody once: as friends, and in the messenger's log.
    let agreed = file.good.iter().filter(|friend| friend.promotion);
    let agreed: std::collections::BTreeSet<String> =
        agreed.map(|friend| friend.user_key.clone()).collect();
    let brand = &mut platform.brand;
    (brand.friends, brand.reachable) = (GOOD_ROWS as u64, agreed.len() as u64);
    let campaign = platform.brand.campaign("everybody", Wishes::default())?;
    let launched = platform.brand.launch(&campaign)?;
    ensure!(launched["audience"] == GOOD_ROWS, "{launched}");
    end_of(&platform, &platform.brand, &campaign)?;
    ensure!(
        accepted_keys(platform.messenger.data(), &campaign)? == agreed,
        "others were sent to"
    );
    Ok(())
}
