//! The one way in for everything that changes a friend.
//!
//! Events, imports and the shell hand facts to [`apply`] inside a transaction of theirs; it lays
//! them upon what is known and records what becomes of it, for the freeze and for the gates.

use std::collections::HashMap;

use domain::id::{AccountId, IdSource};
use domain::time::{Timestamp, utc_offset_minutes, zone};
use domain::user::{UserKey, UserNumber};
use store::directory::Account;
use store::friend::Standing;
use store::friend::record::FriendChange;
use store::{Numbered, Write};

use crate::Error;
use crate::fold::{Fold, FriendFact};

/// The account whose friends change: facts without a zone of their own go by the account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FriendsOf {
    pub account: AccountId,
    utc_offset_minutes: i16,
}

impl FriendsOf {
    pub fn account(account: &Account, now: Timestamp) -> Result<Self, Error> {
        let zone = zone(&account.time_zone).map_err(|why| Error::refused("time zone", why))?;
        let minutes = utc_offset_minutes(&zone, now);
        Ok(Self {
            account: account.id,
            utc_offset_minutes: i16::try_from(minutes).unwrap_or_default(),
        })
    }
}

/// Applies facts about friends of one account: in any order, any number of times, the same end.
pub async fn apply(
    write: &mut Write,
    ids: &dyn IdSource,
    friends: FriendsOf,
    facts: Vec<FriendFact>,
    now: Timestamp,
) -> Result<(), Error> {
    let keys: Vec<&UserKey> = facts.iter().map(|fact| &fact.user).collect();
    let numbers = write.number_users(ids, &keys).await?;
    apply_numbered(write, friends, facts, &numbers, now).await
}

/// The same for a caller that has numbered the users in this transaction.
pub async fn apply_numbered(
    write: &mut Write,
    friends: FriendsOf,
    facts: Vec<FriendFact>,
    numbers: &HashMap<UserKey, Numbered>,
    now: Timestamp,
) -> Result<(), Error> {
    let known: Vec<UserNumber> = numbers
        .values()
        .filter(|user| !user.is_new)
        .map(|user| user.number)
        .collect();
    let mut before = write.standings(friends.account, &known).await?;
    let changes = laid(friends, facts, numbers, &mut before, now);
    write.record_friends(friends.account, &changes, now).await?;
    Ok(())
}

fn laid(
    friends: FriendsOf,
    facts: Vec<FriendFact>,
    numbers: &HashMap<UserKey, Numbered>,
    before: &mut HashMap<UserNumber, Standing>,
    now: Timestamp,
) -> Vec<FriendChange> {
    let mut order: Vec<UserKey> = Vec::with_capacity(numbers.len());
    let mut folds: HashMap<UserNumber, Fold> = HashMap::with_capacity(numbers.len());
    for FriendFact { user, at, fact } in facts {
        let Some(numbered) = numbers.get(&user) else {
            continue;
        };
        let fold = folds.entry(numbered.number).or_insert_with(|| {
            order.push(user);
            Fold::of(before.get(&numbered.number).cloned().unwrap_or_default())
        });
        fold.lay(at, fact);
    }
    // In the order of numbers, because the tables are.
    order.sort_unstable_by_key(|key| numbers[key].number);
    let changes = order.into_iter().filter_map(|key| {
        let number = numbers[&key].number;
        let fold = folds
            .remove(&number)?
            .finish(friends.utc_offset_minutes, now);
        Some(FriendChange {
            number,
            key,
            before: before.remove(&number).unwrap_or_default(),
            after: fold.standing,
            consents: fold.consents,
            tags: fold.tags,
        })
    });
    changes.collect()
}

#[cfg(test)]
mod tests;
