//! The proof that the books close: every invariant of delivery and billing, checked on what stands
//! in the database, as of one commit. A campaign that runs meanwhile breaks none of them.
//!
//! Owns: the checks, their ids and names. Does not own: alarms, and above all no correction. What a
//! database cannot know (what the messenger accepted) is compared where the messenger's log is.

mod books; // a business: its ledger replayed, its wallet, its funds
mod campaign; // a campaign: its hold, grants, ranges and captures
mod freeze; // its freeze: ranges, exclusions, grants
mod chunk; // a chunk number with its rounds: numbers, outcomes, states, capture rows
mod spending; // holds against the budgets of their moment
mod light; // sums alone, every few minutes

pub use light::reconcile_lightly;

use std::collections::BTreeSet;
use std::fmt;

use domain::id::BusinessId;
use serde::Serialize;
use store::Store;

use crate::BillingError;

/// What one check lists at most; the rest is counted.
pub const VIOLATIONS_LISTED_MAX: usize = 20;
/// Campaigns read at once.
const CAMPAIGNS_PER_PAGE: u32 = 100;

/// A named check: `I…` are the invariants of delivery, `B…` those of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    BilledOnce,
    BilledWasAccepted,
    AcceptedIsCaptured,
    AudiencePartitioned,
    RangesAddUp,
    OutcomesAddUp,
    MovedIsNextRound,
    NothingLost,
    TransactionsBalance,
    CapturesArePrices,
    CapturesAreBooked,
    HoldsCover,
    HoldsEnd,
    FrozenWithinGranted,
    WithinFunds,
    StatesFollowDiagrams,
    EvidenceKept,
    WalletIsLedger,
    HeldIsOpenHolds,
    HoldsAreBooked,
    HeldOnce,
    ChainUnbroken,
    NoOrphans,
    LotsAreBooked,
    WithinBudgets,
    BillsAreCaptures,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub id: &'static str,
    pub name: &'static str,
    /// How many things were looked at: a check that looked at nothing proves nothing.
    pub checked: u64,
    /// In words, each naming the rows; past [`VIOLATIONS_LISTED_MAX`] the last one counts the rest.
    pub violations: Vec<String>,
}

/// Every check, and whether all of them hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reconciliation {
    pub checks: Vec<Check>,
    pub clean: bool,
    /// Businesses whose books something was found in.
    #[serde(skip)]
    pub unclean: Vec<BusinessId>,
}

/// Checks everything, reading as of one commit; chunks are streamed, so memory grows with the
/// largest audience's bitmap only.
pub async fn reconcile(store: &Store) -> Result<Reconciliation, BillingError> {
    let snapshot = store.snapshot().await?;
    let mut tally = Tally::default();
    for business in snapshot.recorded_businesses().await? {
        tally.business = Some(business.id);
        books::check(&snapshot, &business, &mut tally).await?;
    }
    let mark = snapshot.roll_up_mark().await?;
    let mut after = None;
    loop {
        let page = snapshot
            .recorded_campaigns(after, CAMPAIGNS_PER_PAGE)
            .await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for record in page {
            tally.business = Some(record.business);
            campaign::check(&snapshot, record, mark, &mut tally).await?;
        }
    }
    tally.business = None;
    for orphans in snapshot.orphans().await? {
        let table = orphans.table;
        tally.expect(Invariant::NoOrphans, orphans.count == 0, || {
            format!(
                "{} rows of {table} have no {}",
                orphans.count, orphans.missing
            )
        });
    }
    snapshot.end().await?;
    Ok(tally.finish())
}

impl Invariant {
    pub const ALL: [Invariant; 26] = [
        Self::BilledOnce,
        Self::BilledWasAccepted,
        Self::AcceptedIsCaptured,
        Self::AudiencePartitioned,
        Self::RangesAddUp,
        Self::OutcomesAddUp,
        Self::MovedIsNextRound,
        Self::NothingLost,
        Self::TransactionsBalance,
        Self::CapturesArePrices,
        Self::CapturesAreBooked,
        Self::HoldsCover,
        Self::HoldsEnd,
        Self::FrozenWithinGranted,
        Self::WithinFunds,
        Self::StatesFollowDiagrams,
        Self::EvidenceKept,
        Self::WalletIsLedger,
        Self::HeldIsOpenHolds,
        Self::HoldsAreBooked,
        Self::HeldOnce,
        Self::ChainUnbroken,
        Self::NoOrphans,
        Self::LotsAreBooked,
        Self::WithinBudgets,
        Self::BillsAreCaptures,
    ];

    pub const fn id(self) -> &'static str {
        self.id_and_name().0
    }

    pub const fn name(self) -> &'static str {
        self.id_and_name().1
    }

    const fn id_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::BilledOnce => ("I1", "at most one billed send per campaign and user"),
            Self::BilledWasAccepted => ("I3", "what is billed was accepted"),
            Self::AcceptedIsCaptured => ("I4", "what was accepted before the mark is captured"),
            Self::AudiencePartitioned => ("I5a", "first rounds and exclusions part the audience"),
            Self::RangesAddUp => ("I5b", "freeze ranges hold what they say they froze"),
            Self::OutcomesAddUp => ("I5c", "outcomes of a terminal chunk add up to its size"),
            Self::MovedIsNextRound => ("I5d", "who was moved is the next round"),
            Self::NothingLost => ("I6", "nothing is lost at rest"),
            Self::TransactionsBalance => ("I7", "every ledger transaction sums to zero"),
            Self::CapturesArePrices => ("I8a", "captures are the price of billable outcomes"),
            Self::CapturesAreBooked => ("I8b", "captures are booked, to the micro-unit"),
            Self::HoldsCover => ("I9a", "open holds cover what may still be billed"),
            Self::HoldsEnd => ("I9b", "the hold of a campaign at rest is zero"),
            Self::FrozenWithinGranted => ("I9c", "frozen is counted right and within granted"),
            Self::WithinFunds => ("I10", "spent and held stay within funds at every commit"),
            Self::StatesFollowDiagrams => ("I11a", "states, epochs and times follow the diagrams"),
            Self::EvidenceKept => ("I11b", "chunks keep the evidence of what was sent"),
            Self::WalletIsLedger => ("B1", "wallets are what their ledger entries add up to"),
            Self::HeldIsOpenHolds => ("B2", "held money is the sum of open holds"),
            Self::HoldsAreBooked => ("B3", "holds, captures and releases are booked"),
            Self::HeldOnce => ("B4", "a launched campaign holds once"),
            Self::ChainUnbroken => ("B5", "the hash chain of the ledger is unbroken"),
            Self::NoOrphans => ("B6", "every row belongs to something"),
            Self::LotsAreBooked => ("B7", "promotional credit is where its entries say"),
            Self::WithinBudgets => ("B8", "no hold passed a budget that was in force"),
            Self::BillsAreCaptures => ("B9", "the bills of closed months are their captures"),
        }
    }
}

/// `ok   I1   at most one billed send …  (43,163 checked)`, violations indented below.
impl fmt::Display for Reconciliation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let verdict = if check.violations.is_empty() {
                "ok  "
            } else {
                "FAIL"
            };
            let Check {
                id, name, checked, ..
            } = check;
            writeln!(f, "{verdict} {id:<4} {name} ({checked} checked)")?;
            for violation in &check.violations {
                writeln!(f, "          {violation}")?;
            }
        }
        f.write_str(if self.clean {
            "the books close"
        } else {
            "THE BOOKS DO NOT CLOSE"
        })
    }
}

/// Where checks report what they saw.
#[derive(Default)]
struct Tally {
    results: [Found; Invariant::ALL.len()],
    /// Whose books are looked at.
    business: Option<BusinessId>,
    unclean: BTreeSet<BusinessId>,
}

#[derive(Default)]
struct Found {
    checked: u64,
    violations: Vec<String>,
    unlisted: u64,
}

impl Tally {
    /// One thing looked at; `words` name it where the invariant does not hold.
    fn expect(&mut self, invariant: Invariant, holds: bool, words: impl FnOnce() -> String) {
        self.expect_of_many(invariant, 1, holds, words);
    }

    /// The same for `many` things that were looked at together.
    fn expect_of_many(
        &mut self,
        invariant: Invariant,
        many: u64,
        holds: bool,
        words: impl FnOnce() -> String,
    ) {
        let found = &mut self.results[invariant as usize];
        found.checked += many;
        if !holds {
            self.unclean.extend(self.business);
        }
        if holds {
        } else if found.violations.len() < VIOLATIONS_LISTED_MAX {
            found.violations.push(words());
        } else {
            found.unlisted += 1;
        }
    }

    fn finish(self) -> Reconciliation {
        let check = |(invariant, mut found): (Invariant, Found)| {
            if found.unlisted > 0 {
                found
                    .violations
                    .push(format!("and {} more", found.unlisted));
            }
            Check {
                id: invariant.id(),
                name: invariant.name(),
                checked: found.checked,
                violations: found.violations,
            }
        };
        let checks: Vec<Check> = Invariant::ALL
            .into_iter()
            .zip(self.results)
            .map(check)
            .collect();
        let clean = checks.iter().all(|check| check.violations.is_empty());
        Reconciliation {
            checks,
            clean,
            unclean: self.unclean.into_iter().collect(),
        }
    }
}
