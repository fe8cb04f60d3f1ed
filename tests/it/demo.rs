//! The demo of a first start: whole after a kill, made once, and nothing where it is not wanted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use chingu_tests::engine;
use chingu_tests::program::Recipe;
use chingu_tests::shell::json;
use chingu_tests::{http, verdict, wait};
use domain::money::{Currency, Money};
use serde_json::Value;
use store::campaign_list::ListQuery;
use store::receipt::CampaignReceipts;
use store::sandbox::{AcceptLog, SandboxStore};
use store::{Store, StoreConfig};

const FRIENDS: u64 = 1_240;
const REACHABLE: u64 = 1_000;
/// What the shop paid in, and what a message costs.
const FUNDS: Money = Money::whole(1_000_000, Currency::Krw);
const PRICE: Money = Money::whole(15, Currency::Krw);
/// The demo's folder appears long before.
const BEGUN_WITHIN: Duration = Duration::from_secs(20);

#[test]
fn a_first_start_makes_the_demo_and_a_second_changes_nothing() {
    first_and_second().unwrap();
}

#[test]
fn killed_while_it_is_made_the_demo_is_made_again() {
    killed().unwrap();
}

#[test]
fn where_no_demo_is_wanted_there_is_nothing() {
    unwanted().unwrap();
}

fn first_and_second() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let recipe = with_demo(folder.path())?;
    let program = recipe.clone().start()?;
    let before = facts(&recipe.data)?;
    ensure!(before == expected(), "{before:?}");
    let (_, recipe) = program.stop()?;
    let greeting = std::fs::read_to_string(&recipe.log)?;
    ensure!(greeting.contains("jiwoo@hanok.example"), "{greeting}");
    let program = recipe.clone().start()?;
    let after = facts(&recipe.data)?;
    ensure!(after == before, "{after:?}");
    program.stop()?;
    Ok(())
}

fn killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let recipe = with_demo(folder.path())?;
    let begun = recipe.data.join(".demo").join("chingu.db");
    let program = recipe.spawn()?;
    wait::until(
        "the demo is being made",
        BEGUN_WITHIN,
        || begun.exists().then_some(()),
        || program.recipe().log_end(),
    )?;
    let recipe = program.kill()?;
    ensure!(
        !recipe.data.join("chingu.db").exists(),
        "it was made already"
    );
    let program = recipe.clone().start()?;
    let found = facts(&recipe.data)?;
    ensure!(found == expected(), "{found:?}");
    ensure!(!recipe.data.join(".demo").exists(), "a folder is left over");
    program.stop()?;
    Ok(())
}

fn unwanted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, arguments) in [
        ("flag", &["serve", "--no-demo"][..]),
        ("alone", &["--no-demo"]),
    ] {
        let recipe = Recipe::new(folder.path(), name, arguments)?.with("CHINGU_NO_DEMO", "");
        engine::place_embedded(&recipe.data);
        let program = recipe.clone().start()?;
        let page = http::get(program.address(), "/console")?;
        ensure!(page.status == 200, "{page:?}");
        ensure!(
            page.body.contains("chingu admin business create"),
            "{page:?}"
        );
        let found = facts(&recipe.data)?;
        ensure!(found == Facts::default(), "{found:?}");
        program.stop()?;
    }
    Ok(())
}

fn is_believable(report: &CampaignReceipts) -> bool {
    let is_clicked = report.links.len() == 2 && report.links.iter().all(|link| link.unique > 20);
    let (opened, clicked) = (report.opened.people, report.clicked.people);
    is_clicked
        && (400..report.delivered).contains(&opened)
        && (100..opened).contains(&clicked)
        && report.blocked_afterwards >= 3
        && report.over_time.len() > 24
}

fn with_demo(folder: &Path) -> Result<Recipe> {
    let recipe = Recipe::new(folder, "demo", &["serve"])?.with("CHINGU_NO_DEMO", "");
    engine::place_embedded(&recipe.data);
    Ok(recipe)
}

/// What the demo is, as the database tells it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Facts {
    businesses: usize,
    active: u64,
    gone: u64,
    reachable: u64,
    /// By state, sorted.
    campaigns: Vec<String>,
    /// Whether the wallet lacks exactly what the messenger accepted.
    is_paid_exactly: bool,
    /// Whom the messenger knows by name.
    named: u64,
    has_reached_many: bool,
    /// Whether both broadcasts were opened, clicked by every link, and lost a friend or two.
    has_reports: bool,
    pictures: u64,
}

fn expected() -> Facts {
    Facts {
        businesses: 1,
        active: FRIENDS - 43 - 18,
        gone: 43 + 18,
        reachable: REACHABLE,
        campaigns: ["closed", "closed", "draft", "scheduled"]
            .map(Into::into)
            .into(),
        has_reports: true,
        pictures: 1,
        is_paid_exactly: true,
        named: FRIENDS,
        has_reached_many: true,
    }
}

fn facts(data: &Path) -> Result<Facts> {
    let reconciliation: Value = json(data, &["reconcile"])?;
    let violations = verdict::violations(&reconciliation)?;
    ensure!(violations.is_empty(), "{violations:?}");
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Store::open(&StoreConfig::durable(data.join("chingu.db"))).await?;
        let mut facts = Facts::default();
        let messenger = data.join("sandbox.db");
        let sandbox = SandboxStore::open(&messenger).await?;
        facts.named = sandbox.people_count().await?;
        sandbox.close().await;
        let accepted = AcceptLog::open(&messenger).await?.summary().await?.accepted;
        facts.has_reached_many = accepted > 2 * (REACHABLE - 50);
        for business in store.businesses().await? {
            facts.businesses += 1;
            let wallet = store::wallet::find(&store, business.id).await?;
            let paid = FUNDS.checked_sub(wallet.available)?;
            facts.is_paid_exactly |= paid == PRICE.times(accepted)?;
            for account in store.accounts_of_business(business.id).await? {
                let tally = store.friend_tally(account.id).await?;
                facts.active += tally.active();
                facts.gone += tally.blocked + tally.left;
                facts.reachable += tally.reachable;
                let every_state: Vec<u8> = (0..=u8::MAX).collect();
                let query = ListQuery {
                    account: account.id,
                    states: &every_state,
                    text: "",
                    before: None,
                    limit: 100,
                };
                let snapshot = store.snapshot().await?;
                let campaigns = snapshot.list_campaigns(&query).await?;
                snapshot.end().await?;
                let states = campaigns.iter().map(|one| one.state.name().to_owned());
                facts.campaigns.extend(states);
                facts.pictures += store.media_count(account.id).await?;
                let closed = campaigns.iter().filter(|one| one.closed_at.is_some());
                let mut reports = Vec::new();
                for campaign in closed {
                    reports.push(store.receipts(business.id, campaign.id).await?);
                }
                facts.has_reports = !reports.is_empty() && reports.iter().all(is_believable);
            }
        }
        facts.campaigns.sort();
        store.close().await?;
        Ok(facts)
    })
}
