//! Our own API against the running server: a campaign from the first request to the bill, made
//! again with its keys while the server is killed, and what everybody else says of it.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use chingu_tests::draw::Draw;
use chingu_tests::http::{self, Answer};
use chingu_tests::shell::{self, admin, text};
use chingu_tests::verdict::violations;
use chingu_tests::wait::until_state;
use chingu_tests::world::UNTARGETED_MICRO;
use serde_json::{Value, json};

use crate::stage::{self, SOON, end_of, number};

const FRIENDS: u64 = 120;
const MICRO: i64 = 1_000_000;

#[test]
fn a_campaign_goes_from_the_first_request_to_the_bill() {
    whole().unwrap();
}

/// A brand's program.
pub(crate) struct Client {
    pub address: SocketAddr,
    pub token: String,
}

impl Client {
    pub fn ask(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("Authorization", &*bearer),
            ("Content-Type", "application/json"),
        ];
        headers.extend(key.map(|key| ("Idempotency-Key", key)));
        let body = match method {
            "GET" => String::new(),
            _ => body.to_string(),
        };
        http::request(self.address, method, path, &headers, &body)
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> Result<Answer> {
        self.ask("POST", path, Some(key), body)
    }

    pub fn get(&self, path: &str) -> Result<Value> {
        let answer = self.ask("GET", path, None, &Value::Null)?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
        parsed(&answer)
    }
}

fn parsed(answer: &Answer) -> Result<Value> {
    serde_json::from_str(&answer.body).with_context(|| answer.body.clone())
}

fn whole() -> Result<()> {
    let mut draw = Draw::seeded("our own API", 81);
    let platform = stage::platform(FRIENDS, &[], &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let (brand, data) = (&platform.brand, &platform.brand.data);
    let issued = admin(data, &["token", "issue", "--account", &brand.handle])?;
    let mut client = Client {
        address: program.address(),
        token: text(&issued, "token")?.to_owned(),
    };
    let body = json!({
        "name": "Autumn",
        "messages": [{"type": "text", "text": "(광고) 가을 원두가 나왔어요"}],
    });
    let created = client.post("/v1/campaigns", "create", &body)?;
    ensure!(created.status == 201, "{created:?}");
    let campaign = text(&parsed(&created)?, "id")?.to_owned();
    let path = format!("/v1/campaigns/{campaign}");

    // Killed in the commit of the launch: before it nothing is done, after it all of it.
    let recipe = program.kill()?;
    let launch = format!("{path}/launch");
    for point in ["v1:before_commit", "v1:after_commit"] {
        let (pausing, file) = recipe.pausing_at(point);
        let mut program = pausing.spawn()?;
        program.wait_until_ready()?;
        client.address = program.address();
        let asked = Client {
            address: client.address,
            token: client.token.clone(),
        };
        let path = launch.clone();
        let asking = std::thread::spawn(move || asked.post(&path, "launch", &json!({})));
        program.wait_until_paused(&file, SOON)?;
        program.kill()?;
        // Whether it heard anything is not what counts.
        let _ = asking.join();
    }
    let program = recipe.start()?;
    client.address = program.address();
    let launched = client.post(&launch, "launch", &json!({}))?;
    ensure!(launched.status == 200, "{launched:?}");
    let granted = number(&parsed(&launched)?, "granted")?;
    ensure!(granted == brand.reachable, "{launched:?}");
    let verdict = end_of(&platform, brand, &campaign)?;
    ensure!(verdict.recorded == brand.reachable, "{verdict:?}");

    figures(&client, &platform, &path)?;
    // A day's keys outlive the process.
    program.stop()?;
    let program = platform.recipe.clone().start()?;
    client.address = program.address();
    let again = client.post("/v1/campaigns", "create", &body)?;
    ensure!(again == created, "{again:?}, not {created:?}");
    let again = client.post(&launch, "launch", &json!({}))?;
    ensure!(again == launched, "{again:?}, not {launched:?}");
    let log = program.recipe().log_count("\"ERROR\"");
    program.stop()?;
    ensure!(log == 0, "{log} errors in the log");
    let found = violations(&shell::reconcile(data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

/// What it says of the campaign is what the books, the record and the file say.
fn figures(client: &Client, platform: &chingu_tests::platform::Platform, path: &str) -> Result<()> {
    let brand = &platform.brand;
    let read = || client.get(&format!("{path}/bill"));
    let bill = until_state("the bill is final", SOON, read, |bill| {
        bill["state"] == "closed" && bill["open"]["amount"] == "0"
    })?;
    let amount = UNTARGETED_MICRO / MICRO * i64::try_from(brand.reachable)?;
    let expected = json!({"amount": amount.to_string(), "currency": "KRW"});
    ensure!(bill["captured"] == expected, "{bill}");
    let progress = client.get(&format!("{path}/progress"))?;
    let outcomes = &progress["outcomes"];
    ensure!(outcomes["accepted"] == brand.reachable, "{progress}");
    let left_out = brand.friends - brand.reachable;
    ensure!(outcomes["left_out"] == left_out, "{progress}");
    let skipped = progress["left_out"].as_array().context("rules")?;
    let people: u64 = skipped
        .iter()
        .filter_map(|rule| rule["people"].as_u64())
        .sum();
    ensure!(people == left_out, "{progress}");

    let campaign = path.rsplit('/').next().context("an id")?;
    let file = std::fs::read_to_string(stage::report(brand, campaign)?)?;
    let sent = client.ask("GET", &format!("{path}/sends.csv"), None, &Value::Null)?;
    ensure!(sent.status == 200 && sent.body == file, "{}", sent.body);
    let delivered = format!("{path}/sends.csv?outcome=delivered");
    let delivered = client.ask("GET", &delivered, None, &Value::Null)?;
    let lines = delivered.body.lines().count() as u64;
    ensure!(lines == 1 + brand.reachable, "{lines} lines");
    let line = delivered.body.lines().nth(1).context("a line")?;
    let friend = line.split(',').nth(4).context("a friend")?;
    let evidence = client.get(&format!("{path}/sends/{friend}"))?;
    ensure!(
        evidence["billable"] == true && evidence["bookings"][0]["unit_price"]["amount"] == "15",
        "{evidence}"
    );
    ensure!(evidence["consent"]["granted"] == true, "{evidence}");
    Ok(())
}
