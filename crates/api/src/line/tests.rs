//! LINE's paths through the router: identity, limits, errors in LINE's words, and an id on every
//! answer, whatever is asked.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Request};
use directory::fold::{Fact, FriendFact};
use directory::friends::{self, FriendsOf};
use directory::{AccountRequest, ChannelPorts, Channels, Directory, Vault};
use domain::id::IdSource;
use domain::message::Rules;
use domain::money::Currency;
use domain::time::Timestamp;
use domain::user::UserKey;
use jobs::webhooks::Guard;
use jobs::{Audiences, Webhooks};
use scheduler::standing::ApiSender;
use serde_json::{Value, json};
use store::Store;
use store::directory::Account;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};
use tower::ServiceExt;

use super::*;

mod audience; // audience groups
mod menus; // rich menus, their names, links and batches
mod coupons; // coupons, and messages with one
mod reply; // answers to events
mod send; // sending, and its figures
mod narrowcast; // to some friends, and what is answered beside sending
mod webhook; // webhooks that are tried
use crate::line::state::LinePorts;

testkit::on_both_engines![
    every_answer_has_an_id_and_lines_shape,
    bearer_tokens_that_are_none,
    a_token_taken_back_ends_within_a_second,
    a_bucket_that_is_empty_says_until_when,
    friends_are_named_as_line_names_them,
    messages_are_looked_at_and_nothing_else,
    bodies_that_are_refused,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const URL: &str = "https://chingu.example";
const KIM: &str = "U73c1cd2c81f98b521905d591c5b2e75a";

struct World {
    store: Store,
    clock: Arc<ManualClock>,
    ids: Arc<SeededIds>,
    channels: Channels,
    state: Arc<LineState>,
    account: Account,
    other: Account,
    token: String,
    database: TestDatabase,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

async fn world(engine: Engine) -> World {
    world_with(engine, RateLimits::default()).await
}

async fn world_with(engine: Engine, rate_limits: RateLimits) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(5)), Arc::new(ManualClock::at(NOW)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let mut accounts = Vec::new();
    for (name, handle) in [("Hanok", "@hanok"), ("Sakura", "@sakura")] {
        let business = directory.add_business(name, Currency::Krw).await.unwrap();
        let request = AccountRequest {
            handle,
            display_name: name,
            icon_url: Some("/media/icon.jpg"),
            time_zone: "Asia/Seoul",
            rate_per_second: None,
        };
        accounts.push(directory.add_account(business.id, &request).await.unwrap());
    }
    let (other, account) = (accounts.pop().unwrap(), accounts.pop().unwrap());
    let vault = Vault::open_for(&store, ids.as_ref(), &[]).await.unwrap();
    let ports = ChannelPorts {
        clock: clock.clone(),
        ids: ids.clone(),
        secrets: ids.clone(),
        vault: Arc::new(vault),
        public_url: URL.to_owned(),
    };
    let channels = Channels::of(store.clone(), ports);
    let issued = channels
        .issue_long_lived(account.business, account.id, Duration::ZERO)
        .await
        .unwrap();
    let state = LineState::of(LinePorts {
        channels: channels.clone(),
        wall: store.wall().await.unwrap(),
        clock: clock.clone(),
        ids: ids.clone(),
        rules: Rules::default(),
        public_url: URL.to_owned(),
        rate_limits,
        sender: Arc::new(ApiSender {
            process: (ids.as_ref() as &dyn IdSource).next(),
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            connector_rate: None,
            wake: Arc::default(),
        }),
        audiences: Arc::new(Audiences {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            folder: database.folder().join("imports"),
            wake: Arc::default(),
        }),
        webhooks: Arc::new(
            Webhooks::of(
                store.clone(),
                channels.clone(),
                clock.clone(),
                ids.clone(),
                Guard {
                    allow_private: true,
                },
            )
            .unwrap(),
        ),
    });
    World {
        store,
        clock,
        ids,
        channels,
        state: Arc::new(state),
        account,
        other,
        token: issued.token,
        database,
    }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Answer {
        let path = request.uri().to_string();
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let header = |name: &str| head.headers[name].to_str().unwrap();
        let id = header("x-line-request-id");
        let dashes: Vec<usize> = id.match_indices('-').map(|(at, _)| at).collect();
        assert_eq!((id.len(), &*dashes), (36, &[8, 13, 18, 23][..]), "{path}");
        assert_eq!(id, id.to_lowercase());
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("cache-control").contains("no-store"));
        let body = match bytes.is_empty() {
            true => Value::Null,
            false => {
                assert_eq!(header("content-type"), "application/json", "{path}");
                serde_json::from_slice(&bytes).unwrap()
            }
        };
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let bearer = format!("Bearer {}", self.token);
        Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, bearer)
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&self, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
        let request = self
            .request("POST", path)
            .header(CONTENT_TYPE, content_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn validate(&self, body: &Value) -> Answer {
        let path = "/v2/bot/message/validate/push";
        self.post(path, "application/json; charset=utf-8", body.to_string())
            .await
    }

    /// Somebody who became a friend, or blocked the account.
    async fn tell(&self, key: &str, fact: Fact) {
        let fact = FriendFact {
            user: UserKey::parse(key).unwrap(),
            at: NOW,
            fact,
        };
        let friends = FriendsOf::account(&self.account, NOW).unwrap();
        let mut write = self.store.write().await.unwrap();
        friends::apply(&mut write, self.ids.as_ref(), friends, vec![fact], NOW)
            .await
            .unwrap();
        write.commit().await.unwrap();
    }
}

async fn every_answer_has_an_id_and_lines_shape(engine: Engine) {
    let world = world(engine).await;
    let (group, room) = (
        format!("C{}", "0".repeat(32)),
        format!("R{}", "a".repeat(32)),
    );
    let not_found = json!({"message": "Not found"});
    let forbidden = json!({"message": "Access to this API is not available for your account"});
    let no_plan = json!({"message": "Membership plan not found"});
    let invalid =
        |name: &str| json!({"message": format!("The value for the '{name}' parameter is invalid")});
    let table: Vec<(&str, String, u16, Value)> = vec![
        ("GET", "/v2".into(), 404, not_found.clone()),
        ("GET", "/v2/".into(), 404, not_found.clone()),
        ("GET", "/v2/bot".into(), 404, not_found.clone()),
        ("GET", "/v2/bot/infos".into(), 404, not_found.clone()),
        ("GET", "/v2/bot/info/".into(), 404, not_found.clone()),
        (
            "PATCH",
            "/v2/bot/nothing/here?x=y".into(),
            404,
            not_found.clone(),
        ),
        ("POST", "/oauth2/v4/token".into(), 404, not_found.clone()),
        ("GET", "/bot/pnp".into(), 404, not_found.clone()),
        ("GET", "/liff/v2/apps".into(), 404, not_found.clone()),
        (
            "POST",
            "/v2/bot/info".into(),
            405,
            json!({"message": "Method not allowed"}),
        ),
        (
            "GET",
            "/v2/oauth/verify".into(),
            405,
            json!({"message": "Method not allowed"}),
        ),
        (
            "GET",
            format!("/v2/bot/group/{group}/summary"),
            404,
            not_found.clone(),
        ),
        (
            "GET",
            format!("/v2/bot/group/{group}/member/{KIM}"),
            404,
            not_found.clone(),
        ),
        (
            "POST",
            format!("/v2/bot/room/{room}/leave"),
            404,
            not_found.clone(),
        ),
        (
            "GET",
            format!("/v2/bot/room/{group}/members/ids"),
            400,
            invalid("roomId"),
        ),
        (
            "GET",
            "/v2/bot/group/x/members/count".into(),
            400,
            invalid("groupId"),
        ),
        (
            "GET",
            "/v2/bot/membership/list".into(),
            404,
            no_plan.clone(),
        ),
        ("GET", "/v2/bot/membership/7/users/ids".into(), 404, no_plan),
        (
            "GET",
            format!("/v2/bot/membership/subscription/{KIM}"),
            404,
            not_found,
        ),
        (
            "GET",
            "/v2/bot/membership/subscription/kim".into(),
            400,
            invalid("userId"),
        ),
        ("POST", "/bot/pnp/push".into(), 403, forbidden.clone()),
        (
            "POST",
            "/v2/bot/message/pnp/templated/push".into(),
            403,
            forbidden.clone(),
        ),
        (
            "POST",
            "/v2/bot/channel/detach".into(),
            403,
            forbidden.clone(),
        ),
        (
            "POST",
            format!("/v2/bot/chat/{KIM}/control/release"),
            403,
            forbidden.clone(),
        ),
        ("GET", "/v2/bot/list".into(), 403, forbidden.clone()),
        ("POST", "/shop/v3/mission".into(), 403, forbidden.clone()),
        ("PUT", "/liff/v1/apps/7".into(), 403, forbidden.clone()),
        ("POST", "/module/auth/v1/token".into(), 403, forbidden),
        (
            "GET",
            "/v2/bot/message/delivery/pnp?date=20261130".into(),
            200,
            json!({"status": "ready", "success": 0}),
        ),
        (
            "GET",
            "/v2/bot/message/delivery/pnp?date=today".into(),
            400,
            invalid("date"),
        ),
        (
            "GET",
            "/v2/bot/profile/%ff".into(),
            400,
            json!({"message": "Bad Request"}),
        ),
    ];
    for (method, path, status, body) in table {
        let answer = world
            .send(world.request(method, &path).body(Body::empty()).unwrap())
            .await;
        assert_eq!(
            (answer.status, answer.body),
            (status, body),
            "{method} {path}"
        );
    }
    let info = world.get("/v2/bot/info").await;
    let channel = world.store.channel_of_account(world.account.id).await;
    let bot = channel.unwrap().unwrap().bot.to_string();
    let expected = json!({
        "userId": bot,
        "basicId": "@hanok",
        "displayName": "Hanok",
        "pictureUrl": format!("{URL}/media/icon.jpg"),
        "chatMode": "bot",
        "markAsReadMode": "auto",
    });
    assert_eq!((info.status, info.body), (200, expected));
}

async fn bearer_tokens_that_are_none(engine: Engine) {
    let world = world(engine).await;
    let none = "exactly one Authorization header is expected";
    let no_bearer = "the Authorization header holds no bearer token";
    let invalid = "the channel access token is invalid";
    let (basic, cut) = (format!("Basic {}", world.token), &world.token[1..]);
    let table: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![], none),
        (vec![b"Bearer a".into(), b"Bearer b".into()], none),
        (vec![b"".into()], no_bearer),
        (vec![b"Bearer".into()], no_bearer),
        (vec![b"Bearer  ".into()], no_bearer),
        (vec![b"Bearer \xff".into()], no_bearer),
        (vec![basic.into_bytes()], no_bearer),
        (vec![b"Bearer x".into()], invalid),
        (vec![format!("Bearer {cut}").into_bytes()], invalid),
        (vec![b"Bearer eyJhbGciOiJub25lIn0.e30.".into()], invalid),
        (
            vec![format!("Bearer {}", "x".repeat(6_000)).into_bytes()],
            invalid,
        ),
    ];
    for (headers, reason) in table {
        let mut request = Request::builder().uri("/v2/bot/info");
        for value in &headers {
            request = request.header(AUTHORIZATION, &value[..]);
        }
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        let message = format!("Authentication failed due to the following reason: {reason}");
        assert_eq!(
            (answer.status, answer.body),
            (401, json!({"message": message}))
        );
    }
    let lower = format!("bearer {}", world.token);
    let request = Request::builder()
        .uri("/v2/bot/info")
        .header(AUTHORIZATION, lower);
    assert_eq!(
        world
            .send(request.body(Body::empty()).unwrap())
            .await
            .status,
        200
    );
}

async fn a_token_taken_back_ends_within_a_second(engine: Engine) {
    let world = world(engine).await;
    assert_eq!(world.get("/v2/bot/info").await.status, 200);
    let live = world
        .store
        .live_tokens(world.account.id, NOW)
        .await
        .unwrap();
    let (business, account) = (world.account.business, world.account.id);
    let revoked = world.channels.revoke(business, account, &live[0].key_id);
    revoked.await.unwrap();
    world.clock.advance(crate::bearer::BELIEVED_FOR);
    assert_eq!(world.get("/v2/bot/info").await.status, 401);
    // One that ends is over at once, whatever was believed a moment ago.
    let known = world.store.channel_of_account(account).await.unwrap();
    let stateless = world.channels.issue_stateless(&known.unwrap()).unwrap();
    let world = World {
        token: stateless.token,
        ..world
    };
    world.clock.advance(Duration::from_millis(899_500));
    assert_eq!(world.get("/v2/bot/info").await.status, 200);
    world.clock.advance(Duration::from_millis(500));
    let over = world.get("/v2/bot/info").await;
    assert_eq!(over.status, 401);
    let message = over.body["message"].as_str().unwrap();
    assert!(message.contains("expired"), "{message}");
}

async fn a_bucket_that_is_empty_says_until_when(engine: Engine) {
    let limits = RateLimits {
        other: "2/min".parse().unwrap(),
        ..RateLimits::default()
    };
    let world = world_with(engine, limits).await;
    for _ in 0..2 {
        assert_eq!(world.get("/v2/bot/info").await.status, 200);
    }
    let answer = world.get("/v2/bot/info").await;
    let expected = json!({
        "message": "The API rate limit has been exceeded. Try again later.",
        "details": [{"message": "RATE_LIMITED"}],
    });
    assert_eq!((answer.status, answer.body), (429, expected));
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(header(RETRY_AFTER.as_str()), "30");
    assert_eq!(header("x-ratelimit-limit"), "2");
    assert_eq!(header("x-ratelimit-remaining"), "0");
    assert_eq!(header("x-ratelimit-reset"), "60");
    // Another operation, and the same one of another channel.
    assert_eq!(world.get("/v2/bot/followers/ids").await.status, 200);
    let (business, account) = (world.other.business, world.other.id);
    let issued = world
        .channels
        .issue_long_lived(business, account, Duration::ZERO);
    let token = issued.await.unwrap().token;
    let world = World { token, ..world };
    assert_eq!(world.get("/v2/bot/info").await.status, 200);
}

async fn friends_are_named_as_line_names_them(engine: Engine) {
    let world = world(engine).await;
    let added = Fact::Added {
        source: None,
        profile: None,
    };
    world.tell(KIM, added.clone()).await;
    world.tell("lee", added.clone()).await;
    world.tell("park", Fact::Blocked).await;
    world.tell("choi", added).await;
    let mut ids = Vec::new();
    let mut path = "/v2/bot/followers/ids?limit=2".to_owned();
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.body);
        ids.extend(page.body["userIds"].as_array().unwrap().clone());
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        assert!(next.chars().all(is_safe), "{next}");
        path = format!("/v2/bot/followers/ids?limit=2&start={next}");
    }
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert_eq!(ids[0], KIM);
    for id in &ids {
        let id = id.as_str().unwrap();
        let profile = world.get(&format!("/v2/bot/profile/{id}")).await;
        assert_eq!((profile.status, &profile.body["userId"]), (200, &json!(id)));
        assert!(profile.body["displayName"].is_string());
    }
    let blocked = world
        .store
        .user_number(&UserKey::parse("park").unwrap())
        .await;
    let snapshot = world.store.snapshot().await.unwrap();
    let user = snapshot
        .user_ids(&[blocked.unwrap().unwrap().0])
        .await
        .unwrap();
    snapshot.end().await.unwrap();
    let blocked = user[0]
        .as_bytes()
        .map(|byte| format!("{byte:02x}"))
        .concat();
    let cases = [
        (format!("profile/U{blocked}"), 404),
        (format!("profile/U{}", "0".repeat(32)), 404),
        ("profile/lee".into(), 400),
        ("profile/U0".into(), 400),
        ("followers/ids?limit=0".into(), 400),
        ("followers/ids?limit=1001".into(), 400),
        ("followers/ids?limit=x".into(), 400),
        ("followers/ids?start=AAAA".into(), 400),
        ("followers/ids?limit=1000".into(), 200),
    ];
    for (path, status) in cases {
        let answer = world.get(&format!("/v2/bot/{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    // A place in a list is the channel's that was told it, for a day.
    let (business, account) = (world.other.business, world.other.id);
    let issued = world
        .channels
        .issue_long_lived(business, account, Duration::ZERO);
    let (theirs, ours) = (issued.await.unwrap().token, world.token.clone());
    let world = World {
        token: theirs,
        ..world
    };
    let first = world.get("/v2/bot/followers/ids").await;
    assert_eq!(first.body, json!({"userIds": []}));
    assert_eq!(
        world.get(&format!("/v2/bot/profile/{KIM}")).await.status,
        404
    );
    let page = |world: &World| {
        let path = world.request("GET", "/v2/bot/followers/ids?limit=1");
        path.body(Body::empty()).unwrap()
    };
    let theirs = World {
        token: ours,
        ..world
    };
    let next = theirs.send(page(&theirs)).await.body["next"].clone();
    let path = format!("/v2/bot/followers/ids?start={}", next.as_str().unwrap());
    assert_eq!(theirs.get(&path).await.status, 200);
    theirs.clock.advance(Duration::from_secs(24 * 3_600));
    let over = theirs.get(&path).await;
    let expected = json!({"message": "Invalid start param"});
    assert_eq!((over.status, over.body), (400, expected));
}

async fn messages_are_looked_at_and_nothing_else(engine: Engine) {
    let world = world(engine).await;
    let good = json!({"messages": [{"type": "text", "text": "hello"}]});
    for kind in ["reply", "push", "multicast", "narrowcast", "broadcast"] {
        let path = format!("/v2/bot/message/validate/{kind}");
        let answer = world
            .post(&path, "application/json", good.to_string())
            .await;
        assert_eq!((answer.status, answer.body), (200, json!({})), "{kind}");
    }
    let two = json!({"messages": [{"type": "text", "text": ""}, {"type": "nope"}]});
    let answer = world.validate(&two).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["message"], "The request body has 2 error(s)");
    let first = json!({"message": "May not be empty", "property": "messages[0].text"});
    assert_eq!(answer.body["details"][0], first);
    assert_eq!(answer.body["details"][1]["property"], "messages[1].type");
    for (body, message) in [
        (json!({}), "May not be empty"),
        (json!({"messages": null}), "May not be empty"),
        (json!({"messages": []}), "Size must be between 1 and 5"),
        (json!({"messages": "x"}), "Must be an array"),
    ] {
        let answer = world.validate(&body).await;
        let details = json!([{"message": message, "property": "messages"}]);
        assert_eq!(
            (answer.status, &answer.body["details"]),
            (400, &details),
            "{body}"
        );
    }
}

async fn bodies_that_are_refused(engine: Engine) {
    let world = world(engine).await;
    let path = "/v2/bot/message/validate/push";
    let json = "application/json";
    let type_of = |given: &str| format!("The content type, {given}, is not supported");
    let place = |line: u32, column: u32| {
        let place = format!("line: {line}, column: {column}");
        format!("The request body could not be parsed as JSON ({place})")
    };
    let large = " ".repeat(request::BODY_BYTES_MAX + 1);
    let table: Vec<(&str, String, u16, String)> = vec![
        ("text/plain", "{}".into(), 415, type_of("text/plain")),
        ("", "{}".into(), 415, type_of("")),
        (json, String::new(), 400, place(1, 0)),
        (json, "{\"messages\":\n [}".into(), 400, place(2, 3)),
        (
            json,
            large,
            413,
            "The request body is larger than 2097152 bytes".into(),
        ),
    ];
    for (content_type, body, status, message) in table {
        let answer = world.post(path, content_type, body).await;
        let expected = json!({ "message": message });
        assert_eq!(
            (answer.status, answer.body),
            (status, expected),
            "{content_type}"
        );
    }
    // Without a token nothing is read at all.
    let request = Request::builder().method("POST").uri(path);
    let answer = world.send(request.body(Body::from("x")).unwrap()).await;
    assert_eq!(answer.status, 401);
}
