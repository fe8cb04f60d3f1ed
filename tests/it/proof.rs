//! Days later: what went out is sealed, one send is proved to whoever has a file and nothing else,
//! and a hand laid on the record is named by every command that looks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::platform::Platform;
use chingu_tests::shell::{self, text};
use chingu_tests::wait;
use chingu_tests::world::Wishes;
use serde_json::Value;
use testkit::database::Raw;

use crate::stage::{SOON, end_of, platform, report};

const DAYS: i64 = 3;

#[test]
fn what_went_out_is_sealed_proved_and_watched_over() {
    sealed_and_proved().unwrap();
}

#[test]
fn what_cannot_be_proved_is_said_in_words() {
    nothing_to_prove().unwrap();
}

/// A closed campaign with its lines as the command line writes them.
struct World {
    platform: Platform,
    campaign: String,
    lines: Vec<BTreeMap<String, String>>,
}

impl World {
    fn data(&self) -> &Path {
        &self.platform.brand.data
    }

    /// A friend who got it, or was left out before there was a chunk, in a chunk of this number.
    fn friend(&self, outcome: &str) -> Result<&str> {
        let mut lines = self.lines.iter();
        let line = lines.find(|line| line["outcome"] == outcome);
        Ok(&line.with_context(|| format!("nobody is {outcome}"))?["friend"])
    }

    fn prove(&self, friend: &str) -> Result<(bool, Value)> {
        let arguments = ["prove", "--campaign", &self.campaign, "--friend", friend];
        answer(self.data(), &arguments)
    }

    fn verify(&self) -> Result<(bool, Value)> {
        answer(self.data(), &["ledger", "verify"])
    }
}

/// Whether a command ended well, and what it printed with --json.
fn answer(data: &Path, arguments: &[&str]) -> Result<(bool, Value)> {
    let output = shell::run(data, &[arguments, &["--json"]].concat())?;
    let printed = serde_json::from_slice(&output.stdout);
    let printed = printed.with_context(|| shell::words(&output))?;
    Ok((output.status.success(), printed))
}

fn sealed_and_proved() -> Result<()> {
    let mut draw = Draw::seeded("sealed and proved", 61);
    let platform = platform(1_500, &["reject=0.05:blocked,left"], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("sealed", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    end_of(&platform, &platform.brand, &campaign)?;
    let csv = std::fs::read_to_string(report(&platform.brand, &campaign)?)?;
    let world = World {
        lines: lines_of(&csv)?,
        platform,
        campaign,
    };
    let (is_well, shown) = world.prove(world.friend("accepted")?)?;
    ensure!(is_well && shown["sends"][0]["sealing"] == "open", "{shown}");
    ensure!(shown["sends"][0]["proof"].is_null(), "{shown}");
    let (_, recipe) = program.stop()?;
    age(world.data())?;
    let program = recipe.start()?;
    let sealed = wait::until_state(
        "days that are over are sealed",
        SOON,
        || shell::json(world.data(), &["seals"]),
        |printed| printed["seals"].as_array().map_or(0, Vec::len) == DAYS as usize,
    )?;
    ensure!(program.recipe().log_count("sealed") == 1, "not told");
    let first = &sealed["seals"][0];
    ensure!(first["sends"] == world.platform.brand.reachable, "{sealed}");
    let (is_clean, verified) = world.verify()?;
    ensure!(is_clean && verified["seals"] == DAYS, "{verified}");

    let file = proved(&world, first)?;
    in_the_console(&world, program.address(), first)?;
    watched_over(&world, &file)
}

/// The proof of everybody of one outcome each; the file of one who got it.
fn proved(world: &World, seal: &Value) -> Result<PathBuf> {
    let (is_well, shown) = world.prove(world.friend("excluded")?)?;
    ensure!(
        is_well && shown["sends"][0]["sealing"] == "not_recorded",
        "{shown}"
    );
    for outcome in ["failed", "accepted"] {
        let (is_well, shown) = world.prove(world.friend(outcome)?)?;
        let send = &shown["sends"][0];
        ensure!(is_well && send["outcome"] == outcome, "{shown}");
        ensure!(
            send["sealing"] == "sealed" && send["seal"]["hash"] == seal["hash"],
            "{shown}"
        );
        ensure!(send["consent"]["granted"] == true, "{shown}");
        ensure!(
            text(&send["consent"], "wording_hash")?.len() == 64,
            "{shown}"
        );
        ensure!(text(send, "message_hash")?.len() == 64, "{shown}");
        ensure!(send["pushes"][0]["answer"] == "processed", "{shown}");
        ensure!(
            send["tariff"] == "untargeted" && send["price_version"] == 1,
            "{shown}"
        );
        let bookings = send["bookings"].as_array().context("bookings")?;
        ensure!(
            bookings.len() == usize::from(outcome == "accepted"),
            "{shown}"
        );
        for booking in bookings {
            ensure!(booking["unit_price_micro"] == 15_000_000, "{shown}");
            ensure!(
                booking["sequence"].is_u64() && text(booking, "hash")?.len() == 64,
                "{shown}"
            );
        }
        // Where there is nothing of ours.
        let file = world.data().with_extension("proof");
        std::fs::write(&file, shown.to_string())?;
        let (holds, said) = check(world, &file)?;
        ensure!(
            holds && said["sends"][0]["proved"]["outcome"] == outcome,
            "{said}"
        );
        ensure!(
            said["sends"][0]["proved"]["seal_hash"] == seal["hash"],
            "{said}"
        );
    }
    let file = world.data().with_extension("proof");
    let printed = std::fs::read_to_string(&file)?;
    for (what, wrong) in [
        ("\"outcome_code\":1,", "\"outcome_code\":3,"),
        ("\"position\":", "\"position\":1"),
        ("\"record\":\"01", "\"record\":\"02"),
        ("\"heads\":1,", "\"heads\":2,"),
    ] {
        ensure!(printed.contains(what), "{what}: {printed}");
        let bent = file.with_extension("bent");
        std::fs::write(&bent, printed.replace(what, wrong))?;
        let (holds, said) = check(world, &bent)?;
        ensure!(
            !holds && said["sends"][0]["why"].is_string(),
            "{what}: {said}"
        );
    }
    Ok(file)
}

/// Looks at a proof from a place that has no database.
fn check(world: &World, file: &Path) -> Result<(bool, Value)> {
    let nowhere = world.data().with_extension("nowhere");
    let name = file.to_str().context("a path in UTF-8")?;
    let mut command = chingu_tests::place::command()?;
    command.args(["prove", "--check", name, "--json", "--data"]);
    let output = command.arg(&nowhere).output()?;
    ensure!(!nowhere.exists(), "it made a data folder");
    let printed = serde_json::from_slice(&output.stdout);
    let printed = printed.with_context(|| shell::words(&output))?;
    Ok((output.status.success(), printed))
}

fn in_the_console(world: &World, address: std::net::SocketAddr, seal: &Value) -> Result<()> {
    let mut browser = Browser::of_member(address, &world.platform.brand, "analyst")?;
    let friend = world.friend("accepted")?;
    let path = format!(
        "/console/@hanok/campaigns/{}/sends?friend={friend}",
        world.campaign
    );
    let hash = text(seal, "hash")?;
    for (language, words) in [
        (
            "en",
            ["What stands here is what was sealed on", "of the ledger"],
        ),
        ("ko", ["봉인된 그대로예요", "원장"]),
        ("ja", ["封印されたままです", "元帳の"]),
    ] {
        browser.keep_cookie("chingu_language", language);
        let page = browser.read(&path)?;
        for words in [words[0], words[1], hash] {
            ensure!(page.contains(words), "{language}: {words}: {page}");
        }
    }
    Ok(())
}

/// A capture is taken out of the table, and everybody who looks names its chunk.
fn watched_over(world: &World, file: &Path) -> Result<()> {
    raw(world.data(), "DELETE FROM capture WHERE number = 0")?;
    let (is_clean, verified) = world.verify()?;
    let chunk = format!("{}/0.0", world.campaign);
    ensure!(
        !is_clean && verified["faults"][0]["chunk"] == *chunk,
        "{verified}"
    );
    ensure!(verified["faults"][0]["day"].is_string(), "{verified}");
    let in_first = world.lines.iter().find(|line| line["chunk"] == "0.0");
    let friend = &in_first.context("somebody in the first chunk")?["friend"];
    let (is_well, shown) = world.prove(friend)?;
    ensure!(
        !is_well && shown["sends"][0]["sealing"] == "changed",
        "{shown}"
    );
    let reconciled = shell::reconcile(world.data())?;
    ensure!(reconciled["clean"] == false, "{reconciled}");
    // What was handed out before holds as it did.
    let (holds, said) = check(world, file)?;
    ensure!(holds, "{said}");
    Ok(())
}

fn nothing_to_prove() -> Result<()> {
    let mut draw = Draw::seeded("nothing to prove", 62);
    let platform = platform(300, &[], &mut draw)?;
    let data = &platform.brand.data;
    let campaign = platform.brand.campaign("draft", Wishes::default())?;
    let none = "cmp_00000000000000000000000000";
    let strange = data.with_extension("strange");
    std::fs::write(&strange, "{}")?;
    let strange = strange.to_str().context("a path in UTF-8")?;
    for (arguments, words) in [
        (&["prove"][..], "--campaign"),
        (&["prove", "--campaign", &campaign], "--friend"),
        (
            &["prove", "--campaign", &campaign, "--friend", "nobody"],
            "nobody is known as nobody",
        ),
        (
            &["prove", "--campaign", &campaign, "--friend", ""],
            "neither usr_",
        ),
        (
            &["prove", "--campaign", none, "--friend", "nobody"],
            "there is no campaign",
        ),
        (
            &["prove", "--check", strange],
            "is not what `chingu prove --json` prints",
        ),
        (
            &["prove", "--check", "nowhere.json"],
            "cannot read nowhere.json",
        ),
        (
            &["ledger", "verify", "--business", "biz_1"],
            "not a business id",
        ),
        (&["seals", "--from", "yesterday"], "is not a day"),
    ] {
        let output = shell::run(data, arguments)?;
        let said = shell::words(&output);
        ensure!(
            !output.status.success() && said.contains(words),
            "{arguments:?}: {said}"
        );
    }
    let said = shell::words(&shell::run(data, &["seals"])?);
    ensure!(said.contains("no day is sealed yet"), "{said}");
    let said = shell::words(&shell::run(data, &["ledger", "verify"])?);
    ensure!(
        said.contains("1 transactions") && said.contains("nothing was changed"),
        "{said}"
    );
    let business = &*platform.brand.business;
    let one = shell::json(data, &["ledger", "verify", "--business", business])?;
    ensure!(one["chains"][0]["business"] == business, "{one}");
    Ok(())
}

/// As if everything had been sent days before. The ledger keeps its times: they are hashed.
fn age(data: &Path) -> Result<()> {
    let millis = DAYS * 24 * 3_600 * 1_000;
    raw(
        data,
        &format!(
            "UPDATE chunk SET settled_at = settled_at - {millis};
             UPDATE campaign SET launched_at = launched_at - {millis},
               closing_at = closing_at - {millis}, closed_at = closed_at - {millis}"
        ),
    )
}

/// Plain SQL on the platform's database.
fn raw(data: &Path, sql: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let raw = Raw::of(&engine::database(data)).await;
        raw.run(sql).await;
        raw.close().await;
    });
    Ok(())
}

/// The lines of a report, by their columns.
fn lines_of(csv: &str) -> Result<Vec<BTreeMap<String, String>>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let lines: Result<Vec<_>, _> = reader.deserialize().collect();
    Ok(lines?)
}
