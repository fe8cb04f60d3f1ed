//! Friends as they stand: read whole for a decision, counted, looked at.
//!
//! Writing is in [`record`]: one function through which every change of a friend passes.

pub mod record; // the one way a friend changes, with reach and reach_change
pub mod history; // what one friend was sent, and what they wrote back

use std::collections::HashMap;
use std::ops::RangeInclusive;

use domain::friend::{ConsentFact, ConsentPurpose, ConsentSource, FriendState, Gender, ReachFlags};
use domain::friend::{StateFact, supersedes};
use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::UserNumber;
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Bind, Row, values};
use crate::{Store, StoreError, Write, bulk};

/// The relation of an account and a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Friend {
    pub state: StateFact,
    /// When the friendship began, the last time it did.
    pub since: Timestamp,
    /// How it began; empty where nothing but a refusal or a profile was ever heard.
    pub source: String,
    pub display_name: String,
    pub language: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    /// `None` where it is not known.
    pub gender: Option<Gender>,
    pub birth_year: Option<u16>,
    pub time_zone: Option<String>,
    /// Of the last profile that was told.
    pub profile_at: Timestamp,
}

/// What a freeze would read of a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    pub flags: ReachFlags,
    pub utc_offset_minutes: i16,
}

/// Everything a decision about one user of one account needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// `None` where the user was never heard of as a friend: a consent may come first.
    pub friend: Option<Friend>,
    pub promotion: Option<ConsentFact>,
    pub night: Option<ConsentFact>,
    pub reach: Option<Reach>,
}

/// Somebody became less reachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReachChange {
    pub number: UserNumber,
    /// Of the transaction that wrote it.
    pub sequence: i64,
    /// What they had and have no more.
    pub lost: ReachFlags,
    pub at: Timestamp,
}

const FRIEND: &str = "SELECT number, state, state_at, since, source, display_name, language,
    country, region, gender, birth_year, time_zone, updated_at
    FROM friend WHERE account = {} AND number IN";
const CONSENT: &str = "SELECT number, purpose, at, granted, wording, source
    FROM consent WHERE account = {} AND number IN";
const REACH: &str = "SELECT number, flags, utc_offset_minutes
    FROM reach WHERE account = {} AND number IN";

impl Write {
    /// What is known of these users, inside this transaction; nobody is missing from the answer.
    pub async fn standings(
        &self,
        account: AccountId,
        numbers: &[UserNumber],
    ) -> Result<HashMap<UserNumber, Standing>, StoreError> {
        standings(self.connection(), account, numbers).await
    }

    pub async fn tags(
        &self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<Vec<String>, StoreError> {
        tags(self.connection(), account, number).await
    }
}

impl Store {
    /// What is known of these users now; nobody is missing from the answer.
    pub async fn standings(
        &self,
        account: AccountId,
        numbers: &[UserNumber],
    ) -> Result<HashMap<UserNumber, Standing>, StoreError> {
        standings(self.reader(), account, numbers).await
    }

    /// Who became less reachable in this transaction or later, in the order of user numbers.
    /// Display names of those of `numbers` who are friends of the account, in the order of their
    /// numbers.
    pub async fn display_names(
        &self,
        account: AccountId,
        numbers: RangeInclusive<UserNumber>,
    ) -> Result<Vec<(UserNumber, String)>, StoreError> {
        let sql = "SELECT number, display_name FROM friend
                   WHERE account = $1 AND number BETWEEN $2 AND $3 ORDER BY number";
        let bound = values![account, numbers.start().0, numbers.end().0];
        let rows = row::all(self.reader(), "friend", sql, bound).await?;
        rows.iter()
            .map(|row| Ok((UserNumber(row.int("number")?), row.get("display_name")?)))
            .collect()
    }

    pub async fn reach_changes(
        &self,
        account: AccountId,
        from_sequence: i64,
    ) -> Result<Vec<ReachChange>, StoreError> {
        let sql = "SELECT number, sequence, change AS flags, at FROM reach_change
                   WHERE account = $1 AND sequence >= $2 ORDER BY number, sequence";
        let values = values![account, from_sequence];
        let rows = row::all(self.reader(), "reach_change", sql, values).await?;
        let change = |row: &Row| {
            Ok(ReachChange {
                number: number(row)?,
                sequence: row.get("sequence")?,
                lost: reach_flags(row)?,
                at: row.time("at")?,
            })
        };
        rows.iter().map(change).collect()
    }

    /// The transaction that made this user a friend, the last time one did.
    pub async fn known_at_sequence(
        &self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT known_at_sequence FROM reach WHERE account = $1 AND number = $2";
        let row = row::one(self.reader(), "reach", sql, values![account, number.0]).await?;
        row.map(|row| row.get("known_at_sequence")).transpose()
    }

    pub async fn tags(
        &self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<Vec<String>, StoreError> {
        tags(self.reader(), account, number).await
    }

    /// Every consent and refusal ever recorded, oldest first.
    pub async fn consent_history(
        &self,
        account: AccountId,
        number: UserNumber,
    ) -> Result<Vec<(ConsentPurpose, ConsentFact)>, StoreError> {
        let sql = "SELECT number, purpose, at, granted, wording, source FROM consent
                   WHERE account = $1 AND number = $2 ORDER BY at, purpose, granted";
        let rows = row::all(self.reader(), "consent", sql, values![account, number.0]).await?;
        rows.iter().map(consent).collect()
    }
}

async fn tags(
    connection: &impl ConnectionTrait,
    account: AccountId,
    number: UserNumber,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT tag FROM friend_tag WHERE account = $1 AND number = $2 ORDER BY tag";
    let rows = row::all(connection, "friend_tag", sql, values![account, number.0]).await?;
    rows.iter().map(|row| row.get("tag")).collect()
}

async fn standings(
    connection: &impl ConnectionTrait,
    account: AccountId,
    numbers: &[UserNumber],
) -> Result<HashMap<UserNumber, Standing>, StoreError> {
    let mut standings: HashMap<UserNumber, Standing> = numbers
        .iter()
        .map(|number| (*number, Standing::default()))
        .collect();
    let items: Vec<Value> = standings.keys().map(|number| number.0.bind()).collect();
    let first = [account.bind()];
    for row in bulk::look_up(connection, "friend", [FRIEND, ""], &first, &items).await? {
        standings.entry(number(&row)?).or_default().friend = Some(friend(&row)?);
    }
    for row in bulk::look_up(connection, "consent", [CONSENT, ""], &first, &items).await? {
        let (purpose, fact) = consent(&row)?;
        let slot = standings
            .entry(number(&row)?)
            .or_default()
            .consent_mut(purpose);
        if slot
            .as_ref()
            .is_none_or(|current| supersedes(&fact, current))
        {
            *slot = Some(fact);
        }
    }
    for row in bulk::look_up(connection, "reach", [REACH, ""], &first, &items).await? {
        standings.entry(number(&row)?).or_default().reach = Some(Reach {
            flags: reach_flags(&row)?,
            utc_offset_minutes: row.int("utc_offset_minutes")?,
        });
    }
    Ok(standings)
}

impl Standing {
    pub fn consent(&self, purpose: ConsentPurpose) -> Option<&ConsentFact> {
        match purpose {
            ConsentPurpose::Promotion => self.promotion.as_ref(),
            ConsentPurpose::Night => self.night.as_ref(),
        }
    }

    pub fn consent_mut(&mut self, purpose: ConsentPurpose) -> &mut Option<ConsentFact> {
        match purpose {
            ConsentPurpose::Promotion => &mut self.promotion,
            ConsentPurpose::Night => &mut self.night,
        }
    }

    pub fn flags(&self) -> ReachFlags {
        let granted = |consent: &Option<ConsentFact>| consent.as_ref().is_some_and(|c| c.granted);
        let state = self
            .friend
            .as_ref()
            .map_or(FriendState::Left, |friend| friend.state.state);
        ReachFlags::of(state, granted(&self.promotion), granted(&self.night))
    }
}

fn number(row: &Row) -> Result<UserNumber, StoreError> {
    Ok(UserNumber(row.int("number")?))
}

fn reach_flags(row: &Row) -> Result<ReachFlags, StoreError> {
    let bits: u8 = row.int("flags")?;
    ReachFlags::from_bits(bits).ok_or_else(|| row.corrupt("flags", bits))
}

fn friend(row: &Row) -> Result<Friend, StoreError> {
    let code: u8 = row.int("state")?;
    let state = FriendState::from_code(code).ok_or_else(|| row.corrupt("state", code))?;
    let gender: Option<String> = row.get("gender")?;
    let gender = gender
        .map(|name| Gender::from_name(&name).ok_or_else(|| row.corrupt("gender", &name)))
        .transpose()?;
    Ok(Friend {
        state: StateFact {
            state,
            at: row.time("state_at")?,
        },
        since: row.time("since")?,
        source: row.get("source")?,
        display_name: row.get("display_name")?,
        language: row.get("language")?,
        country: row.get("country")?,
        region: row.get("region")?,
        gender,
        birth_year: row.optional_int("birth_year")?,
        time_zone: row.get("time_zone")?,
        profile_at: row.time("updated_at")?,
    })
}

fn consent(row: &Row) -> Result<(ConsentPurpose, ConsentFact), StoreError> {
    let code: u8 = row.int("purpose")?;
    let purpose = ConsentPurpose::from_code(code).ok_or_else(|| row.corrupt("purpose", code))?;
    let name: String = row.get("source")?;
    let source = ConsentSource::ALL
        .into_iter()
        .find(|source| source.name() == name);
    let fact = ConsentFact {
        granted: row.get::<i64>("granted")? != 0,
        at: row.time("at")?,
        wording: row.get("wording")?,
        source: source.ok_or_else(|| row.corrupt("source", &name))?,
    };
    Ok((purpose, fact))
}
