//! What reconciliation reads beside the record itself: wallets, holds, grants, ranges, attempts,
//! and rows that belong to nobody. Everything comes from one snapshot; nothing is written.

use domain::id::{BusinessId, CampaignId};
use domain::ledger::WalletBalance;
use domain::money::{Currency, Money};
use domain::time::LaunchMonth;

use crate::ledger::currency;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// A business with what its wallet row caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedBusiness {
    pub id: BusinessId,
    pub currency: Currency,
    pub wallet: WalletBalance,
    pub credit_limit: Money,
    /// Σ of what its campaigns hold and have neither captured nor released.
    pub open_holds: Money,
}

/// Money's side of a freeze, per tariff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TariffGrant {
    pub tariff: u8,
    pub unit_price: Money,
    pub counted: u64,
    pub granted: u64,
    pub frozen: u64,
    /// Of the first that are captured, how many a plan's quota includes.
    pub quota: u64,
    /// What a send costs depends on those before it.
    pub is_by_unit: bool,
}

/// What one freeze commit says it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedRange {
    pub range: u32,
    pub first_number: u32,
    pub last_number: u32,
    pub frozen: u64,
    pub excluded: u64,
    pub chunks: u64,
}

/// The claims of one chunk, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptCount {
    pub number: u64,
    pub round: u8,
    pub attempts: u32,
    pub last_epoch: u32,
}

/// Rows of one table that belong to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    pub table: &'static str,
    pub missing: &'static str,
    pub count: u64,
}

/// Per table, what has to exist for each of its rows.
const BELONGINGS: [(&str, &str, &str); 6] = [
    (
        "chunk",
        "campaign",
        "SELECT COUNT(*) AS n FROM chunk x
         WHERE NOT EXISTS (SELECT 1 FROM campaign c WHERE c.id = x.campaign AND c.month = x.month)",
    ),
    (
        "capture",
        "chunk",
        "SELECT COUNT(*) AS n FROM capture x WHERE NOT EXISTS (
           SELECT 1 FROM chunk c WHERE c.month = x.month AND c.campaign = x.campaign
             AND c.number = x.number AND c.round = x.round)",
    ),
    (
        "amendment",
        "chunk",
        "SELECT COUNT(*) AS n FROM amendment x WHERE NOT EXISTS (
           SELECT 1 FROM chunk c WHERE c.month = x.month AND c.campaign = x.campaign
             AND c.number = x.number AND c.round = x.round)",
    ),
    (
        "attempt",
        "chunk",
        "SELECT COUNT(*) AS n FROM attempt x WHERE NOT EXISTS (
           SELECT 1 FROM chunk c WHERE c.month = x.month AND c.campaign = x.campaign
             AND c.number = x.number AND c.round = x.round)",
    ),
    (
        "exclusion",
        "freeze_range",
        "SELECT COUNT(*) AS n FROM exclusion x WHERE NOT EXISTS (
           SELECT 1 FROM freeze_range f WHERE f.campaign = x.campaign AND f.range = x.range)",
    ),
    (
        "ledger_entry",
        "hold",
        "SELECT COUNT(*) AS n FROM ledger_entry x WHERE x.campaign IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM hold h WHERE h.campaign = x.campaign)",
    ),
];

impl Snapshot {
    /// Everything recorded before this writer's sequence is captured.
    pub async fn roll_up_mark(&self) -> Result<i64, StoreError> {
        let sql = "SELECT mark FROM roll_up";
        let row = row::one(self.connection(), "roll_up", sql, []).await?;
        row.ok_or_else(|| StoreError::NotFound("roll-up mark".into()))?
            .get("mark")
    }

    pub async fn recorded_businesses(&self) -> Result<Vec<RecordedBusiness>, StoreError> {
        let sql = format!(
            "SELECT b.id AS id, b.currency AS currency, COALESCE(w.available, 0) AS available,
               COALESCE(w.held, 0) AS held, COALESCE(w.owed, 0) AS owed,
               COALESCE(w.receivable, 0) AS receivable, COALESCE(w.credit_limit, 0) AS credit_limit,
               (SELECT {} FROM hold h WHERE h.business = b.id) AS open_holds
             FROM business b LEFT JOIN wallet w ON w.business = b.id ORDER BY b.id",
            row::sum("h.amount - h.captured - h.released")
        );
        let rows = row::all(self.connection(), "wallet", &sql, []).await?;
        let read = |row: &Row| {
            let currency = currency(row)?;
            let money = |column| Ok::<_, StoreError>(Money::from_micro(row.get(column)?, currency));
            Ok(RecordedBusiness {
                id: row.id("id")?,
                currency,
                wallet: WalletBalance {
                    available: money("available")?,
                    held: money("held")?,
                    owed: money("owed")?,
                    receivable: money("receivable")?,
                },
                credit_limit: money("credit_limit")?,
                open_holds: money("open_holds")?,
            })
        };
        rows.iter().map(read).collect()
    }

    pub async fn tariff_grants(
        &self,
        campaign: CampaignId,
        currency: Currency,
    ) -> Result<Vec<TariffGrant>, StoreError> {
        let sql = "SELECT tariff, unit_price, counted, granted, frozen, quota, by_unit
                   FROM campaign_tariff
                   WHERE campaign = $1 ORDER BY tariff";
        let rows = row::all(self.connection(), "campaign_tariff", sql, values![campaign]).await?;
        let read = |row: &Row| {
            Ok(TariffGrant {
                tariff: row.int("tariff")?,
                unit_price: Money::from_micro(row.get("unit_price")?, currency),
                counted: row.int("counted")?,
                granted: row.int("granted")?,
                frozen: row.int("frozen")?,
                quota: row.int("quota")?,
                is_by_unit: row.int::<u8>("by_unit")? != 0,
            })
        };
        rows.iter().map(read).collect()
    }

    pub async fn freeze_ranges(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<RecordedRange>, StoreError> {
        let sql = "SELECT range, first_number, last_number, frozen, excluded, chunks
                   FROM freeze_range WHERE campaign = $1 ORDER BY range";
        let rows = row::all(self.connection(), "freeze_range", sql, values![campaign]).await?;
        let read = |row: &Row| {
            Ok(RecordedRange {
                range: row.int("range")?,
                first_number: row.int("first_number")?,
                last_number: row.int("last_number")?,
                frozen: row.int("frozen")?,
                excluded: row.int("excluded")?,
                chunks: row.int("chunks")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The attempts of the chunks from one number to another, by number and round.
    pub async fn attempt_counts(
        &self,
        month: LaunchMonth,
        campaign: CampaignId,
        first: u64,
        last: u64,
    ) -> Result<Vec<AttemptCount>, StoreError> {
        let sql = "SELECT number, round, COUNT(*) AS attempts, MAX(epoch) AS last_epoch
                   FROM attempt
                   WHERE month = $1 AND campaign = $2 AND number BETWEEN $3 AND $4
                   GROUP BY number, round ORDER BY number, round";
        let values = values![month.number(), campaign, first, last];
        let rows = row::all(self.connection(), "attempt", sql, values).await?;
        let read = |row: &Row| {
            Ok(AttemptCount {
                number: row.int("number")?,
                round: row.int("round")?,
                attempts: row.int("attempts")?,
                last_epoch: row.int("last_epoch")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Per table, how many rows belong to nothing.
    pub async fn orphans(&self) -> Result<Vec<Orphans>, StoreError> {
        let mut all = Vec::with_capacity(BELONGINGS.len());
        for (table, missing, sql) in BELONGINGS {
            let row = row::one(self.connection(), table, sql, []).await?;
            let row = row.ok_or_else(|| StoreError::NotFound(table.into()))?;
            all.push(Orphans {
                table,
                missing,
                count: row.int("n")?,
            });
        }
        Ok(all)
    }
}
