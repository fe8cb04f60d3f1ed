//! What the validator found, in the words of whoever reads the page.

use domain::message::ValidationError;
use words::Words;

use super::content::Content;
use super::fields;

/// Phrases by the validator's words: those without numbers as they are.
const PLAIN: [(&str, &str); 14] = [
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
    ("The JSON must not be larger", "composer-fault-large"),
    ("Must not be nested", "composer-fault-deep"),
    ("A video must be in a bubble", "composer-fault-video-size"),
    (
        "A video must not be in a carousel",
        "composer-fault-video-carousel",
    ),
    ("At least one block", "composer-fault-no-block"),
];

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
