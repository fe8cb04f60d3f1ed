//! One chunk as several requests: what is sent, and the one answer made of many.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use connector::Connector;
use connector::parts::{put_asks_together, put_closes_together, put_together, ranges, repeated};
use domain::answer::{
    AskAnswer, CloseAnswer, NotProcessed, PushAnswer, PushResults, UnknownReason,
};
use domain::capability::{Capability, Guarantee};
use domain::outcome::RejectionCode;
use proptest::prelude::*;

use crate::fake::{Action, Chunk, Fake, Received, accept_all, http, key, open};

const K: Guarantee = Guarantee::Keyed;
const Q: Guarantee = Guarantee::Queryable;
const N: Guarantee = Guarantee::Neither;

fn keyed(batch_max: u32) -> Capability {
    Capability {
        batch_max,
        ..Capability::gateway()
    }
}

fn users(request: &Received) -> Vec<String> {
    serde_json::from_value(request.json()["recipients"].clone()).unwrap()
}

#[tokio::test]
async fn every_part_has_its_own_key_recipients_and_exclusions() {
    let fake = Fake::start(|_, request| {
        let push = request.json();
        let excluded = push["exclude"].as_array().map_or(0, Vec::len);
        let accepted = push["recipients"].as_array().unwrap().len() - excluded;
        let excluded = serde_json::to_string(&push["exclude"])
            .unwrap()
            .replace("null", "[]");
        let key = push["pushKey"].as_str().unwrap();
        let body = format!(r#"{{"pushKey":"{key}","accepted":{accepted},"excluded":{excluded}}}"#);
        Action::Answer(http(200, "", &body))
    })
    .await;
    let (connector, _) = open(&fake.base_url, keyed(2));
    let mut chunk = Chunk::of(5);
    chunk.exclude = vec![1, 4];
    chunk.variables = Some(r#"{"name":["a","b","c","d","e"]}"#.to_owned());
    let PushAnswer::Processed(results) = connector.push(&chunk.push()).await else {
        panic!("not processed")
    };
    assert_eq!((results.accepted, results.excluded), (3, vec![1, 4]));
    let mut received = fake.received.lock().unwrap().clone();
    received.sort_by_key(users);
    let parts: Vec<Vec<String>> = received.iter().map(users).collect();
    assert_eq!(
        parts,
        [
            vec!["user-0", "user-1"],
            vec!["user-2", "user-3"],
            vec!["user-4"]
        ]
    );
    for (request, (first, names)) in received.iter().zip([
        (0, r#"{"name":["a","b"]}"#),
        (2, r#"{"name":["c","d"]}"#),
        (4, r#"{"name":["e"]}"#),
    ]) {
        assert_eq!(
            request.header("idempotency-key"),
            key().part(first).to_string()
        );
        assert_eq!(request.json()["variables"].to_string(), names);
    }
    let hashes: Vec<String> = received
        .iter()
        .map(|r| r.json()["contentHash"].to_string())
        .collect();
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2]);
}

#[tokio::test]
async fn a_repetition_sends_the_same_parts() {
    let fake = Fake::start(|_, request| Action::Answer(accept_all(request))).await;
    let (connector, _) = open(&fake.base_url, keyed(1));
    let chunk = Chunk::of(20);
    for _ in 0..2 {
        assert!(matches!(
            connector.push(&chunk.push()).await,
            PushAnswer::Processed(_)
        ));
    }
    let received = fake.received.lock().unwrap().clone();
    let of_attempt = |attempt: &[Received]| {
        let mut bodies: Vec<Vec<u8>> = attempt.iter().map(|r| r.body.clone()).collect();
        bodies.sort();
        bodies
    };
    assert_eq!(received.len(), 40);
    assert_eq!(of_attempt(&received[..20]), of_attempt(&received[20..]));
}

/// What a chunk of 20 comes to where the first two requests of `user-7` and every request of the
/// `mute` ones lose their answers.
async fn with_lost_answers(
    capability: Capability,
    mute: &'static [&'static str],
) -> (PushAnswer, usize) {
    let lost = AtomicU32::new(0);
    let fake = Fake::start(move |_, request| {
        let user = &users(request)[0];
        let is_lost = match user.as_str() {
            "user-7" => lost.fetch_add(1, Ordering::Relaxed) < 2,
            user => mute.contains(&user),
        };
        match is_lost {
            true => Action::Close,
            false => Action::Answer(accept_all(request)),
        }
    })
    .await;
    let (connector, _) = open(&fake.base_url, capability);
    let answer = connector.push(&Chunk::of(20).push()).await;
    let received = fake.received.lock().unwrap().clone();
    let of_seven = received
        .iter()
        .filter(|request| users(request) == ["user-7"]);
    let keys: BTreeSet<String> = of_seven
        .map(|request| request.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys.len(), 1, "a part keeps its key");
    (answer, received.len())
}

#[tokio::test]
async fn a_few_lost_answers_are_had_again_without_sending_the_others_again() {
    let (answer, requests) = with_lost_answers(keyed(1), &[]).await;
    let PushAnswer::Processed(results) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((results.accepted, requests), (20, 22));
}

#[tokio::test]
async fn an_answer_that_is_lost_again_and_again_leaves_the_chunk_unknown() {
    let (answer, requests) = with_lost_answers(keyed(1), &["user-3"]).await;
    assert_eq!(answer, PushAnswer::Unknown(UnknownReason::ConnectionLost));
    assert_eq!(requests, 20 + 2 + 3);
}

#[tokio::test]
async fn many_lost_answers_are_not_asked_for_at_once() {
    let mute = &["user-1", "user-2", "user-3", "user-4", "user-5"];
    let (answer, requests) = with_lost_answers(keyed(1), mute).await;
    assert_eq!(answer, PushAnswer::Unknown(UnknownReason::ConnectionLost));
    assert_eq!(requests, 20);
}

#[tokio::test]
async fn without_keys_that_are_kept_nothing_is_repeated() {
    let queryable = Capability {
        keyed: false,
        queryable: true,
        ..keyed(1)
    };
    let (answer, requests) = with_lost_answers(queryable, &[]).await;
    assert_eq!(answer, PushAnswer::Unknown(UnknownReason::ConnectionLost));
    assert_eq!(requests, 20);
}

#[test]
fn only_a_result_says_what_became_of_a_lost_part() {
    let lost = PushAnswer::Unknown(UnknownReason::ConnectionLost);
    for answer in [
        throttled(3),
        pending(None),
        PushAnswer::Rejected { status: 400 },
        PushAnswer::Closed,
        PushAnswer::ContentMismatch,
    ] {
        let mut part = lost.clone();
        repeated(&mut part, answer);
        assert_eq!(part, lost);
    }
    let mut part = lost;
    repeated(&mut part, processed());
    assert_eq!(part, processed());
}

#[tokio::test]
async fn a_throttled_part_stops_the_ones_not_begun() {
    let fake = Fake::start(|_, _| Action::Answer(http(429, "Retry-After: 3\r\n", ""))).await;
    let (connector, _) = open(&fake.base_url, keyed(1));
    let answer = connector.push(&Chunk::of(1_000).push()).await;
    let expected = PushAnswer::NotProcessed {
        reason: NotProcessed::Throttled,
        retry_after: Some(Duration::from_secs(3)),
    };
    assert_eq!(answer, expected);
    assert!(fake.lines().len() < 200, "{} were sent", fake.lines().len());
}

#[tokio::test]
async fn a_refused_part_beside_processed_ones_is_closed_before_it_counts() {
    let fake = Fake::start(|_, request| match request.line.as_str() {
        "POST /v1/pushes" if users(request) == ["user-1"] => Action::Answer(http(400, "", "")),
        "POST /v1/pushes" => Action::Answer(accept_all(request)),
        _ => Action::Answer(http(200, "", r#"{"processed":false}"#)),
    })
    .await;
    let (connector, _) = open(&fake.base_url, keyed(1));
    let PushAnswer::Processed(results) = connector.push(&Chunk::of(3).push()).await else {
        panic!("not processed")
    };
    assert_eq!(results.accepted, 2);
    assert_eq!(results.rejected, vec![(1, RejectionCode::Content)]);
    let close = format!("POST /v1/pushes/{}/close", key().part(1));
    assert_eq!(
        fake.lines().iter().filter(|line| **line == close).count(),
        1
    );

    let fake = Fake::start(|_, request| match users(request)[0].as_str() {
        "user-1" => Action::Answer(http(400, "", "")),
        _ => Action::Answer(accept_all(request)),
    })
    .await;
    let not_closable = Capability {
        closable: false,
        ..keyed(1)
    };
    let (connector, _) = open(&fake.base_url, not_closable);
    let PushAnswer::Processed(results) = connector.push(&Chunk::of(3).push()).await else {
        panic!("not processed")
    };
    assert_eq!((results.accepted, results.uncertain), (2, vec![1]));
}

#[tokio::test]
async fn closing_and_asking_go_over_every_part() {
    let first_part = key().part(0).to_string();
    let result = format!(r#"{{"pushKey":"{first_part}","accepted":2,"replayed":true}}"#);
    let (closes, asks) = (result.clone(), result);
    let fake = Fake::start(move |_, request| {
        let first = request.line.contains(&first_part);
        match (first, request.line.ends_with("/close")) {
            (true, true) => Action::Answer(http(200, "", &closes)),
            (true, false) => Action::Answer(http(200, "", &asks)),
            (false, true) => Action::Answer(http(200, "", r#"{"processed":false}"#)),
            (false, false) => Action::Answer(http(404, "", r#"{"code":"not_found"}"#)),
        }
    })
    .await;
    let next_round = PushResults {
        accepted: 2,
        rejected: vec![(2, RejectionCode::Unavailable)],
        replayed: true,
        ..PushResults::default()
    };
    let (connector, _) = open(&fake.base_url, keyed(2));
    let closed = connector.close(key(), 3).await;
    assert_eq!(closed, CloseAnswer::Processed(next_round.clone()));
    // Not found proves nothing of a keyed messenger: a request may be on its way.
    assert_eq!(connector.ask(key(), 3).await, AskAnswer::Partly);
    let queryable = Capability {
        batch_max: 2,
        ..Capability::queryable_gateway(Duration::ZERO)
    };
    let (connector, _) = open(&fake.base_url, queryable);
    assert_eq!(
        connector.ask(key(), 3).await,
        AskAnswer::Processed(next_round)
    );
}

fn processed() -> PushAnswer {
    PushAnswer::Processed(PushResults {
        accepted: 1,
        ..PushResults::default()
    })
}

fn throttled(seconds: u64) -> PushAnswer {
    PushAnswer::NotProcessed {
        reason: NotProcessed::Throttled,
        retry_after: Some(Duration::from_secs(seconds)),
    }
}

fn pending(seconds: Option<u64>) -> PushAnswer {
    PushAnswer::InProgress {
        retry_after: seconds.map(Duration::from_secs),
    }
}

fn settled(accepted: u32, rejected: &[(u32, RejectionCode)], uncertain: &[u32]) -> PushAnswer {
    PushAnswer::Processed(PushResults {
        accepted,
        rejected: rejected.to_vec(),
        uncertain: uncertain.to_vec(),
        ..PushResults::default()
    })
}

#[test]
fn push_answers_of_parts_put_together() {
    use PushAnswer::{Closed, ContentMismatch};
    use RejectionCode::{Content, RateLimited, Unavailable};
    let lost = || PushAnswer::Unknown(UnknownReason::Timeout);
    let refused = || PushAnswer::Rejected { status: 400 };
    let cases: Vec<(&str, Guarantee, Vec<PushAnswer>, PushAnswer)> = vec![
        (
            "all processed",
            K,
            vec![processed(), processed()],
            settled(2, &[], &[]),
        ),
        (
            "all processed",
            N,
            vec![processed(), processed()],
            settled(2, &[], &[]),
        ),
        (
            "all throttled",
            K,
            vec![throttled(1), throttled(4)],
            throttled(4),
        ),
        (
            "all throttled",
            Q,
            vec![throttled(1), throttled(4)],
            throttled(4),
        ),
        ("all refused", K, vec![refused(), refused()], refused()),
        ("all refused", N, vec![refused(), refused()], refused()),
        ("all closed", K, vec![Closed, Closed], Closed),
        ("all lost", N, vec![lost(), lost()], lost()),
        (
            "a mismatch is a defect whatever else",
            K,
            vec![lost(), ContentMismatch],
            ContentMismatch,
        ),
        (
            "a mismatch is a defect whatever else",
            N,
            vec![processed(), ContentMismatch],
            ContentMismatch,
        ),
        (
            "one lost",
            K,
            vec![processed(), lost(), throttled(2)],
            lost(),
        ),
        (
            "one lost",
            Q,
            vec![processed(), lost(), throttled(2)],
            lost(),
        ),
        (
            "one lost",
            N,
            vec![processed(), lost(), throttled(2)],
            settled(1, &[(2, RateLimited)], &[1]),
        ),
        (
            "one lost, none processed",
            N,
            vec![lost(), throttled(2)],
            settled(0, &[(1, RateLimited)], &[0]),
        ),
        (
            "some throttled",
            K,
            vec![processed(), throttled(2)],
            pending(Some(2)),
        ),
        (
            "some throttled",
            Q,
            vec![processed(), throttled(2)],
            settled(1, &[(1, RateLimited)], &[]),
        ),
        (
            "some throttled",
            N,
            vec![processed(), throttled(2)],
            settled(1, &[(1, RateLimited)], &[]),
        ),
        (
            "some in progress",
            K,
            vec![processed(), pending(Some(1))],
            pending(Some(1)),
        ),
        (
            "some in progress",
            Q,
            vec![processed(), pending(None)],
            pending(None),
        ),
        (
            "some in progress",
            N,
            vec![processed(), pending(None)],
            settled(1, &[], &[1]),
        ),
        (
            "refused beside throttled",
            K,
            vec![refused(), throttled(1)],
            throttled(1),
        ),
        (
            "closed beside throttled",
            K,
            vec![Closed, throttled(1)],
            throttled(1),
        ),
        (
            "closed beside processed",
            K,
            vec![Closed, processed()],
            settled(1, &[(0, Unavailable)], &[]),
        ),
        (
            "refused beside processed",
            Q,
            vec![refused(), processed()],
            settled(1, &[(0, Content)], &[]),
        ),
        (
            "refused beside processed",
            N,
            vec![refused(), processed()],
            settled(1, &[(0, Content)], &[]),
        ),
        (
            "closed, throttled, processed",
            K,
            vec![Closed, throttled(1), processed()],
            pending(Some(1)),
        ),
    ];
    for (name, guarantee, answers, expected) in cases {
        let parts = with_ranges(answers);
        assert_eq!(
            put_together(guarantee, &parts),
            expected,
            "{guarantee:?}: {name}"
        );
    }
}

#[test]
fn close_and_ask_answers_of_parts_put_together() {
    use RejectionCode::Unavailable;
    let results = || PushResults {
        accepted: 1,
        ..PushResults::default()
    };
    let mixed = || PushResults {
        rejected: vec![(1, Unavailable)],
        ..results()
    };
    let in_progress = |seconds: Option<u64>| CloseAnswer::InProgress {
        retry_after: seconds.map(Duration::from_secs),
    };
    use CloseAnswer::{Closed, Processed, Unknown};
    for (answers, expected) in [
        (vec![Closed, Closed], Closed),
        (vec![Processed(results()), Closed], Processed(mixed())),
        (vec![Closed, Unknown], Unknown),
        (vec![in_progress(Some(1)), Unknown], Unknown),
        (
            vec![in_progress(Some(1)), Closed, in_progress(Some(2))],
            in_progress(Some(2)),
        ),
        (
            vec![Processed(results()), in_progress(None)],
            in_progress(None),
        ),
    ] {
        let parts = with_ranges(answers);
        assert_eq!(put_closes_together(&parts), expected, "{parts:?}");
    }
    let found = || AskAnswer::Processed(results());
    let cases = [
        (
            Q,
            vec![found(), AskAnswer::NotFound],
            AskAnswer::Processed(mixed()),
        ),
        (K, vec![found(), AskAnswer::NotFound], AskAnswer::Partly),
        (N, vec![found(), AskAnswer::NotFound], AskAnswer::Partly),
        (
            K,
            vec![found(), AskAnswer::Closed],
            AskAnswer::Processed(mixed()),
        ),
        (Q, vec![found(), AskAnswer::Unknown], AskAnswer::Unknown),
        (Q, vec![AskAnswer::NotFound; 2], AskAnswer::NotFound),
        (K, vec![AskAnswer::NotFound; 2], AskAnswer::NotFound),
        (K, vec![AskAnswer::Closed; 2], AskAnswer::Closed),
        (
            K,
            vec![AskAnswer::Closed, AskAnswer::NotFound],
            AskAnswer::Partly,
        ),
        (
            Q,
            vec![AskAnswer::Closed, AskAnswer::NotFound],
            AskAnswer::NotFound,
        ),
    ];
    for (guarantee, answers, expected) in cases {
        let parts = with_ranges(answers);
        assert_eq!(
            put_asks_together(guarantee, &parts),
            expected,
            "{guarantee:?} {parts:?}"
        );
    }
}

fn with_ranges<T>(answers: Vec<T>) -> Vec<(Range<u32>, T)> {
    (0u32..)
        .zip(answers)
        .map(|(first, answer)| (first..first + 1, answer))
        .collect()
}

fn any_answer(size: u32) -> impl Strategy<Value = PushAnswer> {
    prop_oneof![
        Just(PushAnswer::Processed(PushResults {
            accepted: size,
            ..PushResults::default()
        })),
        Just(PushAnswer::Processed(PushResults {
            uncertain: (0..size).collect(),
            ..PushResults::default()
        })),
        Just(throttled(1)),
        Just(PushAnswer::Rejected { status: 400 }),
        Just(pending(None)),
        Just(PushAnswer::Closed),
        Just(PushAnswer::ContentMismatch),
        Just(PushAnswer::Unknown(UnknownReason::Timeout)),
    ]
}

proptest! {
    #[test]
    fn whatever_the_parts_say_the_whole_adds_up(
        batch in 1u32..7,
        size in 1u32..40,
        answers in proptest::collection::vec(any::<prop::sample::Index>(), 40),
        guarantee in prop::sample::select(vec![K, Q, N]),
        choices in proptest::collection::vec(any_answer(1), 8),
    ) {
        let parts: Vec<(Range<u32>, PushAnswer)> = ranges(size, batch)
            .zip(answers)
            .map(|(range, index)| {
                let answer = match index.get(&choices) {
                    PushAnswer::Processed(results) => PushAnswer::Processed(PushResults {
                        accepted: results.accepted * range.len() as u32,
                        uncertain: match results.uncertain.is_empty() {
                            true => Vec::new(),
                            false => (0..range.len() as u32).collect(),
                        },
                        ..PushResults::default()
                    }),
                    other => other.clone(),
                };
                (range, answer)
            })
            .collect();
        prop_assert_eq!(parts.iter().map(|(range, _)| range.len() as u32).sum::<u32>(), size);
        let accepted = |range: &Range<u32>, answer: &PushAnswer| match answer {
            PushAnswer::Processed(results) if results.accepted > 0 => range.len() as u32,
            _ => 0,
        };
        let delivered: u32 = parts.iter().map(|(range, answer)| accepted(range, answer)).sum();
        match put_together(guarantee, &parts) {
            PushAnswer::Processed(results) => {
                prop_assert!(results.add_up_to(size));
                prop_assert_eq!(results.accepted, delivered, "nobody is billed or lost");
            }
            // What says that nothing was processed must be true of every part.
            PushAnswer::NotProcessed { .. } | PushAnswer::Rejected { .. } | PushAnswer::Closed => {
                prop_assert_eq!(delivered, 0);
            }
            _ => {}
        }
    }
}
