//! Funds add up, in spending order, whatever is done in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::id::CampaignId;
use crate::ledger::{Entry, LedgerAccount, Posting, WalletBalance, sum};
use crate::money::Currency;

fn krw(micro: i64) -> Money {
    Money::from_micro(micro, Currency::Krw)
}

fn lot(number: u8) -> LotId {
    LotId::from_bytes([number; 16])
}

fn campaign(number: u8) -> CampaignId {
    CampaignId::from_bytes([number; 16])
}

fn part(number: u8, expires_at: i64, micro: i64) -> LotPart {
    LotPart {
        lot: lot(number),
        expires_at: Timestamp::from_millis(expires_at),
        amount: krw(micro),
    }
}

#[test]
fn the_lot_that_expires_first_is_spent_first_and_cash_last() {
    let lots = [part(1, 300, 50), part(2, 100, 20), part(3, 200, 30)];
    let spent = |amount| Funds::spend(&lots, krw(amount)).unwrap();
    assert_eq!(spent(10).lots(), [(lot(2), krw(10))]);
    let (first, second) = ((lot(2), krw(20)), (lot(3), krw(30)));
    assert_eq!(spent(60).lots(), [first, second, (lot(1), krw(10))]);
    assert_eq!(spent(60).cash, krw(0));
    let all = [first, second, (lot(1), krw(50))];
    assert_eq!((spent(130).lots(), spent(130).cash), (&all[..], krw(30)));
    // And back from the other end: cash, then the lot that lasts longest.
    let back = |amount| Funds::give_back(&lots, krw(30), krw(amount)).unwrap();
    assert_eq!((back(20).lots(), back(20).cash), (&[][..], krw(20)));
    assert_eq!(back(45).lots(), [(lot(1), krw(15))]);
    assert_eq!(
        back(125).lots(),
        [(lot(2), krw(15)), second, (lot(1), krw(50))]
    );
    // More than there is stays visible as cash.
    assert_eq!(back(140).cash, krw(40));
    assert_eq!(back(140).total().unwrap(), krw(140));
}

/// One step of a business's life.
#[derive(Debug, Clone)]
enum Step {
    TopUp(i64),
    Grant { lasts: i64, amount: i64 },
    Hold { campaign: u8, amount: i64 },
    Capture { campaign: u8, share: u8 },
    Release { campaign: u8, share: u8 },
    Pass(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1i64..1_000).prop_map(Step::TopUp),
        (1i64..100, 1i64..500).prop_map(|(lasts, amount)| Step::Grant { lasts, amount }),
        (0u8..4, 1i64..900).prop_map(|(campaign, amount)| Step::Hold { campaign, amount }),
        (0u8..4, 1u8..=100).prop_map(|(campaign, share)| Step::Capture { campaign, share }),
        (0u8..4, 1u8..=100).prop_map(|(campaign, share)| Step::Release { campaign, share }),
        (1i64..60).prop_map(Step::Pass),
    ]
}

/// A unit of money that knows where it came from: what the order of spending is checked on.
#[derive(Default)]
struct Model {
    now: i64,
    next_lot: u8,
    cash: i64,
    /// Per lot: when it expires, what is free, granted, spent, expired.
    lots: BTreeMap<u8, ModelLot>,
    /// Per campaign: what it holds of each lot (`None` is cash).
    held: BTreeMap<u8, BTreeMap<Option<u8>, i64>>,
    entries: Vec<Entry>,
    holds: i64,
    captures: i64,
    releases: i64,
}

#[derive(Default, Clone, Copy)]
struct ModelLot {
    expires_at: i64,
    free: i64,
    granted: i64,
    spent: i64,
    expired: i64,
}

impl Model {
    fn book(&mut self, posting: Posting) {
        assert!(sum(posting.entries(), Currency::Krw).unwrap().is_zero());
        self.entries.extend_from_slice(posting.entries());
    }

    fn expire(&mut self) {
        let now = self.now;
        let due = self
            .lots
            .iter()
            .filter(|(_, l)| l.expires_at <= now && l.free > 0);
        let due: Vec<u8> = due.map(|(number, _)| *number).collect();
        for number in due {
            let Some(of) = self.lots.get_mut(&number) else {
                continue;
            };
            let left = std::mem::take(&mut of.free);
            of.expired += left;
            self.book(Posting::promotional_expiry(lot(number), krw(left)).unwrap());
        }
    }

    fn step(&mut self, step: &Step) {
        self.expire();
        match *step {
            Step::Pass(time) => self.now += time,
            Step::TopUp(amount) => {
                self.cash += amount;
                self.book(Posting::top_up(krw(amount), krw(0), krw(0)).unwrap());
            }
            Step::Grant { lasts, amount } => {
                let number = self.next_lot;
                self.next_lot += 1;
                let of = ModelLot {
                    expires_at: self.now + lasts,
                    free: amount,
                    granted: amount,
                    ..ModelLot::default()
                };
                self.lots.insert(number, of);
                self.book(Posting::promotional_grant(lot(number), krw(amount)).unwrap());
            }
            Step::Hold { campaign, amount } => self.hold(campaign, amount),
            Step::Capture { campaign, share } => self.capture(campaign, share),
            Step::Release { campaign, share } => self.release(campaign, share),
        }
    }

    fn hold(&mut self, number: u8, amount: i64) {
        let free: Vec<LotPart> = self
            .lots
            .iter()
            .map(|(n, l)| part(*n, l.expires_at, l.free))
            .collect();
        let credit: i64 = self.lots.values().map(|lot| lot.free).sum();
        if amount > self.cash + credit {
            return;
        }
        let funds = Funds::spend(&free, krw(amount)).unwrap();
        assert_eq!(funds.total().unwrap(), krw(amount));
        // No lot is left with credit that expires before one that was touched.
        for (touched, _) in funds.lots() {
            let expiry_of = |id: LotId| self.lots[&id.as_bytes()[0]].expires_at;
            for (other, of) in &self.lots {
                let whole = funds
                    .lots()
                    .iter()
                    .any(|(id, a)| *id == lot(*other) && a.micro() == of.free);
                assert!(of.free == 0 || whole || of.expires_at >= expiry_of(*touched));
            }
        }
        let cash = amount - funds.lots().iter().map(|(_, a)| a.micro()).sum::<i64>();
        assert!(
            cash == 0 || cash > 0 && amount - cash == credit,
            "cash is spent last"
        );
        for (from, of) in funds.parts() {
            let from = from.map(|id| id.as_bytes()[0]);
            match from.and_then(|n| self.lots.get_mut(&n)) {
                Some(lot) => lot.free -= of.micro(),
                None => self.cash -= of.micro(),
            }
            *self
                .held
                .entry(number)
                .or_default()
                .entry(from)
                .or_default() += of.micro();
        }
        self.holds += amount;
        self.book(Posting::hold(campaign(number), &funds).unwrap());
    }

    fn pinned(&self, number: u8) -> (Vec<LotPart>, i64, i64) {
        let held = self.held.get(&number).cloned().unwrap_or_default();
        let lots = held
            .iter()
            .filter_map(|(from, a)| from.map(|n| part(n, self.lots[&n].expires_at, *a)));
        let cash = held.get(&None).copied().unwrap_or_default();
        (lots.collect(), cash, held.values().sum())
    }

    fn take(&mut self, number: u8, funds: &Funds) {
        for (from, of) in funds.parts() {
            let from = from.map(|id| id.as_bytes()[0]);
            let held = self
                .held
                .get_mut(&number)
                .and_then(|held| held.get_mut(&from))
                .unwrap();
            *held -= of.micro();
            assert!(*held >= 0, "no part passes what is pinned");
        }
    }

    fn capture(&mut self, number: u8, share: u8) {
        let (lots, _, open) = self.pinned(number);
        let amount = open * i64::from(share) / 100;
        if amount == 0 {
            return;
        }
        // A pinned lot stays spendable after its expiry.
        let funds = Funds::spend(&lots, krw(amount)).unwrap();
        self.take(number, &funds);
        for (id, of) in funds.lots() {
            self.lots.get_mut(&id.as_bytes()[0]).unwrap().spent += of.micro();
        }
        self.captures += amount;
        self.book(Posting::capture(&[(campaign(number), funds)]).unwrap());
    }

    fn release(&mut self, number: u8, share: u8) {
        let (lots, cash, open) = self.pinned(number);
        let amount = open * i64::from(share) / 100;
        if amount == 0 {
            return;
        }
        let funds = Funds::give_back(&lots, krw(cash), krw(amount)).unwrap();
        self.take(number, &funds);
        let now = self.now;
        let expired: Vec<LotId> = self
            .lots
            .iter()
            .filter(|(_, l)| l.expires_at <= now)
            .map(|(n, _)| lot(*n))
            .collect();
        for (from, of) in funds.parts() {
            match from {
                None => self.cash += of.micro(),
                Some(id) => {
                    let lot = self.lots.get_mut(&id.as_bytes()[0]).unwrap();
                    match expired.contains(&id) {
                        true => lot.expired += of.micro(),
                        false => lot.free += of.micro(),
                    }
                }
            }
        }
        self.releases += amount;
        let posting = Posting::release(campaign(number), &funds, |id| expired.contains(&id));
        self.book(posting.unwrap());
    }

    fn check(&self) {
        assert!(sum(&self.entries, Currency::Krw).unwrap().is_zero());
        let wallet = WalletBalance::rebuild(&self.entries, Currency::Krw).unwrap();
        let credit: i64 = self.lots.values().map(|lot| lot.free).sum();
        assert_eq!(wallet.available, krw(self.cash + credit));
        let held: i64 = self.held.values().flat_map(BTreeMap::values).sum();
        assert_eq!(wallet.held, krw(held));
        assert_eq!(
            self.holds,
            self.captures + self.releases + held,
            "hold = capture + release"
        );
        for (number, of) in &self.lots {
            let pinned: i64 = self
                .held
                .values()
                .filter_map(|held| held.get(&Some(*number)))
                .sum();
            assert_eq!(of.granted, of.free + pinned + of.spent + of.expired);
            let of_lot = |account| -> i64 {
                let of_lot = |e: &&Entry| e.lot == Some(lot(*number)) && e.account == account;
                self.entries
                    .iter()
                    .filter(of_lot)
                    .map(|e| e.amount.micro())
                    .sum()
            };
            assert_eq!(of_lot(LedgerAccount::PromotionalCredit), -of.free);
            assert_eq!(of_lot(LedgerAccount::Held), -pinned);
            assert_eq!(of_lot(LedgerAccount::Revenue), -of.spent);
            assert_eq!(
                of_lot(LedgerAccount::PromotionalExpense),
                of.granted - of.expired
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    #[test]
    fn the_books_of_any_life_add_up(steps in prop::collection::vec(any_step(), 0..24)) {
        let mut model = Model::default();
        for step in &steps {
            model.step(step);
            model.check();
        }
    }

    #[test]
    fn parts_add_up(
        lots in prop::collection::vec((0i64..50, 0i64..1_000), 0..8),
        cash in 0i64..1_000,
        amount in 0i64..9_000,
    ) {
        let lots: Vec<LotPart> = (0u8..)
            .zip(lots)
            .map(|(number, (expires_at, amount))| part(number, expires_at, amount))
            .collect();
        let of_lot = |funds: &Funds, id| -> i64 {
            funds.lots().iter().filter(|(lot, _)| *lot == id).map(|(_, a)| a.micro()).sum()
        };
        for funds in [
            Funds::spend(&lots, krw(amount)).unwrap(),
            Funds::give_back(&lots, krw(cash), krw(amount)).unwrap(),
        ] {
            prop_assert_eq!(funds.total().unwrap(), krw(amount));
            prop_assert!(funds.cash.micro() >= 0);
            for part in &lots {
                prop_assert!(of_lot(&funds, part.lot) <= part.amount.micro());
            }
        }
    }
}
