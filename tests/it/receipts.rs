//! What friends did with a broadcast: told by the thousand while another one runs, taken once each,
//! and in the report as soon as they are answered.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::engine;
use chingu_tests::http;
use chingu_tests::messenger::{Accepted, SECRET};
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::{admin, text};
use chingu_tests::table::Table;
use chingu_tests::wait::Stopwatch;
use domain::id::{BusinessId, CampaignId};
use gateway::{SIGNATURE_HEADER, Secret};
use serde_json::{Value, json};
use store::receipt::{CampaignLink, CampaignReceipts};
use store::{Store, StoreConfig};
use tokio::runtime::Runtime;

use crate::stage::{now, platform, tell, wait_for_shown};

/// As many as one request may hold.
const EVENTS_AT_ONCE: usize = 1_000;
/// Connections of the messenger.
const CONNECTIONS: usize = 4;
const SENT_WITHIN: Duration = Duration::from_secs(600);
/// Friends of the quick run; `just receipts` asks for a million.
const PEOPLE: u64 = 20_000;
const MESSAGES: &str = r#"[{"type":"text","text":"(광고) 새 소식"},
    {"type":"template","altText":"새 소식","template":{"type":"buttons","text":"무엇을 볼까요?",
     "actions":[{"type":"uri","label":"첫째","uri":"https://hanok.example/1"},
                {"type":"uri","label":"둘째","uri":"https://hanok.example/2"}]}}]"#;

#[test]
fn receipts_in_bulk_while_a_broadcast_runs() {
    in_bulk().unwrap();
}

#[test]
fn receipts_fit_what_was_sent_or_are_refused_alone() {
    one_by_one().unwrap();
}

fn in_bulk() -> Result<()> {
    let people = match std::env::var("CHINGU_RECEIPTS") {
        Ok(number) => number.parse().context("CHINGU_RECEIPTS is a number")?,
        Err(_) => PEOPLE,
    };
    let mut draw = Draw::seeded("receipts", 31);
    let platform = Platform::create(Place::Beside, people, &[], Times::default(), &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let first = sent(&platform, "clicked", None)?;
    let log = of_campaign(&platform, &first)?;
    let links = links(&platform, &first)?;
    let clicks = clicks(&platform, &log, &links);
    let rate = (people / 40).max(200);
    let second = launched(&platform, "running", Some(rate))?;
    platform.wait_for_accepted(log.len() as u64 + rate, SENT_WITHIN)?;
    let before = platform.messenger.accepted()?;
    let began = Stopwatch::start();
    let answers = post(program.address(), &clicks)?;
    let took = began.elapsed();
    let meanwhile = platform.messenger.accepted()? - before;
    let read_began = Stopwatch::start();
    let report = receipts(&platform, &first)?;
    let read_in = read_began.elapsed();
    let count = log.len() as u64;
    ensure!(answers.accepted == count, "{answers:?}");
    ensure!((report.clicked.people, report.clicked.total) == (count, count));
    let of_links: u64 = report.links.iter().map(|link| link.total).sum();
    ensure!(of_links == count && report.links.iter().all(|link| link.total > 0));
    // Half of them again, among as many openings, in another order: nothing counts twice.
    let mut mixed: Vec<Value> = clicks.iter().step_by(2).cloned().collect();
    mixed.extend(log.iter().step_by(2).map(|one| opening(&platform, one)));
    mixed.reverse();
    let again_began = Stopwatch::start();
    let answers = post(program.address(), &mixed)?;
    let again = again_began.elapsed();
    let half = count.div_ceil(2);
    ensure!(
        answers.accepted == half && answers.duplicates == half,
        "{answers:?}"
    );
    let report = receipts(&platform, &first)?;
    ensure!((report.opened.people, report.clicked.total) == (half, count));
    ensure!(report.delivered >= report.clicked.people);
    let is_alive = ["running", "closing", "closed"];
    let shown = platform.brand.show(&second)?;
    ensure!(is_alive.contains(&text(&shown, "state")?), "{shown}");
    admin(&platform.recipe.data, &["campaign", "cancel", &second])?;
    platform.wait_for_state(&second, &["closed"], SENT_WITHIN)?;
    platform.verdict(&first, 0.0)?.assert_exactly_once()?;
    platform.verdict(&second, 0.0)?.assert_exactly_once()?;
    let per_second = |number: u64, took: Duration| number as f64 / took.as_secs_f64();
    let mut table = Table::with_columns(&["what", "figure"]);
    let mut row = |what: &str, figure: String| table.add(vec![what.to_owned(), figure]);
    row("click events", count.to_string());
    row(
        "seconds until all were answered",
        format!("{:.1}", took.as_secs_f64()),
    );
    row(
        "events per second",
        format!("{:.0}", per_second(count, took)),
    );
    row(
        "recipients the other broadcast reached meanwhile",
        meanwhile.to_string(),
    );
    row(
        "its speed, per second",
        format!("{:.0} of {rate}", per_second(meanwhile, took)),
    );
    row(
        "milliseconds to read the report right afterwards",
        read_in.as_millis().to_string(),
    );
    row(
        "half of them once more, among as many openings: seconds",
        format!("{:.1}", again.as_secs_f64()),
    );
    let introduction = format!(
        "{count} friends click one of two links of a broadcast while another one, metered at \
         {rate} per second, runs; {EVENTS_AT_ONCE} events in a request, {CONNECTIONS} requests at \
         once. Every request is committed to disk before its answer. Written by `just receipts`."
    );
    table.publish("receipts.md", "Receipts in bulk", &introduction)
}

fn one_by_one() -> Result<()> {
    let mut draw = Draw::seeded("receipts one by one", 37);
    let platform = platform(60, &[], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let address = program.address();
    platform.brand.add_account("@other")?;
    let campaign = sent(&platform, "one by one", None)?;
    let log = of_campaign(&platform, &campaign)?;
    let links = links(&platform, &campaign)?;
    let labels: Vec<&str> = links.iter().map(|link| &*link.label).collect();
    ensure!(labels == ["첫째", "둘째"], "{links:?}");
    // A later one that was stopped before it came to most people: whom it never reached, nobody
    // counts among those who blocked after it.
    let stopped = launched(&platform, "stopped", Some(1))?;
    admin(&platform.recipe.data, &["campaign", "cancel", &stopped])?;
    platform.wait_for_state(&stopped, &["closed"], SENT_WITHIN)?;
    let reached = of_campaign(&platform, &stopped)?;
    let is_reached = |one: &Accepted| reached.iter().any(|two| two.user_key == one.user_key);
    let mut others = log.iter().filter(|one| !is_reached(one));
    let ann = others.next().context("somebody it did not reach")?;
    let ben = others.next().context("somebody else")?;
    let click = |id: &str, one: &Accepted, changes: Value| {
        let mut event = click(&platform, one, &links[0]);
        event["id"] = id.into();
        for (name, value) in changes.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    };
    let nowhere = "5f0b7e2c-9c57-5d1c-8e8a-0d6f5a3b2c1d";
    let answer = tell(
        address,
        &[
            click("ok", ann, json!({})),
            click("stranger", ann, json!({"user": "nobody-we-know"})),
            click("key", ann, json!({ "pushKey": nowhere })),
            click("link", ann, json!({"link": campaign})),
            click(
                "unknown-link",
                ann,
                json!({"link": "lnk_00000000000000000000000000"}),
            ),
            click("account", ann, json!({"account": "@other"})),
            opening(&platform, ben),
        ],
    )?;
    ensure!(answer["accepted"] == 2, "{answer}");
    let refused = answer["refused"].as_array().context("refused")?;
    ensure!(refused.len() == 5, "{answer}");
    let blocked = |one: &Accepted, id: &str, kind: &str| {
        json!({"id": id, "type": kind, "at": now().to_string(), "account": platform.brand.handle,
            "user": one.user_key})
    };
    let coupon = json!({"id": "coupon", "type": "coupon.used", "at": now().to_string(),
        "account": platform.brand.handle, "user": ann.user_key, "pushKey": ann.push_key,
        "coupon": "차 한 잔"});
    let answer = tell(
        address,
        &[
            coupon,
            blocked(ann, "gone-1", "friend.blocked"),
            blocked(ben, "gone-2", "friend.left"),
            json!({"id": "gone-3", "type": "friend.blocked", "at": now().to_string(),
            "account": platform.brand.handle, "user": "never-reached"}),
        ],
    )?;
    ensure!(answer["accepted"] == 4, "{answer}");
    let report = receipts(&platform, &campaign)?;
    ensure!(
        report.clicked.people == 1 && report.opened.people == 1,
        "{report:?}"
    );
    ensure!(
        report.blocked_afterwards == 2 && report.coupon_used.people == 1,
        "{report:?}"
    );
    let report = receipts(&platform, &stopped)?;
    ensure!(report.blocked_afterwards == 0, "{report:?}");
    Ok(())
}

/// Launches a campaign with two links to everybody.
fn launched(platform: &Platform, name: &str, rate: Option<u64>) -> Result<String> {
    let handle = &platform.brand.handle;
    let rate = rate.map(|rate| rate.to_string());
    let mut arguments = vec!["campaign", "create", "--account", handle, "--name", name];
    arguments.extend(["--messages", MESSAGES]);
    if let Some(rate) = &rate {
        arguments.extend(["--rate", rate]);
    }
    let created = admin(&platform.recipe.data, &arguments)?;
    let campaign = text(&created, "id")?.to_owned();
    platform.brand.launch(&campaign)?;
    Ok(campaign)
}

/// The same to its end.
fn sent(platform: &Platform, name: &str, rate: Option<u64>) -> Result<String> {
    let campaign = launched(platform, name, rate)?;
    platform.wait_for_state(&campaign, &["closed"], SENT_WITHIN)?;
    wait_for_shown(platform, &campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    Ok(campaign)
}

fn of_campaign(platform: &Platform, campaign: &str) -> Result<Vec<Accepted>> {
    let mut log = platform.messenger.log()?;
    log.retain(|accepted| accepted.campaign == campaign);
    Ok(log)
}

fn clicks(platform: &Platform, log: &[Accepted], links: &[CampaignLink]) -> Vec<Value> {
    let each = log.iter().enumerate();
    let mut clicks: Vec<(usize, Value)> = each
        .map(|(place, one)| (place, click(platform, one, &links[place % links.len()])))
        .collect();
    // Friends do not tap in the order in which they were reached.
    clicks.sort_by_key(|(place, _)| (*place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    clicks.into_iter().map(|(_, click)| click).collect()
}

fn click(platform: &Platform, one: &Accepted, link: &CampaignLink) -> Value {
    json!({"id": format!("click-{}-{}", one.user_key, one.push_key), "type": "link.clicked",
        "at": now().to_string(), "account": platform.brand.handle, "user": one.user_key,
        "pushKey": one.push_key, "message": link.message, "link": link.id.to_string()})
}

fn opening(platform: &Platform, one: &Accepted) -> Value {
    json!({"id": format!("open-{}-{}", one.user_key, one.push_key), "type": "message.opened",
        "at": now().to_string(), "account": platform.brand.handle, "user": one.user_key,
        "pushKey": one.push_key, "message": 0})
}

#[derive(Debug, Default)]
struct Answers {
    accepted: u64,
    duplicates: u64,
}

/// Posts events over several connections at once, as a messenger does.
fn post(platform: SocketAddr, events: &[Value]) -> Result<Answers> {
    let secret = Secret::parse(SECRET)?;
    let bodies: Vec<String> = events
        .chunks(EVENTS_AT_ONCE)
        .map(|events| json!({ "events": events }).to_string())
        .collect();
    let next = AtomicUsize::new(0);
    let send = || -> Result<Answers> {
        let mut answers = Answers::default();
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let answer = post_one(platform, &secret, body)?;
            let number = |name: &str| answer[name].as_u64().context("a number");
            ensure!(answer["refused"] == json!([]), "{}", answer["refused"][0]);
            answers.accepted += number("accepted")?;
            answers.duplicates += number("duplicates")?;
        }
        Ok(answers)
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(send)).collect();
        let mut all = Answers::default();
        for sender in senders {
            let Ok(answers) = sender.join() else {
                bail!("a connection panicked")
            };
            let answers = answers?;
            all.accepted += answers.accepted;
            all.duplicates += answers.duplicates;
        }
        Ok(all)
    })
}

fn post_one(platform: SocketAddr, secret: &Secret, body: &str) -> Result<Value> {
    let signature = gateway::sign(secret, now(), body.as_bytes());
    let headers = [
        ("Content-Type", "application/json"),
        (SIGNATURE_HEADER, &*signature),
    ];
    let answer = http::request(platform, "POST", "/gateway/v1/events", &headers, body)?;
    ensure!(answer.status == 202, "{answer:?}");
    serde_json::from_str(&answer.body).context("an answer in JSON")
}

/// The figures, read beside the running program.
fn receipts(platform: &Platform, campaign: &str) -> Result<CampaignReceipts> {
    let (business, campaign) = ids(platform, campaign)?;
    Runtime::new()?.block_on(async {
        let store = Store::open(&beside(platform)).await?;
        let receipts = store.receipts(business, campaign).await?;
        store.close().await?;
        Ok(receipts)
    })
}

fn links(platform: &Platform, campaign: &str) -> Result<Vec<CampaignLink>> {
    let (business, campaign) = ids(platform, campaign)?;
    Runtime::new()?.block_on(async {
        let store = Store::open(&beside(platform)).await?;
        let links = store.links_of_campaign(business, campaign).await?;
        store.close().await?;
        Ok(links)
    })
}

fn beside(platform: &Platform) -> StoreConfig {
    engine::database(&platform.recipe.data)
}

fn ids(platform: &Platform, campaign: &str) -> Result<(BusinessId, CampaignId)> {
    Ok((platform.brand.business.parse()?, campaign.parse()?))
}
