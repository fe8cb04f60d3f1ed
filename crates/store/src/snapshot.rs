//! Reading many rows as of one moment, however much is written meanwhile.

use sea_orm::{
    AccessMode, DatabaseTransaction, DbBackend, IsolationLevel, TransactionOptions,
    TransactionTrait,
};

use crate::{Store, StoreError, write};

/// An open read transaction: everything read through it is of one commit. It holds one of the few
/// reading connections, so it lives as long as a page or a check, not as long as a download.
pub struct Snapshot {
    transaction: DatabaseTransaction,
}

impl Store {
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let options = match self.engine() {
            // Its usual transaction reads every statement as of another moment.
            DbBackend::Postgres => TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            },
            _ => TransactionOptions::default(),
        };
        let transaction = self.reader().begin_with_options(options).await?;
        Ok(Snapshot { transaction })
    }
}

impl Snapshot {
    /// Ends the reading; the same as dropping it, but awaited.
    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.transaction.rollback().await?)
    }

    /// From here on stands every settle and amendment that this snapshot does not see; some that it
    /// sees may stand there too.
    pub async fn settle_mark(&self) -> Result<i64, StoreError> {
        write::settle_mark(&self.transaction).await
    }

    pub(crate) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}
