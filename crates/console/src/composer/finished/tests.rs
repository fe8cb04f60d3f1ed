//! What stops a message, at the field it was written in.

use domain::message::MediaOrigin;

use super::super::content::{Action, Button, Column};
use super::*;

fn content(cards: Vec<Card>) -> Content {
    Content {
        name: "가을".to_owned(),
        cards,
        ..Content::default()
    }
}

fn text(text: &str) -> Card {
    Card {
        text: text.to_owned(),
        ..Card::of(Kind::Text)
    }
}

fn button(label: &str, kind: Action, value: &str) -> Button {
    Button {
        label: label.to_owned(),
        kind,
        value: value.to_owned(),
    }
}

/// The fields that are wrong, and the words.
fn wrong(content: &Content) -> Vec<(String, String)> {
    let wrong = finished(&content.to_json(), &Rules::default()).unwrap_err();
    let words = wrong
        .into_iter()
        .map(|(field, error)| (field, error.message));
    words.collect()
}

fn fields(content: &Content) -> Vec<String> {
    wrong(content).into_iter().map(|(field, _)| field).collect()
}

#[test]
fn what_is_right_is_canonical() {
    let rules = Rules {
        media: MediaOrigin::with_own_media("http://127.0.0.1:8080").unwrap(),
    };
    let buttons = Card {
        text: "거위 솜털".to_owned(),
        image: " http://127.0.0.1:8080/media/a.jpg ".to_owned(),
        buttons: vec![button("보기", Action::Uri, "https://a.example/")],
        ..Card::of(Kind::Buttons)
    };
    let content = content(vec![text("안녕"), buttons]);
    let finished = finished(&content.to_json(), &rules).unwrap();
    assert_eq!(finished.name, "가을");
    assert!(
        finished
            .messages
            .starts_with(r#"[{"type":"text","text":"안녕"}"#)
    );
    assert!(finished.messages.contains(r#""altText":"거위 솜털""#));
}

#[test]
fn every_fault_stands_at_its_field() {
    let cases: [(Card, &[&str]); 9] = [
        (text(""), &["cards[0].text"]),
        (text(&"가".repeat(5_001)), &["cards[0].text"]),
        (Card::of(Kind::Image), &["cards[0].image"]),
        (
            Card::of(Kind::Buttons),
            &[
                "cards[0].text",
                "cards[0].buttons[0].label",
                "cards[0].buttons[0].value",
            ],
        ),
        (
            Card {
                text: "글".to_owned(),
                title: "가".repeat(41),
                buttons: Vec::new(),
                ..Card::of(Kind::Buttons)
            },
            &["cards[0].title", "cards[0].buttons"],
        ),
        (Card::of(Kind::Video), &["cards[0].image", "cards[0].video"]),
        (
            Card {
                package: "!".to_owned(),
                sticker: String::new(),
                ..Card::of(Kind::Sticker)
            },
            &["cards[0].package", "cards[0].sticker"],
        ),
        (Card::of(Kind::Json), &["cards[0].json"]),
        (
            Card {
                columns: vec![
                    Column {
                        title: "하나".to_owned(),
                        text: "가".to_owned(),
                        buttons: vec![button("ㄱ", Action::Message, "ㄱ")],
                        ..Column::default()
                    },
                    Column {
                        text: "나".to_owned(),
                        buttons: vec![button("ㄴ", Action::Uri, "ftp://a.example/")],
                        ..Column::default()
                    },
                ],
                ..Card::of(Kind::Carousel)
            },
            &[
                "cards[0].columns[1].title",
                "cards[0].columns[1].buttons[0].value",
            ],
        ),
    ];
    for (card, expected) in cases {
        let content = content(vec![card]);
        assert_eq!(fields(&content), expected, "{content:?}");
    }
}

#[test]
fn names_cards_and_quick_replies_are_checked_too() {
    let nameless = Content {
        name: "  ".to_owned(),
        ..content(vec![text("글")])
    };
    assert_eq!(fields(&nameless), ["name"]);
    let long = Content {
        name: "가".repeat(NAME_CHARS_MAX + 1),
        ..content(vec![text("글")])
    };
    assert_eq!(fields(&long), ["name"]);
    for odd in ["가\t을", "가\u{0}을", "가\u{7f}을", "가\r\n을"] {
        let odd = Content {
            name: odd.to_owned(),
            ..content(vec![text("글")])
        };
        let found = wrong(&odd);
        assert_eq!(fields(&odd), ["name"], "{odd:?}");
        assert_eq!(found[0].1, "Must not contain control characters");
    }
    assert_eq!(fields(&content(Vec::new())), ["cards"]);
    assert_eq!(fields(&content(vec![text("글"); 6])), ["cards"]);
    let quick = Content {
        quick: vec![button("", Action::Message, "네")],
        ..content(vec![text("글")])
    };
    assert_eq!(fields(&quick), ["quick[0].label"]);
}

#[test]
fn one_unreadable_document_hides_no_other_fault() {
    let broken = Card {
        json: "{\n  \"type\": bubble".to_owned(),
        ..Card::of(Kind::Json)
    };
    let found = wrong(&content(vec![broken, text("")]));
    assert_eq!(found[0].0, "cards[0].json");
    assert!(found[0].1.contains("line: 2"), "{found:?}");
    assert_eq!(found[1].0, "cards[1].text");
}

#[test]
fn inside_a_layout_every_fault_has_its_path() {
    let card = Card {
        json: r#"{"type":"bubble","size":"enormous","body":{"type":"box"}}"#.to_owned(),
        ..Card::of(Kind::Json)
    };
    let wrong = finished(&content(vec![card]).to_json(), &Rules::default()).unwrap_err();
    let alt = wrong.iter().filter(|(field, _)| field == "cards[0].alt");
    assert_eq!(alt.count(), 1);
    let inside = wrong.iter().filter(|(field, _)| field == "cards[0].json");
    let paths: Vec<&str> = inside.map(|(_, error)| error.property.as_str()).collect();
    assert!(paths.contains(&"messages[0].contents.size"), "{paths:?}");
}

#[test]
fn what_is_no_content_is_said_to_be_none() {
    for json in ["", "{\"cards\":1}", "\u{0}"] {
        let wrong = finished(json, &Rules::default()).unwrap_err();
        assert_eq!(wrong[0].0, "cards", "{json}");
    }
}
