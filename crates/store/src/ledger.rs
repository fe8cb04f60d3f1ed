//! The books in the database: transactions appended in one chain per business, and read again.
//!
//! What a posting is and how the chain hashes it is decided in `domain::ledger`. Nothing here is
//! ever updated or deleted.

use domain::id::{BusinessId, CampaignId, LedgerTransactionId};
use domain::ledger::{
    BookedTransaction, ChainHash, Entry, IdempotencyKey, LedgerAccount, Posting, TransactionKind,
    sum,
};
use domain::money::{Currency, Money};
use domain::time::Timestamp;
use sea_orm::ConnectionTrait;

use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write};

/// A transaction of the books as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTransaction {
    pub id: LedgerTransactionId,
    pub business: BusinessId,
    /// 1, 2, 3, … per business.
    pub sequence: u64,
    pub kind: TransactionKind,
    pub key: IdempotencyKey,
    pub booked_at: Timestamp,
    pub entries: Vec<Entry>,
    pub previous_hash: ChainHash,
    pub hash: ChainHash,
}

/// One side of what a campaign's transactions of one kind moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignEntries {
    pub kind: TransactionKind,
    pub account: LedgerAccount,
    pub amount_micro: i64,
    pub transactions: u64,
}

impl LedgerTransaction {
    /// The hash that this transaction must have after `previous`.
    pub fn hash_after(&self, previous: ChainHash) -> ChainHash {
        previous.follow(&BookedTransaction {
            id: self.id,
            business: self.business,
            sequence: self.sequence,
            kind: self.kind,
            key: &self.key,
            booked_at: self.booked_at,
            entries: &self.entries,
        })
    }
}

/// Books a posting as the business's next transaction, under an id that the caller may have written
/// elsewhere already. A key that is booked breaks an invariant: who may repeat looks with [`find`]
/// first.
pub async fn append(
    write: &mut Write,
    id: LedgerTransactionId,
    business: BusinessId,
    posting: &Posting,
    key: &IdempotencyKey,
    now: Timestamp,
) -> Result<LedgerTransactionId, StoreError> {
    let connection = write.connection();
    let currency = currency_of(connection, business).await?;
    let total = sum(posting.entries(), currency).map_err(invariant)?;
    if !total.is_zero() {
        return Err(invariant(format!("{key} sums to {total}, not to zero")));
    }
    let (last_sequence, previous_hash) = last_of(connection, business).await?;
    let transaction = LedgerTransaction {
        id,
        business,
        sequence: last_sequence + 1,
        kind: posting.kind(),
        key: key.clone(),
        booked_at: now,
        entries: posting.entries().to_vec(),
        previous_hash,
        hash: ChainHash::GENESIS,
    };
    let hash = transaction.hash_after(previous_hash);
    insert(connection, &transaction, hash).await?;
    assert_balanced(connection, &transaction).await?;
    Ok(transaction.id)
}

/// The transaction booked under a key.
pub async fn find(
    write: &mut Write,
    key: &IdempotencyKey,
) -> Result<Option<LedgerTransaction>, StoreError> {
    let connection = write.connection();
    let sql = "SELECT business, sequence FROM ledger_transaction WHERE idempotency_key = $1";
    let found = row::one(connection, "ledger_transaction", sql, values![key.as_str()]).await?;
    let Some(row) = found else { return Ok(None) };
    let (business, sequence) = (row.id("business")?, row.int("sequence")?);
    let mut booked = between(connection, business, sequence, sequence).await?;
    Ok(booked.pop())
}

/// The same for whoever only reads, and may be told of what was booked a moment ago too late.
pub async fn booked_under(
    store: &Store,
    key: &IdempotencyKey,
) -> Result<Option<LedgerTransaction>, StoreError> {
    let snapshot = store.snapshot().await?;
    let sql = "SELECT business, sequence FROM ledger_transaction WHERE idempotency_key = $1";
    let bound = values![key.as_str()];
    let found = row::one(snapshot.connection(), "ledger_transaction", sql, bound).await?;
    let Some(row) = found else { return Ok(None) };
    let (business, sequence) = (row.id("business")?, row.int("sequence")?);
    let mut booked = between(snapshot.connection(), business, sequence, sequence).await?;
    snapshot.end().await?;
    Ok(booked.pop())
}

/// A page of a business's transactions, latest first; `before` is the last sequence seen.
pub async fn latest(
    store: &Store,
    business: BusinessId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<LedgerTransaction>, StoreError> {
    let sql = "SELECT MIN(sequence) AS first, MAX(sequence) AS last FROM (
                 SELECT sequence FROM ledger_transaction
                 WHERE business = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3
               ) AS page";
    let before = before.unwrap_or(i64::MAX as u64);
    let values = values![business, before, limit];
    let edges = row::one(store.reader(), "ledger_transaction", sql, values).await?;
    let Some(edges) = edges else {
        return Ok(Vec::new());
    };
    let (Some(first), Some(last)) = (edges.optional_int("first")?, edges.optional_int("last")?)
    else {
        return Ok(Vec::new());
    };
    let mut page = between(store.reader(), business, first, last).await?;
    page.reverse();
    Ok(page)
}

impl Snapshot {
    /// A page of a business's transactions in the order of the chain, after a sequence.
    pub async fn ledger_page(
        &self,
        business: BusinessId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LedgerTransaction>, StoreError> {
        let sql = "SELECT MIN(sequence) AS first, MAX(sequence) AS last FROM (
                     SELECT sequence FROM ledger_transaction
                     WHERE business = $1 AND sequence > $2 ORDER BY sequence LIMIT $3
                   ) AS page";
        let values = values![business, after, limit];
        let edges = row::one(self.connection(), "ledger_transaction", sql, values).await?;
        let Some(edges) = edges else {
            return Ok(Vec::new());
        };
        match (edges.optional_int("first")?, edges.optional_int("last")?) {
            (Some(first), Some(last)) => between(self.connection(), business, first, last).await,
            _ => Ok(Vec::new()),
        }
    }

    /// A transaction by its id.
    pub async fn ledger_transaction(
        &self,
        id: LedgerTransactionId,
    ) -> Result<Option<LedgerTransaction>, StoreError> {
        let sql = "SELECT business, sequence FROM ledger_transaction WHERE id = $1";
        let row = row::one(self.connection(), "ledger_transaction", sql, values![id]).await?;
        let Some(row) = row else { return Ok(None) };
        let (business, sequence) = (row.id("business")?, row.int("sequence")?);
        let mut booked = between(self.connection(), business, sequence, sequence).await?;
        Ok(booked.pop())
    }

    /// What the books say about one campaign, by kind and account.
    pub async fn campaign_entries(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<CampaignEntries>, StoreError> {
        let sql = format!(
            "SELECT t.kind AS kind, e.ledger_account AS ledger_account, {} AS amount,
               COUNT(DISTINCT t.id) AS transactions
             FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.ledger_transaction
             WHERE e.campaign = $1 GROUP BY t.kind, e.ledger_account",
            row::sum("e.amount")
        );
        let rows = row::all(self.connection(), "ledger_entry", &sql, values![campaign]).await?;
        let read = |row: &Row| {
            Ok(CampaignEntries {
                kind: kind_of(row)?,
                account: account_of(row)?,
                amount_micro: row.get("amount")?,
                transactions: row.int("transactions")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// What each capture transaction earned from one campaign, in micro-units.
    pub async fn campaign_revenue(
        &self,
        campaign: CampaignId,
    ) -> Result<Vec<(LedgerTransactionId, i64)>, StoreError> {
        let sql = format!(
            "SELECT e.ledger_transaction AS id, {} AS earned
             FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.ledger_transaction
             WHERE e.campaign = $1 AND e.ledger_account = $2 AND t.kind = $3
             GROUP BY e.ledger_transaction",
            row::sum("-e.amount")
        );
        let values = values![
            campaign,
            LedgerAccount::Revenue.code(),
            TransactionKind::Capture.code(),
        ];
        let rows = row::all(self.connection(), "ledger_entry", &sql, values).await?;
        rows.iter()
            .map(|row| Ok((row.id("id")?, row.get("earned")?)))
            .collect()
    }
}

/// The currency a business pays in.
pub(crate) async fn currency_of(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<Currency, StoreError> {
    let sql = "SELECT currency FROM business WHERE id = $1";
    let row = row::one(connection, "business", sql, values![business]).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("business {business}")))?;
    currency(&row)
}

pub(crate) fn currency(row: &Row) -> Result<Currency, StoreError> {
    row.get::<String>("currency")?
        .parse()
        .map_err(|error| row.corrupt("currency", error))
}

pub(crate) fn invariant(why: impl std::fmt::Display) -> StoreError {
    StoreError::Invariant(why.to_string())
}

async fn last_of(
    connection: &impl ConnectionTrait,
    business: BusinessId,
) -> Result<(u64, ChainHash), StoreError> {
    let sql = "SELECT sequence, hash FROM ledger_transaction
               WHERE business = $1 ORDER BY sequence DESC LIMIT 1";
    match row::one(connection, "ledger_transaction", sql, values![business]).await? {
        None => Ok((0, ChainHash::GENESIS)),
        Some(row) => Ok((
            row.int("sequence")?,
            ChainHash::from_bytes(row.bytes("hash")?),
        )),
    }
}

async fn insert(
    connection: &impl ConnectionTrait,
    transaction: &LedgerTransaction,
    hash: ChainHash,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO ledger_transaction
                 (id, business, sequence, kind, idempotency_key, booked_at, previous_hash, hash)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values = values![
        transaction.id,
        transaction.business,
        transaction.sequence,
        transaction.kind.code(),
        transaction.key.as_str(),
        transaction.booked_at,
        *transaction.previous_hash.as_bytes(),
        *hash.as_bytes(),
    ];
    row::execute(connection, sql, values).await?;
    let sql = "INSERT INTO ledger_entry
                 (ledger_transaction, position, ledger_account, campaign, lot, amount)
               VALUES ($1, $2, $3, $4, $5, $6)";
    for (position, entry) in transaction.entries.iter().enumerate() {
        let campaign = entry.campaign.map(|campaign| campaign.as_bytes().to_vec());
        let lot = entry.lot.map(|lot| lot.as_bytes().to_vec());
        let values = values![
            transaction.id,
            position as u64,
            entry.account.code(),
            campaign,
            lot,
            entry.amount.micro(),
        ];
        row::execute(connection, sql, values).await?;
    }
    Ok(())
}

/// The other assertion of the pair: what stands in the table sums to zero, too.
async fn assert_balanced(
    connection: &impl ConnectionTrait,
    transaction: &LedgerTransaction,
) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT COUNT(*) AS entries, {} AS total FROM ledger_entry WHERE ledger_transaction = $1",
        row::sum("amount")
    );
    let row = row::one(connection, "ledger_entry", &sql, values![transaction.id]).await?;
    let row = row.ok_or_else(|| invariant("a booked transaction cannot be read"))?;
    let (entries, total): (u64, i64) = (row.int("entries")?, row.get("total")?);
    if entries == transaction.entries.len() as u64 && total == 0 {
        return Ok(());
    }
    let key = &transaction.key;
    Err(invariant(format!(
        "{key} was booked with {entries} entries that sum to {total}"
    )))
}

async fn between(
    connection: &impl ConnectionTrait,
    business: BusinessId,
    first: u64,
    last: u64,
) -> Result<Vec<LedgerTransaction>, StoreError> {
    let currency = currency_of(connection, business).await?;
    let sql = "SELECT id, sequence, kind, idempotency_key, booked_at, previous_hash, hash
               FROM ledger_transaction
               WHERE business = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence";
    let values = values![business, first, last];
    let rows = row::all(connection, "ledger_transaction", sql, values).await?;
    let sql = "SELECT t.sequence AS sequence, e.ledger_account AS ledger_account,
                      e.campaign AS campaign, e.lot AS lot, e.amount AS amount
               FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
               WHERE t.business = $1 AND t.sequence BETWEEN $2 AND $3
               ORDER BY t.sequence, e.position";
    let values = values![business, first, last];
    let entry_rows = row::all(connection, "ledger_entry", sql, values).await?;
    let mut entry_rows = entry_rows.iter().peekable();
    let mut transactions = Vec::with_capacity(rows.len());
    for row in &rows {
        let sequence: u64 = row.int("sequence")?;
        let mut entries = Vec::new();
        while let Some(entry) = entry_rows.peek() {
            if entry.int::<u64>("sequence")? != sequence {
                break;
            }
            entries.push(Entry {
                account: account_of(entry)?,
                campaign: entry.optional_id("campaign")?,
                lot: entry.optional_id("lot")?,
                amount: Money::from_micro(entry.get("amount")?, currency),
            });
            entry_rows.next();
        }
        transactions.push(LedgerTransaction {
            id: row.id("id")?,
            business,
            sequence,
            kind: kind_of(row)?,
            key: IdempotencyKey::from_stored(row.get("idempotency_key")?),
            booked_at: row.time("booked_at")?,
            entries,
            previous_hash: ChainHash::from_bytes(row.bytes("previous_hash")?),
            hash: ChainHash::from_bytes(row.bytes("hash")?),
        });
    }
    Ok(transactions)
}

fn kind_of(row: &Row) -> Result<TransactionKind, StoreError> {
    let code: u8 = row.int("kind")?;
    TransactionKind::from_code(code).ok_or_else(|| row.corrupt("kind", code))
}

fn account_of(row: &Row) -> Result<LedgerAccount, StoreError> {
    let code: u8 = row.int("ledger_account")?;
    LedgerAccount::from_code(code).ok_or_else(|| row.corrupt("ledger_account", code))
}
