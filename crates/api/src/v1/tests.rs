//! Our own paths through the router: once per key, everything wrong at once, page by page, and
//! nothing to whoever has no token or another's.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request};
use directory::friends::{self, FriendsOf};
use directory::{AccountRequest, ChannelPorts, Channels, Directory, Fact, FriendFact, Vault};
use domain::friend::{ConsentPurpose, ConsentSource};
use domain::message::Rules;
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use domain::user::UserKey;
use jobs::Webhooks;
use jobs::webhooks::Guard;
use scheduler::CampaignControl;
use serde_json::{Value, json};
use store::Store;
use store::directory::Account;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};
use tower::ServiceExt;

use super::*;
use crate::line::Rate;

mod campaigns; // once per key, launched and stopped
mod document; // what is documented is there, and nothing else
mod webhook; // where events go, and which are sent again

testkit::on_both_engines![
    everything_wrong_is_told_at_once,
    lists_come_in_pages_that_are_the_callers_own,
    what_a_friend_answered_is_kept_as_proof,
    an_audience_is_counted_before_there_is_a_campaign,
    what_is_left_is_told_with_every_answer,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const KIM: &str = "U73c1cd2c81f98b521905d591c5b2e75a";
const LEE: &str = "U0000000000000000000000000000000a";

struct World {
    store: Store,
    clock: Arc<ManualClock>,
    ids: Arc<SeededIds>,
    state: Arc<V1State>,
    account: Account,
    /// Ours, and that of another business.
    tokens: [String; 2],
    _database: TestDatabase,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The kind of a problem, by its address.
    fn problem(&self) -> &str {
        assert_eq!(self.headers[CONTENT_TYPE], problem::PROBLEM_JSON);
        assert_eq!(self.body["status"], self.status);
        let kind = self.body["type"].as_str().unwrap();
        kind.strip_prefix("/v1/docs#").unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

async fn world(engine: Engine) -> World {
    world_with(engine, "off").await
}

async fn world_with(engine: Engine, rate: &str) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(5)), Arc::new(ManualClock::at(NOW)));
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
    let (mut accounts, mut tokens) = (Vec::new(), Vec::new());
    for (name, handle) in [("Hanok", "@hanok"), ("Sakura", "@sakura")] {
        let business = directory.add_business(name, Currency::Krw).await.unwrap();
        let request = AccountRequest {
            handle,
            display_name: name,
            icon_url: None,
            time_zone: "Asia/Seoul",
            rate_per_second: None,
        };
        let account = directory.add_account(business.id, &request).await.unwrap();
        directory
            .add_wording(business.id, account.id, "ad-2025-03", "words")
            .await
            .unwrap();
        let issued = channels
            .issue_long_lived(business.id, account.id, Duration::ZERO)
            .await
            .unwrap();
        tokens.push(issued.token);
        accounts.push(account);
    }
    let state = V1State::of(V1Ports {
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
        channels,
        wall: store.wall().await.unwrap(),
        store: store.clone(),
        control: CampaignControl {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            rules: Rules::default(),
            connector_rate: None,
            wake: Arc::default(),
        },
        clock: clock.clone(),
        ids: ids.clone(),
        rules: Rules::default(),
        rate: rate.parse::<Rate>().unwrap(),
    });
    World {
        store,
        clock,
        ids,
        state: Arc::new(state),
        account: accounts.swap_remove(0),
        tokens: tokens.try_into().unwrap(),
        _database: database,
    }
}

impl World {
    async fn send(&self, request: Request<Body>) -> Answer {
        let response = router(self.state.clone()).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(head.headers["x-content-type-options"], "nosniff");
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    fn request(&self, whose: usize, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, format!("Bearer {}", self.tokens[whose]))
            .header(CONTENT_TYPE, "application/json")
    }

    async fn get(&self, path: &str) -> Answer {
        let request = self.request(0, "GET", path);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let request = self.request(0, method, path);
        self.send(request.body(body.to_string().into()).unwrap())
            .await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body).await
    }

    async fn post_by_key(&self, path: &str, key: &str, body: &Value) -> Answer {
        let request = self.request(0, "POST", path);
        let request = request.header("Idempotency-Key", key);
        self.send(request.body(body.to_string().into()).unwrap())
            .await
    }

    /// Somebody who became a friend and agreed to promotion.
    async fn befriend(&self, key: &str) {
        let agreed = Fact::Consent {
            purpose: ConsentPurpose::Promotion,
            granted: true,
            wording: Some("ad-2025-03".to_owned()),
            source: ConsentSource::Event,
        };
        let added = Fact::Added {
            source: None,
            profile: None,
        };
        let facts = [added, agreed].map(|fact| FriendFact {
            user: UserKey::parse(key).unwrap(),
            at: NOW,
            fact,
        });
        let friends = FriendsOf::account(&self.account, NOW).unwrap();
        let mut write = self.store.write().await.unwrap();
        friends::apply(&mut write, self.ids.as_ref(), friends, facts.into(), NOW)
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    async fn top_up(&self, sends: i64) {
        let amount = Money::whole(sends * 15, Currency::Krw);
        let (store, ids) = (&self.store, self.ids.as_ref());
        billing::top_up(store, self.account.business, amount, "r1", NOW, ids)
            .await
            .unwrap();
    }
}

fn hello() -> Value {
    json!({"name": "Autumn", "messages": [{"type": "text", "text": "(광고) hello"}]})
}

fn properties(answer: &Answer) -> BTreeSet<&str> {
    let errors = answer.body["errors"].as_array().unwrap();
    let named = errors
        .iter()
        .map(|error| error["property"].as_str().unwrap());
    named.collect()
}

async fn everything_wrong_is_told_at_once(engine: Engine) {
    let world = world(engine).await;
    let wrong = json!({
        "nmae": "x",
        "messages": [{"type": "text", "text": ""}, {"type": "nope"}],
        "audience": {"tag": 5},
        "purpose": "gift",
        "schedule": {"at": {"wall": "tomorrow", "zone": "Asia/Seoul"}},
        "rate_per_second": -1,
        "lifetime_seconds": 0,
        "if_short": "perhaps",
        "budget": "1e3",
        "draft": "yes",
    });
    let answer = world.post("/v1/campaigns", &wrong).await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid"));
    let expected = BTreeSet::from([
        "nmae",
        "name",
        "messages[0].text",
        "messages[1].type",
        "audience.tag",
        "purpose",
        "schedule.at.wall",
        "rate_per_second",
        "lifetime_seconds",
        "if_short",
        "budget",
        "draft",
    ]);
    assert_eq!(properties(&answer), expected, "{}", answer.body);
    for (method, path, body, status, kind) in [
        ("POST", "/v1/campaigns", "[]", 400, "malformed"),
        ("POST", "/v1/campaigns", "{", 400, "malformed"),
        ("POST", "/v1/campaigns/cmp_0/launch", "{}", 404, "not-found"),
        ("GET", "/v1/campaigns/%ff", "", 400, "malformed"),
        ("GET", "/v1/campaigns?limit=101", "", 422, "invalid"),
        ("GET", "/v1/campaigns?limit=1&limit=2", "", 422, "invalid"),
        ("GET", "/v1/campaigns?state=asleep", "", 422, "invalid"),
        ("GET", "/v1/campaigns?sort=name", "", 422, "invalid"),
        ("GET", "/v1/friends?cursor=AAAA", "", 422, "invalid"),
        ("GET", "/v1/friends/kim", "", 404, "not-found"),
        ("DELETE", "/v1/campaigns", "", 405, "method-not-allowed"),
        ("GET", "/v1", "", 404, "not-found"),
        ("GET", "/v1/nothing/here", "", 404, "not-found"),
    ] {
        let request = world.request(0, method, path);
        let answer = world.send(request.body(body.into()).unwrap()).await;
        let came = (answer.status, answer.problem());
        assert_eq!(came, (status, kind), "{method} {path}");
    }
    let text = world.request(0, "POST", "/v1/campaigns");
    let mut text = text.body(Body::from("name=x")).unwrap();
    let form = "application/x-www-form-urlencoded".parse().unwrap();
    text.headers_mut().insert(CONTENT_TYPE, form);
    let answer = world.send(text).await;
    assert_eq!((answer.status, answer.problem()), (415, "unsupported-type"));
    let found = world.get("/v1/campaigns").await;
    assert_eq!(found.body, json!({"items": [], "next": null}));
}

async fn lists_come_in_pages_that_are_the_callers_own(engine: Engine) {
    let world = world(engine).await;
    for key in [KIM, LEE, "park", "choi", "jung"] {
        world.befriend(key).await;
    }
    for _ in 0..5 {
        let answer = world.post("/v1/campaigns", &hello()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    for list in ["campaigns", "friends"] {
        let (mut ids, mut path) = (BTreeSet::new(), format!("/v1/{list}?limit=2"));
        let mut pages = 0;
        loop {
            let page = world.get(&path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            for item in page.body["items"].as_array().unwrap() {
                assert!(ids.insert(item["id"].as_str().unwrap().to_owned()));
            }
            pages += 1;
            let Some(next) = page.body["next"].as_str() else {
                break;
            };
            path = format!("/v1/{list}?limit=2&cursor={next}");
            // Whoever it was not told to cannot go on with it.
            let theirs = world.request(1, "GET", &path);
            let theirs = world.send(theirs.body(Body::empty()).unwrap()).await;
            assert_eq!(theirs.status, 422, "{}", theirs.body);
        }
        assert_eq!((ids.len(), pages), (5, 3), "{list}");
        let other = path.replace(
            list,
            if list == "friends" {
                "campaigns"
            } else {
                "friends"
            },
        );
        assert_eq!(world.get(&other).await.status, 422);
    }
    let approved = world.get("/v1/campaigns?state=approved&text=aut").await;
    assert_eq!(approved.body["items"].as_array().unwrap().len(), 5);
    let closed = world.get("/v1/campaigns?state=closed,draft").await;
    assert_eq!(closed.body["items"], json!([]));
    let friend = world.get(&format!("/v1/friends/{KIM}")).await;
    let expected = json!({"promotion": true, "night": false, "information": true});
    assert_eq!(friend.body["reachable"], expected, "{}", friend.body);
    let id = friend.body["id"].as_str().unwrap();
    let again = world.get(&format!("/v1/friends/{id}")).await;
    assert_eq!(again.body, friend.body);
}

async fn what_a_friend_answered_is_kept_as_proof(engine: Engine) {
    let world = world(engine).await;
    world.befriend(KIM).await;
    let path = format!("/v1/friends/{KIM}/consents");
    let (promotion, night) = (format!("{path}/promotion"), format!("{path}/night"));
    let wrong = json!({"granted": true, "wording": "never", "at": "2099-01-01T00:00:00Z"});
    let answer = world.ask("PUT", &night, &wrong).await;
    assert_eq!(answer.status, 422);
    assert_eq!(properties(&answer), BTreeSet::from(["wording", "at"]));
    world.clock.advance(Duration::from_secs(60));
    let granted = json!({"granted": true, "wording": "ad-2025-03"});
    // Told twice it is told once.
    for _ in 0..2 {
        let answer = world.ask("PUT", &night, &granted).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["now"]["night"]["granted"], true);
        assert_eq!(answer.body["now"]["night"]["source"], "api");
    }
    let refused = world
        .ask("PUT", &promotion, &json!({"granted": false}))
        .await;
    assert_eq!(refused.status, 200, "{}", refused.body);
    let shown = world.get(&path).await;
    assert_eq!(shown.body, refused.body);
    let history = shown.body["history"].as_array().unwrap();
    assert_eq!(history.len(), 3, "{}", shown.body);
    assert_eq!(history[0]["wording_text"], "words");
    assert_eq!(history[0]["wording_hash"].as_str().unwrap().len(), 64);
    // An older answer does not stand, and is kept.
    let older = json!({"granted": true, "wording": "ad-2025-03", "at": "2020-01-01T00:00:00Z"});
    let answer = world.ask("PUT", &promotion, &older).await;
    assert_eq!(answer.body["now"]["promotion"]["granted"], false);
    assert_eq!(answer.body["history"].as_array().unwrap().len(), 4);
    let friend = world.get(&format!("/v1/friends/{KIM}")).await;
    assert_eq!(friend.body["reachable"]["promotion"], false);
    let nothing = format!("{path}/everything");
    let answer = world.ask("PUT", &nothing, &granted).await;
    assert_eq!(answer.status, 404);
}

async fn an_audience_is_counted_before_there_is_a_campaign(engine: Engine) {
    let world = world(engine).await;
    for key in [KIM, LEE, "park"] {
        world.befriend(key).await;
    }
    let path = "/v1/audiences/estimate";
    let all = world.post(path, &json!({})).await;
    assert_eq!(all.status, 200, "{}", all.body);
    assert_eq!(
        (&all.body["people"], &all.body["matched"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(all.body["net"], json!({"amount": "45", "currency": "KRW"}));
    let limit = json!({"count": 2, "method": "user_number"});
    let some = json!({"audience": {"expression": {"all": true}, "limit": limit}});
    assert_eq!(world.post(path, &some).await.body["people"], 2);
    let tagged = json!({"audience": {"tag": "coffee"}, "purpose": "information"});
    let none = world.post(path, &tagged).await;
    assert_eq!(
        (&none.body["people"], &none.body["tariff"]),
        (&json!(0), &json!("information"))
    );
    let list = json!({"audience": {"list": "lst_00000000000000000000000001"}});
    let answer = world.post(path, &list).await;
    assert_eq!(
        (answer.status, properties(&answer)),
        (422, BTreeSet::from(["audience"]))
    );
}

async fn what_is_left_is_told_with_every_answer(engine: Engine) {
    let world = world_with(engine, "2/min").await;
    for remaining in [1, 0] {
        let answer = world.get("/v1/campaigns").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"v1\";q=2;w=60"));
        let left = answer.header("ratelimit").unwrap();
        assert!(
            left.starts_with(&format!("\"v1\";r={remaining};t=")),
            "{left}"
        );
    }
    let answer = world.get("/v1/friends").await;
    assert_eq!((answer.status, answer.problem()), (429, "rate-limited"));
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(answer.header("ratelimit"), Some("\"v1\";r=0;t=60"));
    let theirs = world.request(1, "GET", "/v1/campaigns");
    let theirs = world.send(theirs.body(Body::empty()).unwrap()).await;
    assert_eq!(theirs.status, 200);
    // What is open to everybody comes out of nobody's bucket.
    let open = world.send(Request::get("/v1/docs").body(Body::empty()).unwrap());
    assert_eq!(open.await.status, 200);
}
