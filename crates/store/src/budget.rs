//! Budgets as stored, version after version, and what is used of them: no counter, the holds
//! themselves are added up in the write that adds one more.

use domain::budget::{AlertStep, Budget, BudgetOf, Period};
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::ledger::currency_of;
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write};

/// One version of a budget; the latest one of each holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetVersion {
    pub of: BudgetOf,
    pub version: u32,
    /// `None`: no limit any more.
    pub limit: Option<Money>,
    /// The last transaction that the business's books had when it was set.
    pub ledger_sequence: u64,
    pub set_at: Timestamp,
}

/// Whose campaign it is, and since when it counts; `None` before its launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignPlace {
    pub campaign: CampaignId,
    pub account: AccountId,
    pub launched_at: Option<Timestamp>,
}

/// A step of a budget that was reached, for the first time in its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetAlert {
    pub of: BudgetOf,
    /// When the period begins.
    pub period: Timestamp,
    pub step: AlertStep,
    pub reached_at: Timestamp,
}

const COLUMNS: &str = "scope, subject, version, amount, ledger_sequence, set_at";

/// Every version of every budget of a business, the latest of each last.
pub async fn versions(
    store: &Store,
    business: BusinessId,
) -> Result<Vec<BudgetVersion>, StoreError> {
    read_all(store.reader(), business).await
}

/// What the holds of campaigns launched in a period are, without what they released.
pub async fn used(
    store: &Store,
    business: BusinessId,
    of: BudgetOf,
    period: Period,
) -> Result<Money, StoreError> {
    read_used(store.reader(), business, of, period).await
}

impl Write {
    /// The budgets in force that a hold for this campaign counts in, by their codes.
    pub async fn budgets_of(
        &mut self,
        business: BusinessId,
        account: AccountId,
        campaign: CampaignId,
    ) -> Result<Vec<BudgetVersion>, StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        let sql = format!(
            "SELECT {COLUMNS} FROM budget b
             WHERE business = $1 AND subject IN ($1, $2, $3) AND amount IS NOT NULL
               AND version = (SELECT MAX(version) FROM budget l WHERE l.business = b.business
                 AND l.scope = b.scope AND l.subject = b.subject)
             ORDER BY scope"
        );
        let bound = values![business, account, campaign];
        let rows = row::all(self.connection(), "budget", &sql, bound).await?;
        rows.iter().map(|row| version_of(row, currency)).collect()
    }

    pub async fn budget_used(
        &mut self,
        business: BusinessId,
        of: BudgetOf,
        period: Period,
    ) -> Result<Money, StoreError> {
        read_used(self.connection(), business, of, period).await
    }

    pub async fn campaign_place(
        &mut self,
        campaign: CampaignId,
    ) -> Result<CampaignPlace, StoreError> {
        let sql = "SELECT id, account, launched_at FROM campaign WHERE id = $1";
        let row = row::one(self.connection(), "campaign", sql, values![campaign]).await?;
        place_of(&row.ok_or_else(|| StoreError::NotFound(format!("campaign {campaign}")))?)
    }

    /// Notes that a step was reached; whether it is the first time in this period.
    pub async fn note_budget_alert(
        &mut self,
        business: BusinessId,
        budget: &Budget,
        step: AlertStep,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "INSERT INTO budget_alert (business, scope, subject, period, percent, used,
                     amount, reached_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
        let bound = values![
            business,
            budget.of.code(),
            *budget.of.subject(),
            budget.period.from,
            step.percent(),
            budget.used.micro(),
            budget.limit.micro(),
            now,
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }

    /// Adds a version, whose number follows the last one of its budget; that number.
    pub async fn insert_budget(
        &mut self,
        business: BusinessId,
        of: BudgetOf,
        limit: Option<Money>,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let sql = "INSERT INTO budget (business, scope, subject, version, amount, ledger_sequence,
                     set_at)
                   SELECT $1, $2, $3,
                     (SELECT COALESCE(MAX(version), 0) + 1 FROM budget
                      WHERE business = $1 AND scope = $2 AND subject = $3),
                     $4,
                     (SELECT COALESCE(MAX(sequence), 0) FROM ledger_transaction
                      WHERE business = $1),
                     $5
                   RETURNING version";
        let limit = limit.map(Money::micro);
        let bound = values![business, of.code(), *of.subject(), limit, now];
        let row = row::one(self.connection(), "budget", sql, bound).await?;
        let row = row.ok_or_else(|| StoreError::NotFound("the budget just set".into()))?;
        row.int("version")
    }
}

impl Snapshot {
    /// Every version of every budget of a business, the latest of each last.
    pub async fn budgets(&self, business: BusinessId) -> Result<Vec<BudgetVersion>, StoreError> {
        read_all(self.connection(), business).await
    }

    /// What the holds of campaigns launched in a period are, without what they released.
    pub async fn budget_used(
        &self,
        business: BusinessId,
        of: BudgetOf,
        period: Period,
    ) -> Result<Money, StoreError> {
        read_used(self.connection(), business, of, period).await
    }

    /// Every campaign of a business that has a hold.
    pub async fn campaign_places(
        &self,
        business: BusinessId,
    ) -> Result<Vec<CampaignPlace>, StoreError> {
        let sql = "SELECT c.id AS id, c.account AS account, c.launched_at AS launched_at
                   FROM hold h JOIN campaign c ON c.id = h.campaign WHERE c.business = $1";
        let rows = row::all(self.connection(), "campaign", sql, values![business]).await?;
        rows.iter().map(place_of).collect()
    }
}

impl Store {
    /// The highest step of each budget that was reached in one of these periods.
    pub async fn budget_alerts(
        &self,
        business: BusinessId,
        budgets: &[Budget],
    ) -> Result<Vec<BudgetAlert>, StoreError> {
        let sql = "SELECT percent, reached_at FROM budget_alert
                   WHERE business = $1 AND scope = $2 AND subject = $3 AND period = $4
                   ORDER BY percent DESC LIMIT 1";
        let mut found = Vec::new();
        for budget in budgets {
            let (of, period) = (budget.of, budget.period.from);
            let bound = values![business, of.code(), *of.subject(), period];
            let Some(row) = row::one(self.reader(), "budget_alert", sql, bound).await? else {
                continue;
            };
            let percent: u8 = row.int("percent")?;
            let step = AlertStep::from_percent(percent);
            found.push(BudgetAlert {
                of,
                period,
                step: step.ok_or_else(|| row.corrupt("percent", percent))?,
                reached_at: row.time("reached_at")?,
            });
        }
        Ok(found)
    }
}

async fn read_all(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Vec<BudgetVersion>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM budget WHERE business = $1 ORDER BY scope, subject, version"
    );
    let rows = row::all(connection, "budget", &sql, values![business]).await?;
    rows.iter().map(|row| version_of(row, currency)).collect()
}

async fn read_used(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    of: BudgetOf,
    period: Period,
) -> Result<Money, StoreError> {
    let whose = match of {
        BudgetOf::Month(_) => "c.business = $4",
        BudgetOf::Day(_) => "c.account = $4",
        BudgetOf::Campaign(_) => "c.id = $4",
    };
    let sql = format!(
        "SELECT {} AS used FROM campaign c JOIN hold h ON h.campaign = c.id
         WHERE c.business = $1 AND c.launched_at >= $2 AND c.launched_at < $3 AND {whose}",
        row::sum("h.amount - h.released")
    );
    let bound = values![business, period.from, period.until, *of.subject()];
    let row = row::one(connection, "hold", &sql, bound).await?;
    let micro = row.map_or(Ok(0), |row| row.get("used"))?;
    let currency = currency_of(connection, business).await?;
    Ok(Money::from_micro(micro, currency))
}

fn version_of(row: &Row, currency: Currency) -> Result<BudgetVersion, StoreError> {
    let (scope, subject): (u8, Vec<u8>) = (row.int("scope")?, row.get("subject")?);
    let limit: Option<i64> = row.get("amount")?;
    Ok(BudgetVersion {
        of: BudgetOf::from_codes(scope, &subject).ok_or_else(|| row.corrupt("scope", scope))?,
        version: row.int("version")?,
        limit: limit.map(|micro| Money::from_micro(micro, currency)),
        ledger_sequence: row.int("ledger_sequence")?,
        set_at: row.time("set_at")?,
    })
}

fn place_of(row: &Row) -> Result<CampaignPlace, StoreError> {
    Ok(CampaignPlace {
        campaign: row.id("id")?,
        account: row.id("account")?,
        launched_at: row.optional_time("launched_at")?,
    })
}
