//! What was earned in a month: by day, by account and tariff, and all of it as a file.

use askama::Template;
use axum::body::Body;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::money::Money;
use domain::time::Timestamp;
use futures_util::stream;
use serde::Deserialize;
use store::revenue::{AccountRevenue, Days};
use store::{Store, StoreError};
use words::Words;

use super::days::{self, Chart};
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::overview::{AGED, CurrencyChoice, choices, chosen};
use super::{money, tariff_words};
use crate::campaigns::calendar;
use crate::campaigns::months::Month;
use crate::error::Error;
use crate::friends::export::{push_row, text_cell};
use crate::page;
use crate::wallet::download::decimal;

/// Months there are to choose: as far back as anybody asks.
const MONTHS: usize = 24;
/// Accounts and tariffs that are listed, the largest; the file has all of them.
const ROWS_MAX: u32 = 200;
/// Spreadsheet programs take the file for UTF-8 by this.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const COLUMNS: [&str; 8] = [
    "day",
    "business",
    "business_name",
    "account",
    "tariff",
    "units",
    "currency",
    "amount",
];
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RevenueFields {
    month: String,
    currency: String,
}

#[derive(Template)]
#[template(path = "operator/revenue.html")]
struct RevenuePage<'a> {
    frame: Frame<'a>,
    words: Words,
    title: String,
    month: String,
    currency: &'static str,
    months: Vec<(String, String)>,
    currencies: Vec<CurrencyChoice>,
    total: String,
    units: String,
    average: Option<String>,
    chart: Chart,
    rows: Vec<RevenueRow>,
    /// There may be more accounts than are listed.
    is_cut_off: bool,
    download: String,
}

struct RevenueRow {
    account: String,
    business: String,
    path: String,
    tariff: String,
    units: String,
    average: String,
    amount: String,
    share: String,
}

pub async fn show(
    desk: OperatorDesk,
    Query(fields): Query<RevenueFields>,
) -> Result<Response, Error> {
    let words = desk.words;
    let now = Month::of(desk.now, &desk.zone);
    let month = Month::parse(&fields.month).unwrap_or(now);
    let stretch = days::of_month(month);
    let snapshot = desk.store.snapshot().await?;
    let positions = snapshot.positions(desk.now - AGED).await?;
    let revenue = snapshot.revenue_by_day(stretch).await?;
    let here = chosen(&fields.currency, &positions);
    let accounts = snapshot
        .revenue_by_account(stretch, Some(here), ROWS_MAX)
        .await?;
    snapshot.end().await?;
    let sum = days::total(&revenue, stretch, here);
    let address = |code: &str| format!("{BASE}/revenue?month={month}&currency={code}");
    let mut months = Vec::new();
    let mut one = Some(now);
    for _ in 0..MONTHS {
        let Some(this) = one else { break };
        months.push((this.to_string(), calendar::title(&words, this)));
        one = this.previous();
    }
    if !months.iter().any(|(value, _)| *value == month.to_string()) {
        months.push((month.to_string(), calendar::title(&words, month)));
    }
    page::show(&RevenuePage {
        frame: Frame::of(&desk, Place::Revenue),
        words,
        title: calendar::title(&words, month),
        month: month.to_string(),
        currency: here.code(),
        months,
        currencies: choices(&positions, here, address),
        total: money(&words, sum.amount_micro, here),
        units: words.count(sum.units),
        average: days::average(&words, sum, here),
        chart: days::chart(&words, stretch, &revenue, here),
        is_cut_off: accounts.len() == ROWS_MAX as usize,
        rows: accounts
            .iter()
            .map(|one| row(&words, one, sum.amount_micro))
            .collect(),
        download: format!("{BASE}/revenue.csv?month={month}"),
    })
}

fn row(words: &Words, revenue: &AccountRevenue, total_micro: i64) -> RevenueRow {
    let currency = revenue.currency;
    RevenueRow {
        account: match &revenue.handle {
            Some(handle) => handle.clone(),
            None => words.t("operator-no-account").to_string(),
        },
        business: revenue.business_name.clone(),
        path: format!("{BASE}/businesses/{}", revenue.business),
        tariff: tariff_words(words, revenue.tariff),
        units: words.count(revenue.sum.units),
        average: days::average(words, revenue.sum, currency).unwrap_or_else(|| "–".into()),
        amount: money(words, revenue.sum.amount_micro, currency),
        share: words.percent(revenue.sum.amount_micro, total_micro),
    }
}

/// Every day of the month as a file, made while it is read: a day at a time.
pub async fn download(
    desk: OperatorDesk,
    Query(fields): Query<RevenueFields>,
) -> Result<Response, Error> {
    let month = Month::parse(&fields.month);
    let month = month.unwrap_or_else(|| Month::of(desk.now, &desk.zone));
    let Days { first, last } = days::of_month(month);
    let store = desk.store.clone();
    let pieces = stream::try_unfold(first, move |day| {
        let store = store.clone();
        async move {
            match day > last {
                true => Ok(None),
                false => piece(&store, day, day == first)
                    .await
                    .map(|text| Some((text, day + 1))),
            }
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"revenue-{month}.csv\""),
        ),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

async fn piece(store: &Store, day: i32, is_first: bool) -> Result<String, StoreError> {
    let mut text = String::new();
    if is_first {
        text.push_str(BYTE_ORDER_MARK);
        push_row(&mut text, &COLUMNS);
    }
    let snapshot = store.snapshot().await?;
    let days = Days {
        first: day,
        last: day,
    };
    let rows = snapshot.revenue_by_account(days, None, u32::MAX).await?;
    snapshot.end().await?;
    let at = Timestamp::from_millis(i64::from(day) * DAY_MS).to_string();
    let date: String = at.chars().take("2026-11-30".len()).collect();
    for row in rows {
        let handle = row.handle.as_deref().unwrap_or_default();
        let amount = Money::from_micro(row.sum.amount_micro, row.currency);
        let cells = [
            date.clone(),
            row.business.to_string(),
            text_cell(&row.business_name),
            text_cell(handle),
            tariff_name(row.tariff),
            row.sum.units.to_string(),
            row.currency.code().to_owned(),
            // A number, and below zero where it corrects: no text that needs an escape.
            decimal(amount),
        ];
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    Ok(text)
}

/// As machines name it.
fn tariff_name(code: u8) -> String {
    let known = domain::price::Tariff::from_code(code);
    known.map_or_else(String::new, |tariff| tariff.name().to_owned())
}
