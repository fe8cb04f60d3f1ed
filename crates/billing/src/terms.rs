//! What sends of a business cost now: its contract, the price book it names, and what its plan's
//! month has already.

use domain::contract::{Contract, ContractKind};
use domain::id::{BusinessId, CampaignId};
use domain::money::Currency;
use domain::price::PriceBook;
use domain::terms::{PlanUse, Terms};
use domain::time::{InvalidTime, LaunchMonth, LocalDay, Timestamp, zone};
use store::{Store, StoreError, Write};

use crate::BillingError;

/// The terms a page shows.
pub async fn terms(
    store: &Store,
    business: BusinessId,
    currency: Currency,
    at: Timestamp,
) -> Result<Terms, BillingError> {
    let versions = store::contract::versions(store, business).await?;
    let contract = Contract::in_effect(versions, currency, at);
    let book = book_of(store::price::books(store, currency).await?, &contract, at)?;
    let used = match contract.quota {
        0 => PlanUse::default(),
        _ => {
            let month = month_of(&contract, at)?;
            store::contract::plan_use(store, business, month).await?
        }
    };
    Ok(Terms {
        book,
        contract,
        used,
    })
}

/// The same inside a launch, whose price, quota and hold belong together.
pub async fn terms_at_launch(
    write: &mut Write,
    business: BusinessId,
    at: Timestamp,
) -> Result<Terms, BillingError> {
    let currency = write.currency_of(business).await?;
    let contract = Contract::in_effect(write.contracts(business).await?, currency, at);
    let book = book_of(write.price_books(currency).await?, &contract, at)?;
    let month = month_of(&contract, at)?;
    let used = write.plan_use(business, month).await?;
    Ok(Terms {
        book,
        contract,
        used,
    })
}

/// Takes what a campaign's sends need of the plan's month, quota first. Nothing where the terms are
/// no plan's; [`BillingError::BeyondPlan`] where the month sells no more.
pub async fn take_plan(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    terms: &Terms,
    units: u64,
    now: Timestamp,
) -> Result<(), BillingError> {
    if terms.contract.kind != ContractKind::Plan {
        return Ok(());
    }
    let share = terms.share(units).ok_or_else(|| BillingError::BeyondPlan {
        needed: units,
        room: terms.room(),
    })?;
    let month = month_of(&terms.contract, now)?;
    Ok(write.take_plan(business, campaign, month, share).await?)
}

/// When a business's month begins: where its latest contract counts months, or an edge could be
/// passed twice.
pub(crate) fn month_begins(
    versions: &[Contract],
    month: LaunchMonth,
) -> Result<Timestamp, BillingError> {
    let standard = Contract::standard(Currency::Krw);
    let latest = versions.last().unwrap_or(&standard);
    Ok(month.begins(&zone(&latest.time_zone).map_err(bad_zone)?))
}

/// The month that a moment is in where the contract counts months.
pub fn month_of(contract: &Contract, at: Timestamp) -> Result<LaunchMonth, BillingError> {
    let zone = zone(&contract.time_zone).map_err(bad_zone)?;
    Ok(LocalDay::of(at, &zone).month())
}

fn bad_zone(error: InvalidTime) -> StoreError {
    StoreError::Corrupt {
        table: "contract",
        column: "time_zone",
        why: error.to_string(),
    }
}

fn book_of(
    books: Vec<PriceBook>,
    contract: &Contract,
    at: Timestamp,
) -> Result<PriceBook, BillingError> {
    let named = books.iter().filter(|book| book.name() == contract.book);
    PriceBook::in_force(named, at)
        .cloned()
        .ok_or_else(|| BillingError::NoPrice {
            book: contract.book.clone(),
            currency: contract.credit_limit.currency(),
            at,
        })
}
