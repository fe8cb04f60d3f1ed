//! What the validator found, in the words of whoever reads the page.

use domain::message::{Rules, ValidationError};
use words::Words;

use super::content::Content;
use super::fields::{self, Place};
use super::finished::finished;

/// Phrases by the validator's words: those without numbers as they are.
const PLAIN: [(&str, &str); 15] = [
    ("must be specified", "composer-fault-empty"),
    ("May not be empty", "composer-fault-empty"),
    ("Must not be specified", "composer-fault-only-here"),
    ("invalid uri: must be an https URL", "composer-fault-https"),
    ("invalid uri: the scheme", "composer-fault-scheme"),
    ("invalid uri", "composer-fault-uri"),
    (
        "Must contain only the characters a-z",
        "composer-fault-letters",
    ),
    ("Must not contain the word LINE", "composer-fault-sender"),
    ("Must not contain the character", "composer-fault-zero"),
    (
        "Must not contain control characters",
        "composer-fault-control",
    ),
    ("The JSON must not be larger", "composer-fault-large"),
    ("Must not be nested", "composer-fault-deep"),
    ("A video must be in a bubble", "composer-fault-video-size"),
    (
        "A video must not be in a carousel",
        "composer-fault-video-carousel",
    ),
    ("At least one block", "composer-fault-no-block"),
];

/// Everything that is wrong with a message step, as a list over a page says it: the `id` of the
/// field on the composer's page, where that is and what is wrong with it.
pub fn list(words: &Words, content: &str, rules: &Rules) -> Vec<(String, String)> {
    let wrong = finished(content, rules).err().unwrap_or_default();
    let content = Content::parse(content).unwrap_or_default();
    let entries = wrong.into_iter().map(|(field, error)| {
        let entry = entry(words, &content, &field, &said(words, &field, &error));
        (field, entry)
    });
    entries.collect()
}

/// What is said of a field, where the field itself is not beside it.
pub fn entry(words: &Words, content: &Content, field: &str, said: &str) -> String {
    match place(words, content, field) {
        place if place.is_empty() => said.to_owned(),
        place => format!("{place}: {said}"),
    }
}

/// `2. Image and buttons · Button 1 · Words on the button`.
fn place(words: &Words, content: &Content, field: &str) -> String {
    let Some(place) = Place::parse(field) else {
        return String::new();
    };
    let mut parts = Vec::new();
    for step in &place.steps {
        let number = step.index + 1;
        parts.push(match (step.list, content.cards.get(step.index)) {
            ("cards", Some(card)) => {
                let kind = words.t(format!("composer-kind-{}", card.kind.name()));
                format!("{number}. {kind}")
            }
            ("columns", _) => words.t("composer-column").num("number", number).to_string(),
            ("buttons", _) => words.t("composer-button").num("number", number).to_string(),
            ("quick", _) => format!("{} {number}", words.t("composer-quick")),
            _ => continue,
        });
    }
    let key = match (place.field, parts.is_empty()) {
        ("name", true) => "composer-name",
        ("label", _) => "composer-button-label",
        ("value", _) => "composer-button-value",
        ("title", _) => "composer-title",
        ("image", _) => "composer-image",
        ("video", _) => "composer-video",
        ("package", _) => "composer-package",
        ("sticker", _) => "composer-sticker",
        ("coupon", _) => "composer-coupon",
        ("alt", _) => "composer-alt",
        ("json", _) => "composer-json",
        ("buttons", _) => "composer-buttons",
        ("text", _) if parts.len() > 1 => "composer-body",
        _ => return parts.join(" · "),
    };
    parts.push(words.t(key).to_string());
    parts.join(" · ")
}

/// Whether it only says that something was not written yet: no fault while somebody is writing.
pub fn is_missing(content: &Content, field: &str, error: &ValidationError) -> bool {
    let starts = |start| error.message.starts_with(start);
    let is_empty_list = || starts("Size must be between") && fields::length(content, field) == 0;
    starts("must be specified") || starts("May not be empty") || is_empty_list()
}

/// The words beside a field.
pub fn said(words: &Words, field: &str, error: &ValidationError) -> String {
    let sentence = sentence(words, field, error);
    // In free layouts the field is a whole document: the words say where in it.
    let is_inside = field.ends_with(".json") && error.property.contains('.');
    match error.property.split_once('.') {
        Some((_, inside)) if is_inside && field != error.property => {
            format!("{inside}: {sentence}")
        }
        _ => sentence,
    }
}

fn sentence(words: &Words, field: &str, error: &ValidationError) -> String {
    let message = error.message.as_str();
    let numbers = numbers(message);
    match (message, numbers.as_slice()) {
        (message, [_, max]) if message.starts_with("Length must be between") => {
            return words.t("composer-fault-long").num("max", *max).to_string();
        }
        (message, [min, max]) if message.starts_with("Size must be between") => {
            let key = match (field, min == max) {
                ("cards", _) => "composer-fault-cards",
                (_, true) => "composer-fault-both",
                _ => "composer-fault-count",
            };
            return words.t(key).num("min", *min).num("max", *max).to_string();
        }
        (message, [size]) if message.starts_with("Size must be") => {
            return words
                .t("composer-fault-alike")
                .num("count", *size)
                .to_string();
        }
        (message, [line, column]) if message.contains("could not be parsed as JSON") => {
            let said = words.t("composer-fault-json");
            return said.num("line", *line).num("column", *column).to_string();
        }
        _ => {}
    }
    let plain = PLAIN.iter().find(|(start, _)| message.starts_with(start));
    match plain {
        Some((_, key)) => words.t(key).to_string(),
        None => words
            .t("composer-fault-other")
            .text("why", message)
            .to_string(),
    }
}

/// The numbers in a message, in their order.
fn numbers(message: &str) -> Vec<u64> {
    let parts = message.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}
