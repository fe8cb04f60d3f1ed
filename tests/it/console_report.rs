//! A campaign's report and every send of it: the figures are the record's, the file is what the
//! command line writes, no page of sends doubles or misses one, and others find nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::Browser;
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::Program;
use chingu_tests::shell::{self, admin};
use chingu_tests::table::grouped;
use chingu_tests::wait;
use chingu_tests::world::{Brand, Wishes};
use domain::id::{CampaignId, UserId};
use domain::receipt::{Receipt, ReceiptKind};
use domain::user::UserNumber;
use serde_json::Value;
use store::Store;

use crate::stage::{SOON, end_of, number, report, wait_for_shown};

const FRIENDS: u64 = 1_500;
const OPENED: usize = 70;
const CLICKED: usize = 12;
const BLOCKED: usize = 2;

#[test]
fn a_report_says_what_the_record_says() {
    reported().unwrap();
}

#[test]
fn a_cancelled_campaign_says_what_is_billed_and_what_went_back() {
    cancelled().unwrap();
}

/// A closed campaign of which some were refused, with its lines as the command line writes them.
struct World {
    platform: Platform,
    campaign: String,
    lines: Vec<BTreeMap<String, String>>,
    browser: Browser,
    _program: Program,
}

impl World {
    fn create() -> Result<Self> {
        let mut draw = Draw::seeded("console report", 31);
        let faults = ["reject=0.05:blocked,left,unreachable"];
        let times = Times::default();
        let platform = Platform::create(Place::Beside, FRIENDS, &faults, times, &mut draw)?;
        let program = platform.recipe.clone().start()?;
        let brand = &platform.brand;
        let campaign = brand.campaign("첫눈 기획전", Wishes::default())?;
        brand.launch(&campaign)?;
        end_of(&platform, brand, &campaign)?;
        let csv = std::fs::read_to_string(report(brand, &campaign)?)?;
        let mut browser = Browser::of_member(program.address(), brand, "analyst")?;
        browser.keep_cookie("chingu_language", "en");
        Ok(Self {
            lines: lines_of(&csv),
            platform,
            campaign,
            browser,
            _program: program,
        })
    }

    fn path(&self, rest: &str) -> String {
        format!("/console/@hanok/campaigns/{}/{rest}", self.campaign)
    }

    fn friends(&self, outcomes: &[&str]) -> Vec<String> {
        let of = self
            .lines
            .iter()
            .filter(|line| outcomes.contains(&&*line["outcome"]));
        of.map(|line| line["friend"].clone()).collect()
    }

    /// Every friend that the pages of a filter name, in order, and how many pages there were.
    fn walk(&mut self, query: &str) -> Result<(Vec<String>, usize)> {
        let (mut path, mut pages) = (self.path(&format!("sends{query}")), 0);
        let mut friends = Vec::new();
        loop {
            let body = self.browser.read(&path)?;
            friends.extend(all_between(&body, "title=\"usr_", "\"").map(|id| format!("usr_{id}")));
            pages += 1;
            ensure!(pages < 100, "{query}: pages without end");
            let Some((before, _)) = body.split_once("\" rel=\"next\"") else {
                return Ok((friends, pages));
            };
            let (_, next) = before.rsplit_once("href=\"").context("a next page")?;
            path = next.replace("&#38;", "&").replace("&amp;", "&");
        }
    }
}

fn reported() -> Result<()> {
    let mut world = World::create()?;
    let delivered = world.friends(&["accepted", "confirmed"]);
    let failed = world.friends(&["failed"]);
    ensure!(
        !failed.is_empty() && delivered.len() > 1_000,
        "{}",
        world.lines.len()
    );
    figures(&mut world, &delivered)?;
    receipts(&mut world, &delivered)?;
    every_line(&mut world)?;
    filters(&mut world, &delivered, &failed)?;
    files(&mut world, &failed)?;
    bad_input(&mut world)?;
    kept_out(&mut world)
}

fn figures(world: &mut World, delivered: &[String]) -> Result<()> {
    let page = world.browser.read(&world.path("report"))?;
    let billed = delivered.len() * 15;
    for words in [
        format!("{} × 15 KRW", grouped(delivered.len())),
        format!("{} KRW", grouped(billed)),
        format!("{} KRW", grouped_tenths(billed * 11)),
        "Price book 1".to_owned(),
        "No consent to promotions".to_owned(),
        "The device could not be reached".to_owned(),
    ] {
        ensure!(page.contains(&words), "{words}: {page}");
    }
    let launch = world.platform.brand.campaign("later", Wishes::default())?;
    let path = format!("/console/@hanok/campaigns/{launch}");
    for page in ["report", "sends"] {
        let answer = world.browser.get(&format!("{path}/{page}"))?;
        ensure!(
            answer.status == 303 && answer.location() == path,
            "{answer:?}"
        );
    }
    Ok(())
}

fn receipts(world: &mut World, delivered: &[String]) -> Result<()> {
    let live = world.path("report/live");
    let before = world.browser.get(&live)?;
    let tag = before.header("etag").to_owned();
    ensure!(before.status == 200 && !tag.is_empty(), "{before:?}");
    let known = [("If-None-Match", &*tag)];
    let same = world.browser.get_with(&live, &known)?;
    ensure!(same.status == 304 && same.body.is_empty(), "{same:?}");
    tokio::runtime::Runtime::new()?.block_on(take(world, delivered))?;
    let browser = &mut world.browser;
    let labels = [("Opened", OPENED), ("Tapped", CLICKED)]
        .map(|(name, people)| format!("aria-label=\"{name} {people}\""));
    // The page may be drawn between two commits of what they did.
    let after = wait::until_state(
        "what friends did is shown",
        SOON,
        || browser.get_with(&live, &known),
        |page| labels.iter().all(|label| page.body.contains(label)),
    )?;
    let blocked = after.between("class=\"figure-xl\">", "<")?;
    ensure!(blocked == BLOCKED.to_string(), "{blocked}");
    Ok(())
}

/// Lets some of those who were reached open, click and block.
async fn take(world: &World, delivered: &[String]) -> Result<()> {
    let data = &world.platform.brand.data;
    let store = Store::open(&engine::database(data)).await?;
    let campaign: CampaignId = world.campaign.parse()?;
    let snapshot = store.snapshot().await?;
    let mut receipts = Vec::new();
    let kinds = [
        (ReceiptKind::Opened, OPENED),
        (ReceiptKind::Clicked, CLICKED),
        (ReceiptKind::Blocked, BLOCKED),
    ];
    for (place, friend) in delivered.iter().take(OPENED).enumerate() {
        let id: UserId = friend.parse()?;
        let number: UserNumber = snapshot.user_of_id(id).await?.context("a user")?;
        let did = kinds.into_iter().filter(|(_, count)| place < *count);
        receipts.extend(did.map(|(kind, _)| Receipt {
            number,
            kind,
            link: None,
            second: 30,
        }));
    }
    snapshot.end().await?;
    receipts.sort();
    let mut write = store.write().await?;
    write.take_receipts(campaign, &receipts).await?;
    write.commit().await?;
    Ok(())
}

fn every_line(world: &mut World) -> Result<()> {
    let (friends, pages) = world.walk("")?;
    let expected: Vec<&String> = world.lines.iter().map(|line| &line["friend"]).collect();
    ensure!(friends.len() == FRIENDS as usize, "{} lines", friends.len());
    ensure!(pages == FRIENDS.div_ceil(50) as usize, "{pages} pages");
    ensure!(
        friends.iter().collect::<Vec<_>>() == expected,
        "another order than the file"
    );
    Ok(())
}

fn filters(world: &mut World, delivered: &[String], failed: &[String]) -> Result<()> {
    let set = |friends: &[String]| friends.iter().cloned().collect::<BTreeSet<_>>();
    let of_reason = |reason: &str| {
        let of = world.lines.iter().filter(|line| line["reason"] == reason);
        of.map(|line| line["friend"].clone()).collect::<Vec<_>>()
    };
    let cases = [
        ("?outcome=delivered", delivered.to_vec()),
        ("?outcome=failed", failed.to_vec()),
        ("?outcome=skipped", world.friends(&["excluded"])),
        (
            "?outcome=skipped&reason=no_consent",
            of_reason("no_consent"),
        ),
        (
            "?outcome=failed&reason=unreachable",
            of_reason("unreachable"),
        ),
        ("?outcome=failed&reason=policy", Vec::new()),
        ("?outcome=uncertain", Vec::new()),
        ("?outcome=pending", Vec::new()),
        ("?outcome=not_sent", Vec::new()),
        ("?after=opened", delivered[..OPENED].to_vec()),
        ("?after=clicked", delivered[..CLICKED].to_vec()),
        ("?after=blocked", delivered[..BLOCKED].to_vec()),
        ("?after=coupon", Vec::new()),
        ("?after=not_opened", delivered[OPENED..].to_vec()),
        ("?outcome=failed&after=opened", Vec::new()),
    ];
    for (query, expected) in cases {
        let (found, _) = world.walk(query)?;
        ensure!(
            found.len() == expected.len(),
            "{query}: {} lines",
            found.len()
        );
        ensure!(
            set(&found) == set(&expected),
            "{query}: others than expected"
        );
    }
    let consented = delivered.first().context("somebody")?;
    let left_out = world.friends(&["excluded"]);
    let left_out = left_out.first().context("somebody left out")?;
    for (friend, words) in [
        (
            consented,
            [
                "Consent to promotions",
                "Last check before sending",
                "Passed",
            ],
        ),
        (consented, ["the messenger processed it", "ltx_", "sha256 "]),
        (
            left_out,
            ["No consent to promotions", "Left out when", "KR-1"],
        ),
    ] {
        let page = world
            .browser
            .read(&world.path(&format!("sends?friend={friend}")))?;
        ensure!(
            all_between(&page, "title=\"usr_", "\"").count() == 1,
            "{page}"
        );
        for words in words {
            ensure!(page.contains(words), "{words}: {page}");
        }
    }
    Ok(())
}

fn files(world: &mut World, failed: &[String]) -> Result<()> {
    let page = world.browser.get(&world.path("sends.csv"))?;
    let name = format!("attachment; filename=\"sends-{}.csv\"", world.campaign);
    ensure!(
        page.status == 200 && page.header("content-disposition") == name,
        "{page:?}"
    );
    ensure!(
        page.header("content-type").starts_with("text/csv"),
        "{page:?}"
    );
    let written = std::fs::read_to_string(report(&world.platform.brand, &world.campaign)?)?;
    ensure!(
        page.body == written,
        "the file is not what the command line writes"
    );

    let file = world.platform.brand.data.with_extension("downloaded.csv");
    std::fs::write(&file, &page.body)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/resum.py");
    let output = Command::new("python3").arg(script).arg(&file).output()?;
    let summed: Value =
        serde_json::from_slice(&output.stdout).with_context(|| shell::words(&output))?;
    let shown = world.platform.brand.show(&world.campaign)?;
    ensure!(summed["error_count"] == 0, "{summed}");
    ensure!(
        summed["billed_micro"] == shown["captured_micro"],
        "{summed}, {shown}"
    );

    let page = world.browser.get(&world.path("sends.csv?outcome=failed"))?;
    let lines = lines_of(&page.body);
    ensure!(lines.len() == failed.len(), "{page:?}");
    ensure!(
        lines.iter().all(|line| line["outcome"] == "failed"),
        "{page:?}"
    );
    let page = world.browser.get(&world.path("sends.csv?after=clicked"))?;
    ensure!(lines_of(&page.body).len() == CLICKED, "{page:?}");
    Ok(())
}

fn bad_input(world: &mut World) -> Result<()> {
    let stranger = "usr_01jd3h0000000000000000000a";
    let cases = [
        ("?outcome=everything", 400),
        ("?outcome=failed&reason=no_consent", 400),
        ("?reason=unreachable", 400),
        ("?outcome=skipped&reason=%00", 400),
        ("?after=slept", 400),
        ("?from=1", 400),
        ("?from=-1.0.0", 400),
        ("?from=99999999999999999999.0.0", 400),
        ("?from=x1.999.1", 400),
        ("?outcome=%FF", 400),
        ("?friend=haneul", 422),
        ("?friend=%3Cb%3E", 422),
        (&*format!("?friend={stranger}"), 422),
        ("?friend=cmp_01jd3h0000000000000000000a", 422),
        (&*format!("?friend={}", "x".repeat(5_000)), 422),
        ("?outcome=&reason=&after=&friend=&from=", 200),
        ("?unknown=1&outcome=failed", 200),
        ("?from=18446744073709551615.255.4294967295", 200),
        ("?from=x4294967295.255.4294967295", 200),
        ("?from=0.0.0&from=0.0.1", 200),
    ];
    for (query, status) in cases {
        let page = world.browser.get(&world.path(&format!("sends{query}")))?;
        ensure!(page.status == status, "{query}: {page:?}");
        ensure!(page.body.contains("<h1"), "{query}: {page:?}");
        ensure!(!page.body.contains("<b>"), "{query}: {page:?}");
        if status == 422 {
            ensure!(
                page.body.contains("id=\"friend-error\""),
                "{query}: {page:?}"
            );
        }
    }
    for query in ["?outcome=everything", "?friend=haneul", "?from=1"] {
        let page = world
            .browser
            .get(&world.path(&format!("sends.csv{query}")))?;
        ensure!(page.status == 400, "{query}: {page:?}");
    }
    Ok(())
}

fn kept_out(world: &mut World) -> Result<()> {
    let neighbour = Brand::open(&world.platform.brand.data, "@neighbour")?;
    let address = world.platform.recipe.listen;
    let mut browser = Browser::of_member(address, &neighbour, "owner")?;
    for page in ["report", "report/live", "sends", "sends.csv"] {
        for handle in ["@neighbour", "@hanok"] {
            let path = format!("/console/{handle}/campaigns/{}/{page}", world.campaign);
            let answer = browser.get(&path)?;
            ensure!(answer.status == 404, "{path}: {answer:?}");
            ensure!(!answer.body.contains("첫눈"), "{path}: {answer:?}");
        }
        for id in [
            "cmp_01jd3h0000000000000000000a",
            "x",
            "usr_01jd3h0000000000000000000a",
        ] {
            let path = format!("/console/@hanok/campaigns/{id}/{page}");
            ensure!(world.browser.get(&path)?.status == 404, "{path}");
        }
    }
    Ok(())
}

fn cancelled() -> Result<()> {
    let mut draw = Draw::seeded("console report cancelled", 37);
    let times = Times::default();
    let platform = Platform::create(Place::Beside, 400, &[], times, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let brand = &platform.brand;
    let slowly = Wishes {
        rate: Some(40),
        ..Wishes::default()
    };
    let campaign = brand.campaign("slow", slowly)?;
    brand.launch(&campaign)?;
    platform.wait_for_accepted(30, SOON)?;
    admin(&brand.data, &["campaign", "cancel", &campaign])?;
    let shown = wait_for_shown(&platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    let accepted = number(&shown, "accepted")?;
    let rest = brand.reachable - accepted;
    ensure!(accepted > 0 && rest > 0, "{shown}");
    let mut browser = Browser::of_member(program.address(), brand, "finance")?;
    browser.keep_cookie("chingu_language", "en");
    let page = browser.read(&format!("/console/@hanok/campaigns/{campaign}/report"))?;
    let amount = |people: u64| format!("{} KRW", grouped(people * 15));
    for words in [
        "This campaign was cancelled".to_owned(),
        format!(
            "{accepted} people had got it already: {} billed",
            amount(accepted)
        ),
        format!(
            "The other {rest} people were not sent to: {} went back",
            amount(rest)
        ),
    ] {
        ensure!(page.contains(&words), "{words}: {page}");
    }
    Ok(())
}

/// Lines of a report by the names of its columns; its fields have no commas.
fn lines_of(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = csv.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let line = |line: &str| {
        let fields = line.split(',').map(str::to_owned);
        columns
            .iter()
            .map(|column| (*column).to_owned())
            .zip(fields)
            .collect()
    };
    lines.map(line).collect()
}

/// Everything that stands between two texts, one after the other.
fn all_between<'a>(
    text: &'a str,
    before: &'a str,
    after: &'a str,
) -> impl Iterator<Item = &'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(move |part| part.split_once(after).map(|(found, _)| found))
}

/// A tenth of a number as money says it: with its decimal where there is one.
fn grouped_tenths(tenths: usize) -> String {
    match tenths % 10 {
        0 => grouped(tenths / 10),
        rest => format!("{}.{rest}", grouped(tenths / 10)),
    }
}
