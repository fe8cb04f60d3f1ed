//! How many more sends a business can pay for this month.

use domain::id::{AccountId, BusinessId};
use domain::price::Tariff;
use domain::shortage::Means;
use domain::time::Timestamp;
use store::Store;

use crate::BillingError;

/// More than anybody sends in a month: beyond it there is no bound worth a number.
const BOUNDLESS: u64 = 1_000_000_000_000;

/// How many more sends of a tariff plan, wallet and budgets have for an account now, each at the
/// dearest price it can reach, with what is only kept ready for requests; `None` where nothing
/// bounds them.
pub async fn allowance(
    store: &Store,
    business: BusinessId,
    account: AccountId,
    tariff: Tariff,
    now: Timestamp,
) -> Result<Option<u64>, BillingError> {
    let wallet = crate::wallet(store, business).await?;
    let currency = wallet.available.currency();
    let terms = crate::terms(store, business, currency, now).await?;
    let all = crate::budget::budgets(store, business, None, now).await?;
    let budgets = crate::budget::of_account(&all, account);
    let means = Means {
        funds: wallet.spendable()?,
        budgets: &budgets,
        terms: &terms,
    };
    let granted = means.grant(tariff, BOUNDLESS);
    let ready = store.unused_units(business).await?;
    Ok(granted
        .short_of
        .map(|_| granted.units.saturating_add(ready)))
}
