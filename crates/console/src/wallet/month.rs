//! The bill of a closed month: what it counts, its invoice, and what came after.

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::time::LaunchMonth;
use serde::Deserialize;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::month_bill::{self, MonthBill};
use crate::page;

#[derive(Template)]
#[template(path = "wallet/month.html")]
struct MonthPage<'a> {
    frame: Frame<'a>,
    words: Words,
    bill: MonthBill,
}

/// Which month: `2026-11`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct MonthQuery {
    month: String,
}

/// A month that is not closed has no bill yet: its movements are on the wallet's page.
pub async fn show(desk: Desk, Query(query): Query<MonthQuery>) -> Result<Response, Error> {
    if !desk.may(Permission::ReadMoney) {
        return super::closed(&desk);
    }
    let month: Option<LaunchMonth> = query.month.parse().ok();
    let closed = match month {
        Some(month) => store::month::find(&desk.store, desk.business.id, month).await?,
        None => None,
    };
    let Some(closed) = closed else {
        return Ok(Redirect::to(&desk.at("/wallet#months")).into_response());
    };
    let words = desk.words;
    let bill = month_bill::read(&desk.store, &words, &desk.zone, &closed).await?;
    page::show(&MonthPage {
        frame: Frame::of(&desk, Place::Wallet),
        words,
        bill,
    })
}
