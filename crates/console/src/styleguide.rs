//! Every component on one page: what a new page is put together from.

use askama::Template;
use axum::response::Response;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::page;

#[derive(Template)]
#[template(path = "console/styleguide.html")]
struct StyleguidePage<'a> {
    frame: Frame<'a>,
    words: Words,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    page::show(&StyleguidePage {
        frame: Frame::of(&desk, Place::Elsewhere),
        words: desk.words,
    })
}
