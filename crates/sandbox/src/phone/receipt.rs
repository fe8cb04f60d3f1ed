//! What a person agreed to: when, where, to which words; and stopping it, with a plain button each.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::campaign::Purpose;
use domain::handle::Handle;
use gateway::ConsentKind;
use store::sandbox::{Consent, Contact, ContactState, ShownWording};

use super::chats;
use super::deeds::{InChat, consent};
use super::error::Error;
use super::guest::Guest;
use super::page::{self, percent_encoded};
use super::people::{self, Somebody};
use crate::state::Sandbox;

/// Promotions that are listed.
const PROMOTIONS_MAX: u32 = 20;

#[derive(Template)]
#[template(path = "messenger/receipt.html")]
struct ReceiptPage<'a> {
    guest: &'a Guest,
    here: String,
    somebody: &'a Somebody,
    cards: Vec<Card>,
    can_stop_all: bool,
}

/// One account's receipt.
struct Card {
    handle: String,
    path: String,
    name: String,
    icon: Option<String>,
    initial: char,
    /// Since when they are friends, or that they are no more.
    since: String,
    promotion: Answer,
    night: Answer,
    /// The words as they are now: what one would agree to.
    now: Option<ShownWording>,
    promotions: Vec<String>,
}

/// An answer, with how it came about in words.
struct Answer {
    is_granted: bool,
    is_known: bool,
    how: String,
    version: Option<String>,
    text: Option<String>,
}

/// `GET /messenger/{user}/consent`.
pub(crate) async fn show(
    State(sandbox): State<Arc<Sandbox>>,
    guest: Guest,
    Path(user): Path<String>,
) -> Result<Response, Error> {
    let somebody = people::known(&sandbox, &user).await?;
    sandbox.store.search_pushes(&somebody.key).await?;
    let contacts = sandbox.store.contacts(&somebody.key).await?;
    let mut cards = Vec::new();
    for handle in sandbox.store.handles(&somebody.key).await? {
        let contact = contacts.iter().find(|contact| contact.handle == handle);
        cards.push(card(&sandbox, &guest, &somebody, handle, contact).await?);
    }
    page::show(&ReceiptPage {
        guest: &guest,
        here: format!("{}/consent", somebody.path()),
        somebody: &somebody,
        can_stop_all: cards
            .iter()
            .filter(|card| card.promotion.is_granted)
            .count()
            > 1,
        cards,
    })
}

/// `POST /messenger/{user}/consent/stop`: every account's promotions.
pub(crate) async fn stop_all(
    State(sandbox): State<Arc<Sandbox>>,
    Path(user): Path<String>,
) -> Result<Response, Error> {
    people::allow(&sandbox)?;
    let somebody = people::known(&sandbox, &user).await?;
    let receipt = format!("{}/consent", somebody.path());
    for handle in sandbox.store.handles(&somebody.key).await? {
        let Ok(handle) = Handle::parse(&handle) else {
            continue;
        };
        let somebody = somebody.clone();
        let here = InChat { somebody, handle };
        let act = consent(&sandbox, &here, ConsentKind::Promotion, None, "receipt");
        sandbox.act(act).await?;
    }
    Ok(Redirect::to(&receipt).into_response())
}

async fn card(
    sandbox: &Sandbox,
    guest: &Guest,
    somebody: &Somebody,
    handle: String,
    contact: Option<&Contact>,
) -> Result<Card, Error> {
    let key = &somebody.key;
    let received = sandbox.store.received(key, Some(&handle), PROMOTIONS_MAX);
    let received = received.await?;
    let account = chats::account(sandbox, &handle, received.first()).await?;
    let promotions = received
        .iter()
        .filter(|push| push.purpose == Purpose::Promotion)
        .map(|push| {
            let time = guest.words.time(push.at, &guest.zone);
            format!("{time} · {}", chats::summary(guest, push))
        });
    let since = match contact {
        Some(contact) => {
            let key = match contact.state {
                ContactState::Active => "messenger-receipt-since",
                ContactState::Blocked => "messenger-receipt-blocked",
                ContactState::Left => "messenger-receipt-left",
            };
            let day = guest.words.day(contact.since, &guest.zone);
            guest.words.t(key).text("day", day).to_string()
        }
        None => String::new(),
    };
    let promotion = contact.and_then(|contact| contact.promotion.as_ref());
    let night = contact.and_then(|contact| contact.night.as_ref());
    Ok(Card {
        path: format!("{}/{}", somebody.path(), percent_encoded(&handle)),
        icon: page::picture(account.icon_url.as_deref()).map(str::to_owned),
        initial: page::initial(&account.display_name),
        name: account.display_name,
        since,
        promotion: answer(sandbox, guest, &handle, promotion).await?,
        night: answer(sandbox, guest, &handle, night).await?,
        now: account.wording,
        promotions: promotions.collect(),
        handle,
    })
}

async fn answer(
    sandbox: &Sandbox,
    guest: &Guest,
    handle: &str,
    consent: Option<&Consent>,
) -> Result<Answer, Error> {
    let words = &guest.words;
    let Some(consent) = consent else {
        return Ok(Answer {
            is_granted: false,
            is_known: false,
            how: String::new(),
            version: None,
            text: None,
        });
    };
    let place = match consent.place.as_deref() {
        Some("add") => "messenger-place-add",
        Some("chat") => "messenger-place-chat",
        Some("receipt") => "messenger-place-receipt",
        _ => "messenger-place-elsewhere",
    };
    let place = words.t(place).to_string();
    let how = match consent.at {
        Some(at) => {
            let day = words.day(at, &guest.zone);
            let time = words.clock(at, &guest.zone);
            let key = match consent.granted {
                true => "messenger-receipt-agreed",
                false => "messenger-receipt-stopped",
            };
            let said = words.t(key).text("day", day).text("time", time);
            said.text("place", place).to_string()
        }
        None => String::new(),
    };
    let text = match &consent.wording {
        Some(version) => sandbox.store.shown_wording(handle, version).await?,
        None => None,
    };
    Ok(Answer {
        is_granted: consent.granted,
        is_known: true,
        how,
        version: consent.wording.clone(),
        text,
    })
}
