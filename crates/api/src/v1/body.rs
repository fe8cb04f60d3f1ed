//! Bodies and parameters, read with everything that is wrong about them.
//!
//! A reader notes what is wrong with one property and goes on with the next, so that a client is
//! told all of it at once. What is not known is refused: a property that was misspelt would be
//! ignored otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::once::{Asked, answered_before, key_of};
use super::problem::Fault;
use super::{Caller, Refusal, V1State};
use crate::state::BODY_TIMEOUT;
use crate::{ApiError, body};

/// Bytes of a body: messages and an audience at their largest, with room to spare.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
const JSON: &str = "application/json";
/// Faults told at most; more would help nobody.
const FAULTS_MAX: usize = 50;
/// Characters of a foreign text that are repeated.
const SHOWN_CHARS_MAX: usize = 40;

/// The JSON object of a body, its properties as they were written. No body is an empty one.
#[derive(Debug, Default)]
pub struct Fields(BTreeMap<String, Box<RawValue>>);

/// What a request that does something brings: its body, and the key it is known by.
#[derive(Debug)]
pub struct Posted {
    pub fields: Fields,
    pub asked: Asked,
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub fn add(&mut self, property: &str, message: impl Into<String>) {
        self.extend([Fault {
            property: property.to_owned(),
            message: message.into(),
        }]);
    }

    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        let room = FAULTS_MAX.saturating_sub(self.0.len());
        self.0.extend(faults.into_iter().take(room));
    }

    /// Whether something was said of a property already.
    pub fn knows(&self, property: &str) -> bool {
        self.0.iter().any(|fault| fault.property == property)
    }

    pub fn finish(self) -> Result<(), Refusal> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Refusal::Invalid(self.0)),
        }
    }
}

impl Fields {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let whole: Box<RawValue> = serde_json::from_slice(bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refusal::Malformed(format!(
                "the body is not JSON (line {line}, column {column})"
            ))
        })?;
        let object = serde_json::from_str(whole.get());
        object
            .map(Self)
            .map_err(|_| Refusal::Malformed("the body must be a JSON object".to_owned()))
    }

    /// Notes every property that is none of these.
    pub fn only(&self, known: &[&str], faults: &mut Faults) {
        for name in self.0.keys().filter(|name| !known.contains(&&***name)) {
            let words = match known {
                [] => "is not known here: nothing is expected".to_owned(),
                known => format!("is not known here; known are {}", known.join(", ")),
            };
            faults.add(&shown(name), words);
        }
    }

    /// The JSON text of a property; absent and `null` are the same.
    pub fn raw(&self, name: &str) -> Option<&str> {
        let text = self.0.get(name)?.get();
        (text != "null").then_some(text)
    }

    /// A property as a value; one of another type is a fault that says what it should be.
    pub fn optional<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        let text = self.raw(name)?;
        let read = serde_json::from_str(text);
        if read.is_err() {
            faults.add(name, format!("must be {expected}"));
        }
        read.ok()
    }

    /// The same of one that has to be there.
    pub fn required<T: DeserializeOwned>(
        &self,
        name: &str,
        expected: &str,
        faults: &mut Faults,
    ) -> Option<T> {
        if self.raw(name).is_none() {
            faults.add(name, format!("is required: {expected}"));
        }
        self.optional(name, expected, faults)
    }

    /// One of some names, which `read` knows.
    pub fn named<T>(
        &self,
        name: &str,
        names: &[&str],
        read: impl Fn(&str) -> Option<T>,
        faults: &mut Faults,
    ) -> Option<T> {
        let expected = format!("one of {}", names.join(", "));
        let text: String = self.optional(name, &expected, faults)?;
        let found = read(&text);
        if found.is_none() {
            faults.add(name, format!("must be {expected}"));
        }
        found
    }
}

impl FromRequest<Arc<V1State>> for Fields {
    type Rejection = Refusal;

    async fn from_request(request: Request, _state: &Arc<V1State>) -> Result<Self, Refusal> {
        Self::read(&whole_body(request).await?)
    }
}

impl Posted {
    async fn read(request: Request) -> Result<Self, Refusal> {
        let key = key_of(request.headers())?;
        let (method, path) = (request.method().clone(), path_of(&request));
        let bytes = whole_body(request).await?;
        Ok(Self {
            fields: Fields::read(&bytes)?,
            asked: Asked::of(key, &method, &path, &bytes),
        })
    }
}

/// What was answered before is answered here, before anything is looked at that may have changed
/// since: a time that has passed, a campaign that has moved on.
impl FromRequest<Arc<V1State>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<V1State>) -> Result<Self, Response> {
        // Nobody comes here but through `admit`.
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Refusal::Broken.into_response())?;
        let read = Self::read(request).await;
        let posted = read.map_err(IntoResponse::into_response)?;
        match answered_before(state, &caller, &posted.asked).await {
            Ok(None) => Ok(posted),
            Ok(Some(answer)) => Err(answer),
            Err(why) => Err(why.into_response()),
        }
    }
}

fn path_of(request: &Request) -> String {
    let path = request.uri().path_and_query();
    path.map_or(String::new(), ToString::to_string)
}

async fn whole_body(request: Request) -> Result<Vec<u8>, Refusal> {
    let (head, content) = request.into_parts();
    body::expect_readable(&head.headers, BODY_BYTES_MAX).map_err(unread)?;
    let read = body::read(content, BODY_BYTES_MAX, BODY_TIMEOUT).await;
    let bytes = read.map_err(unread)?;
    expect_json(&head.method, &head.headers, &bytes)?;
    Ok(bytes)
}

/// Whoever sends nothing need not say what it is.
fn expect_json(method: &Method, headers: &HeaderMap, bytes: &[u8]) -> Result<(), Refusal> {
    let given = headers.get(CONTENT_TYPE);
    let given = given.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = given.as_deref().unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    match bytes.is_empty() || essence.eq_ignore_ascii_case(JSON) {
        true => Ok(()),
        false => Err(Refusal::UnsupportedType(format!(
            "{method} takes {JSON} here, not '{}'",
            shown(essence)
        ))),
    }
}

fn unread(error: ApiError) -> Refusal {
    match error {
        ApiError::TooLarge(bytes_max) => Refusal::TooLarge(bytes_max),
        ApiError::TooSlow(_) => Refusal::TooSlow,
        ApiError::UnsupportedEncoding(words) => Refusal::UnsupportedType(words),
        other => Refusal::Malformed(other.to_string()),
    }
}

/// What came, short enough for a sentence.
pub fn shown(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(SHOWN_CHARS_MAX).collect()
}

/// The parameters of a query.
#[derive(Debug)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn of(query: &str) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Notes every parameter that is none of these, or stands there twice and may not.
    pub fn only(&self, known: &[&str], repeated: &[&str], faults: &mut Faults) {
        for (place, (name, _)) in self.0.iter().enumerate() {
            if !known.contains(&&**name) && !repeated.contains(&&**name) {
                let all = [known, repeated].concat().join(", ");
                faults.add(
                    &shown(name),
                    format!("is no parameter here; known are {all}"),
                );
            } else if known.contains(&&**name)
                && self.0[..place].iter().any(|(before, _)| before == name)
            {
                faults.add(&shown(name), "stands there more than once");
            }
        }
    }

    /// A value that says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// Every value of a list, repeated (`a=1&a=2`) or with commas (`a=1,2`).
    pub fn list(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.0.iter().filter(move |(known, _)| known == name);
        let parts = values.flat_map(|(_, value)| value.split(','));
        parts.filter(|part| !part.is_empty())
    }

    /// One of some names, which `read` knows.
    pub fn named<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        faults: &mut Faults,
    ) -> Option<T> {
        let text = self.text(name)?;
        let found = read(text);
        if found.is_none() {
            faults.add(
                name,
                format!("'{}' is none that is known here", shown(text)),
            );
        }
        found
    }
}

impl FromRequestParts<Arc<V1State>> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &Arc<V1State>) -> Result<Self, Refusal> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(faults: Faults) -> Vec<(String, String)> {
        let pair = |fault: Fault| (fault.property, fault.message);
        faults.0.into_iter().map(pair).collect()
    }

    #[test]
    fn a_body_is_told_everything_that_is_wrong_with_it() {
        let body = br#"{"name": 5, "nmae": "x", "purpose": "gift", "none": null, "flag": true}"#;
        let fields = Fields::read(body).unwrap();
        let mut faults = Faults::default();
        fields.only(&["name", "purpose", "none", "flag", "at"], &mut faults);
        let name: Option<String> = fields.required("name", "a text", &mut faults);
        let at: Option<String> = fields.required("at", "a time", &mut faults);
        let none: Option<String> = fields.optional("none", "a text", &mut faults);
        let flag: Option<bool> = fields.optional("flag", "true or false", &mut faults);
        let known = |text: &str| (text == "promotion").then_some(1);
        let purpose = fields.named("purpose", &["promotion"], known, &mut faults);
        assert_eq!(
            (name, at, none, flag, purpose),
            (None, None, None, Some(true), None)
        );
        let words = told(faults);
        let properties: Vec<&str> = words.iter().map(|(property, _)| &**property).collect();
        assert_eq!(properties, ["nmae", "name", "at", "purpose"], "{words:?}");
    }

    #[test]
    fn what_is_no_object_is_malformed_and_nothing_is_an_empty_one() {
        for body in ["[]", "1", "null", "{", "{} {}", "{\"a\":\u{1}}"] {
            let refused = Fields::read(body.as_bytes());
            assert!(matches!(refused, Err(Refusal::Malformed(_))), "{body}");
        }
        assert!(Fields::read(b"{\"a\": \"\xff\"}").is_err());
        assert!(Fields::read(b" \n").unwrap().0.is_empty());
    }

    #[test]
    fn parameters_stand_there_once_unless_they_are_a_list() {
        let parameters = Parameters::of("state=draft&state=closed%2Cpaused&limit=1&limit=2&x=");
        let mut faults = Faults::default();
        parameters.only(&["limit"], &["state"], &mut faults);
        let list: Vec<&str> = parameters.list("state").collect();
        assert_eq!(list, ["draft", "closed", "paused"]);
        assert_eq!(
            (parameters.text("limit"), parameters.text("x")),
            (Some("1"), None)
        );
        let words = told(faults);
        let properties: Vec<&str> = words.iter().map(|(property, _)| &**property).collect();
        assert_eq!(properties, ["limit", "x"], "{words:?}");
    }
}
