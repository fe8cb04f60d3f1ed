//! Months of a business: the list of what must add up, the close, and the bills of closed ones.

use askama::Template;
use axum::extract::{Form, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use billing::month::{self, Checklist};
use domain::money::Money;
use domain::time::LaunchMonth;
use serde::Deserialize;
use store::StoreError;
use store::directory::Business;
use store::month::ClosedMonth;
use words::Words;

use super::businesses::{BusinessPath, business_at};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use crate::error::Error;
use crate::month_bill::{self, MonthBill, month_name};
use crate::page;

#[derive(Debug, Deserialize)]
pub struct MonthPath {
    business: String,
    month: String,
}

/// Whether the whole list is asked for, the long points included.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MonthsQuery {
    check: Option<String>,
}

/// The month that whoever closes has seen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CloseForm {
    month: String,
}

#[derive(Template)]
#[template(path = "operator/months.html")]
struct MonthsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    /// The next one to be closed; `None` where nothing was ever booked.
    next: Option<NextMonth>,
    closed: Vec<ClosedRow>,
    /// What is to be paid back and has not left the bank.
    to_refund: Option<String>,
}

struct NextMonth {
    month: String,
    name: String,
    points: Vec<PointRow>,
    is_ready: bool,
    /// Every point was looked at.
    is_whole: bool,
    units: String,
    captured: String,
}

struct PointRow {
    words: String,
    holds: bool,
    why_not: String,
}

struct ClosedRow {
    path: String,
    name: String,
    standing: String,
    invoice: String,
    units: String,
    net: String,
    total: String,
}

#[derive(Template)]
#[template(path = "operator/month.html")]
struct MonthPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    month: String,
    name: String,
    is_invoiced: bool,
    bill: MonthBill,
}

pub async fn list(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Query(query): Query<MonthsQuery>,
) -> Result<Response, Error> {
    let business = business_at(&desk, &path).await?;
    let (store, now) = (&desk.store, desk.now);
    let next = match month::next_to_close(store, business.id).await? {
        Some(next) if query.check.is_some() => {
            Some(month::check(store, business.id, next, now).await?)
        }
        Some(next) => Some(month::glance(store, business.id, next, now).await?),
        None => None,
    };
    draw(&desk, &business, next).await
}

pub async fn close(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Form(fields): Form<CloseForm>,
) -> Result<Response, Error> {
    let business = business_at(&desk, &path).await?;
    let month: LaunchMonth = fields.month.parse().map_err(|_| Error::NotFound)?;
    match desk.counter.close_month(business.id, month).await {
        Ok(closed) => {
            let (operator, id) = (desk.operator().id, business.id);
            tracing::info!(%operator, business = %id, %month, "an operator closed a month");
            let to = format!(
                "{BASE}/businesses/{id}/months/{}?done=done-month",
                closed.month
            );
            Ok(Redirect::to(&to).into_response())
        }
        Err(BillingError::NotClosable(list)) => draw(&desk, &business, Some(*list)).await,
        // Somebody else has closed it, or a send came late: the list says what is now.
        Err(BillingError::Store(StoreError::Conflict(_) | StoreError::Invariant(_))) => {
            list(desk, Path(path), Query(MonthsQuery::default())).await
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn show(desk: OperatorDesk, Path(path): Path<MonthPath>) -> Result<Response, Error> {
    let of = BusinessPath {
        business: path.business,
    };
    let business = business_at(&desk, &of).await?;
    let month: LaunchMonth = path.month.parse().map_err(|_| Error::NotFound)?;
    let closed = store::month::find(&desk.store, business.id, month).await?;
    let closed = closed.ok_or(Error::NotFound)?;
    let words = desk.words;
    page::show(&MonthPage {
        frame: Frame::of(&desk, Place::Businesses),
        words,
        path: format!("{BASE}/businesses/{}", business.id),
        month: month.to_string(),
        name: business.name,
        is_invoiced: closed.invoice.is_some(),
        bill: month_bill::read(&desk.store, &words, &desk.zone, &closed).await?,
    })
}

async fn draw(
    desk: &OperatorDesk,
    business: &Business,
    next: Option<Checklist>,
) -> Result<Response, Error> {
    let (words, path) = (desk.words, format!("{BASE}/businesses/{}", business.id));
    let closed = store::month::closed(&desk.store, business.id, u32::MAX).await?;
    let to_refund = store::month::to_refund(&desk.store, business.id).await?;
    let next = next
        .map(|list| next_month(&words, business, &list))
        .transpose()?;
    page::show(&MonthsPage {
        frame: Frame::of(desk, Place::Businesses),
        words,
        name: business.name.clone(),
        next,
        closed: closed
            .iter()
            .map(|one| closed_row(&words, &path, one))
            .collect(),
        to_refund: (!to_refund.is_zero()).then(|| words.money(to_refund)),
        path,
    })
}

fn next_month(words: &Words, business: &Business, list: &Checklist) -> Result<NextMonth, Error> {
    let mut captured = Money::zero(business.currency);
    for line in &list.lines {
        let amount = line.amount().map_err(BillingError::from)?;
        captured = captured.checked_add(amount).map_err(BillingError::from)?;
    }
    let point = |point: &month::Point| PointRow {
        words: words
            .t(format!(
                "month-item-{}",
                point.item.name().replace('_', "-")
            ))
            .to_string(),
        holds: point.holds,
        why_not: point.why_not.clone(),
    };
    let month = list.month.to_string();
    Ok(NextMonth {
        name: month_name(words, &month),
        month,
        points: list.points.iter().map(point).collect(),
        is_ready: list.is_ready(),
        is_whole: list.is_whole(),
        units: words.count(list.lines.iter().map(|line| line.units).sum::<u64>()),
        captured: words.money(captured),
    })
}

fn closed_row(words: &Words, path: &str, closed: &ClosedMonth) -> ClosedRow {
    let amounts = closed.amounts;
    ClosedRow {
        path: format!("{path}/months/{}", closed.month),
        name: month_name(words, &closed.month.to_string()),
        standing: month_bill::standing(words, closed),
        invoice: closed
            .invoice
            .map_or(String::new(), |number| number.to_string()),
        units: words.count(closed.units),
        net: words.money(amounts.net),
        total: words.money(amounts.total),
    }
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    #[test]
    fn every_point_of_the_list_has_words() {
        for language in Language::ALL {
            let words = Words::of(language);
            for item in month::Item::ALL {
                let key = format!("month-item-{}", item.name().replace('_', "-"));
                assert!(words.has(&key), "{key}");
            }
        }
    }
}
