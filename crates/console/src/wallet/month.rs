//! The bill of a closed month: what it counts, its invoice, and what came after.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use directory::Permission;
use domain::time::LaunchMonth;
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

pub async fn show(desk: Desk, Path((_, month)): Path<(String, String)>) -> Result<Response, Error> {
    if !desk.may(Permission::ReadMoney) {
        return super::closed(&desk);
    }
    let month: LaunchMonth = month.parse().map_err(|_| Error::NotFound)?;
    let closed = store::month::find(&desk.store, desk.business.id, month).await?;
    let closed = closed.ok_or(Error::NotFound)?;
    let words = desk.words;
    let bill = month_bill::read(&desk.store, &words, &desk.zone, &closed).await?;
    page::show(&MonthPage {
        frame: Frame::of(&desk, Place::Wallet),
        words,
        bill,
    })
}
