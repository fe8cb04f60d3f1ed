//! Friends: how many there are and how they came, each one's history, and the ways in.

pub mod list; // how many, who, and looking for somebody
pub mod chart; // a chart of what came and went, as shapes
pub mod export; // the list as a file
pub mod profile; // one friend and everything that happened
pub mod tags; // tags set by hand
pub mod import; // bringing friends from a file: upload, and what its columns mean
pub mod import_report; // how far an import is, and what it refused
pub mod link; // the add-friend link, for every place one
pub mod qr; // a QR code as a drawing and as a picture

use domain::friend::{FriendState, ReachFlags};
use domain::id::UserId;
use domain::time::Timestamp;
use domain::user::{UserKey, UserNumber};
use serde::Deserialize;
use words::Words;

use crate::desk::Desk;
use crate::error::Error;

/// The friend in a path: `/console/{handle}/friends/{friend}/…`.
#[derive(Debug, Deserialize)]
pub struct FriendPath {
    friend: String,
}

/// A friend of the desk's account; their number stays inside.
pub(crate) struct OwnFriend {
    id: UserId,
    pub(crate) number: UserNumber,
    key: UserKey,
    standing: store::friend::Standing,
    friend: store::friend::Friend,
}

/// The friend that the path names, if they are or were one of this account.
pub(crate) async fn own_friend(desk: &Desk, path: &FriendPath) -> Result<OwnFriend, Error> {
    let id: UserId = path.friend.parse().map_err(|_| Error::NotFound)?;
    let known = desk.store.user_by_id(id).await?;
    let (number, key) = known.ok_or(Error::NotFound)?;
    let mut standings = desk.store.standings(desk.account.id, &[number]).await?;
    let standing = standings.remove(&number).unwrap_or_default();
    let friend = standing.friend.clone().ok_or(Error::NotFound)?;
    Ok(OwnFriend {
        id,
        number,
        key,
        standing,
        friend,
    })
}

/// A state as a badge: its colour's name and its words.
pub struct StateBadge {
    pub state: &'static str,
    pub icon: &'static str,
    pub words: String,
}

fn badge(words: &Words, state: FriendState, flags: ReachFlags) -> StateBadge {
    let is_reachable = flags.is_reachable(domain::campaign::Purpose::Promotion);
    let (state, icon, key) = match (state, is_reachable) {
        (FriendState::Active, true) => ("active", "check", "friends-state-reachable"),
        (FriendState::Active, false) => ("held", "info", "friends-state-without-consent"),
        (FriendState::Blocked, _) => ("rejected", "block", "friends-state-blocked"),
        (FriendState::Left, _) => ("cancelled", "leave", "friends-state-left"),
    };
    StateBadge {
        state,
        icon,
        words: words.t(key).to_string(),
    }
}

/// Where friends came from, in words where the place is a known one.
fn source_words(words: &Words, source: &str) -> String {
    let key = format!("friends-source-{}", source.replace('_', "-"));
    match (source, words.has(&key)) {
        ("", _) => words.t("friends-source-none").to_string(),
        (_, true) => words.t(key).to_string(),
        (_, false) => source.to_owned(),
    }
}

/// Whether anybody told of a moment: a block may come before the friendship's beginning does.
fn began(at: Timestamp) -> bool {
    at > Timestamp::default()
}

/// A name, or what stands for it.
pub(crate) fn name_or_dash(name: &str, words: &Words) -> String {
    match name.trim() {
        "" => words.t("friends-nameless").to_string(),
        name => name.to_owned(),
    }
}
