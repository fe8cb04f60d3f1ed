//! The sandbox messenger's own file: pushes, closed keys, and what became of uncertain recipients.
//!
//! Every write is on disk before it is answered. One task writes: what queues up while a commit is
//! being flushed goes into the next one, so the cost of a flush is shared by all who wait.

mod log;
mod phone; // what the messenger's screen reads
mod phone_search; // who is in which push
mod phone_store;
mod phone_write;
mod record;
mod trace; // two bytes of a user key, by which pushes are searched
mod writer;

pub use log::{AcceptLog, LogEntry, Summary};
pub use phone::{
    Consent, Contact, ContactState, Deed, DeedKind, Person, PhoneAccount, Received, ShownWording,
};
pub use phone_search::PushTotal;
pub use phone_write::{Act, NewContact};
pub use record::{Content, ProcessedPush, Resolution, StoredKey, StoredPush, UndecidedPush};

use std::collections::HashSet;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::push::PushKey;
use domain::time::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Row, SqlSafeStr};
use tokio::sync::Mutex;

use crate::StoreError;
use record::{decode_results, impossible};
use writer::Writer;

/// Connections that look keys up.
const READERS: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pages of the log before it is copied into the file: 64 MB.
const CHECKPOINT_PAGES: &str = "16000";

/// The open file. Cheap to clone; the last clone ends the writing task.
#[derive(Debug, Clone)]
pub struct SandboxStore {
    reader: SqlitePool,
    writer: Writer,
    /// Held while pushes or names are searched: a search reads much, and many at once would read
    /// it as many times.
    searching: Arc<Mutex<()>>,
}

impl SandboxStore {
    /// Opens the file, making it and its tables where they are missing.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let cannot_open = |why: String| StoreError::CannotOpen {
            path: path.display().to_string(),
            why,
        };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| cannot_open(error.to_string()))?;
        }
        let options = SqliteConnectOptions::from_str("sqlite://")?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .disable_statement_logging();
        let mut connection = options
            .connect()
            .await
            .map_err(|error| cannot_open(error.to_string()))?;
        migrator()
            .run(&mut connection)
            .await
            .map_err(|error| cannot_open(format!("the migrations do not apply: {error}")))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            reader,
            writer: Writer::start(connection),
            searching: Arc::default(),
        })
    }

    /// What is known of a key. Where it was processed more than once, the first time counts.
    pub async fn find(&self, key: PushKey) -> Result<Option<StoredKey>, StoreError> {
        let sql = "SELECT p.content_hash, p.size, p.accepted, p.at, p.results, c.handle
                   FROM push p JOIN content c ON c.hash = p.content
                   WHERE p.key = $1 ORDER BY p.sequence LIMIT 1";
        let row = sqlx::query(sql)
            .bind(&key.as_bytes()[..])
            .fetch_optional(&self.reader)
            .await?;
        if let Some(row) = row {
            let hash: Vec<u8> = row.try_get("content_hash")?;
            let accepted: u32 = row.try_get("accepted")?;
            return Ok(Some(StoredKey::Processed(StoredPush {
                content_hash: hash
                    .try_into()
                    .map_err(|_| impossible("push", "content_hash", "not 32 bytes"))?,
                size: row.try_get("size")?,
                at: Timestamp::from_millis(row.try_get("at")?),
                results: decode_results(row.try_get("results")?, accepted)?,
                handle: row.try_get("handle")?,
            })));
        }
        let closed = sqlx::query("SELECT at FROM closed_key WHERE key = $1")
            .bind(&key.as_bytes()[..])
            .fetch_optional(&self.reader)
            .await?;
        Ok(closed.map(|_| StoredKey::Closed))
    }

    /// Records a processed push; returns once it is on disk.
    pub async fn record(&self, push: ProcessedPush) -> Result<(), StoreError> {
        self.writer.record(push).await
    }

    /// Records that a key will never be processed; returns once it is on disk.
    pub async fn close_key(&self, key: PushKey, at: Timestamp) -> Result<(), StoreError> {
        self.writer.close_key(key, at).await
    }

    /// Decides the fate of recipients; what was decided before stays.
    pub async fn resolve(&self, resolutions: Vec<Resolution>) -> Result<(), StoreError> {
        self.writer.resolve(resolutions).await
    }

    /// Notes that the platform took the events of these resolutions.
    pub async fn mark_told(&self, told: Vec<(i64, u32)>) -> Result<(), StoreError> {
        self.writer.mark_told(told).await
    }

    /// Pushes with uncertain recipients of whom nothing was decided, the oldest first.
    pub async fn uncertain(&self, limit: u32) -> Result<Vec<UndecidedPush>, StoreError> {
        let sql = "SELECT p.sequence, p.results, p.accepted FROM push p WHERE p.uncertain > 0
                   AND p.uncertain > (SELECT count(*) FROM resolution r
                                      WHERE r.sequence = p.sequence)
                   ORDER BY p.sequence LIMIT $1";
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let results = decode_results(row.try_get("results")?, row.try_get("accepted")?)?;
                Ok(UndecidedPush {
                    sequence: row.try_get("sequence")?,
                    positions: results.uncertain,
                })
            })
            .collect()
    }

    /// Pushes after one, with the accepted recipients of whom nothing was decided.
    pub async fn accepted_after(
        &self,
        sequence: i64,
        limit: u32,
    ) -> Result<Vec<UndecidedPush>, StoreError> {
        let sql = "SELECT p.sequence, p.size, p.results, p.accepted FROM push p
                   WHERE p.sequence > $1 ORDER BY p.sequence LIMIT $2";
        let pushes = sqlx::query(sql).bind(sequence).bind(limit);
        let mut found = Vec::new();
        for row in pushes.fetch_all(&self.reader).await? {
            let results = decode_results(row.try_get("results")?, row.try_get("accepted")?)?;
            let (sequence, size): (i64, u32) = (row.try_get("sequence")?, row.try_get("size")?);
            let sql = "SELECT position FROM resolution WHERE sequence = $1";
            let decided = sqlx::query_scalar::<_, u32>(sql).bind(sequence);
            let decided = decided.fetch_all(&self.reader).await?;
            let rejected = results.rejected.iter().map(|(position, _)| position);
            let others = rejected.chain(&results.excluded).chain(&results.uncertain);
            let others: HashSet<u32> = others.chain(&decided).copied().collect();
            let positions = (0..size).filter(|position| !others.contains(position));
            found.push(UndecidedPush {
                sequence,
                positions: positions.collect(),
            });
        }
        Ok(found)
    }

    /// Resolutions the platform has not taken yet, with the push's key.
    pub async fn untold(&self, limit: u32) -> Result<Vec<(PushKey, Resolution)>, StoreError> {
        let sql = "SELECT r.sequence, r.position, r.confirmed, r.at, p.key
                   FROM resolution r JOIN push p ON p.sequence = r.sequence
                   WHERE r.told = 0 ORDER BY r.sequence, r.position LIMIT $1";
        let rows = sqlx::query(sql).bind(limit).fetch_all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let resolution = Resolution {
                    sequence: row.try_get("sequence")?,
                    position: row.try_get("position")?,
                    confirmed: row.try_get("confirmed")?,
                    at: Timestamp::from_millis(row.try_get("at")?),
                };
                Ok((record::push_key(row.try_get("key")?)?, resolution))
            })
            .collect()
    }

    pub async fn summary(&self) -> Result<Summary, StoreError> {
        log::summary(&self.reader).await
    }

    /// Closes the file after what is queued was written. The writing connection goes last: it
    /// leaves one file behind, without a log beside it that a move would lose.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.stop().await;
    }
}

fn migrator() -> Migrator {
    let migration = |number, name: &'static str, sql: &'static str| {
        let sql = sql.into_sql_str();
        Migration::new(number, name.into(), MigrationType::Simple, sql, false)
    };
    Migrator::with_migrations(vec![
        migration(
            1,
            "sandbox",
            include_str!("../../../migrations/sandbox/0001_sandbox.sql"),
        ),
        migration(
            2,
            "phone",
            include_str!("../../../migrations/sandbox/0002_phone.sql"),
        ),
        migration(
            3,
            "consent",
            include_str!("../../../migrations/sandbox/0003_consent.sql"),
        ),
        migration(
            4,
            "traces",
            include_str!("../../../migrations/sandbox/0004_traces.sql"),
        ),
    ])
}
