//! The reach without a campaign: who could get one, why others could not, audience groups, and the
//! lists that were uploaded. What is found here begins a draft.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::campaign::Purpose;
use store::draft::Part;
use words::Words;

use super::form::{AudienceForm, Change, Condition, Group, Kind, Who};
use super::groups::GroupRow;
use super::step::{Answer, read};
use super::tree;
use super::view::{Asked, Builder, Counted, Live, gap_words};
use super::{PAGE_PATIENCE, Sent, part};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "audience/explore.html")]
struct ExplorePage<'a> {
    frame: Frame<'a>,
    words: Words,
    builder: Builder,
    live: Live,
    writer: String,
    groups: Vec<GroupRow>,
    lists: Vec<ListRow>,
    lists_are_known: bool,
    may_write: bool,
    faults: Faults,
}

struct ListRow {
    id: String,
    name: String,
    users: String,
    since: String,
}

pub async fn show(State(state): State<Arc<ConsoleState>>, desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let writer = super::window(&state);
    let form = AudienceForm::default();
    draw(&state, &desk, form, writer, "", Faults::default()).await
}

/// Shows the form as it was sent, changed as its button asks for.
pub async fn submit(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let (mut form, sent) = (read(&state, &fields), Sent::of_fields(&fields));
    let focus = Change::parse(&sent.wish).map(|change| form.change(change));
    let focus = focus.unwrap_or_default();
    draw(
        &state,
        &desk,
        form.arranged(),
        sent.writer,
        &focus,
        Faults::default(),
    )
    .await
}

/// The answer to a change.
pub async fn live(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let (form, sent) = (read(&state, &fields), Sent::of_fields(&fields));
    let meaning = tree::meaning(&form, &desk.zone);
    let asked = Asked {
        state: &state,
        desk: &desk,
        purpose: Purpose::Promotion,
        form: &form,
        meaning: &meaning,
        action: desk.at("/audience"),
        writer: &sent.writer,
    };
    let (live, notes) = asked.live(sent.patience()).await?;
    page::show(&Answer {
        words: desk.words,
        live,
        notes,
        save: None,
    })
}

/// Begins a draft to these people.
pub async fn write(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let named = |wanted: &str| fields.iter().find(|(name, _)| name == wanted);
    let form = match (named("list"), named("group")) {
        (Some((_, list)), _) => to_one(Kind::List, list),
        (None, Some((_, group))) => to_one(Kind::AudienceGroup, group),
        (None, None) => read(&state, &fields).arranged(),
    };
    let meaning = tree::meaning(&form, &desk.zone);
    if !meaning.gaps.is_empty() {
        let mut faults = Faults::default();
        for gap in &meaning.gaps {
            faults.add(&gap.field, gap_words(&desk.words, gap));
        }
        let writer = Sent::of_fields(&fields).writer;
        return draw(&state, &desk, form, writer, "", faults).await;
    }
    let content = part::to_content(&form, &meaning);
    let (business, account) = (desk.business.id, desk.account.id);
    let draft = desk
        .directory
        .begin_draft(
            business,
            account,
            desk.member.id,
            "",
            &[(Part::Audience, content)],
        )
        .await?;
    let to = desk.at(&format!("/campaigns/{draft}/message"));
    Ok(Redirect::to(&to).into_response())
}

/// Everybody in one uploaded list or audience group.
fn to_one(kind: Kind, value: &str) -> AudienceForm {
    AudienceForm {
        who: Who::Some,
        groups: vec![Group {
            conditions: vec![Condition {
                kind,
                values: vec![value.to_owned()],
                ..Condition::default()
            }],
            ..Group::default()
        }],
        ..AudienceForm::default()
    }
}

async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    mut form: AudienceForm,
    writer: String,
    focus: &str,
    faults: Faults,
) -> Result<Response, Error> {
    let words = desk.words;
    if form.limit.seed.is_empty() {
        form.limit.seed = super::seed(state);
    }
    let meaning = tree::meaning(&form, &desk.zone);
    let asked = Asked {
        state,
        desk,
        purpose: Purpose::Promotion,
        form: &form,
        meaning: &meaning,
        action: desk.at("/audience"),
        writer: &writer,
    };
    let drawn = tokio::join!(asked.builder(true, focus), asked.live(PAGE_PATIENCE));
    let (mut builder, (live, notes)) = (drawn.0?, drawn.1?);
    builder.take_notes(notes);
    let counting = &state.counting;
    let account = desk.account.id;
    // The choices were waited for already: they are known by now, or come with the next page.
    let offers = counting
        .offers(&desk.store, account, desk.now, Duration::ZERO)
        .await;
    let lists = offers.lists.iter().map(|list| ListRow {
        id: list.id.to_string(),
        name: list.name.clone(),
        users: words
            .t("audience-people")
            .num("count", list.users)
            .to_string(),
        since: words.day(list.created_at, &desk.zone),
    });
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = ExplorePage {
        frame: Frame::of(desk, Place::Audience),
        words,
        builder,
        live,
        writer,
        groups: super::groups::rows(desk).await?,
        lists: lists.collect(),
        lists_are_known: offers.is_known,
        may_write: desk.may(Permission::Compose),
        faults,
    };
    page::show_as(status, &shown)
}
