//! The way of one chunk: claim, gate, push, record, acknowledge.
//!
//! It owns the order of these steps and what is committed before what. It does not own when a chunk
//! is due (the scheduler), what an answer means (`domain`), or how a messenger is spoken to
//! (`connector`).
//!
//! Invariants: the attempt row commits before the first byte; a broker message is acknowledged
//! after the commit it led to; every write after the claim carries the claim's epoch; no
//! transaction is open while a messenger is waited for.

pub mod settings; // limits and times
pub mod error; // what went wrong, by what the caller does about it
pub mod campaign_facts; // what stays the same for every chunk of a campaign
pub mod intake; // which chunks to claim: messages, or the table while the broker is away
pub mod claim; // a lease and an attempt row, in one commit
pub mod push; // the gate's last word, then the request
pub mod record; // outcomes under the epoch, then acknowledge
pub mod run; // the loops around the steps
mod trace; // steps of a chunk, for whoever collects them

pub use error::WorkerError;
pub use settings::WorkerSettings;

use std::sync::Arc;

use broker::Broker;
use connector::Connector;
use domain::id::WorkerId;
use domain::time::Clock;
use store::Store;
use tokio::sync::Notify;

/// One worker: any number of them share the broker and the table.
pub struct Worker {
    pub id: WorkerId,
    pub store: Store,
    pub broker: Arc<dyn Broker>,
    pub connector: Arc<dyn Connector>,
    pub clock: Arc<dyn Clock>,
    pub settings: WorkerSettings,
    /// Told after every commit that the scheduler may have something to do.
    pub recorded: Arc<Notify>,
    pub facts: campaign_facts::CampaignFactsCache,
}
