//! Contracts and price books: agreed to and published, version after version.

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use domain::band::{Band, Bands};
use domain::contract::{
    BandMode, Billable, Contract, ContractKind, Preset, STANDARD_BOOK, VatBase,
};
use domain::id::BusinessId;
use domain::money::{Currency, Money};
use domain::price::{PriceBook, Rounding, Tariff};
use domain::time::{Timestamp, local_to_instant, zone};
use serde_json::json;

use super::Shell;

#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Adds a version; the ones before it stay
    Agree(Box<AgreeArgs>),
    /// The contract in effect, and every version of it
    Show {
        #[arg(long)]
        business: BusinessId,
    },
}

#[derive(Debug, Args)]
pub struct AgreeArgs {
    #[arg(long)]
    business: BusinessId,
    /// One of LINE's plans in Japan: line-japan-communication, line-japan-light,
    /// line-japan-standard; what else is said replaces what it says
    #[arg(long)]
    preset: Option<String>,
    /// prepaid, plan or postpaid
    #[arg(long)]
    kind: Option<String>,
    /// The price book by name
    #[arg(long)]
    book: Option<String>,
    /// Of a postpaid contract, or a plan's beyond its quota
    #[arg(long)]
    credit_limit: Option<String>,
    /// Sends a month that a plan includes
    #[arg(long)]
    quota: Option<u64>,
    /// Sends a month beyond the quota, at most
    #[arg(long)]
    additional_max: Option<u64>,
    /// Where months begin and end
    #[arg(long)]
    zone: Option<String>,
    /// What a plan costs a month, net
    #[arg(long)]
    monthly_fee: Option<String>,
    /// graduated: each band has its own price; volume: a whole month at the band it reached
    #[arg(long)]
    bands: Option<String>,
    /// When VAT is due: consumed (by invoice) or topped_up (in every top-up)
    #[arg(long)]
    vat_base: Option<String>,
    /// How an invoice's total becomes payable: floor or half_up
    #[arg(long)]
    rounding: Option<String>,
    /// What is billed: accepted (by the messenger) or delivered (confirmed by it; what it does not
    /// confirm within 72 hours is free)
    #[arg(long)]
    billable: Option<String>,
    /// When it begins, read off the wall in its zone [default: now]
    #[arg(long)]
    from: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// Publishes a version of a book; campaigns under way keep theirs
    Publish(PublishArgs),
    /// Every version of a currency's books
    List {
        /// KRW, JPY, USD or EUR
        #[arg(long, default_value = "KRW")]
        currency: Currency,
    },
}

#[derive(Debug, Args)]
pub struct PublishArgs {
    #[arg(long, default_value = STANDARD_BOOK)]
    book: String,
    /// KRW, JPY, USD or EUR
    #[arg(long, default_value = "KRW")]
    currency: Currency,
    /// Per tariff: untargeted=15, or with bands targeted=20,100000:18,1000000:16.5, where a price
    /// holds after so many sends of a month. Every tariff has one
    #[arg(long = "price", required = true)]
    prices: Vec<String>,
    /// When it begins, read off the wall [default: now]
    #[arg(long)]
    from: Option<String>,
    /// Where --from is read off the wall
    #[arg(long, default_value = "Asia/Seoul")]
    zone: String,
}

impl Shell<'_> {
    pub(super) async fn contract(&self, command: ContractCommand) -> anyhow::Result<()> {
        match command {
            ContractCommand::Agree(arguments) => self.agree(*arguments).await,
            ContractCommand::Show { business } => self.show_contract(business).await,
        }
    }

    async fn agree(&self, arguments: AgreeArgs) -> anyhow::Result<()> {
        let business = self
            .platform
            .directory()
            .business(arguments.business)
            .await?;
        let now = self.platform.clock.now();
        let contract = arguments.contract(business.currency, now)?;
        let store = &self.platform.store;
        let agreed = billing::contract::agree(store, business.id, contract, now).await?;
        self.output.show(in_words(&agreed), &as_json(&agreed))
    }

    async fn show_contract(&self, business: BusinessId) -> anyhow::Result<()> {
        let business = self.platform.directory().business(business).await?;
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        let (id, currency) = (business.id, business.currency);
        let (in_effect, versions) = billing::contract::contracts(store, id, currency, now).await?;
        let terms = billing::terms(store, id, currency, now).await?;
        let mut words = format!("in effect: {}", in_words(&in_effect));
        if in_effect.kind == ContractKind::Plan {
            let (quota, used) = (in_effect.quota, terms.used);
            words.push_str(&format!(
                "\nthis month: {} of {quota} included, {} beyond",
                used.quota, used.additional
            ));
        }
        for version in &versions {
            words.push_str(&format!("\n{}", in_words(version)));
        }
        let json = json!({
            "in_effect": as_json(&in_effect),
            "used_this_month": {
                "quota": terms.used.quota,
                "additional": terms.used.additional,
            },
            "versions": versions.iter().map(as_json).collect::<Vec<_>>(),
        });
        self.output.show(words, &json)
    }

    pub(super) async fn prices(&self, command: PricesCommand) -> anyhow::Result<()> {
        let (store, now) = (&self.platform.store, self.platform.clock.now());
        match command {
            PricesCommand::Publish(arguments) => {
                let from = from(arguments.from.as_deref(), &arguments.zone, now)?;
                let bands = all_bands(&arguments.prices, arguments.currency)?;
                let (name, currency) = (&arguments.book, arguments.currency);
                let book = |version| Ok(PriceBook::of_bands(version, name, currency, from, bands)?);
                let book = billing::contract::publish(store, book, now).await?;
                self.output.show(book_in_words(&book), &book_as_json(&book))
            }
            PricesCommand::List { currency } => {
                let books = billing::contract::price_books(store, currency).await?;
                let words: Vec<String> = books.iter().map(book_in_words).collect();
                let json: Vec<serde_json::Value> = books.iter().map(book_as_json).collect();
                self.output.show(words.join("\n"), &json!(json))
            }
        }
    }
}

impl AgreeArgs {
    /// What was said, over the preset or, without one, over what holds for everybody.
    fn contract(&self, currency: Currency, now: Timestamp) -> anyhow::Result<Contract> {
        let base = match &self.preset {
            None => Contract::standard(currency),
            Some(name) => Preset::from_name(name)
                .map(Preset::contract)
                .ok_or_else(|| anyhow!("there is no preset '{name}'"))?,
        };
        let kind = match &self.kind {
            None => base.kind,
            Some(name) => ContractKind::from_name(name)
                .ok_or_else(|| anyhow!("'{name}' is none of prepaid, plan, postpaid"))?,
        };
        let credit_limit = match &self.credit_limit {
            None => Money::zero(currency),
            Some(text) => Money::parse(text, currency)?,
        };
        let time_zone = self.zone.clone().unwrap_or(base.time_zone);
        let monthly_fee = match &self.monthly_fee {
            None => base.monthly_fee,
            Some(text) => Money::parse(text, currency)?,
        };
        Ok(Contract {
            version: 0,
            effective_from: from(self.from.as_deref(), &time_zone, now)?,
            kind,
            book: self.book.clone().unwrap_or(base.book),
            credit_limit,
            quota: self.quota.unwrap_or(base.quota),
            additional_max: self.additional_max.or(base.additional_max),
            time_zone,
            monthly_fee,
            band_mode: named(&self.bands, base.band_mode, BandMode::from_name)?,
            vat_base: named(&self.vat_base, base.vat_base, VatBase::from_name)?,
            rounding: named(&self.rounding, base.rounding, Rounding::from_name)?,
            billable: named(&self.billable, base.billable, Billable::from_name)?,
        })
    }
}

/// What a name stands for; what holds already where none is said.
fn named<T>(
    name: &Option<String>,
    otherwise: T,
    read: impl Fn(&str) -> Option<T>,
) -> anyhow::Result<T> {
    match name {
        None => Ok(otherwise),
        Some(name) => read(name).ok_or_else(|| anyhow!("'{name}' is none of them: see --help")),
    }
}

fn from(text: Option<&str>, zone_name: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    match text {
        None => Ok(now),
        Some(text) => Ok(local_to_instant(text, &zone(zone_name)?)?),
    }
}

/// `untargeted=15`, `targeted=20,100000:18`: one for each tariff.
fn all_bands(texts: &[String], currency: Currency) -> anyhow::Result<[Bands; 4]> {
    let mut found: [Option<Bands>; 4] = Default::default();
    for text in texts {
        let (name, prices) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("'{text}' is not TARIFF=PRICE"))?;
        let tariff =
            Tariff::from_name(name).ok_or_else(|| anyhow!("there is no tariff '{name}'"))?;
        let bands: anyhow::Result<Vec<Band>> = prices
            .split(',')
            .enumerate()
            .map(|(index, band)| read_band(index, band, currency))
            .collect();
        let bands = Bands::of(bands?).with_context(|| format!("the price of {name}"))?;
        if found[tariff as usize].replace(bands).is_some() {
            bail!("{name} is priced twice");
        }
    }
    let mut all = Vec::with_capacity(Tariff::ALL.len());
    for (tariff, bands) in Tariff::ALL.into_iter().zip(found) {
        all.push(bands.ok_or_else(|| anyhow!("{tariff} has no price"))?);
    }
    all.try_into()
        .map_err(|_| anyhow!("every tariff has one price"))
}

fn read_band(index: usize, text: &str, currency: Currency) -> anyhow::Result<Band> {
    let (after, price) = match (index, text.split_once(':')) {
        (0, None) => (0, text),
        (0, Some(_)) => bail!("'{text}': the first price holds from the first send on"),
        (_, Some((after, price))) => {
            let number = after.parse();
            (number.with_context(|| format!("'{after}' sends"))?, price)
        }
        (_, None) => bail!("'{text}' is not SENDS:PRICE"),
    };
    Ok(Band {
        after,
        unit_price: Money::parse(price, currency)?,
    })
}

fn in_words(contract: &Contract) -> String {
    let Contract {
        version,
        kind,
        book,
        quota,
        time_zone,
        ..
    } = contract;
    let mut words = format!(
        "version {version} from {}: {kind} by the book '{book}'",
        contract.effective_from
    );
    if *kind == ContractKind::Plan {
        let beyond = match contract.additional_max {
            None => "any number".to_owned(),
            Some(most) => most.to_string(),
        };
        words.push_str(&format!(", {quota} sends a month and {beyond} beyond"));
    }
    if !contract.credit_limit.is_zero() {
        words.push_str(&format!(", credit {}", contract.credit_limit));
    }
    if !contract.monthly_fee.is_zero() {
        words.push_str(&format!(", {} a month", contract.monthly_fee));
    }
    if contract.band_mode == BandMode::Volume {
        words.push_str(", a month at the band it reaches");
    }
    if contract.vat_base == VatBase::ToppedUp {
        words.push_str(", VAT in every top-up");
    }
    if contract.billable == Billable::Delivered {
        words.push_str(", billed when confirmed delivered");
    }
    words.push_str(&format!(", months in {time_zone}"));
    words
}

fn as_json(contract: &Contract) -> serde_json::Value {
    json!({
        "version": contract.version,
        "effective_from": contract.effective_from,
        "kind": contract.kind,
        "book": contract.book,
        "credit_limit_micro": contract.credit_limit.micro(),
        "currency": contract.credit_limit.currency(),
        "quota": contract.quota,
        "additional_max": contract.additional_max,
        "time_zone": contract.time_zone,
        "monthly_fee_micro": contract.monthly_fee.micro(),
        "band_mode": contract.band_mode,
        "vat_base": contract.vat_base,
        "rounding": contract.rounding,
        "billable": contract.billable,
    })
}

fn book_in_words(book: &PriceBook) -> String {
    let mut words = format!(
        "version {} of '{}' from {}:",
        book.version(),
        book.name(),
        book.effective_from()
    );
    for tariff in Tariff::ALL {
        for band in book.bands(tariff).bands() {
            match band.after {
                0 => words.push_str(&format!(" {tariff} {}", band.unit_price)),
                after => words.push_str(&format!(", after {after} {}", band.unit_price)),
            }
        }
    }
    words
}

fn book_as_json(book: &PriceBook) -> serde_json::Value {
    let bands = |tariff: Tariff| -> Vec<serde_json::Value> {
        let bands = book.bands(tariff).bands().iter();
        bands
            .map(|band| json!({"after": band.after, "unit_price_micro": band.unit_price.micro()}))
            .collect()
    };
    let prices: serde_json::Map<String, serde_json::Value> = Tariff::ALL
        .into_iter()
        .map(|tariff| (tariff.name().to_owned(), json!(bands(tariff))))
        .collect();
    json!({
        "version": book.version(),
        "book": book.name(),
        "currency": book.currency(),
        "effective_from": book.effective_from(),
        "prices": prices,
    })
}
