//! What was earned, by account, tariff and day: the books' revenue, folded by whoever leads up to a
//! sequence of each business, so that a page adds up days and not years of entries. A projection:
//! emptied, it would be folded again.

use std::collections::BTreeMap;

use domain::id::{AccountId, BusinessId, CampaignId, LedgerTransactionId};
use domain::ledger::LedgerAccount;
use domain::money::Currency;
use domain::time::Timestamp;

use crate::ledger::{currency, currency_of};
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError, Write};

/// A business with transactions that are not folded yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfolded {
    pub business: BusinessId,
    /// The last sequence that is folded, and the last there is.
    pub after: u64,
    pub last: u64,
}

/// What one transaction earned from one campaign, or from none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Earned {
    pub transaction: LedgerTransactionId,
    pub booked_at: Timestamp,
    pub campaign: Option<CampaignId>,
    pub amount_micro: i64,
}

/// What a campaign's revenue is counted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarningCampaign {
    pub campaign: CampaignId,
    pub account: AccountId,
    /// IANA name of the account's zone: its days are counted there.
    pub time_zone: String,
    /// Of the launch; where captures say another, they count.
    pub tariff: u8,
    month: i64,
}

/// Sends that one transaction captured of a campaign, by tariff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedUnits {
    pub transaction: LedgerTransactionId,
    pub tariff: u8,
    pub units: u64,
    pub amount_micro: i64,
}

/// Where a sum belongs: a day of an account, and a tariff; no account and tariff 0 where it is of
/// no campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevenueKey {
    pub day: i32,
    pub account: Option<AccountId>,
    pub tariff: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RevenueSum {
    pub units: u64,
    pub amount_micro: i64,
}

/// The days from one to another, both counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub first: i32,
    pub last: i32,
}

/// One day's sum of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevenueDay {
    pub day: i32,
    pub currency: Currency,
    pub sum: RevenueSum,
}

/// What an account earned in some days under one tariff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRevenue {
    pub business: BusinessId,
    pub business_name: String,
    pub currency: Currency,
    pub account: Option<AccountId>,
    pub handle: Option<String>,
    pub tariff: u8,
    pub sum: RevenueSum,
}

/// What stands for no account.
const NO_ACCOUNT: AccountId = AccountId::from_bytes([0; 16]);
const REVENUE: u8 = LedgerAccount::Revenue.code();

impl Snapshot {
    /// Every business that has transactions behind what is folded.
    pub async fn unfolded(&self) -> Result<Vec<Unfolded>, StoreError> {
        let sql = "SELECT business, after, last FROM (
                     SELECT b.id AS business, COALESCE(m.sequence, 0) AS after,
                       COALESCE((SELECT MAX(t.sequence) FROM ledger_transaction t
                                 WHERE t.business = b.id), 0) AS last
                     FROM business b LEFT JOIN revenue_mark m ON m.business = b.id
                   ) AS folded WHERE last > after ORDER BY business";
        let rows = row::all(self.connection(), "revenue_mark", sql, []).await?;
        let read = |row: &Row| {
            Ok(Unfolded {
                business: row.id("business")?,
                after: row.int("after")?,
                last: row.int("last")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// When the longest waiting transaction was booked that is not folded.
    pub async fn unfolded_since(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT MIN(t.booked_at) AS booked_at
                   FROM business b LEFT JOIN revenue_mark m ON m.business = b.id
                     JOIN ledger_transaction t
                       ON t.business = b.id AND t.sequence = COALESCE(m.sequence, 0) + 1";
        let row = row::one(self.connection(), "revenue_mark", sql, []).await?;
        row.map_or(Ok(None), |row| row.optional_time("booked_at"))
    }

    /// What a business's transactions earned, after one sequence and up to another.
    pub async fn earned(
        &self,
        business: BusinessId,
        after: u64,
        until: u64,
    ) -> Result<Vec<Earned>, StoreError> {
        let sql = format!(
            "SELECT t.id AS id, t.booked_at AS booked_at, e.campaign AS campaign, {} AS amount
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.sequence > $2 AND t.sequence <= $3
               AND e.ledger_account = {REVENUE}
             GROUP BY t.sequence, t.id, t.booked_at, e.campaign ORDER BY t.sequence, e.campaign",
            row::sum("-e.amount")
        );
        let bound = values![business, after, until];
        let rows = row::all(self.connection(), "ledger_entry", &sql, bound).await?;
        let read = |row: &Row| {
            Ok(Earned {
                transaction: row.id("id")?,
                booked_at: row.time("booked_at")?,
                campaign: row.optional_id("campaign")?,
                amount_micro: row.get("amount")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What a campaign's revenue is counted under.
    pub async fn earning_campaign(
        &self,
        business: BusinessId,
        campaign: CampaignId,
    ) -> Result<EarningCampaign, StoreError> {
        let sql = "SELECT c.account AS account, a.time_zone AS time_zone,
                     COALESCE(c.tariff, 0) AS tariff, COALESCE(c.month, 0) AS month
                   FROM campaign c JOIN account a ON a.id = c.account
                   WHERE c.business = $1 AND c.id = $2";
        let bound = values![business, campaign];
        let row = row::one(self.connection(), "campaign", sql, bound).await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?;
        Ok(EarningCampaign {
            campaign,
            account: row.id("account")?,
            time_zone: row.get("time_zone")?,
            tariff: row.int("tariff")?,
            month: row.get("month")?,
        })
    }

    /// What a business's transactions captured of a campaign, by tariff.
    pub async fn captured_units(
        &self,
        of: &EarningCampaign,
        business: BusinessId,
        after: u64,
        until: u64,
    ) -> Result<Vec<CapturedUnits>, StoreError> {
        let sql = format!(
            "SELECT p.ledger_transaction AS id, c.tariff AS tariff, {} AS units, {} AS amount
             FROM capture p
             JOIN ledger_transaction t ON t.id = p.ledger_transaction
             JOIN chunk c ON c.month = p.month AND c.campaign = p.campaign
               AND c.number = p.number AND c.round = p.round
             WHERE p.month = $1 AND p.campaign = $2 AND t.business = $3
               AND t.sequence > $4 AND t.sequence <= $5
             GROUP BY p.ledger_transaction, c.tariff",
            row::sum("p.units"),
            row::sum("p.amount"),
        );
        let bound = values![of.month, of.campaign, business, after, until];
        let rows = row::all(self.connection(), "capture", &sql, bound).await?;
        let read = |row: &Row| {
            Ok(CapturedUnits {
                transaction: row.id("id")?,
                tariff: row.int("tariff")?,
                units: row.int("units")?,
                amount_micro: row.get("amount")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What each day earned, by currency.
    pub async fn revenue_by_day(&self, days: Days) -> Result<Vec<RevenueDay>, StoreError> {
        let sql = format!(
            "SELECT r.day AS day, r.currency AS currency, {}, {} FROM revenue_day r
             WHERE r.day BETWEEN $1 AND $2 GROUP BY r.day, r.currency ORDER BY r.day, r.currency",
            units(),
            amount()
        );
        let rows = row::all(self.connection(), "revenue_day", &sql, bound(days)).await?;
        let read = |row: &Row| {
            Ok(RevenueDay {
                day: row.int("day")?,
                currency: currency(row)?,
                sum: sum(row)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What each account earned under each tariff, the most first: of one currency, or of all.
    pub async fn revenue_by_account(
        &self,
        days: Days,
        of: Option<Currency>,
        limit: u32,
    ) -> Result<Vec<AccountRevenue>, StoreError> {
        let of_currency = match of {
            Some(_) => "AND r.currency = $4",
            None => "",
        };
        // Added up before it is named: there are few accounts and many days.
        let sql = format!(
            "SELECT s.business AS business, b.name AS business_name, b.currency AS currency,
               s.account AS account, a.handle AS handle, s.tariff AS tariff,
               s.units AS units, s.amount AS amount
             FROM (SELECT r.business AS business, r.account AS account, r.tariff AS tariff, {}, {}
                   FROM revenue_day r WHERE r.day BETWEEN $1 AND $2 {of_currency}
                   GROUP BY r.business, r.account, r.tariff) AS s
               JOIN business b ON b.id = s.business LEFT JOIN account a ON a.id = s.account
             ORDER BY s.amount DESC, s.business, s.account, s.tariff LIMIT $3",
            units(),
            amount()
        );
        let mut bound = values![i64::from(days.first), i64::from(days.last), limit].to_vec();
        bound.extend(of.map(|currency| row::Bind::bind(currency.code())));
        let rows = row::all(self.connection(), "revenue_day", &sql, bound).await?;
        rows.iter().map(of_account).collect()
    }

    /// What each business spent.
    pub async fn revenue_of_business(
        &self,
        business: BusinessId,
        days: Days,
    ) -> Result<RevenueSum, StoreError> {
        let sql = format!(
            "SELECT {}, {} FROM revenue_day r
             WHERE r.business = $3 AND r.day BETWEEN $1 AND $2",
            units(),
            amount()
        );
        let bound = values![i64::from(days.first), i64::from(days.last), business];
        let row = row::one(self.connection(), "revenue_day", &sql, bound).await?;
        row.map_or(Ok(RevenueSum::default()), |row| sum(&row))
    }

    /// Accounts that earned something in these days.
    pub async fn paying_accounts(&self, days: Days) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS accounts FROM account a JOIN business b ON b.id = a.business
                   WHERE a.stopped_at IS NULL AND b.stopped_at IS NULL
                     AND EXISTS (SELECT 1 FROM revenue_day r
                     WHERE r.account = a.id AND r.day BETWEEN $1 AND $2 AND r.amount > 0)";
        let row = row::one(self.connection(), "revenue_day", sql, bound(days)).await?;
        row.map_or(Ok(0), |row| row.int("accounts"))
    }
}

impl Write {
    /// Adds what the transactions after one sequence and up to another earned, once: a conflict
    /// where somebody else has.
    pub async fn fold_revenue(
        &mut self,
        unfolded: Unfolded,
        sums: &BTreeMap<RevenueKey, RevenueSum>,
    ) -> Result<(), StoreError> {
        let Unfolded {
            business,
            after,
            last,
        } = unfolded;
        let sql = "INSERT INTO revenue_mark (business, sequence) VALUES ($1, $2)
                   ON CONFLICT (business) DO UPDATE SET sequence = $2
                   WHERE revenue_mark.sequence = $3";
        let marked = row::execute(self.connection(), sql, values![business, last, after]).await?;
        if marked == 0 {
            return Err(StoreError::Conflict("the revenue"));
        }
        let currency = currency_of(self.connection(), business).await?;
        for (key, sum) in sums {
            let sql = "INSERT INTO revenue_day
                         (business, day, account, tariff, units, amount, currency)
                       VALUES ($1, $2, $3, $4, $5, $6, $7)
                       ON CONFLICT (day, business, account, tariff) DO UPDATE SET
                         units = revenue_day.units + excluded.units,
                         amount = revenue_day.amount + excluded.amount";
            let bound = values![
                business,
                i64::from(key.day),
                key.account.unwrap_or(NO_ACCOUNT),
                key.tariff,
                sum.units,
                sum.amount_micro,
                currency.code(),
            ];
            row::execute(self.connection(), sql, bound).await?;
        }
        Ok(())
    }
}

fn bound(days: Days) -> [sea_orm::Value; 2] {
    values![i64::from(days.first), i64::from(days.last)]
}

fn units() -> String {
    format!("{} AS units", row::sum("r.units"))
}

fn amount() -> String {
    format!("{} AS amount", row::sum("r.amount"))
}

fn sum(row: &Row) -> Result<RevenueSum, StoreError> {
    Ok(RevenueSum {
        units: row.int("units")?,
        amount_micro: row.get("amount")?,
    })
}

fn of_account(row: &Row) -> Result<AccountRevenue, StoreError> {
    let account: AccountId = row.id("account")?;
    Ok(AccountRevenue {
        business: row.id("business")?,
        business_name: row.get("business_name")?,
        currency: currency(row)?,
        account: (account != NO_ACCOUNT).then_some(account),
        handle: row.get("handle")?,
        tariff: row.int("tariff")?,
        sum: sum(row)?,
    })
}
