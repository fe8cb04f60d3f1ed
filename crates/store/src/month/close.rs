//! What closing a month writes: its lines, its row with the invoice's number, and the posting of
//! what is asked for. In one write, after which its bill takes nothing more.

use domain::id::{BusinessId, IdSource, LedgerTransactionId};
use domain::invoice::MonthFigures;
use domain::ledger::{IdempotencyKey, Invoiced, LedgerAccount, Posting, TransactionKind};
use domain::money::Money;
use domain::time::{LaunchMonth, Timestamp};

use super::{ClosedMonth, MonthEarned, MonthLine, captured, earned, read, uncaptured};
use crate::ledger::{self, currency_of, invariant};
use crate::row::{self, values};
use crate::wallet::{self, change_one};
use crate::{StoreError, Write};

/// A month that is about to be closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClose {
    pub closed: ClosedMonth,
    pub lines: Vec<MonthLine>,
    pub figures: MonthFigures,
}

impl Write {
    pub async fn closed_month(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
    ) -> Result<Option<ClosedMonth>, StoreError> {
        let found = read(self.connection(), business, Some(month), 1).await?;
        Ok(found.into_iter().next())
    }

    pub async fn captured_lines(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
    ) -> Result<Vec<MonthLine>, StoreError> {
        captured(self.connection(), business, month, begins).await
    }

    pub async fn month_earned(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        begins: Timestamp,
    ) -> Result<MonthEarned, StoreError> {
        earned(self.connection(), business, month, begins).await
    }

    pub async fn uncaptured_before(
        &mut self,
        business: BusinessId,
        until: Timestamp,
    ) -> Result<u64, StoreError> {
        uncaptured(self.connection(), business, until).await
    }

    /// Of what is owed, what was spent before a moment: later usage is on a later bill.
    pub async fn owed_before(
        &mut self,
        business: BusinessId,
        until: Timestamp,
    ) -> Result<Money, StoreError> {
        let currency = currency_of(self.connection(), business).await?;
        let sql = format!(
            "SELECT {} AS later FROM ledger_transaction t
             JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.booked_at >= $2 AND t.kind = $3
               AND e.ledger_account = $4",
            row::sum("e.amount")
        );
        let bound = values![
            business,
            until,
            TransactionKind::PostpaidUsage.code(),
            LedgerAccount::Unbilled.code(),
        ];
        let row = row::one(self.connection(), "ledger_entry", &sql, bound).await?;
        let later: i64 = row.map_or(Ok(0), |row| row.get("later"))?;
        let owed = self.wallet(business).await?.owed.micro();
        Ok(Money::from_micro((owed - later).max(0), currency))
    }

    /// The number that the next invoice gets, over all businesses.
    pub async fn next_invoice(&mut self) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(MAX(invoice), 0) + 1 AS number FROM month_close";
        let row = row::one(self.connection(), "month_close", sql, []).await?;
        row.map_or(Ok(1), |row| row.int("number"))
    }

    /// Closes a month: from here on its bill takes nothing more.
    pub async fn insert_month_close(
        &mut self,
        close: &NewClose,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<(), StoreError> {
        let NewClose {
            closed,
            lines,
            figures,
        } = close;
        let (business, month) = (closed.business, closed.month.number());
        let invoiced = Invoiced {
            unbilled: figures.unbilled,
            fee: figures.fee,
            amounts: closed.amounts,
        };
        let booked = match Posting::invoice(&invoiced).map_err(invariant)? {
            None => None,
            Some(posting) => Some(
                self.book_invoice(closed, &invoiced, &posting, now, ids)
                    .await?,
            ),
        };
        let amounts = closed.amounts;
        let sql = "INSERT INTO month_close (business, month, invoice, contract_version, vat_base,
                     rounding, units, captured, re_rated, promotional, fee, net, vat, rounded,
                     total, paid, due, ledger_transaction, closed_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                     $17, $18, $19)";
        let bound = values![
            business,
            month,
            closed.invoice,
            closed.contract_version,
            closed.vat_base.code(),
            closed.rounding.code(),
            closed.units,
            closed.captured.micro(),
            closed.re_rated.micro(),
            closed.promotional.micro(),
            closed.fee.micro(),
            amounts.net.micro(),
            amounts.vat.micro(),
            amounts.rounding.micro(),
            amounts.total.micro(),
            amounts.paid.micro(),
            amounts.due.micro(),
            booked.map(|id: LedgerTransactionId| id.as_bytes().to_vec()),
            now,
        ];
        row::execute(self.connection(), sql, bound).await?;
        for line in lines {
            let sql = "INSERT INTO month_line
                         (business, month, tariff, price_version, unit_price, units)
                       VALUES ($1, $2, $3, $4, $5, $6)";
            let bound = values![
                business,
                month,
                line.tariff,
                line.price_version,
                line.unit_price.micro(),
                line.units,
            ];
            row::execute(self.connection(), sql, bound).await?;
        }
        Ok(())
    }

    async fn book_invoice(
        &mut self,
        closed: &ClosedMonth,
        invoiced: &Invoiced,
        posting: &Posting,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<LedgerTransactionId, StoreError> {
        let business = closed.business;
        wallet::open(self, business, closed.captured.currency()).await?;
        let what = "the wallet of an invoice";
        let sql = "UPDATE wallet SET owed = owed - $2 WHERE business = $1 AND owed >= $2";
        change_one(self, sql, business, invoiced.unbilled, what).await?;
        let sql = "UPDATE wallet SET receivable = receivable + $2 WHERE business = $1";
        change_one(self, sql, business, invoiced.amounts.due, what).await?;
        let key = IdempotencyKey::invoice(business, closed.month);
        ledger::append(self, ids.next(), business, posting, &key, now).await
    }
}
