//! A business: its ledger replayed from the first transaction, its wallet, its funds.

use std::collections::{BTreeMap, HashMap};

use domain::contract::Contract;
use domain::id::{CampaignId, LotId};
use domain::ledger::{ChainHash, LedgerAccount, TransactionKind, WalletBalance, sum};
use store::Snapshot;
use store::ledger::LedgerTransaction;
use store::promotional::Lot;
use store::reconcile::RecordedBusiness;

use super::{Invariant, Tally};
use crate::BillingError;

/// Ledger transactions read at once.
const TRANSACTIONS_PER_PAGE: u32 = 500;

/// Where the replay stands after a transaction.
struct Replay<'a> {
    business: &'a RecordedBusiness,
    sequence: u64,
    hash: ChainHash,
    wallet: WalletBalance,
    /// What each campaign holds and has neither captured nor released, in micro-units.
    open: HashMap<CampaignId, i64>,
    /// What the entries of each promotional lot add up to, per account, in micro-units.
    lots: HashMap<LotId, HashMap<LedgerAccount, i64>>,
    /// Every version of its contract.
    contracts: Vec<Contract>,
    tally: &'a mut Tally,
}

pub(super) async fn check(
    snapshot: &Snapshot,
    business: &RecordedBusiness,
    tally: &mut Tally,
) -> Result<(), BillingError> {
    let mut replay = Replay {
        business,
        sequence: 0,
        hash: ChainHash::GENESIS,
        wallet: WalletBalance::empty(business.currency),
        open: HashMap::new(),
        lots: HashMap::new(),
        contracts: snapshot.contracts(business.id).await?,
        tally,
    };
    loop {
        let page = snapshot
            .ledger_page(business.id, replay.sequence, TRANSACTIONS_PER_PAGE)
            .await?;
        if page.is_empty() {
            break;
        }
        for transaction in &page {
            replay.follow(transaction)?;
        }
    }
    replay.lots(&snapshot.promotional_lots(business.id).await?);
    replay.end();
    Ok(())
}

impl Replay<'_> {
    fn follow(&mut self, booked: &LedgerTransaction) -> Result<(), BillingError> {
        let name = format!("transaction {} of {}", booked.sequence, self.business.id);
        self.chain(booked, &name);
        let total = sum(&booked.entries, self.business.currency)?;
        let balances = total.is_zero() && booked.entries.len() >= 2;
        self.tally
            .expect(Invariant::TransactionsBalance, balances, || {
                let entries = booked.entries.len();
                format!(
                    "{name} ({}) has {entries} entries that sum to {total}",
                    booked.key
                )
            });
        self.holds(booked, &name);
        for entry in &booked.entries {
            if let Some(lot) = entry.lot {
                let balances = self.lots.entry(lot).or_default();
                *balances.entry(entry.account).or_default() += entry.amount.micro();
            }
        }
        let change = WalletBalance::rebuild(&booked.entries, self.business.currency)?;
        let WalletBalance {
            available,
            held,
            owed,
        } = self.wallet;
        self.wallet = WalletBalance {
            available: available.checked_add(change.available)?,
            held: held.checked_add(change.held)?,
            owed: owed.checked_add(change.owed)?,
        };
        let WalletBalance {
            available,
            held,
            owed,
        } = self.wallet;
        let free = available.checked_sub(owed)?;
        // A limit may be lowered below what is spent: then only a hold could pass it.
        let credit = match self.contracts.is_empty() {
            true => self.business.credit_limit,
            false => {
                let versions = self.contracts.iter().cloned();
                let currency = self.business.currency;
                Contract::in_effect(versions, currency, booked.booked_at).credit_limit
            }
        };
        let is_asked = self.contracts.is_empty() || booked.kind == TransactionKind::Hold;
        let within = (!is_asked || !free.checked_add(credit)?.is_negative())
            && !held.is_negative()
            && !owed.is_negative();
        self.tally.expect(Invariant::WithinFunds, within, || {
            format!(
                "after {name} {available} are available, {held} held and {owed} owed, credit is \
                 {credit}"
            )
        });
        Ok(())
    }

    fn chain(&mut self, booked: &LedgerTransaction, name: &str) {
        let follows = booked.sequence == self.sequence + 1
            && booked.previous_hash == self.hash
            && booked.hash == booked.hash_after(self.hash);
        self.tally.expect(Invariant::ChainUnbroken, follows, || {
            format!("{name} ({}) does not follow the one before it", booked.key)
        });
        self.sequence = booked.sequence;
        // From the stored hash on, so that one changed row is named once.
        self.hash = booked.hash;
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

    fn end(self) {
        let Self {
            business,
            wallet,
            tally,
            ..
        } = self;
        let RecordedBusiness {
            id,
            available,
            held,
            owed,
            open_holds,
            ..
        } = business;
        let row = WalletBalance {
            available: *available,
            held: *held,
            owed: *owed,
        };
        tally.expect(Invariant::WalletIsLedger, row == wallet, || {
            let WalletBalance {
                available: free,
                held: reserved,
                owed: due,
            } = wallet;
            format!(
                "the wallet of {id} says {available} available, {held} held and {owed} owed, its \
                 ledger {free}, {reserved} and {due}"
            )
        });
        tally.expect(Invariant::HeldIsOpenHolds, held == open_holds, || {
            format!("the wallet of {id} holds {held}, its open holds are {open_holds}")
        });
    }
}
