//! SQLite in a file: one writer across processes, several readers.

use std::path::Path;
use std::str::FromStr;

use sea_orm::DatabaseConnection;
use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Connections, Durability, LOCK_WAIT, migrations};
use crate::StoreError;

/// Connections that only read.
const READERS: u32 = 4;
/// Pages of the log before it is copied into the file: 64 MB, so that a broadcast is not
/// interrupted by copying every few megabytes.
const CHECKPOINT_PAGES: &str = "16000";
const CACHE_KIBIBYTES: &str = "-32000";

/// Opens the file, making it and its tables where they are missing.
pub(super) async fn open(path: &Path, durability: Durability) -> Result<Connections, StoreError> {
    let cannot_open = |why: String| StoreError::CannotOpen {
        path: path.display().to_string(),
        why,
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| cannot_open(error.to_string()))?;
    }
    let options = connect_options(path, durability)?;
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(LOCK_WAIT)
        .connect_with(options.clone())
        .await
        .map_err(|error| cannot_open(error.to_string()))?;
    migrations::sqlite()
        .run(&writer)
        .await
        .map_err(|error| cannot_open(format!("the migrations do not apply: {error}")))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(LOCK_WAIT)
        .connect_with(options.clone().read_only(true))
        .await?;
    let watcher = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.read_only(true))
        .await?;
    let writer: DatabaseConnection = writer.into();
    Ok(Connections {
        beside: writer.clone(),
        writer,
        reader: readers.into(),
        watcher: watcher.into(),
    })
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
        .busy_timeout(LOCK_WAIT)
        .foreign_keys(true)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("cache_size", CACHE_KIBIBYTES)
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    Ok(options)
}
