//! What a page shows of an audience while it is being chosen: how many, why not more, and which
//! values there are to choose from.
//!
//! The launch counts for itself, in its transaction; nothing here decides who gets a campaign.

use domain::audience::{Expression, TextAttribute};
use domain::campaign::Purpose;
use domain::friend::{FriendState, ReachFlags};
use domain::id::{AccountId, UserListId};
use sea_orm::Value;

use crate::audience::condition;
use crate::row::{self, values};
use crate::{Store, StoreError};

/// How many friends an expression names, and how many of them may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AudienceCount {
    /// Friends the expression names, reachable or not.
    pub matched: u64,
    /// Of these, whom a campaign of the purpose may reach.
    pub reachable: u64,
    /// Of these, who are friends and never consented, or refused.
    pub unwilling: u64,
    /// For each single condition that was asked for: who satisfies it and may be reached.
    pub each: Vec<u64>,
}

/// An account's friends by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FriendStates {
    pub active: u64,
    pub blocked: u64,
    pub left: u64,
}

/// Where the values of a condition come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offer {
    Attribute(TextAttribute),
    Source,
    Tag,
}

/// More friends than an account has: user numbers are 32 bits wide.
const ROWS_MAX: u64 = 1 << 32;

impl Store {
    /// Counts the whole expression and each of the single conditions in one pass.
    pub async fn explore_audience(
        &self,
        account: AccountId,
        whole: &Expression,
        each: &[Expression],
        purpose: Purpose,
    ) -> Result<AudienceCount, StoreError> {
        let mut bound: Vec<Value> = values![account, ReachFlags::required(purpose)]
            .into_iter()
            .collect();
        let mut columns = String::new();
        let mut sums = Vec::new();
        let mut tables = condition(&Expression::All, 0).tables();
        for (index, expression) in std::iter::once(whole).chain(each).enumerate() {
            let condition = condition(expression, bound.len());
            if condition.tables().len() > tables.len() {
                tables = condition.tables();
            }
            columns.push_str(&format!(", {} AS c{index}", condition.sql));
            sums.push(sum(&format!("c{index} AND ok")));
            bound.extend(condition.values);
        }
        // The limit keeps the database from evaluating a condition once more for every sum.
        let sql = format!(
            "SELECT {} AS matched, {} AS unwilling, {} AS reachable
             FROM (SELECT r.flags & $2 = $2 AS ok, r.flags & {} <> 0 AS active{columns}
                   {tables} WHERE r.account = $1 LIMIT {ROWS_MAX}) friends",
            sum("c0"),
            sum("c0 AND active AND NOT ok"),
            format_args!("CAST({} AS TEXT)", sums.join(" || ',' || ")),
            ReachFlags::ACTIVE,
        );
        let row = row::one(self.reader(), "reach", &sql, bound).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("count".into()))?;
        let text: String = row.get("reachable")?;
        let reachable: Result<Vec<u64>, _> = text.split(',').map(str::parse).collect();
        let reachable = reachable.map_err(|error| row.corrupt("reachable", error))?;
        Ok(AudienceCount {
            matched: row.int("matched")?,
            unwilling: row.int("unwilling")?,
            reachable: reachable.first().copied().unwrap_or(0),
            each: reachable.into_iter().skip(1).collect(),
        })
    }

    /// Everybody the account ever had as a friend, by state; an index has them all.
    pub async fn friend_states(&self, account: AccountId) -> Result<FriendStates, StoreError> {
        let sql = "SELECT state, COUNT(*) AS friends FROM friend WHERE account = $1 GROUP BY state";
        let mut states = FriendStates::default();
        for row in row::all(self.reader(), "friend", sql, values![account]).await? {
            let friends = row.int("friends")?;
            match FriendState::from_code(row.int("state")?) {
                Some(FriendState::Active) => states.active = friends,
                Some(FriendState::Blocked) => states.blocked = friends,
                Some(FriendState::Left) => states.left = friends,
                None => return Err(row.corrupt("state", "no such state")),
            }
        }
        Ok(states)
    }

    /// The values that most friends have, with how many they are; at most `limit` of them.
    pub async fn offered_values(
        &self,
        account: AccountId,
        offer: Offer,
        limit: u32,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let (table, column) = match offer {
            Offer::Tag => ("friend_tag", "tag"),
            Offer::Source => ("friend", "source"),
            Offer::Attribute(attribute) => ("friend", attribute.name()),
        };
        let sql = format!(
            "SELECT {column} AS value, COUNT(*) AS friends FROM {table}
             WHERE account = $1 AND {column} IS NOT NULL AND {column} <> ''
             GROUP BY {column} ORDER BY friends DESC, value LIMIT $2"
        );
        let rows = row::all(self.reader(), table, &sql, values![account, limit]).await?;
        rows.iter()
            .map(|row| Ok((row.get("value")?, row.int("friends")?)))
            .collect()
    }

    /// How many users stand in an uploaded list.
    pub async fn list_size(&self, list: UserListId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS users FROM user_list_entry WHERE list = $1";
        let row = row::one(self.reader(), "user_list_entry", sql, values![list]).await?;
        row.map_or(Ok(0), |row| row.int("users"))
    }
}

fn sum(condition: &str) -> String {
    format!("COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0)")
}
