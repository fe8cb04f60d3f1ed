//! Promotional credit: granted by the operator in lots, spent before cash, gone with its expiry.

use domain::id::{BusinessId, IdSource, LotId};
use domain::ledger::{IdempotencyKey, LedgerError};
use domain::money::Money;
use domain::time::Timestamp;
use store::promotional::{self, REASON_CHARS_MAX};
use store::{Store, Write};

use crate::BillingError;

pub use store::promotional::{Grant, Lot};

/// Books a grant in a transaction of its own. The same reference again answers the first lot; with
/// another amount, business or expiry it is refused.
pub async fn grant(
    store: &Store,
    grant: Grant<'_>,
    reference: &str,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LotId, BillingError> {
    let key = IdempotencyKey::promotional_grant(reference)?;
    let Grant {
        business,
        amount,
        expires_at,
        reason,
    } = grant;
    if amount.is_zero() || amount.is_negative() {
        return Err(LedgerError::NotPositive(amount).into());
    }
    if !(1..=REASON_CHARS_MAX).contains(&reason.trim().chars().count()) {
        return Err(BillingError::BadReason);
    }
    let mut write = store.write().await?;
    // Told again after its time is over, it is still the same grant.
    let is_known = store::ledger::find(&mut write, &key).await?.is_some();
    if expires_at <= now && !is_known {
        return Err(BillingError::AlreadyOver { expires_at });
    }
    let lot = promotional::grant(&mut write, grant, &key, now, ids).await?;
    write.commit().await?;
    tracing::info!(%business, %amount, reference, %lot, "granted promotional credit");
    Ok(lot)
}

/// The lots of a business, those that last longest first.
pub async fn lots(store: &Store, business: BusinessId) -> Result<Vec<Lot>, BillingError> {
    Ok(promotional::lots(store, business).await?)
}

/// Businesses whose credit is over and not taken back yet.
pub async fn businesses_due(
    store: &Store,
    now: Timestamp,
) -> Result<Vec<BusinessId>, BillingError> {
    Ok(promotional::businesses_due(store, now).await?)
}

/// Takes back what is left of the lots whose time is over; how much that was.
pub async fn expire(
    write: &mut Write,
    business: BusinessId,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Money, BillingError> {
    Ok(promotional::expire_due(write, business, now, ids).await?)
}
