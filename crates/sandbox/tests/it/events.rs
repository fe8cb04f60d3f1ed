//! Telling the platform, which is a fake here: it answers as its script says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use domain::time::Timestamp;
use gateway::signature::EVENT_SIGNATURE_AGE_MAX;
use gateway::{Event, EventBody, parse_events, verify};
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::world::{Chunk, World, results, secrets};

#[derive(Default)]
pub struct Platform {
    /// Statuses to answer first; then 202.
    script: Mutex<Vec<u16>>,
    taken: Mutex<Vec<Event>>,
    now: Mutex<Timestamp>,
    arrived: Notify,
}

impl Platform {
    /// Waits for so many events; all that were taken.
    pub async fn events(&self, count: usize) -> Vec<Event> {
        let enough = async {
            loop {
                let arrives = self.arrived.notified();
                let taken = self.taken.lock().unwrap().clone();
                if taken.len() >= count {
                    return taken;
                }
                arrives.await;
            }
        };
        let within = Duration::from_secs(20);
        let waited = tokio::time::timeout(within, enough).await;
        waited.unwrap_or_else(|_| panic!("not {count} events: {:?}", self.taken.lock()))
    }
}

async fn take(
    State(platform): State<Arc<Platform>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let now = *platform.now.lock().unwrap();
    let signature = headers["chingu-signature"].to_str().unwrap();
    verify(
        signature,
        &body,
        &secrets(),
        now,
        Some(EVENT_SIGNATURE_AGE_MAX),
    )
    .unwrap();
    if let Some(status) = platform.script.lock().unwrap().pop() {
        return (StatusCode::from_u16(status).unwrap(), "{}");
    }
    let events = parse_events(&body, now).unwrap();
    assert!(events.len() <= gateway::EVENTS_MAX);
    let mut taken = platform.taken.lock().unwrap();
    for event in events.into_iter().flatten() {
        // As the platform does: what was told before the end of a process and is told again after
        // its start counts once, by its id.
        if taken.iter().all(|known| known.id != event.id) {
            taken.push(event);
        }
    }
    drop(taken);
    platform.arrived.notify_waiters();
    (StatusCode::ACCEPTED, r#"{"rejected":[]}"#)
}

pub async fn world_with_platform(faults: &[&str], script: &[u16]) -> (World, Arc<Platform>) {
    let (platform, url) = platform(script).await;
    let world = World::start_with(faults, Some(url)).await;
    *platform.now.lock().unwrap() = crate::world::now(&world.clock);
    (world, platform)
}

/// A platform at an address of its own, which is the time of a world that begins.
pub async fn platform(script: &[u16]) -> (Arc<Platform>, String) {
    let platform = Arc::new(Platform::default());
    *platform.script.lock().unwrap() = script.iter().rev().copied().collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://{}/gateway/v1/events",
        listener.local_addr().unwrap()
    );
    let router = Router::new()
        .route("/gateway/v1/events", post(take))
        .with_state(platform.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    *platform.now.lock().unwrap() = crate::world::BEGINNING;
    (platform, url)
}

#[tokio::test]
async fn uncertain_recipients_are_decided_once_and_told() {
    let (world, platform) = world_with_platform(&["uncertain=0.9"], &[503, 429]).await;
    let chunks = [Chunk::of(1, 1_000), Chunk::of(2, 1_000)];
    let mut uncertain = 0;
    for chunk in &chunks {
        uncertain += results(world.push(chunk).await).uncertain.len() as u64;
    }
    assert!(uncertain > 1_000, "more than one list of events");
    let accepted = world.log().await.len() as u64;
    let asked = json!({"confirmed": 0.5});
    let (status, resolved) = world
        .control(Method::POST, "resolve_uncertain", asked)
        .await;
    assert_eq!(status, 200, "{resolved}");
    let count = |name: &str| resolved[name].as_u64().unwrap();
    assert_eq!(count("confirmed") + count("failed"), uncertain);
    assert_eq!(count("told"), uncertain);
    // What was confirmed was delivered: the log says so from now on.
    assert_eq!(
        world.log().await.len() as u64,
        accepted + count("confirmed")
    );

    let taken = platform.taken.lock().unwrap().clone();
    let ids: std::collections::HashSet<&str> =
        taken.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(
        (taken.len() as u64, ids.len() as u64),
        (uncertain, uncertain)
    );
    let confirmed = taken
        .iter()
        .filter(|event| matches!(event.body, EventBody::Delivery { failed: None, .. }));
    assert_eq!(confirmed.count() as u64, count("confirmed"));

    let again = world
        .control(Method::POST, "resolve_uncertain", json!({}))
        .await;
    assert_eq!(
        again,
        (200, json!({"confirmed": 0, "failed": 0, "told": 0}))
    );
}

#[tokio::test]
async fn a_share_of_what_was_accepted_is_confirmed_or_not() {
    let (world, platform) = world_with_platform(&["uncertain=0.2"], &[]).await;
    let left_open = results(world.push(&Chunk::of(1, 1_000)).await)
        .uncertain
        .len() as u64;
    let accepted = 1_000 - left_open;
    let decided = async |confirmed: f64, accepted: f64| {
        let asked = json!({"confirmed": confirmed, "accepted": accepted});
        let (status, resolved) = world
            .control(Method::POST, "resolve_uncertain", asked)
            .await;
        assert_eq!(status, 200, "{resolved}");
        let count = |name: &str| resolved[name].as_u64().unwrap();
        assert_eq!(count("confirmed") + count("failed"), count("told"));
        (count("confirmed"), count("failed"))
    };
    let (confirmed, failed) = decided(0.5, 0.5).await;
    assert!(confirmed > 0 && failed > 0);
    let told = confirmed + failed;
    assert!(told > left_open && told < 1_000, "{told} of 1,000");
    // The rest, and nobody of whom it was told before.
    assert_eq!(decided(0.0, 1.0).await, (0, 1_000 - told));
    assert_eq!(decided(1.0, 1.0).await, (0, 0));
    // What was accepted stays so, delivered or not.
    assert!(world.log().await.len() as u64 >= accepted);
    let taken = platform.taken.lock().unwrap();
    let ids: std::collections::HashSet<&str> =
        taken.iter().map(|event| event.id.as_str()).collect();
    assert_eq!((taken.len(), ids.len()), (1_000, 1_000));
}

#[tokio::test]
async fn what_the_platform_refused_is_told_again_when_asked() {
    let (world, platform) = world_with_platform(&["uncertain=1"], &[400]).await;
    results(world.push(&Chunk::of(1, 3)).await);
    let (status, error) = world
        .control(Method::POST, "resolve_uncertain", json!({}))
        .await;
    assert_eq!((status, error["code"].as_str()), (502, Some("platform")));
    let (status, resolved) = world
        .control(Method::POST, "resolve_uncertain", json!({}))
        .await;
    assert_eq!(
        (status, resolved),
        (200, json!({"confirmed": 0, "failed": 0, "told": 3}))
    );
    assert_eq!(platform.taken.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn events_pass_through_signed_and_as_they_are() {
    let (world, platform) = world_with_platform(&[], &[500]).await;
    let at = crate::world::now(&world.clock).to_string();
    let left = json!({"id": "e1", "type": "friend.left", "at": at, "account": "@hanok",
        "user": "kim"});
    let events = json!({"events": [left, {"id": "bad"}]});
    let answer = world.control(Method::POST, "events", events).await;
    assert_eq!(answer, (202, json!({"rejected": []})));
    assert_eq!(platform.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn without_an_address_events_are_refused() {
    let world = World::start(&["uncertain=1"]).await;
    let (status, _) = world
        .control(Method::POST, "events", json!({"events": []}))
        .await;
    assert_eq!(status, 502);
    results(world.push(&Chunk::of(1, 1)).await);
    let (status, _) = world
        .control(Method::POST, "resolve_uncertain", json!({}))
        .await;
    assert_eq!(status, 502);
}
