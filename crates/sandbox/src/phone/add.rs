//! Adding an account as a friend: from a QR code, a link, or the list, as somebody there is or as
//! somebody new. What is agreed to is the person's own answer, given to the words that were shown.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use domain::friend::DISPLAY_NAME_CHARS_MAX;
use domain::handle::Handle;
use gateway::event::EventProfile;
use gateway::{ConsentKind, FriendEvent};
use serde::Deserialize;
use store::sandbox::{Consent, ContactState, DeedKind, PhoneAccount};

use super::deeds::InChat;
use super::error::Error;
use super::guest::{self, Guest};
use super::page;
use super::people::{self, Somebody};
use crate::state::Sandbox;

/// Where a friendship comes from that nobody said a source of.
const SOURCE: &str = "search";
/// Whom the form means by somebody new.
const SOMEBODY_NEW: &str = "new";
/// The place of a consent in a receipt.
const PLACE: &str = "add";

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct AddQuery {
    source: String,
    /// Whom to look for.
    q: String,
}

#[derive(Deserialize)]
pub(crate) struct AddForm {
    /// A user key, or [`SOMEBODY_NEW`].
    #[serde(default)]
    who: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    source: String,
    /// The version of the words that were shown.
    wording: Option<String>,
    promotion: Option<String>,
    night: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct FindQuery {
    #[serde(default)]
    handle: String,
}

#[derive(Template)]
#[template(path = "messenger/add.html")]
struct AddPage<'a> {
    guest: &'a Guest,
    account: &'a PhoneAccount,
    icon: Option<&'a str>,
    initial: char,
    path: String,
    source: &'a str,
    search: &'a str,
    people: Vec<Somebody>,
    /// The key of whoever is chosen, or [`SOMEBODY_NEW`].
    who: &'a str,
    name: &'a str,
    /// What was ticked before something else was wrong.
    agrees: bool,
    agrees_at_night: bool,
    fault: Option<String>,
}

impl AddPage<'_> {
    fn is_chosen(&self, key: &str) -> bool {
        self.who == key
    }
}

#[derive(Template)]
#[template(path = "messenger/find.html")]
struct FindPage<'a> {
    guest: &'a Guest,
    somebody: &'a Somebody,
    handle: &'a str,
    accounts: Vec<Found>,
    is_missing: bool,
}

struct Found {
    path: String,
    handle: String,
    name: String,
    icon: Option<String>,
    initial: char,
}

/// `GET /messenger/add/{handle}?source=store`.
pub(crate) async fn show(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    Path(handle): Path<String>,
    Query(query): Query<AddQuery>,
) -> Result<Response, Error> {
    let account = account(&sandbox, &handle).await?;
    let source = domain::friend::source(&query.source).unwrap_or_else(|_| SOURCE.to_owned());
    let people = choices(&sandbox, &guest, &query.q).await?;
    let who = people.first().map(|one| one.key.as_str().to_owned());
    let page = AddPage {
        source: &source,
        search: &query.q,
        who: who.as_deref().unwrap_or(SOMEBODY_NEW),
        people,
        ..page_of(&guest, &account)
    };
    page::show(&page)
}

/// `POST /messenger/add/{handle}`.
pub(crate) async fn submit(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    cookies: CookieJar,
    Path(handle): Path<String>,
    Form(fields): Form<AddForm>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let account = account(&sandbox, &handle).await?;
    let source = domain::friend::source(&fields.source).unwrap_or_else(|_| SOURCE.to_owned());
    let is_new = fields.who == SOMEBODY_NEW || fields.who.is_empty();
    let somebody = match (is_new, people::read_name(&fields.name)) {
        (false, _) => people::known(&sandbox, &fields.who).await?,
        (true, Some(name)) => people::begin(&sandbox, name).await?,
        (true, None) => {
            let most = DISPLAY_NAME_CHARS_MAX;
            let fault = guest.words.t("messenger-add-name-fault").num("most", most);
            let page = AddPage {
                source: &source,
                people: choices(&sandbox, &guest, "").await?,
                who: SOMEBODY_NEW,
                name: &fields.name,
                agrees: fields.promotion.is_some(),
                agrees_at_night: fields.night.is_some(),
                fault: Some(fault.to_string()),
                ..page_of(&guest, &account)
            };
            return page::show_as(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let handle = Handle::parse(&account.handle).map_err(|_| Error::NotFound)?;
    let here = InChat { somebody, handle };
    befriend(&sandbox, &guest, &here, source, &fields).await?;
    let cookies = guest::remember(cookies, &here.somebody.key);
    let chat = format!("{}#end", here.path());
    Ok((cookies, Redirect::to(&chat)).into_response())
}

/// `GET /messenger/{user}/add`: which accounts there are to add, or the one whose handle is known.
pub(crate) async fn find(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    Path(user): Path<String>,
    Query(query): Query<FindQuery>,
) -> Result<Response, Error> {
    let somebody = people::known(&sandbox, &user).await?;
    let wanted = query.handle.trim();
    let handle = match wanted.starts_with('@') {
        true => wanted.to_owned(),
        false => format!("@{wanted}"),
    };
    let is_asked = !wanted.is_empty();
    if is_asked {
        match account(&sandbox, &handle).await {
            Ok(account) => {
                let handle = page::percent_encoded(&account.handle);
                let path = format!("/messenger/add/{handle}");
                return Ok(Redirect::to(&path).into_response());
            }
            Err(Error::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let accounts = sandbox.store.phone_accounts().await?;
    let accounts = accounts.into_iter().map(|account| Found {
        path: format!("/messenger/add/{}", page::percent_encoded(&account.handle)),
        icon: page::picture(account.icon_url.as_deref()).map(str::to_owned),
        initial: page::initial(&account.display_name),
        handle: account.handle,
        name: account.display_name,
    });
    let page = FindPage {
        guest: &guest,
        somebody: &somebody,
        handle: wanted,
        accounts: accounts.collect(),
        is_missing: is_asked,
    };
    match is_asked {
        true => page::show_as(StatusCode::NOT_FOUND, &page),
        false => page::show(&page),
    }
}

async fn account(sandbox: &Sandbox, handle: &str) -> Result<PhoneAccount, Error> {
    let handle = Handle::parse(handle).map_err(|_| Error::NotFound)?;
    let account = sandbox.account(handle.as_str()).await?;
    account.ok_or(Error::NotFound)
}

fn page_of<'a>(guest: &'a Guest, account: &'a PhoneAccount) -> AddPage<'a> {
    AddPage {
        guest,
        account,
        icon: page::picture(account.icon_url.as_deref()),
        initial: page::initial(&account.display_name),
        path: format!("/messenger/add/{}", page::percent_encoded(&account.handle)),
        source: SOURCE,
        search: "",
        people: Vec::new(),
        who: SOMEBODY_NEW,
        name: "",
        agrees: false,
        agrees_at_night: false,
        fault: None,
    }
}

/// Whoever it was last comes first, then those who are found or offered.
async fn choices(sandbox: &Sandbox, guest: &Guest, search: &str) -> Result<Vec<Somebody>, Error> {
    let mut people = people::offered(sandbox, search).await?;
    if search.is_empty()
        && let Some(last) = people::last(sandbox, guest).await?
    {
        people.retain(|one| one.key != last.key);
        people.insert(0, last);
        people.truncate(people::OFFERED_MAX);
    }
    Ok(people)
}

async fn befriend(
    sandbox: &Sandbox,
    guest: &Guest,
    here: &InChat,
    source: String,
    fields: &AddForm,
) -> Result<(), Error> {
    let at = sandbox.clock.now();
    let handle = here.handle.as_str();
    // Only words that were shown can be agreed to.
    let wording = match &fields.wording {
        Some(version) => {
            let shown = sandbox.store.shown_wording(handle, version).await?;
            shown.map(|_| version.clone())
        }
        None => None,
    };
    let profile = EventProfile {
        display_name: Some(here.somebody.name.clone()),
        language: Some(guest.words.language().code().to_owned()),
        time_zone: guest.zone.iana_name().map(str::to_owned),
        ..EventProfile::default()
    };
    let added = FriendEvent::Added {
        source: Some(source.clone()),
        profile: Some(Box::new(profile)),
    };
    let mut act = here.act(at);
    act.state = Some(ContactState::Active);
    act.deed = Some((DeedKind::Added, source));
    act.events.push(here.event(sandbox, at, added).to_string());
    let wants_promotion = fields.promotion.is_some();
    let wants_night = wants_promotion && fields.night.is_some();
    for (kind, is_wanted) in [
        (ConsentKind::Promotion, wants_promotion),
        (ConsentKind::Night, wants_night),
    ] {
        let Some(version) = wording.as_ref().filter(|_| is_wanted) else {
            continue;
        };
        let event = FriendEvent::ConsentChanged {
            kind,
            granted: true,
            wording: Some(version.clone()),
        };
        act.events.push(here.event(sandbox, at, event).to_string());
        let answer = Some(Consent {
            granted: true,
            at: Some(at),
            wording: Some(version.clone()),
            place: Some(PLACE.to_owned()),
        });
        match kind {
            ConsentKind::Promotion => act.promotion = answer,
            ConsentKind::Night => act.night = answer,
        }
    }
    sandbox.act(act).await
}
