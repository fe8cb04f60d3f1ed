//! What a failed or strange exchange proves.

use std::time::Duration;

use connector::{Connector, Error, GatewayConfig, GatewayConnector};
use domain::answer::{
    AskAnswer, CloseAnswer, NotProcessed, PushAnswer, PushResults, UnknownReason,
};
use domain::capability::Capability;
use domain::trace::{Share, traceparent};
use gateway::{PushRequest, Secret, Secrets, verify};

use crate::fake::{
    Action, Chunk, Fake, ManualClock, NOW_MILLIS, REQUEST_TIMEOUT, SECRET, TOKEN, accept_all,
    config, http, key, open,
};

const SIZE: u32 = 3;

fn unknown(reason: UnknownReason) -> PushAnswer {
    PushAnswer::Unknown(reason)
}

fn not_processed(reason: NotProcessed, seconds: Option<u64>) -> PushAnswer {
    PushAnswer::NotProcessed {
        reason,
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn result(accepted: u32) -> String {
    format!(r#"{{"pushKey":"{}","accepted":{accepted}}}"#, key())
}

async fn push_meets(action: impl Fn() -> Action + Send + Sync + 'static) -> PushAnswer {
    let fake = Fake::start(move |_, _| action()).await;
    let (connector, _) = open(&fake.base_url, Capability::gateway());
    let answer = connector.push(&Chunk::of(SIZE).push()).await;
    let requests = fake.lines();
    assert_eq!(requests, ["POST /v1/pushes"], "one request, never repeated");
    answer
}

#[tokio::test]
async fn broken_exchanges_prove_nothing() {
    use UnknownReason::{BadAnswer, ConnectionLost, Timeout};
    let cut = |text: String| text.into_bytes();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"pushKey\"";
    let large = format!("{}{}", result(SIZE), " ".repeat(gateway::ANSWER_BYTES_MAX));
    type Case = (
        &'static str,
        Box<dyn Fn() -> Action + Send + Sync>,
        UnknownReason,
    );
    let cases: Vec<Case> = vec![
        (
            "closed without a byte",
            Box::new(|| Action::Close),
            ConnectionLost,
        ),
        ("reset", Box::new(|| Action::Reset), ConnectionLost),
        ("never answered", Box::new(|| Action::Hang), Timeout),
        (
            "half a head",
            Box::new(|| Action::AnswerAndClose(b"HTTP/1.1 200".to_vec())),
            ConnectionLost,
        ),
        (
            "not HTTP",
            Box::new(|| Action::AnswerAndClose(b"220 mail ready\r\n\r\n".to_vec())),
            ConnectionLost,
        ),
        (
            "a head without its body",
            Box::new(move || {
                Action::AnswerAndClose(cut("HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n".into()))
            }),
            ConnectionLost,
        ),
        (
            "half a body",
            Box::new(move || {
                let whole = http(200, "", &result(SIZE));
                Action::AnswerAndClose(whole.as_bytes()[..whole.len() - 9].to_vec())
            }),
            ConnectionLost,
        ),
        (
            "half a chunk",
            Box::new(move || Action::AnswerAndClose(chunked.into())),
            ConnectionLost,
        ),
        (
            "a body that drips",
            Box::new(|| Action::Drip(http(200, "", &result(SIZE)))),
            Timeout,
        ),
        (
            "a body without an end",
            Box::new(move || Action::Answer(http(200, "", &large))),
            BadAnswer,
        ),
        (
            "another push's result",
            Box::new(|| {
                let other = key().part(0);
                Action::Answer(http(
                    200,
                    "",
                    &format!(r#"{{"pushKey":"{other}","accepted":3}}"#),
                ))
            }),
            BadAnswer,
        ),
        (
            "too many accepted",
            Box::new(|| Action::Answer(http(200, "", &result(4)))),
            BadAnswer,
        ),
        (
            "a redirect",
            Box::new(|| Action::Answer(http(307, "Location: http://127.0.0.1:1/\r\n", ""))),
            BadAnswer,
        ),
        (
            "500 cut off",
            Box::new(|| {
                Action::AnswerAndClose(b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n".to_vec())
            }),
            UnknownReason::ServerError(500),
        ),
        (
            "503 cut off",
            Box::new(|| {
                Action::AnswerAndClose(
                    b"HTTP/1.1 503 X\r\nContent-Length: 20\r\n\r\n{\"pro".to_vec(),
                )
            }),
            UnknownReason::ServerError(503),
        ),
        (
            "410 cut off",
            Box::new(|| {
                Action::AnswerAndClose(
                    b"HTTP/1.1 410 X\r\nContent-Length: 20\r\n\r\n{\"cod".to_vec(),
                )
            }),
            ConnectionLost,
        ),
    ];
    for (name, action, reason) in cases {
        assert_eq!(push_meets(action).await, unknown(reason), "{name}");
    }
}

#[tokio::test]
async fn whole_answers_are_classified_by_the_protocol() {
    use NotProcessed::{Throttled, Unauthorized, Unavailable};
    let date = "Retry-After: Sun, 22 Nov 2026 12:00:09 GMT\r\n";
    assert_eq!(
        NOW_MILLIS, 1_795_348_800_000,
        "the fake's clock stands at 12:00"
    );
    let in_progress = |seconds: Option<u64>| PushAnswer::InProgress {
        retry_after: seconds.map(Duration::from_secs),
    };
    let accepted = PushAnswer::Processed(PushResults {
        accepted: SIZE,
        ..PushResults::default()
    });
    let cases: Vec<(u16, &'static str, String, PushAnswer)> = vec![
        (200, "", result(SIZE), accepted),
        (
            409,
            "Retry-After: 2\r\n",
            r#"{"code":"in_progress"}"#.into(),
            in_progress(Some(2)),
        ),
        (
            409,
            "",
            r#"{"code":"in_progress"}"#.into(),
            in_progress(None),
        ),
        (410, "", r#"{"code":"closed"}"#.into(), PushAnswer::Closed),
        (410, "", String::new(), unknown(UnknownReason::BadAnswer)),
        (
            422,
            "",
            r#"{"code":"content_mismatch"}"#.into(),
            PushAnswer::ContentMismatch,
        ),
        (
            429,
            "Retry-After: 7\r\n",
            String::new(),
            not_processed(Throttled, Some(7)),
        ),
        (429, date, String::new(), not_processed(Throttled, Some(9))),
        (
            429,
            "Retry-After: \u{e9}\r\n",
            String::new(),
            not_processed(Throttled, None),
        ),
        (
            503,
            "Retry-After: 1\r\n",
            r#"{"processed":false}"#.into(),
            not_processed(Unavailable, Some(1)),
        ),
        (
            503,
            "",
            String::new(),
            unknown(UnknownReason::ServerError(503)),
        ),
        (401, "", String::new(), not_processed(Unauthorized, None)),
        (403, "", String::new(), not_processed(Unauthorized, None)),
        (400, "", String::new(), PushAnswer::Rejected { status: 400 }),
        (413, "", String::new(), PushAnswer::Rejected { status: 413 }),
        (415, "", String::new(), PushAnswer::Rejected { status: 415 }),
        (404, "", String::new(), unknown(UnknownReason::BadAnswer)),
        (
            502,
            "",
            "<html>".into(),
            unknown(UnknownReason::ServerError(502)),
        ),
    ];
    for (status, headers, body, expected) in cases {
        let name = format!("{status} {headers}{body}");
        let bytes = http(status, headers, &body);
        assert_eq!(
            push_meets(move || Action::Answer(bytes.clone())).await,
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn refusals_whose_status_is_proof_need_no_whole_body() {
    for (status, expected) in [
        (429, not_processed(NotProcessed::Throttled, None)),
        (401, not_processed(NotProcessed::Unauthorized, None)),
        (400, PushAnswer::Rejected { status: 400 }),
    ] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: 50\r\n\r\n{{\"co").into_bytes();
        let answer = push_meets(move || Action::AnswerAndClose(head.clone())).await;
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn only_a_connection_that_never_came_to_be_proves_that_nothing_was_processed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (connector, _) = open(&format!("http://{address}"), Capability::gateway());
    let answer = connector.push(&Chunk::of(SIZE).push()).await;
    assert_eq!(answer, not_processed(NotProcessed::Unreachable, None));
    assert_eq!(connector.close(key(), SIZE).await, CloseAnswer::Unknown);
    assert_eq!(connector.ask(key(), SIZE).await, AskAnswer::Unknown);
}

#[tokio::test]
async fn a_push_carries_what_the_protocol_asks_for() {
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    let (connector, _) = open(&format!("{}/base/", fake.base_url), Capability::gateway());
    let mut chunk = Chunk::of(SIZE);
    chunk.exclude = vec![1];
    // The fake accepts the excluded one as well, so this is an answer that adds up all the same.
    assert!(matches!(
        connector.push(&chunk.push()).await,
        PushAnswer::Processed(_)
    ));
    let received = fake.received.lock().unwrap().remove(0);
    assert_eq!(received.line, "POST /base/v1/pushes");
    assert_eq!(received.header("authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(received.header("idempotency-key"), key().to_string());
    assert_eq!(received.header("content-type"), "application/json");
    let secrets = Secrets::of(Secret::parse(SECRET).unwrap());
    let now = domain::time::Timestamp::from_millis(NOW_MILLIS);
    let header = received.header("chingu-signature");
    verify(header, &received.body, &secrets, now, Some(Duration::ZERO)).unwrap();
    let push = PushRequest::parse(&received.body).unwrap();
    assert_eq!((push.push_key, push.exclude), (key(), vec![1]));
    assert_eq!(push.content_hash.0, chunk.push().content_hash);
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    let (connector, clock) = open(&fake.base_url, Capability::gateway());
    let mut chunk = Chunk::of(SIZE);
    chunk.deadline = Duration::from_secs(1);
    clock.advance(Duration::from_millis(999));
    assert!(matches!(
        connector.push(&chunk.push()).await,
        PushAnswer::Processed(_)
    ));
    clock.advance(Duration::from_millis(1));
    let expected = not_processed(NotProcessed::DeadlinePassed, None);
    assert_eq!(connector.push(&chunk.push()).await, expected);
    assert_eq!(fake.lines().len(), 1);
}

#[tokio::test]
async fn a_body_larger_than_the_protocol_allows_is_refused_like_a_413() {
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    let (connector, _) = open(&fake.base_url, Capability::gateway());
    let mut chunk = Chunk::of(1);
    chunk.variables = Some(format!(
        r#"{{"a":["{}"]}}"#,
        "x".repeat(gateway::BODY_BYTES_MAX)
    ));
    let answer = connector.push(&chunk.push()).await;
    assert_eq!(answer, PushAnswer::Rejected { status: 413 });
    assert_eq!(fake.lines().len(), 0);
}

#[tokio::test]
async fn closing_a_key_is_classified() {
    let processed = CloseAnswer::Processed(PushResults {
        accepted: SIZE,
        ..PushResults::default()
    });
    let in_progress = CloseAnswer::InProgress {
        retry_after: Some(Duration::from_secs(1)),
    };
    let cases: Vec<(u16, &'static str, String, CloseAnswer)> = vec![
        (200, "", result(SIZE), processed),
        (
            200,
            "",
            r#"{"processed":false}"#.into(),
            CloseAnswer::Closed,
        ),
        (
            200,
            "",
            r#"{"processed":true}"#.into(),
            CloseAnswer::Unknown,
        ),
        (
            200,
            "",
            r#"{"processed":false,"accepted":3}"#.into(),
            CloseAnswer::Unknown,
        ),
        (200, "", result(2), CloseAnswer::Unknown),
        (
            409,
            "Retry-After: 1\r\n",
            r#"{"code":"in_progress"}"#.into(),
            in_progress,
        ),
        (409, "", String::new(), CloseAnswer::Unknown),
        (
            404,
            "",
            r#"{"code":"not_found"}"#.into(),
            CloseAnswer::Unknown,
        ),
        (410, "", r#"{"code":"closed"}"#.into(), CloseAnswer::Unknown),
        (
            500,
            "",
            r#"{"processed":false}"#.into(),
            CloseAnswer::Unknown,
        ),
        (429, "", String::new(), CloseAnswer::Unknown),
    ];
    for (status, headers, body, expected) in cases {
        let bytes = http(status, headers, &body);
        let fake = Fake::start(move |_, _| Action::Answer(bytes.clone())).await;
        let (connector, _) = open(&fake.base_url, Capability::gateway());
        assert_eq!(
            connector.close(key(), SIZE).await,
            expected,
            "{status} {body}"
        );
        assert_eq!(fake.lines(), [format!("POST /v1/pushes/{}/close", key())]);
    }
}

#[tokio::test]
async fn asking_for_a_key_is_classified() {
    let processed = AskAnswer::Processed(PushResults {
        accepted: SIZE,
        ..PushResults::default()
    });
    let cases: Vec<(u16, String, AskAnswer)> = vec![
        (200, result(SIZE), processed),
        (200, result(2), AskAnswer::OtherRecipients),
        (200, r#"{"processed":false}"#.into(), AskAnswer::Unknown),
        (410, r#"{"code":"closed"}"#.into(), AskAnswer::Closed),
        (410, String::new(), AskAnswer::Unknown),
        (404, r#"{"code":"not_found"}"#.into(), AskAnswer::NotFound),
        (404, "no such page".into(), AskAnswer::Unknown),
        (500, String::new(), AskAnswer::Unknown),
        (401, String::new(), AskAnswer::Unknown),
    ];
    for (status, body, expected) in cases {
        let bytes = http(status, "", &body);
        let fake = Fake::start(move |_, _| Action::Answer(bytes.clone())).await;
        let (connector, _) = open(&fake.base_url, Capability::gateway());
        assert_eq!(
            connector.ask(key(), SIZE).await,
            expected,
            "{status} {body}"
        );
        assert_eq!(fake.lines(), [format!("GET /v1/pushes/{}", key())]);
    }
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let clock = || std::sync::Arc::new(ManualClock::default());
    for address in [
        "",
        "localhost:8080",
        "https://",
        "ftp://example.com",
        "http://",
        "http://u:p@example.com",
        "http://example.com/?a=b",
        "http://example.com/#a",
        "/base",
    ] {
        let opened = GatewayConnector::open(config(address, Capability::gateway()), clock());
        assert!(matches!(opened, Err(Error::Address(_))), "{address}");
    }
    for token in ["", "a\nb", "a\u{0}"] {
        let mut config = config("http://127.0.0.1:1", Capability::gateway());
        config.token = token.to_owned();
        let opened = GatewayConnector::open(config, clock());
        assert!(matches!(opened, Err(Error::Token)), "{token:?}");
    }
    let mut config = config("http://127.0.0.1:1", Capability::gateway());
    config.request_timeout = Duration::ZERO;
    assert!(matches!(
        GatewayConnector::open(config, clock()),
        Err(Error::Timeout)
    ));
    assert!(REQUEST_TIMEOUT > Duration::ZERO);
}

#[tokio::test]
async fn a_push_names_its_trace() {
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    for (traced, flags) in [(Share::NONE, "00"), (Share::per_million(1_000_000), "01")] {
        let config = GatewayConfig {
            traced,
            ..config(&fake.base_url, Capability::gateway())
        };
        let connector =
            GatewayConnector::open(config, std::sync::Arc::new(ManualClock::default())).unwrap();
        connector.push(&Chunk::of(SIZE).push()).await;
        let received = fake.received.lock().unwrap().pop().unwrap();
        let told = received.header("traceparent").to_owned();
        assert_eq!(told, traceparent(&key(), traced));
        assert!(told.ends_with(flags), "{told}");
    }
}
