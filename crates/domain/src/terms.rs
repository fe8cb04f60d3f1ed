//! What a campaign's sends are priced by: the book, the contract, and what its month has already.

use crate::contract::{Contract, Share};
use crate::money::Money;
use crate::price::{PriceBook, PriceError, Quote, Tariff, quote, vat};

/// What campaigns of a business have taken of a plan's month, reserved and sent alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanUse {
    /// Of the quota.
    pub quota: u64,
    /// Beyond it.
    pub additional: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub book: PriceBook,
    pub contract: Contract,
    pub used: PlanUse,
}

impl Terms {
    /// How many of these sends the month's quota includes; `None` where they pass the plan.
    pub fn share(&self, units: u64) -> Option<Share> {
        let PlanUse { quota, additional } = self.used;
        self.contract.share(units, quota, additional)
    }

    /// The most that these sends can cost: what a launch holds. That they may pass the plan is
    /// asked with [`Terms::share`].
    pub fn quote(&self, tariff: Tariff, units: u64) -> Result<Quote, PriceError> {
        let mut whole = quote([(tariff, units)], &self.book)?;
        let included = units.min(self.quota_left());
        for line in &mut whole.lines {
            line.included = included;
            line.amount = line.unit_price.times(line.count - included)?;
            whole.net = line.amount;
        }
        whole.vat = vat(whole.net)?;
        Ok(whole)
    }

    /// How many sends so much money pays for, those included in the quota among them, each at the
    /// dearest price it can reach.
    pub fn affordable(&self, tariff: Tariff, money: Money) -> u64 {
        let paid_for = match self.book.bands(tariff).dearest().micro() {
            0 => u64::MAX,
            price => u64::try_from(money.micro() / price).unwrap_or(0),
        };
        self.quota_left().saturating_add(paid_for)
    }

    /// The terms of what is never charged, a test: it costs nothing, and takes nothing of a plan
    /// either, neither of its quota nor of what it sells beyond.
    pub fn free(&self) -> Self {
        Self {
            book: self.book.free(),
            contract: Contract::standard(self.book.currency()),
            used: PlanUse::default(),
        }
    }

    pub fn quota_left(&self) -> u64 {
        self.contract.quota.saturating_sub(self.used.quota)
    }

    /// How many more sends the plan has this month.
    pub fn room(&self) -> u64 {
        let additional = self
            .contract
            .additional_max
            .map_or(u64::MAX, |max| max.saturating_sub(self.used.additional));
        self.quota_left().saturating_add(additional)
    }

    /// Whether what a send costs depends on those before it: then captures are priced one slice
    /// after the other, in the order they settled.
    pub fn is_by_unit(&self, tariff: Tariff) -> bool {
        self.contract.quota > 0 || !self.book.bands(tariff).is_flat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Billable, Preset};
    use crate::money::Currency;
    use crate::time::Timestamp;

    fn terms(used: PlanUse) -> Terms {
        let three = Money::whole(3, Currency::Jpy);
        let book = PriceBook::of(2, Currency::Jpy, Timestamp::from_millis(0), |_| three);
        Terms {
            book: book.unwrap(),
            contract: Preset::Standard.contract(),
            used,
        }
    }

    #[test]
    fn a_quote_takes_the_quota_first() {
        let quota = PlanUse {
            quota: 29_990,
            additional: 0,
        };
        let terms = terms(quota);
        let quote = terms.quote(Tariff::Untargeted, 15).unwrap();
        let line = quote.lines[0];
        assert_eq!((line.count, line.included), (15, 10));
        assert_eq!(quote.net, Money::whole(15, Currency::Jpy));
        assert_eq!(quote.vat.to_string(), "1.5 JPY");
        let free = terms.quote(Tariff::Untargeted, 10).unwrap();
        assert!(free.net.is_zero() && free.vat.is_zero());
        assert!(terms.quote(Tariff::Targeted, 0).unwrap().lines.is_empty());
        assert!(terms.is_by_unit(Tariff::Untargeted));
    }

    #[test]
    fn what_is_free_costs_nothing_and_takes_nothing_of_a_plan() {
        let spent = PlanUse {
            quota: 30_000,
            additional: 7,
        };
        let mut of_plan = terms(spent);
        of_plan.contract.billable = Billable::Delivered;
        let free = of_plan.free();
        // Nobody waits for a confirmation that nothing is billed by.
        assert_eq!(free.contract.billable, Billable::Accepted);
        for tariff in Tariff::ALL {
            let quote = free.quote(tariff, 20).unwrap();
            assert!(quote.net.is_zero() && quote.vat.is_zero());
            assert_eq!((quote.count(), quote.lines[0].included), (20, 0));
            assert!(free.book.bands(tariff).dearest().is_zero());
            assert!(!free.is_by_unit(tariff));
        }
        assert_eq!(free.quota_left(), 0);
        assert_ne!(free.contract.kind, of_plan.contract.kind);
        assert_eq!(quote_version(&free), quote_version(&of_plan));
    }

    fn quote_version(terms: &Terms) -> u32 {
        terms.quote(Tariff::Targeted, 1).unwrap().book_version
    }

    #[test]
    fn a_quote_without_a_plan_is_that_of_the_book() {
        let terms = Terms {
            book: PriceBook::first(),
            contract: Contract::standard(Currency::Krw),
            used: PlanUse::default(),
        };
        let of_book = quote([(Tariff::Targeted, 43_163)], &terms.book).unwrap();
        assert_eq!(terms.quote(Tariff::Targeted, 43_163).unwrap(), of_book);
        assert!(!terms.is_by_unit(Tariff::Targeted));
    }
}
