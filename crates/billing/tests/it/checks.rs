//! The check of every few minutes and what it keeps, and revenue counted by day.

use billing::Invariant;
use domain::outcome::Outcome;
use domain::time::{LocalDay, Timestamp, zone};
use store::reconciliation::CheckKind;
use store::revenue::{Days, RevenueSum};
use testkit::ManualClock;
use testkit::database::Engine;

use crate::world::{NOW, STEPS, Story, World, run};

testkit::on_both_engines![
    a_light_check_names_what_was_planted,
    checks_are_kept_and_tell_what_was_interrupted,
    revenue_is_counted_once_by_the_days_of_its_account,
];

/// What is planted, and the check that has to name it.
fn planted() -> Vec<(Invariant, &'static str, &'static str)> {
    vec![
        (
            Invariant::WalletIsLedger,
            "a wallet that says more",
            "UPDATE wallet SET available = available + 1",
        ),
        (
            Invariant::HeldIsOpenHolds,
            "money that is held for nobody",
            "UPDATE wallet SET held = held + 1",
        ),
        (
            Invariant::WithinFunds,
            "a wallet below its credit",
            "UPDATE wallet SET available = -1",
        ),
        (
            Invariant::TransactionsBalance,
            "an entry that was changed",
            "UPDATE ledger_entry SET amount = amount + 1 WHERE position = 0",
        ),
        (
            Invariant::HoldsEnd,
            "a hold that outlived its campaign",
            "UPDATE hold SET amount = amount + 15000000",
        ),
        (
            Invariant::CapturesAreBooked,
            "a capture of more than was booked",
            "UPDATE capture SET units = units + 1, amount = amount + unit_price
             WHERE number = 0 AND round = 0 AND part = 0",
        ),
        (
            Invariant::AcceptedIsCaptured,
            "a capture that is not there",
            "DELETE FROM capture WHERE units > 0",
        ),
        (
            Invariant::RangesAddUp,
            "a range that says more",
            "UPDATE freeze_range SET chunks = chunks + 1",
        ),
        (
            Invariant::FrozenWithinGranted,
            "a count that is off",
            "UPDATE campaign_tariff SET frozen = frozen - 1",
        ),
    ]
}

async fn a_light_check_names_what_was_planted(engine: Engine) {
    let story = Story::until(engine, STEPS - 1).await;
    let original = story.world.put_away().await;
    for (expected, what, sql) in planted() {
        let copy = original.copy().await;
        let raw = copy.unchecked().await;
        run(&raw, sql).await;
        raw.close().await;
        let store = store::Store::open(&copy.config()).await.unwrap();
        let since = Timestamp::from_millis(0);
        let found = billing::reconcile::reconcile_lightly(&store, since).await;
        let found = found.unwrap();
        let check = found.checks.iter().find(|check| check.id == expected.id());
        let check = check.expect("it is one of those that are made");
        assert!(
            !check.violations.is_empty(),
            "{what} went unnoticed:\n{found}"
        );
        assert_eq!(found.unclean.len(), 1, "{what}: whose books it is in");
        assert!(!found.clean && found.checks.len() == 9, "{found}");
        store.close().await.unwrap();
    }
}

async fn checks_are_kept_and_tell_what_was_interrupted(engine: Engine) {
    let story = Story::until(engine, 1).await;
    let Story { world, campaign } = &story;
    let clock = ManualClock::at(NOW);
    let worker = |number| domain::id::WorkerId::from_bytes([number; 16]);
    let lease = std::time::Duration::from_secs(3);
    world.store.lead(worker(1), NOW, lease).await.unwrap();
    clock.advance(lease * 4);
    let store = &world.store;
    store
        .lead(worker(2), domain::time::Clock::now(&clock), lease)
        .await
        .unwrap();
    let told = async || {
        let snapshot = store.snapshot().await.unwrap();
        let told = snapshot.interruptions(NOW, 5).await.unwrap();
        let epoch = told[0].epoch;
        let campaigns = snapshot.interrupted_campaigns(epoch, 5).await.unwrap();
        snapshot.end().await.unwrap();
        (told, campaigns)
    };
    let (interruptions, campaigns) = told().await;
    assert_eq!(interruptions[0].interrupted_at, NOW);
    assert_eq!(campaigns.len(), 1);
    assert_eq!(
        (campaigns[0].campaign, campaigns[0].checked),
        (*campaign, None)
    );
    clock.advance(lease);
    let make = async |kind| {
        billing::check_books(store, kind, None, &clock, &world.ids)
            .await
            .unwrap()
    };
    let check = make(CheckKind::Light).await;
    assert!(check.clean && check.findings == "[]", "{check:?}");
    assert_eq!(told().await.1[0].checked, Some((check.ended_at, true)));
    assert_eq!(store.check(check.id).await.unwrap(), check);
    run(&world.raw, "UPDATE wallet SET available = available + 1").await;
    clock.advance(lease);
    let check = make(CheckKind::Full).await;
    assert!(!check.clean && check.findings.contains("B1"), "{check:?}");
    // It closed once: what came later has nothing to do with it.
    assert!(told().await.1[0].checked.unwrap().1);
    let last = store.last_check(CheckKind::Full, false).await.unwrap();
    assert_eq!(last.unwrap().id, check.id);
    assert!(
        store
            .last_check(CheckKind::Full, true)
            .await
            .unwrap()
            .is_none()
    );
    // Clean ones go after a time, those with findings stay.
    clock.advance(std::time::Duration::from_secs(500 * 24 * 3_600));
    make(CheckKind::Light).await;
    let kept = "SELECT COUNT(*) FROM reconciliation";
    assert_eq!(world.raw.number(kept).await, 2);
}

async fn revenue_is_counted_once_by_the_days_of_its_account(engine: Engine) {
    let world = World::with_users(engine, 40).await;
    world.top_up(10_000, "bank-1").await;
    let campaign = world.launch(8, 8).await;
    world
        .freeze(campaign, 0, (1, 8), &[(1..=8).collect()], &[])
        .await;
    world.claim(campaign, 0, 0).await;
    world.settle(campaign, 0, 0, &[Outcome::Accepted; 8]).await;
    world.roll_up().await;
    let fold = async || {
        while let Some((piece, sums)) = billing::revenue::next_to_fold(&world.store).await.unwrap()
        {
            let mut write = world.store.write().await.unwrap();
            write.fold_revenue(piece, &sums).await.unwrap();
            write.commit().await.unwrap();
        }
    };
    fold().await;
    let seoul = zone("Asia/Seoul").unwrap();
    let day = LocalDay::of(NOW, &seoul).number();
    let around = Days {
        first: day - 1,
        last: day + 1,
    };
    let read = async || {
        let snapshot = world.store.snapshot().await.unwrap();
        let days = snapshot.revenue_by_day(around).await.unwrap();
        let accounts = snapshot.revenue_by_account(around, None, 10).await.unwrap();
        let paying = snapshot.paying_accounts(around).await.unwrap();
        let waiting = snapshot.unfolded_since().await.unwrap();
        snapshot.end().await.unwrap();
        assert_eq!(waiting, None);
        (days, accounts, paying)
    };
    let expected = RevenueSum {
        units: 8,
        amount_micro: 8 * 15_000_000,
    };
    let (days, accounts, paying) = read().await;
    assert_eq!((days.len(), days[0].sum, paying), (1, expected, 1));
    assert_eq!((accounts.len(), accounts[0].tariff), (1, 1));
    // Twice is once; and whoever comes late is told so.
    let again = world.store.snapshot().await.unwrap();
    assert!(again.unfolded().await.unwrap().is_empty());
    again.end().await.unwrap();
    fold().await;
    assert_eq!(read().await.0[0].sum, expected);
    let piece = store::revenue::Unfolded {
        business: world.business,
        after: 0,
        last: 1,
    };
    let mut write = world.store.write().await.unwrap();
    let late = write.fold_revenue(piece, &Default::default()).await;
    assert!(matches!(late, Err(store::StoreError::Conflict(_))));
    write.roll_back().await.unwrap();
}
