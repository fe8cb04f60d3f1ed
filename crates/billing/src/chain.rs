//! A business's ledger, walked from its first transaction: every link is computed again, what is
//! wrong is named at its place, and its end is compared with what the seals saw.
//!
//! It reads in pages, so memory does not grow with the ledger. Who reconciles and who verifies walk
//! the same way.

use std::collections::VecDeque;

use domain::ledger::{ChainHash, WalletBalance, sum};
use domain::seal::{LedgerHead, SealDay};
use store::ledger::LedgerTransaction;
use store::reconcile::RecordedBusiness;
use store::{Snapshot, StoreError};

use crate::BillingError;

/// Ledger transactions read at once.
const TRANSACTIONS_PER_PAGE: u32 = 500;

/// Where the walk stands.
pub(crate) struct Chain<'a> {
    business: &'a RecordedBusiness,
    /// Of the last transaction that was followed.
    sequence: u64,
    hash: ChainHash,
    pub wallet: WalletBalance,
    /// What the seals saw and the walk has not come to.
    heads: VecDeque<(SealDay, LedgerHead)>,
    /// One after the other, once a page could not be read.
    is_careful: bool,
    unreadable: Option<String>,
}

/// What is wrong with one transaction, in words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Link {
    /// It does not follow the one before it, or is not what was booked.
    pub broken: Option<String>,
    /// Its entries are not those of a posting.
    pub unbalanced: Option<String>,
}

impl<'a> Chain<'a> {
    pub async fn begin(
        snapshot: &Snapshot,
        business: &'a RecordedBusiness,
    ) -> Result<Self, BillingError> {
        Ok(Self {
            business,
            sequence: 0,
            hash: ChainHash::GENESIS,
            wallet: WalletBalance::empty(business.currency),
            heads: snapshot.sealed_heads_of(business.id).await?.into(),
            is_careful: false,
            unreadable: None,
        })
    }

    /// The transactions that come next; `None` at the end, or where the next one cannot be read.
    pub async fn next_page(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<Option<Vec<LedgerTransaction>>, BillingError> {
        loop {
            let limit = match self.is_careful {
                true => 1,
                false => TRANSACTIONS_PER_PAGE,
            };
            let page = snapshot.ledger_page(self.business.id, self.sequence, limit);
            match page.await {
                Ok(page) => return Ok((!page.is_empty()).then_some(page)),
                Err(StoreError::Corrupt { .. }) if !self.is_careful => self.is_careful = true,
                Err(error @ StoreError::Corrupt { .. }) => {
                    self.unreadable = Some(error.to_string());
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Goes on by one transaction. From the stored hash on, so that one changed row is named once.
    pub fn follow(&mut self, booked: &LedgerTransaction) -> Link {
        let mut broken = Vec::new();
        let expected = self.sequence + 1;
        if booked.sequence != expected {
            let missing = booked.sequence - expected;
            broken.push(format!(
                "the {missing} before it, from {expected} on, are missing"
            ));
        } else if booked.previous_hash != self.hash {
            let (says, is) = (booked.previous_hash, self.hash);
            broken.push(format!("it follows {says:?}, the one before it is {is:?}"));
        }
        let computed = booked.hash_after(booked.previous_hash);
        if booked.hash != computed {
            let says = booked.hash;
            broken.push(format!(
                "its hash is {says:?}, what stands in it gives {computed:?}"
            ));
        }
        while let Some((day, head)) = self
            .heads
            .pop_front_if(|(_, h)| h.sequence <= booked.sequence)
        {
            if head.sequence == booked.sequence && head.hash != booked.hash {
                let (is, saw) = (booked.hash, head.hash);
                broken.push(format!("its hash is {is:?}, the seal of {day} saw {saw:?}"));
            }
        }
        self.sequence = booked.sequence;
        self.hash = booked.hash;
        Link {
            broken: (!broken.is_empty()).then(|| broken.join("; ")),
            unbalanced: self.add(booked).err(),
        }
    }

    /// Adds its entries to the wallet that the ledger adds up to; why they are none of a posting.
    fn add(&mut self, booked: &LedgerTransaction) -> Result<(), String> {
        let change = WalletBalance::rebuild(&booked.entries, self.business.currency);
        let change = change.map_err(|error| error.to_string())?;
        let wallet = self.wallet.plus(change);
        self.wallet = wallet.map_err(|error| error.to_string())?;
        let total = sum(&booked.entries, self.business.currency);
        let total = total.map_err(|error| error.to_string())?;
        let entries = booked.entries.len();
        match total.is_zero() && entries >= 2 {
            true => Ok(()),
            false => Err(format!("it has {entries} entries that sum to {total}")),
        }
    }

    /// What is wrong with the end of the chain: it cannot be read on, or the seals saw more of it.
    pub fn end(&self) -> Option<String> {
        let sequence = self.sequence;
        if let Some(error) = &self.unreadable {
            return Some(format!(
                "what comes after {sequence} cannot be read: {error}"
            ));
        }
        let (day, head) = self.heads.back()?;
        let missing = head.sequence - sequence;
        Some(format!(
            "the ledger ends with {sequence}, the seal of {day} saw {} ({:?}): the last {missing} \
             are missing",
            head.sequence, head.hash
        ))
    }

    /// The last transaction that was followed, and its hash.
    pub const fn head(&self) -> (u64, ChainHash) {
        (self.sequence, self.hash)
    }

    /// How the wallet's row differs from what its ledger adds up to.
    pub fn wallet_differs(&self) -> Option<String> {
        wallet_differs(self.business, self.wallet)
    }
}

/// How a wallet's row differs from what its ledger adds up to.
pub(crate) fn wallet_differs(business: &RecordedBusiness, ledger: WalletBalance) -> Option<String> {
    let RecordedBusiness { id, wallet, .. } = business;
    (*wallet != ledger).then(|| format!("the wallet of {id} says {wallet}, its ledger {ledger}"))
}
