//! What went wrong, by what the caller does about it.

use billing::BillingError;
use broker::BrokerError;
use domain::campaign::InvalidTransition;
use domain::money::Money;
use store::StoreError;

/// An error of a stage or of a wish concerning a campaign.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The diagram has no such arrow: say so to who asked.
    #[error(transparent)]
    Refused(#[from] InvalidTransition),
    /// What is asked for is not possible as it stands: say so to who asked.
    #[error("{0}")]
    NotPossible(String),
    /// Dearer than the person saw: back to review.
    #[error("the campaign would cost {now}, more than the {seen} that were shown")]
    Dearer { seen: Money, now: Money },
    #[error(transparent)]
    Billing(#[from] BillingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
}
