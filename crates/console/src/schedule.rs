//! When a draft is sent, and how fast: saved with every change, with a forecast beside the form.

pub mod forecast; // how long, and the quiet hours
pub mod form; // what was typed, and what it means
pub mod outlook; // the forecast as pages show it

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::budget::BudgetOf;
use domain::money::Money;
use domain::shortage::IfShort;
use store::draft::Part;
use words::Words;

use self::form::{ScheduleForm, Wrong, suggested_day};
use self::outlook::Outlook;
use crate::aim::Aim;
use crate::audience::{self, PAGE_PATIENCE, Sent};
use crate::composer::{Step, Steps};
use crate::desk::Desk;
use crate::draft::{Draft, SaveState};
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::home::unit_of;
use crate::limit;
use crate::own_campaign::CampaignPath;
use crate::page;
use crate::state::ConsoleState;

/// Zones offered first, here and on operators' pages; any other the draft has is offered too.
pub(crate) const ZONES: [&str; 8] = [
    "Asia/Seoul",
    "Asia/Tokyo",
    "Asia/Taipei",
    "Asia/Bangkok",
    "Asia/Ho_Chi_Minh",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
];
/// The hour that stands in an empty form.
const SUGGESTED_TIME: &str = "10:00";

#[derive(Template)]
#[template(path = "schedule/page.html")]
struct SchedulePage<'a> {
    frame: Frame<'a>,
    words: Words,
    draft: &'a Draft,
    steps: Steps,
    action: String,
    may_edit: bool,
    form: ScheduleForm,
    shorts: Vec<ShortRow>,
    /// The most it may cost, as typed or as it was set elsewhere.
    budget: String,
    unit: String,
    zones: Vec<(String, String)>,
    suggested_day: String,
    suggested_time: &'static str,
    outlook: Outlook,
    save: SaveState,
    writer: String,
    faults: Faults,
}

/// What can be chosen for where there is not enough for everybody.
struct ShortRow {
    name: &'static str,
    words: String,
    text: String,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "schedule/answer.html")]
struct Answer {
    words: Words,
    outlook: Outlook,
    notes: Vec<(&'static str, Option<String>)>,
    save: SaveState,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let draft = Draft::open(&desk, &path).await?;
    if !draft.is_draft() {
        return Ok(draft.to_door(&desk));
    }
    let drawn = Drawn {
        writer: audience::window(&state),
        save: SaveState::standing(&desk, &draft, Part::Delivery),
        form: None,
        shows_faults: false,
        status: StatusCode::OK,
    };
    draw(&state, &desk, &draft, drawn).await
}

/// Saves the form, and does what its button asks for.
pub async fn submit(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let draft = Draft::open(&desk, &path).await?;
    let sent = Sent::of_fields(&fields);
    let mut form = match fields.iter().any(|(name, _)| name == "when") {
        true => ScheduleForm::of_fields(&fields),
        // A remedy on another page changes what was saved.
        false => Aim::of(&desk, &draft).schedule,
    };
    let is_remedy = remedied(&mut form, &sent.wish);
    let wrong = form
        .meaning(desk.now, desk.business.currency)
        .err()
        .unwrap_or_default();
    let content = form.to_content(desk.now, desk.business.currency);
    let save = draft.save(&desk, Part::Delivery, &content, &sent).await?;
    let back = fields
        .iter()
        .any(|(name, value)| name == "back" && value == "review");
    let status = match &save.conflict {
        Some(_) => StatusCode::CONFLICT,
        None if wrong.is_empty() || is_remedy => {
            let page = match (back, is_remedy, sent.wish.as_str()) {
                (true, ..) | (_, _, "next") => "/review",
                (_, true, _) => "/schedule",
                _ => "/schedule?done=done-schedule",
            };
            return Ok(Redirect::to(&draft.at(&desk, page)).into_response());
        }
        None => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let drawn = Drawn {
        writer: sent.writer,
        save,
        form: Some(form),
        shows_faults: true,
        status,
    };
    draw(&state, &desk, &draft, drawn).await
}

/// The answer to a change: saved and forecast. Whoever may not write sees what is saved.
pub async fn live(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let draft = Draft::open(&desk, &path).await?;
    let sent = Sent::of_fields(&fields);
    let mut aim = Aim::of(&desk, &draft);
    let save = match draft.may_edit(&desk) {
        true => {
            aim.plan_as(ScheduleForm::of_fields(&fields), &desk);
            let content = aim.schedule.to_content(desk.now, desk.business.currency);
            draft.save(&desk, Part::Delivery, &content, &sent).await?
        }
        false => SaveState::standing(&desk, &draft, Part::Delivery),
    };
    let outlook = outlook(&state, &desk, &draft, &aim, &sent.writer, sent.patience()).await?;
    let wrong = aim.delivery.as_ref().err().cloned().unwrap_or_default();
    let notes = ["day", "time", "zone", "rate", "budget"].map(|field| {
        // What is merely empty is still being written.
        let found = wrong
            .iter()
            .find(|(at, key)| *at == field && !key.contains("empty"));
        (field, found.map(|fault| fault_words(&desk, fault)))
    });
    page::show(&Answer {
        words: desk.words,
        outlook,
        notes: notes.into(),
        save,
    })
}

/// Changes the form as the button of a warning asks: `start:2026-11-30` or `rate:75`.
fn remedied(form: &mut ScheduleForm, wish: &str) -> bool {
    match wish.split_once(':') {
        Some(("start", day)) => {
            form.is_planned = true;
            form.day = day.chars().take(10).collect();
            form.time = forecast::QUIET_TO.to_owned();
            form.zone = forecast::KOREA.to_owned();
            true
        }
        Some(("rate", rate)) => {
            form.is_paced = true;
            form.rate = rate.chars().take(10).collect();
            true
        }
        _ => false,
    }
}

fn fault_words(desk: &Desk, (_, key): &Wrong) -> String {
    let now = desk.words.time(desk.now, &desk.zone);
    let zone = desk.words.zone(&desk.account.time_zone);
    match *key {
        "schedule-past" => desk
            .words
            .t(key)
            .text("now", now)
            .text("zone", zone)
            .to_string(),
        key => desk.words.t(key).to_string(),
    }
}

async fn outlook(
    state: &ConsoleState,
    desk: &Desk,
    draft: &Draft,
    aim: &Aim,
    writer: &str,
    patience: Duration,
) -> Result<Outlook, Error> {
    let counted = aim.counted(state, desk, writer, patience).await?;
    let mut outlook = Outlook::of(state, desk, aim, counted.as_ref());
    outlook.action = draft.at(desk, "/schedule");
    Ok(outlook)
}

fn shorts(words: &Words, chosen: IfShort) -> Vec<ShortRow> {
    let rows = IfShort::ALL.map(|choice| {
        let key = format!("schedule-short-{}", choice.name().replace('_', "-"));
        ShortRow {
            name: choice.name(),
            words: words.t(&key).to_string(),
            text: words.t(format!("{key}-text")).to_string(),
            is_chosen: choice == chosen,
        }
    });
    rows.into()
}

/// The budget of the campaign that is in force.
pub(crate) async fn own_budget(desk: &Desk, draft: &Draft) -> Result<Option<Money>, Error> {
    let (business, id) = (desk.business.id, draft.campaign.id);
    let all = billing::budget::budgets(&desk.store, business, Some(id), desk.now).await?;
    let own = all
        .iter()
        .find(|budget| budget.of == BudgetOf::Campaign(id));
    Ok(own.map(|budget| budget.limit))
}

/// What a page shows beside what is saved.
struct Drawn {
    writer: String,
    save: SaveState,
    /// As it was sent, where it was.
    form: Option<ScheduleForm>,
    shows_faults: bool,
    status: StatusCode,
}

async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    draft: &Draft,
    drawn: Drawn,
) -> Result<Response, Error> {
    let words = desk.words;
    let mut aim = Aim::of(desk, draft);
    if let Some(form) = drawn.form {
        aim.plan_as(form, desk);
    }
    let outlook = outlook(state, desk, draft, &aim, &drawn.writer, PAGE_PATIENCE).await?;
    let mut faults = Faults::default();
    if drawn.shows_faults {
        for fault in aim.delivery.as_ref().err().into_iter().flatten() {
            faults.add(fault.0, fault_words(desk, fault));
        }
    }
    let mut zones: Vec<&str> = ZONES.to_vec();
    for zone in [desk.account.time_zone.as_str(), aim.schedule.zone.as_str()] {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    let named = zones
        .iter()
        .map(|zone| ((*zone).to_owned(), words.zone(zone)));
    let shown = SchedulePage {
        frame: Frame::of(desk, Place::Campaigns),
        words,
        draft,
        steps: Steps::of(desk, draft.campaign.id, Step::Schedule),
        action: draft.at(desk, "/schedule"),
        may_edit: draft.may_edit(desk),
        zones: named.collect(),
        suggested_day: suggested_day(desk.now, &desk.zone),
        suggested_time: SUGGESTED_TIME,
        shorts: shorts(&words, aim.schedule.if_short()),
        budget: match &aim.schedule.budget {
            Some(typed) => typed.clone(),
            None => own_budget(desk, draft)
                .await?
                .map(limit::plain)
                .unwrap_or_default(),
        },
        unit: unit_of(desk),
        form: aim.schedule,
        outlook,
        save: drawn.save,
        writer: drawn.writer,
        faults,
    };
    page::show_as(drawn.status, &shown)
}
