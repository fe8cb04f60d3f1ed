//! Fifty campaigns at once, and money for ten of them; the price changes meanwhile.
//!
//! A trigger of the test looks at every commit that moves money: what was paid in covers what is
//! held and spent, or it writes down what it saw.

use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::shell;
use chingu_tests::verdict::{Verdict, Witnesses};
use chingu_tests::wait;
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};

use super::site::{RECOVERED_WITHIN, Site};
use super::{Act, Case, NO_LOAD, Struck, Told, is_whole};

const CAMPAIGNS: usize = 50;
/// As many of them the money is for, at the first price.
const PAID_FOR: i64 = 10;
/// Asked for before the price rises.
const AT_FIRST: usize = 4;
const FRIENDS: u64 = 600;
const FRIENDS_SHORT: u64 = 120;
/// From some moment on during the launches, in micro-units.
const DEARER_MICRO: i64 = 20_000_000;

/// Deferred: it sees each commit as a whole. Kind 1 is a payment; 15 stands for the base price.
const WATCH: &str = "
    CREATE TABLE overspent (business BYTEA, paid BIGINT, held_and_spent BIGINT);
    CREATE TABLE looked_at (one BIGINT);
    CREATE FUNCTION watch_money() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      paid BIGINT;
      gone BIGINT;
    BEGIN
      SELECT COALESCE(SUM(ABS(e.amount)), 0) / 2 INTO paid
        FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.ledger_transaction
        WHERE t.business = NEW.business AND t.kind = 1;
      SELECT COALESCE(SUM(amount - released), 0) INTO gone
        FROM hold WHERE business = NEW.business;
      INSERT INTO looked_at VALUES (1);
      IF gone > paid THEN
        INSERT INTO overspent VALUES (NEW.business, paid, gone);
      END IF;
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER watch_holds AFTER INSERT OR UPDATE ON hold
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch_money();
    CREATE CONSTRAINT TRIGGER watch_wallets AFTER INSERT OR UPDATE ON wallet
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION watch_money();";

pub(super) const CASES: &[Case] = &[Case::new(
    "F22",
    "50 campaigns at once, money for 10; the price rises meanwhile",
    Act::Alone(money_for_ten),
)];

fn money_for_ten(draw: &mut Draw) -> Result<Told> {
    let mut site = Site::build(NO_LOAD, draw)?;
    site.start()?;
    site.execute(WATCH)?;
    let brand = poor_brand(&site, draw)?;
    let campaigns = (0..CAMPAIGNS)
        .map(|number| brand.campaign(&format!("edge {number}"), Wishes::default()))
        .collect::<Result<Vec<_>>>()?;
    let mut shells = Vec::new();
    for (number, campaign) in campaigns.iter().enumerate() {
        if number == AT_FIRST {
            wait_for_a_launch(&site, &brand)?;
            raise_the_price(&site)?;
        }
        let launch = ["admin", "campaign", "launch", campaign, "--json"];
        shells.push(shell::spawn(&brand.data, &launch)?);
    }
    let outputs = shells
        .into_iter()
        .map(|shell| Ok(shell.wait_with_output()?))
        .collect::<Result<Vec<Output>>>()?;
    let launched: Vec<&String> = campaigns
        .iter()
        .zip(&outputs)
        .filter(|(_, output)| output.status.success())
        .map(|(campaign, _)| campaign)
        .collect();
    let refused = outputs.iter().filter(|output| !output.status.success());
    for output in refused {
        let words = shell::words(output);
        ensure!(words.contains("waits for funds"), "refused: {words}");
    }
    let told = judge_all(&site, &brand, &launched)?;
    site.stop()?;
    Ok(told)
}

/// With money for exactly so many campaigns to everybody.
fn poor_brand(site: &Site, draw: &mut Draw) -> Result<Brand> {
    let friends = if is_whole() { FRIENDS } else { FRIENDS_SHORT };
    let brand = Brand::create_unfunded(&site.small.data, "@poor", friends, draw)?;
    let won = PAID_FOR * brand.reachable as i64 * UNTARGETED_MICRO / 1_000_000;
    brand.top_up(&won.to_string(), "for-ten")?;
    Ok(brand)
}

/// Some are held at the first price; the others meet the second one.
fn wait_for_a_launch(site: &Site, brand: &Brand) -> Result<()> {
    let amount = brand.reachable as i64 * UNTARGETED_MICRO;
    let holds = format!("SELECT COUNT(*) FROM hold WHERE amount = {amount}");
    wait::until_state(
        "a campaign is launched",
        RECOVERED_WITHIN,
        || site.number(&holds),
        |holds| *holds > 0,
    )?;
    Ok(())
}

fn raise_the_price(site: &Site) -> Result<()> {
    site.execute(&format!(
        "INSERT INTO price (version, currency, tariff, unit_price, effective_from)
         SELECT 2, currency, tariff, {DEARER_MICRO}, {} FROM price WHERE version = 1",
        wait::wall_ms()
    ))
}

fn judge_all(site: &Site, brand: &Brand, launched: &[&String]) -> Result<Told> {
    for campaign in launched {
        let closed = wait::until_state(
            &format!("{campaign} is closed"),
            RECOVERED_WITHIN,
            || {
                wait::let_pass(Duration::from_millis(200));
                brand.show(campaign)
            },
            |shown| shown["state"] == "closed",
        );
        closed.with_context(|| site.logs())?;
    }
    let witnesses = Witnesses::ask(brand, &site.messenger)?;
    let mut sum: Option<Verdict> = None;
    let mut dear = 0;
    for campaign in launched {
        let verdict = Verdict::by(&witnesses, brand, campaign, 0.0)?;
        let price = verdict.held_micro / verdict.attempted as i64;
        ensure!(
            [UNTARGETED_MICRO, DEARER_MICRO].contains(&price),
            "held at {price}: {verdict:?}"
        );
        dear += usize::from(price == DEARER_MICRO);
        verdict.assert_exactly_once_at(price)?;
        ensure!(verdict.recorded == verdict.attempted, "{verdict:?}");
        sum = Some(sum.map_or(verdict.clone(), |sum| sum.and(&verdict)));
    }
    let verdict = sum.context("none was launched")?;
    let paid = PAID_FOR * brand.reachable as i64 * UNTARGETED_MICRO;
    ensure!(verdict.billed_micro <= paid, "spent more than was paid in");
    let left = paid - verdict.billed_micro;
    ensure!(
        left < brand.reachable as i64 * DEARER_MICRO,
        "{left} left, and nobody launched: {} did",
        launched.len()
    );
    let commits = site.number("SELECT COUNT(*) FROM looked_at")?;
    let overspent = site.number("SELECT COUNT(*) FROM overspent")?;
    ensure!(commits > 0, "missed: the trigger saw nothing");
    ensure!(overspent == 0, "{overspent} commits overspent");
    ensure!(
        dear > 0 && dear < launched.len(),
        "missed: {dear} of {} were launched at the new price",
        launched.len()
    );
    let proof = format!(
        "{} launched, {dear} of them at the new price, {} wait for funds; {commits} commits looked \
         at, 0 micro-units overspent",
        launched.len(),
        CAMPAIGNS - launched.len()
    );
    Ok(Told {
        verdict,
        struck: Struck {
            recovery_seconds: 0.0,
            proof,
        },
    })
}
