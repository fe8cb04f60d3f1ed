//! What happens where money, plan or budgets do not suffice for everybody a campaign reaches.
//!
//! The brand chooses beforehand. Never is a campaign sent to fewer in silence: how many were asked
//! for, how many were granted and how they were chosen is kept, and who was left out by it.

use std::fmt;
use std::time::Duration;

use crate::audience::{LimitMethod, SEED_MAX};
use crate::budget::{self, Budget};
use crate::id::CampaignId;
use crate::money::Money;
use crate::price::Tariff;
use crate::terms::Terms;

/// What the brand chose. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IfShort {
    /// It is not sent; somebody sends it again once there is enough.
    #[default]
    DoNotStart,
    /// It is sent by itself once the wallet was topped up.
    Wait,
    /// It is sent to as many as there is enough for, those of the lowest user numbers.
    FewerByNumber,
    /// The same, drawn by a recorded seed.
    FewerAtRandom,
}

/// What does not suffice. Codes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShortOf {
    Funds,
    Plan,
    Budget,
}

/// When a scheduled campaign is looked at before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForecastStep {
    Day,
    Hour,
}

/// What a campaign may take.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// What the wallet can spend.
    pub funds: Money,
    /// Those it counts in.
    pub budgets: &'a [Budget],
    pub terms: &'a Terms,
}

/// For how many of those asked for there is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    pub units: u64,
    /// What bounds them; `None` where there is enough for all.
    pub short_of: Option<ShortOf>,
}

impl IfShort {
    pub const ALL: [IfShort; 4] = [
        Self::DoNotStart,
        Self::Wait,
        Self::FewerByNumber,
        Self::FewerAtRandom,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::DoNotStart => 1,
            Self::Wait => 2,
            Self::FewerByNumber => 3,
            Self::FewerAtRandom => 4,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::DoNotStart => "do_not_start",
            Self::Wait => "wait",
            Self::FewerByNumber => "fewer_by_number",
            Self::FewerAtRandom => "fewer_at_random",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.name() == name)
    }

    /// How fewer are chosen; `None` where all of them get it or nobody. The seed is the campaign's
    /// own: a launch that a copy of the books does not know any more chose the same.
    pub fn fewer(self, campaign: CampaignId) -> Option<LimitMethod> {
        match self {
            Self::DoNotStart | Self::Wait => None,
            Self::FewerByNumber => Some(LimitMethod::UserNumber),
            Self::FewerAtRandom => {
                let [.., a, b, c, d, e, f, g, h] = *campaign.as_bytes();
                let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]) & SEED_MAX;
                Some(LimitMethod::Random { seed })
            }
        }
    }
}

impl fmt::Display for IfShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ShortOf {
    pub const ALL: [ShortOf; 3] = [Self::Funds, Self::Plan, Self::Budget];

    pub const fn code(self) -> u8 {
        match self {
            Self::Funds => 1,
            Self::Plan => 2,
            Self::Budget => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Funds => "funds",
            Self::Plan => "plan",
            Self::Budget => "budget",
        }
    }
}

impl ForecastStep {
    pub const ALL: [ForecastStep; 2] = [Self::Day, Self::Hour];

    pub const fn hours(self) -> u8 {
        match self {
            Self::Day => 24,
            Self::Hour => 1,
        }
    }

    pub fn from_hours(hours: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.hours() == hours)
    }

    /// How long before the time of a campaign.
    pub const fn before(self) -> Duration {
        Duration::from_secs(self.hours() as u64 * 3_600)
    }

    /// Whose turn it is so long before the time; `None` where that is too early.
    pub fn at(left: Duration) -> Option<Self> {
        match left {
            left if left <= Self::Hour.before() => Some(Self::Hour),
            left if left <= Self::Day.before() => Some(Self::Day),
            _ => None,
        }
    }
}

impl Means<'_> {
    /// How many of `asked` sends there is enough for, each at the dearest price it can reach.
    pub fn grant(&self, tariff: Tariff, asked: u64) -> Granted {
        let room = budget::room(self.budgets);
        let bounds = [
            (ShortOf::Plan, self.terms.room()),
            (
                ShortOf::Budget,
                room.map_or(u64::MAX, |room| self.terms.affordable(tariff, room)),
            ),
            (ShortOf::Funds, self.terms.affordable(tariff, self.funds)),
        ];
        let mut granted = Granted {
            units: asked,
            short_of: None,
        };
        for (short_of, units) in bounds {
            if units < granted.units {
                granted = Granted {
                    units,
                    short_of: Some(short_of),
                };
            }
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::{BudgetOf, Period};
    use crate::contract::Contract;
    use crate::id::AccountId;
    use crate::money::Currency;
    use crate::price::PriceBook;
    use crate::terms::PlanUse;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn won(units: i64) -> Money {
        Money::whole(units, Currency::Krw)
    }

    /// 15 KRW for everybody; a plan's month where `quota` is some.
    fn terms(quota: Option<(u64, u64)>) -> Terms {
        let mut contract = Contract::standard(Currency::Krw);
        if let Some((included, additional)) = quota {
            contract.quota = included;
            contract.additional_max = Some(additional);
        }
        Terms {
            book: PriceBook::first(),
            contract,
            used: PlanUse::default(),
        }
    }

    fn day(limit: i64, used: i64) -> Budget {
        Budget {
            of: BudgetOf::Day(AccountId::from_bytes([1; 16])),
            limit: won(limit),
            used: won(used),
            period: Period {
                from: Timestamp::from_millis(0),
                until: Timestamp::from_millis(1),
            },
        }
    }

    #[test]
    fn the_scarcest_bounds() {
        let cases = [
            (1_500, vec![], None, 100, None),
            (1_499, vec![], None, 99, Some(ShortOf::Funds)),
            (0, vec![], None, 0, Some(ShortOf::Funds)),
            (-30, vec![], None, 0, Some(ShortOf::Funds)),
            (1_500, vec![day(900, 150)], None, 50, Some(ShortOf::Budget)),
            (300, vec![day(900, 150)], None, 20, Some(ShortOf::Funds)),
            (1_500, vec![day(900, 901)], None, 0, Some(ShortOf::Budget)),
            // Ten are included in the plan, ten more are sold.
            (1_500, vec![], Some((10, 10)), 20, Some(ShortOf::Plan)),
            (75, vec![], Some((10, 10)), 15, Some(ShortOf::Funds)),
            (
                1_500,
                vec![day(30, 0)],
                Some((10, 10)),
                12,
                Some(ShortOf::Budget),
            ),
        ];
        for (funds, budgets, quota, units, short_of) in cases {
            let terms = terms(quota);
            let means = Means {
                funds: won(funds),
                budgets: &budgets,
                terms: &terms,
            };
            let granted = means.grant(Tariff::Untargeted, 100);
            let said = format!("{funds} {budgets:?} {quota:?}");
            assert_eq!(granted, Granted { units, short_of }, "{said}");
        }
    }

    #[test]
    fn a_look_is_of_the_last_step_that_has_come() {
        let at = |minutes: u64| ForecastStep::at(Duration::from_secs(minutes * 60));
        assert_eq!(at(24 * 60 + 1), None);
        assert_eq!(at(24 * 60), Some(ForecastStep::Day));
        assert_eq!(at(61), Some(ForecastStep::Day));
        assert_eq!(at(60), Some(ForecastStep::Hour));
        assert_eq!(at(0), Some(ForecastStep::Hour));
        for step in ForecastStep::ALL {
            assert_eq!(ForecastStep::from_hours(step.hours()), Some(step));
        }
    }

    #[test]
    fn choices_and_seeds_are_kept() {
        for choice in IfShort::ALL {
            assert_eq!(IfShort::from_code(choice.code()), Some(choice));
            assert_eq!(IfShort::from_name(choice.name()), Some(choice));
        }
        for what in ShortOf::ALL {
            assert_eq!(ShortOf::from_code(what.code()), Some(what));
        }
        let campaign = CampaignId::from_bytes([0xff; 16]);
        let drawn = IfShort::FewerAtRandom.fewer(campaign);
        assert_eq!(drawn, Some(LimitMethod::Random { seed: SEED_MAX }));
        assert_eq!(drawn, IfShort::FewerAtRandom.fewer(campaign));
        assert_eq!(IfShort::default().fewer(campaign), None);
    }

    proptest! {
        /// What is granted is paid for, fits into budgets and plan; one more does not.
        #[test]
        fn what_is_granted_is_the_most_that_fits(
            asked in 0_u64..10_000, funds in -1_000_i64..200_000, limit in 0_i64..200_000,
            used in 0_i64..100_000, quota in 0_u64..5_000, additional in 0_u64..5_000,
        ) {
            let (budgets, terms) = ([day(limit, used)], terms(Some((quota, additional))));
            let means = Means { funds: won(funds), budgets: &budgets, terms: &terms };
            let fits = |units: u64| {
                let net = terms.quote(Tariff::Untargeted, units).unwrap().net;
                let paid = net.is_zero() || net.micro() <= won(funds).micro();
                paid && budgets[0].admits(net) && terms.share(units).is_some()
            };
            let granted = means.grant(Tariff::Untargeted, asked);
            prop_assert!(fits(granted.units));
            prop_assert_eq!(granted.short_of.is_none(), granted.units == asked);
            prop_assert!(granted.units == asked || !fits(granted.units + 1));
        }
    }
}
