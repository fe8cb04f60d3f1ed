//! Requests that are wrong: a clear error each, nothing recorded.

use gateway::{BODY_BYTES_MAX, Secret, sign};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Chunk, SECRET, TOKEN, World, now};

struct Wrong {
    name: &'static str,
    token: Option<&'static str>,
    content_type: Option<&'static str>,
    key: Option<String>,
    secret: &'static str,
    body: Vec<u8>,
    expected: (u16, &'static str),
}

#[tokio::test]
async fn wrong_pushes_are_refused_and_leave_nothing() {
    let world = World::start(&[]).await;
    let chunk = Chunk::of(1, 3);
    let right = || Wrong {
        name: "",
        token: Some(TOKEN),
        content_type: Some("application/json"),
        key: Some(chunk.key.to_string()),
        secret: SECRET,
        body: chunk.body(),
        expected: (200, ""),
    };
    let other_key = Chunk::of(2, 3).key.to_string();
    let cases = [
        Wrong {
            name: "no token",
            token: None,
            expected: (401, "unauthorized"),
            ..right()
        },
        Wrong {
            name: "another token",
            token: Some("token-of-the-gatewax"),
            expected: (401, "unauthorized"),
            ..right()
        },
        Wrong {
            name: "an empty token",
            token: Some(""),
            expected: (401, "unauthorized"),
            ..right()
        },
        Wrong {
            name: "a longer token",
            token: Some("token-of-the-gateway2"),
            expected: (401, "unauthorized"),
            ..right()
        },
        Wrong {
            name: "another secret",
            secret: "another-secret-of-16",
            expected: (401, "bad_signature"),
            ..right()
        },
        Wrong {
            name: "no signature",
            secret: "",
            expected: (401, "bad_signature"),
            ..right()
        },
        Wrong {
            name: "no content type",
            content_type: None,
            expected: (415, "not_json"),
            ..right()
        },
        Wrong {
            name: "another content type",
            content_type: Some("text/plain"),
            expected: (415, "not_json"),
            ..right()
        },
        Wrong {
            name: "no key header",
            key: None,
            expected: (400, "malformed"),
            ..right()
        },
        Wrong {
            name: "another key header",
            key: Some(other_key),
            expected: (400, "malformed"),
            ..right()
        },
        Wrong {
            name: "an empty body",
            body: Vec::new(),
            expected: (400, "malformed"),
            ..right()
        },
        Wrong {
            name: "half a body",
            body: chunk.body()[..90].to_vec(),
            expected: (400, "malformed"),
            ..right()
        },
        Wrong {
            name: "bytes that are no text",
            body: vec![0xff; 50],
            expected: (400, "malformed"),
            ..right()
        },
        Wrong {
            name: "too large",
            body: vec![b' '; BODY_BYTES_MAX + 1],
            expected: (413, "too_large"),
            ..right()
        },
    ];
    let count = cases.len();
    for case in cases {
        let (status, body) = send(&world, &case).await;
        assert_eq!(
            (status, body["code"].as_str()),
            (case.expected.0, Some(case.expected.1)),
            "{}: {body}",
            case.name
        );
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|words| !words.is_empty()),
            "{}",
            case.name
        );
    }
    assert_eq!(count, 14);
    assert!(world.log().await.is_empty());
    let json_with_charset = Wrong {
        content_type: Some("Application/JSON; charset=utf-8"),
        ..right()
    };
    assert_eq!(send(&world, &json_with_charset).await.0, 200);
}

async fn send(world: &World, case: &Wrong) -> (u16, Value) {
    let url = format!("{}/messenger/gateway/v1/pushes", world.address);
    let mut request = world.client.post(url).body(case.body.clone());
    if let Some(token) = case.token {
        request = request.bearer_auth(token);
    }
    if let Some(kind) = case.content_type {
        request = request.header("content-type", kind);
    }
    if let Some(key) = &case.key {
        request = request.header("idempotency-key", key);
    }
    if !case.secret.is_empty() {
        let secret = Secret::parse(case.secret).unwrap();
        let signature = sign(&secret, now(&world.clock), &case.body);
        request = request.header("chingu-signature", signature);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn questions_about_something_else_than_a_key_are_refused() {
    let world = World::start(&[]).await;
    for path in [
        "x",
        "00000000",
        "%00",
        "..%2f..",
        "6B1F4F5E-5D0A-5C41-9A51-0D7A0F3C2B1",
    ] {
        for (method, end) in [(Method::GET, ""), (Method::POST, "/close")] {
            let url = format!("{}/messenger/gateway/v1/pushes/{path}{end}", world.address);
            let request = world.client.request(method, url).bearer_auth(TOKEN);
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), 400, "{path}");
        }
    }
    let url = format!(
        "{}/messenger/gateway/v1/pushes/{}/close",
        world.address,
        Chunk::of(1, 1).key
    );
    assert_eq!(
        world
            .client
            .post(url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        401
    );
}

#[tokio::test]
async fn control_asks_for_the_token_and_refuses_what_it_does_not_know() {
    let world = World::start(&["latency=1ms"]).await;
    for (method, path) in [
        (Method::GET, "faults"),
        (Method::PUT, "faults"),
        (Method::GET, "summary"),
        (Method::POST, "events"),
        (Method::POST, "resolve_uncertain"),
    ] {
        let url = format!("{}/messenger/control/{path}", world.address);
        let response = world.client.request(method, url).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 401, "{path}");
    }
    for body in [
        json!(null),
        json!({}),
        json!({"faults": "latency=1ms"}),
        json!({"faults": ["latency"]}),
        json!({"faults": [], "more": 1}),
    ] {
        let (status, answer) = world.control(Method::PUT, "faults", body.clone()).await;
        assert_eq!(
            (status, answer["code"].as_str()),
            (400, Some("malformed")),
            "{body}"
        );
    }
    for body in [
        json!({"confirmed": 2}),
        json!({"confirmed": -1}),
        json!([]),
        json!({"a": 1}),
    ] {
        let (status, _) = world
            .control(Method::POST, "resolve_uncertain", body.clone())
            .await;
        assert_eq!(status, 400, "{body}");
    }
    let (_, shown) = world.control(Method::GET, "faults", json!(null)).await;
    assert_eq!(
        shown["faults"],
        json!(["latency=1ms"]),
        "a refused switch changes nothing"
    );
}
