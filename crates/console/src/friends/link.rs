//! The add-friend link with its QR code, one for every place where it is put up.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use directory::Permission;
use domain::friend::source as parse_source;
use serde::Deserialize;
use store::growth::SourceTally;
use words::Words;

use super::{qr, source_words};
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;
use crate::state::ConsoleState;

/// What is shown before anybody named a place.
const USUAL_SOURCE: &str = "store";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LinkQuery {
    source: Option<String>,
}

#[derive(Template)]
#[template(path = "friends/link.html")]
struct LinkPage<'a> {
    frame: Frame<'a>,
    words: Words,
    source: String,
    source_words: String,
    typed: String,
    address: String,
    /// A drawing of ours.
    svg: String,
    sources: Vec<SourceRow>,
    faults: Faults,
}

struct SourceRow {
    name: String,
    words: String,
    list: String,
    /// Sources that a link could have.
    qr: Option<String>,
    all: u64,
    active: u64,
    reachable: u64,
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Query(query): Query<LinkQuery>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let words = desk.words;
    let typed = query.source.unwrap_or_else(|| USUAL_SOURCE.to_owned());
    let (source, faults) = match parse_source(typed.trim()) {
        Ok(source) => (source, Faults::default()),
        Err(_) => (
            USUAL_SOURCE.to_owned(),
            Faults::one("source", words.t("link-fault-source")),
        ),
    };
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let tally = desk.store.friend_tally(desk.account.id).await?;
    let named = tally
        .sources
        .iter()
        .filter(|source| !source.source.is_empty());
    let address = address(&state, &desk, &source);
    let said = source_words(&words, &source);
    let label = words.t("link-qr").text("source", &said).to_string();
    let shown = LinkPage {
        frame: Frame::of(&desk, Place::Friends),
        words,
        svg: qr::svg(&code(&address)?, &escaped(&label)),
        sources: named.map(|tally| row(&desk, tally)).collect(),
        source_words: said,
        source,
        typed,
        address,
        faults,
    };
    page::show_as(status, &shown)
}

fn row(desk: &Desk, tally: &SourceTally) -> SourceRow {
    let name = &tally.source;
    let query = page::percent_encoded(name);
    SourceRow {
        name: name.clone(),
        words: source_words(&desk.words, name),
        list: desk.at(&format!("/friends?source={query}#list")),
        qr: parse_source(name)
            .ok()
            .map(|_| desk.at(&format!("/friends/add?source={query}"))),
        all: tally.all,
        active: tally.active,
        reachable: tally.reachable,
    }
}

pub async fn as_svg(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Query(query): Query<LinkQuery>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let (source, code) = asked(&state, &desk, query)?;
    let label = escaped(&source);
    Ok(download(
        &source,
        "svg",
        "image/svg+xml",
        qr::svg(&code, &label).into_bytes(),
    ))
}

pub async fn as_png(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Query(query): Query<LinkQuery>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let (source, code) = asked(&state, &desk, query)?;
    Ok(download(&source, "png", "image/png", qr::png(&code)))
}

fn asked(
    state: &ConsoleState,
    desk: &Desk,
    query: LinkQuery,
) -> Result<(String, fast_qr::QRCode), Error> {
    let source = query.source.unwrap_or_else(|| USUAL_SOURCE.to_owned());
    let source = parse_source(&source).map_err(|(_, why)| Error::Unreadable(why))?;
    let code = code(&address(state, desk, &source))?;
    Ok((source, code))
}

fn download(source: &str, ending: &str, content_type: &'static str, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"qr-{source}.{ending}\"");
    let headers = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, bytes).into_response()
}

/// Where the messenger's own page adds the account as a friend.
fn address(state: &ConsoleState, desk: &Desk, source: &str) -> String {
    let (base, handle) = (&state.public_url, &desk.account.handle);
    format!("{base}/messenger/add/{handle}?source={source}")
}

fn code(address: &str) -> Result<fast_qr::QRCode, Error> {
    qr::code(address).ok_or_else(|| Error::Broken("the link is too long for a QR code".to_owned()))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('"', "&quot;")
}
