//! What every broker does.

use async_trait::async_trait;
use domain::campaign::CampaignKind;
use domain::chunk::ChunkId;
use tokio::sync::watch;

/// Why a message was not taken or given. Either way the chunk stays dispatched: its message is
/// published again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// As many messages as it may hold: publish again when some are gone.
    #[error("the broker is full")]
    Full,
    /// Not reachable, not confirmed in time, or no queue took it.
    #[error("the broker is not available")]
    Unavailable,
}

/// Messages of one lane never stand behind those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// API sending and tests: few recipients each, somebody waits for them.
    Single,
    /// Broadcasts.
    Bulk,
}

impl Lane {
    pub const ALL: [Lane; 2] = [Self::Single, Self::Bulk];

    pub const fn of(kind: CampaignKind) -> Self {
        match kind {
            CampaignKind::Broadcast => Self::Bulk,
            CampaignKind::Test | CampaignKind::Standing(_) => Self::Single,
        }
    }

    /// What queues and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Bulk => "bulk",
        }
    }
}

/// A reference to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    pub lane: Lane,
    pub chunk: ChunkId,
}

/// One message, to be acknowledged after what it asked for is committed.
#[derive(Debug, PartialEq, Eq)]
pub struct Delivery {
    pub chunk: ChunkId,
    pub tag: u64,
}

impl Delivery {
    /// The tag of what no broker delivered.
    const NO_MESSAGE: u64 = 0;

    /// A chunk that was found in the table while the broker was away. There is no message: to
    /// acknowledge it or to give it back does nothing.
    pub const fn polled(chunk: ChunkId) -> Self {
        Self {
            chunk,
            tag: Self::NO_MESSAGE,
        }
    }

    pub const fn is_polled(&self) -> bool {
        self.tag == Self::NO_MESSAGE
    }
}

/// Messages waiting, and messages received here but not acknowledged. What waits is an estimate
/// where the broker is another process, and not older than a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    pub queued: usize,
    pub unacknowledged: usize,
}

/// Whether messages pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    #[default]
    Available,
    /// The broker is short of memory or disk: it takes nothing, and goes on delivering.
    Blocked,
    /// Not reachable: workers poll the table until it is back.
    Away,
}

impl Availability {
    /// What health and metrics call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Blocked => "blocked",
            Self::Away => "away",
        }
    }
}

#[async_trait]
pub trait Broker: Send + Sync {
    /// Takes one message, confirmed; after an error it may or may not have been taken.
    async fn publish(&self, message: Message) -> Result<(), BrokerError>;

    /// Takes many, in order; one answer per message. They wait for their confirms together.
    async fn publish_all(&self, messages: &[Message]) -> Vec<Result<(), BrokerError>> {
        let mut answers = Vec::with_capacity(messages.len());
        for message in messages {
            answers.push(self.publish(*message).await);
        }
        answers
    }

    /// Up to `limit` messages; waits until there is at least one. The lanes take turns. A wait that
    /// is given up loses nothing.
    async fn receive(&self, limit: usize) -> Result<Vec<Delivery>, BrokerError>;

    /// Nobody here receives for now: messages that wait in this process go back to where others
    /// find them. The next [`Broker::receive`] begins anew.
    async fn stop_receiving(&self);

    /// Drops a message for good. One that was delivered before the broker was lost is not known any
    /// more; that is no error: it comes again.
    async fn acknowledge(&self, delivery: Delivery) -> Result<(), BrokerError>;

    /// Gives a message back, to be delivered again.
    async fn give_back(&self, delivery: Delivery) -> Result<(), BrokerError>;

    fn depth(&self) -> Depth;

    /// Processes that receive bulk messages, not older than a second where the broker is another
    /// process; none where it is not known.
    fn receivers(&self) -> usize;

    /// Whether messages pass, now and from now on.
    fn availability(&self) -> watch::Receiver<Availability>;

    /// Rises whenever messages may have been lost, or were refused: chunks that are dispatched and
    /// unclaimed then need new ones.
    fn losses(&self) -> u64;
}
