//! Where a store reads that is in no transaction of its caller's.
//!
//! A store behind the wall reads each statement in a transaction of its own, because what puts it
//! behind the wall ends with the transaction: a connection never goes back to its pool with it.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};

use super::wall::begin_behind;
use crate::transaction::Transaction;

const BEGIN: &str = "BEGIN READ ONLY";

#[derive(Debug, Clone)]
pub(crate) struct Reader {
    pub connections: DatabaseConnection,
    /// The statements that put a transaction behind the wall; `None` before it.
    pub wall: Option<Arc<str>>,
}

impl Reader {
    /// The transaction that a statement behind the wall needs.
    async fn behind(&self) -> Result<Option<Transaction>, DbErr> {
        if self.wall.is_none() {
            return Ok(None);
        }
        let pool = self.connections.get_postgres_connection_pool();
        let begun = pool.begin_with(begin_behind(BEGIN, self.wall.as_deref()));
        let begun = begun
            .await
            .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
        Ok(Some(Transaction::of_postgres(begun)))
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.connections.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let Some(transaction) = self.behind().await? else {
            return self.connections.execute_raw(statement).await;
        };
        let done = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let Some(transaction) = self.behind().await? else {
            return self.connections.execute_unprepared(sql).await;
        };
        let done = transaction.execute_unprepared(sql).await?;
        transaction.commit().await?;
        Ok(done)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let Some(transaction) = self.behind().await? else {
            return self.connections.query_one_raw(statement).await;
        };
        let row = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let Some(transaction) = self.behind().await? else {
            return self.connections.query_all_raw(statement).await;
        };
        let rows = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}
