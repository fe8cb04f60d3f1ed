//! What went wrong with money, by what the caller does about it.

use domain::budget::BudgetOf;
use domain::contract::ContractError;
use domain::ledger::LedgerError;
use domain::money::{Currency, InvalidMoney, Money};
use domain::price::PriceError;
use domain::time::{InvalidTime, Timestamp};
use store::StoreError;
use store::promotional::REASON_CHARS_MAX;

use crate::month::Checklist;

/// An error of billing.
#[derive(Debug, thiserror::Error)]
pub enum BillingError {
    /// Nothing was held: the brand waits for a top-up or sends to fewer.
    #[error("the wallet does not suffice: {needed} are needed, {available} can be spent")]
    FundsShort { available: Money, needed: Money },
    /// The operator has to price the currency first.
    #[error("the price book '{book}' has no prices in {currency} at {at}")]
    NoPrice {
        book: String,
        currency: Currency,
        at: Timestamp,
    },
    /// The plan sells no more this month.
    #[error("the plan has room for {room} more sends this month, {needed} are needed")]
    BeyondPlan { needed: u64, room: u64 },
    /// Nothing was changed: the list says what does not add up.
    #[error("the month cannot be closed: {0}")]
    NotClosable(Box<Checklist>),
    #[error("{amount} are more than the {most} there are")]
    TooMuch { amount: Money, most: Money },
    #[error("nothing is refunded while campaigns hold money: {held} are held")]
    HoldsOpen { held: Money },
    #[error("nothing is refunded while something is due: {due} are")]
    StillDue { due: Money },
    #[error("when VAT is due cannot change once money was paid in")]
    VatBaseIsFixed,
    /// A budget of the brand's own would be passed: nothing was held.
    #[error("{budget} is {limit}: {used} are used, {needed} more are needed")]
    BeyondBudget {
        budget: BudgetOf,
        limit: Money,
        used: Money,
        needed: Money,
    },
    #[error("a budget is {limit}: it is not below zero, and in {currency}")]
    BadBudget { limit: Money, currency: Currency },
    /// What was asked for cannot be booked: say so to who asked.
    #[error(transparent)]
    Refused(#[from] LedgerError),
    /// Credit that could never be spent.
    #[error("the credit would be over before it is granted: it expires at {expires_at}")]
    AlreadyOver { expires_at: Timestamp },
    #[error("it needs a reason of 1 to {REASON_CHARS_MAX} characters")]
    BadReason,
    #[error("what was agreed or published begins now or later, not at {effective_from}")]
    InThePast { effective_from: Timestamp },
    /// Whoever decided saw less than there is: to be looked at again.
    #[error("another version was agreed or published meanwhile")]
    Overtaken,
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Time(#[from] InvalidTime),
    /// A price or a quote that cannot be.
    #[error(transparent)]
    Price(#[from] PriceError),
    /// The database: its own variants say whether to retry, reload or stop.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Whoever reads the report has gone.
    #[error("the report cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl From<InvalidMoney> for BillingError {
    fn from(error: InvalidMoney) -> Self {
        Self::Refused(LedgerError::Money(error))
    }
}
