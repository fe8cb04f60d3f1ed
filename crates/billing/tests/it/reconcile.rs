//! Reconciliation is silent about a campaign at every step, and names every violation that is
//! planted behind the back of the program.

use billing::Invariant;
use domain::outcome::Outcome;
use store::Store;
use testkit::database::{Engine, TestDatabase};

use crate::world::{MIDWAY, STEPS, Story, World, bitmap, blob, run};

testkit::on_both_engines![
    a_campaign_is_clean_at_every_step,
    a_cancelled_campaign_is_clean,
    every_planted_violation_is_named,
    many_violations_are_counted_and_some_listed,
];

async fn assert_clean(world: &World, when: &str) {
    let found = billing::reconcile(&world.store).await.unwrap();
    assert!(found.clean, "{when}: {found}");
    let found = lightly(&world.store).await;
    assert!(found.clean, "{when}, lightly: {found}");
}

/// The check of every few minutes, over everything that was ever booked.
async fn lightly(store: &Store) -> billing::Reconciliation {
    let since = domain::time::Timestamp::from_millis(0);
    billing::reconcile::reconcile_lightly(store, since)
        .await
        .unwrap()
}

async fn a_campaign_is_clean_at_every_step(engine: Engine) {
    let world = World::with_users(engine, 0).await;
    assert_clean(&world, "an empty database").await;
    let story = Story::begin(engine).await;
    assert_clean(&story.world, "launched").await;
    for step in 0..STEPS {
        story.step(step).await;
        assert_clean(&story.world, &format!("after step {step}")).await;
    }
    story.close_month().await;
    assert_clean(&story.world, "its month closed").await;
    let found = billing::reconcile(&story.world.store).await.unwrap();
    for check in &found.checks {
        assert!(check.checked > 0, "{} looked at nothing", check.id);
    }
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["clean"], true);
    assert_eq!(json["checks"][0]["id"], "I1");
    assert_eq!(json["checks"][0]["checked"], 17);
    assert_eq!(json["checks"][0]["violations"], serde_json::json!([]));
    let text = found.to_string();
    assert!(text.contains("ok   I5a  first rounds and exclusions part the audience (40 checked)"));
    assert!(text.ends_with("the books close"), "{text}");
}

async fn a_cancelled_campaign_is_clean(engine: Engine) {
    let story = Story::until(engine, 0).await;
    let Story { world, campaign } = &story;
    world.claim(*campaign, 0, 0).await;
    // Cancel: 10 units were never frozen, 6 wait, 8 are in flight and stay held.
    let mut write = world.store.write().await.unwrap();
    let amount = crate::world::krw(16 * 15);
    let reason = billing::ReleaseReason::Cancelled;
    billing::release(
        &mut write,
        *campaign,
        amount,
        reason,
        crate::world::NOW,
        &world.ids,
    )
    .await
    .unwrap();
    write.commit().await.unwrap();
    run(&world.raw, "UPDATE campaign_tariff SET granted = frozen").await;
    world
        .end_ready(*campaign, domain::chunk::ChunkState::Cancelled)
        .await;
    world.set_state(*campaign, 10).await;
    assert_clean(world, "cancelling").await;
    world
        .settle(*campaign, 0, 0, &[domain::outcome::Outcome::Accepted; 8])
        .await;
    assert_clean(world, "settled after the cancel").await;
    world.roll_up().await;
    world.close(*campaign).await;
    assert_clean(world, "cancelled and closed").await;
}

/// A violation, and the check that has to name it.
struct Planted {
    expected: Invariant,
    what: &'static str,
    sql: String,
}

fn planted(expected: Invariant, what: &'static str, sql: impl Into<String>) -> Planted {
    Planted {
        expected,
        what,
        sql: sql.into(),
    }
}

fn of_a_closed_campaign(engine: Engine) -> Vec<Planted> {
    use Invariant as I;
    let numbers_of_first = "(SELECT numbers FROM chunk WHERE number = 0)";
    let hold_of_zero = blob(&[0; 16]);
    let unreadable = match engine {
        Engine::Sqlite => blob(&[9, 1]),
        Engine::Postgres => "'{5000}'".to_owned(),
    };
    vec![
        planted(
            I::BilledOnce,
            "the same friends in two chunks",
            format!(
                "UPDATE chunk SET numbers = {numbers_of_first}, first_number = 1, last_number = 8
                 WHERE number = 65536"
            ),
        ),
        planted(
            I::AudiencePartitioned,
            "the same friends in two chunks",
            format!("UPDATE chunk SET numbers = {numbers_of_first} WHERE number = 65536"),
        ),
        planted(
            I::AudiencePartitioned,
            "an excluded friend in a chunk",
            format!(
                "UPDATE exclusion SET bitmap = {} WHERE rule = 1 AND range = 0",
                bitmap(&[1, 12, 17])
            ),
        ),
        planted(
            I::BilledWasAccepted,
            "a cancelled chunk was captured",
            "INSERT INTO capture SELECT month, campaign, 65537, 0, 0, ledger_transaction, 2,
               unit_price, 2 * unit_price, bill_month FROM capture WHERE number = 0",
        ),
        planted(
            I::BilledWasAccepted,
            "a proof that never came was captured",
            "INSERT INTO capture SELECT month, campaign, number, round, 8, ledger_transaction, 1,
               unit_price, unit_price, bill_month FROM capture WHERE number = 65536 AND part = 0",
        ),
        planted(
            I::AcceptedIsCaptured,
            "a settle was forgotten",
            "DELETE FROM capture WHERE number = 0",
        ),
        planted(
            I::AcceptedIsCaptured,
            "a proof was forgotten",
            "DELETE FROM capture WHERE part = 6",
        ),
        planted(
            I::RangesAddUp,
            "a range counts one too many",
            "UPDATE freeze_range SET frozen = frozen + 1 WHERE range = 1",
        ),
        planted(
            I::RangesAddUp,
            "a range was lost",
            "DELETE FROM freeze_range WHERE range = 0",
        ),
        planted(
            I::RangesAddUp,
            "a gap between ranges",
            "UPDATE freeze_range SET first_number = 10003 WHERE range = 1",
        ),
        planted(
            I::RangesAddUp,
            "an exclusion outside its range",
            format!(
                "UPDATE exclusion SET bitmap = {} WHERE rule = 1 AND range = 0",
                bitmap(&[10, 12, 10_015])
            ),
        ),
        planted(
            I::RangesAddUp,
            "a bitmap that cannot be read",
            format!(
                "UPDATE exclusion SET bitmap = {} WHERE rule = 1 AND range = 0",
                blob(&[1])
            ),
        ),
        planted(
            I::OutcomesAddUp,
            "a column says another count",
            "UPDATE chunk SET accepted = accepted - 1, failed = failed + 1 WHERE number = 0",
        ),
        planted(
            I::OutcomesAddUp,
            "outcomes that cannot be read",
            format!("UPDATE chunk SET outcomes = {unreadable} WHERE number = 0"),
        ),
        planted(
            I::OutcomesAddUp,
            "outcomes are gone",
            "UPDATE chunk SET outcomes = NULL WHERE number = 0",
        ),
        planted(
            I::MovedIsNextRound,
            "a next round was lost",
            "DELETE FROM chunk WHERE round = 1",
        ),
        planted(
            I::MovedIsNextRound,
            "a next round of others",
            format!(
                "UPDATE chunk SET numbers = {} WHERE round = 1",
                engine.numbers(&[14, 15])
            ),
        ),
        planted(
            I::MovedIsNextRound,
            "a round that nobody was moved to",
            "UPDATE chunk SET round = 3 WHERE number = 0",
        ),
        planted(
            I::NothingLost,
            "a closed campaign with a chunk to send",
            "UPDATE chunk SET state = 1, cancelled = 0, sequence = NULL, settled_at = NULL
             WHERE number = 65537",
        ),
        planted(
            I::NothingLost,
            "a closed campaign with an uncertain recipient",
            "DELETE FROM amendment WHERE position = 7",
        ),
        planted(
            I::TransactionsBalance,
            "a transaction does not sum to zero",
            "UPDATE ledger_entry SET amount = amount + 1
             WHERE position = 0 AND campaign IS NOT NULL",
        ),
        planted(
            I::TransactionsBalance,
            "a transaction without entries",
            "DELETE FROM ledger_entry WHERE campaign IS NULL",
        ),
        planted(
            I::CapturesArePrices,
            "captured at another price",
            "UPDATE capture SET unit_price = 20000000, amount = units * 20000000 WHERE number = 0",
        ),
        planted(
            I::CapturesArePrices,
            "one unit too few",
            "UPDATE capture SET units = units - 1, amount = amount - unit_price WHERE number = 0",
        ),
        planted(
            I::CapturesAreBooked,
            "a capture of a transaction that is not booked",
            format!("UPDATE capture SET ledger_transaction = {hold_of_zero} WHERE number = 0"),
        ),
        planted(
            I::CapturesAreBooked,
            "an amount that its transaction did not earn",
            "UPDATE capture SET amount = amount + 1 WHERE number = 0",
        ),
        planted(
            I::HoldsEnd,
            "a closed campaign holds money",
            "UPDATE hold SET amount = amount + 1",
        ),
        planted(
            I::FrozenWithinGranted,
            "more frozen than granted",
            "UPDATE campaign_tariff SET granted = frozen - 1",
        ),
        planted(
            I::FrozenWithinGranted,
            "a frozen recipient that no chunk has",
            "UPDATE campaign_tariff SET granted = granted + 1, frozen = frozen + 1",
        ),
        planted(
            I::FrozenWithinGranted,
            "a tariff nothing was granted for",
            "UPDATE chunk SET tariff = 2 WHERE number = 0",
        ),
        planted(
            I::WithinFunds,
            "spent what was never paid in",
            "UPDATE ledger_entry SET amount = amount / 10 WHERE campaign IS NULL",
        ),
        planted(
            I::StatesFollowDiagrams,
            "a state there is not",
            "UPDATE chunk SET state = 99 WHERE number = 0",
        ),
        planted(
            I::StatesFollowDiagrams,
            "a claim without its attempt",
            "UPDATE chunk SET epoch = epoch + 1 WHERE number = 0",
        ),
        planted(
            I::StatesFollowDiagrams,
            "an attempt of a later epoch",
            "UPDATE attempt SET epoch = 5 WHERE number = 0",
        ),
        planted(
            I::StatesFollowDiagrams,
            "settled at no time",
            "UPDATE chunk SET settled_at = NULL WHERE number = 0",
        ),
        planted(
            I::StatesFollowDiagrams,
            "a campaign in no state",
            "UPDATE campaign SET state = 77",
        ),
        planted(
            I::StatesFollowDiagrams,
            "closed at no time",
            "UPDATE campaign SET closed_at = NULL",
        ),
        planted(
            I::EvidenceKept,
            "no hash of what was sent",
            format!(
                "UPDATE chunk SET content_hash = {} WHERE number = 0",
                blob(&[0; 32])
            ),
        ),
        planted(
            I::EvidenceKept,
            "fewer recipients than it says",
            format!(
                "UPDATE chunk SET numbers = {} WHERE number = 0",
                engine.numbers(&[1, 2])
            ),
        ),
        planted(
            I::WalletIsLedger,
            "money from nowhere",
            "UPDATE wallet SET available = available + 1",
        ),
        planted(
            I::HeldIsOpenHolds,
            "held for nobody",
            "UPDATE wallet SET held = held + 1",
        ),
        planted(
            I::HoldsAreBooked,
            "released more than was booked",
            "UPDATE hold SET released = released + 1",
        ),
        planted(
            I::HoldsAreBooked,
            "captured less than was booked",
            "UPDATE hold SET captured = captured - 1",
        ),
        planted(
            I::HeldOnce,
            "a hold under another key",
            "UPDATE ledger_transaction SET idempotency_key = 'hold:again' WHERE kind = 2",
        ),
        planted(I::HeldOnce, "launched without a hold", "DELETE FROM hold"),
        planted(
            I::ChainUnbroken,
            "booked at another time",
            "UPDATE ledger_transaction SET booked_at = booked_at + 1 WHERE sequence = 2",
        ),
        planted(
            I::ChainUnbroken,
            "a transaction is gone",
            "DELETE FROM ledger_entry WHERE ledger_transaction IN
               (SELECT id FROM ledger_transaction WHERE sequence = 3);
             DELETE FROM ledger_transaction WHERE sequence = 3",
        ),
        planted(
            I::LotsAreBooked,
            "money of a lot that nobody gave",
            "UPDATE ledger_entry SET lot = campaign WHERE campaign IS NOT NULL",
        ),
        planted(
            I::WithinBudgets,
            "a budget that was lower than what was held",
            "UPDATE budget SET amount = 1",
        ),
        planted(
            I::BillsAreCaptures,
            "a bill that counts one send more",
            "UPDATE month_line SET units = units + 1",
        ),
        planted(
            I::NoOrphans,
            "an attempt of no chunk",
            "UPDATE attempt SET number = 999 WHERE number = 0",
        ),
        planted(
            I::NoOrphans,
            "a capture of no chunk",
            "DELETE FROM chunk WHERE number = 0",
        ),
        planted(
            I::NoOrphans,
            "chunks of no campaign",
            "DELETE FROM campaign",
        ),
    ]
}

fn of_a_running_campaign(engine: Engine) -> Vec<Planted> {
    use Invariant as I;
    vec![
        planted(
            I::HoldsCover,
            "released what may still be billed",
            "UPDATE hold SET released = released + 6 * 15000000",
        ),
        planted(
            I::HoldsCover,
            "a booked release of more than was held",
            "UPDATE ledger_entry SET amount = -amount WHERE campaign IS NOT NULL
               AND ledger_transaction IN (SELECT id FROM ledger_transaction WHERE kind = 2)",
        ),
        planted(
            I::RangesAddUp,
            "a whole range was never frozen",
            "DELETE FROM freeze_range WHERE range = 1; DELETE FROM exclusion WHERE range = 1;
             DELETE FROM chunk WHERE number >= 65536; DELETE FROM attempt WHERE number >= 65536;
             UPDATE campaign_tariff SET frozen = 14, granted = 14",
        ),
        planted(
            I::StatesFollowDiagrams,
            "in flight and never claimed",
            "UPDATE chunk SET epoch = 0 WHERE number = 65536;
             DELETE FROM attempt WHERE number = 65536",
        ),
        planted(
            I::StatesFollowDiagrams,
            "runs and was never launched",
            "UPDATE campaign SET launched_at = NULL, price_version = NULL",
        ),
        planted(
            I::OutcomesAddUp,
            "outcomes before the answer",
            format!(
                "UPDATE chunk SET outcomes = {} WHERE number = 65536",
                engine.outcomes(&[Outcome::Accepted; 8])
            ),
        ),
        planted(
            I::NothingLost,
            "closing with a chunk in flight",
            "UPDATE campaign SET state = 11",
        ),
    ]
}

/// Plants one violation into a copy of the database and returns what is named.
async fn named_with(original: &TestDatabase, planted: &Planted) -> billing::Reconciliation {
    let copy = original.copy().await;
    let raw = copy.unchecked().await;
    run(&raw, planted.sql.as_str()).await;
    raw.close().await;
    let store = Store::open(&copy.config()).await.unwrap();
    let found = billing::reconcile(&store).await.unwrap();
    store.close().await.unwrap();
    found
}

async fn every_planted_violation_is_named(engine: Engine) {
    let mut seen = std::collections::BTreeSet::new();
    let stages = [
        (STEPS - 1, of_a_closed_campaign(engine)),
        (MIDWAY, of_a_running_campaign(engine)),
    ];
    for (step, all) in stages {
        let story = Story::until(engine, step).await;
        if step == STEPS - 1 {
            story.close_month().await;
        }
        let original = story.world.put_away().await;
        let nothing = planted(Invariant::NoOrphans, "nothing", "SELECT 1");
        let found = named_with(&original, &nothing).await;
        assert!(found.clean, "{found}");
        for planted in all {
            let found = named_with(&original, &planted).await;
            let check = &found.checks[planted.expected as usize];
            let Planted { expected, what, .. } = planted;
            assert_eq!(check.id, expected.id());
            assert!(
                !check.violations.is_empty(),
                "{what} went unnoticed by {}:\n{found}",
                check.id
            );
            assert!(!found.clean);
            assert!(found.to_string().contains("FAIL"));
            seen.insert(expected);
        }
    }
    let all: std::collections::BTreeSet<Invariant> = Invariant::ALL.into_iter().collect();
    assert_eq!(seen, all, "every check is shown to fail");
}

async fn many_violations_are_counted_and_some_listed(engine: Engine) {
    let world = World::with_users(engine, 100).await;
    world.top_up(10_000, "bank-1").await;
    let campaign = world.launch(100, 100).await;
    let chunks: Vec<Vec<u32>> = (1..=100).map(|number| vec![number]).collect();
    world.freeze(campaign, 0, (1, 100), &chunks, &[]).await;
    assert_clean(&world, "a hundred chunks").await;
    let nothing = blob(&[0; 32]);
    run(
        &world.raw,
        format!("UPDATE chunk SET content_hash = {nothing}"),
    )
    .await;
    let found = billing::reconcile(&world.store).await.unwrap();
    let check = &found.checks[Invariant::EvidenceKept as usize];
    assert_eq!(
        check.violations.len(),
        billing::reconcile::VIOLATIONS_LISTED_MAX + 1
    );
    assert_eq!(check.violations.last().unwrap(), "and 80 more");
}
