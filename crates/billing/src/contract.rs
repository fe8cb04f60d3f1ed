//! Contracts and price books: what the operator agrees to and publishes. Nothing is changed, only
//! followed by another version.

use domain::contract::{BandMode, Contract, ContractError, check_book_name};
use domain::id::BusinessId;
use domain::money::Currency;
use domain::price::{PriceBook, Tariff};
use domain::time::{Timestamp, zone};
use store::Store;

use crate::BillingError;

/// Adds a version to a business's contract; its number follows the last one. It may begin later,
/// not earlier than now: what was sent is priced.
pub async fn agree(
    store: &Store,
    business: BusinessId,
    contract: Contract,
    now: Timestamp,
) -> Result<Contract, BillingError> {
    agree_after(store, business, contract, None, now).await
}

/// The same for somebody who saw the versions up to one, 0 where there was none:
/// [`BillingError::Overtaken`] where there are more.
pub async fn agree_after(
    store: &Store,
    business: BusinessId,
    contract: Contract,
    seen: Option<u32>,
    now: Timestamp,
) -> Result<Contract, BillingError> {
    let mut write = store.write().await?;
    let currency = write.currency_of(business).await?;
    contract.check(currency)?;
    zone(&contract.time_zone)?;
    expect_ahead(contract.effective_from, now)?;
    let books = write.price_books(currency).await?;
    if !books.iter().any(|book| book.name() == contract.book) {
        return Err(BillingError::NoPrice {
            book: contract.book,
            currency,
            at: contract.effective_from,
        });
    }
    let named = books.iter().filter(|book| book.name() == contract.book);
    if contract.band_mode == BandMode::Volume {
        named.into_iter().try_for_each(never_rises)?;
    }
    let versions = write.contracts(business).await?;
    let last = versions.last().map_or(0, |last| last.version);
    if seen.is_some_and(|seen| seen != last) {
        return Err(BillingError::Overtaken);
    }
    let standard = Contract::standard(currency);
    let before = versions.last().unwrap_or(&standard);
    if before.vat_base != contract.vat_base && write.was_topped_up(business).await? {
        return Err(BillingError::VatBaseIsFixed);
    }
    let contract = Contract {
        version: last + 1,
        ..contract
    };
    write.insert_contract(business, &contract, now).await?;
    write.sync_credit(business, now).await?;
    write.commit().await?;
    let (version, kind, book) = (contract.version, contract.kind, &contract.book);
    tracing::info!(%business, version, %kind, book, "agreed to a contract");
    Ok(contract)
}

/// The contract in effect for a business at a moment, and every version of it, the latest last.
pub async fn contracts(
    store: &Store,
    business: BusinessId,
    currency: Currency,
    at: Timestamp,
) -> Result<(Contract, Vec<Contract>), BillingError> {
    let versions = store::contract::versions(store, business).await?;
    let in_effect = Contract::in_effect(versions.clone(), currency, at);
    Ok((in_effect, versions))
}

/// Publishes a version of a price book; its number is given out here. Campaigns under way keep the
/// one they were launched with.
pub async fn publish(
    store: &Store,
    book: impl FnOnce(u32) -> Result<PriceBook, BillingError>,
    now: Timestamp,
) -> Result<PriceBook, BillingError> {
    let mut write = store.write().await?;
    let book = book(write.next_price_version().await?)?;
    check_book_name(book.name())?;
    expect_ahead(book.effective_from(), now)?;
    let by_volume = write.volume_books().await?;
    if by_volume.iter().any(|name| name == book.name()) {
        never_rises(&book)?;
    }
    write.insert_price_book(&book).await?;
    write.commit().await?;
    let (version, name) = (book.version(), book.name());
    tracing::info!(version, name, currency = %book.currency(), "published prices");
    Ok(book)
}

/// Every version of a currency's books, the latest one first.
pub async fn price_books(
    store: &Store,
    currency: Currency,
) -> Result<Vec<PriceBook>, BillingError> {
    Ok(store::price::books(store, currency).await?)
}

/// Where all sends of a month cost what the band it reached does, more must never cost more: what
/// was held for a send covers it.
fn never_rises(book: &PriceBook) -> Result<(), BillingError> {
    let rises = |tariff: &Tariff| !book.bands(*tariff).never_rises();
    match Tariff::ALL.iter().any(rises) {
        true => Err(ContractError::RisingBands(book.name().to_owned()).into()),
        false => Ok(()),
    }
}

fn expect_ahead(effective_from: Timestamp, now: Timestamp) -> Result<(), BillingError> {
    match effective_from < now {
        true => Err(BillingError::InThePast { effective_from }),
        false => Ok(()),
    }
}
