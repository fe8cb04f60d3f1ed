//! Everything at a glance: what was earned, who pays, what is held, what nobody knows yet, and
//! whether the books close. Read from sums by day and small tables, never from sends.

use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use domain::money::Currency;
use serde::Deserialize;
use store::oversight::CurrencyPosition;
use store::reconciliation::CheckKind;
use store::revenue::Days;
use words::Words;

use super::days::{self, Chart};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::money;
use super::reconciliation::{Interrupted, Standing, interruptions, standing};
use crate::campaigns::months::Month;
use crate::error::Error;
use crate::page;

/// Days of the chart, and within which an account that earned is a paying one.
const DAYS: i32 = 30;
/// A hold that is older has outlived the deadline of its uncertain recipients.
pub(super) const AGED: Duration = Duration::from_secs(72 * 3_600);
/// What was booked so long ago and is not counted by day is told.
const BEHIND: Duration = Duration::from_secs(120);

/// How long an interruption is told here; the page of the books tells it for longer.
const TOLD_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What the address asks for; what cannot be read asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct OverviewFields {
    currency: String,
}

/// One currency of several to look at.
pub(super) struct CurrencyChoice {
    pub path: String,
    pub code: &'static str,
    pub is_here: bool,
}

#[derive(Template)]
#[template(path = "operator/overview.html")]
struct OverviewPage<'a> {
    frame: Frame<'a>,
    words: Words,
    currencies: Vec<CurrencyChoice>,
    month: String,
    today: String,
    month_units: String,
    average: Option<String>,
    paying: u64,
    active: u64,
    paying_share: String,
    waiting: u64,
    asked_for: u64,
    position: Position,
    chart: Chart,
    /// Since when nothing is counted by day, where that is long.
    behind: Option<String>,
    light: Option<Standing>,
    full: Option<Standing>,
    interrupted: Option<Interrupted>,
}

/// What a currency's wallets and holds add up to, in words.
struct Position {
    available: String,
    held: String,
    holds: u64,
    aged_holds: u64,
    aged: String,
    credit_used: String,
    credit_limit: String,
}

pub async fn show(
    desk: OperatorDesk,
    Query(fields): Query<OverviewFields>,
) -> Result<Response, Error> {
    let words = desk.words;
    let today = days::today(desk.now, &desk.zone);
    let stretch = days::last_days(today, DAYS);
    let month = days::of_month(Month::of(desk.now, &desk.zone));
    let snapshot = desk.store.snapshot().await?;
    let positions = snapshot.positions(desk.now - AGED).await?;
    // The month began within the stretch, or a day before it.
    let both = Days {
        first: stretch.first.min(month.first),
        last: stretch.last,
    };
    let revenue = snapshot.revenue_by_day(both).await?;
    let paying = snapshot.paying_accounts(stretch).await?;
    let active = snapshot.active_accounts().await?;
    let unresolved = snapshot.unresolved().await?;
    let behind = snapshot.unfolded_since().await?;
    let interrupted = interruptions(&snapshot, &desk, TOLD_FOR, 1).await?.pop();
    snapshot.end().await?;
    let here = chosen(&fields.currency, &positions);
    let sum = days::total(&revenue, month, here);
    let on_day = days::last_days(today, 1);
    let position = positions.iter().find(|one| one.currency == here);
    page::show(&OverviewPage {
        frame: Frame::of(&desk, Place::Overview),
        words,
        currencies: choices(&positions, here, |code| format!("{BASE}?currency={code}")),
        month: money(&words, sum.amount_micro, here),
        today: money(
            &words,
            days::total(&revenue, on_day, here).amount_micro,
            here,
        ),
        month_units: words.count(sum.units),
        average: days::average(&words, sum, here),
        paying,
        active,
        paying_share: words.percent(paying, active),
        waiting: unresolved.waiting,
        asked_for: unresolved.asked_for,
        position: in_words(&words, position, here),
        chart: days::chart(&words, stretch, &revenue, here),
        behind: behind
            .filter(|since| desk.now.since(*since) > BEHIND)
            .map(|since| desk.moment(since)),
        light: standing(&desk, CheckKind::Light).await?,
        full: standing(&desk, CheckKind::Full).await?,
        interrupted,
    })
}

/// The currency that is asked for, or that of most wallets' money.
pub(super) fn chosen(asked: &str, positions: &[CurrencyPosition]) -> Currency {
    let known = positions.iter().map(|one| one.currency);
    let largest = positions
        .iter()
        .max_by_key(|one| one.available_micro.saturating_add(one.held_micro));
    let fallback = largest.map_or(Currency::Krw, |one| one.currency);
    known
        .into_iter()
        .find(|currency| currency.code() == asked)
        .unwrap_or(fallback)
}

/// The currencies there are to choose; none where there is one only.
pub(super) fn choices(
    positions: &[CurrencyPosition],
    here: Currency,
    path: impl Fn(&str) -> String,
) -> Vec<CurrencyChoice> {
    if positions.len() < 2 {
        return Vec::new();
    }
    let choice = |one: &CurrencyPosition| CurrencyChoice {
        path: path(one.currency.code()),
        code: one.currency.code(),
        is_here: one.currency == here,
    };
    positions.iter().map(choice).collect()
}

fn in_words(words: &Words, position: Option<&CurrencyPosition>, here: Currency) -> Position {
    let of = |part: fn(&CurrencyPosition) -> i64| money(words, position.map_or(0, part), here);
    Position {
        available: of(|one| one.available_micro),
        held: of(|one| one.held_micro),
        holds: position.map_or(0, |one| one.holds),
        aged_holds: position.map_or(0, |one| one.aged_holds),
        aged: of(|one| one.aged_micro),
        credit_used: of(|one| one.credit_used_micro),
        credit_limit: of(|one| one.credit_limit_micro),
    }
}
