//! Contracts as stored, and what campaigns took of a plan's months.

use domain::contract::{BandMode, Billable, Contract, ContractKind, Share, VatBase};
use domain::id::{BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::price::Rounding;
use domain::terms::PlanUse;
use domain::time::{LaunchMonth, Timestamp};
use sea_orm::ConnectionTrait;

use crate::ledger::{currency_of, invariant};
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write, wallet};

/// Every version of a business's contract, the latest one last.
pub async fn versions(store: &Store, business: BusinessId) -> Result<Vec<Contract>, StoreError> {
    let currency = currency_of(store.reader(), business).await?;
    read(store.reader(), business, currency).await
}

/// What a month has of a plan already.
pub async fn plan_use(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<PlanUse, StoreError> {
    read_use(store.reader(), business, month).await
}

impl Write {
    /// Every version of a business's contract, the latest one last.
    pub async fn contracts(&mut self, business: BusinessId) -> Result<Vec<Contract>, StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        read(self.connection(), business, currency).await
    }

    pub async fn plan_use(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
    ) -> Result<PlanUse, StoreError> {
        read_use(self.connection(), business, month).await
    }

    /// Adds a version, whose number follows the last one.
    pub async fn insert_contract(
        &mut self,
        business: BusinessId,
        contract: &Contract,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO contract (business, version, effective_from, kind, book,
                     credit_limit, quota, additional_max, time_zone, created_at, monthly_fee,
                     band_mode, vat_base, rounding, billable)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
        let bound = values![
            business,
            contract.version,
            contract.effective_from,
            contract.kind.code(),
            contract.book.as_str(),
            contract.credit_limit.micro(),
            contract.quota,
            contract.additional_max,
            contract.time_zone.as_str(),
            now,
            contract.monthly_fee.micro(),
            contract.band_mode.code(),
            contract.vat_base.code(),
            contract.rounding.code(),
            contract.billable.code(),
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok(())
    }

    /// Books that a contract prices whole months by, at the band they reach.
    pub async fn volume_books(&mut self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT DISTINCT book FROM contract WHERE band_mode = $1 ORDER BY book";
        let bound = values![BandMode::Volume.code()];
        let rows = row::all(self.connection(), "contract", sql, bound).await?;
        rows.iter().map(|row| row.get("book")).collect()
    }

    /// Takes a launch's share of a plan's month, noted with the campaign: it is given back when
    /// the campaign is over and took less.
    pub async fn take_plan(
        &mut self,
        business: BusinessId,
        campaign: CampaignId,
        month: LaunchMonth,
        share: Share,
    ) -> Result<(), StoreError> {
        let Share { quota, additional } = share;
        let sql = "INSERT INTO plan_use (business, month, quota, additional)
                   VALUES ($1, $2, $3, $4)
                   ON CONFLICT (business, month) DO UPDATE
                     SET quota = plan_use.quota + excluded.quota,
                         additional = plan_use.additional + excluded.additional";
        let bound = values![business, month.number(), quota, additional];
        row::execute(self.connection(), sql, bound).await?;
        let sql = "UPDATE campaign_tariff SET quota = quota + $3, plan_month = $2
                   WHERE campaign = $1 AND COALESCE(plan_month, $2) = $2";
        let bound = values![campaign, month.number(), quota];
        match row::execute(self.connection(), sql, bound).await? {
            1 => Ok(()),
            _ => Err(invariant(format!("{campaign} takes of two months"))),
        }
    }
}

impl Write {
    /// Makes a wallet's credit limit what the contract in effect says.
    pub async fn sync_credit(
        &mut self,
        business: BusinessId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        wallet::open(self, business, currency).await?;
        sync_credit(self, business, currency, now).await
    }
}

/// Gives back what a campaign that is over took of a plan's month and did not send. Once: what it
/// sent stays its share.
pub(crate) async fn return_plan(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT t.quota AS quota, t.counted AS counted, t.plan_month AS plan_month, {} AS sent,
           {} AS included
         FROM campaign_tariff t LEFT JOIN capture p ON p.campaign = t.campaign
         WHERE t.campaign = $1 AND t.plan_month IS NOT NULL
         GROUP BY t.quota, t.counted, t.plan_month",
        row::sum("p.units"),
        row::sum_where("p.unit_price = 0", "p.units"),
    );
    let rows = row::all(
        write.connection(),
        "campaign_tariff",
        &sql,
        values![campaign],
    )
    .await?;
    for row in &rows {
        let (quota, counted, sent): (u64, u64, u64) =
            (row.int("quota")?, row.int("counted")?, row.int("sent")?);
        let month: u64 = row.int("plan_month")?;
        let included: u64 = row.int("included")?;
        let used = included.min(quota);
        let additional = counted.saturating_sub(quota);
        let back = (quota - used, additional.saturating_sub(sent - used));
        let sql = "UPDATE plan_use SET quota = quota - $3, additional = additional - $4
                   WHERE business = $1 AND month = $2";
        let bound = values![business, month, back.0, back.1];
        if row::execute(write.connection(), sql, bound).await? != 1 {
            return Err(invariant(format!(
                "{campaign} took of a month that is not there"
            )));
        }
    }
    if !rows.is_empty() {
        let sql = "UPDATE campaign_tariff SET plan_month = NULL WHERE campaign = $1";
        row::execute(write.connection(), sql, values![campaign]).await?;
    }
    Ok(())
}

/// Makes the wallet's credit limit what the contract in effect says. Where more cash is spent
/// already, nothing more of it can be; promotional credit can, and expires as ever.
pub(crate) async fn sync_credit(
    write: &Write,
    business: BusinessId,
    currency: Currency,
    now: Timestamp,
) -> Result<(), StoreError> {
    let versions = read(write.connection(), business, currency).await?;
    if versions.is_empty() {
        return Ok(());
    }
    let limit = Contract::in_effect(versions, currency, now).credit_limit;
    let sql = format!(
        "UPDATE wallet SET credit_limit =
           CASE WHEN owed - available + lots.free > $2 THEN owed - available + lots.free
             ELSE $2 END
         FROM (SELECT {} AS free FROM promotional_lot WHERE business = $1) AS lots
         WHERE business = $1 AND credit_limit <> $2",
        row::sum("available")
    );
    row::execute(write.connection(), &sql, values![business, limit.micro()]).await?;
    Ok(())
}

impl Snapshot {
    /// Every version of a business's contract, the latest one last.
    pub async fn contracts(&self, business: BusinessId) -> Result<Vec<Contract>, StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        read(self.connection(), business, currency).await
    }
}

pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    currency: Currency,
) -> Result<Vec<Contract>, StoreError> {
    let sql = "SELECT version, effective_from, kind, book, credit_limit, quota, additional_max,
                 time_zone, monthly_fee, band_mode, vat_base, rounding, billable
               FROM contract WHERE business = $1 ORDER BY version";
    let rows = row::all(connection, "contract", sql, values![business]).await?;
    rows.iter().map(|row| contract_of(row, currency)).collect()
}

async fn read_use(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<PlanUse, StoreError> {
    let sql = "SELECT quota, additional FROM plan_use WHERE business = $1 AND month = $2";
    let bound = values![business, month.number()];
    let row = row::one(connection, "plan_use", sql, bound).await?;
    row.map_or(Ok(PlanUse::default()), |row| {
        Ok(PlanUse {
            quota: row.int("quota")?,
            additional: row.int("additional")?,
        })
    })
}

fn contract_of(row: &Row, currency: Currency) -> Result<Contract, StoreError> {
    Ok(Contract {
        version: row.int("version")?,
        effective_from: row.time("effective_from")?,
        kind: coded(row, "kind", ContractKind::from_code)?,
        book: row.get("book")?,
        credit_limit: Money::from_micro(row.get("credit_limit")?, currency),
        quota: row.int("quota")?,
        additional_max: row.optional_int("additional_max")?,
        time_zone: row.get("time_zone")?,
        monthly_fee: Money::from_micro(row.get("monthly_fee")?, currency),
        band_mode: coded(row, "band_mode", BandMode::from_code)?,
        vat_base: coded(row, "vat_base", VatBase::from_code)?,
        rounding: coded(row, "rounding", Rounding::from_code)?,
        billable: coded(row, "billable", Billable::from_code)?,
    })
}

/// A value that is stored as its code.
pub(crate) fn coded<T>(
    row: &Row,
    column: &'static str,
    read: impl Fn(u8) -> Option<T>,
) -> Result<T, StoreError> {
    let code: u8 = row.int(column)?;
    read(code).ok_or_else(|| row.corrupt(column, code))
}
