//! Credit: promotional lots, which are spent first and end with their time, and what a contract
//! lets a business owe.

use std::sync::Arc;
use std::time::Duration;

use billing::promotional::Grant;
use billing::{BillingError, ReleaseReason};
use domain::contract::{Contract, ContractKind};
use domain::id::{CampaignId, LotId};
use domain::money::{Currency, Money};
use store::StoreError;

use testkit::database::Engine;

use crate::funds::{assert_books_close, balances};
use crate::world::{NOW, World, krw};

testkit::on_both_engines![
    promotional_credit_is_spent_before_cash,
    credit_ends_with_its_time,
    a_postpaid_contract_spends_within_its_limit,
    exposure_is_what_no_promotional_credit_pays,
    a_version_is_agreed_by_who_saw_the_last_one,
    credit_beside_a_lowered_limit_is_spent_and_expires,
];
testkit::on_both_engines![
    multi_thread: fifty_campaigns_never_overspend_while_credit_expires
];

/// A grant of `units`, which last so many seconds.
async fn grant(
    world: &World,
    units: i64,
    seconds: u64,
    reference: &str,
) -> Result<LotId, BillingError> {
    let grant = Grant {
        business: world.business,
        amount: krw(units),
        expires_at: NOW + Duration::from_secs(seconds),
        reason: "a welcome",
    };
    billing::promotional::grant(&world.store, grant, reference, NOW, &world.ids).await
}

/// Free, held, spent and expired of each lot, the one that lasts longest first.
async fn lots(world: &World) -> Vec<[i64; 4]> {
    let lots = billing::promotional::lots(&world.store, world.business)
        .await
        .unwrap();
    let units = |money: Money| money.micro() / 1_000_000;
    let lots = lots.iter();
    lots.map(|lot| [lot.available, lot.pinned, lot.spent, lot.expired].map(units))
        .collect()
}

async fn promotional_credit_is_spent_before_cash(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(100, "bank-1").await;
    let late = grant(&world, 40, 200, "decision-1").await.unwrap();
    grant(&world, 30, 100, "decision-2").await.unwrap();
    assert_eq!(grant(&world, 40, 200, "decision-1").await.unwrap(), late);
    for (units, seconds) in [(41, 200), (40, 201)] {
        let error = grant(&world, units, seconds, "decision-1")
            .await
            .unwrap_err();
        assert!(
            matches!(error, BillingError::Store(StoreError::Taken(_))),
            "{error}"
        );
    }
    for (units, seconds, reference, words) in [
        (0, 9, "decision-3", "more than zero"),
        (5, 0, "decision-3", "over before it is granted"),
        (5, 9, "two words", "not a payment reference"),
    ] {
        let error = grant(&world, units, seconds, reference)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(balances(&world).await, (krw(170), krw(0)));
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(90)).await.unwrap();
    // What expires first is pinned first, then the other lot, then cash.
    assert_eq!(lots(&world).await, [[0, 40, 0, 0], [0, 30, 0, 0]]);
    let mut write = world.store.write().await.unwrap();
    let amounts = [(campaign, krw(45))];
    let (business, ids) = (world.business, &world.ids);
    let booked =
        billing::capture(&mut write, business, world.earned_as(1), &amounts, NOW, ids).await;
    assert!(booked.unwrap().is_some());
    write.commit().await.unwrap();
    assert_eq!(lots(&world).await, [[0, 25, 15, 0], [0, 0, 30, 0]]);
    let mut write = world.store.write().await.unwrap();
    let reason = ReleaseReason::Closed;
    billing::release(&mut write, campaign, krw(30), reason, NOW, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(lots(&world).await, [[10, 15, 15, 0], [0, 0, 30, 0]]);
    assert_eq!(balances(&world).await, (krw(110), krw(15)));
    assert_books_close(&world).await;
}

async fn credit_ends_with_its_time(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    grant(&world, 40, 100, "decision-1").await.unwrap();
    grant(&world, 30, 200, "decision-2").await.unwrap();
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(50)).await.unwrap();
    let later = NOW + Duration::from_secs(150);
    let due = billing::promotional::businesses_due(&world.store, later)
        .await
        .unwrap();
    assert_eq!(due, [], "all of the first lot is pinned");
    let (business, ids) = (world.business, &world.ids);
    // Pinned credit can still be spent; what comes back of it expires at once.
    let mut write = world.store.write().await.unwrap();
    let amounts = [(campaign, krw(15))];
    billing::capture(
        &mut write,
        business,
        world.earned_as(1),
        &amounts,
        later,
        ids,
    )
    .await
    .unwrap();
    let reason = ReleaseReason::Closed;
    billing::release_rest(&mut write, campaign, reason, later, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(lots(&world).await, [[30, 0, 0, 0], [0, 0, 15, 25]]);
    assert_eq!(balances(&world).await, (krw(30), krw(0)));
    // Whoever holds past the second lot's time finds nothing, though no step came by.
    let over = NOW + Duration::from_secs(200);
    let second = world.add_campaign(world.business).await;
    let mut write = world.store.write().await.unwrap();
    let held = billing::hold(&mut write, business, second, krw(1), over, ids).await;
    assert!(
        matches!(held, Err(BillingError::FundsShort { .. })),
        "{held:?}"
    );
    write.commit().await.unwrap();
    assert_eq!(lots(&world).await, [[0, 0, 0, 30], [0, 0, 15, 25]]);
    assert_eq!(balances(&world).await, (krw(0), krw(0)));
    let mut write = world.store.write().await.unwrap();
    let expired = billing::promotional::expire(&mut write, business, over, ids).await;
    assert_eq!(expired.unwrap(), krw(0), "once");
    write.commit().await.unwrap();
    assert_books_close(&world).await;
}

async fn exposure_is_what_no_promotional_credit_pays(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let used = async || {
        let snapshot = world.store.snapshot().await.unwrap();
        let positions = snapshot.positions(NOW).await.unwrap();
        snapshot.end().await.unwrap();
        let won = positions.iter().find(|one| one.currency == Currency::Krw);
        let won = won.unwrap();
        [won.credit_used_micro, won.credit_limit_micro].map(|micro| micro / 1_000_000)
    };
    let contract = Contract {
        kind: ContractKind::Postpaid,
        credit_limit: krw(100),
        effective_from: NOW,
        ..Contract::standard(Currency::Krw)
    };
    world.agree(contract).await.unwrap();
    world.top_up(10, "bank-1").await;
    assert_eq!(used().await, [0, 100]);
    let campaign = world.add_campaign(world.business).await;
    world.hold(campaign, krw(60)).await.unwrap();
    // Reserved beyond what was paid in.
    assert_eq!(used().await, [50, 100]);
    let mut write = world.store.write().await.unwrap();
    let (business, ids) = (world.business, &world.ids);
    let amounts = [(campaign, krw(60))];
    billing::capture(&mut write, business, world.earned_as(1), &amounts, NOW, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(used().await, [50, 100]);
    grant(&world, 40, 200, "decision-1").await.unwrap();
    assert_eq!(used().await, [50, 100]);
    world.top_up(45, "bank-2").await;
    assert_eq!(used().await, [5, 100]);
}

async fn a_version_is_agreed_by_who_saw_the_last_one(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let contract = Contract {
        effective_from: NOW,
        ..Contract::standard(Currency::Krw)
    };
    let agree = async |seen| {
        let (store, business) = (&world.store, world.business);
        billing::contract::agree_after(store, business, contract.clone(), Some(seen), NOW).await
    };
    assert_eq!(agree(0).await.unwrap().version, 1);
    for seen in [0, 2] {
        let error = agree(seen).await.unwrap_err();
        assert!(matches!(error, BillingError::Overtaken), "{error}");
    }
    assert_eq!(agree(1).await.unwrap().version, 2);
    let snapshot = world.store.snapshot().await.unwrap();
    let uses = snapshot.book_uses(NOW).await.unwrap();
    snapshot.end().await.unwrap();
    let used: Vec<(&str, u64)> = uses
        .iter()
        .map(|one| (one.book.as_str(), one.businesses))
        .collect();
    assert_eq!(used, [("standard", 1)]);
}

async fn a_postpaid_contract_spends_within_its_limit(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let contract = Contract {
        kind: ContractKind::Postpaid,
        credit_limit: krw(100),
        effective_from: NOW,
        ..Contract::standard(Currency::Krw)
    };
    world.agree(contract.clone()).await.unwrap();
    world.top_up(10, "bank-1").await;
    let campaigns: Vec<CampaignId> = vec![
        world.add_campaign(world.business).await,
        world.add_campaign(world.business).await,
    ];
    world.hold(campaigns[0], krw(60)).await.unwrap();
    assert!(world.hold(campaigns[1], krw(51)).await.is_err());
    let (business, ids) = (world.business, &world.ids);
    let mut write = world.store.write().await.unwrap();
    let amounts = [(campaigns[0], krw(60))];
    billing::capture(&mut write, business, world.earned_as(1), &amounts, NOW, ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let wallet = billing::wallet(&world.store, business).await.unwrap();
    // Ten were paid in before; the rest is owed, and takes of the limit as the hold did.
    assert_eq!(
        (wallet.available, wallet.held, wallet.owed),
        (krw(0), krw(0), krw(50))
    );
    assert_eq!(wallet.spendable().unwrap(), krw(50));
    assert!(world.hold(campaigns[1], krw(51)).await.is_err());
    world.top_up(20, "bank-2").await;
    let wallet = billing::wallet(&world.store, business).await.unwrap();
    assert_eq!((wallet.available, wallet.owed), (krw(0), krw(30)));
    // A limit below what is owed is agreed to, and nothing more is spent.
    let less = Contract {
        credit_limit: krw(10),
        ..contract.clone()
    };
    assert_eq!(world.agree(less).await.unwrap().version, 2);
    assert!(world.hold(campaigns[1], krw(1)).await.is_err());
    world.top_up(50, "bank-3").await;
    world.hold(campaigns[1], krw(30)).await.unwrap();
    let wallet = billing::wallet(&world.store, business).await.unwrap();
    assert_eq!((wallet.available, wallet.owed), (krw(-10), krw(0)));
    for (contract, words) in [
        (
            Contract {
                effective_from: NOW - Duration::from_millis(1),
                ..contract.clone()
            },
            "begins now or later",
        ),
        (
            Contract {
                book: "nowhere".into(),
                ..contract.clone()
            },
            "the price book 'nowhere' has no prices in KRW",
        ),
        (
            Contract {
                time_zone: "Asia/Atlantis".into(),
                ..contract
            },
            "Asia/Atlantis",
        ),
    ] {
        let error = world.agree(contract).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_books_close(&world).await;
}

/// A limit lowered below what is spent takes nothing of the promotional credit, and does not hold
/// up its end.
async fn credit_beside_a_lowered_limit_is_spent_and_expires(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let contract = |units| Contract {
        kind: ContractKind::Postpaid,
        credit_limit: krw(units),
        effective_from: NOW,
        ..Contract::standard(Currency::Krw)
    };
    world.agree(contract(100)).await.unwrap();
    let campaigns = [
        world.add_campaign(world.business).await,
        world.add_campaign(world.business).await,
        world.add_campaign(world.business).await,
    ];
    world.hold(campaigns[0], krw(90)).await.unwrap();
    grant(&world, 50, 100, "decision-1").await.unwrap();
    world.agree(contract(10)).await.unwrap();
    assert!(world.hold(campaigns[1], krw(51)).await.is_err());
    let (business, ids) = (world.business, &world.ids);
    let later = NOW + Duration::from_secs(1);
    let mut write = world.store.write().await.unwrap();
    let held = billing::hold(&mut write, business, campaigns[2], krw(20), later, ids).await;
    assert!(held.unwrap().is_some());
    write.commit().await.unwrap();
    let over = NOW + Duration::from_secs(100);
    let mut write = world.store.write().await.unwrap();
    let expired = billing::promotional::expire(&mut write, business, over, ids).await;
    assert_eq!(expired.unwrap(), krw(30));
    write.commit().await.unwrap();
    assert_eq!(balances(&world).await, (krw(-90), krw(110)));
    assert_books_close(&world).await;
}

/// Fifty campaigns with money for ten, half of it promotional; meanwhile the credit expires and
/// prices change. A trigger of the test notes whatever passes the wallet.
async fn fifty_campaigns_never_overspend_while_credit_expires(engine: Engine) {
    let world = Arc::new(World::with_users(engine, 1).await);
    world.watch_wallets().await;
    world.top_up(500, "bank-1").await;
    grant(&world, 500, 100, "decision-1").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50u64 {
        let campaign = world.add_campaign(world.business).await;
        let world = world.clone();
        tasks.spawn(async move {
            // From the thirtieth on the lot's time is over.
            let now = NOW + Duration::from_secs(if number < 30 { 0 } else { 100 });
            if number % 10 == 0 {
                world
                    .publish("standard", 6_500_000 + number as i64 * 100, &[])
                    .await;
            }
            let mut write = world.store.write().await?;
            let (business, ids) = (world.business, &world.ids);
            billing::hold(&mut write, business, campaign, krw(100), now, ids).await?;
            write.commit().await?;
            Ok::<_, BillingError>(())
        });
    }
    let results = tasks.join_all().await;
    let held = results.iter().filter(|result| result.is_ok()).count() as i64;
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, BillingError::FundsShort { .. }), "{error}");
    }
    let lots = lots(&world).await;
    let [free, pinned, _, expired] = lots[0];
    assert_eq!(free + pinned + expired, 500);
    // Whatever expired first was not there to be held.
    assert_eq!(held, (500 + pinned) / 100);
    assert!((5..=10).contains(&held), "{held}");
    assert_eq!(world.raw.number("SELECT COUNT(*) FROM violation").await, 0);
    assert_books_close(&world).await;
}
