//! What a business agreed to, in words: on its page, and beside a version that may follow.

use std::cmp::Reverse;

use billing::BillingError;
use domain::contract::{BandMode, Billable, Contract, ContractKind, VatBase};
use domain::id::BusinessId;
use domain::money::Money;
use domain::price::{PriceBook, Tariff};
use domain::time::Timestamp;
use store::Snapshot;
use store::directory::Business;
use words::Words;

use super::desk::OperatorDesk;
use super::tariff_words;
use crate::error::Error;
use crate::wallet::credit::{LotRow, Plan, kind_words, lot_rows};

/// The contract and the credit of a business.
pub struct Agreed {
    pub kind: String,
    /// The terms in effect, a sentence each.
    pub terms: Vec<String>,
    pub book: String,
    /// When the version in effect began; nothing where nobody agreed to any.
    pub since: Option<String>,
    pub plan: Option<Plan>,
    /// The number of the next version, and when it begins.
    pub next: Option<(u32, String)>,
    /// The latest one first.
    pub versions: Vec<VersionRow>,
    pub lots: Vec<LotRow>,
    /// Credit that is used, and the limit, where there is either.
    pub credit: Option<(String, String)>,
}

pub struct VersionRow {
    pub number: u32,
    pub from: String,
    pub standing: Standing,
    pub kind: String,
    pub terms: Vec<String>,
    pub book: String,
}

/// Where a version of something stands in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub is_in_effect: bool,
    pub is_ahead: bool,
}

/// One line of a comparison.
pub struct Compared {
    pub what: String,
    pub before: String,
    pub after: String,
}

impl Compared {
    pub fn is_changed(&self) -> bool {
        self.before != self.after
    }
}

/// What the page of a business shows.
pub async fn agreed(
    desk: &OperatorDesk,
    snapshot: &Snapshot,
    business: &Business,
) -> Result<Agreed, Error> {
    let (words, id, currency) = (&desk.words, business.id, business.currency);
    let versions = snapshot.contracts(id).await?;
    let lots = snapshot.promotional_lots(id).await?;
    let limit = billing::wallet::wallet(&desk.store, id).await?.credit_limit;
    let used = credit_used(desk, id).await?;
    let now = Contract::in_effect(versions.clone(), currency, desk.now);
    let plan = match now.kind {
        ContractKind::Plan => match billing::terms(&desk.store, id, currency, desk.now).await {
            Ok(terms) => Plan::of(words, &terms),
            Err(BillingError::NoPrice { .. }) => None,
            Err(error) => return Err(error.into()),
        },
        ContractKind::Prepaid | ContractKind::Postpaid => None,
    };
    let next = next_after(&versions, desk.now);
    let has_credit = !used.is_zero() || !limit.is_zero();
    Ok(Agreed {
        kind: kind_words(words, now.kind),
        terms: terms_in_words(words, &now),
        book: now.book.clone(),
        since: (now.version > 0).then(|| desk.moment(now.effective_from)),
        plan,
        next: next.map(|one| (one.version, desk.moment(one.effective_from))),
        versions: versions
            .iter()
            .rev()
            .map(|one| version_row(desk, one, now.version))
            .collect(),
        lots: lot_rows(words, &lots, |at| desk.moment(at)),
        credit: has_credit.then(|| (words.money(used), words.money(limit))),
    })
}

/// The version that takes its place after a moment, where one is agreed.
pub fn next_after(versions: &[Contract], at: Timestamp) -> Option<&Contract> {
    let later = versions.iter().filter(|one| one.effective_from > at);
    later.min_by_key(|one| (one.effective_from, Reverse(one.version)))
}

/// What a business spent or reserved on credit; promotional credit makes it no less.
pub async fn credit_used(desk: &OperatorDesk, business: BusinessId) -> Result<Money, Error> {
    let wallet = billing::wallet::wallet(&desk.store, business).await?;
    let lots = billing::promotional::lots(&desk.store, business).await?;
    let free: i64 = lots.iter().map(|lot| lot.available.micro()).sum();
    let invoiced = match wallet.credit_limit.is_zero() {
        true => 0,
        false => wallet.receivable.micro(),
    };
    let used = wallet.owed.micro() - wallet.available.micro() + free + invoiced;
    Ok(Money::from_micro(used.max(0), wallet.owed.currency()))
}

fn version_row(desk: &OperatorDesk, contract: &Contract, in_effect: u32) -> VersionRow {
    VersionRow {
        number: contract.version,
        from: desk.moment(contract.effective_from),
        standing: Standing {
            is_in_effect: contract.version == in_effect,
            is_ahead: contract.effective_from > desk.now,
        },
        kind: kind_words(&desk.words, contract.kind),
        terms: terms_in_words(&desk.words, contract),
        book: contract.book.clone(),
    }
}

/// Who pays when, what a month includes, and where months begin: a sentence each.
pub fn terms_in_words(words: &Words, contract: &Contract) -> Vec<String> {
    let credit = words.money(contract.credit_limit);
    let mut said = Vec::new();
    match contract.kind {
        ContractKind::Prepaid => said.push(words.t("operator-terms-prepaid").to_string()),
        ContractKind::Postpaid => {
            said.push(
                words
                    .t("operator-terms-postpaid")
                    .text("credit", credit)
                    .to_string(),
            );
        }
        ContractKind::Plan => {
            let quota = words.t("operator-terms-plan").num("quota", contract.quota);
            said.push(quota.to_string());
            said.push(beyond(words, contract.additional_max));
            if !contract.credit_limit.is_zero() {
                said.push(
                    words
                        .t("operator-terms-credit")
                        .text("credit", credit)
                        .to_string(),
                );
            }
        }
    }
    if !contract.monthly_fee.is_zero() {
        let fee = words.money(contract.monthly_fee);
        said.push(words.t("month-terms-fee").text("fee", fee).to_string());
    }
    if contract.band_mode == BandMode::Volume {
        said.push(words.t("month-terms-volume").to_string());
    }
    if contract.vat_base == VatBase::ToppedUp {
        said.push(words.t("month-terms-topped-up").to_string());
    }
    if contract.billable == Billable::Delivered {
        said.push(words.t("month-terms-delivered").to_string());
    }
    let zone = words.zone(&contract.time_zone);
    said.push(
        words
            .t("operator-terms-months")
            .text("zone", zone)
            .to_string(),
    );
    said
}

/// What a choice among the terms is called.
pub fn term_words(words: &Words, of: &str, name: &str) -> String {
    let name = name.replace('_', "-");
    words.t(format!("month-{of}-{name}")).to_string()
}

fn beyond(words: &Words, most: Option<u64>) -> String {
    match most {
        None => words.t("operator-terms-beyond-any").to_string(),
        Some(0) => words.t("operator-terms-beyond-none").to_string(),
        Some(most) => words
            .t("operator-terms-beyond")
            .num("count", most)
            .to_string(),
    }
}

/// Two versions line by line, prices at the head of the list among them.
pub fn compared(
    words: &Words,
    (before, old): (&Contract, Option<&PriceBook>),
    (after, new): (&Contract, Option<&PriceBook>),
) -> Vec<Compared> {
    const NONE: &str = "–";
    let row = |key: &str, of: &dyn Fn(&Contract) -> String| Compared {
        what: words.t(key).to_string(),
        before: of(before),
        after: of(after),
    };
    let is_plan = |contract: &Contract| contract.kind == ContractKind::Plan;
    let mut rows = vec![
        row("operator-contract-kind", &|one| kind_words(words, one.kind)),
        row("operator-contract-quota", &|one| match is_plan(one) {
            true => words.count(one.quota),
            false => NONE.to_owned(),
        }),
        row(
            "operator-contract-additional",
            &|one| match one.additional_max {
                Some(most) => words.count(most),
                None if is_plan(one) => words.t("operator-contract-any").to_string(),
                None => NONE.to_owned(),
            },
        ),
        row("operator-credit-limit", &|one| {
            words.money(one.credit_limit)
        }),
        row("month-fee", &|one| words.money(one.monthly_fee)),
        row("month-bands", &|one| {
            term_words(words, "bands", one.band_mode.name())
        }),
        row("month-vat", &|one| {
            term_words(words, "vat", one.vat_base.name())
        }),
        row("month-rounding", &|one| {
            term_words(words, "rounding", one.rounding.name())
        }),
        row("month-billable", &|one| {
            term_words(words, "billable", one.billable.name())
        }),
        row("operator-contract-zone", &|one| words.zone(&one.time_zone)),
        row("operator-contract-book", &|one| one.book.clone()),
    ];
    rows.extend(Tariff::ALL.into_iter().map(|tariff| {
        let price = |book: Option<&PriceBook>| {
            book.map_or(NONE.to_owned(), |book| words.money(book.unit_price(tariff)))
        };
        Compared {
            what: tariff_words(words, tariff.code()),
            before: price(old),
            after: price(new),
        }
    }));
    rows
}

/// The version of a named book that is in force at a moment.
pub fn book_at<'a>(books: &'a [PriceBook], name: &str, at: Timestamp) -> Option<&'a PriceBook> {
    let named = books.iter().filter(|book| book.name() == name);
    PriceBook::in_force(named, at)
}
