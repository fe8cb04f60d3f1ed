//! Many rows in one statement: what imports and event batches are written and looked up with.
//!
//! Groups have a fixed number of values, so that all but the last group of a batch share one
//! prepared statement. PostgreSQL takes a column of a group as one array: it plans a statement of
//! thousands of placeholders anew each time, which took longer than writing the rows.

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
    for statement in statements(connection.get_database_backend(), head, tail, rows) {
        let (sql, values) = statement?;
        changed += row::execute(connection, &sql, values).await?;
    }
    Ok(changed)
}

/// The same for a table in which PostgreSQL keeps some columns as what no column of many rows is:
/// each is written as text, and read as the type that is told of it, by its place from 1 on.
pub(crate) async fn insert_read_as<const N: usize>(
    connection: &impl ConnectionTrait,
    head: &str,
    types: &[(usize, &str)],
    rows: Vec<[Value; N]>,
) -> Result<u64, StoreError> {
    if connection.get_database_backend() != DbBackend::Postgres {
        return insert(connection, head, "", rows).await;
    }
    let columns = (1..=N).map(|place| {
        let told = types.iter().find(|(of, _)| *of == place);
        let told = told.map_or(String::new(), |(_, read_as)| format!("::{read_as}"));
        format!("c{place}{told}")
    });
    let columns: Vec<String> = columns.collect();
    let names: Vec<String> = (1..=N).map(|place| format!("c{place}")).collect();
    let tail = format!("AS row ({})", names.join(", "));
    let mut changed = 0;
    for group in rows.chunks(VALUES_PER_STATEMENT / N) {
        let (sql, values) = arrays_statement(head, &columns.join(", "), &tail, group)?;
        changed += row::execute(connection, &sql, values).await?;
    }
    Ok(changed)
}

/// [`insert`] with `RETURNING` in the tail: the rows that came back.
pub(crate) async fn insert_returning<const N: usize>(
    connection: &impl ConnectionTrait,
    table: &'static str,
    head: &str,
    tail: &str,
    rows: Vec<[Value; N]>,
) -> Result<Vec<Row>, StoreError> {
    let mut returned = Vec::new();
    for statement in statements(connection.get_database_backend(), head, tail, rows) {
        let (sql, values) = statement?;
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
        let (sql, values) = list_statement(connection, [head, tail], first, group)?;
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
        let (sql, values) = list_statement(connection, [head, ""], first, group)?;
        changed += row::execute(connection, &sql, values).await?;
    }
    Ok(changed)
}

/// One statement per group of rows, made when the one before it has run.
fn statements<'a, const N: usize>(
    engine: DbBackend,
    head: &'a str,
    tail: &'a str,
    rows: Vec<[Value; N]>,
) -> impl Iterator<Item = Result<(String, Vec<Value>), StoreError>> + Send + use<'a, N> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let group: Vec<[Value; N]> = rows.by_ref().take(VALUES_PER_STATEMENT / N).collect();
        if group.is_empty() {
            return None;
        }
        Some(match engine {
            DbBackend::Postgres => arrays_statement(head, "*", tail, &group),
            _ => Ok(statement(head, tail, group)),
        })
    })
}

fn statement<const N: usize>(
    head: &str,
    tail: &str,
    rows: Vec<[Value; N]>,
) -> (String, Vec<Value>) {
    let mut values = Vec::with_capacity(VALUES_PER_STATEMENT);
    let mut sql = format!("{head} VALUES ");
    for (index, row) in rows.into_iter().enumerate() {
        sql.push_str(if index == 0 { "(" } else { ", (" });
        push_places(&mut sql, N);
        sql.push(')');
        values.extend(row);
    }
    sql.push(' ');
    sql.push_str(tail);
    (sql, values)
}

fn arrays_statement<const N: usize>(
    head: &str,
    columns: &str,
    tail: &str,
    rows: &[[Value; N]],
) -> Result<(String, Vec<Value>), StoreError> {
    let mut values = Vec::with_capacity(N);
    let mut sql = format!("{head} SELECT {columns} FROM unnest(");
    for column in 0..N {
        if column > 0 {
            sql.push_str(", ");
        }
        let array = Array::of(rows.iter().map(|row| &row[column]))?;
        sql.push_str(&array.place(column + 1));
        values.push(array.literal.into());
    }
    sql.push_str(") ");
    sql.push_str(tail);
    Ok((sql, values))
}

fn list_statement(
    connection: &impl ConnectionTrait,
    [head, tail]: [&str; 2],
    first: &[Value],
    items: &[Value],
) -> Result<(String, Vec<Value>), StoreError> {
    let engine = connection.get_database_backend();
    let mut sql = String::with_capacity(head.len() + tail.len() + items.len() * 3);
    for (index, part) in head.split("{}").enumerate() {
        match (index, engine) {
            (0, _) => {}
            (_, DbBackend::Postgres) => sql.push_str(&format!("${index}")),
            _ => sql.push('?'),
        }
        sql.push_str(part);
    }
    let mut values = first.to_vec();
    if engine == DbBackend::Postgres {
        let array = Array::of(items.iter())?;
        sql.truncate(sql.trim_end_matches("IN").len());
        sql.push_str("= ANY (");
        sql.push_str(&array.place(first.len() + 1));
        sql.push(')');
        values.push(array.literal.into());
    } else {
        sql.push_str(" (");
        push_places(&mut sql, items.len());
        sql.push(')');
        values.extend_from_slice(items);
    }
    sql.push_str(tail);
    Ok((sql, values))
}

/// SQLite knows `$1` too, but takes it for a name and searches the list of names for every value it
/// binds, which is slow for thousands of them.
fn push_places(sql: &mut String, count: usize) {
    for index in 0..count {
        sql.push_str(if index == 0 { "?" } else { ", ?" });
    }
}

/// A column's values as PostgreSQL reads an array of them. It travels as text: the statement says
/// what it is an array of.
struct Array {
    element: &'static str,
    literal: String,
}

impl Array {
    fn of<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Self, StoreError> {
        let mut literal = String::from("{");
        let mut element = None;
        for (index, value) in values.enumerate() {
            if index > 0 {
                literal.push(',');
            }
            let of_value = push_element(&mut literal, value)?;
            if *element.get_or_insert(of_value) != of_value {
                return Err(StoreError::Invariant(format!(
                    "a column of {element:?} and {of_value}"
                )));
            }
        }
        literal.push('}');
        let element = element.ok_or_else(|| StoreError::Invariant("rows of nothing".into()))?;
        Ok(Self { element, literal })
    }

    fn place(&self, number: usize) -> String {
        format!("${number}::text::{}[]", self.element)
    }
}

/// The name of its type.
fn push_element(literal: &mut String, value: &Value) -> Result<&'static str, StoreError> {
    let (element, text) = match value {
        Value::BigInt(value) => ("bigint", value.map(|value| value.to_string())),
        Value::Bytes(value) => {
            let text = value
                .as_ref()
                .map(|bytes| format!("\"\\\\x{}\"", hex::encode(bytes)));
            ("bytea", text)
        }
        Value::String(value) => {
            let quoted = |text: &String| {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
                format!("\"{escaped}\"")
            };
            ("text", value.as_ref().map(quoted))
        }
        other => {
            return Err(StoreError::Invariant(format!(
                "{other:?} is in no column of many rows"
            )));
        }
    };
    literal.push_str(text.as_deref().unwrap_or("NULL"));
    Ok(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_written_as_an_array_is_read() {
        let array = |values: &[Value]| Array::of(values.iter()).unwrap();
        let numbers = array(&[7i64.into(), Value::BigInt(None)]);
        assert_eq!(numbers.place(3), "$3::text::bigint[]");
        assert_eq!(numbers.literal, "{7,NULL}");
        let bytes = array(&[vec![0xabu8, 1].into(), vec![0u8; 0].into()]);
        assert_eq!(bytes.literal, r#"{"\\xab01","\\x"}"#);
        let texts = array(&["NULL".into(), r#"a "b" \ {c},"#.into(), Value::String(None)]);
        assert_eq!(texts.literal, r#"{"NULL","a \"b\" \\ {c},",NULL}"#);
        assert_eq!(texts.place(1), "$1::text::text[]");
    }

    #[test]
    fn a_column_has_one_type() {
        let mixed: [Value; 2] = [7i64.into(), "seven".into()];
        assert!(Array::of(mixed.iter()).is_err());
        assert!(Array::of([Value::Bool(Some(true))].iter()).is_err());
        assert!(Array::of([].iter()).is_err());
    }
}
