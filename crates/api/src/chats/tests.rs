//! A messenger asks what a person sees, and tells what they did with it: counted, switched, given
//! as long as there is one.

use directory::{AccountRequest, CouponError, Directory, MenusOf};
use domain::coupon::CouponRequest;
use domain::message::Rules;
use domain::money::Currency;
use domain::rich_menu::{MenuOrigin, RichMenu, RichMenuAliasId, RichMenuId};
use domain::time::LocalDay;
use gateway::{SIGNATURE_HEADER, Secret, Secrets, sign};
use serde_json::{Value, json};
use store::rich_menu::figures::MenuDeed;
use testkit::database::{Engine, TestDatabase};
use testkit::{ManualClock, SeededIds};
use tower::ServiceExt;

use super::*;

testkit::on_both_engines![
    a_menu_is_shown_tapped_counted_and_switched,
    a_coupon_is_given_while_there_is_one_and_used_once,
    what_names_nothing_of_the_account_is_refused_alone,
];

const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
const SECRET: &str = "a secret of the messenger";
const URL: &str = "https://chingu.example";

struct World {
    state: Arc<ApiState>,
    directory: Directory,
    account: Account,
    menus: MenusOf,
    _database: TestDatabase,
}

async fn world(engine: Engine) -> World {
    let (store, database) = testkit::database::open(engine).await;
    let (ids, clock) = (Arc::new(SeededIds::of(3)), Arc::new(ManualClock::at(NOW)));
    let directory = Directory::of(store.clone(), clock.clone(), ids.clone());
    let business = directory.add_business("Hanok", Currency::Krw).await;
    let request = AccountRequest {
        handle: "@hanok",
        display_name: "Hanok",
        icon_url: None,
        time_zone: "Asia/Seoul",
        rate_per_second: None,
    };
    let account = directory
        .add_account(business.unwrap().id, &request)
        .await
        .unwrap();
    let secrets = Secrets {
        current: Secret::parse(SECRET).unwrap(),
        previous: None,
    };
    World {
        state: Arc::new(ApiState::of(store, clock, ids, secrets, URL.to_owned())),
        directory,
        menus: MenusOf {
            business: account.business,
            account: account.id,
            origin: MenuOrigin::Program,
        },
        account,
        _database: database,
    }
}

impl World {
    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let signature = sign(&Secret::parse(SECRET).unwrap(), NOW, body.as_bytes());
        let request = Request::post(path).header(SIGNATURE_HEADER, signature);
        let router = crate::router(self.state.clone());
        let response = router
            .oneshot(request.body(axum::body::Body::from(body)).unwrap())
            .await;
        let (head, body) = response.unwrap().into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (
            head.status.as_u16(),
            serde_json::from_slice(&bytes).unwrap(),
        )
    }

    async fn chat(&self, user: &str, coupons: &[&str]) -> Value {
        let question = json!({"account": "@hanok", "user": user, "coupons": coupons});
        let body = json!({ "chats": [question] });
        let (status, answer) = self.post("/gateway/v1/chats", body).await;
        assert_eq!(status, 200, "{answer}");
        answer["chats"][0].clone()
    }

    async fn tell(&self, id: &str, user: &str, fields: Value) -> Value {
        let mut event = fields;
        event["id"] = json!(id);
        event["at"] = json!(NOW.to_string());
        event["account"] = json!("@hanok");
        event["user"] = json!(user);
        let body = json!({ "events": [event] });
        self.post("/gateway/v1/events", body).await.1
    }

    async fn menu(&self, switches_to: &str) -> RichMenuId {
        let menu = json!({"size": {"width": 800, "height": 250}, "selected": true, "name": "m",
            "chatBarText": "Menu", "areas": [{"bounds": {"x": 0, "y": 0, "width": 800,
                "height": 250}, "action": {"type": "richmenuswitch",
                "richMenuAliasId": switches_to, "data": "d"}}]});
        let menu = RichMenu::parse(&menu.to_string(), &Rules::default()).unwrap();
        let id = self.directory.add_menu(self.menus, &menu).await.unwrap();
        let picture = testkit::png::plain(800, 250);
        let set = self
            .directory
            .set_menu_picture(self.menus, id, picture, false);
        set.await.unwrap();
        id
    }

    async fn coupon(&self, condition: Value) -> String {
        let coupon = json!({"title": "100 off", "startTimestamp": 0,
            "endTimestamp": NOW.as_seconds(), "timezone": "ASIA_TOKYO",
            "visibility": "UNLISTED", "maxUseCountPerTicket": 1,
            "acquisitionCondition": condition, "reward": {"type": "gift"}});
        let rules = Rules::default();
        let request = CouponRequest::parse(&coupon.to_string(), &rules, NOW).unwrap();
        let (business, account) = (self.account.business, self.account.id);
        let added = self.directory.add_coupon(business, account, &request).await;
        added.unwrap().to_string()
    }
}

async fn a_menu_is_shown_tapped_counted_and_switched(engine: Engine) {
    let world = world(engine).await;
    assert_eq!(world.chat("kim", &[]).await["menu"], Value::Null);
    let (first, second) = (world.menu("second").await, world.menu("first").await);
    let alias = RichMenuAliasId::parse("second").unwrap();
    let named = world.directory.add_menu_alias(world.menus, &alias, second);
    named.await.unwrap();
    let set = world.directory.set_default_menu(world.menus, first);
    set.await.unwrap();
    let seen = world.chat("kim", &[]).await;
    assert_eq!(seen["menu"]["id"], json!(first.to_string()));
    assert_eq!(seen["menu"]["menu"]["chatBarText"], "Menu");
    let address = seen["menu"]["imageUrl"].as_str().unwrap();
    assert!(address.starts_with(&format!("{URL}/media/")), "{address}");
    let first = first.to_string();
    for (id, fields) in [
        ("e1", json!({"type": "richmenu.shown", "menu": first})),
        (
            "e2",
            json!({"type": "richmenu.tapped", "menu": first, "area": 0}),
        ),
        (
            "e2",
            json!({"type": "richmenu.tapped", "menu": first, "area": 0}),
        ),
    ] {
        let told = world.tell(id, "kim", fields).await;
        assert_eq!(told["refused"], json!([]), "{told}");
    }
    let seen = world.chat("kim", &[]).await;
    assert_eq!(seen["menu"]["id"], json!(second.to_string()));
    let others = world.chat("lee", &[]).await;
    assert_eq!(others["menu"]["id"], json!(first));
    // A name that leads nowhere leaves the menu as it is.
    let nowhere = json!({"type": "richmenu.tapped", "menu": second.to_string(), "area": 0});
    world.tell("e3", "kim", nowhere).await;
    let seen = world.chat("kim", &[]).await;
    assert_eq!(seen["menu"]["id"], json!(second.to_string()));
    let zone = domain::time::zone("Asia/Seoul").unwrap();
    let day = LocalDay::of(NOW, &zone);
    let id = RichMenuId::parse(&first).unwrap();
    let figures = world
        .state
        .store
        .menu_figures(world.account.id, id, day, day);
    let whole = figures.await.unwrap().whole;
    for deed in [MenuDeed::Shown, MenuDeed::Tapped(0)] {
        assert_eq!(
            (whole[&deed].people, whole[&deed].total),
            (1, 1),
            "{deed:?}"
        );
    }
}

async fn a_coupon_is_given_while_there_is_one_and_used_once(engine: Engine) {
    let world = world(engine).await;
    // Nearly everybody wins, and there is one.
    let lottery = json!({"type": "lottery", "lotteryProbability": 99, "maxAcquireCount": 1});
    let coupon = world.coupon(lottery).await;
    let standing = async |user: &str| {
        let seen = world.chat(user, &[&coupon]).await;
        seen["coupons"][0]["standing"].as_str().unwrap().to_owned()
    };
    let wants = async |id: &str, user: &str| {
        let fields = json!({"type": "coupon.acquired", "coupon": coupon});
        world.tell(id, user, fields).await
    };
    assert_eq!(standing("kim").await, "offered");
    let given = wants("e1", "kim").await;
    assert_eq!(
        (&given["accepted"], &given["ignored"]),
        (&json!(1), &json!([]))
    );
    assert_eq!(standing("kim").await, "held");
    let again = wants("e2", "kim").await;
    let words = "the user has the coupon already";
    assert_eq!(again["ignored"][0]["reason"], words);
    assert_eq!(standing("lee").await, "none_left");
    wants("e3", "lee").await;
    assert_eq!(standing("lee").await, "none_left");
    let id = CouponId::parse(&coupon).unwrap();
    let store = &world.state.store;
    let stored = store.coupon(world.account.id, id).await.unwrap().unwrap();
    assert_eq!((stored.facts.acquired, stored.used), (1, 0));
    let (business, account) = (world.account.business, world.account.id);
    let close = || world.directory.close_coupon(business, account, id);
    close().await.unwrap();
    assert!(matches!(close().await, Err(CouponError::Closed)));
    assert_eq!(standing("kim").await, "closed");
    let late = wants("e4", "park").await;
    assert_eq!(late["ignored"][0]["reason"], "the coupon is closed");
}

async fn what_names_nothing_of_the_account_is_refused_alone(engine: Engine) {
    let world = world(engine).await;
    let menu = world.menu("second").await.to_string();
    let gone = format!("richmenu-{}", "0".repeat(32));
    for (id, fields, words) in [
        (
            "e1",
            json!({"type": "richmenu.shown", "menu": gone}),
            "no such rich menu",
        ),
        ("e2", json!({"type": "richmenu.shown"}), "has no menu"),
        (
            "e3",
            json!({"type": "richmenu.shown", "menu": "x"}),
            "is not a rich menu",
        ),
        (
            "e4",
            json!({"type": "richmenu.tapped", "menu": menu, "area": 1}),
            "has no area 1",
        ),
        (
            "e5",
            json!({"type": "richmenu.tapped", "menu": menu, "area": 20}),
            "not below 20",
        ),
        (
            "e6",
            json!({"type": "coupon.acquired", "coupon": "c"}),
            "no such coupon",
        ),
        ("e7", json!({"type": "coupon.acquired"}), "has no coupon"),
    ] {
        let told = world.tell(id, "kim", fields).await;
        let reason = told["refused"][0]["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{id}: {reason}");
    }
    let body = json!({"chats": [{"account": "@nobody", "user": "kim"}]});
    let (_, answer) = world.post("/gateway/v1/chats", body).await;
    assert_eq!(answer["chats"][0], json!({"menu": null, "coupons": []}));
    assert_eq!(world.post("/gateway/v1/chats", json!([])).await.0, 400);
}
