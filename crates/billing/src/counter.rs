//! What operators do with money, and with the books: confirm a payment, have them checked. Pages
//! are handed this instead of a store that writes.

use std::sync::Arc;

use domain::id::{BusinessId, IdSource, LedgerTransactionId};
use domain::money::Money;
use domain::time::Clock;
use store::Store;
use store::reconciliation::{CheckKind, RecordedCheck};

use crate::checks::check_books;
use crate::{BillingError, top_up};

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

    /// Checks the books now, lightly.
    pub async fn check(&self) -> Result<RecordedCheck, BillingError> {
        let (clock, ids) = (self.clock.as_ref(), self.ids.as_ref());
        check_books(&self.store, CheckKind::Light, None, clock, ids).await
    }
}
