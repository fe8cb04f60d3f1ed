//! Pause, resume and cancel while the sending runs at full speed: how soon they act, and what they
//! give back.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chingu_tests::course::Course;
use chingu_tests::draw::Draw;
use chingu_tests::engine::{self, Engine};
use chingu_tests::messenger::last_accepted_ms;
use chingu_tests::platform::{Place, Platform, Times};
use chingu_tests::shell::admin;
use chingu_tests::table::Table;
use chingu_tests::wait;
use chingu_tests::world::{UNTARGETED_MICRO, Wishes};
use serde_json::Value;

/// Nothing is accepted later than this behind a command's return.
const ACTS_WITHIN_MS: i64 = 2_000;
/// Longer than whatever is in flight.
const QUIET: Duration = Duration::from_secs(3);
const FINISHED_WITHIN: Duration = Duration::from_secs(60);
const FRIENDS: u64 = 40_000;
/// The messenger is the limit: several seconds of sending, as fast as it goes.
const MESSENGER: &str = "speed=6000";

#[test]
fn pause_resume_and_cancel_act_at_full_speed() {
    run().unwrap();
}

fn run() -> Result<()> {
    let mut draw = Draw::seeded("control", 7);
    let times = Times {
        request_timeout_ms: 5_000,
        lease_ms: 6_000,
        in_flight: 4,
    };
    let platform = Platform::create(Place::Beside, FRIENDS, &[MESSENGER], times, &mut draw)?;
    let program = platform.recipe.clone().start()?;
    let campaign = platform.brand.campaign("stop and go", Wishes::default())?;
    platform.brand.launch(&campaign)?;
    let reachable = platform.brand.reachable;
    let columns = ["command", "accepted then", "seconds until it acts"];
    let mut table = Table::with_columns(&columns);

    platform.wait_for_accepted(reachable / 10, FINISHED_WITHIN)?;
    let paused = stop_with(&platform, &campaign, "pause")?;
    table.add(paused.cells("pause"));
    let shown = platform.brand.show(&campaign)?;
    ensure!(shown["state"] == "paused", "{shown}");

    admin(&platform.recipe.data, &["campaign", "resume", &campaign])?;
    let resumed = wait::wall_ms();
    platform.wait_for_accepted(paused.accepted + reachable / 10, FINISHED_WITHIN)?;
    let cancelled = stop_with(&platform, &campaign, "cancel")?;
    let courses = Course::all(platform.messenger.data())?;
    let course = courses.get(&campaign).context("a course")?;
    let first = course.next_ms(resumed).context("something after it")?;
    let first_push_ms = first - resumed;
    ensure!(
        first_push_ms <= ACTS_WITHIN_MS,
        "resume: the first push {first_push_ms} ms later"
    );
    table.add(vec![
        "resume".to_owned(),
        paused.accepted.to_string(),
        format!("{:.2}", first_push_ms as f64 / 1_000.0),
    ]);
    table.add(cancelled.cells("cancel"));
    let given_back = cancelled.answer["released_micro"]
        .as_i64()
        .context("what was given back")?;
    let not_begun = cancelled.answer["cancelled"]
        .as_i64()
        .context("how many had not begun")?;
    let unfrozen = cancelled.answer["unfrozen"]
        .as_i64()
        .context("how many were not frozen")?;
    ensure!(
        not_begun > 0,
        "missed: everything had begun: {}",
        cancelled.answer
    );
    ensure!(
        given_back == (not_begun + unfrozen) * UNTARGETED_MICRO,
        "{}",
        cancelled.answer
    );

    platform.wait_for_state(&campaign, &["closed"], FINISHED_WITHIN)?;
    drop(program);
    let verdict = platform.verdict(&campaign, 0.0)?;
    verdict.assert_exactly_once()?;
    ensure!(verdict.cancelled > 0 && verdict.recorded > 0, "{verdict:?}");
    let introduction = format!(
        "{reachable} recipients on the {} engine, as fast as a messenger with `{MESSENGER}` takes \
         them, up to four requests in flight. From the command's return to the last acceptance in \
         the messenger's log, of the resume to the first. The cancel gave back {} KRW at once, \
         {not_begun} recipients that had not begun, and the books closed. Written by \
         `just control`.",
        engine_in_words(),
        given_back / 1_000_000
    );
    let document = match engine::wanted() {
        Engine::Embedded => "control.md",
        Engine::Production => "control-production.md",
    };
    let title = "Pause, resume and cancel at full speed";
    table.publish(document, title, &introduction)
}

fn engine_in_words() -> &'static str {
    match engine::wanted() {
        Engine::Embedded => "embedded",
        Engine::Production => "production",
    }
}

struct Stopped {
    answer: Value,
    accepted: u64,
    /// From the command's return to the last acceptance; negative where that was before.
    last_push_ms: i64,
}

impl Stopped {
    fn cells(&self, command: &str) -> Vec<String> {
        let seconds = self.last_push_ms.max(0) as f64 / 1_000.0;
        vec![
            command.to_owned(),
            self.accepted.to_string(),
            format!("{seconds:.2}"),
        ]
    }
}

/// Runs a command that ends the sending, and looks when the messenger accepted the last of it.
fn stop_with(platform: &Platform, campaign: &str, command: &str) -> Result<Stopped> {
    let answer = admin(&platform.recipe.data, &["campaign", command, campaign])?;
    let returned = wait::wall_ms();
    wait::let_pass(QUIET);
    let last = last_accepted_ms(&platform.messenger.log()?, campaign)?;
    let last_push_ms = last.context("something was accepted")? - returned;
    ensure!(
        last_push_ms <= ACTS_WITHIN_MS,
        "{command}: a push {last_push_ms} ms later"
    );
    Ok(Stopped {
        answer,
        accepted: platform.messenger.accepted()?,
        last_push_ms,
    })
}
