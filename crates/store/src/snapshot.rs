//! Reading many rows as of one moment, however much is written meanwhile.

use sea_orm::{DatabaseTransaction, TransactionTrait};

use crate::{Store, StoreError, row};

/// An open read transaction: everything read through it is of one commit. It holds one of the few
/// reading connections, so it lives as long as a page or a check, not as long as a download.
pub struct Snapshot {
    transaction: DatabaseTransaction,
}

impl Store {
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let transaction = self.reader().begin().await?;
        Ok(Snapshot { transaction })
    }
}

impl Snapshot {
    /// The number of the last write in it: what is written later has a higher one.
    pub async fn sequence(&self) -> Result<i64, StoreError> {
        let sql = "SELECT value FROM writer_sequence WHERE one = 1";
        let row = row::one(&self.transaction, "writer_sequence", sql, []).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("writer sequence".into()))?;
        row.get("value")
    }

    /// Ends the reading; the same as dropping it, but awaited.
    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }

    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
