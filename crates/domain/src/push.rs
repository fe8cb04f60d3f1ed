//! The push key: recomputable after any loss.

use std::fmt;

use uuid::Uuid;

use crate::chunk::ChunkId;
use crate::id::{CampaignId, LinkId};

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

/// The id of a link of a broadcast: computed like the push keys, because it is in what is pushed. A
/// campaign that is launched again after a restore sends the same content under the same keys.
pub fn link_id(campaign: CampaignId, message_version: u32, place: u32) -> LinkId {
    let mut name = *b"link\0\0\0\0\0\0\0\0";
    name[4..8].copy_from_slice(&message_version.to_be_bytes());
    name[8..].copy_from_slice(&place.to_be_bytes());
    LinkId::from_bytes(*Uuid::new_v5(&campaign.uuid(), &name).as_bytes())
}

impl fmt::Display for PushKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_a_launch_have_the_same_ids_again() {
        let campaign = CampaignId::from_bytes([7; 16]);
        let id = link_id(campaign, 1, 0);
        assert_eq!(link_id(campaign, 1, 0), id);
        let other = CampaignId::from_bytes([8; 16]);
        let others = [
            link_id(campaign, 1, 1),
            link_id(campaign, 2, 0),
            link_id(other, 1, 0),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
