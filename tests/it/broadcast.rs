//! A file comes in, a campaign goes out, the books close.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{self, admin};
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};
use chingu_tests::{http, messenger};
use testkit::friends_csv::{BROKEN_KINDS, friends_csv};

use crate::crowd::{Person, brand_of, crowd};
use crate::stage::{accepted_keys, end_of, number, report, resum, wait_for_shown};

const GOOD_ROWS: usize = 4_000;
const BROKEN_ROWS_OF_A_KIND: usize = 3;
const TARGETED_MICRO: u64 = 20_000_000;

#[test]
fn a_file_of_friends_becomes_a_broadcast_that_ties_to_the_micro_unit() {
    untargeted().unwrap();
}

#[test]
fn a_targeted_broadcast_reaches_whom_the_file_says_and_costs_20_won_each() {
    targeted().unwrap();
}

fn untargeted() -> Result<()> {
    let draw = Draw::seeded("broadcast", 11);
    let kinds = BROKEN_KINDS.map(|kind| (kind, BROKEN_ROWS_OF_A_KIND));
    let file = friends_csv(draw.seed, GOOD_ROWS, &kinds);
    let open = |data: &std::path::Path| Brand::open(data, "@hanok");
    let mut platform = Platform::with_brand(Place::Beside, &[], Times::default(), open)?;
    let program = platform.recipe.clone().start()?;

    // The server runs: the import opens the same database beside it.
    let imported = platform.brand.befriend("real", &file.bytes)?;
    ensure!(imported["accepted"] == GOOD_ROWS, "{imported}");
    ensure!(imported["rejected"] == file.broken.len(), "{imported}");
    let reasons = imported["reasons"].as_array().context("reasons")?;
    ensure!(reasons.len() == BROKEN_KINDS.len(), "{imported}");
    for reason in reasons {
        let lines: Vec<u64> = file
            .broken
            .iter()
            .filter(|(_, kind)| reason["reason"] == kind.as_str())
            .map(|(line, _)| *line)
            .collect();
        ensure!(reason["rows"] == lines.len(), "{reason}");
        ensure!(
            reason["first_lines"] == serde_json::json!(lines),
            "{reason}, not {lines:?}"
        );
    }

    let agreed: BTreeSet<String> = file
        .good
        .iter()
        .filter(|friend| friend.promotion)
        .map(|friend| friend.user_key.clone())
        .collect();
    let brand = &mut platform.brand;
    (brand.friends, brand.reachable) = (GOOD_ROWS as u64, agreed.len() as u64);
    let campaign = platform.brand.campaign("가을", Wishes::default())?;
    let amount = (platform.brand.reachable * 15).to_string();
    let launch = ["campaign", "launch", &campaign, "--max-amount", &amount];
    let launched = admin(&platform.brand.data, &launch)?;
    ensure!(launched["audience"] == GOOD_ROWS, "{launched}");
    ensure!(launched["reachable"] == agreed.len(), "{launched}");

    let verdict = end_of(&platform, &platform.brand, &campaign)?;
    let shown = platform.brand.show(&campaign)?;
    let without_consent =
        number(&shown["left_out_by_rule"], "no_consent").or_else(|_| number(&shown, "left_out"))?;
    ensure!(
        verdict.recorded + without_consent == GOOD_ROWS as u64,
        "{shown}"
    );
    ensure!(
        verdict.billed_micro == agreed.len() as i64 * UNTARGETED_MICRO,
        "{shown}"
    );
    let data = platform.messenger.data();
    ensure!(
        accepted_keys(data, &campaign)? == agreed,
        "others were sent to"
    );

    // The messenger's own log beside the report, counted by the script.
    let log = platform.brand.data.with_extension("log.csv");
    let name = log.to_str().context("a path in UTF-8")?;
    let output = shell::run(data, &["sandbox", "log", "--output", name])?;
    ensure!(output.status.success(), "{}", shell::words(&output));
    let sends = report(&platform.brand, &campaign)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/resum.py");
    let summed = std::process::Command::new("python3")
        .args([script.as_ref(), sends.as_os_str()])
        .arg("--sandbox-log")
        .arg(&log)
        .output()?;
    ensure!(summed.status.success(), "{}", shell::words(&summed));

    answers_of_the_one_port(&program, agreed.len())?;
    eprintln!(
        "broadcast: {GOOD_ROWS} friends, {} accepted, {without_consent} without consent, {} KRW",
        verdict.recorded,
        verdict.billed_micro / 1_000_000
    );
    Ok(())
}

fn answers_of_the_one_port(
    program: &chingu_tests::program::Program,
    accepted: usize,
) -> Result<()> {
    let healthy = http::get(program.address(), "/healthz")?;
    ensure!(
        healthy.status == 200 && healthy.body.trim() == "ok",
        "{healthy:?}"
    );
    let ready = http::get(program.address(), "/readyz")?;
    let body: serde_json::Value = serde_json::from_str(&ready.body)?;
    ensure!(ready.status == 200 && body["ready"] == true, "{ready:?}");
    for role in ["worker", "scheduler", "http"] {
        let roles = body["roles"].as_array().context("roles")?;
        ensure!(roles.iter().any(|name| name == role), "{role} in {body}");
    }
    let metrics = http::get(program.address(), "/metrics")?;
    let expected = [
        format!("chingu_recipients_total{{outcome=\"accepted\"}} {accepted}\n"),
        format!("chingu_frozen_recipients_total {accepted}\n"),
        "chingu_pushes_total{answer=\"processed\"}".to_owned(),
        "chingu_broker_queued 0\n".to_owned(),
    ];
    for line in expected {
        ensure!(metrics.body.contains(&line), "{line} in\n{}", metrics.body);
    }
    Ok(())
}

fn targeted() -> Result<()> {
    let mut draw = Draw::seeded("targeted", 12);
    let people = crowd(3_000, &mut draw);
    let make = |data: &std::path::Path| brand_of(&people, data, "@hanok");
    let platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
    let _program = platform.recipe.clone().start()?;
    type Wanted = fn(&Person) -> bool;
    let audiences: [(&str, Wanted); 3] = [
        (
            r#"{"and":[{"tag":"coffee"},
                {"attribute":{"name":"gender","in":["female","unknown"]}},
                {"not":{"source":["search"]}}]}"#,
            |p| p.tags.contains(&"coffee") && p.gender != "male" && p.source != "search",
        ),
        (
            r#"{"or":[{"and":[{"tag":"vip"},{"tag":"픽업"}]},
                {"attribute":{"name":"birth_year","from":1990,"to":1995}}]}"#,
            |p| {
                (p.tags.contains(&"vip") && p.tags.contains(&"픽업"))
                    || (1990..=1995).contains(&p.birth_year)
            },
        ),
        (
            r#"{"not":{"or":[{"tag":"vip"},{"attribute":{"name":"gender","in":["male"]}}]}}"#,
            |p| !p.tags.contains(&"vip") && p.gender != "male",
        ),
    ];
    for (index, (audience, wanted)) in audiences.into_iter().enumerate() {
        let wishes = Wishes {
            audience: Some(audience),
            ..Wishes::default()
        };
        let campaign = platform
            .brand
            .campaign(&format!("targeted {index}"), wishes)?;
        let matching = people.iter().filter(|person| wanted(person));
        let (audience, agreed): (Vec<_>, Vec<_>) = (
            matching.clone().collect(),
            matching.filter(|p| p.agreed).collect(),
        );
        let launched = platform.brand.launch(&campaign)?;
        ensure!(
            launched["audience"] == audience.len(),
            "{launched}, not {}",
            audience.len()
        );
        ensure!(
            launched["reachable"] == agreed.len(),
            "{launched}, not {}",
            agreed.len()
        );
        let shown = wait_for_shown(&platform, &campaign, "closed", |shown| {
            shown["state"] == "closed"
        })?;
        let micro = agreed.len() as u64 * TARGETED_MICRO;
        ensure!(number(&shown, "captured_micro")? == micro, "{shown}");
        ensure!(number(&shown, "held_micro")? == micro, "{shown}");
        ensure!(number(&shown, "open_micro")? == 0, "{shown}");
        let summed = resum(&platform.brand, &campaign)?;
        ensure!(
            summed["error_count"] == 0 && summed["billed_micro"] == micro,
            "{summed}"
        );
        ensure!(summed["tariffs"]["targeted"] == agreed.len(), "{summed}");
        let expected: BTreeSet<String> = agreed.iter().map(|person| person.key.clone()).collect();
        let data = platform.messenger.data();
        ensure!(
            accepted_keys(data, &campaign)? == expected,
            "others were sent to"
        );
        let counted = messenger::count(&platform.messenger.log()?, &campaign);
        ensure!(counted.duplicates == 0, "{counted:?}");
        eprintln!(
            "targeted {index}: {} of {} friends",
            agreed.len(),
            people.len()
        );
    }
    let violations = chingu_tests::verdict::violations(&shell::reconcile(&platform.brand.data)?)?;
    ensure!(violations.is_empty(), "{violations:?}");
    Ok(())
}
