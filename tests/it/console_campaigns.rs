//! The list of campaigns, their calendar, where each one's link leads, and the wallet behind them.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, between};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::program::{Program, Recipe};
use chingu_tests::table::grouped;
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};
use domain::campaign::{CampaignEvent, PauseReason};
use domain::time::LocalDay;
use store::Store;
use tempfile::TempDir;

use crate::stage::{self, create, end_of};

const CAMPAIGNS: &str = "/console/@hanok/campaigns";
const WALLET: &str = "/console/@hanok/wallet";
const FRIENDS: u64 = 600;

#[test]
fn campaigns_are_listed_filtered_searched_and_paged() {
    listed().unwrap();
}

#[test]
fn a_campaigns_link_leads_where_its_state_says() {
    doors().unwrap();
}

#[test]
fn a_broadcast_shows_in_the_list_the_wallet_and_its_bill() {
    billed().unwrap();
}

/// A console alone, with a brand.
struct World {
    brand: Brand,
    program: Program,
    // Dropped last.
    _folder: TempDir,
}

impl World {
    fn create() -> Result<Self> {
        let folder = TempDir::new()?;
        let arguments = ["serve", "--no-demo", "--role", "console"];
        let recipe = Recipe::new(folder.path(), "console", &arguments)?;
        Ok(Self {
            brand: Brand::open(&recipe.data, "@hanok")?,
            program: recipe.start()?,
            _folder: folder,
        })
    }

    fn address(&self) -> SocketAddr {
        self.program.address()
    }

    fn browser(&self, role: &str) -> Result<Browser> {
        let mut browser = Browser::of_member(self.address(), &self.brand, role)?;
        browser.keep_cookie("chingu_language", "en");
        Ok(browser)
    }
}

/// Moves a campaign along the diagram, as the actors would.
fn step(brand: &Brand, campaign: &str, events: &[CampaignEvent]) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Store::open(&engine::database(&brand.data)).await?;
        for event in events {
            let mut write = store.write().await?;
            let found = write.campaign(campaign.parse()?).await?;
            write.move_campaign(&found, *event).await?;
            write.commit().await?;
        }
        anyhow::Ok(store.close().await?)
    })
}

/// A day that a campaign may be scheduled for, as `2026-12-29`.
pub fn in_thirty_days() -> Result<String> {
    let later = stage::now() + std::time::Duration::from_secs(30 * 24 * 60 * 60);
    let seoul = domain::time::zone("Asia/Seoul")?;
    Ok(LocalDay::of(later, &seoul).to_string())
}

/// The campaigns whose names a page links to, in its order.
fn names(page: &str) -> Vec<&str> {
    let links = page.split(r#"<a class="title" href=""#).skip(1);
    links
        .filter_map(|link| link.split_once('>')?.1.split_once('<'))
        .map(|(name, _)| name)
        .collect()
}

fn listed() -> Result<()> {
    let world = World::create()?;
    let mut browser = world.browser("owner")?;
    let page = browser.read(CAMPAIGNS)?;
    ensure!(page.contains("No campaigns yet"), "{page}");
    let brand = &world.brand;
    let mut campaigns = Vec::new();
    for number in 0..52 {
        campaigns.push(brand.campaign(&format!("Tea {number:02}"), Wishes::default())?);
    }
    let day = in_thirty_days()?;
    let wall = format!("{day} 10:00");
    let at = ["--at", &*wall];
    create(brand, "100% quilts", &at)?;
    let page = browser.read(CAMPAIGNS)?;
    let first = names(&page);
    ensure!(first.len() == 50 && first[0] == "100% quilts", "{first:?}");
    let next = between(&page, r#"<nav class="push row""#, "</nav>")?;
    let next = between(next, r#"href=""#, "\"")?.replace("&#38;", "&");
    let rest = browser.read(&next)?;
    ensure!(names(&rest) == ["Tea 02", "Tea 01", "Tea 00"], "{rest}");

    let scheduled = browser.read(&format!("{CAMPAIGNS}?state=scheduled"))?;
    ensure!(names(&scheduled) == ["100% quilts"], "{scheduled}");
    ensure!(scheduled.contains("/campaigns/cmp_"), "{scheduled}");
    for (query, found) in [
        ("?q=tea%2000", &["Tea 00"][..]),
        ("?q=100%25", &["100% quilts"]),
        // Signs that the database would read as patterns are letters.
        ("?q=%25", &["100% quilts"]),
        ("?q=_", &[]),
        ("?q=TEA+51", &["Tea 51"]),
        ("?state=scheduled&q=tea", &[]),
        ("?state=draft", &[]),
        ("?q=%3Cb%3E", &[]),
    ] {
        let page = browser.read(&format!("{CAMPAIGNS}{query}"))?;
        ensure!(names(&page) == found, "{query}: {page}");
        ensure!(!page.contains("<b>"), "{query}");
    }
    // What cannot be read asks for nothing.
    let odd = browser.read(&format!("{CAMPAIGNS}?state=odd&before=x&month=13"))?;
    ensure!(names(&odd).len() == 50, "{odd}");

    step(brand, &campaigns[0], &[CampaignEvent::Discard])?;
    let page = browser.read(&format!("{CAMPAIGNS}?q=Tea%2000"))?;
    ensure!(names(&page).is_empty(), "{page}");
    let page = browser.read(&format!("{CAMPAIGNS}?state=discarded"))?;
    ensure!(names(&page) == ["Tea 00"], "{page}");

    let calendar = browser.read(&format!("{CAMPAIGNS}?view=calendar&month={}", &day[..7]))?;
    let day = between(&calendar, &format!(r#"datetime="{day}""#), "</td>")?;
    ensure!(
        day.contains("100% quilts") && day.contains("10:00"),
        "{day}"
    );
    for month in ["2030-13", "", "x", "9999-01"] {
        let address = format!("{CAMPAIGNS}?view=calendar&month={month}");
        ensure!(browser.get(&address)?.status == 200, "{month}");
    }
    // A role that only reads begins nothing.
    let page = world.browser("analyst")?.read(CAMPAIGNS)?;
    ensure!(
        !page.contains("New campaign") && !page.contains("/copy"),
        "{page}"
    );
    Ok(())
}

fn doors() -> Result<()> {
    use CampaignEvent as E;
    let world = World::create()?;
    let brand = &world.brand;
    let mut browser = world.browser("owner")?;
    for (name, events, led_to) in [
        ("draft", &[E::Edit][..], "/message"),
        ("launching", &[E::Launch], "/running"),
        ("running", &[E::Launch, E::FirstFreeze], "/running"),
        (
            "paused",
            &[E::Launch, E::FirstFreeze, E::Pause(PauseReason::Requested)],
            "/running",
        ),
        ("cancelling", &[E::Launch, E::Cancel], "/running"),
        (
            "closing",
            &[E::Launch, E::Cancel, E::AllTerminal],
            "/report",
        ),
        (
            "closed",
            &[E::Launch, E::Cancel, E::AllTerminal, E::Close],
            "/report",
        ),
    ] {
        let campaign = brand.campaign(name, Wishes::default())?;
        step(brand, &campaign, events)?;
        let page = browser.get(&format!("{CAMPAIGNS}/{campaign}"))?;
        let wanted = format!("{CAMPAIGNS}/{campaign}{led_to}");
        ensure!(
            page.status == 303 && page.location() == wanted,
            "{name}: {page:?}"
        );
    }
    for (name, events, words) in [
        ("approved", &[][..], "ready to be sent"),
        ("waiting", &[E::FundsShort], "waits for money"),
        ("failed", &[E::Launch, E::LaunchError], "could not be sent"),
        ("discarded", &[E::Discard], "was discarded"),
    ] {
        let campaign = brand.campaign(name, Wishes::default())?;
        step(brand, &campaign, events)?;
        let page = browser.read(&format!("{CAMPAIGNS}/{campaign}"))?;
        ensure!(page.contains(words), "{name}: {page}");
        ensure!(page.contains("가을 원두가 나왔어요"), "{name}: the message");
        let is_over = name == "discarded";
        ensure!(page.contains("/reopen") != is_over, "{name}: {page}");
        ensure!(page.contains("/copy") == is_over, "{name}: {page}");
    }
    let wall = format!("{} 10:00", in_thirty_days()?);
    let zoned = ["--at", &*wall, "--zone", "Asia/Tokyo"];
    let campaign = create(brand, "scheduled", &zoned)?;
    let page = browser.read(&format!("{CAMPAIGNS}/{campaign}"))?;
    for words in [" 10:00", "Tokyo time", "Seoul time", "0 × 15 KRW"] {
        ensure!(page.contains(words), "{words}: {page}");
    }
    // Somebody who only reads may look, and change nothing.
    let page = world
        .browser("analyst")?
        .read(&format!("{CAMPAIGNS}/{campaign}"))?;
    ensure!(
        !page.contains("/reopen") && !page.contains("/discard"),
        "{page}"
    );

    let other = Brand::open(&brand.data, "@neighbour")?;
    let foreign = other.campaign("theirs", Wishes::default())?;
    for path in [
        format!("{CAMPAIGNS}/{foreign}"),
        format!("{WALLET}/bills/{foreign}"),
        format!("{CAMPAIGNS}/cmp_nothing"),
        format!("{WALLET}/bills/cmp_nothing"),
    ] {
        let page = browser.get(&path)?;
        ensure!(
            page.status == 404 && !page.body.contains("theirs"),
            "{path}: {page:?}"
        );
    }
    Ok(())
}

fn billed() -> Result<()> {
    let platform = stage::platform(FRIENDS, &[], &mut Draw::seeded("wallet", 3))?;
    let program = platform.recipe.clone().start()?;
    let brand = platform.brand.clone();
    let campaign = brand.campaign("First snow", Wishes::default())?;
    brand.launch(&campaign)?;
    let verdict = end_of(&platform, &brand, &campaign)?;
    let mut browser = Browser::of_member(program.address(), &brand, "finance")?;
    browser.keep_cookie("chingu_language", "en");
    let sent = verdict.recorded;
    let won = sent * UNTARGETED_MICRO as u64 / 1_000_000;
    let cost = format!("{} KRW", grouped(won));

    let page = browser.read(&format!("{CAMPAIGNS}?state=closed"))?;
    ensure!(
        page.contains("First snow") && page.contains(&cost),
        "{cost}: {page}"
    );
    let home = browser.read("/console/@hanok")?;
    ensure!(
        home.contains("First snow") && home.contains(&cost),
        "{cost}: {home}"
    );

    let wallet = browser.read(WALLET)?;
    ensure!(wallet.contains("Agrees with the ledger"), "{wallet}");
    let sum = format!("{} × 15 KRW", grouped(sent));
    ensure!(
        wallet.contains(&sum) && wallet.contains(&cost),
        "{sum}: {wallet}"
    );
    let bill = browser.read(&format!("{WALLET}/bills/{campaign}"))?;
    ensure!(
        bill.contains(&format!("{sum} = {cost}")),
        "{sum} = {cost}: {bill}"
    );
    let charges = browser.read(&format!("{WALLET}?kind=charges"))?;
    ensure!(
        charges.contains(&sum) && !charges.contains("Bank transfer"),
        "{charges}"
    );
    let none = browser.read(&format!("{WALLET}?month=2001-01"))?;
    ensure!(none.contains("Nothing has moved"), "{none}");
    adds_up(&mut browser, &wallet)?;

    // Whoever has nothing to do with money is told so and shown nothing of it.
    let mut composer = Browser::of_member(program.address(), &brand, "composer")?;
    for path in [WALLET.to_owned(), format!("{WALLET}/bills/{campaign}")] {
        let page = composer.get(&path)?;
        ensure!(
            page.status == 403 && !page.body.contains(&cost),
            "{path}: {page:?}"
        );
    }
    ensure!(composer.get(&format!("{WALLET}/movements.csv"))?.status == 403);
    Ok(())
}

/// The file of movements ends with what the page says is available.
fn adds_up(browser: &mut Browser, wallet: &str) -> Result<()> {
    let page = browser.get(&format!("{WALLET}/movements.csv"))?;
    ensure!(
        page.header("content-type").starts_with("text/csv"),
        "{page:?}"
    );
    let mut reader = csv_lines(&page.body);
    let head = reader.next().context("a head")?;
    let place = |name: &str| {
        head.iter()
            .position(|column| column == name)
            .context("a column")
    };
    let (change, after) = (place("available_change")?, place("available_after")?);
    let (held, held_after) = (place("held_change")?, place("held_after")?);
    let (mut available, mut in_hold, mut lines) = (0i64, 0i64, 0);
    for line in reader {
        available += line[change].parse::<i64>()?;
        in_hold += line[held].parse::<i64>()?;
        ensure!(line[after].parse::<i64>()? == available, "{line:?}");
        ensure!(line[held_after].parse::<i64>()? == in_hold, "{line:?}");
        lines += 1;
    }
    ensure!(lines >= 3 && in_hold == 0, "{lines} lines, {in_hold} held");
    let shown = grouped(u64::try_from(available)?);
    ensure!(wallet.contains(&format!(">{shown}<")), "{shown}: {wallet}");
    Ok(())
}

/// Cells without commas in them.
fn csv_lines(text: &str) -> impl Iterator<Item = Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    text.lines()
        .map(|line| line.split(',').map(str::to_owned).collect())
}
