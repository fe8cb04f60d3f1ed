//! Campaigns: once per key, launched, stopped, figured out, tested.

use super::*;

testkit::on_both_engines![
    what_a_request_does_is_done_once_per_key,
    a_campaign_is_launched_paused_and_cancelled,
    a_draft_is_approved_and_scheduled,
    without_funds_it_waits_and_beyond_a_budget_it_is_refused,
    a_test_goes_to_testers_alone,
    another_businesss_campaign_is_not_there,
];

impl World {
    async fn count(&self) -> usize {
        let listed = self.get("/v1/campaigns?limit=100").await;
        listed.body["items"].as_array().unwrap().len()
    }

    async fn create(&self, body: &Value) -> String {
        let answer = self.post("/v1/campaigns", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = answer.body["id"].as_str().unwrap();
        format!("/v1/campaigns/{id}")
    }
}

async fn what_a_request_does_is_done_once_per_key(engine: Engine) {
    let world = world(engine).await;
    let first = world.post_by_key("/v1/campaigns", "k1", &hello()).await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(first.header("idempotency-replayed"), None);
    let again = world.post_by_key("/v1/campaigns", "k1", &hello()).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    let mut other = hello();
    other["name"] = json!("Winter");
    let reused = world.post_by_key("/v1/campaigns", "k1", &other).await;
    assert_eq!((reused.status, reused.problem()), (422, "key-reused"));
    let id = first.body["id"].as_str().unwrap();
    let elsewhere = format!("/v1/campaigns/{id}/discard");
    let reused = world.post_by_key(&elsewhere, "k1", &hello()).await;
    assert_eq!(reused.status, 422);
    assert_eq!(world.count().await, 1);
    // The same key of another channel is another key.
    let theirs = world.request(1, "POST", "/v1/campaigns");
    let theirs = theirs.header("Idempotency-Key", "k1");
    let theirs = world.send(theirs.body(hello().to_string().into()).unwrap());
    let theirs = theirs.await;
    assert_eq!(theirs.status, 201);
    assert_ne!(theirs.body["id"], first.body["id"]);
    // What was refused did nothing: mended, it may come with the same key.
    let nameless = json!({"messages": hello()["messages"]});
    let refused = world.post_by_key("/v1/campaigns", "k2", &nameless).await;
    assert_eq!(refused.status, 422);
    let mended = world.post_by_key("/v1/campaigns", "k2", &hello()).await;
    assert_eq!(mended.status, 201);
    assert_eq!(world.count().await, 2);
    // What is past by now is not asked for once more.
    let mut timed = hello();
    timed["schedule"] = json!({"at": {"wall": "2026-11-18 21:00", "zone": "Asia/Seoul"}});
    let first_timed = world.post_by_key("/v1/campaigns", "k3", &timed).await;
    assert_eq!(first_timed.status, 201, "{}", first_timed.body);
    world.clock.advance(Duration::from_secs(2 * 3_600));
    let again = world.post_by_key("/v1/campaigns", "k3", &timed).await;
    assert_eq!((again.status, &again.body), (201, &first_timed.body));
    // After a day it is a request like any other.
    world.clock.advance(DAY);
    let later = world.post_by_key("/v1/campaigns", "k1", &hello()).await;
    assert_eq!(later.status, 201);
    assert_ne!(later.body["id"], first.body["id"]);
    for key in ["", "k\tk"] {
        let bad = world.post_by_key("/v1/campaigns", key, &hello()).await;
        assert_eq!((bad.status, bad.problem()), (400, "malformed"), "{key:?}");
    }
}

async fn a_campaign_is_launched_paused_and_cancelled(engine: Engine) {
    let world = world(engine).await;
    world.befriend(KIM).await;
    world.befriend(LEE).await;
    world.top_up(100).await;
    let path = world.create(&hello()).await;
    let launch = format!("{path}/launch");
    let dear = world
        .post(&launch, &json!({"highest_amount": "29.9"}))
        .await;
    assert_eq!((dear.status, dear.problem()), (409, "conflict"));
    let fair = json!({"highest_amount": "30"});
    let launched = world.post_by_key(&launch, "go", &fair).await;
    assert_eq!(launched.status, 200, "{}", launched.body);
    assert_eq!(launched.body["granted"], 2);
    assert_eq!(
        launched.body["held"],
        json!({"amount": "30", "currency": "KRW"})
    );
    assert_eq!(launched.body["campaign"]["state"], "launching");
    let again = world.post_by_key(&launch, "go", &fair).await;
    assert_eq!((again.status, &again.body), (200, &launched.body));
    // Without the key it is another launch, of what is launched.
    let twice = world.post(&launch, &fair).await;
    assert_eq!((twice.status, twice.problem()), (409, "conflict"));
    let early = world.post(&format!("{path}/pause"), &json!({})).await;
    assert_eq!(early.status, 409, "{}", early.body);
    let cancel = format!("{path}/cancel");
    let reason = json!({"reason": "x".repeat(201)});
    assert_eq!(world.post(&cancel, &reason).await.status, 422);
    let reason = json!({"reason": "the price was wrong"});
    let cancelled = world.post_by_key(&cancel, "stop", &reason).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.body);
    assert_eq!(cancelled.body["not_frozen"], 2);
    assert_eq!(cancelled.body["released"]["amount"], "30");
    let again = world.post_by_key(&cancel, "stop", &reason).await;
    assert_eq!(again.body, cancelled.body);
    let bill = world.get(&format!("{path}/bill")).await;
    assert_eq!(
        (
            &bill.body["held"]["amount"],
            &bill.body["released"]["amount"]
        ),
        (&json!("30"), &json!("30")),
        "{}",
        bill.body
    );
    let progress = world.get(&format!("{path}/progress")).await;
    assert_eq!(progress.body["was_cancelled"], true, "{}", progress.body);
    let report = world.get(&format!("{path}/report")).await;
    assert_eq!((report.status, &report.body["delivered"]), (200, &json!(0)));
    let file = world
        .get(&format!("{path}/sends.csv?outcome=skipped"))
        .await;
    let text = file.body.as_str().unwrap_or_default();
    assert!(
        file.status == 200 && text.starts_with("at,campaign,chunk"),
        "{}",
        file.body
    );
    let evidence = world.get(&format!("{path}/sends/{KIM}")).await;
    assert_eq!(
        evidence.status, 404,
        "nothing was frozen: {}",
        evidence.body
    );
}

async fn a_draft_is_approved_and_scheduled(engine: Engine) {
    let world = world(engine).await;
    let mut body = hello();
    body["draft"] = json!(true);
    let path = world.create(&body).await;
    let draft = world.get(&path).await;
    assert_eq!(draft.body["state"], "draft");
    assert_eq!(draft.body["messages"], hello()["messages"]);
    let early = world.post(&format!("{path}/launch"), &json!({})).await;
    assert_eq!((early.status, early.problem()), (409, "conflict"));
    let approved = world.post(&format!("{path}/approve"), &json!({})).await;
    assert_eq!(approved.body["state"], "approved", "{}", approved.body);
    let schedule = format!("{path}/schedule");
    let zone = "Asia/Seoul";
    for (wrong, status) in [
        (json!({}), 422),
        (json!({"schedule": {"now": true}}), 422),
        (
            json!({"schedule": {"at": {"wall": "2020-01-01 09:00", "zone": zone}}}),
            422,
        ),
        (
            json!({"schedule": {"at": {"wall": "9", "zone": zone}}, "at": 1}),
            422,
        ),
    ] {
        let answer = world.post(&schedule, &wrong).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.body);
    }
    let at = json!({"schedule": {"at": {"wall": "2026-12-24 09:00", "zone": zone}}});
    let scheduled = world.post(&schedule, &at).await;
    assert_eq!(scheduled.status, 200, "{}", scheduled.body);
    assert_eq!(scheduled.body["state"], "scheduled");
    assert_eq!(scheduled.body["scheduled_for"], "2026-12-24T00:00:00.000Z");
    let gone = world.post(&format!("{path}/discard"), &json!({})).await;
    assert_eq!(gone.body["state"], "discarded");
    assert_eq!(world.post(&schedule, &at).await.status, 409);
    // What a header says where the body does not; both have to agree.
    let request = |purpose: &str| {
        let request = world.request(0, "POST", "/v1/campaigns");
        request.header("Chingu-Purpose", purpose)
    };
    let sent = request("information").body(hello().to_string().into());
    let answer = world.send(sent.unwrap()).await;
    assert_eq!(answer.body["purpose"], "information", "{}", answer.body);
    let mut body = hello();
    body["purpose"] = json!("promotion");
    let sent = request("information").body(body.to_string().into());
    let answer = world.send(sent.unwrap()).await;
    assert_eq!(
        (answer.status, properties(&answer)),
        (422, BTreeSet::from(["purpose"]))
    );
}

async fn without_funds_it_waits_and_beyond_a_budget_it_is_refused(engine: Engine) {
    let world = world(engine).await;
    world.befriend(KIM).await;
    let path = world.create(&hello()).await;
    let launch = format!("{path}/launch");
    let waits = world.post_by_key(&launch, "go", &json!({})).await;
    assert_eq!(waits.status, 202, "{}", waits.body);
    assert_eq!(waits.body["campaign"]["state"], "waiting_for_funds");
    assert_eq!(waits.body["needed"]["amount"], "15");
    assert!(waits.body["held"].is_null());
    let again = world.post_by_key(&launch, "go", &json!({})).await;
    assert_eq!((again.status, &again.body), (202, &waits.body));
    world.top_up(10).await;
    let launched = world.post_by_key(&launch, "go on", &json!({})).await;
    assert_eq!(
        (launched.status, &launched.body["granted"]),
        (200, &json!(1))
    );
    let mut body = hello();
    body["budget"] = json!("14");
    let path = world.create(&body).await;
    let launch = format!("{path}/launch");
    let beyond = world.post_by_key(&launch, "dear", &json!({})).await;
    assert_eq!((beyond.status, beyond.problem()), (402, "not-enough"));
    assert_eq!(world.get(&path).await.body["state"], "approved");
}

async fn a_test_goes_to_testers_alone(engine: Engine) {
    let world = world(engine).await;
    world.befriend(KIM).await;
    world.befriend(LEE).await;
    let path = world.create(&hello()).await;
    let test = format!("{path}/test");
    let nobody = world.post(&test, &json!({})).await;
    assert_eq!(nobody.status, 422, "{}", nobody.body);
    let directory = Directory::of(world.store.clone(), world.clock.clone(), world.ids.clone());
    let (business, account) = (world.account.business, world.account.id);
    directory.add_tester(business, account, KIM).await.unwrap();
    let strangers = world.post(&test, &json!({"to": [LEE, KIM]})).await;
    assert_eq!(strangers.status, 422, "{}", strangers.body);
    assert_eq!(properties(&strangers), BTreeSet::from(["to", "to[0]"]));
    let sent = world.post_by_key(&test, "t", &json!({"to": [KIM]})).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(sent.body["campaign"]["is_test"], true);
    assert_eq!(
        (&sent.body["granted"], &sent.body["held"]["amount"]),
        (&json!(1), &json!("0"))
    );
    let again = world.post_by_key(&test, "t", &json!({"to": [KIM]})).await;
    assert_eq!(again.body, sent.body);
    assert_eq!(world.get(&path).await.body["state"], "approved");
    assert_eq!(world.count().await, 1, "a test is on no list");
}

async fn another_businesss_campaign_is_not_there(engine: Engine) {
    let world = world(engine).await;
    world.befriend(KIM).await;
    let path = world.create(&hello()).await;
    let steps = [
        "approve", "schedule", "test", "launch", "pause", "resume", "cancel", "discard",
    ];
    let posts = steps.map(|step| ("POST", format!("{path}/{step}")));
    let reads = ["", "/progress", "/bill", "/report", "/sends.csv"];
    let reads = reads.map(|read| ("GET", format!("{path}{read}")));
    let evidence = ("GET", format!("{path}/sends/{KIM}"));
    let friend = ("GET", format!("/v1/friends/{KIM}"));
    let consents = ("GET", format!("/v1/friends/{KIM}/consents"));
    let all = posts.into_iter().chain(reads);
    for (method, path) in all.chain([evidence, friend, consents]) {
        let request = world.request(1, method, &path);
        let answer = world.send(request.body("{}".into()).unwrap()).await;
        let came = (answer.status, answer.problem());
        assert_eq!(came, (404, "not-found"), "{method} {path}");
    }
}
