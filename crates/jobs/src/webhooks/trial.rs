//! A request without events, because somebody wants to know whether a program takes webhooks.

use domain::id::{AccountId, BusinessId};
use domain::time::Timestamp;
use domain::webhook::{self, EndpointUrl};
use store::StoreError;

use super::Webhooks;
use super::post::Outcome;

/// When it was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    pub at: Timestamp,
    pub took_ms: u32,
    pub outcome: Outcome,
}

/// Why nothing was tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    #[error("no webhook is set")]
    NoEndpoint,
    #[error("the address is none that a webhook can have")]
    BadUrl,
    #[error(transparent)]
    Directory(#[from] directory::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Webhooks {
    /// Tries an address, or the one that is set. It is noted as a try like any other.
    pub async fn trial(
        &self,
        business: BusinessId,
        account: AccountId,
        url: Option<&str>,
    ) -> Result<Trial, TrialError> {
        let url = match url {
            Some(text) => EndpointUrl::parse(text).map_err(|_| TrialError::BadUrl)?,
            None => {
                let set = self.store.webhook_endpoint(account).await?;
                set.ok_or(TrialError::NoEndpoint)?.url
            }
        };
        let channel = self.channels.channel(business, account).await?;
        let body = webhook::body(channel.bot, &[]);
        let (at, began) = (self.clock.now(), self.clock.monotonic());
        let secret = self.channels.secret(&channel)?;
        let signature = webhook::sign(secret.reveal(), body.as_bytes());
        let outcome = self.poster.post(url.as_str(), body, &signature).await;
        let attempt = self.attempt(account, (at, began), &outcome, 0);
        let mut write = self.store.write().await?;
        write.record_webhook_test(&attempt).await?;
        write.commit().await?;
        Ok(Trial {
            at,
            took_ms: attempt.took_ms,
            outcome,
        })
    }
}
