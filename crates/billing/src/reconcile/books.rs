//! A business: its ledger replayed from the first transaction, its wallet, its funds.

use std::collections::HashMap;

use domain::id::CampaignId;
use domain::ledger::{LedgerAccount, TransactionKind, WalletBalance};
use store::Snapshot;
use store::ledger::LedgerTransaction;
use store::reconcile::RecordedBusiness;

use super::{Invariant, Tally};
use crate::BillingError;
use crate::chain::{Chain, Link};

/// What is checked of every transaction beside its place in the chain.
struct Replay<'a> {
    business: &'a RecordedBusiness,
    /// What each campaign holds and has neither captured nor released, in micro-units.
    open: HashMap<CampaignId, i64>,
    tally: &'a mut Tally,
}

pub(super) async fn check(
    snapshot: &Snapshot,
    business: &RecordedBusiness,
    tally: &mut Tally,
) -> Result<(), BillingError> {
    let mut replay = Replay {
        business,
        open: HashMap::new(),
        tally,
    };
    let mut chain = Chain::begin(snapshot, business).await?;
    while let Some(page) = chain.next_page(snapshot).await? {
        for booked in &page {
            let link = chain.follow(booked);
            replay.follow(booked, link, chain.wallet)?;
        }
    }
    replay.end(&chain);
    Ok(())
}

impl Replay<'_> {
    fn follow(
        &mut self,
        booked: &LedgerTransaction,
        link: Link,
        wallet: WalletBalance,
    ) -> Result<(), BillingError> {
        let name = format!("transaction {} of {}", booked.sequence, self.business.id);
        let key = &booked.key;
        for (invariant, fault) in [
            (Invariant::ChainUnbroken, link.broken),
            (Invariant::TransactionsBalance, link.unbalanced),
        ] {
            self.tally.expect(invariant, fault.is_none(), || {
                format!("{name} ({key}): {}", fault.unwrap_or_default())
            });
        }
        self.holds(booked, &name);
        let WalletBalance { available, held } = wallet;
        let credit = self.business.credit_limit;
        let within = !available.checked_add(credit)?.is_negative() && !held.is_negative();
        self.tally.expect(Invariant::WithinFunds, within, || {
            format!("after {name} {available} are available and {held} held, credit is {credit}")
        });
        Ok(())
    }

    /// A broadcast holds once; a standing campaign's blocks have keys of their own.
    fn holds(&mut self, booked: &LedgerTransaction, name: &str) {
        let held = booked
            .entries
            .iter()
            .filter(|e| e.account == LedgerAccount::Held);
        for entry in held {
            let Some(campaign) = entry.campaign else {
                continue;
            };
            let first = !self.open.contains_key(&campaign);
            if booked.kind == TransactionKind::Hold {
                let key = booked.key.as_str();
                let is_block = key.starts_with(&format!("hold:{campaign}:"));
                let as_it_should = is_block || (first && key == format!("hold:{campaign}"));
                self.tally.expect(Invariant::HeldOnce, as_it_should, || {
                    format!("{name} holds for {campaign} under {key}, not for the first time")
                });
            }
            let open = self.open.entry(campaign).or_default();
            *open -= entry.amount.micro();
            let open = *open;
            self.tally.expect(Invariant::HoldsCover, open >= 0, || {
                format!("after {name} the hold of {campaign} is {open} micro-units")
            });
        }
    }

    fn end(self, chain: &Chain<'_>) {
        let Self {
            business, tally, ..
        } = self;
        let RecordedBusiness {
            id,
            held,
            open_holds,
            ..
        } = business;
        let end = chain.end();
        tally.expect(Invariant::ChainUnbroken, end.is_none(), || {
            format!("{id}: {}", end.unwrap_or_default())
        });
        let differs = chain.wallet_differs();
        tally.expect(Invariant::WalletIsLedger, differs.is_none(), || {
            differs.unwrap_or_default()
        });
        tally.expect(Invariant::HeldIsOpenHolds, held == open_holds, || {
            format!("the wallet of {id} holds {held}, its open holds are {open_holds}")
        });
    }
}
