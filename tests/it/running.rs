//! The page of a campaign under way: its numbers add up at every event, pause stops it, a cancel
//! says what was billed and what went back, and nobody's window keeps the program from stopping.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::console::{Browser, PASSWORD, between};
use chingu_tests::draw::Draw;
use chingu_tests::platform::Platform;
use chingu_tests::program::Program;
use chingu_tests::shell::reconcile;
use chingu_tests::verdict::violations;
use chingu_tests::wait::{Stopwatch, until_state};
use chingu_tests::world::{Brand, UNTARGETED_MICRO, Wishes};

use crate::stage::{SOON, number, platform, wait_for_shown};

const UNTARGETED: u64 = UNTARGETED_MICRO as u64;
/// As the console limits them.
const STREAMS_PER_SESSION: usize = 8;
/// A process whose viewers do not let go would take its whole time to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn the_numbers_add_up_at_every_event() {
    watched().unwrap();
}

#[test]
fn a_pause_stops_it_and_a_cancel_says_what_was_billed_and_what_went_back() {
    stopped().unwrap();
}

#[test]
fn viewers_are_limited_and_let_go_when_the_program_stops() {
    viewers().unwrap();
}

/// A running platform and a slow campaign on it.
struct Slow {
    platform: Platform,
    program: Program,
    campaign: String,
}

impl Slow {
    fn launch(name: &str, friends: u64, rate: u64, faults: &[&str]) -> Result<Self> {
        let platform = platform(friends, faults, &mut Draw::seeded(name, 41))?;
        let program = platform.recipe.clone().start()?;
        let wishes = Wishes {
            rate: Some(rate),
            ..Wishes::default()
        };
        let campaign = platform.brand.campaign(name, wishes)?;
        platform.brand.launch(&campaign)?;
        Ok(Self {
            platform,
            program,
            campaign,
        })
    }

    fn brand(&self) -> &Brand {
        &self.platform.brand
    }

    fn member(&self, role: &str) -> Result<Browser> {
        Browser::of_member(self.program.address(), self.brand(), role)
    }

    fn at(&self, path: &str) -> String {
        format!("/console/@hanok/campaigns/{}{path}", self.campaign)
    }
}

/// The people of one event or page, by what became of them.
#[derive(Debug, Clone)]
struct Shown {
    state: String,
    people: BTreeMap<String, u64>,
}

impl Shown {
    fn of(html: &str) -> Result<Self> {
        let head = between(html, r#"id="head""#, ">")?;
        let mut people = BTreeMap::new();
        for part in head.split(" data-").skip(1) {
            let (name, value) = part.split_once("=\"").context("an attribute")?;
            if let Ok(count) = value.trim_end_matches('"').parse() {
                people.insert(name.to_owned(), count);
            }
        }
        Ok(Self {
            state: between(head, "data-state=\"", "\"")?.to_owned(),
            people,
        })
    }

    fn get(&self, name: &str) -> u64 {
        self.people.get(name).copied().unwrap_or(0)
    }

    fn sum(&self) -> u64 {
        let parts = [
            "delivered",
            "skipped",
            "failed",
            "in-flight",
            "checking",
            "left",
            "stopped",
        ];
        parts.into_iter().map(|part| self.get(part)).sum()
    }
}

fn watched() -> Result<()> {
    let slow = Slow::launch(
        "watched",
        240,
        60,
        &["reject=0.1:blocked,unreachable", "seed=3"],
    )?;
    let mut analyst = slow.member("analyst")?;
    let page = analyst.read(&slow.at("/running"))?;
    ensure!(page.contains("watched"), "{page}");
    ensure!(
        !page.contains("/cancel\""),
        "an analyst is offered to cancel"
    );
    for refused in ["/pause", "/resume", "/cancel"] {
        let answer = analyst.post_form(&slow.at(refused), &[])?;
        ensure!(answer.status == 403, "{refused}: {answer:?}");
    }
    ensure!(analyst.get(&slow.at("/cancel"))?.status == 403);

    // To the end: the last event says where to go.
    let events = analyst.watch(&slow.at("/running/events"), |data| {
        data.starts_with("/console")
    })?;
    let (last, parts) = events.split_last().context("events")?;
    ensure!(*last == slow.at("/report"), "{last}");
    ensure!(parts.len() >= 2, "{} events", parts.len());
    let mut before = 0;
    for part in parts {
        let shown = Shown::of(part)?;
        ensure!(shown.sum() == slow.brand().reachable, "{shown:?}");
        ensure!(shown.get("counted") == slow.brand().reachable, "{shown:?}");
        ensure!(shown.get("delivered") >= before, "{shown:?} after {before}");
        before = shown.get("delivered");
    }
    let last = parts.last().context("a part")?;
    let closed = slow.brand().show(&slow.campaign)?;
    let failed = number(&closed, "failed")?;
    ensure!(failed > 0, "nobody was rejected: {closed}");
    let said = between(last, r#"id="failed""#, "</section>")?;
    let reasons = said.split("<span class=\"n\">").skip(1);
    let counts: Vec<u64> = reasons
        .filter_map(|rest| rest.split('<').next()?.replace(',', "").parse().ok())
        .collect();
    let shown = Shown::of(last)?;
    ensure!(counts.iter().sum::<u64>() == shown.get("failed"), "{said}");
    // Closed campaigns are told by their report.
    let page = analyst.get(&slow.at("/running"))?;
    ensure!(
        page.status == 303 && page.location() == slow.at("/report"),
        "{page:?}"
    );
    Ok(())
}

fn stopped() -> Result<()> {
    let slow = Slow::launch("stopped", 900, 40, &["uncertain=0.05", "seed=7"])?;
    let brand = slow.brand();
    let mut owner = slow.member("owner")?;
    let refused = owner.post_form(&slow.at("/resume"), &[])?;
    ensure!(refused.status == 409, "{refused:?}");
    let moving = |data: &str| Shown::of(data).is_ok_and(|shown| shown.get("delivered") > 20);
    owner.watch(&slow.at("/running/events"), moving)?;
    let paused = owner.post_form(&slow.at("/pause"), &[])?;
    ensure!(paused.status == 303, "{paused:?}");
    let rest = until_state(
        "nothing is in flight",
        SOON,
        || Shown::of(&owner.read(&slow.at("/running"))?),
        |shown| shown.get("in-flight") == 0,
    )?;
    ensure!(rest.state == "paused" && rest.get("left") > 0, "{rest:?}");
    let again = owner.post_form(&slow.at("/pause"), &[])?;
    ensure!(again.status == 409, "{again:?}");
    ensure!(again.body.contains(r#"role="alert""#), "{again:?}");

    let resumed = owner.post_form(&slow.at("/resume"), &[])?;
    ensure!(resumed.status == 303, "{resumed:?}");
    let on = |data: &str| {
        Shown::of(data).is_ok_and(|shown| shown.get("delivered") > rest.get("delivered"))
    };
    owner.watch(&slow.at("/running/events"), on)?;
    cancelled(&slow, &mut owner)?;
    let found = violations(&reconcile(&brand.data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}

/// The question adds up to the hold, the answer to what the books say.
fn cancelled(slow: &Slow, owner: &mut Browser) -> Result<()> {
    let brand = slow.brand();
    owner.always_send("accept-language", "en");
    let question = owner.read(&slow.at("/cancel"))?;
    let rows: Vec<Vec<u64>> = question
        .split("<dt>")
        .skip(1)
        .map(|row| row.split("<dd>").skip(1).map(digits).collect())
        .collect();
    let (hold, parts) = rows.split_last().context("rows")?;
    for (column, all) in hold.iter().enumerate() {
        let sum: u64 = parts.iter().map(|row| row[column]).sum();
        ensure!(sum == *all, "column {column}: {rows:?}");
    }
    ensure!(hold[0] == brand.reachable, "{rows:?}");
    ensure!(
        hold[1] * 1_000_000 == brand.reachable * UNTARGETED,
        "{rows:?}"
    );

    let long = "가".repeat(201);
    let page = owner.post_form(&slow.at("/cancel"), &[("reason", &long)])?;
    ensure!(page.status == 422 && page.body.contains(&long), "{page:?}");
    let reason = "the coupon <b>is</b> wrong";
    let sent = owner.post_form(&slow.at("/cancel"), &[("reason", reason)])?;
    ensure!(sent.status == 303, "{sent:?}");
    let again = owner.post_form(&slow.at("/cancel"), &[])?;
    ensure!(again.status == 409, "{again:?}");

    // Who is uncertain keeps it from closing: the page has to say both numbers now.
    let closing = wait_for_shown(&slow.platform, &slow.campaign, "closing", |shown| {
        shown["state"] == "closing" && shown["released_micro"].as_u64() > Some(0)
    })?;
    let (accepted, uncertain) = (
        number(&closing, "accepted")?,
        number(&closing, "uncertain")?,
    );
    ensure!(uncertain > 0, "{closing}");
    let page = until_state(
        "the page says what was released",
        SOON,
        || owner.read(&slow.at("/running")),
        |page| {
            let said = between(page, r#"id="outcome""#, "class=\"small").unwrap_or("");
            said.contains(&won(accepted * UNTARGETED))
                && said.contains(&won(uncertain * UNTARGETED))
        },
    )?;
    let said = between(&page, r#"id="outcome""#, "</div></div>")?;
    let released = number(&brand.show(&slow.campaign)?, "released_micro")?;
    ensure!(said.contains(&won(released)), "{released}: {said}");
    ensure!(said.contains("the coupon &#60;b&#62;is"), "{said}");
    let shown = Shown::of(&page)?;
    ensure!(
        shown.sum() == brand.reachable && shown.get("stopped") > 0,
        "{shown:?}"
    );
    ensure!(shown.get("checking") == uncertain, "{shown:?}");

    slow.platform.messenger.resolve_uncertain(0.5)?;
    let closed = wait_for_shown(&slow.platform, &slow.campaign, "closed", |shown| {
        shown["state"] == "closed"
    })?;
    ensure!(number(&closed, "open_micro")? == 0, "{closed}");
    let page = owner.get(&slow.at("/running?done=done-cancelled"))?;
    let report = slow.at("/report?done=done-cancelled");
    ensure!(page.status == 303 && page.location() == report, "{page:?}");
    // And the report says both for good, and why.
    let page = owner.read(&report)?;
    let (captured, released) = (
        number(&closed, "captured_micro")?,
        number(&closed, "released_micro")?,
    );
    ensure!(
        page.contains(&won(captured)) && page.contains(&won(released)),
        "{page}"
    );
    ensure!(page.contains("the coupon &#60;b&#62;is"), "{page}");
    Ok(())
}

fn viewers() -> Result<()> {
    let slow = Slow::launch("viewers", 60, 1, &[])?;
    let address = slow.program.address();
    let mut owner = slow.member("owner")?;
    let token = owner
        .cookie("chingu_session")
        .context("a session")?
        .to_owned();
    let events = slow.at("/running/events");
    let (tell, told) = mpsc::channel();
    let mut watchers = Vec::new();
    for _ in 0..STREAMS_PER_SESSION {
        let (tell, token, events) = (tell.clone(), token.clone(), events.clone());
        watchers.push(thread::spawn(move || -> Result<usize> {
            let mut browser = Browser::open(address)?;
            browser.keep_cookie("chingu_session", &token);
            let mut is_first = true;
            let seen = browser.watch(&events, |_| {
                if std::mem::take(&mut is_first) {
                    let _ = tell.send(());
                }
                false
            })?;
            Ok(seen.len())
        }));
    }
    for _ in 0..STREAMS_PER_SESSION {
        told.recv_timeout(SOON).context("a viewer's first event")?;
    }
    let one_more = owner.get(&events)?;
    ensure!(one_more.status == 429, "{one_more:?}");
    // Another session has its own.
    let mut other = Browser::open(address)?;
    other.sign_in("owner@hanok.example", PASSWORD)?;
    ensure!(!other.watch(&events, |_| true)?.is_empty());

    let watch = Stopwatch::start();
    let (status, recipe) = slow.program.stop()?;
    ensure!(status.success(), "{status}. {}", recipe.log_end());
    ensure!(watch.elapsed() < STOPS_WITHIN, "{:?}", watch.elapsed());
    for watcher in watchers {
        let seen = watcher
            .join()
            .map_err(|_| anyhow::anyhow!("a viewer broke"))??;
        ensure!(seen > 0);
    }
    Ok(())
}

/// The number a text begins with, without its grouping.
fn digits(text: &str) -> u64 {
    let text = text.trim_start_matches("up to ");
    let digits = text.chars().take_while(|c| c.is_ascii_digit() || *c == ',');
    let digits: String = digits.filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Micro-units as the page writes them.
fn won(micro: u64) -> String {
    let digits = (micro / 1_000_000).to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{text} KRW")
}
