//! Budgets: no hold passes one, whoever holds at once; lowered, lifted, counted by launch.

use std::sync::Arc;
use std::time::Duration;

use billing::{BillingError, ReleaseReason, budget};
use domain::budget::BudgetOf;
use domain::id::{AccountId, BlockId, BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::time::{LaunchMonth, Timestamp};
use store::StoreError;
use testkit::database::Engine;

use crate::funds::{assert_books_close, balances};
use crate::world::{NOW, World, blob, krw, run};

testkit::on_both_engines![
    a_hold_within_every_budget_is_booked_and_one_beyond_is_not,
    what_is_released_can_be_held_again,
    a_campaign_counts_in_the_day_and_month_of_its_launch,
    blocks_count_in_the_day_of_their_campaign,
    a_budget_below_what_is_used_blocks_what_comes,
    a_lifted_budget_asks_nothing,
    a_budget_of_somebody_else_is_not_there,
    a_hold_that_passed_its_budget_is_found,
];
testkit::on_both_engines![multi_thread: many_campaigns_at_once_never_pass_a_budget];

const DAY: Duration = Duration::from_secs(86_400);

async fn set(world: &World, of: BudgetOf, units: i64) {
    budget::set(&world.store, world.business, of, Some(krw(units)), NOW)
        .await
        .unwrap();
}

/// The account has the id of its business.
fn account(world: &World) -> AccountId {
    AccountId::from_bytes(*world.business.as_bytes())
}

async fn launched(world: &World, at: Timestamp) -> CampaignId {
    let campaign = world.add_campaign(world.business).await;
    let (id, month) = (blob(campaign.as_bytes()), LaunchMonth::of(at).number());
    let at = at.as_millis();
    let sql = format!(
        "UPDATE campaign SET launched_at = {at}, month = {month}, price_version = 1, tariff = 1,
           cut_sequence = 0, reach_mark = 0, highest_number = 0, chunk_size = 1000,
           not_after = {at} WHERE id = {id}"
    );
    run(&world.raw, sql).await;
    campaign
}

/// What was refused was never launched; all the rest is in order.
async fn assert_rest_closes(world: &World) {
    let sql = "UPDATE campaign SET launched_at = NULL WHERE id NOT IN (SELECT campaign FROM hold)";
    run(&world.raw, sql).await;
    assert_books_close(world).await;
}

async fn used(world: &World, of: BudgetOf, at: Timestamp) -> Money {
    let campaign = match of {
        BudgetOf::Campaign(campaign) => Some(campaign),
        _ => None,
    };
    let found = budget::budgets(&world.store, world.business, campaign, at).await;
    let found = found.unwrap();
    found.iter().find(|budget| budget.of == of).unwrap().used
}

fn refusal(error: BillingError) -> (BudgetOf, Money, Money, Money) {
    match error {
        BillingError::BeyondBudget {
            budget,
            limit,
            used,
            needed,
        } => (budget, limit, used, needed),
        other => panic!("{other}"),
    }
}

async fn a_hold_within_every_budget_is_booked_and_one_beyond_is_not(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let (month, day) = (
        BudgetOf::Month(world.business),
        BudgetOf::Day(account(&world)),
    );
    set(&world, month, 100).await;
    set(&world, day, 60).await;
    let first = launched(&world, NOW).await;
    set(&world, BudgetOf::Campaign(first), 30).await;
    let error = world.hold(first, krw(31)).await.unwrap_err();
    let words = "the campaign's budget is 30 KRW: 0 KRW are used, 31 KRW more are needed";
    assert_eq!(error.to_string(), words);
    world.hold(first, krw(30)).await.unwrap();
    let second = launched(&world, NOW).await;
    let error = world.hold(second, krw(31)).await.unwrap_err();
    assert_eq!(refusal(error), (day, krw(60), krw(30), krw(31)));
    world.hold(second, krw(30)).await.unwrap();
    // Another account has a day of its own, and the business one month.
    set(&world, day, 1_000).await;
    let third = launched(&world, NOW).await;
    let error = world.hold(third, krw(41)).await.unwrap_err();
    assert_eq!(refusal(error), (month, krw(100), krw(60), krw(41)));
    world.hold(third, krw(40)).await.unwrap();
    // What costs nothing is held under a budget that is used up.
    world
        .hold(launched(&world, NOW).await, krw(0))
        .await
        .unwrap();
    assert_eq!(balances(&world).await, (krw(900), krw(100)));
    assert_rest_closes(&world).await;
}

async fn what_is_released_can_be_held_again(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let month = BudgetOf::Month(world.business);
    set(&world, month, 100).await;
    let first = launched(&world, NOW).await;
    world.hold(first, krw(100)).await.unwrap();
    let mut write = world.store.write().await.unwrap();
    let (part, reason) = (krw(40), ReleaseReason::FreezeShort);
    billing::release(&mut write, first, part, reason, NOW, &world.ids)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert_eq!(used(&world, month, NOW).await, krw(60));
    let second = launched(&world, NOW).await;
    assert!(world.hold(second, krw(41)).await.is_err());
    world.hold(second, krw(40)).await.unwrap();
    assert_rest_closes(&world).await;
}

async fn a_campaign_counts_in_the_day_and_month_of_its_launch(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let (month, day) = (
        BudgetOf::Month(world.business),
        BudgetOf::Day(account(&world)),
    );
    set(&world, month, 100).await;
    set(&world, day, 60).await;
    world
        .hold(launched(&world, NOW).await, krw(60))
        .await
        .unwrap();
    let tomorrow = NOW + DAY;
    let next = launched(&world, tomorrow).await;
    let error = world.hold(next, krw(41)).await.unwrap_err();
    assert_eq!(refusal(error).0, month);
    world.hold(next, krw(40)).await.unwrap();
    // The month is full, and the next one is not.
    let later = launched(&world, NOW + DAY * 31).await;
    world.hold(later, krw(60)).await.unwrap();
    assert_eq!(used(&world, day, NOW).await, krw(60));
    assert_eq!(used(&world, day, tomorrow).await, krw(40));
    assert_eq!(used(&world, month, NOW).await, krw(100));
    assert_eq!(used(&world, month, NOW + DAY * 31).await, krw(60));
    assert_rest_closes(&world).await;
}

async fn blocks_count_in_the_day_of_their_campaign(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let day = BudgetOf::Day(account(&world));
    set(&world, day, 100).await;
    let standing = launched(&world, NOW).await;
    let block = async |units: i64, at: Timestamp| -> Result<(), BillingError> {
        let mut write = world.store.write().await?;
        let block: BlockId = world.fresh();
        let (payer, amount) = (world.business, krw(units));
        billing::hold_block(&mut write, payer, standing, block, amount, at, &world.ids).await?;
        Ok(write.commit().await?)
    };
    block(60, NOW).await.unwrap();
    // A block that is leased after midnight is still of the day of its campaign.
    let error = block(41, NOW + DAY).await.unwrap_err();
    assert_eq!(refusal(error), (day, krw(100), krw(60), krw(41)));
    block(40, NOW).await.unwrap();
    assert_eq!(used(&world, day, NOW).await, krw(100));
    assert_rest_closes(&world).await;
}

async fn a_budget_below_what_is_used_blocks_what_comes(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let month = BudgetOf::Month(world.business);
    world
        .hold(launched(&world, NOW).await, krw(80))
        .await
        .unwrap();
    set(&world, month, 100).await;
    world
        .hold(launched(&world, NOW).await, krw(20))
        .await
        .unwrap();
    set(&world, month, 50).await;
    let error = world
        .hold(launched(&world, NOW).await, krw(1))
        .await
        .unwrap_err();
    assert_eq!(refusal(error), (month, krw(50), krw(100), krw(1)));
    // Each hold is judged by the budget of its moment.
    assert_rest_closes(&world).await;
}

async fn a_lifted_budget_asks_nothing(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    let month = BudgetOf::Month(world.business);
    set(&world, month, 0).await;
    let campaign = launched(&world, NOW).await;
    assert!(world.hold(campaign, krw(1)).await.is_err());
    budget::set(&world.store, world.business, month, None, NOW)
        .await
        .unwrap();
    world.hold(campaign, krw(900)).await.unwrap();
    let left = budget::budgets(&world.store, world.business, None, NOW).await;
    assert_eq!(left.unwrap(), []);
    assert_rest_closes(&world).await;
}

async fn a_budget_of_somebody_else_is_not_there(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    let other: BusinessId = world.fresh();
    world.add_business(other, "KRW").await;
    let campaign = world.add_campaign(other).await;
    for of in [
        BudgetOf::Month(other),
        BudgetOf::Day(AccountId::from_bytes(*other.as_bytes())),
        BudgetOf::Campaign(campaign),
    ] {
        let refused = budget::set(&world.store, world.business, of, Some(krw(1)), NOW).await;
        let error = refused.unwrap_err();
        let is_missing = matches!(error, BillingError::Store(StoreError::NotFound(_)));
        assert!(is_missing, "{error}");
    }
    for limit in [krw(-1), Money::whole(1, Currency::Jpy)] {
        let of = BudgetOf::Month(world.business);
        let refused = budget::set(&world.store, world.business, of, Some(limit), NOW).await;
        let error = refused.unwrap_err();
        assert!(matches!(error, BillingError::BadBudget { .. }), "{error}");
    }
}

async fn a_hold_that_passed_its_budget_is_found(engine: Engine) {
    let world = World::with_users(engine, 1).await;
    world.top_up(1_000, "bank-1").await;
    set(&world, BudgetOf::Month(world.business), 100).await;
    world
        .hold(launched(&world, NOW).await, krw(90))
        .await
        .unwrap();
    assert_rest_closes(&world).await;
    // As if it had been lower all along.
    run(&world.raw, "UPDATE budget SET amount = 80000000").await;
    let found = billing::reconcile(&world.store).await.unwrap();
    let check = found.checks.iter().find(|check| check.id == "B8").unwrap();
    assert_eq!((check.checked, check.violations.len()), (1, 1));
    assert!(check.violations[0].contains("90 KRW are used"), "{check:?}");
}

async fn many_campaigns_at_once_never_pass_a_budget(engine: Engine) {
    const CAMPAIGNS: usize = 40;
    const FIT: usize = 13;
    let world = World::with_users(engine, 1).await;
    world.top_up(10_000, "bank-1").await;
    let month = BudgetOf::Month(world.business);
    set(&world, month, 7 * FIT as i64 + 6).await;
    let world = Arc::new(world);
    let mut holds = Vec::new();
    for _ in 0..CAMPAIGNS {
        let campaign = launched(&world, NOW).await;
        let world = world.clone();
        holds.push(tokio::spawn(
            async move { world.hold(campaign, krw(7)).await },
        ));
    }
    let mut held = 0;
    for hold in holds {
        match hold.await.unwrap() {
            Ok(()) => held += 1,
            Err(BillingError::BeyondBudget { used, needed, .. }) => {
                assert!(used.micro() + needed.micro() > krw(7 * FIT as i64 + 6).micro());
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(held, FIT);
    assert_eq!(used(&world, month, NOW).await, krw(7 * FIT as i64));
    assert_rest_closes(&world).await;
}
