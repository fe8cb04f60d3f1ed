//! What follows an invoice: payments, credit notes, and refunds of cash that was never spent. Every
//! one is booked once by its reference; the invoice itself is never changed.

use domain::contract::{Contract, VatBase};
use domain::id::{BusinessId, IdSource, LedgerTransactionId};
use domain::invoice::credit;
use domain::ledger::{Credited, IdempotencyKey, LedgerAccount, LedgerError};
use domain::money::{InvalidMoney, Money};
use domain::price::vat;
use domain::time::{LaunchMonth, Timestamp};
use store::month::{ClosedMonth, CreditNote, NewCreditNote, REASON_CHARS_MAX};
use store::{Store, StoreError, Write};

use crate::BillingError;

/// Books the transfer that paid an invoice, or a part of it.
pub async fn pay(
    store: &Store,
    business: BusinessId,
    month: LaunchMonth,
    amount: Money,
    reference: &str,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LedgerTransactionId, BillingError> {
    let key = IdempotencyKey::invoice_payment(reference)?;
    positive(amount)?;
    let mut write = store.write().await?;
    let moved = (LedgerAccount::BankClearing, amount);
    if let Some(booked) = write.booked_before(&key, business, moved).await? {
        return match write.month_paid_by(booked.id).await? == Some(month) {
            true => Ok(booked.id),
            false => Err(of_another_month(&key)),
        };
    }
    let closed = invoiced(&mut write, business, month).await?;
    at_most(amount, closed.open())?;
    let id = write
        .pay_invoice(business, month, amount, &key, now, ids)
        .await?;
    write.commit().await?;
    tracing::info!(%business, %month, %amount, reference, transaction = %id, "an invoice was paid");
    Ok(id)
}

/// Takes a net amount of an invoice back, with its VAT: first from what it still asks for; the rest
/// is to be paid back.
pub async fn credit_note(
    store: &Store,
    (business, month): (BusinessId, LaunchMonth),
    net: Money,
    (reference, reason): (&str, &str),
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<CreditNote, BillingError> {
    let key = IdempotencyKey::credit_note(reference)?;
    positive(net)?;
    if !(1..=REASON_CHARS_MAX).contains(&reason.trim().chars().count()) {
        return Err(BillingError::BadReason);
    }
    let mut write = store.write().await?;
    let moved = (LedgerAccount::Revenue, net);
    if let Some(booked) = write.booked_before(&key, business, moved).await? {
        let note = noted(&mut write, business, booked.id).await?;
        return match note.month == month {
            true => Ok(note),
            false => Err(of_another_month(&key)),
        };
    }
    let closed = invoiced(&mut write, business, month).await?;
    let before = write.credit_notes(business).await?;
    let before = before.iter().filter(|note| note.month == month);
    let credited: i64 = before.map(|note| note.amounts.net.micro()).sum();
    let left = closed.amounts.net.micro() - credited;
    at_most(net, Money::from_micro(left, net.currency()))?;
    let amounts = credit(net, closed.vat_base, closed.rounding)?;
    let open = closed.open();
    let of_receivable = Money::from_micro(
        amounts.total.micro().min(open.micro()),
        amounts.total.currency(),
    );
    let note = NewCreditNote {
        business,
        month,
        credited: Credited {
            amounts,
            of_receivable,
        },
        reason: reason.trim(),
    };
    let (id, number) = write.insert_credit_note(&note, &key, now, ids).await?;
    let note = noted(&mut write, business, id).await?;
    write.commit().await?;
    tracing::info!(%business, %month, number, %net, reference, "a credit note was issued");
    Ok(note)
}

/// Takes cash that was paid in and not spent out of the wallet, to be paid back. Only where nothing
/// is held or owed: then it is nobody's but the brand's.
pub async fn refund(
    store: &Store,
    business: BusinessId,
    net: Money,
    reference: &str,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LedgerTransactionId, BillingError> {
    let key = IdempotencyKey::refund(reference)?;
    positive(net)?;
    let mut write = store.write().await?;
    let moved = (LedgerAccount::Cash, net);
    if let Some(booked) = write.booked_before(&key, business, moved).await? {
        return Ok(booked.id);
    }
    let wallet = write.wallet(business).await?;
    if !wallet.held.is_zero() {
        return Err(BillingError::HoldsOpen { held: wallet.held });
    }
    let due = wallet.owed.checked_add(wallet.receivable)?;
    if !due.is_zero() {
        return Err(BillingError::StillDue { due });
    }
    at_most(net, write.free_cash(business).await?)?;
    let currency = net.currency();
    let contracts = write.contracts(business).await?;
    let contract = Contract::in_effect(contracts, currency, now);
    let vat = match contract.vat_base {
        VatBase::Consumed => Money::zero(currency),
        VatBase::ToppedUp => vat(net)?,
    };
    let id = write.refund(business, (net, vat), &key, now, ids).await?;
    write.commit().await?;
    tracing::info!(%business, %net, %vat, reference, transaction = %id, "cash is to be refunded");
    Ok(id)
}

/// Books the transfer by which what was to be paid back left the bank.
pub async fn refund_paid(
    store: &Store,
    business: BusinessId,
    amount: Money,
    reference: &str,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LedgerTransactionId, BillingError> {
    let key = IdempotencyKey::refund_paid(reference)?;
    positive(amount)?;
    let mut write = store.write().await?;
    let moved = (LedgerAccount::RefundPayable, amount);
    if let Some(booked) = write.booked_before(&key, business, moved).await? {
        return Ok(booked.id);
    }
    at_most(amount, write.refund_payable(business).await?)?;
    let id = write.refund_paid(business, amount, &key, now, ids).await?;
    write.commit().await?;
    tracing::info!(%business, %amount, reference, transaction = %id, "a refund was paid");
    Ok(id)
}

fn of_another_month(key: &IdempotencyKey) -> BillingError {
    StoreError::Taken(format!(
        "the reference of {key} was used before, for the invoice of another month"
    ))
    .into()
}

fn positive(amount: Money) -> Result<(), BillingError> {
    match amount.micro() > 0 {
        true => Ok(()),
        false => Err(LedgerError::NotPositive(amount).into()),
    }
}

fn at_most(amount: Money, most: Money) -> Result<(), BillingError> {
    if amount.currency() != most.currency() {
        let (wanted, other) = (most.currency(), amount.currency());
        return Err(InvalidMoney::CurrenciesDiffer(wanted, other).into());
    }
    match amount.micro() <= most.micro() {
        true => Ok(()),
        false => Err(BillingError::TooMuch { amount, most }),
    }
}

/// A closed month with an invoice.
async fn invoiced(
    write: &mut Write,
    business: BusinessId,
    month: LaunchMonth,
) -> Result<ClosedMonth, BillingError> {
    let closed = write.closed_month(business, month).await?;
    closed
        .filter(|closed| closed.invoice.is_some())
        .ok_or_else(|| StoreError::NotFound(format!("invoice of {month} for {business}")).into())
}

async fn noted(
    write: &mut Write,
    business: BusinessId,
    id: LedgerTransactionId,
) -> Result<CreditNote, BillingError> {
    let notes = write.credit_notes(business).await?;
    let note = notes.into_iter().find(|note| note.ledger_transaction == id);
    note.ok_or_else(|| StoreError::NotFound(format!("credit note of {id}")).into())
}
