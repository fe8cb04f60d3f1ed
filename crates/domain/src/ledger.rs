//! Double-entry postings: what a top-up, a hold, a capture and a release write into the books.
//!
//! Owns: the accounts, the fixed posting of each kind, the idempotency keys and the hash chain.
//! Does not own: when something is posted, and the rows. Invariants: every posting sums to zero in
//! one currency (a debit is positive, a credit negative); a wallet is a projection of entries and
//! can be rebuilt from them; nothing is ever corrected in place.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::funds::Funds;
use crate::id::{BusinessId, CampaignId, LedgerTransactionId, LotId};
use crate::money::{Currency, InvalidMoney, Money};
use crate::time::Timestamp;

mod key; // once per key, whatever is retried

pub use key::IdempotencyKey;

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
}

/// A transaction as the chain hashes it.
#[derive(Debug, Clone, Copy)]
pub struct BookedTransaction<'a> {
    pub id: LedgerTransactionId,
    pub business: BusinessId,
    /// 1, 2, 3, … per business, without gaps.
    pub sequence: u64,
    pub kind: TransactionKind,
    pub key: &'a IdempotencyKey,
    pub booked_at: Timestamp,
    pub entries: &'a [Entry],
}

/// The hash of a transaction, which covers the one before it: a changed or missing row breaks the
/// chain from there on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

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
    pub const ALL: [TransactionKind; 7] = [
        Self::TopUp,
        Self::Hold,
        Self::Capture,
        Self::Release,
        Self::PromotionalGrant,
        Self::PromotionalExpiry,
        Self::PostpaidUsage,
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
        }
    }
}

impl fmt::Display for TransactionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Posting {
    /// The bank transfer arrived: what the brand owes is paid first, of the rest what it may spend
    /// grows.
    pub fn top_up(amount: Money, owed: Money) -> Result<Self, LedgerError> {
        if amount.micro() <= 0 {
            return Err(LedgerError::NotPositive(amount));
        }
        let paid = Money::from_micro(amount.micro().min(owed.micro()), owed.currency());
        let mut entries = Vec::with_capacity(2);
        for (to, part) in [
            (LedgerAccount::Unbilled, paid),
            (LedgerAccount::Cash, amount.checked_sub(paid)?),
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

impl WalletBalance {
    pub const fn empty(currency: Currency) -> Self {
        Self {
            available: Money::zero(currency),
            held: Money::zero(currency),
            owed: Money::zero(currency),
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
            _ => self,
        })
    }
}

/// The version of the canonical bytes, their first byte.
const CANONICAL_VERSION: u8 = 1;

impl ChainHash {
    /// What the first transaction of a business follows.
    pub const GENESIS: ChainHash = ChainHash([0; 32]);

    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 over this hash and the canonical bytes of the transaction that follows it.
    ///
    /// Canonical bytes, version 1, numbers big-endian: version, id, business, sequence (8), kind,
    /// booked at (8), key length (4), key, number of entries (4), then per entry account, what it
    /// names (1 a campaign, 2 a lot, 3 both, 0 neither) and their ids in that order, currency (3),
    /// amount (8).
    pub fn follow(self, transaction: &BookedTransaction<'_>) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update([CANONICAL_VERSION]);
        hasher.update(transaction.id.as_bytes());
        hasher.update(transaction.business.as_bytes());
        hasher.update(transaction.sequence.to_be_bytes());
        hasher.update([transaction.kind.code()]);
        hasher.update(transaction.booked_at.as_millis().to_be_bytes());
        let key = transaction.key.as_str().as_bytes();
        hasher.update((key.len() as u32).to_be_bytes());
        hasher.update(key);
        hasher.update((transaction.entries.len() as u32).to_be_bytes());
        for entry in transaction.entries {
            hasher.update([entry.account.code()]);
            let named = u8::from(entry.campaign.is_some()) | u8::from(entry.lot.is_some()) << 1;
            hasher.update([named]);
            if let Some(campaign) = entry.campaign {
                hasher.update(campaign.as_bytes());
            }
            if let Some(lot) = entry.lot {
                hasher.update(lot.as_bytes());
            }
            hasher.update(entry.amount.currency().code().as_bytes());
            hasher.update(entry.amount.micro().to_be_bytes());
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests;
