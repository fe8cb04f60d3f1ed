//! Rich menus: what is made once, shown to whom, switched by name, and refused in LINE's words.

use directory::MenusOf;
use domain::rich_menu::{MenuOrigin, RichMenu, RichMenuId};
use domain::time::LocalDay;
use store::rich_menu::figures::{MenuDeed, MenuReceipt};

use super::*;

testkit::on_both_engines![
    a_menu_is_made_pictured_once_and_deleted,
    the_default_and_a_friends_own_menu,
    names_lead_to_menus_with_pictures,
    a_batch_is_accepted_and_asked_about,
    bodies_about_menus_that_are_refused,
    what_friends_did_is_told_by_day_and_area,
];

const JSON: &str = "application/json";
const MENUS: &str = "/v2/bot/richmenu";
const NOBODY: &str = "U00000000000000000000000000000000";

fn menu() -> Value {
    json!({"size": {"width": 800, "height": 250}, "selected": true, "name": "winter",
        "chatBarText": "Menu", "areas": [
            {"bounds": {"x": 0, "y": 0, "width": 400, "height": 250},
                "action": {"type": "message", "text": "hello"}},
            {"bounds": {"x": 400, "y": 0, "width": 400, "height": 250},
                "action": {"type": "richmenuswitch", "richMenuAliasId": "b", "data": "to b"}}]})
}

/// A PNG of one colour, 800 by 250: written by hand, so that no encoder has to agree.
fn picture() -> Vec<u8> {
    testkit::png::plain(800, 250)
}

impl World {
    async fn ask_menus(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request
                .header(CONTENT_TYPE, JSON)
                .body(body.to_string().into()),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    async fn made(&self) -> String {
        let answer = self.ask_menus("POST", MENUS, Some(&menu())).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["richMenuId"].as_str().unwrap().to_owned()
    }

    async fn pictured(&self) -> String {
        let id = self.made().await;
        let path = format!("{MENUS}/{id}/content");
        let answer = self.post(&path, "image/png", picture()).await;
        assert_eq!((answer.status, answer.body), (200, json!({})));
        id
    }

    async fn does(&self, method: &str, path: &str) {
        let answer = self.ask_menus(method, path, None).await;
        assert_eq!((answer.status, answer.body), (200, json!({})), "{path}");
    }
}

fn message(answer: &Answer) -> &str {
    answer.body["message"].as_str().unwrap_or_default()
}

async fn a_menu_is_made_pictured_once_and_deleted(engine: Engine) {
    let world = world(engine).await;
    let path = format!("{MENUS}/validate");
    let answer = world.ask_menus("POST", &path, Some(&menu())).await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let id = world.made().await;
    let path = format!("{MENUS}/{id}");
    let mut expected = menu();
    expected["richMenuId"] = json!(id);
    assert_eq!(world.get(&path).await.body, expected);
    let list = world.get(&format!("{MENUS}/list")).await;
    assert_eq!(list.body, json!({"richmenus": [expected]}));
    let content = format!("{path}/content");
    assert_eq!(world.get(&content).await.status, 404);
    let answer = world.post(&content, "text/plain", picture()).await;
    assert_eq!(answer.status, 415);
    let answer = world
        .post(&content, "image/png", b"no picture".to_vec())
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let large = vec![0; 1024 * 1024 + 1];
    assert_eq!(world.post(&content, "image/png", large).await.status, 400);
    let answer = world.post(&content, "image/png", picture()).await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let again = world.post(&content, "image/png", picture()).await;
    let words = "An image has already been uploaded to the richmenu";
    assert_eq!((again.status, message(&again)), (400, words));
    let request = world.request("GET", &content).body(Body::empty()).unwrap();
    let served = router(world.state.clone()).oneshot(request).await.unwrap();
    assert_eq!(served.headers()[CONTENT_TYPE], "image/png");
    let bytes = axum::body::to_bytes(served.into_body(), usize::MAX).await;
    assert!(bytes.unwrap().starts_with(b"\x89PNG"));
    // Whoever asks for another channel finds nothing, and the console's menus are its own.
    let (business, account) = (world.other.business, world.other.id);
    let issued = world
        .channels
        .issue_long_lived(business, account, Duration::ZERO);
    let (ours, theirs) = (world.token.clone(), issued.await.unwrap().token);
    let world = World {
        token: theirs,
        ..world
    };
    let answer = world.get(&path).await;
    assert_eq!(
        (answer.status, message(&answer)),
        (404, "richmenu not found")
    );
    let world = World {
        token: ours,
        ..world
    };
    let directory = rich_menu_writer(&world);
    let own = MenusOf {
        business: world.account.business,
        account: world.account.id,
        origin: MenuOrigin::Console,
    };
    let parsed = RichMenu::parse(&menu().to_string(), &Rules::default()).unwrap();
    let console = directory.add_menu(own, &parsed).await.unwrap();
    assert_eq!(world.get(&format!("{MENUS}/{console}")).await.status, 404);
    world.does("DELETE", &path).await;
    assert_eq!(world.get(&path).await.status, 404);
    let answer = world.ask_menus("DELETE", &path, None).await;
    assert_eq!(
        (answer.status, message(&answer)),
        (404, "richmenu not found")
    );
    for path in [format!("{MENUS}/x"), format!("{MENUS}/x/content")] {
        assert_eq!(world.get(&path).await.status, 404, "{path}");
    }
}

fn rich_menu_writer(world: &World) -> Directory {
    Directory::of(world.store.clone(), world.clock.clone(), world.ids.clone())
}

async fn the_default_and_a_friends_own_menu(engine: Engine) {
    let world = world(engine).await;
    let added = Fact::Added {
        source: None,
        profile: None,
    };
    world.tell(KIM, added).await;
    let all = "/v2/bot/user/all/richmenu";
    let kims = format!("/v2/bot/user/{KIM}/richmenu");
    let none = world.get(all).await;
    assert_eq!((none.status, message(&none)), (404, "no default richmenu"));
    let none = world.get(&kims).await;
    let words = "the user has no richmenu";
    assert_eq!((none.status, message(&none)), (404, words));
    let bare = world.made().await;
    for path in [format!("{all}/{bare}"), format!("{kims}/{bare}")] {
        let answer = world.ask_menus("POST", &path, None).await;
        let words = "must upload richmenu image before applying it to user";
        assert_eq!((answer.status, message(&answer)), (400, words), "{path}");
    }
    let (first, second) = (world.pictured().await, world.pictured().await);
    world.does("POST", &format!("{all}/{first}")).await;
    assert_eq!(world.get(all).await.body, json!({"richMenuId": first}));
    world.does("POST", &format!("{kims}/{second}")).await;
    assert_eq!(world.get(&kims).await.body, json!({"richMenuId": second}));
    world.does("DELETE", &kims).await;
    assert_eq!(world.get(&kims).await.status, 404);
    world.does("DELETE", all).await;
    assert_eq!(world.get(all).await.status, 404);
    let stranger = format!("/v2/bot/user/{NOBODY}/richmenu/{first}");
    assert_eq!(world.ask_menus("POST", &stranger, None).await.status, 404);
    let body = json!({"richMenuId": first, "userIds": [KIM, NOBODY]});
    let path = format!("{MENUS}/bulk/link");
    let answer = world.ask_menus("POST", &path, Some(&body)).await;
    assert_eq!((answer.status, answer.body), (202, json!({})));
    assert_eq!(world.get(&kims).await.body, json!({"richMenuId": first}));
    let path = format!("{MENUS}/bulk/unlink");
    let body = json!({"userIds": [KIM]});
    let answer = world.ask_menus("POST", &path, Some(&body)).await;
    assert_eq!((answer.status, answer.body), (202, json!({})));
    assert_eq!(world.get(&kims).await.status, 404);
}

async fn names_lead_to_menus_with_pictures(engine: Engine) {
    let world = world(engine).await;
    let (bare, first, second) = (
        world.made().await,
        world.pictured().await,
        world.pictured().await,
    );
    let aliases = format!("{MENUS}/alias");
    let named = |menu: &str| json!({"richMenuAliasId": "a", "richMenuId": menu});
    let answer = world.ask_menus("POST", &aliases, Some(&named(&bare))).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    let answer = world
        .ask_menus("POST", &aliases, Some(&named(&first)))
        .await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let again = world
        .ask_menus("POST", &aliases, Some(&named(&second)))
        .await;
    let words = "conflict richmenu alias id";
    assert_eq!((again.status, message(&again)), (400, words));
    let path = format!("{aliases}/a");
    assert_eq!(world.get(&path).await.body, named(&first));
    let body = json!({"richMenuId": second});
    let moved = world.ask_menus("POST", &path, Some(&body)).await;
    assert_eq!((moved.status, moved.body), (200, json!({})));
    let list = world.get(&format!("{aliases}/list")).await;
    assert_eq!(list.body, json!({"aliases": [named(&second)]}));
    world.does("DELETE", &path).await;
    for method in ["GET", "DELETE"] {
        let answer = world.ask_menus(method, &path, None).await;
        let words = "richmenu alias not found";
        assert_eq!((answer.status, message(&answer)), (404, words), "{method}");
    }
    assert_eq!(world.get(&format!("{aliases}/A")).await.status, 400);
    let list = world.get(&format!("{aliases}/list")).await;
    assert_eq!(list.body, json!({"aliases": []}));
}

async fn a_batch_is_accepted_and_asked_about(engine: Engine) {
    let limits = RateLimits {
        rich_menu_batch: "off".parse().unwrap(),
        ..RateLimits::default()
    };
    let world = world_with(engine, limits).await;
    let (first, second) = (world.pictured().await, world.pictured().await);
    let bare = world.made().await;
    let link = |to: &str| {
        json!({"operations": [{"type": "link", "from": first, "to": to}],
            "resumeRequestKey": "key"})
    };
    let (validate, batch) = (format!("{MENUS}/validate/batch"), format!("{MENUS}/batch"));
    for path in [&validate, &batch] {
        assert_eq!(
            world
                .ask_menus("POST", path, Some(&link(&bare)))
                .await
                .status,
            400
        );
        let gone = link(&format!("richmenu-{}", "0".repeat(32)));
        assert_eq!(world.ask_menus("POST", path, Some(&gone)).await.status, 404);
    }
    let answer = world
        .ask_menus("POST", &validate, Some(&link(&second)))
        .await;
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let answer = world.ask_menus("POST", &batch, Some(&link(&second))).await;
    assert_eq!((answer.status, &answer.body), (202, &json!({})));
    let id = answer.headers["x-line-request-id"].to_str().unwrap();
    let progress = |id: &str| format!("{MENUS}/progress/batch?requestId={id}");
    let ongoing = world.get(&progress(id)).await;
    let expected = json!({"phase": "ongoing", "acceptedTime": NOW.to_string()});
    assert_eq!(ongoing.body, expected);
    let unknown = progress("123e4567-e89b-12d3-a456-426614174000");
    assert_eq!(world.get(&unknown).await.status, 404);
    assert_eq!(world.get(&progress("1")).await.status, 400);
    assert_eq!(
        world.get(&format!("{MENUS}/progress/batch")).await.status,
        400
    );
    // A key goes on with the same operations only.
    let other = json!({"operations": [{"type": "unlinkAll"}], "resumeRequestKey": "key"});
    assert_eq!(
        world.ask_menus("POST", &batch, Some(&other)).await.status,
        400
    );
    world.clock.advance(Duration::from_secs(14 * 24 * 3_600));
    assert_eq!(world.get(&progress(id)).await.status, 404);
}

async fn bodies_about_menus_that_are_refused(engine: Engine) {
    let world = world(engine).await;
    let id = world.pictured().await;
    let mut narrow = menu();
    narrow["size"]["width"] = json!(799);
    let refused = world.ask_menus("POST", MENUS, Some(&narrow)).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.body["details"][0]["property"], "size.width");
    let text = world.post(MENUS, "text/plain", menu().to_string()).await;
    assert_eq!(text.status, 415);
    assert_eq!(world.post(MENUS, JSON, "{").await.status, 400);
    let bulk = format!("{MENUS}/bulk/link");
    let many = vec![KIM; 501];
    let quoted = "The property, 'userIds[1]', in the request body is invalid \
                  (line: -, column: -)";
    for (body, words) in [
        (json!({"userIds": [KIM]}), "The request body has 1 error(s)"),
        (
            json!({"richMenuId": "x", "userIds": [KIM]}),
            "The request body has 1 error(s)",
        ),
        (
            json!({"richMenuId": id, "userIds": []}),
            "The request body has 1 error(s)",
        ),
        (
            json!({"richMenuId": id, "userIds": many}),
            "The request body has 1 error(s)",
        ),
        (json!({"richMenuId": id, "userIds": [KIM, "kim"]}), quoted),
    ] {
        let answer = world.ask_menus("POST", &bulk, Some(&body)).await;
        assert_eq!((answer.status, message(&answer)), (400, words), "{body}");
    }
    let path = format!("/v2/bot/user/kim/richmenu/{id}");
    let answer = world.ask_menus("POST", &path, None).await;
    let words = "The value for the 'userId' parameter is invalid";
    assert_eq!((answer.status, message(&answer)), (400, words));
}

async fn what_friends_did_is_told_by_day_and_area(engine: Engine) {
    let world = world(engine).await;
    let id = world.pictured().await;
    let zone = domain::time::zone("Asia/Seoul").unwrap();
    let day = LocalDay::of(NOW, &zone);
    let did = |deed, number| MenuReceipt {
        account: world.account.id,
        menu: RichMenuId::parse(&id).unwrap(),
        day,
        deed,
        number: domain::user::UserNumber(number),
    };
    let told = [
        did(MenuDeed::Shown, 1),
        did(MenuDeed::Shown, 1),
        did(MenuDeed::Shown, 2),
        did(MenuDeed::Tapped(1), 2),
    ];
    let mut write = world.store.write().await.unwrap();
    write.count_menu_receipts(&told).await.unwrap();
    write.commit().await.unwrap();
    let date = |days: i32| {
        let day = LocalDay::from_number(day.number() + days);
        day.to_string().replace('-', "")
    };
    let path = format!("/v2/bot/insight/richmenu/{id}");
    let of = async |kind: &str, from: &str, to: &str| {
        world
            .get(&format!("{path}/{kind}?from={from}&to={to}"))
            .await
    };
    let summary = of("summary", &date(-1), &date(0)).await;
    assert_eq!(summary.status, 200, "{}", summary.body);
    assert_eq!(summary.body["metricsFrom"], json!(date(-1)));
    let shown = json!({"metrics": {"count": 3, "uniqueUsers": 2}});
    assert_eq!(summary.body["impression"], shown);
    let tapped = json!({"bounds": {"x": 400, "y": 0, "width": 400, "height": 250},
        "metrics": {"count": 1, "uniqueUsers": 1}});
    assert_eq!(summary.body["clicks"][1], tapped);
    let daily = of("daily", &date(-1), &date(0)).await;
    let days = json!([{"date": date(-1), "count": 0, "uniqueUsers": 0},
        {"date": date(0), "count": 3, "uniqueUsers": 2}]);
    assert_eq!(daily.body["impression"]["metrics"], days);
    for (kind, from, to, words) in [
        (
            "summary",
            date(-397),
            date(0),
            "Date range exceeds. Max range is 396 days.",
        ),
        (
            "daily",
            date(-100),
            date(0),
            "Date range exceeds. Max range is 99 days.",
        ),
        (
            "daily",
            date(0),
            date(-1),
            "Parameter to must be the same date as, or after parameter from.",
        ),
        (
            "daily",
            "20261301".to_owned(),
            date(0),
            "The value for the 'from' parameter is invalid",
        ),
        ("summary", String::new(), date(0), "from is required"),
        (
            "summary",
            date(-1_200),
            date(-1_190),
            "The value for the 'from' parameter is invalid",
        ),
    ] {
        let answer = of(kind, &from, &to).await;
        assert_eq!(
            (answer.status, message(&answer)),
            (400, words),
            "{from} {to}"
        );
    }
    let gone = format!("richmenu-{}", "0".repeat(32));
    let path = format!("/v2/bot/insight/richmenu/{gone}/summary?from=20260101&to=20260101");
    assert_eq!(world.get(&path).await.status, 404);
}
