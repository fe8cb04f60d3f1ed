//! Months of a business: on which month's bill a capture is, what a bill counts, and the months
//! that were closed, with their invoices and what followed them.

mod close; // what closing a month writes
mod invoice; // payments, credit notes, refunds
mod re_rating; // a month priced at the band it reached

use domain::contract::{Contract, VatBase};
use domain::id::{BusinessId, LedgerTransactionId};
use domain::invoice::InvoiceAmounts;
use domain::money::{Currency, Money};
use domain::price::Rounding;
use domain::time::{LaunchMonth, LocalDay, Timestamp, zone};
use sea_orm::ConnectionTrait;

use crate::contract::{self, coded};
use crate::ledger::{currency_of, invariant};
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError};

pub use close::NewClose;
pub use invoice::{
    CreditNote, NewCreditNote, Payment, REASON_CHARS_MAX, credit_notes, payments, to_refund,
};
pub use re_rating::{ReRated, ReRating};

/// A campaign is at rest this long before a month at the latest that none of its captures is of:
/// clocks differ, and what comes late is on the bill of a later month.
const AT_REST_MARGIN: std::time::Duration = std::time::Duration::from_secs(35 * 86_400);

/// Where a business's months begin and end, and which of them are closed.
pub(crate) struct Calendar {
    zone: jiff::tz::TimeZone,
    first_open: Option<LaunchMonth>,
}

/// What settled within some time is on the bill of one month.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub bill_month: LaunchMonth,
    /// The first instant, and the first one after it.
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Sends of a tariff at a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthLine {
    pub tariff: u8,
    pub price_version: u32,
    pub unit_price: Money,
    pub units: u64,
}

/// What the books say of a month's captures, in micro-units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MonthEarned {
    pub revenue_micro: i64,
    /// Of that, what promotional credit paid.
    pub promotional_micro: i64,
}

/// A closed month. Its invoice is there where there was something to invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedMonth {
    pub business: BusinessId,
    pub month: LaunchMonth,
    pub invoice: Option<u64>,
    pub contract_version: u32,
    pub vat_base: VatBase,
    pub rounding: Rounding,
    pub units: u64,
    pub captured: Money,
    pub re_rated: Money,
    pub promotional: Money,
    pub fee: Money,
    pub amounts: InvoiceAmounts,
    pub ledger_transaction: Option<LedgerTransactionId>,
    pub closed_at: Timestamp,
    /// What transfers paid of it since, and what credit notes took off.
    pub settled: Money,
}

impl ClosedMonth {
    /// What the invoice still asks for.
    pub fn open(&self) -> Money {
        let micro = self.amounts.due.micro() - self.settled.micro();
        Money::from_micro(micro, self.settled.currency())
    }
}

impl MonthLine {
    pub fn amount(&self) -> Result<Money, StoreError> {
        self.unit_price.times(self.units).map_err(invariant)
    }
}

impl Calendar {
    pub async fn of(
        connection: &impl ConnectionTrait,
        business: BusinessId,
    ) -> Result<Self, StoreError> {
        let currency = currency_of(connection, business).await?;
        let versions = contract::read(connection, business, currency).await?;
        // Months are counted in one zone, or an edge could be passed twice.
        let latest = versions.into_iter().next_back();
        let contract = latest.unwrap_or_else(|| Contract::standard(currency));
        let sql = "SELECT MAX(month) AS month FROM month_close WHERE business = $1";
        let row = row::one(connection, "month_close", sql, values![business]).await?;
        let closed = row.map_or(Ok(None), |row| row.optional_int::<i64>("month"))?;
        let closed = closed.map(|month| LaunchMonth::from_number(month).map_err(invariant));
        Ok(Self {
            zone: zone(&contract.time_zone).map_err(invariant)?,
            first_open: closed.transpose()?.map(LaunchMonth::next),
        })
    }

    /// What settled from one moment to another, cut where the bill changes. Together the windows
    /// leave nothing out.
    pub fn windows(&self, first: Timestamp, last: Timestamp) -> Vec<Window> {
        let (from, to) = (self.bill_month(first), self.bill_month(last));
        let mut windows = Vec::with_capacity(1);
        let mut bill_month = from;
        while bill_month <= to.max(from) {
            let earliest = Timestamp::from_millis(i64::MIN);
            let latest = Timestamp::from_millis(i64::MAX);
            windows.push(Window {
                bill_month,
                from: match bill_month == from {
                    true => earliest,
                    false => bill_month.begins(&self.zone),
                },
                until: match bill_month >= to {
                    true => latest,
                    false => bill_month.next().begins(&self.zone),
                },
            });
            bill_month = bill_month.next();
        }
        windows
    }

    fn bill_month(&self, at: Timestamp) -> LaunchMonth {
        let month = LocalDay::of(at, &self.zone).month();
        self.first_open.map_or(month, |open| month.max(open))
    }
}

/// Closed months of a business, the latest first.
pub async fn closed(
    store: &Store,
    business: BusinessId,
    limit: u32,
) -> Result<Vec<ClosedMonth>, StoreError> {
    read(store.reader(), business, None, limit).await
}

/// A closed month; `None` where it is open.
pub async fn find(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<Option<ClosedMonth>, StoreError> {
    let found = read(store.reader(), business, Some(month), 1).await?;
    Ok(found.into_iter().next())
}

/// The lines of a closed month's bill.
pub async fn lines(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<Vec<MonthLine>, StoreError> {
    read_lines(store.reader(), business, month).await
}

impl Snapshot {
    /// Every closed month of a business, the latest first.
    pub async fn closed_months(
        &self,
        business: BusinessId,
    ) -> Result<Vec<ClosedMonth>, StoreError> {
        read(self.connection(), business, None, u32::MAX).await
    }

    pub async fn month_lines(
        &self,
        business: BusinessId,
        month: LaunchMonth,
    ) -> Result<Vec<MonthLine>, StoreError> {
        read_lines(self.connection(), business, month).await
    }

    /// What a month's captures add up to now, by tariff, price version and price.
    pub async fn captured_lines(
        &self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
    ) -> Result<Vec<MonthLine>, StoreError> {
        captured(self.connection(), business, month, begins).await
    }

    /// What the books earned in the transactions of a month's captures.
    pub async fn month_earned(
        &self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
    ) -> Result<MonthEarned, StoreError> {
        earned(self.connection(), business, month, begins).await
    }

    /// Settles and amendments before a moment that no roll-up has captured.
    pub async fn uncaptured_before(
        &self,
        business: BusinessId,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        uncaptured(self.connection(), business, until).await
    }
}

/// The captures of a month, with their chunks and campaigns. What is launched after a month is on
/// no bill of it: campaigns keep their launch's month in UTC, which a zone's is at most one off.
const CAPTURES_OF_MONTH: &str = "campaign k
    JOIN capture p ON p.month = k.month AND p.campaign = k.id AND p.bill_month = $2
    JOIN chunk c ON c.month = p.month AND c.campaign = p.campaign AND c.number = p.number
      AND c.round = p.round
    WHERE k.business = $1 AND k.month <= $2 + 1 AND (k.closed_at IS NULL OR k.closed_at >= $3)";

fn bound(business: BusinessId, month: LaunchMonth, begins: Timestamp) -> [sea_orm::Value; 3] {
    values![business, month.number(), begins - AT_REST_MARGIN]
}

pub(crate) async fn captured(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    month: LaunchMonth,
    begins: Timestamp,
) -> Result<Vec<MonthLine>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = format!(
        "SELECT c.tariff AS tariff, k.price_version AS price_version, p.unit_price AS unit_price,
           {} AS units
         FROM {CAPTURES_OF_MONTH} AND p.units > 0
         GROUP BY c.tariff, k.price_version, p.unit_price
         ORDER BY c.tariff, k.price_version, p.unit_price",
        row::sum("p.units")
    );
    let rows = row::all(connection, "capture", &sql, bound(business, month, begins)).await?;
    rows.iter().map(|row| line(row, currency)).collect()
}

pub(crate) async fn earned(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    month: LaunchMonth,
    begins: Timestamp,
) -> Result<MonthEarned, StoreError> {
    // Account 5 is revenue; a capture of nothing has no transaction.
    let sql = format!(
        "SELECT {} AS revenue, {} AS promotional FROM ledger_entry e
         WHERE e.ledger_account = 5 AND e.ledger_transaction IN (
           SELECT p.ledger_transaction FROM {CAPTURES_OF_MONTH}
             AND p.ledger_transaction IS NOT NULL)",
        row::sum("-e.amount"),
        row::sum_where("e.lot IS NOT NULL", "-e.amount"),
    );
    let row = row::one(
        connection,
        "ledger_entry",
        &sql,
        bound(business, month, begins),
    )
    .await?;
    row.map_or(Ok(MonthEarned::default()), |row| {
        Ok(MonthEarned {
            revenue_micro: row.get("revenue")?,
            promotional_micro: row.get("promotional")?,
        })
    })
}

pub(crate) async fn uncaptured(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    until: Timestamp,
) -> Result<u64, StoreError> {
    let sql = "SELECT
         (SELECT COUNT(*) FROM chunk c JOIN campaign k ON k.id = c.campaign
          WHERE c.sequence >= (SELECT mark FROM roll_up) AND c.state = 10 AND k.business = $1
            AND c.settled_at < $2
            AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = c.month
                AND p.campaign = c.campaign AND p.number = c.number AND p.round = c.round
                AND p.part = 0))
       + (SELECT COUNT(*) FROM amendment a
          JOIN chunk c ON c.month = a.month AND c.campaign = a.campaign AND c.number = a.number
            AND c.round = a.round
          JOIN campaign k ON k.id = a.campaign
          WHERE a.sequence >= (SELECT mark FROM roll_up) AND a.outcome = 2
            AND c.state IN (10, 12) AND k.business = $1 AND a.at < $2
            AND NOT EXISTS (SELECT 1 FROM capture p WHERE p.month = a.month
                AND p.campaign = a.campaign AND p.number = a.number AND p.round = a.round
                AND p.part = a.position + 1)) AS uncaptured";
    let row = row::one(connection, "chunk", sql, values![business, until]).await?;
    row.map_or(Ok(0), |row| row.int("uncaptured"))
}

async fn read_lines(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<Vec<MonthLine>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = "SELECT tariff, price_version, unit_price, units FROM month_line
               WHERE business = $1 AND month = $2 ORDER BY tariff, price_version, unit_price";
    let bound = values![business, month.number()];
    let rows = row::all(connection, "month_line", sql, bound).await?;
    rows.iter().map(|row| line(row, currency)).collect()
}

fn line(row: &Row, currency: Currency) -> Result<MonthLine, StoreError> {
    Ok(MonthLine {
        tariff: row.int("tariff")?,
        price_version: row.int("price_version")?,
        unit_price: Money::from_micro(row.get("unit_price")?, currency),
        units: row.int("units")?,
    })
}

pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    month: Option<LaunchMonth>,
    limit: u32,
) -> Result<Vec<ClosedMonth>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = format!(
        "SELECT m.month AS month, m.invoice AS invoice, m.contract_version AS contract_version,
           m.vat_base AS vat_base, m.rounding AS rounding, m.units AS units,
           m.captured AS captured, m.re_rated AS re_rated, m.promotional AS promotional,
           m.fee AS fee, m.net AS net, m.vat AS vat, m.rounded AS rounded, m.total AS total,
           m.paid AS paid, m.due AS due, m.ledger_transaction AS ledger_transaction,
           m.closed_at AS closed_at,
           (SELECT {} FROM invoice_payment p WHERE p.business = m.business AND p.month = m.month)
           + (SELECT {} FROM credit_note n WHERE n.business = m.business AND n.month = m.month)
             AS settled
         FROM month_close m WHERE m.business = $1 AND (m.month = $2 OR $2 = -1)
         ORDER BY m.month DESC LIMIT $3",
        row::sum("p.amount"),
        row::sum("n.of_receivable"),
    );
    let month = month.map_or(-1, |month| i64::from(month.number()));
    let rows = row::all(
        connection,
        "month_close",
        &sql,
        values![business, month, limit],
    )
    .await?;
    let read = |row: &Row| {
        let money = |column| Ok::<_, StoreError>(Money::from_micro(row.get(column)?, currency));
        let month: i64 = row.get("month")?;
        Ok(ClosedMonth {
            business,
            month: LaunchMonth::from_number(month).map_err(|error| row.corrupt("month", error))?,
            invoice: row.optional_int("invoice")?,
            contract_version: row.int("contract_version")?,
            vat_base: coded(row, "vat_base", VatBase::from_code)?,
            rounding: coded(row, "rounding", Rounding::from_code)?,
            units: row.int("units")?,
            captured: money("captured")?,
            re_rated: money("re_rated")?,
            promotional: money("promotional")?,
            fee: money("fee")?,
            amounts: InvoiceAmounts {
                net: money("net")?,
                vat: money("vat")?,
                rounding: money("rounded")?,
                total: money("total")?,
                paid: money("paid")?,
                due: money("due")?,
            },
            ledger_transaction: row.optional_id("ledger_transaction")?,
            closed_at: row.time("closed_at")?,
            settled: money("settled")?,
        })
    };
    rows.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn windows(first_open: Option<&str>, first: &str, last: &str) -> Vec<(String, String, String)> {
        let calendar = Calendar {
            zone: zone("Asia/Seoul").unwrap(),
            first_open: first_open.map(|month| month.parse().unwrap()),
        };
        let text = |at: Timestamp| match at.as_millis() {
            i64::MIN | i64::MAX => "any".to_owned(),
            _ => at.to_string(),
        };
        let windows = calendar.windows(at(first), at(last)).into_iter();
        windows
            .map(|window| {
                let month = window.bill_month.to_string();
                (month, text(window.from), text(window.until))
            })
            .collect()
    }

    fn owned(windows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        let own = |(month, from, until): &(&str, &str, &str)| {
            ((*month).into(), (*from).into(), (*until).into())
        };
        windows.iter().map(own).collect()
    }

    #[test]
    fn what_settled_is_cut_at_the_edges_of_its_months() {
        let (before, after) = ("2026-11-30T23:59:59+09:00", "2026-12-01T00:00:00+09:00");
        assert_eq!(
            windows(None, before, before),
            owned(&[("2026-11", "any", "any")])
        );
        let edge = "2026-11-30T15:00:00.000Z";
        assert_eq!(
            windows(None, before, after),
            owned(&[("2026-11", "any", edge), ("2026-12", edge, "any")])
        );
        // A closed month's bill takes nothing more: what comes late is on the next one.
        assert_eq!(
            windows(Some("2026-12"), before, after),
            owned(&[("2026-12", "any", "any")])
        );
        // Clocks that run backward leave nothing out.
        assert_eq!(
            windows(None, after, before),
            owned(&[("2026-12", "any", "any")])
        );
    }
}
