//! What was agreed is what is billed: a plan's quota, a book with bands, promotional credit; and
//! the plan sells no more than it has.

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell::{self, admin};
use chingu_tests::verdict::Verdict;
use serde_json::Value;

use crate::stage::{create, number, platform, resum, wait_for_shown};

const FRIENDS: u64 = 60;
/// Of the month's sends, so many are included, and so many more are sold.
const QUOTA: u64 = 7;
const ADDITIONAL: u64 = 60;
/// 15 won each up to here, 10 after it.
const EDGE: u64 = 20;
const GRANTED: i64 = 100_000_000;

#[test]
fn a_plan_with_bands_and_credit_bills_what_it_says() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("billing", 1);
    let platform = platform(FRIENDS, &[], &mut draw)?;
    let brand = &platform.brand;
    let data = &brand.data;
    let prices = ["untargeted", "targeted", "api_push", "information"];
    let prices = prices.map(|tariff| format!("{tariff}=15,{EDGE}:10"));
    let mut publish = vec!["prices", "publish", "--book", "falling"];
    publish.extend(prices.iter().flat_map(|price| ["--price", price]));
    let book = admin(data, &publish)?;
    ensure!(book["prices"]["targeted"][1]["after"] == EDGE, "{book}");
    let (quota, additional) = (QUOTA.to_string(), ADDITIONAL.to_string());
    let plan = [
        "contract",
        "agree",
        "--business",
        &brand.business,
        "--kind",
        "plan",
    ];
    let terms = [
        "--book",
        "falling",
        "--quota",
        &quota,
        "--additional-max",
        &additional,
    ];
    admin(data, &[&plan[..], &terms].concat())?;
    let grant = [
        "promotional-credit",
        "grant",
        "--business",
        &brand.business,
        "--amount",
        "100",
        "--expires",
        "2099-12-31T23:59",
        "--reason",
        "a welcome",
        "--reference",
        "decision-1",
    ];
    let lot = admin(data, &grant)?;
    ensure!(admin(data, &grant)?["id"] == lot["id"], "granted once");
    let running = platform.recipe.clone().start()?;
    let campaign = create(brand, "plan", &[])?;
    brand.launch(&campaign)?;
    let shown = wait_for_shown(&platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    let sent = number(&shown, "accepted")?;
    ensure!(sent == brand.reachable, "{shown}");
    let paid = sent - QUOTA;
    let expected = (EDGE.min(paid) * 15 + paid.saturating_sub(EDGE) * 10) * 1_000_000;
    ensure!(
        number(&shown, "captured_micro")? == expected,
        "{expected}: {shown}"
    );
    // The hold covers the dearest price that each could have had.
    ensure!(
        number(&shown, "held_micro")? == paid * 15_000_000,
        "{shown}"
    );
    ensure!(number(&shown, "open_micro")? == 0, "{shown}");
    let report = resum(brand, &campaign)?;
    ensure!(report["error_count"] == 0, "{report}");
    ensure!(
        report["billed_micro"] == expected && report["billable"] == sent,
        "{report}"
    );
    let verdict = Verdict::of(brand, &platform.messenger, &campaign, 0.0)?;
    ensure!(verdict.lost == 0 && verdict.duplicated == 0, "{verdict:?}");
    ensure!(verdict.violations.is_empty(), "{verdict:?}");
    let list = ["promotional-credit", "list", "--business", &brand.business];
    let lots = admin(data, &list)?;
    ensure!(
        lots[0]["spent_micro"] == GRANTED && lots[0]["held_micro"] == 0,
        "{lots}"
    );
    let used = used(data, &brand.business)?;
    ensure!(used == (QUOTA, paid), "{used:?}");
    // The plan has fewer left than it would take.
    let second = create(brand, "beyond", &[])?;
    let refused = shell::run(data, &["admin", "campaign", "launch", &second])?;
    let words = shell::words(&refused);
    ensure!(!refused.status.success(), "{words}");
    let room = QUOTA + ADDITIONAL - sent;
    let expected = format!("the plan has room for {room} more sends this month");
    ensure!(words.contains(&expected), "{words}");
    ensure!(
        self::used(data, &brand.business)? == (QUOTA, paid),
        "nothing was taken"
    );
    running.stop()?;
    let found = shell::reconcile(data)?;
    ensure!(found["clean"] == true, "{found}");
    Ok(())
}

/// What campaigns of this month took: of the quota, and beyond it.
fn used(data: &std::path::Path, business: &str) -> Result<(u64, u64)> {
    let shown: Value = admin(data, &["contract", "show", "--business", business])?;
    let used = &shown["used_this_month"];
    let of = |field: &str| used[field].as_u64().with_context(|| shown.to_string());
    Ok((of("quota")?, of("additional")?))
}
