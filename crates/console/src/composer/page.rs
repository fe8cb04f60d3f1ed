//! The composer's page: cards to write, the phone beside them, and who else wrote meanwhile.

use std::sync::Arc;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::campaign::{CampaignState, Purpose};
use domain::message::limits;
use domain::variable::{self, Piece};
use serde::Deserialize;
use store::campaign::Campaign;
use store::draft::DraftPart;
use words::Words;

use super::content::{Action, Button, Card, Column, Content, Kind};
use super::finished::{NAME_CHARS_MAX, check};
use super::preview::{Preview, preview};
use super::said::{entry, is_missing, said};
use super::steps::{Step, Steps};
use super::test::TestCard;
use super::view::{ButtonList, ButtonRow, CardView, ColumnView, Lints, Views};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::state::ConsoleState;

/// The law's own words, which are added and not written.
const AD: &str = "(광고)";

#[derive(Template)]
#[template(path = "composer/page.html")]
struct ComposerPage<'a> {
    frame: Frame<'a>,
    words: Words,
    steps: Steps,
    faults: Faults,
    lints: Lints,
    campaign: &'a Campaign,
    /// Of this page: where the form goes.
    path: String,
    discard_path: String,
    media_path: String,
    content: &'a Content,
    cards: Vec<CardView>,
    quick: ButtonList,
    blanks: Blanks,
    preview: Preview,
    shown: Shown<'a>,
    conflict: Option<Conflict>,
    test: TestCard,
    today: String,
    clock: String,
}

/// Which version the form is.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub version: u32,
    /// The window that saved it.
    pub writer: &'a str,
    pub saved_at: Option<domain::time::Timestamp>,
    /// Whether empty fields are said to be missing.
    pub checks: bool,
    /// Why a test was not sent.
    pub test_fault: Option<&'a str>,
}

/// What a script fills in when something is added.
struct Blanks {
    cards: Vec<CardView>,
    column: ColumnView,
    button: ButtonRow,
    quick: ButtonRow,
}

/// Somebody else's words on the same draft.
#[derive(Template)]
#[template(path = "composer/conflict.html")]
pub struct Conflict {
    pub words: Words,
    pub path: String,
    pub version: u32,
    pub who: String,
    pub when: String,
    pub theirs: Preview,
}

impl HtmlSafe for Conflict {}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Says what is missing, too.
    checks: Option<String>,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    desk.expect(Permission::Compose)?;
    let campaign = own_campaign(&desk, &path).await?;
    if campaign.state != CampaignState::Draft {
        // The campaign's own page says what it is now.
        let door = desk.at(&format!("/campaigns/{}", campaign.id));
        return Ok(Redirect::to(&door).into_response());
    }
    let (content, part) = super::content_of(&desk, &campaign).await?;
    let shown = Shown {
        version: part.as_ref().map_or(0, |part| part.version),
        writer: part.as_ref().map_or("", |part| &part.writer),
        saved_at: part.as_ref().map(|part| part.updated_at),
        checks: asked.checks.is_some(),
        test_fault: None,
    };
    draw(&state, &desk, &campaign, &content, shown, None).await
}

/// The page with its status: 409 where somebody else wrote meanwhile, 422 where it says what is
/// missing.
pub async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    content: &Content,
    shown: Shown<'_>,
    conflict: Option<Conflict>,
) -> Result<Response, Error> {
    let words = desk.words;
    let test = TestCard::of(desk, campaign).await?;
    let lints = lints(state, desk, content, shown.checks);
    let views = Views {
        words,
        lints: &lints,
    };
    let mut faults = Faults::default();
    if shown.checks {
        for (field, said) in &lints.wrong {
            faults.add(field, entry(&words, content, field, said));
        }
    }
    if let Some(said) = shown.test_fault {
        faults.add("test", said);
    }
    let status = match (&conflict, faults.is_empty()) {
        (Some(_), _) => StatusCode::CONFLICT,
        (None, false) => StatusCode::UNPROCESSABLE_ENTITY,
        (None, true) => StatusCode::OK,
    };
    let at = |last: &str| desk.at(&format!("/campaigns/{}/{last}", campaign.id));
    let template = ComposerPage {
        frame: Frame::of(desk, Place::Campaigns),
        words,
        steps: Steps::of(desk, campaign.id, Step::Message),
        path: at("message"),
        discard_path: at("discard"),
        media_path: desk.at("/media"),
        cards: views.cards(content),
        quick: views.quick(content),
        blanks: Blanks::of(words),
        preview: preview(content, desk),
        campaign,
        content,
        shown,
        conflict,
        test,
        faults,
        today: words.day(desk.now, &desk.zone),
        clock: words.clock(desk.now, &desk.zone),
        lints,
    };
    page::show_as(status, &template)
}

/// What is wrong or odd, by field.
pub fn lints(state: &ConsoleState, desk: &Desk, content: &Content, checks: bool) -> Lints {
    let wrong = check(content, &state.rules).err().unwrap_or_default();
    let wrong = wrong
        .into_iter()
        .filter(|(field, error)| checks || !is_missing(content, field, error));
    let wrong = wrong.map(|(field, error)| {
        let said = said(&desk.words, &field, &error);
        (field, said)
    });
    Lints {
        wrong: wrong.collect(),
        odd: odd(content, &desk.words),
    }
}

/// What may be sent and is hardly meant so.
fn odd(content: &Content, words: &Words) -> Vec<(String, String)> {
    let mut odd = Vec::new();
    for (index, card) in content.cards.iter().enumerate() {
        let text = card.text.trim_start();
        let key = if content.purpose == Purpose::Promotion && text.starts_with(AD) {
            "composer-odd-ad"
        } else if has_odd_variable(text) {
            "composer-odd-variable"
        } else {
            continue;
        };
        odd.push((format!("cards[{index}].text"), words.t(key).to_string()));
    }
    odd
}

/// Whether a text has a variable that nobody fills in, or braces that look like one.
fn has_odd_variable(text: &str) -> bool {
    variable::pieces(text).any(|piece| match piece {
        Piece::Words(words) => words.contains("{{"),
        Piece::Variable { name, .. } => !variable::DISPLAY_NAME.contains(&name),
    })
}

impl Conflict {
    /// Theirs, to be shown beside mine.
    pub async fn of(desk: &Desk, path: String, part: &DraftPart) -> Result<Self, Error> {
        let members = desk.store.members_of_business(desk.business.id).await?;
        let who = members
            .into_iter()
            .find(|member| member.id == part.updated_by);
        let theirs = Content::parse(&part.content).unwrap_or_default();
        Ok(Self {
            words: desk.words,
            path,
            version: part.version,
            who: who.map_or_else(String::new, |member| member.display_name),
            when: desk.words.clock_seconds(part.updated_at, &desk.zone),
            theirs: preview(&theirs, desk),
        })
    }
}

impl Blanks {
    fn of(words: Words) -> Self {
        let lints = Lints::default();
        let views = Views {
            words,
            lints: &lints,
        };
        let quick = Button {
            kind: Action::Message,
            ..Button::default()
        };
        let column = Column {
            buttons: vec![Button::default()],
            ..Column::default()
        };
        Self {
            cards: Kind::ALL
                .iter()
                .map(|kind| views.card(0, &Card::of(*kind)))
                .collect(),
            column: views.column("cards[0].columns[0]", 0, &column),
            button: views.button("cards[0].buttons[0]", 0, &Button::default()),
            quick: views.button("quick[0]", 0, &quick),
        }
    }
}

impl ComposerPage<'_> {
    fn is(&self, purpose: &str) -> bool {
        self.content.purpose.name() == purpose
    }

    fn saved(&self) -> String {
        match self.shown.saved_at {
            Some(at) => saved_words(self.frame.desk, at),
            None => self.words.t("composer-not-saved-yet").to_string(),
        }
    }

    fn cards_max(&self) -> usize {
        limits::MESSAGES_MAX
    }

    fn name_max(&self) -> usize {
        NAME_CHARS_MAX
    }

    fn kinds(&self) -> [Kind; 9] {
        Kind::ALL
    }

    fn cards_lint(&self) -> Option<&str> {
        let found = self.lints.wrong.iter().find(|(field, _)| field == "cards");
        found.map(|(_, words)| words.as_str())
    }

    fn name_lint(&self) -> Option<&str> {
        let found = self.lints.wrong.iter().find(|(field, _)| field == "name");
        found.map(|(_, words)| words.as_str())
    }
}

/// `18:31:07 saved`.
pub fn saved_words(desk: &Desk, at: domain::time::Timestamp) -> String {
    let time = desk.words.clock_seconds(at, &desk.zone);
    desk.words
        .t("composer-saved")
        .text("time", time)
        .to_string()
}
