//! What only happens where writes run beside each other: on PostgreSQL. SQLite has one writer.
//!
//! Who waits for whom is seen in the server's own list of sessions, never guessed from the time.

use std::sync::Arc;
use std::time::Duration;

use domain::campaign::CampaignEvent;
use domain::chunk::{ChunkId, ChunkState};
use domain::codec;
use domain::id::WorkerId;
use domain::outcome::{Outcome, OutcomeCounts};
use domain::push::PushKey;
use domain::time::LaunchMonth;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use store::event::{Delivery, DeliveryVerdict};
use store::hot::{Change, ClaimTerms, Claimed, Record};
use store::{Store, StoreConfig, StoreError, Write};
use testkit::conformance::world::{LEASE, NOW, settle};
use testkit::conformance::{Raw, Subject, World};
use testkit::database::{self, Engine, TestDatabase};
use testkit::postgres::PostgresServer;

struct Sessions {
    raw: database::Raw,
    _database: Option<TestDatabase>,
}

#[async_trait::async_trait]
impl Raw for Sessions {
    async fn execute(&self, sql: &str) {
        self.raw.run(sql).await;
    }

    async fn number(&self, sql: &str) -> i64 {
        self.raw.number(sql).await
    }
}

async fn world() -> Arc<World> {
    let (store, database) = database::open(Engine::Postgres).await;
    let raw = Box::new(Sessions {
        raw: database.raw().await,
        _database: Some(database),
    });
    Arc::new(World::of(Subject { store, raw }).await)
}

/// Returns once so many sessions wait for what others hold.
async fn until_waiting(world: &World, sessions: i64) {
    let sql = "SELECT COUNT(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while world.raw.number(sql).await < sessions {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn terms(worker: u8) -> ClaimTerms {
    ClaimTerms {
        worker: WorkerId::from_bytes([worker; 16]),
        now: NOW,
        lease: LEASE,
        retry_unknown_since: None,
        batch_max: 1_000,
    }
}

async fn claim(store: &Store, chunks: &[ChunkId], worker: u8) -> (Write, Vec<Claimed>) {
    let mut write = store.write_beside().await.unwrap();
    let claimed = store.hot().claim(&mut write, chunks, &terms(worker)).await;
    (write, claimed.unwrap())
}

fn record_of(claimed: &Claimed, change: Change) -> Record {
    Record {
        id: claimed.id,
        epoch: claimed.epoch,
        answer: "told",
        change,
    }
}

async fn record(store: &Store, claimed: &Claimed, change: Change) -> (Write, bool) {
    let mut write = store.write_beside().await.unwrap();
    let records = [record_of(claimed, change)];
    let applied = store.hot().record(&mut write, &records, NOW).await;
    (write, applied.unwrap() == [true])
}

/// Workers whose batches overlap, in any order, claim every chunk once; nobody is turned away.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_claims_take_each_chunk_once() {
    let seed = std::env::var("CHINGU_SEED").ok();
    let seed: u64 = seed.map_or_else(rand::random, |seed| seed.parse().unwrap());
    eprintln!("CHINGU_SEED={seed}");
    let world = world().await;
    let chunks = world.running(&[1; 120]).await;
    let mut workers = Vec::new();
    for worker in 1..=6 {
        let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(worker));
        let mut order = [chunks.clone(), chunks.clone()].concat();
        order.shuffle(&mut random);
        let store = world.store.clone();
        workers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            while !order.is_empty() {
                let size = random.random_range(1..=16).min(order.len());
                let batch = order.split_off(order.len() - size);
                let (write, claimed) = claim(&store, &batch, worker as u8).await;
                write.commit().await.unwrap();
                taken.extend(claimed.into_iter().map(|claimed| claimed.id));
            }
            taken
        }));
    }
    let mut taken = Vec::new();
    for worker in workers {
        taken.extend(worker.await.unwrap());
    }
    taken.sort_unstable();
    assert_eq!(taken, chunks);
    assert_eq!(world.count("attempt").await, 120);
    assert_eq!(world.column("MAX(epoch)", "round = 0").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_waited_for_another_finds_it_claimed_or_takes_it() {
    for first_commits in [true, false] {
        let world = world().await;
        let chunks = world.running(&[3]).await;
        let (write, first) = claim(&world.store, &chunks, 1).await;
        assert_eq!(first.len(), 1);
        let second = tokio::spawn({
            let (world, chunks) = (Arc::clone(&world), chunks.clone());
            async move {
                let (write, claimed) = claim(&world.store, &chunks, 2).await;
                write.commit().await.unwrap();
                claimed
            }
        });
        until_waiting(&world, 1).await;
        match first_commits {
            true => write.commit().await.unwrap(),
            false => write.roll_back().await.unwrap(),
        }
        let second = second.await.unwrap();
        assert_eq!(second.len(), usize::from(!first_commits));
        assert_eq!(world.count("attempt").await, 1);
        assert_eq!(world.column("epoch", "round = 0").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_waited_for_a_pause_finds_nothing() {
    let world = world().await;
    let chunks = world.running(&[3, 3]).await;
    let mut pause = world.store.write().await.unwrap();
    let taken_back = pause.clear_dispatched(Some(chunks[0].campaign)).await;
    assert_eq!(taken_back.unwrap(), 2);
    let claimed = tokio::spawn({
        let (world, chunks) = (Arc::clone(&world), chunks.clone());
        async move { claim(&world.store, &chunks, 1).await.1.len() }
    });
    until_waiting(&world, 1).await;
    pause.commit().await.unwrap();
    assert_eq!(claimed.await.unwrap(), 0);
}

/// A cancel ends what a freeze has written that it could not see when it began to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_waits_for_the_freeze_under_way() {
    let world = world().await;
    let campaign = world.launch(10).await;
    let commit = world.range_of(campaign, 0, &[3, 4]).await;
    let mut freeze = world.store.write_beside().await.unwrap();
    let hot = world.store.hot();
    hot.commit_freeze(&mut freeze, &commit).await.unwrap();
    let cancel = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            world.move_campaign(campaign, CampaignEvent::Cancel).await;
            let mut write = world.store.write().await.unwrap();
            let ended = write.end_ready(campaign, ChunkState::Cancelled, NOW).await;
            write.commit().await.unwrap();
            ended.unwrap()
        }
    });
    until_waiting(&world, 1).await;
    freeze.commit().await.unwrap();
    assert_eq!(cancel.await.unwrap(), 7);
    let late = world.range_of(campaign, 1, &[1]).await;
    let refused = world.freeze(&late).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
}

/// The numbers of settles rise with their beginning, not with their commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settle_with_a_smaller_number_that_commits_later_is_captured() {
    let world = world().await;
    let chunks = world.running(&[2, 3]).await;
    let claimed = world.claim(&chunks).await;
    let accepted = |size: u32| settle(&vec![Outcome::Accepted; size as usize]);
    let (slow, applied) = record(&world.store, &claimed[0], accepted(2)).await;
    assert!(applied);
    let (fast, applied) = record(&world.store, &claimed[1], accepted(3)).await;
    assert!(applied);
    fast.commit().await.unwrap();
    let units = "SELECT COALESCE(SUM(units), 0) FROM capture";
    for _ in 0..2 {
        world.roll_up().await;
        assert_eq!(world.raw.number(units).await, 3);
    }
    slow.commit().await.unwrap();
    world.roll_up().await;
    assert_eq!(world.raw.number(units).await, 5);
    assert!(world.roll_up().await.is_empty());
}

/// A batch that tells of one chunk twice is taken in turn, as told one by one.
#[tokio::test]
async fn a_chunk_told_of_twice_is_changed_in_turn() {
    let world = world().await;
    let claimed = world.claimed(2).await;
    let unknown = Change::Unknown {
        due_at: NOW,
        detour: "timeout",
        close_next: false,
    };
    let records = [
        record_of(&claimed, unknown),
        record_of(&claimed, settle(&[Outcome::Accepted; 2])),
        record_of(&claimed, settle(&[Outcome::Uncertain; 2])),
    ];
    let mut write = world.store.write_beside().await.unwrap();
    let applied = world.store.hot().record(&mut write, &records, NOW).await;
    write.commit().await.unwrap();
    assert_eq!(applied.unwrap(), [true, true, false]);
    assert_eq!(world.state(claimed.id).await, ChunkState::Settled);
    assert_eq!(world.column("accepted", "tainted = 1").await, 2);
}

fn uncertain(key: PushKey) -> Change {
    Change::End {
        state: ChunkState::Settled,
        outcomes: codec::pack_outcomes(&[Outcome::Uncertain; 2]),
        counts: OutcomeCounts::all(Outcome::Uncertain, 2),
        detour: None,
        next_round: None,
        undecided_keys: vec![(*key.as_bytes(), 0)],
    }
}

/// What a messenger tells while its push settles is decided, whichever of the two commits first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_and_its_settle_do_not_miss_each_other() {
    for settle_is_first in [true, false] {
        let world = world().await;
        let claimed = world.claimed(2).await;
        let key = PushKey::of(&claimed.id);
        let delivery = Delivery {
            event_id: "event".to_owned(),
            push_key: key,
            index: 1,
            outcome: Outcome::Confirmed,
            at: NOW,
        };
        let take = {
            let world = Arc::clone(&world);
            move |delivery: Delivery| async move {
                let mut write = world.store.write().await.unwrap();
                let verdicts = write.take_deliveries(&[delivery], NOW).await.unwrap();
                (write, verdicts[0])
            }
        };
        if settle_is_first {
            let (settled, applied) = record(&world.store, &claimed, uncertain(key)).await;
            assert!(applied);
            let told = tokio::spawn(async move {
                let (write, verdict) = take(delivery).await;
                write.commit().await.unwrap();
                verdict
            });
            until_waiting(&world, 1).await;
            settled.commit().await.unwrap();
            assert_eq!(told.await.unwrap(), DeliveryVerdict::Decided);
        } else {
            let (told, verdict) = take(delivery).await;
            assert_eq!(verdict, DeliveryVerdict::Waiting);
            let settled = tokio::spawn({
                let world = Arc::clone(&world);
                async move {
                    let (write, applied) = record(&world.store, &claimed, uncertain(key)).await;
                    write.commit().await.unwrap();
                    applied
                }
            });
            until_waiting(&world, 1).await;
            told.commit().await.unwrap();
            assert!(settled.await.unwrap());
        }
        let confirmed = "SELECT COUNT(*) FROM amendment WHERE position = 1 AND outcome = 2";
        assert_eq!(world.raw.number(confirmed).await, 1);
        assert_eq!(world.count("waiting_delivery").await, 0);
    }
}

#[tokio::test]
async fn months_are_made_ahead_and_those_that_are_missing_hold_nothing() {
    let world = world().await;
    let chunks = world.running(&[2]).await;
    let partitions = "SELECT COUNT(*) FROM pg_inherits WHERE inhparent = 'chunk'::regclass";
    let before = world.raw.number(partitions).await;
    world.store.ensure_partitions(NOW).await.unwrap();
    world.store.ensure_partitions(NOW).await.unwrap();
    let far = NOW + Duration::from_secs(400 * 86_400);
    world.store.ensure_partitions(far).await.unwrap();
    assert!(world.raw.number(partitions).await >= before + 4);
    let of_another_age = ChunkId {
        month: LaunchMonth::from_number(1).unwrap(),
        ..chunks[0]
    };
    assert!(world.claim(&[of_another_age]).await.is_empty());
    assert_eq!(world.claim(&chunks).await.len(), 1);
}

/// What was answered stands, and the store goes on by itself when the server is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_nothing_that_it_answered() {
    let server = PostgresServer::start();
    let name = server.create_database().await;
    let config = StoreConfig::postgres(server.url(&name));
    let store = Store::open(&config).await.unwrap();
    let raw = Box::new(Sessions {
        raw: database::Raw::Postgres(
            sqlx::postgres::PgPoolOptions::new()
                .connect_lazy(&server.url(&name))
                .unwrap(),
        ),
        _database: None,
    });
    let world = World::of(Subject { store, raw }).await;
    let chunks = world.running(&[2, 2]).await;
    let claimed = world.claim(&chunks).await;
    let (open, applied) = record(&world.store, &claimed[0], settle(&[Outcome::Accepted; 2])).await;
    assert!(applied);
    server.kill();
    let lost = open.commit().await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    server.start_again();
    let settled = settle(&[Outcome::Accepted; 2]);
    // Connections that died with the server are noticed one by one.
    while world.store.ping().await.is_err() {}
    assert_eq!(world.state(claimed[0].id).await, ChunkState::Sending);
    assert_eq!(world.count("attempt").await, 2);
    assert!(world.record(&claimed[0], settled).await);
    assert_eq!(world.state(claimed[0].id).await, ChunkState::Settled);
}
