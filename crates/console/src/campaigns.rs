//! The campaigns of an account: the list with its filters, and the way into each of them.

pub mod calendar; // the same by days
pub mod door; // where a campaign's link leads, by its state
pub mod months; // months as rows of weeks

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use axum::response::Response;
use directory::Permission;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use domain::money::Money;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use store::campaign_list::{
    ListQuery, ListedCampaign, ListedDraft, ListedOutcomes, ListedReceipts,
};
use words::Words;

use crate::campaign_words::{Badge, StateGroup, audience_in_words, called, purpose_in_words};
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

/// Campaigns on one page.
const PAGE_ROWS: usize = 50;
/// Characters of a search that are looked for.
const SEARCH_CHARS_MAX: usize = 100;

/// What the address asks for; what cannot be read asks for nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ListFields {
    state: String,
    q: String,
    view: String,
    month: String,
    before: String,
}

#[derive(Template)]
#[template(path = "campaigns/list.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<StateTab>,
    state: &'static str,
    text: String,
    rows: Vec<ListRow>,
    /// Campaigns of the chosen states, whatever is searched for.
    total: u64,
    /// Of the account, discarded ones left out.
    all: u64,
    is_first: bool,
    first: String,
    next: Option<String>,
    has_discarded: bool,
    may_compose: bool,
}

/// A filter by state, with how many there are.
struct StateTab {
    path: String,
    words: String,
    count: u64,
    is_here: bool,
}

struct ListRow {
    id: CampaignId,
    path: String,
    name: String,
    kind: String,
    audience: String,
    badge: Badge,
    /// Done, of how many, in percent: while it runs.
    progress: Option<(u64, u64, String)>,
    when: Option<String>,
    when_note: String,
    people: Option<String>,
    sent: Option<String>,
    opened: Option<String>,
    clicked: Option<String>,
    cost: Option<String>,
    /// Whether it can be thrown away, and in which words.
    discard: Option<String>,
    has_report: bool,
}

/// What is known of campaigns beside their rows.
struct Known {
    outcomes: BTreeMap<CampaignId, ListedOutcomes>,
    receipts: BTreeMap<CampaignId, ListedReceipts>,
    drafts: BTreeMap<CampaignId, ListedDraft>,
}

pub async fn show(desk: Desk, Query(fields): Query<ListFields>) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    if fields.view == "calendar" {
        return calendar::show(&desk, &fields.month).await;
    }
    let group = StateGroup::from_name(&fields.state);
    let text: String = fields.q.trim().chars().take(SEARCH_CHARS_MAX).collect();
    let before: Option<CampaignId> = fields.before.parse().ok();
    let snapshot = desk.store.snapshot().await?;
    let counts = snapshot.campaign_counts(desk.account.id).await?;
    let states = match group {
        Some(group) => group.codes(),
        None => shown_without_being_asked(),
    };
    let query = ListQuery {
        account: desk.account.id,
        states: &states,
        text: &text,
        before,
        limit: PAGE_ROWS as u32 + 1,
    };
    let mut found = snapshot.list_campaigns(&query).await?;
    let has_more = found.len() > PAGE_ROWS;
    found.truncate(PAGE_ROWS);
    let ids: Vec<CampaignId> = found.iter().map(|one| one.id).collect();
    let known = Known {
        outcomes: snapshot.listed_outcomes(&found).await?,
        receipts: snapshot.listed_receipts(&ids).await?,
        drafts: snapshot.listed_drafts(&ids).await?,
    };
    snapshot.end().await?;
    let here = |before: Option<CampaignId>| address(&desk, group, &text, before);
    let next = found.last().filter(|_| has_more);
    let count = |codes: &[u8]| codes.iter().filter_map(|code| counts.get(code)).sum();
    page::show(&ListPage {
        frame: Frame::of(&desk, Place::Campaigns),
        words: desk.words,
        tabs: tabs(&desk, group, &counts),
        state: group.map_or("", StateGroup::name),
        rows: found.iter().map(|one| row(&desk, one, &known)).collect(),
        total: count(&states),
        all: count(&shown_without_being_asked()),
        is_first: before.is_none(),
        first: here(None),
        next: next.map(|last| here(Some(last.id))),
        has_discarded: count(&StateGroup::Discarded.codes()) > 0,
        may_compose: desk.may(Permission::Compose),
        text,
    })
}

/// Everything but what was thrown away.
fn shown_without_being_asked() -> Vec<u8> {
    let groups = StateGroup::ALL.into_iter();
    let shown = groups.filter(|group| *group != StateGroup::Discarded);
    shown.flat_map(StateGroup::codes).collect()
}

fn address(
    desk: &Desk,
    group: Option<StateGroup>,
    text: &str,
    before: Option<CampaignId>,
) -> String {
    let mut query = Vec::new();
    if let Some(group) = group {
        query.push(format!("state={}", group.name()));
    }
    if !text.is_empty() {
        query.push(format!("q={}", page::percent_encoded(text)));
    }
    if let Some(before) = before {
        query.push(format!("before={before}"));
    }
    match query.is_empty() {
        true => desk.at("/campaigns"),
        false => desk.at(&format!("/campaigns?{}", query.join("&"))),
    }
}

/// A tab for everything, and one for each group that has campaigns.
fn tabs(desk: &Desk, here: Option<StateGroup>, counts: &BTreeMap<u8, u64>) -> Vec<StateTab> {
    let count = |codes: &[u8]| codes.iter().filter_map(|code| counts.get(code)).sum();
    let groups = StateGroup::ALL.into_iter().map(Some);
    std::iter::once(None)
        .chain(groups)
        .map(|group| {
            let name = group.map_or("all", StateGroup::name);
            StateTab {
                path: address(desk, group, "", None),
                words: desk.words.t(format!("campaigns-{name}")).to_string(),
                count: match group {
                    Some(group) => count(&group.codes()),
                    None => count(&shown_without_being_asked()),
                },
                is_here: group == here,
            }
        })
        .filter(|tab| tab.count > 0 || tab.is_here)
        .collect()
}

fn row(desk: &Desk, campaign: &ListedCampaign, known: &Known) -> ListRow {
    let words = &desk.words;
    let outcomes = known.outcomes.get(&campaign.id).copied();
    let outcomes = outcomes.unwrap_or_default();
    let receipts = known.receipts.get(&campaign.id).copied();
    let receipts = receipts.unwrap_or_default();
    let draft = known.drafts.get(&campaign.id);
    let group = StateGroup::of(campaign.state);
    let is_launched = campaign.launched_at.is_some();
    let is_closed = group == StateGroup::Closed;
    let currency = desk.business.currency;
    let share = |people: u64| is_closed.then(|| words.percent(people, outcomes.accepted));
    let (when, when_note) = when(desk, campaign, draft);
    let audience = match (campaign.state, draft) {
        (
            CampaignState::Draft,
            Some(ListedDraft {
                audience: Some(own),
                ..
            }),
        ) => own,
        _ => &campaign.audience,
    };
    let total = campaign.counted.max(outcomes.done() + outcomes.pending);
    ListRow {
        id: campaign.id,
        path: desk.at(&format!("/campaigns/{}", campaign.id)),
        name: called(words, &campaign.name),
        kind: purpose_in_words(words, campaign.purpose),
        audience: audience_in_words(words, audience),
        badge: Badge::of(words, campaign.shown_state(), campaign.was_cancelled),
        progress: (group == StateGroup::Running && total > 0).then(|| {
            (
                outcomes.done(),
                total,
                words.percent(outcomes.done(), total),
            )
        }),
        when,
        when_note,
        people: is_launched.then(|| words.count(campaign.counted)),
        sent: is_launched.then(|| words.count(outcomes.accepted)),
        opened: share(receipts.opened),
        clicked: share(receipts.clicked),
        cost: is_launched
            .then(|| words.money(Money::from_micro(campaign.captured_micro, currency))),
        discard: discard_words(words, group),
        has_report: is_closed,
    }
}

/// What throwing it away means; nothing where it was launched.
fn discard_words(words: &Words, group: StateGroup) -> Option<String> {
    let key = match group {
        StateGroup::Draft => "campaigns-discard-draft",
        StateGroup::Scheduled => "campaigns-discard-scheduled",
        StateGroup::Stuck => "campaigns-discard-stuck",
        _ => return None,
    };
    Some(words.t(key).to_string())
}

/// When it is or was sent, and what is to say about that.
fn when(
    desk: &Desk,
    campaign: &ListedCampaign,
    draft: Option<&ListedDraft>,
) -> (Option<String>, String) {
    let words = &desk.words;
    let at = campaign.launched_at.or(campaign.scheduled_for);
    if StateGroup::of(campaign.state) == StateGroup::Draft {
        let edited = draft.map_or(campaign.created_at, |draft| draft.updated_at);
        let key = match campaign.has_launch_error {
            true => "campaigns-sent-back",
            false => "campaigns-edited",
        };
        let age = ago(words, desk.now.since(edited).as_secs());
        return (None, words.t(key).text("age", age).to_string());
    }
    (at.map(|at| moment(desk, at)), String::new())
}

/// Day and time, with the year where it is another than this one.
pub fn moment(desk: &Desk, at: Timestamp) -> String {
    moment_in(desk, at, &desk.zone)
}

/// The same in a zone that may be another than the account's.
pub fn moment_in(desk: &Desk, at: Timestamp, zone: &TimeZone) -> String {
    let words = &desk.words;
    let year = |at| months::day_of(at, zone).year();
    match year(at) == year(desk.now) {
        true => words.time(at, zone),
        false => format!("{} {}", words.day(at, zone), words.clock(at, zone)),
    }
}

/// How long ago something was, in its largest unit only.
pub fn ago(words: &Words, seconds: u64) -> String {
    const UNITS: [u64; 3] = [24 * 60 * 60, 60 * 60, 60];
    let unit = UNITS.into_iter().find(|unit| seconds >= *unit);
    match unit {
        Some(unit) => words
            .t("campaigns-ago")
            .text("span", words.span(seconds / unit * unit))
            .to_string(),
        None => words.t("campaigns-just-now").to_string(),
    }
}
