//! What operators do with money, and with the books: confirm a payment, agree to a contract,
//! publish prices, give credit, close months and mend their bills, have the books checked. Pages
//! are handed this instead of a store that writes.

use std::sync::Arc;

use domain::band::Bands;
use domain::contract::Contract;
use domain::id::{BusinessId, IdSource, LedgerTransactionId, LotId};
use domain::money::{Currency, Money};
use domain::price::PriceBook;
use domain::time::{Clock, LaunchMonth, Timestamp};
use store::Store;
use store::month::{ClosedMonth, CreditNote};
use store::reconciliation::{CheckKind, RecordedCheck};

use crate::checks::check_books;
use crate::promotional::Grant;
use crate::{BillingError, contract, invoice, month, promotional, top_up};

/// The counter at which operators work.
#[derive(Clone)]
pub struct Counter {
    store: Store,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
}

impl Counter {
    pub fn of(store: Store, clock: Arc<dyn Clock>, ids: Arc<dyn IdSource>) -> Self {
        Self { store, clock, ids }
    }

    /// The books of everybody, to be read.
    pub fn reader(&self) -> Store {
        self.store.read_only()
    }

    /// Books a payment that was seen on the bank account; the same reference again books nothing.
    pub async fn top_up(
        &self,
        business: BusinessId,
        amount: Money,
        reference: &str,
    ) -> Result<LedgerTransactionId, BillingError> {
        let now = self.clock.now();
        top_up(
            &self.store,
            business,
            amount,
            reference,
            now,
            self.ids.as_ref(),
        )
        .await
    }

    /// Adds a version to a contract, from a moment or from now on. `seen` is the last version that
    /// whoever agrees has seen, 0 for none.
    pub async fn agree(
        &self,
        business: BusinessId,
        agreed: Contract,
        from: Option<Timestamp>,
        seen: u32,
    ) -> Result<Contract, BillingError> {
        let now = self.clock.now();
        let agreed = Contract {
            effective_from: from.unwrap_or(now),
            ..agreed
        };
        contract::agree_after(&self.store, business, agreed, Some(seen), now).await
    }

    /// Publishes the version of this number, from a moment or from now on; prices are in the order
    /// of `Tariff::ALL`.
    pub async fn publish(
        &self,
        version: u32,
        name: &str,
        currency: Currency,
        from: Option<Timestamp>,
        prices: [Bands; 4],
    ) -> Result<PriceBook, BillingError> {
        let now = self.clock.now();
        let from = from.unwrap_or(now);
        let book = |next| match next == version {
            true => Ok(PriceBook::of_bands(next, name, currency, from, prices)?),
            false => Err(BillingError::Overtaken),
        };
        contract::publish(&self.store, book, now).await
    }

    /// Gives promotional credit; the same reference again gives nothing.
    pub async fn grant(&self, grant: Grant<'_>, reference: &str) -> Result<LotId, BillingError> {
        let now = self.clock.now();
        promotional::grant(&self.store, grant, reference, now, self.ids.as_ref()).await
    }

    /// Closes a month, or says what does not add up.
    pub async fn close_month(
        &self,
        business: BusinessId,
        of: LaunchMonth,
    ) -> Result<ClosedMonth, BillingError> {
        month::close(
            &self.store,
            business,
            of,
            self.clock.now(),
            self.ids.as_ref(),
        )
        .await
    }

    /// Books a transfer that paid an invoice; the same reference again books nothing.
    pub async fn pay_invoice(
        &self,
        (business, of): (BusinessId, LaunchMonth),
        amount: Money,
        reference: &str,
    ) -> Result<LedgerTransactionId, BillingError> {
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        invoice::pay(&self.store, business, of, amount, reference, now, ids).await
    }

    /// Takes a part of an invoice back; `said` are its reference and its reason.
    pub async fn credit_note(
        &self,
        of: (BusinessId, LaunchMonth),
        net: Money,
        said: (&str, &str),
    ) -> Result<CreditNote, BillingError> {
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        invoice::credit_note(&self.store, of, net, said, now, ids).await
    }

    /// Takes unspent cash out of a wallet, to be paid back.
    pub async fn refund(
        &self,
        business: BusinessId,
        net: Money,
        reference: &str,
    ) -> Result<LedgerTransactionId, BillingError> {
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        invoice::refund(&self.store, business, net, reference, now, ids).await
    }

    /// Books that what was to be paid back has left the bank.
    pub async fn refund_paid(
        &self,
        business: BusinessId,
        amount: Money,
        reference: &str,
    ) -> Result<LedgerTransactionId, BillingError> {
        let (now, ids) = (self.clock.now(), self.ids.as_ref());
        invoice::refund_paid(&self.store, business, amount, reference, now, ids).await
    }

    /// Checks the books now, lightly.
    pub async fn check(&self) -> Result<RecordedCheck, BillingError> {
        let (clock, ids) = (self.clock.as_ref(), self.ids.as_ref());
        check_books(&self.store, CheckKind::Light, None, clock, ids).await
    }
}
