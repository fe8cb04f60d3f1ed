//! Webhooks that are tried: what came of it, in LINE's words, whatever the program does.

use testkit::{Mood, WebhookTaker};

use super::*;

testkit::on_both_engines![
    a_test_says_what_came_of_it,
    a_test_needs_an_address_that_is_one,
    an_endpoint_is_set_and_told,
    tests_are_sixty_an_hour,
];

const JSON: &str = "application/json";
const TEST: &str = "/v2/bot/channel/webhook/test";

impl World {
    async fn try_webhook(&self, url: &str) -> Answer {
        let body = json!({ "endpoint": url }).to_string();
        self.post(TEST, JSON, body).await
    }

    async fn set_webhook(&self, url: &str) {
        let webhooks = &self.state.webhooks;
        let url = webhooks.endpoint_url(url).unwrap();
        let set = webhooks.set_endpoint(self.account.id, url, true, false);
        set.await.unwrap();
    }
}

async fn a_test_says_what_came_of_it(engine: Engine) {
    let world = world(engine).await;
    let taker = WebhookTaker::in_moods([Mood::Answer(200), Mood::Answer(500)]);
    let taken = world.try_webhook(&taker.url()).await;
    assert_eq!(taken.status, 200, "{}", taken.body);
    let expected = json!({"success": true, "timestamp": NOW.to_string(), "statusCode": 200,
        "reason": "OK", "detail": "200"});
    assert_eq!(taken.body, expected);
    let failed = world.try_webhook(&taker.url()).await;
    let expected = json!({"success": false, "timestamp": NOW.to_string(), "statusCode": 500,
        "reason": "ERROR_STATUS_CODE", "detail": "500"});
    assert_eq!((failed.status, failed.body), (200, expected));
    let (business, account) = (world.account.business, world.account.id);
    let channel = world.channels.channel(business, account).await.unwrap();
    let secret = world.channels.secret(&channel).unwrap();
    for request in taker.taken() {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let expected = json!({"destination": channel.bot.to_string(), "events": []});
        assert_eq!(body, expected);
        let signature = domain::webhook::sign(secret.reveal(), request.body.as_bytes());
        assert_eq!(request.headers["x-line-signature"], signature);
    }
    let url = format!("https://{}/hook", taker.address());
    let failed = world.try_webhook(&url).await;
    assert_eq!(failed.body["statusCode"], 0, "{}", failed.body);
    assert_eq!(failed.body["reason"], "COULD_NOT_CONNECT");
}

async fn a_test_needs_an_address_that_is_one(engine: Engine) {
    let world = world(engine).await;
    let none = world.post(TEST, JSON, Body::empty()).await;
    let words = json!({"message": "Webhook endpoint not found"});
    assert_eq!((none.status, none.body), (404, words));
    for url in ["", "nothing", "ftp://brand.example/", "https://"] {
        let refused = world.try_webhook(url).await;
        let words = json!({"message": "Invalid webhook endpoint URL"});
        assert_eq!((refused.status, refused.body), (400, words), "{url}");
    }
    let taker = WebhookTaker::start();
    world.set_webhook(&taker.url()).await;
    // As the libraries ask where nothing is named: with no body, and with an empty object.
    let request = world.request("POST", TEST);
    let tried = world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(tried.body["success"], true, "{}", tried.body);
    let tried = world.post(TEST, JSON, "{}").await;
    assert_eq!(tried.body["success"], true, "{}", tried.body);
    assert_eq!(taker.taken().len(), 2);
}

async fn an_endpoint_is_set_and_told(engine: Engine) {
    let world = world(engine).await;
    let path = "/v2/bot/channel/webhook/endpoint";
    let none = world.get(path).await;
    let words = json!({"message": "Webhook endpoint not found"});
    assert_eq!((none.status, none.body), (404, words));
    for (body, status) in [
        (json!({}), 400),
        (json!({"endpoint": "nothing"}), 400),
        (json!({"endpoint": "https://brand.example/hook"}), 200),
    ] {
        let request = world.request("PUT", path).header(CONTENT_TYPE, JSON);
        let request = request.body(Body::from(body.to_string()));
        let set = world.send(request.unwrap()).await;
        assert_eq!(set.status, status, "{body}: {}", set.body);
    }
    let told = world.get(path).await;
    let expected = json!({"endpoint": "https://brand.example/hook", "active": true});
    assert_eq!((told.status, told.body), (200, expected));
}

async fn tests_are_sixty_an_hour(engine: Engine) {
    let world = world(engine).await;
    for _ in 0..60 {
        assert_eq!(world.post(TEST, JSON, "{}").await.status, 404);
    }
    assert_eq!(world.post(TEST, JSON, "{}").await.status, 429);
}
