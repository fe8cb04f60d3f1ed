//! An account's friends by their attributes, counted.

use domain::friend::{FriendState, Gender};
use domain::id::AccountId;
use domain::time::Timestamp;

use crate::row::{self, values};
use crate::{Snapshot, StoreError};

/// Regions that are told apart; whoever is in a rarer one is counted with those of none.
const REGIONS_MAX: u32 = 1_000;

/// How many friends there are, by what is known of them. Each list has all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Demographics {
    pub friends: u64,
    pub genders: Vec<(Gender, u64)>,
    /// `None` for those whose year is not known.
    pub birth_years: Vec<(Option<u16>, u64)>,
    /// The most frequent first; `None` for those of no known region, at the end.
    pub regions: Vec<(Option<String>, u64)>,
    /// How many became friends at or after each of the moments that were asked for.
    pub since: Vec<u64>,
}

impl Snapshot {
    /// Counts whoever is a friend; `since` rises or falls as one likes.
    pub async fn demographics(
        &self,
        account: AccountId,
        since: &[Timestamp],
    ) -> Result<Demographics, StoreError> {
        let genders = self.genders(account).await?;
        Ok(Demographics {
            friends: genders.iter().map(|(_, friends)| friends).sum(),
            birth_years: self.birth_years(account).await?,
            regions: self.regions(account).await?,
            since: self.since(account, since).await?,
            genders,
        })
    }

    async fn genders(&self, account: AccountId) -> Result<Vec<(Gender, u64)>, StoreError> {
        let sql = "SELECT gender, COUNT(*) AS friends FROM friend
                   WHERE account = $1 AND state = $2 GROUP BY gender ORDER BY gender";
        let bound = values![account, FriendState::Active.code()];
        let mut genders = Vec::new();
        for row in row::all(self.connection(), "friend", sql, bound).await? {
            let name: Option<String> = row.get("gender")?;
            let gender = match &name {
                None => Gender::Unknown,
                Some(name) => Gender::from_name(name).ok_or_else(|| row.corrupt("gender", name))?,
            };
            genders.push((gender, row.int("friends")?));
        }
        Ok(genders)
    }

    async fn birth_years(&self, account: AccountId) -> Result<Vec<(Option<u16>, u64)>, StoreError> {
        let sql = "SELECT birth_year, COUNT(*) AS friends FROM friend
                   WHERE account = $1 AND state = $2 GROUP BY birth_year ORDER BY birth_year";
        let bound = values![account, FriendState::Active.code()];
        let rows = row::all(self.connection(), "friend", sql, bound).await?;
        let read = |row: &row::Row| Ok((row.optional_int("birth_year")?, row.int("friends")?));
        rows.iter().map(read).collect()
    }

    async fn regions(&self, account: AccountId) -> Result<Vec<(Option<String>, u64)>, StoreError> {
        let sql = "SELECT region, COUNT(*) AS friends FROM friend
                   WHERE account = $1 AND state = $2 AND region IS NOT NULL
                   GROUP BY region ORDER BY friends DESC, region LIMIT $3";
        let bound = values![account, FriendState::Active.code(), REGIONS_MAX];
        let rows = row::all(self.connection(), "friend", sql, bound).await?;
        let mut regions = Vec::with_capacity(rows.len() + 1);
        let mut named = 0;
        for row in &rows {
            let friends: u64 = row.int("friends")?;
            regions.push((row.get("region")?, friends));
            named += friends;
        }
        let sql = "SELECT COUNT(*) AS friends FROM friend WHERE account = $1 AND state = $2";
        let bound = values![account, FriendState::Active.code()];
        let row = row::one(self.connection(), "friend", sql, bound).await?;
        let friends: u64 = row.map_or(Ok(0), |row| row.int("friends"))?;
        if friends > named {
            regions.push((None, friends - named));
        }
        Ok(regions)
    }

    async fn since(
        &self,
        account: AccountId,
        moments: &[Timestamp],
    ) -> Result<Vec<u64>, StoreError> {
        let mut counts = Vec::with_capacity(moments.len());
        for moment in moments {
            let sql = "SELECT COUNT(*) AS friends FROM friend
                       WHERE account = $1 AND state = $2 AND since >= $3";
            let bound = values![account, FriendState::Active.code(), *moment];
            let row = row::one(self.connection(), "friend", sql, bound).await?;
            counts.push(row.map_or(Ok(0), |row| row.int("friends"))?);
        }
        Ok(counts)
    }
}
