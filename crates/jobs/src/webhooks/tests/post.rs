//! One request against a real socket, in every mood that programs of brands have.

use std::net::{Ipv4Addr, TcpListener};

use domain::webhook::FailureReason;
use testkit::{Mood, WebhookTaker};

use crate::webhooks::guard::Guard;
use crate::webhooks::post::{Outcome, Poster};

const BODY: &str = r#"{"destination":"U0","events":[]}"#;
/// Bytes that a socket holds while nobody reads.
const BUFFERED_MAX: u64 = 64 * 1024 * 1024;

fn poster(allow_private: bool) -> Poster {
    Poster::open(Guard { allow_private }).unwrap()
}

async fn post(url: &str) -> Outcome {
    poster(true).post(url, BODY.to_owned(), "c2lnbmVk").await
}

fn failed(reason: FailureReason, status: Option<u16>, detail: impl ToString) -> Outcome {
    Outcome {
        status,
        failure: Some(reason),
        detail: detail.to_string(),
    }
}

#[tokio::test]
async fn whatever_is_answered_with_2xx_is_taken_once() {
    for status in [200, 201, 204, 299] {
        let taker = WebhookTaker::in_moods([Mood::Answer(status)]);
        let outcome = post(&taker.url()).await;
        let expected = Outcome {
            status: Some(status),
            failure: None,
            detail: status.to_string(),
        };
        assert_eq!(outcome, expected);
        let taken = taker.taken();
        assert_eq!((taken.len(), &*taken[0].path), (1, "/hook"));
        assert_eq!(taken[0].body, BODY);
        let header = |name: &str| taken[0].headers[name].clone();
        assert_eq!(header("content-type"), "application/json; charset=utf-8");
        assert_eq!(header("x-line-signature"), "c2lnbmVk");
        assert_eq!(header("user-agent"), "LineBotWebhook/2.0");
    }
}

#[tokio::test]
async fn another_status_is_a_failure_and_no_redirect_is_followed() {
    let elsewhere = WebhookTaker::start();
    for (mood, status) in [
        (Mood::Answer(400), 400),
        (Mood::Answer(500), 500),
        (Mood::Redirect(elsewhere.url()), 302),
    ] {
        let taker = WebhookTaker::in_moods([mood]);
        let outcome = post(&taker.url()).await;
        let reason = FailureReason::ErrorStatusCode;
        assert_eq!(outcome, failed(reason, Some(status), status));
        assert_eq!(taker.connections(), 1);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_it() {
    let taker = WebhookTaker::in_moods([Mood::Huge]);
    let outcome = post(&taker.url()).await;
    assert!(outcome.is_taken(), "{outcome:?}");
    assert!(taker.written() < BUFFERED_MAX, "{}", taker.written());
}

#[tokio::test]
async fn whoever_does_not_answer_in_time_or_goes_away_is_told_apart() {
    let silent = WebhookTaker::in_moods([Mood::Silent]);
    let detail = format!("Request timeout: {}", silent.url());
    let expected = failed(FailureReason::RequestTimeout, None, detail);
    assert_eq!(post(&silent.url()).await, expected);
    let gone = WebhookTaker::in_moods([Mood::Gone]);
    let outcome = post(&gone.url()).await;
    assert_eq!(
        outcome.failure,
        Some(FailureReason::Unclassified),
        "{outcome:?}"
    );
    let garbage = WebhookTaker::in_moods([Mood::Garbage]);
    let outcome = post(&garbage.url()).await;
    assert_eq!(
        outcome.failure,
        Some(FailureReason::Unclassified),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_connection_that_never_was_is_told_from_a_handshake_that_failed() {
    // Bound once, so that nobody else has it, and let go.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/hook");
        let detail = format!("Connection failed: {url}");
        let expected = failed(FailureReason::CouldNotConnect, None, detail);
        assert_eq!(post(&url).await, expected);
    }
    let garbage = WebhookTaker::in_moods([Mood::Garbage]);
    let url = garbage.url().replace("http:", "https:");
    let detail = format!("TLS handshake failure: {url}");
    let expected = failed(FailureReason::CouldNotConnect, None, detail);
    assert_eq!(post(&url).await, expected);
    let unknown = "https://nobody.invalid/hook";
    let outcome = post(unknown).await;
    let reason = Some(FailureReason::CouldNotConnect);
    assert_eq!(outcome.failure, reason, "{outcome:?}");
}

#[tokio::test]
async fn what_is_not_public_is_never_touched() {
    let taker = WebhookTaker::start();
    let port = taker.address().port();
    let poster = poster(false);
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "user@127.0.0.1",
        "127.0.0.1.",
        "LOCALHOST",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/hook");
            let outcome = poster.post(&url, BODY.to_owned(), "c2lnbmVk").await;
            let reason = Some(FailureReason::ForbiddenAddress);
            assert_eq!(outcome.failure, reason, "{url}: {outcome:?}");
        }
    }
    assert_eq!(taker.connections(), 0);
}
