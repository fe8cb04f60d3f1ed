//! From rows to domain values; a bad row names its table and column.

use std::fmt::Write;

use domain::codec;
use domain::id::Id;
use domain::outcome::Outcome;
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TryGetable, Value};
use sqlx::Row as _;

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

/// What a `SELECT` ends with so that the rows it found stay as they are until the transaction ends.
/// Hot writes read what decides about them so; SQLite's one writer needs no lock.
pub(crate) fn for_share(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Postgres => " FOR SHARE",
        _ => "",
    }
}

/// The same for what must not be replaced, while its lesser columns may change.
pub(crate) fn for_key_share(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Postgres => " FOR KEY SHARE",
        _ => "",
    }
}

/// The same for rows that this transaction is about to change, though not their keys.
pub(crate) fn for_change(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Postgres => " FOR NO KEY UPDATE",
        _ => "",
    }
}

/// What a `SELECT` ends with that waits for everybody who holds its rows in any way.
pub(crate) fn for_update(connection: &impl ConnectionTrait) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Postgres => " FOR UPDATE",
        _ => "",
    }
}

/// A sum of whole numbers as one, zero where there are no rows: PostgreSQL's own is a decimal
/// number.
pub(crate) fn sum(of: &str) -> String {
    format!("COALESCE(CAST(SUM({of}) AS BIGINT), 0)")
}

/// The same over the rows for which the condition holds.
pub(crate) fn sum_where(condition: &str, of: &str) -> String {
    sum(&format!("CASE WHEN {condition} THEN {of} ELSE 0 END"))
}

/// The sum of each of these columns, under its own name.
pub(crate) fn sums(columns: &[&str]) -> String {
    let sums: Vec<String> = columns
        .iter()
        .map(|column| format!("{} AS {column}", sum(column)))
        .collect();
    sums.join(", ")
}

/// The column `numbers` of a chunk, packed, as a value: PostgreSQL keeps an array (`int4[]`), and
/// gets it as text.
pub(crate) fn numbers_of(
    connection: &impl ConnectionTrait,
    packed: &[u8],
) -> Result<Value, StoreError> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return Ok(Value::from(packed.to_vec()));
    }
    let numbers = codec::unpack_numbers(packed)
        .map_err(|error| StoreError::Invariant(format!("numbers of a chunk: {error}")))?;
    let mut array = String::with_capacity(numbers.len() * 8 + 2);
    for (index, number) in numbers.iter().enumerate() {
        array.push(if index == 0 { '{' } else { ',' });
        // Writing to memory cannot fail.
        let _ = write!(array, "{}", number.0);
    }
    array.push('}');
    Ok(Value::from(array))
}

/// What an array becomes that holds what cannot be: nobody unpacks it, so that who reads the record
/// finds it where a broken blob is found.
const UNREADABLE: Vec<u8> = Vec::new();

/// One row; every getter names the column that does not hold what it should.
pub(crate) struct Row {
    row: QueryResult,
    table: &'static str,
}

impl Row {
    /// A row that the hot paths of PostgreSQL read past sea-orm.
    pub fn of_postgres(row: sqlx::postgres::PgRow, table: &'static str) -> Self {
        Self {
            row: row.into(),
            table,
        }
    }

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

    /// User numbers of a chunk, in the packed form of `domain::codec`.
    pub fn packed_numbers(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        let Some(row) = self.row.try_as_pg_row() else {
            return self.get(column);
        };
        let stored: Vec<i32> = row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))?;
        let numbers = stored.into_iter().map(u32::try_from);
        let numbers = numbers.map(|number| number.map(UserNumber));
        let numbers: Result<Vec<UserNumber>, _> = numbers.collect();
        Ok(numbers.map_or(UNREADABLE, |numbers| codec::pack_numbers(&numbers)))
    }

    /// Outcomes of a chunk that has some, in the packed form of `domain::codec`.
    pub fn packed_outcomes(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        let packed = self.optional_outcomes(column)?;
        packed.ok_or_else(|| self.corrupt(column, "null"))
    }

    /// `None` before the chunk is decided, and where it ended alike for everybody.
    pub fn optional_outcomes(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(row) = self.row.try_as_pg_row() else {
            return self.get(column);
        };
        let stored: Option<Vec<i16>> = row
            .try_get(column)
            .map_err(|error| self.corrupt(column, error))?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let outcome = |code: i16| u8::try_from(code).ok().and_then(Outcome::from_code);
        let outcomes: Option<Vec<Outcome>> = stored.into_iter().map(outcome).collect();
        Ok(Some(outcomes.map_or(UNREADABLE, |outcomes| {
            codec::pack_outcomes(&outcomes)
        })))
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
/// What is bound already.
impl Bind for Value {
    fn bind(self) -> Value {
        self
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
        self.to_owned().bind()
    }
}
impl Bind for String {
    /// PostgreSQL's texts cannot hold U+0000. What comes from outside is refused for it where it
    /// matters; whatever else holds one, a filter or what a refusal repeats, shows that it did.
    fn bind(self) -> Value {
        match self.contains('\0') {
            true => Value::from(self.replace('\0', "\u{fffd}")),
            false => Value::from(self),
        }
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
