//! Opening a database of either engine, and noticing what other processes wrote.

mod migrations; // the tables, a folder per dialect
mod postgres; // PostgreSQL, by a URL
mod reader; // reading outside of transactions
mod sqlite; // SQLite, in a file
mod wall; // what a business sees, held by the database

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::id::{IdSource, InstallationId};
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend};
use tokio::sync::Semaphore;

use crate::StoreError;
use crate::row::{self, values};
use reader::Reader;
pub use wall::Wall;
pub(crate) use wall::begin_behind;

/// How long anybody waits for a connection, or for what another write holds.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(30);
/// Connections of one process to PostgreSQL that write, and that only read.
const POSTGRES_WRITERS: u32 = 16;
const POSTGRES_READERS: u32 = 8;

/// Whether a commit survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// `synchronous = FULL`: every commit is on disk before it is answered.
    Full,
    /// For simulations, whose crashes end processes only in thought.
    Off,
}

/// Which database, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// The embedded engine: everything in one file on this machine.
    Sqlite {
        path: PathBuf,
        durability: Durability,
    },
    /// The production engine.
    Postgres(PostgresConfig),
}

#[derive(Clone, PartialEq, Eq)]
pub struct PostgresConfig {
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=file`.
    pub url: String,
    /// Connections that write, and that only read. One more watches.
    pub writers: u32,
    pub readers: u32,
}

impl StoreConfig {
    /// A SQLite file whose commits survive a power cut.
    pub fn durable(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite {
            path: path.into(),
            durability: Durability::Full,
        }
    }

    /// A SQLite file for tests: its commits survive the end of a process, no power cut.
    pub fn fast(path: impl Into<PathBuf>) -> Self {
        Self::Sqlite {
            path: path.into(),
            durability: Durability::Off,
        }
    }

    /// A PostgreSQL database, with the usual numbers of connections.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::Postgres(PostgresConfig {
            url: url.into(),
            writers: POSTGRES_WRITERS,
            readers: POSTGRES_READERS,
        })
    }
}

impl PostgresConfig {
    /// Why the URL cannot be used, as far as can be known without connecting. The words do not
    /// repeat it: it holds a password.
    pub fn check(&self) -> Result<(), String> {
        postgres::connect_options(&self.url).map(drop)
    }

    /// The database without who connects to it: what logs and errors may show.
    pub fn place(&self) -> String {
        let after_scheme = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let place = after_scheme.split('?').next().unwrap_or_default();
        let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
        format!("postgres://{place}")
    }
}

/// Without the password.
impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("url", &self.place())
            .field("writers", &self.writers)
            .field("readers", &self.readers)
            .finish()
    }
}

/// What an engine opens.
struct Connections {
    writer: DatabaseConnection,
    beside: DatabaseConnection,
    reader: DatabaseConnection,
    watcher: DatabaseConnection,
}

/// A database of the platform.
#[derive(Debug, Clone)]
pub struct Store {
    writer: DatabaseConnection,
    /// For writes beside each other: of PostgreSQL connections of their own, whose plans are made
    /// once; SQLite has one writer.
    beside: DatabaseConnection,
    reader: Reader,
    /// A connection that does nothing else, because SQLite counts `data_version` per connection.
    watcher: DatabaseConnection,
    /// Whose turn it is among the cold writes of this process: one waits for the other processes,
    /// the rest wait here and leave the connections to the hot paths.
    turn: Arc<Semaphore>,
}

/// Whether nothing is there yet: no file, or a database without a table.
pub async fn is_empty(config: &StoreConfig) -> Result<bool, StoreError> {
    match config {
        StoreConfig::Sqlite { path, .. } => Ok(!path.exists()),
        StoreConfig::Postgres(config) => postgres::is_empty(config).await,
    }
}

impl Store {
    /// Opens the database, making its tables where they are missing.
    pub async fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let connections = match config {
            StoreConfig::Sqlite { path, durability } => sqlite::open(path, *durability).await?,
            StoreConfig::Postgres(config) => postgres::open(config).await?,
        };
        let store = Self {
            writer: connections.writer,
            beside: connections.beside,
            reader: Reader {
                connections: connections.reader,
                wall: None,
            },
            watcher: connections.watcher,
            turn: Arc::new(Semaphore::new(1)),
        };
        store.make_first_partitions().await?;
        Ok(store)
    }

    /// A number that changes whenever anybody else than the watching connection has committed.
    pub async fn data_version(&self) -> Result<i64, StoreError> {
        // The newest number in sight would not do: an older transaction may commit after it.
        let sql = match self.engine() {
            DbBackend::Postgres => {
                "SELECT hashtextextended(pg_current_snapshot()::text, 0) AS data_version"
            }
            _ => "PRAGMA data_version",
        };
        let row = row::one(&self.watcher, "data version", sql, []).await?;
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
        self.reader.connections.close().await?;
        self.beside.clone().close().await?;
        Ok(self.writer.close().await?)
    }

    /// Whether the database answers: what `/readyz` asks.
    pub async fn ping(&self) -> Result<(), StoreError> {
        row::one(&self.reader, "installation", "SELECT 1", [])
            .await
            .map(|_| ())
    }

    /// What the database's own clock says; `None` where the machine's is its clock.
    pub async fn clock_reading(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.engine() == DbBackend::Sqlite {
            return Ok(None);
        }
        let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT AS now";
        let row = row::one(&self.reader, "installation", sql, []).await?;
        row.map(|row| row.time("now")).transpose()
    }

    /// What decides whether a commit survives a power cut, in the engine's own words.
    pub async fn durability_in_force(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let (names, sql): (&[&'static str], _) = match self.engine() {
            DbBackend::Postgres => (
                &[
                    "fsync",
                    "synchronous_commit",
                    "full_page_writes",
                    "wal_level",
                ],
                "SELECT current_setting('fsync') AS fsync,
                   current_setting('synchronous_commit') AS synchronous_commit,
                   current_setting('full_page_writes') AS full_page_writes,
                   current_setting('wal_level') AS wal_level",
            ),
            _ => (
                &["journal_mode", "synchronous"],
                "SELECT journal_mode, CASE synchronous WHEN 0 THEN 'off' WHEN 1 THEN 'normal'
                   WHEN 2 THEN 'full' ELSE 'extra' END AS synchronous
                 FROM pragma_journal_mode, pragma_synchronous",
            ),
        };
        let row = row::one(&self.writer, "durability", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("durability".into()))?;
        names
            .iter()
            .map(|name| Ok((*name, row.get(name)?)))
            .collect()
    }

    /// The same database for whoever must not write: every write through it is refused by the
    /// database.
    pub fn read_only(&self) -> Self {
        Self {
            writer: self.reader.connections.clone(),
            beside: self.reader.connections.clone(),
            turn: Arc::new(Semaphore::new(1)),
            ..self.clone()
        }
    }

    pub(crate) fn engine(&self) -> DbBackend {
        self.reader.get_database_backend()
    }

    pub(crate) fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    pub(crate) fn beside(&self) -> &DatabaseConnection {
        &self.beside
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Reads what the hot paths ask again and again, by plans that are made once.
    pub(crate) fn hot_reader(&self) -> Reader {
        match self.engine() {
            DbBackend::Postgres => Reader {
                connections: self.beside.clone(),
                wall: self.reader.wall.clone(),
            },
            _ => self.reader.clone(),
        }
    }

    /// The statements that put a transaction behind the wall, where this store is behind it.
    pub(crate) fn behind(&self) -> Option<&str> {
        self.reader.wall.as_deref()
    }

    pub(crate) fn turn(&self) -> &Arc<Semaphore> {
        &self.turn
    }
}

#[cfg(test)]
mod tests;
