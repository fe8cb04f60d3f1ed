//! The pages of who runs the installation: who gets in and who does not, a payment that is booked
//! once, figures that are the ledger's, checks of the books that find what was changed in them, and
//! what is said after the program was cut off.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, Page, add_member, between};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::platform::Platform;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::shell::{admin, admin_with_input, text};
use chingu_tests::table::grouped;
use chingu_tests::wait;
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};
use tempfile::TempDir;
use testkit::database::Raw;

use crate::stage::{self, SOON, end_of, wait_for_shown};

pub const EMAIL: &str = "yujin@platform.example";
pub const MEMBER: &str = "hana@hanok.example";
const FRIENDS: u64 = 1_500;
/// As `directory` limits them.
const GUESSES: usize = 10;
const WON_MICRO: i64 = 1_000_000;

#[test]
fn operators_and_members_get_into_their_own_pages_only() {
    ways_in().unwrap();
}

#[test]
fn guesses_at_an_operators_password_are_limited() {
    guessed().unwrap();
}

#[test]
fn a_payment_is_booked_once_per_reference() {
    topped_up().unwrap();
}

#[test]
fn the_figures_are_those_of_the_ledger() {
    counted().unwrap();
}

#[test]
fn a_changed_row_is_found() {
    tampered().unwrap();
}

#[test]
fn after_a_kill_it_is_said_what_was_interrupted_and_that_the_books_close() {
    interrupted().unwrap();
}

/// A console alone, with a brand, a member of it, and an operator.
pub struct World {
    pub brand: Brand,
    program: Program,
    // Dropped last.
    _folder: TempDir,
}

impl World {
    pub fn create() -> Result<Self> {
        let folder = TempDir::new()?;
        let arguments = ["serve", "--no-demo", "--role", "console"];
        let recipe = Recipe::new(folder.path(), "console", &arguments)?;
        let brand = Brand::open(&recipe.data, "@hanok")?;
        add_member(&brand, MEMBER, "owner")?;
        add_operator(&brand)?;
        Ok(Self {
            brand,
            program: recipe.start()?,
            _folder: folder,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.program.address()
    }
}

pub fn add_operator(brand: &Brand) -> Result<()> {
    let who = ["operator", "create", "--email", EMAIL, "--name", "최유진"];
    let arguments = [&who[..], &["--password-stdin"]].concat();
    admin_with_input(&brand.data, &arguments, PASSWORD)?;
    Ok(())
}

/// Tries to sign in as an operator.
pub fn try_in(browser: &mut Browser, email: &str, password: &str) -> Result<Page> {
    let fields = [("email", email), ("password", password)];
    browser.post_form("/operator/sign-in", &fields)
}

/// An operator who is signed in, and reads English.
pub fn operator(address: SocketAddr) -> Result<Browser> {
    let mut browser = Browser::open(address)?;
    browser.keep_cookie("chingu_language", "en");
    let page = try_in(&mut browser, EMAIL, PASSWORD)?;
    ensure!(page.status == 303, "{page:?}");
    Ok(browser)
}

/// Every route of the operators' pages, as their file lists them: the address, and whether a form
/// is sent there.
fn routes() -> Result<Vec<(String, bool)>> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/console/src/operator/routes.rs"
    );
    let text = std::fs::read_to_string(file).context(file)?;
    let mut routes = Vec::new();
    for part in text.split(".route(").skip(1) {
        let path = between(part, "\"", "\"")?.to_owned();
        let handlers = part.split_once(&path).map_or("", |(_, rest)| rest);
        routes.push((path, handlers.contains("post(")));
    }
    ensure!(routes.len() > 8, "{routes:?}");
    Ok(routes)
}

fn ways_in() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    let asked = browser.get("/operator/revenue?month=2026-11")?;
    let to = "/operator/sign-in?back_to=/operator/revenue%3Fmonth%3D2026-11";
    ensure!(asked.status == 303 && asked.location() == to, "{asked:?}");
    for (email, password) in [
        (EMAIL, "three words only"),
        (EMAIL, ""),
        // A member, with the right password.
        (MEMBER, PASSWORD),
        ("nobody@platform.example", PASSWORD),
    ] {
        let page = try_in(&mut browser, email, password)?;
        ensure!(page.status == 422, "{email}: {page:?}");
        ensure!(page.body.contains(r#"role="alert""#), "{page:?}");
        ensure!(browser.cookie("chingu_operator_session").is_none());
    }
    // Nor is an operator a member.
    let fields = [("email", EMAIL), ("password", PASSWORD)];
    ensure!(browser.post_form("/console/sign-in", &fields)?.status == 422);

    let back_to = [
        ("email", EMAIL),
        ("password", PASSWORD),
        ("back_to", "/operator/holds"),
    ];
    let page = browser.post_form("/operator/sign-in", &back_to)?;
    ensure!(page.location() == "/operator/holds", "{page:?}");
    let cookie = page.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/operator"] {
        ensure!(cookie.contains(part), "{cookie}");
    }
    let token = browser.cookie("chingu_operator_session");
    let token = token.context("a cookie")?.to_owned();
    ensure!(browser.read("/operator")?.contains("최유진"));
    // The token opens no page of a brand, wherever it stands.
    browser.keep_cookie("chingu_session", &token);
    let page = browser.get("/console/@hanok")?;
    ensure!(page.location().starts_with("/console/sign-in"), "{page:?}");
    for led in ["//evil.example", "/console/@hanok", "https://evil.example"] {
        let fields = [("email", EMAIL), ("password", PASSWORD), ("back_to", led)];
        let page = browser.post_form("/operator/sign-in", &fields)?;
        ensure!(page.location() == "/operator", "{led}: {page:?}");
    }
    browser.keep_cookie("chingu_operator_session", &token);
    let out = browser.post_form("/operator/sign-out", &[])?;
    ensure!(out.location() == "/operator/sign-in", "{out:?}");
    members_stay_out(&world, &token)?;
    answers_carry_their_headers(&world)
}

/// Whoever is no operator gets no further than to the sign-in, on any route, and a form from
/// elsewhere no further than to a refusal.
fn members_stay_out(world: &World, ended: &str) -> Result<()> {
    let mut stranger = Browser::open(world.address())?;
    let mut member = Browser::open(world.address())?;
    member.sign_in(MEMBER, PASSWORD)?;
    let token = member.cookie("chingu_session").context("a cookie")?;
    let token = token.to_owned();
    member.keep_cookie("chingu_operator_session", &token);
    let mut gone = Browser::open(world.address())?;
    gone.keep_cookie("chingu_operator_session", ended);
    let mut operator = operator(world.address())?;
    for (path, sends) in routes()? {
        let path = path.replace("{business}", &world.brand.business);
        let path = path.replace("{check}", "rec_00000000000000000000000000");
        if path.ends_with("/sign-in") || path.ends_with("/sign-out") {
            continue;
        }
        for browser in [&mut stranger, &mut member, &mut gone] {
            let mut pages = vec![browser.get(&path)?];
            if sends {
                pages.push(browser.post_form(&path, &[])?);
            }
            for page in pages {
                let to_sign_in = page.location().starts_with("/operator/sign-in");
                ensure!(page.status == 303 && to_sign_in, "{path}: {page:?}");
            }
        }
        if sends {
            let elsewhere = [("Origin", "https://evil.example")];
            let page = operator.post_form_with(&path, &[], &elsewhere)?;
            ensure!(page.status == 403, "{path}: {page:?}");
        }
    }
    Ok(())
}

fn answers_carry_their_headers(world: &World) -> Result<()> {
    let mut browser = operator(world.address())?;
    let business = format!("/operator/businesses/{}", world.brand.business);
    for (path, status) in [
        ("/operator", 200),
        ("/operator/sign-in", 200),
        ("/operator/businesses?q=%25&page=9999999999", 200),
        ("/operator/businesses/biz_nothing", 404),
        ("/operator/reconciliation/rec_nothing", 404),
        ("/operator/nothing", 404),
        ("/operator/revenue.csv?month=never", 200),
        (&business, 200),
    ] {
        let page = browser.get(path)?;
        ensure!(page.status == status, "{path}: {page:?}");
        let policy = page.header("content-security-policy");
        ensure!(policy.contains("default-src 'none'"), "{path}: {policy}");
        ensure!(page.header("cache-control") == "no-store", "{path}");
        ensure!(page.header("x-frame-options") == "DENY", "{path}");
        for inline in ["<style", "style=\"", "onclick=", "<script>"] {
            ensure!(!page.body.contains(inline), "{path}: {inline}");
        }
        if status == 404 {
            ensure!(page.body.contains(r#"href="/operator""#), "{page:?}");
        }
    }
    for (language, words) in [("ko", "한눈에 보기"), ("ja", "概要"), ("en", "Overview")] {
        browser.keep_cookie("chingu_language", language);
        ensure!(browser.read("/operator")?.contains(words), "{language}");
    }
    let fields = [("theme", "dark"), ("back_to", "/operator/holds")];
    let kept = browser.post_form("/console/preferences", &fields)?;
    ensure!(kept.location() == "/operator/holds", "{kept:?}");
    Ok(())
}

fn guessed() -> Result<()> {
    let world = World::create()?;
    let mut browser = Browser::open(world.address())?;
    browser.keep_cookie("chingu_language", "en");
    for _ in 0..GUESSES {
        ensure!(try_in(&mut browser, EMAIL, "a wrong guess")?.status == 422);
    }
    let page = try_in(&mut browser, EMAIL, PASSWORD)?;
    ensure!(
        page.status == 422 && page.body.contains("15 min"),
        "{page:?}"
    );
    // A new password changes nothing about it, and ends sessions of before.
    let arguments = ["operator", "password", "--email", EMAIL];
    admin_with_input(&world.brand.data, &arguments, "another four words")?;
    ensure!(try_in(&mut browser, EMAIL, "another four words")?.status == 422);
    // Who works for a brand is not kept out.
    browser.sign_in(MEMBER, PASSWORD)?;
    Ok(())
}

fn topped_up() -> Result<()> {
    let world = World::create()?;
    let mut browser = operator(world.address())?;
    let business = format!("/operator/businesses/{}", world.brand.business);
    let form = format!("{business}/top-up");
    ensure!(browser.read(&business)?.contains(&form));
    let available = |browser: &mut Browser| -> Result<String> {
        let page = browser.read(&business)?;
        Ok(between(&page, r#"figure-l money">"#, " KRW")?.to_owned())
    };
    let before = available(&mut browser)?;
    for (amount, reference, field) in [
        ("", "bank-1", "amount"),
        ("0", "bank-1", "amount"),
        ("-5", "bank-1", "amount"),
        ("1,00", "bank-1", "amount"),
        ("9223372036854", "bank-1", "amount"),
        ("많이", "bank-1", "amount"),
        ("1000", "", "reference"),
        ("1000", "with spaces", "reference"),
        ("1000", "번호", "reference"),
        ("1000", &"x".repeat(65), "reference"),
    ] {
        let fields = [("amount", amount), ("reference", reference)];
        let page = browser.post_form(&form, &fields)?;
        ensure!(page.status == 422, "{amount} {reference}: {page:?}");
        let marked = format!(r##"href="#{field}""##);
        ensure!(
            page.body.contains(&marked),
            "{amount} {reference}: {page:?}"
        );
    }
    let payment = [("amount", "2,500,000"), ("reference", "bank-1")];
    let checked = browser.post_form(&form, &payment)?;
    ensure!(checked.status == 200, "{checked:?}");
    for words in ["2,500,000 KRW", "bank-1", "1,002,500,000 KRW"] {
        ensure!(checked.body.contains(words), "{words}: {checked:?}");
    }
    ensure!(available(&mut browser)? == before, "the check moved money");
    let confirmed = [&payment[..], &[("confirmed", "yes")]].concat();
    let booked = browser.post_form(&form, &confirmed)?;
    ensure!(
        booked.location() == format!("{business}?done=done-top-up"),
        "{booked:?}"
    );
    ensure!(available(&mut browser)? == "1,002,500,000");
    // Pressed twice, or sent again by a browser that was closed.
    let again = browser.post_form(&form, &confirmed)?;
    ensure!(
        again.location().ends_with("done-top-up-before"),
        "{again:?}"
    );
    ensure!(available(&mut browser)? == "1,002,500,000");
    let again = browser.post_form(&form, &payment)?;
    ensure!(again.body.contains("Nothing is booked again"), "{again:?}");
    let other = [
        ("amount", "1"),
        ("reference", "bank-1"),
        ("confirmed", "yes"),
    ];
    let other = browser.post_form(&form, &other)?;
    ensure!(
        other.status == 422 && other.body.contains("another payment"),
        "{other:?}"
    );
    ensure!(available(&mut browser)? == "1,002,500,000");
    let page = browser.read(&business)?;
    ensure!(page.contains("Bank transfer, bank-1"), "{page}");
    Ok(())
}

/// One whole number that the database of a brand answers.
fn number(brand: &Brand, sql: &str) -> Result<i64> {
    let config = engine::database(&brand.data);
    let runtime = tokio::runtime::Runtime::new()?;
    Ok(runtime.block_on(async {
        let raw = Raw::of(&config).await;
        let number = raw.number(sql).await;
        raw.close().await;
        number
    }))
}

fn run(brand: &Brand, sql: &str) -> Result<()> {
    let config = engine::database(&brand.data);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let raw = Raw::of(&config).await;
        raw.run(sql).await;
        raw.close().await;
    });
    Ok(())
}

/// A platform that runs, with an operator.
fn running(seed: &'static str) -> Result<(Platform, Program)> {
    let mut draw = Draw::seeded(seed, 71);
    let platform = stage::platform(FRIENDS, &[], &mut draw)?;
    add_operator(&platform.brand)?;
    let program = platform.recipe.clone().start()?;
    Ok((platform, program))
}

const REVENUE: &str = "SELECT CAST(COALESCE(SUM(-amount), 0) AS BIGINT) FROM ledger_entry
    WHERE ledger_account = 5";

fn counted() -> Result<()> {
    let (platform, program) = running("operator figures")?;
    let brand = &platform.brand;
    let mut browser = operator(program.address())?;
    ensure!(browser.read("/operator/holds")?.contains("Nothing is held"));
    let paced = Wishes {
        rate: Some(1),
        ..Wishes::default()
    };
    let slow = brand.campaign("Slowly", paced)?;
    brand.launch(&slow)?;
    wait_for_shown(&platform, &slow, "runs", |shown| {
        shown["state"] == "running"
    })?;
    let holds = browser.read("/operator/holds")?;
    let held = grouped(brand.reachable as i64 * UNTARGETED_MICRO / WON_MICRO);
    ensure!(holds.contains("Slowly") && holds.contains(&held), "{holds}");
    let business = browser.read(&format!("/operator/businesses/{}", brand.business))?;
    ensure!(
        business.contains("Slowly") && business.contains(&held),
        "{business}"
    );
    admin(&brand.data, &["campaign", "cancel", &slow])?;
    wait_for_shown(&platform, &slow, "closed", |shown| {
        shown["state"] == "closed"
    })?;

    let campaign = brand.campaign("Autumn", Wishes::default())?;
    brand.launch(&campaign)?;
    let verdict = end_of(&platform, brand, &campaign)?;
    let earned = number(brand, REVENUE)?;
    ensure!(
        earned >= verdict.billed_micro && verdict.billed_micro > 0,
        "{earned}"
    );
    let units = earned / UNTARGETED_MICRO;
    let won = grouped(earned / WON_MICRO);
    let path = "/operator/revenue";
    let page = wait::until_state(
        "the revenue is counted",
        SOON,
        || browser.read(path),
        |page| page.contains(&format!("{won} KRW")),
    )?;
    ensure!(page.contains(&grouped(units)), "{units} units: {page}");
    ensure!(page.contains("@hanok") && page.contains("100.0%"), "{page}");
    let overview = browser.read("/operator")?;
    for words in [
        format!("{won} KRW"),
        format!("{won} KRW today"),
        "1 of 1 active accounts".to_owned(),
        "15 KRW".to_owned(),
    ] {
        ensure!(overview.contains(&words), "{words}: {overview}");
    }
    let business = browser.read(&format!("/operator/businesses/{}", brand.business))?;
    ensure!(business.contains(&format!("{won} KRW")), "{business}");
    file_adds_up(&mut browser, earned, units)?;
    let folded = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM revenue_day";
    ensure!(number(brand, folded)? == earned);
    Ok(())
}

/// The file of the month says what the ledger says, and no cell is a formula.
fn file_adds_up(browser: &mut Browser, earned: i64, units: i64) -> Result<()> {
    let file = browser.get("/operator/revenue.csv")?;
    ensure!(
        file.header("content-type").starts_with("text/csv"),
        "{file:?}"
    );
    let text = file.body.trim_start_matches('\u{feff}');
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let (mut amount, mut sent) = (0, 0);
    for row in reader.deserialize() {
        let row: BTreeMap<String, String> = row?;
        amount += row["amount"].parse::<i64>()? * WON_MICRO;
        sent += row["units"].parse::<i64>()?;
        ensure!(row["tariff"] == "untargeted", "{row:?}");
        ensure!(row["account"] == "'@hanok", "{row:?}");
    }
    ensure!(
        (amount, sent) == (earned, units),
        "{amount} for {sent}: {text}"
    );
    Ok(())
}

/// The latest check of the page, made now; what its page says.
fn check_now(browser: &mut Browser) -> Result<(Page, String)> {
    let done = browser.post_form("/operator/reconciliation", &[])?;
    ensure!(done.status == 303, "{done:?}");
    let list = browser.read("/operator/reconciliation")?;
    let id = between(&list, "/operator/reconciliation/rec_", "\"")?;
    let page = browser.read(&format!("/operator/reconciliation/rec_{id}"))?;
    Ok((done, page))
}

fn tampered() -> Result<()> {
    let (platform, program) = running("operator checks")?;
    let brand = &platform.brand;
    let mut browser = operator(program.address())?;
    let campaign = brand.campaign("Autumn", Wishes::default())?;
    brand.launch(&campaign)?;
    end_of(&platform, brand, &campaign)?;
    let (done, page) = check_now(&mut browser)?;
    ensure!(done.location().ends_with("done-checked"), "{done:?}");
    ensure!(page.contains("No findings"), "{page}");
    for (id, change, back, words) in [
        (
            "B1",
            "UPDATE wallet SET available = available + 1000000",
            "UPDATE wallet SET available = available - 1000000",
            brand.business.as_str(),
        ),
        (
            "I8b",
            "UPDATE capture SET units = units - 1, amount = amount - unit_price WHERE number = 0",
            "UPDATE capture SET units = units + 1, amount = amount + unit_price WHERE number = 0",
            campaign.as_str(),
        ),
        (
            "I5b",
            "UPDATE freeze_range SET frozen = frozen + 1 WHERE range = 0",
            "UPDATE freeze_range SET frozen = frozen - 1 WHERE range = 0",
            campaign.as_str(),
        ),
        (
            "I7",
            "UPDATE ledger_entry SET amount = amount + 1 WHERE ledger_account = 5",
            "UPDATE ledger_entry SET amount = amount - 1 WHERE ledger_account = 5",
            "sum to",
        ),
    ] {
        run(brand, change)?;
        let (done, page) = check_now(&mut browser)?;
        ensure!(
            done.location().ends_with("done-checked-unclean"),
            "{id}: {done:?}"
        );
        let found = format!("<strong>{id}</strong>");
        ensure!(
            page.contains(&found) && page.contains(words),
            "{id}: {page}"
        );
        let overview = browser.read("/operator")?;
        ensure!(!overview.contains("No findings"), "{id}: {overview}");
        run(brand, back)?;
    }
    ensure!(program.recipe().log_count("the books do not close") > 0);
    let (done, _) = check_now(&mut browser)?;
    ensure!(done.location().ends_with("done-checked"), "{done:?}");
    Ok(())
}

fn interrupted() -> Result<()> {
    let (platform, program) = running("operator interruption")?;
    let brand = &platform.brand;
    let mut member = Browser::of_member(program.address(), brand, "owner")?;
    member.keep_cookie("chingu_language", "en");
    // A clean end interrupts nothing.
    let (_, recipe) = program.stop()?;
    let program = recipe.start()?;
    let mut browser = operator(program.address())?;
    let said = "The program was interrupted at";
    let first = wait::until_state(
        "the first check",
        SOON,
        || browser.read("/operator/reconciliation"),
        |page| page.contains("The books close"),
    )?;
    ensure!(!first.contains(said), "{first}");
    let paced = Wishes {
        rate: Some(1),
        ..Wishes::default()
    };
    let campaign = brand.campaign("Interrupted one", paced)?;
    brand.launch(&campaign)?;
    wait_for_shown(&platform, &campaign, "sends", |shown| {
        shown["accepted"].as_u64().unwrap_or(0) > 2
    })?;
    let program = program.kill()?.start()?;
    let page = wait::until_state(
        "the books are checked after the kill",
        SOON,
        || browser.read("/operator/reconciliation"),
        |page| page.contains("The books close, checked at"),
    )?;
    ensure!(
        page.contains(said) && page.contains("Interrupted one"),
        "{page}"
    );
    let overview = browser.read("/operator")?;
    ensure!(overview.contains(said), "{overview}");
    let home = member.read("/console/@hanok")?;
    for words in [said, "Interrupted one", "Your books close, checked at"] {
        ensure!(home.contains(words), "{words}: {home}");
    }
    admin(&brand.data, &["campaign", "cancel", &campaign])?;
    let closed = wait_for_shown(&platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    ensure!(text(&closed, "id")? == campaign);
    drop(program);
    Ok(())
}
