//! What operators agree to, publish and give on their pages: looked at first, done once however
//! often it is pressed, refused at the field it concerns; and a password of their own.

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, between};
use chingu_tests::shell::{admin, text};
use serde_json::Value;

use crate::operator::{EMAIL, MEMBER, World, operator, try_in};

const OTHER_PASSWORD: &str = "another four words";
/// Far enough for any clock.
const AHEAD: &str = "2099-03-01";

#[test]
fn a_contract_is_looked_at_and_agreed_to_once() {
    agreed().unwrap();
}

#[test]
fn a_plan_of_lines_fills_the_form() {
    filled().unwrap();
}

#[test]
fn credit_is_given_once_per_reference() {
    given().unwrap();
}

#[test]
fn prices_are_compared_and_published_once() {
    published().unwrap();
}

#[test]
fn an_operator_changes_their_password() {
    changed().unwrap();
}

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// The same fields, some of them with other values.
fn with<'a>(fields: &[(&'a str, &'a str)], changes: &[(&'a str, &'a str)]) -> Fields<'a> {
    let kept = fields
        .iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    kept.chain(changes).copied().collect()
}

/// The form is refused at one field, and shows what was typed.
fn expect_fault(page: &Page, field: &str, typed: &str) -> Result<()> {
    ensure!(page.status == 422, "{field}: {page:?}");
    let marked = format!(r##"href="#{field}""##);
    ensure!(page.body.contains(&marked), "{field}: {page:?}");
    ensure!(page.body.contains(typed), "{typed}: {page:?}");
    Ok(())
}

/// What the second step was shown with.
fn shown_with<'a>(page: &'a Page, name: &str) -> Result<&'a str> {
    page.between(&format!(r#"name="{name}" value=""#), "\"")
}

fn versions(world: &World) -> Result<Value> {
    let show = ["contract", "show", "--business", &world.brand.business];
    admin(&world.brand.data, &show)
}

fn agreed() -> Result<()> {
    let world = World::create()?;
    let mut browser = operator(world.address())?;
    let business = format!("/operator/businesses/{}", world.brand.business);
    let form = format!("{business}/contract");
    let page = browser.read(&business)?;
    ensure!(
        page.contains(&form) && page.contains("Nothing was agreed yet"),
        "{page}"
    );
    let page = browser.read(&form)?;
    ensure!(page.contains(r#"value="prepaid" checked"#), "{page}");
    ensure!(
        page.contains("<option selected>standard</option>"),
        "{page}"
    );

    let postpaid = [
        ("kind", "postpaid"),
        ("book", "standard"),
        ("credit", "5,000,000"),
        ("zone", "Asia/Seoul"),
        ("when", "now"),
    ];
    for (field, changes) in [
        ("kind", [("kind", "barter"), ("day", "")]),
        ("credit", [("credit", ""), ("day", "")]),
        ("credit", [("kind", "prepaid"), ("day", "")]),
        ("credit", [("credit", "lots"), ("day", "")]),
        ("quota", [("quota", "200"), ("day", "")]),
        ("additional", [("additional", "9"), ("day", "")]),
        ("book", [("book", "Two Words"), ("day", "")]),
        ("book", [("book", "nowhere"), ("day", "")]),
        ("zone", [("zone", "Mars/Olympus"), ("day", "")]),
        ("day", [("when", "at"), ("day", "2020-01-01")]),
        ("day", [("when", "at"), ("day", "")]),
    ] {
        let fields = with(&postpaid, &[&changes[..], &[("time", "00:00")]].concat());
        let page = browser.post_form(&form, &fields)?;
        let typed = fields.iter().find(|(name, _)| *name == "credit");
        let typed = format!(r#"value="{}""#, typed.map_or("", |(_, value)| value));
        expect_fault(&page, field, &typed)?;
    }

    let checked = browser.post_form(&form, &postpaid)?;
    ensure!(checked.status == 200, "{checked:?}");
    for words in [
        "This holds from the moment you confirm",
        "What is sent is owed, up to 5,000,000 KRW",
        "Prepaid",
        "<strong>Postpaid</strong>",
    ] {
        ensure!(checked.body.contains(words), "{words}: {checked:?}");
    }
    ensure!(
        versions(&world)?["versions"] == Value::Array(vec![]),
        "the check agreed"
    );
    let seen = shown_with(&checked, "seen")?;
    let changed =
        browser.post_form(&form, &with(&postpaid, &[("seen", seen), ("again", "yes")]))?;
    ensure!(changed.body.contains(r#"value="5,000,000""#), "{changed:?}");
    let confirmed = with(&postpaid, &[("seen", seen), ("confirmed", "yes")]);
    let done = browser.post_form(&form, &confirmed)?;
    ensure!(done.location().contains("done=done-contract"), "{done:?}");
    // Pressed twice.
    let again = browser.post_form(&form, &confirmed)?;
    ensure!(again.status == 409, "{again:?}");
    ensure!(
        again.body.contains("Version 1 was agreed to meanwhile"),
        "{again:?}"
    );
    let shown = versions(&world)?;
    ensure!(
        shown["versions"]
            .as_array()
            .is_some_and(|all| all.len() == 1),
        "{shown}"
    );
    ensure!(shown["in_effect"]["kind"] == "postpaid", "{shown}");
    ensure!(
        shown["in_effect"]["credit_limit_micro"] == 5_000_000_000_000_i64,
        "{shown}"
    );
    let page = browser.read(&business)?;
    for words in ["of 5,000,000 KRW", "in effect", "Version 1"] {
        ensure!(page.contains(words), "{words}: {page}");
    }
    ahead(&world, &mut browser, &form)
}

/// Another version that begins later: it stands beside the one in effect until then.
fn ahead(world: &World, browser: &mut Browser, form: &str) -> Result<()> {
    let prepaid = [
        ("kind", "prepaid"),
        ("book", "standard"),
        ("zone", "Asia/Seoul"),
        ("when", "at"),
        ("day", AHEAD),
        ("time", "00:00"),
        ("confirmed", "yes"),
        ("seen", "1"),
    ];
    let done = browser.post_form(form, &prepaid)?;
    ensure!(done.status == 303, "{done:?}");
    let shown = versions(world)?;
    ensure!(shown["in_effect"]["version"] == 1, "{shown}");
    // Midnight in Seoul.
    let from = &shown["versions"][1]["effective_from"];
    ensure!(*from == 4_075_974_000_000_i64, "{shown}");
    let page = browser.read(form.trim_end_matches("/contract"))?;
    ensure!(
        page.contains("Version 2 takes its place at 1 Mar 2099 00:00"),
        "{page}"
    );
    // What is agreed for before then is said to end there.
    let now = with(
        &prepaid,
        &[("when", "now"), ("confirmed", ""), ("seen", "")],
    );
    let checked = browser.post_form(form, &now)?;
    ensure!(
        checked.body.contains("Version 2 takes its place"),
        "{checked:?}"
    );
    Ok(())
}

fn filled() -> Result<()> {
    let world = World::create()?;
    let data = &world.brand.data;
    let create = [
        "business",
        "create",
        "--name",
        "Tokyo Tea",
        "--currency",
        "JPY",
    ];
    let business = admin(data, &create)?;
    let business = text(&business, "id")?;
    let mut browser = operator(world.address())?;
    let form = format!("/operator/businesses/{business}/contract");
    // Not for who pays in won: there is no such book.
    let won = format!("/operator/businesses/{}/contract", world.brand.business);
    ensure!(!browser.read(&won)?.contains("preset="));
    for (preset, quota, additional) in [
        ("line-japan-communication", "200", "0"),
        ("line-japan-light", "5,000", "0"),
        ("line-japan-standard", "30,000", ""),
    ] {
        ensure!(browser.read(&form)?.contains(&format!("?preset={preset}")));
        let page = browser.read(&format!("{form}?preset={preset}"))?;
        ensure!(page.contains(r#"value="plan" checked"#), "{page}");
        ensure!(
            page.contains("<option selected>line-japan</option>"),
            "{page}"
        );
        ensure!(page.contains(r#"value="Asia/Tokyo" selected"#), "{page}");
        let value = |id: &str| -> Result<String> {
            let field = between(&page, &format!(r#"id="{id}""#), ">")?;
            Ok(between(field, "value=\"", "\"")?.to_owned())
        };
        ensure!(value("quota")? == quota, "{preset}: {page}");
        ensure!(value("additional")? == additional, "{preset}: {page}");
    }
    let light = [
        ("kind", "plan"),
        ("book", "line-japan"),
        ("quota", "5,000"),
        ("additional", "0"),
        ("zone", "Asia/Tokyo"),
        ("when", "now"),
    ];
    let checked = browser.post_form(&form, &light)?;
    for words in [
        "A month includes 5,000 sends",
        "No more can be sent",
        "3 JPY",
    ] {
        ensure!(checked.body.contains(words), "{words}: {checked:?}");
    }
    Ok(())
}

fn given() -> Result<()> {
    let world = World::create()?;
    let mut browser = operator(world.address())?;
    let business = format!("/operator/businesses/{}", world.brand.business);
    let form = format!("{business}/credit");
    ensure!(browser.read(&business)?.contains(&form));
    let grant = [
        ("amount", "300,000"),
        ("day", AHEAD),
        ("reason", "For the opening & more"),
        ("reference", "decision-1"),
    ];
    for (field, value) in [
        ("amount", "0"),
        ("amount", "much"),
        ("day", ""),
        ("day", "2020-01-01"),
        ("day", "soon"),
        ("reason", " "),
        ("reason", &"x".repeat(201)),
        ("reference", ""),
        ("reference", "two words"),
    ] {
        let page = browser.post_form(&form, &with(&grant, &[(field, value)]))?;
        let kept = if field == "reference" {
            "300,000"
        } else {
            "decision-1"
        };
        expect_fault(&page, field, kept)?;
    }
    let lots = || {
        let list = [
            "promotional-credit",
            "list",
            "--business",
            &world.brand.business,
        ];
        admin(&world.brand.data, &list)
    };
    let checked = browser.post_form(&form, &grant)?;
    for words in [
        "300,000 KRW to spend until the end of 1 Mar 2099 (Seoul time)",
        "For the opening &#38; more",
        "1,000,300,000 KRW",
    ] {
        ensure!(checked.body.contains(words), "{words}: {checked:?}");
    }
    ensure!(lots()? == Value::Array(vec![]), "the check gave");
    let confirmed = with(&grant, &[("confirmed", "yes")]);
    let done = browser.post_form(&form, &confirmed)?;
    ensure!(done.location().contains("done=done-credit#"), "{done:?}");
    let again = browser.post_form(&form, &confirmed)?;
    ensure!(again.location().contains("done-credit-before"), "{again:?}");
    let again = browser.post_form(&form, &grant)?;
    ensure!(again.body.contains("Nothing is booked again"), "{again:?}");
    for other in [("amount", "1"), ("day", "2099-03-02")] {
        let page = browser.post_form(&form, &with(&confirmed, &[other]))?;
        expect_fault(&page, "reference", "another grant")?;
    }
    let lots = lots()?;
    ensure!(lots.as_array().is_some_and(|all| all.len() == 1), "{lots}");
    ensure!(lots[0]["available_micro"] == 300_000_000_000_i64, "{lots}");
    let page = browser.read(&business)?;
    for words in [
        "For the opening &#38; more",
        "300,000 KRW given",
        "2 Mar 2099 00:00",
        "Promotional credit, decision-1",
    ] {
        ensure!(page.contains(words), "{words}: {page}");
    }
    // The brand reads the reason in its wallet.
    let mut member = Browser::open(world.address())?;
    member.sign_in(MEMBER, PASSWORD)?;
    let wallet = member.read("/console/@hanok/wallet")?;
    ensure!(wallet.contains("For the opening &#38; more"), "{wallet}");
    Ok(())
}

fn published() -> Result<()> {
    let world = World::create()?;
    let mut browser = operator(world.address())?;
    let page = browser.read("/operator/prices?currency=KRW")?;
    for words in [
        "standard",
        "1 business pays by it now",
        "in effect",
        "20 KRW",
    ] {
        ensure!(page.contains(words), "{words}: {page}");
    }
    ensure!(
        browser
            .read("/operator/prices?currency=USD")?
            .contains("No prices in USD yet")
    );
    let form = "/operator/prices/publish";
    let page = browser.read(&format!("{form}?currency=KRW&book=standard"))?;
    ensure!(page.contains(">20</textarea>"), "{page}");
    let prices = [
        ("book", "standard"),
        ("currency", "KRW"),
        ("untargeted", "15\n100,000: 13.5"),
        ("targeted", "22"),
        ("api_push", "15"),
        ("information", "14"),
        ("when", "at"),
        ("day", AHEAD),
        ("time", "09:00"),
    ];
    for (field, value) in [
        ("book", "Two Words"),
        ("currency", "XAU"),
        ("untargeted", ""),
        ("untargeted", "15\n14"),
        ("targeted", "15\n9: 14\n9: 13"),
        ("api_push", "100001"),
        ("information", "-1"),
        ("day", "2020-01-01"),
    ] {
        let page = browser.post_form(form, &with(&prices, &[(field, value)]))?;
        let kept = if field == "information" {
            ">22</textarea>"
        } else {
            ">14</textarea>"
        };
        expect_fault(&page, field, kept)?;
    }
    let list = || admin(&world.brand.data, &["prices", "list"]);
    let before = list()?;
    let checked = browser.post_form(form, &prices)?;
    for words in [
        "These prices hold from 1 Mar 2099 09:00",
        "2 KRW dearer",
        "1 KRW cheaper",
        "1.5 KRW cheaper",
        "after 100,000 sends in a month",
        "unchanged",
        "1 business pays by this book then",
    ] {
        ensure!(checked.body.contains(words), "{words}: {checked:?}");
    }
    ensure!(list()? == before, "the comparison published");
    let version = shown_with(&checked, "version")?;
    let confirmed = with(&prices, &[("version", version), ("confirmed", "yes")]);
    let done = browser.post_form(form, &confirmed)?;
    ensure!(
        done.location().contains("done=done-prices#book-standard"),
        "{done:?}"
    );
    let again = browser.post_form(form, &confirmed)?;
    ensure!(again.status == 409, "{again:?}");
    ensure!(again.body.contains("published meanwhile"), "{again:?}");
    let after = list()?;
    let count = |books: &Value| books.as_array().map(Vec::len);
    ensure!(
        count(&after) == count(&before).map(|books| books + 1),
        "{after}"
    );
    let new = after[0].clone();
    ensure!(new["version"].as_u64() == version.parse().ok(), "{new}");
    let band = &new["prices"]["untargeted"][1];
    ensure!(
        band["after"] == 100_000 && band["unit_price_micro"] == 13_500_000,
        "{new}"
    );
    let page = browser.read("/operator/prices?currency=KRW")?;
    for words in [
        "to come",
        "after 100,000: 13.5 KRW",
        "from 1 Mar 2099 09:00",
    ] {
        ensure!(page.contains(words), "{words}: {page}");
    }
    Ok(())
}

fn changed() -> Result<()> {
    let world = World::create()?;
    let mut browser = operator(world.address())?;
    let mut elsewhere = operator(world.address())?;
    ensure!(
        browser
            .read("/operator")?
            .contains(r#"href="/operator/me""#)
    );
    let change = [
        ("current", PASSWORD),
        ("password", OTHER_PASSWORD),
        ("again", OTHER_PASSWORD),
    ];
    for (field, fields) in [
        ("current", with(&change, &[("current", "a wrong guess")])),
        (
            "password",
            with(&change, &[("password", "short"), ("again", "short")]),
        ),
        ("again", with(&change, &[("again", "yet another four")])),
    ] {
        let page = browser.post_form("/operator/me", &fields)?;
        expect_fault(&page, field, EMAIL)?;
        ensure!(!page.body.contains(OTHER_PASSWORD), "sent back: {page:?}");
    }
    let done = browser.post_form("/operator/me", &change)?;
    ensure!(
        done.location() == "/operator/me?done=done-password",
        "{done:?}"
    );
    let page = browser.get("/operator")?;
    ensure!(page.status == 200, "signed out here: {page:?}");
    let page = elsewhere.get("/operator")?;
    ensure!(page.location().starts_with("/operator/sign-in"), "{page:?}");
    ensure!(try_in(&mut elsewhere, EMAIL, PASSWORD)?.status == 422);
    let page = try_in(&mut elsewhere, EMAIL, OTHER_PASSWORD)?;
    ensure!(page.status == 303, "{page:?}");
    let token = elsewhere.cookie("chingu_operator_session");
    token.context("a session")?;
    Ok(())
}
