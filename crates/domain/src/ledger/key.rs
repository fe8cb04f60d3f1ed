//! The keys that transactions are booked under.

use std::fmt;

use super::{LedgerError, REFERENCE_CHARS_MAX};
use crate::id::{BlockId, BusinessId, CampaignId, LotId};
use crate::time::LaunchMonth;

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

    /// `capture:{business}:{sequence}:{month}`: the roll-up's own running number, and the month
    /// whose bill it is on.
    pub fn capture(business: BusinessId, sequence: u64, month: LaunchMonth) -> Self {
        Self(format!("capture:{business}:{sequence}:{month}"))
    }

    /// `usage:{business}:{sequence}:{month}`: what a roll-up found to be on credit.
    pub fn postpaid_usage(business: BusinessId, sequence: u64, month: LaunchMonth) -> Self {
        Self(format!("usage:{business}:{sequence}:{month}"))
    }

    /// `rerating:{business}:{month}`: a month is priced at the band it reached once.
    pub fn re_rating(business: BusinessId, month: LaunchMonth) -> Self {
        Self(format!("rerating:{business}:{month}"))
    }

    /// `invoice:{business}:{month}`: a month is invoiced once.
    pub fn invoice(business: BusinessId, month: LaunchMonth) -> Self {
        Self(format!("invoice:{business}:{month}"))
    }

    /// `payment:{reference}`: one bank transfer pays one invoice.
    pub fn invoice_payment(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("payment", reference)
    }

    /// `creditnote:{reference}`: one decision credits once.
    pub fn credit_note(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("creditnote", reference)
    }

    /// `refund:{reference}`: one decision gives back once.
    pub fn refund(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("refund", reference)
    }

    /// `refundpaid:{reference}`: one bank transfer pays out once.
    pub fn refund_paid(reference: &str) -> Result<Self, LedgerError> {
        Self::of_reference("refundpaid", reference)
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
