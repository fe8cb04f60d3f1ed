//! The price books as stored: per version, currency and tariff a row for the first band, and one
//! for each further band. What was published is never changed.

use std::collections::BTreeMap;

use domain::band::{Band, Bands};
use domain::money::{Currency, Money};
use domain::price::{PriceBook, Tariff};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::row::{self, values};
use crate::{Snapshot, Store, StoreError, Write};

/// Every version of a currency's books, the latest one first.
pub async fn books(store: &Store, currency: Currency) -> Result<Vec<PriceBook>, StoreError> {
    let mut books = read(store.reader(), currency).await?;
    books.reverse();
    Ok(books)
}

impl Snapshot {
    /// Every version of a currency's books, in order.
    pub async fn price_books(&self, currency: Currency) -> Result<Vec<PriceBook>, StoreError> {
        read(self.connection(), currency).await
    }
}

impl Write {
    /// Every version of a currency's books, in order, as they are while this write lasts.
    pub async fn price_books(&mut self, currency: Currency) -> Result<Vec<PriceBook>, StoreError> {
        read(self.connection(), currency).await
    }

    /// Publishes a version; its number must be new.
    pub async fn insert_price_book(&mut self, book: &PriceBook) -> Result<(), StoreError> {
        let (version, currency) = (book.version(), book.currency());
        for tariff in Tariff::ALL {
            let sql = "INSERT INTO price
                         (version, currency, tariff, unit_price, effective_from, book)
                       VALUES ($1, $2, $3, $4, $5, $6)";
            let bound = values![
                version,
                currency.code(),
                tariff.code(),
                book.unit_price(tariff).micro(),
                book.effective_from(),
                book.name(),
            ];
            row::execute(self.connection(), sql, bound).await?;
            let sql = "INSERT INTO price_band (version, currency, tariff, after, unit_price)
                       VALUES ($1, $2, $3, $4, $5)";
            for band in &book.bands(tariff).bands()[1..] {
                let bound = values![
                    version,
                    currency.code(),
                    tariff.code(),
                    band.after,
                    band.unit_price.micro(),
                ];
                row::execute(self.connection(), sql, bound).await?;
            }
        }
        Ok(())
    }

    /// The number that the next version gets, of whatever book and currency.
    pub async fn next_price_version(&mut self) -> Result<u32, StoreError> {
        let sql = "SELECT COALESCE(MAX(version), 0) + 1 AS version FROM price";
        let row = row::one(self.connection(), "price", sql, []).await?;
        row.map_or(Ok(1), |row| row.int("version"))
    }
}

/// One version as it stands before its bands are known to follow each other.
struct Version {
    name: String,
    effective_from: Timestamp,
    bands: [Vec<Band>; 4],
}

pub(crate) async fn read(
    connection: &impl ConnectionTrait,
    currency: Currency,
) -> Result<Vec<PriceBook>, StoreError> {
    let sql = "SELECT version, tariff, 0 AS after, unit_price, effective_from, book FROM price
               WHERE currency = $1
               UNION ALL
               SELECT b.version, b.tariff, b.after, b.unit_price, p.effective_from, p.book
               FROM price_band b JOIN price p ON p.version = b.version
                 AND p.currency = b.currency AND p.tariff = b.tariff
               WHERE b.currency = $1 ORDER BY 1, 2, 3";
    let rows = row::all(connection, "price", sql, values![currency.code()]).await?;
    let mut versions: BTreeMap<u32, Version> = BTreeMap::new();
    for row in &rows {
        let code: u8 = row.int("tariff")?;
        let tariff = Tariff::from_code(code).ok_or_else(|| row.corrupt("tariff", code))?;
        let (name, effective_from) = (row.get("book")?, row.time("effective_from")?);
        let version = versions
            .entry(row.int("version")?)
            .or_insert_with(|| Version {
                name,
                effective_from,
                bands: Default::default(),
            });
        version.bands[tariff as usize].push(Band {
            after: row.int("after")?,
            unit_price: Money::from_micro(row.get("unit_price")?, currency),
        });
    }
    let mut books = Vec::with_capacity(versions.len());
    for (number, version) in versions {
        let corrupt = |why: String| StoreError::Corrupt {
            table: "price",
            column: "unit_price",
            why: format!("version {number}: {why}"),
        };
        let mut bands = Vec::with_capacity(Tariff::ALL.len());
        for (tariff, of_tariff) in Tariff::ALL.into_iter().zip(version.bands) {
            let read = Bands::of(of_tariff);
            bands.push(read.map_err(|error| corrupt(format!("{tariff}: {error}")))?);
        }
        let bands: [Bands; 4] = bands
            .try_into()
            .map_err(|_| corrupt("a price per tariff".to_owned()))?;
        let (name, from) = (&version.name, version.effective_from);
        let book = PriceBook::of_bands(number, name, currency, from, bands);
        books.push(book.map_err(|error| corrupt(error.to_string()))?);
    }
    Ok(books)
}
