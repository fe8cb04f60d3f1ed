//! A bank transfer that an operator has seen, in two steps: what is typed is said back with what it
//! does, and only then booked. A reference is booked once, however often it is confirmed.

use askama::Template;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use domain::ledger::IdempotencyKey;
use domain::money::Money;
use serde::Deserialize;
use store::StoreError;
use store::directory::Business;
use store::ledger::booked_under;
use words::Words;

use super::businesses::{BusinessPath, business_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use crate::error::Error;
use crate::form::Faults;
use crate::page;

/// What was typed; `confirmed` comes from the second step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TopUpForm {
    amount: String,
    reference: String,
    confirmed: String,
    again: String,
}

#[derive(Template)]
#[template(path = "operator/top_up.html")]
struct TopUpPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    currency: &'static str,
    available: String,
    fields: TopUpForm,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "operator/top_up_check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    name: String,
    path: String,
    fields: TopUpForm,
    amount: String,
    before: String,
    after: String,
    /// When this very payment was booked before.
    booked_before: Option<String>,
}

/// What is typed, read.
struct Payment {
    amount: Money,
    key: IdempotencyKey,
}

pub async fn show(desk: OperatorDesk, Path(path): Path<BusinessPath>) -> Result<Response, Error> {
    let business = business_at(&desk, &path).await?;
    draw(&desk, &business, TopUpForm::default(), Faults::default()).await
}

pub async fn submit(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Form(fields): Form<TopUpForm>,
) -> Result<Response, Error> {
    let business = business_at(&desk, &path).await?;
    let words = desk.words;
    let payment = match read(&words, &fields, &business) {
        Ok(payment) => payment,
        Err(faults) => return draw(&desk, &business, fields, faults).await,
    };
    if !fields.again.is_empty() {
        return draw(&desk, &business, fields, Faults::default()).await;
    }
    let taken = || Faults::one("reference", words.t("operator-top-up-fault-taken"));
    let booked = booked_under(&desk.store, &payment.key).await?;
    let is_same = booked.as_ref().is_none_or(|booked| {
        booked.business == business.id && booked.entries.iter().any(|e| e.amount == payment.amount)
    });
    if !is_same {
        return draw(&desk, &business, fields, taken()).await;
    }
    if fields.confirmed != "yes" {
        let booked_before = booked.map(|booked| desk.moment(booked.booked_at));
        return check(&desk, &business, fields, payment.amount, booked_before).await;
    }
    let reference = fields.reference.trim();
    let done = desk
        .counter
        .top_up(business.id, payment.amount, reference)
        .await;
    match done {
        Ok(transaction) => {
            let operator = desk.operator().id;
            tracing::info!(%operator, %transaction, "an operator confirmed a payment");
            let key = match booked {
                Some(_) => "done-top-up-before",
                None => "done-top-up",
            };
            let to = format!("{BASE}/businesses/{}?done={key}", business.id);
            Ok(Redirect::to(&to).into_response())
        }
        // Somebody else was quicker with the same reference for another payment.
        Err(BillingError::Store(StoreError::Taken(_))) => {
            draw(&desk, &business, fields, taken()).await
        }
        Err(error) => Err(error.into()),
    }
}

fn read(words: &Words, fields: &TopUpForm, business: &Business) -> Result<Payment, Faults> {
    let mut faults = Faults::default();
    let amount = Money::parse(&fields.amount.replace(' ', ""), business.currency);
    let amount = amount.ok().filter(|amount| amount.micro() > 0);
    if amount.is_none() {
        faults.add("amount", words.t("operator-top-up-fault-amount"));
    }
    let key = IdempotencyKey::top_up(fields.reference.trim());
    if key.is_err() {
        faults.add("reference", words.t("operator-top-up-fault-reference"));
    }
    match (amount, key) {
        (Some(amount), Ok(key)) => Ok(Payment { amount, key }),
        _ => Err(faults),
    }
}

async fn check(
    desk: &OperatorDesk,
    business: &Business,
    fields: TopUpForm,
    amount: Money,
    booked_before: Option<String>,
) -> Result<Response, Error> {
    let words = desk.words;
    let wallet = billing::wallet::wallet(&desk.store, business.id).await?;
    let Ok(after) = wallet.available.checked_add(amount) else {
        let faults = Faults::one("amount", words.t("operator-top-up-fault-amount"));
        return draw(desk, business, fields, faults).await;
    };
    page::show(&CheckPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        name: business.name.clone(),
        path: format!("{BASE}/businesses/{}", business.id),
        fields,
        amount: words.money(amount),
        before: words.money(wallet.available),
        after: words.money(after),
        booked_before,
    })
}

async fn draw(
    desk: &OperatorDesk,
    business: &Business,
    fields: TopUpForm,
    faults: Faults,
) -> Result<Response, Error> {
    let wallet = billing::wallet::wallet(&desk.store, business.id).await?;
    let shown = TopUpPage {
        frame: Frame::of(desk, Place::Businesses),
        words: desk.words,
        name: business.name.clone(),
        path: format!("{BASE}/businesses/{}", business.id),
        currency: business.currency.code(),
        available: desk.words.money(wallet.available),
        fields,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}
