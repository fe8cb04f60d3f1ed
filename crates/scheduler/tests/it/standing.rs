//! API sending: blocks, requests, order, the end of the day, and what it costs.

use std::time::Duration;

use billing::BillingError;
use directory::Fact;
use domain::audience::Audience;
use domain::campaign::{CampaignEvent, CampaignState, Purpose, StandingOperation};
use domain::id::CampaignId;
use domain::message::Rules;
use domain::rule::RuleId;
use domain::user::UserKey;
use scheduler::launch::{LaunchContext, launch};
use scheduler::settings::{BLOCK_SILENCE_MAX, BLOCK_UNITS, RETRY_KEY_LIFE};
use scheduler::standing::{Recipients, SendRequest};
use scheduler::{SchedulerError, control};
use store::campaign::CampaignDraft;
use testkit::database::Engine;

use crate::world::{Mood, World, friend_key, krw, text};

testkit::on_both_engines![
    a_request_is_sent_recorded_and_billed,
    the_same_recipients_cost_the_same_as_by_broadcast,
    two_processes_never_lease_more_than_there_is,
    near_the_limit_a_block_is_as_small_as_it_has_to_be,
    without_funds_not_even_a_day_begins,
    a_used_up_block_makes_room_for_the_next,
    the_block_of_a_process_that_is_gone_ends_later,
    a_process_whose_block_was_ended_leases_another,
    a_retry_key_is_answered_again_and_not_sent_again,
    doubles_strangers_and_the_unwilling_are_left_out,
    pushes_to_one_user_keep_their_order,
    the_day_closes_and_gives_back_the_rest,
    a_day_with_an_unknown_push_waits_for_it,
    a_cancelled_day_gives_everything_back_and_takes_no_more,
    refused_messages_do_not_pause_the_others,
    a_refused_request_leaves_nothing,
    after_a_restore_a_new_campaign_begins,
    a_stopped_account_takes_no_requests,
];

const BLOCK_PRICE: i64 = 15 * BLOCK_UNITS as i64;

async fn granted_and_frozen(world: &World, campaign: CampaignId) -> (u64, u64) {
    let tariffs = world.store.campaign_tariffs(campaign).await.unwrap();
    assert_eq!(tariffs.len(), 1);
    (tariffs[0].granted, tariffs[0].frozen)
}

async fn a_request_is_sent_recorded_and_billed(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let sender = world.sender().await;
    let accepted = world.push(&sender, "hello", &world.friends).await.unwrap();
    let campaign = accepted.request.campaign;
    assert_eq!(
        (accepted.request.recipients, accepted.is_repeated),
        (3, false)
    );
    assert_eq!(granted_and_frozen(&world, campaign).await, (BLOCK_UNITS, 3));
    assert_eq!(
        world.wallet().await,
        (krw(1_000_000 - BLOCK_PRICE), krw(BLOCK_PRICE))
    );
    world.expect_clean().await;
    world.steps(2).await;
    for friend in &world.friends {
        assert_eq!(world.messenger.got(friend), ["hello"]);
    }
    let bill = world.bill(campaign).await;
    assert_eq!((bill.captured, bill.outcomes.accepted), (krw(45), 3));
    assert_eq!(bill.state, CampaignState::Running, "its day goes on");
    world.expect_clean().await;
}

async fn the_same_recipients_cost_the_same_as_by_broadcast(engine: Engine) {
    let world = World::with(engine, 7, 1_000_000).await;
    world.consent(&world.friends[2], false).await;
    let context = LaunchContext {
        store: &world.store,
        clock: world.clock.as_ref(),
        ids: world.ids(),
        rules: &Rules::default(),
        connector_rate: None,
    };
    let broadcast = draft(&world).await;
    launch(&context, broadcast, None).await.unwrap();
    world.steps(4).await;
    let sender = world.sender().await;
    let pushed = world.push(&sender, "sale", &world.friends).await.unwrap();
    let words = text("sale");
    let multicast = SendRequest {
        operation: StandingOperation::Multicast,
        ..world.request(&words, &world.friends)
    };
    let multicast = sender.send(&multicast).await.unwrap();
    assert_ne!(multicast.request.campaign, pushed.request.campaign);
    world.steps(2).await;
    world.midnight().await;
    world.steps(4).await;
    let broadcast = world.bill(broadcast).await;
    assert_eq!(
        (broadcast.captured, broadcast.outcomes.accepted),
        (krw(90), 6)
    );
    for request in [pushed.request, multicast.request] {
        let bill = world.bill(request.campaign).await;
        assert_eq!(
            (bill.captured, bill.open),
            (broadcast.captured, broadcast.open)
        );
        assert_eq!(bill.lines[0].outcomes, broadcast.lines[0].outcomes);
        assert_eq!(bill.state, CampaignState::Closed);
        assert_eq!(request.left_out.len(), 1);
        assert_eq!(request.left_out[0].1, RuleId::Refused);
    }
    assert_eq!(world.wallet().await, (krw(1_000_000 - 3 * 90), krw(0)));
    world.expect_clean().await;
}

pub(crate) async fn draft(world: &World) -> CampaignId {
    let draft = CampaignDraft {
        id: world.ids().next(),
        business: world.account.business,
        account: world.account.id,
        name: "broadcast".to_owned(),
        purpose: Purpose::Promotion,
        messages: text("sale").to_json(),
        audience: Audience::ALL.to_json(),
        schedule: "{}".to_owned(),
        scheduled_for: None,
        rate_per_second: None,
        lifetime_seconds: 86_400,
        if_short: Default::default(),
        created_at: world.scheduler.clock.now(),
    };
    let mut write = world.store.write().await.unwrap();
    write.insert_campaign(&draft).await.unwrap();
    let campaign = write.campaign(draft.id).await.unwrap();
    write
        .move_campaign(&campaign, CampaignEvent::Approve)
        .await
        .unwrap();
    write.commit().await.unwrap();
    draft.id
}

async fn two_processes_never_lease_more_than_there_is(engine: Engine) {
    // Enough for six of eight requests: either process leases what the other only keeps ready.
    let world = World::with(engine, 30, 200 * 15).await;
    let (left, right) = (world.sender().await, world.sender().await);
    let mut accepted = 0;
    let mut refused = 0;
    let hello = text("hello");
    for _ in 0..4 {
        let request = world.request(&hello, &world.friends);
        let again = world.request(&hello, &world.friends);
        let (one, other) = tokio::join!(left.send(&request), right.send(&again));
        for result in [one, other] {
            match result {
                Ok(_) => accepted += 1,
                Err(SchedulerError::Billing(BillingError::FundsShort { needed, .. })) => {
                    assert_eq!(needed, krw(30 * 15));
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        world.expect_clean().await;
        let (available, _) = world.wallet().await;
        assert!(!available.is_negative());
    }
    assert_eq!((accepted, refused), (6, 2));
    world.steps(2).await;
    let got: usize = world
        .friends
        .iter()
        .map(|key| world.messenger.got(key).len())
        .sum();
    assert_eq!(got, 6 * 30);
    world.expect_clean().await;
}

async fn near_the_limit_a_block_is_as_small_as_it_has_to_be(engine: Engine) {
    let world = World::with(engine, 3, 47).await;
    let sender = world.sender().await;
    let short = world
        .push(&sender, "too many", &[1, 2, 3, 4].map(friend_key))
        .await;
    assert!(short.is_ok(), "the fourth is nobody: three units suffice");
    assert_eq!(world.wallet().await, (krw(2), krw(45)));
    let short = world.push(&sender, "one more", &world.friends[..1]).await;
    let Err(SchedulerError::Billing(BillingError::FundsShort { available, needed })) = short else {
        panic!("{short:?}");
    };
    assert_eq!((available, needed), (krw(2), krw(15)));
    // Nothing of the refused request stands anywhere.
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[0]), ["too many"]);
    world.expect_clean().await;
}

async fn without_funds_not_even_a_day_begins(engine: Engine) {
    let world = World::with(engine, 1, 14).await;
    let sender = world.sender().await;
    let refused = world.push(&sender, "hello", &world.friends).await;
    assert!(
        matches!(refused, Err(SchedulerError::Billing(_))),
        "{refused:?}"
    );
    assert!(world.store.campaigns_alive().await.unwrap().is_empty());
    // A reply costs nothing, so that it needs no funds.
    let words = text("you asked");
    let reply = SendRequest {
        operation: StandingOperation::Reply,
        ..world.request(&words, &world.friends)
    };
    let accepted = sender.send(&reply).await.unwrap();
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[0]), ["you asked"]);
    let bill = world.bill(accepted.request.campaign).await;
    assert_eq!((bill.captured, bill.outcomes.accepted), (krw(0), 1));
    world.expect_clean().await;
}

async fn a_used_up_block_makes_room_for_the_next(engine: Engine) {
    let world = World::with(engine, 400, 10 * BLOCK_PRICE).await;
    let sender = world.sender().await;
    let mut campaign = None;
    // 26 requests of 400 are 10,400 units: the block ends after 25, exactly used up.
    for _ in 0..26 {
        let accepted = world.push(&sender, "many", &world.friends).await.unwrap();
        campaign = Some(accepted.request.campaign);
    }
    let campaign = campaign.unwrap();
    assert_eq!(
        granted_and_frozen(&world, campaign).await,
        (2 * BLOCK_UNITS, 10_400)
    );
    assert_eq!(
        world
            .store
            .blocks_of_process(sender.process)
            .await
            .unwrap()
            .len(),
        1
    );
    // 23 more are 9,200 of the second block; one of 400 fits, the next 24th does not.
    for _ in 0..24 {
        world.push(&sender, "many", &world.friends).await.unwrap();
    }
    sender.end_blocks().await.unwrap();
    assert_eq!(granted_and_frozen(&world, campaign).await, (20_000, 20_000));
    world
        .push(&sender, "one", &world.friends[..1])
        .await
        .unwrap();
    sender.end_blocks().await.unwrap();
    assert_eq!(granted_and_frozen(&world, campaign).await, (20_001, 20_001));
    assert_eq!(world.wallet().await.1, krw(20_001 * 15));
    world.expect_clean().await;
}

async fn the_block_of_a_process_that_is_gone_ends_later(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let sender = world.sender().await;
    let accepted = world
        .push(&sender, "last words", &world.friends)
        .await
        .unwrap();
    let campaign = accepted.request.campaign;
    drop(sender);
    world.steps(2).await;
    assert_eq!(granted_and_frozen(&world, campaign).await, (BLOCK_UNITS, 3));
    world.clock.advance(BLOCK_SILENCE_MAX);
    world.steps(1).await;
    assert_eq!(granted_and_frozen(&world, campaign).await, (3, 3));
    assert_eq!(world.wallet().await, (krw(1_000_000 - 45), krw(0)));
    assert_eq!(world.messenger.got(&world.friends[0]), ["last words"]);
    world.expect_clean().await;
}

async fn a_process_whose_block_was_ended_leases_another(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let sender = world.sender().await;
    let first = world.push(&sender, "before", &world.friends).await.unwrap();
    world
        .clock
        .advance(BLOCK_SILENCE_MAX + Duration::from_secs(1));
    world.steps(1).await;
    let second = world.push(&sender, "after", &world.friends).await.unwrap();
    let campaign = second.request.campaign;
    assert_eq!(first.request.campaign, campaign);
    assert_eq!(
        granted_and_frozen(&world, campaign).await,
        (BLOCK_UNITS + 3, 6)
    );
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[1]), ["before", "after"]);
    world.expect_clean().await;
}

async fn a_retry_key_is_answered_again_and_not_sent_again(engine: Engine) {
    let world = World::with(engine, 2, 1_000_000).await;
    let (one, other) = (world.sender().await, world.sender().await);
    let hello = text("hello");
    let request = SendRequest {
        retry_key: Some("0f9a"),
        ..world.request(&hello, &world.friends)
    };
    let first = one.send(&request).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    // Another process, and other recipients even: the answer is that of the first.
    let again = SendRequest {
        recipients: Recipients::Keys(&world.friends[..1]),
        ..request
    };
    let repeated = other.send(&again).await.unwrap();
    assert!(repeated.is_repeated && !first.is_repeated);
    assert_eq!(repeated.request, first.request);
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[0]), ["hello"]);
    // Two at once: one is sent, the other is its answer.
    let both = SendRequest {
        id: world.ids().next(),
        retry_key: Some("77e1"),
        ..request
    };
    let second = SendRequest {
        id: world.ids().next(),
        ..both
    };
    let (left, right) = tokio::join!(one.send(&both), other.send(&second));
    let (left, right) = (left.unwrap(), right.unwrap());
    assert_eq!(left.request, right.request);
    assert_ne!(left.is_repeated, right.is_repeated);
    // After a day the key is free again.
    world.clock.advance(RETRY_KEY_LIFE);
    let later = SendRequest {
        id: world.ids().next(),
        ..request
    };
    let later = one.send(&later).await.unwrap();
    assert!(!later.is_repeated);
    assert_ne!(later.request.id, first.request.id);
    world.steps(2).await;
    assert_eq!(world.messenger.got(&world.friends[0]).len(), 3);
    world.expect_clean().await;
}

async fn doubles_strangers_and_the_unwilling_are_left_out(engine: Engine) {
    let world = World::with(engine, 4, 1_000_000).await;
    let [one, two, three, four] = [0, 1, 2, 3].map(|index| world.friends[index].clone());
    world.tell(&two, Fact::Blocked).await;
    world.consent(&three, false).await;
    let stranger = UserKey::parse("stranger").unwrap();
    let sender = world.sender().await;
    let named = [&one, &two, &one, &stranger, &three, &four, &four].map(Clone::clone);
    let accepted = world.push(&sender, "hello", &named).await.unwrap();
    let request = &accepted.request;
    assert_eq!((request.recipients, request.unknown_users), (2, 1));
    let rules: Vec<RuleId> = request.left_out.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(rules, [RuleId::Blocked, RuleId::Refused]);
    // The gate hears of whoever withdraws between the request and its push.
    world.consent(&four, false).await;
    world.steps(2).await;
    let got = [&one, &two, &three, &four].map(|key| world.messenger.got(key).len());
    assert_eq!(got, [1, 0, 0, 0]);
    let bill = world.bill(request.campaign).await;
    assert_eq!((bill.outcomes.accepted, bill.outcomes.excluded), (1, 1));
    assert_eq!(bill.captured, krw(15));
    // A request for nobody is a request all the same, and costs nothing.
    let nobody = world
        .push(&sender, "hello", &[two, stranger])
        .await
        .unwrap();
    assert_eq!(nobody.request.recipients, 0);
    assert_eq!(granted_and_frozen(&world, request.campaign).await.1, 2);
    world.expect_clean().await;
}

async fn pushes_to_one_user_keep_their_order(engine: Engine) {
    let world = World::with(engine, 2, 1_000_000).await;
    let sender = world.sender().await;
    let (one, other) = (&world.friends[..1], &world.friends[1..]);
    world.push(&sender, "first", one).await.unwrap();
    world.messenger.is_now(Mood::LosesAnswers);
    world.step().await;
    world.messenger.is_now(Mood::Processes);
    // The first is unknown: what follows to this user waits, others do not.
    world.push(&sender, "second", one).await.unwrap();
    let words = text("third");
    let reply = SendRequest {
        operation: StandingOperation::Reply,
        ..world.request(&words, one)
    };
    sender.send(&reply).await.unwrap();
    world.push(&sender, "elsewhere", other).await.unwrap();
    world.step().await;
    assert_eq!(world.messenger.got(&other[0]), ["elsewhere"]);
    assert_eq!(world.messenger.got(&one[0]), ["first"]);
    world.steps(6).await;
    assert_eq!(world.messenger.got(&one[0]), ["first", "second", "third"]);
    world.expect_clean().await;
}

async fn the_day_closes_and_gives_back_the_rest(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let sender = world.sender().await;
    let today = world.push(&sender, "today", &world.friends).await.unwrap();
    world.midnight().await;
    // Not pushed yet: it is today's all the same.
    let tomorrow = world
        .push(&sender, "tomorrow", &world.friends[..1])
        .await
        .unwrap();
    let (today, tomorrow) = (today.request.campaign, tomorrow.request.campaign);
    assert_ne!(today, tomorrow);
    world.steps(5).await;
    let bill = world.bill(today).await;
    assert_eq!(bill.state, CampaignState::Closed);
    assert_eq!((bill.captured, bill.open), (krw(45), krw(0)));
    assert_eq!(bill.held, krw(BLOCK_PRICE));
    assert_eq!(world.bill(tomorrow).await.state, CampaignState::Running);
    assert_eq!(
        world.messenger.got(&world.friends[0]),
        ["today", "tomorrow"]
    );
    let held = krw(BLOCK_PRICE - 15);
    assert_eq!(
        world.wallet().await,
        (krw(1_000_000 - BLOCK_PRICE - 45), held)
    );
    world.expect_clean().await;
}

async fn a_day_with_an_unknown_push_waits_for_it(engine: Engine) {
    let world = World::with(engine, 1, 1_000_000).await;
    let sender = world.sender().await;
    world.messenger.is_now(Mood::LosesAnswers);
    let accepted = world.push(&sender, "lost", &world.friends).await.unwrap();
    world.step().await;
    world.midnight().await;
    world.step().await;
    let campaign = accepted.request.campaign;
    assert_eq!(world.bill(campaign).await.state, CampaignState::Running);
    assert_eq!(granted_and_frozen(&world, campaign).await, (1, 1));
    world.expect_clean().await;
    world.messenger.is_now(Mood::Processes);
    world.steps(8).await;
    let bill = world.bill(campaign).await;
    assert_eq!(
        (bill.state, bill.captured),
        (CampaignState::Closed, krw(15))
    );
    assert_eq!(world.messenger.got(&world.friends[0]), ["lost"]);
    world.expect_clean().await;
}

async fn a_cancelled_day_gives_everything_back_and_takes_no_more(engine: Engine) {
    let world = World::with(engine, 3, 1_000_000).await;
    let sender = world.sender().await;
    let accepted = world.push(&sender, "never", &world.friends).await.unwrap();
    let id = accepted.request.campaign;
    let cancelled = control::cancel(&world.store, world.clock.as_ref(), world.ids(), id);
    let cancelled = cancelled.await.unwrap();
    assert_eq!((cancelled.units, cancelled.unfrozen), (3, BLOCK_UNITS - 3));
    assert_eq!(cancelled.released, krw(BLOCK_PRICE));
    assert_eq!(world.wallet().await, (krw(1_000_000), krw(0)));
    let refused = world.push(&sender, "after", &world.friends).await;
    assert!(
        matches!(refused, Err(SchedulerError::NotPossible(_))),
        "{refused:?}"
    );
    world.expect_clean().await;
    world.steps(3).await;
    assert_eq!(world.bill(id).await.state, CampaignState::Closed);
    assert!(world.messenger.delivered.lock().unwrap().is_empty());
    world.expect_clean().await;
}

async fn refused_messages_do_not_pause_the_others(engine: Engine) {
    let world = World::with(engine, 1, 1_000_000).await;
    let sender = world.sender().await;
    world.messenger.is_now(Mood::Refuses);
    let mut campaign = None;
    for _ in 0..4 {
        let accepted = world
            .push(&sender, "malformed", &world.friends)
            .await
            .unwrap();
        campaign = Some(accepted.request.campaign);
        world.step().await;
    }
    world.messenger.is_now(Mood::Processes);
    world.push(&sender, "well", &world.friends).await.unwrap();
    world.step().await;
    assert_eq!(world.messenger.got(&world.friends[0]), ["well"]);
    let bill = world.bill(campaign.unwrap()).await;
    assert_eq!((bill.outcomes.failed, bill.outcomes.accepted), (4, 1));
    assert_eq!(bill.captured, krw(15));
    world.expect_clean().await;
}

async fn a_refused_request_leaves_nothing(engine: Engine) {
    let world = World::with(engine, 1, 1_000_000).await;
    let sender = world.sender().await;
    let many: Vec<UserKey> = (0..501).map(friend_key).collect();
    let refused = world.push(&sender, "too many", &many).await;
    assert!(
        matches!(refused, Err(SchedulerError::NotPossible(_))),
        "{refused:?}"
    );
    let words = text("not mine");
    let stranger = SendRequest {
        business: world.ids().next(),
        ..world.request(&words, &world.friends)
    };
    let refused = sender.send(&stranger).await;
    assert!(
        matches!(refused, Err(SchedulerError::Store(_))),
        "{refused:?}"
    );
    assert!(world.store.campaigns_alive().await.unwrap().is_empty());
    assert_eq!(world.wallet().await, (krw(1_000_000), krw(0)));
    world.expect_clean().await;
}

async fn after_a_restore_a_new_campaign_begins(engine: Engine) {
    let world = World::with(engine, 2, 1_000_000).await;
    let sender = world.sender().await;
    let one = &world.friends[..1];
    let old = world.push(&sender, "old", one).await.unwrap();
    world.execute("UPDATE campaign SET restored_at = 1").await;
    world.steps(2).await;
    let other = &world.friends[1..];
    let fresh = world.push(&sender, "fresh", other).await.unwrap();
    let (old, fresh) = (old.request.campaign, fresh.request.campaign);
    assert_ne!(old, fresh);
    assert_eq!(
        granted_and_frozen(&world, old).await,
        (1, 1),
        "its block ended"
    );
    world.steps(2).await;
    assert!(
        world.messenger.got(&one[0]).is_empty(),
        "nothing of it moves"
    );
    assert_eq!(world.messenger.got(&other[0]), ["fresh"]);
    world.expect_clean().await;
}

async fn a_stopped_account_takes_no_requests(engine: Engine) {
    let world = World::with(engine, 1, 1_000_000).await;
    let sender = world.sender().await;
    world.execute("UPDATE business SET stopped_at = 1").await;
    let refused = world.push(&sender, "hello", &world.friends).await;
    assert!(
        matches!(refused, Err(SchedulerError::Stopped)),
        "{refused:?}"
    );
    world.execute("UPDATE business SET stopped_at = NULL").await;
    world.push(&sender, "hello", &world.friends).await.unwrap();
    world.expect_clean().await;
}
