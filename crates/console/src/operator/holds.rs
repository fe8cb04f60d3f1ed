//! What is held for campaigns, the oldest first: what outlives its campaign is somebody's money
//! that nobody can spend.

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use serde::Deserialize;
use store::oversight::HeldCampaign;
use words::Words;

use super::businesses::name_of;
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::overview::AGED;
use super::{money, page_of};
use crate::campaign_words::Badge;
use crate::error::Error;
use crate::page;

/// Holds of one page.
const PAGE_HOLDS: u32 = 100;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct HoldFields {
    page: String,
}

#[derive(Template)]
#[template(path = "operator/holds.html")]
struct HoldsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    sums: Vec<HeldSum>,
    rows: Vec<HoldRow>,
    before: Option<String>,
    next: Option<String>,
}

/// What is held of one currency.
struct HeldSum {
    held: String,
    holds: u64,
    aged: String,
    aged_holds: u64,
}

/// One hold, wherever it is listed.
pub(super) struct HoldRow {
    pub name: String,
    pub handle: String,
    pub business: String,
    pub path: String,
    pub badge: Badge,
    pub since: String,
    pub age: String,
    pub is_aged: bool,
    pub amount: String,
    pub captured: String,
    pub open: String,
}

pub async fn show(desk: OperatorDesk, Query(fields): Query<HoldFields>) -> Result<Response, Error> {
    let words = desk.words;
    let page = page_of(&fields.page);
    let snapshot = desk.store.snapshot().await?;
    let positions = snapshot.positions(desk.now - AGED).await?;
    let offset = (page - 1) * PAGE_HOLDS;
    // One more than is shown says whether there is another page.
    let mut held = snapshot
        .held_campaigns(None, PAGE_HOLDS + 1, offset)
        .await?;
    snapshot.end().await?;
    let has_more = held.len() > PAGE_HOLDS as usize;
    held.truncate(PAGE_HOLDS as usize);
    let address = |page: u32| format!("{BASE}/holds?page={page}");
    let sums = positions.iter().map(|one| HeldSum {
        held: money(&words, one.held_micro, one.currency),
        holds: one.holds,
        aged: money(&words, one.aged_micro, one.currency),
        aged_holds: one.aged_holds,
    });
    page::show(&HoldsPage {
        frame: Frame::of(&desk, Place::Holds),
        words,
        sums: sums.collect(),
        rows: held.iter().map(|hold| hold_row(&desk, hold)).collect(),
        before: (page > 1).then(|| address(page - 1)),
        next: has_more.then(|| address(page + 1)),
    })
}

pub(super) fn hold_row(desk: &OperatorDesk, hold: &HeldCampaign) -> HoldRow {
    let words = &desk.words;
    let of = |micro| money(words, micro, hold.currency);
    let age = desk.now.since(hold.since);
    HoldRow {
        name: name_of(words, &hold.name, hold.is_broadcast),
        handle: hold.handle.clone(),
        business: hold.business_name.clone(),
        path: format!("{BASE}/businesses/{}", hold.business),
        badge: Badge::of(words, hold.state, false),
        since: desk.moment(hold.since),
        age: words.span(age.as_secs()),
        is_aged: age >= AGED,
        amount: of(hold.amount_micro),
        captured: of(hold.captured_micro),
        open: of(hold.open_micro()),
    }
}
