//! The view `send` on PostgreSQL: one row per send, as the record has it.

use std::collections::BTreeMap;

use domain::chunk::ChunkState;
use domain::outcome::{Outcome, RejectionCode};
use sqlx::Row;
use sqlx::postgres::{PgPool, PgPoolOptions};
use testkit::conformance::world::{UNIT_PRICE, end, settle, settle_moving};
use testkit::conformance::{Raw, Subject, World};
use testkit::database::{self, Address, Engine, TestDatabase};

struct Rows {
    raw: database::Raw,
    _database: TestDatabase,
}

#[async_trait::async_trait]
impl Raw for Rows {
    async fn execute(&self, sql: &str) {
        self.raw.run(sql).await;
    }

    async fn number(&self, sql: &str) -> i64 {
        self.raw.number(sql).await
    }
}

async fn world() -> (World, PgPool) {
    let (store, database) = database::open(Engine::Postgres).await;
    let Address::Url(url) = database.address().clone() else {
        panic!("PostgreSQL has a URL");
    };
    let raw = Box::new(Rows {
        raw: database.raw().await,
        _database: database,
    });
    let pool = PgPoolOptions::new().max_connections(1).connect(&url).await;
    (World::of(Subject { store, raw }).await, pool.unwrap())
}

/// A send as the view shows it: user, round, outcome by name, micro-units billed.
type Send = (i32, i64, String, i64);

async fn sends(pool: &PgPool, condition: &'static str) -> Vec<Send> {
    let sql = format!(
        "SELECT user_number, round, outcome_name, billed_micro FROM send WHERE {condition}
         ORDER BY user_number, round"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await;
    let send = |row: &sqlx::postgres::PgRow| (row.get(0), row.get(1), row.get(2), row.get(3));
    rows.unwrap().iter().map(send).collect()
}

#[tokio::test]
async fn every_send_is_one_row_and_says_what_the_record_says() {
    let (world, pool) = world().await;
    // Users 1 to 4 and 5 to 8 of one campaign, and 9 who is not pushed to yet.
    let chunks = world.running(&[4, 4, 1]).await;
    let claimed = world.claim(&chunks[..2]).await;
    assert!(world.record(&claimed[0], settle_moving(2, 2)).await);
    let outcomes = [
        Outcome::Accepted,
        Outcome::Failed(RejectionCode::Left),
        Outcome::Uncertain,
        Outcome::Uncertain,
    ];
    assert!(world.record(&claimed[1], settle(&outcomes)).await);
    assert!(world.amend(claimed[1].id, 2, Outcome::Confirmed).await);
    let expected = [
        (1, 0, "accepted", UNIT_PRICE),
        (2, 0, "accepted", UNIT_PRICE),
        (3, 1, "pending", 0),
        (4, 1, "pending", 0),
        (5, 0, "accepted", UNIT_PRICE),
        (6, 0, "failed", 0),
        (7, 0, "confirmed", UNIT_PRICE),
        (8, 0, "uncertain", 0),
        (9, 0, "pending", 0),
    ];
    let expected = expected.map(|(user, round, name, billed)| (user, round, name.into(), billed));
    assert_eq!(sends(&pool, "true").await, expected);
    let one = "user_number = 7 AND 7 BETWEEN first_number AND last_number";
    assert_eq!(sends(&pool, one).await, [expected[6].clone()]);
    world.roll_up().await;
    let billed = "SELECT SUM(billed_micro) FROM send";
    let captured = world.raw.number("SELECT SUM(amount) FROM capture").await;
    assert_eq!(world.raw.number(billed).await, captured);
}

/// Where a price depends on the sends before it, each send has its own: of three at the first price
/// the quota includes one, and who was proven later came after them.
#[tokio::test]
async fn a_send_has_the_price_it_was_captured_at() {
    let (world, pool) = world().await;
    let band = "INSERT INTO price_band (version, currency, tariff, after, unit_price)
                VALUES (1, 'KRW', 1, 2, 10000000)";
    world.raw.execute(band).await;
    let chunks = world.running(&[6]).await;
    let terms = "UPDATE campaign_tariff SET by_unit = 1, quota = 1";
    world.raw.execute(terms).await;
    let claimed = world.claim(&chunks).await;
    let outcomes = [
        Outcome::Uncertain,
        Outcome::Accepted,
        Outcome::Failed(RejectionCode::Left),
        Outcome::Accepted,
        Outcome::Accepted,
        Outcome::Accepted,
    ];
    assert!(world.record(&claimed[0], settle(&outcomes)).await);
    world.roll_up().await;
    assert!(world.amend(claimed[0].id, 0, Outcome::Confirmed).await);
    world.roll_up().await;
    let billed: Vec<i64> = sends(&pool, "true")
        .await
        .into_iter()
        .map(|(_, _, _, billed)| billed / 1_000_000)
        .collect();
    assert_eq!(billed, [10, 0, 0, 15, 15, 10]);
    let billed = "SELECT SUM(billed_micro) FROM send";
    let captured = world.raw.number("SELECT SUM(amount) FROM capture").await;
    assert_eq!(world.raw.number(billed).await, captured);
}

#[tokio::test]
async fn what_ended_unsent_is_cancelled_for_everybody() {
    let (world, pool) = world().await;
    let chunks = world.running(&[2, 2]).await;
    let claimed = world.claim(&chunks[..1]).await;
    let unresolved = end(ChunkState::Unresolved, &[Outcome::Uncertain; 2]);
    assert!(world.record(&claimed[0], unresolved).await);
    let mut write = world.store.write().await.unwrap();
    let campaign = chunks[0].campaign;
    let now = testkit::conformance::world::NOW;
    let ended = write.end_ready(campaign, ChunkState::Cancelled, now).await;
    assert_eq!(ended.unwrap(), 2);
    write.commit().await.unwrap();
    let names: BTreeMap<i32, String> = sends(&pool, "true")
        .await
        .into_iter()
        .map(|(user, _, name, _)| (user, name))
        .collect();
    let names: Vec<&str> = names.values().map(String::as_str).collect();
    assert_eq!(names, ["uncertain", "uncertain", "cancelled", "cancelled"]);
}

/// Names in the view are those of the report.
#[tokio::test]
async fn outcomes_have_the_names_of_the_report() {
    let (world, pool) = world().await;
    let known: Vec<Outcome> = (0..=u8::MAX)
        .filter_map(Outcome::from_code)
        .filter(|outcome| *outcome != Outcome::Moved)
        .collect();
    let claimed = world.claimed(known.len() as u32).await;
    assert!(world.record(&claimed, settle(&known)).await);
    let found: Vec<String> = sends(&pool, "true")
        .await
        .into_iter()
        .map(|send| send.2)
        .collect();
    let expected: Vec<&str> = known.iter().map(|outcome| outcome.name()).collect();
    assert_eq!(found, expected);
}
