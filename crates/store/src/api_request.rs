//! Requests of brands' programs, read back: one by its id, their units, what was sent by operation.

use domain::api_request::{AggregationUnit, ApiOperation, UNITS_A_MONTH_MAX};
use domain::campaign::CampaignKind;
use domain::id::{AccountId, BusinessId, CampaignId, RequestId};
use domain::time::{LaunchMonth, Timestamp};

use crate::row::{self, Row, values};
use crate::standing::{AcceptedRequest, REQUEST, request};
use crate::{Store, StoreError, Write};

/// Whose campaigns are added up.
#[derive(Debug, Clone, Copy)]
pub enum SentBy {
    Business(BusinessId),
    Account(AccountId),
}

/// What one campaign delivered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignSent {
    pub campaign: CampaignId,
    pub kind: CampaignKind,
    pub tariff: u8,
    /// What the request asked for that this campaign was begun by; `None` for the console's.
    pub operation: Option<ApiOperation>,
    /// Accepted, and confirmed later.
    pub delivered: u64,
}

impl Write {
    /// Notes that a request of the month names a unit; false where the month has too many others,
    /// and the request's sends are added up under none.
    pub async fn note_unit(
        &mut self,
        account: AccountId,
        month: LaunchMonth,
        unit: &AggregationUnit,
    ) -> Result<bool, StoreError> {
        let known = "SELECT 1 FROM aggregation_unit
                     WHERE account = $1 AND month = $2 AND unit = $3";
        let bound = || values![account, month.number(), unit.as_str()];
        let row = row::one(self.connection(), "aggregation_unit", known, bound()).await?;
        if row.is_some() {
            return Ok(true);
        }
        let sql = "SELECT COUNT(*) AS units FROM aggregation_unit
                   WHERE account = $1 AND month = $2";
        let counted = values![account, month.number()];
        let row = row::one(self.connection(), "aggregation_unit", sql, counted).await?;
        let units: u32 = row.map_or(Ok(0), |row| row.int("units"))?;
        if units >= UNITS_A_MONTH_MAX {
            return Ok(false);
        }
        let sql = "INSERT INTO aggregation_unit (account, month, unit) VALUES ($1, $2, $3)";
        row::execute(self.connection(), sql, bound()).await?;
        Ok(true)
    }
}

impl Store {
    /// A request of the account by the id it was answered with.
    pub async fn api_request(
        &self,
        account: AccountId,
        id: RequestId,
    ) -> Result<Option<AcceptedRequest>, StoreError> {
        let sql = format!("{REQUEST} account = $1 AND id = $2");
        let row = row::one(self.reader(), "api_request", &sql, values![account, id]).await?;
        row.map(|row| request(&row)).transpose()
    }

    /// How many units the month's requests named.
    pub async fn count_units(
        &self,
        account: AccountId,
        month: LaunchMonth,
    ) -> Result<u32, StoreError> {
        let sql = "SELECT COUNT(*) AS units FROM aggregation_unit
                   WHERE account = $1 AND month = $2";
        let bound = values![account, month.number()];
        let row = row::one(self.reader(), "aggregation_unit", sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("units"))
    }

    /// Units of the month in the order of their names, after one of them.
    pub async fn units(
        &self,
        account: AccountId,
        month: LaunchMonth,
        after: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT unit FROM aggregation_unit
                   WHERE account = $1 AND month = $2 AND unit > $3 ORDER BY unit LIMIT $4";
        let bound = values![account, month.number(), after, limit];
        let rows = row::all(self.reader(), "aggregation_unit", sql, bound).await?;
        rows.iter().map(|row| row.get("unit")).collect()
    }

    /// What each campaign delivered that was launched in a stretch of time: `from` included,
    /// `before` not. Tests are not among them.
    pub async fn sent_by(
        &self,
        whose: SentBy,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Vec<CampaignSent>, StoreError> {
        let (column, id) = match whose {
            SentBy::Business(id) => ("business", id.as_bytes().to_vec()),
            SentBy::Account(id) => ("account", id.as_bytes().to_vec()),
        };
        let sql = format!(
            "SELECT k.id AS id, k.kind AS kind, k.tariff AS tariff,
               (SELECT MIN(r.operation) FROM api_request r WHERE r.campaign = k.id) AS operation,
               (SELECT {} FROM chunk c WHERE c.month = k.month AND c.campaign = k.id)
                 AS accepted,
               (SELECT COUNT(*) FROM amendment a WHERE a.campaign = k.id AND a.outcome = 2)
                 AS confirmed
             FROM campaign k
             WHERE k.{column} = $1 AND k.launched_at >= $2 AND k.launched_at < $3
               AND k.kind <> $4
             ORDER BY k.id",
            row::sum("c.accepted"),
        );
        let bound = values![id, from, before, CampaignKind::Test.code()];
        let rows = row::all(self.reader(), "campaign", &sql, bound).await?;
        rows.iter().map(campaign_sent).collect()
    }
}

fn campaign_sent(row: &Row) -> Result<CampaignSent, StoreError> {
    let kind: u8 = row.int("kind")?;
    let kind = CampaignKind::from_code(kind).ok_or_else(|| row.corrupt("kind", kind))?;
    let operation: Option<u8> = row.optional_int("operation")?;
    let operation = operation
        .map(|code| ApiOperation::from_code(code).ok_or_else(|| row.corrupt("operation", code)));
    Ok(CampaignSent {
        campaign: row.id("id")?,
        kind,
        tariff: row.int("tariff")?,
        operation: operation.transpose()?,
        delivered: row.int::<u64>("accepted")? + row.int::<u64>("confirmed")?,
    })
}
