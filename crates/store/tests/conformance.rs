//! Both dialects do what every dialect of the hot paths has to do: the same cases on each.

use testkit::conformance::{self, Subject};
use testkit::database::{self, Engine, TestDatabase};

/// Fewer cases than this means that somebody lost some.
const CASES_MIN: usize = 90;

struct Raw {
    raw: database::Raw,
    /// Gone with the last case that uses it.
    _database: TestDatabase,
}

#[async_trait::async_trait]
impl conformance::Raw for Raw {
    async fn execute(&self, sql: &str) {
        self.raw.run(sql).await;
    }

    async fn number(&self, sql: &str) -> i64 {
        self.raw.number(sql).await
    }
}

async fn open(engine: Engine) -> Subject {
    let (store, database) = database::open(engine).await;
    let raw = Raw {
        raw: database.raw().await,
        _database: database,
    };
    Subject {
        store,
        raw: Box::new(raw),
    }
}

#[tokio::test]
async fn both_engines_conform() {
    let sqlite = conformance::run(|| open(Engine::Sqlite)).await;
    eprintln!("conformance of SQLite: {sqlite}");
    let postgres = conformance::run(|| open(Engine::Postgres)).await;
    eprintln!("conformance of PostgreSQL: {postgres}");
    for report in [&sqlite, &postgres] {
        assert!(report.failures.is_empty(), "{report}");
        assert!(report.cases >= CASES_MIN, "{report}");
    }
    assert_eq!(sqlite.cases, postgres.cases);
}
