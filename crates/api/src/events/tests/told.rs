//! What programs of brands are told of events: once, in LINE's shapes, and only where they want to.

use directory::{ChannelPorts, Channels, Vault};
use domain::webhook::EndpointUrl;
use domain::webhook::events::ReplyToken;
use jobs::Webhooks;
use jobs::webhooks::Guard;

use super::*;

testkit::on_both_engines![
    nobody_is_told_without_an_active_address,
    what_friends_do_is_told_once_and_in_order,
    what_changes_nothing_is_not_told,
    what_is_told_wakes_whoever_sends,
];

const KIM: &str = "U73c1cd2c81f98b521905d591c5b2e75a";

/// The world, where programs of brands may be told.
async fn told_world(engine: Engine) -> World {
    let world = world(engine).await;
    let (store, ids) = (world.state.store.clone(), Arc::new(SeededIds::of(2)));
    let vault = Vault::open_for(&store, ids.as_ref(), &[]).await.unwrap();
    let ports = ChannelPorts {
        clock: world.clock.clone(),
        ids: ids.clone(),
        secrets: ids.clone(),
        vault: Arc::new(vault),
        public_url: URL.to_owned(),
    };
    let channels = Channels::of(store.clone(), ports);
    let guard = Guard {
        allow_private: true,
    };
    let clock = world.clock.clone();
    let webhooks = Webhooks::of(store.clone(), channels, clock, ids, guard).unwrap();
    let state = ApiState::of(
        store,
        world.clock.clone(),
        world.state.ids.clone(),
        world.state.secrets.clone(),
        URL.to_owned(),
    );
    World {
        state: Arc::new(state.telling(Arc::new(webhooks))),
        ..world
    }
}

impl World {
    async fn set_endpoint(&self, is_active: bool) {
        let url = EndpointUrl::parse("https://brand.example/hook").unwrap();
        let webhooks = self.state.webhooks.as_ref().unwrap();
        let set = webhooks.set_endpoint(self.account.id, url, is_active, true);
        set.await.unwrap();
    }

    /// What waits to be sent, in its order.
    async fn told(&self) -> Vec<Value> {
        let (store, account) = (&self.state.store, self.account.id);
        let due = store.due_webhooks(account, NOW, 1_000).await.unwrap();
        let read = |body: &str| serde_json::from_str(body).unwrap();
        due.iter().map(|event| read(&event.body)).collect()
    }
}

fn added(id: &str, at_seconds: i64) -> Value {
    event(id, "friend.added", at_seconds, json!({"user": KIM}))
}

fn blocked(id: &str, at_seconds: i64) -> Value {
    event(id, "friend.blocked", at_seconds, json!({"user": KIM}))
}

fn kinds(told: &[Value]) -> Vec<&str> {
    let kinds = told.iter().map(|event| event["type"].as_str());
    kinds.map(Option::unwrap).collect()
}

async fn nobody_is_told_without_an_active_address(engine: Engine) {
    let world = told_world(engine).await;
    world.tell(&[added("e1", -60)]).await;
    assert!(world.told().await.is_empty());
    world.set_endpoint(false).await;
    world.tell(&[blocked("e2", -50)]).await;
    assert!(world.told().await.is_empty());
    world.set_endpoint(true).await;
    assert!(world.told().await.is_empty());
    // What was not told of is known all the same.
    world.tell(&[added("e3", -40)]).await;
    let told = world.told().await;
    assert_eq!(kinds(&told), ["follow"]);
    assert_eq!(told[0]["follow"]["isUnblocked"], true);
}

async fn what_friends_do_is_told_once_and_in_order(engine: Engine) {
    let world = told_world(engine).await;
    world.set_endpoint(true).await;
    let text = json!({"type": "text", "text": "안녕"});
    let sticker = json!({"type": "sticker", "packageId": "1", "stickerId": "2"});
    let picked = json!({"date": "2026-12-24"});
    let events = [
        added("e1", -60),
        added("e1", -60),
        event(
            "e2",
            "message.received",
            -50,
            json!({"user": KIM, "message": text}),
        ),
        event(
            "e3",
            "message.received",
            -45,
            json!({"user": KIM, "message": sticker}),
        ),
        // No library knows such a one.
        event(
            "e4",
            "message.received",
            -42,
            json!({"user": KIM, "message": {"type": "hologram"}}),
        ),
        event(
            "e5",
            "postback",
            -40,
            json!({"user": KIM, "data": "a=1", "params": picked}),
        ),
        blocked("e6", -30),
    ];
    let answer = world.tell(&events).await;
    assert_eq!(answer.body["accepted"], 6, "{}", answer.body);
    let answer = world.tell(&events).await;
    assert_eq!(answer.body["duplicates"], 7, "{}", answer.body);
    let told = world.told().await;
    let expected = ["follow", "message", "message", "postback", "unfollow"];
    assert_eq!(kinds(&told), expected);
    for (event, seconds) in told.iter().zip([-60, -50, -45, -40, -30]) {
        let at = NOW.as_millis() + seconds * 1_000;
        assert_eq!(event["timestamp"], at);
        assert_eq!(event["source"], json!({"type": "user", "userId": KIM}));
    }
    assert_eq!(told[0]["follow"]["isUnblocked"], false);
    assert_eq!(told[1]["message"]["text"], "안녕");
    assert_eq!(told[2]["message"]["type"], "sticker");
    assert_eq!(told[3]["postback"]["data"], "a=1");
    assert_eq!(told[3]["postback"]["params"], picked);
    assert!(told[4]["replyToken"].is_null());

    let store = &world.state.store;
    let kim = UserKey::parse(KIM).unwrap();
    let number = store.user_number(&kim).await.unwrap().unwrap();
    let mut write = store.write().await.unwrap();
    for event in &told[..4] {
        let token = ReplyToken::parse(event["replyToken"].as_str().unwrap()).unwrap();
        let used = write.use_reply_token(world.account.id, &token, NOW).await;
        assert_eq!(used.unwrap(), Ok(number));
    }
}

async fn what_changes_nothing_is_not_told(engine: Engine) {
    let world = told_world(engine).await;
    world.set_endpoint(true).await;
    world.tell(&[added("e1", -60), blocked("e2", -50)]).await;
    // Before they went; and gone already.
    let left = event("e4", "friend.left", -40, json!({"user": KIM}));
    let answer = world.tell(&[added("e3", -55), left]).await;
    assert_eq!(answer.body["accepted"], 2, "{}", answer.body);
    assert_eq!(kinds(&world.told().await), ["follow", "unfollow"]);
    // Refused events are told to nobody.
    let bad = event("e5", "friend.added", -10, json!({"user": KIM, "source": 7}));
    world.tell(&[bad]).await;
    assert_eq!(world.told().await.len(), 2);
}

async fn what_is_told_wakes_whoever_sends(engine: Engine) {
    let world = told_world(engine).await;
    let webhooks = world.state.webhooks.as_ref().unwrap();
    let soon = Duration::from_millis(10);
    world.tell(&[added("e1", -60)]).await;
    let woken = tokio::time::timeout(soon, webhooks.wake.notified()).await;
    assert!(woken.is_err(), "nobody is to be told anything");
    world.set_endpoint(true).await;
    world.tell(&[blocked("e2", -50)]).await;
    webhooks.wake.notified().await;
}
