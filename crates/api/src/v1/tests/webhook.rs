//! The webhook: set, tried, its events listed page by page and sent again once per key.

use domain::id::IdSource;
use domain::webhook::{EventId, EventKind};
use testkit::{Mood, WebhookTaker};

use super::*;

testkit::on_both_engines![
    a_webhook_is_set_as_it_is_said,
    a_test_says_what_came_of_it,
    events_are_listed_and_sent_again_once_per_key,
];

const WEBHOOK: &str = "/v1/webhook";
const TEST: &str = "/v1/webhook/test";
const EVENTS: &str = "/v1/webhook/events";

impl World {
    /// So many things happen to our account.
    async fn happen(&self, count: u32) {
        let mut write = self.store.write().await.unwrap();
        for _ in 0..count {
            let id = EventId::from_bytes(self.ids.next_bytes());
            let body = json!({"type": "follow", "webhookEventId": id.to_string(),
                "deliveryContext": {"isRedelivery": false}});
            let body = body.to_string();
            let (account, event) = (self.account.id, (id, EventKind::Follow));
            let added = write.add_webhook_event(account, event, NOW, &body);
            added.await.unwrap();
        }
        write.commit().await.unwrap();
    }
}

async fn a_webhook_is_set_as_it_is_said(engine: Engine) {
    let world = world(engine).await;
    let nothing = json!({"endpoint": null, "active": false, "redelivers": false});
    assert_eq!(world.get(WEBHOOK).await.body, nothing);
    let none = world.ask("PUT", WEBHOOK, &json!({"active": true})).await;
    assert_eq!((none.status, none.problem()), (422, "invalid"));
    for endpoint in [json!("nothing"), json!(5), json!("ftp://x.example/")] {
        let refused = world
            .ask("PUT", WEBHOOK, &json!({ "endpoint": endpoint }))
            .await;
        assert_eq!(refused.status, 422, "{endpoint}");
        assert_eq!(refused.body["errors"][0]["property"], "endpoint");
    }
    let body = json!({"endpoint": "https://brand.example/hook"});
    let set = world.ask("PUT", WEBHOOK, &body).await;
    let expected = json!({"endpoint": "https://brand.example/hook", "active": true,
        "redelivers": false});
    assert_eq!((set.status, &set.body), (200, &expected));
    let body = json!({"active": false, "redelivers": true});
    let changed = world.ask("PUT", WEBHOOK, &body).await;
    let expected = json!({"endpoint": "https://brand.example/hook", "active": false,
        "redelivers": true});
    assert_eq!(changed.body, expected);
    assert_eq!(world.get(WEBHOOK).await.body, expected);
}

async fn a_test_says_what_came_of_it(engine: Engine) {
    let world = world(engine).await;
    let none = world.post(TEST, &json!({})).await;
    assert_eq!((none.status, none.problem()), (409, "conflict"));
    let taker = WebhookTaker::in_moods([Mood::Answer(204), Mood::Answer(404)]);
    let body = json!({"endpoint": taker.url()});
    let taken = world.post(TEST, &body).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    assert_eq!(
        (&taken.body["taken"], &taken.body["status"]),
        (&json!(true), &json!(204))
    );
    let failed = world.post(TEST, &body).await;
    assert_eq!(
        failed.body["reason"], "error_status_code",
        "{}",
        failed.body
    );
    assert_eq!(failed.body["status"], 404);
    assert_eq!(taker.events(), Vec::<Value>::new());
}

async fn events_are_listed_and_sent_again_once_per_key(engine: Engine) {
    let world = world(engine).await;
    let body = json!({"endpoint": "https://brand.example/hook"});
    assert_eq!(world.ask("PUT", WEBHOOK, &body).await.status, 200);
    world.happen(3).await;
    let first = world.get(&format!("{EVENTS}?limit=2&kind=follow")).await;
    assert_eq!(
        first.body["items"].as_array().unwrap().len(),
        2,
        "{}",
        first.body
    );
    let cursor = first.body["next"].as_str().unwrap();
    let path = format!("{EVENTS}?limit=2&kind=follow&cursor={cursor}");
    let last = world.get(&path).await;
    assert_eq!(
        last.body["items"].as_array().unwrap().len(),
        1,
        "{}",
        last.body
    );
    assert_eq!(last.body["next"], Value::Null);
    let event = &first.body["items"][0];
    assert_eq!(
        (&event["kind"], &event["state"]),
        (&json!("follow"), &json!("waiting"))
    );
    assert_eq!(event["event"]["webhookEventId"], event["id"]);
    let none = world.get(&format!("{EVENTS}?state=given_up")).await;
    assert_eq!(none.body["items"], json!([]));
    let wrong = world
        .get(&format!("{EVENTS}?state=lost&from=yesterday"))
        .await;
    assert_eq!((wrong.status, wrong.problem()), (422, "invalid"));
    let id = event["id"].as_str().unwrap();
    let path = format!("{EVENTS}/{id}/replay");
    let replayed = world.post_by_key(&path, "k1", &json!({})).await;
    assert_eq!((replayed.status, &replayed.body["id"]), (200, &event["id"]));
    let again = world.post_by_key(&path, "k1", &json!({})).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let theirs = world.request(1, "POST", &path).body(Body::from("{}"));
    assert_eq!(world.send(theirs.unwrap()).await.status, 404);
    for id in ["x", "01FZ74A0TDDPYRVKNK77XKC3ZR"] {
        let path = format!("{EVENTS}/{id}/replay");
        assert_eq!(world.post(&path, &json!({})).await.status, 404, "{id}");
    }
}
