//! The embedded engine's broker: in memory, bounded, and as forgetful as a broker that is wiped.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::lanes::Lanes;
use crate::port::{Availability, Broker, BrokerError, Delivery, Depth, Message};

/// Messages it holds, acknowledged or not; more are refused.
pub const MESSAGES_MAX: usize = 10_000;

#[derive(Default)]
pub struct InProcessBroker {
    state: Mutex<State>,
    arrived: Notify,
    /// Inside the process: never away.
    availability: watch::Sender<Availability>,
}

#[derive(Default)]
struct State {
    waiting: Lanes<Message>,
    unacknowledged: BTreeMap<u64, Message>,
    last_tag: u64,
}

impl InProcessBroker {
    /// Up to `limit` messages, at once; none where none wait.
    pub fn take(&self, limit: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let taken = state.waiting.take(limit);
        let mut deliveries = Vec::with_capacity(taken.len());
        for (_, message) in taken {
            state.last_tag += 1;
            let tag = state.last_tag;
            state.unacknowledged.insert(tag, message);
            let chunk = message.chunk;
            deliveries.push(Delivery { chunk, tag });
        }
        deliveries
    }

    /// Delivers everything again that was received and not acknowledged: its receiver is gone.
    pub fn receiver_is_gone(&self) {
        let mut state = self.state();
        // In the order in which they were received: two runs of one seed are the same.
        let lost = std::mem::take(&mut state.unacknowledged);
        for message in lost.into_values() {
            state.waiting.push(message.lane, message);
        }
        self.arrived.notify_one();
    }

    // A panic while the lock was held cannot leave the queue half changed in a way that matters:
    // every message is a hint.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Broker for InProcessBroker {
    async fn publish(&self, message: Message) -> Result<(), BrokerError> {
        let mut state = self.state();
        if state.waiting.len() + state.unacknowledged.len() >= MESSAGES_MAX {
            return Err(BrokerError::Full);
        }
        state.waiting.push(message.lane, message);
        self.arrived.notify_one();
        Ok(())
    }

    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError> {
        loop {
            let deliveries = self.take(limit);
            if !deliveries.is_empty() {
                if self.depth().queued > 0 {
                    self.arrived.notify_one();
                }
                return Ok(deliveries);
            }
            self.arrived.notified().await;
        }
    }

    /// What waits is where every receiver of the process finds it.
    async fn stop_receiving(&self) {}

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.state().unacknowledged.remove(&delivery.tag);
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        let mut state = self.state();
        if let Some(message) = state.unacknowledged.remove(&delivery.tag) {
            state.waiting.push(message.lane, message);
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn depth(&self) -> Depth {
        let state = self.state();
        Depth {
            queued: state.waiting.len(),
            unacknowledged: state.unacknowledged.len(),
        }
    }

    /// The process itself.
    fn receivers(&self) -> usize {
        1
    }

    fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    fn losses(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Lane;
    use domain::chunk::ChunkId;
    use domain::id::CampaignId;
    use domain::time::LaunchMonth;

    fn message(number: u64) -> Message {
        let chunk = ChunkId {
            month: LaunchMonth::default(),
            campaign: CampaignId::from_bytes([1; 16]),
            number,
            round: 0,
        };
        Message {
            lane: Lane::Bulk,
            chunk,
        }
    }

    #[tokio::test]
    async fn a_message_comes_again_until_it_is_acknowledged() {
        let broker = InProcessBroker::default();
        broker.publish(message(1)).await.unwrap();
        let first = broker.receive(5).await.unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(
            broker.depth(),
            Depth {
                queued: 0,
                unacknowledged: 1
            }
        );
        broker.receiver_is_gone();
        let again = broker.receive(5).await.unwrap().remove(0);
        assert_eq!(again.chunk, message(1).chunk);
        broker.acknowledge(again).await.unwrap();
        broker.receiver_is_gone();
        assert_eq!(broker.depth(), Depth::default());
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let broker = InProcessBroker::default();
        for number in 0..MESSAGES_MAX as u64 {
            broker.publish(message(number)).await.unwrap();
        }
        assert_eq!(broker.publish(message(0)).await, Err(BrokerError::Full));
        let taken = broker.receive(10).await.unwrap();
        assert_eq!(broker.publish(message(0)).await, Err(BrokerError::Full));
        for delivery in taken {
            broker.acknowledge(delivery).await.unwrap();
        }
        assert_eq!(broker.publish(message(0)).await, Ok(()));
    }

    #[tokio::test]
    async fn two_receivers_share_and_none_waits_beside_work() {
        let broker = std::sync::Arc::new(InProcessBroker::default());
        let receive = |broker: std::sync::Arc<InProcessBroker>| async move {
            broker.receive(1).await.unwrap().len()
        };
        let both = [
            tokio::spawn(receive(broker.clone())),
            tokio::spawn(receive(broker.clone())),
        ];
        tokio::task::yield_now().await;
        broker.publish(message(1)).await.unwrap();
        broker.publish(message(2)).await.unwrap();
        for task in both {
            assert_eq!(task.await.unwrap(), 1);
        }
    }
}
