//! What a brand's program is told: signed, soon, with one id however often the server is killed;
//! and to no address that is not public, however it is written.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::console::{Browser, between};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::http::Answer;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::shell::{admin, text, words};
use chingu_tests::wait;
use chingu_tests::world::Brand;
use domain::campaign::{CampaignKind, StandingOperation};
use domain::handle::Handle;
use domain::time::Timestamp;
use domain::user::LineUserId;
use domain::webhook::events::{Deed, FriendEvent, ReplyToken, WrittenMessage};
use domain::webhook::{self, EventId};
use serde_json::{Value, json};
use store::Store;
use testkit::WebhookTaker;
use testkit::webhook_taker::Taken;

use crate::stage::{number, wait_for_shown};
use crate::v1::Client;

const FRIENDS: u64 = 5;
/// From a tap on the screen to the program that is told.
const SOON: Duration = Duration::from_secs(20);
/// Until nobody believes any more that a killed process still tells the account something.
const AFTER_LEASE: Duration = Duration::from_secs(60);
const ENDPOINT: &str = "/v2/bot/channel/webhook/endpoint";
const TEST: &str = "/v2/bot/channel/webhook/test";
const REPLY: &str = "/v2/bot/message/reply";
const ALLOW: &str = "CHINGU_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES";
const RATE: &str = "CHINGU_API__RATE_LIMITS__WEBHOOK_TEST";

#[test]
fn a_new_friend_is_told_signed_and_with_one_id_whatever_is_killed() {
    told().unwrap();
}

#[test]
fn lines_library_knows_every_event_that_is_made() {
    every_class().unwrap();
}

#[test]
fn no_spelling_of_an_address_leads_inside() {
    nothing_inside().unwrap();
}

fn client(platform: &Platform, program: &Program) -> Result<Client> {
    let brand = &platform.brand;
    let issued = admin(&brand.data, &["token", "issue", "--account", &brand.handle])?;
    Ok(Client {
        address: program.address(),
        token: text(&issued, "token")?.to_owned(),
    })
}

/// Somebody new comes by the account's link on the messenger's screen.
fn befriend(recipe: &Recipe, name: &str) -> Result<()> {
    let mut browser = Browser::open(recipe.listen)?;
    let page = browser.read("/messenger/add/@hanok")?;
    let wording = between(&page, "name=\"wording\" value=\"", "\"")?;
    let fields = [
        ("who", "new"),
        ("name", name),
        ("wording", wording),
        ("promotion", "yes"),
    ];
    let added = browser.post_form("/messenger/add/@hanok", &fields)?;
    ensure!(added.status == 303, "{added:?}");
    Ok(())
}

/// Waits for so many events; all that came, in their order.
fn wait_for_events(
    taker: &WebhookTaker,
    count: usize,
    deadline: Duration,
    recipe: &Recipe,
) -> Result<Vec<Value>> {
    let what = format!("{count} events");
    let look = || Some(taker.events()).filter(|events| events.len() >= count);
    wait::until(&what, deadline, look, || recipe.log_end())
}

fn told() -> Result<()> {
    let mut draw = Draw::seeded("webhooks", 1);
    let mut platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    platform.recipe = platform.recipe.clone().with(ALLOW, "true");
    let taker = WebhookTaker::start();
    let program = platform.recipe.clone().start()?;
    let client = client(&platform, &program)?;
    let set = client.ask("PUT", ENDPOINT, None, &json!({"endpoint": taker.url()}))?;
    ensure!(set.status == 200, "{set:?}");
    befriend(program.recipe(), "새 친구")?;
    let events = wait_for_events(&taker, 1, SOON, program.recipe())?;
    expect_follow(&events[0])?;
    let taken = taker.taken();
    let secret = ["channel", "show", "--account", "@hanok", "--secret"];
    let shown = admin(&platform.brand.data, &secret)?;
    let secret = text(&shown, "secret")?;
    for request in &taken {
        let signature = domain::webhook::sign(secret, request.body.as_bytes());
        ensure!(request.headers["x-line-signature"] == signature);
        let body: Value = serde_json::from_str(&request.body)?;
        ensure!(body["destination"] == shown["bot_user_id"], "{body}");
    }
    let classes = classes(secret, &taken)?;
    ensure!(classes == ["FollowEvent"], "{classes:?}");
    reply(&platform, &client, &events[0])?;

    // Killed when the events are sent and nobody has written down that they were.
    let recipe = program.kill()?;
    let (pausing, file) = recipe.pausing_at("webhook:sent");
    let mut program = pausing.spawn()?;
    program.wait_until_ready()?;
    befriend(program.recipe(), "또 친구")?;
    program.wait_until_paused(&file, SOON)?;
    let before = wait_for_events(&taker, events.len() + 1, SOON, program.recipe())?;
    program.kill()?;
    let program = recipe.start()?;
    let after = wait_for_events(&taker, before.len() + 1, AFTER_LEASE, program.recipe())?;
    let id = |event: &Value| event["webhookEventId"].clone();
    let (lost, again) = (&before[before.len() - 1], &after[before.len()]);
    expect_follow(lost)?;
    ensure!(id(lost) == id(again), "{lost} and {again}");
    ensure!(id(lost) != id(&events[0]), "{lost}");
    ensure!(
        lost["timestamp"] == again["timestamp"],
        "{lost} and {again}"
    );
    program.stop()?;
    Ok(())
}

/// Every kind of event, and of message in one, with nothing and with everything that may be there;
/// each with the classes that it should become.
fn every_deed() -> Result<Vec<(Deed, String)>> {
    let picked = BTreeMap::from([("date".to_owned(), "2026-12-24".to_owned())]);
    let posted = |params: BTreeMap<String, String>| Deed::Posted {
        data: "a=1".to_owned(),
        params,
    };
    let mut deeds: Vec<(Deed, String)> = vec![
        (Deed::Followed { is_unblocked: true }, "FollowEvent".into()),
        (Deed::Unfollowed, "UnfollowEvent".into()),
        (posted(BTreeMap::new()), "PostbackEvent".into()),
        (posted(picked), "PostbackEvent".into()),
    ];
    let url = "https://brand.example/original";
    for (message, class) in [
        (json!({"type": "text", "text": "안녕"}), "Text"),
        (
            json!({"type": "sticker", "packageId": "1", "stickerId": "2"}),
            "Sticker",
        ),
        (json!({"type": "image"}), "Image"),
        (json!({"type": "image", "originalContentUrl": url}), "Image"),
        (json!({"type": "video", "duration": 60_000}), "Video"),
        (json!({"type": "audio", "duration": 60_000}), "Audio"),
        (json!({"type": "audio", "originalContentUrl": url}), "Audio"),
        (
            json!({"type": "file", "fileName": "a.pdf", "fileSize": 2_138}),
            "File",
        ),
        (
            json!({"type": "location", "latitude": 35.65, "longitude": 139}),
            "Location",
        ),
    ] {
        let written = WrittenMessage::parse(&message.to_string()).context("a message")?;
        let class = format!("MessageEvent {class}MessageContent");
        deeds.push((Deed::Wrote(written), class));
    }
    Ok(deeds)
}

fn every_class() -> Result<()> {
    let (mut bodies, mut expected) = (Vec::new(), Vec::new());
    for (place, (deed, class)) in (0u8..).zip(every_deed()?) {
        let token = deed.takes_reply();
        let event = FriendEvent {
            id: EventId::from_bytes([place; 16]),
            user: LineUserId::from_bytes([place; 16]),
            at: Timestamp::from_millis(1_795_000_000_000),
            deed,
        };
        bodies.push(event.to_json(token.then(|| ReplyToken::from_bytes([place; 16]))));
        expected.push(class);
    }
    let again: Vec<String> = bodies.iter().map(|body| webhook::again(body)).collect();
    let secret = "8c570fa6dd201bb328f1c1eac23a96d8";
    let mut requests = Vec::new();
    for bodies in [&bodies, &again] {
        let events: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let body = webhook::body(LineUserId::from_bytes([7; 16]), &events);
        let signature = webhook::sign(secret, body.as_bytes());
        requests.push(json!({"signature": signature, "body": body}));
    }
    let classes = parsed(secret, &requests)?;
    ensure!(classes == [expected.clone(), expected], "{classes:?}");
    Ok(())
}

/// What LINE's own library takes the events of these requests for.
fn classes(secret: &str, taken: &[Taken]) -> Result<Vec<String>> {
    let one = |request: &Taken| {
        let signature = &request.headers["x-line-signature"];
        json!({"signature": signature, "body": request.body})
    };
    let requests: Vec<Value> = taken.iter().map(one).collect();
    Ok(parsed(secret, &requests)?.concat())
}

/// The same for each request, as signature and body.
fn parsed(secret: &str, requests: &[Value]) -> Result<Vec<Vec<String>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk");
    let mut child = Command::new(folder.join("python"))
        .arg(folder.join("webhooks.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    let got = json!({"secret": secret, "requests": requests});
    stdin.write_all(got.to_string().as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{}", words(&output));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Answers an event: accepted once, recorded once, and free.
fn reply(platform: &Platform, client: &Client, event: &Value) -> Result<()> {
    let body = json!({
        "replyToken": event["replyToken"],
        "messages": [{"type": "text", "text": "어서 오세요"}],
    });
    let sent = client.ask("POST", REPLY, None, &body)?;
    ensure!(sent.status == 200, "{sent:?}");
    let again = client.ask("POST", REPLY, None, &body)?;
    ensure!(again.status == 400, "{again:?}");
    ensure!(again.body.contains("Invalid reply token"), "{again:?}");
    let runtime = tokio::runtime::Runtime::new()?;
    let campaigns = runtime.block_on(campaigns_of_replies(&platform.brand))?;
    let [campaign] = &*campaigns else {
        bail!("replies are of {campaigns:?}");
    };
    let shown = wait_for_shown(platform, campaign, "a reply is recorded", |shown| {
        shown["pending"] == 0 && shown["accepted"] != 0
    })?;
    ensure!(number(&shown, "accepted")? == 1, "{shown}");
    ensure!(number(&shown, "captured_micro")? == 0, "{shown}");
    Ok(())
}

async fn campaigns_of_replies(brand: &Brand) -> Result<Vec<String>> {
    let store = Store::open(&engine::database(&brand.data)).await?;
    let handle = Handle::parse(&brand.handle)?;
    let account = store.account_by_handle(&handle).await?;
    let account = account.context("the account")?.id;
    let alive = store.campaigns_alive().await?;
    store.close().await?;
    let reply = CampaignKind::Standing(StandingOperation::Reply);
    let replies = alive
        .iter()
        .filter(|campaign| campaign.account == account && campaign.kind == reply);
    Ok(replies.map(|campaign| campaign.id.to_string()).collect())
}

fn expect_follow(event: &Value) -> Result<()> {
    ensure!(event["type"] == "follow", "{event}");
    ensure!(event["follow"]["isUnblocked"] == false, "{event}");
    ensure!(event["source"]["type"] == "user", "{event}");
    for name in ["webhookEventId", "replyToken"] {
        let text = event[name].as_str().context(name)?;
        ensure!(!text.is_empty(), "{event}");
    }
    Ok(())
}

/// What leads to this machine and its neighbours, at a port that somebody listens on.
fn spellings(port: u16) -> Vec<String> {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.2",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "１２７.０.０.１",
        "127。0。0。1",
        "%31%32%37.0.0.1",
        "user@127.0.0.1",
        "user:word@localhost",
        "brand.example@127.0.0.1",
    ];
    let with =
        |host: &&str| ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}/hook"));
    hosts.iter().flat_map(with).collect()
}

fn nothing_inside() -> Result<()> {
    let mut draw = Draw::seeded("webhooks", 2);
    let mut platform = Platform::create(Place::Inside, FRIENDS, &[], Times::default(), &mut draw)?;
    platform.recipe = platform.recipe.clone().with(RATE, "off");
    let taker = WebhookTaker::start();
    let program = platform.recipe.clone().start()?;
    let client = client(&platform, &program)?;
    let nothing = client.ask("POST", TEST, None, &json!({}))?;
    ensure!(nothing.status == 404, "{nothing:?}");
    let mut set = 0;
    for url in spellings(taker.address().port()) {
        let named = client.ask("POST", TEST, None, &json!({ "endpoint": url }))?;
        expect_untouched(&url, &named)?;
        let put = client.ask("PUT", ENDPOINT, None, &json!({ "endpoint": url }))?;
        ensure!([200, 400].contains(&put.status), "{url}: {put:?}");
        if put.status == 200 {
            set += 1;
            let tested = client.ask("POST", TEST, None, &json!({}))?;
            expect_untouched(&url, &tested)?;
            befriend(program.recipe(), "친구")?;
        }
    }
    eprintln!("{set} spellings were taken as an endpoint");
    let public = json!({"endpoint": "https://nobody.invalid/hook"});
    let put = client.ask("PUT", ENDPOINT, None, &public)?;
    ensure!(put.status == 200, "{put:?}");
    let tested = client.ask("POST", TEST, None, &json!({}))?;
    let answer: Value = serde_json::from_str(&tested.body)?;
    ensure!(answer["reason"] == "COULD_NOT_CONNECT", "{answer}");
    program.stop()?;
    let connections = taker.connections();
    ensure!(connections == 0, "{connections} connections to the inside");
    Ok(())
}

/// Refused as no address of a webhook, or told that it leads nowhere public.
fn expect_untouched(url: &str, answer: &Answer) -> Result<()> {
    if answer.status == 400 {
        ensure!(
            answer.body.contains("Invalid webhook endpoint URL"),
            "{url}: {answer:?}"
        );
        return Ok(());
    }
    ensure!(answer.status == 200, "{url}: {answer:?}");
    let told: Value = serde_json::from_str(&answer.body)?;
    ensure!(
        told["success"] == false && told["statusCode"] == 0,
        "{url}: {told}"
    );
    // A name that is looked up is judged by what it leads to, where it leads anywhere.
    let is_unknown = text(&told, "detail")?.starts_with("Unknown host");
    ensure!(
        is_unknown || told["reason"] == "FORBIDDEN_ADDRESS",
        "{url}: {told}"
    );
    Ok(())
}
