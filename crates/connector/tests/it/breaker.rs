//! When nothing is sent any more, and how it begins again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connector::breaker::UNAUTHORIZED_PAUSE;
use connector::{BreakReason, Connector};
use domain::answer::{NotProcessed, PushAnswer};
use domain::capability::Capability;
use domain::id::AccountId;

use crate::fake::{Action, Chunk, Fake, Received, accept_all, http, open};

#[tokio::test]
async fn after_401_the_connector_stops_until_time_or_reset() {
    let allowed = Arc::new(AtomicBool::new(false));
    let lets_in = allowed.clone();
    let fake = Fake::start(move |_, request| match lets_in.load(Ordering::SeqCst) {
        true => Action::Answer(accept_all(request)),
        false => Action::Answer(http(401, "", "")),
    })
    .await;
    let (connector, clock) = open(&fake.base_url, Capability::gateway());
    let chunk = Chunk::of(3);
    connector.push(&chunk.push()).await;
    assert_eq!(
        connector.is_open(chunk.account),
        Some(BreakReason::Unauthorized)
    );
    let stopped = connector.push(&chunk.push()).await;
    let PushAnswer::NotProcessed {
        reason: NotProcessed::Unauthorized,
        retry_after: Some(pause),
    } = stopped
    else {
        panic!("{stopped:?}")
    };
    assert_eq!(pause, UNAUTHORIZED_PAUSE);
    assert_eq!(fake.lines().len(), 1, "nothing was sent while open");

    // One probe after the pause; it is refused, so the breaker stays open.
    clock.advance(UNAUTHORIZED_PAUSE);
    connector.push(&chunk.push()).await;
    connector.push(&chunk.push()).await;
    assert_eq!(fake.lines().len(), 2);

    allowed.store(true, Ordering::SeqCst);
    connector.reset();
    assert!(matches!(
        connector.push(&chunk.push()).await,
        PushAnswer::Processed(_)
    ));
    assert_eq!(connector.is_open(chunk.account), None);
}

#[tokio::test]
async fn with_everything_failing_retries_fall_below_a_tenth() {
    let fake = Fake::start(|_, _| Action::Answer(http(500, "", ""))).await;
    let (connector, clock) = open(&fake.base_url, Capability::gateway());
    let chunk = Chunk::of(3);
    // A minute of a thousand pushes, which all would be sent were everything well.
    for _ in 0..1_000 {
        connector.push(&chunk.push()).await;
        clock.advance(Duration::from_millis(60));
    }
    let sent = fake.lines().len();
    assert!((20..=100).contains(&sent), "{sent} of 1,000 were sent");
    assert_eq!(connector.is_open(chunk.account), Some(BreakReason::Failing));
}

#[tokio::test]
async fn a_messenger_that_is_well_again_is_noticed() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = well.clone();
    let fake = Fake::start(move |_, request| match is_well.load(Ordering::SeqCst) {
        true => Action::Answer(accept_all(request)),
        false => Action::Close,
    })
    .await;
    let (connector, clock) = open(&fake.base_url, Capability::gateway());
    let chunk = Chunk::of(3);
    while connector.is_open(chunk.account).is_none() {
        connector.push(&chunk.push()).await;
    }
    assert_eq!(fake.lines().len(), 20, "fewer answers prove nothing");
    well.store(true, Ordering::SeqCst);
    clock.advance(Duration::from_secs(1));
    for _ in 0..10 {
        assert!(matches!(
            connector.push(&chunk.push()).await,
            PushAnswer::Processed(_)
        ));
    }
}

#[tokio::test]
async fn a_third_of_failures_stops_nothing() {
    let fake = Fake::start(|number, request| match number % 3 {
        0 => Action::Close,
        _ => Action::Answer(accept_all(request)),
    })
    .await;
    let (connector, _) = open(&fake.base_url, Capability::gateway());
    let chunk = Chunk::of(3);
    for _ in 0..120 {
        connector.push(&chunk.push()).await;
    }
    assert_eq!(fake.lines().len(), 120);
    assert_eq!(connector.is_open(chunk.account), None);
}

/// Whose push it is the fake tells by its size.
const STRUCK: u32 = 3;

fn is_struck(request: &Received) -> bool {
    request.json()["recipients"].as_array().unwrap().len() == STRUCK as usize
}

fn two_accounts() -> (Chunk, Chunk) {
    let mut other = Chunk::of(STRUCK + 1);
    other.account = AccountId::from_bytes([2; 16]);
    (Chunk::of(STRUCK), other)
}

#[tokio::test]
async fn an_account_that_fails_stops_alone() {
    let fake = Fake::start(|_, request| match is_struck(request) {
        true => Action::Answer(http(500, "", "")),
        false => Action::Answer(accept_all(request)),
    })
    .await;
    let (connector, _) = open(&fake.base_url, Capability::gateway());
    let (struck, other) = two_accounts();
    for _ in 0..100 {
        connector.push(&struck.push()).await;
        let answer = connector.push(&other.push()).await;
        assert!(matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
    }
    assert_eq!(fake.lines().len(), 100 + 20);
    assert_eq!(
        connector.is_open(struck.account),
        Some(BreakReason::Failing)
    );
    assert_eq!(connector.is_open(other.account), None);
}

#[tokio::test]
async fn retry_after_is_obeyed_by_the_account_that_was_told() {
    let fake = Fake::start(|number, request| match (is_struck(request), number) {
        (true, 0) => Action::Answer(http(429, "Retry-After: 2\r\n", "")),
        _ => Action::Answer(accept_all(request)),
    })
    .await;
    let (connector, clock) = open(&fake.base_url, Capability::gateway());
    let (struck, other) = two_accounts();
    connector.push(&struck.push()).await;
    clock.advance(Duration::from_millis(1_500));
    let told = connector.push(&struck.push()).await;
    let expected = PushAnswer::NotProcessed {
        reason: NotProcessed::Throttled,
        retry_after: Some(Duration::from_millis(500)),
    };
    assert_eq!(told, expected, "nothing was sent");
    let answer = connector.push(&other.push()).await;
    assert!(matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
    clock.advance(Duration::from_millis(500));
    // No probe: everything may go at once.
    for _ in 0..3 {
        let answer = connector.push(&struck.push()).await;
        assert!(matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
    }
    assert_eq!(fake.lines().len(), 5);
}
