//! The one kind of write transaction, and the writer's sequence.

use sea_orm::{DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::{Store, StoreError, pause, row};

/// An open write transaction. Dropped without [`Write::commit`] it rolls back.
pub struct Write {
    transaction: DatabaseTransaction,
    sequence: Option<i64>,
}

impl Store {
    /// Begins a write; waits for the writer before it (SQLite has one, across processes).
    pub async fn write(&self) -> Result<Write, StoreError> {
        let options = TransactionOptions {
            // A deferred transaction that turns into a write fails at once where another writes.
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.writer().begin_with_options(options).await?;
        Ok(Write {
            transaction,
            sequence: None,
        })
    }
}

impl Write {
    /// This transaction's number: larger than that of every write committed before it. What is
    /// written with it is found by whoever reads "from my mark on".
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

    pub async fn commit(self) -> Result<(), StoreError> {
        pause::answer("commit:before").await?;
        self.transaction.commit().await?;
        pause::answer("commit:after").await
    }

    /// Gives up everything written so far; the same as dropping it, but awaited.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }

    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
