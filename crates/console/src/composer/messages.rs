//! From cards to message objects and back.
//!
//! The way back asks itself: a message that a card would change stays as it is, in a card of JSON.

use domain::campaign::Purpose;
use domain::message::limits::ALT_TEXT_LENGTH_MAX;
use serde_json::{Map, Value, json};

use super::content::{Action, Button, Card, Column, Content, Kind};

/// UTF-16 code units of the alternative text that is made from a card's own words.
const OWN_ALT_LENGTH_MAX: usize = 400;
const _: () = assert!(OWN_ALT_LENGTH_MAX <= ALT_TEXT_LENGTH_MAX);

/// The message objects of the cards, one each. A card of JSON that cannot be read gives its fault.
pub fn messages(content: &Content) -> Vec<Result<Value, serde_json::Error>> {
    let mut messages: Vec<_> = content.cards.iter().map(message).collect();
    if !content.quick.is_empty()
        && let Some(Ok(Value::Object(last))) = messages.last_mut()
    {
        last.insert("quickReply".to_owned(), quick_reply(&content.quick));
    }
    messages
}

/// One card's message object.
pub fn message(card: &Card) -> Result<Value, serde_json::Error> {
    Ok(match card.kind {
        Kind::Text => json!({"type": "text", "text": card.text}),
        Kind::Image => json!({
            "type": "image",
            "originalContentUrl": card.image.trim(),
            "previewImageUrl": preview(card),
        }),
        Kind::Video => json!({
            "type": "video",
            "originalContentUrl": card.video.trim(),
            "previewImageUrl": card.image.trim(),
        }),
        Kind::Sticker => json!({
            "type": "sticker",
            "packageId": card.package.trim(),
            "stickerId": card.sticker.trim(),
        }),
        Kind::Coupon => json!({"type": "coupon", "couponId": card.coupon.trim()}),
        Kind::Buttons | Kind::Confirm | Kind::Carousel => json!({
            "type": "template",
            "altText": alternative(card),
            "template": template(card),
        }),
        Kind::Json => return raw(card),
    })
}

/// The cards of a campaign that was written elsewhere, or long ago.
pub fn content_of(name: &str, purpose: Purpose, messages: &str) -> Content {
    let messages: Vec<Value> = serde_json::from_str(messages).unwrap_or_default();
    let last = messages.len().saturating_sub(1);
    let mut quick = Vec::new();
    let cards = messages.into_iter().enumerate().map(|(index, mut value)| {
        if index == last
            && let Some(found) = own_quick_replies(&value)
        {
            quick = found;
            if let Some(object) = value.as_object_mut() {
                object.remove("quickReply");
            }
        }
        card_of(&value)
    });
    let cards = cards.collect();
    Content {
        name: name.to_owned(),
        purpose,
        cards,
        quick,
        sequence: 0,
    }
}

fn card_of(value: &Value) -> Card {
    let guess = guess(value);
    match guess.filter(|card| message(card).is_ok_and(|own| own == *value)) {
        Some(card) => card,
        None => Card {
            kind: Kind::Json,
            json: serde_json::to_string_pretty(value).unwrap_or_default(),
            ..Card::default()
        },
    }
}

/// The card that the message looks like.
fn guess(value: &Value) -> Option<Card> {
    let of = |kind| Card {
        kind,
        ..Card::default()
    };
    match string(value, "type").as_str() {
        "text" => Some(Card {
            text: string(value, "text"),
            ..of(Kind::Text)
        }),
        "image" => {
            let image = string(value, "originalContentUrl");
            let preview = string(value, "previewImageUrl");
            Some(Card {
                preview: if preview == image {
                    String::new()
                } else {
                    preview
                },
                image,
                ..of(Kind::Image)
            })
        }
        "video" => Some(Card {
            video: string(value, "originalContentUrl"),
            image: string(value, "previewImageUrl"),
            ..of(Kind::Video)
        }),
        "sticker" => Some(Card {
            package: string(value, "packageId"),
            sticker: string(value, "stickerId"),
            ..of(Kind::Sticker)
        }),
        "coupon" => Some(Card {
            coupon: string(value, "couponId"),
            ..of(Kind::Coupon)
        }),
        "template" => {
            let template = value.get("template")?;
            let kind = Kind::from_name(&string(template, "type"))?;
            let card = Card {
                kind,
                title: string(template, "title"),
                text: string(template, "text"),
                image: string(template, "thumbnailImageUrl"),
                buttons: list(template, "actions").filter_map(button_of).collect(),
                columns: list(template, "columns").map(column_of).collect(),
                ..Card::default()
            };
            let alt = string(value, "altText");
            let is_own = alternative(&card) == alt;
            Some(Card {
                alt: if is_own { String::new() } else { alt },
                ..card
            })
        }
        _ => None,
    }
}

fn column_of(value: &Value) -> Column {
    Column {
        title: string(value, "title"),
        text: string(value, "text"),
        image: string(value, "thumbnailImageUrl"),
        buttons: list(value, "actions").filter_map(button_of).collect(),
    }
}

fn button_of(value: &Value) -> Option<Button> {
    let label = string(value, "label");
    let (kind, value) = match string(value, "type").as_str() {
        "uri" => match string(value, "uri").strip_prefix("tel:") {
            Some(number) => (Action::Phone, number.to_owned()),
            None => (Action::Uri, string(value, "uri")),
        },
        "message" => (Action::Message, string(value, "text")),
        "clipboard" => (Action::Clipboard, string(value, "clipboardText")),
        "postback" => (Action::Postback, string(value, "data")),
        _ => return None,
    };
    Some(Button { label, kind, value })
}

fn own_quick_replies(value: &Value) -> Option<Vec<Button>> {
    let items = value.get("quickReply")?;
    let buttons: Vec<Button> = list(items, "items")
        .filter_map(|item| button_of(item.get("action")?))
        .collect();
    (!buttons.is_empty() && quick_reply(&buttons) == *items).then_some(buttons)
}

fn quick_reply(buttons: &[Button]) -> Value {
    let item = |button| json!({"type": "action", "action": action(button)});
    json!({"items": buttons.iter().map(item).collect::<Vec<_>>()})
}

/// A message object as it is, or the contents of a Flex message with the card's alternative text.
fn raw(card: &Card) -> Result<Value, serde_json::Error> {
    let value: Value = serde_json::from_str(&card.json)?;
    Ok(match is_contents(&value) {
        true => json!({"type": "flex", "altText": card.alt.trim(), "contents": value}),
        false => value,
    })
}

/// Whether it is what a Flex message contains, and no message by itself.
pub fn is_contents(value: &Value) -> bool {
    matches!(string(value, "type").as_str(), "bubble" | "carousel")
}

fn template(card: &Card) -> Value {
    let mut template = Map::new();
    template.insert("type".to_owned(), json!(card.kind.name()));
    if card.kind == Kind::Carousel {
        let columns = card.columns.iter().map(|column| {
            let mut object = Map::new();
            put(&mut object, "thumbnailImageUrl", &column.image);
            put(&mut object, "title", &column.title);
            object.insert("text".to_owned(), json!(column.text));
            object.insert("actions".to_owned(), actions(&column.buttons));
            Value::Object(object)
        });
        template.insert("columns".to_owned(), columns.collect());
        return Value::Object(template);
    }
    if card.kind == Kind::Buttons {
        put(&mut template, "thumbnailImageUrl", &card.image);
        put(&mut template, "title", &card.title);
    }
    template.insert("text".to_owned(), json!(card.text));
    template.insert("actions".to_owned(), actions(&card.buttons));
    Value::Object(template)
}

fn actions(buttons: &[Button]) -> Value {
    buttons.iter().map(action).collect()
}

fn action(button: &Button) -> Value {
    let (label, value) = (&button.label, &button.value);
    match button.kind {
        Action::Uri => json!({"type": "uri", "label": label, "uri": value.trim()}),
        Action::Phone => {
            let number: String = value.chars().filter(|c| !c.is_whitespace()).collect();
            let uri = match number.is_empty() {
                true => String::new(),
                false => format!("tel:{number}"),
            };
            json!({"type": "uri", "label": label, "uri": uri})
        }
        Action::Message => json!({"type": "message", "label": label, "text": value}),
        Action::Clipboard => json!({"type": "clipboard", "label": label, "clipboardText": value}),
        Action::Postback => json!({"type": "postback", "label": label, "data": value}),
    }
}

/// Leaves out what is empty: an absent title is allowed, an empty one is not.
fn put(object: &mut Map<String, Value>, key: &str, text: &str) {
    let text = match key {
        "thumbnailImageUrl" => text.trim(),
        _ => text,
    };
    if !text.is_empty() {
        object.insert(key.to_owned(), json!(text));
    }
}

fn preview(card: &Card) -> &str {
    match card.preview.trim() {
        "" => card.image.trim(),
        preview => preview,
    }
}

/// The alternative text: the card's own, or its first words.
fn alternative(card: &Card) -> String {
    let own = card.alt.trim();
    if !own.is_empty() {
        return own.to_owned();
    }
    let first = card.columns.first();
    let words = [
        card.title.as_str(),
        first.map_or("", |column| &column.title),
        card.text.as_str(),
        first.map_or("", |column| &column.text),
    ];
    let said = words.into_iter().find(|words| !words.trim().is_empty());
    let mut units = 0;
    let fitting = said.unwrap_or("").trim().chars().take_while(|character| {
        units += character.len_utf16();
        units <= OWN_ALT_LENGTH_MAX
    });
    fitting.collect()
}

fn string(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str);
    text.unwrap_or("").to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let items = value.get(key).and_then(Value::as_array);
    items.into_iter().flatten()
}

#[cfg(test)]
mod tests;
