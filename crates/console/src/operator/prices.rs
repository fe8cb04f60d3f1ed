//! Price books: every version of every book of a currency, which of them is in force, and who pays
//! by it.

mod form; // prices as they are typed
pub mod publish; // another version, beside the one it follows

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use domain::money::Currency;
use domain::price::{PriceBook, Tariff};
use serde::Deserialize;
use store::Snapshot;
use words::Words;

use super::agreed::{Standing, book_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::overview::CurrencyChoice;
use super::tariff_words;
use crate::error::Error;
use crate::page;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PricesQuery {
    currency: String,
}

#[derive(Template)]
#[template(path = "operator/prices.html")]
struct PricesPage<'a> {
    frame: Frame<'a>,
    words: Words,
    currency: &'static str,
    currencies: Vec<CurrencyChoice>,
    tariffs: Vec<String>,
    books: Vec<BookCard>,
    /// Where a book of another name is begun.
    another: String,
}

/// A book with its versions, the latest first.
struct BookCard {
    name: String,
    businesses: u64,
    publish: String,
    has_prices_now: bool,
    versions: Vec<VersionRow>,
}

struct VersionRow {
    number: u32,
    /// Nothing for what holds since ever.
    from: Option<String>,
    standing: Standing,
    /// A cell per tariff, with its name.
    cells: Vec<PriceCell>,
}

struct PriceCell {
    tariff: String,
    first: String,
    /// After so many sends of a month, and the price from there on.
    bands: Vec<(u64, String)>,
}

pub async fn show(desk: OperatorDesk, Query(query): Query<PricesQuery>) -> Result<Response, Error> {
    let words = desk.words;
    let snapshot = desk.store.snapshot().await?;
    let positions = snapshot.positions(desk.now).await?;
    let uses = snapshot.book_uses(desk.now).await?;
    let all = all_books(&snapshot).await?;
    snapshot.end().await?;
    let here = match query.currency.parse() {
        Ok(currency) => currency,
        Err(_) => super::overview::chosen("", &positions),
    };
    let books: Vec<PriceBook> = all
        .iter()
        .filter(|book| book.currency() == here)
        .cloned()
        .collect();
    let businesses = |name: &str| {
        let used = uses
            .iter()
            .find(|one| one.currency == here && one.book == name);
        used.map_or(0, |one| one.businesses)
    };
    let mut names: Vec<&str> = books.iter().map(PriceBook::name).collect();
    names.sort_unstable();
    names.dedup();
    let card = |name: &str| book_card(&desk, &books, name, businesses(name));
    page::show(&PricesPage {
        frame: Frame::of(&desk, Place::Prices),
        words,
        currency: here.code(),
        currencies: currencies(here),
        tariffs: Tariff::ALL
            .into_iter()
            .map(|tariff| tariff_words(&words, tariff.code()))
            .collect(),
        books: names.into_iter().map(card).collect(),
        another: format!("{BASE}/prices/publish?currency={here}"),
    })
}

/// Every version of every book of every currency, in order.
async fn all_books(snapshot: &Snapshot) -> Result<Vec<PriceBook>, Error> {
    let mut books = Vec::new();
    for currency in Currency::ALL {
        books.extend(snapshot.price_books(currency).await?);
    }
    Ok(books)
}

/// The number that the next version gets, of whatever book.
fn next_version(books: &[PriceBook]) -> u32 {
    books.iter().map(PriceBook::version).max().unwrap_or(0) + 1
}

fn currencies(here: Currency) -> Vec<CurrencyChoice> {
    let choice = |currency: Currency| CurrencyChoice {
        path: format!("{BASE}/prices?currency={currency}"),
        code: currency.code(),
        is_here: currency == here,
    };
    Currency::ALL.into_iter().map(choice).collect()
}

fn book_card(desk: &OperatorDesk, books: &[PriceBook], name: &str, businesses: u64) -> BookCard {
    let in_force = book_at(books, name, desk.now).map(PriceBook::version);
    let versions = books.iter().rev().filter(|book| book.name() == name);
    let mut versions: Vec<&PriceBook> = versions.collect();
    versions.sort_by_key(|book| std::cmp::Reverse((book.effective_from(), book.version())));
    let currency = books.first().map_or("", |book| book.currency().code());
    BookCard {
        name: name.to_owned(),
        businesses,
        publish: format!("{BASE}/prices/publish?currency={currency}&book={name}"),
        has_prices_now: in_force.is_some(),
        versions: versions
            .into_iter()
            .map(|book| version_row(desk, book, in_force))
            .collect(),
    }
}

fn version_row(desk: &OperatorDesk, book: &PriceBook, in_force: Option<u32>) -> VersionRow {
    let (words, from) = (&desk.words, book.effective_from());
    VersionRow {
        number: book.version(),
        from: (from.as_millis() > 0).then(|| desk.moment(from)),
        standing: Standing {
            is_in_effect: in_force == Some(book.version()),
            is_ahead: from > desk.now,
        },
        cells: Tariff::ALL
            .into_iter()
            .map(|tariff| price_cell(words, book, tariff))
            .collect(),
    }
}

fn price_cell(words: &Words, book: &PriceBook, tariff: Tariff) -> PriceCell {
    let further = book.bands(tariff).bands().iter().skip(1);
    PriceCell {
        tariff: tariff_words(words, tariff.code()),
        first: words.money(book.unit_price(tariff)),
        bands: further
            .map(|band| (band.after, words.money(band.unit_price)))
            .collect(),
    }
}
