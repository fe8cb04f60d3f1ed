//! Holds against the budgets of their moment: what was used when each was booked, replayed from the
//! ledger, whatever was lowered or lifted since.

use std::collections::{BTreeMap, HashMap};

use domain::budget::{Budget, BudgetOf, Period};
use domain::contract::Contract;
use domain::id::{AccountId, BusinessId, CampaignId};
use domain::ledger::{LedgerAccount, TransactionKind};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use store::Snapshot;
use store::budget::{BudgetVersion, CampaignPlace};
use store::ledger::LedgerTransaction;

use crate::BillingError;
use crate::budget::{in_force, periods};

/// What campaigns held and did not release, as far as the ledger was followed.
pub(super) struct Spending {
    business: BusinessId,
    versions: Vec<BudgetVersion>,
    places: HashMap<CampaignId, CampaignPlace>,
    /// By launch, in micro-units.
    used: BTreeMap<(Timestamp, CampaignId), (AccountId, i64)>,
}

impl Spending {
    /// `None` for a business that never had a budget.
    pub(super) async fn begin(
        snapshot: &Snapshot,
        business: BusinessId,
    ) -> Result<Option<Self>, BillingError> {
        let versions = snapshot.budgets(business).await?;
        if versions.is_empty() {
            return Ok(None);
        }
        let places = snapshot.campaign_places(business).await?;
        let places = places.into_iter().map(|place| (place.campaign, place));
        Ok(Some(Self {
            business,
            versions,
            places: places.collect(),
            used: BTreeMap::new(),
        }))
    }

    /// Takes a transaction in; the budgets that its hold counts in, with what is used after it.
    pub(super) fn follow(
        &mut self,
        booked: &LedgerTransaction,
        contracts: &[Contract],
        currency: Currency,
    ) -> Result<Vec<Budget>, BillingError> {
        let is_hold = booked.kind == TransactionKind::Hold;
        if !is_hold && booked.kind != TransactionKind::Release {
            return Ok(Vec::new());
        }
        let held = booked.entries.iter();
        let held = held.filter(|entry| entry.account == LedgerAccount::Held);
        let mut campaign = None;
        for entry in held {
            if let Some(place) = entry.campaign.and_then(|id| self.places.get(&id).copied()) {
                let at = place.launched_at.unwrap_or(booked.booked_at);
                let key = (at, place.campaign);
                let (_, used) = self.used.entry(key).or_insert((place.account, 0));
                *used -= entry.amount.micro();
                campaign = Some((place, at));
            }
        }
        let Some((place, launched_at)) = campaign.filter(|_| is_hold) else {
            return Ok(Vec::new());
        };
        let known = self.versions.iter();
        let known = known.filter(|version| version.ledger_sequence < booked.sequence);
        let known: Vec<BudgetVersion> = known.copied().collect();
        let mut found = Vec::new();
        for (of, limit) in in_force(&known) {
            let counts = match of {
                BudgetOf::Month(business) => business == self.business,
                BudgetOf::Day(account) => account == place.account,
                BudgetOf::Campaign(id) => id == place.campaign,
            };
            if counts {
                let period = periods(contracts, currency, booked.booked_at)?(of, launched_at);
                let used = Money::from_micro(self.used_in(of, period), currency);
                found.push(Budget {
                    of,
                    limit,
                    used,
                    period,
                });
            }
        }
        Ok(found)
    }

    fn used_in(&self, of: BudgetOf, period: Period) -> i64 {
        let first = (period.from, CampaignId::from_bytes([0; 16]));
        let launched = self.used.range(first..);
        let launched = launched.take_while(|((at, _), _)| period.contains(*at));
        let counted = launched.filter(|((_, campaign), (account, _))| match of {
            BudgetOf::Month(_) => true,
            BudgetOf::Day(id) => id == *account,
            BudgetOf::Campaign(id) => id == *campaign,
        });
        counted.map(|(_, (_, micro))| micro).sum()
    }
}
