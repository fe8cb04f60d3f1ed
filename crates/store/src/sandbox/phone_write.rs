//! What the messenger's screen writes, each in one commit with what it has the platform told.

use domain::time::Timestamp;
use domain::user::UserKey;
use sqlx::{Sqlite, Transaction};

use super::phone::{Consent, ContactState, DeedKind, Person, PhoneAccount};
use super::phone_search::Found;

/// One write.
#[derive(Debug, Clone)]
pub(super) enum PhoneWrite {
    People(Vec<Person>, Timestamp),
    Account(PhoneAccount),
    Befriended(String, Vec<NewContact>),
    /// How far a person was searched for, and what was found.
    Searched(UserKey, i64, Vec<Found>),
    Act(Box<Act>),
    /// Events the platform took.
    Told(Vec<i64>),
}

/// A friendship that is known to the platform already.
#[derive(Debug, Clone)]
pub struct NewContact {
    pub user: UserKey,
    pub since: Timestamp,
    pub promotion: Option<Consent>,
    pub night: Option<Consent>,
}

/// What a person does at one moment.
#[derive(Debug, Clone)]
pub struct Act {
    pub user: UserKey,
    pub handle: String,
    pub at: Timestamp,
    pub state: Option<ContactState>,
    pub promotion: Option<Consent>,
    pub night: Option<Consent>,
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
        PhoneWrite::Befriended(handle, contacts) => {
            for contact in contacts {
                let act = Act {
                    promotion: contact.promotion.clone(),
                    night: contact.night.clone(),
                    ..Act::of(contact.user.clone(), handle.clone(), contact.since)
                };
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
        .bind(account.wording.as_ref().map(|wording| &wording.version))
        .execute(&mut **transaction)
        .await?;
    if let Some(wording) = &account.wording {
        let sql = "INSERT INTO wording (handle, version, text) VALUES ($1, $2, $3)
                   ON CONFLICT DO NOTHING";
        sqlx::query(sql)
            .bind(&account.handle)
            .bind(&wording.version)
            .bind(&wording.text)
            .execute(&mut **transaction)
            .await?;
    }
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
    // Whoever is nobody leaves no trace: addresses are made up easily.
    let sql = "INSERT INTO search (user_key, sequence) SELECT $1, $2
               WHERE EXISTS (SELECT 1 FROM person WHERE user_key = $1)
                 OR EXISTS (SELECT 1 FROM contact WHERE user_key = $1)
                 OR EXISTS (SELECT 1 FROM received WHERE user_key = $1)
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
    let sql = "INSERT INTO contact (user_key, handle, state, since, seen_sequence,
                 promotion, promotion_at, promotion_wording, promotion_place,
                 night, night_at, night_wording, night_place)
               VALUES ($1, $2, coalesce($3, 'active'), $4, coalesce($5, 0),
                 $6, $7, $8, $9, $10, $11, $12, $13)
               ON CONFLICT (user_key, handle) DO UPDATE SET
                 since = CASE WHEN $3 = 'active' AND state = 'left' THEN $4 ELSE since END,
                 state = coalesce($3, state),
                 seen_sequence = max(seen_sequence, coalesce($5, 0)),
                 promotion = coalesce($6, promotion),
                 promotion_at = iif($6 IS NULL, promotion_at, $7),
                 promotion_wording = iif($6 IS NULL, promotion_wording, $8),
                 promotion_place = iif($6 IS NULL, promotion_place, $9),
                 night = coalesce($10, night),
                 night_at = iif($10 IS NULL, night_at, $11),
                 night_wording = iif($10 IS NULL, night_wording, $12),
                 night_place = iif($10 IS NULL, night_place, $13)";
    let mut query = sqlx::query(sql)
        .bind(act.user.as_str())
        .bind(&act.handle)
        .bind(act.state.map(ContactState::name))
        .bind(act.at.as_millis())
        .bind(act.seen);
    for consent in [&act.promotion, &act.night] {
        let consent = consent.as_ref();
        let at = consent.and_then(|consent| consent.at);
        query = query
            .bind(consent.map(|consent| consent.granted))
            .bind(at.map(Timestamp::as_millis))
            .bind(consent.and_then(|consent| consent.wording.as_deref()))
            .bind(consent.and_then(|consent| consent.place.as_deref()));
    }
    query.execute(&mut **transaction).await?;
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
