//! Where the money of a hold comes from and where it goes back to: promotional lots, then cash.
//!
//! Owns: the order. Lots are spent earliest expiry first and before cash, by holds and by the
//! captures out of them; a release gives back from the other end. Invariant: parts add up to the
//! amount that was asked for, and no part passes what its source has.

use crate::id::LotId;
use crate::money::{InvalidMoney, Money};
use crate::time::Timestamp;

/// What a source can give at most: a lot its unspent credit, a hold what it has pinned of a lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotPart {
    pub lot: LotId,
    pub expires_at: Timestamp,
    pub amount: Money,
}

/// An amount, by its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    /// In spending order, each more than zero.
    lots: Vec<(LotId, Money)>,
    cash: Money,
}

impl Funds {
    /// An amount without any promotional credit in it.
    pub const fn cash(amount: Money) -> Self {
        Self {
            lots: Vec::new(),
            cash: amount,
        }
    }

    /// What is spent first: the lots in their order, then cash. `lots` are what they still have.
    pub fn spend(lots: &[LotPart], amount: Money) -> Result<Self, InvalidMoney> {
        let mut in_order = lots.to_vec();
        in_order.sort_unstable_by_key(|part| (part.expires_at, part.lot));
        let mut rest = amount;
        let mut spent = Vec::new();
        for part in in_order {
            let taken = smaller(part.amount, rest);
            if taken.micro() <= 0 {
                continue;
            }
            rest = rest.checked_sub(taken)?;
            spent.push((part.lot, taken));
        }
        Ok(Self {
            lots: spent,
            cash: rest,
        })
    }

    /// What goes back first: cash as far as `cash` was held, then the lots from the last one on.
    /// `lots` are what is pinned of them. What is more than both stays cash, for whoever checks.
    pub fn give_back(lots: &[LotPart], cash: Money, amount: Money) -> Result<Self, InvalidMoney> {
        let mut in_order = lots.to_vec();
        in_order.sort_unstable_by_key(|part| (part.expires_at, part.lot));
        let back_in_cash = smaller(cash, amount);
        let mut rest = amount.checked_sub(back_in_cash)?;
        let mut back = Vec::new();
        for part in in_order.iter().rev() {
            let given = smaller(part.amount, rest);
            if given.micro() <= 0 {
                continue;
            }
            rest = rest.checked_sub(given)?;
            back.push((part.lot, given));
        }
        back.reverse();
        Ok(Self {
            lots: back,
            cash: back_in_cash.checked_add(rest)?,
        })
    }

    /// What came from promotional credit, in spending order.
    pub fn lots(&self) -> &[(LotId, Money)] {
        &self.lots
    }

    pub const fn in_cash(&self) -> Money {
        self.cash
    }

    /// Each source with its part, in spending order; `None` is cash. An amount without lots is one
    /// part, whatever it is.
    pub fn parts(&self) -> impl Iterator<Item = (Option<LotId>, Money)> + '_ {
        let cash = (!self.cash.is_zero() || self.lots.is_empty()).then_some((None, self.cash));
        let lots = self.lots.iter().map(|(lot, amount)| (Some(*lot), *amount));
        lots.chain(cash)
    }

    pub fn total(&self) -> Result<Money, InvalidMoney> {
        self.lots
            .iter()
            .try_fold(self.cash, |sum, (_, amount)| sum.checked_add(*amount))
    }
}

fn smaller(one: Money, other: Money) -> Money {
    match one.micro() < other.micro() {
        true => one,
        false => other,
    }
}

#[cfg(test)]
mod tests;
