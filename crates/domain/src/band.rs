//! Volume bands: what the next unit costs after so many in the month.
//!
//! Pure. A flat price is one band. Invariants: slices of a run add up to it, and its price is the
//! same however the run is cut into pieces.

use crate::money::{Currency, InvalidMoney, Money};

/// Bands of one tariff, at most.
pub const BANDS_MAX: usize = 32;

/// From a number of units in the month on, a unit costs this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// Units before the first one of this band.
    pub after: u64,
    pub unit_price: Money,
}

/// Ascending, the first one from the month's first unit on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bands(Vec<Band>);

/// Units at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    pub units: u64,
    pub unit_price: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BandError {
    #[error("bands begin with the first unit of a month")]
    NoFirstBand,
    #[error("a tariff has {BANDS_MAX} bands at most")]
    TooMany,
    #[error("the band after {0} units does not follow the one before it")]
    OutOfOrder(u64),
}

impl Bands {
    pub fn flat(unit_price: Money) -> Self {
        Self(vec![Band {
            after: 0,
            unit_price,
        }])
    }

    pub fn of(bands: Vec<Band>) -> Result<Self, BandError> {
        if bands.first().is_none_or(|band| band.after != 0) {
            return Err(BandError::NoFirstBand);
        }
        if bands.len() > BANDS_MAX {
            return Err(BandError::TooMany);
        }
        match bands.windows(2).find(|pair| pair[1].after <= pair[0].after) {
            Some(pair) => Err(BandError::OutOfOrder(pair[1].after)),
            None => Ok(Self(bands)),
        }
    }

    pub fn bands(&self) -> &[Band] {
        &self.0
    }

    pub fn is_flat(&self) -> bool {
        self.0.len() == 1
    }

    /// What the month's first unit costs: the price on the list.
    pub fn first_price(&self) -> Money {
        self.0[0].unit_price
    }

    /// The most a unit can cost in whatever month it settles in, so that a hold covers it.
    pub fn dearest(&self) -> Money {
        let prices = self.0.iter().map(|band| band.unit_price);
        prices
            .max_by_key(|price| price.micro())
            .unwrap_or_else(|| self.first_price())
    }

    /// The price of the unit that `used` others of the month came before.
    pub fn price_after(&self, used: u64) -> Money {
        let place = self.0.partition_point(|band| band.after <= used);
        self.0[place.saturating_sub(1)].unit_price
    }

    /// What every unit of a month costs where all are priced at the band that the month reached.
    pub fn reached(&self, units: u64) -> Money {
        self.price_after(units.saturating_sub(1))
    }

    /// Whether more never costs more a unit.
    pub fn never_rises(&self) -> bool {
        let is_above = |pair: &[Band]| pair[1].unit_price.micro() > pair[0].unit_price.micro();
        !self.0.windows(2).any(is_above)
    }

    /// `units` more after `used` ones, each band's part at its own price.
    pub fn slices(&self, used: u64, units: u64) -> Vec<Slice> {
        let mut slices = Vec::with_capacity(1);
        let (mut used, mut rest) = (used, units);
        while rest > 0 {
            let place = self.0.partition_point(|band| band.after <= used);
            let until_next = self.0.get(place).map_or(u64::MAX, |next| next.after - used);
            let here = rest.min(until_next);
            slices.push(Slice {
                units: here,
                unit_price: self.price_after(used),
            });
            used = used.saturating_add(here);
            rest -= here;
        }
        slices
    }
}

/// Σ units × price, exact.
pub fn total(slices: &[Slice], currency: Currency) -> Result<Money, InvalidMoney> {
    slices.iter().try_fold(Money::zero(currency), |sum, slice| {
        sum.checked_add(slice.unit_price.times(slice.units)?)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yen(tenths: i64) -> Money {
        Money::from_micro(tenths * 100_000, Currency::Jpy)
    }

    fn bands(of: &[(u64, i64)]) -> Bands {
        let band = |(after, tenths): &(u64, i64)| Band {
            after: *after,
            unit_price: yen(*tenths),
        };
        Bands::of(of.iter().map(band).collect()).unwrap()
    }

    #[test]
    fn a_run_over_an_edge_is_cut_at_it() {
        let falling = bands(&[(0, 30), (50_000, 28), (100_000, 26)]);
        let cut = |used, units| -> Vec<(u64, i64)> {
            let slices = falling.slices(used, units);
            slices
                .iter()
                .map(|s| (s.units, s.unit_price.micro() / 100_000))
                .collect()
        };
        assert_eq!(cut(0, 50_000), [(50_000, 30)]);
        assert_eq!(cut(49_999, 2), [(1, 30), (1, 28)]);
        assert_eq!(cut(50_000, 1), [(1, 28)]);
        assert_eq!(cut(0, 120_000), [(50_000, 30), (50_000, 28), (20_000, 26)]);
        assert_eq!(cut(u64::MAX, 5), [(5, 26)]);
        assert_eq!(cut(7, 0), []);
        // 50,000 × 3 + 50,000 × 2.8 + 20,000 × 2.6
        let whole = total(&falling.slices(0, 120_000), Currency::Jpy).unwrap();
        assert_eq!(whole, Money::whole(342_000, Currency::Jpy));
        assert_eq!(bands(&[(0, 1), (5, 2), (9, 1)]).dearest(), yen(2));
        assert!(!bands(&[(0, 1), (5, 2), (9, 1)]).never_rises());
        assert!(falling.never_rises() && bands(&[(0, 1)]).never_rises());
        // A band is reached with its first unit, not with the last one before it.
        let reached = |units| falling.reached(units);
        assert_eq!([reached(0), reached(1), reached(50_000)], [yen(30); 3]);
        assert_eq!([reached(50_001), reached(100_000)], [yen(28); 2]);
        assert_eq!(reached(100_001), yen(26));
    }

    #[test]
    fn bands_that_cannot_be_are_refused_in_words() {
        let refused = |of: &[(u64, i64)]| {
            let band = |(after, tenths): &(u64, i64)| Band {
                after: *after,
                unit_price: yen(*tenths),
            };
            Bands::of(of.iter().map(band).collect()).unwrap_err()
        };
        assert_eq!(refused(&[]), BandError::NoFirstBand);
        assert_eq!(refused(&[(1, 30)]), BandError::NoFirstBand);
        assert_eq!(
            refused(&[(0, 30), (9, 1), (9, 2)]),
            BandError::OutOfOrder(9)
        );
        let many: Vec<(u64, i64)> = (0..33).map(|after| (after, 30)).collect();
        assert_eq!(refused(&many), BandError::TooMany);
    }

    fn any_bands() -> impl Strategy<Value = Bands> {
        prop::collection::btree_map(1u64..2_000, 0i64..500, 0..6).prop_map(|later| {
            let mut of = vec![(0, 300)];
            of.extend(later);
            bands(&of)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn slices_add_up_however_a_month_is_cut(
            bands in any_bands(),
            pieces in prop::collection::vec(0u64..900, 0..8),
        ) {
            let (mut used, mut sum) = (0, Money::zero(Currency::Jpy));
            for units in &pieces {
                let slices = bands.slices(used, *units);
                prop_assert_eq!(slices.iter().map(|slice| slice.units).sum::<u64>(), *units);
                for slice in &slices {
                    prop_assert!(slice.units > 0);
                    prop_assert!(slice.unit_price.micro() <= bands.dearest().micro());
                }
                sum = sum.checked_add(total(&slices, Currency::Jpy).unwrap()).unwrap();
                used += units;
            }
            let at_once = total(&bands.slices(0, used), Currency::Jpy).unwrap();
            prop_assert_eq!(sum, at_once);
            // More never costs less, and one at a time is the same as all at once.
            let one_more = total(&bands.slices(0, used + 1), Currency::Jpy).unwrap();
            prop_assert!(one_more.micro() >= at_once.micro());
            let last = one_more.checked_sub(at_once).unwrap();
            prop_assert_eq!(last, bands.price_after(used));
            // All at the band reached is never dearer than each at its own, where bands fall.
            if bands.never_rises() {
                let all = bands.reached(used).times(used).unwrap();
                prop_assert!(all.micro() <= at_once.micro());
            }
        }
    }
}
