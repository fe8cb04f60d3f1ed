//! The one kind of write transaction, and the numbers that order what was written.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sqlx::PgConnection;
use tokio::sync::OwnedSemaphorePermit;

use crate::database::{LOCK_WAIT, begin_behind};
use crate::row::values;
use crate::transaction::Transaction;
use crate::{Store, StoreError, pause, row};

/// Whoever holds this advisory lock of PostgreSQL has the turn among the cold writes.
const TURN: i64 = 0x6368_696e_6775_0001;
/// Held alone by whoever takes deliveries, and by many at once by whoever settles.
const DELIVERIES: i64 = 0x6368_696e_6775_0002;

/// An open write transaction. Dropped without [`Write::commit`] it rolls back.
pub struct Write {
    transaction: Transaction,
    sequence: Option<i64>,
    settle_sequence: Option<i64>,
    /// Given back with the transaction.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Store {
    /// Begins a write; waits for the writer before it, of whichever process. So what a cold path
    /// reads in its write stays true until it commits, on both engines.
    pub async fn write(&self) -> Result<Write, StoreError> {
        if self.engine() != DbBackend::Postgres {
            return self.write_beside().await;
        }
        let turn = Arc::clone(self.turn()).acquire_owned();
        let turn = match tokio::time::timeout(LOCK_WAIT, turn).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) | Err(_) => return Err(StoreError::busy("writes of this process")),
        };
        let mut write = self.begin(self.writer()).await?;
        // A statement of its own: those after it see what the writer before committed.
        let sql = "SELECT pg_advisory_xact_lock($1)";
        row::execute(write.connection(), sql, values![TURN]).await?;
        write._turn = Some(turn);
        Ok(write)
    }

    /// Begins a write that takes no turn: for the hot paths alone, which on PostgreSQL lock the
    /// rows they change and run beside each other and beside a cold write. SQLite has one writer.
    pub async fn write_beside(&self) -> Result<Write, StoreError> {
        self.begin(self.beside()).await
    }

    async fn begin(&self, connections: &DatabaseConnection) -> Result<Write, StoreError> {
        let transaction = match self.engine() {
            DbBackend::Postgres => {
                let pool = connections.get_postgres_connection_pool();
                let begin = begin_behind("BEGIN", self.behind());
                Transaction::of_postgres(pool.begin_with(begin).await?)
            }
            _ => {
                let options = TransactionOptions {
                    // A deferred transaction that turns into a write fails at once where another
                    // writes.
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                Transaction::Sqlite(connections.begin_with_options(options).await?)
            }
        };
        Ok(Write {
            transaction,
            sequence: None,
            settle_sequence: None,
            _turn: None,
        })
    }
}

impl Write {
    /// This transaction's number: larger than that of every write committed before it. What is
    /// written with it is found by whoever reads "from my mark on". For cold writes: on PostgreSQL
    /// whoever takes a number makes the next one wait for its commit.
    pub async fn sequence(&mut self) -> Result<i64, StoreError> {
        if let Some(sequence) = self.sequence {
            return Ok(sequence);
        }
        let sql = "UPDATE writer_sequence SET value = value + 1 WHERE one = 1 RETURNING value";
        let row = row::one(&self.transaction, "writer_sequence", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("writer sequence".into()))?;
        let sequence = row.get("value")?;
        self.sequence = Some(sequence);
        Ok(sequence)
    }

    /// The number that settles and amendments carry. On PostgreSQL it is the transaction's own,
    /// because hot commits run beside each other: one with a smaller number may commit later. So
    /// whoever reads "from my mark on" takes a mark that [`settle_mark`] gave, reads before it
    /// where it must not miss anything, and knows what it has read already.
    pub async fn settle_sequence(&mut self) -> Result<i64, StoreError> {
        if self.engine() != DbBackend::Postgres {
            return self.sequence().await;
        }
        if let Some(sequence) = self.settle_sequence {
            return Ok(sequence);
        }
        let sql = "SELECT pg_current_xact_id()::text::bigint AS value";
        let row = row::one(&self.transaction, "transaction", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("number of the transaction".into()))?;
        let sequence = row.get("value")?;
        self.settle_sequence = Some(sequence);
        Ok(sequence)
    }

    /// Takes deliveries in turn with the settles they may belong to: the word of a messenger is
    /// either seen by the settle of its chunk, or sees it. The settles do not wait for each other.
    pub(crate) async fn keep_settles_out(&self) -> Result<(), StoreError> {
        self.lock("SELECT pg_advisory_xact_lock($1)", DELIVERIES)
            .await
    }

    /// The other side of [`Write::keep_settles_out`]; before it looks for what waits.
    pub(crate) async fn keep_deliveries_out(&self) -> Result<(), StoreError> {
        self.lock("SELECT pg_advisory_xact_lock_shared($1)", DELIVERIES)
            .await
    }

    async fn lock(&self, sql: &str, key: i64) -> Result<(), StoreError> {
        if self.engine() == DbBackend::Postgres {
            row::execute(&self.transaction, sql, values![key]).await?;
        }
        Ok(())
    }

    pub async fn commit(self) -> Result<(), StoreError> {
        pause::answer("commit:before").await?;
        self.transaction.commit().await?;
        pause::answer("commit:after").await
    }

    /// Gives up everything written so far; the same as dropping it, but awaited.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.transaction.roll_back().await?)
    }

    pub(crate) fn engine(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    pub(crate) fn connection(&self) -> &Transaction {
        &self.transaction
    }

    /// The connection itself: for the hot paths of PostgreSQL.
    pub(crate) fn postgres(&mut self) -> Result<&mut PgConnection, StoreError> {
        self.transaction.postgres()
    }
}

/// From here on stands whatever the snapshot does not see of settles and amendments. What it sees
/// may stand there too.
pub(crate) async fn settle_mark(connection: &impl ConnectionTrait) -> Result<i64, StoreError> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS mark"
        }
        _ => "SELECT value + 1 AS mark FROM writer_sequence WHERE one = 1",
    };
    let row = row::one(connection, "writer_sequence", sql, []).await?;
    row.ok_or_else(|| StoreError::NotFound("writer sequence".into()))?
        .get("mark")
}
