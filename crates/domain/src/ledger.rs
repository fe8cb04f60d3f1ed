//! Double-entry postings: what a top-up, a hold, a capture and a release write into the books.
//!
//! Owns: the accounts, the fixed posting of each kind, the idempotency keys and the hash chain.
//! Does not own: when something is posted, and the rows. Invariants: every posting sums to zero in
//! one currency (a debit is positive, a credit negative); a wallet is a projection of entries and
//! can be rebuilt from them; nothing is ever corrected in place.

use std::fmt;

use crate::funds::Funds;
use crate::id::{CampaignId, LotId};
use crate::money::{Currency, InvalidMoney, Money};

mod chain; // each transaction's hash covers the one before
mod key; // once per key, whatever is retried
mod month; // what a month's close and its invoice post

pub use chain::{BookedTransaction, ChainHash};
pub use key::IdempotencyKey;
pub use month::{Credited, Invoiced};

/// The accounts of the books. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LedgerAccount {
    /// What the brand paid in and may still spend: the operator owes it.
    Cash,
    /// Reserved for launched campaigns: still owed, no longer free.
    Held,
    Receivable,
    Unbilled,
    Revenue,
    BankClearing,
    RefundPayable,
    PromotionalCredit,
    PromotionalExpense,
    Rounding,
    VatPayable,
    WriteOff,
}

/// One side of a posting: a debit is positive, a credit negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub account: LedgerAccount,
    pub campaign: Option<CampaignId>,
    /// Whose promotional credit it is; `None` for cash.
    pub lot: Option<LotId>,
    pub amount: Money,
}

/// Why money moved. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionKind {
    TopUp,
    Hold,
    Capture,
    Release,
    PromotionalGrant,
    PromotionalExpiry,
    PostpaidUsage,
    ReRating,
    Invoice,
    InvoicePayment,
    CreditNote,
    Refund,
    RefundPaid,
}

/// The entries of one ledger transaction; they sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    kind: TransactionKind,
    entries: Vec<Entry>,
}

/// What a wallet shows. Available, cash and promotional credit together, and held are what the
/// operator owes, so they are the negated balances of their ledger accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalletBalance {
    pub available: Money,
    pub held: Money,
    /// Spent on credit and not paid yet: what the brand owes.
    pub owed: Money,
    /// Invoiced and not paid yet, VAT included.
    pub receivable: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("{0} cannot be posted: an amount is more than zero")]
    NotPositive(Money),
    #[error("a capture needs at least one campaign")]
    NothingCaptured,
    #[error("campaign {0} stands twice in one capture")]
    CampaignTwice(CampaignId),
    #[error("the entries of a {kind} do not sum to zero but to {sum}")]
    Unbalanced { kind: TransactionKind, sum: Money },
    #[error("the wallet would be overdrawn: {available} available, {held} held")]
    Overdrawn { available: Money, held: Money },
    #[error(
        "'{0}' is not a payment reference: expected 1 to {REFERENCE_CHARS_MAX} printable ASCII"
    )]
    BadReference(String),
    #[error(transparent)]
    Money(#[from] InvalidMoney),
}

/// The longest external payment reference.
pub const REFERENCE_CHARS_MAX: usize = 64;

impl LedgerAccount {
    pub const ALL: [LedgerAccount; 12] = [
        Self::Cash,
        Self::Held,
        Self::Receivable,
        Self::Unbilled,
        Self::Revenue,
        Self::BankClearing,
        Self::RefundPayable,
        Self::PromotionalCredit,
        Self::PromotionalExpense,
        Self::Rounding,
        Self::VatPayable,
        Self::WriteOff,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Cash => 1,
            Self::Held => 2,
            Self::Receivable => 3,
            Self::Unbilled => 4,
            Self::Revenue => 5,
            Self::BankClearing => 6,
            Self::RefundPayable => 7,
            Self::PromotionalCredit => 8,
            Self::PromotionalExpense => 9,
            Self::Rounding => 10,
            Self::VatPayable => 11,
            Self::WriteOff => 12,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|account| account.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Held => "held",
            Self::Receivable => "receivable",
            Self::Unbilled => "unbilled",
            Self::Revenue => "revenue",
            Self::BankClearing => "bank_clearing",
            Self::RefundPayable => "refund_payable",
            Self::PromotionalCredit => "promotional_credit",
            Self::PromotionalExpense => "promotional_expense",
            Self::Rounding => "rounding",
            Self::VatPayable => "vat_payable",
            Self::WriteOff => "write_off",
        }
    }
}

impl TransactionKind {
    pub const ALL: [TransactionKind; 13] = [
        Self::TopUp,
        Self::Hold,
        Self::Capture,
        Self::Release,
        Self::PromotionalGrant,
        Self::PromotionalExpiry,
        Self::PostpaidUsage,
        Self::ReRating,
        Self::Invoice,
        Self::InvoicePayment,
        Self::CreditNote,
        Self::Refund,
        Self::RefundPaid,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::TopUp => 1,
            Self::Hold => 2,
            Self::Capture => 3,
            Self::Release => 4,
            Self::PromotionalGrant => 5,
            Self::PromotionalExpiry => 6,
            Self::PostpaidUsage => 7,
            Self::ReRating => 8,
            Self::Invoice => 9,
            Self::InvoicePayment => 10,
            Self::CreditNote => 11,
            Self::Refund => 12,
            Self::RefundPaid => 13,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Hold => "hold",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::PromotionalGrant => "promotional_grant",
            Self::PromotionalExpiry => "promotional_expiry",
            Self::PostpaidUsage => "postpaid_usage",
            Self::ReRating => "re_rating",
            Self::Invoice => "invoice",
            Self::InvoicePayment => "invoice_payment",
            Self::CreditNote => "credit_note",
            Self::Refund => "refund",
            Self::RefundPaid => "refund_paid",
        }
    }
}

impl fmt::Display for TransactionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Posting {
    /// The bank transfer arrived, `vat` of it for the tax office: of the rest what the brand owes
    /// is paid first, then what it may spend grows.
    pub fn top_up(amount: Money, vat: Money, owed: Money) -> Result<Self, LedgerError> {
        if amount.micro() <= 0 {
            return Err(LedgerError::NotPositive(amount));
        }
        let net = amount.checked_sub(vat)?;
        let paid = Money::from_micro(net.micro().min(owed.micro()), owed.currency());
        let mut entries = Vec::with_capacity(2);
        for (to, part) in [
            (LedgerAccount::Unbilled, paid),
            (LedgerAccount::Cash, net.checked_sub(paid)?),
            (LedgerAccount::VatPayable, vat),
        ] {
            if !part.is_zero() {
                entries.extend(transfer(LedgerAccount::BankClearing, to, Part::of(part))?);
            }
        }
        Self::balanced(TransactionKind::TopUp, entries)
    }

    /// The operator gives credit, at its own expense.
    pub fn promotional_grant(lot: LotId, amount: Money) -> Result<Self, LedgerError> {
        let (from, to) = (
            LedgerAccount::PromotionalExpense,
            LedgerAccount::PromotionalCredit,
        );
        let pair = transfer(from, to, Part::of(amount).of_lot(lot))?;
        Self::balanced(TransactionKind::PromotionalGrant, pair.to_vec())
    }

    /// What nobody spent in time is given no more.
    pub fn promotional_expiry(lot: LotId, amount: Money) -> Result<Self, LedgerError> {
        let pair = expiry(Part::of(amount).of_lot(lot))?;
        Self::balanced(TransactionKind::PromotionalExpiry, pair.to_vec())
    }

    /// A launch reserves what the campaign can cost at most: an entry pair per source.
    pub fn hold(campaign: CampaignId, funds: &Funds) -> Result<Self, LedgerError> {
        let mut entries = Vec::with_capacity(2);
        for (lot, amount) in funds.parts() {
            let part = Part::of(amount).of_campaign(campaign).from(lot);
            entries.extend(transfer(free(lot), LedgerAccount::Held, part)?);
        }
        Self::balanced(TransactionKind::Hold, entries)
    }

    /// What was earned and nobody has paid for is owed, instead of cash below zero.
    pub fn postpaid_usage(amount: Money) -> Result<Self, LedgerError> {
        let (from, to) = (LedgerAccount::Unbilled, LedgerAccount::Cash);
        let pair = transfer(from, to, Part::of(amount))?;
        Self::balanced(TransactionKind::PostpaidUsage, pair.to_vec())
    }

    /// Recorded sends earn their price out of the holds: an entry pair per campaign and source.
    pub fn capture(captured: &[(CampaignId, Funds)]) -> Result<Self, LedgerError> {
        let mut entries = Vec::with_capacity(captured.len() * 2);
        let mut campaigns = Vec::with_capacity(captured.len());
        for (campaign, funds) in captured {
            for (lot, amount) in funds.parts() {
                let part = Part::of(amount).of_campaign(*campaign).from(lot);
                entries.extend(transfer(LedgerAccount::Held, LedgerAccount::Revenue, part)?);
            }
            campaigns.push(*campaign);
        }
        campaigns.sort_unstable();
        if let Some(pair) = campaigns.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(LedgerError::CampaignTwice(pair[0]));
        }
        Self::balanced(TransactionKind::Capture, entries)
    }

    /// What a campaign held and did not earn goes back to where it came from; what comes back to a
    /// lot that has expired meanwhile expires at once.
    pub fn release(
        campaign: CampaignId,
        funds: &Funds,
        is_expired: impl Fn(LotId) -> bool,
    ) -> Result<Self, LedgerError> {
        let mut entries = Vec::with_capacity(2);
        for (lot, amount) in funds.parts() {
            let part = Part::of(amount).of_campaign(campaign).from(lot);
            entries.extend(transfer(LedgerAccount::Held, free(lot), part)?);
            if lot.is_some_and(&is_expired) {
                entries.extend(expiry(part)?);
            }
        }
        Self::balanced(TransactionKind::Release, entries)
    }

    pub const fn kind(&self) -> TransactionKind {
        self.kind
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The other assertion of the pair: whatever built the entries, they leave here balanced.
    fn balanced(kind: TransactionKind, entries: Vec<Entry>) -> Result<Self, LedgerError> {
        let currency = entries
            .first()
            .ok_or(LedgerError::NothingCaptured)?
            .amount
            .currency();
        let sum = sum(&entries, currency)?;
        if sum.is_zero() {
            Ok(Self { kind, entries })
        } else {
            Err(LedgerError::Unbalanced { kind, sum })
        }
    }
}

/// What both entries of a transfer share.
#[derive(Clone, Copy)]
struct Part {
    campaign: Option<CampaignId>,
    lot: Option<LotId>,
    amount: Money,
}

impl Part {
    const fn of(amount: Money) -> Self {
        Self {
            campaign: None,
            lot: None,
            amount,
        }
    }

    const fn of_campaign(self, campaign: CampaignId) -> Self {
        Self {
            campaign: Some(campaign),
            ..self
        }
    }

    const fn of_lot(self, lot: LotId) -> Self {
        self.from(Some(lot))
    }

    const fn from(self, lot: Option<LotId>) -> Self {
        Self { lot, ..self }
    }
}

/// Where money waits that nobody reserved.
const fn free(lot: Option<LotId>) -> LedgerAccount {
    match lot {
        Some(_) => LedgerAccount::PromotionalCredit,
        None => LedgerAccount::Cash,
    }
}

fn expiry(part: Part) -> Result<[Entry; 2], LedgerError> {
    let (from, to) = (
        LedgerAccount::PromotionalCredit,
        LedgerAccount::PromotionalExpense,
    );
    transfer(from, to, part)
}

/// Moves an amount out of `from` (debit) into `to` (credit).
fn transfer(from: LedgerAccount, to: LedgerAccount, part: Part) -> Result<[Entry; 2], LedgerError> {
    let Part {
        campaign,
        lot,
        amount,
    } = part;
    if amount.micro() <= 0 {
        return Err(LedgerError::NotPositive(amount));
    }
    let credit = Money::zero(amount.currency()).checked_sub(amount)?;
    let entry = |account, amount| Entry {
        account,
        campaign,
        lot,
        amount,
    };
    Ok([entry(from, amount), entry(to, credit)])
}

/// The sum of entries in one currency; zero for every transaction, and for the whole book.
pub fn sum<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    currency: Currency,
) -> Result<Money, LedgerError> {
    // Summed wide: a book's debits alone may pass what one amount can hold.
    let mut micro = 0i128;
    for entry in entries {
        Money::zero(currency).checked_add(entry.amount)?;
        micro += i128::from(entry.amount.micro());
    }
    let micro = i64::try_from(micro).map_err(|_| InvalidMoney::TooLarge(currency))?;
    Ok(Money::from_micro(micro, currency))
}

/// `100 KRW available, 0 KRW held, 0 KRW owed and 0 KRW invoiced`.
impl fmt::Display for WalletBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            available,
            held,
            owed,
            receivable,
        } = self;
        write!(
            f,
            "{available} available, {held} held, {owed} owed and {receivable} invoiced"
        )
    }
}

impl WalletBalance {
    pub const fn empty(currency: Currency) -> Self {
        Self {
            available: Money::zero(currency),
            held: Money::zero(currency),
            owed: Money::zero(currency),
            receivable: Money::zero(currency),
        }
    }

    /// What a hold may take of: free money less what is owed. Where credit is given, what is
    /// invoiced and not paid takes of it, too.
    pub fn free(&self, credit_limit: Money) -> Result<Money, InvalidMoney> {
        let free = self.available.checked_sub(self.owed)?;
        match credit_limit.is_zero() {
            true => Ok(free),
            false => free.checked_sub(self.receivable),
        }
    }

    /// The wallet that a business's entries add up to: what its row caches.
    pub fn rebuild<'a>(
        entries: impl IntoIterator<Item = &'a Entry>,
        currency: Currency,
    ) -> Result<Self, LedgerError> {
        let mut wallet = Self::empty(currency);
        for entry in entries {
            wallet = wallet.with(entry)?;
        }
        Ok(wallet)
    }

    /// The wallet after a posting; refused where a prepaid wallet would be overdrawn or more would
    /// leave the hold than is in it.
    pub fn after(self, posting: &Posting) -> Result<Self, LedgerError> {
        let wallet = self.with_all(posting)?;
        if wallet.available.is_negative() || wallet.held.is_negative() {
            return Err(LedgerError::Overdrawn {
                available: wallet.available,
                held: wallet.held,
            });
        }
        Ok(wallet)
    }

    /// Both together: what one adds up to after the other.
    pub fn plus(self, other: Self) -> Result<Self, LedgerError> {
        Ok(Self {
            available: self.available.checked_add(other.available)?,
            held: self.held.checked_add(other.held)?,
            owed: self.owed.checked_add(other.owed)?,
            receivable: self.receivable.checked_add(other.receivable)?,
        })
    }

    fn with_all(self, posting: &Posting) -> Result<Self, LedgerError> {
        let mut entries = posting.entries().iter();
        entries.try_fold(self, |wallet, entry| wallet.with(entry))
    }

    fn with(self, entry: &Entry) -> Result<Self, LedgerError> {
        let Self {
            available,
            held,
            owed,
            receivable,
        } = self;
        Ok(match entry.account {
            LedgerAccount::Cash | LedgerAccount::PromotionalCredit => Self {
                available: available.checked_sub(entry.amount)?,
                ..self
            },
            LedgerAccount::Held => Self {
                held: held.checked_sub(entry.amount)?,
                ..self
            },
            LedgerAccount::Unbilled => Self {
                owed: owed.checked_add(entry.amount)?,
                ..self
            },
            LedgerAccount::Receivable => Self {
                receivable: receivable.checked_add(entry.amount)?,
                ..self
            },
            _ => self,
        })
    }
}

#[cfg(test)]
mod tests;
