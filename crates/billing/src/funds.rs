//! Top-up, hold, capture, release: every way money moves, inside the write it is part of.
//!
//! Owns: what each move is called and how it is refused. Does not own: when it happens (launch,
//! freeze, cancel, roll-up and close do it in their own transaction). Invariants: a repeated top-up
//! books nothing; a hold never passes what can be spent, nor a budget; captured and released never
//! pass the hold.

use domain::id::{BlockId, BusinessId, CampaignId, IdSource, LedgerTransactionId};
use domain::ledger::{IdempotencyKey, LedgerError};
use domain::money::Money;
use domain::time::Timestamp;
use store::wallet::{self, EarnedAs, HoldResult};
use store::{Store, Write};

use crate::{BillingError, budget};

/// Why held money went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseReason {
    /// The launch failed before anything was frozen.
    LaunchFailed,
    /// Fewer were frozen than were granted.
    FreezeShort,
    Cancelled,
    /// The campaign closed: what it did not earn.
    Closed,
    /// A block of a standing campaign ended with units left.
    BlockEnded,
}

impl ReleaseReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::LaunchFailed => "launch_failed",
            Self::FreezeShort => "freeze_short",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::BlockEnded => "block_ended",
        }
    }
}

/// Books a payment in a transaction of its own. The reference is the payer's or the bank's: the
/// same one again answers the first transaction, with another amount or business it is refused.
pub async fn top_up(
    store: &Store,
    business: BusinessId,
    amount: Money,
    reference: &str,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LedgerTransactionId, BillingError> {
    let key = IdempotencyKey::top_up(reference)?;
    if amount.is_zero() || amount.is_negative() {
        return Err(LedgerError::NotPositive(amount).into());
    }
    let mut write = store.write().await?;
    let id = wallet::top_up(&mut write, business, amount, &key, now, ids).await?;
    write.commit().await?;
    tracing::info!(%business, %amount, reference, transaction = %id, "topped up");
    Ok(id)
}

/// Holds the most a campaign can cost; [`BillingError::BeyondBudget`] where that passes a budget,
/// [`BillingError::FundsShort`] where the wallet does not suffice, and then nothing is changed.
/// `None` where nothing is to pay.
pub async fn hold(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, BillingError> {
    let budgets = budget::expect_room(write, business, campaign, amount, now).await?;
    let result = wallet::hold(write, business, campaign, amount, now, ids).await?;
    let held = held_or_short(result, amount)?;
    budget::note_held(write, business, budgets, amount, now).await?;
    Ok(held)
}

/// Holds the price of a block of units for a standing campaign, on top of what it holds.
pub async fn hold_block(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    block: BlockId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, BillingError> {
    let budgets = budget::expect_room(write, business, campaign, amount, now).await?;
    let result = wallet::hold_block(write, business, campaign, block, amount, now, ids).await?;
    let held = held_or_short(result, amount)?;
    budget::note_held(write, business, budgets, amount, now).await?;
    Ok(held)
}

/// Gives back a part of a hold. More than is open is a broken invariant.
pub async fn release(
    write: &mut Write,
    campaign: CampaignId,
    amount: Money,
    reason: ReleaseReason,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, BillingError> {
    let id = wallet::release(write, campaign, amount, now, ids).await?;
    tracing::info!(%campaign, %amount, reason = reason.name(), "released");
    Ok(id)
}

/// Gives back everything that a campaign still holds; how much that was.
pub async fn release_rest(
    write: &mut Write,
    campaign: CampaignId,
    reason: ReleaseReason,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Money, BillingError> {
    let rest = wallet::release_rest(write, campaign, now, ids).await?;
    tracing::info!(%campaign, amount = %rest, reason = reason.name(), "released the rest");
    Ok(rest)
}

/// Earns what one roll-up found for one business and month: one ledger transaction with an entry
/// pair per campaign. `None` where nothing was to earn.
pub async fn capture(
    write: &mut Write,
    business: BusinessId,
    earned_as: EarnedAs,
    amounts: &[(CampaignId, Money)],
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, BillingError> {
    Ok(wallet::capture(write, business, earned_as, amounts, now, ids).await?)
}

fn held_or_short(
    result: HoldResult,
    needed: Money,
) -> Result<Option<LedgerTransactionId>, BillingError> {
    match result {
        HoldResult::Held(id) => Ok(id),
        HoldResult::FundsShort { spendable } => Err(BillingError::FundsShort {
            available: spendable,
            needed,
        }),
    }
}
