//! Rolling up, as both dialects say it: every settle and amendment in sight that has no capture row
//! gets one.

use std::collections::BTreeMap;

use domain::id::{BusinessId, CampaignId, IdSource, LedgerTransactionId};

use super::{RolledUp, by_unit};
use crate::month::{Calendar, Window};
use crate::row::{self, values};
use crate::write::settle_mark;
use crate::{StoreError, Write};

/// Captures what was recorded since the mark, a transaction's worth per business and month.
pub(super) async fn roll_up(
    write: &mut Write,
    ids: &dyn IdSource,
) -> Result<Vec<RolledUp>, StoreError> {
    let connection = write.connection();
    // Before anything is read: whatever the statements below do not see stands behind it.
    let next = settle_mark(connection).await?;
    let sql = "SELECT mark FROM roll_up WHERE one = 1";
    let row = row::one(connection, "roll_up", sql, []).await?;
    let mark: i64 = row
        .ok_or_else(|| StoreError::NotFound("roll-up mark".into()))?
        .get("mark")?;
    let sql = "SELECT k.business AS business, MIN(s.at) AS first, MAX(s.at) AS last
               FROM (SELECT campaign, settled_at AS at FROM chunk WHERE sequence >= $1
                     UNION ALL SELECT campaign, at FROM amendment WHERE sequence >= $1) AS s
               JOIN campaign k ON k.id = s.campaign GROUP BY k.business ORDER BY k.business";
    let businesses = row::all(connection, "campaign", sql, values![mark]).await?;
    let mut rolled_up = Vec::new();
    for row in &businesses {
        let business = row.id("business")?;
        let calendar = Calendar::of(write.connection(), business).await?;
        // What ended unsent has no time of a settle, and nothing to capture.
        let first = row.optional_time("first")?.unwrap_or_default();
        let last = row.optional_time("last")?.unwrap_or(first);
        for window in calendar.windows(first, last) {
            let transaction = ids.next();
            let span = Span {
                business,
                transaction,
                mark,
                window,
            };
            rolled_up.push(RolledUp {
                business,
                transaction,
                month: window.bill_month,
                campaigns: capture(write, &span).await?,
            });
        }
    }
    if !businesses.is_empty() {
        let sql = "UPDATE roll_up SET mark = $1 WHERE one = 1";
        row::execute(write.connection(), sql, values![next]).await?;
    }
    Ok(rolled_up)
}

/// What becomes one ledger transaction: what a business's record has from the mark on, within one
/// month of its bills.
pub(super) struct Span {
    pub business: BusinessId,
    pub transaction: LedgerTransactionId,
    pub mark: i64,
    pub window: Window,
}

/// Inserts the capture rows of a span: settles, and amendments that proved an acceptance. What each
/// campaign earned, above zero.
async fn capture(write: &Write, span: &Span) -> Result<Vec<(CampaignId, i64)>, StoreError> {
    let mut earned: BTreeMap<CampaignId, i64> = BTreeMap::new();
    let settles = "INSERT INTO capture (month, campaign, number, round, part, ledger_transaction,
            units, unit_price, amount, bill_month)
        SELECT c.month, c.campaign, c.number, c.round, 0,
            CASE WHEN c.accepted * t.unit_price > 0 THEN $1 END,
            c.accepted, t.unit_price, c.accepted * t.unit_price, CAST($4 AS BIGINT)
        FROM chunk c
        JOIN campaign k ON k.id = c.campaign
        JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
        WHERE c.sequence >= $2 AND c.state = 10 AND k.business = $3 AND t.by_unit = 0
          AND c.settled_at >= $5 AND c.settled_at < $6
          AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
              AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
              AND p.part = 0)
        RETURNING campaign, amount";
    // Outcome 2 is `confirmed`; a recipient's part is its position + 1.
    let amendments = "INSERT INTO capture (month, campaign, number, round, part,
            ledger_transaction, units, unit_price, amount, bill_month)
        SELECT c.month, c.campaign, c.number, c.round, a.position + 1, $1, 1, t.unit_price,
            t.unit_price, CAST($4 AS BIGINT)
        FROM amendment a
        JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign AND c.number = a.number
          AND c.round = a.round
        JOIN campaign k ON k.id = c.campaign
        JOIN campaign_tariff t ON t.campaign = c.campaign AND t.tariff = c.tariff
        WHERE a.sequence >= $2 AND a.outcome = 2 AND c.state IN (10, 12) AND k.business = $3
          AND t.by_unit = 0 AND a.at >= $5 AND a.at < $6
          AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
              AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
              AND p.part = a.position + 1)
        RETURNING campaign, amount";
    let Span {
        business,
        transaction,
        mark,
        window,
    } = *span;
    for sql in [settles, amendments] {
        let bound = values![
            transaction,
            mark,
            business,
            window.bill_month.number(),
            window.from,
            window.until,
        ];
        for row in row::all(write.connection(), "capture", sql, bound).await? {
            *earned.entry(row.id("campaign")?).or_default() += row.get::<i64>("amount")?;
        }
    }
    by_unit::capture(write, span, &mut earned).await?;
    Ok(earned
        .into_iter()
        .filter(|(_, amount)| *amount > 0)
        .collect())
}
