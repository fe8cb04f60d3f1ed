//! Opening a database: pools, migrations, and noticing what other processes wrote.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use domain::id::{IdSource, InstallationId};
use domain::time::Timestamp;
use sea_orm::DatabaseConnection;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};

use crate::StoreError;
use crate::row::{self, values};

/// Connections that only read.
const READERS: u32 = 4;
/// How long a writer waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages of the log before it is copied into the file: 64 MB, so that a broadcast is not
/// interrupted by copying every few megabytes.
const CHECKPOINT_PAGES: &str = "16000";
const CACHE_KIBIBYTES: &str = "-32000";

/// Whether a commit survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `synchronous = FULL`: every commit is on disk before it is answered.
    Full,
    /// For simulations, whose crashes end processes only in thought.
    Off,
}

#[derive(Debug, Clone)]
pub struct StoreConfig {
    pub path: PathBuf,
    pub durability: Durability,
}

impl StoreConfig {
    pub fn durable(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::Full,
        }
    }
}

/// A database of the platform: one writer, several readers.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// A connection that does nothing else, because `data_version` is counted per connection.
    watcher: DatabaseConnection,
}

impl Store {
    /// Opens the file, making it and its tables where they are missing.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let cannot_open = |why: String| StoreError::CannotOpen {
            path: config.path.display().to_string(),
            why,
        };
        if let Some(folder) = config.path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| cannot_open(error.to_string()))?;
        }
        let options = connect_options(&config.path, config.durability)?;
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(|error| cannot_open(error.to_string()))?;
        migrator()
            .run(&writer)
            .await
            .map_err(|error| cannot_open(format!("the migrations do not apply: {error}")))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options.clone().read_only(true))
            .await?;
        let watcher = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            path: config.path.clone(),
            writer: writer.into(),
            reader: readers.into(),
            watcher: watcher.into(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A number that changes whenever anybody else than the watching connection has committed.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        let row = row::one(&self.watcher, "pragma", "PRAGMA data_version", []).await?;
        row.ok_or_else(|| StoreError::NotFound("data version".into()))?
            .get("data_version")
    }

    /// The id of this installation, made once.
    pub async fn installation(
        &self,
        ids: &dyn IdSource,
        now: Timestamp,
    ) -> Result<InstallationId, StoreError> {
        let write = self.write().await?;
        let insert = "INSERT INTO installation (one, id, created_at) VALUES (1, $1, $2)
                      ON CONFLICT DO NOTHING";
        let fresh: InstallationId = ids.next();
        row::execute(write.connection(), insert, values![fresh, now]).await?;
        let sql = "SELECT id FROM installation";
        let row = row::one(write.connection(), "installation", sql, []).await?;
        let id = row
            .ok_or_else(|| StoreError::NotFound("installation".into()))?
            .id("id")?;
        write.commit().await?;
        Ok(id)
    }

    /// Closes every connection; what is open elsewhere fails from then on.
    pub async fn close(self) -> Result<(), StoreError> {
        self.watcher.close().await?;
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }

    /// Whether the database answers: what `/readyz` asks.
    pub async fn ping(&self) -> Result<(), StoreError> {
        row::one(&self.reader, "installation", "SELECT 1", [])
            .await
            .map(|_| ())
    }

    /// `journal_mode` and `synchronous` of the writer, by SQLite's words.
    pub async fn durability_in_force(&self) -> Result<(String, String), StoreError> {
        let sql = "SELECT journal_mode, synchronous
                   FROM pragma_journal_mode, pragma_synchronous";
        let row = row::one(&self.writer, "pragma", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("durability".into()))?;
        let synchronous = match row.get::<i64>("synchronous")? {
            0 => "off",
            1 => "normal",
            2 => "full",
            _ => "extra",
        };
        Ok((row.get("journal_mode")?, synchronous.to_owned()))
    }

    /// The same database for whoever must not write: every write through it is refused by SQLite.
    pub fn read_only(&self) -> Self {
        Self {
            writer: self.reader.clone(),
            ..self.clone()
        }
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    pub(crate) fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }
}

fn connect_options(
    path: &Path,
    durability: Durability,
) -> Result<SqliteConnectOptions, StoreError> {
    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Off => SqliteSynchronous::Off,
    };
    let options = SqliteConnectOptions::from_str("sqlite://")?
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", CACHE_KIBIBYTES)
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    Ok(options)
}

fn migrator() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        migration(
            1,
            "spine",
            include_str!("../../../migrations/sqlite/0001_spine.sql"),
        ),
        migration(
            2,
            "sign_in",
            include_str!("../../../migrations/sqlite/0002_sign_in.sql"),
        ),
        migration(
            3,
            "receipts",
            include_str!("../../../migrations/sqlite/0003_receipts.sql"),
        ),
        migration(
            4,
            "draft",
            include_str!("../../../migrations/sqlite/0004_draft.sql"),
        ),
        migration(
            5,
            "reach_counts",
            include_str!("../../../migrations/sqlite/0005_reach_counts.sql"),
        ),
        migration(
            6,
            "ledger_time",
            include_str!("../../../migrations/sqlite/0006_ledger_time.sql"),
        ),
        migration(
            7,
            "campaign_action",
            include_str!("../../../migrations/sqlite/0007_campaign_action.sql"),
        ),
        migration(
            8,
            "friends",
            include_str!("../../../migrations/sqlite/0008_friends.sql"),
        ),
        migration(
            9,
            "media",
            include_str!("../../../migrations/sqlite/0009_media.sql"),
        ),
        migration(
            10,
            "rejected_rows",
            include_str!("../../../migrations/sqlite/0010_rejected_rows.sql"),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_store_that_only_reads_refuses_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::durable(folder.path().join("chingu.db"));
        let store = Store::open(&config).await.unwrap();
        let reading = store.read_only();
        reading.ping().await.unwrap();
        let refused = match reading.write().await {
            Ok(mut write) => write.sequence().await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
        store.write().await.unwrap().commit().await.unwrap();
    }

    #[tokio::test]
    async fn another_process_is_noticed_and_the_sequence_rises() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::durable(folder.path().join("chingu.db"));
        let here = Store::open(&config).await.unwrap();
        let there = Store::open(&config).await.unwrap();
        let before = here.data_version().await.unwrap();
        let mut write = there.write().await.unwrap();
        let first = write.sequence().await.unwrap();
        assert_eq!(write.sequence().await.unwrap(), first);
        write.commit().await.unwrap();
        assert_ne!(here.data_version().await.unwrap(), before);
        let mut write = here.write().await.unwrap();
        assert_eq!(write.sequence().await.unwrap(), first + 1);
    }
}
