//! The push key: recomputable after any loss.

use std::fmt;

use uuid::Uuid;

use crate::chunk::ChunkId;

/// The idempotency key of one chunk's push: UUIDv5(campaign, chunk number, round). No attempt,
/// epoch, serial or content is in it, so that it can be computed again from what is in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PushKey(Uuid);

impl PushKey {
    pub fn of(chunk: &ChunkId) -> Self {
        let mut name = [0u8; 9];
        name[..8].copy_from_slice(&chunk.number.to_be_bytes());
        name[8] = chunk.round;
        Self(Uuid::new_v5(&chunk.campaign.uuid(), &name))
    }

    /// The key of one request of a chunk that a connector with a smaller batch sends in several:
    /// UUIDv5(chunk key, first position).
    pub fn part(self, first_position: u32) -> Self {
        Self(Uuid::new_v5(&self.0, &first_position.to_be_bytes()))
    }

    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads the hyphenated form of the wire.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36)
            .then(|| Uuid::try_parse(text).ok().map(Self))
            .flatten()
    }
}

impl fmt::Display for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
