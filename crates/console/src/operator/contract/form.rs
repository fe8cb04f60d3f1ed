//! The terms of a contract as an operator types them, and what they mean.

use domain::contract::{BandMode, Billable, Contract, ContractError, ContractKind, VatBase};
use domain::money::{Currency, Money};
use domain::price::Rounding;
use domain::time::{Timestamp, zone};
use serde::Deserialize;
use words::Words;

use crate::operator::start::{StartFields, Wrong};

/// Only plans have a quota, and sends beyond it.
const NO_PLAN: &str = "operator-contract-fault-no-plan";

/// What was typed; `confirmed`, `again` and `seen` come from the second step.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ContractForm {
    pub kind: String,
    pub book: String,
    pub quota: String,
    pub additional: String,
    pub credit: String,
    pub fee: String,
    pub bands: String,
    pub vat: String,
    pub rounding: String,
    pub billable: String,
    pub zone: String,
    pub when: String,
    pub day: String,
    pub time: String,
    /// The last version that the second step was shown with.
    pub seen: String,
    pub confirmed: String,
    pub again: String,
}

/// What it means: the terms, and from when they hold; `None` from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub contract: Contract,
    pub from: Option<Timestamp>,
}

impl ContractForm {
    /// A contract as a form, to be changed.
    pub fn of(words: &Words, contract: &Contract) -> Self {
        let credit = contract.credit_limit;
        Self {
            kind: contract.kind.name().to_owned(),
            book: contract.book.clone(),
            quota: match contract.kind {
                ContractKind::Plan => words.count(contract.quota),
                ContractKind::Prepaid | ContractKind::Postpaid => String::new(),
            },
            additional: contract
                .additional_max
                .map(|most| words.count(most))
                .unwrap_or_default(),
            credit: match credit.is_zero() {
                true => String::new(),
                false => words.amount(credit),
            },
            fee: match contract.monthly_fee.is_zero() {
                true => String::new(),
                false => words.amount(contract.monthly_fee),
            },
            bands: contract.band_mode.name().to_owned(),
            vat: contract.vat_base.name().to_owned(),
            rounding: contract.rounding.name().to_owned(),
            billable: contract.billable.name().to_owned(),
            zone: contract.time_zone.clone(),
            when: "now".to_owned(),
            ..Self::default()
        }
    }

    /// What it means at `now`, or everything that is wrong with it. What the form does not ask for
    /// stays as `base` has it.
    pub fn meaning(&self, base: Contract, now: Timestamp) -> Result<Agreement, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let currency = base.credit_limit.currency();
        let kind = ContractKind::from_name(&self.kind);
        if kind.is_none() {
            wrong.push(("kind", "operator-contract-fault-kind"));
        }
        let quota = count(&self.quota);
        if quota.is_none() {
            wrong.push(("quota", "operator-contract-fault-number"));
        }
        let additional = count(&self.additional);
        if additional.is_none() {
            wrong.push(("additional", "operator-contract-fault-number"));
        }
        let credit = amount(&self.credit, currency);
        if credit.is_none() {
            wrong.push(("credit", "operator-contract-fault-amount"));
        }
        let fee = amount(&self.fee, currency);
        if fee.is_none() {
            wrong.push(("fee", "operator-contract-fault-amount"));
        }
        let start = match zone(&self.zone) {
            Err(_) => Err(("zone", "settings-fault-time-zone")),
            Ok(zone) => self.start().read(&zone, now),
        };
        let from = start.map_err(|fault| wrong.push(fault)).ok();
        let (Some(kind), Some(quota), Some(additional_max), Some(credit), Some(fee), Some(from)) =
            (kind, quota, additional, credit, fee, from)
        else {
            return Err(wrong);
        };
        let contract = Contract {
            effective_from: from.unwrap_or(now),
            kind,
            book: self.book.trim().to_owned(),
            credit_limit: credit.unwrap_or(Money::zero(currency)),
            quota: quota.unwrap_or(0),
            additional_max,
            time_zone: self.zone.clone(),
            monthly_fee: fee.unwrap_or(Money::zero(currency)),
            // A choice has one of its names, or was not sent.
            band_mode: BandMode::from_name(&self.bands).unwrap_or(base.band_mode),
            vat_base: VatBase::from_name(&self.vat).unwrap_or(base.vat_base),
            rounding: Rounding::from_name(&self.rounding).unwrap_or(base.rounding),
            billable: Billable::from_name(&self.billable).unwrap_or(base.billable),
            ..base
        };
        match contract.check(currency) {
            Ok(()) => Ok(Agreement { contract, from }),
            Err(ContractError::QuotaWithoutPlan(_)) if contract.quota == 0 => {
                Err(vec![("additional", NO_PLAN)])
            }
            Err(error) => Err(vec![wrong_with(&error)]),
        }
    }

    fn start(&self) -> StartFields<'_> {
        StartFields {
            when: &self.when,
            day: &self.day,
            time: &self.time,
        }
    }
}

/// Which field a rule of contracts concerns, and what is said there.
fn wrong_with(error: &ContractError) -> Wrong {
    match error {
        ContractError::BadBook(_) => ("book", "operator-contract-fault-book"),
        ContractError::QuotaWithoutPlan(_) => ("quota", NO_PLAN),
        ContractError::QuotaTooLarge => ("quota", "operator-contract-fault-quota"),
        ContractError::NoCreditLimit => ("credit", "operator-contract-fault-no-credit"),
        ContractError::CreditWithoutPostpaid(_) => ("credit", "operator-contract-fault-prepaid"),
        ContractError::BadCredit { .. } => ("credit", "operator-contract-fault-amount"),
        ContractError::FeeWithoutPlan(_) => ("fee", "month-fault-fee-plan"),
        ContractError::BadFee { .. } => ("fee", "month-fault-fee"),
        ContractError::CreditWithVatAtTopUp => ("credit", "month-fault-vat-credit"),
        ContractError::RisingBands(_) => ("bands", "month-fault-rising"),
    }
}

/// A number as people write it, or nothing; `None` where it is neither.
fn count(text: &str) -> Option<Option<u64>> {
    match text.trim().replace([',', ' '], "") {
        text if text.is_empty() => Some(None),
        text => text.parse().ok().map(Some),
    }
}

fn amount(text: &str, currency: Currency) -> Option<Option<Money>> {
    match text.trim().replace(' ', "") {
        text if text.is_empty() => Some(None),
        text => Money::parse(&text, currency).ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use domain::contract::Preset;
    use words::Language;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-29T11:31:00Z").unwrap()
    }

    fn base() -> Contract {
        Contract {
            version: 3,
            ..Contract::standard(Currency::Jpy)
        }
    }

    fn presets() -> impl Iterator<Item = (Contract, ContractForm)> {
        let words = Words::of(Language::English);
        Preset::ALL.into_iter().map(move |preset| {
            let contract = preset.contract();
            (contract.clone(), ContractForm::of(&words, &contract))
        })
    }

    #[test]
    fn what_a_form_was_filled_with_is_what_it_means() {
        for (contract, form) in presets() {
            let expected = Contract {
                version: 3,
                effective_from: now(),
                ..contract
            };
            let agreement = form.meaning(base(), now()).unwrap();
            assert_eq!((agreement.contract, agreement.from), (expected, None));
        }
        let (_, form) = presets().last().unwrap();
        let later = ContractForm {
            quota: " 31 000 ".to_owned(),
            additional: "1,000".to_owned(),
            credit: "25,000".to_owned(),
            when: "at".to_owned(),
            day: "2026-12-01".to_owned(),
            time: "00:00".to_owned(),
            ..form
        };
        let Agreement { contract, from } = later.meaning(base(), now()).unwrap();
        // Midnight in Tokyo, the zone of the terms.
        let midnight = Timestamp::parse_rfc3339("2026-11-30T15:00:00Z").unwrap();
        assert_eq!(from, Some(midnight));
        assert_eq!(contract.effective_from, midnight);
        assert_eq!(
            (contract.quota, contract.additional_max),
            (31_000, Some(1_000))
        );
        assert_eq!(contract.credit_limit, Money::whole(25_000, Currency::Jpy));
    }

    #[test]
    fn every_fault_is_at_its_field() {
        let (_, form) = presets().last().unwrap();
        let with = |change: &dyn Fn(&mut ContractForm)| {
            let mut form = form.clone();
            change(&mut form);
            let wrong = form.meaning(base(), now()).unwrap_err();
            let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
            fields.join(" ")
        };
        assert_eq!(with(&|form| form.kind = "barter".into()), "kind");
        assert_eq!(with(&|form| form.kind = "prepaid".into()), "quota");
        assert_eq!(with(&|form| form.fee = "0.5".into()), "fee");
        let fee = |form: &mut ContractForm| {
            form.kind = "prepaid".into();
            form.quota = String::new();
        };
        assert_eq!(with(&fee), "fee");
        let topped_up = |form: &mut ContractForm| {
            form.vat = "topped_up".into();
            form.credit = "5".into();
        };
        assert_eq!(with(&topped_up), "credit");
        assert_eq!(with(&|form| form.book = "Two Words".into()), "book");
        assert_eq!(with(&|form| form.quota = "many".into()), "quota");
        assert_eq!(with(&|form| form.quota = "1,000,000,001".into()), "quota");
        assert_eq!(with(&|form| form.additional = "-1".into()), "additional");
        assert_eq!(with(&|form| form.credit = "-5".into()), "credit");
        assert_eq!(with(&|form| form.zone = "Mars/Olympus".into()), "zone");
        let beyond = |form: &mut ContractForm| {
            form.kind = "prepaid".into();
            form.quota = String::new();
            form.additional = "5".into();
        };
        assert_eq!(with(&beyond), "additional");
        let postpaid = |form: &mut ContractForm| {
            form.kind = "postpaid".into();
            form.quota = String::new();
            form.fee = String::new();
        };
        assert_eq!(with(&postpaid), "credit");
        let prepaid = |form: &mut ContractForm| {
            form.kind = "prepaid".into();
            form.quota = String::new();
            form.fee = String::new();
            form.credit = "5".into();
        };
        assert_eq!(with(&prepaid), "credit");
        let several = |form: &mut ContractForm| {
            form.kind = String::new();
            form.quota = "x".into();
            form.when = "at".into();
        };
        assert_eq!(with(&several), "kind quota day");
    }
}
