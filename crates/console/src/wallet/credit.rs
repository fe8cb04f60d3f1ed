//! What a business agreed to, and the credit it was given: beside the wallet's figures.

use billing::BillingError;
use billing::promotional::Lot;
use domain::contract::ContractKind;
use domain::money::Money;
use store::Snapshot;
use store::wallet::Wallet;

use crate::desk::Desk;
use crate::error::Error;

/// A lot of promotional credit that has something left, or had until lately.
pub struct LotRow {
    pub reason: String,
    pub until: String,
    pub amount: String,
    pub available: String,
    pub held: String,
    pub spent: String,
    pub expired: Option<String>,
}

/// How the business pays.
pub struct Agreed {
    /// `Prepaid`, in words.
    pub kind: String,
    /// Of a plan: what is used of the month's quota, and what was sent beyond it.
    pub plan: Option<Plan>,
    /// Of credit: what is owed, and the limit.
    pub owed: Option<(String, String)>,
}

pub struct Plan {
    pub used: String,
    pub quota: String,
    /// Percent of the quota.
    pub share: String,
    pub beyond: Option<String>,
}

pub(super) async fn lots(snapshot: &Snapshot, desk: &Desk) -> Result<Vec<LotRow>, Error> {
    let words = desk.words;
    let lots = snapshot.promotional_lots(desk.business.id).await?;
    let row = |lot: &Lot| LotRow {
        reason: lot.reason.clone(),
        until: words.time(lot.expires_at, &desk.zone),
        amount: words.money(lot.amount),
        available: words.money(lot.available),
        held: words.money(lot.pinned),
        spent: words.money(lot.spent),
        expired: (!lot.expired.is_zero()).then(|| words.money(lot.expired)),
    };
    // In the order they are spent.
    Ok(lots.iter().rev().map(row).collect())
}

pub(super) async fn agreed(desk: &Desk, wallet: &Wallet) -> Result<Agreed, Error> {
    let words = desk.words;
    let kind = |kind: ContractKind| words.t(format!("wallet-contract-{kind}")).to_string();
    let (id, currency) = (desk.business.id, desk.business.currency);
    let terms = match billing::terms(&desk.store, id, currency, desk.now).await {
        Ok(terms) => terms,
        // Nothing is priced in its currency yet: what was agreed is shown where it is.
        Err(BillingError::NoPrice { .. }) => {
            return Ok(Agreed {
                kind: kind(ContractKind::Prepaid),
                plan: None,
                owed: None,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let contract = &terms.contract;
    let used = terms.used.quota.min(contract.quota);
    let plan = (contract.kind == ContractKind::Plan).then(|| Plan {
        used: words.count(used),
        quota: words.count(contract.quota),
        share: words.percent(used, contract.quota),
        beyond: (terms.used.additional > 0).then(|| words.count(terms.used.additional)),
    });
    let has_credit = |amount: &Money| !amount.is_zero();
    let owed = (has_credit(&wallet.credit_limit) || has_credit(&wallet.owed))
        .then(|| (words.money(wallet.owed), words.money(wallet.credit_limit)));
    Ok(Agreed {
        kind: kind(contract.kind),
        plan,
        owed,
    })
}
