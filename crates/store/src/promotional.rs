//! Promotional credit: lots that the operator granted, pinned by holds, spent by captures, given
//! back by releases, and expired.
//!
//! Which lot is spent first is decided in `domain::funds`. A lot's row is a cache of the ledger's
//! entries with its id, changed in the write that books them, with CHECKs behind.

use domain::funds::{Funds, LotPart};
use domain::id::{BusinessId, CampaignId, IdSource, LotId};
use domain::ledger::{IdempotencyKey, Posting};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::ledger::{self, currency_of, invariant};
use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write, wallet};

/// What a lot is given for, in the operator's words.
pub const REASON_CHARS_MAX: usize = 200;

/// A lot and where its credit is: `available`, `pinned`, `spent` and `expired` add up to `amount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    pub id: LotId,
    pub business: BusinessId,
    pub amount: Money,
    pub available: Money,
    pub pinned: Money,
    pub spent: Money,
    pub expired: Money,
    pub reason: String,
    pub granted_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What the operator decided to give.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    pub business: BusinessId,
    pub amount: Money,
    pub expires_at: Timestamp,
    pub reason: &'a str,
}

/// Books a grant once per key; a repeated one answers the first lot, one that differs is
/// [`StoreError::Taken`].
pub async fn grant(
    write: &mut Write,
    grant: Grant<'_>,
    key: &IdempotencyKey,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<LotId, StoreError> {
    let Grant {
        business,
        amount,
        expires_at,
        reason,
    } = grant;
    if let Some(booked) = ledger::find(write, key).await? {
        let id = booked.entries.iter().find_map(|entry| entry.lot);
        let lot = match id {
            Some(id) => find(write.connection(), id).await?,
            None => None,
        };
        let same = |lot: &Lot| {
            (lot.business, lot.amount, lot.expires_at) == (business, amount, expires_at)
        };
        return lot.filter(same).map(|lot| lot.id).ok_or_else(|| {
            StoreError::Taken(format!(
                "the reference of {key} was used before, for another grant"
            ))
        });
    }
    let id = ids.next();
    let posting = Posting::promotional_grant(id, amount).map_err(invariant)?;
    wallet::open(write, business, amount.currency()).await?;
    let sql = "INSERT INTO promotional_lot
                 (id, business, amount, available, reason, granted_at, expires_at)
               VALUES ($1, $2, $3, $3, $4, $5, $6)";
    let bound = values![id, business, amount.micro(), reason, now, expires_at];
    row::execute(write.connection(), sql, bound).await?;
    let sql = "UPDATE wallet SET available = available + $2 WHERE business = $1";
    wallet::change_one(write, sql, business, amount, "the wallet of a grant").await?;
    ledger::append(write, ids.next(), business, &posting, key, now).await?;
    Ok(id)
}

/// Lots of a business, those that expire last first.
pub async fn lots(store: &Store, business: BusinessId) -> Result<Vec<Lot>, StoreError> {
    all_of(store.reader(), business).await
}

/// Businesses with credit that nobody spent in time.
pub async fn businesses_due(store: &Store, now: Timestamp) -> Result<Vec<BusinessId>, StoreError> {
    let sql = "SELECT DISTINCT business FROM promotional_lot
               WHERE available > 0 AND expires_at <= $1";
    let rows = row::all(store.reader(), "promotional_lot", sql, values![now]).await?;
    rows.iter().map(|row| row.id("business")).collect()
}

/// Takes back what is left of the lots whose time is over; how much that was.
pub async fn expire_due(
    write: &mut Write,
    business: BusinessId,
    now: Timestamp,
    ids: &dyn IdSource,
) -> Result<Money, StoreError> {
    let mut total = Money::zero(currency_of(write.connection(), business).await?);
    for part in free(write.connection(), business).await? {
        if part.expires_at > now {
            continue;
        }
        let LotPart { lot, amount, .. } = part;
        let sql = "UPDATE promotional_lot SET available = 0, expired = expired + available
                   WHERE id = $1 AND available = $2";
        let changed = row::execute(write.connection(), sql, values![lot, amount.micro()]).await?;
        wallet::expect_one(changed, "the lot that expires")?;
        let sql = "UPDATE wallet SET available = available - $2 WHERE business = $1";
        wallet::change_one(write, sql, business, amount, "the wallet of a lot").await?;
        let posting = Posting::promotional_expiry(lot, amount).map_err(invariant)?;
        let key = IdempotencyKey::promotional_expiry(lot);
        ledger::append(write, ids.next(), business, &posting, &key, now).await?;
        total = total.checked_add(amount).map_err(invariant)?;
    }
    Ok(total)
}

/// What lots of a business still have, expired ones included: who spends expires them first.
pub(crate) async fn free(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Vec<LotPart>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = "SELECT id AS lot, expires_at, available AS amount FROM promotional_lot
               WHERE business = $1 AND available > 0 ORDER BY expires_at, id";
    let rows = row::all(connection, "promotional_lot", sql, values![business]).await?;
    rows.iter().map(|row| part_of(row, currency)).collect()
}

/// What a campaign's hold has of lots and neither spent nor gave back.
pub(crate) async fn pinned(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    currency: Currency,
) -> Result<Vec<LotPart>, StoreError> {
    let sql = "SELECT lot, expires_at, amount - captured - released AS amount FROM hold_lot
               WHERE campaign = $1 AND amount > captured + released ORDER BY expires_at, lot";
    let rows = row::all(connection, "hold_lot", sql, values![campaign]).await?;
    rows.iter().map(|row| part_of(row, currency)).collect()
}

/// Moves what a hold takes from its lots, which it was computed from.
pub(crate) async fn pin(
    write: &Write,
    campaign: CampaignId,
    funds: &Funds,
) -> Result<(), StoreError> {
    for (lot, amount) in funds.lots() {
        let sql = "UPDATE promotional_lot SET available = available - $2
                   WHERE id = $1 AND available >= $2";
        let bound = values![*lot, amount.micro()];
        let changed = row::execute(write.connection(), sql, bound).await?;
        wallet::expect_one(changed, "the credit of a lot that is pinned")?;
        let sql = "INSERT INTO hold_lot (campaign, lot, expires_at, amount)
                   SELECT $1, id, expires_at, $3 FROM promotional_lot WHERE id = $2
                   ON CONFLICT (campaign, lot) DO UPDATE
                     SET amount = hold_lot.amount + excluded.amount";
        let bound = values![campaign, *lot, amount.micro()];
        row::execute(write.connection(), sql, bound).await?;
    }
    Ok(())
}

/// Notes what a capture took of what is pinned.
pub(crate) async fn spend(
    write: &Write,
    campaign: CampaignId,
    funds: &Funds,
) -> Result<(), StoreError> {
    let sql = "UPDATE hold_lot SET captured = captured + $3
               WHERE campaign = $1 AND lot = $2 AND amount - captured - released >= $3";
    for (lot, amount) in funds.lots() {
        let bound = values![campaign, *lot, amount.micro()];
        let changed = row::execute(write.connection(), sql, bound).await?;
        wallet::expect_one(changed, "the pinned credit of a capture")?;
    }
    Ok(())
}

/// Gives pinned credit back to its lots; those whose time is over meanwhile, whose credit expires
/// with it.
pub(crate) async fn give_back(
    write: &Write,
    campaign: CampaignId,
    funds: &Funds,
    now: Timestamp,
) -> Result<Vec<LotId>, StoreError> {
    let mut expired = Vec::new();
    for (lot, amount) in funds.lots() {
        let sql = "UPDATE hold_lot SET released = released + $3
                   WHERE campaign = $1 AND lot = $2 AND amount - captured - released >= $3";
        let bound = values![campaign, *lot, amount.micro()];
        let changed = row::execute(write.connection(), sql, bound).await?;
        wallet::expect_one(changed, "the pinned credit of a release")?;
        let is_over = is_over(write.connection(), *lot, now).await?;
        let column = match is_over {
            true => "expired",
            false => "available",
        };
        let sql = format!("UPDATE promotional_lot SET {column} = {column} + $2 WHERE id = $1");
        let bound = values![*lot, amount.micro()];
        let changed = row::execute(write.connection(), &sql, bound).await?;
        wallet::expect_one(changed, "the lot that credit goes back to")?;
        if is_over {
            expired.push(*lot);
        }
    }
    Ok(expired)
}

/// A lot that has expired once stays so, whatever the clock says.
async fn is_over(
    connection: &impl ConnectionTrait,
    lot: LotId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = find(connection, lot).await?;
    let found = found.ok_or_else(|| invariant(format!("{lot} is not there")))?;
    Ok(found.expires_at <= now || !found.expired.is_zero())
}

impl Snapshot {
    /// Every lot of a business with where its credit is.
    pub async fn promotional_lots(&self, business: BusinessId) -> Result<Vec<Lot>, StoreError> {
        all_of(self.connection(), business).await
    }
}

const COLUMNS: &str = "l.id AS id, l.business AS business, b.currency AS currency,
    l.amount AS amount, l.available AS available, l.expired AS expired, l.reason AS reason,
    l.granted_at AS granted_at, l.expires_at AS expires_at";

fn select(condition: &str) -> String {
    format!(
        "SELECT {COLUMNS}, {} AS pinned, {} AS spent
         FROM promotional_lot l JOIN business b ON b.id = l.business
           LEFT JOIN hold_lot h ON h.lot = l.id
         WHERE {condition}
         GROUP BY l.id, b.currency ORDER BY l.expires_at DESC, l.id DESC",
        row::sum("h.amount - h.captured - h.released"),
        row::sum("h.captured"),
    )
}

async fn all_of(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Vec<Lot>, StoreError> {
    let sql = select("l.business = $1");
    let rows = row::all(connection, "promotional_lot", &sql, values![business]).await?;
    rows.iter().map(lot_of).collect()
}

async fn find(connection: &impl ConnectionTrait, id: LotId) -> Result<Option<Lot>, StoreError> {
    let row = row::one(
        connection,
        "promotional_lot",
        &select("l.id = $1"),
        values![id],
    )
    .await?;
    row.as_ref().map(lot_of).transpose()
}

fn lot_of(row: &Row) -> Result<Lot, StoreError> {
    let currency = ledger::currency(row)?;
    let money = |column| Ok::<_, StoreError>(Money::from_micro(row.get(column)?, currency));
    Ok(Lot {
        id: row.id("id")?,
        business: row.id("business")?,
        amount: money("amount")?,
        available: money("available")?,
        pinned: money("pinned")?,
        spent: money("spent")?,
        expired: money("expired")?,
        reason: row.get("reason")?,
        granted_at: row.time("granted_at")?,
        expires_at: row.time("expires_at")?,
    })
}

fn part_of(row: &Row, currency: Currency) -> Result<LotPart, StoreError> {
    Ok(LotPart {
        lot: row.id("lot")?,
        expires_at: row.time("expires_at")?,
        amount: Money::from_micro(row.get("amount")?, currency),
    })
}
