//! Another version of a business's contract, in two steps: what is typed is said back beside what
//! holds until then, and only then agreed. Pressed twice it is agreed to once, because the second
//! step knows which versions it was shown with.

mod form; // the terms as they are typed

use askama::Template;
use axum::extract::{Form, Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use domain::contract::{
    BandMode, Billable, Contract, ContractError, ContractKind, LINE_JAPAN_BOOK, Preset, VatBase,
};
use domain::price::{PriceBook, Rounding};
use domain::time::{Timestamp, zone};
use serde::Deserialize;
use store::StoreError;
use store::directory::Business;
use words::Words;

use self::form::{Agreement, ContractForm};
use super::agreed::{
    Compared, book_at, compared, credit_used, next_after, term_words, terms_in_words,
};
use super::businesses::{BusinessPath, business_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::start::next_month;
use crate::error::Error;
use crate::form::Faults;
use crate::page;
use crate::schedule::ZONES;
use crate::wallet::credit::kind_words;

/// What the form is filled with at first: one of LINE's plans, or what holds now.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContractQuery {
    preset: String,
}

#[derive(Template)]
#[template(path = "operator/contract.html")]
struct ContractPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    currency: &'static str,
    kinds: Vec<KindChoice>,
    presets: Vec<PresetLink>,
    books: Vec<String>,
    zones: Vec<(String, String)>,
    bands: Vec<(&'static str, String)>,
    vats: Vec<(&'static str, String)>,
    roundings: Vec<(&'static str, String)>,
    billables: Vec<(&'static str, String)>,
    suggested_day: String,
    /// What is said below the time.
    start_help: String,
    fields: ContractForm,
    faults: Faults,
}

struct KindChoice {
    name: &'static str,
    words: String,
    explanation: String,
}

struct PresetLink {
    path: String,
    words: String,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "operator/contract_check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    fields: ContractForm,
    seen: u32,
    /// When it begins, unless at once.
    from: Option<String>,
    terms: Vec<String>,
    rows: Vec<Compared>,
    /// The number of a version that takes its place, and when.
    followed: Option<(u32, String)>,
    /// What is used on credit, where that is more than the new limit.
    used: Option<String>,
    /// Somebody agreed to another version since this one was looked at.
    is_overtaken: bool,
}

/// What a business has agreed to, and could.
struct Known {
    business: Business,
    versions: Vec<Contract>,
    books: Vec<PriceBook>,
}

impl Known {
    async fn of(desk: &OperatorDesk, path: &BusinessPath) -> Result<Self, Error> {
        let business = business_at(desk, path).await?;
        let snapshot = desk.store.snapshot().await?;
        let versions = snapshot.contracts(business.id).await?;
        let books = snapshot.price_books(business.currency).await?;
        snapshot.end().await?;
        Ok(Self {
            business,
            versions,
            books,
        })
    }

    fn in_effect(&self, at: Timestamp) -> Contract {
        Contract::in_effect(self.versions.clone(), self.business.currency, at)
    }

    fn last(&self) -> u32 {
        self.versions.last().map_or(0, |last| last.version)
    }

    /// Names of books, each once.
    fn book_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.books.iter().map(|one| one.name().to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

pub async fn show(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Query(query): Query<ContractQuery>,
) -> Result<Response, Error> {
    let known = Known::of(&desk, &path).await?;
    let filled = match Preset::from_name(&query.preset) {
        Some(preset) => preset.contract(),
        None => known.in_effect(desk.now),
    };
    let fields = ContractForm::of(&desk.words, &filled);
    draw(&desk, &known, fields, Faults::default(), &query.preset)
}

pub async fn submit(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Form(fields): Form<ContractForm>,
) -> Result<Response, Error> {
    let words = desk.words;
    let known = Known::of(&desk, &path).await?;
    let agreement = match fields.meaning(known.in_effect(desk.now), desk.now) {
        Ok(agreement) => agreement,
        Err(wrong) => {
            let mut faults = Faults::default();
            for (field, key) in wrong {
                faults.add(field, words.t(key));
            }
            return draw(&desk, &known, fields, faults, "");
        }
    };
    let Agreement { contract, from } = &agreement;
    if book_at(&known.books, &contract.book, contract.effective_from).is_none() {
        let faults = Faults::one("book", words.t("operator-contract-fault-no-price"));
        return draw(&desk, &known, fields, faults, "");
    }
    if !fields.again.is_empty() {
        return draw(&desk, &known, fields, Faults::default(), "");
    }
    let seen: Option<u32> = fields.seen.parse().ok();
    let (true, Some(seen)) = (fields.confirmed == "yes", seen) else {
        return check(&desk, &known, fields, &agreement, false).await;
    };
    let id = known.business.id;
    match desk.counter.agree(id, contract.clone(), *from, seen).await {
        Ok(agreed) => {
            let (operator, version) = (desk.operator().id, agreed.version);
            tracing::info!(%operator, business = %id, version, "an operator agreed to a contract");
            let to = format!("{BASE}/businesses/{id}?done=done-contract#contract");
            Ok(Redirect::to(&to).into_response())
        }
        // Pressed twice, or somebody else was quicker: two versions of one number are refused.
        Err(
            BillingError::Overtaken
            | BillingError::Store(StoreError::Conflict(_) | StoreError::Invariant(_)),
        ) => {
            let known = Known::of(&desk, &path).await?;
            check(&desk, &known, fields, &agreement, true).await
        }
        Err(BillingError::VatBaseIsFixed) => {
            let faults = Faults::one("vat", words.t("month-fault-vat-fixed"));
            draw(&desk, &known, fields, faults, "")
        }
        Err(BillingError::Contract(ContractError::RisingBands(_))) => {
            let faults = Faults::one("bands", words.t("month-fault-rising"));
            draw(&desk, &known, fields, faults, "")
        }
        Err(BillingError::InThePast { .. }) => {
            let faults = Faults::one("day", words.t("operator-start-past"));
            draw(&desk, &known, fields, faults, "")
        }
        Err(error) => Err(error.into()),
    }
}

/// The second step: what will hold from when, beside what holds until then.
async fn check(
    desk: &OperatorDesk,
    known: &Known,
    fields: ContractForm,
    agreement: &Agreement,
    is_overtaken: bool,
) -> Result<Response, Error> {
    let (words, business) = (desk.words, &known.business);
    let Agreement { contract, from } = agreement;
    let start = contract.effective_from;
    let before = known.in_effect(start);
    let old = book_at(&known.books, &before.book, start);
    let new = book_at(&known.books, &contract.book, start);
    let followed = next_after(&known.versions, start);
    let used = credit_used(desk, business.id).await?;
    let zone = zone(&contract.time_zone).map_err(|error| Error::Unfit(error.to_string()))?;
    let shown = CheckPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        name: business.name.clone(),
        path: format!("{BASE}/businesses/{}", business.id),
        seen: known.last(),
        from: from.map(|at| {
            let (day, clock) = (words.day(at, &zone), words.clock(at, &zone));
            format!("{day} {clock} ({})", words.zone(&contract.time_zone))
        }),
        terms: terms_in_words(&words, contract),
        rows: compared(&words, (&before, old), (contract, new)),
        followed: followed.map(|one| (one.version, desk.moment(one.effective_from))),
        used: (used.micro() > contract.credit_limit.micro()).then(|| words.money(used)),
        is_overtaken,
        fields,
    };
    let status = match is_overtaken {
        true => StatusCode::CONFLICT,
        false => StatusCode::OK,
    };
    page::show_as(status, &shown)
}

fn draw(
    desk: &OperatorDesk,
    known: &Known,
    fields: ContractForm,
    faults: Faults,
    preset: &str,
) -> Result<Response, Error> {
    let (words, business) = (desk.words, &known.business);
    let path = format!("{BASE}/businesses/{}", business.id);
    let books = known.book_names();
    let mut zones: Vec<&str> = ZONES.to_vec();
    let in_effect = known.in_effect(desk.now);
    for zone in [in_effect.time_zone.as_str(), fields.zone.as_str()] {
        if !zones.contains(&zone) && !zone.is_empty() {
            zones.push(zone);
        }
    }
    let of_zone = zone(&in_effect.time_zone).unwrap_or(desk.zone.clone());
    let shown = ContractPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        name: business.name.clone(),
        currency: business.currency.code(),
        kinds: kinds(&words),
        presets: match books.iter().any(|name| name == LINE_JAPAN_BOOK) {
            true => presets(&words, &path, preset),
            false => Vec::new(),
        },
        books,
        zones: zones
            .iter()
            .map(|zone| ((*zone).to_owned(), words.zone(zone)))
            .collect(),
        bands: choices(&words, "bands", BandMode::ALL.map(BandMode::name)),
        vats: choices(&words, "vat", VatBase::ALL.map(VatBase::name)),
        roundings: choices(&words, "rounding", Rounding::ALL.map(Rounding::name)),
        billables: choices(&words, "billable", Billable::ALL.map(Billable::name)),
        suggested_day: next_month(desk.now, &of_zone),
        start_help: words.t("operator-contract-start-help").to_string(),
        path,
        fields,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}

fn kinds(words: &Words) -> Vec<KindChoice> {
    let choice = |kind: ContractKind| KindChoice {
        name: kind.name(),
        words: kind_words(words, kind),
        explanation: words
            .t(format!("operator-contract-{kind}-text"))
            .to_string(),
    };
    ContractKind::ALL.into_iter().map(choice).collect()
}

/// Names with what they are called.
fn choices<const N: usize>(
    words: &Words,
    of: &str,
    names: [&'static str; N],
) -> Vec<(&'static str, String)> {
    let named = |name| (name, term_words(words, of, name));
    names.map(named).to_vec()
}

fn presets(words: &Words, path: &str, here: &str) -> Vec<PresetLink> {
    let link = |preset: Preset| PresetLink {
        path: format!("{path}/contract?preset={}", preset.name()),
        words: words
            .t(format!("operator-preset-{}", preset.name()))
            .to_string(),
        is_here: preset.name() == here,
    };
    Preset::ALL.into_iter().map(link).collect()
}
