//! The messenger's screen beside the program that pushes to it: what is sent appears, what is done
//! there reaches the platform, and a message looks as the composer's preview showed it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, between, percent_encoded};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, text};
use chingu_tests::wait::{self, Stopwatch};
use domain::handle::Handle;
use domain::id::CampaignId;
use serde_json::{Value, json};
use store::Store;
use store::directory::Account;
use store::growth::FriendTally;

use crate::stage::wait_for_shown;

const FRIENDS: u64 = 40;
const SOON: Duration = Duration::from_secs(20);
/// A process that waits for a stream takes all the time it is given.
const STOPS_WITHIN: Duration = Duration::from_secs(8);
const WORDS: &str = "첫눈이 와요 <b>❄️</b> https://hanok.example/snow";

#[test]
fn what_is_sent_appears_and_what_is_done_is_told() {
    sent_and_done().unwrap();
}

#[test]
fn a_message_looks_as_its_preview_did() {
    as_previewed().unwrap();
}

#[test]
fn an_open_stream_does_not_keep_the_program_from_stopping() {
    stopped().unwrap();
}

fn messages() -> Value {
    json!([
        {"type": "text", "text": WORDS},
        {"type": "template", "altText": "첫눈 기획전", "template": {"type": "buttons",
         "title": "첫눈 기획전", "text": "담요 최대 20%", "actions": [
            {"type": "uri", "label": "보러 가기", "uri": "https://hanok.example/sale"},
            {"type": "message", "label": "물어보기", "text": "언제까지예요?"}]}},
    ])
}

/// Sends the messages to everybody and waits for the end; the campaign.
fn broadcast(platform: &Platform) -> Result<CampaignId> {
    let campaign = ["campaign", "create", "--account", "@hanok", "--name", "눈"];
    let said = messages().to_string();
    let created = admin(
        &platform.brand.data,
        &[&campaign[..], &["--messages", &said]].concat(),
    )?;
    let campaign = text(&created, "id")?;
    platform.brand.launch(campaign)?;
    wait_for_shown(platform, campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    Ok(campaign.parse()?)
}

/// The phone of somebody the last push reached: `/messenger/U…`.
fn somebody(browser: &mut Browser) -> Result<String> {
    let page = browser.read("/messenger")?;
    Ok(between(&page, "data-live=\"", "/live\"")?.to_owned())
}

fn tally(platform: &Platform) -> Result<FriendTally> {
    read(platform, async |store, account| {
        Ok(store.friend_tally(account.id).await?)
    })
}

/// People who opened what was sent, and who clicked.
fn receipts(platform: &Platform, campaign: CampaignId) -> Result<(u64, u64)> {
    read(platform, async |store, account| {
        let told = store.receipts(account.business, campaign).await?;
        Ok((told.opened.people, told.clicked.people))
    })
}

fn read<T>(platform: &Platform, what: impl AsyncFnOnce(&Store, Account) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let store = Store::open(&engine::database(&platform.brand.data)).await?;
        let account = store.account_by_handle(&Handle::parse("@hanok")?).await?;
        let seen = what(&store, account.context("the account")?).await?;
        store.close().await?;
        Ok(seen)
    })
}

fn sent_and_done() -> Result<()> {
    let mut draw = Draw::seeded("phone", 1);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = broadcast(&platform)?;
    let before = tally(&platform)?;
    let mut browser = Browser::open(program.address())?;
    let phone = somebody(&mut browser)?;
    let list = browser.read(&phone)?;
    ensure!(list.contains("class=\"unread\""), "{list}");
    let chat = format!("{phone}/@hanok");
    let page = browser.read(&chat)?;
    ensure!(page.contains("첫눈이 와요 &#60;b&#62;"), "{page}");
    let push = between(&page, "name=\"push\" value=\"", "\"")?.to_owned();
    let tap = |place: &'static str| [("push", push.clone()), ("tap", place.to_owned())];
    let mut tapped = |place| {
        let fields = tap(place);
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        browser.post_form(&format!("{chat}/tap"), &fields)
    };
    let led = tapped("1:/template/actions/0")?;
    ensure!(
        led.status == 303 && led.location().contains("/open?"),
        "{led:?}"
    );
    ensure!(tapped("1:/template/actions/1")?.status == 303);
    ensure!(tapped("opt-out")?.status == 303);
    // Somebody new comes by the account's own link; nobody told the messenger of its words.
    let add = "/messenger/add/@hanok?source=store";
    let page = browser.read(add)?;
    ensure!(page.contains("광고성 정보 수신에 동의합니다"), "{page}");
    let wording = between(&page, "name=\"wording\" value=\"", "\"")?;
    let fields = [
        ("who", "new"),
        ("name", "새 친구"),
        ("source", "store"),
        ("wording", wording),
        ("promotion", "yes"),
    ];
    let added = browser.post_form("/messenger/add/@hanok", &fields)?;
    ensure!(added.status == 303, "{added:?}");
    let other = added.location().trim_end_matches("#end").to_owned();
    wait::until_state(
        "the platform has the receipts",
        SOON,
        || receipts(&platform, campaign),
        |receipts| *receipts == (1, 1),
    )?;
    // Told by itself: one reachable friend less, one more; then one active friend less.
    wait::until_state(
        "the platform heard of both",
        SOON,
        || tally(&platform),
        |now| now.active() == before.active() + 1 && now.reachable == before.reachable,
    )?;
    browser.post_form(&format!("{other}/do"), &[("deed", "block")])?;
    wait::until_state(
        "the platform heard of the block",
        SOON,
        || tally(&platform),
        |now| now.active() == before.active() && now.reachable + 1 == before.reachable,
    )?;
    let page = browser.read(&chat)?;
    ensure!(page.contains("언제까지예요?"), "{page}");
    wait::until_state(
        "nothing is left to tell",
        SOON,
        || browser.read(&chat),
        |page| has_untold(page, 0),
    )?;
    program.stop()?;
    Ok(())
}

/// Whether the page says that so much is not told yet.
fn has_untold(page: &str, count: u64) -> bool {
    page.contains(&format!("<dd>{count}</dd>\n    </dl>"))
}

fn as_previewed() -> Result<()> {
    let mut draw = Draw::seeded("phone", 2);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let mut member = Browser::of_member(program.address(), &platform.brand, "composer")?;
    let begun = member.post_form("/console/@hanok/campaigns", &[])?;
    let draft = begun.location().to_owned();
    ensure!(draft.ends_with("/message"), "{begun:?}");
    let fields = [
        ("name", "눈"),
        ("purpose", "promotion"),
        ("version", "0"),
        ("window", "w"),
        ("cards[0].kind", "text"),
        ("cards[0].text", WORDS),
        ("cards[1].kind", "buttons"),
        ("cards[1].alt", "첫눈 기획전"),
        ("cards[1].title", "첫눈 기획전"),
        ("cards[1].text", "담요 최대 20%"),
        ("cards[1].buttons[0].label", "보러 가기"),
        ("cards[1].buttons[0].kind", "uri"),
        ("cards[1].buttons[0].value", "https://hanok.example/sale"),
        ("cards[1].buttons[1].label", "물어보기"),
        ("cards[1].buttons[1].kind", "message"),
        ("cards[1].buttons[1].value", "언제까지예요?"),
    ];
    let accept = [("accept", "application/json")];
    let saved = member.post_form_with(&draft, &fields, &accept)?;
    let answer: Value = serde_json::from_str(&saved.body).with_context(|| saved.body.clone())?;
    let preview = answer["preview"].as_str().context("a preview")?;
    broadcast(&platform)?;
    let phone = somebody(&mut member)?;
    let chat = member.read(&format!("{phone}/{}", percent_encoded("@hanok")))?;
    let (shown, previewed) = (block(&chat)?, block(preview)?);
    ensure!(shown == previewed, "chat:\n{shown}\npreview:\n{previewed}");
    ensure!(shown.contains("물어보기"), "{shown}");
    program.stop()?;
    Ok(())
}

/// The nodes of one push, but for the time of day under them.
fn block(page: &str) -> Result<String> {
    let nodes = between(page, "<div class=\"from\">", "<span class=\"at\">")?;
    Ok(nodes.to_owned())
}

fn stopped() -> Result<()> {
    let mut draw = Draw::seeded("phone", 3);
    let platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    broadcast(&platform)?;
    let phone = somebody(&mut Browser::open(program.address())?)?;
    let mut stream = TcpStream::connect(program.address())?;
    stream.set_read_timeout(Some(SOON))?;
    let request = format!(
        "GET {phone}/live HTTP/1.1\r\nHost: {}\r\n\r\n",
        program.address()
    );
    stream.write_all(request.as_bytes())?;
    let mut begun = [0; 1024];
    let length = stream.read(&mut begun)?;
    let begun = String::from_utf8_lossy(&begun[..length]).into_owned();
    ensure!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    let watch = Stopwatch::start();
    let (status, _) = program.stop()?;
    ensure!(status.success(), "{status}");
    ensure!(watch.elapsed() < STOPS_WITHIN, "{:?}", watch.elapsed());
    Ok(())
}
