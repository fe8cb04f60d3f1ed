//! Coupons: made, listed page by page, closed once; a message with one that is not open is refused.

use super::*;

testkit::on_both_engines![
    a_coupon_is_made_read_and_closed_once,
    coupons_are_listed_page_by_page,
    only_an_open_coupon_of_the_account_is_sent,
];

const JSON: &str = "application/json";
const COUPONS: &str = "/v2/bot/coupon";

fn coupon(title: &str) -> Value {
    json!({"title": title, "startTimestamp": 0, "endTimestamp": NOW.as_seconds() + 3_600,
        "timezone": "ASIA_TOKYO", "visibility": "UNLISTED", "maxUseCountPerTicket": 1,
        "acquisitionCondition": {"type": "lottery", "lotteryProbability": 50,
            "maxAcquireCount": 9},
        "reward": {"type": "discount", "priceInfo": {"type": "fixed", "fixedAmount": 100}}})
}

impl World {
    async fn make_coupon(&self, title: &str) -> String {
        let body = coupon(title).to_string();
        let answer = self.post(COUPONS, JSON, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["couponId"].as_str().unwrap().to_owned()
    }

    /// With a content type and no body, as one of LINE's libraries closes.
    async fn close_coupon(&self, id: &str) -> Answer {
        let path = format!("{COUPONS}/{id}/close");
        let request = self.request("PUT", &path).header(CONTENT_TYPE, JSON);
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

async fn a_coupon_is_made_read_and_closed_once(engine: Engine) {
    let world = world(engine).await;
    let id = world.make_coupon("100 off").await;
    let path = format!("{COUPONS}/{id}");
    let mut expected = coupon("100 off");
    expected["couponId"] = json!(id);
    expected["status"] = json!("RUNNING");
    expected["createdTimestamp"] = json!(NOW.as_seconds());
    expected["maxAcquireCount"] = json!(9);
    expected["maxTicketPerUser"] = json!(1);
    assert_eq!(world.get(&path).await.body, expected);
    let closed = world.close_coupon(&id).await;
    assert_eq!((closed.status, closed.body), (200, json!({})));
    assert_eq!(world.get(&path).await.body["status"], "CLOSED");
    let again = world.close_coupon(&id).await;
    let words = "The request body has 1 error(s)";
    assert_eq!((again.status, &again.body["message"]), (410, &json!(words)));
    for id in ["x", "01JYNW8JMQVFBNWF1APF8Z3FS7"] {
        let answer = world.close_coupon(id).await;
        assert_eq!(
            (answer.status, &answer.body["message"]),
            (404, &json!(words))
        );
        assert_eq!(world.get(&format!("{COUPONS}/{id}")).await.status, 404);
    }
    let mut wrong = coupon("x".repeat(61).as_str());
    wrong["endTimestamp"] = json!(1);
    let refused = world.post(COUPONS, JSON, wrong.to_string()).await;
    let words = "The request body has 2 error(s)";
    assert_eq!(
        (refused.status, &refused.body["message"]),
        (400, &json!(words))
    );
}

async fn coupons_are_listed_page_by_page(engine: Engine) {
    let world = world(engine).await;
    assert_eq!(world.get(COUPONS).await.body, json!({"items": []}));
    let mut ids = Vec::new();
    for title in ["a", "b", "c"] {
        ids.push(world.make_coupon(title).await);
    }
    world.close_coupon(&ids[1]).await;
    let first = world.get(&format!("{COUPONS}?limit=2")).await;
    let item = |place: usize, title: &str| json!({"couponId": ids[place], "title": title});
    assert_eq!(first.body["items"], json!([item(2, "c"), item(1, "b")]));
    let next = first.body["next"].as_str().unwrap();
    let second = world.get(&format!("{COUPONS}?limit=2&start={next}")).await;
    assert_eq!(second.body, json!({"items": [item(0, "a")]}));
    let running = json!({"items": [item(2, "c"), item(0, "a")]});
    for query in ["status=DRAFT&status=RUNNING", "status=DRAFT%2CRUNNING"] {
        let listed = world.get(&format!("{COUPONS}?{query}")).await;
        assert_eq!(listed.body, running, "{query}");
    }
    let drafts = world.get(&format!("{COUPONS}?status=DRAFT")).await;
    assert_eq!(drafts.body, json!({"items": []}));
    for query in ["limit=0", "limit=101", "status=OPEN", "start=AAAA"] {
        let answer = world.get(&format!("{COUPONS}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    world.clock.advance(Duration::from_secs(24 * 3_600));
    let over = world.get(&format!("{COUPONS}?start={next}")).await;
    assert_eq!(over.status, 400);
}

async fn only_an_open_coupon_of_the_account_is_sent(engine: Engine) {
    let world = world(engine).await;
    let (open, closed) = (world.make_coupon("a").await, world.make_coupon("b").await);
    world.close_coupon(&closed).await;
    let body = |id: &str| {
        let coupon = json!({"type": "coupon", "couponId": id});
        json!({ "messages": [{"type": "text", "text": "a"}, coupon] })
    };
    assert_eq!(world.validate(&body(&open)).await.status, 200);
    for (id, words) in [
        (closed.as_str(), "the coupon is closed"),
        ("01JYNW8JMQVFBNWF1APF8Z3FS7", "there is no such coupon"),
        ("HK7-2Q9P", "there is no such coupon"),
    ] {
        let details = json!([{"message": words, "property": "messages[1].couponId"}]);
        for path in ["validate/push", "broadcast"] {
            let path = format!("/v2/bot/message/{path}");
            let answer = world.post(&path, JSON, body(id).to_string()).await;
            assert_eq!(
                (answer.status, &answer.body["details"]),
                (400, &details),
                "{path}"
            );
        }
    }
    world.clock.advance(Duration::from_secs(3_601));
    let over = world.validate(&body(&open)).await;
    let words = "the coupon does not hold any more";
    assert_eq!(over.body["details"][0]["message"], words);
}
