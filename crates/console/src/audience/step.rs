//! The audience of a draft: saved with every change, counted and priced beside the form.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use serde::Deserialize;
use store::draft::Part;
use words::Words;

use super::form::{AudienceForm, Change, Kind, Who};
use super::tree;
use super::view::{Asked, Builder, Counted, Live, Note, gap_words};
use super::{PAGE_PATIENCE, Sent, part};
use crate::composer::{Step, Steps};
use crate::desk::Desk;
use crate::draft::{Draft, SaveState};
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::own_campaign::CampaignPath;
use crate::page;
use crate::state::ConsoleState;

#[derive(Template)]
#[template(path = "audience/step.html")]
struct StepPage<'a> {
    frame: Frame<'a>,
    words: Words,
    draft: &'a Draft,
    steps: Steps,
    builder: Builder,
    live: Live,
    save: SaveState,
    writer: String,
    next: String,
    faults: Faults,
}

/// What changes while somebody chooses.
#[derive(Template)]
#[template(path = "audience/answer.html")]
pub struct Answer {
    pub words: Words,
    pub live: Live,
    pub notes: Vec<Note>,
    /// `None` where nothing is saved.
    pub save: Option<SaveState>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct At {
    at: String,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Query(at): Query<At>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let draft = Draft::open(&desk, &path).await?;
    if !draft.is_draft() {
        return Ok(draft.to_door(&desk));
    }
    let form = part::form_of(draft.content(Part::Audience), &desk.zone).arranged();
    let drawn = Drawn {
        writer: super::window(&state),
        save: SaveState::standing(&desk, &draft, Part::Audience),
        focus: at.at,
        faults: Faults::default(),
        status: StatusCode::OK,
    };
    draw(&state, &desk, &draft, form, drawn).await
}

/// Saves the whole form, and does what its button asks for.
pub async fn submit(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let draft = Draft::open(&desk, &path).await?;
    let (mut form, sent) = (read(&state, &fields), Sent::of_fields(&fields));
    let focus = Change::parse(&sent.wish).map(|change| form.change(change));
    form = form.arranged();
    let meaning = tree::meaning(&form, &desk.zone);
    let content = part::to_content(&form, &meaning);
    let save = draft.save(&desk, Part::Audience, &content, &sent).await?;
    let status = match &save.conflict {
        Some(_) => StatusCode::CONFLICT,
        None if sent.wish == "next" && !meaning.gaps.is_empty() => StatusCode::UNPROCESSABLE_ENTITY,
        None => {
            let to = match (sent.wish.as_str(), focus) {
                ("next", _) => draft.at(&desk, "/schedule"),
                (_, Some(focus)) => draft.at(&desk, &format!("/audience?at={focus}")),
                (_, None) => draft.at(&desk, "/audience?done=done-audience"),
            };
            return Ok(Redirect::to(&to).into_response());
        }
    };
    let mut faults = Faults::default();
    for gap in &meaning.gaps {
        faults.add(&gap.field, gap_words(&desk.words, gap));
    }
    let drawn = Drawn {
        writer: sent.writer,
        save,
        focus: String::new(),
        faults,
        status,
    };
    draw(&state, &desk, &draft, form, drawn).await
}

/// The answer to a change: saved, counted, priced. Whoever may not write sees what is saved.
pub async fn live(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let draft = Draft::open(&desk, &path).await?;
    let sent = Sent::of_fields(&fields);
    let may_edit = draft.may_edit(&desk);
    let form = match may_edit {
        true => read(&state, &fields),
        false => part::form_of(draft.content(Part::Audience), &desk.zone).arranged(),
    };
    let meaning = tree::meaning(&form, &desk.zone);
    let save = match may_edit {
        true => {
            let content = part::to_content(&form, &meaning);
            draft.save(&desk, Part::Audience, &content, &sent).await?
        }
        false => SaveState::standing(&desk, &draft, Part::Audience),
    };
    let asked = Asked {
        state: &state,
        desk: &desk,
        purpose: draft.purpose(),
        form: &form,
        meaning: &meaning,
        action: draft.at(&desk, "/audience"),
        writer: &sent.writer,
    };
    let (live, notes) = asked.live(sent.patience()).await?;
    page::show(&Answer {
        words: desk.words,
        live,
        notes,
        save: Some(save),
    })
}

/// The form as it was sent, with a seed where it has none.
pub fn read(state: &ConsoleState, fields: &[(String, String)]) -> AudienceForm {
    let mut form = AudienceForm::of_fields(fields);
    if form.limit.seed.is_empty() {
        form.limit.seed = super::seed(state);
    }
    form
}

/// What a page shows beside the form.
struct Drawn {
    writer: String,
    save: SaveState,
    focus: String,
    faults: Faults,
    status: StatusCode,
}

async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    draft: &Draft,
    mut form: AudienceForm,
    drawn: Drawn,
) -> Result<Response, Error> {
    if form.limit.seed.is_empty() {
        form.limit.seed = super::seed(state);
    }
    let meaning = tree::meaning(&form, &desk.zone);
    let asked = Asked {
        state,
        desk,
        purpose: draft.purpose(),
        form: &form,
        meaning: &meaning,
        action: draft.at(desk, "/audience"),
        writer: &drawn.writer,
    };
    let may_edit = draft.may_edit(desk);
    let waited = tokio::join!(
        asked.builder(may_edit, &drawn.focus),
        asked.live(PAGE_PATIENCE)
    );
    let (mut builder, (live, notes)) = (waited.0?, waited.1?);
    builder.take_notes(notes);
    let shown = StepPage {
        frame: Frame::of(desk, Place::Campaigns),
        words: desk.words,
        draft,
        steps: Steps::of(desk, draft.campaign.id, Step::Audience),
        builder,
        live,
        save: drawn.save,
        writer: drawn.writer,
        next: draft.at(desk, "/schedule"),
        faults: drawn.faults,
    };
    page::show_as(drawn.status, &shown)
}
