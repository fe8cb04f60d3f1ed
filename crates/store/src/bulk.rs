//! Many rows in one statement: what imports and event batches are written and looked up with.
//!
//! Groups have a fixed number of values, so that all but the last group of a batch share one
//! prepared statement.

use sea_orm::{ConnectionTrait, DbBackend, Value};

use crate::row::{self, Row};
use crate::{Store, StoreError};

/// Values of one statement; SQLite takes 32,766, PostgreSQL 65,535.
const VALUES_PER_STATEMENT: usize = 4_000;
/// Items of one list that is looked up.
const ITEMS_PER_LOOKUP: usize = 500;
const _: () = assert!(ITEMS_PER_LOOKUP < VALUES_PER_STATEMENT);

/// What a freeze reads of friends it reads from an index alone as long as the pages of their table
/// are known to be visible to all; of a million friends just written, or with one in twenty just
/// changed, it reads four times as long. The server finds that out by itself, but not within the
/// minute.
const FRESHEN: &str = "VACUUM (ANALYZE, TRUNCATE off) reach";

impl Store {
    /// To be called when many friends were written: makes them quick to read. SQLite needs nothing.
    pub async fn freshen_friends(&self) -> Result<(), StoreError> {
        if self.engine() == DbBackend::Postgres {
            self.writer().execute_unprepared(FRESHEN).await?;
        }
        Ok(())
    }
}

/// `{head} VALUES (…), (…), … {tail}`, as many times as the rows need. The number of rows changed.
/// Callers collect `rows` first: a future that holds a borrowing closure over the statement is not
/// known to be `Send`.
pub(crate) async fn insert<const N: usize>(
    connection: &impl ConnectionTrait,
    head: &str,
    tail: &str,
    rows: Vec<[Value; N]>,
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for (sql, values) in statements(Places::of(connection), head, tail, rows) {
        changed += row::execute(connection, &sql, values).await?;
    }
    Ok(changed)
}

/// The same with `RETURNING` in the tail: the rows that came back.
pub(crate) async fn insert_returning<const N: usize>(
    connection: &impl ConnectionTrait,
    table: &'static str,
    head: &str,
    tail: &str,
    rows: Vec<[Value; N]>,
) -> Result<Vec<Row>, StoreError> {
    let mut returned = Vec::new();
    for (sql, values) in statements(Places::of(connection), head, tail, rows) {
        returned.extend(row::all(connection, table, &sql, values).await?);
    }
    Ok(returned)
}

/// `{head} (item, item, …){tail}` for a head that ends in `IN`; `{}` in the head stands for the
/// values of `first`, in order.
pub(crate) async fn look_up(
    connection: &impl ConnectionTrait,
    table: &'static str,
    [head, tail]: [&str; 2],
    first: &[Value],
    items: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    for group in items.chunks(ITEMS_PER_LOOKUP) {
        let (sql, values) = list_statement(connection, [head, tail], first, group);
        found.extend(row::all(connection, table, &sql, values).await?);
    }
    Ok(found)
}

/// The same for a statement that changes rows.
pub(crate) async fn execute_for(
    connection: &impl ConnectionTrait,
    head: &str,
    first: &[Value],
    items: &[Value],
) -> Result<u64, StoreError> {
    let mut changed = 0;
    for group in items.chunks(ITEMS_PER_LOOKUP) {
        let (sql, values) = list_statement(connection, [head, ""], first, group);
        changed += row::execute(connection, &sql, values).await?;
    }
    Ok(changed)
}

/// One statement per group of rows, made when the one before it has run.
fn statements<'a, const N: usize>(
    places: Places,
    head: &'a str,
    tail: &'a str,
    rows: Vec<[Value; N]>,
) -> impl Iterator<Item = (String, Vec<Value>)> + Send + use<'a, N> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let group: Vec<[Value; N]> = rows.by_ref().take(VALUES_PER_STATEMENT / N).collect();
        (!group.is_empty()).then(|| statement(places, head, tail, group))
    })
}

fn statement<const N: usize>(
    mut places: Places,
    head: &str,
    tail: &str,
    rows: Vec<[Value; N]>,
) -> (String, Vec<Value>) {
    let mut values = Vec::with_capacity(VALUES_PER_STATEMENT);
    let mut sql = format!("{head} VALUES ");
    for (index, row) in rows.into_iter().enumerate() {
        sql.push_str(if index == 0 { "(" } else { ", (" });
        places.push(&mut sql, N);
        sql.push(')');
        values.extend(row);
    }
    sql.push(' ');
    sql.push_str(tail);
    (sql, values)
}

fn list_statement(
    connection: &impl ConnectionTrait,
    [head, tail]: [&str; 2],
    first: &[Value],
    items: &[Value],
) -> (String, Vec<Value>) {
    let mut places = Places::of(connection);
    let mut sql = String::with_capacity(head.len() + tail.len() + items.len() * 6);
    for (index, part) in head.split("{}").enumerate() {
        if index > 0 {
            places.push(&mut sql, 1);
        }
        sql.push_str(part);
    }
    sql.push_str(" (");
    places.push(&mut sql, items.len());
    sql.push(')');
    sql.push_str(tail);
    (sql, first.iter().chain(items).cloned().collect())
}

/// Placeholders as the dialect counts them. Both know `$1`, but SQLite takes it for a name and
/// searches the list of names for every value it binds, which is slow for thousands of them.
#[derive(Clone, Copy)]
struct Places {
    are_numbered: bool,
    used: usize,
}

impl Places {
    fn of(connection: &impl ConnectionTrait) -> Self {
        Self {
            are_numbered: connection.get_database_backend() == DbBackend::Postgres,
            used: 0,
        }
    }

    fn push(&mut self, sql: &mut String, count: usize) {
        for index in 0..count {
            if index > 0 {
                sql.push_str(", ");
            }
            self.used += 1;
            if self.are_numbered {
                sql.push('$');
                sql.push_str(&self.used.to_string());
            } else {
                sql.push('?');
            }
        }
    }
}
