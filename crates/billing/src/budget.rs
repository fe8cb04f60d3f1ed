//! Budgets: set by the brand, asked by every hold.
//!
//! Owns: which budgets a hold counts in, and that none is passed. Does not own: the arithmetic
//! (`domain::budget`) and the sums (`store::budget`). Invariant: cold writes take turns, so what a
//! hold reads as used stays so until it commits; check B8 replays it.

use std::collections::BTreeMap;

use domain::budget::{self, Budget, BudgetOf, Period};
use domain::contract::Contract;
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::money::{Currency, Money};
use domain::time::{Timestamp, zone};
use store::budget::BudgetVersion;
use store::{Store, StoreError, Write};

use crate::BillingError;

/// Sets a budget, or lifts it without a limit. It may be below what is used: then it refuses
/// whatever else would be held.
pub async fn set(
    store: &Store,
    business: BusinessId,
    of: BudgetOf,
    limit: Option<Money>,
    now: Timestamp,
) -> Result<(), BillingError> {
    let mut write = store.write().await?;
    set_in(&mut write, business, of, limit, now).await?;
    Ok(write.commit().await?)
}

/// The same inside the write of a caller, who commits it.
pub async fn set_in(
    write: &mut Write,
    business: BusinessId,
    of: BudgetOf,
    limit: Option<Money>,
    now: Timestamp,
) -> Result<(), BillingError> {
    let currency = write.currency_of(business).await?;
    if let Some(limit) = limit
        && (limit.is_negative() || limit.currency() != currency)
    {
        return Err(BillingError::BadBudget { limit, currency });
    }
    expect_own(write, business, of).await?;
    let version = write.insert_budget(business, of, limit, now).await?;
    if let Some(limit) = limit {
        let contracts = write.contracts(business).await?;
        let period = periods(&contracts, currency, now)?(of, now);
        let used = write.budget_used(business, of, period).await?;
        let budget = Budget {
            of,
            limit,
            used,
            period,
        };
        note_reached(write, business, &budget, now).await?;
    }
    let limit = limit.map(|limit| limit.to_string());
    tracing::info!(%business, budget = of.name(), version, limit, "set a budget");
    Ok(())
}

/// Every budget in force of a business, of its accounts, and of those of its campaigns that are
/// named; with what is used of them in the period that `at` is in.
pub async fn budgets(
    store: &Store,
    business: BusinessId,
    campaign: Option<CampaignId>,
    at: Timestamp,
) -> Result<Vec<Budget>, BillingError> {
    let versions = store::budget::versions(store, business).await?;
    let in_force = in_force(&versions).into_iter().filter(|(of, _)| match of {
        BudgetOf::Campaign(id) => campaign == Some(*id),
        _ => true,
    });
    let in_force: Vec<(BudgetOf, Money)> = in_force.collect();
    if in_force.is_empty() {
        return Ok(Vec::new());
    }
    let contracts = store::contract::versions(store, business).await?;
    let period = periods(&contracts, in_force[0].1.currency(), at)?;
    let mut found = Vec::with_capacity(in_force.len());
    for (of, limit) in in_force {
        let period = period(of, at);
        let used = store::budget::used(store, business, of, period).await?;
        found.push(Budget {
            of,
            limit,
            used,
            period,
        });
    }
    Ok(found)
}

/// The budgets that a campaign of this account counts in, of those that were read.
pub fn of_account(budgets: &[Budget], account: AccountId) -> Vec<Budget> {
    let counts = |budget: &&Budget| match budget.of {
        BudgetOf::Day(id) => id == account,
        _ => true,
    };
    budgets.iter().filter(counts).copied().collect()
}

/// The budgets that a hold for this campaign counts in, as they stand inside the write that holds:
/// of its business's month, its account's day, its own. A campaign that is not launched yet counts
/// as launched now.
pub async fn of_campaign(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<Vec<Budget>, BillingError> {
    let place = write.campaign_place(campaign).await?;
    let versions = write.budgets_of(business, place.account, campaign).await?;
    let Some(limit) = versions.iter().find_map(|version| version.limit) else {
        return Ok(Vec::new());
    };
    let contracts = write.contracts(business).await?;
    let period = periods(&contracts, limit.currency(), now)?;
    let counts_at = place.launched_at.unwrap_or(now);
    let mut found = Vec::with_capacity(versions.len());
    for (of, limit) in in_force(&versions) {
        let period = period(of, counts_at);
        let used = write.budget_used(business, of, period).await?;
        found.push(Budget {
            of,
            limit,
            used,
            period,
        });
    }
    Ok(found)
}

/// What a hold counts in; nothing where it costs nothing. Refuses what would pass a budget.
pub(crate) async fn expect_room(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    amount: Money,
    now: Timestamp,
) -> Result<Vec<Budget>, BillingError> {
    if amount.is_zero() {
        return Ok(Vec::new());
    }
    let budgets = of_campaign(write, business, campaign, now).await?;
    refuse(&budgets, amount)?;
    Ok(budgets)
}

/// Notes what a hold brought budgets to, each step once in a period.
pub(crate) async fn note_held(
    write: &mut Write,
    business: BusinessId,
    mut budgets: Vec<Budget>,
    amount: Money,
    now: Timestamp,
) -> Result<(), BillingError> {
    for budget in &mut budgets {
        budget.used = budget.used.checked_add(amount)?;
        note_reached(write, business, budget, now).await?;
    }
    Ok(())
}

async fn note_reached(
    write: &mut Write,
    business: BusinessId,
    budget: &Budget,
    now: Timestamp,
) -> Result<(), BillingError> {
    for step in budget.reached() {
        if write.note_budget_alert(business, budget, step, now).await? {
            let (name, percent) = (budget.of.name(), step.percent());
            let labels = [
                ("budget", name.to_owned()),
                ("percent", percent.to_string()),
            ];
            metrics::counter!("chingu_budget_alerts_total", &labels).increment(1);
            tracing::warn!(%business, budget = name, percent, used = %budget.used,
                           limit = %budget.limit, "a budget is being used up");
        }
    }
    Ok(())
}

/// [`BillingError::BeyondBudget`] where one of these would be passed.
pub fn refuse(budgets: &[Budget], amount: Money) -> Result<(), BillingError> {
    match budget::refusing(budgets, amount) {
        None => Ok(()),
        Some(&Budget {
            of, limit, used, ..
        }) => Err(BillingError::BeyondBudget {
            budget: of,
            limit,
            used,
            needed: amount,
        }),
    }
}

/// The limits that hold after these versions, by what they are for.
pub(crate) fn in_force(versions: &[BudgetVersion]) -> BTreeMap<BudgetOf, Money> {
    let mut limits = BTreeMap::new();
    for version in versions {
        match version.limit {
            Some(limit) => limits.insert(version.of, limit),
            None => limits.remove(&version.of),
        };
    }
    limits
}

/// The period of a budget that a launch is in, by the zone of the contract in effect at `at`.
pub(crate) fn periods(
    contracts: &[Contract],
    currency: Currency,
    at: Timestamp,
) -> Result<impl Fn(BudgetOf, Timestamp) -> Period, BillingError> {
    let contract = Contract::in_effect(contracts.to_vec(), currency, at);
    let zone = zone(&contract.time_zone).map_err(|error| StoreError::Corrupt {
        table: "contract",
        column: "time_zone",
        why: error.to_string(),
    })?;
    Ok(move |of: BudgetOf, launched_at| of.period(launched_at, &zone))
}

/// Another business's account or campaign is not there.
async fn expect_own(
    write: &mut Write,
    business: BusinessId,
    of: BudgetOf,
) -> Result<(), BillingError> {
    let is_own = match of {
        BudgetOf::Month(id) => id == business,
        BudgetOf::Day(account) => write
            .account_of_business(business, account)
            .await?
            .is_some(),
        BudgetOf::Campaign(campaign) => write.campaign(campaign).await?.business == business,
    };
    match is_own {
        true => Ok(()),
        false => Err(StoreError::NotFound(format!("what {of} is for")).into()),
    }
}
