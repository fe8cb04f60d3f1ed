//! What an opened database promises, on both engines and between processes.

use testkit::database::Engine;

use super::*;
use crate::fixture;
use crate::row::values;

testkit::on_both_engines![
    a_store_that_only_reads_refuses_to_write,
    another_process_is_noticed_and_the_sequence_rises,
    the_installation_is_made_once,
    a_constraint_that_breaks_is_told_apart,
    a_snapshot_stays_as_it_began,
    what_decides_durability_is_told,
];
testkit::on_both_engines![multi_thread: cold_writes_take_turns_across_processes];

async fn a_store_that_only_reads_refuses_to_write(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let reading = store.read_only();
    reading.ping().await.unwrap();
    let refused = match reading.write().await {
        Ok(mut write) => write.sequence().await.is_err(),
        Err(_) => true,
    };
    assert!(refused);
    store.write().await.unwrap().commit().await.unwrap();
}

async fn another_process_is_noticed_and_the_sequence_rises(engine: Engine) {
    let (here, database) = fixture::open(engine).await;
    let there = Store::open(&fixture::config(&database)).await.unwrap();
    let before = here.data_version().await.unwrap();
    let mut write = there.write().await.unwrap();
    let first = write.sequence().await.unwrap();
    assert_eq!(write.sequence().await.unwrap(), first);
    write.commit().await.unwrap();
    assert_ne!(here.data_version().await.unwrap(), before);
    let mut write = here.write().await.unwrap();
    assert_eq!(write.sequence().await.unwrap(), first + 1);
}

async fn the_installation_is_made_once(engine: Engine) {
    let (store, database) = fixture::open(engine).await;
    let ids = testkit::SeededIds::of(1);
    let made = store.installation(&ids, Timestamp::default()).await;
    let again = Store::open(&fixture::config(&database)).await.unwrap();
    let found = again.installation(&ids, Timestamp::default()).await;
    assert_eq!(made.unwrap(), found.unwrap());
}

async fn a_constraint_that_breaks_is_told_apart(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let broken = [
        "INSERT INTO writer_sequence (one, value) VALUES (2, 0)",
        "INSERT INTO writer_sequence (one, value) VALUES (1, 0)",
        "INSERT INTO leader (name, holder, epoch) VALUES ('a', $1, 1)",
        "INSERT INTO hold (campaign, business, amount) VALUES ($1, $1, 1)",
    ];
    for sql in broken {
        let write = store.write().await.unwrap();
        let bound = values![vec![7u8; 16]];
        let bound = bound.into_iter().take(sql.matches('$').count().min(1));
        let error = row::execute(write.connection(), sql, bound).await;
        let error = error.unwrap_err();
        assert!(matches!(error, StoreError::Invariant(_)), "{sql}: {error}");
        write.roll_back().await.unwrap();
    }
    let nowhere = row::one(store.reader(), "nowhere", "SELECT 1 FROM nowhere", []).await;
    assert!(matches!(nowhere, Err(StoreError::Unavailable(_))));
}

async fn a_snapshot_stays_as_it_began(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let sql = "SELECT value FROM writer_sequence";
    let snapshot = store.snapshot().await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let row = row::one(snapshot.connection(), "writer_sequence", sql, []).await;
        seen.push(row.unwrap().unwrap().get::<i64>("value").unwrap());
        let mut write = store.write().await.unwrap();
        write.sequence().await.unwrap();
        write.commit().await.unwrap();
    }
    snapshot.end().await.unwrap();
    assert_eq!(seen[0], seen[1]);
}

async fn what_decides_durability_is_told(engine: Engine) {
    let (store, _database) = fixture::open(engine).await;
    let told = store.durability_in_force().await.unwrap();
    let expected: &[(&str, &str)] = match engine {
        Engine::Sqlite => &[("journal_mode", "wal"), ("synchronous", "off")],
        Engine::Postgres => &[
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("wal_level", "replica"),
        ],
    };
    let told: Vec<(&str, &str)> = told.iter().map(|(n, value)| (*n, value.as_str())).collect();
    assert_eq!(told, expected);
}

/// Reads, waits its turn out, writes what it read plus one: of two at once one would be lost.
async fn cold_writes_take_turns_across_processes(engine: Engine) {
    const PROCESSES: usize = 3;
    const TASKS: usize = 4;
    const WRITES: i64 = 10;
    let (store, database) = fixture::open(engine).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..PROCESSES {
        let process = Store::open(&fixture::config(&database)).await.unwrap();
        for _ in 0..TASKS {
            let process = process.clone();
            tasks.spawn(async move {
                for _ in 0..WRITES {
                    let write = process.write().await.unwrap();
                    let sql = "SELECT mark FROM roll_up";
                    let row = row::one(write.connection(), "roll_up", sql, []).await;
                    let mark: i64 = row.unwrap().unwrap().get("mark").unwrap();
                    tokio::task::yield_now().await;
                    let sql = "UPDATE roll_up SET mark = $1";
                    row::execute(write.connection(), sql, values![mark + 1])
                        .await
                        .unwrap();
                    write.commit().await.unwrap();
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let row = row::one(store.reader(), "roll_up", "SELECT mark FROM roll_up", []).await;
    let mark: i64 = row.unwrap().unwrap().get("mark").unwrap();
    assert_eq!(mark, (PROCESSES * TASKS) as i64 * WRITES);
}

/// A hot write with a smaller number may commit after one with a larger number: it is noticed all
/// the same, and a mark taken before stands in front of it.
#[tokio::test]
async fn an_older_commit_that_comes_late_is_not_missed() {
    let (store, database) = fixture::open(Engine::Postgres).await;
    let other = Store::open(&fixture::config(&database)).await.unwrap();
    let mut older = store.write_beside().await.unwrap();
    let first = older.settle_sequence().await.unwrap();
    let mut newer = other.write_beside().await.unwrap();
    let second = newer.settle_sequence().await.unwrap();
    assert!(second > first);
    assert_eq!(newer.settle_sequence().await.unwrap(), second);
    newer.commit().await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    let mark = snapshot.settle_mark().await.unwrap();
    snapshot.end().await.unwrap();
    assert!(mark <= first, "{mark} would pass {first} by");
    let before = store.data_version().await.unwrap();
    older.commit().await.unwrap();
    assert_ne!(store.data_version().await.unwrap(), before);
    let snapshot = store.snapshot().await.unwrap();
    // How far it moves depends on the other databases of the server, too.
    assert!(snapshot.settle_mark().await.unwrap() >= mark);
}

#[tokio::test]
async fn a_mark_of_another_cluster_is_forgotten() {
    let (store, database) = fixture::open(Engine::Postgres).await;
    let mark = async |store: &Store| -> i64 {
        let row = row::one(store.reader(), "roll_up", "SELECT mark FROM roll_up", []).await;
        row.unwrap().unwrap().get("mark").unwrap()
    };
    for (set, expected) in [(1, 1), (i64::MAX, 0)] {
        let write = store.write().await.unwrap();
        let sql = "UPDATE roll_up SET mark = $1";
        row::execute(write.connection(), sql, values![set])
            .await
            .unwrap();
        write.commit().await.unwrap();
        let again = Store::open(&fixture::config(&database)).await.unwrap();
        assert_eq!(mark(&again).await, expected);
    }
}

#[test]
fn a_password_is_not_shown() {
    let config = PostgresConfig {
        url: "postgres://shop:se@cret@db.example:5432/chingu?sslmode=disable".into(),
        writers: 1,
        readers: 1,
    };
    assert_eq!(config.place(), "postgres://db.example:5432/chingu");
    assert!(!format!("{config:?}").contains("cret"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let url = "postgres://shop:secret@127.0.0.1:1/chingu";
    let error = Store::open(&StoreConfig::postgres(url)).await.unwrap_err();
    let words = error.to_string();
    assert!(words.contains("127.0.0.1:1/chingu"), "{words}");
    assert!(!words.contains("secret"), "{words}");
}
