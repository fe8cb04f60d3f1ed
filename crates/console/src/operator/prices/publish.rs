//! Another version of a price book, in two steps: every price is shown beside the one it follows,
//! and only then published. What was launched keeps its prices.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use domain::band::Bands;
use domain::contract::STANDARD_BOOK;
use domain::money::{Currency, Money};
use domain::price::{PriceBook, Tariff};
use serde::Deserialize;
use store::StoreError;
use words::Words;

use super::form::{Offer, PricesForm};
use super::{all_books, next_version};
use crate::error::Error;
use crate::form::Faults;
use crate::operator::agreed::book_at;
use crate::operator::desk::{BASE, OperatorDesk};
use crate::operator::frame::{Frame, Place};
use crate::operator::start::next_month;
use crate::operator::tariff_words;
use crate::page;

/// The book that the form is filled with; a name that is none begins another.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PublishQuery {
    currency: String,
    book: String,
}

#[derive(Template)]
#[template(path = "operator/publish.html")]
struct PublishPage<'a> {
    frame: Frame<'a>,
    words: Words,
    currencies: [Currency; 4],
    tariffs: Vec<TariffField>,
    suggested_day: String,
    start_help: String,
    fields: PricesForm,
    faults: Faults,
}

struct TariffField {
    id: &'static str,
    words: String,
    lines: String,
    /// As many as there are bands, and one to write in.
    height: usize,
}

#[derive(Template)]
#[template(path = "operator/publish_check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    fields: PricesForm,
    tariffs: Vec<(&'static str, String)>,
    name: String,
    version: u32,
    from: Option<String>,
    /// The number of the version it follows; nothing for another book.
    follows: Option<u32>,
    businesses: u64,
    rows: Vec<PriceRow>,
    /// The number of a version that takes its place, and when.
    followed: Option<(u32, String)>,
    /// Something was published since this was looked at.
    is_overtaken: bool,
}

struct PriceRow {
    tariff: String,
    after: u64,
    before: String,
    price: String,
    change: Change,
    by: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Dearer,
    Cheaper,
    /// There was no price before.
    First,
}

/// A price after so many sends of a month, before and then.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    tariff: Tariff,
    after: u64,
    before: Option<Money>,
    then: Money,
}

pub async fn show(
    desk: OperatorDesk,
    Query(query): Query<PublishQuery>,
) -> Result<Response, Error> {
    let currency: Currency = query.currency.parse().unwrap_or(Currency::Krw);
    let books = desk.store.snapshot().await?;
    let of_currency = books.price_books(currency).await?;
    books.end().await?;
    let name = query.book.as_str();
    // One that is not in force yet is better than none.
    let last = || of_currency.iter().rfind(|book| book.name() == name);
    let fields = match book_at(&of_currency, name, desk.now).or_else(last) {
        Some(book) => PricesForm::of(&desk.words, book),
        None => PricesForm {
            currency: currency.code().to_owned(),
            // The first book of a currency is the one that everybody pays by.
            book: match of_currency.is_empty() {
                true => STANDARD_BOOK.to_owned(),
                false => String::new(),
            },
            when: "now".to_owned(),
            ..PricesForm::default()
        },
    };
    draw(&desk, fields, Faults::default())
}

pub async fn submit(desk: OperatorDesk, Form(fields): Form<PricesForm>) -> Result<Response, Error> {
    let words = desk.words;
    let snapshot = desk.store.snapshot().await?;
    let books = all_books(&snapshot).await?;
    snapshot.end().await?;
    let next = next_version(&books);
    let Offer { book, from } = match fields.meaning(&words, next, &desk.zone, desk.now) {
        Ok(offer) => offer,
        Err(faults) => return draw(&desk, fields, faults),
    };
    if !fields.again.is_empty() {
        return draw(&desk, fields, Faults::default());
    }
    let seen: Option<u32> = fields.version.parse().ok();
    let (true, Some(seen)) = (fields.confirmed == "yes", seen) else {
        return check(&desk, fields, &books, &Offer { book, from }, false).await;
    };
    let prices: [Bands; 4] = Tariff::ALL.map(|tariff| book.bands(tariff).clone());
    let (name, currency) = (book.name(), book.currency());
    let published = desk
        .counter
        .publish(seen, name, currency, from, prices)
        .await;
    match published {
        Ok(book) => {
            let (operator, version, name) = (desk.operator().id, book.version(), book.name());
            tracing::info!(%operator, version, name, "an operator published prices");
            let to = format!("{BASE}/prices?currency={currency}&done=done-prices#book-{name}");
            Ok(Redirect::to(&to).into_response())
        }
        // Pressed twice, or somebody else was quicker: two versions of one number are refused.
        Err(
            BillingError::Overtaken
            | BillingError::Store(StoreError::Conflict(_) | StoreError::Invariant(_)),
        ) => {
            let snapshot = desk.store.snapshot().await?;
            let books = all_books(&snapshot).await?;
            snapshot.end().await?;
            check(&desk, fields, &books, &Offer { book, from }, true).await
        }
        Err(BillingError::InThePast { .. }) => {
            let faults = Faults::one("day", words.t("operator-start-past"));
            draw(&desk, fields, faults)
        }
        Err(error) => Err(error.into()),
    }
}

/// The second step: old and new side by side.
async fn check(
    desk: &OperatorDesk,
    fields: PricesForm,
    books: &[PriceBook],
    offer: &Offer,
    is_overtaken: bool,
) -> Result<Response, Error> {
    let (words, Offer { book, from }) = (desk.words, offer);
    let (name, currency, start) = (book.name(), book.currency(), book.effective_from());
    let own: Vec<PriceBook> = books
        .iter()
        .filter(|one| one.currency() == currency && one.name() == name)
        .cloned()
        .collect();
    let old = PriceBook::in_force(&own, start);
    let later = own.iter().filter(|one| one.effective_from() > start);
    let followed = later.min_by_key(|one| one.effective_from());
    let snapshot = desk.store.snapshot().await?;
    let uses = snapshot.book_uses(start).await?;
    snapshot.end().await?;
    let used = uses
        .iter()
        .find(|one| one.currency == currency && one.book == name);
    let shown = CheckPage {
        frame: Frame::of(desk, Place::Prices),
        words,
        tariffs: Tariff::ALL
            .into_iter()
            .map(|tariff| (tariff.name(), fields.lines(tariff).to_owned()))
            .collect(),
        name: name.to_owned(),
        version: next_version(books),
        from: from.map(|at| {
            let (day, clock) = (words.day(at, &desk.zone), words.clock(at, &desk.zone));
            format!("{day} {clock} ({})", words.zone(&desk.operator().time_zone))
        }),
        follows: old.map(PriceBook::version),
        businesses: used.map_or(0, |one| one.businesses),
        rows: steps(old, book)
            .iter()
            .map(|step| price_row(&words, step))
            .collect(),
        followed: followed.map(|one| (one.version(), desk.moment(one.effective_from()))),
        is_overtaken,
        fields,
    };
    let status = match is_overtaken {
        true => StatusCode::CONFLICT,
        false => StatusCode::OK,
    };
    page::show_as(status, &shown)
}

/// Every number of sends at which a price of either changes.
fn steps(old: Option<&PriceBook>, new: &PriceBook) -> Vec<Step> {
    let mut steps = Vec::new();
    for tariff in Tariff::ALL {
        let edges = |book: &PriceBook| -> Vec<u64> {
            let bands = book.bands(tariff).bands();
            bands.iter().map(|band| band.after).collect()
        };
        let mut all: BTreeSet<u64> = edges(new).into_iter().collect();
        all.extend(old.map(edges).unwrap_or_default());
        steps.extend(all.into_iter().map(|after| Step {
            tariff,
            after,
            before: old.map(|book| book.bands(tariff).price_after(after)),
            then: new.bands(tariff).price_after(after),
        }));
    }
    steps
}

fn price_row(words: &Words, step: &Step) -> PriceRow {
    let by = step
        .before
        .map_or(0, |before| step.then.micro() - before.micro());
    let change = match (step.before, by) {
        (None, _) => Change::First,
        (Some(_), 0) => Change::None,
        (Some(_), 1..) => Change::Dearer,
        (Some(_), _) => Change::Cheaper,
    };
    PriceRow {
        tariff: tariff_words(words, step.tariff.code()),
        after: step.after,
        before: step
            .before
            .map_or("–".to_owned(), |before| words.money(before)),
        price: words.money(step.then),
        change,
        by: words.money(Money::from_micro(by.abs(), step.then.currency())),
    }
}

fn draw(desk: &OperatorDesk, fields: PricesForm, faults: Faults) -> Result<Response, Error> {
    let words = desk.words;
    let field = |tariff: Tariff| {
        let lines = fields.lines(tariff).to_owned();
        TariffField {
            id: tariff.name(),
            words: tariff_words(&words, tariff.code()),
            height: lines.lines().count() + 1,
            lines,
        }
    };
    let zone = words.zone(&desk.operator().time_zone);
    let shown = PublishPage {
        frame: Frame::of(desk, Place::Prices),
        words,
        currencies: Currency::ALL,
        tariffs: Tariff::ALL.into_iter().map(field).collect(),
        suggested_day: next_month(desk.now, &desk.zone),
        start_help: words
            .t("operator-prices-start-help")
            .text("zone", zone)
            .to_string(),
        fields,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}

#[cfg(test)]
mod tests {
    use domain::band::Band;
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn old_and_new_are_compared_at_every_edge_of_either() {
        let won = |units| Money::whole(units, Currency::Krw);
        let band = |after, units| Band {
            after,
            unit_price: won(units),
        };
        let book = |bands: Vec<Band>| {
            let bands = Bands::of(bands).unwrap();
            let prices = [
                bands,
                Bands::flat(won(20)),
                Bands::flat(won(15)),
                Bands::flat(won(15)),
            ];
            let from = Timestamp::from_millis(0);
            PriceBook::of_bands(1, STANDARD_BOOK, Currency::Krw, from, prices).unwrap()
        };
        let old = book(vec![band(0, 15), band(1_000, 14)]);
        let new = book(vec![band(0, 15), band(500, 13)]);
        let found: Vec<(u64, i64, i64)> = steps(Some(&old), &new)
            .iter()
            .filter(|step| step.tariff == Tariff::Untargeted)
            .map(|step| {
                let units = |money: Money| money.micro() / 1_000_000;
                (step.after, units(step.before.unwrap()), units(step.then))
            })
            .collect();
        assert_eq!(found, [(0, 15, 15), (500, 15, 13), (1_000, 14, 13)]);
        assert!(steps(None, &new).iter().all(|step| step.before.is_none()));
        assert_eq!(steps(None, &new).len(), 5);
    }
}
