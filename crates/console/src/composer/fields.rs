//! The composer's form: its fields by their names, read into content, changed by its buttons.
//!
//! A name says where its field stands: `cards[0].columns[1].buttons[2].label`. Buttons name what
//! they change the same way (`remove cards[0].buttons[2]`), so that the page works without script.

use domain::campaign::Purpose;
use serde::de::IgnoredAny;

use super::content::{Action, Button, CARDS_KEPT_MAX, Card, Column, Content, ITEMS_KEPT_MAX, Kind};

/// Names longer than any of ours are nobody's.
const NAME_BYTES_MAX: usize = 128;

/// One form as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub content: Content,
    /// The version it began from.
    pub version: u32,
    /// The window it comes from; empty without script.
    pub window: String,
    /// The button that was pressed.
    pub act: String,
    /// The testers that are ticked, by their public ids.
    pub testers: Vec<String>,
    /// Whether empty fields are said to be missing too.
    pub checks: bool,
}

/// A form that is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("there is no field {0}")]
    Field(String),
    #[error("{field} cannot be {value}")]
    Value { field: String, value: String },
}

/// One step of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    pub list: &'a str,
    pub index: usize,
}

/// A place: the lists it goes through, and the field at its end, empty for an item itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place<'a> {
    pub steps: Vec<Step<'a>>,
    pub field: &'a str,
}

pub fn read(pairs: &[(String, String)]) -> Result<Sent, Unreadable> {
    let mut sent = Sent {
        content: Content::default(),
        version: 0,
        window: String::new(),
        act: String::new(),
        testers: Vec::new(),
        checks: false,
    };
    for (name, value) in pairs {
        let wrong = || Unreadable::Value {
            field: name.chars().take(NAME_BYTES_MAX).collect(),
            value: value.chars().take(NAME_BYTES_MAX).collect(),
        };
        match name.as_str() {
            "name" => sent.content.name = value.clone(),
            "purpose" => sent.content.purpose = purpose(value).ok_or_else(wrong)?,
            "sequence" => sent.content.sequence = value.parse().map_err(|_| wrong())?,
            "version" => sent.version = value.parse().map_err(|_| wrong())?,
            "window" => sent.window = value.clone(),
            "act" => sent.act = value.clone(),
            "tester" => sent.testers.push(value.clone()),
            "checks" => sent.checks = value == "1",
            name => {
                let place = Place::parse(name);
                let place = place.ok_or_else(|| Unreadable::Field(short(name)))?;
                let value = value.replace("\r\n", "\n");
                put(&mut sent.content, &place, value).ok_or_else(wrong)?;
            }
        }
    }
    for card in &mut sent.content.cards {
        // Kept for as long as the document itself cannot be read.
        if serde_json::from_str::<IgnoredAny>(&card.json).is_ok() {
            card.last.clear();
        }
    }
    Ok(sent)
}

impl<'a> Place<'a> {
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut place = Self {
            steps: Vec::new(),
            field: "",
        };
        for part in text.split('.') {
            if !place.field.is_empty() {
                return None;
            }
            match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((list, index)) => place.steps.push(Step {
                    list,
                    index: index.parse().ok()?,
                }),
                None => place.field = part,
            }
        }
        Some(place)
    }
}

fn short(name: &str) -> String {
    name.chars().take(NAME_BYTES_MAX).collect()
}

fn purpose(name: &str) -> Option<Purpose> {
    let all = [Purpose::Promotion, Purpose::Information];
    all.into_iter().find(|purpose| purpose.name() == name)
}

/// The item of a list, made where it is not there yet.
fn item<T: Default>(list: &mut Vec<T>, index: usize, kept_max: usize) -> Option<&mut T> {
    if index >= kept_max {
        return None;
    }
    if list.len() <= index {
        list.resize_with(index + 1, T::default);
    }
    list.get_mut(index)
}

fn put(content: &mut Content, place: &Place<'_>, value: String) -> Option<()> {
    let (first, rest) = place.steps.split_first()?;
    if first.list == "quick" && rest.is_empty() {
        let button = item(&mut content.quick, first.index, ITEMS_KEPT_MAX)?;
        return put_button(button, place.field, value);
    }
    if first.list != "cards" {
        return None;
    }
    let card = item(&mut content.cards, first.index, CARDS_KEPT_MAX)?;
    match rest {
        [] => put_card(card, place.field, value),
        [step] if step.list == "buttons" => {
            let button = item(&mut card.buttons, step.index, ITEMS_KEPT_MAX)?;
            put_button(button, place.field, value)
        }
        [step, inner @ ..] if step.list == "columns" => {
            let column = item(&mut card.columns, step.index, ITEMS_KEPT_MAX)?;
            match inner {
                [] => put_column(column, place.field, value),
                [step] if step.list == "buttons" => {
                    let button = item(&mut column.buttons, step.index, ITEMS_KEPT_MAX)?;
                    put_button(button, place.field, value)
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn put_card(card: &mut Card, field: &str, value: String) -> Option<()> {
    let text = match field {
        "kind" => {
            card.kind = Kind::from_name(&value)?;
            return Some(());
        }
        "text" => &mut card.text,
        "title" => &mut card.title,
        "image" => &mut card.image,
        "preview" => &mut card.preview,
        "alt" => &mut card.alt,
        "video" => &mut card.video,
        "package" => &mut card.package,
        "sticker" => &mut card.sticker,
        "coupon" => &mut card.coupon,
        "json" => &mut card.json,
        "last" => &mut card.last,
        _ => return None,
    };
    *text = value;
    Some(())
}

fn put_column(column: &mut Column, field: &str, value: String) -> Option<()> {
    let text = match field {
        "title" => &mut column.title,
        "text" => &mut column.text,
        "image" => &mut column.image,
        // A smaller picture comes with every upload, and columns have no use for it.
        "preview" => return Some(()),
        _ => return None,
    };
    *text = value;
    Some(())
}

fn put_button(button: &mut Button, field: &str, value: String) -> Option<()> {
    match field {
        "label" => button.label = value,
        "kind" => button.kind = Action::from_name(&value)?,
        "value" => button.value = value,
        _ => return None,
    }
    Some(())
}

/// How many items there are in the list of this name; none where there is no such list.
pub fn length(content: &Content, list: &str) -> usize {
    let Some(place) = Place::parse(list) else {
        return 0;
    };
    let card = |index: usize| content.cards.get(index);
    let length = match (place.steps.as_slice(), place.field) {
        ([], "cards") => Some(content.cards.len()),
        ([], "quick") => Some(content.quick.len()),
        ([first], "buttons") => card(first.index).map(|card| card.buttons.len()),
        ([first], "columns") => card(first.index).map(|card| card.columns.len()),
        ([first, column], "buttons") => card(first.index)
            .and_then(|card| card.columns.get(column.index))
            .map(|column| column.buttons.len()),
        _ => None,
    };
    length.unwrap_or(0)
}

/// Changes the content as a button says; `None` where the button means nothing here. The answer
/// is the card that was changed.
pub fn act(content: &mut Content, act: &str) -> Option<usize> {
    let (verb, at) = act.split_once(' ')?;
    if verb == "add" && !at.contains('[') {
        if content.cards.len() >= CARDS_KEPT_MAX {
            return None;
        }
        if at == "quick" {
            content.quick.push(Button {
                kind: Action::Message,
                ..Button::default()
            });
            return content.cards.len().checked_sub(1);
        }
        content.cards.push(Card::of(Kind::from_name(at)?));
        return content.cards.len().checked_sub(1);
    }
    let place = Place::parse(at)?;
    let (first, rest) = place.steps.split_first()?;
    let is_quick = first.list == "quick" && rest.is_empty() && place.field.is_empty();
    if is_quick {
        change(&mut content.quick, first.index, verb)?;
        return content.cards.len().checked_sub(1);
    }
    if first.list != "cards" {
        return None;
    }
    let index = first.index;
    match (rest, place.field) {
        ([], "") => return change(&mut content.cards, index, verb),
        ([], "buttons") => content
            .cards
            .get_mut(index)?
            .buttons
            .push(Button::default()),
        ([], "columns") => {
            let card = content.cards.get_mut(index)?;
            // Columns of one carousel look alike: another begins like the first.
            let buttons = card.columns.first().map_or(1, |first| first.buttons.len());
            card.columns.push(Column {
                buttons: vec![Button::default(); buttons.clamp(1, ITEMS_KEPT_MAX)],
                ..Column::default()
            });
        }
        ([step], "") if step.list == "buttons" => {
            change(&mut content.cards.get_mut(index)?.buttons, step.index, verb)?;
        }
        ([step], "") if step.list == "columns" => {
            change(&mut content.cards.get_mut(index)?.columns, step.index, verb)?;
        }
        ([step], "buttons") if step.list == "columns" => {
            let column = content.cards.get_mut(index)?.columns.get_mut(step.index)?;
            column.buttons.push(Button::default());
        }
        ([step, button], "") if step.list == "columns" && button.list == "buttons" => {
            let column = content.cards.get_mut(index)?.columns.get_mut(step.index)?;
            change(&mut column.buttons, button.index, verb)?;
        }
        _ => return None,
    }
    Some(index)
}

/// Where the item stands afterwards.
fn change<T: Clone>(list: &mut Vec<T>, index: usize, verb: &str) -> Option<usize> {
    if index >= list.len() {
        return None;
    }
    match verb {
        "remove" => {
            list.remove(index);
            Some(index.min(list.len().saturating_sub(1)))
        }
        "copy" if list.len() < CARDS_KEPT_MAX => {
            let same = list[index].clone();
            list.insert(index + 1, same);
            Some(index + 1)
        }
        "up" if index > 0 => {
            list.swap(index, index - 1);
            Some(index - 1)
        }
        "down" if index + 1 < list.len() => {
            list.swap(index, index + 1);
            Some(index + 1)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
