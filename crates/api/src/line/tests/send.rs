//! Sending and its figures: what is accepted once, what is refused whole, and in which words.

use domain::campaign::CampaignKind;
use domain::friend::{ConsentPurpose, ConsentSource};
use domain::money::Money;
use domain::time::Clock;
use store::api_request::SentBy;

use super::*;

testkit::on_both_engines![
    a_push_is_accepted_once_per_key,
    a_multicast_names_its_units,
    a_broadcast_is_a_campaign_of_its_own,
    without_funds_the_limit_is_reached,
    what_is_only_kept_ready_can_be_sent,
    bodies_of_sends_that_are_refused,
    retry_keys_are_for_sends_and_uuids,
    figures_of_days_and_requests,
    a_stopped_account_sends_nothing,
];

pub(super) const LEE: &str = "U0000000000000000000000000000000a";
pub(super) const NOBODY: &str = "U00000000000000000000000000000000";
pub(super) const KEY: &str = "123e4567-e89b-12d3-a456-426614174000";
const JSON: &str = "application/json";
const PUSH: &str = "/v2/bot/message/push";
const MULTICAST: &str = "/v2/bot/message/multicast";
const BROADCAST: &str = "/v2/bot/message/broadcast";
pub(super) const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Kim and Lee are friends who agreed to promotion, and there is money for `sends`.
pub(super) async fn world_for(engine: Engine, sends: i64) -> World {
    let world = world(engine).await;
    for key in [KIM, LEE] {
        let added = Fact::Added {
            source: None,
            profile: None,
        };
        world.tell(key, added).await;
        let agreed = Fact::Consent {
            purpose: ConsentPurpose::Promotion,
            granted: true,
            wording: None,
            source: ConsentSource::Event,
        };
        world.tell(key, agreed).await;
    }
    if sends > 0 {
        let amount = Money::whole(sends * 15, Currency::Krw);
        let (store, ids) = (&world.store, world.ids.as_ref());
        billing::top_up(store, world.account.business, amount, "r1", NOW, ids)
            .await
            .unwrap();
    }
    world
}

pub(super) fn hello() -> Value {
    json!([{"type": "text", "text": "hello"}, {"type": "location", "title": "t",
        "address": "a", "latitude": 1, "longitude": 2}])
}

impl World {
    pub(super) async fn ask(&self, path: &str, body: &Value) -> Answer {
        self.post(path, JSON, body.to_string()).await
    }

    pub(super) async fn ask_by_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request("POST", path).header(CONTENT_TYPE, JSON);
        let request = request.header("X-Line-Retry-Key", key);
        self.send(request.body(body.to_string().into()).unwrap())
            .await
    }

    /// Requests that were accepted, by the kinds of their campaigns.
    pub(super) async fn accepted(&self) -> Vec<CampaignKind> {
        let whose = SentBy::Account(self.account.id);
        let (from, before) = (Timestamp::from_millis(0), NOW + DAY * 30);
        let sent = self.store.sent_by(whose, from, before).await.unwrap();
        sent.into_iter().map(|sent| sent.kind).collect()
    }

    pub(super) fn today(&self) -> String {
        let zone = domain::time::zone("Asia/Seoul").unwrap();
        let day = domain::time::LocalDay::of(self.clock.now(), &zone);
        day.to_string().replace('-', "")
    }
}

pub(super) fn message(answer: &Answer) -> &str {
    answer.body["message"].as_str().unwrap_or_default()
}

async fn a_push_is_accepted_once_per_key(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = json!({"to": KIM, "messages": hello()});
    let first = world.ask_by_key(PUSH, KEY, &body).await;
    assert_eq!(first.status, 200, "{}", first.body);
    let sent = first.body["sentMessages"].as_array().unwrap();
    assert_eq!(sent.len(), 2);
    assert!(sent[0]["quoteToken"].is_string() && sent[1]["quoteToken"].is_null());
    let id = sent[0]["id"].as_str().unwrap();
    assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    // Another body even, and another case of the key: the first is what counts.
    let other = json!({"to": LEE, "messages": [{"type": "text", "text": "other"}]});
    let again = world
        .ask_by_key(PUSH, &KEY.to_ascii_uppercase(), &other)
        .await;
    assert_eq!(again.status, 409);
    assert_eq!(message(&again), "The retry key is already accepted");
    assert_eq!(again.body["sentMessages"], first.body["sentMessages"]);
    let accepted = &again.headers["x-line-accepted-request-id"];
    assert_eq!(accepted, &first.headers["x-line-request-id"]);
    assert_ne!(accepted, &again.headers["x-line-request-id"]);
    // After a day it is a request like any other.
    world.clock.advance(DAY + Duration::from_millis(1));
    let later = world.ask_by_key(PUSH, KEY, &body).await;
    assert_eq!(later.status, 200, "{}", later.body);
    assert_ne!(later.body, first.body);
    // Whoever is no friend is not sent to, and nobody is told; whoever is no user is refused.
    world.tell(LEE, Fact::Blocked).await;
    let blocked = json!({"to": LEE, "messages": hello()});
    assert_eq!(world.ask(PUSH, &blocked).await.status, 200);
    let unknown = json!({"to": NOBODY, "messages": hello()});
    let unknown = world.ask(PUSH, &unknown).await;
    assert_eq!(
        (unknown.status, message(&unknown)),
        (400, "Failed to send messages")
    );
}

async fn a_multicast_names_its_units(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = |units: Value| {
        json!({"to": [KIM, LEE, KIM, NOBODY], "messages": hello(), "notificationDisabled": true,
            "customAggregationUnits": units})
    };
    for unit in ["spring_26", "Autumn", "spring_26"] {
        let answer = world.ask(MULTICAST, &body(json!([unit]))).await;
        assert_eq!((answer.status, answer.body), (200, json!({})));
    }
    let page = world.get("/v2/bot/message/aggregation/list?limit=1").await;
    assert_eq!(page.body["customAggregationUnits"], json!(["Autumn"]));
    let next = page.body["next"].as_str().unwrap();
    let path = format!("/v2/bot/message/aggregation/list?limit=1&start={next}");
    let rest = json!({"customAggregationUnits": ["spring_26"]});
    assert_eq!(world.get(&path).await.body, rest);
    let count = world.get("/v2/bot/message/aggregation/info").await;
    assert_eq!(count.body, json!({"numOfCustomAggregationUnits": 2}));
    for (units, status) in [
        (json!([]), 200),
        (json!(["a", "b"]), 400),
        (json!(["a-b"]), 400),
        (json!("a"), 400),
    ] {
        let answer = world.ask(MULTICAST, &body(units)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let wrong = "/v2/bot/message/aggregation/list?start=AAAA";
    assert_eq!(world.get(wrong).await.status, 400);
}

async fn a_broadcast_is_a_campaign_of_its_own(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = json!({"messages": hello()});
    let first = world.ask_by_key(BROADCAST, KEY, &body).await;
    assert_eq!((first.status, first.body), (200, json!({})));
    let again = world.ask_by_key(BROADCAST, KEY, &body).await;
    let accepted = &again.headers["x-line-accepted-request-id"];
    assert_eq!(accepted, &first.headers["x-line-request-id"]);
    let expected = json!({"message": "The retry key is already accepted"});
    assert_eq!((again.status, again.body), (409, expected));
    assert_eq!(world.accepted().await, [CampaignKind::Broadcast]);
    // Without a key it is another one.
    assert_eq!(world.ask(BROADCAST, &body).await.status, 200);
    assert_eq!(world.accepted().await.len(), 2);
}

async fn without_funds_the_limit_is_reached(engine: Engine) {
    let world = world_for(engine, 0).await;
    for (path, body) in [
        (PUSH, json!({"to": KIM, "messages": hello()})),
        (MULTICAST, json!({"to": [KIM], "messages": hello()})),
        (BROADCAST, json!({"messages": hello()})),
    ] {
        let answer = world.ask_by_key(path, KEY, &body).await;
        assert_eq!(answer.status, 429, "{path}");
        assert_eq!(message(&answer), "You have reached your monthly limit.");
        let detail = answer.body["details"][0]["message"].as_str().unwrap();
        assert!(detail.starts_with("QUOTA_EXCEEDED: "), "{detail}");
    }
    assert_eq!(world.accepted().await, []);
    // The key was not used up.
    let amount = Money::whole(10_000, Currency::Krw);
    let ids = world.ids.as_ref();
    billing::top_up(&world.store, world.account.business, amount, "r2", NOW, ids)
        .await
        .unwrap();
    let body = json!({"to": KIM, "messages": hello()});
    assert_eq!(world.ask_by_key(PUSH, KEY, &body).await.status, 200);
}

async fn what_is_only_kept_ready_can_be_sent(engine: Engine) {
    // The first push leases everything there is.
    let world = world_for(engine, 6).await;
    let push = json!({"to": KIM, "messages": hello()});
    assert_eq!(world.ask(PUSH, &push).await.status, 200);
    let quota = world.get("/v2/bot/message/quota").await;
    assert_eq!(quota.body, json!({"type": "limited", "value": 5}));
    let multicast = json!({"to": [KIM, LEE], "messages": hello()});
    assert_eq!(world.ask(MULTICAST, &multicast).await.status, 200);
    let broadcast = json!({"messages": hello()});
    assert_eq!(world.ask(BROADCAST, &broadcast).await.status, 200);
    assert_eq!(world.ask(PUSH, &push).await.status, 200);
    // Six were sent to; a seventh is not paid for.
    assert_eq!(world.ask(PUSH, &push).await.status, 429);
    let quota = world.get("/v2/bot/message/quota").await;
    assert_eq!(quota.body, json!({"type": "limited", "value": 0}));
}

async fn bodies_of_sends_that_are_refused(engine: Engine) {
    let world = world_for(engine, 100).await;
    let many: Vec<&str> = vec![KIM; 501];
    let invalid = |property: &str| {
        json!(format!(
            "The property, {property}, in the request body is invalid (line: -, column: -)"
        ))
    };
    let detail =
        |message: &str, property: &str| json!([{"message": message, "property": property}]);
    let size = "Size must be between 1 and 500";
    let quoting = json!([{"type": "text", "text": "a", "quoteToken": "q"}]);
    let mention = json!([{"type": "textV2", "text": "{who}", "substitution": {"who":
        {"type": "mention", "mentionee": {"type": "all"}}}}]);
    let forbidden = "Must not be specified";
    let table = [
        (
            PUSH,
            json!({"messages": hello()}),
            detail("May not be empty", "to"),
        ),
        (
            PUSH,
            json!({"to": "kim", "messages": hello()}),
            invalid("to"),
        ),
        (PUSH, json!({"to": 7, "messages": hello()}), invalid("to")),
        (
            PUSH,
            json!({"to": KIM}),
            detail("May not be empty", "messages"),
        ),
        (
            PUSH,
            json!({"to": KIM, "messages": hello(), "notificationDisabled": "yes"}),
            invalid("notificationDisabled"),
        ),
        (
            PUSH,
            json!({"to": KIM, "messages": mention}),
            detail(forbidden, "messages[0].substitution.who"),
        ),
        (
            MULTICAST,
            json!({"to": [], "messages": hello()}),
            detail(size, "to"),
        ),
        (
            MULTICAST,
            json!({"to": many, "messages": hello()}),
            detail(size, "to"),
        ),
        (
            MULTICAST,
            json!({"to": [KIM, "lee"], "messages": hello()}),
            invalid("to[1]"),
        ),
        (
            MULTICAST,
            json!({"to": KIM, "messages": hello()}),
            invalid("to"),
        ),
        (
            MULTICAST,
            json!({"to": [KIM], "messages": quoting}),
            detail(forbidden, "messages[0].quoteToken"),
        ),
        (
            BROADCAST,
            json!({"messages": quoting}),
            detail(forbidden, "messages[0].quoteToken"),
        ),
        (BROADCAST, json!({}), detail("May not be empty", "messages")),
    ];
    for (path, body, expected) in table {
        let answer = world.ask(path, &body).await;
        let shown = match expected.is_string() {
            true => &answer.body["message"],
            false => &answer.body["details"],
        };
        assert_eq!((answer.status, shown), (400, &expected), "{path} {body}");
    }
    let quoting = json!({"to": KIM, "messages": quoting});
    assert_eq!(world.ask(PUSH, &quoting).await.status, 200);
    assert_eq!(world.accepted().await.len(), 1);
}

async fn retry_keys_are_for_sends_and_uuids(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = json!({"to": KIM, "messages": hello()});
    for key in ["", "1", "123e4567e89b12d3a456426614174000"] {
        let answer = world.ask_by_key(PUSH, key, &body).await;
        assert_eq!(answer.status, 400, "{key}: {}", answer.body);
    }
    let path = "/v2/bot/message/validate/push";
    assert_eq!(world.ask_by_key(path, KEY, &body).await.status, 400);
    assert_eq!(world.accepted().await, []);
}

async fn figures_of_days_and_requests(engine: Engine) {
    let world = world_for(engine, 100).await;
    let body = json!({"messages": hello()});
    let sent = world.ask(BROADCAST, &body).await;
    let id = sent.headers["x-line-request-id"].to_str().unwrap();
    // Two were sent to, and a hundred could be paid for.
    let quota = world.get("/v2/bot/message/quota").await;
    assert_eq!(quota.body, json!({"type": "limited", "value": 98}));
    let used = world.get("/v2/bot/message/quota/consumption").await;
    assert_eq!(
        used.body,
        json!({"totalUsage": 0}),
        "nothing was pushed yet"
    );
    let today = world.today();
    for kind in ["reply", "push", "multicast", "broadcast"] {
        let path = format!("/v2/bot/message/delivery/{kind}");
        let of = async |date: &str| world.get(&format!("{path}?date={date}")).await;
        assert_eq!(
            of(&today).await.body,
            json!({"status": "ready", "success": 0})
        );
        assert_eq!(of("20991231").await.body, json!({"status": "unready"}));
        assert_eq!(
            of("20010101").await.body,
            json!({"status": "out_of_service"})
        );
        assert_eq!(of("2026-1-1").await.status, 400);
        assert_eq!(world.get(&path).await.status, 400);
    }
    let path = format!("/v2/bot/insight/message/delivery?date={today}");
    let deliveries = world.get(&path).await;
    assert_eq!(deliveries.body["status"], "ready");
    assert_eq!(deliveries.body["apiBroadcast"], 0);
    let path = format!("/v2/bot/insight/followers?date={today}");
    let expected = json!({"status": "ready", "followers": 2, "targetedReaches": 2, "blocks": 0});
    assert_eq!(world.get(&path).await.body, expected);
    let path = format!("/v2/bot/insight/message/event?requestId={id}");
    let event = world.get(&path).await;
    assert_eq!(event.body["overview"]["requestId"], id);
    assert_eq!(
        event.body["overview"]["delivered"],
        Value::Null,
        "it is on its way"
    );
    assert_eq!(event.body["messages"].as_array().unwrap().len(), 2);
    let path = "/v2/bot/insight/message/event?requestId=";
    let unknown = world.get(&format!("{path}{KEY}")).await;
    assert_eq!(unknown.body["messages"], json!([]));
    assert_eq!(world.get(&format!("{path}1")).await.status, 400);
    assert_eq!(world.get("/v2/bot/insight/message/event").await.status, 400);
}

async fn a_stopped_account_sends_nothing(engine: Engine) {
    let world = world_for(engine, 100).await;
    let raw = world.database.raw().await;
    raw.run("UPDATE business SET stopped_at = 1").await;
    for (path, body) in [
        (PUSH, json!({"to": KIM, "messages": hello()})),
        (BROADCAST, json!({"messages": hello()})),
    ] {
        let answer = world.ask(path, &body).await;
        let words = "Access to this API is not available for your account";
        assert_eq!((answer.status, message(&answer)), (403, words));
    }
    assert_eq!(world.accepted().await, []);
}
