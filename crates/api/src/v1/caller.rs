//! Who asks: the channel of a bearer token, let in before any handler, out of its bucket.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use directory::Directory;
use domain::id::{AccountId, BusinessId};
use domain::money::Currency;
use domain::user::LineUserId;
use scheduler::CampaignControl;
use scheduler::programs::OwnCampaign;
use store::Store;
use store::campaign::Campaign;
use store::directory::Account;

use super::problem::as_problem;
use super::{Refusal, V1State};
use crate::bearer::identify;

/// A channel that asks, with what reads and writes for it. All of it is behind the wall: it finds
/// nothing of another business.
#[derive(Clone)]
pub struct Caller {
    pub account: AccountId,
    pub business: BusinessId,
    /// Refuses to write.
    pub store: Store,
    /// For writes that are committed with what they are answered.
    pub behind: Store,
    pub directory: Directory,
    pub control: CampaignControl,
}

/// Lets a channel in, and tells with the answer what is left in its bucket.
pub async fn admit(
    State(state): State<Arc<V1State>>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = match identify(&state.channels, &state.known, request.headers()).await {
        Ok(found) => found,
        Err(why) => return Refusal::from(why).into_response(),
    };
    let left = match state.limits.take(found.account) {
        Ok(left) => left,
        Err((exceeded, left)) => {
            let mut response = Refusal::RateLimited(exceeded).into_response();
            left.put_on(response.headers_mut());
            return response;
        }
    };
    let behind = state.wall.store_of(found.business);
    request.extensions_mut().insert(Caller {
        account: found.account,
        business: found.business,
        store: behind.read_only(),
        directory: Directory::of(behind.clone(), state.clock.clone(), state.ids.clone()),
        control: state.control.on(behind.clone()),
        behind,
    });
    let mut response = next.run(request).await;
    if let Some(left) = left {
        left.put_on(response.headers_mut());
    }
    response
}

/// Whatever is answered is nobody else's to keep, and refusals are problems.
pub async fn stamp(request: Request, next: Next) -> Response {
    let mut response = as_problem(next.run(request).await);
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

impl FromRequestParts<Arc<V1State>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _state: &Arc<V1State>) -> Result<Self, Refusal> {
        // Nobody comes here but through `admit`.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(Refusal::Broken)
    }
}

impl Caller {
    pub async fn its_account(&self) -> Result<Account, Refusal> {
        let found = self
            .store
            .account_of_business(self.business, self.account)
            .await?;
        found.ok_or(Refusal::NotFound)
    }

    pub async fn currency(&self) -> Result<Currency, Refusal> {
        Ok(self.directory.business(self.business).await?.currency)
    }

    /// The broadcast that a path names, or the test of one; any other account's is not there.
    pub async fn campaign(&self, text: &str) -> Result<Campaign, Refusal> {
        let id = text.parse().map_err(|_| Refusal::NotFound)?;
        let campaign = self.store.campaign(id).await?;
        let is_own = campaign.business == self.business && campaign.account == self.account;
        match is_own && !campaign.kind.is_standing() {
            true => Ok(campaign),
            false => Err(Refusal::NotFound),
        }
    }

    /// The same for whoever moves it.
    pub async fn own_campaign(&self, text: &str) -> Result<OwnCampaign, Refusal> {
        let id = self.campaign(text).await?.id;
        Ok(OwnCampaign {
            business: self.business,
            account: self.account,
            id,
        })
    }

    /// The friend that a text names: `usr_…` as reports have it, or `U…` as LINE's paths do.
    pub async fn friend(&self, text: &str) -> Result<domain::user::UserNumber, Refusal> {
        if let Some(id) = LineUserId::parse(text) {
            let number = self.store.user_by_line_id(id).await?;
            let number = number.ok_or(Refusal::NotFound)?;
            let mut standings = self.store.standings(self.account, &[number]).await?;
            let standing = standings.remove(&number).unwrap_or_default();
            return standing.friend.map(|_| number).ok_or(Refusal::NotFound);
        }
        match text.parse::<domain::id::UserId>() {
            Ok(_) => Ok(self.directory.friend_named(self.account, text).await?),
            Err(_) => Err(Refusal::NotFound),
        }
    }
}
