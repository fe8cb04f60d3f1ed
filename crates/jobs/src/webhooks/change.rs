//! Where events go, set; and events that were sent or given up, sent again.

use domain::id::AccountId;
use domain::webhook::{EndpointUrl, EventId};
use store::webhook::{EventFilter, WebhookEvent};
use store::{StoreError, Write};

use super::Webhooks;

impl Webhooks {
    /// An address as a webhook may have one in this installation.
    pub fn endpoint_url(&self, text: &str) -> Option<EndpointUrl> {
        let url = EndpointUrl::parse(text).ok()?;
        self.poster.may_ask(url.as_str()).then_some(url)
    }

    pub async fn set_endpoint(
        &self,
        account: AccountId,
        url: EndpointUrl,
        is_active: bool,
        redelivers: bool,
    ) -> Result<(), StoreError> {
        let mut write = self.store.write().await?;
        let now = self.clock.now();
        write
            .set_webhook_endpoint(account, &url, is_active, redelivers, now)
            .await?;
        write.commit().await
    }

    /// Takes the address away. What waits is given up.
    pub async fn remove_endpoint(&self, account: AccountId) -> Result<(), StoreError> {
        let mut write = self.store.write().await?;
        write.remove_webhook_endpoint(account).await?;
        write.commit().await
    }

    /// Sends an event again, whatever became of it.
    pub async fn replay(&self, account: AccountId, id: EventId) -> Result<(), StoreError> {
        let mut write = self.store.write().await?;
        self.replay_in(&mut write, account, id).await?;
        write.commit().await?;
        self.wake.notify_one();
        Ok(())
    }

    /// The same within a write of somebody who wakes whoever sends.
    pub async fn replay_in(
        &self,
        write: &mut Write,
        account: AccountId,
        id: EventId,
    ) -> Result<WebhookEvent, StoreError> {
        write.replay_webhook(account, id, self.clock.now()).await
    }

    /// Sends everything again that was given up of a search; how many.
    pub async fn replay_given_up(
        &self,
        account: AccountId,
        filter: &EventFilter,
    ) -> Result<u64, StoreError> {
        let mut write = self.store.write().await?;
        let now = self.clock.now();
        let count = write.replay_given_up(account, filter, now).await?;
        write.commit().await?;
        self.wake.notify_one();
        Ok(count)
    }
}
