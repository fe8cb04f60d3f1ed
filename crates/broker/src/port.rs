//! What every broker does.

use async_trait::async_trait;
use domain::chunk::ChunkId;

/// Why a message was not taken or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// As many messages as it may hold: publish again when some are gone.
    #[error("the broker is full")]
    Full,
    /// Not reachable: workers poll the table until it is back.
    #[error("the broker is not available")]
    Unavailable,
}

/// One message, to be acknowledged after what it asked for is committed.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    pub chunk: ChunkId,
    pub tag: u64,
}

/// Messages waiting, and messages received but not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    pub queued: usize,
    pub unacknowledged: usize,
}

#[async_trait]
pub trait Broker: Send + Sync {
    /// Takes one message, confirmed; an error means that it was not taken.
    async fn publish(&self, chunk: ChunkId) -> Result<(), BrokerError>;

    /// Up to `limit` messages; waits until there is at least one.
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError>;

    /// Drops a message for good.
    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError>;

    /// Gives a message back, to be delivered again.
    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError>;

    fn depth(&self) -> Depth;
}
