//! Prices as an operator types them: per tariff a price, and below it a line for each band.

use std::fmt;

use domain::band::{BANDS_MAX, Band, BandError, Bands};
use domain::contract::check_book_name;
use domain::money::{Currency, Money};
use domain::price::{PRICE_UNITS_MAX, PriceBook, PriceError, Tariff};
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use words::Words;

use crate::form::Faults;
use crate::operator::start::StartFields;

/// What was typed; `confirmed`, `again` and `version` come from the second step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PricesForm {
    pub book: String,
    pub currency: String,
    pub untargeted: String,
    pub targeted: String,
    pub api_push: String,
    pub information: String,
    pub when: String,
    pub day: String,
    pub time: String,
    /// The number that the second step was shown with.
    pub version: String,
    pub confirmed: String,
    pub again: String,
}

/// What it means; `from` is `None` for at once.
#[derive(Debug, Clone)]
pub struct Offer {
    pub book: PriceBook,
    pub from: Option<Timestamp>,
}

/// Why lines are no prices.
#[derive(Debug, Clone, PartialEq, Eq)]
enum BandsFault {
    Empty,
    /// The number of the line.
    Line(usize),
    /// The first line says after how many sends it holds.
    First,
    /// A band that does not follow the one before it.
    Order(u64),
    TooMany,
}

impl PricesForm {
    /// A book as a form, to be changed.
    pub fn of(words: &Words, book: &PriceBook) -> Self {
        let lines = |tariff| in_lines(words, book.bands(tariff));
        Self {
            book: book.name().to_owned(),
            currency: book.currency().code().to_owned(),
            untargeted: lines(Tariff::Untargeted),
            targeted: lines(Tariff::Targeted),
            api_push: lines(Tariff::ApiPush),
            information: lines(Tariff::Information),
            when: "now".to_owned(),
            ..Self::default()
        }
    }

    pub fn lines(&self, tariff: Tariff) -> &str {
        match tariff {
            Tariff::Untargeted => &self.untargeted,
            Tariff::Targeted => &self.targeted,
            Tariff::ApiPush => &self.api_push,
            Tariff::Information => &self.information,
        }
    }

    /// What it means at `now`, or everything that is wrong with it. Faults of a tariff are at the
    /// field of its name.
    pub fn meaning(
        &self,
        words: &Words,
        version: u32,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<Offer, Faults> {
        let mut faults = Faults::default();
        let name = self.book.trim();
        if check_book_name(name).is_err() {
            faults.add("book", words.t("operator-contract-fault-book"));
        }
        let currency: Option<Currency> = self.currency.parse().ok();
        let Some(currency) = currency else {
            faults.add("currency", words.t("operator-prices-fault-currency"));
            return Err(faults);
        };
        let mut prices = Vec::with_capacity(Tariff::ALL.len());
        for tariff in Tariff::ALL {
            match read(self.lines(tariff), currency) {
                Ok(bands) => prices.push(bands),
                Err(fault) => faults.add(tariff.name(), fault.in_words(words)),
            }
        }
        let start = StartFields {
            when: &self.when,
            day: &self.day,
            time: &self.time,
        };
        let from = start.read(zone, now);
        if let Err((field, key)) = from {
            faults.add(field, words.t(key));
        }
        let (Ok(from), Ok(prices), true) = (from, prices.try_into(), faults.is_empty()) else {
            return Err(faults);
        };
        let book = PriceBook::of_bands(version, name, currency, from.unwrap_or(now), prices);
        book.map(|book| Offer { book, from })
            .map_err(|error| refused(words, &error))
    }
}

/// A rule of prices that is broken, at the tariff it concerns.
fn refused(words: &Words, error: &PriceError) -> Faults {
    let said = words.t("operator-prices-fault-range");
    let said = said.num("max", PRICE_UNITS_MAX);
    match error {
        PriceError::PriceOutOfRange { tariff, .. }
        | PriceError::CurrenciesDiffer { tariff, .. }
        | PriceError::Bands { tariff, .. } => Faults::one(tariff.name(), said),
        PriceError::Money(_) => Faults::one(Tariff::Untargeted.name(), said),
    }
}

impl BandsFault {
    fn in_words(&self, words: &Words) -> impl fmt::Display {
        match self {
            Self::Empty => words.t("operator-prices-fault-empty"),
            Self::Line(number) => words.t("operator-prices-fault-line").num("line", *number),
            Self::First => words.t("operator-prices-fault-first"),
            Self::Order(after) => words.t("operator-prices-fault-order").num("after", *after),
            Self::TooMany => words.t("operator-prices-fault-many").num("max", BANDS_MAX),
        }
    }
}

/// `15`, and below it `100,000: 14`.
fn in_lines(words: &Words, bands: &Bands) -> String {
    let line = |band: &Band| match band.after {
        0 => words.amount(band.unit_price),
        after => format!("{}: {}", words.count(after), words.amount(band.unit_price)),
    };
    let lines: Vec<String> = bands.bands().iter().map(line).collect();
    lines.join("\n")
}

fn read(text: &str, currency: Currency) -> Result<Bands, BandsFault> {
    // The colon of a Japanese or Korean keyboard is a colon.
    let text = text.replace('：', ":");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut bands = Vec::new();
    for (index, line) in lines.enumerate() {
        let (after, price) = match (index, line.split_once(':')) {
            (0, None) => ("0", line),
            (0, Some(_)) => return Err(BandsFault::First),
            (_, Some(parts)) => parts,
            (_, None) => return Err(BandsFault::Line(index + 1)),
        };
        let after = after.replace([',', ' '], "").parse();
        let price = Money::parse(&price.replace(' ', ""), currency);
        let (Ok(after), Ok(unit_price)) = (after, price) else {
            return Err(BandsFault::Line(index + 1));
        };
        bands.push(Band { after, unit_price });
    }
    if bands.is_empty() {
        return Err(BandsFault::Empty);
    }
    Bands::of(bands).map_err(|error| match error {
        BandError::NoFirstBand => BandsFault::First,
        BandError::TooMany => BandsFault::TooMany,
        BandError::OutOfOrder(after) => BandsFault::Order(after),
    })
}

#[cfg(test)]
mod tests {
    use words::Language;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-29T11:31:00Z").unwrap()
    }

    fn banded() -> PriceBook {
        let band = |after, tenths: i64| Band {
            after,
            unit_price: Money::from_micro(tenths * 100_000, Currency::Jpy),
        };
        let falling = Bands::of(vec![band(0, 30), band(50_000, 28), band(1_000_000, 25)]).unwrap();
        let flat = Bands::flat(Money::whole(1_234, Currency::Jpy));
        let prices = [falling.clone(), falling, flat.clone(), flat];
        PriceBook::of_bands(7, "line-japan", Currency::Jpy, now(), prices).unwrap()
    }

    #[test]
    fn what_a_form_was_filled_with_is_what_it_means() {
        let zone = domain::time::zone("Asia/Tokyo").unwrap();
        for language in Language::ALL {
            let words = Words::of(language);
            let form = PricesForm::of(&words, &banded());
            let offer = form.meaning(&words, 7, &zone, now()).unwrap();
            assert_eq!((offer.book, offer.from), (banded(), None));
        }
        let words = Words::of(Language::English);
        let form = PricesForm::of(&words, &banded());
        assert_eq!(form.untargeted, "3\n50,000: 2.8\n1,000,000: 2.5");
        assert_eq!(form.information, "1,234");
    }

    #[test]
    fn lines_are_read_as_people_write_them() {
        let fault = |text| read(text, Currency::Krw).unwrap_err();
        let bands = read(" 15 \n\n 100 000： 14.5\r\n", Currency::Krw).unwrap();
        assert_eq!(bands.bands().len(), 2);
        assert_eq!(bands.price_after(100_000).to_string(), "14.5 KRW");
        assert_eq!(fault(" \n"), BandsFault::Empty);
        assert_eq!(fault("0: 15"), BandsFault::First);
        assert_eq!(fault("15\n14"), BandsFault::Line(2));
        assert_eq!(fault("15\nmany: 14"), BandsFault::Line(2));
        assert_eq!(fault("fifteen"), BandsFault::Line(1));
        assert_eq!(fault("15\n9: 14\n9: 13"), BandsFault::Order(9));
        let many: Vec<String> = (1..=BANDS_MAX).map(|after| format!("{after}: 1")).collect();
        assert_eq!(
            fault(&format!("15\n{}", many.join("\n"))),
            BandsFault::TooMany
        );
    }

    #[test]
    fn every_fault_is_at_its_field() {
        let (words, zone) = (Words::of(Language::English), TimeZone::UTC);
        let with = |change: &dyn Fn(&mut PricesForm)| {
            let mut form = PricesForm::of(&words, &banded());
            change(&mut form);
            let faults = form.meaning(&words, 7, &zone, now()).unwrap_err();
            let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
            fields.join(" ")
        };
        assert_eq!(with(&|form| form.book = "Two Words".into()), "book");
        assert_eq!(with(&|form| form.currency = "XAU".into()), "currency");
        assert_eq!(with(&|form| form.targeted = "-1".into()), "targeted");
        assert_eq!(with(&|form| form.api_push = "100001".into()), "api_push");
        assert_eq!(
            with(&|form| form.information = "0.00001".into()),
            "information"
        );
        let several = |form: &mut PricesForm| {
            form.untargeted = String::new();
            form.information = "x".into();
            form.when = "at".into();
        };
        assert_eq!(with(&several), "untargeted information day");
    }
}
