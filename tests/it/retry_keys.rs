//! A retry key stands for one send: asked for by fifty at once, or again after the process died
//! between its commit and its answer.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Barrier};

use anyhow::{Context, Result, anyhow, ensure};
use chingu_tests::console::{Browser, Page};
use chingu_tests::draw::Draw;
use chingu_tests::messenger::Accepted;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::program::{Program, Recipe};
use chingu_tests::shell::{admin, reconcile, text};
use chingu_tests::verdict::violations;
use chingu_tests::world::Brand;
use serde_json::{Value, json};

use crate::stage::SOON;
use crate::ways::all_agree;

const FRIENDS: u64 = 3;
const AT_ONCE: usize = 50;
const PUSH: &str = "/v2/bot/message/push";
const KEYS: [&str; 3] = [
    "123e4567-e89b-12d3-a456-426614174000",
    "123e4567-e89b-12d3-a456-426614174001",
    "123e4567-e89b-12d3-a456-426614174002",
];

#[test]
fn a_retry_key_stands_for_one_send() {
    run().unwrap();
}

/// What a program asks, to one friend.
#[derive(Debug, Clone)]
struct Push {
    token: String,
    body: String,
    key: &'static str,
}

impl Push {
    fn ask(&self, address: SocketAddr) -> Result<Page> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", &*bearer), ("x-line-retry-key", self.key)];
        let body = self.body.clone().into_bytes();
        Browser::open(address)?.post_body_with(PUSH, "application/json", body, &headers)
    }
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("retry keys", 91);
    let mut friends = Vec::new();
    let platform = Platform::with_brand(Place::Beside, &[], Times::default(), |data| {
        let mut brand = Brand::open(data, "@hanok")?;
        let csv = all_agree(FRIENDS, &mut draw);
        let keys = csv
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').next());
        friends.extend(keys.map(str::to_owned));
        brand.befriend("friends", csv.as_bytes())?;
        (brand.friends, brand.reachable) = (FRIENDS, FRIENDS);
        Ok(brand)
    })?;
    let (data, handle) = (&platform.brand.data, &*platform.brand.handle);
    let issued = admin(data, &["token", "issue", "--account", handle])?;
    let token = text(&issued, "token")?;
    let pushes: Vec<Push> = friends
        .iter()
        .zip(KEYS)
        .map(|(friend, key)| Push {
            token: token.to_owned(),
            body: json!({"to": friend, "messages": [{"type": "text", "text": "(광고) hello"}]})
                .to_string(),
            key,
        })
        .collect();
    let [together, before, after] = &pushes[..] else {
        return Err(anyhow!("a push for each friend"));
    };

    let program = platform.recipe.clone().start()?;
    fifty_at_once(program.address(), together)?;
    let program = killed_at(&stopped(program)?, "request:before_commit", before)?;
    let first = before.ask(program.address())?;
    ensure!(first.status == 200, "nothing was accepted: {first:?}");
    let program = killed_at(&stopped(program)?, "request:after_commit", after)?;
    let again = after.ask(program.address())?;
    ensure!(again.status == 409, "it was accepted: {again:?}");
    let accepted = again.header("x-line-accepted-request-id");
    ensure!(accepted.len() == 36, "{again:?}");
    let body: Value = serde_json::from_str(&again.body)?;
    ensure!(body["sentMessages"][0]["id"].is_string(), "{body}");

    platform.wait_for_accepted(FRIENDS, SOON)?;
    program.stop()?;
    let log = platform.messenger.log()?;
    let reached: BTreeSet<&str> = log.iter().map(of_user).collect();
    ensure!(
        (log.len() as u64, reached.len() as u64) == (FRIENDS, FRIENDS),
        "everybody once: {log:?}"
    );
    let found = violations(&reconcile(data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

fn of_user(accepted: &Accepted) -> &str {
    &accepted.user_key
}

/// One is accepted, and every other is told which.
fn fifty_at_once(address: SocketAddr, push: &Push) -> Result<()> {
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let asking: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (barrier, push) = (Arc::clone(&barrier), push.clone());
            std::thread::spawn(move || {
                barrier.wait();
                push.ask(address)
            })
        })
        .collect();
    let mut pages = Vec::new();
    for asked in asking {
        pages.push(asked.join().map_err(|_| anyhow!("a thread ended"))??);
    }
    let (first, others): (Vec<&Page>, Vec<&Page>) =
        pages.iter().partition(|page| page.status == 200);
    ensure!(first.len() == 1, "{} were accepted", first.len());
    let first = first.first().context("one that was accepted")?;
    let id = first.header("x-line-request-id");
    let sent: Value = serde_json::from_str(&first.body)?;
    for other in others {
        let body: Value = serde_json::from_str(&other.body)?;
        let accepted = other.header("x-line-accepted-request-id");
        ensure!(other.status == 409 && accepted == id, "{id}: {other:?}");
        ensure!(body["sentMessages"] == sent["sentMessages"], "{body}");
    }
    eprintln!("{AT_ONCE} at once: 1 accepted, {} told so", AT_ONCE - 1);
    Ok(())
}

fn stopped(program: Program) -> Result<Recipe> {
    Ok(program.stop()?.1)
}

/// Asks a process that is killed at a point of it; the one that runs afterwards.
fn killed_at(recipe: &Recipe, point: &str, push: &Push) -> Result<Program> {
    let (pausing, file) = recipe.pausing_at(point);
    let mut program = pausing.spawn()?;
    program.wait_until_ready()?;
    let (address, asked) = (program.address(), push.clone());
    let asking = std::thread::spawn(move || asked.ask(address));
    program.wait_until_paused(&file, SOON)?;
    program.kill()?;
    let heard = asking.join().map_err(|_| anyhow!("a thread ended"))?;
    ensure!(heard.is_err(), "it was answered: {heard:?}");
    recipe.clone().start()
}
