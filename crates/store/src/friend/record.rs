//! The one way a friend changes.
//!
//! Whatever happened — an event, an import, a page, the operator — ends here, and here alone the
//! tables `reach` (what a freeze reads) and `reach_change` (what the gate of a running campaign
//! reads) are written, in the transaction of the change itself.

use domain::friend::{ConsentFact, ConsentPurpose};
use domain::id::AccountId;
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};

use super::{Friend, Reach, Standing};
use crate::row::{Bind, values};
use crate::{StoreError, Write, bulk};

/// What becomes of one user of one account.
#[derive(Debug, Clone)]
pub struct FriendChange {
    pub number: UserNumber,
    pub key: UserKey,
    pub before: Standing,
    pub after: Standing,
    /// Answers to add to the history, the ones that do not stand included.
    pub consents: Vec<(ConsentPurpose, ConsentFact)>,
    /// All tags from now on, where they were told.
    pub tags: Option<Vec<String>>,
}

const FRIEND: &str = "INSERT INTO friend (account, number, state, state_at, since, source,
    display_name, language, country, region, gender, birth_year, time_zone, updated_at)";
const FRIEND_CHANGES: &str = "ON CONFLICT (account, number) DO UPDATE SET state = excluded.state,
    state_at = excluded.state_at, since = excluded.since, source = excluded.source,
    display_name = excluded.display_name, language = excluded.language,
    country = excluded.country, region = excluded.region, gender = excluded.gender,
    birth_year = excluded.birth_year, time_zone = excluded.time_zone,
    updated_at = excluded.updated_at";
const CONSENT: &str = "INSERT INTO consent (account, number, purpose, at, granted, wording, source,
    recorded_at)";
const TAG: &str = "INSERT INTO friend_tag (account, number, tag)";
const REACH: &str = "INSERT INTO reach (account, number, flags, utc_offset_minutes,
    known_at_sequence, user_key)";
const REACH_CHANGES: &str = "ON CONFLICT (account, number) DO UPDATE SET flags = excluded.flags,
    utc_offset_minutes = excluded.utc_offset_minutes,
    known_at_sequence = CASE WHEN reach.flags % 2 = 0 AND excluded.flags % 2 = 1
        THEN excluded.known_at_sequence ELSE reach.known_at_sequence END";
const REACH_CHANGE: &str = "INSERT INTO reach_change (account, number, sequence, change, at)";

impl Write {
    /// Writes what became of these users, each at most once. Who is less reachable than before is
    /// noted for the gates; who is a friend (again) is known from this transaction on.
    pub async fn record_friends(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write_friends(account, changes).await?;
        self.write_consents(account, changes, now).await?;
        self.write_tags(account, changes).await?;
        self.write_reach(account, changes, now).await?;
        self.write_growth(account, changes).await
    }

    async fn write_friends(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
    ) -> Result<(), StoreError> {
        let rows = changes.iter().filter_map(|change| {
            let friend = change.after.friend.as_ref()?;
            let is_different = change.before.friend.as_ref() != Some(friend);
            is_different.then(|| friend_row(account, change.number, friend))
        });
        let rows: Vec<_> = rows.collect();
        bulk::insert(self.connection(), FRIEND, FRIEND_CHANGES, rows).await?;
        Ok(())
    }

    async fn write_consents(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let facts = changes.iter().flat_map(|change| {
            let number = change.number.0;
            change
                .consents
                .iter()
                .map(move |(purpose, fact)| (number, purpose, fact))
        });
        let rows = facts.map(|(number, purpose, fact)| {
            values![
                account,
                number,
                purpose.code(),
                fact.at,
                fact.granted,
                fact.wording.clone(),
                fact.source.name(),
                now,
            ]
        });
        let rows: Vec<_> = rows.collect();
        // The same answer told twice is one answer.
        bulk::insert(self.connection(), CONSENT, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }

    async fn write_tags(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
    ) -> Result<(), StoreError> {
        let told = || changes.iter().filter(|change| change.tags.is_some());
        let known = told().filter(|change| change.before != Standing::default());
        let items: Vec<_> = known.map(|change| change.number.0.bind()).collect();
        let rows = told().flat_map(|change| {
            let tags = change.tags.iter().flatten();
            tags.map(|tag| values![account, change.number.0, tag.as_str()])
        });
        let rows: Vec<_> = rows.collect();
        let delete = "DELETE FROM friend_tag WHERE account = {} AND number IN";
        bulk::execute_for(self.connection(), delete, &[account.bind()], &items).await?;
        bulk::insert(self.connection(), TAG, "ON CONFLICT DO NOTHING", rows).await?;
        Ok(())
    }

    async fn write_reach(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let moved: Vec<(&FriendChange, Reach)> = changes
            .iter()
            .filter_map(|change| Some((change, change.after.reach?)))
            .filter(|(change, reach)| change.before.reach != Some(*reach))
            .collect();
        if moved.is_empty() {
            return Ok(());
        }
        let sequence = self.sequence().await?;
        let rows = moved.iter().map(|(change, reach)| {
            values![
                account,
                change.number.0,
                reach.flags.bits(),
                reach.utc_offset_minutes,
                sequence,
                change.key.to_reach_bytes(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let lost = moved.iter().filter_map(|(change, reach)| {
            let before = change.before.reach?.flags.bits();
            let lost = before & !reach.flags.bits();
            (lost != 0).then(|| values![account, change.number.0, sequence, lost, now])
        });
        let lost: Vec<_> = lost.collect();
        bulk::insert(self.connection(), REACH, REACH_CHANGES, rows).await?;
        // A second change in the same transaction adds to what was lost.
        let again = "ON CONFLICT (account, number, sequence)
            DO UPDATE SET change = reach_change.change | excluded.change";
        bulk::insert(self.connection(), REACH_CHANGE, again, lost).await?;
        Ok(())
    }
}

fn friend_row(account: AccountId, number: UserNumber, friend: &Friend) -> [sea_orm::Value; 14] {
    values![
        account,
        number.0,
        friend.state.state.code(),
        friend.state.at,
        friend.since,
        friend.source.as_str(),
        friend.display_name.as_str(),
        friend.language.clone(),
        friend.country.clone(),
        friend.region.clone(),
        friend.gender.map(|gender| gender.name().to_owned()),
        friend.birth_year,
        friend.time_zone.clone(),
        friend.profile_at,
    ]
}
