//! What the messenger's screen writes, each in one commit with what it has the platform told.

use domain::time::Timestamp;
use domain::user::UserKey;
use sqlx::{Sqlite, Transaction};

use super::phone::{ContactState, DeedKind, Found, Person, PhoneAccount};

/// One write.
#[derive(Debug, Clone)]
pub(super) enum PhoneWrite {
    People(Vec<Person>, Timestamp),
    Account(PhoneAccount),
    Befriended(String, Vec<UserKey>, Timestamp),
    /// How far a person was searched for, and what was found.
    Searched(UserKey, i64, Vec<Found>),
    Act(Box<Act>),
    /// Events the platform took.
    Told(Vec<i64>),
}

/// What a person does at one moment.
#[derive(Debug, Clone)]
pub struct Act {
    pub user: UserKey,
    pub handle: String,
    pub at: Timestamp,
    pub state: Option<ContactState>,
    pub promotion: Option<bool>,
    pub night: Option<bool>,
    /// The last push that was seen.
    pub seen: Option<i64>,
    pub deed: Option<(DeedKind, String)>,
    /// As JSON, to be told to the platform.
    pub events: Vec<String>,
}

impl Act {
    pub fn of(user: UserKey, handle: String, at: Timestamp) -> Self {
        Self {
            user,
            handle,
            at,
            state: None,
            promotion: None,
            night: None,
            seen: None,
            deed: None,
            events: Vec::new(),
        }
    }
}

pub(super) async fn write(
    transaction: &mut Transaction<'_, Sqlite>,
    write: &PhoneWrite,
) -> Result<(), sqlx::Error> {
    match write {
        PhoneWrite::People(people, at) => insert_people(transaction, people, *at).await,
        PhoneWrite::Account(account) => insert_account(transaction, account).await,
        PhoneWrite::Befriended(handle, users, at) => {
            for user in users {
                let act = Act::of(user.clone(), handle.clone(), *at);
                insert_contact(transaction, &act).await?;
            }
            Ok(())
        }
        PhoneWrite::Searched(user, sequence, found) => {
            insert_found(transaction, user, *sequence, found).await
        }
        PhoneWrite::Act(act) => insert_act(transaction, act).await,
        PhoneWrite::Told(sequences) => {
            for sequence in sequences {
                sqlx::query("DELETE FROM untold WHERE sequence = $1")
                    .bind(sequence)
                    .execute(&mut **transaction)
                    .await?;
            }
            Ok(())
        }
    }
}

async fn insert_people(
    transaction: &mut Transaction<'_, Sqlite>,
    people: &[Person],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    for person in people {
        let sql = "INSERT INTO person (user_key, display_name, added_at) VALUES ($1, $2, $3)
                   ON CONFLICT (user_key) DO UPDATE SET display_name = excluded.display_name";
        sqlx::query(sql)
            .bind(person.user_key.as_str())
            .bind(&person.display_name)
            .bind(at.as_millis())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn insert_account(
    transaction: &mut Transaction<'_, Sqlite>,
    account: &PhoneAccount,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO account (handle, display_name, icon_url, wording)
               VALUES ($1, $2, $3, $4)
               ON CONFLICT (handle) DO UPDATE SET display_name = excluded.display_name,
                 icon_url = excluded.icon_url, wording = excluded.wording";
    sqlx::query(sql)
        .bind(&account.handle)
        .bind(&account.display_name)
        .bind(&account.icon_url)
        .bind(&account.wording)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_found(
    transaction: &mut Transaction<'_, Sqlite>,
    user: &UserKey,
    sequence: i64,
    found: &[Found],
) -> Result<(), sqlx::Error> {
    for place in found {
        let sql = "INSERT INTO received (user_key, sequence, position, handle, uncertain)
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
        sqlx::query(sql)
            .bind(user.as_str())
            .bind(place.sequence)
            .bind(place.position)
            .bind(&place.handle)
            .bind(place.uncertain)
            .execute(&mut **transaction)
            .await?;
    }
    let sql = "INSERT INTO search (user_key, sequence) VALUES ($1, $2)
               ON CONFLICT (user_key) DO UPDATE SET sequence = max(sequence, excluded.sequence)";
    sqlx::query(sql)
        .bind(user.as_str())
        .bind(sequence)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_contact(
    transaction: &mut Transaction<'_, Sqlite>,
    act: &Act,
) -> Result<(), sqlx::Error> {
    let sql =
        "INSERT INTO contact (user_key, handle, state, promotion, night, seen_sequence, since)
               VALUES ($1, $2, coalesce($3, 'active'), $4, $5, coalesce($6, 0), $7)
               ON CONFLICT (user_key, handle) DO UPDATE SET
                 state = coalesce($3, state), promotion = coalesce($4, promotion),
                 night = coalesce($5, night), seen_sequence = max(seen_sequence, coalesce($6, 0))";
    sqlx::query(sql)
        .bind(act.user.as_str())
        .bind(&act.handle)
        .bind(act.state.map(ContactState::name))
        .bind(act.promotion)
        .bind(act.night)
        .bind(act.seen)
        .bind(act.at.as_millis())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_act(
    transaction: &mut Transaction<'_, Sqlite>,
    act: &Act,
) -> Result<(), sqlx::Error> {
    insert_contact(transaction, act).await?;
    if let Some((kind, words)) = &act.deed {
        let sql = "INSERT INTO deed (user_key, handle, at, kind, words)
                   VALUES ($1, $2, $3, $4, $5)";
        sqlx::query(sql)
            .bind(act.user.as_str())
            .bind(&act.handle)
            .bind(act.at.as_millis())
            .bind(kind.name())
            .bind(words)
            .execute(&mut **transaction)
            .await?;
    }
    for event in &act.events {
        sqlx::query("INSERT INTO untold (event) VALUES ($1)")
            .bind(event)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}
