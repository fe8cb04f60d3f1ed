//! What the sandbox promises: keyed, queryable or neither; and what survives its end.

use std::collections::HashSet;
use std::time::Duration;

use connector::Connector;
use domain::answer::{AskAnswer, CloseAnswer, PushAnswer};
use domain::capability::Capability;
use domain::codec::PackedKeys;
use domain::user::UserKey;

use crate::world::{Chunk, World, now, results};

#[tokio::test]
async fn a_push_is_processed_once_and_replayed() {
    let world = World::start(&[]).await;
    let mut chunk = Chunk::of(1, 5);
    chunk.exclude = vec![2];
    let first = results(world.push(&chunk).await);
    assert_eq!(
        (first.accepted, first.excluded.clone(), first.replayed),
        (4, vec![2], false)
    );
    // The first processed request decides, whatever a later one excludes.
    chunk.exclude = vec![0, 1];
    let second = results(world.push(&chunk).await);
    assert_eq!(
        (second.accepted, second.excluded, second.replayed),
        (4, vec![2], true)
    );
    let AskAnswer::Processed(asked) = world.ask(&chunk).await else {
        panic!("not found")
    };
    assert_eq!((asked.accepted, asked.replayed), (4, true));
    let at = now(&world.clock);
    let campaign = "cmp_01jd3hqv5e7zk9m2n4p6r8t0vw";
    let expected: Vec<String> = [0, 1, 3, 4]
        .map(|user| format!("{},{campaign},user-1-{user},{at}", chunk.key))
        .to_vec();
    assert_eq!(world.log().await, expected);
}

#[tokio::test]
async fn the_same_key_with_other_content_is_a_mismatch() {
    let world = World::start(&[]).await;
    results(world.push(&Chunk::of(1, 5)).await);
    let mut other = Chunk::of(2, 5);
    other.key = Chunk::of(1, 5).key;
    assert_eq!(world.push(&other).await, PushAnswer::ContentMismatch);
    assert_eq!(world.log().await.len(), 5);
}

#[tokio::test]
async fn a_closed_key_is_never_processed() {
    let world = World::start(&[]).await;
    let chunk = Chunk::of(1, 5);
    for _ in 0..2 {
        assert_eq!(world.close(&chunk).await, CloseAnswer::Closed);
    }
    assert_eq!(world.push(&chunk).await, PushAnswer::Closed);
    assert_eq!(world.ask(&chunk).await, AskAnswer::Closed);
    assert_eq!(world.close(&chunk).await, CloseAnswer::Closed);
    assert!(world.log().await.is_empty());
}

#[tokio::test]
async fn closing_a_processed_key_gives_its_result() {
    let world = World::start(&[]).await;
    let chunk = Chunk::of(1, 5);
    results(world.push(&chunk).await);
    let CloseAnswer::Processed(closed) = world.close(&chunk).await else {
        panic!("not processed")
    };
    assert_eq!((closed.accepted, closed.replayed), (5, true));
    assert!(results(world.push(&chunk).await).replayed);
}

#[tokio::test]
async fn a_key_that_is_being_processed_is_in_progress() {
    let world = World::start(&["speed=5,retry_after=3s"]).await;
    let chunk = Chunk::of(1, 2);
    let (first, second, close) = tokio::join!(
        world.push(&chunk),
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.push(&chunk).await
        },
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.close(&chunk).await
        },
    );
    assert_eq!(results(first).accepted, 2);
    let retry_after = Some(Duration::from_secs(3));
    assert_eq!(second, PushAnswer::InProgress { retry_after });
    assert_eq!(close, CloseAnswer::InProgress { retry_after });
}

#[tokio::test]
async fn a_race_of_pushes_and_closes_has_one_winner_per_key() {
    let world = World::start(&[]).await;
    let connector = world.connector(Capability::gateway());
    let mut closed = HashSet::new();
    for number in 0..30 {
        let chunk = Chunk::of(number, 3);
        let push = chunk.push();
        let (first, second, close) = tokio::join!(
            connector.push(&push),
            connector.push(&push),
            connector.close(chunk.key, chunk.size)
        );
        if close == CloseAnswer::Closed {
            closed.insert(chunk.key);
            for answer in [&first, &second] {
                assert!(!matches!(answer, PushAnswer::Processed(_)), "{answer:?}");
            }
        }
        let replays = [first, second]
            .into_iter()
            .filter(|answer| matches!(answer, PushAnswer::Processed(done) if !done.replayed));
        assert!(replays.count() <= 1);
    }
    let log = world.log().await;
    let distinct: HashSet<&String> = log.iter().collect();
    assert_eq!(distinct.len(), log.len());
    for key in closed {
        assert!(!log.iter().any(|line| line.starts_with(&key.to_string())));
    }
}

#[tokio::test]
async fn everything_answered_is_there_after_a_restart() {
    let mut world = World::start(&["uncertain=0.5"]).await;
    let (pushed, closed) = (Chunk::of(1, 40), Chunk::of(2, 4));
    let before = results(world.push(&pushed).await);
    world.close(&closed).await;
    assert!(!before.uncertain.is_empty());
    let log = world.log().await;
    world.restart(&[]).await;
    let after = results(world.push(&pushed).await);
    assert!(after.replayed);
    assert_eq!(
        (after.accepted, after.uncertain),
        (before.accepted, before.uncertain)
    );
    assert_eq!(world.push(&closed).await, PushAnswer::Closed);
    assert_eq!(world.log().await, log);
}

#[tokio::test]
async fn what_was_answered_is_on_disk_before_the_answer() {
    let world = World::start(&[]).await;
    for number in 0..5 {
        results(world.push(&Chunk::of(number, 10)).await);
        // A crash now would leave just these bytes: the file and its write-ahead log.
        let copy = tempfile::tempdir().unwrap();
        for name in ["sandbox.db", "sandbox.db-wal"] {
            std::fs::copy(world.folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let summary = {
            // Recovery needs a writer once, as a restarted sandbox is.
            let path = copy.path().join("sandbox.db");
            let store = store::sandbox::SandboxStore::open(&path).await.unwrap();
            let summary = store.summary().await.unwrap();
            store.close().await;
            summary
        };
        assert_eq!(summary.accepted, 10 * (u64::from(number) + 1));
        assert_eq!(summary.pushes, summary.distinct_keys);
    }
}

#[tokio::test]
async fn a_queryable_messenger_accepts_anew_and_tells_after_a_while() {
    let world = World::start(&["guarantee=Q,settles=2s"]).await;
    let connector = world.connector(Capability::queryable_gateway(Duration::from_secs(2)));
    let chunk = Chunk::of(1, 3);
    assert_eq!(connector.ask(chunk.key, 3).await, AskAnswer::NotFound);
    for _ in 0..2 {
        let answer = results(connector.push(&chunk.push()).await);
        assert_eq!((answer.accepted, answer.replayed), (3, false));
    }
    assert_eq!(connector.ask(chunk.key, 3).await, AskAnswer::NotFound);
    world.clock.advance(Duration::from_secs(2));
    assert!(matches!(
        connector.ask(chunk.key, 3).await,
        AskAnswer::Processed(_)
    ));
    assert_eq!(connector.close(chunk.key, 3).await, CloseAnswer::Unknown);
    // The log is the oracle: it shows that the messenger sent twice.
    let log = world.log().await;
    let users: HashSet<&str> = log
        .iter()
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    assert_eq!((log.len(), users.len()), (6, 3));
    let summary = sandbox::log::summary(&world.file()).await.unwrap();
    assert_eq!(
        (summary.pushes, summary.distinct_keys, summary.accepted),
        (2, 1, 6)
    );
}

#[tokio::test]
async fn a_messenger_without_guarantee_tells_nothing() {
    let world = World::start(&["guarantee=N"]).await;
    let chunk = Chunk::of(1, 3);
    for _ in 0..2 {
        assert!(!results(world.push(&chunk).await).replayed);
    }
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!(world.ask(&chunk).await, AskAnswer::NotFound);
    assert_eq!(world.close(&chunk).await, CloseAnswer::Unknown);
    assert_eq!(world.log().await.len(), 6);
}

#[tokio::test]
async fn one_recipient_per_request_gives_the_same_books() {
    let world = World::start(&["batch=1"]).await;
    let chunk = Chunk::of(1, 50);
    assert_eq!(
        world.push(&chunk).await,
        PushAnswer::Rejected { status: 400 }
    );
    let single = world.connector(Capability {
        batch_max: 1,
        ..Capability::gateway()
    });
    assert_eq!(results(single.push(&chunk.push()).await).accepted, 50);
    let again = results(single.push(&chunk.push()).await);
    assert_eq!((again.accepted, again.replayed), (50, true));
    assert_eq!(world.log().await.len(), 50);
    assert!(matches!(
        single.close(chunk.key, 50).await,
        CloseAnswer::Processed(_)
    ));
}

#[tokio::test]
async fn a_push_past_its_time_is_delivered_to_nobody() {
    let world = World::start(&[]).await;
    let mut chunk = Chunk::of(1, 3);
    chunk.exclude = vec![0];
    chunk.not_after = Some(now(&world.clock));
    world.clock.advance(Duration::from_millis(1));
    let expired = results(world.push(&chunk).await);
    assert_eq!((expired.accepted, expired.rejected.len()), (0, 2));
    assert!(world.log().await.is_empty());
}

#[tokio::test]
async fn keys_of_every_shape_come_back_as_they_were() {
    let world = World::start(&[]).await;
    let shapes = [
        "U73c1cd2c81f98b521905d591c5b2e75a",
        "a,b",
        "say\"hi\"",
        "=1+1",
        "\\",
        "'",
    ];
    let keys: Vec<UserKey> = shapes
        .iter()
        .map(|key| UserKey::parse(key).unwrap())
        .collect();
    let chunk = Chunk::with(1, "@hanok", PackedKeys::of(&keys), 6);
    results(world.push(&chunk).await);
    let cells: Vec<String> = world
        .log()
        .await
        .iter()
        .map(|line| {
            let rest = line.splitn(3, ',').nth(2).unwrap();
            rest[..rest.rfind(',').unwrap()].to_owned()
        })
        .collect();
    let expected = [shapes[0], "\"a,b\"", "\"say\"\"hi\"\"\"", "=1+1", "\\", "'"];
    assert_eq!(cells, expected);
}
