//! What went wrong, by what the caller does about it.

use billing::BillingError;
use broker::BrokerError;
use domain::campaign::InvalidTransition;
use domain::id::CampaignId;
use domain::money::Money;
use domain::webhook::events::TokenRefusal;
use store::StoreError;

use crate::Progress;

/// An error of a stage or of a wish concerning a campaign.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// The diagram has no such arrow: say so to who asked.
    #[error(transparent)]
    Refused(#[from] InvalidTransition),
    /// What is asked for is not possible as it stands: say so to who asked.
    #[error("{0}")]
    NotPossible(String),
    /// An operator stopped the account or its business.
    #[error("the account is stopped")]
    Stopped,
    /// A request names somebody who is no user here, and wants all of them known.
    #[error("a recipient is not known here")]
    UnknownRecipient,
    /// A reply to what nobody may answer so: never, any more, or twice.
    #[error("{0}")]
    InvalidReplyToken(TokenRefusal),
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

impl SchedulerError {
    /// Trouble of the database or the broker, which every campaign has: a step ends with it and is
    /// tried again as a whole. Anything else is one campaign's own.
    const fn is_everybodys(&self) -> bool {
        matches!(
            self,
            Self::Broker(_)
                | Self::Store(StoreError::Unavailable(_))
                | Self::Billing(BillingError::Store(StoreError::Unavailable(_)))
        )
    }
}

/// What one campaign's part of a stage came to, so that its own trouble is in nobody else's way: it
/// is said, and tried again with the next step.
pub(crate) fn by_itself(
    stage: &'static str,
    campaign: CampaignId,
    step: Result<Progress, SchedulerError>,
) -> Result<Progress, SchedulerError> {
    match step {
        // Changed, or led by another meanwhile: the next step sees how it stands.
        Err(SchedulerError::Store(StoreError::Conflict(_))) => Ok(Progress::Idle),
        Err(error) if !error.is_everybodys() => {
            tracing::error!(%campaign, stage, %error, "a campaign's step failed; the others go on");
            metrics::counter!("chingu_campaign_faults_total", "stage" => stage).increment(1);
            Ok(Progress::Idle)
        }
        step => step,
    }
}
