//! Who pays: the businesses, and one of them with its accounts, its wallet and what moved there.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use domain::id::{BusinessId, CampaignId};
use domain::ledger::TransactionKind;
use domain::money::Currency;
use serde::Deserialize;
use store::Snapshot;
use store::directory::Business;
use store::movement::LineCampaign;
use store::oversight::{BusinessQuery, CampaignUnderWay, ListedBusiness};
use words::Words;

use super::agreed::{Agreed, agreed};
use super::days;
use super::desk::{BASE, OperatorDesk};
use super::frame::{Frame, Place};
use super::holds::{HoldRow, hold_row};
use super::{money, page_of};
use crate::campaign_words::{Badge, called};
use crate::campaigns::months::Month;
use crate::error::Error;
use crate::page;
use crate::wallet::lines::{self, Line};

/// Businesses of one page.
const PAGE_BUSINESSES: u32 = 50;
/// What somebody looks for, at most.
const TEXT_CHARS_MAX: usize = 64;
/// Lines of movements of one page.
const PAGE_LINES: usize = 30;
/// Campaigns and holds of one business that are listed.
const CAMPAIGNS_MAX: u32 = 20;
const HOLDS_MAX: u32 = 20;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListFields {
    q: String,
    page: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BusinessFields {
    before: String,
}

#[derive(Debug, Deserialize)]
pub struct BusinessPath {
    pub(super) business: String,
}

#[derive(Template)]
#[template(path = "operator/businesses.html")]
struct BusinessesPage<'a> {
    frame: Frame<'a>,
    words: Words,
    text: String,
    count: u64,
    rows: Vec<BusinessRow>,
    before: Option<String>,
    next: Option<String>,
}

struct BusinessRow {
    path: String,
    name: String,
    currency: &'static str,
    available: String,
    held: String,
    accounts: String,
    spent: String,
}

#[derive(Template)]
#[template(path = "operator/business.html")]
struct BusinessPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    id: String,
    currency: &'static str,
    since: String,
    is_stopped: bool,
    available: String,
    held: String,
    agreed: Agreed,
    spent: String,
    spent_units: String,
    accounts: Vec<AccountRow>,
    campaigns: Vec<CampaignRow>,
    holds: Vec<HoldRow>,
    lines: Vec<LineRow>,
    is_first: bool,
    next: Option<String>,
}

struct AccountRow {
    handle: String,
    name: String,
    zone: String,
    since: String,
    is_stopped: bool,
}

struct CampaignRow {
    name: String,
    handle: String,
    badge: Badge,
    launched: String,
    captured: String,
    open: String,
}

struct LineRow {
    when: String,
    kind: String,
    what: String,
    amount: String,
    is_gain: bool,
    is_from_hold: bool,
    after: String,
}

pub async fn list(desk: OperatorDesk, Query(fields): Query<ListFields>) -> Result<Response, Error> {
    let words = desk.words;
    let text: String = fields.q.trim().chars().take(TEXT_CHARS_MAX).collect();
    let page = page_of(&fields.page);
    let query = BusinessQuery {
        text: &text,
        days: days::of_month(Month::of(desk.now, &desk.zone)),
        limit: PAGE_BUSINESSES,
        offset: (page - 1) * PAGE_BUSINESSES,
    };
    let snapshot = desk.store.snapshot().await?;
    let (count, found) = snapshot.list_businesses(&query).await?;
    snapshot.end().await?;
    let address = |page: u32| {
        let text = page::percent_encoded(&text);
        format!("{BASE}/businesses?q={text}&page={page}")
    };
    let has_more = u64::from(page) * u64::from(PAGE_BUSINESSES) < count;
    page::show(&BusinessesPage {
        frame: Frame::of(&desk, Place::Businesses),
        words,
        rows: found.iter().map(|one| business_row(&words, one)).collect(),
        count,
        before: (page > 1).then(|| address(page - 1)),
        next: has_more.then(|| address(page + 1)),
        text,
    })
}

fn business_row(words: &Words, business: &ListedBusiness) -> BusinessRow {
    let of = |micro| money(words, micro, business.currency);
    BusinessRow {
        path: format!("{BASE}/businesses/{}", business.id),
        name: business.name.clone(),
        currency: business.currency.code(),
        available: of(business.available_micro),
        held: of(business.held_micro),
        accounts: words.count(business.accounts),
        spent: of(business.spent_micro),
    }
}

pub async fn show(
    desk: OperatorDesk,
    Path(path): Path<BusinessPath>,
    Query(fields): Query<BusinessFields>,
) -> Result<Response, Error> {
    let business = business_at(&desk, &path).await?;
    let (words, id, currency) = (desk.words, business.id, business.currency);
    let before: Option<u64> = fields.before.parse().ok();
    let wallet = billing::wallet::wallet(&desk.store, id).await?;
    let accounts = desk.store.accounts_of_business(id).await?;
    let snapshot = desk.store.snapshot().await?;
    let month = days::of_month(Month::of(desk.now, &desk.zone));
    let spent = snapshot.revenue_of_business(id, month).await?;
    let under_way = snapshot.campaigns_under_way(id, CAMPAIGNS_MAX).await?;
    let held = snapshot.held_campaigns(Some(id), HOLDS_MAX, 0).await?;
    let page = lines::read(&snapshot, id, &[], None, before, PAGE_LINES).await?;
    let campaigns = named(&snapshot, id, &page.lines).await?;
    let agreed = agreed(&desk, &snapshot, &business).await?;
    snapshot.end().await?;
    let own = format!("{BASE}/businesses/{id}");
    page::show(&BusinessPage {
        frame: Frame::of(&desk, Place::Businesses),
        words,
        id: id.to_string(),
        currency: currency.code(),
        since: words.day(business.created_at, &desk.zone),
        is_stopped: business.stopped_at.is_some(),
        available: words.money(wallet.available),
        held: words.money(wallet.held),
        agreed,
        spent: money(&words, spent.amount_micro, currency),
        spent_units: words.count(spent.units),
        accounts: accounts
            .iter()
            .map(|account| AccountRow {
                handle: account.handle.to_string(),
                name: account.display_name.clone(),
                zone: words.zone(&account.time_zone),
                since: words.day(account.created_at, &desk.zone),
                is_stopped: account.stopped_at.is_some(),
            })
            .collect(),
        campaigns: under_way
            .iter()
            .map(|campaign| campaign_row(&desk, campaign, currency))
            .collect(),
        holds: held.iter().map(|hold| hold_row(&desk, hold)).collect(),
        lines: page
            .lines
            .iter()
            .map(|line| line_row(&desk, line, &campaigns, currency))
            .collect(),
        is_first: before.is_none(),
        next: page
            .next
            .map(|next| format!("{own}?before={next}#movements")),
        name: business.name,
        path: own,
    })
}

/// The business that a path names.
pub(super) async fn business_at(
    desk: &OperatorDesk,
    path: &BusinessPath,
) -> Result<Business, Error> {
    let id: BusinessId = path.business.parse().map_err(|_| Error::NotFound)?;
    desk.store.business(id).await?.ok_or(Error::NotFound)
}

/// The names behind movements.
async fn named(
    snapshot: &Snapshot,
    business: BusinessId,
    lines: &[Line],
) -> Result<BTreeMap<CampaignId, LineCampaign>, Error> {
    let mut ids: Vec<CampaignId> = lines.iter().filter_map(|line| line.campaign).collect();
    ids.sort_unstable();
    ids.dedup();
    let campaigns = snapshot.line_campaigns(business, &ids).await?;
    Ok(campaigns.into_iter().map(|one| (one.id, one)).collect())
}

fn campaign_row(
    desk: &OperatorDesk,
    campaign: &CampaignUnderWay,
    currency: Currency,
) -> CampaignRow {
    let words = &desk.words;
    CampaignRow {
        name: name_of(words, &campaign.name, campaign.is_broadcast),
        handle: campaign.handle.clone(),
        badge: Badge::of(words, campaign.state, false),
        launched: campaign
            .launched_at
            .map(|at| desk.moment(at))
            .unwrap_or_default(),
        captured: money(words, campaign.captured_micro, currency),
        open: money(words, campaign.open_micro, currency),
    }
}

/// A day of API sending has no name of its own.
pub(super) fn name_of(words: &Words, name: &str, is_broadcast: bool) -> String {
    match is_broadcast {
        true => called(words, name),
        false => words.t("operator-standing").to_string(),
    }
}

fn line_row(
    desk: &OperatorDesk,
    line: &Line,
    campaigns: &BTreeMap<CampaignId, LineCampaign>,
    currency: Currency,
) -> LineRow {
    let words = &desk.words;
    let campaign = line.campaign.and_then(|id| campaigns.get(&id));
    let is_capture = line.kind == TransactionKind::Capture;
    let change = match is_capture {
        true => line.held_micro,
        false => line.available_micro,
    };
    let sign = if change > 0 { "+" } else { "−" };
    let kind = line.kind.name().replace('_', "-");
    LineRow {
        when: desk.moment(line.booked_at),
        kind: words.t(format!("wallet-kind-{kind}")).to_string(),
        what: match campaign {
            Some(campaign) => name_of(words, &campaign.name, campaign.is_broadcast),
            None => line.cause(words),
        },
        amount: format!("{sign}{}", money(words, change.saturating_abs(), currency)),
        is_gain: change > 0,
        is_from_hold: is_capture,
        after: money(words, line.after_micro, currency),
    }
}
