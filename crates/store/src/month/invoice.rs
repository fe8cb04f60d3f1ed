//! What follows an invoice, which is itself never changed: transfers that pay it, credit notes that
//! take a part of it back, and refunds of cash that was never spent.

use domain::id::{BusinessId, IdSource, LedgerTransactionId};
use domain::invoice::CreditAmounts;
use domain::ledger::{Credited, IdempotencyKey, LedgerAccount, Posting, TransactionKind};
use domain::money::Money;
use domain::time::{LaunchMonth, Timestamp};
use sea_orm::ConnectionTrait;

use crate::ledger::{self, LedgerTransaction, currency_of, invariant};
use crate::row::{self, Row, values};
use crate::wallet::change_one;
use crate::{Store, StoreError, Write};

/// What a part of an invoice is taken back for, in the operator's words.
pub const REASON_CHARS_MAX: usize = 200;

/// A transfer that paid an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    pub ledger_transaction: LedgerTransactionId,
    pub amount: Money,
    pub paid_at: Timestamp,
}

/// What of an invoice was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    pub ledger_transaction: LedgerTransactionId,
    pub number: u64,
    pub month: LaunchMonth,
    pub amounts: CreditAmounts,
    /// Of the total, what the invoice no longer asks for; the rest is to be paid back.
    pub of_receivable: Money,
    pub reason: String,
    pub issued_at: Timestamp,
}

/// A credit note that is about to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewCreditNote<'a> {
    pub business: BusinessId,
    pub month: LaunchMonth,
    pub credited: Credited,
    pub reason: &'a str,
}

/// Credit notes of a business, the latest first.
pub async fn credit_notes(
    store: &Store,
    business: BusinessId,
) -> Result<Vec<CreditNote>, StoreError> {
    read_notes(store.reader(), business).await
}

/// Transfers that paid a month's invoice.
pub async fn payments(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<Vec<Payment>, StoreError> {
    let currency = currency_of(store.reader(), business).await?;
    let sql = "SELECT ledger_transaction, amount, paid_at FROM invoice_payment
               WHERE business = $1 AND month = $2 ORDER BY paid_at, ledger_transaction";
    let bound = values![business, month.number()];
    let rows = row::all(store.reader(), "invoice_payment", sql, bound).await?;
    let read = |row: &Row| {
        Ok(Payment {
            ledger_transaction: row.id("ledger_transaction")?,
            amount: Money::from_micro(row.get("amount")?, currency),
            paid_at: row.time("paid_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// What is to be paid back and has not left the bank.
pub async fn to_refund(store: &Store, business: BusinessId) -> Result<Money, StoreError> {
    refund_payable(store.reader(), business).await
}

impl Write {
    pub async fn credit_notes(
        &mut self,
        business: BusinessId,
    ) -> Result<Vec<CreditNote>, StoreError> {
        read_notes(self.connection(), business).await
    }

    /// What was booked under a key before: the same again answers it, anything else is
    /// [`StoreError::Taken`]. `moved` is what an account's entries must add up to.
    pub async fn booked_before(
        &mut self,
        key: &IdempotencyKey,
        business: BusinessId,
        (account, moved): (LedgerAccount, Money),
    ) -> Result<Option<LedgerTransaction>, StoreError> {
        let Some(booked) = ledger::find(self, key).await? else {
            return Ok(None);
        };
        let entries = booked
            .entries
            .iter()
            .filter(|entry| entry.account == account);
        let sum: i64 = entries.map(|entry| entry.amount.micro()).sum();
        match booked.business == business && sum == moved.micro() {
            true => Ok(Some(booked)),
            false => Err(StoreError::Taken(format!(
                "the reference of {key} was used before, for something else"
            ))),
        }
    }

    /// The month whose invoice a transaction paid.
    pub async fn month_paid_by(
        &mut self,
        id: LedgerTransactionId,
    ) -> Result<Option<LaunchMonth>, StoreError> {
        let sql = "SELECT month FROM invoice_payment WHERE ledger_transaction = $1";
        let row = row::one(self.connection(), "invoice_payment", sql, values![id]).await?;
        let month = row.map(|row| row.get::<i64>("month")).transpose()?;
        month
            .map(|month| LaunchMonth::from_number(month).map_err(invariant))
            .transpose()
    }

    pub async fn pay_invoice(
        &mut self,
        business: BusinessId,
        month: LaunchMonth,
        amount: Money,
        key: &IdempotencyKey,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<LedgerTransactionId, StoreError> {
        let posting = Posting::invoice_payment(amount).map_err(invariant)?;
        let sql = "UPDATE wallet SET receivable = receivable - $2
                   WHERE business = $1 AND receivable >= $2";
        change_one(self, sql, business, amount, "the receivable of a payment").await?;
        let id = ledger::append(self, ids.next(), business, &posting, key, now).await?;
        let sql = "INSERT INTO invoice_payment
                     (ledger_transaction, business, month, amount, paid_at)
                   VALUES ($1, $2, $3, $4, $5)";
        let bound = values![id, business, month.number(), amount.micro(), now];
        row::execute(self.connection(), sql, bound).await?;
        Ok(id)
    }

    pub async fn insert_credit_note(
        &mut self,
        note: &NewCreditNote<'_>,
        key: &IdempotencyKey,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<(LedgerTransactionId, u64), StoreError> {
        let NewCreditNote {
            business,
            month,
            credited,
            reason,
        } = *note;
        let posting = Posting::credit_note(&credited).map_err(invariant)?;
        let sql = "UPDATE wallet SET receivable = receivable - $2
                   WHERE business = $1 AND receivable >= $2";
        let what = "the receivable of a credit note";
        change_one(self, sql, business, credited.of_receivable, what).await?;
        let id = ledger::append(self, ids.next(), business, &posting, key, now).await?;
        let sql = "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM credit_note";
        let row = row::one(self.connection(), "credit_note", sql, []).await?;
        let number: u64 = row.map_or(Ok(1), |row| row.int("number"))?;
        let CreditAmounts {
            net,
            vat,
            rounding,
            total,
        } = credited.amounts;
        let sql = "INSERT INTO credit_note (ledger_transaction, number, business, month, net, vat,
                     rounded, total, of_receivable, reason, issued_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let bound = values![
            id,
            number,
            business,
            month.number(),
            net.micro(),
            vat.micro(),
            rounding.micro(),
            total.micro(),
            credited.of_receivable.micro(),
            reason,
            now,
        ];
        row::execute(self.connection(), sql, bound).await?;
        Ok((id, number))
    }

    /// What of a wallet is cash that was paid in: free money without promotional credit.
    pub async fn free_cash(&mut self, business: BusinessId) -> Result<Money, StoreError> {
        let available = self.wallet(business).await?.available;
        let lots = crate::promotional::free(self.connection(), business).await?;
        let credit: i64 = lots.iter().map(|part| part.amount.micro()).sum();
        let micro = available.micro() - credit;
        Ok(Money::from_micro(micro, available.currency()))
    }

    /// Takes cash out of the wallet that is to be paid back, with the VAT that was taken of it.
    pub async fn refund(
        &mut self,
        business: BusinessId,
        (net, vat): (Money, Money),
        key: &IdempotencyKey,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<LedgerTransactionId, StoreError> {
        let posting = Posting::refund(net, vat).map_err(invariant)?;
        let sql = "UPDATE wallet SET available = available - $2
                   WHERE business = $1 AND held = 0 AND owed = 0 AND available >= $2";
        change_one(self, sql, business, net, "the cash of a refund").await?;
        ledger::append(self, ids.next(), business, &posting, key, now).await
    }

    pub async fn refund_payable(&mut self, business: BusinessId) -> Result<Money, StoreError> {
        refund_payable(self.connection(), business).await
    }

    /// Books that what was to be paid back has left the bank.
    pub async fn refund_paid(
        &mut self,
        business: BusinessId,
        amount: Money,
        key: &IdempotencyKey,
        now: Timestamp,
        ids: &dyn IdSource,
    ) -> Result<LedgerTransactionId, StoreError> {
        let posting = Posting::refund_paid(amount).map_err(invariant)?;
        ledger::append(self, ids.next(), business, &posting, key, now).await
    }

    /// Whether anything was ever paid into a wallet.
    pub async fn was_topped_up(&mut self, business: BusinessId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 AS one FROM ledger_transaction
                   WHERE business = $1 AND kind = $2 LIMIT 1";
        let kind = TransactionKind::TopUp.code();
        let bound = values![business, kind];
        let row = row::one(self.connection(), "ledger_transaction", sql, bound).await?;
        Ok(row.is_some())
    }
}

async fn refund_payable(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Money, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = format!(
        "SELECT {} AS payable FROM ledger_transaction t
         JOIN ledger_entry e ON e.ledger_transaction = t.id
         WHERE t.business = $1 AND e.ledger_account = $2",
        row::sum("-e.amount")
    );
    let bound = values![business, LedgerAccount::RefundPayable.code()];
    let row = row::one(connection, "ledger_entry", &sql, bound).await?;
    let micro = row.map_or(Ok(0), |row| row.get("payable"))?;
    Ok(Money::from_micro(micro, currency))
}

async fn read_notes(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Vec<CreditNote>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = "SELECT ledger_transaction, number, month, net, vat, rounded, total, of_receivable,
                 reason, issued_at
               FROM credit_note WHERE business = $1 ORDER BY number DESC";
    let rows = row::all(connection, "credit_note", sql, values![business]).await?;
    let read = |row: &Row| {
        let money = |column| Ok::<_, StoreError>(Money::from_micro(row.get(column)?, currency));
        let month: i64 = row.get("month")?;
        Ok(CreditNote {
            ledger_transaction: row.id("ledger_transaction")?,
            number: row.int("number")?,
            month: LaunchMonth::from_number(month).map_err(|error| row.corrupt("month", error))?,
            amounts: CreditAmounts {
                net: money("net")?,
                vat: money("vat")?,
                rounding: money("rounded")?,
                total: money("total")?,
            },
            of_receivable: money("of_receivable")?,
            reason: row.get("reason")?,
            issued_at: row.time("issued_at")?,
        })
    };
    rows.iter().map(read).collect()
}
