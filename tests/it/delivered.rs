//! A contract that bills what was confirmed delivered, from the agreement to the bill, by shell: a
//! broadcast and a day of API sending are accepted and held, a share is confirmed, some fail, and
//! the rest is written off at its deadline. The machine's clock is set past it, on the embedded
//! engine, whose clock it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::machine::Machine;
use chingu_tests::messenger;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{self, admin};
use chingu_tests::world::{Brand, MESSAGES, UNTARGETED_MICRO, Wishes};
use domain::campaign::{Purpose, StandingOperation};
use domain::handle::Handle;
use domain::id::IdSource;
use domain::message::Rules;
use domain::user::UserKey;
use scheduler::standing::{ApiSender, Recipients, SendRequest};
use serde_json::Value;
use store::Store;
use testkit::{ManualClock, SeededIds};
use tokio::sync::Notify;

use crate::stage::{now, number, resum, wait_for_shown};
use crate::ways::all_agree;

const FRIENDS: u64 = 60;
const PRICE: u64 = UNTARGETED_MICRO as u64;
/// Past the day of API sending and the deadline of whoever was not confirmed.
const PAST_THE_DEADLINE: Duration = Duration::from_secs(5 * 86_400);

#[test]
fn only_what_was_confirmed_delivered_is_billed() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("delivered", 21);
    let mut keys = Vec::new();
    let make = |data: &Path| -> Result<Brand> {
        engine::place_embedded(data);
        let mut brand = Brand::open(data, "@hanok")?;
        let csv = all_agree(FRIENDS, &mut draw);
        for line in csv.lines().skip(1) {
            let key = line.split(',').next().context("a key")?;
            keys.push(UserKey::parse(key)?);
        }
        let imported = brand.befriend("friends", csv.as_bytes())?;
        ensure!(imported["accepted"] == FRIENDS, "{imported}");
        (brand.friends, brand.reachable) = (FRIENDS, FRIENDS);
        Ok(brand)
    };
    let mut platform = Platform::with_brand(Place::Beside, &[], Times::default(), make)?;
    agree(&platform.brand)?;
    let before = available(&platform.brand)?;
    let running = platform.recipe.clone().start()?;
    let broadcast = platform.brand.campaign("autumn", Wishes::default())?;
    platform.brand.launch(&broadcast)?;
    waits(&platform, &broadcast, "closing")?;
    let day = sent_by_api(&platform.brand, &keys)?;
    waits(&platform, &day, "running")?;
    sums(&platform.brand, &broadcast, "unconfirmed", FRIENDS)?;

    // Half of it is told of, and of that four in five are confirmed.
    let resolved = platform.messenger.resolve_accepted(0.8, 0.5)?;
    let (confirmed, failed) = (
        number(&resolved, "confirmed")?,
        number(&resolved, "failed")?,
    );
    ensure!(confirmed > 0 && failed > 0, "{resolved}");
    ensure!(confirmed + failed < 2 * FRIENDS, "{resolved}");
    let both = [broadcast.as_str(), day.as_str()];
    let billed = told(&platform, &both, (confirmed, failed))?;
    running.stop()?;

    let machine = Machine::build()?;
    machine.set_clock_ahead(PAST_THE_DEADLINE)?;
    for (name, value) in machine.environment() {
        platform.recipe = platform.recipe.clone().with(name, value);
    }
    let running = platform.recipe.clone().start()?;
    let mut written_off = 0;
    for campaign in both {
        let closed = |shown: &Value| shown["state"] == "closed";
        let shown = wait_for_shown(&platform, campaign, "closed", closed)?;
        ensure!(number(&shown, "uncertain")? == 0, "{shown}");
        ensure!(number(&shown, "open_micro")? == 0, "{shown}");
        let accepted = number(&shown, "accepted")?;
        ensure!(
            number(&shown, "captured_micro")? == accepted * PRICE,
            "{shown}"
        );
        let report = resum(&platform.brand, campaign)?;
        ensure!(report["error_count"] == 0, "{report}");
        ensure!(report["billable"] == accepted, "{report}");
        ensure!(
            report["billed_micro"] == shown["captured_micro"],
            "{report}"
        );
        let cancelled = number(&shown, "cancelled")?;
        ensure!(report["outcomes"]["written_off"] == cancelled, "{report}");
        written_off += cancelled;
        // The messenger took it for everybody, whatever became of it.
        let counted = messenger::count(&platform.messenger.log()?, campaign);
        ensure!(
            (counted.people, counted.duplicates) == (FRIENDS, 0),
            "{counted:?}"
        );
    }
    ensure!(
        confirmed + failed + written_off == 2 * FRIENDS,
        "{written_off}"
    );
    running.stop()?;
    ensure!(before - available(&platform.brand)? == billed, "the wallet");
    let found = shell::reconcile(&platform.brand.data)?;
    ensure!(found["clean"] == true, "{found}");
    Ok(())
}

fn agree(brand: &Brand) -> Result<()> {
    let of = ["--business", brand.business.as_str()];
    let refused = [
        &["admin", "contract", "agree", "--billable", "opened"],
        &of[..],
    ]
    .concat();
    let refused = shell::run(&brand.data, &refused)?;
    ensure!(!refused.status.success(), "{}", shell::words(&refused));
    let agree = ["contract", "agree", "--billable", "delivered"];
    let agreed = admin(&brand.data, &[&agree[..], &of].concat())?;
    ensure!(agreed["billable"] == "delivered", "{agreed}");
    let shown = admin(&brand.data, &[&["contract", "show"], &of[..]].concat())?;
    ensure!(shown["in_effect"]["billable"] == "delivered", "{shown}");
    Ok(())
}

/// Everybody was accepted, nobody is billed, all of it is held.
fn waits(platform: &Platform, campaign: &str, state: &str) -> Result<()> {
    let all_wait = |shown: &Value| shown["uncertain"] == FRIENDS && shown["state"] == state;
    let shown = wait_for_shown(platform, campaign, "accepted", all_wait)?;
    ensure!(shown["billable"] == "delivered", "{shown}");
    ensure!(
        number(&shown, "accepted")? == 0 && number(&shown, "captured_micro")? == 0,
        "{shown}"
    );
    ensure!(number(&shown, "open_micro")? >= FRIENDS * PRICE, "{shown}");
    Ok(())
}

/// The report says so of so many, each with its reason.
fn sums(brand: &Brand, campaign: &str, outcome: &str, people: u64) -> Result<()> {
    let report = resum(brand, campaign)?;
    ensure!(report["error_count"] == 0, "{report}");
    ensure!(report["outcomes"][outcome] == people, "{report}");
    ensure!(report["billable"] == 0, "{report}");
    Ok(())
}

/// What the messenger told is in the books, to the person; what is billed, in micro-units.
fn told(platform: &Platform, campaigns: &[&str], (confirmed, failed): (u64, u64)) -> Result<u64> {
    let (mut billed, mut accepted, mut refused) = (0, 0, 0);
    for campaign in campaigns {
        let is_told = |shown: &Value| {
            let of = |field: &str| shown[field].as_u64().unwrap_or(0);
            of("accepted") > 0 && of("captured_micro") == of("accepted") * PRICE
        };
        let shown = wait_for_shown(platform, campaign, "captured", is_told)?;
        let decided = number(&shown, "accepted")? + number(&shown, "failed")?;
        ensure!(number(&shown, "uncertain")? + decided == FRIENDS, "{shown}");
        billed += number(&shown, "captured_micro")?;
        accepted += number(&shown, "accepted")?;
        refused += number(&shown, "failed")?;
    }
    ensure!(
        (accepted, refused) == (confirmed, failed),
        "{accepted}, {refused}"
    );
    Ok(billed)
}

/// A push to everybody, taken by a process of the API beside the program; its day's campaign.
fn sent_by_api(brand: &Brand, keys: &[UserKey]) -> Result<String> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Store::open(&engine::database(&brand.data)).await?;
        let handle = Handle::parse(&brand.handle)?;
        let account = store.account_by_handle(&handle).await?;
        let account = account.context("the account")?;
        let ids: Arc<dyn IdSource> = Arc::new(SeededIds::of(77));
        let sender = ApiSender {
            process: ids.next(),
            store: store.clone(),
            clock: Arc::new(ManualClock::at(now())),
            ids,
            connector_rate: None,
            wake: Arc::new(Notify::new()),
        };
        let messages = domain::message::parse(MESSAGES, &Rules::default());
        let messages = messages.map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
        let request = SendRequest {
            id: sender.ids.next(),
            business: account.business,
            account: account.id,
            operation: StandingOperation::Multicast,
            purpose: Purpose::Promotion,
            messages: &messages,
            notification_disabled: false,
            recipients: Recipients::Keys(keys),
            all_known: false,
            retry_key: None,
            unit: None,
            answer: None,
            reply_token: None,
        };
        let accepted = sender.send(&request).await?.request;
        sender.end_blocks().await?;
        store.close().await?;
        Ok(accepted.campaign.to_string())
    })
}

/// Of the wallet, in micro-units: a top-up that was made before changes nothing, and says so.
fn available(brand: &Brand) -> Result<u64> {
    number(&brand.top_up("1", "one-won")?, "available_micro")
}
