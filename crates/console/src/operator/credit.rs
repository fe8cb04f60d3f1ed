//! Promotional credit that an operator gives, in two steps like a payment. A reference gives once,
//! however often it is confirmed.

use askama::Template;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use billing::promotional::Grant;
use domain::contract::Contract;
use domain::ledger::IdempotencyKey;
use domain::money::Money;
use domain::time::{LocalDay, Timestamp, local_to_instant};
use jiff::tz::TimeZone;
use serde::Deserialize;
use store::StoreError;
use store::directory::Business;
use store::ledger::{LedgerTransaction, booked_under};
use store::promotional::REASON_CHARS_MAX;
use words::Words;

use super::businesses::{BusinessPath, business_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::start::day_field;
use crate::error::Error;
use crate::form::Faults;
use crate::page;

/// What was typed; `confirmed` and `again` come from the second step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CreditForm {
    amount: String,
    /// The last day on which it can be spent.
    day: String,
    reason: String,
    reference: String,
    confirmed: String,
    again: String,
}

#[derive(Template)]
#[template(path = "operator/credit.html")]
struct CreditPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    currency: &'static str,
    /// Where the day ends.
    zone: String,
    today: String,
    fields: CreditForm,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "operator/credit_check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    fields: CreditForm,
    amount: String,
    until: String,
    before: String,
    after: String,
    /// When this very grant was booked before.
    booked_before: Option<String>,
}

/// Whom it is given to, and the zone that its contract counts in.
struct Receiver {
    business: Business,
    zone: TimeZone,
    zone_name: String,
}

/// What is typed, read.
struct Credit {
    amount: Money,
    expires_at: Timestamp,
    key: IdempotencyKey,
}

impl Receiver {
    async fn at(desk: &OperatorDesk, path: &BusinessPath) -> Result<Self, Error> {
        let business = business_at(desk, path).await?;
        let versions = store::contract::versions(&desk.store, business.id).await?;
        let contract = Contract::in_effect(versions, business.currency, desk.now);
        let zone = domain::time::zone(&contract.time_zone);
        Ok(Self {
            business,
            zone: zone.map_err(|error| Error::Broken(error.to_string()))?,
            zone_name: contract.time_zone,
        })
    }
}

pub async fn show(desk: OperatorDesk, Path(path): Path<BusinessPath>) -> Result<Response, Error> {
    let receiver = Receiver::at(&desk, &path).await?;
    draw(&desk, &receiver, CreditForm::default(), Faults::default())
}

pub async fn submit(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Form(fields): Form<CreditForm>,
) -> Result<Response, Error> {
    let receiver = Receiver::at(&desk, &path).await?;
    let (words, id) = (desk.words, receiver.business.id);
    let credit = match read(&words, &fields, &receiver) {
        Ok(credit) => credit,
        Err(faults) => return draw(&desk, &receiver, fields, faults),
    };
    if !fields.again.is_empty() {
        return draw(&desk, &receiver, fields, Faults::default());
    }
    let taken = || Faults::one("reference", words.t("operator-credit-fault-taken"));
    let over = || Faults::one("day", words.t("operator-credit-fault-over"));
    let booked = booked_under(&desk.store, &credit.key).await?;
    match &booked {
        Some(booked) if !is_same(&desk, &receiver, &credit, booked).await? => {
            return draw(&desk, &receiver, fields, taken());
        }
        None if credit.expires_at <= desk.now => return draw(&desk, &receiver, fields, over()),
        _ => {}
    }
    if fields.confirmed != "yes" {
        return check(&desk, &receiver, fields, &credit, booked).await;
    }
    let grant = Grant {
        business: id,
        amount: credit.amount,
        expires_at: credit.expires_at,
        reason: fields.reason.trim(),
    };
    match desk.counter.grant(grant, fields.reference.trim()).await {
        Ok(lot) => {
            let operator = desk.operator().id;
            tracing::info!(%operator, business = %id, %lot, "an operator gave promotional credit");
            let key = match booked {
                Some(_) => "done-credit-before",
                None => "done-credit",
            };
            let to = format!("{BASE}/businesses/{id}?done={key}#credit");
            Ok(Redirect::to(&to).into_response())
        }
        // Somebody else was quicker with the same reference for another grant.
        Err(BillingError::Store(StoreError::Taken(_))) => draw(&desk, &receiver, fields, taken()),
        Err(BillingError::AlreadyOver { .. }) => draw(&desk, &receiver, fields, over()),
        Err(error) => Err(error.into()),
    }
}

/// Whether what is booked is this very grant.
async fn is_same(
    desk: &OperatorDesk,
    receiver: &Receiver,
    credit: &Credit,
    booked: &LedgerTransaction,
) -> Result<bool, Error> {
    let lots = billing::promotional::lots(&desk.store, receiver.business.id).await?;
    let id = booked.entries.iter().find_map(|entry| entry.lot);
    let lot = lots.iter().find(|lot| Some(lot.id) == id);
    Ok(lot.is_some_and(|lot| (lot.amount, lot.expires_at) == (credit.amount, credit.expires_at)))
}

fn read(words: &Words, fields: &CreditForm, receiver: &Receiver) -> Result<Credit, Faults> {
    let mut faults = Faults::default();
    let amount = Money::parse(&fields.amount.replace(' ', ""), receiver.business.currency);
    let amount = amount.ok().filter(|amount| amount.micro() > 0);
    if amount.is_none() {
        faults.add("amount", words.t("operator-top-up-fault-amount"));
    }
    let expires_at = end_of(fields.day.trim(), &receiver.zone);
    if expires_at.is_none() {
        faults.add("day", words.t("operator-credit-fault-day"));
    }
    if !(1..=REASON_CHARS_MAX).contains(&fields.reason.trim().chars().count()) {
        let said = words.t("operator-credit-fault-reason");
        faults.add("reason", said.num("max", REASON_CHARS_MAX));
    }
    let key = IdempotencyKey::promotional_grant(fields.reference.trim());
    if key.is_err() {
        faults.add("reference", words.t("operator-top-up-fault-reference"));
    }
    match (amount, expires_at, key) {
        (Some(amount), Some(expires_at), Ok(key)) if faults.is_empty() => Ok(Credit {
            amount,
            expires_at,
            key,
        }),
        _ => Err(faults),
    }
}

/// The first instant after a day such as `2027-03-31`.
fn end_of(day: &str, zone: &TimeZone) -> Option<Timestamp> {
    let begins = local_to_instant(&format!("{day}T00:00"), zone).ok()?;
    Some(LocalDay::of(begins, zone).end(zone))
}

async fn check(
    desk: &OperatorDesk,
    receiver: &Receiver,
    fields: CreditForm,
    credit: &Credit,
    booked: Option<LedgerTransaction>,
) -> Result<Response, Error> {
    let (words, business) = (desk.words, &receiver.business);
    let wallet = billing::wallet::wallet(&desk.store, business.id).await?;
    let Ok(after) = wallet.available.checked_add(credit.amount) else {
        let faults = Faults::one("amount", words.t("operator-top-up-fault-amount"));
        return draw(desk, receiver, fields, faults);
    };
    // The last day, not the midnight after it.
    let last = Timestamp::from_millis(credit.expires_at.as_millis() - 1);
    let (day, zone) = (
        words.day(last, &receiver.zone),
        words.zone(&receiver.zone_name),
    );
    page::show(&CheckPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        name: business.name.clone(),
        path: format!("{BASE}/businesses/{}", business.id),
        fields,
        amount: words.money(credit.amount),
        until: format!("{day} ({zone})"),
        before: words.money(wallet.available),
        after: words.money(after),
        booked_before: booked.map(|booked| desk.moment(booked.booked_at)),
    })
}

fn draw(
    desk: &OperatorDesk,
    receiver: &Receiver,
    fields: CreditForm,
    faults: Faults,
) -> Result<Response, Error> {
    let business = &receiver.business;
    let shown = CreditPage {
        frame: Frame::of(desk, Place::Businesses),
        words: desk.words,
        name: business.name.clone(),
        path: format!("{BASE}/businesses/{}", business.id),
        currency: business.currency.code(),
        zone: desk.words.zone(&receiver.zone_name),
        today: day_field(desk.now, &receiver.zone),
        fields,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_lasts_to_the_end_of_its_day() {
        let zone = domain::time::zone("Asia/Seoul").unwrap();
        let until = Timestamp::parse_rfc3339("2027-03-31T15:00:00Z").unwrap();
        assert_eq!(end_of("2027-03-31", &zone), Some(until));
        for wrong in ["", "2027-02-30", "31.3.2027", "2027-03-31T12:00"] {
            assert_eq!(end_of(wrong, &zone), None, "{wrong}");
        }
    }
}
