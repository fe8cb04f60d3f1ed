//! What this platform does not have, in LINE's words: groups and rooms, memberships, sending to
//! phone numbers, apps inside the messenger, modules. And what nobody has.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

use super::request::Query;
use super::{Channel, LineError};

const NOT_FOUND: LineError = LineError::NotFound("Not found");

/// Whatever else begins like a path of LINE's.
pub async fn not_found() -> LineError {
    NOT_FOUND
}

/// Any other method of a path that is there.
pub async fn method_not_allowed() -> LineError {
    LineError::MethodNotAllowed
}

/// A product of LINE's that an account cannot have here.
pub async fn not_available(_channel: Channel) -> LineError {
    LineError::NotAvailable
}

/// The same where LINE asks for no bearer token.
pub async fn not_available_to_anybody() -> LineError {
    LineError::NotAvailable
}

pub async fn group(_channel: Channel, Path(path): Path<Vec<(String, String)>>) -> LineError {
    nobody_there(&path, "groupId", 'C')
}

pub async fn room(_channel: Channel, Path(path): Path<Vec<(String, String)>>) -> LineError {
    nobody_there(&path, "roomId", 'R')
}

pub async fn membership(_channel: Channel) -> LineError {
    LineError::NotFound("Membership plan not found")
}

pub async fn subscription(_channel: Channel, Path(user): Path<String>) -> LineError {
    match has_shape(&user, 'U') {
        true => NOT_FOUND,
        false => LineError::parameter("userId"),
    }
}

/// Nothing was ever sent to a phone number.
pub async fn no_phone_numbers(_channel: Channel, query: Query) -> Result<Json<Value>, LineError> {
    let is_day = |date: &str| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    match query.text("date").is_some_and(is_day) {
        true => Ok(Json(json!({"status": "ready", "success": 0}))),
        false => Err(LineError::parameter("date")),
    }
}

fn nobody_there(path: &[(String, String)], name: &str, letter: char) -> LineError {
    let id = path.iter().find(|(known, _)| known == name);
    match id.is_some_and(|(_, id)| has_shape(id, letter)) {
        true => NOT_FOUND,
        false => LineError::parameter(name),
    }
}

/// A letter and 32 lower-case hexadecimal digits.
fn has_shape(id: &str, letter: char) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let digits = id.strip_prefix(letter);
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(is_digit))
}
