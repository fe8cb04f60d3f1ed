//! One chat, in the order in which it happened.

use std::sync::Arc;

use bubble::{Mode, Taps};
use domain::time::Timestamp;
use gateway::{ChatState, FriendEvent};
use store::sandbox::{ContactState, Deed, DeedKind, Received};

use super::beside;
use super::chats::{self, context, in_words, messages};
use super::deeds::InChat;
use super::error::Error;
use super::guest::Guest;
use super::menus::{self, MenuView};
use super::page;
use super::when;
use crate::state::Sandbox;

/// Pushes and deeds that a chat shows: whoever scrolls further back has seen enough.
const SHOWN_MAX: u32 = 200;

/// What stands in a chat, each with a name of its own by which a page tells old from new.
pub(crate) struct Item {
    pub id: String,
    pub what: What,
}

pub(crate) enum What {
    Day(String),
    Notice(String),
    /// What the person wrote, and when.
    Wrote(String, String),
    /// What `bubble` drew.
    Received(String),
}

/// A chat as its pane shows it.
pub(crate) struct Chat {
    pub path: String,
    pub handle: String,
    pub name: String,
    pub icon: Option<String>,
    pub initial: char,
    pub items: Vec<Item>,
    /// The buttons that the last message brings, drawn.
    pub quick: String,
    pub is_blocked: bool,
    pub has_left: bool,
    /// Whether promotions were stopped here.
    pub has_stopped: bool,
    /// The menu below it.
    pub menu: Option<MenuView>,
}

/// Reads a chat, and notes what is seen for the first time: the platform is told of each push once.
pub(crate) async fn open(
    sandbox: &Arc<Sandbox>,
    guest: &Guest,
    here: &InChat,
) -> Result<Chat, Error> {
    let (user, handle) = (&here.somebody.key, here.handle.as_str());
    sandbox.store.search_pushes(user).await?;
    let received = sandbox
        .store
        .received(user, Some(handle), SHOWN_MAX)
        .await?;
    let deeds = sandbox.store.deeds(user, Some(handle), SHOWN_MAX).await?;
    let contacts = sandbox.store.contacts(user).await?;
    let contact = contacts.into_iter().find(|one| one.handle == handle);
    let seen = contact.as_ref().map_or(0, |contact| contact.seen);
    see(sandbox, here, &received, seen).await?;
    let beside = beside::ask(sandbox, here, &beside::coupon_ids(&received)).await;
    // Whoever came by a link alone is nobody's friend yet, and whoever went is none any more.
    let knows = contact.is_some() || !received.is_empty();
    let has_gone = contact
        .as_ref()
        .is_some_and(|contact| contact.state != ContactState::Active);
    let menu = beside.menu.as_ref().filter(|_| knows && !has_gone);
    let menu = menu.and_then(|menu| MenuView::of(menu, &guest.words));
    if let Some(menu) = &menu {
        menus::note_shown(sandbox, here, menu).await?;
    }
    let account = chats::account(sandbox, handle, received.first()).await?;
    let state = contact.as_ref().map(|contact| contact.state);
    let promotion = contact.and_then(|contact| contact.promotion);
    let wrote = deeds.iter().find(|deed| deed.kind == DeedKind::Wrote);
    let quick = quick_replies(guest, here, received.first(), wrote);
    Ok(Chat {
        path: here.path(),
        handle: handle.to_owned(),
        icon: page::picture(account.icon_url.as_deref()).map(str::to_owned),
        initial: page::initial(&account.display_name),
        items: items(guest, here, &account.display_name, received, deeds, &beside),
        name: account.display_name,
        quick,
        is_blocked: state == Some(ContactState::Blocked),
        has_left: state == Some(ContactState::Left),
        has_stopped: promotion.is_some_and(|answer| !answer.granted),
        menu,
    })
}

/// Notes what was seen. The events' ids follow from push and person: two pages opened at once tell
/// the same.
async fn see(
    sandbox: &Arc<Sandbox>,
    here: &InChat,
    received: &[Received],
    seen: i64,
) -> Result<(), Error> {
    let unseen = received.iter().filter(|push| push.sequence > seen);
    let mut unseen: Vec<&Received> = unseen.collect();
    unseen.reverse();
    let Some(last) = unseen.last() else {
        return Ok(());
    };
    let at = sandbox.clock.now();
    let events = unseen.iter().map(|push| {
        let push_key = push.push_key;
        let event = FriendEvent::MessageOpened {
            push_key,
            message: 0,
        };
        let id = format!("opened-{push_key}-{}", here.somebody.key.as_str());
        here.event_as(&id, at, event).to_string()
    });
    let mut act = here.act(at);
    act.seen = Some(last.sequence);
    act.events = events.collect();
    // As a whole, whether or not the browser still waits for the page.
    let sandbox = sandbox.clone();
    let seeing = tokio::spawn(async move { sandbox.act(act).await });
    seeing
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}

fn quick_replies(
    guest: &Guest,
    here: &InChat,
    received: Option<&Received>,
    wrote: Option<&Deed>,
) -> String {
    // They go once something was said after them.
    let is_answered = |received: &Received| wrote.is_some_and(|wrote| wrote.at > received.at);
    match received.filter(|received| !is_answered(received)) {
        Some(received) => {
            let context = context(guest, received, taps(here, received));
            bubble::quick_replies(&messages(received), &context)
        }
        None => String::new(),
    }
}

fn taps(here: &InChat, received: &Received) -> Mode {
    Mode::Chat(Taps {
        target: format!("{}/tap", here.path()),
        push_key: received.push_key.to_string(),
    })
}

/// Pushes and deeds by time, with a line between days.
fn items(
    guest: &Guest,
    here: &InChat,
    account: &str,
    received: Vec<Received>,
    deeds: Vec<Deed>,
    beside: &ChatState,
) -> Vec<Item> {
    let pushes = received.into_iter().map(|push| {
        let context = context(guest, &push, taps(here, &push));
        let drawn = bubble::draw(&beside::dressed(messages(&push), beside), &context);
        let id = format!("p{}", push.sequence);
        (push.at, 0, push.sequence, id, What::Received(drawn))
    });
    let deeds = deeds.into_iter().filter(|deed| chats::shows(deed.kind));
    let deeds = deeds.map(|deed| {
        let what = match deed.kind {
            DeedKind::Wrote => {
                let time = guest.words.clock(deed.at, &guest.zone);
                What::Wrote(deed.words.clone(), time)
            }
            _ => What::Notice(in_words(guest, &deed, account)),
        };
        let id = format!("d{}", deed.sequence);
        (deed.at, 1, deed.sequence, id, what)
    });
    let mut all: Vec<(Timestamp, u8, i64, String, What)> = pushes.chain(deeds).collect();
    all.sort_by_key(|(at, kind, sequence, ..)| (*at, *kind, *sequence));
    let mut items = Vec::with_capacity(all.len() + 8);
    let mut day = String::new();
    for (at, _, _, id, what) in all {
        let date = when::date(at, &guest.zone);
        if date != day {
            items.push(Item {
                id: format!("day-{date}"),
                what: What::Day(when::day(&guest.words, at, &guest.zone)),
            });
            day = date;
        }
        items.push(Item { id, what });
    }
    items
}
