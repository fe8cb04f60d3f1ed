//! The wall holds: whatever a statement forgets, the rows of another business are not there.

use testkit::database::{Engine, TestDatabase};
use testkit::postgres::PostgresServer;

use super::*;
use crate::{StoreConfig, fixture};

/// Every id of a business's rows in these tests is its own.
const OURS: BusinessId = BusinessId::from_bytes([1; 16]);
const THEIRS: BusinessId = BusinessId::from_bytes([2; 16]);
/// What the role reads that is nobody's: seals of days, prices, the messenger's keys by their
/// numbers, and the number of the next write.
const SHARED: [&str; 5] = ["day_seal", "price", "price_band", "user", "writer_sequence"];
/// Every table behind the wall gets a row of each business.
const FILL: &str = "DO $$ DECLARE of_table record; business int; BEGIN
  FOR of_table IN
    SELECT c.relname AS name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
      string_agg(CASE WHEN a.attname = 'month' THEN '$3'
        WHEN a.atttypid = 'bytea'::regtype THEN '$1'
        WHEN a.atttypid = 'text'::regtype THEN '$2::text'
        WHEN a.atttypid = 'bigint'::regtype THEN '$2' ELSE 'NULL' END, ', ' ORDER BY a.attnum)
        AS places
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'public'::regnamespace AND c.relrowsecurity AND NOT a.attisdropped
    GROUP BY c.relname
  LOOP FOR business IN 1..2 LOOP
    EXECUTE format('INSERT INTO %I (%s) VALUES (%s)', of_table.name, of_table.columns,
      replace(of_table.places, 'NULL',
        CASE of_table.name WHEN 'chunk' THEN '''{}''' ELSE 'NULL' END))
    USING decode(repeat('0' || business, 16), 'hex'), business::bigint,
      (SELECT min(substring(relname FROM 7)::bigint) FROM pg_class
        WHERE relname ~ '^chunk_[0-9]+$');
  END LOOP; END LOOP; END $$";

/// A store with rows of two businesses in every table behind the wall.
async fn filled() -> (Store, TestDatabase) {
    let (store, database) = fixture::open(Engine::Postgres).await;
    let raw = database.unchecked().await;
    raw.run(FILL).await;
    raw.close().await;
    (store, database)
}

/// Every table, and whether it is behind the wall.
async fn tables(store: &Store) -> Vec<(String, bool)> {
    let sql = "SELECT relname::text AS name, relrowsecurity AS is_walled FROM pg_class
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
                 AND NOT relispartition ORDER BY relname";
    let rows = row::all(store.reader(), "pg_class", sql, []).await.unwrap();
    rows.iter()
        .map(|row| (row.get("name").unwrap(), row.get("is_walled").unwrap()))
        .collect()
}

/// All that a store reads of a table, one row after the other; `None` where it may not read it.
async fn everything(store: &Store, table: &str) -> Option<Vec<String>> {
    let sql = format!("SELECT t::text AS line FROM \"{table}\" AS t");
    let rows = row::all(store.reader(), "any", &sql, []).await.ok()?;
    Some(rows.iter().map(|row| row.get("line").unwrap()).collect())
}

#[tokio::test]
async fn a_statement_without_a_condition_finds_one_business_and_without_one_nobody() {
    let (store, _database) = filled().await;
    let wall = store.wall().await.unwrap();
    let (ours, theirs) = (wall.store_of(OURS), wall.store_of(THEIRS));
    let nobodys = wall.store_with("");
    let mut read = 0;
    for (table, is_walled) in tables(&store).await {
        let found = everything(&ours, &table).await;
        if !is_walled {
            let is_shared = SHARED.contains(&table.as_str());
            assert_eq!(found.is_some(), is_shared, "{table} is not behind the wall");
            continue;
        }
        let Some(found) = found else {
            assert_eq!(table, "message", "{table} cannot be read");
            continue;
        };
        read += 1;
        let (our_id, their_id) = (hex(OURS.as_bytes()), hex(THEIRS.as_bytes()));
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert!(found[0].contains(&our_id), "{table}: {found:?}");
        assert!(!found[0].contains(&their_id), "{table}: {found:?}");
        let found = everything(&theirs, &table).await.unwrap();
        assert_eq!(found.len(), 1, "{table}: {found:?}");
        assert!(found[0].contains(&their_id), "{table}: {found:?}");
        let found = everything(&nobodys, &table).await.unwrap();
        assert!(found.is_empty(), "{table}: {found:?}");
        assert!(
            everything(&store, &table).await.unwrap().len() > 1,
            "{table}"
        );
    }
    assert!(read > 40, "{read} tables behind the wall");
    let snapshot = ours.read_only().snapshot().await.unwrap();
    let sql = "SELECT id FROM campaign";
    let seen = row::all(snapshot.connection(), "campaign", sql, []).await;
    assert_eq!(seen.unwrap().len(), 1);
    snapshot.end().await.unwrap();
    // Nothing of the wall stays on a connection that goes back.
    assert_eq!(everything(&store, "business").await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_written_behind_the_wall_is_of_the_business() {
    let (store, _database) = filled().await;
    let ours = store.wall().await.unwrap().store_of(OURS);
    for (sql, changed) in [
        ("UPDATE campaign SET name = 'ours'", 1),
        ("UPDATE wallet SET held = held + 1", 1),
        ("UPDATE chunk SET detour = 'ours'", 1),
        ("DELETE FROM session", 1),
        ("UPDATE member SET role = 'owner' WHERE business <> $1", 0),
    ] {
        let write = ours.write().await.unwrap();
        let bound = values![OURS].into_iter().take(sql.matches('$').count());
        let done = row::execute(write.connection(), sql, bound).await;
        assert_eq!(done.unwrap(), changed, "{sql}");
        write.roll_back().await.unwrap();
    }
    for sql in [
        "UPDATE campaign SET business = $1",
        "INSERT INTO campaign_tariff (campaign, tariff, unit_price, counted, granted)
         VALUES ($1, 9, 1, 1, 1)",
        "INSERT INTO draft_part SELECT $1, 9, 1, '', '', 1, $1",
        // Written once, by whoever counts money.
        "UPDATE ledger_entry SET amount = 0 WHERE ledger_transaction <> $1",
        "DELETE FROM campaign WHERE id <> $1",
        "UPDATE sign_in_failure SET at = 0 WHERE id <> $1",
    ] {
        let write = ours.write().await.unwrap();
        let refused = row::execute(write.connection(), sql, values![THEIRS]).await;
        let refused = refused.unwrap_err().to_string();
        let words = ["row-level security", "permission denied"];
        assert!(
            words.iter().any(|w| refused.contains(w)),
            "{sql}: {refused}"
        );
        write.roll_back().await.unwrap();
    }
}

/// A database whose owner may do nothing but own it; the owner's name, and how it is opened.
async fn plainly_owned() -> (String, String, StoreConfig) {
    let server = PostgresServer::shared();
    let database = server.create_database().await;
    let owner = format!("{database}_owner");
    let sql = format!("CREATE ROLE {owner} LOGIN; ALTER DATABASE {database} OWNER TO {owner}");
    server.execute("postgres", &sql).await;
    let url = server
        .url(&database)
        .replace("postgres@", &format!("{owner}@"));
    (database, owner, StoreConfig::postgres(url))
}

#[tokio::test]
async fn whoever_may_not_make_the_role_is_told_what_to_do() {
    let (database, owner, config) = plainly_owned().await;
    let store = Store::open(&config).await.unwrap();
    let refused = store.wall().await.unwrap_err().to_string();
    let advice =
        format!("CREATE ROLE {database}_tenant NOLOGIN; GRANT {database}_tenant TO \"{owner}\";");
    assert!(refused.contains(&advice), "{refused}");
    PostgresServer::shared().execute(&database, &advice).await;
    let wall = store.wall().await.unwrap();
    assert!(wall.store_of(OURS).businesses().await.unwrap().is_empty());
    // It is there now: nothing is changed, and nothing need be.
    store.wall().await.unwrap();
}

/// The plan of a statement.
async fn plan(store: &Store, sql: &str) -> String {
    let write = store.write_beside().await.unwrap();
    let sql = format!("EXPLAIN {sql}");
    let rows = row::all(write.connection(), "plan", &sql, [])
        .await
        .unwrap();
    let lines = rows
        .iter()
        .map(|row| row.get::<String>("QUERY PLAN").unwrap());
    lines.collect::<Vec<String>>().join("\n")
}

/// Claims, settles and all else of the installation's own are planned as if there were no wall.
#[tokio::test]
async fn the_plans_of_the_owner_know_nothing_of_the_wall() {
    let (database, owner, config) = plainly_owned().await;
    let role = format!("CREATE ROLE {database}_tenant; GRANT {database}_tenant TO {owner}");
    PostgresServer::shared().execute(&database, &role).await;
    let store = Store::open(&config).await.unwrap();
    let walled = store.wall().await.unwrap().store_of(OURS);
    let months = "SELECT MIN(substring(relname FROM 7)::bigint) AS month FROM pg_class
                  WHERE relname ~ '^chunk_[0-9]+$'";
    let month = row::one(store.reader(), "pg_class", months, []).await;
    let month: i64 = month.unwrap().unwrap().get("month").unwrap();
    let of_chunk = format!("campaign = '\\x01' AND number = 1 AND round = 0 AND month = {month}");
    for sql in [
        format!("UPDATE chunk SET epoch = epoch + 1 WHERE {of_chunk}"),
        format!("SELECT state FROM chunk WHERE {of_chunk} FOR UPDATE"),
        format!("SELECT keys FROM chunk_recipients WHERE {of_chunk}"),
        "SELECT state FROM campaign WHERE id = '\\x01' FOR SHARE".to_owned(),
    ] {
        let own = plan(&store, &sql).await;
        assert!(!own.contains("SubPlan") && !own.contains("chingu"), "{own}");
        if !sql.contains("chunk_recipients") {
            let theirs = plan(&walled, &sql).await;
            let is_walled = theirs.contains("SubPlan") || theirs.contains("chingu");
            assert!(is_walled, "{theirs}");
        }
    }
    let sql = "SELECT relname::text AS name FROM pg_class
               WHERE relrowsecurity AND row_security_active(oid)";
    let active = row::all(store.reader(), "pg_class", sql, []).await;
    assert_eq!(active.unwrap().len(), 0);
}

/// Somebody to whom the policies apply would find no chunks to send, and say nothing.
#[tokio::test]
async fn a_user_who_does_not_own_the_tables_is_refused() {
    let (database, owner, config) = plainly_owned().await;
    Store::open(&config).await.unwrap().close().await.unwrap();
    let server = PostgresServer::shared();
    let grants = format!(
        "CREATE ROLE {database}_guest LOGIN; GRANT ALL ON SCHEMA public TO {database}_guest;
         GRANT ALL ON ALL TABLES IN SCHEMA public TO {database}_guest"
    );
    server.execute(&database, &grants).await;
    let StoreConfig::Postgres(config) = config else {
        unreachable!("it is a server's");
    };
    let guest = config.url.replace(&owner, &format!("{database}_guest"));
    let refused = Store::open(&StoreConfig::postgres(guest)).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("own"), "{refused}");
}

#[tokio::test]
async fn sqlite_has_no_policies() {
    let (store, _database) = fixture::open(Engine::Sqlite).await;
    let wall = store.wall().await.unwrap();
    assert!(wall.store_of(OURS).behind().is_none());
}
