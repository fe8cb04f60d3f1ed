//! The wallet: what is there, what is held and for which campaign, every movement with the balance
//! after it, and what each month and each campaign cost.

pub mod bill; // one campaign's bill
pub mod budgets; // what is used of each budget
pub mod credit; // what was agreed, and promotional credit
pub mod download; // movements as a file
pub mod lines; // movements as lines people read
pub mod month; // the bill of a closed month

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use billing::BillingError;
use directory::Permission;
use domain::id::CampaignId;
use domain::ledger::TransactionKind;
use domain::money::Money;
use domain::price::{floor, vat};
use domain::time::Timestamp;
use serde::Deserialize;
use store::Snapshot;
use store::month::ClosedMonth;
use store::movement::{BilledCampaign, LineCampaign, OpenHold};
use words::Words;

use crate::campaign_words::called;
use crate::campaigns::months::Month;
use crate::campaigns::{calendar, moment};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::home::unit_of;
use crate::month_bill;
use crate::page;
use budgets::BudgetRow;
use credit::{Agreed, LotRow};
use lines::{Line, Lines};

/// Lines of one page.
const PAGE_LINES: usize = 50;
/// Months that are looked at for what they cost.
const MONTHS_MAX: usize = 6;
/// Bills that are listed.
const BILLS_MAX: u32 = 8;
/// Books longer than this are not added up for a page; the reconciliation does it.
const CHECKED_MAX: u64 = 50_000;

/// What the address asks for; what cannot be read asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WalletFields {
    kind: String,
    pub(crate) month: String,
    before: String,
}

/// Kinds of movements that are looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KindFilter {
    All,
    TopUps,
    Holds,
    Charges,
}

#[derive(Template)]
#[template(path = "wallet/wallet.html")]
struct WalletPage<'a> {
    frame: Frame<'a>,
    words: Words,
    available: String,
    held: String,
    unit: String,
    agreed: Agreed,
    lots: Vec<LotRow>,
    budgets: Vec<BudgetRow>,
    /// Percent of what is there that is held; `None` of an empty wallet.
    held_share: Option<String>,
    free_share: String,
    holds: Vec<HoldRow>,
    months: Vec<MonthRow>,
    filters: Vec<Filter>,
    month_choices: Vec<(String, String)>,
    kind: &'static str,
    month: String,
    lines: Vec<LineRow>,
    is_first: bool,
    first: String,
    next: Option<String>,
    download: String,
    agrees: Option<bool>,
    bills: Vec<BillRow>,
    business: String,
}

struct HoldRow {
    name: String,
    path: Option<String>,
    open: String,
    amount: String,
    captured: String,
}

struct MonthRow {
    name: String,
    is_now: bool,
    /// Of a closed month: where its bill is, and whether it is paid.
    closed: Option<(String, String)>,
    net: String,
    vat: String,
    total: String,
}

struct Filter {
    path: String,
    words: String,
    is_here: bool,
}

struct LineRow {
    sequence: String,
    when: String,
    kind: String,
    what: String,
    path: Option<String>,
    /// `1,000 × 15원`, and over how long.
    note: String,
    amount: String,
    is_gain: bool,
    /// Taken from what was held, not from what is available.
    is_from_hold: bool,
    after: String,
}

struct BillRow {
    name: String,
    path: String,
    day: String,
    sum: String,
    amount: String,
}

#[derive(Template)]
#[template(path = "wallet/closed.html")]
struct ClosedPage<'a> {
    frame: Frame<'a>,
    words: Words,
    role: String,
}

impl KindFilter {
    const ALL: [KindFilter; 4] = [Self::All, Self::TopUps, Self::Holds, Self::Charges];

    const fn name(self) -> &'static str {
        match self {
            Self::All => "",
            Self::TopUps => "top-ups",
            Self::Holds => "holds",
            Self::Charges => "charges",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::All => "wallet-all",
            Self::TopUps => "wallet-top-ups",
            Self::Holds => "wallet-holds",
            Self::Charges => "wallet-charges",
        }
    }

    fn kinds(self) -> &'static [TransactionKind] {
        match self {
            Self::All => &[],
            Self::TopUps => &[TransactionKind::TopUp, TransactionKind::PromotionalGrant],
            Self::Holds => &[TransactionKind::Hold, TransactionKind::Release],
            Self::Charges => &[TransactionKind::Capture],
        }
    }
}

pub async fn show(desk: Desk, Query(fields): Query<WalletFields>) -> Result<Response, Error> {
    if !desk.may(Permission::ReadMoney) {
        return closed(&desk);
    }
    let filter = KindFilter::ALL
        .into_iter()
        .find(|one| one.name() == fields.kind);
    let filter = filter.unwrap_or(KindFilter::All);
    let month = Month::parse(&fields.month);
    let before: Option<u64> = fields.before.parse().ok();
    let words = desk.words;
    let snapshot = desk.store.snapshot().await?;
    let wallet = snapshot.wallet(desk.business.id).await?;
    let holds = snapshot.open_holds(desk.business.id).await?;
    let page = read_lines(&snapshot, &desk, filter, month, before).await?;
    let mut named: Vec<CampaignId> = page.lines.iter().filter_map(|line| line.campaign).collect();
    named.extend(holds.iter().map(|hold| hold.campaign));
    named.sort_unstable();
    named.dedup();
    let campaigns = snapshot.line_campaigns(desk.business.id, &named).await?;
    let campaigns = campaigns.into_iter().map(|one| (one.id, one)).collect();
    let bills = snapshot
        .billed_campaigns(desk.business.id, BILLS_MAX)
        .await?;
    let (months, choices) = months(&snapshot, &desk).await?;
    let agrees = agrees(&snapshot, &desk, &holds).await?;
    let lots = credit::lots(&snapshot, &desk).await?;
    snapshot.end().await?;
    let here = |before| address(&desk, filter, month, before);
    let (available, held) = (wallet.available.micro(), wallet.held.micro());
    let whole = available.max(0) + held;
    page::show(&WalletPage {
        frame: Frame::of(&desk, Place::Wallet),
        words,
        available: words.amount(wallet.available),
        held: words.amount(wallet.held),
        unit: unit_of(&desk),
        agreed: credit::agreed(&desk, &wallet).await?,
        lots,
        budgets: budgets::rows(&desk).await?,
        held_share: (whole > 0).then(|| words.percent(held, whole)),
        free_share: words.percent(whole - held, whole),
        holds: holds
            .iter()
            .map(|hold| hold_row(&desk, hold, &campaigns))
            .collect(),
        months,
        filters: filters(&desk, filter, month),
        month_choices: choices,
        kind: filter.name(),
        month: month.map(|month| month.to_string()).unwrap_or_default(),
        lines: page
            .lines
            .iter()
            .map(|line| line_row(&desk, line, &campaigns))
            .collect(),
        is_first: before.is_none(),
        first: here(None),
        next: page.next.map(|next| here(Some(next))),
        download: match month {
            Some(month) => desk.at(&format!("/wallet/movements.csv?month={month}")),
            None => desk.at("/wallet/movements.csv"),
        },
        agrees,
        bills: bills.iter().map(|bill| bill_row(&desk, bill)).collect(),
        business: desk.business.id.to_string(),
    })
}

/// Who may not read the wallet is told so, and whom to ask.
pub(super) fn closed(desk: &Desk) -> Result<Response, Error> {
    let page = ClosedPage {
        frame: Frame::of(desk, Place::Wallet),
        words: desk.words,
        role: desk
            .words
            .t(format!("role-{}", desk.role.name()))
            .to_string(),
    };
    page::show_as(StatusCode::FORBIDDEN, &page)
}

async fn read_lines(
    snapshot: &Snapshot,
    desk: &Desk,
    filter: KindFilter,
    month: Option<Month>,
    before: Option<u64>,
) -> Result<Lines, Error> {
    let bounds = month.map(|month| month.bounds(&desk.zone));
    let (business, kinds) = (desk.business.id, filter.kinds());
    Ok(lines::read(snapshot, business, kinds, bounds, before, PAGE_LINES).await?)
}

/// Whether the wallet is what the books add up to; `None` where they are too long to ask here.
async fn agrees(
    snapshot: &Snapshot,
    desk: &Desk,
    holds: &[OpenHold],
) -> Result<Option<bool>, Error> {
    let business = desk.business.id;
    let end_of_time = Timestamp::from_millis(i64::MAX);
    let last = snapshot.last_sequence_before(business, end_of_time).await?;
    if last == 0 || last > CHECKED_MAX {
        return Ok(None);
    }
    let wallet = snapshot.wallet(business).await?;
    let (available, held) = snapshot.balance_after(business, last).await?;
    let of_holds: i64 = holds.iter().map(OpenHold::open_micro).sum();
    let is_same = wallet.available.micro() == available && wallet.held.micro() == held;
    Ok(Some(is_same && held == of_holds))
}

/// What the latest months cost, and every month there is to choose.
async fn months(
    snapshot: &Snapshot,
    desk: &Desk,
) -> Result<(Vec<MonthRow>, Vec<(String, String)>), Error> {
    let words = &desk.words;
    let now = Month::of(desk.now, &desk.zone);
    let first = snapshot.first_booked_at(desk.business.id).await?;
    let first = first.map_or(now, |at| Month::of(at, &desk.zone));
    let closed = snapshot.closed_months(desk.business.id).await?;
    let mut rows = Vec::new();
    let mut month = Some(now);
    for _ in 0..MONTHS_MAX {
        let Some(this) = month.filter(|this| *this >= first) else {
            break;
        };
        if let Some(closed) = closed
            .iter()
            .find(|one| one.month.to_string() == this.to_string())
        {
            rows.push(closed_row(desk, this, closed).map_err(BillingError::from)?);
            month = this.previous();
            continue;
        }
        let (from, until) = this.bounds(&desk.zone);
        let net = snapshot
            .moved_between(desk.business.id, TransactionKind::Capture, from, until)
            .await?;
        let net = Money::from_micro(net, desk.business.currency);
        // A month without sends has no invoice.
        if this == now || !net.is_zero() {
            rows.push(month_row(words, this, this == now, net).map_err(BillingError::from)?);
        }
        month = this.previous();
    }
    let mut choices = Vec::new();
    let mut month = Some(now);
    while let Some(this) = month.filter(|this| *this >= first) {
        choices.push((this.to_string(), calendar::title(words, this)));
        month = this.previous();
    }
    Ok((rows, choices))
}

fn month_row(
    words: &Words,
    month: Month,
    is_now: bool,
    net: Money,
) -> Result<MonthRow, domain::money::InvalidMoney> {
    // Rounded once, on the whole month, as the invoice is.
    let total = floor(net.checked_add(vat(net)?)?)?;
    Ok(MonthRow {
        name: calendar::title(words, month),
        is_now,
        closed: None,
        net: words.money(net),
        vat: words.money(total.checked_sub(net)?),
        total: words.money(total),
    })
}

/// As its invoice says.
fn closed_row(
    desk: &Desk,
    month: Month,
    closed: &ClosedMonth,
) -> Result<MonthRow, domain::money::InvalidMoney> {
    let (words, amounts) = (&desk.words, closed.amounts);
    let path = desk.at(&format!("/wallet/month?month={month}"));
    Ok(MonthRow {
        name: calendar::title(words, month),
        is_now: false,
        closed: Some((path, month_bill::standing(words, closed))),
        net: words.money(amounts.net),
        vat: words.money(amounts.total.checked_sub(amounts.net)?),
        total: words.money(amounts.total),
    })
}

fn address(desk: &Desk, filter: KindFilter, month: Option<Month>, before: Option<u64>) -> String {
    let mut query = Vec::new();
    if filter != KindFilter::All {
        query.push(format!("kind={}", filter.name()));
    }
    if let Some(month) = month {
        query.push(format!("month={month}"));
    }
    if let Some(before) = before {
        query.push(format!("before={before}"));
    }
    match query.is_empty() {
        true => desk.at("/wallet"),
        false => desk.at(&format!("/wallet?{}#movements", query.join("&"))),
    }
}

fn filters(desk: &Desk, here: KindFilter, month: Option<Month>) -> Vec<Filter> {
    let every = KindFilter::ALL.into_iter().map(|filter| Filter {
        path: address(desk, filter, month, None),
        words: desk.words.t(filter.key()).to_string(),
        is_here: filter == here,
    });
    every.collect()
}

fn money(desk: &Desk, micro: i64) -> String {
    desk.words
        .money(Money::from_micro(micro, desk.business.currency))
}

/// Where a campaign is: of another account of the business, too.
fn campaign_path(campaign: &LineCampaign) -> Option<String> {
    let path = || format!("/console/{}/campaigns/{}", campaign.handle, campaign.id);
    campaign.is_broadcast.then(path)
}

fn hold_row(
    desk: &Desk,
    hold: &OpenHold,
    campaigns: &BTreeMap<CampaignId, LineCampaign>,
) -> HoldRow {
    let campaign = campaigns.get(&hold.campaign);
    HoldRow {
        name: called(&desk.words, campaign.map_or("", |one| &one.name)),
        path: campaign.and_then(campaign_path),
        open: money(desk, hold.open_micro()),
        amount: money(desk, hold.amount_micro),
        captured: money(desk, hold.captured_micro),
    }
}

fn line_row(desk: &Desk, line: &Line, campaigns: &BTreeMap<CampaignId, LineCampaign>) -> LineRow {
    let words = &desk.words;
    let campaign = line.campaign.and_then(|id| campaigns.get(&id));
    let is_capture = line.kind == TransactionKind::Capture;
    let change = match is_capture {
        true => line.held_micro,
        false => line.available_micro,
    };
    let sign = match change.signum() {
        1 => "+",
        0 => "",
        _ => "−",
    };
    let kind = words.t(format!(
        "wallet-kind-{}",
        line.kind.name().replace('_', "-")
    ));
    LineRow {
        sequence: format!("{:05}", line.sequence),
        when: moment(desk, line.booked_at),
        kind: kind.to_string(),
        what: match campaign {
            Some(campaign) => called(words, &campaign.name),
            None => line.cause(words),
        },
        path: campaign.and_then(campaign_path),
        note: note(desk, line, campaign),
        amount: format!("{sign}{}", money(desk, change.saturating_abs())),
        is_gain: change > 0,
        is_from_hold: is_capture,
        after: money(desk, line.after_micro),
    }
}

/// `1,000 × 15원`, and in how many steps where it was more than one.
fn note(desk: &Desk, line: &Line, campaign: Option<&LineCampaign>) -> String {
    let unit = campaign.map_or(0, |campaign| campaign.unit_price_micro);
    let amount = line.held_micro.saturating_abs();
    if unit == 0 || amount % unit != 0 {
        return String::new();
    }
    let sum = times(desk, amount / unit, unit);
    match line.transactions {
        1 => sum,
        steps => desk
            .words
            .t("wallet-steps")
            .text("sum", sum)
            .num("steps", steps)
            .to_string(),
    }
}

/// `1,000 × 15원`.
fn times(desk: &Desk, units: i64, unit_micro: i64) -> String {
    format!("{} × {}", desk.words.count(units), money(desk, unit_micro))
}

fn bill_row(desk: &Desk, bill: &BilledCampaign) -> BillRow {
    let unit = bill.unit_price_micro;
    let is_whole = unit > 0 && bill.captured_micro % unit == 0;
    BillRow {
        name: called(&desk.words, &bill.name),
        path: format!("/console/{}/wallet/bills/{}", bill.handle, bill.id),
        day: desk.words.day(bill.launched_at, &desk.zone),
        sum: match is_whole {
            true => times(desk, bill.captured_micro / unit, unit),
            false => String::new(),
        },
        amount: money(desk, bill.captured_micro),
    }
}
