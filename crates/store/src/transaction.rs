//! The transaction under a [`crate::Write`], on either engine.
//!
//! sea-orm's own does not show its connection, and the hot paths need it: COPY is spoken with the
//! connection itself. So on PostgreSQL the transaction is sqlx's, and to the statements of the cold
//! paths it looks like sea-orm's.

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement, Value,
};
use sqlx::postgres::{PgArguments, PgConnection, Postgres};
use sqlx::{Arguments, AssertSqlSafe, Executor};
use tokio::sync::Mutex;

use crate::StoreError;

pub(crate) enum Transaction {
    Sqlite(DatabaseTransaction),
    /// The lock is never contended: a write belongs to one task. It is there because statements of
    /// cold paths come with a shared reference.
    Postgres(Mutex<sqlx::Transaction<'static, Postgres>>),
}

impl Transaction {
    pub fn of_postgres(transaction: sqlx::Transaction<'static, Postgres>) -> Self {
        Self::Postgres(Mutex::new(transaction))
    }

    pub async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.into_inner().commit().await.map_err(failed),
        }
    }

    pub async fn roll_back(self) -> Result<(), DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => {
                transaction.into_inner().rollback().await.map_err(failed)
            }
        }
    }

    /// The connection itself: for the hot paths of PostgreSQL, which no other engine's write meets.
    pub fn postgres(&mut self) -> Result<&mut PgConnection, StoreError> {
        match self {
            Self::Postgres(transaction) => Ok(transaction.get_mut()),
            Self::Sqlite(_) => Err(StoreError::Invariant(
                "a write of SQLite went to the hot paths of PostgreSQL".into(),
            )),
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Sqlite(_) => DbBackend::Sqlite,
            Self::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.execute_raw(statement).await,
            Self::Postgres(transaction) => {
                let mut connection = transaction.lock().await;
                let done = connection.execute(query(statement)?).await;
                Ok(done.map_err(failed)?.into())
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.execute_unprepared(sql).await,
            Self::Postgres(transaction) => {
                let mut connection = transaction.lock().await;
                let sql = AssertSqlSafe(sql.to_owned());
                let done = connection.execute(sqlx::raw_sql(sql)).await;
                Ok(done.map_err(failed)?.into())
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.query_one_raw(statement).await,
            Self::Postgres(transaction) => {
                let mut connection = transaction.lock().await;
                let row = connection.fetch_optional(query(statement)?).await;
                Ok(row.map_err(failed)?.map(Into::into))
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Sqlite(transaction) => transaction.query_all_raw(statement).await,
            Self::Postgres(transaction) => {
                let mut connection = transaction.lock().await;
                let rows = connection.fetch_all(query(statement)?).await;
                Ok(rows.map_err(failed)?.into_iter().map(Into::into).collect())
            }
        }
    }
}

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

fn query(statement: Statement) -> Result<Query, DbErr> {
    let mut arguments = PgArguments::default();
    for value in statement.values.into_iter().flat_map(|values| values.0) {
        let added = match value {
            Value::BigInt(value) => arguments.add(value),
            Value::String(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            other => Err(format!("{other:?} is bound nowhere else").into()),
        };
        added.map_err(|error| DbErr::Query(RuntimeErr::Internal(error.to_string())))?;
    }
    Ok(sqlx::query_with(AssertSqlSafe(statement.sql), arguments))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}
