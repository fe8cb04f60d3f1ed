//! The account: how friends see it, where it is, how fast it may send, what friends agreed to.

use askama::Template;
use axum::extract::{Form, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use directory::{AccountRequest, Permission};
use serde::Deserialize;
use store::directory::Wording;
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::media::{self, NotTaken};
use crate::page;
use crate::upload::Upload;

/// Zones offered first; any other the account has is offered too.
const ZONES: [&str; 6] = [
    "Asia/Seoul",
    "Asia/Tokyo",
    "Asia/Taipei",
    "Asia/Bangkok",
    "Europe/London",
    "America/New_York",
];

#[derive(Template)]
#[template(path = "settings/account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    fields: AccountForm,
    zones: Vec<String>,
    wordings: Vec<Wording>,
    wording: WordingForm,
    faults: Faults,
}

/// The account's form, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct AccountForm {
    display_name: String,
    icon_url: String,
    time_zone: String,
    rate: String,
}

/// Another version of the words friends agree to, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WordingForm {
    version: String,
    text: String,
}

/// What is wrong with a picture, at its field.
fn picture_faults(desk: &Desk, refusal: NotTaken) -> Result<Faults, Error> {
    match refusal {
        NotTaken::Fault(_, key) => Ok(Faults::one("picture", desk.words.t(key))),
        NotTaken::Other(error) => Err(error),
    }
}

impl AccountForm {
    fn sent(upload: &Upload) -> Self {
        let field = |name| upload.field(name).to_owned();
        Self {
            display_name: field("display_name"),
            icon_url: field("icon_url"),
            time_zone: field("time_zone"),
            rate: field("rate"),
        }
    }

    /// As the account stands.
    fn of(desk: &Desk) -> Self {
        let account = &desk.account;
        let rate = account.rate_per_second.map(|rate| rate.to_string());
        Self {
            display_name: account.display_name.clone(),
            icon_url: account.icon_url.clone().unwrap_or_default(),
            time_zone: account.time_zone.clone(),
            rate: rate.unwrap_or_default(),
        }
    }
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    if !desk.may(Permission::ManageSettings) {
        return Ok(Redirect::to(&desk.at("/settings/me")).into_response());
    }
    let fields = AccountForm::of(&desk);
    draw(&desk, fields, WordingForm::default(), Faults::default()).await
}

pub async fn change(desk: Desk, request: Request) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (fields, picture) = match media::read(request, "picture").await {
        Ok(upload) => (AccountForm::sent(&upload), upload.file),
        // Too large to be read: what was typed beside it is gone with it.
        Err(refusal) => {
            let faults = picture_faults(&desk, refusal)?;
            let fields = AccountForm::of(&desk);
            return draw(&desk, fields, WordingForm::default(), faults).await;
        }
    };
    let mut fields = fields;
    if let Some(picture) = picture {
        match media::keep(&desk, &picture.name, picture.bytes).await {
            // Its own address may change: the path stays.
            Ok(kept) => fields.icon_url = kept.preview_path,
            Err(refusal) => {
                let faults = picture_faults(&desk, refusal)?;
                return draw(&desk, fields, WordingForm::default(), faults).await;
            }
        }
    }
    let rate = match fields.rate.trim().replace(',', "") {
        rate if rate.is_empty() => Ok(None),
        rate => rate.parse().map(Some),
    };
    let Ok(rate_per_second) = rate else {
        let faults = Faults::one("rate", desk.words.t("settings-fault-rate"));
        return draw(&desk, fields, WordingForm::default(), faults).await;
    };
    let icon = fields.icon_url.trim();
    let request = AccountRequest {
        handle: desk.account.handle.as_str(),
        display_name: &fields.display_name,
        icon_url: (!icon.is_empty()).then_some(icon),
        time_zone: &fields.time_zone,
        rate_per_second,
    };
    let (business, account) = (desk.business.id, desk.account.id);
    match desk
        .directory
        .change_account(business, account, &request)
        .await
    {
        Ok(_) => Ok(Redirect::to(&desk.at("/settings?done=done-account")).into_response()),
        Err(error) => {
            let faults = super::faults(&desk.words, error)?;
            draw(&desk, fields, WordingForm::default(), faults).await
        }
    }
}

pub async fn add_wording(desk: Desk, Form(wording): Form<WordingForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    let added = desk
        .directory
        .add_wording(business, account, wording.version.trim(), &wording.text)
        .await;
    let faults = match added {
        Ok(_) => return Ok(Redirect::to(&desk.at("/settings?done=done-wording")).into_response()),
        Err(directory::Error::Taken(_)) => {
            Faults::one("version", desk.words.t("settings-fault-version-taken"))
        }
        Err(error) => super::faults(&desk.words, error)?,
    };
    draw(&desk, AccountForm::of(&desk), wording, faults).await
}

async fn draw(
    desk: &Desk,
    fields: AccountForm,
    wording: WordingForm,
    faults: Faults,
) -> Result<Response, Error> {
    let mut zones: Vec<String> = ZONES.iter().map(|zone| (*zone).to_owned()).collect();
    if !zones.contains(&desk.account.time_zone) {
        zones.push(desk.account.time_zone.clone());
    }
    let status = match faults.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let shown = AccountPage {
        frame: Frame::of(desk, Place::Settings),
        words: desk.words,
        tabs: super::tabs(desk, ""),
        fields,
        zones,
        wordings: desk.store.wordings_of_account(desk.account.id).await?,
        wording,
        faults,
    };
    page::show_as(status, &shown)
}
