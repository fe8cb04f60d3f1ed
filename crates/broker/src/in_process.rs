//! The embedded engine's broker: in memory, bounded, and as forgetful as a broker that is wiped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::chunk::ChunkId;
use tokio::sync::Notify;

use crate::port::{Broker, BrokerError, Delivery, Depth};

/// Messages it holds, acknowledged or not; more are refused.
pub const MESSAGES_MAX: usize = 10_000;

#[derive(Default)]
pub struct InProcessBroker {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<ChunkId>,
    unacknowledged: BTreeMap<u64, ChunkId>,
    last_tag: u64,
}

impl InProcessBroker {
    /// Up to `limit` messages, at once; none where none wait.
    pub fn take(&self, limit: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let count = limit.min(state.queue.len());
        let chunks: Vec<ChunkId> = state.queue.drain(..count).collect();
        let mut deliveries = Vec::with_capacity(count);
        for chunk in chunks {
            state.last_tag += 1;
            let tag = state.last_tag;
            state.unacknowledged.insert(tag, chunk);
            deliveries.push(Delivery { chunk, tag });
        }
        deliveries
    }

    /// Delivers everything again that was received and not acknowledged: its receiver is gone.
    pub fn receiver_is_gone(&self) {
        let mut state = self.state();
        // In the order in which they were received: two runs of one seed are the same.
        let lost = std::mem::take(&mut state.unacknowledged);
        state.queue.extend(lost.into_values());
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
    async fn publish(&self, chunk: ChunkId) -> Result<(), BrokerError> {
        let mut state = self.state();
        if state.queue.len() + state.unacknowledged.len() >= MESSAGES_MAX {
            return Err(BrokerError::Full);
        }
        state.queue.push_back(chunk);
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

    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError> {
        self.state().unacknowledged.remove(&delivery.tag);
        Ok(())
    }

    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError> {
        let mut state = self.state();
        if let Some(chunk) = state.unacknowledged.remove(&delivery.tag) {
            state.queue.push_back(chunk);
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn depth(&self) -> Depth {
        let state = self.state();
        Depth {
            queued: state.queue.len(),
            unacknowledged: state.unacknowledged.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::CampaignId;
    use domain::time::LaunchMonth;

    fn chunk(number: u64) -> ChunkId {
        let campaign = CampaignId::from_bytes([1; 16]);
        ChunkId {
            month: LaunchMonth::default(),
            campaign,
            number,
            round: 0,
        }
    }

    #[tokio::test]
    async fn a_message_comes_again_until_it_is_acknowledged() {
        let broker = InProcessBroker::default();
        broker.publish(chunk(1)).await.unwrap();
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
        assert_eq!(again.chunk, chunk(1));
        broker.acknowledge(again).await.unwrap();
        broker.receiver_is_gone();
        assert_eq!(broker.depth(), Depth::default());
    }

    #[tokio::test]
    async fn it_is_bounded() {
        let broker = InProcessBroker::default();
        for number in 0..MESSAGES_MAX as u64 {
            broker.publish(chunk(number)).await.unwrap();
        }
        assert_eq!(broker.publish(chunk(0)).await, Err(BrokerError::Full));
        let taken = broker.receive(10).await.unwrap();
        assert_eq!(broker.publish(chunk(0)).await, Err(BrokerError::Full));
        for delivery in taken {
            broker.acknowledge(delivery).await.unwrap();
        }
        assert_eq!(broker.publish(chunk(0)).await, Ok(()));
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
        broker.publish(chunk(1)).await.unwrap();
        broker.publish(chunk(2)).await.unwrap();
        for task in both {
            assert_eq!(task.await.unwrap(), 1);
        }
    }
}
