//! The phone beside the cards: the messages drawn as the chat draws them.
//!
//! A text that grew over its limit is shown as far as it fits, and a document that cannot be read
//! as it last could: the preview keeps what was valid.

use std::collections::BTreeMap;

use bubble::{Context, Mode};
use domain::message::limits;
use domain::variable;
use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;
use words::Words;

use super::content::{Button, Card, Content, Kind};
use super::messages::{message, messages};
use crate::desk::Desk;

/// What stands in the phone.
#[derive(Debug, Clone, Default)]
pub struct Preview {
    pub messages: String,
    pub quick: String,
}

pub fn preview(content: &Content, desk: &Desk) -> Preview {
    let context = Context {
        language: desk.words.language(),
        account: desk.account.display_name.clone(),
        icon_url: desk.account.icon_url.clone(),
        contact: None,
        purpose: content.purpose,
        time: desk.words.clock(desk.now, &desk.zone),
        variables: sample(&desk.words),
        mode: Mode::Preview,
    };
    let fitting = Content {
        cards: content.cards.iter().map(fitting).collect(),
        ..content.clone()
    };
    let drawn: Vec<Value> = messages(&fitting)
        .into_iter()
        .zip(&fitting.cards)
        .filter_map(|(message, card)| message.ok().or_else(|| last(card)))
        .collect();
    Preview {
        messages: match drawn.is_empty() {
            true => String::new(),
            false => bubble::draw(&drawn, &context),
        },
        quick: bubble::quick_replies(&drawn, &context),
    }
}

/// Somebody's name, so that a text with one reads as a friend will read it.
fn sample(words: &Words) -> BTreeMap<String, String> {
    let name = words.t("composer-preview-name").to_string();
    let names = variable::DISPLAY_NAME.map(|variable| (variable.to_owned(), name.clone()));
    BTreeMap::from(names)
}

/// A document as it could last be read.
fn last(card: &Card) -> Option<Value> {
    let before = Card {
        json: card.last.clone(),
        ..card.clone()
    };
    message(&before).ok()
}

fn fitting(card: &Card) -> Card {
    let mut card = card.clone();
    match card.kind {
        Kind::Text => {
            let mut units = 0;
            let whole = card.text.chars().take_while(|character| {
                units += character.len_utf16();
                units <= limits::TEXT_LENGTH_MAX
            });
            card.text = whole.collect();
        }
        Kind::Buttons | Kind::Confirm => {
            let max = text_max(card.kind, &card.title, &card.image);
            clip(&mut card.text, max);
            clip(&mut card.title, limits::TEMPLATE_TITLE_GRAPHEMES_MAX);
            card.buttons.iter_mut().for_each(clip_label);
        }
        Kind::Carousel => {
            for column in &mut card.columns {
                let max = text_max(Kind::Carousel, &column.title, &column.image);
                clip(&mut column.text, max);
                clip(&mut column.title, limits::TEMPLATE_TITLE_GRAPHEMES_MAX);
                column.buttons.iter_mut().for_each(clip_label);
            }
        }
        Kind::Image | Kind::Video | Kind::Sticker | Kind::Coupon | Kind::Json => {}
    }
    card
}

/// Grapheme clusters of a template's text: a picture or a title leaves less room.
pub fn text_max(kind: Kind, title: &str, image: &str) -> usize {
    let is_alone = title.is_empty() && image.trim().is_empty();
    match (kind, is_alone) {
        (Kind::Confirm, _) => limits::CONFIRM_TEXT_GRAPHEMES_MAX,
        (_, false) => limits::TITLED_TEXT_GRAPHEMES_MAX,
        (Kind::Carousel, true) => limits::COLUMN_TEXT_GRAPHEMES_MAX,
        (_, true) => limits::BUTTONS_TEXT_GRAPHEMES_MAX,
    }
}

fn clip_label(button: &mut Button) {
    clip(&mut button.label, limits::LABEL_GRAPHEMES_MAX);
}

fn clip(text: &mut String, graphemes_max: usize) {
    let end = text.grapheme_indices(true).nth(graphemes_max);
    if let Some((end, _)) = end {
        text.truncate(end);
    }
}
