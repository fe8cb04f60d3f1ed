//! The per-send report and the bill say the same, and so does a script that knows neither.

use std::io::Write as _;
use std::process::Command;

use billing::report::SendReport;
use domain::campaign::CampaignState;
use domain::id::{BusinessId, CampaignId};
use domain::outcome::{Outcome, RejectionCode};
use domain::rule::RuleId;
use serde_json::Value;
use store::StoreError;
use store::action::{Action, CampaignAction};
use store::campaign_list::ListQuery;

use testkit::database::Engine;

use crate::world::{MIDWAY, NOW, STEPS, Story, World, krw, user_id};

testkit::on_both_engines![
    every_friend_of_the_audience_has_one_line_and_the_prices_add_up,
    a_line_tells_what_was_sent_and_why_it_is_billed,
    what_is_not_confirmed_is_a_line_that_is_not_billed,
    a_running_campaign_is_reported_as_far_as_it_is,
    cancelled_is_what_somebody_cancelled,
    another_business_sees_nothing,
    a_campaign_that_was_never_launched_has_a_header_only,
    long_reports_come_in_pages,
    the_script_notices_what_is_wrong,
];

const RESUM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/resum.py");

async fn csv_of(world: &World, campaign: CampaignId) -> (u64, String) {
    let (store, business) = (&world.store, world.business);
    let report = SendReport::open(store, business, campaign).await;
    let (mut report, mut lines, mut csv) = (report.unwrap(), 0, Vec::new());
    while let Some(page) = report.next_page().await.unwrap() {
        lines += page.lines;
        csv.extend(page.csv);
    }
    (lines, String::from_utf8(csv).unwrap())
}

/// The sums of the independent script over a report of any length, with which it is content.
pub async fn resummed(world: &World, campaign: CampaignId) -> Value {
    let (store, business) = (&world.store, world.business);
    let mut report = SendReport::open(store, business, campaign).await.unwrap();
    let path = world.database.folder().join("long.csv");
    let mut file = std::fs::File::create(&path).unwrap();
    while let Some(page) = report.next_page().await.unwrap() {
        file.write_all(&page.csv).unwrap();
    }
    let output = Command::new("python3")
        .arg(RESUM)
        .arg(&path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the independent script says, and whether it is content.
fn resum(world: &World, csv: &str) -> (bool, Value) {
    let path = world.database.folder().join("report.csv");
    std::fs::write(&path, csv).unwrap();
    let output = Command::new("python3")
        .arg(RESUM)
        .arg(&path)
        .output()
        .unwrap();
    let result = serde_json::from_slice(&output.stdout);
    let result = result.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.success(), result)
}

async fn every_friend_of_the_audience_has_one_line_and_the_prices_add_up(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let (lines, csv) = csv_of(&story.world, story.campaign).await;
    assert_eq!(lines, 40);
    let (clean, sums) = resum(&story.world, &csv);
    assert!(clean, "{sums}");
    let outcomes = serde_json::json!({
        "accepted": 16, "cancelled": 2, "confirmed": 1, "excluded": 17, "failed": 3,
        "written_off": 1,
    });
    assert_eq!(sums["outcomes"], outcomes);
    let reasons = serde_json::json!({
        "excluded:blocked": 3, "excluded:left": 1, "excluded:no_consent": 13, "failed:blocked": 1,
        "failed:unavailable": 1, "failed:unknown_user": 1,
    });
    assert_eq!(sums["reasons"], reasons);
    let figures = [
        ("friends", 40),
        ("billable", 17),
        ("uncaptured", 0),
        ("ledger_transactions", 2),
    ];
    for (figure, expected) in figures {
        assert_eq!(sums[figure], expected, "{figure}");
    }
    let bill = billing::bill(&story.world.store, story.world.business, story.campaign)
        .await
        .unwrap();
    assert_eq!(sums["billed_micro"], bill.captured.micro());
    assert_eq!(bill.captured, krw(17 * 15));
    assert_eq!(
        (bill.quoted, bill.held, bill.released),
        (krw(360), krw(360), krw(105))
    );
    assert_eq!((bill.open, bill.price_version), (krw(0), Some(1)));
    assert_eq!(bill.state.name(), "closed");
    let outcomes = &bill.outcomes;
    assert_eq!(
        (outcomes.accepted, outcomes.failed, outcomes.cancelled),
        (17, 3, 3)
    );
    assert_eq!(
        (outcomes.excluded, outcomes.left_out, outcomes.frozen()),
        (1, 16, 24)
    );
    assert_eq!((outcomes.pending, outcomes.uncertain), (0, 0));
    let line = &bill.lines[0];
    assert_eq!((line.counted, line.granted, line.frozen), (24, 24, 24));
    assert_eq!(line.unit_price, krw(15));
    let left_out = billing::left_out(&story.world.store, story.world.business, story.campaign)
        .await
        .unwrap();
    assert_eq!(left_out, [(RuleId::NoConsent, 13), (RuleId::Blocked, 3)]);
}

async fn a_line_tells_what_was_sent_and_why_it_is_billed(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let (_, csv) = csv_of(&story.world, story.campaign).await;
    let campaign = story.campaign;
    let mut lines = csv.lines();
    assert_eq!(lines.next().unwrap(), billing::report::COLUMNS.join(","));
    let line_of = |number: u32| {
        let friend = user_id(number).to_string();
        let found: Vec<&str> = csv.lines().filter(|line| line.contains(&friend)).collect();
        assert_eq!(found.len(), 1, "user {number}");
        found[0].to_owned()
    };
    let hash = "ab".repeat(32);
    let settled = NOW + std::time::Duration::from_secs(1);
    let accepted = line_of(1);
    let friend = user_id(1);
    let start = format!(
        "{settled},{campaign},0.0,0,{friend},untargeted,whole_reach,accepted,,yes,\
         accepted_by_messenger,15,1,ltx_"
    );
    assert!(accepted.starts_with(&start), "{accepted}");
    assert!(accepted.ends_with(&format!(",{hash}")), "{accepted}");
    // Who was moved stands where the next round decided.
    assert!(line_of(14).contains(",1.1,1,"), "{}", line_of(14));
    let late = NOW + std::time::Duration::from_secs(60);
    let confirmed = line_of(10_006);
    assert!(confirmed.starts_with(&late.to_string()), "{confirmed}");
    assert!(
        confirmed.contains(",confirmed,,yes,confirmed_by_messenger,15,1,ltx_"),
        "{confirmed}"
    );
    let friend = user_id(10);
    assert_eq!(
        line_of(10),
        format!("{NOW},{campaign},,,{friend},,,excluded,no_consent,no,not_sent_by_rule,,1,,")
    );
}

/// Of eight that the messenger accepted under a contract that bills deliveries, one was confirmed,
/// one failed, one was given up; five wait.
async fn what_is_not_confirmed_is_a_line_that_is_not_billed(engine: Engine) {
    let world = World::with_users(engine, 8).await;
    world.top_up(1_000, "bank-1").await;
    let campaign = world.launch(8, 8).await;
    let delivered = "UPDATE campaign SET billable = 2";
    crate::world::run(&world.raw, delivered).await;
    world
        .freeze(campaign, 0, (1, 8), &[(1..=8).collect()], &[])
        .await;
    world.claim(campaign, 0, 0).await;
    let outcomes = [Outcome::Unconfirmed; 8];
    world.settle(campaign, 0, 0, &outcomes).await;
    world.roll_up().await;
    let unreachable = Outcome::Failed(RejectionCode::Unreachable);
    for (position, outcome) in [
        (1, Outcome::Confirmed),
        (2, unreachable),
        (3, Outcome::WrittenOff),
    ] {
        world.amend(campaign, 0, position, outcome).await;
    }
    world.roll_up().await;
    let (_, csv) = csv_of(&world, campaign).await;
    let unconfirmed = ",unconfirmed,,no,delivery_unconfirmed,,";
    assert_eq!(csv.matches(unconfirmed).count(), 5, "{csv}");
    assert_eq!(csv.matches(",confirmed,,yes,").count(), 1, "{csv}");
    let (clean, sums) = resum(&world, &csv);
    assert!(clean, "{sums}");
    let outcomes = serde_json::json!({
        "confirmed": 1, "failed": 1, "unconfirmed": 5, "written_off": 1,
    });
    assert_eq!(sums["outcomes"], outcomes);
    assert_eq!(sums["billed_micro"], krw(15).micro());
    let bill = billing::bill(&world.store, world.business, campaign).await;
    let bill = bill.unwrap();
    assert_eq!((bill.captured, bill.open), (krw(15), krw(105)));
    let of = &bill.outcomes;
    assert_eq!((of.accepted, of.failed, of.uncertain), (1, 1, 5));
    assert_eq!((of.cancelled, of.frozen()), (1, 8));
    let found = billing::reconcile::reconcile(&world.store).await.unwrap();
    assert!(found.clean, "{found}");
    // Whatever is captured for somebody unconfirmed is found.
    let planted = "UPDATE capture SET part = 5 WHERE part = 2";
    crate::world::run(&world.raw, planted).await;
    let found = billing::reconcile::reconcile(&world.store).await.unwrap();
    assert!(!found.clean, "a capture of somebody unconfirmed");
}

async fn a_running_campaign_is_reported_as_far_as_it_is(engine: Engine) {
    for step in 0..STEPS {
        let story = Story::until(engine, step).await;
        let (lines, csv) = csv_of(&story.world, story.campaign).await;
        assert_eq!(lines, if step == 0 { 20 } else { 40 }, "step {step}");
        let (clean, sums) = resum(&story.world, &csv);
        assert!(clean, "step {step}: {sums}");
        let bill = billing::bill(&story.world.store, story.world.business, story.campaign)
            .await
            .unwrap();
        assert_eq!(sums["billed_micro"], bill.captured.micro(), "step {step}");
        assert_eq!(bill.outcomes.frozen(), bill.lines[0].frozen, "step {step}");
        assert_eq!(bill.outcomes.accepted, sums["billable"], "step {step}");
        if step == MIDWAY {
            assert_eq!(
                (&sums["outcomes"]["pending"], &sums["uncaptured"]),
                (&10.into(), &1.into())
            );
            assert_eq!(bill.outcomes.pending, 10);
        }
    }
}

async fn cancelled_is_what_somebody_cancelled(engine: Engine) {
    // It has sends that were cancelled and one that was written off.
    let story = Story::until(engine, STEPS - 1).await;
    let (store, business) = (&story.world.store, story.world.business);
    for (action, is_cancelled) in [(Action::Pause, false), (Action::Cancel, true)] {
        let mut write = store.write().await.unwrap();
        let noted = CampaignAction::of(action, None, NOW);
        write.note_action(story.campaign, &noted).await.unwrap();
        write.commit().await.unwrap();
        let bill = billing::bill(store, business, story.campaign).await;
        assert_eq!(bill.unwrap().is_cancelled, is_cancelled, "{action:?}");
        let snapshot = store.snapshot().await.unwrap();
        let account = snapshot.recorded_campaign(business, story.campaign).await;
        let query = ListQuery {
            account: account.unwrap().account,
            states: &[CampaignState::Closed.code()],
            text: "",
            before: None,
            limit: 1,
        };
        let listed = snapshot.list_campaigns(&query).await.unwrap();
        assert_eq!(listed[0].was_cancelled, is_cancelled, "{action:?}");
        snapshot.end().await.unwrap();
    }
    // Before anything was frozen, there is nothing but the cancel to tell it by.
    let campaign = story.world.launch(1, 1).await;
    let mut write = store.write().await.unwrap();
    let noted = CampaignAction::of(Action::Cancel, None, NOW);
    write.note_action(campaign, &noted).await.unwrap();
    write.set_freeze_ended(campaign, NOW).await.unwrap();
    write.commit().await.unwrap();
    let figures = billing::campaign_figures(store, business, campaign).await;
    assert!(figures.unwrap().bill.is_cancelled);
}

async fn another_business_sees_nothing(engine: Engine) {
    let story = Story::until(engine, 0).await;
    let other: BusinessId = story.world.fresh();
    story.world.add_business(other, "KRW").await;
    let store = &story.world.store;
    let report = SendReport::open(store, other, story.campaign).await;
    let refused = [
        report.err().unwrap(),
        billing::bill(store, other, story.campaign)
            .await
            .unwrap_err(),
        billing::left_out(store, other, story.campaign)
            .await
            .unwrap_err(),
    ];
    for error in refused {
        let words = error.to_string();
        assert!(
            matches!(error, billing::BillingError::Store(StoreError::NotFound(_))),
            "{words}"
        );
    }
}

async fn a_campaign_that_was_never_launched_has_a_header_only(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let campaign = world.add_campaign(world.business).await;
    let (lines, csv) = csv_of(&world, campaign).await;
    assert_eq!((lines, csv.lines().count()), (0, 1));
    let bill = billing::bill(&world.store, world.business, campaign)
        .await
        .unwrap();
    assert_eq!(
        (bill.held, bill.quoted, bill.price_version),
        (krw(0), krw(0), None)
    );
}

async fn long_reports_come_in_pages(engine: Engine) {
    let world = World::with_users(engine, 60_000).await;
    world.top_up(1_000_000, "bank-1").await;
    let campaign = world.launch(20_000, 60_000).await;
    let mut page: Vec<Vec<u32>> = Vec::new();
    // Every other chunk is sparse, so that users are looked up both ways.
    for chunk in 0..10 {
        page.push((chunk * 1_000 + 1..=(chunk + 1) * 1_000).collect());
        page.push((0..1_000).map(|n| 10_001 + n * 20 + chunk).collect());
    }
    let taken: std::collections::HashSet<u32> = page.iter().flatten().copied().collect();
    let rest: Vec<u32> = (1..=60_000)
        .filter(|number| !taken.contains(number))
        .collect();
    let excluded = [(RuleId::NoConsent, rest)];
    world
        .freeze(campaign, 0, (1, 60_000), &page, &excluded)
        .await;
    let mut report = SendReport::open(&world.store, world.business, campaign)
        .await
        .unwrap();
    let (mut pages, mut longest, mut lines, mut csv) = (0, 0, 0, Vec::new());
    while let Some(page) = report.next_page().await.unwrap() {
        pages += 1;
        longest = longest.max(page.csv.len());
        lines += page.lines;
        csv.extend(page.csv);
    }
    assert!(pages > 4, "{pages} pages");
    assert!(longest < 5_000_000, "a page of {longest} bytes");
    let (clean, sums) = resum(&world, std::str::from_utf8(&csv).unwrap());
    assert!(clean, "{sums}");
    assert_eq!((lines, &sums["friends"]), (60_000, &60_000.into()));
}

async fn the_script_notices_what_is_wrong(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let (_, csv) = csv_of(&story.world, story.campaign).await;
    let lines: Vec<&str> = csv.lines().collect();
    let first = lines[1];
    let friend = user_id(1).to_string();
    let wrong: [(&str, String); 8] = [
        ("a line twice", format!("{csv}{first}\n")),
        (
            "a friend twice",
            csv.replacen(&user_id(2).to_string(), &friend, 1),
        ),
        (
            "another header",
            csv.replacen("at,campaign", "when,campaign", 1),
        ),
        (
            "billable without being accepted",
            csv.replacen(",failed,", ",accepted,", 1),
        ),
        (
            "accepted without being billable",
            csv.replacen(",accepted,,yes", ",accepted,,no", 1),
        ),
        (
            "a price that is none",
            csv.replacen(",15,1,", ",15.0000001,1,", 1),
        ),
        (
            "a formula",
            csv.replacen(",untargeted,", ",=untargeted,", 1),
        ),
        ("a time that is none", csv.replacen('Z', "", 1)),
    ];
    for (name, csv) in wrong {
        let (clean, sums) = resum(&story.world, &csv);
        assert!(!clean, "{name}: {sums}");
        assert!(sums["error_count"].as_u64().unwrap() > 0, "{name}");
    }
    let dearer = csv.replacen(",15,1,", ",16.5,1,", 1);
    let (clean, sums) = resum(&story.world, &dearer);
    assert!(clean, "{sums}");
    assert_eq!(sums["billed_micro"], 256_500_000);
}
