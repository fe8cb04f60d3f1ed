//! Who asks: the channel of a bearer token.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use domain::channel::ChannelId;
use domain::id::{AccountId, BusinessId};
use store::Store;

use super::{LineError, LineState, retry};
use crate::bearer::{Unidentified, identify};

/// A channel that asks, with what is read for it.
#[derive(Debug, Clone)]
pub struct Channel {
    pub id: ChannelId,
    pub account: AccountId,
    pub business: BusinessId,
    /// Behind the wall: it finds nothing of another business, and refuses to write.
    pub store: Store,
}

/// The request comes out of the channel's bucket of its operation.
impl FromRequestParts<Arc<LineState>> for Channel {
    type Rejection = LineError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<LineState>,
    ) -> Result<Self, LineError> {
        let found = identify(&state.channels, &state.known, &parts.headers).await?;
        let path = parts.extensions.get::<MatchedPath>();
        let path = path.map_or("", MatchedPath::as_str);
        state.limits.take(found.account, &parts.method, path)?;
        retry::expect_none(&parts.headers, path)?;
        Ok(Self {
            id: found.channel,
            account: found.account,
            business: found.business,
            store: state.wall.store_of(found.business).read_only(),
        })
    }
}

impl From<Unidentified> for LineError {
    fn from(why: Unidentified) -> Self {
        match why {
            Unidentified::Token(words) => Self::Unauthenticated(words),
            Unidentified::Unavailable(error) => error.into(),
        }
    }
}
