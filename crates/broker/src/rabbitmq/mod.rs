//! RabbitMQ, 3.10 or later, through lapin.
//!
//! It owns two connections, their channels and the queues. It does not own the window (what is
//! outstanding stands in the database) nor due times: the broker delays nothing. Opening it
//! connects nothing yet: the program starts beside a broker that is away, and its workers poll the
//! table.

mod config; // where it is and how it is used
mod message; // 28 bytes
mod topology; // queues as they have to be
mod inbox; // what was delivered and is not acknowledged
mod shared; // what the port and its supervisor know of each other
mod publisher; // one channel with confirms
mod consumer; // one channel, a consumer per lane
mod supervisor; // connects again, whatever ended

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use lapin::options::BasicAckOptions;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::port::{Availability, Broker, BrokerError, Delivery, Depth, Message};

pub use config::{InvalidRabbitMqConfig, RabbitMqConfig};
use consumer::GIVE_BACK;
use shared::Shared;

/// A RabbitMQ. Dropped, it lets its connections go; what was not acknowledged is delivered again.
pub struct RabbitMq {
    shared: Arc<Shared>,
    _supervisor: AbortOnDropHandle<()>,
}

impl RabbitMq {
    /// Begins to connect, within a tokio runtime. Until then it is [`Availability::Away`].
    pub fn open(config: RabbitMqConfig) -> Result<Arc<Self>, InvalidRabbitMqConfig> {
        config.check()?;
        let uri = config.uri()?;
        let jitter_seed = config.jitter_seed;
        let shared = Arc::new(Shared::of(config, uri));
        let supervisor = supervisor::supervise(shared.clone(), jitter_seed);
        Ok(Arc::new(Self {
            shared,
            _supervisor: AbortOnDropHandle::new(tokio::spawn(supervisor)),
        }))
    }

    fn want(&self, wanted: bool) {
        let wants = &self.shared.wanted;
        wants.send_if_modified(|before| std::mem::replace(before, wanted) != wanted);
    }

    /// Ends a delivery on the channel it came by. Whatever goes wrong, the message comes again.
    async fn end(&self, delivery: Delivery, give_back: bool) {
        let Some(acker) = self.shared.inbox.acker(delivery.tag) else {
            return;
        };
        let end = async {
            match give_back {
                true => acker.nack(GIVE_BACK).await,
                false => acker.ack(BasicAckOptions::default()).await,
            }
        };
        let ended = timeout(self.shared.confirm_timeout, end).await;
        if !matches!(ended, Ok(Ok(true))) {
            let chunk = delivery.chunk;
            tracing::debug!(%chunk, "not ended: its channel is gone, the message comes again");
        }
    }
}

#[async_trait]
impl Broker for RabbitMq {
    async fn publish(&self, message: Message) -> Result<(), BrokerError> {
        let mut answers = self.shared.publish_all(&[message]).await;
        answers.pop().unwrap_or(Err(BrokerError::Unavailable))
    }

    async fn publish_all(&self, messages: &[Message]) -> Vec<Result<(), BrokerError>> {
        self.shared.publish_all(messages).await
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError> {
        self.want(true);
        Ok(self.shared.inbox.receive(limit).await)
    }

    async fn stop_receiving(&self) {
        self.want(false);
    }

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.end(delivery, false).await;
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.end(delivery, true).await;
        Ok(())
    }

    fn depth(&self) -> Depth {
        self.shared.inbox.depth()
    }

    fn receivers(&self) -> usize {
        self.shared.inbox.receivers()
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.shared.availability()
    }

    fn losses(&self) -> u64 {
        self.shared.losses.load(Ordering::SeqCst)
    }
}
