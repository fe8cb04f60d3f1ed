//! Bodies, forms and queries as LINE's libraries write them.
//!
//! They differ: truth values come as `true` and as `True`, lists as repeated keys and with commas,
//! and operations without a body come with any content type or none. So nothing here is a JSON
//! extractor of the framework: a handler that wants a body takes one of these.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use domain::message::ValidationError;
use serde_json::value::RawValue;

use super::{LineError, LineState};
use crate::state::BODY_TIMEOUT;
use crate::{ApiError, body};

/// Bytes of a request's body: LINE's own limit.
pub const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a form: an assertion with room to spare.
const FORM_BYTES_MAX: usize = 64 * 1024;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const PICTURES: [&str; 2] = ["image/jpeg", "image/png"];
/// Characters of a foreign content type that are repeated.
const TYPE_CHARS_MAX: usize = 100;

/// The JSON object of a body, its properties as they were written.
#[derive(Debug)]
pub struct Properties(BTreeMap<String, Box<RawValue>>);

/// The whole JSON text of a body.
#[derive(Debug)]
pub struct Document(String);

/// The bytes of a picture, JPEG or PNG as its head says.
#[derive(Debug)]
pub struct PictureFile(pub Vec<u8>);

/// The fields of a form.
#[derive(Debug)]
pub struct Form(Pairs);

/// The parameters of a query.
#[derive(Debug)]
pub struct Query(Pairs);

/// Names and values in the order in which they came.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, String)>);

impl Properties {
    fn read(bytes: &[u8]) -> Result<Self, LineError> {
        let whole: Box<RawValue> =
            serde_json::from_slice(bytes).map_err(|error| LineError::no_json(&error))?;
        match serde_json::from_str(whole.get()) {
            Ok(properties) => Ok(Self(properties)),
            Err(_) => Err(LineError::invalid(
                "The request body must be a JSON object (line: -, column: -)",
            )),
        }
    }

    /// The same of a request that may come without a body, and then with any content type or none.
    pub async fn or_none(request: Request) -> Result<Self, LineError> {
        let (head, content) = request.into_parts();
        body::expect_readable(&head.headers, BODY_BYTES_MAX).map_err(unread)?;
        let read = body::read(content, BODY_BYTES_MAX, BODY_TIMEOUT).await;
        let bytes = read.map_err(unread)?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(BTreeMap::new()));
        }
        expect_type(&head.headers, &[JSON])?;
        Self::read(&bytes)
    }

    /// The JSON text of a property; absent and `null` are the same, as libraries write it so.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.get();
        (text != "null").then_some(text)
    }

    /// The JSON text of a property that has to be there.
    pub fn required(&self, name: &str) -> Result<&str, LineError> {
        self.raw(name).ok_or_else(|| {
            LineError::body(vec![ValidationError {
                message: "May not be empty".to_owned(),
                property: name.to_owned(),
            }])
        })
    }

    /// A property as a value of our own; one of another shape is refused by its name.
    pub fn typed<T: serde::de::DeserializeOwned>(
        &self,
        name: &str,
    ) -> Result<Option<T>, LineError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        let read = serde_json::from_str(text);
        read.map(Some).map_err(|_| LineError::property(name))
    }
}

impl FromRequest<Arc<LineState>> for Properties {
    type Rejection = LineError;

    async fn from_request(request: Request, _state: &Arc<LineState>) -> Result<Self, LineError> {
        Self::read(&whole_body(request, &[JSON], BODY_BYTES_MAX).await?)
    }
}

impl Document {
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl FromRequest<Arc<LineState>> for Document {
    type Rejection = LineError;

    async fn from_request(request: Request, _state: &Arc<LineState>) -> Result<Self, LineError> {
        let bytes = whole_body(request, &[JSON], BODY_BYTES_MAX).await?;
        let whole: Box<RawValue> =
            serde_json::from_slice(&bytes).map_err(|error| LineError::no_json(&error))?;
        Ok(Self(whole.get().to_owned()))
    }
}

impl FromRequest<Arc<LineState>> for PictureFile {
    type Rejection = LineError;

    async fn from_request(request: Request, _state: &Arc<LineState>) -> Result<Self, LineError> {
        Ok(Self(whole_body(request, &PICTURES, BODY_BYTES_MAX).await?))
    }
}

impl Form {
    /// A field that is there and says something.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.0.one(name).filter(|value| !value.is_empty())
    }
}

impl FromRequest<Arc<LineState>> for Form {
    type Rejection = LineError;

    async fn from_request(request: Request, _state: &Arc<LineState>) -> Result<Self, LineError> {
        let bytes = whole_body(request, &[FORM], FORM_BYTES_MAX).await?;
        Ok(Self(Pairs::read(&bytes)))
    }
}

impl Query {
    pub fn of(text: &str) -> Self {
        Self(Pairs::read(text.as_bytes()))
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.one(name).filter(|value| !value.is_empty())
    }

    /// `true` and `false` in any case.
    pub fn truth(&self, name: &str) -> Result<Option<bool>, LineError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(LineError::parameter(name)),
        }
    }

    /// A whole number within bounds.
    pub fn number(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<u32>,
    ) -> Result<Option<u32>, LineError> {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        let number = value.parse().ok().filter(|number| bounds.contains(number));
        number.map(Some).ok_or_else(|| LineError::parameter(name))
    }

    /// Every value of a list, repeated (`a=1&a=2`) or with commas (`a=1,2`).
    pub fn list(&self, name: &str) -> Vec<&str> {
        let values = self.0.0.iter().filter(|(known, _)| known == name);
        let parts = values.flat_map(|(_, value)| value.split(','));
        parts.filter(|part| !part.is_empty()).collect()
    }
}

impl FromRequestParts<Arc<LineState>> for Query {
    type Rejection = LineError;

    async fn from_request_parts(
        parts: &mut Parts,
        _state: &Arc<LineState>,
    ) -> Result<Self, LineError> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

impl Pairs {
    fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The value of a name; the first of several.
    fn one(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// The whole body, where it is what it should be.
pub async fn whole_body(
    request: Request,
    content_types: &[&str],
    bytes_max: usize,
) -> Result<Vec<u8>, LineError> {
    let (head, content) = request.into_parts();
    expect_type(&head.headers, content_types)?;
    body::expect_readable(&head.headers, bytes_max).map_err(unread)?;
    let read = body::read(content, bytes_max, BODY_TIMEOUT).await;
    read.map_err(unread)
}

/// Refuses a body of another type than the `expected` ones.
pub(super) fn expect_type(headers: &HeaderMap, expected: &[&str]) -> Result<(), LineError> {
    let given = headers.get(CONTENT_TYPE);
    let given = given.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let given = given.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let is_expected = |kind: &&str| essence.eq_ignore_ascii_case(kind);
    match expected.iter().any(is_expected) {
        true => Ok(()),
        false => {
            let shown = given.chars().take(TYPE_CHARS_MAX).collect();
            Err(LineError::UnsupportedType(shown))
        }
    }
}

/// Why a body was not read, in LINE's words.
pub(super) fn unread(error: ApiError) -> LineError {
    match error {
        ApiError::TooLarge(bytes_max) => LineError::TooLarge(bytes_max),
        ApiError::TooSlow(_) => LineError::TooSlow,
        ApiError::UnsupportedEncoding(_) => {
            LineError::UnsupportedType(format!("{CONTENT_ENCODING} other than identity"))
        }
        other => LineError::invalid(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_every_library_writes_them() {
        let query = Query::of("a=True&b=false&list=DRAFT&list=RUNNING%2CCLOSED&n=40&empty=&s=a+b");
        assert_eq!(query.truth("a").unwrap(), Some(true));
        assert_eq!(query.truth("b").unwrap(), Some(false));
        assert_eq!(query.truth("empty").unwrap(), None);
        assert!(query.truth("n").is_err());
        assert_eq!(query.list("list"), ["DRAFT", "RUNNING", "CLOSED"]);
        assert_eq!(query.list("none"), Vec::<&str>::new());
        assert_eq!(query.number("n", 1..=40).unwrap(), Some(40));
        assert!(query.number("n", 1..=39).is_err() && query.number("a", 1..=9).is_err());
        assert_eq!(query.text("s"), Some("a b"));
        assert_eq!(query.text("empty"), None);
    }

    #[test]
    fn a_body_is_an_object_whose_properties_stay_as_they_were_written() {
        let body = br#"{"messages": [ {"a" : 1} ], "none": null, "flag": true}"#;
        let properties = Properties::read(body).unwrap();
        assert_eq!(properties.raw("messages"), Some(r#"[ {"a" : 1} ]"#));
        assert_eq!(properties.raw("none"), None);
        assert_eq!(properties.typed("flag").unwrap(), Some(true));
        assert_eq!(properties.typed::<bool>("absent").unwrap(), None);
        let refused = properties.typed::<u32>("flag").unwrap_err().to_string();
        let words = "The property, flag, in the request body is invalid (line: -, column: -)";
        assert_eq!(refused, words);
        assert!(properties.required("none").is_err());
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for (body, words) in [
            ("", "parsed as JSON (line: 1, column: 0)"),
            ("{\n\"a\" 1}", "parsed as JSON (line: 2, column: 5)"),
            ("{} {}", "parsed as JSON (line: 1, column: 4)"),
            ("[]", "must be a JSON object"),
            ("null", "must be a JSON object"),
        ] {
            let refused = Properties::read(body.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains(words), "{body:?}: {refused}");
        }
        assert!(Properties::read(b"{\"a\": \"\xff\"}").is_err());
    }
}
