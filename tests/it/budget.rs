//! Budgets and what happens where there is not enough, through the front door: pages, commands, a
//! real broadcast.

use anyhow::{Result, ensure};
use chingu_tests::console::borrowed;
use chingu_tests::draw::Draw;
use chingu_tests::shell::{self, admin};
use chingu_tests::verdict::Verdict;

use crate::draft_world::{CONSOLE, World, krw};
use crate::stage::{create, number, platform, resum, wait_for_shown};

const FRIENDS: u64 = 60;
/// Of them, so many are paid for.
const PAID_FOR: u64 = 17;

#[test]
fn a_budget_set_on_a_page_holds_at_the_review_and_at_the_command() {
    pages().unwrap();
}

#[test]
fn a_draft_goes_to_as_many_as_the_budget_allows() {
    fewer_by_page().unwrap();
}

#[test]
fn a_broadcast_to_fewer_says_so_and_is_billed_for_them() {
    fewer().unwrap();
}

fn pages() -> Result<()> {
    let mut world = World::create()?;
    let settings = format!("{CONSOLE}/settings/budgets");
    for wrong in ["-1", "many", "1.0000001"] {
        let page = world
            .browser
            .post_form(&settings, &[("month", wrong), ("day", "")])?;
        let is_said = page.body.contains("Write an amount of 0 or more.");
        ensure!(page.status == 422 && is_said, "{wrong}: {page:?}");
    }
    // A hundred friends at 15 KRW are 1,500.
    let fields = [("month", "1,499"), ("day", "20000")];
    let saved = world.browser.post_form(&settings, &fields)?;
    ensure!(saved.status == 303, "{saved:?}");
    let shown = world.browser.read(&settings)?;
    for expected in [
        r#"value="1,499""#,
        r#"value="20,000""#,
        "0 KRW of it are used",
    ] {
        ensure!(shown.contains(expected), "no {expected} in {shown}");
    }
    let wallet = world.browser.read(&format!("{CONSOLE}/wallet"))?;
    ensure!(wallet.contains("0 KRW of 1,499 KRW"), "{wallet}");
    let data = world.brand.data.clone();
    let business = world.brand.business.clone();
    let budgets = admin(&data, &["budget", "show", "--business", &business])?;
    ensure!(budgets[0]["budget"] == "month", "{budgets}");
    ensure!(
        number(&budgets[0], "limit_micro")? == 1_499_000_000,
        "{budgets}"
    );
    ensure!(budgets[1]["account"] == "@hanok", "{budgets}");

    let campaign = world.draft()?;
    world.live(&campaign, &[("who", "all")])?;
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    let expected = "The budget of the month has 1,499 KRW left";
    ensure!(review.contains(expected), "{review}");
    ensure!(
        !review.contains("launch-form"),
        "it cannot be sent: {review}"
    );
    // By command it is refused as well, and nothing is held.
    let id = campaign.rsplit('/').next().unwrap_or_default();
    let by_command = create(&world.brand, "by command", &[])?;
    let refused = shell::run(&data, &["admin", "campaign", "launch", &by_command])?;
    let words = shell::words(&refused);
    let expected = "the business's budget of the month is 1,499 KRW";
    ensure!(
        !refused.status.success() && words.contains(expected),
        "{words}"
    );
    ensure!(world.held()? == krw(0));
    // A budget of the campaign's own, which lifts nothing of the others.
    admin(&data, &["budget", "set", "--business", &business, "--lift"])?;
    admin(
        &data,
        &["budget", "set", "--campaign", id, "--amount", "1000"],
    )?;
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    ensure!(
        review.contains("The budget of the campaign is 1,000 KRW"),
        "{review}"
    );
    admin(
        &data,
        &["budget", "set", "--campaign", id, "--amount", "1500"],
    )?;
    let fields = world.button(&campaign)?;
    let sent = world
        .browser
        .post_form(&format!("{campaign}/launch"), &borrowed(&fields))?;
    ensure!(sent.location() == format!("{campaign}/running"), "{sent:?}");
    ensure!(world.held()? == krw(1_500));
    // Half of nothing else is used; the campaign's budget is, and the day has 20,000.
    admin(
        &data,
        &["budget", "set", "--account", "@hanok", "--amount", "1800"],
    )?;
    let home = world.browser.read(CONSOLE)?;
    let expected = "80% of @hanok&#x27;s budget of today is used";
    let plain = "80% of @hanok's budget of today is used";
    let escaped = "80% of @hanok&#39;s budget of today is used";
    let is_told = [expected, plain, escaped]
        .iter()
        .any(|said| home.contains(said));
    ensure!(is_told, "{home}");
    Ok(())
}

fn fewer_by_page() -> Result<()> {
    let mut world = World::create()?;
    let data = world.brand.data.clone();
    admin(
        &data,
        &["budget", "set", "--account", "@hanok", "--amount", "300"],
    )?;
    let campaign = world.draft()?;
    let schedule = format!("{campaign}/schedule");
    let shown = world.browser.read(&schedule)?;
    ensure!(shown.contains(r#"value="do_not_start" checked"#), "{shown}");
    let fields = [
        ("version", "0"),
        ("do", "next"),
        ("when", "now"),
        ("pace", "free"),
        ("if_short", "fewer_at_random"),
    ];
    let wrong = [&fields[..], &[("budget", "much")]].concat();
    let wrong = world.browser.post_form(&schedule, &wrong)?;
    ensure!(
        wrong.status == 422 && wrong.body.contains("Write an amount of 0 or more"),
        "{wrong:?}"
    );
    // The campaign's own budget is lower than the day's.
    let mut fields = [&fields[..], &[("budget", "240")]].concat();
    fields[0].1 = "1";
    let next = world.browser.post_form(&schedule, &fields)?;
    ensure!(next.location() == format!("{campaign}/review"), "{next:?}");
    let shown = world.browser.read(&schedule)?;
    ensure!(
        shown.contains(r#"value="fewer_at_random" checked"#) && shown.contains(r#"value="240""#),
        "{shown}"
    );
    let review = world.browser.read(&format!("{campaign}/review?wait=1"))?;
    for expected in [
        "There is enough for 16 of 100 people: they are drawn at random",
        "Send to 16 people",
        "264 KRW",
    ] {
        ensure!(review.contains(expected), "no {expected} in {review}");
    }
    let fields = world.button(&campaign)?;
    let sent = world
        .browser
        .post_form(&format!("{campaign}/launch"), &borrowed(&fields))?;
    ensure!(sent.location() == format!("{campaign}/running"), "{sent:?}");
    ensure!(world.held()? == krw(240));
    for page in ["running", "report"] {
        let shown = world.browser.read(&format!("{campaign}/{page}"))?;
        let expected = "Sent to 16 of 100 people, drawn at random (seed ";
        ensure!(shown.contains(expected), "{page}: {shown}");
    }
    Ok(())
}

fn fewer() -> Result<()> {
    let mut draw = Draw::seeded("budget", 1);
    let platform = platform(FRIENDS, &[], &mut draw)?;
    let brand = &platform.brand;
    let running = platform.recipe.clone().start()?;
    let campaign = create(brand, "fewer", &["--if-short", "fewer-by-number"])?;
    let amount = (PAID_FOR * 15).to_string();
    let set = [
        "budget",
        "set",
        "--campaign",
        &campaign,
        "--amount",
        &amount,
    ];
    admin(&brand.data, &set)?;
    let launched = admin(&brand.data, &["campaign", "launch", &campaign])?;
    ensure!(number(&launched, "granted")? == PAID_FOR, "{launched}");
    ensure!(
        number(&launched, "reachable")? == brand.reachable,
        "{launched}"
    );
    let shown = wait_for_shown(&platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    ensure!(number(&shown, "accepted")? == PAID_FOR, "{shown}");
    let unfunded = brand.reachable - PAID_FOR;
    ensure!(shown["left_out_by_rule"]["unfunded"] == unfunded, "{shown}");
    let partial = &shown["partial"];
    ensure!(partial["asked"] == brand.reachable, "{shown}");
    ensure!(partial["method"] == "user_number", "{shown}");
    ensure!(partial["short_of"] == "budget", "{shown}");
    let verdict = Verdict::of(brand, &platform.messenger, &campaign, 0.0)?;
    ensure!(verdict.violations.is_empty(), "{verdict:?}");
    let report = resum(brand, &campaign)?;
    ensure!(report["error_count"] == 0, "{report}");
    ensure!(report["billable"] == PAID_FOR, "{report}");
    running.stop()?;
    let found = shell::reconcile(&brand.data)?;
    ensure!(found["clean"] == true, "{found}");
    Ok(())
}
