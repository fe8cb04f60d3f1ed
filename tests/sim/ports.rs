//! The ports as the simulation's processes see them: a place before every call and one behind it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use broker::{Availability, Broker, BrokerError, Delivery, Depth, InProcessBroker, Message};
use connector::{Connector, Push};
use domain::answer::{AskAnswer, CloseAnswer, PushAnswer};
use domain::capability::Capability;
use domain::chunk::ChunkId;
use domain::push::PushKey;
use store::pause::point;
use testkit::messenger::Messenger;
use tokio::sync::watch;

pub struct CrashingBroker {
    pub inner: Arc<InProcessBroker>,
    /// Every so many messages, one is refused.
    pub refuses_every: u32,
    pub published: AtomicU32,
    pub acknowledgements: Arc<Acknowledgements>,
}

/// Which messages led to claims that are not recorded yet: they must not be acknowledged, and none
/// twice.
#[derive(Default)]
pub struct Acknowledgements(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    open: HashMap<u64, ChunkId>,
    done: HashSet<u64>,
    faults: Vec<String>,
}

impl Acknowledgements {
    pub fn claimed(&self, delivery: &Delivery) {
        self.seen().open.insert(delivery.tag, delivery.chunk);
    }

    /// Recorded, or there is nothing to record.
    pub fn may_go(&self, delivery: &Delivery) {
        self.seen().open.remove(&delivery.tag);
    }

    /// The broker begins anew, with other tags.
    pub fn forget(&self) {
        let mut seen = self.seen();
        seen.open.clear();
        seen.done.clear();
    }

    pub fn faults(&self) -> Vec<String> {
        self.seen().faults.clone()
    }

    fn acknowledged(&self, delivery: &Delivery) {
        let mut seen = self.seen();
        let (chunk, tag) = (delivery.chunk, delivery.tag);
        if seen.open.contains_key(&tag) {
            seen.faults
                .push(format!("{chunk} was acknowledged before it was recorded"));
        }
        if !seen.done.insert(tag) {
            seen.faults
                .push(format!("a message of {chunk} was acknowledged twice"));
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Broker for CrashingBroker {
    async fn publish(&self, message: Message) -> Result<(), BrokerError> {
        point("publish:before").await;
        let count = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        if self.refuses_every > 0 && count.is_multiple_of(self.refuses_every) {
            return Err(BrokerError::Unavailable);
        }
        self.inner.publish(message).await?;
        point("publish:after").await;
        Ok(())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError> {
        point("receive:before").await;
        let deliveries = self.inner.receive(limit).await?;
        point("receive:after").await;
        Ok(deliveries)
    }

    async fn stop_receiving(&self) {
        self.inner.stop_receiving().await;
    }

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        point("acknowledge:before").await;
        self.acknowledgements.acknowledged(&delivery);
        self.inner.acknowledge(delivery).await?;
        point("acknowledge:after").await;
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        point("give_back:before").await;
        self.inner.give_back(delivery).await?;
        point("give_back:after").await;
        Ok(())
    }

    fn depth(&self) -> Depth {
        self.inner.depth()
    }

    fn receivers(&self) -> usize {
        self.inner.receivers()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.inner.availability()
    }

    fn losses(&self) -> u64 {
        self.inner.losses()
    }
}

pub struct CrashingConnector {
    pub inner: Arc<Messenger>,
}

#[async_trait]
impl Connector for CrashingConnector {
    fn capability(&self) -> &Capability {
        self.inner.capability()
    }

    async fn push(&self, push: &Push<'_>) -> PushAnswer {
        point("push:before").await;
        let answer = self.inner.push(push).await;
        point("push:after").await;
        answer
    }

    async fn close(&self, key: PushKey, size: u32) -> CloseAnswer {
        point("close:before").await;
        let answer = self.inner.close(key, size).await;
        point("close:after").await;
        answer
    }

    async fn ask(&self, key: PushKey, size: u32) -> AskAnswer {
        point("ask:before").await;
        let answer = self.inner.ask(key, size).await;
        point("ask:after").await;
        answer
    }
}
