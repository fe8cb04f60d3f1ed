//! Campaigns there was not enough money for: those that wait, and those that were sent to fewer.

use domain::audience::{AudienceLimit, LimitMethod};
use domain::id::{BusinessId, CampaignId};
use domain::money::Money;
use domain::shortage::ShortOf;
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::ledger::currency_of;
use crate::row::{self, values};
use crate::{Snapshot, Store, StoreError, Write};

/// A launch that was granted fewer than it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialLaunch {
    pub asked: u64,
    pub granted: u64,
    /// How those were chosen.
    pub method: LimitMethod,
    pub short_of: ShortOf,
}

/// Since when a campaign waits, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub since: Timestamp,
    pub needed: Money,
    /// The most that whoever sent it agreed to, where they said.
    pub highest: Option<Money>,
}

impl PartialLaunch {
    /// Whom it was granted for, as an audience says it.
    pub fn limit(&self) -> AudienceLimit {
        AudienceLimit {
            // An account has fewer friends than a u32 holds.
            count: u32::try_from(self.granted).unwrap_or(u32::MAX),
            method: self.method,
        }
    }
}

impl Store {
    /// `None` for a campaign that was granted what it asked for.
    pub async fn partial_launch(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<PartialLaunch>, StoreError> {
        read(self.reader(), campaign).await
    }

    /// `None` for a campaign that never waited.
    pub async fn waiting(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<Option<Waiting>, StoreError> {
        read_waiting(self.reader(), business, campaign).await
    }
}

impl Snapshot {
    /// `None` for a campaign that was granted what it asked for.
    pub async fn partial_launch(
        &self,
        campaign: CampaignId,
    ) -> Result<Option<PartialLaunch>, StoreError> {
        read(self.connection(), campaign).await
    }
}

impl Write {
    /// `None` for a campaign that never waited.
    pub async fn waiting(
        &mut self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<Option<Waiting>, StoreError> {
        read_waiting(self.connection(), business, campaign).await
    }

    pub async fn insert_partial_launch(
        &mut self,
        campaign: CampaignId,
        partial: &PartialLaunch,
    ) -> Result<(), StoreError> {
        let (method, seed) = match partial.method {
            LimitMethod::UserNumber => (1_u8, None),
            LimitMethod::Random { seed } => (2, Some(seed)),
        };
        let sql = "INSERT INTO partial_launch (campaign, asked, granted, method, seed, short_of)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let bound = values![
            campaign,
            partial.asked,
            partial.granted,
            method,
            seed,
            partial.short_of.code(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Notes what a campaign waits for.
    pub async fn set_waiting(
        &mut self,
        campaign: CampaignId,
        waiting: &Waiting,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE campaign SET waits_since = $2, waits_for = $3, highest_amount = $4
                   WHERE id = $1";
        let highest = waiting.highest.map(Money::micro);
        let bound = values![campaign, waiting.since, waiting.needed.micro(), highest];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }
}

async fn read(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Option<PartialLaunch>, StoreError> {
    let sql = "SELECT asked, granted, method, seed, short_of FROM partial_launch
               WHERE campaign = $1";
    let row = row::one(connection, "partial_launch", sql, values![campaign]).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let method = match (row.int::<u8>("method")?, row.optional_int("seed")?) {
        (1, None) => LimitMethod::UserNumber,
        (2, Some(seed)) => LimitMethod::Random { seed },
        (other, _) => return Err(row.corrupt("method", other)),
    };
    let short_of: u8 = row.int("short_of")?;
    Ok(Some(PartialLaunch {
        asked: row.int("asked")?,
        granted: row.int("granted")?,
        method,
        short_of: ShortOf::from_code(short_of).ok_or_else(|| row.corrupt("short_of", short_of))?,
    }))
}

async fn read_waiting(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<Option<Waiting>, StoreError> {
    let sql = "SELECT waits_since, waits_for, highest_amount FROM campaign
               WHERE id = $1 AND business = $2 AND waits_since IS NOT NULL
                 AND waits_for IS NOT NULL";
    let row = row::one(connection, "campaign", sql, values![campaign, business]).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let currency = currency_of(connection, business).await?;
    let highest: Option<i64> = row.get("highest_amount")?;
    Ok(Some(Waiting {
        since: row.time("waits_since")?,
        needed: Money::from_micro(row.get("waits_for")?, currency),
        highest: highest.map(|micro| Money::from_micro(micro, currency)),
    }))
}
