//! Events through the router: what is taken, told twice, refused, too large, too old, too many.

mod bad;
mod told;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::Method;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use directory::{AccountRequest, Directory};
use domain::friend::{ConsentPurpose, FriendState};
use domain::money::Currency;
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::{Secret, Secrets, sign};
use serde_json::{Value, json};
use store::directory::Account;
use store::friend::Standing;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};
use tower::ServiceExt;

use super::*;
use crate::state::REQUESTS_AT_ONCE;

testkit::on_both_engines![
    friends_consents_and_profiles_are_taken_in_any_order,
    an_event_told_twice_is_taken_once,
    what_is_refused_may_come_again,
    a_refusal_is_heard_without_words,
    what_friends_write_is_kept_and_receipts_of_no_push_are_refused_alone,
    a_delivery_told_before_its_chunk_settled_is_kept,
    a_thousand_events_are_one_transaction,
    signatures_prove_who_wrote_it_and_age,
    large_bodies_are_refused_before_they_are_read,
    a_body_that_stops_is_given_up,
    too_many_at_once_are_told_to_come_again,
    a_database_that_is_away_is_no_fault_of_the_client,
    other_methods_are_refused_in_words,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const SECRET: &str = "a secret of the messenger";
const WORDING: &str = "ad-2025-03";
const URL: &str = "https://chingu.example";

struct World {
    state: Arc<ApiState>,
    clock: Arc<ManualClock>,
    account: Account,
    _database: TestDatabase,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(1)), Arc::new(ManualClock::at(NOW)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory
        .add_business("Hanok", Currency::Krw)
        .await
        .unwrap();
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: "Asia/Seoul",
        rate_per_second: None,
    };
    let account = directory.add_account(business.id, &request).await.unwrap();
    directory
        .add_wording(business.id, account.id, WORDING, "yes")
        .await
        .unwrap();
    let secrets = Secrets {
        current: Secret::parse(SECRET).unwrap(),
        previous: Some(Secret::parse("the secret before that").unwrap()),
    };
    World {
        state: Arc::new(ApiState::of(
            store,
            clock.clone(),
            ids,
            secrets,
            URL.to_owned(),
        )),
        clock,
        account,
        _database: database,
    }
}

impl World {
    async fn send(&self, request: Request) -> Answer {
        let response = crate::router(self.state.clone())
            .oneshot(request)
            .await
            .unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(head.headers[CONTENT_TYPE], "application/json");
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: serde_json::from_slice(&bytes).unwrap(),
        }
    }

    async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.send(signed(body.as_ref())).await
    }

    async fn tell(&self, events: &[Value]) -> Answer {
        self.post(json!({ "events": events }).to_string()).await
    }

    async fn standing(&self, user: &str) -> Standing {
        let store = &self.state.store;
        let number = store
            .user_number(&UserKey::parse(user).unwrap())
            .await
            .unwrap()
            .unwrap();
        let mut standings = store.standings(self.account.id, &[number]).await.unwrap();
        standings.remove(&number).unwrap()
    }
}

fn request(signature: &str, body: impl Into<Body>) -> Request {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/gateway/v1/events")
        .header(SIGNATURE_HEADER, signature);
    request.body(body.into()).unwrap()
}

fn signed(body: &[u8]) -> Request {
    let signature = sign(&Secret::parse(SECRET).unwrap(), NOW, body);
    request(&signature, body.to_vec())
}

fn event(id: &str, kind: &str, at_seconds: i64, fields: Value) -> Value {
    let at = Timestamp::from_millis(NOW.as_millis() + at_seconds * 1_000).to_string();
    let mut event = json!({"id": id, "type": kind, "at": at, "account": "@hanok", "user": "kim"});
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn consent(id: &str, at_seconds: i64, kind: &str, granted: bool) -> Value {
    let fields = json!({"kind": kind, "granted": granted, "wording": WORDING});
    event(id, "consent.changed", at_seconds, fields)
}

async fn friends_consents_and_profiles_are_taken_in_any_order(engine: Engine) {
    let world = world(engine).await;
    let profile = json!({"profile": {"displayName": "김하늘", "timeZone": "Asia/Tokyo"}});
    let answer = world
        .tell(&[
            event("e5", "profile.updated", -10, profile),
            consent("e3", -40, "promotion", false),
            consent("e4", -30, "night", true),
            consent("e2", -50, "promotion", true),
            event("e1", "friend.added", -60, json!({"source": "qr_store"})),
        ])
        .await;
    assert_eq!(answer.status, 202);
    let nothing_else = json!({"accepted": 5, "duplicates": 0, "ignored": [], "refused": []});
    assert_eq!(answer.body, nothing_else);
    let standing = world.standing("kim").await;
    let friend = standing.friend.clone().unwrap();
    assert_eq!(friend.state.state, FriendState::Active);
    assert_eq!(
        (friend.source.as_str(), friend.display_name.as_str()),
        ("qr_store", "김하늘")
    );
    assert!(!standing.consent(ConsentPurpose::Promotion).unwrap().granted);
    assert!(standing.consent(ConsentPurpose::Night).unwrap().granted);

    let by_id = json!({"account": world.account.id.to_string()});
    let answer = world
        .tell(&[event("e6", "friend.blocked", -5, by_id)])
        .await;
    assert_eq!(answer.body["accepted"], 1);
    let state = world.standing("kim").await.friend.unwrap().state.state;
    assert_eq!(state, FriendState::Blocked);
}

async fn an_event_told_twice_is_taken_once(engine: Engine) {
    let world = world(engine).await;
    let first = [
        event("e1", "friend.added", -60, json!({})),
        event("e1", "friend.left", -50, json!({})),
    ];
    let answer = world.tell(&first).await;
    assert_eq!(
        (&answer.body["accepted"], &answer.body["duplicates"]),
        (&json!(1), &json!(1))
    );
    let answer = world.tell(&first).await;
    assert_eq!(
        (&answer.body["accepted"], &answer.body["duplicates"]),
        (&json!(0), &json!(2))
    );
    let state = world.standing("kim").await.friend.unwrap().state.state;
    assert_eq!(state, FriendState::Active);
}

async fn what_is_refused_may_come_again(engine: Engine) {
    let world = world(engine).await;
    let unknown = json!({"kind": "promotion", "granted": true, "wording": "ad-1999"});
    let answer = world
        .tell(&[event("e1", "consent.changed", -5, unknown)])
        .await;
    assert_eq!(answer.body["refused"][0]["id"], "e1");
    let answer = world.tell(&[consent("e1", -5, "promotion", true)]).await;
    assert_eq!(answer.body["accepted"], 1);
}

async fn a_refusal_is_heard_without_words(engine: Engine) {
    let world = world(engine).await;
    let words = [
        json!({}),
        json!({"wording": null}),
        json!({"wording": "never shown"}),
    ];
    for (index, mut fields) in words.into_iter().enumerate() {
        fields["kind"] = "promotion".into();
        fields["granted"] = false.into();
        let refusal = event(&format!("e{index}"), "consent.changed", -9, fields);
        assert_eq!(world.tell(&[refusal]).await.body["accepted"], 1);
    }
    let standing = world.standing("kim").await;
    assert!(!standing.promotion.unwrap().granted);
}

async fn what_friends_write_is_kept_and_receipts_of_no_push_are_refused_alone(engine: Engine) {
    let world = world(engine).await;
    let key = "5f0b7e2c-9c57-5d1c-8e8a-0d6f5a3b2c1d";
    let pushed = json!({"pushKey": key, "message": 0, "link": "lnk_1", "coupon": "c"});
    let written = json!({"message": {"type": "text", "text": "재입고 알려 주세요"}});
    let events = [
        event("e1", "message.opened", -5, pushed.clone()),
        event("e2", "link.clicked", -5, pushed.clone()),
        event("e3", "coupon.used", -5, pushed),
        event("e4", "message.received", -6, written),
        event("e5", "postback", -5, json!({"data": "a=1"})),
        event("e6", "friend.added", -5, json!({})),
    ];
    let answer = world.tell(&events).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (202, &json!(3)));
    let refused = answer.body["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 3);
    assert_eq!(refused[1]["id"], "e2");
    let reason = format!("there is no push {key}");
    assert!(refused.iter().all(|event| event["reason"] == reason));
    // Refused ones may come again; the others are taken once.
    let answer = world.tell(&events).await;
    assert_eq!(answer.body["duplicates"], 3);
    let store = &world.state.store;
    let kim = UserKey::parse("kim").unwrap();
    let number = store.user_number(&kim).await.unwrap().unwrap();
    let messages = store.messages_of_friend(world.account.id, number, 10).await;
    let messages = messages.unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[0].is_postback && messages[0].content == "a=1");
    assert!(messages[1].content.contains("재입고"));
    let later = NOW + store::friend_message::KEPT + Duration::from_secs(1);
    let mut write = store.write().await.unwrap();
    write.prune_events(later).await.unwrap();
    write.commit().await.unwrap();
    let left = store.messages_of_friend(world.account.id, number, 10).await;
    assert!(left.unwrap().is_empty());
}

async fn a_delivery_told_before_its_chunk_settled_is_kept(engine: Engine) {
    let world = world(engine).await;
    let delivery = |id: &str, kind: &str| {
        let key = "5f0b7e2c-9c57-5d1c-8e8a-0d6f5a3b2c1d";
        let fields = json!({"pushKey": key, "index": 3, "code": "unreachable"});
        event(id, kind, -5, fields)
    };
    let events = [
        delivery("e1", "delivery.confirmed"),
        delivery("e2", "delivery.failed"),
    ];
    assert_eq!(world.tell(&events).await.body["accepted"], 2);
    assert_eq!(world.tell(&events).await.body["duplicates"], 2);
}

async fn a_thousand_events_are_one_transaction(engine: Engine) {
    let world = world(engine).await;
    let event = |n: usize| {
        let kind = ["friend.added", "friend.blocked"][n / 500];
        event(
            &format!("e{n}"),
            kind,
            n as i64 - 2_000,
            json!({"user": format!("user-{}", n % 500)}),
        )
    };
    let events: Vec<Value> = (0..1_000).map(event).collect();
    let answer = world.tell(&events).await;
    assert_eq!(
        (answer.status, &answer.body["accepted"]),
        (202, &json!(1_000))
    );
    let tally = world
        .state
        .store
        .friend_tally(world.account.id)
        .await
        .unwrap();
    assert_eq!((tally.active(), tally.all()), (0, 500));
    let changes = world
        .state
        .store
        .reach_changes(world.account.id, 0)
        .await
        .unwrap();
    assert_eq!(
        changes,
        [],
        "whoever came and went in one transaction was never reachable"
    );
}

async fn signatures_prove_who_wrote_it_and_age(engine: Engine) {
    let world = world(engine).await;
    let body = json!({"events": []}).to_string();
    let signature = |secret: &str, seconds_ago: i64| {
        let at = Timestamp::from_millis(NOW.as_millis() - seconds_ago * 1_000);
        sign(&Secret::parse(secret).unwrap(), at, body.as_bytes())
    };
    for (secret, age) in [
        (SECRET, 0),
        (SECRET, 299),
        (SECRET, -299),
        ("the secret before that", 0),
    ] {
        let answer = world
            .send(request(&signature(secret, age), body.clone()))
            .await;
        assert_eq!(answer.status, 202, "{secret}, {age} s old: {}", answer.body);
    }
    let good = signature(SECRET, 0);
    let refused = [
        signature(SECRET, 302),
        signature(SECRET, -302),
        signature("a secret of somebody else", 0),
        String::new(),
        "t=1,v1=00".into(),
        "v1=00".into(),
        good.replace("v1=", "v0="),
        good.replace("t=", "t=1"),
        good.to_uppercase(),
        format!("{good}0"),
        format!("{good},t=5"),
        "x".repeat(600),
    ];
    for signature in refused {
        let answer = world.send(request(&signature, body.clone())).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (401, &json!("unauthentic")),
            "{signature}"
        );
        assert!(answer.body["message"].as_str().unwrap().len() > 10);
    }
    let mut without = signed(body.as_bytes());
    without.headers_mut().remove(SIGNATURE_HEADER);
    assert_eq!(world.send(without).await.status, 401);
    let mut twice = signed(body.as_bytes());
    twice
        .headers_mut()
        .append(SIGNATURE_HEADER, good.parse().unwrap());
    assert_eq!(world.send(twice).await.status, 401);
    let other_body = world.send(request(&good, r#"{"events":[]} "#)).await;
    assert_eq!(other_body.status, 401);
    world.clock.advance(Duration::from_secs(302));
    assert_eq!(world.send(signed(body.as_bytes())).await.status, 401);
}

async fn large_bodies_are_refused_before_they_are_read(engine: Engine) {
    let world = world(engine).await;
    // A body that would never end: it is refused by what is said of it.
    let endless =
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let mut said = request("t=1,v1=00", endless);
    said.headers_mut()
        .insert(CONTENT_LENGTH, (BODY_BYTES_MAX as u64 + 1).into());
    let answer = world.send(said).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (413, &json!("too_large"))
    );
    // One that says nothing of its length is read to the limit and not further.
    let part: Result<Bytes, std::io::Error> = Ok(Bytes::from(vec![b' '; 100_000]));
    let parts = futures_util::stream::iter(std::iter::repeat_with(move || match &part {
        Ok(bytes) => Ok(bytes.clone()),
        Err(_) => Err(std::io::Error::other("never")),
    }));
    let answer = world
        .send(request("t=1,v1=00", Body::from_stream(parts)))
        .await;
    assert_eq!(answer.status, 413);
    let mut packed = signed(b"{}");
    packed
        .headers_mut()
        .insert(CONTENT_ENCODING, "gzip".parse().unwrap());
    let answer = world.send(packed).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (415, &json!("unsupported_encoding"))
    );
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
    let answer = world
        .send(request("t=1,v1=00", Body::from_stream(broken)))
        .await;
    assert_eq!(answer.status, 400);
}

async fn a_body_that_stops_is_given_up(engine: Engine) {
    let world = world(engine).await;
    tokio::time::pause();
    let endless =
        Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = world.send(request("t=1,v1=00", endless)).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (408, &json!("too_slow"))
    );
}

async fn too_many_at_once_are_told_to_come_again(engine: Engine) {
    let world = world(engine).await;
    let taken = world
        .state
        .requests
        .try_acquire_many(REQUESTS_AT_ONCE as u32)
        .unwrap();
    let answer = world.tell(&[]).await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (429, &json!("behind"))
    );
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    drop(taken);
    assert_eq!(world.tell(&[]).await.status, 202);
}

async fn a_database_that_is_away_is_no_fault_of_the_client(engine: Engine) {
    let world = world(engine).await;
    world.state.store.clone().close().await.unwrap();
    let answer = world
        .tell(&[event("e1", "friend.added", -5, json!({}))])
        .await;
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("unavailable"))
    );
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    let message = answer.body["message"].as_str().unwrap();
    assert!(
        !message.contains("sql") && !message.contains("pool"),
        "{message}"
    );
}

async fn other_methods_are_refused_in_words(engine: Engine) {
    let world = world(engine).await;
    for method in [
        Method::GET,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ] {
        let mut request = signed(b"{}");
        *request.method_mut() = method.clone();
        let answer = world.send(request).await;
        assert_eq!(
            (answer.status, &answer.headers["allow"]),
            (405, &"POST".parse().unwrap()),
            "{method}"
        );
    }
}
