//! A business: its ledger replayed from the first transaction, its wallet, its funds.

use std::collections::{BTreeMap, HashMap};

use domain::contract::Contract;
use domain::id::{CampaignId, LotId};
use domain::ledger::{LedgerAccount, TransactionKind, WalletBalance};
use domain::money::Money;
use store::Snapshot;
use store::ledger::LedgerTransaction;
use store::promotional::Lot;
use store::reconcile::RecordedBusiness;

use super::spending::Spending;
use super::{Invariant, Tally};
use crate::BillingError;
use crate::chain::{Chain, Link};
use crate::terms::month_begins;

/// What is checked of every transaction beside its place in the chain.
struct Replay<'a> {
    business: &'a RecordedBusiness,
    /// What each campaign holds and has neither captured nor released, in micro-units.
    open: HashMap<CampaignId, i64>,
    /// What the entries of each promotional lot add up to, per account, in micro-units.
    lots: HashMap<LotId, HashMap<LedgerAccount, i64>>,
    /// Every version of its contract.
    contracts: Vec<Contract>,
    /// What counts in its budgets; `None` where it never had one.
    spending: Option<Spending>,
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
        lots: HashMap::new(),
        contracts: snapshot.contracts(business.id).await?,
        spending: Spending::begin(snapshot, business.id).await?,
        tally,
    };
    let mut chain = Chain::begin(snapshot, business).await?;
    while let Some(page) = chain.next_page(snapshot).await? {
        for booked in &page {
            let link = chain.follow(booked);
            replay.follow(booked, link, chain.wallet)?;
        }
    }
    replay.lots(&snapshot.promotional_lots(business.id).await?);
    replay.end(&chain);
    months(snapshot, business, tally).await
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
        self.budgets(booked, &name)?;
        for entry in &booked.entries {
            if let Some(lot) = entry.lot {
                let balances = self.lots.entry(lot).or_default();
                *balances.entry(entry.account).or_default() += entry.amount.micro();
            }
        }
        // A limit may be lowered below what is spent: then only a hold of cash could pass it.
        let credit = match self.contracts.is_empty() {
            true => self.business.credit_limit,
            false => {
                let currency = self.business.currency;
                Contract::highest_limit(&self.contracts, currency, booked.booked_at)
            }
        };
        let takes_cash = booked.kind == TransactionKind::Hold
            && booked
                .entries
                .iter()
                .any(|entry| entry.account == LedgerAccount::Cash);
        let is_asked = self.contracts.is_empty() || takes_cash;
        let free = wallet.free(credit)?;
        let WalletBalance {
            held,
            owed,
            receivable,
            ..
        } = wallet;
        let within = (!is_asked || !free.checked_add(credit)?.is_negative())
            && ![held, owed, receivable]
                .iter()
                .any(|money| money.is_negative());
        self.tally.expect(Invariant::WithinFunds, within, || {
            format!("after {name} there are {wallet}, credit is {credit}")
        });
        Ok(())
    }

    /// A broadcast holds once; a standing campaign's blocks have keys of their own.
    fn holds(&mut self, booked: &LedgerTransaction, name: &str) {
        // One entry per source of a hold: its promotional lots, and cash.
        let mut held: BTreeMap<CampaignId, i64> = BTreeMap::new();
        for entry in &booked.entries {
            if let (LedgerAccount::Held, Some(campaign)) = (entry.account, entry.campaign) {
                *held.entry(campaign).or_default() -= entry.amount.micro();
            }
        }
        for (campaign, change) in held {
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
            *open += change;
            let open = *open;
            self.tally.expect(Invariant::HoldsCover, open >= 0, || {
                format!("after {name} the hold of {campaign} is {open} micro-units")
            });
        }
    }

    fn budgets(&mut self, booked: &LedgerTransaction, name: &str) -> Result<(), BillingError> {
        let Some(spending) = &mut self.spending else {
            return Ok(());
        };
        let currency = self.business.currency;
        for budget in spending.follow(booked, &self.contracts, currency)? {
            let within = budget.used.micro() <= budget.limit.micro();
            self.tally.expect(Invariant::WithinBudgets, within, || {
                let (of, limit, used) = (budget.of, budget.limit, budget.used);
                format!("after {name} {of} is {limit}, and {used} are used")
            });
        }
        Ok(())
    }

    /// What a lot's row says is what its entries add up to, and every entry is of a lot.
    fn lots(&mut self, rows: &[Lot]) {
        for lot in rows {
            let booked = self.lots.remove(&lot.id).unwrap_or_default();
            let credit = |account| -booked.get(&account).copied().unwrap_or_default();
            for (word, in_row, in_ledger) in [
                (
                    "free",
                    lot.available.micro(),
                    credit(LedgerAccount::PromotionalCredit),
                ),
                ("held", lot.pinned.micro(), credit(LedgerAccount::Held)),
                ("spent", lot.spent.micro(), credit(LedgerAccount::Revenue)),
                (
                    "given",
                    lot.amount.micro() - lot.expired.micro(),
                    -credit(LedgerAccount::PromotionalExpense),
                ),
            ] {
                self.tally
                    .expect(Invariant::LotsAreBooked, in_row == in_ledger, || {
                        let id = lot.id;
                        format!("{id}: {word} {in_row} micro-units, its entries say {in_ledger}")
                    });
            }
        }
        let unknown: Vec<LotId> = self.lots.keys().copied().collect();
        let known = unknown.is_empty();
        self.tally.expect(Invariant::LotsAreBooked, known, || {
            let business = self.business.id;
            format!("{business} has entries of lots that are not there: {unknown:?}")
        });
    }

    fn end(self, chain: &Chain<'_>) {
        let Self {
            business, tally, ..
        } = self;
        let RecordedBusiness {
            id,
            wallet,
            open_holds,
            ..
        } = business;
        let held = &wallet.held;
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

/// What a closed month's bill says is what its captures add up to, and its lines are its captures.
async fn months(
    snapshot: &Snapshot,
    business: &RecordedBusiness,
    tally: &mut Tally,
) -> Result<(), BillingError> {
    let contracts = snapshot.contracts(business.id).await?;
    for closed in snapshot.closed_months(business.id).await? {
        let (id, month) = (closed.business, closed.month);
        let begins = month_begins(&contracts, month)?;
        let billed = snapshot.month_lines(id, month).await?;
        let captured = snapshot.captured_lines(id, month, begins).await?;
        tally.expect(Invariant::BillsAreCaptures, billed == captured, || {
            format!("{id}, {month}: its bill counts {billed:?}, its captures are {captured:?}")
        });
        let earned = snapshot.month_earned(id, month, begins).await?;
        let in_books = Money::from_micro(earned.revenue_micro, business.currency);
        let says = closed.captured;
        tally.expect(Invariant::BillsAreCaptures, says == in_books, || {
            format!("{id}, {month}: its bill says {says} were captured, the books {in_books}")
        });
        let back = snapshot.re_rated_of_month(id, month).await?;
        let back = Money::from_micro(back, business.currency);
        let says = closed.re_rated;
        tally.expect(Invariant::BillsAreCaptures, says == back, || {
            format!("{id}, {month}: its bill says {says} came back, its re-rating {back}")
        });
    }
    Ok(())
}
