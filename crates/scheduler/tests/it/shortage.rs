//! Where there is not enough for everybody: what the brand chose happens, nobody is overlooked in
//! silence, and what is scheduled is looked at before its time.

use std::collections::BTreeSet;
use std::time::Duration;

use billing::BillingError;
use domain::audience::{Audience, AudienceLimit, Expression, LimitMethod};
use domain::budget::{AlertStep, BudgetOf};
use domain::campaign::{CampaignEvent, CampaignState, Purpose};
use domain::id::CampaignId;
use domain::message::Rules;
use domain::money::Money;
use domain::rule::RuleId;
use domain::shortage::{ForecastStep, IfShort, ShortOf};
use domain::time::Timestamp;
use scheduler::launch::{LaunchContext, launch};
use scheduler::settings::FUNDS_WAIT_MAX;
use scheduler::{Launched, SchedulerError};
use store::campaign::CampaignDraft;
use testkit::database::Engine;

use crate::world::{World, krw, text};

testkit::on_both_engines![
    it_is_sent_to_as_many_as_there_is_money_for,
    a_random_choice_is_the_same_when_it_is_drawn_again,
    a_limit_of_the_audience_keeps_its_own_order,
    a_budget_bounds_as_money_does,
    where_there_is_not_enough_for_one_nothing_is_sent,
    what_waits_for_a_top_up_starts_by_itself_after_it,
    what_waited_too_long_or_became_dearer_does_not_start,
    without_a_choice_it_stands_until_somebody_sends_it,
    a_scheduled_campaign_beyond_its_budget_goes_back_to_its_author,
    api_sending_obeys_the_budget_of_the_day,
    what_is_scheduled_is_looked_at_a_day_and_an_hour_before,
];

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// What a draft may differ in.
struct Wish {
    if_short: IfShort,
    limit: Option<AudienceLimit>,
    scheduled_for: Option<Timestamp>,
}

fn wish(if_short: IfShort) -> Wish {
    Wish {
        if_short,
        limit: None,
        scheduled_for: None,
    }
}

/// A campaign to everybody, approved or scheduled.
async fn ready(world: &World, wish: Wish) -> CampaignId {
    let audience = Audience {
        expression: Expression::All,
        limit: wish.limit,
    };
    let draft = CampaignDraft {
        id: world.ids().next(),
        business: world.account.business,
        account: world.account.id,
        name: "sale".to_owned(),
        purpose: Purpose::Promotion,
        messages: text("sale").to_json(),
        audience: audience.to_json(),
        schedule: "{}".to_owned(),
        scheduled_for: wish.scheduled_for,
        rate_per_second: None,
        lifetime_seconds: 86_400,
        if_short: wish.if_short,
        created_at: world.scheduler.clock.now(),
    };
    let mut write = world.store.write().await.unwrap();
    write.insert_campaign(&draft).await.unwrap();
    let mut events = vec![CampaignEvent::Approve];
    events.extend(wish.scheduled_for.map(|_| CampaignEvent::Schedule));
    for event in events {
        let campaign = write.campaign(draft.id).await.unwrap();
        write.move_campaign(&campaign, event).await.unwrap();
    }
    write.commit().await.unwrap();
    draft.id
}

async fn send(
    world: &World,
    campaign: CampaignId,
    highest: Option<Money>,
) -> Result<Launched, SchedulerError> {
    let context = LaunchContext {
        store: &world.store,
        clock: world.clock.as_ref(),
        ids: world.ids(),
        rules: &Rules::default(),
        connector_rate: None,
    };
    launch(&context, campaign, highest).await
}

async fn state(world: &World, campaign: CampaignId) -> CampaignState {
    world.store.campaign(campaign).await.unwrap().state
}

async fn set_budget(world: &World, of: BudgetOf, units: i64) {
    let (business, now) = (world.account.business, world.scheduler.clock.now());
    billing::budget::set(&world.store, business, of, Some(krw(units)), now)
        .await
        .unwrap();
}

async fn top_up(world: &World, units: i64, reference: &str) {
    let (business, now) = (world.account.business, world.scheduler.clock.now());
    billing::top_up(
        &world.store,
        business,
        krw(units),
        reference,
        now,
        world.ids(),
    )
    .await
    .unwrap();
}

/// Which friends got it, by their place.
fn who_got_it(world: &World) -> BTreeSet<usize> {
    let got = |place: &usize| !world.messenger.got(&world.friends[*place]).is_empty();
    (0..world.friends.len()).filter(got).collect()
}

fn granted(launched: &Launched) -> (u64, u64) {
    match launched {
        Launched::Launched {
            reachable, granted, ..
        } => (*reachable, *granted),
        waits => panic!("{waits:?}"),
    }
}

async fn it_is_sent_to_as_many_as_there_is_money_for(engine: Engine) {
    // Four at 15 KRW, and 14 KRW that are enough for nobody.
    let world = World::with(engine, 10, 4 * 15 + 14).await;
    let campaign = ready(&world, wish(IfShort::FewerByNumber)).await;
    let launched = send(&world, campaign, Some(krw(60))).await.unwrap();
    assert_eq!(granted(&launched), (10, 4));
    assert_eq!(world.wallet().await, (krw(14), krw(60)));
    world.steps(4).await;
    assert_eq!(who_got_it(&world), (0..4).collect());
    let partial = world.store.partial_launch(campaign).await.unwrap().unwrap();
    assert_eq!((partial.asked, partial.granted), (10, 4));
    assert_eq!(partial.method, LimitMethod::UserNumber);
    assert_eq!(partial.short_of, ShortOf::Funds);
    // Who was left out for want of money is known for good.
    let business = world.account.business;
    let left_out = billing::left_out(&world.store, business, campaign).await;
    assert_eq!(left_out.unwrap(), [(RuleId::Unfunded, 6)]);
    let bill = world.bill(campaign).await;
    assert_eq!((bill.captured, bill.open), (krw(60), krw(0)));
    world.expect_clean().await;
}

async fn a_random_choice_is_the_same_when_it_is_drawn_again(engine: Engine) {
    let world = World::with(engine, 40, 10 * 15).await;
    let campaign = ready(&world, wish(IfShort::FewerAtRandom)).await;
    send(&world, campaign, None).await.unwrap();
    world.steps(4).await;
    let partial = world.store.partial_launch(campaign).await.unwrap().unwrap();
    let LimitMethod::Random { .. } = partial.method else {
        panic!("{partial:?}");
    };
    let (account, purpose) = (world.account.id, Purpose::Promotion);
    let drawn = world
        .store
        .choose_limited(account, &Expression::All, partial.limit(), purpose)
        .await
        .unwrap();
    // Friends have the user numbers from 1 on.
    let drawn: BTreeSet<usize> = drawn.iter().map(|number| number as usize - 1).collect();
    assert_eq!(drawn.len(), 10);
    assert_eq!(who_got_it(&world), drawn);
    assert_ne!(drawn, (0..10).collect(), "drawn, not the first");
    world.expect_clean().await;
}

async fn a_limit_of_the_audience_keeps_its_own_order(engine: Engine) {
    let world = World::with(engine, 10, 2 * 15).await;
    let limit = AudienceLimit {
        count: 5,
        method: LimitMethod::UserNumber,
    };
    let wish = Wish {
        limit: Some(limit),
        ..wish(IfShort::FewerAtRandom)
    };
    let campaign = ready(&world, wish).await;
    let launched = send(&world, campaign, None).await.unwrap();
    assert_eq!(granted(&launched), (5, 2));
    world.steps(4).await;
    assert_eq!(who_got_it(&world), (0..2).collect());
    let business = world.account.business;
    let left_out = billing::left_out(&world.store, business, campaign).await;
    let left_out: BTreeSet<(RuleId, u64)> = left_out.unwrap().into_iter().collect();
    let expected = [(RuleId::Limit, 5), (RuleId::Unfunded, 3)];
    assert_eq!(left_out, expected.into());
    world.expect_clean().await;
}

async fn a_budget_bounds_as_money_does(engine: Engine) {
    let world = World::with(engine, 10, 1_000).await;
    set_budget(&world, BudgetOf::Day(world.account.id), 100).await;
    let campaign = ready(&world, wish(IfShort::FewerByNumber)).await;
    let launched = send(&world, campaign, None).await.unwrap();
    assert_eq!(granted(&launched), (10, 6));
    let partial = world.store.partial_launch(campaign).await.unwrap().unwrap();
    assert_eq!(partial.short_of, ShortOf::Budget);
    // What was held brought the day to 90 %: that is told once.
    let (business, now) = (world.account.business, world.scheduler.clock.now());
    let budgets = billing::budget::budgets(&world.store, business, None, now).await;
    let budgets = budgets.unwrap();
    let alerts = world.store.budget_alerts(business, &budgets).await.unwrap();
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].step, alerts[0].reached_at),
        (AlertStep::Most, now)
    );
    world.clock.advance(Duration::from_secs(60));
    world.steps(4).await;
    let again = world.store.budget_alerts(business, &budgets).await.unwrap();
    assert_eq!(again, alerts);
    world.expect_clean().await;
}

async fn where_there_is_not_enough_for_one_nothing_is_sent(engine: Engine) {
    let world = World::with(engine, 3, 14).await;
    let campaign = ready(&world, wish(IfShort::FewerByNumber)).await;
    let launched = send(&world, campaign, None).await.unwrap();
    let (needed, available) = (krw(45), krw(14));
    assert_eq!(launched, Launched::WaitsForFunds { needed, available });
    assert_eq!(world.store.partial_launch(campaign).await.unwrap(), None);
    assert_eq!(world.wallet().await, (krw(14), krw(0)));
    world.expect_clean().await;
}

async fn what_waits_for_a_top_up_starts_by_itself_after_it(engine: Engine) {
    let world = World::with(engine, 3, 44).await;
    let campaign = ready(&world, wish(IfShort::Wait)).await;
    send(&world, campaign, Some(krw(45))).await.unwrap();
    world.scheduler.waiting_step().await.unwrap();
    assert_eq!(
        state(&world, campaign).await,
        CampaignState::WaitingForFunds
    );
    world.clock.advance(DAY);
    top_up(&world, 1, "r2").await;
    world.scheduler.waiting_step().await.unwrap();
    assert_eq!(state(&world, campaign).await, CampaignState::Launching);
    assert_eq!(world.wallet().await, (krw(0), krw(45)));
    world.steps(4).await;
    assert_eq!(who_got_it(&world).len(), 3);
    world.expect_clean().await;
}

async fn what_waited_too_long_or_became_dearer_does_not_start(engine: Engine) {
    let world = World::with(engine, 3, 44).await;
    let late = ready(&world, wish(IfShort::Wait)).await;
    send(&world, late, Some(krw(45))).await.unwrap();
    world.clock.advance(FUNDS_WAIT_MAX);
    let dearer = ready(&world, wish(IfShort::Wait)).await;
    send(&world, dearer, Some(krw(45))).await.unwrap();
    world.befriend(4..=4).await;
    top_up(&world, 1_000, "r2").await;
    world.scheduler.waiting_step().await.unwrap();
    assert_eq!(state(&world, late).await, CampaignState::WaitingForFunds);
    let campaign = world.store.campaign(dearer).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Draft);
    let why = campaign.launch_error.unwrap();
    assert!(why.contains("would cost 60 KRW"), "{why}");
    assert_eq!(world.wallet().await, (krw(1_044), krw(0)));
}

async fn without_a_choice_it_stands_until_somebody_sends_it(engine: Engine) {
    let world = World::with(engine, 3, 44).await;
    let campaign = ready(&world, wish(IfShort::default())).await;
    send(&world, campaign, None).await.unwrap();
    top_up(&world, 1_000, "r2").await;
    world.scheduler.waiting_step().await.unwrap();
    assert_eq!(
        state(&world, campaign).await,
        CampaignState::WaitingForFunds
    );
    send(&world, campaign, None).await.unwrap();
    assert_eq!(state(&world, campaign).await, CampaignState::Launching);
}

async fn a_scheduled_campaign_beyond_its_budget_goes_back_to_its_author(engine: Engine) {
    let world = World::with(engine, 3, 1_000).await;
    let now = world.scheduler.clock.now();
    let wish = Wish {
        scheduled_for: Some(now),
        ..wish(IfShort::default())
    };
    let campaign = ready(&world, wish).await;
    set_budget(&world, BudgetOf::Campaign(campaign), 44).await;
    world.scheduler.launch_step().await.unwrap();
    let campaign = world.store.campaign(campaign).await.unwrap();
    assert_eq!(campaign.state, CampaignState::Draft);
    let why = campaign.launch_error.unwrap();
    let expected = "the campaign's budget is 44 KRW: 0 KRW are used, 45 KRW more are needed";
    assert_eq!(why, expected);
    assert_eq!(world.wallet().await, (krw(1_000), krw(0)));
}

async fn api_sending_obeys_the_budget_of_the_day(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let day = BudgetOf::Day(world.account.id);
    set_budget(&world, day, 5 * 15).await;
    let sender = world.sender().await;
    world.push(&sender, "one", &world.friends).await.unwrap();
    // The block is as small as the budget.
    assert_eq!(world.wallet().await, (krw(1_000_000 - 75), krw(75)));
    let refused = world.push(&sender, "two", &world.friends).await;
    let Err(SchedulerError::Billing(BillingError::BeyondBudget { budget, limit, .. })) = refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!((budget, limit), (day, krw(75)));
    world
        .push(&sender, "two", &world.friends[..2])
        .await
        .unwrap();
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[2]), ["one"]);
    // Another day has a budget of its own.
    world.midnight().await;
    world.steps(4).await;
    world.push(&sender, "three", &world.friends).await.unwrap();
    world.expect_clean().await;
}

async fn what_is_scheduled_is_looked_at_a_day_and_an_hour_before(engine: Engine) {
    let world = World::with(engine, 4, 50).await;
    let at = world.scheduler.clock.now() + DAY + Duration::from_secs(60);
    let wish = Wish {
        scheduled_for: Some(at),
        ..wish(IfShort::default())
    };
    let campaign = ready(&world, wish).await;
    let look = async || {
        world.scheduler.forecast_step(world.epoch).await.unwrap();
        world.store.forecasts(campaign).await.unwrap()
    };
    assert_eq!(look().await, [], "it is early");
    world.clock.advance(Duration::from_secs(60));
    let seen = look().await;
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].step, seen[0].short_of),
        (ForecastStep::Day, Some(ShortOf::Funds))
    );
    assert_eq!((seen[0].asked, seen[0].granted), (4, 3));
    assert_eq!(
        (seen[0].needed_micro, seen[0].missing_micro),
        (60_000_000, 10_000_000)
    );
    // Once for each step, whatever happens meanwhile.
    top_up(&world, 10, "r2").await;
    assert_eq!(look().await, seen);
    world.clock.advance(DAY - Duration::from_secs(3_600));
    let last = look().await;
    assert_eq!(last.len(), 2);
    assert_eq!((last[0].step, last[0].short_of), (ForecastStep::Hour, None));
    // The budget of that day, not of the day it is looked at.
    set_budget(&world, BudgetOf::Day(world.account.id), 30).await;
    let near = Wish {
        scheduled_for: Some(at),
        ..self::wish(IfShort::default())
    };
    let near = ready(&world, near).await;
    world.scheduler.forecast_step(world.epoch).await.unwrap();
    let seen = world.store.forecasts(near).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].step, seen[0].granted), (ForecastStep::Hour, 2));
    assert_eq!(seen[0].short_of, Some(ShortOf::Budget));
}
