//! What went wrong, by what the caller does about it.

use broker::BrokerError;
use domain::id::CampaignId;
use store::StoreError;

/// An error of a worker's step. The chunk it concerns stays as it is; its lease runs out.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The database: start nothing new until it is back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker: claim by polling until it is back.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A frozen body that cannot be read: that campaign stops.
    #[error("the frozen message of {campaign} cannot be sent: {why}")]
    FrozenBody { campaign: CampaignId, why: String },
}
