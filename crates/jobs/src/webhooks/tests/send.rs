//! The role against real sockets, on both engines, with a clock that stands still: who is told what
//! and when again.

use std::sync::Arc;
use std::time::Duration;

use directory::{AccountRequest, ChannelPorts, Channels, Directory, Vault};
use domain::money::Currency;
use domain::time::Timestamp;
use domain::user::UserKey;
use domain::webhook::events::{ReplyToken, TokenRefusal};
use domain::webhook::{EventId, EventKind, EventState, FailureReason};
use serde_json::{Value, json};
use store::directory::Account;
use store::reply_token::{IssuedToken, USUALLY_VALID};
use store::webhook::{EventFilter, WebhookEvent};
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, Mood, SeededIds, WebhookTaker};
use tokio_util::sync::CancellationToken;

use crate::Webhooks;
use crate::webhooks::guard::Guard;
use crate::webhooks::send::EVENTS_MAX;

testkit::on_both_engines![
    events_are_sent_signed_and_in_their_order,
    what_failed_is_given_up_at_once_unless_it_is_sent_again,
    what_failed_comes_again_with_its_id_after_growing_pauses,
    a_day_of_failures_ends,
    what_is_sent_again_can_be_answered_again,
    many_events_are_many_requests_one_after_the_other,
    who_is_switched_off_is_told_nothing,
    one_that_is_slow_holds_up_nobody,
    who_died_after_sending_is_followed_by_another,
    two_processes_tell_nobody_at_once,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const SOON: Duration = Duration::from_secs(10);

struct World {
    webhooks: Webhooks,
    clock: Arc<ManualClock>,
    accounts: Vec<Account>,
    _database: TestDatabase,
}

async fn world(engine: Engine, accounts: usize) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(3)), Arc::new(ManualClock::at(NOW)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let vault = Vault::open_for(&store, ids.as_ref(), &[]).await.unwrap();
    let ports = ChannelPorts {
        clock: clock.clone(),
        ids: ids.clone(),
        secrets: ids.clone(),
        vault: Arc::new(vault),
        public_url: "https://chingu.example".to_owned(),
    };
    let channels = Channels::of(store.clone(), ports);
    let business = directory.add_business("Hanok", Currency::Krw).await;
    let business = business.unwrap().id;
    let mut made = Vec::new();
    for number in 0..accounts {
        let handle = format!("@hanok{number}");
        let request = AccountRequest {
            handle: &handle,
            display_name: "Hanok",
            icon_url: None,
            time_zone: "Asia/Seoul",
            rate_per_second: None,
        };
        let account = directory.add_account(business, &request).await.unwrap();
        channels.channel(business, account.id).await.unwrap();
        made.push(account);
    }
    let guard = Guard {
        allow_private: true,
    };
    let webhooks = Webhooks::of(store, channels, clock.clone(), ids, guard).unwrap();
    World {
        webhooks,
        clock,
        accounts: made,
        _database: database,
    }
}

impl World {
    async fn set(&self, nth: usize, taker: &WebhookTaker, active: bool, redelivers: bool) {
        let url = self.webhooks.endpoint_url(&taker.url()).unwrap();
        let account = self.accounts[nth].id;
        let set = self.webhooks.set_endpoint(account, url, active, redelivers);
        set.await.unwrap();
    }

    /// So many things happen to an account.
    async fn happen(&self, nth: usize, count: u32) {
        let account = self.accounts[nth].id;
        let mut write = self.webhooks.store.write().await.unwrap();
        for number in 0..count {
            let id = EventId::from_bytes(self.webhooks.ids.next_bytes());
            let body = json!({"type": "follow", "webhookEventId": id.to_string(),
                "timestamp": self.clock().as_millis(), "mode": "active",
                "deliveryContext": {"isRedelivery": false},
                "follow": {"isUnblocked": number % 2 == 1}});
            let body = body.to_string();
            let (event, at) = ((id, EventKind::Follow), self.clock());
            let added = write.add_webhook_event(account, event, at, &body);
            added.await.unwrap();
        }
        write.commit().await.unwrap();
    }

    fn clock(&self) -> Timestamp {
        domain::time::Clock::now(self.clock.as_ref())
    }

    async fn step(&self) -> usize {
        self.webhooks.step().await.unwrap()
    }

    async fn events(&self, nth: usize) -> Vec<WebhookEvent> {
        let (store, account) = (&self.webhooks.store, self.accounts[nth].id);
        let filter = EventFilter::default();
        let found = store.webhook_events(account, &filter, None, 1_000).await;
        let mut events = found.unwrap().events;
        // The newest come first.
        events.reverse();
        events
    }

    async fn states(&self, nth: usize) -> Vec<EventState> {
        let events = self.events(nth).await;
        events.iter().map(|event| event.state).collect()
    }
}

fn ids(events: &[Value]) -> Vec<String> {
    let id = |event: &Value| event["webhookEventId"].as_str().unwrap().to_owned();
    events.iter().map(id).collect()
}

async fn events_are_sent_signed_and_in_their_order(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::start();
    assert_eq!(world.step().await, 0);
    world.set(0, &taker, true, false).await;
    world.happen(0, 3).await;
    assert_eq!(world.step().await, 1);
    assert_eq!(world.step().await, 0);
    let taken = taker.taken();
    assert_eq!(taken.len(), 1);
    let (webhooks, account) = (&world.webhooks, &world.accounts[0]);
    let channel = webhooks
        .channels
        .channel(account.business, account.id)
        .await
        .unwrap();
    let secret = webhooks.channels.secret(&channel).unwrap();
    let signature = domain::webhook::sign(secret.reveal(), taken[0].body.as_bytes());
    assert_eq!(taken[0].headers["x-line-signature"], signature);
    let body: Value = serde_json::from_str(&taken[0].body).unwrap();
    assert_eq!(body["destination"], channel.bot.to_string());
    let kept: Vec<String> = world
        .events(0)
        .await
        .iter()
        .map(|one| one.id.to_string())
        .collect();
    assert_eq!(ids(&taker.events()), kept);
    for event in taker.events() {
        assert_eq!(event["deliveryContext"]["isRedelivery"], false, "{event}");
        assert_eq!(event["timestamp"], NOW.as_millis(), "{event}");
    }
    assert_eq!(world.states(0).await, [EventState::Delivered; 3]);
}

async fn what_failed_is_given_up_at_once_unless_it_is_sent_again(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::in_moods([Mood::Answer(500), Mood::Answer(200)]);
    world.set(0, &taker, true, false).await;
    world.happen(0, 2).await;
    assert_eq!(world.step().await, 1);
    assert_eq!(world.states(0).await, [EventState::GivenUp; 2]);
    world.clock.advance(Duration::from_secs(86_400));
    assert_eq!(world.step().await, 0);
    let events = world.events(0).await;
    let store = &world.webhooks.store;
    let tries = store
        .webhook_attempts(world.accounts[0].id, events[0].id)
        .await
        .unwrap();
    assert_eq!(tries.len(), 1);
    assert_eq!(tries[0].failure, Some(FailureReason::ErrorStatusCode));
    assert_eq!((tries[0].status, &*tries[0].detail), (Some(500), "500"));
    // Somebody has it sent again: one of them, with its id.
    world
        .webhooks
        .replay(world.accounts[0].id, events[1].id)
        .await
        .unwrap();
    assert_eq!(world.step().await, 1);
    let again = taker.events().pop().unwrap();
    assert_eq!(again["webhookEventId"], events[1].id.to_string());
    assert_eq!(again["deliveryContext"]["isRedelivery"], true);
    assert_eq!(
        world.states(0).await,
        [EventState::GivenUp, EventState::Delivered]
    );
}

async fn what_failed_comes_again_with_its_id_after_growing_pauses(engine: Engine) {
    let world = world(engine, 1).await;
    let moods = [500, 404, 302, 200].map(Mood::Answer);
    let taker = WebhookTaker::in_moods(moods);
    world.set(0, &taker, true, true).await;
    world.happen(0, 1).await;
    assert_eq!(world.step().await, 1);
    for pause in [10, 30, 60] {
        world.clock.advance(Duration::from_secs(pause - 1));
        assert_eq!(world.step().await, 0, "{pause}");
        assert_eq!(world.states(0).await, [EventState::Waiting]);
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.step().await, 1, "{pause}");
    }
    assert_eq!(world.states(0).await, [EventState::Delivered]);
    let events = taker.events();
    assert_eq!(events.len(), 4);
    let first = &events[0];
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["webhookEventId"], first["webhookEventId"]);
        assert_eq!(event["timestamp"], first["timestamp"]);
        let is_again = &event["deliveryContext"]["isRedelivery"];
        assert_eq!(is_again, &json!(number > 0), "{event}");
    }
    let id: EventId = world.events(0).await[0].id;
    let store = &world.webhooks.store;
    let tries = store
        .webhook_attempts(world.accounts[0].id, id)
        .await
        .unwrap();
    assert_eq!(tries.len(), 4);
}

async fn a_day_of_failures_ends(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::in_moods([Mood::Answer(503)]);
    world.set(0, &taker, true, true).await;
    world.happen(0, 1).await;
    let mut told = 0;
    for _hour in 0..24 * 6 {
        told += world.step().await;
        world.clock.advance(Duration::from_secs(600));
    }
    assert_eq!(told, 11);
    assert_eq!(taker.taken().len(), 11);
    assert_eq!(world.states(0).await, [EventState::GivenUp]);
}

async fn what_is_sent_again_can_be_answered_again(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::in_moods([Mood::Answer(503)]);
    world.set(0, &taker, true, true).await;
    world.happen(0, 1).await;
    let (account, token) = (world.accounts[0].id, ReplyToken::from_bytes([9; 16]));
    let kim = UserKey::parse("kim").unwrap();
    let mut write = world.webhooks.store.write().await.unwrap();
    let numbers = write.number_users(&*world.webhooks.ids, &[&kim]).await;
    let number = numbers.unwrap()[&kim].number;
    let issued = IssuedToken {
        token,
        account,
        number,
        event: world.events(0).await[0].id,
    };
    let made = write
        .issue_reply_tokens(&[issued], NOW, USUALLY_VALID)
        .await;
    made.unwrap();
    write.commit().await.unwrap();
    let look = async || {
        let mut write = world.webhooks.store.write().await.unwrap();
        let used = write.use_reply_token(account, &token, world.clock()).await;
        write.roll_back().await.unwrap();
        used.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(world.step().await, 1);
        assert_eq!(look().await, Ok(number));
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(look().await, Err(TokenRefusal::Expired));
    }
    // Twenty minutes after it happened nobody waits for an answer any more.
    world.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(world.step().await, 1);
    assert_eq!(look().await, Err(TokenRefusal::Expired));
}

async fn many_events_are_many_requests_one_after_the_other(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::start();
    world.set(0, &taker, true, false).await;
    world.happen(0, EVENTS_MAX * 2 + 1).await;
    while world.step().await > 0 {}
    let sizes: Vec<usize> = taker
        .taken()
        .iter()
        .map(|taken| taken.events().len())
        .collect();
    assert_eq!(sizes, [100, 100, 1]);
    let kept: Vec<String> = world
        .events(0)
        .await
        .iter()
        .map(|one| one.id.to_string())
        .collect();
    assert_eq!(ids(&taker.events()), kept);
}

async fn who_is_switched_off_is_told_nothing(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::start();
    world.set(0, &taker, true, true).await;
    world.happen(0, 2).await;
    world.set(0, &taker, false, true).await;
    world.step().await;
    assert_eq!(taker.connections(), 0);
    assert_eq!(world.states(0).await, [EventState::GivenUp; 2]);
}

async fn one_that_is_slow_holds_up_nobody(engine: Engine) {
    let world = world(engine, 3).await;
    let silent = WebhookTaker::in_moods([Mood::Silent]);
    let (one, other) = (WebhookTaker::start(), WebhookTaker::start());
    for (nth, taker) in [&silent, &one, &other].into_iter().enumerate() {
        world.set(nth, taker, true, true).await;
        world.happen(nth, 1).await;
    }
    let stop = CancellationToken::new();
    let role = tokio::spawn(Arc::new(world.webhooks.clone()).run(stop.clone()));
    let all_told = || async {
        let told = [&one, &other].map(|taker| taker.taken().len());
        (told == [1, 1]).then_some(())
    };
    // Sooner than the silent one's two seconds are over.
    testkit::wait::until(
        "the others are told",
        Duration::from_millis(1_900),
        all_told,
    )
    .await;
    let has_failed = || async {
        let events = world.events(0).await;
        (events[0].tries == 1).then_some(())
    };
    testkit::wait::until("the silent one is given time", SOON, has_failed).await;
    stop.cancel();
    role.await.unwrap();
    assert_eq!(world.states(0).await, [EventState::Waiting]);
}

async fn who_died_after_sending_is_followed_by_another(engine: Engine) {
    let world = world(engine, 1).await;
    let taker = WebhookTaker::in_moods([Mood::Silent, Mood::Answer(200)]);
    world.set(0, &taker, true, false).await;
    world.happen(0, 1).await;
    // Dropped while the answer is waited for: nothing is recorded.
    let sent = || async { (taker.taken().len() == 1).then_some(()) };
    tokio::select! {
        _ = world.webhooks.step() => panic!("nobody answered"),
        () = testkit::wait::until("it is sent", SOON, sent) => {}
    }
    assert_eq!(world.step().await, 0, "the lease lasts");
    world.clock.advance(Duration::from_secs(21));
    assert_eq!(world.step().await, 1);
    let events = taker.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["webhookEventId"], events[1]["webhookEventId"]);
    assert_eq!(world.states(0).await, [EventState::Delivered]);
}

async fn two_processes_tell_nobody_at_once(engine: Engine) {
    let world = world(engine, 5).await;
    let taker = WebhookTaker::start();
    for nth in 0..5 {
        world.set(nth, &taker, true, false).await;
        world.happen(nth, 1).await;
    }
    let other = world.webhooks.clone();
    let (ours, theirs) = tokio::join!(world.webhooks.step(), other.step());
    assert_eq!(ours.unwrap() + theirs.unwrap(), 5);
    assert_eq!(taker.events().len(), 5);
}
