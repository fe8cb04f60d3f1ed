//! The last look at a draft: people, money, forecast, what stands in the way; then it is sent.

pub mod checks; // what stands in the way, and what is worth knowing

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use billing::BillingError;
use directory::{Permission, Role};
use domain::campaign::Purpose;
use domain::price::VAT_PERCENT;
use serde::Deserialize;
use store::draft::Part;
use words::Words;

use self::checks::{Check, Money, checks};
use crate::aim::{Aim, Counted};
use crate::audience::form::Who;
use crate::audience::{LATER_PATIENCE, PAGE_PATIENCE, included};
use crate::composer::content::Content;
use crate::composer::preview::{Preview, preview};
use crate::composer::{Step, Steps, finished};
use crate::desk::Desk;
use crate::draft::Draft;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::own_campaign::CampaignPath;
use crate::page;
use crate::schedule::outlook::Outlook;
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "review/page.html")]
struct ReviewPage<'a> {
    frame: Frame<'a>,
    words: Words,
    draft: &'a Draft,
    steps: Steps,
    path: String,
    purpose: String,
    messages: usize,
    sum: Option<Sum>,
    outlook: Outlook,
    checks: Vec<Check>,
    preview: Preview,
    notice: Option<Notice>,
    versions: [u32; 3],
    may_send: bool,
    may_edit: bool,
    /// Names of those who may.
    senders: String,
    is_ready: bool,
    button: String,
    checked_words: String,
    /// The box was not ticked.
    tick_fault: bool,
    /// Everything was said; only the last word is missing.
    confirms: bool,
}

/// People and money.
struct Sum {
    people: String,
    people_text: String,
    gross: String,
    gross_text: String,
    /// Of a plan: how many its quota includes, in words.
    included: Option<String>,
    available: String,
    net: String,
    after: String,
    missing: Option<String>,
    share: String,
    vat_text: String,
    /// In micro-units, for the launch.
    highest: i64,
}

/// What happened since, or why it was not sent.
#[derive(Debug, Clone)]
pub struct Notice {
    pub key: &'static str,
    pub detail: String,
}

/// Why the page is shown.
#[derive(Debug, Clone, Default)]
pub struct Why {
    pub status: StatusCode,
    pub notice: Option<Notice>,
    pub tick_fault: bool,
    pub confirms: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    wait: String,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let draft = Draft::open(&desk, &path).await?;
    if !draft.is_draft() {
        return Ok(draft.to_door(&desk));
    }
    let patience = match asked.wait.as_str() {
        "1" => LATER_PATIENCE,
        _ => PAGE_PATIENCE,
    };
    draw(&state, &desk, &draft, patience, Why::default()).await
}

/// The page, for whatever reason.
pub async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    draft: &Draft,
    patience: Duration,
    why: Why,
) -> Result<Response, Error> {
    let words = desk.words;
    let aim = Aim::of(desk, draft);
    let asker = format!("review {}", draft.campaign.id);
    let counted = aim.counted(state, desk, &asker, patience).await?;
    let counted = counted.map(|counted| counted.as_granted(desk, &aim));
    let counted = counted.transpose()?;
    let mut outlook = Outlook::of(state, desk, &aim, counted.as_ref());
    outlook.action = draft.at(desk, "/schedule");
    let sum = match &counted {
        Some(counted) => Some(sum(desk, &aim, counted)?),
        None => None,
    };
    let content = content(draft);
    let finished = finished(&content.to_json(), &state.rules);
    let money = Money {
        missing: sum.as_ref().and_then(|sum| sum.missing.clone()),
        people: counted.as_ref().map(|counted| counted.people),
        asked: counted.as_ref().and_then(|counted| counted.asked),
        plan_room: counted.as_ref().and_then(Counted::plan_room),
        budget: counted.as_ref().and_then(Counted::passed_budget),
    };
    let checks = checks(desk, draft, &aim, finished.as_ref().err(), &money, &outlook);
    let is_ready = counted.is_some() && checks.iter().all(|check| !check.blocks);
    let people = counted.as_ref().map_or(0, |counted| counted.people);
    let senders = match desk.may(Permission::Send) {
        true => String::new(),
        false => senders(desk).await?,
    };
    let gross = sum.as_ref().map_or(String::new(), |sum| sum.gross.clone());
    let shown = ReviewPage {
        frame: Frame::of(desk, Place::Campaigns),
        words,
        draft,
        steps: Steps::of(desk, draft.campaign.id, Step::Review),
        path: draft.at(desk, ""),
        purpose: words
            .t(match aim.purpose {
                Purpose::Promotion => "composer-promotion",
                Purpose::Information => "composer-information",
            })
            .to_string(),
        messages: content.cards.len(),
        button: button(desk, &outlook, people),
        checked_words: words
            .t("review-checked")
            .num("count", people)
            .text("amount", gross)
            .to_string(),
        sum,
        outlook,
        checks,
        preview: preview(&content, desk),
        notice: why.notice,
        versions: Part::ALL.map(|part| draft.version(part)),
        may_send: desk.may(Permission::Send),
        may_edit: draft.may_edit(desk),
        senders,
        is_ready,
        tick_fault: why.tick_fault,
        confirms: why.confirms && is_ready,
    };
    page::show_as(why.status, &shown)
}

/// The message step; an empty one where it was never written.
pub fn content(draft: &Draft) -> Content {
    let saved = draft.content(Part::Message);
    let read = saved.and_then(|content| Content::parse(content).ok());
    read.unwrap_or_else(|| Content::begun(draft.campaign.name.clone()))
}

/// What the button does, said on it.
fn button(desk: &Desk, outlook: &Outlook, people: u64) -> String {
    let words = desk.words;
    match (&outlook.starts, outlook.is_planned) {
        (Some(at), true) => words
            .t("review-schedule-button")
            .num("count", people)
            .text("time", at)
            .to_string(),
        _ => words
            .t("review-send-button")
            .num("count", people)
            .to_string(),
    }
}

fn sum(desk: &Desk, aim: &Aim, counted: &Counted) -> Result<Sum, Error> {
    let words = desk.words;
    let broken = |error: domain::money::InvalidMoney| BillingError::from(error);
    let quote = &counted.quote;
    let gross = quote.gross().map_err(broken)?;
    let available = desk.wallet.spendable().map_err(broken)?;
    let after = available.checked_sub(quote.net).map_err(broken)?;
    let lacks = quote.net.checked_sub(available).map_err(broken)?;
    let unit = counted.terms.book.unit_price(counted.tariff);
    let found = &counted.reach.found;
    let gone = found
        .matched
        .saturating_sub(found.reachable + found.unwilling);
    let cut = found
        .reachable
        .saturating_sub(counted.asked.unwrap_or(counted.people));
    let people_key = match aim.form.who {
        _ if cut > 0 => "review-people-limited",
        _ if gone + found.unwilling == 0 => "review-people-all",
        Who::All => "review-people-of-friends",
        Who::Some | Who::Kept => "review-people-of-matched",
    };
    let share = match available.micro() {
        0 => words.percent(0_u64, 1_u64),
        micro => words.percent(quote.net.micro().min(micro), micro),
    };
    Ok(Sum {
        people: words.count(counted.people),
        people_text: words
            .t(people_key)
            .num("count", found.matched)
            .num("unwilling", found.unwilling)
            .num("gone", gone)
            .num("reachable", found.reachable)
            .num("cut", cut)
            .to_string(),
        gross: words.money(gross),
        gross_text: words
            .t("review-gross-text")
            .num("count", counted.people)
            .text("price", words.money(unit))
            .text("net", words.money(quote.net))
            .text("vat", words.money(quote.vat))
            .to_string(),
        included: included(&words, quote),
        available: words.money(available),
        net: words.money(quote.net),
        after: words.money(after),
        missing: (lacks.micro() > 0).then(|| words.money(lacks)),
        share,
        vat_text: words
            .t("review-vat-text")
            .num("percent", VAT_PERCENT)
            .text("vat", words.money(quote.vat))
            .to_string(),
        highest: quote.net.micro(),
    })
}

/// The names of those who may send.
async fn senders(desk: &Desk) -> Result<String, Error> {
    let members = desk.store.members_of_business(desk.business.id).await?;
    let may = members.into_iter().filter(|member| {
        Role::from_name(&member.role).is_some_and(|role| role.may(Permission::Send))
    });
    let names: Vec<String> = may.map(|member| member.display_name).collect();
    Ok(names.join(", "))
}
