//! Contracts that bill what was confirmed delivered: whom the messenger accepted waits, held, for
//! its word or for the deadline, whatever way the answer came.

use std::time::Duration;

use domain::campaign::{CampaignState, StandingOperation};
use domain::chunk::{ChunkId, UNCERTAIN_DEADLINE};
use domain::contract::{Billable, Contract};
use domain::id::CampaignId;
use domain::message::Rules;
use domain::money::Currency;
use domain::outcome::{Outcome, RejectionCode};
use domain::push::PushKey;
use domain::time::LaunchMonth;
use scheduler::control;
use scheduler::launch::{LaunchContext, launch};
use scheduler::standing::SendRequest;
use store::event::{Delivery, DeliveryVerdict};
use testkit::database::Engine;

use crate::standing::draft;
use crate::world::{Mood, World, krw, text};

testkit::on_both_engines![
    what_is_confirmed_is_billed_and_the_rest_written_off,
    a_campaign_keeps_what_was_agreed_at_its_launch,
    an_answer_that_comes_late_waits_as_well,
    a_closed_key_that_was_processed_waits_as_well,
    a_day_of_api_sending_waits_for_the_messenger,
    a_reply_waits_for_nothing,
];

const UNREACHABLE: Outcome = Outcome::Failed(RejectionCode::Unreachable);

async fn agree(world: &World, billable: Billable) {
    let now = world.scheduler.clock.now();
    let contract = Contract {
        effective_from: now,
        billable,
        ..Contract::standard(Currency::Krw)
    };
    billing::contract::agree(&world.store, world.account.business, contract, now)
        .await
        .unwrap();
}

/// So many friends, and a contract that bills what was delivered.
async fn agreed(engine: Engine, friends: u32) -> World {
    let world = World::with(engine, friends, 1_000_000).await;
    agree(&world, Billable::Delivered).await;
    world
}

async fn launched(world: &World) -> CampaignId {
    let context = LaunchContext {
        store: &world.store,
        clock: world.clock.as_ref(),
        ids: world.ids(),
        rules: &Rules::default(),
        connector_rate: None,
    };
    let campaign = draft(world).await;
    launch(&context, campaign, None).await.unwrap();
    campaign
}

/// The first round of a campaign's first chunk.
async fn chunk(world: &World, campaign: CampaignId) -> ChunkId {
    let launch = world.store.campaign(campaign).await.unwrap().launch;
    let month: LaunchMonth = launch.unwrap().month;
    let snapshot = world.store.snapshot().await.unwrap();
    let page = snapshot.record_page(month, campaign, Currency::Krw, None, 1);
    let page = page.await.unwrap();
    snapshot.end().await.unwrap();
    page.chunks[0].id
}

/// The messenger tells what became of recipients of a campaign's first chunk.
async fn tell(world: &World, campaign: CampaignId, fates: &[(u32, Outcome)]) {
    let push_key = PushKey::of(&chunk(world, campaign).await);
    let now = world.scheduler.clock.now();
    let delivery = |(index, outcome): &(u32, Outcome)| Delivery {
        event_id: format!("{push_key}-{index}"),
        push_key,
        index: *index,
        outcome: *outcome,
        at: now,
    };
    let deliveries: Vec<Delivery> = fates.iter().map(delivery).collect();
    let mut write = world.store.write().await.unwrap();
    let verdicts = write.take_deliveries(&deliveries, now).await.unwrap();
    write.commit().await.unwrap();
    let decided = vec![DeliveryVerdict::Decided; fates.len()];
    assert_eq!(verdicts, decided);
}

/// Nobody is billed, everybody who was accepted is held.
async fn expect_waiting(world: &World, campaign: CampaignId, people: u64) {
    let bill = world.bill(campaign).await;
    let of = bill.outcomes;
    assert_eq!((of.accepted, of.uncertain), (0, people));
    assert_eq!(bill.captured, krw(0));
    assert!(bill.open.micro() >= krw(15 * people as i64).micro());
    world.expect_clean().await;
}

async fn pass_the_deadline(world: &World) {
    world.clock.advance(UNCERTAIN_DEADLINE);
    world.steps(3).await;
}

async fn what_is_confirmed_is_billed_and_the_rest_written_off(engine: Engine) {
    let world = agreed(engine, 6).await;
    let campaign = launched(&world).await;
    world.steps(4).await;
    expect_waiting(&world, campaign, 6).await;
    let bill = world.bill(campaign).await;
    assert_eq!((bill.held, bill.open), (krw(90), krw(90)));
    assert_eq!(bill.state, CampaignState::Closing);

    let confirmed = Outcome::Confirmed;
    let fates = [
        (0, confirmed),
        (2, confirmed),
        (5, confirmed),
        (3, UNREACHABLE),
    ];
    tell(&world, campaign, &fates).await;
    world.steps(2).await;
    let bill = world.bill(campaign).await;
    let of = bill.outcomes;
    assert_eq!((of.accepted, of.failed, of.uncertain), (3, 1, 2));
    assert_eq!(
        (bill.captured, bill.released, bill.open),
        (krw(45), krw(15), krw(30))
    );
    assert_eq!(bill.state, CampaignState::Closing, "two are waited for");
    world.expect_clean().await;

    let nearly = UNCERTAIN_DEADLINE - Duration::from_secs(60);
    world.clock.advance(nearly);
    world.steps(1).await;
    assert_eq!(world.bill(campaign).await.outcomes.uncertain, 2);
    world.clock.advance(Duration::from_secs(60));
    world.steps(3).await;
    let bill = world.bill(campaign).await;
    let of = bill.outcomes;
    assert_eq!((of.accepted, of.failed, of.cancelled), (3, 1, 2));
    assert_eq!((bill.captured, bill.open), (krw(45), krw(0)));
    assert_eq!(bill.state, CampaignState::Closed);
    assert_eq!(world.wallet().await, (krw(1_000_000 - 45), krw(0)));
    world.expect_clean().await;
    let snapshot = world.store.snapshot().await.unwrap();
    for (outcome, people) in [(confirmed, 3), (UNREACHABLE, 1), (Outcome::WrittenOff, 2)] {
        let kept = snapshot.people_of_outcome(campaign, outcome).await;
        assert_eq!(kept.unwrap().map(|kept| kept.len()), Some(people));
    }
    snapshot.end().await.unwrap();
}

async fn a_campaign_keeps_what_was_agreed_at_its_launch(engine: Engine) {
    let world = agreed(engine, 3).await;
    let before = launched(&world).await;
    world.clock.advance(Duration::from_secs(1));
    agree(&world, Billable::Accepted).await;
    let after = launched(&world).await;
    world.steps(5).await;
    expect_waiting(&world, before, 3).await;
    let bill = world.bill(after).await;
    assert_eq!((bill.captured, bill.outcomes.accepted), (krw(45), 3));
    assert_eq!(bill.state, CampaignState::Closed);
    let billable = [bill.billable, world.bill(before).await.billable];
    assert_eq!(billable, [Billable::Accepted, Billable::Delivered]);
}

async fn an_answer_that_comes_late_waits_as_well(engine: Engine) {
    let world = agreed(engine, 3).await;
    let campaign = launched(&world).await;
    world.messenger.is_now(Mood::LosesAnswers);
    world.steps(3).await;
    let bill = world.bill(campaign).await;
    assert_eq!(bill.outcomes.pending, 3, "nobody knows");
    world.messenger.is_now(Mood::Processes);
    world.clock.advance(Duration::from_secs(60));
    world.steps(4).await;
    expect_waiting(&world, campaign, 3).await;
    let delivered = world.messenger.delivered.lock().unwrap().len();
    assert_eq!(delivered, 1, "sent once, answered from memory");
    tell(&world, campaign, &[(1, Outcome::Confirmed)]).await;
    pass_the_deadline(&world).await;
    let bill = world.bill(campaign).await;
    assert_eq!(
        (bill.captured, bill.state),
        (krw(15), CampaignState::Closed)
    );
    world.expect_clean().await;
}

async fn a_closed_key_that_was_processed_waits_as_well(engine: Engine) {
    let world = agreed(engine, 3).await;
    let campaign = launched(&world).await;
    world.messenger.is_now(Mood::LosesAnswers);
    world.steps(3).await;
    control::cancel(&world.store, world.clock.as_ref(), world.ids(), campaign)
        .await
        .unwrap();
    world.clock.advance(Duration::from_secs(60));
    // Its key is closed, and the messenger answers that it had processed it.
    world.steps(4).await;
    expect_waiting(&world, campaign, 3).await;
    tell(&world, campaign, &[(0, UNREACHABLE)]).await;
    pass_the_deadline(&world).await;
    let bill = world.bill(campaign).await;
    let of = bill.outcomes;
    assert_eq!((of.failed, of.cancelled), (1, 2));
    assert_eq!((bill.captured, bill.open), (krw(0), krw(0)));
    assert_eq!(world.wallet().await, (krw(1_000_000), krw(0)));
    world.expect_clean().await;
}

async fn a_day_of_api_sending_waits_for_the_messenger(engine: Engine) {
    let world = agreed(engine, 3).await;
    let sender = world.sender().await;
    let accepted = world.push(&sender, "hello", &world.friends).await.unwrap();
    let campaign = accepted.request.campaign;
    world.steps(2).await;
    expect_waiting(&world, campaign, 3).await;
    tell(&world, campaign, &[(0, Outcome::Confirmed)]).await;
    world.steps(1).await;
    assert_eq!(world.bill(campaign).await.captured, krw(15));
    world.midnight().await;
    world.steps(4).await;
    let bill = world.bill(campaign).await;
    assert_eq!((bill.state, bill.open), (CampaignState::Closing, krw(30)));
    world.expect_clean().await;
    pass_the_deadline(&world).await;
    let bill = world.bill(campaign).await;
    assert_eq!((bill.state, bill.open), (CampaignState::Closed, krw(0)));
    assert_eq!(world.wallet().await, (krw(1_000_000 - 15), krw(0)));
    world.expect_clean().await;
}

/// It costs nothing: there is nothing to wait for.
async fn a_reply_waits_for_nothing(engine: Engine) {
    let world = agreed(engine, 2).await;
    let sender = world.sender().await;
    let words = text("thanks");
    let reply = SendRequest {
        operation: StandingOperation::Reply,
        ..world.request(&words, &world.friends)
    };
    let accepted = sender.send(&reply).await.unwrap();
    world.steps(2).await;
    let bill = world.bill(accepted.request.campaign).await;
    let of = bill.outcomes;
    assert_eq!((of.accepted, of.uncertain), (2, 0));
    assert_eq!((bill.captured, bill.open), (krw(0), krw(0)));
    world.expect_clean().await;
}
