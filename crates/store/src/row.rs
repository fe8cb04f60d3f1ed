//! From rows to domain values; a bad row names its table and column.

use domain::id::Id;
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TryGetable, Value};

use crate::StoreError;

/// Builds a statement; placeholders are `$1`, `$2`, … in both dialects.
pub(crate) fn statement(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    let backend: DbBackend = connection.get_database_backend();
    Statement::from_sql_and_values(backend, sql, values)
}

/// Rows of one query, with the table they come from for errors.
pub(crate) async fn all(
    connection: &impl ConnectionTrait,
    table: &'static str,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Row>, StoreError> {
    let rows = connection
        .query_all_raw(statement(connection, sql, values))
        .await?;
    Ok(rows.into_iter().map(|row| Row { row, table }).collect())
}

pub(crate) async fn one(
    connection: &impl ConnectionTrait,
    table: &'static str,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<Row>, StoreError> {
    let row = connection
        .query_one_raw(statement(connection, sql, values))
        .await?;
    Ok(row.map(|row| Row { row, table }))
}

/// Runs a statement; the number of rows it changed.
pub(crate) async fn execute(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64, StoreError> {
    let done = connection
        .execute_raw(statement(connection, sql, values))
        .await?;
    Ok(done.rows_affected())
}

/// One row; every getter names the column that does not hold what it should.
pub(crate) struct Row {
    row: QueryResult,
    table: &'static str,
}

impl Row {
    pub fn get<T: TryGetable>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row
            .try_get("", column)
            .map_err(|error| self.corrupt(column, error))
    }

    pub fn id<K>(&self, column: &'static str) -> Result<Id<K>, StoreError> {
        let bytes: Vec<u8> = self.get(column)?;
        Id::from_slice(&bytes).ok_or_else(|| self.corrupt(column, "not 16 bytes"))
    }

    pub fn optional_id<K>(&self, column: &'static str) -> Result<Option<Id<K>>, StoreError> {
        let bytes: Option<Vec<u8>> = self.get(column)?;
        bytes
            .map(|bytes| Id::from_slice(&bytes).ok_or_else(|| self.corrupt(column, "not 16 bytes")))
            .transpose()
    }

    pub fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_millis(self.get(column)?))
    }

    pub fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// An integer column as a smaller or unsigned type.
    pub fn int<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        let value: i64 = self.get(column)?;
        T::try_from(value).map_err(|_| self.corrupt(column, value))
    }

    pub fn optional_int<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let value: Option<i64> = self.get(column)?;
        value
            .map(|value| T::try_from(value).map_err(|_| self.corrupt(column, value)))
            .transpose()
    }

    /// A column of a fixed length in bytes: a hash.
    pub fn bytes<const N: usize>(&self, column: &'static str) -> Result<[u8; N], StoreError> {
        let bytes: Vec<u8> = self.get(column)?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.corrupt(column, "another length"))
    }

    pub fn corrupt(&self, column: &'static str, why: impl std::fmt::Display) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            why: why.to_string(),
        }
    }
}

/// What a value binds as. Ids and hashes are byte strings, times and counts integers.
pub(crate) trait Bind {
    fn bind(self) -> Value;
}

impl<K> Bind for Id<K> {
    fn bind(self) -> Value {
        Value::from(self.as_bytes().to_vec())
    }
}
impl Bind for Timestamp {
    fn bind(self) -> Value {
        Value::from(self.as_millis())
    }
}
impl Bind for i64 {
    fn bind(self) -> Value {
        Value::from(self)
    }
}
impl Bind for u8 {
    fn bind(self) -> Value {
        Value::from(i64::from(self))
    }
}
impl Bind for u16 {
    fn bind(self) -> Value {
        Value::from(i64::from(self))
    }
}
impl Bind for i16 {
    fn bind(self) -> Value {
        Value::from(i64::from(self))
    }
}
impl Bind for u32 {
    fn bind(self) -> Value {
        Value::from(i64::from(self))
    }
}
impl Bind for u64 {
    /// Counts and chunk numbers stay far below 2^63.
    fn bind(self) -> Value {
        Value::from(self.min(i64::MAX as u64) as i64)
    }
}
impl Bind for bool {
    fn bind(self) -> Value {
        Value::from(i64::from(self))
    }
}
impl Bind for &str {
    fn bind(self) -> Value {
        Value::from(self.to_owned())
    }
}
impl Bind for String {
    fn bind(self) -> Value {
        Value::from(self)
    }
}
impl Bind for Vec<u8> {
    fn bind(self) -> Value {
        Value::from(self)
    }
}
impl<const N: usize> Bind for [u8; N] {
    fn bind(self) -> Value {
        Value::from(self.to_vec())
    }
}
impl<T: Bind + Default> Bind for Option<T> {
    fn bind(self) -> Value {
        match self {
            Some(value) => value.bind(),
            None => T::default().bind().as_null(),
        }
    }
}

/// `values![a, b, c]`: what the placeholders `$1`, `$2`, `$3` hold.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        [$($crate::row::Bind::bind($value)),*]
    };
}
pub(crate) use values;
