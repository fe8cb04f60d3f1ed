//! Developers: what the brand's programs prove themselves with, and the tokens they have.
//!
//! A secret is shown when somebody asks for it, a token only in the answer that issues it: both are
//! answers to a form, so that no address leads to them.

use std::time::Duration;

use askama::Template;
use axum::extract::{Form, Path};
use axum::response::{IntoResponse, Redirect, Response};
use directory::Permission;
use domain::channel::{ASSERTION_KEYS_MAX, OVERLAP_MAX, TokenKeyId, key_of_kid, kid};
use serde::Deserialize;
use store::channel::{AssertionKey, Channel, ChannelToken};
use words::Words;

use super::Tab;
use crate::desk::Desk;
use crate::error::Error;
use crate::form::Faults;
use crate::frame::{Frame, Place};
use crate::page;

const HERE: &str = "/settings/developers";
/// How long the token before may go on, as it is offered.
const OVERLAP_HOURS: [u32; 4] = [0, 1, 6, 24];
const HOUR: Duration = Duration::from_secs(3_600);

const _: () = assert!(OVERLAP_HOURS[3] as u64 * HOUR.as_secs() == OVERLAP_MAX.as_secs());

#[derive(Template)]
#[template(path = "settings/developers.html")]
struct DevelopersPage<'a> {
    frame: Frame<'a>,
    words: Words,
    tabs: Vec<Tab>,
    channel_id: String,
    bot: String,
    secret: Option<String>,
    secret_since: String,
    keys: Vec<KeyRow>,
    is_full: bool,
    tokens: Vec<TokenRow>,
    has_long_lived: bool,
    overlaps: Vec<Overlap>,
    /// Shown this once.
    issued: Option<String>,
    fields: KeyForm,
    faults: Faults,
}

struct KeyRow {
    kid: String,
    since: String,
}

struct TokenRow {
    key_id: String,
    kind: String,
    since: String,
    until: String,
}

struct Overlap {
    hours: u32,
    words: String,
}

/// A public key, as it was pasted.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct KeyForm {
    jwk: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct IssueForm {
    overlap_hours: String,
}

#[derive(Debug, Deserialize)]
pub struct KeyPath {
    key: String,
}

#[derive(Debug, Deserialize)]
pub struct TokenPath {
    token: String,
}

/// What the page shows besides what it always shows.
#[derive(Default)]
struct Shown {
    secret: bool,
    issued: Option<String>,
    fields: KeyForm,
    faults: Faults,
}

pub async fn show(desk: Desk) -> Result<Response, Error> {
    draw(&desk, Shown::default()).await
}

pub async fn show_secret(desk: Desk) -> Result<Response, Error> {
    let shown = Shown {
        secret: true,
        ..Shown::default()
    };
    draw(&desk, shown).await
}

pub async fn rotate_secret(desk: Desk) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    desk.channels.rotate_secret(business, account).await?;
    Ok(done(&desk, "done-secret"))
}

pub async fn add_key(desk: Desk, Form(fields): Form<KeyForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    let added = desk
        .channels
        .add_assertion_key(business, account, &fields.jwk)
        .await;
    let key = match added {
        Ok(_) => return Ok(done(&desk, "done-key")),
        Err(directory::Error::Refused { field: "keys", .. }) => "settings-fault-keys",
        Err(directory::Error::Refused {
            field: "private jwk",
            ..
        }) => "settings-fault-private-jwk",
        Err(directory::Error::Refused { .. }) => "settings-fault-jwk",
        Err(directory::Error::Taken(_)) => "settings-fault-jwk-taken",
        Err(error) => return Err(error.into()),
    };
    // A private key is not sent back to where it should never have been.
    let fields = match key {
        "settings-fault-private-jwk" => KeyForm::default(),
        _ => fields,
    };
    let words = desk.words.t(key).num("count", ASSERTION_KEYS_MAX);
    let shown = Shown {
        faults: Faults::one("jwk", words),
        fields,
        ..Shown::default()
    };
    draw(&desk, shown).await
}

pub async fn remove_key(desk: Desk, Path(path): Path<KeyPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let key = key_of_kid(&path.key).ok_or(Error::NotFound)?;
    let (business, account) = (desk.business.id, desk.account.id);
    desk.channels
        .remove_assertion_key(business, account, key)
        .await?;
    Ok(done(&desk, "done-key-removed"))
}

pub async fn issue(desk: Desk, Form(fields): Form<IssueForm>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let (business, account) = (desk.business.id, desk.account.id);
    let hours = match fields.overlap_hours.as_str() {
        "" => OVERLAP_HOURS[0],
        typed => typed
            .parse()
            .ok()
            .filter(|hours| OVERLAP_HOURS.contains(hours))
            .ok_or_else(|| Error::Unreadable("overlap_hours".to_owned()))?,
    };
    let issued = desk
        .channels
        .issue_long_lived(business, account, HOUR * hours)
        .await?;
    let shown = Shown {
        issued: Some(issued.token),
        ..Shown::default()
    };
    draw(&desk, shown).await
}

pub async fn revoke(desk: Desk, Path(path): Path<TokenPath>) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let key_id = TokenKeyId::parse(&path.token).ok_or(Error::NotFound)?;
    let (business, account) = (desk.business.id, desk.account.id);
    desk.channels.revoke(business, account, &key_id).await?;
    Ok(done(&desk, "done-token-revoked"))
}

fn done(desk: &Desk, key: &str) -> Response {
    Redirect::to(&desk.at(&format!("{HERE}?done={key}"))).into_response()
}

async fn draw(desk: &Desk, shown: Shown) -> Result<Response, Error> {
    desk.expect(Permission::ManageSettings)?;
    let words = desk.words;
    let (business, account) = (desk.business.id, desk.account.id);
    let channel = desk.channels.channel(business, account).await?;
    let keys = desk.store.assertion_keys(account).await?;
    let tokens = desk.store.live_tokens(account, desk.now).await?;
    let overlaps = OVERLAP_HOURS.map(|hours| Overlap {
        hours,
        words: words.t("settings-overlap").num("hours", hours).to_string(),
    });
    let page = DevelopersPage {
        frame: Frame::of(desk, Place::Settings),
        words,
        tabs: super::tabs(desk, "/developers"),
        channel_id: channel.id.to_string(),
        bot: channel.bot.to_string(),
        secret: open_secret(desk, &channel, shown.secret)?,
        secret_since: words.time(channel.secret_at, &desk.zone),
        is_full: keys.len() >= ASSERTION_KEYS_MAX,
        keys: keys.iter().map(|key| key_row(desk, key)).collect(),
        has_long_lived: tokens.iter().any(|token| token.expires_at.is_none()),
        tokens: tokens.iter().map(|token| token_row(desk, token)).collect(),
        overlaps: overlaps.into(),
        issued: shown.issued,
        fields: shown.fields,
        faults: shown.faults,
    };
    page::show_as(page.faults.status(), &page)
}

fn open_secret(desk: &Desk, channel: &Channel, shown: bool) -> Result<Option<String>, Error> {
    if !shown {
        return Ok(None);
    }
    let secret = desk.channels.secret(channel)?;
    Ok(Some(secret.reveal().to_owned()))
}

fn key_row(desk: &Desk, key: &AssertionKey) -> KeyRow {
    KeyRow {
        kid: kid(key.id),
        since: desk.words.day(key.added_at, &desk.zone),
    }
}

fn token_row(desk: &Desk, token: &ChannelToken) -> TokenRow {
    let words = desk.words;
    let until = match token.expires_at {
        Some(end) => words.time(end, &desk.zone),
        None => words.t("settings-token-endless").to_string(),
    };
    let kind = words.t(format!("settings-token-kind-{}", token.kind.name()));
    TokenRow {
        key_id: token.key_id.to_string(),
        kind: kind.to_string(),
        since: words.time(token.issued_at, &desk.zone),
        until,
    }
}
