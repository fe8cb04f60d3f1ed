//! From a template to an answer, and what every answer carries.

use std::fmt;

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::error::Error;

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, assets::PAGE_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The page, with status 200.
pub(crate) fn show(template: &impl Template) -> Result<Response, Error> {
    show_as(StatusCode::OK, template)
}

/// The page with a status: 422 where a form has to be mended.
pub(crate) fn show_as(status: StatusCode, template: &impl Template) -> Result<Response, Error> {
    let html = template
        .render()
        .map_err(|error| Error::Broken(error.to_string()))?;
    Ok((status, Html(html)).into_response())
}

/// Adds what a handler has not set itself.
pub(crate) async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Whether a script asks, which says what was answered in words of its own.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    accepted.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// A text as one segment of a path or as the value of a query.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'@' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A picture's address where a page may load it.
pub(crate) fn picture(address: Option<&str>) -> Option<&str> {
    address.and_then(bubble::address::media)
}

/// What stands for somebody without a picture.
pub(crate) fn initial(name: &str) -> char {
    name.chars().next().unwrap_or('@')
}

/// An icon of `icons.svg`, decoration beside words that say the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Icon {
    name: &'static str,
    class: &'static str,
}

impl askama::filters::HtmlSafe for Icon {}

pub(crate) fn icon(name: &'static str) -> Icon {
    let class = "icon";
    Icon { name, class }
}

pub(crate) fn small_icon(name: &'static str) -> Icon {
    let class = "icon icon-s";
    Icon { name, class }
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, class } = self;
        let file = assets::address("icons.svg");
        write!(
            f,
            r##"<svg class="{class}" aria-hidden="true"><use href="{file}#{name}"/></svg>"##
        )
    }
}
