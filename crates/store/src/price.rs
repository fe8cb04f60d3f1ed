//! The price books as stored: a row per version, currency and tariff.

use std::collections::BTreeMap;

use domain::money::{Currency, Money};
use domain::price::{PriceBook, Tariff};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::row::{self, values};
use crate::{Store, StoreError, Write};

/// The book in force for a currency at a time; `None` where nothing is priced in it yet.
pub async fn book_at(
    store: &Store,
    currency: Currency,
    at: Timestamp,
) -> Result<Option<PriceBook>, StoreError> {
    in_force(store.reader(), currency, at).await
}

/// The same inside a launch, whose price and hold belong together.
pub async fn book_at_launch(
    write: &mut Write,
    currency: Currency,
    at: Timestamp,
) -> Result<Option<PriceBook>, StoreError> {
    in_force(write.connection(), currency, at).await
}

async fn in_force(
    connection: &impl ConnectionTrait,
    currency: Currency,
    at: Timestamp,
) -> Result<Option<PriceBook>, StoreError> {
    let sql = "SELECT version, tariff, unit_price, effective_from FROM price
               WHERE currency = $1 AND effective_from <= $2";
    let rows = row::all(connection, "price", sql, values![currency.code(), at]).await?;
    let mut versions: BTreeMap<u32, (Timestamp, [Option<i64>; Tariff::ALL.len()])> =
        BTreeMap::new();
    for row in &rows {
        let code: u8 = row.int("tariff")?;
        let tariff = Tariff::from_code(code).ok_or_else(|| row.corrupt("tariff", code))?;
        let effective_from = row.time("effective_from")?;
        let (_, prices) = versions
            .entry(row.int("version")?)
            .or_insert((effective_from, Default::default()));
        prices[tariff as usize] = Some(row.get("unit_price")?);
    }
    let mut books = Vec::with_capacity(versions.len());
    for (version, (effective_from, prices)) in versions {
        let corrupt = |why: String| StoreError::Corrupt {
            table: "price",
            column: "unit_price",
            why,
        };
        if let Some(tariff) = Tariff::ALL
            .into_iter()
            .find(|tariff| prices[*tariff as usize].is_none())
        {
            return Err(corrupt(format!(
                "version {version} has no price of {tariff}"
            )));
        }
        let price = |tariff: Tariff| {
            Money::from_micro(prices[tariff as usize].unwrap_or_default(), currency)
        };
        let book = PriceBook::of(version, currency, effective_from, price);
        books.push(book.map_err(|error| corrupt(error.to_string()))?);
    }
    Ok(PriceBook::in_force(&books, at).cloned())
}
