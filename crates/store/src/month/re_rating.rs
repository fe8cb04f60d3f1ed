//! A month whose sends are all priced at the band it reached: what campaigns were captured for more
//! comes back. Captures stay as they are; what comes back stands beside them.

use std::collections::BTreeMap;

use domain::funds::{Funds, LotPart};
use domain::id::{BusinessId, CampaignId, IdSource, LotId};
use domain::ledger::{IdempotencyKey, Posting};
use domain::money::{Currency, Money};
use domain::price::Tariff;
use domain::time::{LaunchMonth, Timestamp};
use sea_orm::ConnectionTrait;

use super::{CAPTURES_OF_MONTH, bound};
use crate::ledger::{self, currency_of, invariant};
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError, Write, price, promotional, wallet};

/// What one campaign's sends of a tariff cost less in a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReRating {
    pub campaign: CampaignId,
    pub tariff: Tariff,
    pub units: u64,
    /// Of the band that the month reached.
    pub unit_price: Money,
    pub captured: Money,
    pub back: Money,
}

/// What a month's re-rating gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReRated {
    pub total: Money,
    /// Of that, what went back to promotional lots.
    pub promotional: Money,
}

impl Snapshot {
    /// What came back of a campaign's captures, in micro-units.
    pub async fn re_rated_micro(&self, campaign: CampaignId) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT {} AS back FROM re_rating WHERE campaign = $1",
            row::sum("back")
        );
        let row = row::one(self.connection(), "re_rating", &sql, values![campaign]).await?;
        row.map_or(Ok(0), |row| row.get("back"))
    }

    /// What came back of a month's captures, in micro-units.
    pub async fn re_rated_of_month(
        &self,
        business: BusinessId,
        month: LaunchMonth,
    ) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT {} AS back FROM re_rating WHERE business = $1 AND month = $2",
            row::sum("back")
        );
        let bound = values![business, month.number()];
        let row = row::one(self.connection(), "re_rating", &sql, bound).await?;
        row.map_or(Ok(0), |row| row.get("back"))
    }
}

impl Write {
    /// Prices a month at the band it reached, once per campaign and tariff, and gives back what was
    /// captured for more.
    pub async fn re_rate(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<ReRated, StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        let ratings = self.re_ratings(business, month, begins, currency).await?;
        let mut of_campaigns: BTreeMap<CampaignId, Money> = BTreeMap::new();
        for rating in &ratings {
            let sum = of_campaigns
                .entry(rating.campaign)
                .or_insert_with(|| Money::zero(currency));
            *sum = sum.checked_add(rating.back).map_err(invariant)?;
        }
        let mut back = Vec::with_capacity(of_campaigns.len());
        let mut expired = Vec::new();
        for (campaign, amount) in of_campaigns {
            let funds = self.take_back(campaign, amount, now, &mut expired).await?;
            back.push((campaign, funds));
        }
        let nothing = Money::zero(currency);
        if back.is_empty() {
            return Ok(ReRated {
                total: nothing,
                promotional: nothing,
            });
        }
        self.book_re_rating(business, month, &ratings, (&back, &expired), now, ids)
            .await
    }

    /// Per campaign and tariff that is priced by the unit: what its sends cost at the band reached.
    async fn re_ratings(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
        currency: Currency,
    ) -> Result<Vec<ReRating>, StoreError> {
        let books = price::read(self.connection(), currency).await?;
        let sql = format!(
            "SELECT k.id AS campaign, c.tariff AS tariff, k.price_version AS price_version,
               {} AS units, {} AS captured,
               (SELECT COALESCE(MAX(b.units), 0) FROM band_use b WHERE b.business = $1
                  AND b.month = $2 AND b.tariff = c.tariff) AS reached
             FROM {CAPTURES_OF_MONTH} AND p.amount > 0
             GROUP BY k.id, c.tariff, k.price_version ORDER BY k.id, c.tariff",
            row::sum("p.units"),
            row::sum("p.amount"),
        );
        let of_month = bound(business, month, begins);
        let rows = row::all(self.connection(), "capture", &sql, of_month).await?;
        let mut ratings = Vec::new();
        for row in &rows {
            let (code, version): (u8, u32) = (row.int("tariff")?, row.int("price_version")?);
            let tariff = Tariff::from_code(code).ok_or_else(|| row.corrupt("tariff", code))?;
            let book = books.iter().find(|book| book.version() == version);
            let book = book.ok_or_else(|| row.corrupt("price_version", version))?;
            let (units, reached): (u64, u64) = (row.int("units")?, row.int("reached")?);
            let unit_price = book.bands(tariff).reached(reached);
            let captured = Money::from_micro(row.get("captured")?, currency);
            let now = unit_price.times(units).map_err(invariant)?;
            let back = captured.checked_sub(now).map_err(invariant)?;
            if back.is_negative() {
                return Err(invariant(format!(
                    "a book's price of {tariff} rises with the volume: {captured} were captured, \
                     {now} would be"
                )));
            }
            if !back.is_zero() {
                ratings.push(ReRating {
                    campaign: row.id("campaign")?,
                    tariff,
                    units,
                    unit_price,
                    captured,
                    back,
                });
            }
        }
        Ok(ratings)
    }

    /// Moves what a campaign was captured for too much from captured to released, cash first, then
    /// the lots from the last one on.
    async fn take_back(
        &mut self,
        campaign: CampaignId,
        amount: Money,
        now: Timestamp,
        expired: &mut Vec<LotId>,
    ) -> Result<Funds, StoreError> {
        let lots = captured_lots(self.connection(), campaign, amount.currency()).await?;
        let sql = "UPDATE hold SET captured = captured - $2, released = released + $2
                   WHERE campaign = $1 AND captured >= $2 RETURNING captured";
        let bound = values![campaign, amount.micro()];
        let hold = row::one(self.connection(), "hold", sql, bound).await?;
        let hold = hold.ok_or_else(|| {
            invariant(format!(
                "{campaign} captured less than the {amount} to give back"
            ))
        })?;
        let captured = hold.get::<i64>("captured")? + amount.micro();
        let in_lots: i64 = lots.iter().map(|part| part.amount.micro()).sum();
        let cash = Money::from_micro(captured - in_lots, amount.currency());
        let funds = Funds::give_back(&lots, cash, amount).map_err(invariant)?;
        for (lot, given) in funds.lots() {
            let sql = "UPDATE hold_lot SET captured = captured - $3
                       WHERE campaign = $1 AND lot = $2 AND captured >= $3";
            let bound = values![campaign, *lot, given.micro()];
            let changed = row::execute(self.connection(), sql, bound).await?;
            wallet::expect_one(changed, "the spent credit of a re-rating")?;
        }
        expired.extend(promotional::give_back(self, campaign, &funds, now).await?);
        Ok(funds)
    }

    async fn book_re_rating(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        ratings: &[ReRating],
        (back, expired): (&[(CampaignId, Funds)], &[LotId]),
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<ReRated, StoreError> {
        let owed = self.wallet(business).await?.owed;
        let is_expired = |lot| expired.contains(&lot);
        let posting = Posting::re_rating(back, is_expired, owed).map_err(invariant)?;
        let (mut promotional, mut lost, mut cash) = (0, 0, 0);
        for (_, funds) in back {
            cash += funds.in_cash().micro();
            for (lot, amount) in funds.lots() {
                promotional += amount.micro();
                lost += if is_expired(*lot) { amount.micro() } else { 0 };
            }
        }
        let total = cash + promotional;
        let paid = cash.min(owed.micro());
        let sql = "UPDATE wallet SET available = available + $2, owed = owed - $3
                   WHERE business = $1 AND owed >= $3";
        let bound = values![business, total - lost - paid, paid];
        let changed = row::execute(self.connection(), sql, bound).await?;
        wallet::expect_one(changed, "the wallet of a re-rating")?;
        let key = IdempotencyKey::re_rating(business, month);
        let id = ledger::append(self, ids.next(), business, &posting, &key, now).await?;
        for rating in ratings {
            let sql = "INSERT INTO re_rating (business, month, campaign, tariff, units, unit_price,
                         captured, back, ledger_transaction)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
            let bound = values![
                business,
                month.number(),
                rating.campaign,
                rating.tariff.code(),
                rating.units,
                rating.unit_price.micro(),
                rating.captured.micro(),
                rating.back.micro(),
                id,
            ];
            row::execute(self.connection(), sql, bound).await?;
        }
        let currency = owed.currency();
        Ok(ReRated {
            total: Money::from_micro(total, currency),
            promotional: Money::from_micro(promotional, currency),
        })
    }
}

/// What a campaign's captures spent of promotional lots.
async fn captured_lots(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    currency: Currency,
) -> Result<Vec<LotPart>, StoreError> {
    let sql = "SELECT lot, expires_at, captured FROM hold_lot
               WHERE campaign = $1 AND captured > 0 ORDER BY expires_at, lot";
    let rows = row::all(connection, "hold_lot", sql, values![campaign]).await?;
    let read = |row: &Row| {
        Ok(LotPart {
            lot: row.id("lot")?,
            expires_at: row.time("expires_at")?,
            amount: Money::from_micro(row.get("captured")?, currency),
        })
    };
    rows.iter().map(read).collect()
}
