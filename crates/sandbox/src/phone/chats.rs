//! The list of chats: who wrote what last, and how much of it was not seen.

use bubble::{Context, Mode};
use domain::time::Timestamp;
use gateway::AccountCard;
use serde_json::Value;
use store::sandbox::{ContactState, Deed, DeedKind, PhoneAccount, Received};

use super::error::Error;
use super::guest::Guest;
use super::page::{self, percent_encoded};
use super::people::Somebody;
use super::when;
use crate::state::Sandbox;

/// Deeds looked at for the last one that a chat shows.
const DEEDS_LOOKED_AT: u32 = 8;

/// One line of the list.
pub(crate) struct ChatRow {
    pub path: String,
    pub handle: String,
    pub name: String,
    pub icon: Option<String>,
    pub initial: char,
    pub last: String,
    pub when: String,
    pub unread: u64,
    pub is_blocked: bool,
    pub is_current: bool,
    at: Timestamp,
}

/// The chats of a person, the last first. Pushes have to be searched before.
pub(crate) async fn rows(
    sandbox: &Sandbox,
    guest: &Guest,
    somebody: &Somebody,
    current: Option<&str>,
) -> Result<Vec<ChatRow>, Error> {
    let contacts = sandbox.store.contacts(&somebody.key).await?;
    let unread = sandbox.store.unread(&somebody.key).await?;
    let now = sandbox.clock.now();
    let mut rows = Vec::new();
    for handle in sandbox.store.handles(&somebody.key).await? {
        let contact = contacts.iter().find(|contact| contact.handle == handle);
        let state = contact.map_or(ContactState::Active, |contact| contact.state);
        let is_current = current == Some(handle.as_str());
        if state == ContactState::Left && !is_current {
            continue;
        }
        let key = &somebody.key;
        let received = sandbox.store.received(key, Some(&handle), 1).await?;
        let deeds = sandbox.store.deeds(key, Some(&handle), DEEDS_LOOKED_AT);
        let deeds = deeds.await?;
        let deed = deeds.iter().find(|deed| shows(deed.kind));
        let account = account(sandbox, &handle, received.first()).await?;
        let name = account.display_name.clone();
        let since = contact.map_or(now, |contact| contact.since);
        let (at, last) = match (received.first(), deed) {
            (Some(received), Some(deed)) if deed.at > received.at => {
                (deed.at, in_words(guest, deed, &name))
            }
            (Some(received), _) => (received.at, summary(guest, received)),
            (None, Some(deed)) => (deed.at, in_words(guest, deed, &name)),
            (None, None) => {
                let befriended = guest.words.t("messenger-befriended").text("name", &name);
                (since, befriended.to_string())
            }
        };
        rows.push(ChatRow {
            path: format!("{}/{}", somebody.path(), percent_encoded(&handle)),
            icon: page::picture(account.icon_url.as_deref()).map(str::to_owned),
            initial: page::initial(&name),
            name,
            last,
            when: when::lately(&guest.words, at, now, &guest.zone),
            unread: unread.get(&handle).copied().unwrap_or(0),
            is_blocked: state == ContactState::Blocked,
            is_current,
            handle,
            at,
        });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.at));
    Ok(rows)
}

/// An account as it is now, or as the push showed it, or by its handle alone.
pub(crate) async fn account(
    sandbox: &Sandbox,
    handle: &str,
    received: Option<&Received>,
) -> Result<PhoneAccount, Error> {
    if let Some(account) = sandbox.account(handle).await? {
        return Ok(account);
    }
    let card = received.and_then(card);
    Ok(PhoneAccount {
        handle: handle.to_owned(),
        display_name: card
            .as_ref()
            .map_or(handle, |card| &card.display_name)
            .to_owned(),
        icon_url: card.and_then(|card| card.icon_url),
        wording: None,
    })
}

pub(crate) fn card(received: &Received) -> Option<AccountCard> {
    serde_json::from_str(&received.account).ok()
}

/// How a push is drawn: the account as it was then, the person's own values.
pub(crate) fn context(guest: &Guest, received: &Received, mode: Mode) -> Context {
    let card = card(received);
    Context {
        language: guest.words.language(),
        account: card
            .as_ref()
            .map_or(&received.handle, |card| &card.display_name)
            .clone(),
        icon_url: card.and_then(|card| card.icon_url),
        contact: None,
        purpose: received.purpose,
        time: guest.words.clock(received.at, &guest.zone),
        variables: received.variables.clone(),
        mode,
    }
}

pub(crate) fn messages(received: &Received) -> Vec<Value> {
    // The gateway took it as a list of messages; anything else is drawn as nothing.
    serde_json::from_str(&received.messages).unwrap_or_default()
}

pub(crate) fn summary(guest: &Guest, received: &Received) -> String {
    bubble::summary(
        &messages(received),
        &context(guest, received, Mode::Preview),
    )
}

/// Whether a chat shows a deed: what leads elsewhere leaves nothing behind.
pub(crate) fn shows(kind: DeedKind) -> bool {
    !matches!(kind, DeedKind::Opened | DeedKind::Copied)
}

/// A deed in one line.
pub(crate) fn in_words(guest: &Guest, deed: &Deed, account: &str) -> String {
    let key = match deed.kind {
        DeedKind::Wrote | DeedKind::Opened | DeedKind::Copied => return deed.words.clone(),
        DeedKind::Added => "messenger-befriended",
        DeedKind::Blocked => "messenger-blocked",
        DeedKind::Unblocked => "messenger-unblocked",
        DeedKind::Left => "messenger-left",
        DeedKind::OptedOut => "messenger-opted-out",
        DeedKind::OptedIn => "messenger-opted-in",
        DeedKind::TookCoupon => return of_coupon(guest, "messenger-took-coupon", deed),
        DeedKind::UsedCoupon => return of_coupon(guest, "messenger-used-coupon", deed),
        DeedKind::MissedCoupon => return of_coupon(guest, "messenger-missed-coupon", deed),
    };
    guest.words.t(key).text("name", account).to_string()
}

fn of_coupon(guest: &Guest, key: &'static str, deed: &Deed) -> String {
    let words = guest.words.t(key);
    words.text("coupon", &deed.words).to_string()
}
