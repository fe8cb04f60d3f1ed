//! A table row is a valid message, one change to it, and exactly the errors that must follow.

use serde_json::{Value, json};

use crate::message::{MediaOrigin, Rules, parse};

/// One row.
pub(super) struct Case {
    message: Value,
    /// Property path below `messages[0]`, and the words.
    errors: Vec<(&'static str, String)>,
    /// What was changed, for the report of a failing row.
    name: String,
}

/// A message with a change that leaves it valid.
pub(super) fn good(base: &Value, pointer: &str, value: Value) -> Case {
    Case {
        name: format!("{pointer} = {}", short(&value)),
        message: changed(base, pointer, Some(value)),
        errors: Vec::new(),
    }
}

/// A message with a change that makes it invalid in one place.
pub(super) fn bad(
    base: &Value,
    pointer: &str,
    value: Value,
    property: &'static str,
    words: &str,
) -> Case {
    worse(base, pointer, value, &[(property, words)])
}

/// A message with a change that makes it invalid in several places, in this order.
pub(super) fn worse(
    base: &Value,
    pointer: &str,
    value: Value,
    errors: &[(&'static str, &str)],
) -> Case {
    Case {
        name: format!("{pointer} = {}", short(&value)),
        message: changed(base, pointer, Some(value)),
        errors: errors
            .iter()
            .map(|(at, words)| (*at, (*words).to_owned()))
            .collect(),
    }
}

/// A message that lacks a property it must have.
pub(super) fn missing(base: &Value, pointer: &str, property: &'static str) -> Case {
    Case {
        name: format!("without {pointer}"),
        message: changed(base, pointer, None),
        errors: vec![(property, "must be specified".to_owned())],
    }
}

/// A message that may lack a property.
pub(super) fn without(base: &Value, pointer: &str) -> Case {
    Case {
        name: format!("without {pointer}"),
        message: changed(base, pointer, None),
        errors: Vec::new(),
    }
}

/// Runs a table and reports all rows that fail, not the first.
pub(super) fn run(cases: &[Case]) {
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(
        failures.is_empty(),
        "{} of {} rows failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

/// The rules of a development machine: its own media over http.
pub(super) fn rules() -> Rules {
    Rules {
        media: MediaOrigin::with_own_media("http://127.0.0.1:8080").expect("a URL"),
    }
}

/// A text of `count` times `piece`.
pub(super) fn times(piece: &str, count: usize) -> Value {
    json!(piece.repeat(count))
}

/// An https URL of exactly `length` characters.
pub(super) fn url_of(length: usize) -> Value {
    let start = "https://example.com/";
    json!(format!("{start}{}", "a".repeat(length - start.len())))
}

fn failure(case: &Case) -> Option<String> {
    let json = Value::Array(vec![case.message.clone()]).to_string();
    match parse(&json, &rules()) {
        Ok(messages) => {
            if !case.errors.is_empty() {
                return Some(format!(
                    "{}: accepted, expected {:?}",
                    case.name, case.errors
                ));
            }
            let canonical = messages.to_json();
            let again = parse(&canonical, &rules());
            if again != Ok(messages) {
                return Some(format!("{}: {canonical} reads as {again:?}", case.name));
            }
            // Nothing is lost or added, whatever the order.
            let kept: Value = serde_json::from_str(&canonical).expect("canonical JSON");
            (kept[0] != without_nulls(case.message.clone()))
                .then(|| format!("{}: became {canonical}", case.name))
        }
        Err(errors) => {
            let found: Vec<_> = errors
                .iter()
                .map(|error| (error.property.clone(), error.message.clone()))
                .collect();
            let expected: Vec<_> = case
                .errors
                .iter()
                .map(|(at, words)| (format!("messages[0]{at}"), words.clone()))
                .collect();
            (found != expected).then(|| format!("{}: found {found:?}", case.name))
        }
    }
}

/// Sets or removes what a JSON pointer names; `-` appends to a list.
fn changed(base: &Value, pointer: &str, value: Option<Value>) -> Value {
    let mut message = base.clone();
    if pointer.is_empty() {
        return value.expect("the whole message cannot be removed");
    }
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match message.pointer_mut(parent) {
        Some(Value::Object(object)) => {
            match value {
                Some(value) => object.insert(key.to_owned(), value),
                None => Some(object.remove(key).expect("the base has the property")),
            };
        }
        Some(Value::Array(list)) if key == "-" => list.push(value.expect("a value to append")),
        Some(Value::Array(list)) => {
            list[key.parse::<usize>().expect("an index")] = value.expect("a value to set");
        }
        other => panic!("{pointer} points into {other:?}"),
    }
    message
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(object) => object
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
