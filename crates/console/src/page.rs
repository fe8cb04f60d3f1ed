//! From a template to an answer.

use std::fmt;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use crate::error::Error;
use crate::guest::Guest;

/// The page, with status 200.
pub fn show(template: &impl Template) -> Result<Response, Error> {
    show_as(StatusCode::OK, template)
}

/// The page with a status: 422 where a form has to be mended.
pub fn show_as(status: StatusCode, template: &impl Template) -> Result<Response, Error> {
    let html = template
        .render()
        .map_err(|error| Error::Broken(error.to_string()))?;
    Ok((status, Html(html)).into_response())
}

/// A part of a page, as it is sent by itself.
pub fn text(template: &impl Template) -> Result<String, Error> {
    let rendered = template.render();
    rendered.map_err(|error| Error::Broken(error.to_string()))
}

#[derive(Template)]
#[template(path = "console/problem.html")]
struct ProblemPage<'a> {
    guest: &'a Guest,
    status: u16,
    title: String,
    explanation: String,
    detail: Option<String>,
    home: Home,
}

/// Where a page of something that went wrong leads, and what that is called.
#[derive(Debug, Clone, Copy)]
pub struct Home {
    pub path: &'static str,
    pub key: &'static str,
}

impl Home {
    pub const CONSOLE: Self = Self {
        path: "/console",
        key: "problem-home",
    };
    pub const OPERATOR: Self = Self {
        path: "/operator",
        key: "operator-problem-home",
    };
}

/// The page of something that went wrong; `key` and `key-text` are its words.
pub fn problem(
    guest: &Guest,
    status: StatusCode,
    key: &str,
    detail: Option<String>,
    home: Home,
) -> Response {
    let page = ProblemPage {
        guest,
        status: status.as_u16(),
        title: guest.words.t(key).to_string(),
        explanation: guest.words.t(format!("{key}-text")).to_string(),
        detail,
        home,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of a problem could not be made");
            status.into_response()
        }
    }
}

/// A text as the value of a query.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' | b'@' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// An icon of `icons.svg`, decoration beside words that say the same.
#[derive(Debug, Clone, Copy)]
pub struct Icon {
    name: &'static str,
    class: &'static str,
}

impl askama::filters::HtmlSafe for Icon {}

pub fn icon(name: &'static str) -> Icon {
    Icon {
        name,
        class: "icon",
    }
}

pub fn small_icon(name: &'static str) -> Icon {
    Icon {
        name,
        class: "icon icon-s",
    }
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
