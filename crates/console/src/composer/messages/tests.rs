//! There and back: cards to messages, messages to cards.

use domain::message::{self, Rules};
use serde_json::json;

use super::*;

const EVERY_KIND: &str = include_str!("every_kind.json");

/// What a card of these pages cannot hold.
const STRANGE: &str = include_str!("strange.json");

fn canonical(json: &str) -> String {
    message::parse(json, &Rules::default()).unwrap().to_json()
}

fn sent(content: &Content) -> String {
    let values = messages(content).into_iter().map(Result::unwrap);
    canonical(&Value::Array(values.collect()).to_string())
}

#[test]
fn every_message_comes_back_as_it_was() {
    for json in [EVERY_KIND, STRANGE] {
        let content = content_of("이름", Purpose::Information, &canonical(json));
        assert_eq!(sent(&content), canonical(json));
        let stored = Content::parse(&content.to_json()).unwrap();
        assert_eq!(stored, content);
    }
}

#[test]
fn a_card_is_of_the_messages_kind_where_there_is_one() {
    let content = content_of("", Purpose::Promotion, &canonical(EVERY_KIND));
    let kinds: Vec<Kind> = content.cards.iter().map(|card| card.kind).collect();
    let expected = [
        Kind::Text,
        Kind::Image,
        Kind::Buttons,
        Kind::Carousel,
        Kind::Video,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(content.quick.len(), 1);
    // Made from the title: nothing that somebody wrote.
    assert_eq!(content.cards[2].alt, "");
    assert_eq!(content.cards[3].alt, "따로 쓴 글");
    assert_eq!(content.cards[2].buttons[2].kind, Action::Phone);

    let content = content_of("", Purpose::Promotion, &canonical(STRANGE));
    assert!(content.cards.iter().all(|card| card.kind == Kind::Json));
}

#[test]
fn what_is_no_list_of_messages_gives_no_cards() {
    for json in ["", "{}", "null", "[", "[]"] {
        assert_eq!(content_of("", Purpose::Promotion, json).cards.len(), 0);
    }
}

#[test]
fn a_layout_alone_becomes_a_flex_message() {
    let card = Card {
        kind: Kind::Json,
        alt: " 초대장 ".to_owned(),
        json: r#"{"type":"bubble"}"#.to_owned(),
        ..Card::default()
    };
    let expected = json!({"type": "flex", "altText": "초대장", "contents": {"type": "bubble"}});
    assert_eq!(message(&card).unwrap(), expected);
}

#[test]
fn the_own_words_of_a_template_are_cut_to_fit() {
    let card = Card {
        kind: Kind::Buttons,
        text: "🛏️".repeat(1_000),
        ..Card::default()
    };
    let made = alternative(&card);
    assert!(made.encode_utf16().count() <= OWN_ALT_LENGTH_MAX);
    assert!(made.starts_with("🛏️"));
}
