//! What follows an invoice, or goes back to a brand: a payment of it, a credit note, a refund and
//! the transfer that pays it out. In two steps, and once by its reference, like a top-up.

use askama::Template;
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use domain::ledger::IdempotencyKey;
use domain::money::Money;
use domain::time::LaunchMonth;
use serde::Deserialize;
use store::StoreError;
use store::directory::Business;
use store::month::REASON_CHARS_MAX;
use words::Words;

use super::businesses::{BusinessPath, business_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use crate::error::Error;
use crate::form::Faults;
use crate::month_bill::month_name;
use crate::page;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Payment,
    CreditNote,
    Refund,
    RefundPaid,
}

/// What was typed; `confirmed` and `again` come from the second step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SettleForm {
    deed: String,
    month: String,
    amount: String,
    reference: String,
    reason: String,
    confirmed: String,
    again: String,
}

#[derive(Template)]
#[template(path = "operator/settle.html")]
struct SettlePage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    title: String,
    /// What the deed is about, and the most it can come to.
    about: String,
    currency: &'static str,
    has_reason: bool,
    fields: SettleForm,
    faults: Faults,
}

#[derive(Template)]
#[template(path = "operator/settle_check.html")]
struct CheckPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    title: String,
    does: String,
    amount: String,
    has_reason: bool,
    fields: SettleForm,
}

impl Deed {
    const ALL: [Deed; 4] = [
        Self::Payment,
        Self::CreditNote,
        Self::Refund,
        Self::RefundPaid,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::CreditNote => "credit-note",
            Self::Refund => "refund",
            Self::RefundPaid => "refund-paid",
        }
    }

    fn key(self, reference: &str) -> Option<IdempotencyKey> {
        let key = match self {
            Self::Payment => IdempotencyKey::invoice_payment(reference),
            Self::CreditNote => IdempotencyKey::credit_note(reference),
            Self::Refund => IdempotencyKey::refund(reference),
            Self::RefundPaid => IdempotencyKey::refund_paid(reference),
        };
        key.ok()
    }
}

/// A deed, where it is done and what is typed of it.
struct Settling {
    business: Business,
    deed: Deed,
    month: Option<LaunchMonth>,
    /// The most it can come to, where that is known.
    most: Money,
}

impl Settling {
    async fn of(
        desk: &OperatorDesk,
        path: &BusinessPath,
        fields: &SettleForm,
    ) -> Result<Self, Error> {
        let business = business_at(desk, path).await?;
        let deed = Deed::ALL
            .into_iter()
            .find(|deed| deed.name() == fields.deed);
        let deed = deed.ok_or(Error::NotFound)?;
        let id = business.id;
        let (month, most) = match deed {
            Deed::Refund => (None, billing::wallet(&desk.store, id).await?.available),
            Deed::RefundPaid => (None, store::month::to_refund(&desk.store, id).await?),
            Deed::Payment | Deed::CreditNote => {
                let month: LaunchMonth = fields.month.parse().map_err(|_| Error::NotFound)?;
                let closed = store::month::find(&desk.store, id, month).await?;
                let closed = closed.filter(|closed| closed.invoice.is_some());
                let closed = closed.ok_or(Error::NotFound)?;
                let most = match deed {
                    Deed::Payment => closed.open(),
                    _ => closed.amounts.net,
                };
                (Some(month), most)
            }
        };
        Ok(Self {
            business,
            deed,
            month,
            most,
        })
    }

    fn title(&self, words: &Words) -> String {
        words
            .t(format!("month-deed-{}", self.deed.name()))
            .to_string()
    }

    /// The month of whose invoice it is.
    fn month(&self) -> Result<LaunchMonth, BillingError> {
        let month = self.month;
        month.ok_or_else(|| StoreError::NotFound("the month of an invoice".into()).into())
    }

    /// Where it leads back to.
    fn back(&self) -> String {
        let months = format!("{BASE}/businesses/{}/months", self.business.id);
        match self.month {
            Some(month) => format!("{months}/{month}"),
            None => months,
        }
    }
}

pub async fn show(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Query(fields): Query<SettleForm>,
) -> Result<Response, Error> {
    let settling = Settling::of(&desk, &path, &fields).await?;
    draw(&desk, &settling, fields, Faults::default())
}

pub async fn submit(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Form(fields): Form<SettleForm>,
) -> Result<Response, Error> {
    let settling = Settling::of(&desk, &path, &fields).await?;
    let amount = match read(&desk.words, &settling, &fields) {
        Ok(amount) => amount,
        Err(faults) => return draw(&desk, &settling, fields, faults),
    };
    if !fields.again.is_empty() {
        return draw(&desk, &settling, fields, Faults::default());
    }
    if fields.confirmed != "yes" {
        return check(&desk, &settling, fields, amount);
    }
    match carry_out(&desk, &settling, &fields, amount).await {
        Ok(()) => {
            let (operator, id, deed) = (desk.operator().id, settling.business.id, &fields.deed);
            tracing::info!(%operator, business = %id, deed, %amount, "an operator settled");
            let done = format!("done-{}", settling.deed.name());
            let to = format!("{}?done={done}", settling.back());
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => match refusal(&desk.words, &error) {
            Some((field, words)) => draw(&desk, &settling, fields, Faults::one(field, words)),
            None => Err(error.into()),
        },
    }
}

async fn carry_out(
    desk: &OperatorDesk,
    settling: &Settling,
    fields: &SettleForm,
    amount: Money,
) -> Result<(), BillingError> {
    let (counter, business) = (&desk.counter, settling.business.id);
    let reference = fields.reference.trim();
    match settling.deed {
        Deed::Payment => {
            let of = (business, settling.month()?);
            counter.pay_invoice(of, amount, reference).await?;
        }
        Deed::CreditNote => {
            let (of, reason) = ((business, settling.month()?), fields.reason.trim());
            counter.credit_note(of, amount, (reference, reason)).await?;
        }
        Deed::Refund => {
            counter.refund(business, amount, reference).await?;
        }
        Deed::RefundPaid => {
            counter.refund_paid(business, amount, reference).await?;
        }
    }
    Ok(())
}

/// What somebody can mend, at its field.
fn refusal(words: &Words, error: &BillingError) -> Option<(&'static str, String)> {
    let said =
        |key: &str, amount: Money| words.t(key).text("amount", words.money(amount)).to_string();
    match error {
        BillingError::TooMuch { most, .. } => Some(("amount", said("month-fault-too-much", *most))),
        BillingError::HoldsOpen { held } => Some(("amount", said("month-fault-held", *held))),
        BillingError::StillDue { due } => Some(("amount", said("month-fault-due", *due))),
        BillingError::Store(StoreError::Taken(_)) => {
            Some(("reference", words.t("month-fault-taken").to_string()))
        }
        _ => None,
    }
}

fn read(words: &Words, settling: &Settling, fields: &SettleForm) -> Result<Money, Faults> {
    let mut faults = Faults::default();
    let amount = Money::parse(&fields.amount.replace(' ', ""), settling.business.currency);
    let amount = amount.ok().filter(|amount| amount.micro() > 0);
    if amount.is_none() {
        faults.add("amount", words.t("operator-top-up-fault-amount"));
    }
    if settling.deed.key(fields.reference.trim()).is_none() {
        faults.add("reference", words.t("operator-top-up-fault-reference"));
    }
    let reason = fields.reason.trim().chars().count();
    if settling.deed == Deed::CreditNote && !(1..=REASON_CHARS_MAX).contains(&reason) {
        faults.add(
            "reason",
            words.t("month-fault-reason").num("max", REASON_CHARS_MAX),
        );
    }
    match amount {
        Some(amount) if faults.is_empty() => Ok(amount),
        _ => Err(faults),
    }
}

fn check(
    desk: &OperatorDesk,
    settling: &Settling,
    fields: SettleForm,
    amount: Money,
) -> Result<Response, Error> {
    let words = desk.words;
    let does = words
        .t(format!("month-does-{}", settling.deed.name()))
        .text("amount", words.money(amount))
        .text("name", settling.business.name.clone());
    page::show(&CheckPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        path: format!("{BASE}/businesses/{}", settling.business.id),
        title: settling.title(&words),
        does: does.to_string(),
        amount: words.money(amount),
        has_reason: settling.deed == Deed::CreditNote,
        fields,
    })
}

fn draw(
    desk: &OperatorDesk,
    settling: &Settling,
    fields: SettleForm,
    faults: Faults,
) -> Result<Response, Error> {
    let words = desk.words;
    let month = settling
        .month
        .map(|month| month_name(&words, &month.to_string()));
    let about = words
        .t(format!("month-about-{}", settling.deed.name()))
        .text("month", month.unwrap_or_default())
        .text("most", words.money(settling.most));
    let shown = SettlePage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        path: format!("{BASE}/businesses/{}", settling.business.id),
        name: settling.business.name.clone(),
        title: settling.title(&words),
        about: about.to_string(),
        currency: settling.business.currency.code(),
        has_reason: settling.deed == Deed::CreditNote,
        fields,
        faults,
    };
    page::show_as(shown.faults.status(), &shown)
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn every_deed_has_its_words() {
        for language in Language::ALL {
            let words = Words::of(language);
            for deed in Deed::ALL {
                let name = deed.name();
                for key in ["month-deed", "month-about", "month-does", "done"] {
                    assert!(words.has(&format!("{key}-{name}")), "{key}-{name}");
                }
                assert!(deed.key("bank-7").is_some() && deed.key("two words").is_none());
            }
        }
    }
}
