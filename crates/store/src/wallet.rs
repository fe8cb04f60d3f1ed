//! Money that moves: paid in, held, captured, released. Each move changes the wallet, the hold and
//! the books inside the write that it is part of, or nothing at all.
//!
//! The wallet row is a cache of the ledger, changed by compare-and-set with a CHECK behind it; the
//! hold row says where a campaign's money went. An amount of zero moves nothing and books nothing.

use domain::contract::{Contract, VatBase};
use domain::funds::Funds;
use domain::id::{BlockId, BusinessId, CampaignId, IdSource, LedgerTransactionId};
use domain::ledger::{IdempotencyKey, LedgerAccount, LedgerError, Posting, WalletBalance};
use domain::money::{Currency, InvalidMoney, Money};
use domain::price;
use domain::time::{LaunchMonth, Timestamp};
use sea_orm::ConnectionTrait;

use crate::ledger::{self, currency, currency_of, invariant};
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write, contract, promotional};

/// What a business can spend and what is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    pub available: Money,
    pub held: Money,
    /// Spent on credit and not paid yet.
    pub owed: Money,
    /// Invoiced and not paid yet, VAT included.
    pub receivable: Money,
    /// How far below zero `available` less `owed` may fall.
    pub credit_limit: Money,
}

/// A campaign's money: what was held and where it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub campaign: CampaignId,
    pub business: BusinessId,
    pub amount: Money,
    pub captured: Money,
    pub released: Money,
}

/// What a roll-up's capture is booked as: the id that its capture rows carry, the roll-up's running
/// number, and the month whose bill it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarnedAs {
    pub transaction: LedgerTransactionId,
    pub sequence: u64,
    pub month: LaunchMonth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldResult {
    /// `None` where nothing had to be held.
    Held(Option<LedgerTransactionId>),
    /// Nothing was changed.
    FundsShort { spendable: Money },
}

impl Wallet {
    /// What the next hold may take.
    pub fn spendable(&self) -> Result<Money, InvalidMoney> {
        self.balance()
            .free(self.credit_limit)?
            .checked_add(self.credit_limit)
    }

    /// What the books must say.
    pub const fn balance(&self) -> WalletBalance {
        WalletBalance {
            available: self.available,
            held: self.held,
            owed: self.owed,
            receivable: self.receivable,
        }
    }
}

impl Hold {
    /// What is neither captured nor released.
    pub fn open(&self) -> Money {
        let micro = self.amount.micro() - self.captured.micro() - self.released.micro();
        Money::from_micro(micro, self.amount.currency())
    }
}

/// The wallet of a business; empty before its first top-up.
pub async fn find(store: &Store, business: BusinessId) -> Result<Wallet, StoreError> {
    read(store.reader(), business).await
}

/// Books a payment once per key; a repeated one answers the first transaction, one that differs is
/// [`StoreError::Taken`].
pub async fn top_up(
    write: &mut Write,
    business: BusinessId,
    amount: Money,
    key: &IdempotencyKey,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LedgerTransactionId, StoreError> {
    if let Some(booked) = ledger::find(write, key).await? {
        let arrived = booked.entries.iter();
        let arrived = arrived.filter(|entry| entry.account == LedgerAccount::BankClearing);
        let arrived: i64 = arrived.map(|entry| entry.amount.micro()).sum();
        let same = booked.business == business && arrived == amount.micro();
        return if same {
            Ok(booked.id)
        } else {
            Err(StoreError::Taken(format!(
                "the payment reference of {key} was booked before, for another payment"
            )))
        };
    }
    open(write, business, amount.currency()).await?;
    let owed = read(write.connection(), business).await?.owed;
    let currency = amount.currency();
    let versions = contract::read(write.connection(), business, currency).await?;
    let vat = match Contract::in_effect(versions, currency, now).vat_base {
        VatBase::Consumed => Money::zero(currency),
        VatBase::ToppedUp => price::vat_within(amount),
    };
    let posting = Posting::top_up(amount, vat, owed).map_err(invariant)?;
    let net = amount.micro() - vat.micro();
    let paid = net.min(owed.micro());
    let sql = "UPDATE wallet SET available = available + $2 - $3, owed = owed - $3
               WHERE business = $1";
    let bound = values![business, net, paid];
    let changed = row::execute(write.connection(), sql, bound).await?;
    expect_one(changed, "the wallet of a top-up")?;
    ledger::append(write, ids.next(), business, &posting, key, now).await
}

/// Reserves the most that a campaign can cost, in one compare-and-set.
pub async fn hold(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<HoldResult, StoreError> {
    if read_hold(write.connection(), campaign).await?.is_some() {
        return Err(StoreError::Conflict("the campaign's hold"));
    }
    let funds = match reserve(write, business, amount, now, ids).await? {
        Reserved::Short { spendable } => return Ok(HoldResult::FundsShort { spendable }),
        Reserved::Of(funds) => funds,
    };
    let sql = "INSERT INTO hold (campaign, business, amount) VALUES ($1, $2, $3)";
    let values = values![campaign, business, amount.micro()];
    row::execute(write.connection(), sql, values).await?;
    let key = IdempotencyKey::hold(campaign);
    book_hold(write, business, campaign, &funds, &key, now, ids).await
}

/// Adds a block of units to what a standing campaign holds; the first block makes the hold.
pub async fn hold_block(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    block: BlockId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<HoldResult, StoreError> {
    let funds = match reserve(write, business, amount, now, ids).await? {
        Reserved::Short { spendable } => return Ok(HoldResult::FundsShort { spendable }),
        Reserved::Of(funds) => funds,
    };
    let sql = "INSERT INTO hold (campaign, business, amount) VALUES ($1, $2, $3)
               ON CONFLICT (campaign) DO UPDATE SET amount = hold.amount + excluded.amount";
    let values = values![campaign, business, amount.micro()];
    row::execute(write.connection(), sql, values).await?;
    let key = IdempotencyKey::hold_block(campaign, block);
    book_hold(write, business, campaign, &funds, &key, now, ids).await
}

/// Gives back a part of what a campaign holds; never more than is open.
pub async fn release(
    write: &mut Write,
    campaign: CampaignId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, StoreError> {
    if amount.is_zero() {
        return Ok(None);
    }
    let hold = existing_hold(write.connection(), campaign).await?;
    expect_currency(hold.amount.currency(), amount)?;
    if amount.is_negative() {
        return Err(invariant(LedgerError::NotPositive(amount)));
    }
    let pinned = promotional::pinned(write.connection(), campaign, amount.currency()).await?;
    let cash = pinned.iter().try_fold(hold.open(), |cash, part| {
        cash.checked_sub(part.amount).map_err(invariant)
    })?;
    let funds = Funds::give_back(&pinned, cash, amount).map_err(invariant)?;
    let sql = "UPDATE hold SET released = released + $2, releases = releases + 1
               WHERE campaign = $1 AND amount - captured - released >= $2 RETURNING releases";
    let values = values![campaign, amount.micro()];
    let released = row::one(write.connection(), "hold", sql, values).await?;
    let Some(released) = released else {
        let open = hold.open();
        return Err(invariant(format!(
            "{campaign} holds {open}, less than the {amount} to release"
        )));
    };
    let expired = promotional::give_back(write, campaign, &funds, now).await?;
    let is_expired = |lot| expired.contains(&lot);
    let posting = Posting::release(campaign, &funds, is_expired).map_err(invariant)?;
    let lost = funds.lots().iter().filter(|(lot, _)| is_expired(*lot));
    let lost: i64 = lost.map(|(_, amount)| amount.micro()).sum();
    let sql = "UPDATE wallet SET held = held - $2, available = available + $3
               WHERE business = $1 AND held >= $2";
    let values = values![hold.business, amount.micro(), amount.micro() - lost];
    let changed = row::execute(write.connection(), sql, values).await?;
    expect_one(changed, "the held money of a release")?;
    let key = IdempotencyKey::release(campaign, released.int("releases")?);
    let id = ledger::append(write, ids.next(), hold.business, &posting, &key, now).await?;
    Ok(Some(id))
}

/// Gives back everything that a campaign still holds, and what it took of a plan and did not send;
/// how much money that was.
pub async fn release_rest(
    write: &mut Write,
    campaign: CampaignId,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Money, StoreError> {
    let hold = existing_hold(write.connection(), campaign).await?;
    let rest = hold.open();
    release(write, campaign, rest, now, ids).await?;
    contract::return_plan(write, hold.business, campaign).await?;
    Ok(rest)
}

/// Earns the price of recorded sends out of the holds of one business: one transaction with an
/// entry pair per campaign, under the id that the capture rows carry. Campaigns with nothing to
/// earn are left out.
pub async fn capture(
    write: &mut Write,
    business: BusinessId,
    earned_as: EarnedAs,
    amounts: &[(CampaignId, Money)],
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Option<LedgerTransactionId>, StoreError> {
    let to_earn = amounts.iter().filter(|(_, amount)| !amount.is_zero());
    let currency = currency_of(write.connection(), business).await?;
    let mut total = Money::zero(currency);
    let mut earned: Vec<(CampaignId, Funds)> = Vec::with_capacity(amounts.len());
    for &(campaign, amount) in to_earn {
        expect_currency(currency, amount)?;
        let pinned = promotional::pinned(write.connection(), campaign, currency).await?;
        let funds = Funds::spend(&pinned, amount).map_err(invariant)?;
        let sql = "UPDATE hold SET captured = captured + $2
                   WHERE campaign = $1 AND business = $3 AND amount - captured - released >= $2";
        let values = values![campaign, amount.micro(), business];
        if row::execute(write.connection(), sql, values).await? != 1 {
            return Err(invariant(format!(
                "{campaign} holds less than the {amount} to capture"
            )));
        }
        promotional::spend(write, campaign, &funds).await?;
        total = total.checked_add(amount).map_err(invariant)?;
        earned.push((campaign, funds));
    }
    if earned.is_empty() {
        return Ok(None);
    }
    let posting = Posting::capture(&earned).map_err(invariant)?;
    let sql = "UPDATE wallet SET held = held - $2 WHERE business = $1 AND held >= $2";
    let changed = row::execute(write.connection(), sql, values![business, total.micro()]).await?;
    expect_one(changed, "the held money of a capture")?;
    let EarnedAs {
        transaction,
        sequence,
        month,
    } = earned_as;
    let key = IdempotencyKey::capture(business, sequence, month);
    let id = ledger::append(write, transaction, business, &posting, &key, now).await?;
    let spent = earned.iter().map(|(_, funds)| funds.in_cash().micro());
    let spent = Money::from_micro(spent.sum(), currency);
    let key = IdempotencyKey::postpaid_usage(business, sequence, month);
    owe(write, business, spent, &key, now, ids).await?;
    Ok(Some(id))
}

/// Of cash that captures spent, what is below zero is owed from here on: nobody has paid for it.
async fn owe(
    write: &mut Write,
    business: BusinessId,
    spent: Money,
    key: &IdempotencyKey,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<(), StoreError> {
    let available = read(write.connection(), business).await?.available;
    if !available.is_negative() {
        return Ok(());
    }
    let lots = promotional::free(write.connection(), business).await?;
    let credit: i64 = lots.iter().map(|part| part.amount.micro()).sum();
    let below_zero = credit - available.micro();
    let amount = Money::from_micro(spent.micro().min(below_zero), spent.currency());
    if amount.is_zero() {
        return Ok(());
    }
    let sql = "UPDATE wallet SET available = available + $2, owed = owed + $2
               WHERE business = $1";
    change_one(write, sql, business, amount, "the wallet of a capture").await?;
    let posting = Posting::postpaid_usage(amount).map_err(invariant)?;
    ledger::append(write, ids.next(), business, &posting, key, now).await?;
    Ok(())
}

impl Write {
    pub async fn currency_of(&mut self, business: BusinessId) -> Result<Currency, StoreError> {
        currency_of(self.connection(), business).await
    }

    pub async fn wallet(&mut self, business: BusinessId) -> Result<Wallet, StoreError> {
        read(self.connection(), business).await
    }

    /// What a campaign's hold neither captured nor released so far.
    pub async fn open_hold(&mut self, campaign: CampaignId) -> Result<Money, StoreError> {
        let hold = read_hold(self.connection(), campaign).await?;
        let hold = hold.ok_or_else(|| StoreError::NotFound(format!("hold of {campaign}")))?;
        Ok(hold.open())
    }
}

impl Snapshot {
    pub async fn wallet(&self, business: BusinessId) -> Result<Wallet, StoreError> {
        read(self.connection(), business).await
    }

    pub async fn hold(&self, campaign: CampaignId) -> Result<Option<Hold>, StoreError> {
        read_hold(self.connection(), campaign).await
    }
}

/// What a hold gets.
enum Reserved {
    Of(Funds),
    Short { spendable: Money },
}

/// Moves `amount` from available to held and pins the lots it comes from, once those that are over
/// have expired.
async fn reserve(
    write: &mut Write,
    business: BusinessId,
    amount: Money,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Reserved, StoreError> {
    if amount.is_negative() {
        return Err(invariant(LedgerError::NotPositive(amount)));
    }
    open(write, business, amount.currency()).await?;
    contract::sync_credit(write, business, amount.currency(), now).await?;
    promotional::expire_due(write, business, now, ids).await?;
    if amount.is_zero() {
        // What costs nothing goes whatever there is: a limit may have been lowered below it.
        return Ok(Reserved::Of(Funds::cash(amount)));
    }
    let sql = "UPDATE wallet SET available = available - $2, held = held + $2
               WHERE business = $1 AND available - owed - $2
                 - CASE WHEN credit_limit > 0 THEN receivable ELSE 0 END >= -credit_limit";
    let values = values![business, amount.micro()];
    if row::execute(write.connection(), sql, values).await? == 1 {
        let lots = promotional::free(write.connection(), business).await?;
        let funds = Funds::spend(&lots, amount).map_err(invariant)?;
        return Ok(Reserved::Of(funds));
    }
    let wallet = read(write.connection(), business).await?;
    let spendable = wallet.spendable().map_err(invariant)?;
    Ok(Reserved::Short { spendable })
}

async fn book_hold(
    write: &mut Write,
    business: BusinessId,
    campaign: CampaignId,
    funds: &Funds,
    key: &IdempotencyKey,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<HoldResult, StoreError> {
    if funds.total().map_err(invariant)?.is_zero() {
        return Ok(HoldResult::Held(None));
    }
    promotional::pin(write, campaign, funds).await?;
    let posting = Posting::hold(campaign, funds).map_err(invariant)?;
    let id = ledger::append(write, ids.next(), business, &posting, key, now).await?;
    Ok(HoldResult::Held(Some(id)))
}

/// Makes the wallet row of a business where there is none yet.
pub(crate) async fn open(
    write: &mut Write,
    business: BusinessId,
    wanted: Currency,
) -> Result<(), StoreError> {
    let connection = write.connection();
    expect_currency(
        currency_of(connection, business).await?,
        Money::zero(wanted),
    )?;
    let sql = "INSERT INTO wallet (business, currency, available, held) VALUES ($1, $2, 0, 0)
               ON CONFLICT (business) DO NOTHING";
    row::execute(connection, sql, values![business, wanted.code()]).await?;
    Ok(())
}

async fn read(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Wallet, StoreError> {
    let sql = "SELECT b.currency AS currency, COALESCE(w.available, 0) AS available,
                      COALESCE(w.held, 0) AS held, COALESCE(w.owed, 0) AS owed,
                      COALESCE(w.receivable, 0) AS receivable,
                      COALESCE(w.credit_limit, 0) AS credit_limit
               FROM business b LEFT JOIN wallet w ON w.business = b.id WHERE b.id = $1";
    let row = row::one(connection, "wallet", sql, values![business]).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("business {business}")))?;
    let currency = currency(&row)?;
    Ok(Wallet {
        available: Money::from_micro(row.get("available")?, currency),
        held: Money::from_micro(row.get("held")?, currency),
        owed: Money::from_micro(row.get("owed")?, currency),
        receivable: Money::from_micro(row.get("receivable")?, currency),
        credit_limit: Money::from_micro(row.get("credit_limit")?, currency),
    })
}

async fn read_hold(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Option<Hold>, StoreError> {
    let sql = "SELECT h.business AS business, b.currency AS currency, h.amount AS amount,
                      h.captured AS captured, h.released AS released
               FROM hold h JOIN business b ON b.id = h.business WHERE h.campaign = $1";
    let row = row::one(connection, "hold", sql, values![campaign]).await?;
    row.map(|row| hold_of(&row, campaign)).transpose()
}

async fn existing_hold(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
) -> Result<Hold, StoreError> {
    let hold = read_hold(connection, campaign).await?;
    hold.ok_or_else(|| StoreError::NotFound(format!("hold of {campaign}")))
}

fn hold_of(row: &Row, campaign: CampaignId) -> Result<Hold, StoreError> {
    let currency = currency(row)?;
    Ok(Hold {
        campaign,
        business: row.id("business")?,
        amount: Money::from_micro(row.get("amount")?, currency),
        captured: Money::from_micro(row.get("captured")?, currency),
        released: Money::from_micro(row.get("released")?, currency),
    })
}

/// Changes the wallet of a business by an amount.
pub(crate) async fn change_one(
    write: &Write,
    sql: &str,
    business: BusinessId,
    amount: Money,
    what: &str,
) -> Result<(), StoreError> {
    let changed = row::execute(write.connection(), sql, values![business, amount.micro()]).await?;
    expect_one(changed, what)
}

pub(crate) fn expect_one(changed: u64, what: &str) -> Result<(), StoreError> {
    if changed == 1 {
        Ok(())
    } else {
        Err(invariant(format!("{what} is not there")))
    }
}

fn expect_currency(business: Currency, amount: Money) -> Result<(), StoreError> {
    if business == amount.currency() {
        return Ok(());
    }
    Err(invariant(InvalidMoney::CurrenciesDiffer(
        business,
        amount.currency(),
    )))
}
