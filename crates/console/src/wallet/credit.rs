//! What a business agreed to, and the credit it was given: beside the wallet's figures.

use billing::BillingError;
use billing::promotional::Lot;
use domain::contract::ContractKind;
use domain::money::Money;
use domain::terms::Terms;
use domain::time::Timestamp;
use store::Snapshot;
use store::wallet::Wallet;
use words::Words;

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

impl Plan {
    /// Of a plan's month; nothing where the terms are no plan's.
    pub(crate) fn of(words: &Words, terms: &Terms) -> Option<Self> {
        let (contract, used) = (&terms.contract, terms.used);
        (contract.kind == ContractKind::Plan).then(|| Self {
            used: words.count(used.quota.min(contract.quota)),
            quota: words.count(contract.quota),
            share: words.percent(used.quota.min(contract.quota), contract.quota),
            beyond: (used.additional > 0).then(|| words.count(used.additional)),
        })
    }
}

pub(super) async fn lots(snapshot: &Snapshot, desk: &Desk) -> Result<Vec<LotRow>, Error> {
    let lots = snapshot.promotional_lots(desk.business.id).await?;
    let until = |at| desk.words.time(at, &desk.zone);
    Ok(lot_rows(&desk.words, &lots, until))
}

/// Lots in the order they are spent; `until` writes their ends.
pub(crate) fn lot_rows(
    words: &Words,
    lots: &[Lot],
    until: impl Fn(Timestamp) -> String,
) -> Vec<LotRow> {
    let row = |lot: &Lot| LotRow {
        reason: lot.reason.clone(),
        until: until(lot.expires_at),
        amount: words.money(lot.amount),
        available: words.money(lot.available),
        held: words.money(lot.pinned),
        spent: words.money(lot.spent),
        expired: (!lot.expired.is_zero()).then(|| words.money(lot.expired)),
    };
    lots.iter().rev().map(row).collect()
}

pub(crate) fn kind_words(words: &Words, kind: ContractKind) -> String {
    words.t(format!("wallet-contract-{kind}")).to_string()
}

pub(super) async fn agreed(desk: &Desk, wallet: &Wallet) -> Result<Agreed, Error> {
    let words = desk.words;
    let (id, currency) = (desk.business.id, desk.business.currency);
    let terms = match billing::terms(&desk.store, id, currency, desk.now).await {
        Ok(terms) => terms,
        // Nothing is priced in its currency yet: what was agreed is shown where it is.
        Err(BillingError::NoPrice { .. }) => {
            return Ok(Agreed {
                kind: kind_words(&words, ContractKind::Prepaid),
                plan: None,
                owed: None,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let plan = Plan::of(&words, &terms);
    let has_credit = |amount: &Money| !amount.is_zero();
    // What is invoiced and not paid takes of the limit, too.
    let due = match has_credit(&wallet.credit_limit) {
        true => wallet.owed.checked_add(wallet.receivable),
        false => Ok(wallet.owed),
    };
    let due = due.map_err(BillingError::from)?;
    let owed = (has_credit(&wallet.credit_limit) || has_credit(&due))
        .then(|| (words.money(due), words.money(wallet.credit_limit)));
    Ok(Agreed {
        kind: kind_words(&words, terms.contract.kind),
        plan,
        owed,
    })
}
