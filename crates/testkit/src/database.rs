//! Databases of tests, of either engine: what runs on one runs on the other.

use std::path::{Path, PathBuf};

use domain::codec;
use domain::outcome::Outcome;
use domain::user::UserNumber;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row};
use store::{PostgresConfig, Store, StoreConfig};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::postgres::{self, Database, PostgresServer};

/// Connections of one store: a server is shared by all tests of a process.
const WRITERS: u32 = 6;
const READERS: u32 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite in a file.
    Sqlite,
    /// PostgreSQL, on the server that the tests of this process share.
    Postgres,
}

impl Engine {
    /// User numbers as a literal of the column `chunk.numbers`.
    pub fn numbers(self, numbers: &[u32]) -> String {
        let numbers: Vec<UserNumber> = numbers.iter().copied().map(UserNumber).collect();
        match self {
            Self::Sqlite => blob(&codec::pack_numbers(&numbers)),
            Self::Postgres => array("int4", numbers.iter().map(|number| number.0)),
        }
    }

    /// Outcomes as a literal of the column `chunk.outcomes`.
    pub fn outcomes(self, outcomes: &[Outcome]) -> String {
        match self {
            Self::Sqlite => blob(&codec::pack_outcomes(outcomes)),
            Self::Postgres => array("int2", outcomes.iter().map(|one| one.code().into())),
        }
    }
}

fn blob(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}

fn array(of: &str, numbers: impl Iterator<Item = u32>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!("'{{{}}}'::{of}[]", numbers.join(","))
}

/// Where a database is: for whoever opens it in another way than [`TestDatabase::config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    File(PathBuf),
    Url(String),
}

/// A database with its tables and nothing in them. It is gone with this value.
pub struct TestDatabase {
    address: Address,
    folder: TempDir,
    server: Option<Database>,
}

/// Plain SQL on a database, of the kind that both engines read: for what nobody may do through the
/// store, and for columns that nobody reads back.
pub enum Raw {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Each of these functions takes an [`Engine`] and is run on both: as `name::embedded` and as
/// `name::production`. With `multi_thread:` in front, on several threads.
#[macro_export]
macro_rules! on_both_engines {
    (multi_thread: $($name:ident),+ $(,)?) => {
        $crate::on_both_engines!(@ (flavor = "multi_thread", worker_threads = 4) $($name),+);
    };
    (@ $how:tt $($name:ident),+) => {
        $($crate::on_both_engines!(# $how $name);)+
    };
    (# ($($how:tt)*) $name:ident) => {
        mod $name {
            #[tokio::test($($how)*)]
            async fn embedded() {
                super::$name($crate::database::Engine::Sqlite).await;
            }

            #[tokio::test($($how)*)]
            async fn production() {
                super::$name($crate::database::Engine::Postgres).await;
            }
        }
    };
    ($($name:ident),+ $(,)?) => {
        $crate::on_both_engines!(@ () $($name),+);
    };
}

/// A store on a database of its own.
pub async fn open(engine: Engine) -> (Store, TestDatabase) {
    let database = TestDatabase::make(engine).await;
    let store = Store::open(&database.config()).await;
    let store = store.unwrap_or_else(|error| panic!("{engine:?}: {error}"));
    (store, database)
}

impl TestDatabase {
    pub async fn make(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (address, server) = match engine {
            Engine::Sqlite => (Address::File(folder.path().join("chingu.db")), None),
            Engine::Postgres => {
                let fresh = postgres::copy_of(template().await).await;
                (Address::Url(fresh.url.clone()), Some(fresh))
            }
        };
        Self {
            address,
            folder,
            server,
        }
    }

    pub fn engine(&self) -> Engine {
        match self.address {
            Address::File(_) => Engine::Sqlite,
            Address::Url(_) => Engine::Postgres,
        }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// For [`Store::open`], as often as a test plays several processes.
    pub fn config(&self) -> StoreConfig {
        match &self.address {
            Address::File(path) => StoreConfig::fast(path),
            Address::Url(url) => StoreConfig::Postgres(PostgresConfig {
                url: url.clone(),
                writers: WRITERS,
                readers: READERS,
            }),
        }
    }

    /// A folder of the test's own, for files beside the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn raw(&self) -> Raw {
        match &self.address {
            Address::File(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                Raw::Sqlite(one_connection(options).await)
            }
            Address::Url(url) => {
                let raw = Raw::Postgres(one_session(url).await);
                raw.run(UNHEX).await;
                raw
            }
        }
    }

    /// A copy of its own; nobody may be connected to this one.
    pub async fn copy(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (address, server) = match (&self.address, &self.server) {
            (Address::File(_), _) | (_, None) => {
                let path = folder.path().join("chingu.db");
                let raw = self.raw().await;
                raw.run(format!("VACUUM INTO '{}'", path.display())).await;
                raw.close().await;
                (Address::File(path), None)
            }
            (Address::Url(_), Some(server)) => {
                let copy = postgres::copy_of(server.name()).await;
                (Address::Url(copy.url.clone()), Some(copy))
            }
        };
        Self {
            address,
            folder,
            server,
        }
    }

    /// The same with nothing that holds it back: rows may be written that the tables refuse.
    pub async fn unchecked(&self) -> Raw {
        match &self.address {
            Address::File(path) => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .foreign_keys(false)
                    .pragma("ignore_check_constraints", "ON");
                Raw::Sqlite(one_connection(options).await)
            }
            Address::Url(url) => {
                let raw = Raw::Postgres(one_session(url).await);
                raw.run("SET session_replication_role = replica").await;
                raw.run(DROP_CHECKS).await;
                raw.run(UNHEX).await;
                raw
            }
        }
    }
}

/// What SQLite's pragma does for one connection is done for the whole database here: tests that ask
/// for it break rows on purpose.
const DROP_CHECKS: &str = "DO $$ DECLARE name record; BEGIN
    FOR name IN SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace AND conislocal
          AND coninhcount = 0
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', name.of_table, name.conname);
    END LOOP; END $$";
/// SQLite's function, so that one literal serves both.
const UNHEX: &str =
    "CREATE OR REPLACE FUNCTION unhex(digits text) RETURNS bytea LANGUAGE sql IMMUTABLE
    AS $$ SELECT decode(digits, 'hex') $$";

impl Raw {
    /// On a database that somebody else made.
    pub async fn of(config: &StoreConfig) -> Self {
        match config {
            StoreConfig::Sqlite { path, .. } => {
                let options = SqliteConnectOptions::new().filename(path);
                Self::Sqlite(one_connection(options).await)
            }
            StoreConfig::Postgres(config) => Self::Postgres(one_session(&config.url).await),
        }
    }

    /// Runs statements; the number of rows the last one changed.
    pub async fn run(&self, sql: impl Into<String>) -> u64 {
        let sql: String = sql.into();
        let text = AssertSqlSafe(sql.clone());
        let done = match self {
            Self::Sqlite(pool) => {
                let done = sqlx::raw_sql(text).execute(pool).await;
                done.map(|done| done.rows_affected())
            }
            Self::Postgres(pool) => {
                let done = sqlx::raw_sql(text).execute(pool).await;
                done.map(|done| done.rows_affected())
            }
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The one whole number that a query answers; zero where it is null.
    pub async fn number(&self, sql: &str) -> i64 {
        let numbers = self.numbers(sql).await;
        numbers.first().copied().flatten().unwrap_or_default()
    }

    /// The first column of every row, which holds bytes.
    pub async fn bytes(&self, sql: &str) -> Vec<Vec<u8>> {
        let text = AssertSqlSafe(sql.to_owned());
        let found = match self {
            Self::Sqlite(pool) => sqlx::query_scalar(text).fetch_all(pool).await,
            Self::Postgres(pool) => sqlx::query_scalar(text).fetch_all(pool).await,
        };
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The first column of every row, as whole numbers of any width.
    pub async fn numbers(&self, sql: &str) -> Vec<Option<i64>> {
        let failed = |error| -> Vec<Option<i64>> { panic!("{sql}: {error}") };
        match self {
            Self::Sqlite(pool) => {
                let rows = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(pool);
                let read = |row: sqlx::sqlite::SqliteRow| row.try_get(0);
                let rows = rows
                    .await
                    .and_then(|rows| rows.into_iter().map(read).collect());
                rows.unwrap_or_else(failed)
            }
            Self::Postgres(pool) => {
                // Sums are decimal numbers there.
                let sql = format!("SELECT q.n::bigint FROM ({sql}) AS q (n)");
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool);
                let read = |row: sqlx::postgres::PgRow| row.try_get(0);
                let rows = rows
                    .await
                    .and_then(|rows| rows.into_iter().map(read).collect());
                rows.unwrap_or_else(failed)
            }
        }
    }
}

async fn one_connection(options: SqliteConnectOptions) -> SqlitePool {
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.connect_with(options).await.expect("a file")
}

async fn one_session(url: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(1);
    pool.connect(url).await.expect("a server")
}

/// The name of a database with tables: copied for every test, made once.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let make = || async {
        let server = PostgresServer::shared();
        let name = server.create_database().await;
        let config = StoreConfig::postgres(server.url(&name));
        let store = Store::open(&config).await.expect("the tables");
        store.close().await.expect("nobody else is there");
        name
    };
    TEMPLATE.get_or_init(make).await
}
