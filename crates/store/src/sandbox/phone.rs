//! What the messenger's screen reads: people, their accounts, and what reached them.
//!
//! What reached somebody was searched for before (`phone_search`) and is remembered.

use std::collections::BTreeMap;

use domain::campaign::Purpose;
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserKey;
use serde_json::value::RawValue;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::record::{impossible, push_key};
use crate::StoreError;

/// Somebody with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub user_key: UserKey,
    pub display_name: String,
}

/// An account as the messenger shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneAccount {
    pub handle: String,
    pub display_name: String,
    pub icon_url: Option<String>,
    /// What its friends are asked to agree to.
    pub wording: Option<ShownWording>,
}

/// A version of the words that friends agree to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownWording {
    pub version: String,
    pub text: String,
}

/// A person's answer to an account, as a receipt shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    pub granted: bool,
    /// Unknown of answers that were kept before receipts were.
    pub at: Option<Timestamp>,
    /// The version of the words that were shown.
    pub wording: Option<String>,
    /// Where: a name of the pages' own.
    pub place: Option<String>,
}

/// A person and an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub handle: String,
    pub state: ContactState,
    /// `None` where they gave no answer here.
    pub promotion: Option<Consent>,
    pub night: Option<Consent>,
    /// The last push that was seen.
    pub seen: i64,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactState {
    Active,
    Blocked,
    Left,
}

/// A push that reached a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub sequence: i64,
    pub push_key: PushKey,
    pub at: Timestamp,
    pub handle: String,
    /// The account's card as JSON, as it was when the push was made.
    pub account: String,
    pub purpose: Purpose,
    /// JSON arrays.
    pub messages: String,
    pub links: String,
    /// The person's own values.
    pub variables: BTreeMap<String, String>,
}

/// Something a person wrote or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    pub sequence: i64,
    pub at: Timestamp,
    pub handle: String,
    pub kind: DeedKind,
    pub words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeedKind {
    /// What they wrote, or what a tap wrote for them.
    Wrote,
    Added,
    Blocked,
    Unblocked,
    Left,
    OptedOut,
    OptedIn,
    /// A tap whose effect is elsewhere: a page, a coupon, the clipboard.
    Opened,
    TookCoupon,
    /// A coupon that they had, shown to whoever takes it.
    UsedCoupon,
    /// A coupon that they wanted and did not get.
    MissedCoupon,
    Copied,
}

impl ContactState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Active, Self::Blocked, Self::Left];
        all.into_iter().find(|state| state.name() == name)
    }
}

impl DeedKind {
    const ALL: [Self; 12] = [
        Self::Wrote,
        Self::Added,
        Self::Blocked,
        Self::Unblocked,
        Self::Left,
        Self::OptedOut,
        Self::OptedIn,
        Self::Opened,
        Self::TookCoupon,
        Self::UsedCoupon,
        Self::MissedCoupon,
        Self::Copied,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Wrote => "wrote",
            Self::Added => "added",
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Left => "left",
            Self::OptedOut => "opted-out",
            Self::OptedIn => "opted-in",
            Self::Opened => "opened",
            Self::TookCoupon => "took-coupon",
            Self::UsedCoupon => "used-coupon",
            Self::MissedCoupon => "missed-coupon",
            Self::Copied => "copied",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// People by name or key, in the order of their names. `after` is the last one shown.
pub(super) async fn people(
    pool: &SqlitePool,
    search: &str,
    after: Option<&Person>,
    limit: u32,
) -> Result<Vec<Person>, StoreError> {
    let sql = "SELECT user_key, display_name FROM person
               WHERE ($1 = '' OR instr(lower(display_name), lower($1)) > 0 OR user_key = $1)
                 AND (display_name, user_key) > ($2, $3)
               ORDER BY display_name, user_key LIMIT $4";
    let rows = sqlx::query(sql)
        .bind(search)
        .bind(after.map_or("", |person| &person.display_name))
        .bind(after.map_or("", |person| person.user_key.as_str()))
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter().map(read_person).collect()
}

pub(super) async fn people_count(pool: &SqlitePool) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT count(*) AS count FROM person")
        .fetch_one(pool)
        .await?;
    Ok(row.try_get::<i64, _>("count")?.max(0) as u64)
}

pub(super) async fn person(
    pool: &SqlitePool,
    user: &UserKey,
) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query("SELECT user_key, display_name FROM person WHERE user_key = $1")
        .bind(user.as_str())
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(read_person).transpose()
}

pub(super) async fn accounts(pool: &SqlitePool) -> Result<Vec<PhoneAccount>, StoreError> {
    let sql = "SELECT a.handle, a.display_name, a.icon_url, a.wording, w.text FROM account a
               LEFT JOIN wording w ON w.handle = a.handle AND w.version = a.wording
               ORDER BY a.handle";
    let rows = sqlx::query(sql).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let version: Option<String> = row.try_get("wording")?;
            let text: Option<String> = row.try_get("text")?;
            Ok(PhoneAccount {
                handle: row.try_get("handle")?,
                display_name: row.try_get("display_name")?,
                icon_url: row.try_get("icon_url")?,
                wording: version.map(|version| ShownWording {
                    version,
                    text: text.unwrap_or_default(),
                }),
            })
        })
        .collect()
}

/// The words of one version, where they are known.
pub(super) async fn wording(
    pool: &SqlitePool,
    handle: &str,
    version: &str,
) -> Result<Option<String>, StoreError> {
    let row = sqlx::query("SELECT text FROM wording WHERE handle = $1 AND version = $2")
        .bind(handle)
        .bind(version)
        .fetch_optional(pool)
        .await?;
    Ok(row.map(|row| row.try_get("text")).transpose()?)
}

pub(super) async fn contacts(
    pool: &SqlitePool,
    user: &UserKey,
) -> Result<Vec<Contact>, StoreError> {
    let sql = "SELECT handle, state, promotion, promotion_at, promotion_wording, promotion_place,
                 night, night_at, night_wording, night_place, seen_sequence, since
               FROM contact WHERE user_key = $1 ORDER BY handle";
    let rows = sqlx::query(sql).bind(user.as_str()).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let state: String = row.try_get("state")?;
            Ok(Contact {
                handle: row.try_get("handle")?,
                state: ContactState::from_name(&state)
                    .ok_or_else(|| impossible("contact", "state", state))?,
                promotion: read_consent(row, "promotion")?,
                night: read_consent(row, "night")?,
                seen: row.try_get("seen_sequence")?,
                since: Timestamp::from_millis(row.try_get("since")?),
            })
        })
        .collect()
}

/// The accounts a person knows or heard of, as far as was searched.
pub(super) async fn handles(pool: &SqlitePool, user: &UserKey) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT handle FROM contact WHERE user_key = $1
               UNION SELECT handle FROM received WHERE user_key = $1";
    let rows = sqlx::query(sql).bind(user.as_str()).fetch_all(pool).await?;
    rows.iter().map(|row| Ok(row.try_get("handle")?)).collect()
}

/// How many pushes reached a person that were not seen, by account.
pub(super) async fn unread(
    pool: &SqlitePool,
    user: &UserKey,
) -> Result<BTreeMap<String, u64>, StoreError> {
    let sql = "SELECT r.handle, count(*) AS count FROM received r
                 LEFT JOIN contact c ON c.user_key = r.user_key AND c.handle = r.handle
               WHERE r.user_key = $1 AND r.sequence > coalesce(c.seen_sequence, 0)
                 AND (r.uncertain = 0 OR EXISTS (SELECT 1 FROM resolution o
                   WHERE o.sequence = r.sequence AND o.position = r.position AND o.confirmed = 1))
               GROUP BY r.handle";
    let rows = sqlx::query(sql).bind(user.as_str()).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let count: i64 = row.try_get("count")?;
            Ok((row.try_get("handle")?, count.max(0) as u64))
        })
        .collect()
}

/// The card of an account's last push, as JSON: what is known of an account nobody introduced.
pub(super) async fn pushed_card(
    pool: &SqlitePool,
    handle: &str,
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT account FROM content WHERE handle = $1 LIMIT 1";
    let row = sqlx::query(sql).bind(handle).fetch_optional(pool).await?;
    Ok(row.map(|row| row.try_get("account")).transpose()?)
}

/// Everybody who blocked or left an account on this screen.
pub(super) async fn refusing(
    pool: &SqlitePool,
) -> Result<Vec<(String, UserKey, ContactState)>, StoreError> {
    let sql = "SELECT handle, user_key, state FROM contact WHERE state <> 'active'";
    let rows = sqlx::query(sql).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            let state: String = row.try_get("state")?;
            let state = ContactState::from_name(&state)
                .ok_or_else(|| impossible("contact", "state", state))?;
            Ok((row.try_get("handle")?, read_user(row)?, state))
        })
        .collect()
}

/// What reached a person, of one account or of all, the last first.
pub(super) async fn received(
    pool: &SqlitePool,
    user: &UserKey,
    handle: Option<&str>,
    key: Option<PushKey>,
    limit: u32,
) -> Result<Vec<Received>, StoreError> {
    let sql = "SELECT r.sequence, r.position, p.key, p.at, p.variables, c.handle, c.account,
                 c.purpose, c.messages, c.links
               FROM received r JOIN push p ON p.sequence = r.sequence
                 JOIN content c ON c.hash = p.content
               WHERE r.user_key = $1 AND ($2 IS NULL OR r.handle = $2)
                 AND ($3 IS NULL OR p.key = $3)
                 AND (r.uncertain = 0 OR EXISTS (SELECT 1 FROM resolution o
                   WHERE o.sequence = r.sequence AND o.position = r.position AND o.confirmed = 1))
               ORDER BY r.sequence DESC LIMIT $4";
    let rows = sqlx::query(sql)
        .bind(user.as_str())
        .bind(handle)
        .bind(key.map(|key| key.as_bytes().to_vec()))
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter().map(read_received).collect()
}

/// What a person wrote and did, of one account or of all, the last first.
pub(super) async fn deeds(
    pool: &SqlitePool,
    user: &UserKey,
    handle: Option<&str>,
    limit: u32,
) -> Result<Vec<Deed>, StoreError> {
    let sql = "SELECT sequence, at, handle, kind, words FROM deed
               WHERE user_key = $1 AND ($2 IS NULL OR handle = $2)
               ORDER BY sequence DESC LIMIT $3";
    let rows = sqlx::query(sql)
        .bind(user.as_str())
        .bind(handle)
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            let kind: String = row.try_get("kind")?;
            Ok(Deed {
                sequence: row.try_get("sequence")?,
                at: Timestamp::from_millis(row.try_get("at")?),
                handle: row.try_get("handle")?,
                kind: DeedKind::from_name(&kind).ok_or_else(|| impossible("deed", "kind", kind))?,
                words: row.try_get("words")?,
            })
        })
        .collect()
}

/// How many events the platform has not taken yet.
pub(super) async fn untold_count(pool: &SqlitePool) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT count(*) AS count FROM untold")
        .fetch_one(pool)
        .await?;
    Ok(row.try_get::<i64, _>("count")?.max(0) as u64)
}

/// The oldest events the platform has not taken yet.
pub(super) async fn untold_events(
    pool: &SqlitePool,
    limit: u32,
) -> Result<Vec<(i64, String)>, StoreError> {
    let rows = sqlx::query("SELECT sequence, event FROM untold ORDER BY sequence LIMIT $1")
        .bind(limit)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("sequence")?, row.try_get("event")?)))
        .collect()
}

fn read_consent(row: &SqliteRow, purpose: &str) -> Result<Option<Consent>, StoreError> {
    let granted: Option<bool> = row.try_get(purpose)?;
    let Some(granted) = granted else {
        return Ok(None);
    };
    let column = |name: &str| format!("{purpose}_{name}");
    let at: Option<i64> = row.try_get(column("at").as_str())?;
    Ok(Some(Consent {
        granted,
        at: at.map(Timestamp::from_millis),
        wording: row.try_get(column("wording").as_str())?,
        place: row.try_get(column("place").as_str())?,
    }))
}

fn read_person(row: &SqliteRow) -> Result<Person, StoreError> {
    Ok(Person {
        user_key: read_user(row)?,
        display_name: row.try_get("display_name")?,
    })
}

fn read_user(row: &SqliteRow) -> Result<UserKey, StoreError> {
    let key: String = row.try_get("user_key")?;
    UserKey::parse(&key).map_err(|error| impossible("person", "user_key", error))
}

fn read_received(row: &SqliteRow) -> Result<Received, StoreError> {
    let position: u32 = row.try_get("position")?;
    let variables: Option<String> = row.try_get("variables")?;
    let purpose: String = row.try_get("purpose")?;
    Ok(Received {
        sequence: row.try_get("sequence")?,
        push_key: push_key(row.try_get("key")?)?,
        at: Timestamp::from_millis(row.try_get("at")?),
        handle: row.try_get("handle")?,
        account: row.try_get("account")?,
        purpose: match purpose == Purpose::Information.name() {
            true => Purpose::Information,
            false => Purpose::Promotion,
        },
        messages: row.try_get("messages")?,
        links: row.try_get("links")?,
        variables: variables
            .map(|columns| own_values(&columns, position))
            .unwrap_or_default(),
    })
}

/// One recipient's values out of the columns of a push.
fn own_values(columns: &str, position: u32) -> BTreeMap<String, String> {
    let columns: BTreeMap<String, Vec<&RawValue>> =
        serde_json::from_str(columns).unwrap_or_default();
    let value = |column: &[&RawValue]| {
        let value = column.get(position as usize)?;
        serde_json::from_str::<String>(value.get()).ok()
    };
    let own = columns.into_iter();
    own.filter_map(|(name, column)| Some((name, value(&column)?)))
        .collect()
}
