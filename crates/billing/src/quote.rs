//! What a launch would cost: counts per tariff times the price book in force.

use domain::money::Currency;
use domain::price::{PriceBook, Quote, Tariff};
use domain::time::Timestamp;
use store::{Store, Write};

use crate::BillingError;

/// The price book in force for a currency; an error where nothing is priced in it.
pub async fn price_book(
    store: &Store,
    currency: Currency,
    at: Timestamp,
) -> Result<PriceBook, BillingError> {
    let book = store::price::book_at(store, currency, at).await?;
    book.ok_or(BillingError::NoPrice { currency, at })
}

/// The same inside a launch, whose price and hold belong together.
pub async fn price_book_at_launch(
    write: &mut Write,
    currency: Currency,
    at: Timestamp,
) -> Result<PriceBook, BillingError> {
    let book = store::price::book_at_launch(write, currency, at).await?;
    book.ok_or(BillingError::NoPrice { currency, at })
}

/// Lines per tariff, the net amount that would be held, and VAT. `counts` are recipients per
/// tariff, as the launch counts them.
pub async fn quote(
    store: &Store,
    currency: Currency,
    at: Timestamp,
    counts: &[(Tariff, u64)],
) -> Result<Quote, BillingError> {
    let book = price_book(store, currency, at).await?;
    Ok(domain::price::quote(counts.iter().copied(), &book)?)
}
