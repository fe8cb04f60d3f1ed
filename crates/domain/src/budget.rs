//! Budgets: the most that may be held and spent in a month of a business, in a day of an account,
//! by a campaign. Net, as the wallet is.
//!
//! A campaign counts in the day and month of its launch, held and captured alike, whenever its
//! sends settle; what is released counts no more. A budget may be lowered below what is used: then
//! it refuses whatever else would be held.

use std::fmt;

use crate::id::{AccountId, BusinessId, CampaignId, Id};
use crate::money::Money;
use crate::time::{LocalDay, Timestamp};

/// What a budget is for. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetOf {
    /// A month of the business, in its contract's zone.
    Month(BusinessId),
    /// A day of the account, in the same zone.
    Day(AccountId),
    Campaign(CampaignId),
}

/// When campaigns are launched that count in one budget: `from` included, `until` not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// A budget in force, and what is used of it in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub of: BudgetOf,
    pub limit: Money,
    /// Held and captured, without what was released.
    pub used: Money,
    pub period: Period,
}

/// How much of a budget is used, where the brand is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertStep {
    Half,
    Most,
    All,
}

impl AlertStep {
    pub const ALL: [AlertStep; 3] = [Self::Half, Self::Most, Self::All];

    pub const fn percent(self) -> u8 {
        match self {
            Self::Half => 50,
            Self::Most => 80,
            Self::All => 100,
        }
    }

    pub fn from_percent(percent: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.percent() == percent)
    }
}

impl BudgetOf {
    pub const fn code(self) -> u8 {
        match self {
            Self::Month(_) => 1,
            Self::Day(_) => 2,
            Self::Campaign(_) => 3,
        }
    }

    /// Reads the two columns of a row; `None` where they hold no budget.
    pub fn from_codes(code: u8, subject: &[u8]) -> Option<Self> {
        match code {
            1 => Id::from_slice(subject).map(Self::Month),
            2 => Id::from_slice(subject).map(Self::Day),
            3 => Id::from_slice(subject).map(Self::Campaign),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Month(_) => "month",
            Self::Day(_) => "day",
            Self::Campaign(_) => "campaign",
        }
    }

    /// The id of what it belongs to.
    pub const fn subject(&self) -> &[u8; 16] {
        match self {
            Self::Month(business) => business.as_bytes(),
            Self::Day(account) => account.as_bytes(),
            Self::Campaign(campaign) => campaign.as_bytes(),
        }
    }

    /// The period that a moment is in.
    pub fn period(self, at: Timestamp, zone: &jiff::tz::TimeZone) -> Period {
        let day = LocalDay::of(at, zone);
        match self {
            Self::Month(_) => Period {
                from: day.first_of_month().begin(zone),
                until: day.last_of_month().end(zone),
            },
            Self::Day(_) => Period {
                from: day.begin(zone),
                until: day.end(zone),
            },
            Self::Campaign(_) => Period {
                from: Timestamp::from_millis(i64::MIN),
                until: Timestamp::from_millis(i64::MAX),
            },
        }
    }
}

/// `the account's budget of the day`.
impl fmt::Display for BudgetOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Month(_) => "the business's budget of the month",
            Self::Day(_) => "the account's budget of the day",
            Self::Campaign(_) => "the campaign's budget",
        })
    }
}

impl Period {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl Budget {
    /// Before anything is held of it.
    pub fn unused(of: BudgetOf, limit: Money, at: Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        Self {
            of,
            limit,
            used: Money::zero(limit.currency()),
            period: of.period(at, zone),
        }
    }

    /// What may still be held; nothing where more is used than the limit is now.
    pub fn room(&self) -> Money {
        let micro = self.limit.micro().saturating_sub(self.used.micro());
        Money::from_micro(micro.max(0), self.limit.currency())
    }

    /// The steps that what is used has come to. A budget of nothing is used up as it is.
    pub fn reached(&self) -> impl Iterator<Item = AlertStep> {
        let (used, limit) = (
            i128::from(self.used.micro()),
            i128::from(self.limit.micro()),
        );
        let is_reached = move |step: &AlertStep| used * 100 >= limit * i128::from(step.percent());
        AlertStep::ALL.into_iter().filter(is_reached)
    }

    /// Whether so much more may be held. What costs nothing passes no budget.
    pub fn admits(&self, amount: Money) -> bool {
        amount.micro() <= self.room().micro()
    }
}

/// What may still be held under all of these; `None` where there are none.
pub fn room(budgets: &[Budget]) -> Option<Money> {
    budgets
        .iter()
        .map(Budget::room)
        .min_by_key(|room| room.micro())
}

/// The first of these that so much more would pass.
pub fn refusing(budgets: &[Budget], amount: Money) -> Option<&Budget> {
    budgets.iter().find(|budget| !budget.admits(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::time::zone;
    use proptest::prelude::*;

    fn won(micro: i64) -> Money {
        Money::from_micro(micro, Currency::Krw)
    }

    fn budget(limit: i64, used: i64) -> Budget {
        Budget {
            of: BudgetOf::Day(AccountId::from_bytes([1; 16])),
            limit: won(limit),
            used: won(used),
            period: BudgetOf::Campaign(CampaignId::from_bytes([0; 16]))
                .period(Timestamp::from_millis(0), &zone("UTC").unwrap()),
        }
    }

    #[test]
    fn a_lowered_budget_refuses_all_but_what_costs_nothing() {
        let lowered = budget(100, 130);
        assert_eq!(lowered.room(), won(0));
        assert!(lowered.admits(won(0)) && !lowered.admits(won(1)));
        assert_eq!(budget(100, 100).room(), won(0));
        assert_eq!(budget(100, 99).room(), won(1));
    }

    #[test]
    fn steps_are_reached_to_the_micro_unit() {
        let reached = |used, limit| -> Vec<u8> {
            let budget = budget(limit, used);
            budget.reached().map(AlertStep::percent).collect()
        };
        assert_eq!(reached(499_999, 1_000_000), Vec::<u8>::new());
        assert_eq!(reached(500_000, 1_000_000), [50]);
        assert_eq!(reached(799_999, 1_000_000), [50]);
        assert_eq!(reached(800_000, 1_000_000), [50, 80]);
        assert_eq!(reached(1_000_000, 1_000_000), [50, 80, 100]);
        assert_eq!(reached(0, 0), [50, 80, 100]);
        assert_eq!(reached(i64::MAX, i64::MAX), [50, 80, 100]);
        for step in AlertStep::ALL {
            assert_eq!(AlertStep::from_percent(step.percent()), Some(step));
        }
    }

    #[test]
    fn the_tightest_of_several_decides() {
        let budgets = [budget(100, 20), budget(50, 10), budget(90, 0)];
        assert_eq!(room(&budgets), Some(won(40)));
        assert_eq!(refusing(&budgets, won(40)), None);
        assert_eq!(refusing(&budgets, won(41)), Some(&budgets[1]));
        assert_eq!(refusing(&budgets, won(81)), Some(&budgets[0]));
        assert_eq!((room(&[]), refusing(&[], won(1))), (None, None));
    }

    #[test]
    fn periods_are_those_of_the_wall() {
        let at = |text: &str| Timestamp::parse_rfc3339(text).unwrap();
        let seoul = zone("Asia/Seoul").unwrap();
        let month = BudgetOf::Month(BusinessId::from_bytes([1; 16]));
        let day = BudgetOf::Day(AccountId::from_bytes([1; 16]));
        // One in the morning of the first of December there, the last of November in UTC.
        let december = at("2026-11-30T16:00:00Z");
        let of_month = month.period(december, &seoul);
        assert_eq!(of_month.from, at("2026-12-01T00:00:00+09:00"));
        assert_eq!(of_month.until, at("2027-01-01T00:00:00+09:00"));
        assert!(of_month.contains(december) && !of_month.contains(of_month.until));
        let of_day = day.period(december, &seoul);
        assert_eq!(of_day.from, at("2026-12-01T00:00:00+09:00"));
        assert_eq!(of_day.until, at("2026-12-02T00:00:00+09:00"));
        // A day of 23 hours.
        let york = zone("America/New_York").unwrap();
        let short = day.period(at("2027-03-14T12:00:00Z"), &york);
        assert_eq!(short.until.since(short.from).as_secs(), 23 * 3_600);
        let leap = month.period(at("2028-02-29T12:00:00Z"), &seoul);
        assert_eq!(leap.until, at("2028-03-01T00:00:00+09:00"));
    }

    #[test]
    fn codes_round_trip() {
        let all = [
            BudgetOf::Month(BusinessId::from_bytes([1; 16])),
            BudgetOf::Day(AccountId::from_bytes([2; 16])),
            BudgetOf::Campaign(CampaignId::from_bytes([3; 16])),
        ];
        for of in all {
            assert_eq!(BudgetOf::from_codes(of.code(), of.subject()), Some(of));
            assert_eq!(BudgetOf::from_codes(of.code(), &[0; 15]), None);
        }
        assert_eq!(BudgetOf::from_codes(0, &[0; 16]), None);
    }

    proptest! {
        /// Whatever is asked for, in whatever order budgets are moved: what was admitted stays
        /// within the limit it was admitted under.
        #[test]
        fn what_is_admitted_stays_within(
            steps in proptest::collection::vec((any::<bool>(), 0_i64..1_000), 1..60)
        ) {
            let mut now = budget(500, 0);
            for (is_hold, amount) in steps {
                match is_hold {
                    true if now.admits(won(amount)) => {
                        now.used = now.used.checked_add(won(amount)).unwrap();
                        prop_assert!(amount == 0 || now.used.micro() <= now.limit.micro());
                    }
                    true => prop_assert!(now.used.micro() + amount > now.limit.micro()),
                    false => now.limit = won(amount),
                }
                prop_assert!(now.admits(now.room()));
                prop_assert!(!now.admits(now.room().checked_add(won(1)).unwrap()));
            }
        }

        #[test]
        fn every_moment_is_in_its_period(seconds in 0_i64..4_000_000_000, month in any::<bool>()) {
            let at = Timestamp::from_millis(seconds * 1_000);
            let of = match month {
                true => BudgetOf::Month(BusinessId::from_bytes([1; 16])),
                false => BudgetOf::Day(AccountId::from_bytes([1; 16])),
            };
            for name in ["Asia/Seoul", "America/New_York", "Australia/Lord_Howe"] {
                let zone = zone(name).unwrap();
                let period = of.period(at, &zone);
                prop_assert!(period.contains(at));
                // The next one begins where this one ends.
                prop_assert_eq!(of.period(period.until, &zone).from, period.until);
            }
        }
    }
}
