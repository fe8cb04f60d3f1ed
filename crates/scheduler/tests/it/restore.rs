//! Books that came out of a copy: nothing is sent twice, nothing is lost, nothing goes by itself.
//!
//! The life before is played by who pushes with the same keys and writes nothing down.

use std::time::Duration;

use connector::Connector;
use domain::answer::AskAnswer;
use domain::campaign::{CampaignEvent, CampaignState, PauseReason};
use domain::capability::{Capability, KEY_TTL_MARGIN};
use domain::chunk::ChunkId;
use domain::freeze::chunk_number;
use domain::id::CampaignId;
use domain::message::Rules;
use domain::push::PushKey;
use domain::restore::REQUESTS_OVER_AFTER;
use domain::rule::RuleId;
use domain::time::LaunchMonth;
use scheduler::launch::{LaunchContext, launch};
use scheduler::{Launched, SchedulerError, control};
use store::restore::Cluster;
use testkit::database::Engine;

use crate::world::{World, krw};

testkit::on_both_engines![
    a_copy_stands_still_until_somebody_lets_it_go_on,
    what_the_life_before_sent_is_settled_and_the_rest_is_sent,
    an_exclusion_of_the_life_before_is_settled_without_its_reason,
    an_outcome_that_was_unknown_is_asked_for,
    a_copy_older_than_the_keys_is_never_sent_again,
    a_cancelled_copy_bills_what_was_sent_and_nothing_else,
    a_campaign_that_was_launched_after_the_copy_is_not_sent_twice,
    a_campaign_that_was_cut_differently_after_the_copy_is_not_sent_twice,
    a_scheduled_copy_whose_time_has_passed_is_not_launched_by_itself,
    a_launch_whose_messenger_cannot_tell_any_more_fails_in_words,
    a_day_of_api_sending_does_not_go_on_after_a_copy,
    the_place_of_the_books_is_noted_once,
];

const FRIENDS: u32 = 3;

/// A broadcast to everybody, approved; launched only where the test says so.
async fn approved(world: &World) -> CampaignId {
    crate::standing::draft(world).await
}

async fn try_launch(world: &World, id: CampaignId) -> Result<Launched, SchedulerError> {
    let context = LaunchContext {
        store: &world.store,
        clock: world.clock.as_ref(),
        ids: world.ids(),
        rules: &Rules::default(),
        connector_rate: None,
    };
    launch(&context, id, None).await
}

/// Launched and frozen to its end, nothing pushed.
async fn frozen(world: &World) -> CampaignId {
    let campaign = approved(world).await;
    try_launch(world, campaign).await.unwrap();
    world.freeze().await;
    campaign
}

fn first_chunk(world: &World, campaign: CampaignId) -> ChunkId {
    ChunkId {
        month: LaunchMonth::of(world.scheduler.clock.now()),
        campaign,
        number: chunk_number(0, 0),
        round: 0,
    }
}

/// The books become a copy.
async fn restore(world: &World) -> Vec<CampaignId> {
    let now = world.scheduler.clock.now();
    world.store.restored(world.ids(), now).await.unwrap()
}

async fn resume(world: &World, campaign: CampaignId) {
    let clock = world.clock.as_ref();
    control::resume(&world.store, clock, campaign)
        .await
        .unwrap();
}

async fn state(world: &World, campaign: CampaignId) -> CampaignState {
    world.store.campaign(campaign).await.unwrap().shown_state()
}

/// A life that began with the same books launches the campaign and pushes to everybody.
async fn life_before(engine: Engine, world: &World, campaign: CampaignId) {
    let before = World::with(engine, FRIENDS, 1_000_000).await;
    let same = frozen(&before).await;
    assert_eq!(same, campaign, "ids follow from the same seed");
    let chunk = first_chunk(&before, same);
    world.push_unrecorded(&before, chunk, &[]).await;
}

/// Everybody got it once, and it is billed once.
async fn expect_once(world: &World, campaign: CampaignId, people: u64) {
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend).len(), 1, "{friend:?}");
    }
    let bill = world.bill(campaign).await;
    let billed = (bill.outcomes.accepted, bill.captured, bill.state);
    assert_eq!(
        billed,
        (people, krw(15 * people as i64), CampaignState::Closed)
    );
    world.expect_clean().await;
}

async fn a_copy_stands_still_until_somebody_lets_it_go_on(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = frozen(&world).await;
    let draft = approved(&world).await;
    assert_eq!(restore(&world).await, [campaign, draft]);
    world.expect_clean().await;
    world.steps(3).await;
    assert!(world.messenger.got(&world.friends[0]).is_empty());
    let restored = CampaignState::Paused(PauseReason::Restored);
    assert_eq!(state(&world, campaign).await, restored);
    assert_eq!(state(&world, draft).await, restored);
    let refused = try_launch(&world, draft).await;
    assert!(
        matches!(&refused, Err(SchedulerError::NotPossible(why)) if why.contains("resume it")),
        "{refused:?}"
    );
    resume(&world, campaign).await;
    world.steps(12).await;
    expect_once(&world, campaign, 3).await;
    // What was not launched is as before, and waits for whoever launches it.
    resume(&world, draft).await;
    assert_eq!(state(&world, draft).await, CampaignState::Approved);
}

async fn what_the_life_before_sent_is_settled_and_the_rest_is_sent(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let (sent, unsent) = (frozen(&world).await, frozen(&world).await);
    restore(&world).await;
    let chunk = first_chunk(&world, sent);
    world.push_unrecorded(&world, chunk, &[]).await;
    // Long enough ago that no request of the life before is on its way.
    world.clock.advance(REQUESTS_OVER_AFTER);
    resume(&world, sent).await;
    world.steps(12).await;
    expect_once(&world, sent, 3).await;
    resume(&world, unsent).await;
    world.steps(12).await;
    assert_eq!(world.bill(unsent).await.outcomes.accepted, 3);
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend).len(), 2);
    }
    world.expect_clean().await;
}

async fn an_exclusion_of_the_life_before_is_settled_without_its_reason(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = frozen(&world).await;
    restore(&world).await;
    let chunk = first_chunk(&world, campaign);
    world.push_unrecorded(&world, chunk, &[1]).await;
    resume(&world, campaign).await;
    world.steps(12).await;
    let bill = world.bill(campaign).await;
    assert_eq!((bill.outcomes.accepted, bill.outcomes.excluded), (2, 1));
    assert_eq!(bill.captured, krw(30));
    assert_eq!(RuleId::LostReason.citation(), None);
    world.expect_clean().await;
}

async fn an_outcome_that_was_unknown_is_asked_for(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = frozen(&world).await;
    world.messenger.is_now(crate::world::Mood::LosesAnswers);
    world.step().await;
    world.messenger.is_now(crate::world::Mood::Processes);
    restore(&world).await;
    resume(&world, campaign).await;
    world.steps(12).await;
    expect_once(&world, campaign, 3).await;
}

async fn a_copy_older_than_the_keys_is_never_sent_again(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = frozen(&world).await;
    let now = world.scheduler.clock.now();
    world.store.note_backup(now).await.unwrap();
    let life = Capability::gateway().key_ttl - KEY_TTL_MARGIN;
    world.clock.advance(life);
    restore(&world).await;
    resume(&world, campaign).await;
    world.steps(12).await;
    assert!(world.messenger.got(&world.friends[0]).is_empty());
    let bill = world.bill(campaign).await;
    assert_eq!((bill.outcomes.uncertain, bill.captured), (3, krw(0)));
    // Held until somebody proves it, or its deadline passes.
    assert_eq!(bill.open, krw(45));
    world.expect_clean().await;
}

async fn a_cancelled_copy_bills_what_was_sent_and_nothing_else(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let (sent, unsent) = (frozen(&world).await, frozen(&world).await);
    restore(&world).await;
    let chunk = first_chunk(&world, sent);
    world.push_unrecorded(&world, chunk, &[]).await;
    for campaign in [sent, unsent] {
        let (clock, ids) = (world.clock.as_ref(), world.ids());
        control::cancel(&world.store, clock, ids, campaign)
            .await
            .unwrap();
    }
    world.steps(12).await;
    expect_once(&world, sent, 3).await;
    let bill = world.bill(unsent).await;
    assert_eq!((bill.outcomes.accepted, bill.outcomes.cancelled), (0, 3));
    assert_eq!((bill.open, bill.state), (krw(0), CampaignState::Closed));
    world.expect_clean().await;
}

async fn a_campaign_that_was_launched_after_the_copy_is_not_sent_twice(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = approved(&world).await;
    restore(&world).await;
    resume(&world, campaign).await;
    life_before(engine, &world, campaign).await;
    try_launch(&world, campaign).await.unwrap();
    world.steps(12).await;
    expect_once(&world, campaign, 3).await;
}

async fn a_campaign_that_was_cut_differently_after_the_copy_is_not_sent_twice(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = approved(&world).await;
    restore(&world).await;
    resume(&world, campaign).await;
    life_before(engine, &world, campaign).await;
    // In the books as they are now somebody else is a friend, too.
    world.befriend(4..=4).await;
    try_launch(&world, campaign).await.unwrap();
    world.steps(12).await;
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend).len(), 1, "{friend:?}");
    }
    let bill = world.bill(campaign).await;
    assert_eq!((bill.outcomes.uncertain, bill.captured), (4, krw(0)));
    world.expect_clean().await;
}

async fn a_scheduled_copy_whose_time_has_passed_is_not_launched_by_itself(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let (campaign, edited) = (approved(&world).await, approved(&world).await);
    world
        .execute("UPDATE campaign SET state = 4, scheduled_for = 1")
        .await;
    restore(&world).await;
    world.scheduler.launch_step().await.unwrap();
    for id in [campaign, edited] {
        let stands = world.store.campaign(id).await.unwrap();
        assert_eq!(stands.state, CampaignState::Scheduled);
        assert!(stands.restored_at.is_some());
    }
    // Back to its draft it is in nobody's way, and its launch is looked at all the same.
    let mut write = world.store.write().await.unwrap();
    let scheduled = write.campaign(edited).await.unwrap();
    write
        .move_campaign(&scheduled, CampaignEvent::Edit)
        .await
        .unwrap();
    write.commit().await.unwrap();
    let draft = world.store.campaign(edited).await.unwrap();
    assert_eq!(
        (draft.shown_state(), draft.known_until.is_some()),
        (CampaignState::Draft, true)
    );
    resume(&world, campaign).await;
    world.scheduler.launch_step().await.unwrap();
    world.steps(12).await;
    expect_once(&world, campaign, 3).await;
}

async fn a_launch_whose_messenger_cannot_tell_any_more_fails_in_words(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = approved(&world).await;
    restore(&world).await;
    resume(&world, campaign).await;
    world.clock.advance(Capability::gateway().key_ttl);
    try_launch(&world, campaign).await.unwrap();
    world.steps(2).await;
    let failed = world.store.campaign(campaign).await.unwrap();
    assert_eq!(failed.shown_state(), CampaignState::LaunchFailed);
    assert!(failed.launch_error.unwrap().contains("too old"));
    assert_eq!(world.wallet().await.1, krw(0));
    // Written anew it is the same campaign, and may have been sent all the same.
    let mut write = world.store.write().await.unwrap();
    let campaign = write.campaign(campaign).await.unwrap();
    write
        .move_campaign(&campaign, CampaignEvent::Edit)
        .await
        .unwrap();
    write.commit().await.unwrap();
    assert!(
        world
            .store
            .campaign(campaign.id)
            .await
            .unwrap()
            .known_until
            .is_some()
    );
    world.expect_clean().await;
}

async fn a_day_of_api_sending_does_not_go_on_after_a_copy(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let sender = world.sender().await;
    let (first, others) = world.friends.split_at(1);
    let old = world.push(&sender, "old", first).await.unwrap();
    restore(&world).await;
    let fresh = world.push(&sender, "fresh", others).await.unwrap();
    assert_ne!(old.request.campaign, fresh.request.campaign);
    world.steps(3).await;
    assert!(world.messenger.got(&first[0]).is_empty());
    assert_eq!(world.messenger.got(&others[0]), ["fresh"]);
    resume(&world, old.request.campaign).await;
    world.steps(4).await;
    assert_eq!(world.messenger.got(&first[0]), ["old"]);
    // What was resumed takes no new requests either.
    let again = world.push(&sender, "again", first).await.unwrap();
    assert_eq!(again.request.campaign, fresh.request.campaign);
    world.steps(2).await;
    world.midnight().await;
    world.steps(12).await;
    for campaign in [old.request.campaign, fresh.request.campaign] {
        assert_eq!(state(&world, campaign).await, CampaignState::Closed);
    }
    world.expect_clean().await;
}

async fn the_place_of_the_books_is_noted_once(engine: Engine) {
    let world = World::with(engine, FRIENDS, 1_000_000).await;
    let campaign = frozen(&world).await;
    let now = world.scheduler.clock.now();
    let note = async || world.store.note_cluster(world.ids(), now).await.unwrap();
    // The first leader noted it.
    assert_eq!(note().await, Cluster::Same);
    world
        .execute("UPDATE cluster SET identity = 'another cluster'")
        .await;
    let marked = note().await;
    assert!(
        matches!(&marked, Cluster::Another(campaigns) if *campaigns == [campaign]),
        "{marked:?}"
    );
    assert_eq!(note().await, Cluster::Same);
    let key = PushKey::of(&first_chunk(&world, campaign));
    let answer = world.messenger.ask(key, FRIENDS).await;
    assert_eq!(answer, AskAnswer::NotFound);
    resume(&world, campaign).await;
    world.clock.advance(Duration::from_secs(1));
    world.steps(12).await;
    expect_once(&world, campaign, 3).await;
}
