//! A month from its sends to its invoice, by the shell and by the pages: refused while it is not
//! over, closed once, paid, credited and refunded by reference; and the brand sees its bill. The
//! machine's clock is set past the month's end, on the embedded engine, whose clock it is.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::machine::Machine;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{self, admin, text};
use chingu_tests::world::Brand;
use serde_json::Value;

use crate::operator::{add_operator, operator};
use crate::stage::{create, number, resum, wait_for_shown};

const FRIENDS: u64 = 40;
/// From whatever day it is into the month after.
const PAST_THE_MONTH: std::time::Duration = std::time::Duration::from_secs(33 * 86_400);
const WON: i64 = 1_000_000;

#[test]
fn a_month_is_closed_invoiced_and_settled() {
    run().unwrap();
}

/// `chingu admin …` on a machine.
fn admin_on(machine: &Machine, data: &Path, arguments: &[&str]) -> Result<Value> {
    let all = [&["admin"], arguments, &["--json"]].concat();
    let output = shell::command(data, &all)?
        .envs(machine.environment())
        .output()?;
    ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        shell::words(&output)
    );
    serde_json::from_slice(&output.stdout).with_context(|| shell::words(&output))
}

/// Sends of a month, with what they cost: 15 won each.
fn sent(platform: &Platform) -> Result<i64> {
    let running = platform.recipe.clone().start()?;
    let campaign = create(&platform.brand, "autumn", &[])?;
    platform.brand.launch(&campaign)?;
    let closed = |shown: &Value| shown["state"] == "closed";
    let shown = wait_for_shown(platform, &campaign, "closed", closed)?;
    let report = resum(&platform.brand, &campaign)?;
    ensure!(
        report["billed_micro"] == shown["captured_micro"],
        "{report}"
    );
    running.stop()?;
    i64::try_from(number(&shown, "captured_micro")?).context("an amount")
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("months", 3);
    let make = |data: &Path| {
        engine::place_embedded(data);
        Brand::create(data, "@hanok", FRIENDS, &mut draw)
    };
    let mut platform = Platform::with_brand(Place::Inside, &[], Times::default(), make)?;
    let data = platform.brand.data.clone();
    let business = platform.brand.business.clone();
    add_operator(&platform.brand)?;
    let captured = sent(&platform)?;
    ensure!(captured > 0, "something was sent");
    let of = ["--business", business.as_str()];
    let list = admin(&data, &[&["month", "check"], &of[..]].concat())?;
    ensure!(
        list["ready"] == false && list["points"][0]["item"] == "over",
        "{list}"
    );
    let open = list["points"].as_array().context("points")?.iter();
    let open = open.filter(|point| point["holds"] == false).count();
    ensure!(open == 1, "only its end is missing: {list}");
    let refused = shell::run(&data, &[&["admin", "month", "close"], &of[..]].concat())?;
    let words = shell::words(&refused);
    ensure!(
        !refused.status.success() && words.contains("not   over"),
        "{words}"
    );

    let machine = Machine::build()?;
    machine.set_clock_ahead(PAST_THE_MONTH)?;
    for (name, value) in machine.environment() {
        platform.recipe = platform.recipe.clone().with(name, value);
    }
    let running = platform.recipe.clone().start()?;
    let month = text(&list, "month")?.to_owned();
    let closed = closed_by_an_operator(&running.address(), &business, &month)?;
    let shown = ["month", "show", "--month", &month];
    let bill = admin_on(&machine, &data, &[&shown[..], &of[..]].concat())?;
    ensure!(
        bill["captured_micro"] == captured && bill["invoice"] == 1,
        "{bill}"
    );
    let lines = bill["lines"].as_array().context("lines")?;
    let sum: i64 = lines
        .iter()
        .filter_map(|line| line["amount_micro"].as_i64())
        .sum();
    ensure!(sum == captured, "{bill}");
    // A tenth on top, down to a won.
    let due = captured / 10 / WON * WON;
    // A won of it is paid on the page already.
    let open = due - WON;
    ensure!(
        bill["due_micro"] == due && bill["open_micro"] == open,
        "{bill}"
    );
    ensure!(closed.contains("Invoice 1"), "{closed}");
    settled(&machine, &data, &business, (&month, due))?;
    seen_by_the_brand(&running.address(), &platform.brand, &month)?;
    running.stop()?;
    let found = shell::reconcile(&data)?;
    ensure!(found["clean"] == true, "{found}");
    Ok(())
}

/// The page says what adds up, closes the month once, and shows its bill.
fn closed_by_an_operator(
    address: &std::net::SocketAddr,
    business: &str,
    month: &str,
) -> Result<String> {
    let mut browser = operator(*address)?;
    let own = format!("/operator/businesses/{business}");
    ensure!(
        browser.read(&own)?.contains(&format!("{own}/months")),
        "the way there"
    );
    let months = format!("{own}/months");
    let page = browser.read(&months)?;
    ensure!(
        page.contains(&format!(r#"name="month" value="{month}""#)),
        "{page}"
    );
    // What takes long is gone through when it is asked for, and before anything is closed.
    let whole = browser.read(&format!("{months}?check=all"))?;
    for (shown, has) in [(&page, false), (&whole, true)] {
        ensure!(
            shown.contains("Nobody wrote in the ledger") == has,
            "{shown}"
        );
        ensure!(
            shown.contains("months?check=all\">Only check") != has,
            "{shown}"
        );
    }
    let page = browser.post_form(&months, &[("month", month)])?;
    ensure!(page.status == 303, "{page:?}");
    let bill = format!("{months}/{month}");
    ensure!(page.location().starts_with(&bill), "{page:?}");
    let again = browser.post_form(&months, &[("month", month)])?;
    ensure!(
        again.status == 200 && again.body.contains("Closed months"),
        "{again:?}"
    );
    let payment = format!("{own}/settle?deed=payment&month={month}");
    let page = browser.read(&bill)?;
    ensure!(
        page.contains("deed=credit-note") && page.contains("deed=payment"),
        "{page}"
    );
    ensure!(
        browser.read(&payment)?.contains("A transfer that paid"),
        "{payment}"
    );
    // More than is asked for is refused at its field, and booked by nobody.
    let settle = format!("{own}/settle");
    let much = [
        ("deed", "payment"),
        ("month", month),
        ("amount", "999999"),
        ("reference", "bank-9"),
        ("confirmed", "yes"),
    ];
    let refused = browser.post_form(&settle, &much)?;
    ensure!(
        refused.status == 422 && refused.body.contains("the most there is"),
        "{refused:?}"
    );
    let one = [
        ("deed", "payment"),
        ("month", month),
        ("amount", "1"),
        ("reference", "bank-1"),
    ];
    let looked = browser.post_form(&settle, &one)?;
    ensure!(looked.body.contains("are booked as paid"), "{looked:?}");
    let confirmed = [&one[..], &[("confirmed", "yes")]].concat();
    for _ in 0..2 {
        let paid = browser.post_form(&settle, &confirmed)?;
        ensure!(paid.status == 303, "{paid:?}");
    }
    let nowhere = browser.get(&format!("{months}/1999-01"))?;
    ensure!(nowhere.status == 404, "{nowhere:?}");
    browser.read(&bill)
}

/// Paid to its end, a part taken back, and what was not spent refunded: each once by its reference.
fn settled(
    machine: &Machine,
    data: &Path,
    business: &str,
    (month, due): (&str, i64),
) -> Result<()> {
    let of = ["--business", business, "--month", month];
    let rest = (due / WON - 1).to_string();
    let pay = ["invoice", "pay", "--amount", &rest, "--reference", "bank-2"];
    for _ in 0..2 {
        let paid = admin_on(machine, data, &[&pay[..], &of[..]].concat())?;
        ensure!(paid["open_micro"] == 0, "{paid}");
    }
    let note = [
        "credit-note",
        "issue",
        "--amount",
        "30",
        "--reference",
        "claim-1",
    ];
    let reason = ["--reason", "sent twice by mistake"];
    let note = admin_on(machine, data, &[&note[..], &reason[..], &of[..]].concat())?;
    ensure!(
        note["total_micro"] == 33 * WON && note["of_receivable_micro"] == 0,
        "{note}"
    );
    let back = [
        "--business",
        business,
        "--amount",
        "100",
        "--reference",
        "decision-1",
    ];
    let back = admin_on(machine, data, &[&["refund", "grant"], &back[..]].concat())?;
    ensure!(back["to_be_paid_micro"] == 133 * WON, "{back}");
    let out = [
        "--business",
        business,
        "--amount",
        "133",
        "--reference",
        "bank-3",
    ];
    let out = admin_on(machine, data, &[&["refund", "paid"], &out[..]].concat())?;
    ensure!(out["to_be_paid_micro"] == 0, "{out}");
    Ok(())
}

fn seen_by_the_brand(address: &std::net::SocketAddr, brand: &Brand, month: &str) -> Result<()> {
    let mut browser = Browser::of_member(*address, brand, "owner")?;
    browser.keep_cookie("chingu_language", "en");
    let wallet = "/console/@hanok/wallet";
    let bill = format!("{wallet}/month?month={month}");
    let page = browser.read(wallet)?;
    ensure!(page.contains(&bill) && page.contains("Paid"), "{page}");
    let page = browser.read(&bill)?;
    for said in [
        "Invoice 1",
        "Bank transfer",
        "Credit note 1: sent twice by mistake",
    ] {
        ensure!(page.contains(said), "{said}: {page}");
    }
    let open = browser.get(&format!("{wallet}/month?month=1999-01"))?;
    ensure!(
        open.status == 303 && open.location().contains("/wallet#months"),
        "{open:?}"
    );
    Ok(())
}
