//! Whether anybody laid a hand on the books: every business's chain from its first transaction, its
//! end against the seals, the seals themselves, and everything under them, hashed again.
//!
//! It names the place of whatever differs and corrects nothing. It reads in pages, so memory does
//! not grow with the books.

use std::fmt;

use domain::id::{BusinessId, LedgerTransactionId};
use domain::seal::SealDay;
use serde::Serialize;
use store::reconcile::RecordedBusiness;
use store::{Snapshot, Store, StoreError};

use crate::BillingError;
use crate::chain::Chain;
use crate::seal::check;

/// Faults that are listed; the rest is counted.
pub const FAULTS_LISTED_MAX: usize = 200;

/// Something that is not what it was, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business: Option<BusinessId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<LedgerTransactionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<String>,
    /// What differs, in words.
    pub what: String,
}

/// Where the chain of one business ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedChain {
    pub business: BusinessId,
    pub transactions: u64,
    pub hash: String,
}

/// What was walked, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verification {
    pub chains: Vec<VerifiedChain>,
    pub transactions: u64,
    pub seals: u64,
    /// Recorded chunks that were hashed again.
    pub chunks: u64,
    /// The day sealed last.
    pub sealed_until: Option<String>,
    pub faults: Vec<Fault>,
    /// Faults past [`FAULTS_LISTED_MAX`].
    pub unlisted: u64,
    pub clean: bool,
}

/// Walks the ledger of one business, or everything.
pub async fn verify(
    store: &Store,
    business: Option<BusinessId>,
) -> Result<Verification, BillingError> {
    let mut found = Verification::default();
    let snapshot = store.snapshot().await?;
    let mut businesses = snapshot.recorded_businesses().await?;
    if let Some(wanted) = business {
        businesses.retain(|one| one.id == wanted);
        if businesses.is_empty() {
            return Err(StoreError::NotFound(format!("business {wanted}")).into());
        }
    }
    for business in &businesses {
        chain(&snapshot, business, &mut found).await?;
    }
    snapshot.end().await?;
    if business.is_none() {
        check::check(store, &mut found).await?;
    }
    found.clean = found.faults.is_empty();
    Ok(found)
}

async fn chain(
    snapshot: &Snapshot,
    business: &RecordedBusiness,
    found: &mut Verification,
) -> Result<(), BillingError> {
    let mut chain = Chain::begin(snapshot, business).await?;
    let mut transactions = 0;
    while let Some(page) = chain.next_page(snapshot).await? {
        transactions += page.len() as u64;
        for booked in &page {
            let link = chain.follow(booked);
            for what in [link.broken, link.unbalanced].into_iter().flatten() {
                found.add(Fault {
                    business: Some(business.id),
                    sequence: Some(booked.sequence),
                    transaction: Some(booked.id),
                    key: Some(booked.key.to_string()),
                    what,
                    ..Fault::default()
                });
            }
        }
    }
    for what in [chain.end(), chain.wallet_differs()].into_iter().flatten() {
        found.add(Fault {
            business: Some(business.id),
            what,
            ..Fault::default()
        });
    }
    found.transactions += transactions;
    found.chains.push(VerifiedChain {
        business: business.id,
        transactions,
        hash: format!("{:?}", chain.head().1),
    });
    Ok(())
}

impl Verification {
    pub(crate) fn add(&mut self, fault: Fault) {
        match self.faults.len() < FAULTS_LISTED_MAX {
            true => self.faults.push(fault),
            false => self.unlisted += 1,
        }
    }

    pub(crate) fn faults_found(&self) -> u64 {
        self.faults.len() as u64 + self.unlisted
    }
}

impl Fault {
    pub(crate) fn of_day(day: SealDay, what: String) -> Self {
        Self {
            day: Some(day.to_string()),
            what,
            ..Self::default()
        }
    }

    pub(crate) fn of_chunk(day: SealDay, chunk: &str, what: String) -> Self {
        Self {
            chunk: Some(chunk.to_owned()),
            ..Self::of_day(day, what)
        }
    }
}

/// `biz_…, transaction 3 ltx_… (capture:…): its hash is …`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = Vec::new();
        place.extend(self.business.map(|id| id.to_string()));
        if let (Some(sequence), Some(id), Some(key)) =
            (self.sequence, self.transaction, self.key.as_ref())
        {
            place.push(format!("transaction {sequence} {id} ({key})"));
        }
        place.extend(self.day.as_ref().map(|day| format!("the seal of {day}")));
        place.extend(self.chunk.as_ref().map(|chunk| format!("chunk {chunk}")));
        write!(f, "{}: {}", place.join(", "), self.what)
    }
}

/// A line for every chain, then every fault, then the verdict.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for VerifiedChain {
            business,
            transactions,
            hash,
        } in &self.chains
        {
            writeln!(
                f,
                "{business}  {transactions} transactions, the last {hash}"
            )?;
        }
        if let Some(day) = &self.sealed_until {
            let (seals, chunks) = (self.seals, self.chunks);
            writeln!(f, "{seals} seals over {chunks} chunks, the last of {day}")?;
        }
        for fault in &self.faults {
            writeln!(f, "FAIL  {fault}")?;
        }
        if self.unlisted > 0 {
            writeln!(f, "and {} more", self.unlisted)?;
        }
        f.write_str(match self.clean {
            true => "nothing was changed",
            false => "SOMETHING WAS CHANGED",
        })
    }
}
