//! What a business agreed to with the operator: who pays when, what a month includes, and how the
//! price of a send follows.
//!
//! Pure. Owns: the kinds, the presets and what a number of sends takes of a month's quota. Does not
//! own: prices (`price`), bands (`band`), the books (`ledger`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::outcome::Outcome;
use crate::price::Rounding;
use crate::time::Timestamp;

/// The price book of whoever agreed to nothing else.
pub const STANDARD_BOOK: &str = "standard";
/// The book of LINE's plans in Japan.
pub const LINE_JAPAN_BOOK: &str = "line-japan";
/// The longest name of a price book.
pub const BOOK_NAME_CHARS_MAX: usize = 40;
/// More than any month has sends; a slip is refused.
pub const QUOTA_MAX: u64 = 1_000_000_000;

/// Who pays when. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractKind {
    /// From a wallet that is filled before.
    Prepaid,
    /// With a quota each month; what is sent beyond it is paid from the wallet.
    Plan,
    /// Within a credit limit, after the month.
    Postpaid,
}

/// How a month's volume decides prices. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandMode {
    /// Each band has its own price.
    Graduated,
    /// All sends of a month have the price of the band it reached; what was taken for more comes
    /// back when the month is closed.
    Volume,
}

/// When VAT is due. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VatBase {
    /// On what a month consumed, by its invoice.
    Consumed,
    /// On every top-up, of which it is a part.
    ToppedUp,
}

/// What makes a send one that is billed. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billable {
    /// That the messenger accepted it.
    Accepted,
    /// That the messenger confirmed its delivery; what it never confirms is free.
    Delivered,
}

/// One version of a contract; the latest one that is in effect holds. A campaign keeps the version
/// it was launched under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// 0 for whoever agreed to nothing yet: [`Contract::standard`].
    pub version: u32,
    pub effective_from: Timestamp,
    pub kind: ContractKind,
    /// The name of a price book.
    pub book: String,
    /// How far below zero the wallet may fall.
    pub credit_limit: Money,
    /// Sends a month that a plan includes.
    pub quota: u64,
    /// Sends a month beyond the quota, at most; `None` as many as are paid for.
    pub additional_max: Option<u64>,
    /// Where months begin and end.
    pub time_zone: String,
    /// What a plan costs a month, whatever is sent: net, on the month's invoice.
    pub monthly_fee: Money,
    pub band_mode: BandMode,
    pub vat_base: VatBase,
    /// How an invoice's total becomes payable.
    pub rounding: Rounding,
    pub billable: Billable,
}

/// LINE's plans in Japan (prices of 2026, net).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    Communication,
    Light,
    Standard,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    #[error("'{0}' is not the name of a price book: 1 to 40 lower-case letters, digits or '-'")]
    BadBook(String),
    #[error("a {0} contract has no quota")]
    QuotaWithoutPlan(ContractKind),
    #[error("a postpaid contract needs a credit limit above zero")]
    NoCreditLimit,
    #[error("a {0} contract has no credit limit")]
    CreditWithoutPostpaid(ContractKind),
    #[error("a quota is {QUOTA_MAX} sends a month at most")]
    QuotaTooLarge,
    #[error("the credit limit is {credit}: it is not below zero, and in {currency}")]
    BadCredit { credit: Money, currency: Currency },
    #[error("a {0} contract has no monthly fee")]
    FeeWithoutPlan(ContractKind),
    #[error("the monthly fee is {fee}: it is not below zero, in {currency}, and payable in coins")]
    BadFee { fee: Money, currency: Currency },
    #[error("VAT is taken with every top-up: then there is no credit")]
    CreditWithVatAtTopUp,
    #[error(
        "a price of '{0}' rises with the volume: no month can be priced at the band it reached"
    )]
    RisingBands(String),
}

/// What a number of sends takes: part of it out of the month's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub quota: u64,
    /// Beyond it: these are paid for.
    pub additional: u64,
}

impl ContractKind {
    pub const ALL: [ContractKind; 3] = [Self::Prepaid, Self::Plan, Self::Postpaid];

    pub const fn code(self) -> u8 {
        match self {
            Self::Prepaid => 1,
            Self::Plan => 2,
            Self::Postpaid => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Plan => "plan",
            Self::Postpaid => "postpaid",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ContractKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl BandMode {
    pub const ALL: [BandMode; 2] = [Self::Graduated, Self::Volume];

    pub const fn code(self) -> u8 {
        match self {
            Self::Graduated => 1,
            Self::Volume => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Graduated => "graduated",
            Self::Volume => "volume",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl VatBase {
    pub const ALL: [VatBase; 2] = [Self::Consumed, Self::ToppedUp];

    pub const fn code(self) -> u8 {
        match self {
            Self::Consumed => 1,
            Self::ToppedUp => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|base| base.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumed => "consumed",
            Self::ToppedUp => "topped_up",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|base| base.name() == name)
    }
}

impl Billable {
    pub const ALL: [Billable; 2] = [Self::Accepted, Self::Delivered];

    pub const fn code(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Delivered => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// What is recorded of a recipient whom the messenger accepted.
    pub const fn accepted(self) -> Outcome {
        match self {
            Self::Accepted => Outcome::Accepted,
            Self::Delivered => Outcome::Unconfirmed,
        }
    }
}

impl Preset {
    pub const ALL: [Preset; 3] = [Self::Communication, Self::Light, Self::Standard];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Communication => "line-japan-communication",
            Self::Light => "line-japan-light",
            Self::Standard => "line-japan-standard",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// 200, 5,000 and 30,000 sends a month for 0, 5,000 and 15,000 JPY; only the last one sells
    /// more.
    pub fn contract(self) -> Contract {
        let (quota, additional_max, fee) = match self {
            Self::Communication => (200, Some(0), 0),
            Self::Light => (5_000, Some(0), 5_000),
            Self::Standard => (30_000, None, 15_000),
        };
        Contract {
            kind: ContractKind::Plan,
            book: LINE_JAPAN_BOOK.to_owned(),
            quota,
            additional_max,
            time_zone: "Asia/Tokyo".to_owned(),
            monthly_fee: Money::whole(fee, Currency::Jpy),
            ..Contract::standard(Currency::Jpy)
        }
    }
}

impl Contract {
    /// What holds for a business before anything was agreed: prepaid, by the standard book.
    pub fn standard(currency: Currency) -> Self {
        Self {
            version: 0,
            effective_from: Timestamp::from_millis(0),
            kind: ContractKind::Prepaid,
            book: STANDARD_BOOK.to_owned(),
            credit_limit: Money::zero(currency),
            quota: 0,
            additional_max: None,
            time_zone: "Asia/Seoul".to_owned(),
            monthly_fee: Money::zero(currency),
            band_mode: BandMode::Graduated,
            vat_base: VatBase::Consumed,
            rounding: Rounding::Floor,
            billable: Billable::Accepted,
        }
    }

    /// All that must hold whatever was agreed.
    pub fn check(&self, currency: Currency) -> Result<(), ContractError> {
        check_book_name(&self.book)?;
        let credit = self.credit_limit;
        if credit.is_negative() || credit.currency() != currency {
            return Err(ContractError::BadCredit { credit, currency });
        }
        let is_plan = self.kind == ContractKind::Plan;
        if !is_plan && (self.quota > 0 || self.additional_max.is_some()) {
            return Err(ContractError::QuotaWithoutPlan(self.kind));
        }
        if self.quota > QUOTA_MAX {
            return Err(ContractError::QuotaTooLarge);
        }
        let fee = self.monthly_fee;
        let is_payable = !fee.is_negative() && fee.currency() == currency;
        if !is_payable || Rounding::Floor.apply(fee) != Ok(fee) {
            return Err(ContractError::BadFee { fee, currency });
        }
        if !is_plan && !fee.is_zero() {
            return Err(ContractError::FeeWithoutPlan(self.kind));
        }
        if self.vat_base == VatBase::ToppedUp && !credit.is_zero() {
            return Err(ContractError::CreditWithVatAtTopUp);
        }
        match (self.kind, self.credit_limit.is_zero()) {
            (ContractKind::Postpaid, true) => Err(ContractError::NoCreditLimit),
            (ContractKind::Prepaid, false) => Err(ContractError::CreditWithoutPostpaid(self.kind)),
            _ => Ok(()),
        }
    }

    /// The latest version in effect at a moment; the standard one where there is none.
    pub fn in_effect(
        versions: impl IntoIterator<Item = Contract>,
        currency: Currency,
        at: Timestamp,
    ) -> Self {
        versions
            .into_iter()
            .filter(|contract| contract.effective_from <= at)
            .max_by_key(|contract| (contract.effective_from, contract.version))
            .unwrap_or_else(|| Self::standard(currency))
    }

    /// The most credit that a hold booked at a moment may have gone by: of the version that was in
    /// effect until then, or of one that began with it.
    pub fn highest_limit(versions: &[Contract], currency: Currency, at: Timestamp) -> Money {
        let before = versions
            .iter()
            .filter(|contract| contract.effective_from < at);
        let before = Self::in_effect(before.cloned(), currency, at).credit_limit;
        let with_it = versions
            .iter()
            .filter(|contract| contract.effective_from == at);
        with_it
            .map(|contract| contract.credit_limit)
            .fold(before, |most, limit| match limit.micro() > most.micro() {
                true => limit,
                false => most,
            })
    }

    /// How sends are shared between the quota, of which `used` are taken, and what is paid for, of
    /// which there are `additional` in the month already. `None` where they pass what the contract
    /// allows.
    pub fn share(&self, units: u64, used: u64, additional: u64) -> Option<Share> {
        let quota = units.min(self.quota.saturating_sub(used));
        let share = Share {
            quota,
            additional: units - quota,
        };
        let room = self
            .additional_max
            .map_or(u64::MAX, |max| max.saturating_sub(additional));
        (share.additional <= room).then_some(share)
    }
}

/// Whether a price book may be called so.
pub fn check_book_name(name: &str) -> Result<(), ContractError> {
    let is_fit = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match (1..=BOOK_NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(is_fit) {
        true => Ok(()),
        false => Err(ContractError::BadBook(name.chars().take(80).collect())),
    }
}

/// What sends cost at most where the first `quota` of them are included.
pub fn beyond_quota(units: u64, quota: u64) -> u64 {
    units.saturating_sub(quota)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_their_own() {
        for kind in ContractKind::ALL {
            assert_eq!(ContractKind::from_code(kind.code()), Some(kind));
            assert_eq!(ContractKind::from_name(kind.name()), Some(kind));
        }
        for mode in BandMode::ALL {
            assert_eq!(BandMode::from_code(mode.code()), Some(mode));
            assert_eq!(BandMode::from_name(mode.name()), Some(mode));
        }
        for base in VatBase::ALL {
            assert_eq!(VatBase::from_code(base.code()), Some(base));
            assert_eq!(VatBase::from_name(base.name()), Some(base));
        }
        for one in Billable::ALL {
            assert_eq!(Billable::from_code(one.code()), Some(one));
            assert_eq!(Billable::from_name(one.name()), Some(one));
            // Either the messenger's word is enough, or the recipient waits for the next one.
            let recorded = one.accepted();
            assert!(recorded.is_billable() != recorded.is_undecided(), "{one:?}");
        }
        for preset in Preset::ALL {
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
            assert_eq!(preset.contract().check(Currency::Jpy), Ok(()));
        }
        assert_eq!(ContractKind::from_code(0), None);
    }

    #[test]
    fn a_month_includes_its_quota_and_sells_what_is_beyond() {
        let light = Preset::Light.contract();
        let share = |quota, additional| Some(Share { quota, additional });
        assert_eq!(light.share(5_000, 0, 0), share(5_000, 0));
        assert_eq!(light.share(2, 4_999, 0), None);
        assert_eq!(light.share(1, 4_999, 0), share(1, 0));
        let standard = Preset::Standard.contract();
        assert_eq!(standard.share(31_000, 0, 0), share(30_000, 1_000));
        assert_eq!(standard.share(10, 30_000, 0), share(0, 10));
        let capped = Contract {
            additional_max: Some(1_000),
            ..standard
        };
        assert_eq!(capped.share(31_000, 0, 0), share(30_000, 1_000));
        assert_eq!(capped.share(31_001, 0, 0), None);
        assert_eq!(capped.share(1, 30_000, 1_000), None);
        // A quota that shrank below what is used has nothing left.
        assert_eq!(Preset::Communication.contract().share(1, 500, 0), None);
    }

    #[test]
    fn contracts_that_cannot_be_are_refused_in_words() {
        let standard = Contract::standard(Currency::Krw);
        assert_eq!(standard.check(Currency::Krw), Ok(()));
        let won = |units| Money::whole(units, Currency::Krw);
        let postpaid = Contract {
            kind: ContractKind::Postpaid,
            credit_limit: won(1_000),
            ..standard.clone()
        };
        assert_eq!(postpaid.check(Currency::Krw), Ok(()));
        let cases = [
            (
                Contract {
                    book: "Two Words".into(),
                    ..standard.clone()
                },
                "name of a price book",
            ),
            (
                Contract {
                    quota: 5,
                    ..standard.clone()
                },
                "has no quota",
            ),
            (
                Contract {
                    credit_limit: won(0),
                    ..postpaid.clone()
                },
                "needs a credit limit",
            ),
            (
                Contract {
                    credit_limit: won(1),
                    ..standard.clone()
                },
                "has no credit limit",
            ),
            (
                Contract {
                    credit_limit: won(-1),
                    ..postpaid.clone()
                },
                "is not below zero",
            ),
            (
                Contract {
                    monthly_fee: won(1),
                    ..standard.clone()
                },
                "has no monthly fee",
            ),
            (
                Contract {
                    kind: ContractKind::Plan,
                    monthly_fee: Money::from_micro(500_000, Currency::Krw),
                    ..standard.clone()
                },
                "payable in coins",
            ),
            (
                Contract {
                    vat_base: VatBase::ToppedUp,
                    ..postpaid
                },
                "there is no credit",
            ),
            (
                Contract {
                    quota: QUOTA_MAX + 1,
                    kind: ContractKind::Plan,
                    ..standard
                },
                "at most",
            ),
        ];
        for (contract, words) in cases {
            let error = contract.check(Currency::Krw).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let plan = Preset::Light.contract();
        assert!(plan.check(Currency::Krw).is_err(), "another currency");
    }

    #[test]
    fn the_latest_version_in_effect_holds() {
        let version = |version, from| Contract {
            version,
            effective_from: Timestamp::from_millis(from),
            ..Contract::standard(Currency::Krw)
        };
        let versions = [version(1, 10), version(2, 30), version(3, 30)];
        let at = |moment| {
            let moment = Timestamp::from_millis(moment);
            Contract::in_effect(versions.clone(), Currency::Krw, moment).version
        };
        assert_eq!([at(9), at(10), at(29), at(30)], [0, 1, 1, 3]);
        let limited = |from, units| Contract {
            effective_from: Timestamp::from_millis(from),
            credit_limit: Money::whole(units, Currency::Krw),
            ..Contract::standard(Currency::Krw)
        };
        let versions = [limited(10, 5), limited(30, 9), limited(30, 2)];
        let most = |moment| {
            let moment = Timestamp::from_millis(moment);
            Contract::highest_limit(&versions, Currency::Krw, moment).micro() / 1_000_000
        };
        assert_eq!(
            [most(9), most(10), most(29), most(30), most(31)],
            [0, 5, 5, 9, 2]
        );
    }
}
