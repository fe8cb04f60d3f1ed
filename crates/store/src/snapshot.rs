//! Reading many rows as of one moment, however much is written meanwhile.

use sea_orm::{DbBackend, TransactionTrait};

use crate::database::begin_behind;
use crate::transaction::Transaction;
use crate::{Store, StoreError, write};

/// PostgreSQL's usual transaction reads every statement as of another moment.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// An open read transaction: everything read through it is of one commit. It holds one of the few
/// reading connections, so it lives as long as a page or a check, not as long as a download.
pub struct Snapshot {
    transaction: Transaction,
}

impl Store {
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let connections = &self.reader().connections;
        let transaction = match self.engine() {
            DbBackend::Postgres => {
                let pool = connections.get_postgres_connection_pool();
                let begin = begin_behind(BEGIN, self.behind());
                Transaction::of_postgres(pool.begin_with(begin).await?)
            }
            _ => Transaction::Sqlite(connections.begin().await?),
        };
        Ok(Snapshot { transaction })
    }
}

impl Snapshot {
    /// Ends the reading; the same as dropping it, but awaited.
    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.transaction.roll_back().await?)
    }

    /// From here on stands every settle and amendment that this snapshot does not see; some that it
    /// sees may stand there too.
    pub async fn settle_mark(&self) -> Result<i64, StoreError> {
        write::settle_mark(&self.transaction).await
    }

    pub(crate) fn connection(&self) -> &Transaction {
        &self.transaction
    }
}
