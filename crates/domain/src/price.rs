//! What a send costs: the versioned price book, the tariffs and the quote.
//!
//! Sums are exact in micro-units. Wallet money is net of VAT; VAT is shown exactly, and rounding
//! happens once, on a total, by a function whose name says how.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::band::{BandError, Bands};
use crate::contract::STANDARD_BOOK;
use crate::money::{Currency, InvalidMoney, MICRO_PER_UNIT, Money};
use crate::time::Timestamp;

/// VAT in Korea and Japan's standard rate alike.
pub const VAT_PERCENT: u32 = 10;
/// Prices are whole multiples of this, so that VAT in whole percents is exact in micro-units.
pub const PRICE_STEP_MICRO: i64 = 100;
/// The dearest price a book may hold: a slip of three digits is refused, not billed.
pub const PRICE_UNITS_MAX: i64 = 100_000;
const _: () = assert!(MICRO_PER_UNIT % PRICE_STEP_MICRO == 0);

/// The price class of a send. Codes are stored in chunks: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tariff {
    /// The whole reach, at most limited.
    Untargeted,
    /// Any condition or list.
    Targeted,
    /// Sent through the API: push, multicast, reply.
    ApiPush,
    /// A notice that is no promotion.
    Information,
}

/// The prices of every tariff. A campaign keeps the version it was launched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBook {
    /// Its own among all books'.
    version: u32,
    /// What contracts call it.
    name: String,
    currency: Currency,
    effective_from: Timestamp,
    /// In the order of [`Tariff::ALL`].
    prices: [Bands; 4],
}

/// Units of one tariff at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteLine {
    pub tariff: Tariff,
    pub count: u64,
    /// Of these, how many a plan's quota includes: they cost nothing.
    pub included: u64,
    /// The most that a unit beyond it can cost.
    pub unit_price: Money,
    pub amount: Money,
}

/// What a number of sends costs: `net` leaves the wallet, VAT is invoiced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub book_version: u32,
    /// Only tariffs with sends, in the order of [`Tariff::ALL`].
    pub lines: Vec<QuoteLine>,
    pub net: Money,
    pub vat: Money,
}

/// How a total becomes a payable amount: a field of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    Floor,
    HalfUp,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    #[error("the price {price} of {tariff} is below zero, above {PRICE_UNITS_MAX} or too fine")]
    PriceOutOfRange { tariff: Tariff, price: Money },
    #[error("the price {price} of {tariff} is not in {currency}, the currency of the book")]
    CurrenciesDiffer {
        tariff: Tariff,
        price: Money,
        currency: Currency,
    },
    #[error("{tariff}: {error}")]
    Bands { tariff: Tariff, error: BandError },
    #[error(transparent)]
    Money(#[from] InvalidMoney),
}

impl Tariff {
    pub const ALL: [Tariff; 4] = [
        Self::Untargeted,
        Self::Targeted,
        Self::ApiPush,
        Self::Information,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Untargeted => 1,
            Self::Targeted => 2,
            Self::ApiPush => 3,
            Self::Information => 4,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tariff| tariff.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Untargeted => "untargeted",
            Self::Targeted => "targeted",
            Self::ApiPush => "api_push",
            Self::Information => "information",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tariff| tariff.name() == name)
    }
}

impl fmt::Display for Tariff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PriceBook {
    /// A standard book without bands; `price` answers the unit price of each tariff.
    pub fn of(
        version: u32,
        currency: Currency,
        effective_from: Timestamp,
        price: impl Fn(Tariff) -> Money,
    ) -> Result<Self, PriceError> {
        let prices = Tariff::ALL.map(|tariff| Bands::flat(price(tariff)));
        Self::of_bands(version, STANDARD_BOOK, currency, effective_from, prices)
    }

    /// `prices` are in the order of [`Tariff::ALL`].
    pub fn of_bands(
        version: u32,
        name: &str,
        currency: Currency,
        effective_from: Timestamp,
        prices: [Bands; 4],
    ) -> Result<Self, PriceError> {
        for (tariff, bands) in Tariff::ALL.into_iter().zip(&prices) {
            for band in bands.bands() {
                let price = band.unit_price;
                if price.currency() != currency {
                    return Err(PriceError::CurrenciesDiffer {
                        tariff,
                        price,
                        currency,
                    });
                }
                let in_range = (0..=PRICE_UNITS_MAX * MICRO_PER_UNIT).contains(&price.micro());
                if !in_range || price.micro() % PRICE_STEP_MICRO != 0 {
                    return Err(PriceError::PriceOutOfRange { tariff, price });
                }
            }
        }
        Ok(Self {
            version,
            name: name.to_owned(),
            currency,
            effective_from,
            prices,
        })
    }

    /// The book a new installation starts with, in force since ever: 15 KRW a send, 20 KRW a
    /// targeted one. API push and information cost what an untargeted send costs, so that a brand
    /// gains nothing by choosing the road.
    pub fn first() -> Self {
        let won = |units| Money::whole(units, Currency::Krw);
        Self {
            version: 1,
            name: STANDARD_BOOK.to_owned(),
            currency: Currency::Krw,
            effective_from: Timestamp::from_millis(0),
            prices: [15, 20, 15, 15].map(|units| Bands::flat(won(units))),
        }
    }

    /// The same version where nothing costs anything: what is never charged is priced by it.
    pub fn free(&self) -> Self {
        let nothing = Money::zero(self.currency);
        Self {
            prices: [(); Tariff::ALL.len()].map(|()| Bands::flat(nothing)),
            ..self.clone()
        }
    }

    pub const fn version(&self) -> u32 {
        self.version
    }

    pub const fn currency(&self) -> Currency {
        self.currency
    }

    pub const fn effective_from(&self) -> Timestamp {
        self.effective_from
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn bands(&self, tariff: Tariff) -> &Bands {
        &self.prices[tariff as usize]
    }

    /// The price on the list: of the month's first unit.
    pub fn unit_price(&self, tariff: Tariff) -> Money {
        self.bands(tariff).first_price()
    }

    /// Prices on the list.
    pub fn prices(&self) -> impl Iterator<Item = (Tariff, Money)> + '_ {
        Tariff::ALL
            .into_iter()
            .map(|tariff| (tariff, self.unit_price(tariff)))
    }

    /// The book in force at `at`: the latest effective one, the higher version where two begin at
    /// once.
    pub fn in_force<'a>(
        books: impl IntoIterator<Item = &'a PriceBook>,
        at: Timestamp,
    ) -> Option<&'a PriceBook> {
        books
            .into_iter()
            .filter(|book| book.effective_from <= at)
            .max_by_key(|book| (book.effective_from, book.version))
    }
}

/// Counts × the dearest prices they can reach, exact. Counts of one tariff may come in several
/// pieces.
pub fn quote(
    counts: impl IntoIterator<Item = (Tariff, u64)>,
    book: &PriceBook,
) -> Result<Quote, PriceError> {
    let mut units = [0u64; Tariff::ALL.len()];
    for (tariff, count) in counts {
        let sum = &mut units[tariff as usize];
        *sum = sum
            .checked_add(count)
            .ok_or(InvalidMoney::TooLarge(book.currency))?;
    }
    let mut net = Money::zero(book.currency);
    let mut lines = Vec::new();
    for (tariff, count) in Tariff::ALL.into_iter().zip(units) {
        if count == 0 {
            continue;
        }
        let unit_price = book.bands(tariff).dearest();
        let amount = unit_price.times(count)?;
        net = net.checked_add(amount)?;
        lines.push(QuoteLine {
            tariff,
            count,
            included: 0,
            unit_price,
            amount,
        });
    }
    Ok(Quote {
        book_version: book.version,
        lines,
        net,
        vat: vat(net)?,
    })
}

impl Quote {
    pub fn count(&self) -> u64 {
        self.lines.iter().map(|line| line.count).sum()
    }

    /// Net and VAT together, exact.
    pub fn gross(&self) -> Result<Money, InvalidMoney> {
        self.net.checked_add(self.vat)
    }

    /// What an invoice of this alone would ask for.
    pub fn total(&self, rounding: Rounding) -> Result<Money, InvalidMoney> {
        rounding.apply(self.gross()?)
    }
}

impl Rounding {
    pub const ALL: [Rounding; 2] = [Self::Floor, Self::HalfUp];

    pub const fn code(self) -> u8 {
        match self {
            Self::Floor => 1,
            Self::HalfUp => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::HalfUp => "half_up",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    pub fn apply(self, amount: Money) -> Result<Money, InvalidMoney> {
        match self {
            Self::Floor => floor(amount),
            Self::HalfUp => half_up(amount),
        }
    }
}

/// Down to the currency's smallest payable unit (toward minus infinity).
pub fn floor(amount: Money) -> Result<Money, InvalidMoney> {
    let step = payable_step(amount.currency());
    let micro = amount.micro().div_euclid(step).checked_mul(step);
    micro
        .map(|micro| Money::from_micro(micro, amount.currency()))
        .ok_or(InvalidMoney::TooLarge(amount.currency()))
}

/// To the nearest smallest payable unit, a half upward.
pub fn half_up(amount: Money) -> Result<Money, InvalidMoney> {
    let half = Money::from_micro(payable_step(amount.currency()) / 2, amount.currency());
    floor(amount.checked_add(half)?)
}

/// VAT on a net amount: exact, because prices are multiples of [`PRICE_STEP_MICRO`].
pub fn vat(net: Money) -> Result<Money, InvalidMoney> {
    let hundredth = Money::from_micro(net.micro() / PRICE_STEP_MICRO, net.currency());
    hundredth.times(u64::from(VAT_PERCENT))
}

/// The VAT in an amount that contains it, down to a micro-unit: of 110 it is 10.
pub fn vat_within(gross: Money) -> Money {
    let percent = i64::from(VAT_PERCENT);
    let micro = i128::from(gross.micro()) * i128::from(percent) / i128::from(100 + percent);
    // A part of an amount fits where the amount does.
    Money::from_micro(i64::try_from(micro).unwrap_or_default(), gross.currency())
}

/// Micro-units in the smallest amount one can pay: 1 KRW, 0.01 USD.
const fn payable_step(currency: Currency) -> i64 {
    MICRO_PER_UNIT / 10i64.pow(currency.minor_digits() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn krw(units: i64) -> Money {
        Money::whole(units, Currency::Krw)
    }

    fn book_at(price: &str) -> PriceBook {
        let price = Money::parse(price, Currency::Krw).unwrap();
        PriceBook::of(2, Currency::Krw, Timestamp::from_millis(0), |_| price).unwrap()
    }

    #[test]
    fn vat_is_found_within_what_contains_it() {
        assert_eq!(vat_within(krw(110)), krw(10));
        assert_eq!(vat_within(krw(100)).to_string(), "9.090909 KRW");
        assert_eq!(vat_within(krw(0)), krw(0));
        for way in Rounding::ALL {
            assert_eq!(Rounding::from_code(way.code()), Some(way));
            assert_eq!(Rounding::from_name(way.name()), Some(way));
        }
    }

    #[test]
    fn worked_examples_hold() {
        let quote_of = |count, book: &PriceBook| quote([(Tariff::Untargeted, count)], book);
        let million = quote_of(1_234_567, &PriceBook::first()).unwrap();
        assert_eq!(million.net, krw(18_518_505));
        assert_eq!(million.vat.to_string(), "1,851,850.5 KRW");
        assert_eq!(million.total(Rounding::Floor).unwrap(), krw(20_370_355));
        assert_eq!(million.total(Rounding::HalfUp).unwrap(), krw(20_370_356));
        let three = quote_of(3, &book_at("6.5")).unwrap();
        assert_eq!(three.net.to_string(), "19.5 KRW");
        let friends = quote_of(43_163, &PriceBook::first()).unwrap();
        assert_eq!(friends.net, krw(647_445));
    }

    #[test]
    fn the_first_book_prices_every_tariff() {
        let book = PriceBook::first();
        let prices: Vec<String> = book.prices().map(|(t, p)| format!("{t} {p}")).collect();
        assert_eq!(
            prices,
            [
                "untargeted 15 KRW",
                "targeted 20 KRW",
                "api_push 15 KRW",
                "information 15 KRW"
            ]
        );
        let again = PriceBook::of(1, Currency::Krw, book.effective_from(), |t| {
            book.unit_price(t)
        });
        assert_eq!(again.unwrap(), book);
        for tariff in Tariff::ALL {
            assert_eq!(Tariff::from_code(tariff.code()), Some(tariff));
            assert_eq!(Tariff::from_name(tariff.name()), Some(tariff));
            assert_eq!(Tariff::ALL[tariff as usize], tariff);
        }
        assert_eq!(Tariff::from_code(0), None);
    }

    #[test]
    fn prices_that_cannot_be_billed_are_refused() {
        let refused = |micro, currency| {
            let price = Money::from_micro(micro, currency);
            PriceBook::of(2, Currency::Krw, Timestamp::from_millis(0), |_| price).unwrap_err()
        };
        for micro in [-1, -15_000_000, 1, 99, 15_000_001, 100_000_000_100] {
            let error = refused(micro, Currency::Krw);
            assert!(
                matches!(error, PriceError::PriceOutOfRange { .. }),
                "{micro}: {error}"
            );
        }
        let error = refused(15_000_000, Currency::Usd);
        assert!(
            matches!(error, PriceError::CurrenciesDiffer { .. }),
            "{error}"
        );
        let too_many = quote([(Tariff::Targeted, u64::MAX)], &PriceBook::first());
        assert!(too_many.is_err());
        let twice = [(Tariff::Targeted, u64::MAX), (Tariff::Targeted, 1)];
        assert!(quote(twice, &PriceBook::first()).is_err());
    }

    #[test]
    fn the_latest_effective_book_is_in_force() {
        let book = |version, from| {
            let from = Timestamp::from_millis(from);
            PriceBook::of(version, Currency::Krw, from, |_| krw(15)).unwrap()
        };
        let books = [book(1, 0), book(3, 100), book(2, 100), book(4, 200)];
        let version_at =
            |at| PriceBook::in_force(&books, Timestamp::from_millis(at)).map(PriceBook::version);
        assert_eq!(version_at(-1), None);
        assert_eq!(version_at(99), Some(1));
        assert_eq!(version_at(100), Some(3));
        assert_eq!(version_at(500), Some(4));
    }

    #[test]
    fn rounding_knows_the_payable_unit() {
        let cases = [
            (Currency::Krw, 1_499_999, 1_000_000, 1_000_000),
            (Currency::Krw, 1_500_000, 1_000_000, 2_000_000),
            (Currency::Krw, -1_500_000, -2_000_000, -1_000_000),
            (Currency::Usd, 1_234_999, 1_230_000, 1_230_000),
            (Currency::Usd, 1_235_000, 1_230_000, 1_240_000),
            (Currency::Jpy, 0, 0, 0),
        ];
        for (currency, micro, floored, rounded) in cases {
            let amount = Money::from_micro(micro, currency);
            assert_eq!(
                Rounding::Floor.apply(amount).unwrap().micro(),
                floored,
                "{amount}"
            );
            assert_eq!(
                Rounding::HalfUp.apply(amount).unwrap().micro(),
                rounded,
                "{amount}"
            );
        }
        let smallest = Money::from_micro(i64::MIN, Currency::Krw);
        assert!(floor(smallest).is_err());
        assert!(half_up(Money::from_micro(i64::MAX, Currency::Krw)).is_err());
    }

    proptest! {
        #[test]
        fn quotes_add_up(
            counts in prop::collection::vec((0usize..4, 0u64..20_000_000), 0..12),
            step in 0i64..=1_000_000,
        ) {
            let price = Money::from_micro(step * PRICE_STEP_MICRO, Currency::Krw);
            let book =
                PriceBook::of(7, Currency::Krw, Timestamp::from_millis(0), |_| price).unwrap();
            let counts: Vec<(Tariff, u64)> =
                counts.into_iter().map(|(t, n)| (Tariff::ALL[t], n)).collect();
            let whole = quote(counts.iter().copied(), &book).unwrap();
            let units: u64 = counts.iter().map(|(_, n)| n).sum();
            prop_assert_eq!(whole.count(), units);
            prop_assert_eq!(whole.net, price.times(units).unwrap());
            prop_assert_eq!(
                i128::from(whole.vat.micro()) * 100,
                i128::from(whole.net.micro()) * i128::from(VAT_PERCENT)
            );
            // The same sends quoted one piece at a time cost the same.
            let mut pieces = Money::zero(Currency::Krw);
            for piece in &counts {
                pieces = pieces.checked_add(quote([*piece], &book).unwrap().net).unwrap();
            }
            prop_assert_eq!(pieces, whole.net);
        }

        #[test]
        fn rounding_stays_within_a_unit(micro in -(1i64 << 50)..(1i64 << 50)) {
            for currency in Currency::ALL {
                let step = payable_step(currency);
                let amount = Money::from_micro(micro, currency);
                let down = floor(amount).unwrap().micro();
                let near = half_up(amount).unwrap().micro();
                prop_assert!((0..step).contains(&(micro - down)));
                prop_assert!((near - micro).abs() * 2 <= step);
                prop_assert!(down % step == 0 && near % step == 0);
            }
        }
    }
}
