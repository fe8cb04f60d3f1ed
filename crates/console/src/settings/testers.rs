//! Testers: friends of the account to whom drafts are sent first, free.

use askama::Template;
use axum::extract::{Form, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::id::UserId;
use domain::test_send::TESTERS_MAX;
use serde::Deserialize;
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::friends::{FriendPath, name_or_dash, own_friend};
use crate::page;

#[derive(Template)]
#[template(path = "settings/testers.html")]
struct TestersPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    testers: Vec<TesterRow>,
    is_full: bool,
    fields: TesterForm,
    faults: Faults,
}

struct TesterRow {
    id: UserId,
    name: String,
    key: String,
    since: String,
}

/// Somebody to be registered, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TesterForm {
    friend: String,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    draw(&desk, TesterForm::default(), Faults::default()).await
}

pub async fn add(desk: Desk, Form(fields): Form<TesterForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    let added = desk
        .directory
        .add_tester(business, account, fields.friend.trim())
        .await;
    let key = match added {
        Ok(_) => {
            let path = desk.at("/settings/testers?done=done-tester");
            return Ok(Redirect::to(&path).into_response());
        }
        Err(directory::Error::Refused {
            field: "testers", ..
        }) => "settings-fault-testers",
        Err(directory::Error::Refused { .. } | directory::Error::NotFound(_)) => {
            "settings-fault-tester"
        }
        Err(error) => return Err(error.into()),
    };
    let faults = Faults::one("friend", desk.words.t(key).num("count", TESTERS_MAX));
    draw(&desk, fields, faults).await
}

pub async fn remove(desk: Desk, Path(path): Path<FriendPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let friend = own_friend(&desk, &path).await?;
    let (business, account) = (desk.business.id, desk.account.id);
    desk.directory
        .remove_tester(business, account, friend.number)
        .await?;
    let path = desk.at("/settings/testers?done=done-tester-removed");
    Ok(Redirect::to(&path).into_response())
}

async fn draw(desk: &Desk, fields: TesterForm, faults: Faults) -> Result<Response, Error> {
    let words = desk.words;
    let testers = desk.store.testers(desk.account.id).await?;
    let rows = testers.iter().map(|tester| TesterRow {
        id: tester.id,
        name: name_or_dash(&tester.display_name, &words),
        key: tester.key.as_str().to_owned(),
        since: words.day(tester.added_at, &desk.zone),
    });
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = TestersPage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/testers"),
        testers: rows.collect(),
        is_full: testers.len() >= TESTERS_MAX,
        fields,
        faults,
    };
    page::show_as(status, &shown)
}
