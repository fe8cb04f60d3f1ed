//! What every connector does. The capability record, never its name, decides what follows.

use std::time::Duration;

use async_trait::async_trait;
use domain::answer::{AskAnswer, CloseAnswer, PushAnswer};
use domain::capability::Capability;
use domain::codec::PackedKeys;
use domain::id::AccountId;
use domain::push::PushKey;
use domain::time::Timestamp;
use gateway::FrozenBody;

/// One chunk's push. Everything but `exclude`, `not_after` and `deadline` is frozen: a repetition
/// with the same key has the same.
#[derive(Debug, Clone, Copy)]
pub struct Push<'a> {
    pub key: PushKey,
    /// Whose push it is: what the messenger says of one account does not stop the others.
    pub account: AccountId,
    /// As the chunk records it; a connector with a smaller batch computes its parts' own.
    pub content_hash: [u8; 32],
    pub size: u32,
    pub frozen: &'a FrozenBody,
    pub keys: &'a PackedKeys,
    /// The JSON object of parallel columns.
    pub variables: Option<&'a str>,
    pub not_after: Option<Timestamp>,
    /// Positions the gate excluded, rising.
    pub exclude: &'a [u32],
    /// By `Clock::monotonic`: the first byte is written before this or not at all.
    pub deadline: Duration,
}

/// A messenger. No call fails: what cannot be known is an answer too.
#[async_trait]
pub trait Connector: Send + Sync {
    fn capability(&self) -> &Capability;

    async fn push(&self, push: &Push<'_>) -> PushAnswer;

    /// Closes the key of a push of `size` recipients, so that it will never be processed.
    async fn close(&self, key: PushKey, size: u32) -> CloseAnswer;

    /// The stored result of a push of `size` recipients.
    async fn ask(&self, key: PushKey, size: u32) -> AskAnswer;
}
