//! Money that moves: refused where it must be, never twice, never past the wallet.

use std::sync::Arc;
use std::time::Duration;

use billing::{BillingError, ReleaseReason};
use domain::id::{BlockId, BusinessId, CampaignId};
use domain::ledger::TransactionKind;
use domain::money::{Currency, Money};
use domain::price::Tariff;
use proptest::prelude::*;
use store::StoreError;

use testkit::database::Engine;

use crate::world::{NOW, World, krw, run};

testkit::on_both_engines![
    a_payment_is_booked_once,
    payments_that_cannot_be_are_refused_in_words,
    a_hold_takes_what_is_there_and_no_more,
    what_costs_nothing_books_nothing,
    more_than_is_held_is_neither_captured_nor_released,
    a_roll_up_is_booked_once,
    blocks_add_to_what_a_standing_campaign_holds,
    movements_are_read_page_by_page,
    a_quote_goes_by_the_book_in_force,
];
testkit::on_both_engines![multi_thread: fifty_holds_at_once_never_pass_the_wallet];

/// The checks that a ledger without any sends can hold.
const OF_THE_BOOKS: [&str; 9] = ["I7", "I10", "B1", "B2", "B3", "B4", "B5", "B7", "B8"];

pub async fn balances(world: &World) -> (Money, Money) {
    let wallet = billing::wallet(&world.store, world.business).await.unwrap();
    (wallet.available, wallet.held)
}

pub async fn assert_books_close(world: &World) {
    let found = billing::reconcile(&world.store).await.unwrap();
    for check in found.checks {
        if OF_THE_BOOKS.contains(&check.id) {
            assert_eq!(check.violations, Vec::<String>::new(), "{}", check.name);
        }
    }
}

async fn a_payment_is_booked_once(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    assert_eq!(balances(&world).await, (krw(0), krw(0)));
    let first = world.top_up(500, "bank-1").await;
    assert_eq!(world.top_up(500, "bank-1").await, first);
    world.top_up(100, "bank-2").await;
    assert_eq!(balances(&world).await, (krw(600), krw(0)));
    let other: BusinessId = world.fresh();
    world.add_business(other, "KRW").await;
    for (business, units) in [(world.business, 501), (other, 500)] {
        let again = billing::top_up(
            &world.store,
            business,
            krw(units),
            "bank-1",
            NOW,
            &world.ids,
        )
        .await;
        let error = again.unwrap_err();
        assert!(
            matches!(error, BillingError::Store(StoreError::Taken(_))),
            "{error}"
        );
    }
    assert_eq!(balances(&world).await, (krw(600), krw(0)));
    assert_books_close(&world).await;
}

async fn payments_that_cannot_be_are_refused_in_words(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let cases = [
        (krw(0), "bank-1", "more than zero"),
        (krw(-5), "bank-1", "more than zero"),
        (krw(5), "", "not a payment reference"),
        (krw(5), "two words", "not a payment reference"),
        (krw(5), "입금", "not a payment reference"),
        (Money::whole(5, Currency::Usd), "bank-1", "cannot be added"),
    ];
    for (amount, reference, words) in cases {
        let refused = billing::top_up(
            &world.store,
            world.business,
            amount,
            reference,
            NOW,
            &world.ids,
        )
        .await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(words), "{amount} {reference:?}: {error}");
    }
    let nobody = BusinessId::from_bytes([9; 16]);
    let refused = billing::top_up(&world.store, nobody, krw(1), "bank-1", NOW, &world.ids).await;
    let error = refused.unwrap_err();
    assert!(
        matches!(error, BillingError::Store(StoreError::NotFound(_))),
        "{error}"
    );
}

async fn a_hold_takes_what_is_there_and_no_more(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(100, "bank-1").await;
    let campaign = world.add_campaign(world.business).await;
    let error = world.hold(campaign, krw(101)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the wallet does not suffice: 101 KRW are needed, 100 KRW can be spent"
    );
    assert!(matches!(error, BillingError::FundsShort { .. }));
    assert_eq!(balances(&world).await, (krw(100), krw(0)));
    world.hold(campaign, krw(100)).await.unwrap();
    assert_eq!(balances(&world).await, (krw(0), krw(100)));
    let error = world.hold(campaign, krw(0)).await.unwrap_err();
    assert!(
        matches!(error, BillingError::Store(StoreError::Conflict(_))),
        "{error}"
    );
    let nowhere = CampaignId::from_bytes([9; 16]);
    let error = world.hold(nowhere, krw(0)).await.unwrap_err();
    assert!(
        matches!(error, BillingError::Store(StoreError::Invariant(_))),
        "{error}"
    );
    // Credit widens what can be held, and the wallet goes below zero by no more than that.
    run(&world.raw, "UPDATE wallet SET credit_limit = 30000000").await;
    let second = world.add_campaign(world.business).await;
    assert!(world.hold(second, krw(31)).await.is_err());
    world.hold(second, krw(30)).await.unwrap();
    assert_eq!(balances(&world).await, (krw(-30), krw(130)));
    assert_books_close(&world).await;
}

async fn what_costs_nothing_books_nothing(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(0)).await.unwrap();
    let mut write = world.store.write().await.unwrap();
    let nothing = [(campaign, krw(0))];
    let booked = billing::capture(
        &mut write,
        world.business,
        world.earned_as(1),
        &nothing,
        NOW,
        &world.ids,
    )
    .await;
    assert_eq!(booked.unwrap(), None);
    let reason = ReleaseReason::Closed;
    let rest = billing::release_rest(&mut write, campaign, reason, NOW, &world.ids).await;
    assert_eq!(rest.unwrap(), krw(0));
    write.commit().await.unwrap();
    let movements = billing::movements(&world.store, world.business, None, 10)
        .await
        .unwrap();
    assert_eq!(movements, []);
}

async fn more_than_is_held_is_neither_captured_nor_released(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let (one, two) = (
        world.add_campaign(world.business).await,
        world.add_campaign(world.business).await,
    );
    world.hold(one, krw(60)).await.unwrap();
    world.hold(two, krw(40)).await.unwrap();
    let captures: [&[(CampaignId, Money)]; 4] = [
        &[(one, krw(61))],
        &[(two, krw(40)), (one, krw(61))],
        &[(one, krw(30)), (one, krw(30))],
        &[(one, krw(-1))],
    ];
    for amounts in captures {
        let mut write = world.store.write().await.unwrap();
        let refused = billing::capture(
            &mut write,
            world.business,
            world.earned_as(1),
            amounts,
            NOW,
            &world.ids,
        )
        .await;
        let error = refused.unwrap_err();
        assert!(
            matches!(error, BillingError::Store(StoreError::Invariant(_))),
            "{error}"
        );
    }
    for amount in [krw(61), krw(-1)] {
        let mut write = world.store.write().await.unwrap();
        let reason = ReleaseReason::Cancelled;
        let refused = billing::release(&mut write, one, amount, reason, NOW, &world.ids).await;
        let error = refused.unwrap_err();
        assert!(
            matches!(error, BillingError::Store(StoreError::Invariant(_))),
            "{error}"
        );
    }
    assert_eq!(balances(&world).await, (krw(900), krw(100)));
    assert_books_close(&world).await;
}

async fn a_roll_up_is_booked_once(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(60)).await.unwrap();
    for (round, expected) in [(1, true), (2, false)] {
        let mut write = world.store.write().await.unwrap();
        let amounts = [(campaign, krw(15))];
        let booked = billing::capture(
            &mut write,
            world.business,
            world.earned_as(7),
            &amounts,
            NOW,
            &world.ids,
        )
        .await;
        assert_eq!(booked.is_ok(), expected, "time {round}");
        if booked.is_ok() {
            write.commit().await.unwrap();
        }
    }
    assert_eq!(balances(&world).await, (krw(940), krw(45)));
    assert_books_close(&world).await;
}

async fn blocks_add_to_what_a_standing_campaign_holds(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(100, "bank-1").await;
    let campaign = world.add_campaign(world.business).await;
    run(&world.raw, "UPDATE campaign SET kind = 2").await;
    for (units, expected) in [(60, true), (50, false), (40, true)] {
        let mut write = world.store.write().await.unwrap();
        let block: BlockId = world.fresh();
        let (business, ids) = (world.business, &world.ids);
        let held =
            billing::hold_block(&mut write, business, campaign, block, krw(units), NOW, ids).await;
        assert_eq!(held.is_ok(), expected, "{units}");
        write.commit().await.unwrap();
    }
    assert_eq!(balances(&world).await, (krw(0), krw(100)));
    assert_books_close(&world).await;
}

async fn movements_are_read_page_by_page(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    for number in 1..=4 {
        world.top_up(100, &format!("bank-{number}")).await;
    }
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(60)).await.unwrap();
    let page = |before| billing::movements(&world.store, world.business, before, 3);
    let first = page(None).await.unwrap();
    let sequences = |page: &[billing::Movement]| -> Vec<u64> {
        page.iter().map(|movement| movement.sequence).collect()
    };
    assert_eq!(sequences(&first), [5, 4, 3]);
    let hold = &first[0];
    assert_eq!(hold.kind, TransactionKind::Hold);
    assert_eq!((hold.available, hold.held), (krw(-60), krw(60)));
    assert_eq!(hold.campaigns, [campaign]);
    assert_eq!(first[1].key, "topup:bank-4");
    let second = page(Some(3)).await.unwrap();
    assert_eq!(sequences(&second), [2, 1]);
    assert_eq!(page(Some(1)).await.unwrap(), []);
}

async fn a_quote_goes_by_the_book_in_force(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.publish("standard", 6_500_000, &[]).await;
    let before = NOW - Duration::from_millis(1);
    let quote = |currency, at| {
        let (store, business) = (&world.store, world.business);
        async move {
            let terms = billing::terms(store, business, currency, at).await?;
            Ok::<_, BillingError>(terms.quote(Tariff::Untargeted, 6)?)
        }
    };
    let old = quote(Currency::Krw, before).await.unwrap();
    assert_eq!((old.book_version, old.net), (1, krw(6 * 15)));
    let new = quote(Currency::Krw, NOW).await.unwrap();
    assert_eq!((new.book_version, new.net), (3, krw(39)));
    let error = quote(Currency::Usd, NOW).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the price book 'standard' has no prices in USD"),
        "{error}"
    );
    run(
        &world.raw,
        "DELETE FROM price WHERE version = 3 AND tariff = 3",
    )
    .await;
    let error = quote(Currency::Krw, NOW).await.unwrap_err().to_string();
    assert!(error.contains("version 3: api_push"), "{error}");
}

async fn fifty_holds_at_once_never_pass_the_wallet(engine: Engine) {
    let world = Arc::new(World::with_users(engine, 1).await);
    world.top_up(1_000, "bank-1").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let campaign = world.add_campaign(world.business).await;
        let world = world.clone();
        tasks.spawn(async move { world.hold(campaign, krw(100)).await });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 10);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, BillingError::FundsShort { .. }), "{error}");
    }
    assert_eq!(balances(&world).await, (krw(0), krw(1_000)));
    assert_books_close(&world).await;
}

#[derive(Debug, Clone)]
enum Move {
    TopUp(i64),
    Hold(usize, i64),
    Release(usize, i64),
    ReleaseRest(usize),
    Capture(Vec<(usize, i64)>),
}

const CAMPAIGNS: usize = 4;

fn any_move() -> impl Strategy<Value = Move> {
    let amount = || 0i64..40;
    let pairs = prop::collection::btree_map(0..CAMPAIGNS, amount(), 0..3);
    prop_oneof![
        (1i64..60).prop_map(Move::TopUp),
        (0..CAMPAIGNS, amount()).prop_map(|(c, a)| Move::Hold(c, a)),
        (0..CAMPAIGNS, amount()).prop_map(|(c, a)| Move::Release(c, a)),
        (0..CAMPAIGNS).prop_map(Move::ReleaseRest),
        pairs.prop_map(|pairs| Move::Capture(pairs.into_iter().collect())),
    ]
}

/// The same in plain integers.
#[derive(Default)]
struct Model {
    available: i64,
    earned: i64,
    holds: [Option<i64>; CAMPAIGNS],
}

impl Model {
    /// Whether the move is allowed; then it is done.
    fn make(&mut self, step: &Move) -> bool {
        match step {
            Move::TopUp(amount) => self.available += amount,
            Move::Hold(campaign, amount) => {
                if self.holds[*campaign].is_some() || *amount > self.available {
                    return false;
                }
                self.available -= amount;
                self.holds[*campaign] = Some(*amount);
            }
            Move::Release(campaign, amount) => match &mut self.holds[*campaign] {
                Some(open) if *open >= *amount => {
                    *open -= amount;
                    self.available += amount;
                }
                // Nothing to give back is nothing to look for.
                hold => return hold.is_none() && *amount == 0,
            },
            Move::ReleaseRest(campaign) => match self.holds[*campaign].as_mut() {
                Some(open) => self.available += std::mem::take(open),
                None => return false,
            },
            Move::Capture(pairs) => {
                let covered = pairs
                    .iter()
                    .all(|(c, a)| *a == 0 || self.holds[*c].is_some_and(|open| open >= *a));
                if !covered {
                    return false;
                }
                for (campaign, amount) in pairs {
                    if let Some(open) = &mut self.holds[*campaign] {
                        *open -= amount;
                    }
                    self.earned += amount;
                }
            }
        }
        true
    }
}

async fn make(
    world: &World,
    campaigns: &[CampaignId],
    number: u64,
    step: &Move,
) -> Result<(), BillingError> {
    let ids = &world.ids;
    let mut write = world.store.write().await?;
    let reason = ReleaseReason::Cancelled;
    match step {
        Move::TopUp(amount) => {
            write.roll_back().await?;
            world.top_up(*amount, &format!("bank-{number}")).await;
            return Ok(());
        }
        Move::Hold(c, amount) => {
            let business = world.business;
            billing::hold(&mut write, business, campaigns[*c], krw(*amount), NOW, ids).await?;
        }
        Move::Release(c, amount) => {
            billing::release(&mut write, campaigns[*c], krw(*amount), reason, NOW, ids).await?;
        }
        Move::ReleaseRest(c) => {
            billing::release_rest(&mut write, campaigns[*c], reason, NOW, ids).await?;
        }
        Move::Capture(pairs) => {
            let amounts: Vec<(CampaignId, Money)> = pairs
                .iter()
                .map(|(c, amount)| (campaigns[*c], krw(*amount)))
                .collect();
            let business = world.business;
            billing::capture(
                &mut write,
                business,
                world.earned_as(number),
                &amounts,
                NOW,
                &world.ids,
            )
            .await?;
        }
    }
    Ok(write.commit().await?)
}

async fn follow(engine: Engine, moves: Vec<Move>) {
    let world = World::with_users(engine, 1).await;
    let mut campaigns = Vec::new();
    for _ in 0..CAMPAIGNS {
        campaigns.push(world.add_campaign(world.business).await);
    }
    let mut model = Model::default();
    for (number, step) in moves.iter().enumerate() {
        let done = make(&world, &campaigns, number as u64, step).await;
        assert_eq!(done.is_ok(), model.make(step), "{step:?}: {done:?}");
        let held: i64 = model.holds.iter().flatten().sum();
        assert_eq!(
            balances(&world).await,
            (krw(model.available), krw(held)),
            "{step:?}"
        );
    }
    assert_books_close(&world).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_sequence_of_moves_follows_the_model(
        moves in prop::collection::vec(any_move(), 0..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(follow(Engine::Sqlite, moves.clone()));
        runtime.block_on(follow(Engine::Postgres, moves));
    }
}
