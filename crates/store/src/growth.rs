//! How many friends an account has, and how many came and went day by day.
//!
//! A page asks this on every visit and nobody counts a million friends for it: both are small
//! tables, written in the transaction that changes a friend.

use std::collections::HashMap;

use domain::campaign::Purpose;
use domain::friend::{FriendState, ReachFlags};
use domain::id::AccountId;
use domain::time::{LocalDay, Timestamp, zone};
use sea_orm::Value;

use crate::friend::Standing;
use crate::friend::record::FriendChange;
use crate::row::{self, values};
use crate::{Store, StoreError, Write, bulk};

/// How many friends an account has, by why they can or cannot be reached. The parts add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FriendTally {
    /// Friends who agreed to promotion.
    pub reachable: u64,
    /// Of these, those who agreed to the night too.
    pub night: u64,
    /// Friends who never agreed, or took it back.
    pub without_consent: u64,
    pub blocked: u64,
    pub left: u64,
    /// By where they came from, the most frequent first.
    pub sources: Vec<SourceTally>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTally {
    pub source: String,
    /// Everybody who ever came from there.
    pub all: u64,
    /// Of these, who are friends now.
    pub active: u64,
    pub reachable: u64,
}

/// What one day brought and took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GrowthDay {
    /// Days since 1970 in the account's zone.
    pub day: i32,
    pub gained: u64,
    /// Left the friendship.
    pub lost: u64,
    pub blocked: u64,
}

/// A stretch of days, each of them there, and where its new friends came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Growth {
    pub days: Vec<GrowthDay>,
    /// By how many came, the most first.
    pub sources: Vec<(String, u64)>,
}

/// Sources told apart; what is rarer is not named.
const SOURCES_MAX: u32 = 50;

impl FriendTally {
    /// Everybody who is or was a friend.
    pub fn all(&self) -> u64 {
        self.active() + self.blocked + self.left
    }

    /// Friends now, reachable or not.
    pub fn active(&self) -> u64 {
        self.reachable + self.without_consent
    }
}

impl Growth {
    /// Gained, lost and blocked over the whole stretch.
    pub fn sums(&self) -> (u64, u64, u64) {
        let sum = |part: fn(&GrowthDay) -> u64| self.days.iter().map(part).sum();
        (sum(|d| d.gained), sum(|d| d.lost), sum(|d| d.blocked))
    }
}

impl Store {
    pub async fn friend_tally(&self, account: AccountId) -> Result<FriendTally, StoreError> {
        let sql = "SELECT source, state, flags, friends FROM friend_tally
                   WHERE account = $1 AND friends > 0";
        let mut tally = FriendTally::default();
        let mut sources: HashMap<String, SourceTally> = HashMap::new();
        for row in row::all(self.reader(), "friend_tally", sql, values![account]).await? {
            let source: String = row.get("source")?;
            let code: u8 = row.int("state")?;
            let state = FriendState::from_code(code).ok_or_else(|| row.corrupt("state", code))?;
            let bits: u8 = row.int("flags")?;
            let flags = ReachFlags::from_bits(bits).ok_or_else(|| row.corrupt("flags", bits))?;
            let friends: u64 = row.int("friends")?;
            // Somebody who was never a friend: a profile or a refusal came without a beginning.
            if source.is_empty() && state == FriendState::Left {
                continue;
            }
            let of_source = sources.entry(source.clone()).or_default();
            of_source.all += friends;
            match state {
                FriendState::Blocked => tally.blocked += friends,
                FriendState::Left => tally.left += friends,
                FriendState::Active => {
                    of_source.active += friends;
                    if flags.is_reachable(Purpose::Promotion) {
                        tally.reachable += friends;
                        of_source.reachable += friends;
                        tally.night += if flags.has_night_consent() {
                            friends
                        } else {
                            0
                        };
                    } else {
                        tally.without_consent += friends;
                    }
                }
            }
        }
        tally.sources = sources
            .into_iter()
            .map(|(source, tally)| SourceTally { source, ..tally })
            .collect();
        let order = |one: &SourceTally| (std::cmp::Reverse(one.all), one.source.clone());
        tally.sources.sort_by_key(order);
        tally.sources.truncate(SOURCES_MAX as usize);
        Ok(tally)
    }

    /// The `days` days up to today, in the account's zone.
    pub async fn growth(
        &self,
        account: AccountId,
        today: LocalDay,
        days: u32,
    ) -> Result<Growth, StoreError> {
        let last = today.number();
        let first = last - i32::try_from(days.max(1)).unwrap_or(i32::MAX) + 1;
        let bound = || values![account, i64::from(first), i64::from(last)];
        let sql = format!(
            "SELECT day, {} FROM friend_day
             WHERE account = $1 AND day BETWEEN $2 AND $3 GROUP BY day",
            row::sums(&["gained", "lost", "blocked"])
        );
        let mut by_day: HashMap<i32, GrowthDay> = HashMap::new();
        for row in row::all(self.reader(), "friend_day", &sql, bound()).await? {
            let day = row.int("day")?;
            let found = GrowthDay {
                day,
                gained: row.int("gained")?,
                lost: row.int("lost")?,
                blocked: row.int("blocked")?,
            };
            by_day.insert(day, found);
        }
        let sql = format!(
            "SELECT source, {} FROM friend_day
             WHERE account = $1 AND day BETWEEN $2 AND $3
             GROUP BY source HAVING SUM(gained) > 0 ORDER BY 2 DESC, 1 LIMIT {SOURCES_MAX}",
            row::sums(&["gained"])
        );
        let rows = row::all(self.reader(), "friend_day", &sql, bound()).await?;
        let source = |row: &row::Row| Ok::<_, StoreError>((row.get("source")?, row.int("gained")?));
        Ok(Growth {
            days: (first..=last)
                .map(|day| {
                    by_day.get(&day).copied().unwrap_or(GrowthDay {
                        day,
                        ..GrowthDay::default()
                    })
                })
                .collect(),
            sources: rows.iter().map(source).collect::<Result<_, _>>()?,
        })
    }
}

/// What a tally counts together.
type TallyKey = (String, u8, u8);
/// Gained, lost, blocked.
type Moves = [i64; 3];

impl Write {
    /// Adds what changed to the tally and to the days on which it happened.
    pub(crate) async fn write_growth(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
    ) -> Result<(), StoreError> {
        let mut tally: HashMap<TallyKey, i64> = HashMap::new();
        for change in changes {
            let (before, after) = (tally_key(&change.before), tally_key(&change.after));
            if before != after {
                if let Some(key) = before {
                    *tally.entry(key).or_default() -= 1;
                }
                if let Some(key) = after {
                    *tally.entry(key).or_default() += 1;
                }
            }
        }
        let rows: Vec<[Value; 5]> = tally
            .into_iter()
            .filter(|(_, friends)| *friends != 0)
            .map(|((source, state, flags), friends)| {
                values![account, source, state, flags, friends]
            })
            .collect();
        let head = "INSERT INTO friend_tally (account, source, state, flags, friends)";
        let tail = "ON CONFLICT (account, source, state, flags)
            DO UPDATE SET friends = friend_tally.friends + excluded.friends";
        bulk::insert(self.connection(), head, tail, rows).await?;
        // A day may have brought and taken as many: the tally stands still and the day does not.
        self.write_days(account, changes).await
    }

    async fn write_days(
        &mut self,
        account: AccountId,
        changes: &[FriendChange],
    ) -> Result<(), StoreError> {
        let moves: Vec<(Timestamp, &str, usize)> = changes.iter().flat_map(moves).collect();
        if moves.is_empty() {
            return Ok(());
        }
        let sql = "SELECT time_zone FROM account WHERE id = $1";
        let row = row::one(self.connection(), "account", sql, values![account]).await?;
        let name: Option<String> = row.as_ref().map(|row| row.get("time_zone")).transpose()?;
        let zone = zone(name.as_deref().unwrap_or("UTC"));
        let zone = zone.map_err(|error| StoreError::Corrupt {
            table: "account",
            column: "time_zone",
            why: error.to_string(),
        })?;
        let mut days: HashMap<(i32, &str), Moves> = HashMap::new();
        for (at, source, kind) in moves {
            let day = LocalDay::of(at, &zone).number();
            days.entry((day, source)).or_default()[kind] += 1;
        }
        let rows: Vec<[Value; 6]> = days
            .into_iter()
            .map(|((day, source), [gained, lost, blocked])| {
                values![account, i64::from(day), source, gained, lost, blocked]
            })
            .collect();
        let head = "INSERT INTO friend_day (account, day, source, gained, lost, blocked)";
        let tail = "ON CONFLICT (account, day, source) DO UPDATE SET
            gained = friend_day.gained + excluded.gained, lost = friend_day.lost + excluded.lost,
            blocked = friend_day.blocked + excluded.blocked";
        bulk::insert(self.connection(), head, tail, rows).await?;
        Ok(())
    }
}

fn tally_key(standing: &Standing) -> Option<TallyKey> {
    let friend = standing.friend.as_ref()?;
    let (state, flags) = (friend.state.state.code(), standing.flags().bits());
    Some((friend.source.clone(), state, flags))
}

/// What a change means for the days: when, from where, and which of the three it is.
fn moves(change: &FriendChange) -> impl Iterator<Item = (Timestamp, &str, usize)> {
    const GAINED: usize = 0;
    const LOST: usize = 1;
    const BLOCKED: usize = 2;
    let after = change.after.friend.as_ref();
    let before = change.before.friend.as_ref();
    let began =
        |friend: Option<&crate::friend::Friend>| friend.is_some_and(|f| !f.source.is_empty());
    let state = |friend: Option<&crate::friend::Friend>| friend.map(|friend| friend.state.state);
    let is_active = state(after) == Some(FriendState::Active);
    let came_back = is_active && state(before) != Some(FriendState::Active);
    let gained = began(after) && (!began(before) || came_back);
    let gone = match state(after) {
        Some(FriendState::Left) => Some(LOST),
        Some(FriendState::Blocked) => Some(BLOCKED),
        _ => None,
    };
    let gone = gone.filter(|_| began(after) && (!began(before) || state(before) != state(after)));
    let gain = after
        .filter(|_| gained)
        .map(|friend| (friend.since, &*friend.source, GAINED));
    let loss = after
        .zip(gone)
        .map(|(friend, kind)| (friend.state.at, &*friend.source, kind));
    gain.into_iter().chain(loss)
}

#[cfg(test)]
mod tests;
