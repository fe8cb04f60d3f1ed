//! What a brand sees of its money: balance, held, and every movement that led there.

use domain::id::{BusinessId, CampaignId, LedgerTransactionId};
use domain::ledger::{TransactionKind, WalletBalance};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use store::Store;
use store::ledger::LedgerTransaction;

use crate::BillingError;

pub use store::wallet::Wallet;

/// Movements on one page, at most.
pub const MOVEMENTS_PER_PAGE_MAX: u32 = 200;

/// One ledger transaction as the wallet felt it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Where the next page goes on: rises with every transaction of the business.
    pub sequence: u64,
    pub transaction: LedgerTransactionId,
    pub kind: TransactionKind,
    pub booked_at: Timestamp,
    /// What names the cause: the payment reference, the campaign, the roll-up.
    pub key: String,
    pub campaigns: Vec<CampaignId>,
    /// By how much the two figures of the wallet changed.
    pub available: Money,
    pub held: Money,
}

pub async fn wallet(store: &Store, business: BusinessId) -> Result<Wallet, BillingError> {
    Ok(store::wallet::find(store, business).await?)
}

/// A page of movements, latest first; `before` is the last sequence of the page before.
pub async fn movements(
    store: &Store,
    business: BusinessId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<Movement>, BillingError> {
    let currency = wallet(store, business).await?.available.currency();
    let limit = limit.min(MOVEMENTS_PER_PAGE_MAX);
    let page = store::ledger::latest(store, business, before, limit).await?;
    page.into_iter()
        .map(|booked| movement(booked, currency))
        .collect()
}

fn movement(booked: LedgerTransaction, currency: Currency) -> Result<Movement, BillingError> {
    let change = WalletBalance::rebuild(&booked.entries, currency)?;
    let mut campaigns: Vec<CampaignId> = booked
        .entries
        .iter()
        .filter_map(|entry| entry.campaign)
        .collect();
    campaigns.sort_unstable();
    campaigns.dedup();
    Ok(Movement {
        sequence: booked.sequence,
        transaction: booked.id,
        kind: booked.kind,
        booked_at: booked.booked_at,
        key: booked.key.as_str().to_owned(),
        campaigns,
        available: change.available,
        held: change.held,
    })
}
