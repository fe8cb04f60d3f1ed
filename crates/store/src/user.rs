//! User numbers: dense, given out in the transaction that first hears of a user, never reused.

use std::collections::HashMap;

use domain::id::{IdSource, UserId};
use domain::user::{UserKey, UserNumber};
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// A user's number, and whether this transaction gave it out: nothing else can know of them yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    pub number: UserNumber,
    pub is_new: bool,
}

impl Write {
    /// The numbers of the users that are known; the others are missing from the answer.
    pub async fn known_users(
        &self,
        keys: &[&UserKey],
    ) -> Result<HashMap<UserKey, UserNumber>, StoreError> {
        known(self.connection(), keys).await
    }

    /// The numbers of these users; those never heard of get theirs now. `keys` may repeat.
    pub async fn number_users(
        &mut self,
        ids: &dyn IdSource,
        keys: &[&UserKey],
    ) -> Result<HashMap<UserKey, Numbered>, StoreError> {
        let known = self.known_users(keys).await?;
        let mut fresh: Vec<&UserKey> = keys
            .iter()
            .copied()
            .filter(|key| !known.contains_key(*key))
            .collect();
        fresh.sort_unstable();
        fresh.dedup();
        // Numbered here, in a write that has its turn: what a database gives out by itself leaves
        // gaps where a transaction is rolled back. Users are never deleted.
        let last = self.last_user_number().await?;
        let rows = fresh.iter().zip(last + 1..).map(|(key, number)| {
            let id: UserId = ids.next();
            values![number, id, key.as_str()]
        });
        let rows: Vec<_> = rows.collect();
        let head = r#"INSERT INTO "user" (number, id, user_key)"#;
        let tail = "RETURNING number, user_key";
        let made = bulk::insert_returning(self.connection(), "user", head, tail, rows).await?;
        let old = known.into_iter().map(|(key, number)| {
            let is_new = false;
            Ok((key, Numbered { number, is_new }))
        });
        let new = made.iter().map(|row| {
            let (key, number) = numbered_key(row)?;
            let is_new = true;
            Ok((key, Numbered { number, is_new }))
        });
        old.chain(new).collect()
    }

    async fn last_user_number(&self) -> Result<u64, StoreError> {
        let sql = r#"SELECT COALESCE(MAX(number), 0) AS last FROM "user""#;
        let row = row::one(self.connection(), "user", sql, []).await?;
        row.map_or(Ok(0), |row| row.int("last"))
    }
}

impl Store {
    pub async fn user_number(&self, key: &UserKey) -> Result<Option<UserNumber>, StoreError> {
        let sql = r#"SELECT number, user_key FROM "user" WHERE user_key = $1"#;
        let row = row::one(self.reader(), "user", sql, values![key.as_str()]).await?;
        row.map(|row| Ok(numbered_key(&row)?.1)).transpose()
    }

    pub async fn user_key(&self, number: UserNumber) -> Result<Option<UserKey>, StoreError> {
        let sql = r#"SELECT number, user_key FROM "user" WHERE number = $1"#;
        let row = row::one(self.reader(), "user", sql, values![number.0]).await?;
        row.map(|row| Ok(numbered_key(&row)?.0)).transpose()
    }
}

pub(crate) async fn known(
    connection: &impl ConnectionTrait,
    keys: &[&UserKey],
) -> Result<HashMap<UserKey, UserNumber>, StoreError> {
    let items: Vec<Value> = keys.iter().map(|key| Value::from(key.as_str())).collect();
    let sql = [
        r#"SELECT number, user_key FROM "user" WHERE user_key IN"#,
        "",
    ];
    let rows = bulk::look_up(connection, "user", sql, &[], &items).await?;
    rows.iter().map(numbered_key).collect()
}

fn numbered_key(row: &Row) -> Result<(UserKey, UserNumber), StoreError> {
    let text: String = row.get("user_key")?;
    let key = UserKey::parse(&text).map_err(|error| row.corrupt("user_key", error))?;
    Ok((key, UserNumber(row.int("number")?)))
}
