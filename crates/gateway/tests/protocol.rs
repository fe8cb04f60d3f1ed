//! The fixtures, read by our side: every good case is taken, every bad one refused in words.

use std::time::Duration;

use domain::answer::{NotProcessed, PushAnswer, UnknownReason};
use domain::codec::PackedKeys;
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserKey;
use gateway::{
    Error, FrozenBody, HttpAnswer, PushRequest, Secret, Secrets, classify_push, content_hash,
    parse_events, push_body, retry_after, select_variables, sign, verify,
};
use serde_json::{Value, json};

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../fixtures/", $name))).unwrap()
    };
}

fn cases(fixture: &Value) -> &Vec<Value> {
    let cases = fixture["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field]
        .as_str()
        .unwrap_or_else(|| panic!("{case} has no {field}"))
}

fn time(case: &Value, field: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text(case, field)).unwrap()
}

/// Holds an outcome against `says`: null is good, a text is a part of the error's words.
fn check<T>(case: &Value, outcome: Result<T, String>) {
    let name = &case["name"];
    match (case["says"].as_str(), outcome) {
        (None, Ok(_)) => {}
        (None, Err(words)) => panic!("{name} was refused: {words}"),
        (Some(_), Ok(_)) => panic!("{name} was taken"),
        (Some(says), Err(words)) => {
            assert!(
                words.contains(says),
                "{name}: '{words}' does not say '{says}'"
            );
            assert!(
                words.len() < 400,
                "{name}: the words are as long as the body"
            );
        }
    }
}

#[test]
fn bodies_and_their_hashes_are_as_written() {
    let fixture = fixture!("bodies.json");
    let key = PushKey::parse(text(&fixture, "pushKey")).unwrap();
    for case in cases(&fixture) {
        let frozen = FrozenBody::from_stored(text(case, "stored")).unwrap();
        assert_eq!(frozen.to_stored(), text(case, "stored"));
        assert_eq!(hex::encode(frozen.hash()), text(case, "storedHash"));
        let recipients = case["recipients"].as_array().unwrap();
        let recipients: Vec<&str> = recipients.iter().map(|key| key.as_str().unwrap()).collect();
        let keys: Vec<UserKey> = recipients
            .iter()
            .map(|k| UserKey::parse(k).unwrap())
            .collect();
        let keys = PackedKeys::of(&keys);
        let variables = Some(case["variables"].to_string()).filter(|text| text != "null");
        let not_after = case["notAfter"].as_str().map(|_| time(case, "notAfter"));
        let exclude: Vec<u32> = serde_json::from_value(case["exclude"].clone()).unwrap();
        let hash = content_hash(&frozen, &keys, variables.as_deref()).unwrap();
        assert_eq!(
            gateway::ContentHash(hash).to_string(),
            text(case, "contentHash")
        );
        let body = push_body(
            key,
            &hash,
            &frozen,
            &keys,
            variables.as_deref(),
            not_after,
            &exclude,
        )
        .unwrap();
        assert_eq!(
            String::from_utf8(body.clone()).unwrap(),
            text(case, "body"),
            "{case}"
        );
        // What is written is read back, recipients in order.
        let push = PushRequest::parse(&body).unwrap();
        assert_eq!((push.push_key, push.content_hash.0), (key, hash));
        assert_eq!(push.recipients, recipients);
        assert_eq!(push.packed_recipients(), keys);
        assert_eq!((push.exclude, push.not_after), (exclude, not_after));
    }
}

#[test]
fn signatures() {
    let fixture = fixture!("signatures.json");
    let current = Secret::parse(text(&fixture, "secret")).unwrap();
    for case in cases(&fixture) {
        let secrets = Secrets {
            current: current.clone(),
            previous: case["previous"]
                .as_str()
                .map(|text| Secret::parse(text).unwrap()),
        };
        let now = Timestamp::from_millis(case["now"].as_i64().unwrap() * 1_000);
        let age = case["ageSeconds"].as_u64().map(Duration::from_secs);
        let body = text(case, "body").as_bytes();
        let outcome = verify(text(case, "header"), body, &secrets, now, age);
        check(case, outcome.map_err(|error| error.to_string()));
    }
    let now = Timestamp::from_millis(1_795_349_000_999);
    let header = sign(&current, now, b"body");
    verify(
        &header,
        b"body",
        &Secrets::of(current),
        now,
        Some(Duration::ZERO),
    )
    .unwrap();
}

#[test]
fn secrets_of_another_length_are_refused_and_never_printed() {
    for bad in ["", "short", &"x".repeat(257)] {
        assert!(
            matches!(Secret::parse(bad), Err(Error::Malformed(_))),
            "{bad:?}"
        );
    }
    let secret = Secret::parse("a-secret-of-the-gateway").unwrap();
    assert_eq!(format!("{secret:?}"), "Secret(…)");
}

#[test]
fn pushes() {
    let fixture = fixture!("pushes.json");
    for case in cases(&fixture) {
        let body = match case["raw"].as_str() {
            Some(raw) => raw.to_owned(),
            None => patched(&fixture["good"], case).to_string(),
        };
        let parsed = PushRequest::parse(body.as_bytes());
        check(case, parsed.map_err(|error| error.to_string()));
    }
    let invalid_utf8 = b"{\"pushKey\":\"\xff\xfe\"}";
    assert!(matches!(
        PushRequest::parse(invalid_utf8),
        Err(Error::Malformed(_))
    ));
    let large = vec![b' '; gateway::BODY_BYTES_MAX + 1];
    assert!(matches!(
        PushRequest::parse(&large),
        Err(Error::TooLarge { .. })
    ));
}

fn patched(good: &Value, case: &Value) -> Value {
    let mut body = good.clone();
    let fields = body.as_object_mut().unwrap();
    if let Some(field) = case["remove"].as_str() {
        fields.remove(field);
    }
    if let Some(count) = case["manyRecipients"].as_u64() {
        let recipients: Vec<String> = (0..count).map(|number| format!("user-{number}")).collect();
        fields.insert("recipients".into(), json!(recipients));
        fields.remove("variables");
    }
    for (field, value) in case["patch"].as_object().into_iter().flatten() {
        match value {
            Value::Null => fields.remove(field),
            value => fields.insert(field.clone(), value.clone()),
        };
    }
    body
}

#[test]
fn every_cut_of_a_push_is_refused_without_a_panic() {
    let body = fixture!("pushes.json")["good"].to_string();
    for end in 0..body.len() {
        assert!(
            PushRequest::parse(&body.as_bytes()[..end]).is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn answers() {
    let fixture = fixture!("answers.json");
    let key = PushKey::parse(text(&fixture, "pushKey")).unwrap();
    let size = fixture["size"].as_u64().unwrap() as u32;
    let now = time(&fixture, "now");
    for case in cases(&fixture) {
        let answer = HttpAnswer {
            status: case["status"].as_u64().unwrap() as u16,
            retry_after: case["retryAfter"].as_str(),
            body: text(case, "body").as_bytes(),
        };
        let means = in_words(&classify_push(answer, key, size, now));
        assert_eq!(means, text(case, "means"), "{}", case["name"]);
    }
}

fn in_words(answer: &PushAnswer) -> String {
    let pause = |pause: &Option<Duration>| match pause {
        Some(pause) => format!(" {}", pause.as_secs()),
        None => String::new(),
    };
    match answer {
        PushAnswer::Processed(results) if results.replayed => "replayed".to_owned(),
        PushAnswer::Processed(results) => {
            assert!(results.add_up_to(10));
            "processed".to_owned()
        }
        PushAnswer::NotProcessed {
            reason,
            retry_after,
        } => {
            let reason = match reason {
                NotProcessed::Unreachable => "unreachable",
                NotProcessed::Unauthorized => "unauthorized",
                NotProcessed::Throttled => "throttled",
                NotProcessed::Unavailable => "unavailable",
                NotProcessed::DeadlinePassed => "deadline_passed",
            };
            format!("not_processed {reason}{}", pause(retry_after))
        }
        PushAnswer::Rejected { status } => format!("rejected {status}"),
        PushAnswer::InProgress { retry_after } => format!("in_progress{}", pause(retry_after)),
        PushAnswer::ContentMismatch => "content_mismatch".to_owned(),
        PushAnswer::Closed => "closed".to_owned(),
        PushAnswer::Unknown(UnknownReason::ServerError(status)) => {
            format!("unknown server_error {status}")
        }
        PushAnswer::Unknown(UnknownReason::BadAnswer) => "unknown bad_answer".to_owned(),
        PushAnswer::Unknown(reason) => format!("unknown {reason:?}"),
    }
}

#[test]
fn events_are_read_one_by_one() {
    let fixture = fixture!("events.json");
    let now = time(&fixture, "now");
    let events: Vec<&Value> = cases(&fixture).iter().map(|case| &case["event"]).collect();
    // All of them in one request: no bad one touches its neighbours.
    let body = json!({ "events": events }).to_string();
    let parsed = parse_events(body.as_bytes(), now).unwrap();
    assert_eq!(parsed.len(), events.len());
    for (index, (case, outcome)) in cases(&fixture).iter().zip(parsed).enumerate() {
        if let Ok(event) = &outcome {
            let again = json!({ "events": [event.to_json()] }).to_string();
            let again = parse_events(again.as_bytes(), now).unwrap();
            assert_eq!(again[0].as_ref(), Ok(event), "{case}");
        }
        if let Err(bad) = &outcome {
            assert_eq!(bad.index, index);
        }
        check(case, outcome.map_err(|bad| bad.reason));
    }
    for case in fixture["refusedWhole"].as_array().unwrap() {
        let parsed = parse_events(text(case, "body").as_bytes(), now);
        check(case, parsed.map_err(|error| error.to_string()));
    }
}

#[test]
fn lists_of_events_are_bounded() {
    let now = Timestamp::from_millis(0);
    let many = |count: usize| json!({"events": vec![json!({}); count]}).to_string();
    assert_eq!(
        parse_events(many(1_000).as_bytes(), now).unwrap().len(),
        1_000
    );
    assert!(matches!(
        parse_events(many(1_001).as_bytes(), now),
        Err(Error::Malformed(_))
    ));
    let large = vec![b' '; gateway::BODY_BYTES_MAX + 1];
    assert!(matches!(
        parse_events(&large, now),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn pauses() {
    let fixture = fixture!("retry_after.json");
    let now = time(&fixture, "now");
    for case in cases(&fixture) {
        let pause = retry_after::parse(text(case, "text"), now);
        assert_eq!(
            pause.map(|pause| pause.as_secs()),
            case["seconds"].as_u64(),
            "{case}"
        );
    }
}

#[test]
fn variables_of_a_part_are_their_columns_at_its_positions() {
    let columns = r#"{"name":["a","b\u0000","김"],"point":["1","2","3"]}"#;
    let selected = select_variables(columns, &[2, 1]).unwrap();
    assert_eq!(selected, r#"{"name":["김","b\u0000"],"point":["3","2"]}"#);
    assert!(select_variables(columns, &[3]).is_err());
    for bad in ["", "[]", r#"{"name":"abc"}"#, "null"] {
        assert!(select_variables(bad, &[]).is_err(), "{bad:?}");
    }
}

#[test]
fn frozen_parts_that_no_messenger_would_take_are_refused() {
    let good = fixture!("bodies.json")["cases"][0]["stored"]
        .as_str()
        .unwrap()
        .to_owned();
    let without = |from: &str, to: &str| good.replacen(from, to, 1);
    for bad in [
        String::new(),
        format!(" {good}"),
        format!("{good} "),
        good[..good.len() - 1].to_owned(),
        without("\"messages\":[", "\"messages\":[],\"more\":["),
        without("cmp_", "acc_"),
        without("\"message\":0", "\"message\":1"),
        format!("[{good}]"),
    ] {
        assert!(FrozenBody::from_stored(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_body_that_would_be_too_large_is_not_built() {
    let fixture = fixture!("bodies.json");
    let frozen = FrozenBody::from_stored(text(&fixture["cases"][0], "stored")).unwrap();
    let keys = PackedKeys::of(&[UserKey::parse("kim").unwrap()]);
    let variables = json!({"name": ["x".repeat(gateway::BODY_BYTES_MAX)]}).to_string();
    let key = PushKey::from_bytes([1; 16]);
    let body = push_body(key, &[0; 32], &frozen, &keys, Some(&variables), None, &[]);
    assert!(matches!(body, Err(Error::TooLarge { .. })));
}

mod generated {
    use super::*;
    use proptest::prelude::*;

    fn frozen() -> FrozenBody {
        let fixture = fixture!("bodies.json");
        FrozenBody::from_stored(text(&fixture["cases"][0], "stored")).unwrap()
    }

    proptest! {
        #[test]
        fn pushes_round_trip(
            keys in proptest::collection::vec("U[0-9a-f]{32}|[!-~]{1,64}", 1..50),
            bytes: [u8; 16],
            millis in 0i64..4_000_000_000_000,
        ) {
            let parsed: Vec<UserKey> =
                keys.iter().map(|key| UserKey::parse(key).unwrap()).collect();
            let packed = PackedKeys::of(&parsed);
            let frozen = frozen();
            let hash = content_hash(&frozen, &packed, None).unwrap();
            let not_after = Some(Timestamp::from_millis(millis));
            let exclude: Vec<u32> = (0..keys.len() as u32).step_by(3).collect();
            let key = PushKey::from_bytes(bytes);
            let body = push_body(key, &hash, &frozen, &packed, None, not_after, &exclude).unwrap();
            let push = PushRequest::parse(&body).unwrap();
            prop_assert_eq!(&push.recipients, &keys);
            prop_assert_eq!(push.packed_recipients(), packed);
            prop_assert_eq!(push.not_after, not_after);
            prop_assert_eq!(push.push_key, key);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in "\\PC{0,60}") {
            let now = Timestamp::from_millis(0);
            let _ = PushRequest::parse(&bytes);
            let _ = parse_events(&bytes, now);
            let _ = retry_after::parse(&text, now);
            let secret = Secret::parse("a-secret-of-the-gateway").unwrap();
            let _ = verify(&text, &bytes, &Secrets::of(secret), now, None);
            let answer = HttpAnswer { status: 200, retry_after: None, body: &bytes };
            let _ = classify_push(answer, PushKey::from_bytes([0; 16]), 10, now);
        }
    }
}
