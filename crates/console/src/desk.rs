//! A member at an account's desk: the first thing of every page but sign-in.
//!
//! The account comes from the path (`/console/@hanok/…`), so that two windows may show two
//! accounts. An account of another business is not there.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use billing::Wallet;
use directory::{Channels, Directory, Permission, Role, Visit};
use domain::handle::Handle;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use jobs::{Audiences, Uploads, Webhooks};
use scheduler::CampaignControl;
use store::Store;
use store::directory::{Account, Business, Member};
use store::session::Session;
use words::Words;

use crate::error::Error;
use crate::guest::{Guest, Theme};
use crate::state::ConsoleState;

pub const SESSION_COOKIE: &str = "chingu_session";

/// Somebody who is signed in, wherever they are.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub member: Member,
}

/// A member of the business whose account the path names, with what reads and writes for it. All of
/// it is behind the wall: it finds nothing of another business.
pub struct Desk {
    /// Refuses to write; the rest writes what it owns.
    pub store: Store,
    pub directory: Directory,
    pub channels: Channels,
    pub control: CampaignControl,
    pub uploads: Arc<Uploads>,
    pub audiences: Audiences,
    pub webhooks: Webhooks,
    pub words: Words,
    pub theme: Theme,
    pub now: Timestamp,
    pub session: Session,
    pub member: Member,
    pub role: Role,
    pub business: Business,
    pub account: Account,
    /// Every account of the business, this one among them.
    pub accounts: Vec<Account>,
    /// The account's: what times are shown in.
    pub zone: TimeZone,
    pub wallet: Wallet,
    /// Campaigns of the account that are under way.
    pub running: usize,
    /// What was just done, as the key of its words; from `?done=`.
    pub done: Option<String>,
    /// The path and query asked for: where a change of language comes back to.
    pub here: String,
}

impl FromRequestParts<Arc<ConsoleState>> for SignedIn {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<ConsoleState>,
    ) -> Result<Self, Error> {
        let cookies = CookieJar::from_headers(&parts.headers);
        let signed_out = || Error::SignedOut {
            back_to: match parts.method.is_safe() {
                true => path_and_query(parts),
                false => "/console".to_owned(),
            },
        };
        let cookie = cookies.get(SESSION_COOKIE).ok_or_else(signed_out)?;
        match state.sign_in.visit(cookie.value()).await? {
            Some(Visit { session, member }) => Ok(Self { session, member }),
            None => Err(signed_out()),
        }
    }
}

impl FromRequestParts<Arc<ConsoleState>> for Desk {
    type Rejection = Error;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<ConsoleState>,
    ) -> Result<Self, Error> {
        let SignedIn { session, member } = SignedIn::from_request_parts(parts, state).await?;
        let Ok(Guest { words, theme }) = Guest::from_request_parts(parts, state).await;
        let path: Result<Path<HashMap<String, String>>, _> =
            Path::from_request_parts(parts, state).await;
        let handle = path.ok().and_then(|Path(path)| path.get("handle").cloned());
        let handle = handle.ok_or(Error::NotFound)?;
        let handle = Handle::parse(&handle).map_err(|_| Error::NotFound)?;
        let behind = state.wall.store_of(member.business);
        let store = behind.read_only();
        let directory = Directory::of(behind.clone(), state.clock.clone(), state.ids.clone());
        let business = directory.business(member.business).await?;
        let accounts = store.accounts_of_business(business.id).await?;
        let account = accounts.iter().find(|account| account.handle == handle);
        let account = account.ok_or(Error::NotFound)?.clone();
        let zone = domain::time::zone(&account.time_zone);
        let zone = zone.map_err(|error| Error::Broken(error.to_string()))?;
        let role = Role::from_name(&member.role)
            .ok_or_else(|| Error::Broken(format!("'{}' is no role", member.role)))?;
        let wallet = billing::wallet::wallet(&store, business.id).await?;
        let running = store.running_campaigns(account.id).await?;
        let query: Result<Query<HashMap<String, String>>, _> =
            Query::from_request_parts(parts, state).await;
        let done = query
            .ok()
            .and_then(|Query(query)| query.get("done").cloned());
        Ok(Self {
            store,
            directory,
            channels: state.channels.on(behind.clone()),
            control: state.control.on(behind.clone()),
            uploads: Arc::new(state.uploads.on(behind.clone())),
            audiences: state.audiences.on(behind.clone()),
            webhooks: state.webhooks.on(behind),
            words,
            theme,
            now: state.clock.now(),
            session,
            member,
            role,
            business,
            account,
            accounts,
            zone,
            wallet,
            running,
            done: done.filter(|key| key.starts_with("done-") && words.has(key)),
            here: path_and_query(parts),
        })
    }
}

impl Desk {
    /// An address below this account: `path` begins with `/` or is empty for its home.
    pub fn at(&self, path: &str) -> String {
        format!("/console/{}{path}", self.account.handle)
    }

    /// Refuses a member whose role does not reach so far.
    pub fn expect(&self, permission: Permission) -> Result<(), Error> {
        match self.may(permission) {
            true => Ok(()),
            false => Err(Error::Forbidden),
        }
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.role.may(permission)
    }
}

pub(crate) fn path_and_query(parts: &Parts) -> String {
    match parts.uri.path_and_query() {
        Some(text) => text.as_str().to_owned(),
        None => "/console".to_owned(),
    }
}
