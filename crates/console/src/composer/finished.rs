//! Whether a message step is fit to be sent, and what is wrong with it, field by field.

use domain::campaign::Purpose;
use domain::message::{self, Rules, ValidationError};
use serde_json::{Value, json};

use super::content::{Card, Content, Kind};
use super::fields::Place;
use super::messages::{is_contents, messages};

/// Characters of a campaign's name, as `directory` limits them.
pub const NAME_CHARS_MAX: usize = directory::organisation::NAME_CHARS_MAX;
const EMPTY: &str = "May not be empty";

/// A message step that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub name: String,
    pub purpose: Purpose,
    /// Canonical JSON of the message objects.
    pub messages: String,
}

/// What is wrong, each with the `id` of its field on the composer's page.
pub type Wrong = Vec<(String, ValidationError)>;

/// Checks the content of [`store::draft::Part::Message`] as a whole.
pub fn finished(content: &str, rules: &Rules) -> Result<Finished, Wrong> {
    match Content::parse(content) {
        Ok(content) => check(&content, rules),
        Err(error) => Err(vec![fault("cards", error.to_string())]),
    }
}

/// As [`finished`], of a content that was read already.
pub fn check(content: &Content, rules: &Rules) -> Result<Finished, Wrong> {
    let mut wrong = Vec::new();
    let name = content.name.trim();
    if name.is_empty() {
        wrong.push(fault("name", EMPTY));
    } else if name.chars().count() > NAME_CHARS_MAX {
        let words = format!("Length must be between 0 and {NAME_CHARS_MAX}");
        wrong.push(fault("name", words));
    } else if name.chars().any(char::is_control) {
        wrong.push(fault("name", "Must not contain control characters"));
    }
    let mut values = Vec::with_capacity(content.cards.len());
    for (index, message) in messages(content).into_iter().enumerate() {
        let value = message.unwrap_or_else(|error| {
            let place = format!("cards[{index}].json");
            wrong.push(match content.cards[index].json.trim().is_empty() {
                true => fault(place, EMPTY),
                false => fault(place, unreadable(&error)),
            });
            // Stands in for it, so that the other cards are checked all the same.
            json!({"type": "text", "text": "-"})
        });
        values.push(value);
    }
    let json = Value::Array(values).to_string();
    match message::parse(&json, rules) {
        Ok(messages) if wrong.is_empty() => Ok(Finished {
            name: name.to_owned(),
            purpose: content.purpose,
            messages: messages.to_json(),
        }),
        Ok(_) => Err(wrong),
        Err(errors) => {
            for error in errors {
                let found = (field_of(&error.property, content), error);
                // An image and its preview are one field here, and one fault.
                if !is_double(&wrong, &found) {
                    wrong.push(found);
                }
            }
            wrong.sort_by_cached_key(|(field, _)| position(field));
            Err(wrong)
        }
    }
}

/// Where a field stands on the page: the name, then card by card, then what is below them; of one
/// card its fields, then what is in its lists.
fn position(field: &str) -> (usize, Vec<usize>, usize) {
    let order = [
        "image", "title", "text", "package", "label", "sticker", "value",
    ];
    let place = Place::parse(field).unwrap_or_default();
    let rank = order.iter().position(|name| *name == place.field);
    let rank = rank.unwrap_or(order.len());
    match place.steps.split_first() {
        Some((first, inner)) if first.list == "cards" => {
            let inner = inner.iter().map(|step| step.index).collect();
            (first.index + 1, inner, rank)
        }
        None if field == "name" => (0, Vec::new(), 0),
        _ => (usize::MAX, Vec::new(), 0),
    }
}

fn is_double(wrong: &Wrong, found: &(String, ValidationError)) -> bool {
    let same = |(field, error): &(String, ValidationError)| {
        *field == found.0 && error.message == found.1.message
    };
    !found.0.ends_with(".json") && wrong.iter().any(same)
}

fn fault(field: impl Into<String>, words: impl Into<String>) -> (String, ValidationError) {
    let field = field.into();
    let error = ValidationError {
        message: words.into(),
        property: field.clone(),
    };
    (field, error)
}

fn unreadable(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("could not be parsed as JSON (line: {line}, column: {column})")
}

/// The field that a property of the messages was written in.
fn field_of(property: &str, content: &Content) -> String {
    let Some(rest) = property.strip_prefix("messages[") else {
        return "cards".to_owned();
    };
    let Some((index, rest)) = rest.split_once(']') else {
        return "cards".to_owned();
    };
    let card = index
        .parse()
        .ok()
        .and_then(|index: usize| content.cards.get(index));
    let Some(card) = card else {
        return "cards".to_owned();
    };
    let path = rest.strip_prefix('.').unwrap_or(rest);
    if let Some(item) = path.strip_prefix("quickReply.items")
        && !content.quick.is_empty()
    {
        return format!("quick{}", own_words(&item.replace(".action.", ".")));
    }
    format!("cards[{index}]{}", place(card, path))
}

/// The place in a card, with its `.`.
fn place(card: &Card, path: &str) -> String {
    let known = match (card.kind, path) {
        (Kind::Text, "text") => ".text",
        (Kind::Image, "originalContentUrl" | "previewImageUrl") => ".image",
        (Kind::Video, "originalContentUrl") => ".video",
        (Kind::Video, "previewImageUrl") => ".image",
        (Kind::Sticker, "packageId") => ".package",
        (Kind::Sticker, "stickerId") => ".sticker",
        (Kind::Coupon, "couponId") => ".coupon",
        // An alternative text that is made from empty words is no fault of its own.
        (Kind::Buttons | Kind::Confirm, "altText") if card.alt.trim().is_empty() => ".text",
        (Kind::Carousel, "altText") if card.alt.trim().is_empty() => ".columns[0].text",
        (Kind::Buttons | Kind::Confirm | Kind::Carousel, "altText") => ".alt",
        (Kind::Json, "altText") if has_contents(card) => ".alt",
        (Kind::Buttons | Kind::Confirm | Kind::Carousel, path) => {
            let inside = path.strip_prefix("template").unwrap_or(path);
            return own_words(inside);
        }
        _ => ".json",
    };
    known.to_owned()
}

fn has_contents(card: &Card) -> bool {
    serde_json::from_str(&card.json).is_ok_and(|value| is_contents(&value))
}

/// Properties of templates by the names of their fields.
fn own_words(path: &str) -> String {
    let mut path = path
        .replace("thumbnailImageUrl", "image")
        .replace("actions", "buttons");
    if path.contains("buttons[") || path.starts_with('[') {
        for property in [".uri", ".text", ".clipboardText", ".data"] {
            if let Some(start) = path.strip_suffix(property) {
                path = format!("{start}.value");
                break;
            }
        }
    }
    path
}

#[cfg(test)]
mod tests;
