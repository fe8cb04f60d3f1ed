//! The first page after signing in.

use askama::Template;
use axum::response::Response;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

#[derive(Template)]
#[template(path = "console/home.html")]
struct HomePage<'a> {
    frame: Frame<'a>,
    words: Words,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    page::show(&HomePage {
        frame: Frame::of(&desk, Place::Home),
        words: desk.words,
    })
}
