//! Friends as LINE's paths name them: by an id of `U` and 32 hex digits, page by page.

use std::collections::{HashMap, HashSet};

use domain::id::{AccountId, UserId};
use domain::user::{LineUserId, UserKey, UserNumber};
use sea_orm::Value;

use crate::row::{self, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// What a brand's program is told of a friend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    pub number: UserNumber,
    pub line_id: LineUserId,
    /// Empty where nobody told it.
    pub display_name: String,
    pub language: Option<String>,
}

/// One page of an account's friends, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowerPage {
    pub ids: Vec<LineUserId>,
    /// The friend after whom the next page begins; `None` at the end.
    pub next: Option<UserNumber>,
}

/// A user whom an id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUser {
    pub line_id: LineUserId,
    pub number: UserNumber,
    pub key: UserKey,
}

const FOLLOWER: &str = r#"SELECT u.number AS number, u.id AS id, u.user_key AS user_key,
      f.display_name AS display_name, f.language AS language
    FROM friend f JOIN "user" u ON u.number = f.number
    WHERE f.account = $1 AND f.state = 1"#;

impl Write {
    /// The users whom ids name, whoever's friends they are; ids of nobody are missing.
    pub async fn users_by_line_ids(
        &self,
        ids: &[LineUserId],
    ) -> Result<Vec<NamedUser>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: HashSet<&LineUserId> = ids.iter().collect();
        let keys: Vec<Value> = ids.iter().map(|id| id.to_string().into()).collect();
        let by_key = [
            r#"SELECT number, id, user_key FROM "user" WHERE user_key IN"#,
            "",
        ];
        let mut rows = bulk::look_up(self.connection(), "user", by_key, &[], &keys).await?;
        if rows.len() < wanted.len() {
            let ours: Vec<Value> = ids.iter().map(|id| id.as_bytes().to_vec().into()).collect();
            let by_id = [r#"SELECT number, id, user_key FROM "user" WHERE id IN"#, ""];
            rows.extend(bulk::look_up(self.connection(), "user", by_id, &[], &ours).await?);
        }
        let mut users = Vec::with_capacity(rows.len());
        for row in &rows {
            let user = named(row)?;
            // A user whose key has LINE's shape is not called by ours.
            if wanted.contains(&user.line_id) {
                users.push(user);
            }
        }
        Ok(users)
    }

    /// The users whom the messenger calls so; those never heard of are missing.
    pub async fn users_by_keys(
        &self,
        keys: &[&UserKey],
    ) -> Result<HashMap<UserKey, NamedUser>, StoreError> {
        let keys: Vec<Value> = keys.iter().map(|key| key.as_str().into()).collect();
        let sql = [
            r#"SELECT number, id, user_key FROM "user" WHERE user_key IN"#,
            "",
        ];
        let rows = bulk::look_up(self.connection(), "user", sql, &[], &keys).await?;
        rows.iter()
            .map(|row| named(row).map(|user| (user.key.clone(), user)))
            .collect()
    }
}

impl Store {
    /// The user whom an id names, whoever's friend they are.
    pub async fn user_by_line_id(&self, id: LineUserId) -> Result<Option<UserNumber>, StoreError> {
        let sql = r#"SELECT number, id, user_key FROM "user" WHERE user_key = $1 OR id = $2"#;
        let bound = values![id.to_string(), *id.as_bytes()];
        let rows = row::all(self.reader(), "user", sql, bound).await?;
        for row in &rows {
            // A user whose key has LINE's shape is not called by ours.
            if line_id(row)? == id {
                return Ok(Some(UserNumber(row.int("number")?)));
            }
        }
        Ok(None)
    }

    /// An active friend of the account; whoever blocked it, left it or never came is not there.
    pub async fn follower(
        &self,
        account: AccountId,
        id: LineUserId,
    ) -> Result<Option<Follower>, StoreError> {
        let Some(number) = self.user_by_line_id(id).await? else {
            return Ok(None);
        };
        let sql = format!("{FOLLOWER} AND f.number = $2");
        let row = row::one(self.reader(), "friend", &sql, values![account, number.0]).await?;
        row.map(|row| follower(&row)).transpose()
    }

    /// Active friends of the account after one of them, or from the first.
    pub async fn followers(
        &self,
        account: AccountId,
        after: Option<UserNumber>,
        limit: u32,
    ) -> Result<FollowerPage, StoreError> {
        let after = after.map_or(0, |number| number.0);
        let sql = format!("{FOLLOWER} AND f.number > $2 ORDER BY f.number LIMIT $3");
        // One more says whether there is a next page.
        let bound = values![account, after, limit.saturating_add(1)];
        let rows = row::all(self.reader(), "friend", &sql, bound).await?;
        let mut found = rows.iter().map(follower).collect::<Result<Vec<_>, _>>()?;
        let is_last = found.len() <= limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| !is_last).map(|last| last.number);
        let ids = found.into_iter().map(|friend| friend.line_id).collect();
        Ok(FollowerPage { ids, next })
    }
}

fn named(row: &Row) -> Result<NamedUser, StoreError> {
    let key: String = row.get("user_key")?;
    Ok(NamedUser {
        line_id: line_id(row)?,
        number: UserNumber(row.int("number")?),
        key: UserKey::parse(&key).map_err(|error| row.corrupt("user_key", error))?,
    })
}

pub(crate) fn line_id(row: &Row) -> Result<LineUserId, StoreError> {
    let key: String = row.get("user_key")?;
    let key = UserKey::parse(&key).map_err(|error| row.corrupt("user_key", error))?;
    let id: UserId = row.id("id")?;
    Ok(LineUserId::of(id, &key))
}

fn follower(row: &Row) -> Result<Follower, StoreError> {
    Ok(Follower {
        number: UserNumber(row.int("number")?),
        line_id: line_id(row)?,
        display_name: row.get("display_name")?,
        language: row.get("language")?,
    })
}
