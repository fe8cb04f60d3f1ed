//! Bodies and events that are wrong, one by one: each is told why, and nothing else is lost.

use super::*;

testkit::on_both_engines![
    bodies_that_are_no_list_are_refused_whole,
    a_bad_event_costs_itself_only,
    an_event_that_is_nested_without_end_costs_itself_only,
    elements_that_are_no_event_are_refused_in_their_place,
];

/// Bodies that are refused whole, with a word of the answer.
const BODIES: [(&str, &str); 42] = [
    ("", "EOF"),
    (" ", "EOF"),
    ("{", "EOF"),
    ("}", "expected an object"),
    ("[]", "expected an object"),
    ("null", "expected an object"),
    ("true", "expected an object"),
    ("7", "expected an object"),
    ("\"events\"", "expected an object"),
    ("{}", "events"),
    ("{\"events\"}", "expected"),
    ("{\"events\":}", "expected"),
    ("{\"events\":null}", "invalid type"),
    ("{\"events\":{}}", "invalid type"),
    ("{\"events\":\"all\"}", "invalid type"),
    ("{\"events\":1}", "invalid type"),
    ("{\"events\":true}", "invalid type"),
    ("{\"events\":[}", "expected"),
    ("{\"events\":[", "EOF"),
    ("{\"events\":[]", "EOF"),
    ("{\"events\":[,]}", "expected"),
    ("{\"events\":[{},]}", "trailing comma"),
    ("{\"events\":[{]}", "key must be a string"),
    ("{\"events\":[{\"id\":}]}", "expected"),
    ("{\"events\":[{\"id\":\"a\" \"b\"}]}", "expected"),
    ("{\"events\":[\"]}", "EOF"),
    ("{\"events\":[nul]}", "expected"),
    ("{\"events\":[01]}", "invalid number"),
    ("{\"events\":[+1]}", "expected"),
    ("{\"events\":[.5]}", "expected"),
    ("{\"events\":[NaN]}", "expected"),
    ("{\"events\":['a']}", "expected"),
    ("{\"events\":[]}{}", "trailing characters"),
    ("{\"events\":[]},", "trailing characters"),
    ("{\"events\":[]} x", "trailing characters"),
    ("{'events':[]}", "key must be a string"),
    ("{events:[]}", "key must be a string"),
    ("{\"Events\":[]}", "events"),
    ("{\"event\":[]}", "events"),
    ("{\"events\":[],\"events\":[]}", "duplicate field"),
    ("<events/>", "expected an object"),
    ("events=1&a=b", "expected an object"),
];

/// What is wrong with one event, as changes to a good one, and a word of the reason.
fn events() -> Vec<(Value, Value, &'static str)> {
    let key = "5f0b7e2c-9c57-5d1c-8e8a-0d6f5a3b2c1d";
    let added = |changes: Value| ("friend.added", changes);
    let consent = |changes: Value| {
        let mut fields = json!({"kind": "promotion", "granted": true, "wording": WORDING});
        merge(&mut fields, changes);
        ("consent.changed", fields)
    };
    let profile = |profile: Value| ("profile.updated", json!({"profile": profile}));
    let delivery = |kind: &'static str, changes: Value| {
        let mut fields = json!({"pushKey": key, "index": 0, "code": "unreachable"});
        merge(&mut fields, changes);
        (kind, fields)
    };
    let confirmed = |changes| delivery("delivery.confirmed", changes);
    let failed = |changes| delivery("delivery.failed", changes);
    let long = "x".repeat(301);
    let cases = [
        (added(json!({"id": null})), "invalid type"),
        (added(json!({"id": 7})), "invalid type"),
        (added(json!({"id": ""})), "the id is not"),
        (added(json!({"id": "a b"})), "the id is not"),
        (added(json!({"id": "아이디"})), "the id is not"),
        (added(json!({"id": "x".repeat(129)})), "the id is not"),
        (added(json!({"id": ["e"]})), "invalid type"),
        (added(json!({"type": null})), "invalid type: null"),
        (added(json!({"type": 1})), "invalid type: integer"),
        (added(json!({"type": ""})), "not an event type"),
        (added(json!({"type": "friend"})), "not an event type"),
        (
            added(json!({"type": "friend.deleted"})),
            "not an event type",
        ),
        (added(json!({"type": "FRIEND.ADDED"})), "not an event type"),
        (
            added(json!({"type": "friend.added\u{0}"})),
            "not an event type",
        ),
        (added(json!({"at": null})), "invalid type: null"),
        (added(json!({"at": 1_795_000_000})), "invalid type: integer"),
        (added(json!({"at": ""})), "RFC 3339"),
        (added(json!({"at": "now"})), "RFC 3339"),
        (added(json!({"at": "2026-11-18"})), "RFC 3339"),
        (added(json!({"at": "2026-11-18T10:00:00"})), "RFC 3339"),
        (added(json!({"at": "2026-02-30T10:00:00Z"})), "RFC 3339"),
        (added(json!({"at": "2026-11-18T25:00:00Z"})), "RFC 3339"),
        (added(json!({"at": "99999-01-01T00:00:00Z"})), "RFC 3339"),
        (added(json!({"at": "2031-01-01T00:00:00Z"})), "ahead"),
        (added(json!({"account": null})), "account"),
        (added(json!({"account": ""})), "account"),
        (added(json!({"account": 5})), "invalid type"),
        (added(json!({"account": "hanok"})), "account"),
        (added(json!({"account": "@"})), "account"),
        (added(json!({"account": "@HANOK"})), "account"),
        (added(json!({"account": "acc_"})), "account"),
        (
            added(json!({"account": "biz_00000000000000000000000007"})),
            "account",
        ),
        (
            added(json!({"account": "@somebody"})),
            "no account @somebody",
        ),
        (
            added(json!({"account": "acc_00000000000000000000000007"})),
            "no account acc_",
        ),
        (added(json!({"user": null})), "user"),
        (added(json!({"user": ""})), "user"),
        (added(json!({"user": 3})), "invalid type"),
        (added(json!({"user": "k m"})), "user"),
        (added(json!({"user": "키"})), "user"),
        (added(json!({"user": "k".repeat(65)})), "user"),
        (added(json!({"source": 1})), "invalid type"),
        (added(json!({"source": ""})), "source"),
        (added(json!({"source": "QR Store"})), "source"),
        (added(json!({"source": "s".repeat(33)})), "source"),
        (added(json!({"source": long})), "longer"),
        (added(json!({"profile": "Kim"})), "invalid type"),
        (
            added(json!({"profile": {"displayName": "가".repeat(129)}})),
            "display_name",
        ),
        (("profile.updated", json!({})), "profile"),
        (("profile.updated", json!({"profile": null})), "profile"),
        (profile(json!([])), "invalid length"),
        (profile(json!({"displayName": 1})), "invalid type"),
        (
            profile(json!({"displayName": "a\u{7}b"})),
            "control character",
        ),
        (profile(json!({"displayName": long})), "longer"),
        (profile(json!({"language": "korean!"})), "language"),
        (profile(json!({"country": "KOR"})), "country"),
        (profile(json!({"region": "r".repeat(65)})), "region"),
        (profile(json!({"gender": "F"})), "gender"),
        (profile(json!({"birthYear": 1799})), "birth_year"),
        (profile(json!({"birthYear": 2200})), "birth_year"),
        (profile(json!({"birthYear": "1990"})), "invalid type"),
        (profile(json!({"birthYear": -5})), "invalid"),
        (profile(json!({"birthYear": 1990.5})), "invalid type"),
        (profile(json!({"birthYear": 70_000})), "invalid value"),
        (profile(json!({"timeZone": "Seoul"})), "time_zone"),
        (profile(json!({"timeZone": "../etc/passwd"})), "time_zone"),
        (consent(json!({"kind": null})), "kind"),
        (
            consent(json!({"kind": "email"})),
            "neither promotion nor night",
        ),
        (consent(json!({"kind": 1})), "invalid type"),
        (consent(json!({"granted": null})), "granted"),
        (consent(json!({"granted": "yes"})), "invalid type"),
        (consent(json!({"granted": 1})), "invalid type"),
        (consent(json!({"wording": null})), "words that were shown"),
        (consent(json!({"wording": ""})), "words that were shown"),
        (
            consent(json!({"wording": "ad-1999-01"})),
            "words that were shown",
        ),
        (consent(json!({"wording": 3})), "invalid type"),
        (consent(json!({"wording": long})), "longer"),
        (confirmed(json!({"pushKey": null})), "pushKey"),
        (confirmed(json!({"pushKey": ""})), "pushKey"),
        (confirmed(json!({"pushKey": "5f0b7e2c"})), "pushKey"),
        (confirmed(json!({"pushKey": 1})), "invalid type"),
        (confirmed(json!({"index": null})), "index"),
        (confirmed(json!({"index": -1})), "invalid value"),
        (confirmed(json!({"index": 1_000})), "1000"),
        (confirmed(json!({"index": 1.5})), "invalid type"),
        (confirmed(json!({"index": "1"})), "invalid type"),
        (failed(json!({"code": null})), "code"),
        (failed(json!({"code": ""})), "rejection code"),
        (failed(json!({"code": "because"})), "rejection code"),
        (failed(json!({"code": 5})), "invalid type"),
        (failed(json!({"pushKey": "not-a-uuid"})), "pushKey"),
        (("message.opened", json!({})), "pushKey"),
        (("message.opened", json!({"pushKey": key})), "message"),
        (
            ("message.opened", json!({"pushKey": key, "message": 5})),
            "message",
        ),
        (
            ("message.opened", json!({"pushKey": key, "message": "0"})),
            "message",
        ),
        (
            ("link.clicked", json!({"pushKey": key, "message": 0})),
            "link",
        ),
        (("coupon.used", json!({"pushKey": key})), "coupon"),
        (("message.received", json!({})), "message"),
        (("message.received", json!({"message": "hi"})), "message"),
        (("postback", json!({})), "data"),
        (("postback", json!({"data": long})), "longer"),
    ];
    let case =
        |((kind, fields), words): ((&str, Value), &'static str)| (kind.into(), fields, words);
    cases.into_iter().map(case).collect()
}

/// Elements of the list that are no event at all.
const ELEMENTS: [&str; 9] = [
    "null",
    "true",
    "1",
    "\"e\"",
    "[]",
    "{}",
    "[[]]",
    "{\"id\":\"e\"}",
    "1e999",
];

fn merge(fields: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().unwrap() {
        fields[name] = value.clone();
    }
}

async fn bodies_that_are_no_list_are_refused_whole(engine: Engine) {
    let world = world(engine).await;
    for (body, words) in BODIES {
        let answer = world.post(body).await;
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("malformed")),
            "{body}"
        );
        let message = answer.body["message"].as_str().unwrap();
        assert!(message.contains(words), "{body:?}: {message}");
    }
    for body in [
        &b"\xff\xfe"[..],
        b"{\"events\":[\"\xc0\"]}",
        b"\x00",
        b"{\"events\":[]}\x00",
    ] {
        assert_eq!(world.post(body).await.status, 400, "{body:?}");
    }
    let many = json!({"events": vec![json!({}); 1_001]}).to_string();
    let answer = world.post(&many).await;
    assert!(
        answer.body["message"]
            .as_str()
            .unwrap()
            .contains("at most 1000")
    );
}

async fn a_bad_event_costs_itself_only(engine: Engine) {
    let world = world(engine).await;
    let events = events();
    assert!(events.len() >= 100, "{} cases", events.len());
    for (number, (kind, fields, words)) in events.into_iter().enumerate() {
        let mut bad = event(
            &format!("bad-{number}"),
            kind.as_str().unwrap(),
            -5,
            json!({}),
        );
        merge(&mut bad, fields);
        let user = json!({"user": format!("neighbour-{number}")});
        let before = event(
            &format!("before-{number}"),
            "friend.added",
            -6,
            user.clone(),
        );
        let behind = event(&format!("behind-{number}"), "friend.blocked", -5, user);
        let answer = world.tell(&[before, bad.clone(), behind]).await;
        assert_eq!(
            (answer.status, &answer.body["accepted"]),
            (202, &json!(2)),
            "{bad}"
        );
        let refused = answer.body["refused"].as_array().unwrap();
        assert_eq!(
            (refused.len(), &refused[0]["index"]),
            (1, &json!(1)),
            "{bad}"
        );
        let reason = refused[0]["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{bad}: {reason}");
        assert_eq!(answer.body["ignored"], json!([]), "{bad}");
    }
    let known = world
        .state
        .store
        .user_number(&UserKey::parse("kim").unwrap())
        .await
        .unwrap();
    assert_eq!(known, None, "a refused event makes nobody known");
}

async fn an_event_that_is_nested_without_end_costs_itself_only(engine: Engine) {
    let world = world(engine).await;
    let good = event("good", "friend.added", -5, json!({}));
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let answer = world.post(format!("{{\"events\":[{deep},{good}]}}")).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.body["refused"][0]["index"], 0);
    }
}

async fn elements_that_are_no_event_are_refused_in_their_place(engine: Engine) {
    let world = world(engine).await;
    let good = event("good", "friend.added", -5, json!({})).to_string();
    let body = format!("{{\"events\":[{},{good}]}}", ELEMENTS.join(","));
    let answer = world.post(&body).await;
    assert_eq!(
        (answer.status, &answer.body["accepted"]),
        (202, &json!(1)),
        "{}",
        answer.body
    );
    let refused = answer.body["refused"].as_array().unwrap();
    let places: Vec<u64> = refused
        .iter()
        .map(|event| event["index"].as_u64().unwrap())
        .collect();
    assert_eq!(places, (0..ELEMENTS.len() as u64).collect::<Vec<_>>());
}
