//! PostgreSQL: several processes and machines on one database.
//!
//! Cold writes take turns by one advisory lock, across processes; hot ones run beside each other
//! and lock the rows they change ([`crate::write`]). What a connection has to have is set when it
//! is made, so that no statement has to.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

use super::{Connections, LOCK_WAIT, PostgresConfig, migrations};
use crate::StoreError;

/// A statement that runs longer is given up: nothing may hang for ever with a lock in its hand.
const STATEMENT_TIME_MAX: Duration = Duration::from_secs(120);
/// A process that stands still inside a transaction is cut off, so that the others go on: with a
/// write in its hand soon, because a standby waits for the leader's row and for its turn.
const WRITE_IDLE_MAX: Duration = Duration::from_secs(5);
const READ_IDLE_MAX: Duration = Duration::from_secs(60);
/// A peer that is gone without a word is noticed after about 20 seconds.
const KEEPALIVE: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "2"),
];
/// Cold writes take turns; a second one is there for what is done in none.
const COLD_WRITERS: u32 = 2;
/// Statements of the hot paths name what they want by its keys, and their plans are kept. Made for
/// a partition that is still small, or whose statistics are of yesterday, they would read all of
/// it; so they are made without looking. Set when a connection is made: set in each transaction,
/// or planned each time, it took a fifth of the server's time.
const PLANNED_ONCE: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];
/// A migration that others are in the way of is tried so often.
const MIGRATION_TRIES: u32 = 20;
const MIGRATION_PAUSE: Duration = Duration::from_millis(300);
/// The oldest that the suites run against; `pg_current_xact_id` needs 13.
const VERSION_MIN: i32 = 140_000;

/// A dump that was read into another cluster knows numbers of transactions that are not given out
/// there yet: what settles next would be taken for captured. Everything is looked through once.
const MARK_OF_ANOTHER_CLUSTER: &str = "UPDATE roll_up SET mark = 0
    WHERE mark > pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

/// Connects, and makes the tables where they are missing.
pub(super) async fn open(config: &PostgresConfig) -> Result<Connections, StoreError> {
    let place = config.place();
    let cannot_open = |why: String| StoreError::CannotOpen {
        path: place.clone(),
        why,
    };
    let options = connect_options(&config.url).map_err(cannot_open)?;
    let connected = tokio::time::timeout(LOCK_WAIT, PgConnection::connect_with(&options)).await;
    let mut first = connected
        .map_err(|_| cannot_open("the server does not answer".to_owned()))?
        .map_err(|error| cannot_open(error.to_string()))?;
    check_server(&mut first).await.map_err(cannot_open)?;
    migrate(&mut first)
        .await
        .map_err(|error| cannot_open(format!("the migrations do not apply: {error}")))?;
    check_owner(&mut first).await.map_err(cannot_open)?;
    sqlx::query(MARK_OF_ANOTHER_CLUSTER)
        .execute(&mut first)
        .await?;
    first.close().await?;
    let reading = options
        .clone()
        .options(limits(READ_IDLE_MAX))
        .options([("default_transaction_read_only", "on")]);
    let writing = options.options(limits(WRITE_IDLE_MAX));
    let writer = pool(COLD_WRITERS).connect_with(writing.clone()).await?;
    let beside = writing.options(PLANNED_ONCE);
    let beside = pool(config.writers).connect_with(beside).await?;
    let reader = pool(config.readers).connect_with(reading.clone()).await?;
    let watcher = pool(1).connect_with(reading).await?;
    Ok(Connections {
        writer: writer.into(),
        beside: beside.into(),
        reader: reader.into(),
        watcher: watcher.into(),
    })
}

/// sqlx lets one process at a time migrate, and each migration is done whole or not at all. During
/// an upgrade the others go on with the tables that it has to lock: whoever is in their way, and
/// they in its, is given up by the server, and tried again.
async fn migrate(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match migrations::postgres().run(&mut *connection).await {
            Err(MigrateError::ExecuteMigration(error, version))
                if tries < MIGRATION_TRIES && is_in_the_way(&error) =>
            {
                tracing::info!(version, %error, "a migration waits for who works on its tables");
                tokio::time::sleep(MIGRATION_PAUSE).await;
            }
            done => return done,
        }
    }
}

fn is_in_the_way(error: &sqlx::Error) -> bool {
    const DEADLOCK_DETECTED: &str = "40P01";
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| [DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE].contains(&&*code))
}

/// Whether nobody has made anything in the database.
pub(super) async fn is_empty(config: &PostgresConfig) -> Result<bool, StoreError> {
    let place = config.place();
    let cannot_open = |why: String| StoreError::CannotOpen {
        path: place.clone(),
        why,
    };
    let options = connect_options(&config.url).map_err(cannot_open)?;
    let connected = PgConnection::connect_with(&options).await;
    let mut connection = connected.map_err(|error| cannot_open(error.to_string()))?;
    let sql = "SELECT NOT EXISTS (
                 SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                   AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
               ) AS is_empty";
    let row = sqlx::query(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    row.try_get("is_empty")
        .map_err(|error| cannot_open(error.to_string()))
}

fn pool(connections_max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections_max.max(1))
        .acquire_timeout(LOCK_WAIT)
}

/// What every connection has, or why the URL cannot be used.
pub(super) fn connect_options(url: &str) -> Result<PgConnectOptions, String> {
    let scheme = url.split("://").next().unwrap_or_default();
    if !["postgres", "postgresql"].contains(&scheme) {
        return Err("a URL of PostgreSQL begins with postgres://".to_owned());
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| error.to_string())?;
    if options.get_database().is_none() {
        return Err("it names no database, as in postgres://user:password@host/chingu".to_owned());
    }
    // Whoever names an authority means it, as for libpq.
    let ssl_mode = match options.get_ssl_mode() {
        PgSslMode::Require if url.contains("sslrootcert=") => PgSslMode::VerifyCa,
        mode => mode,
    };
    let options = options
        .ssl_mode(ssl_mode)
        .application_name("chingu")
        .options([
            ("default_transaction_isolation", "read committed"),
            // Compiling a plan costs more than our statements do.
            ("jit", "off"),
        ])
        .options(KEEPALIVE)
        .disable_statement_logging();
    Ok(options)
}

fn limits(idle_max: Duration) -> [(&'static str, String); 3] {
    let millis = |limit: Duration| limit.as_millis().to_string();
    [
        ("lock_timeout", millis(LOCK_WAIT)),
        ("statement_timeout", millis(STATEMENT_TIME_MAX)),
        ("idle_in_transaction_session_timeout", millis(idle_max)),
    ]
}

/// What a database has to be for the promises to hold.
async fn check_server(connection: &mut PgConnection) -> Result<(), String> {
    let sql = "SELECT current_setting('server_version_num')::int4 AS version,
                      current_setting('server_encoding') AS encoding,
                      current_setting('synchronous_commit') AS synchronous_commit";
    let row = sqlx::query(sql).fetch_one(connection).await;
    let row = row.map_err(|error| error.to_string())?;
    let text = |column| row.try_get::<String, _>(column).unwrap_or_default();
    let version: i32 = row.try_get("version").unwrap_or_default();
    if version < VERSION_MIN {
        return Err(format!(
            "it is PostgreSQL {}, the oldest that works is {}",
            version / 10_000,
            VERSION_MIN / 10_000
        ));
    }
    if text("encoding") != "UTF8" {
        return Err(format!("its encoding is {}, not UTF8", text("encoding")));
    }
    if text("synchronous_commit") == "off" {
        return Err(
            "its synchronous_commit is off: a commit it answered could be lost, and a send with it"
                .to_owned(),
        );
    }
    Ok(())
}

/// Policies do not concern the owner of the tables. Whom they concern would find no chunks to send,
/// and say nothing.
async fn check_owner(connection: &mut PgConnection) -> Result<(), String> {
    let sql = "SELECT row_security_active('campaign') AS is_walled, current_user::text AS us";
    let row = sqlx::query(sql).fetch_one(connection).await;
    let row = row.map_err(|error| error.to_string())?;
    match row.try_get("is_walled") {
        Ok(false) => Ok(()),
        Ok(true) => Err(format!(
            "its tables are not {}'s: the database user has to own them",
            row.try_get::<String, _>("us").unwrap_or_default()
        )),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read() {
        let mode = |mode: &str| {
            let url = format!("postgres://somebody@localhost/chingu?sslmode={mode}");
            connect_options(&url).map(|options| options.get_ssl_mode())
        };
        assert!(matches!(mode("disable"), Ok(PgSslMode::Disable)));
        assert!(matches!(mode("require"), Ok(PgSslMode::Require)));
        assert!(matches!(mode("verify-full"), Ok(PgSslMode::VerifyFull)));
        let with_authority = mode("require&sslrootcert=/etc/authority.pem");
        assert!(matches!(with_authority, Ok(PgSslMode::VerifyCa)));
        assert!(mode("sometimes").unwrap_err().contains("sometimes"));
        assert!(connect_options("mysql://somebody@localhost/chingu").is_err());
        let nameless = connect_options("postgres://somebody@localhost").unwrap_err();
        assert!(nameless.contains("names no database"), "{nameless}");
    }
}
