//! SQLite does what every dialect of the hot paths has to do.

use std::path::Path;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use store::{Durability, Store, StoreConfig};
use testkit::conformance::{self, Raw, Subject};

/// Fewer cases than this means that somebody lost some.
const CASES_MIN: usize = 80;

struct SqliteFile {
    pool: SqlitePool,
    /// Gone with the last case that uses it.
    _folder: Arc<tempfile::TempDir>,
}

#[async_trait::async_trait]
impl Raw for SqliteFile {
    async fn execute(&self, sql: &str) {
        let statement = AssertSqlSafe(sql.to_owned());
        let done = sqlx::raw_sql(statement).execute(&self.pool).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn number(&self, sql: &str) -> i64 {
        let statement = AssertSqlSafe(sql.to_owned());
        let found = sqlx::query_scalar::<_, Option<i64>>(statement);
        let found = found.fetch_one(&self.pool).await;
        let number = found.unwrap_or_else(|error| panic!("{sql}: {error}"));
        number.unwrap_or_default()
    }
}

async fn open() -> Subject {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("chingu.db");
    let config = StoreConfig {
        path: path.clone(),
        durability: Durability::Off,
    };
    let store = Store::open(&config).await.unwrap();
    let raw = SqliteFile {
        pool: open_raw(&path).await,
        _folder: folder,
    };
    Subject {
        store,
        raw: Box::new(raw),
    }
}

async fn open_raw(path: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path);
    let pool = SqlitePoolOptions::new().max_connections(1);
    pool.connect_with(options).await.unwrap()
}

#[tokio::test]
async fn sqlite_conforms() {
    let report = conformance::run(open).await;
    eprintln!("conformance of SQLite: {report}");
    assert!(report.failures.is_empty(), "{report}");
    assert!(report.cases >= CASES_MIN, "{report}");
}
