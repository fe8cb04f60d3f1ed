//! The keys that transactions are booked under.

use std::fmt;

use super::{LedgerError, REFERENCE_CHARS_MAX};
use crate::id::{BlockId, BusinessId, CampaignId, LotId};

/// A posting is booked once per key, whatever is retried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `topup:{reference}`: one bank transfer is booked once.
    pub fn top_up(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("topup", reference)
    }

    /// `grant:{reference}`: promotional credit is granted once per decision.
    pub fn promotional_grant(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("grant", reference)
    }

    /// `expiry:{lot}`: what was left of a lot expires once.
    pub fn promotional_expiry(lot: LotId) -> Self {
        Self(format!("expiry:{lot}"))
    }

    fn of_reference(kind: &str, reference: &str) -> Result<Self, LedgerError> {
        let length_fits = (1..=REFERENCE_CHARS_MAX).contains(&reference.len());
        if length_fits && reference.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(format!("{kind}:{reference}")))
        } else {
            Err(LedgerError::BadReference(
                reference.chars().take(REFERENCE_CHARS_MAX).collect(),
            ))
        }
    }

    /// `hold:{campaign}`: a campaign holds once.
    pub fn hold(campaign: CampaignId) -> Self {
        Self(format!("hold:{campaign}"))
    }

    /// `hold:{campaign}:{block}`: a standing campaign holds once per block of units.
    pub fn hold_block(campaign: CampaignId, block: BlockId) -> Self {
        Self(format!("hold:{campaign}:{block}"))
    }

    /// `capture:{business}:{sequence}`: the roll-up's own running number.
    pub fn capture(business: BusinessId, sequence: u64) -> Self {
        Self(format!("capture:{business}:{sequence}"))
    }

    /// `usage:{business}:{sequence}`: what a roll-up found to be on credit.
    pub fn postpaid_usage(business: BusinessId, sequence: u64) -> Self {
        Self(format!("usage:{business}:{sequence}"))
    }

    /// `release:{campaign}:{number}`: cancel, the end of the freeze and the close each release.
    pub fn release(campaign: CampaignId, number: u32) -> Self {
        Self(format!("release:{campaign}:{number}"))
    }

    /// A key as a row stores it.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
