//! Revenue by account, tariff and day, folded out of the books: amounts are what the ledger says,
//! units what was captured. A day is the account's own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::id::CampaignId;
use domain::time::{LocalDay, zone};
use store::revenue::{CapturedUnits, EarningCampaign, RevenueKey, RevenueSum, Unfolded};
use store::{Snapshot, Store, StoreError};

use crate::BillingError;

/// Transactions that are folded in one commit.
const TRANSACTIONS_MAX: u64 = 2_000;
const DAY_MS: i64 = 86_400_000;

/// A campaign and what was captured of it.
struct Earning {
    of: EarningCampaign,
    captured: Vec<CapturedUnits>,
}

/// A part of what is not folded, and what it adds up to; `None` where everything is.
pub async fn next_to_fold(
    store: &Store,
) -> Result<Option<(Unfolded, BTreeMap<RevenueKey, RevenueSum>)>, BillingError> {
    let snapshot = store.snapshot().await?;
    let waiting = snapshot.unfolded().await?;
    let Some(next) = waiting.first() else {
        snapshot.end().await?;
        return Ok(None);
    };
    let piece = Unfolded {
        last: next.last.min(next.after + TRANSACTIONS_MAX),
        ..*next
    };
    let sums = add_up(&snapshot, piece).await?;
    snapshot.end().await?;
    Ok(Some((piece, sums)))
}

async fn add_up(
    snapshot: &Snapshot,
    piece: Unfolded,
) -> Result<BTreeMap<RevenueKey, RevenueSum>, BillingError> {
    let Unfolded {
        business,
        after,
        last,
    } = piece;
    let mut sums: BTreeMap<RevenueKey, RevenueSum> = BTreeMap::new();
    let mut campaigns: BTreeMap<CampaignId, Earning> = BTreeMap::new();
    for earned in snapshot.earned(business, after, last).await? {
        let Some(campaign) = earned.campaign else {
            // Of no account, so in no zone but everybody's.
            let day = earned.booked_at.as_millis().div_euclid(DAY_MS);
            let key = RevenueKey {
                day: i32::try_from(day).unwrap_or_default(),
                account: None,
                tariff: 0,
            };
            sums.entry(key).or_default().amount_micro += earned.amount_micro;
            continue;
        };
        if let Entry::Vacant(place) = campaigns.entry(campaign) {
            let of = snapshot.earning_campaign(business, campaign).await?;
            let captured = snapshot.captured_units(&of, business, after, last).await?;
            place.insert(Earning { of, captured });
        }
        let Earning { of, captured } = &campaigns[&campaign];
        let zone = zone(&of.time_zone).map_err(|error| StoreError::Corrupt {
            table: "account",
            column: "time_zone",
            why: error.to_string(),
        })?;
        let day = LocalDay::of(earned.booked_at, &zone).number();
        let key = |tariff| RevenueKey {
            day,
            account: Some(of.account),
            tariff,
        };
        let mut rest = earned.amount_micro;
        for part in captured
            .iter()
            .filter(|c| c.transaction == earned.transaction)
        {
            let sum = sums.entry(key(part.tariff)).or_default();
            sum.units += part.units;
            sum.amount_micro += part.amount_micro;
            rest -= part.amount_micro;
        }
        if rest != 0 {
            // Booked without captures of its own: a correction belongs to the campaign's tariff.
            sums.entry(key(of.tariff)).or_default().amount_micro += rest;
        }
    }
    Ok(sums)
}
