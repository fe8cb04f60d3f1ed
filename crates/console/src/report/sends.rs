//! One line for every send of a campaign, with filters as links; one friend's line shows what
//! proves it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use billing::CampaignFigures;
use billing::report::{billable_words, tariff_words};
use billing::sends::{Afterwards, Became, Cursor, SendFilter, SendLine};
use directory::Permission;
use domain::campaign::CampaignKind;
use domain::chunk::ChunkState;
use domain::id::UserId;
use domain::outcome::{Outcome, RejectionCode};
use domain::receipt::ReceiptKind;
use domain::rule::RuleId;
use domain::user::UserNumber;
use store::campaign::Campaign;
use store::receipt::SendReceipts;
use words::Words;

use super::Head;
use super::evidence::{self, Evidence};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page::{self, percent_encoded};
use crate::reasons;
use crate::state::ConsoleState;

/// Bytes of what is typed as a friend's id, at most.
const FRIEND_BYTES_MAX: usize = 64;

/// A query as it came; an address with two filters of one name keeps the last.
pub type Asked = Result<Query<HashMap<String, String>>, QueryRejection>;

#[derive(Template)]
#[template(path = "report/sends.html")]
struct SendsPage<'a> {
    frame: Frame<'a>,
    words: Words,
    head: Head,
    chips: Vec<ChipRow>,
    friend: String,
    faults: Faults,
    lines: Vec<Line>,
    /// Of the whole campaign or of the filter, where it is known without counting.
    count: Option<String>,
    next: Option<String>,
    is_cut_short: bool,
    is_first: bool,
    first: String,
    csv: String,
    evidence: Option<Evidence>,
}

/// Filters of one kind, one of which is on.
struct ChipRow {
    name: String,
    chips: Vec<Chip>,
}

struct Chip {
    words: String,
    count: String,
    path: String,
    is_on: bool,
}

struct Line {
    time: String,
    friend: String,
    short: String,
    path: String,
    evidence: String,
    tone: &'static str,
    outcome: String,
    reason: String,
    tariff: String,
    tariff_reason: String,
    billable: String,
    billable_reason: String,
    unit_price: String,
    booked: String,
    afterwards: String,
    chunk: String,
}

/// What is asked for, read from an address.
pub struct Wish {
    pub filter: SendFilter,
    after: Option<Cursor>,
    /// As it was typed.
    friend: String,
    /// The friend is no id or nobody's.
    has_no_friend: bool,
    faults: Faults,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    asked: Asked,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    if campaign.launch.is_none() {
        let path = desk.at(&format!("/campaigns/{}", campaign.id));
        return Ok(Redirect::to(&path).into_response());
    }
    let wish = Wish::read(&desk, asked).await?;
    let figures = super::read(&state, &desk, &campaign).await?;
    let found = match wish.has_no_friend {
        true => billing::sends::SendsPage {
            lines: Vec::new(),
            next: None,
            is_cut_short: false,
        },
        false => {
            let business = desk.business.id;
            let (store, filter) = (&desk.store, wish.filter);
            billing::sends::page(store, business, campaign.id, filter, wish.after).await?
        }
    };
    let evidence = match (wish.filter.friend, found.lines.first()) {
        (Some(_), Some(line)) => Some(evidence::read(&desk, &campaign, line).await?),
        _ => None,
    };
    let head = Head::of(&desk, &campaign, &figures);
    let lines = lines(&desk, &campaign, &head.path, &found.lines).await?;
    let base = format!("{}/sends", head.path);
    let status = match wish.faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = SendsPage {
        chips: chips(&desk.words, &base, &wish, &figures),
        count: count(&desk.words, &wish.filter, &figures).filter(|_| wish.is_possible()),
        next: found.next.map(|next| wish.address(&base, Some(next))),
        is_cut_short: found.is_cut_short,
        is_first: wish.after.is_none(),
        first: wish.address(&base, None),
        csv: wish.address(&format!("{base}.csv"), None),
        frame: Frame::of(&desk, Place::Campaigns),
        words: desk.words,
        friend: wish.friend,
        faults: wish.faults,
        lines,
        evidence,
        head,
    };
    page::show_as(status, &page)
}

impl Wish {
    /// A wrong filter is said; a wrong friend is a fault of the field it was typed into.
    pub async fn read(desk: &Desk, asked: Asked) -> Result<Self, Error> {
        let refuse = |what: &str| {
            let said = desk.words.t("report-bad-filter").text("what", shown(what));
            Error::Unreadable(said.to_string())
        };
        let Ok(Query(asked)) = asked else {
            return Err(refuse("?"));
        };
        let of = |name: &str| {
            asked
                .get(name)
                .map(String::as_str)
                .filter(|text| !text.is_empty())
        };
        let became = match of("outcome") {
            None => None,
            Some(name) => Some(Became::from_name(name).ok_or_else(|| refuse(name))?),
        };
        let reason = match of("reason") {
            None => None,
            Some(name) => Some(reason_of(became, name).ok_or_else(|| refuse(name))?),
        };
        let afterwards = match of("after") {
            None => None,
            Some(name) => Some(afterwards_of(name).ok_or_else(|| refuse(name))?),
        };
        let after = match of("from") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| refuse(text))?),
        };
        let typed = of("friend").unwrap_or_default().trim();
        let friend = match typed.len() <= FRIEND_BYTES_MAX {
            true => friend_of(desk, typed).await?,
            false => None,
        };
        let mut faults = Faults::default();
        let has_no_friend = !typed.is_empty() && friend.is_none();
        if has_no_friend {
            faults.add("friend", desk.words.t("report-fault-friend"));
        }
        Ok(Self {
            filter: SendFilter {
                became,
                reason,
                afterwards,
                friend,
            },
            after,
            friend: typed.chars().take(FRIEND_BYTES_MAX).collect(),
            has_no_friend,
            faults,
        })
    }

    /// Whether there is something to look for at all.
    pub fn is_possible(&self) -> bool {
        !self.has_no_friend
    }

    fn address(&self, base: &str, from: Option<Cursor>) -> String {
        let friend = (!self.friend.is_empty()).then_some(self.friend.as_str());
        address(base, &self.filter, friend, from)
    }
}

/// A filter as an address.
fn address(base: &str, filter: &SendFilter, friend: Option<&str>, from: Option<Cursor>) -> String {
    let mut query = Vec::new();
    if let Some(became) = filter.became {
        query.push(format!("outcome={}", became.name()));
    }
    if let Some(reason) = filter.reason {
        query.push(format!("reason={}", reason.reason()));
    }
    if let Some(afterwards) = filter.afterwards {
        query.push(format!("after={}", afterwards_name(afterwards)));
    }
    if let Some(friend) = friend {
        query.push(format!("friend={}", percent_encoded(friend)));
    }
    if let Some(from) = from {
        query.push(format!("from={from}"));
    }
    match query.is_empty() {
        true => base.to_owned(),
        false => format!("{base}?{}", query.join("&")),
    }
}

async fn friend_of(desk: &Desk, typed: &str) -> Result<Option<UserNumber>, Error> {
    let Ok(id) = typed.parse::<UserId>() else {
        return Ok(None);
    };
    let snapshot = desk.store.snapshot().await?;
    let number = snapshot.user_of_id(id).await?;
    snapshot.end().await?;
    Ok(number)
}

fn reason_of(became: Option<Became>, name: &str) -> Option<Outcome> {
    match became? {
        Became::Failed => RejectionCode::from_name(name).map(Outcome::Failed),
        Became::Excluded => {
            let rule = RuleId::ALL.into_iter().find(|rule| rule.name() == name);
            rule.map(Outcome::Excluded)
        }
        _ => None,
    }
}

const AFTERWARDS: [(&str, Afterwards); 5] = [
    ("opened", Afterwards::Did(ReceiptKind::Opened)),
    ("not_opened", Afterwards::NotOpened),
    ("clicked", Afterwards::Did(ReceiptKind::Clicked)),
    ("coupon", Afterwards::Did(ReceiptKind::CouponUsed)),
    ("blocked", Afterwards::Did(ReceiptKind::Blocked)),
];

fn afterwards_of(name: &str) -> Option<Afterwards> {
    let found = AFTERWARDS.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, afterwards)| afterwards)
}

fn afterwards_name(afterwards: Afterwards) -> &'static str {
    let found = AFTERWARDS
        .into_iter()
        .find(|(_, known)| *known == afterwards);
    found.map_or("", |(name, _)| name)
}

/// What was wrong, short enough for a sentence.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

fn chips(words: &Words, base: &str, wish: &Wish, figures: &CampaignFigures) -> Vec<ChipRow> {
    let mut rows = vec![outcome_chips(words, base, &wish.filter, figures)];
    let reasons = reason_chips(words, base, &wish.filter, figures);
    if !reasons.chips.is_empty() {
        rows.push(reasons);
    }
    rows.push(afterwards_chips(words, base, &wish.filter, figures));
    rows
}

fn outcome_chips(
    words: &Words,
    base: &str,
    filter: &SendFilter,
    figures: &CampaignFigures,
) -> ChipRow {
    let afterwards = filter.afterwards;
    let chip = |key: String, count: u64, became: Option<Became>| {
        let wanted = SendFilter {
            became,
            afterwards,
            ..SendFilter::default()
        };
        Chip {
            words: words.t(key).to_string(),
            count: words.count(count),
            path: address(base, &wanted, None, None),
            is_on: filter.became == became && filter.friend.is_none(),
        }
    };
    let of = &figures.bill.outcomes;
    let all = of.frozen() + of.left_out;
    let mut chips = vec![chip("report-all".to_owned(), all, None)];
    for became in Became::ALL {
        let count = count_of(figures, became);
        if count > 0 || filter.became == Some(became) {
            let key = match became {
                Became::Uncertain => {
                    let keys = ["report-became-uncertain", "report-became-unconfirmed"];
                    reasons::undecided(figures.bill.billable, keys).to_owned()
                }
                became => format!("report-became-{}", became.name().replace('_', "-")),
            };
            chips.push(chip(key, count, Some(became)));
        }
    }
    ChipRow {
        name: words.t("report-outcome").to_string(),
        chips,
    }
}

fn count_of(figures: &CampaignFigures, became: Became) -> u64 {
    let of = &figures.bill.outcomes;
    match became {
        Became::Delivered => of.accepted,
        Became::Failed => of.failed,
        Became::Excluded => of.excluded + of.left_out,
        Became::Uncertain => of.uncertain,
        Became::Cancelled => of.cancelled,
        Became::Pending => of.pending,
    }
}

fn reason_chips(
    words: &Words,
    base: &str,
    filter: &SendFilter,
    figures: &CampaignFigures,
) -> ChipRow {
    let mut counts: BTreeMap<u8, (Outcome, u64)> = BTreeMap::new();
    let mut add = |outcome: Outcome, count: u64| {
        counts.entry(outcome.code()).or_insert((outcome, 0)).1 += count;
    };
    match filter.became {
        Some(Became::Failed) => {
            let failed = figures.failed.iter();
            failed.for_each(|(code, count)| add(Outcome::Failed(*code), *count));
        }
        Some(Became::Excluded) => {
            let skipped = figures.skipped.iter().chain(&figures.left_out);
            skipped.for_each(|(rule, count)| add(Outcome::Excluded(*rule), *count));
        }
        _ => {}
    }
    let chip = |(outcome, count): (Outcome, u64)| {
        let is_on = filter.reason == Some(outcome);
        let reason = (!is_on).then_some(outcome);
        let wanted = SendFilter {
            reason,
            friend: None,
            ..*filter
        };
        let said = reasons::of_outcome(words, outcome);
        Chip {
            words: said.map(|said| said.to_string()).unwrap_or_default(),
            count: words.count(count),
            path: address(base, &wanted, None, None),
            is_on,
        }
    };
    ChipRow {
        name: words.t("report-reason").to_string(),
        chips: counts.into_values().map(chip).collect(),
    }
}

fn afterwards_chips(
    words: &Words,
    base: &str,
    filter: &SendFilter,
    figures: &CampaignFigures,
) -> ChipRow {
    let receipts = &figures.receipts;
    let count = |afterwards: Afterwards| match afterwards {
        Afterwards::Did(ReceiptKind::Opened) => receipts.opened.people,
        Afterwards::Did(ReceiptKind::Clicked) => receipts.clicked.people,
        Afterwards::Did(ReceiptKind::CouponUsed) => receipts.coupon_used.people,
        Afterwards::Did(ReceiptKind::Blocked) => receipts.blocked_afterwards,
        Afterwards::NotOpened => receipts.delivered.saturating_sub(receipts.opened.people),
    };
    let shown = AFTERWARDS.into_iter().filter(|(_, afterwards)| {
        *afterwards == Afterwards::Did(ReceiptKind::Opened)
            || filter.afterwards == Some(*afterwards)
            || count(*afterwards) > 0
    });
    let chip = |(name, afterwards): (&str, Afterwards)| {
        let is_on = filter.afterwards == Some(afterwards);
        let wanted = SendFilter {
            afterwards: (!is_on).then_some(afterwards),
            friend: None,
            ..*filter
        };
        Chip {
            words: words
                .t(format!("report-after-{}", name.replace('_', "-")))
                .to_string(),
            count: words.count(count(afterwards)),
            path: address(base, &wanted, None, None),
            is_on,
        }
    };
    ChipRow {
        name: words.t("report-afterwards").to_string(),
        chips: shown.map(chip).collect(),
    }
}

/// How many lines there are, as far as the figures say.
fn count(words: &Words, filter: &SendFilter, figures: &CampaignFigures) -> Option<String> {
    let SendFilter {
        became,
        reason,
        afterwards,
        friend,
    } = *filter;
    let is_counted = reason.is_none() && afterwards.is_none() && friend.is_none();
    let of = &figures.bill.outcomes;
    let count = match became {
        None => of.frozen() + of.left_out,
        Some(became) => count_of(figures, became),
    };
    is_counted.then(|| words.t("report-lines").num("count", count).to_string())
}

async fn lines(
    desk: &Desk,
    campaign: &Campaign,
    path: &str,
    lines: &[SendLine],
) -> Result<Vec<Line>, Error> {
    let numbers: Vec<UserNumber> = lines.iter().map(|line| line.number).collect();
    let store = &desk.store;
    let receipts = store
        .receipts_of(desk.business.id, campaign.id, &numbers)
        .await?;
    let nothing = SendReceipts::default();
    let draw = |line: &SendLine| {
        let receipts = receipts.get(&line.number).unwrap_or(&nothing);
        Line::of(desk, campaign.kind, path, line, receipts)
    };
    Ok(lines.iter().map(draw).collect())
}

impl Line {
    fn of(
        desk: &Desk,
        kind: CampaignKind,
        path: &str,
        line: &SendLine,
        receipts: &SendReceipts,
    ) -> Self {
        let words = desk.words;
        let friend = line.friend.to_string();
        let (billable, why) = billable_words(kind, line.outcome);
        let tariff = line.chunk.as_ref().and_then(|chunk| chunk.tariff);
        let (tariff, tariff_reason) = match tariff.map(|tariff| tariff_words(kind, tariff)) {
            Some((name, reason)) => (
                words
                    .t(format!("report-tariff-{}", name.replace('_', "-")))
                    .to_string(),
                words
                    .t(format!("report-why-{}", reason.replace('_', "-")))
                    .to_string(),
            ),
            None => (String::new(), String::new()),
        };
        let captured = line.captured;
        let booked = captured.and_then(|captured| captured.ledger_transaction);
        Self {
            time: line.at.map(|at| when(desk, at)).unwrap_or_default(),
            short: short(&friend),
            path: desk.at(&format!("/friends/{friend}")),
            evidence: format!("{path}/sends?friend={friend}#evidence"),
            tone: tone(line.outcome),
            outcome: outcome_words(&words, line),
            reason: line
                .outcome
                .and_then(|outcome| reasons::of_outcome(&words, outcome))
                .map(|reason| reason.to_string())
                .unwrap_or_default(),
            tariff,
            tariff_reason,
            billable: words.t(format!("report-billable-{billable}")).to_string(),
            billable_reason: words
                .t(format!("report-why-{}", why.replace('_', "-")))
                .to_string(),
            unit_price: captured
                .map(|captured| words.money(captured.unit_price))
                .unwrap_or_default(),
            booked: booked.map(|id| short(&id.to_string())).unwrap_or_default(),
            afterwards: afterwards_words(desk, receipts),
            chunk: line
                .chunk
                .as_ref()
                .map(|chunk| format!("{}.{}", chunk.id.number, chunk.id.round))
                .unwrap_or_default(),
            friend,
        }
    }
}

/// Day and time to the second: sends of one minute are told apart.
pub(super) fn when(desk: &Desk, at: domain::time::Timestamp) -> String {
    let said = desk.words.time(at, &desk.zone);
    let day = said.rsplit_once(' ').map_or("", |(day, _)| day);
    format!("{day} {}", desk.words.clock_seconds(at, &desk.zone))
}

/// The end of an id: its beginning is the time, which many share.
pub(super) fn short(id: &str) -> String {
    let prefix = id.split_once('_').map_or("", |(prefix, _)| prefix);
    let tail: String = id
        .chars()
        .skip(id.chars().count().saturating_sub(6))
        .collect();
    format!("{prefix}…{tail}")
}

fn tone(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Accepted | Outcome::Confirmed) => "good",
        Some(Outcome::Failed(_)) => "bad",
        Some(Outcome::Excluded(_) | Outcome::Uncertain | Outcome::WrittenOff) => "warn",
        _ => "muted",
    }
}

pub(super) fn outcome_words(words: &Words, line: &SendLine) -> String {
    let said = match (
        line.outcome,
        line.chunk.as_ref().and_then(|chunk| chunk.state),
    ) {
        (Some(outcome), _) => reasons::outcome(words, outcome),
        (None, Some(ChunkState::Sending)) => words.t("report-pending-sending"),
        (None, Some(ChunkState::Unknown)) => words.t("report-pending-unknown"),
        (None, Some(ChunkState::Quarantined)) => words.t("report-pending-quarantined"),
        (None, _) => words.t("outcome-pending"),
    };
    said.to_string()
}

fn afterwards_words(desk: &Desk, receipts: &SendReceipts) -> String {
    let did = [
        ("report-after-opened", receipts.opened_at),
        ("report-after-clicked", receipts.clicked_at),
        ("report-after-coupon", receipts.coupon_used_at),
        ("report-after-blocked", receipts.blocked_at),
    ];
    let did = did.into_iter().filter_map(|(key, at)| {
        let at = desk.words.clock(at?, &desk.zone);
        Some(format!("{} {at}", desk.words.t(key)))
    });
    did.collect::<Vec<_>>().join(" · ")
}
