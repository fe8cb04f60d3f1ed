//! What a month's close posts, and what follows its invoice: re-rating, the invoice, its payment,
//! credit notes and refunds.

use super::{
    Entry, LedgerAccount, LedgerError, Part, Posting, TransactionKind, expiry, free, transfer,
};
use crate::funds::Funds;
use crate::id::{CampaignId, LotId};
use crate::invoice::{CreditAmounts, InvoiceAmounts};
use crate::money::Money;

/// What an invoice moves in the books beside what its month's captures moved already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invoiced {
    /// Of the month's cash, what was spent on credit and is owed: it is asked for now.
    pub unbilled: Money,
    pub fee: Money,
    pub amounts: InvoiceAmounts,
}

/// What a credit note takes back, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credited {
    pub amounts: CreditAmounts,
    /// Of the total, what lessens what the invoice still asks for; the rest is paid back.
    pub of_receivable: Money,
}

impl Posting {
    /// A month is priced at the band it reached: what campaigns paid for more comes back to where
    /// it came from, a lot's credit that is over meanwhile expires, and of cash what is owed is
    /// paid first.
    pub fn re_rating(
        back: &[(CampaignId, Funds)],
        is_expired: impl Fn(LotId) -> bool,
        owed: Money,
    ) -> Result<Self, LedgerError> {
        let mut entries = Vec::with_capacity(back.len() * 2);
        let mut in_cash = Money::zero(owed.currency());
        for (campaign, funds) in back {
            for (lot, amount) in funds.parts() {
                let part = Part::of(amount).of_campaign(*campaign).from(lot);
                entries.extend(transfer(LedgerAccount::Revenue, free(lot), part)?);
                if lot.is_some_and(&is_expired) {
                    entries.extend(expiry(part)?);
                }
            }
            in_cash = in_cash.checked_add(funds.in_cash())?;
        }
        let paid = Money::from_micro(in_cash.micro().min(owed.micro()), owed.currency());
        if !paid.is_zero() {
            let part = Part::of(paid);
            entries.extend(transfer(
                LedgerAccount::Cash,
                LedgerAccount::Unbilled,
                part,
            )?);
        }
        Self::balanced(TransactionKind::ReRating, entries)
    }

    /// A month is invoiced: what is due is asked for. `None` where nothing is.
    pub fn invoice(invoiced: &Invoiced) -> Result<Option<Self>, LedgerError> {
        let InvoiceAmounts {
            vat, rounding, due, ..
        } = invoiced.amounts;
        let entries = signed([
            (LedgerAccount::Receivable, due),
            (LedgerAccount::Unbilled, negated(invoiced.unbilled)?),
            (LedgerAccount::Revenue, negated(invoiced.fee)?),
            (LedgerAccount::VatPayable, negated(vat)?),
            (LedgerAccount::Rounding, negated(rounding)?),
        ]);
        match entries.is_empty() {
            true => Ok(None),
            false => Self::balanced(TransactionKind::Invoice, entries).map(Some),
        }
    }

    /// The bank transfer for an invoice arrived.
    pub fn invoice_payment(amount: Money) -> Result<Self, LedgerError> {
        let (from, to) = (LedgerAccount::BankClearing, LedgerAccount::Receivable);
        let pair = transfer(from, to, Part::of(amount))?;
        Self::balanced(TransactionKind::InvoicePayment, pair.to_vec())
    }

    /// A part of an invoice is taken back, with its VAT.
    pub fn credit_note(credited: &Credited) -> Result<Self, LedgerError> {
        let CreditAmounts {
            net,
            vat,
            rounding,
            total,
        } = credited.amounts;
        if net.micro() <= 0 {
            return Err(LedgerError::NotPositive(net));
        }
        let of_receivable = credited.of_receivable;
        let entries = signed([
            (LedgerAccount::Revenue, net),
            (LedgerAccount::VatPayable, vat),
            (LedgerAccount::Rounding, rounding),
            (LedgerAccount::Receivable, negated(of_receivable)?),
            (
                LedgerAccount::RefundPayable,
                of_receivable.checked_sub(total)?,
            ),
        ]);
        Self::balanced(TransactionKind::CreditNote, entries)
    }

    /// Cash that was paid in and not spent is to be paid back, with the VAT that was taken of it.
    pub fn refund(net: Money, vat: Money) -> Result<Self, LedgerError> {
        let mut entries = transfer(
            LedgerAccount::Cash,
            LedgerAccount::RefundPayable,
            Part::of(net),
        )?
        .to_vec();
        if !vat.is_zero() {
            let (from, to) = (LedgerAccount::VatPayable, LedgerAccount::RefundPayable);
            entries.extend(transfer(from, to, Part::of(vat))?);
        }
        Self::balanced(TransactionKind::Refund, entries)
    }

    /// What was to be paid back has left the bank.
    pub fn refund_paid(amount: Money) -> Result<Self, LedgerError> {
        let (from, to) = (LedgerAccount::RefundPayable, LedgerAccount::BankClearing);
        let pair = transfer(from, to, Part::of(amount))?;
        Self::balanced(TransactionKind::RefundPaid, pair.to_vec())
    }
}

/// One entry for each account that something moves in.
fn signed<const N: usize>(amounts: [(LedgerAccount, Money); N]) -> Vec<Entry> {
    let entry = |(account, amount)| Entry {
        account,
        campaign: None,
        lot: None,
        amount,
    };
    let moved = amounts.into_iter().filter(|(_, amount)| !amount.is_zero());
    moved.map(entry).collect()
}

fn negated(amount: Money) -> Result<Money, LedgerError> {
    Ok(Money::zero(amount.currency()).checked_sub(amount)?)
}
