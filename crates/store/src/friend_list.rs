//! Friends looked through: found by what somebody knows of them, page by page, newest first.
//!
//! A page must come quickly at a million friends. What has an index is found by it; for anything
//! else a stretch of [`SCAN_FRIENDS`] friends is looked through, and the answer says where it
//! stopped, so that nobody takes "not found yet" for "not there".

use std::collections::HashMap;

use domain::friend::{FriendState, ReachFlags};
use domain::id::{AccountId, UserId};
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use sea_orm::Value;

use crate::row::{self, Bind, Row, values};
use crate::{Store, StoreError, bulk};

/// Friends that one page looks at, one after the other: some 40 ms of a busy machine.
const SCAN_FRIENDS: u32 = 100_000;
/// Of those an index names, each is looked up where it stands: so many times dearer.
const LOOK_UP_COST: u32 = 10;

/// Who is looked for; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FriendSearch {
    /// A part of the name, or all of the user's key or public id.
    pub text: Option<String>,
    pub standing: Option<StandingFilter>,
    pub tag: Option<String>,
    pub source: Option<String>,
    pub region: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandingFilter {
    Active,
    Reachable,
    WithoutConsent,
    Blocked,
    Left,
}

/// A friend on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendLine {
    pub id: UserId,
    pub key: UserKey,
    pub display_name: String,
    pub state: FriendState,
    pub state_at: Timestamp,
    pub since: Timestamp,
    pub source: String,
    pub language: Option<String>,
    pub region: Option<String>,
    pub flags: ReachFlags,
    pub tags: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FriendPage {
    pub friends: Vec<FriendLine>,
    /// The friend after whom the next page begins; `None` at the end.
    pub next: Option<UserId>,
    /// The page is not full because looking stopped, not because there is nobody else.
    pub is_cut_off: bool,
    /// How many were looked at at most.
    pub looked_at: u32,
}

impl StandingFilter {
    pub const ALL: [StandingFilter; 5] = [
        Self::Reachable,
        Self::WithoutConsent,
        Self::Active,
        Self::Blocked,
        Self::Left,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reachable => "reachable",
            Self::WithoutConsent => "without_consent",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.name() == name)
    }

    /// Where those few stand together in an index of their own.
    const fn is_rare(self) -> Option<&'static str> {
        match self {
            Self::Blocked => Some("friend WHERE state = 2 AND"),
            Self::Left => Some("friend WHERE state = 3 AND"),
            _ => None,
        }
    }

    const fn condition(self) -> &'static str {
        match self {
            Self::Active => "f.state = 1",
            Self::Reachable => "f.state = 1 AND r.flags & 3 = 3",
            Self::WithoutConsent => "f.state = 1 AND r.flags & 3 <> 3",
            Self::Blocked => "f.state = 2",
            Self::Left => "f.state = 3",
        }
    }
}

/// How much one page may show, and look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    pub friends: u32,
    pub scan: u32,
}

impl PageSize {
    pub const fn of(friends: u32) -> Self {
        Self {
            friends,
            scan: SCAN_FRIENDS,
        }
    }
}

impl FriendSearch {
    /// Nothing is looked for: everybody is shown.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Store {
    /// The friends of an account that fit, after the last of the page before.
    pub async fn friends_page(
        &self,
        account: AccountId,
        search: &FriendSearch,
        after: Option<UserId>,
        size: PageSize,
    ) -> Result<FriendPage, StoreError> {
        let limit = size.friends;
        if let (Some(text), None) = (&search.text, after)
            && let Some(number) = self.number_named(text).await?
        {
            // The text named the friend; whatever else is looked for still counts.
            let others = FriendSearch {
                text: None,
                ..search.clone()
            };
            let next = number.0.saturating_add(1);
            let exactly = Query::of(&others, next, Some(number));
            let found = self.lines(account, &exactly, 1).await?;
            if !found.is_empty() {
                return self.page_of(found, (None, 1), limit).await;
            }
        }
        let below = match after {
            Some(id) => match self.user_by_id(id).await? {
                Some((number, _)) => number.0,
                None => return Ok(FriendPage::default()),
            },
            None => u32::MAX,
        };
        let rare = search.standing.and_then(StandingFilter::is_rare);
        let scan = match search.tag.is_some() || rare.is_some() {
            true => (size.scan / LOOK_UP_COST).max(1),
            false => size.scan.max(1),
        };
        let floor = match search.is_empty() {
            true => None,
            false => self.scan_floor(account, search, below, scan).await?,
        };
        let query = Query::of(search, below, floor);
        let found = self.lines(account, &query, limit + 1).await?;
        self.page_of(found, (floor, scan), limit).await
    }

    /// A user by the id that pages show.
    pub async fn user_by_id(
        &self,
        id: UserId,
    ) -> Result<Option<(UserNumber, UserKey)>, StoreError> {
        let sql = r#"SELECT number, user_key FROM "user" WHERE id = $1"#;
        let row = row::one(self.reader(), "user", sql, values![id]).await?;
        row.map(|row| Ok((UserNumber(row.int("number")?), user_key(&row)?)))
            .transpose()
    }

    /// The public id of a user.
    async fn user_id(&self, number: UserNumber) -> Result<Option<UserId>, StoreError> {
        let sql = r#"SELECT id FROM "user" WHERE number = $1"#;
        let row = row::one(self.reader(), "user", sql, values![number.0]).await?;
        row.map(|row| row.id("id")).transpose()
    }

    /// Whom a text names whole: by key or by public id.
    async fn number_named(&self, text: &str) -> Result<Option<UserNumber>, StoreError> {
        if let Ok(id) = text.parse::<UserId>() {
            return Ok(self.user_by_id(id).await?.map(|(number, _)| number));
        }
        match UserKey::parse(text) {
            Ok(key) => self.user_number(&key).await,
            Err(_) => Ok(None),
        }
    }

    /// The last friend this page looks at, where there are more than it may look at.
    async fn scan_floor(
        &self,
        account: AccountId,
        search: &FriendSearch,
        below: u32,
        scan: u32,
    ) -> Result<Option<UserNumber>, StoreError> {
        let rare = search.standing.and_then(StandingFilter::is_rare);
        let (from, more) = match &search.tag {
            Some(tag) => ("friend_tag WHERE tag = $4 AND", Some(tag.as_str().bind())),
            None => (rare.unwrap_or("reach WHERE"), None),
        };
        let sql = format!(
            "SELECT number FROM {from} account = $1 AND number < $2
             ORDER BY number DESC LIMIT 1 OFFSET $3"
        );
        let mut bound = values![account, below, scan - 1].to_vec();
        bound.extend(more);
        let row = row::one(self.reader(), "friend", &sql, bound).await?;
        row.map(|row| Ok(UserNumber(row.int("number")?)))
            .transpose()
    }

    async fn lines(
        &self,
        account: AccountId,
        query: &Query,
        limit: u32,
    ) -> Result<Vec<(UserNumber, FriendLine)>, StoreError> {
        // A friend a second time: by the narrow index of states, which alone would not be chosen.
        // SQLite takes tables in the order in which CROSS JOIN names them.
        let (driver, from) = match (query.by_tag, query.is_rare) {
            (true, _) => ("t", "friend_tag t CROSS JOIN friend f"),
            (false, true) => ("s", "friend s CROSS JOIN friend f"),
            (false, false) => ("f", "friend f"),
        };
        let itself = match driver {
            "f" => String::new(),
            other => format!("f.account = {other}.account AND f.number = {other}.number AND"),
        };
        let sql = format!(
            r#"SELECT f.number AS number, u.id AS id, u.user_key AS user_key, f.state AS state,
                 f.state_at AS state_at, f.since AS since, f.source AS source,
                 f.display_name AS display_name, f.language AS language, f.region AS region,
                 r.flags AS flags
               FROM {from} CROSS JOIN reach r CROSS JOIN "user" u
               WHERE {itself} r.account = f.account AND r.number = f.number
                 AND u.number = f.number AND {driver}.account = $1
                 AND {driver}.number < $2 AND {driver}.number >= $3
                 AND NOT (f.source = '' AND f.state = 3) {conditions}
               ORDER BY {driver}.number DESC LIMIT $4"#,
            conditions = query.conditions
        );
        let mut bound = values![account, query.below, query.floor, limit].to_vec();
        bound.extend(query.values.iter().cloned());
        let rows = row::all(self.reader(), "friend", &sql, bound).await?;
        let mut lines = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let numbers: Vec<Value> = lines.iter().map(|(number, _)| number.0.bind()).collect();
        let sql = [
            "SELECT number, tag FROM friend_tag WHERE account = {} AND number IN",
            " ORDER BY tag",
        ];
        let first = [account.bind()];
        let tags = bulk::look_up(self.reader(), "friend_tag", sql, &first, &numbers).await?;
        let mut by_number: HashMap<u32, Vec<String>> = HashMap::new();
        for row in tags {
            by_number
                .entry(row.int("number")?)
                .or_default()
                .push(row.get("tag")?);
        }
        for (number, line) in &mut lines {
            line.tags = by_number.remove(&number.0).unwrap_or_default();
        }
        Ok(lines)
    }

    async fn page_of(
        &self,
        mut found: Vec<(UserNumber, FriendLine)>,
        (floor, looked_at): (Option<UserNumber>, u32),
        limit: u32,
    ) -> Result<FriendPage, StoreError> {
        let is_full = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = match (is_full, floor) {
            (true, _) => found.last().map(|(_, line)| line.id),
            (false, Some(floor)) => self.user_id(floor).await?,
            (false, None) => None,
        };
        Ok(FriendPage {
            is_cut_off: !is_full && next.is_some(),
            friends: found.into_iter().map(|(_, line)| line).collect(),
            next,
            looked_at,
        })
    }
}

/// The conditions of one search in SQL; values begin at `$5`.
struct Query {
    by_tag: bool,
    is_rare: bool,
    below: u32,
    floor: u32,
    conditions: String,
    values: Vec<Value>,
}

impl Query {
    fn of(search: &FriendSearch, below: u32, floor: Option<UserNumber>) -> Self {
        let mut query = Self {
            by_tag: search.tag.is_some(),
            is_rare: search.standing.and_then(StandingFilter::is_rare).is_some(),
            below,
            floor: floor.map_or(0, |floor| floor.0),
            conditions: String::new(),
            values: Vec::new(),
        };
        if let Some(standing) = search.standing {
            let by_state = query.is_rare && !query.by_tag;
            let condition = standing.condition();
            query.conditions.push_str(" AND ");
            query.conditions.push_str(&match by_state {
                true => condition.replace("f.state", "s.state"),
                false => condition.to_owned(),
            });
        }
        let text = search.text.as_ref().map(|text| text.to_ascii_lowercase());
        let conditions = [
            ("t.tag =", &search.tag),
            ("f.source =", &search.source),
            ("f.region =", &search.region),
            ("0 < instr(lower(f.display_name), ", &text),
        ];
        for (condition, value) in conditions {
            if let Some(value) = value {
                query.values.push(value.as_str().bind());
                let place = query.values.len() + 4;
                let end = if condition.contains('(') { ")" } else { "" };
                query
                    .conditions
                    .push_str(&format!(" AND {condition} ${place}{end}"));
            }
        }
        query
    }
}

fn line(row: &Row) -> Result<(UserNumber, FriendLine), StoreError> {
    let code: u8 = row.int("state")?;
    let bits: u8 = row.int("flags")?;
    let line = FriendLine {
        id: row.id("id")?,
        key: user_key(row)?,
        display_name: row.get("display_name")?,
        state: FriendState::from_code(code).ok_or_else(|| row.corrupt("state", code))?,
        state_at: row.time("state_at")?,
        since: row.time("since")?,
        source: row.get("source")?,
        language: row.get("language")?,
        region: row.get("region")?,
        flags: ReachFlags::from_bits(bits).ok_or_else(|| row.corrupt("flags", bits))?,
        tags: Vec::new(),
    };
    Ok((UserNumber(row.int("number")?), line))
}

fn user_key(row: &Row) -> Result<UserKey, StoreError> {
    let text: String = row.get("user_key")?;
    UserKey::parse(&text).map_err(|error| row.corrupt("user_key", error))
}

#[cfg(test)]
mod tests;
