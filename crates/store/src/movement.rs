//! The books as a wallet shows them: what each transaction did to it, what was spent within some
//! time, and what the balance was after each. Available is cash and promotional credit together.
//! Captures never change it: they take from what is held.

use domain::id::{BusinessId, CampaignId, LedgerTransactionId};
use domain::ledger::{LedgerAccount, TransactionKind};
use domain::time::Timestamp;

use crate::campaign::kind_of;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// Which lines, newest first.
#[derive(Debug, Clone, Copy)]
pub struct LineQuery<'a> {
    pub business: BusinessId,
    /// Empty for every kind.
    pub kinds: &'a [TransactionKind],
    /// Booked from here on, and before there.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The last sequence of the page before.
    pub before: Option<u64>,
    /// Transactions that are read; one concerns one campaign or several.
    pub transactions: u32,
}

/// What one transaction did to a wallet for one campaign, or for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletLine {
    pub sequence: u64,
    pub transaction: LedgerTransactionId,
    pub kind: TransactionKind,
    pub booked_at: Timestamp,
    /// What names the cause: the payment reference, the campaign, the roll-up.
    pub key: String,
    pub campaign: Option<CampaignId>,
    pub available_micro: i64,
    pub held_micro: i64,
}

/// What a campaign's lines are called, and what a unit of it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineCampaign {
    pub id: CampaignId,
    pub name: String,
    /// Of its account.
    pub handle: String,
    /// A broadcast, or a test of one, has pages; a day of API sending has none.
    pub is_broadcast: bool,
    /// 0 where not every unit costs the same.
    pub unit_price_micro: i64,
}

/// Money a campaign still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenHold {
    pub campaign: CampaignId,
    pub amount_micro: i64,
    pub captured_micro: i64,
    pub released_micro: i64,
}

/// A campaign with a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledCampaign {
    pub id: CampaignId,
    pub name: String,
    /// Of its account.
    pub handle: String,
    pub launched_at: Timestamp,
    pub captured_micro: i64,
    /// 0 where not every unit costs the same.
    pub unit_price_micro: i64,
}

impl OpenHold {
    pub fn open_micro(&self) -> i64 {
        self.amount_micro - self.captured_micro - self.released_micro
    }
}

/// The accounts of what a brand may still spend: cash and promotional credit.
const FREE: &str = "1, 8";
const HELD: &str = "2";
const _: () = assert!(
    LedgerAccount::Cash.code() == 1
        && LedgerAccount::Held.code() == 2
        && LedgerAccount::PromotionalCredit.code() == 8
        && TransactionKind::Capture.code() == 3
);
const ALWAYS: i64 = i64::MAX;

impl Snapshot {
    pub async fn wallet_lines(&self, query: &LineQuery<'_>) -> Result<Vec<WalletLine>, StoreError> {
        let kinds: Vec<String> = query.kinds.iter().map(|k| k.code().to_string()).collect();
        let of_kind = match kinds.is_empty() {
            true => String::new(),
            false => format!("AND kind IN ({})", kinds.join(", ")),
        };
        let columns = line_columns();
        let sql = format!(
            "SELECT {columns} FROM (
               SELECT id, sequence, kind, booked_at, idempotency_key FROM ledger_transaction
               WHERE business = $1 AND sequence < $2 AND booked_at >= $3 AND booked_at < $4
                 {of_kind}
               ORDER BY sequence DESC LIMIT $5
             ) AS t JOIN ledger_entry e ON e.ledger_transaction = t.id
             GROUP BY {LINE_KEY} ORDER BY t.sequence DESC, e.campaign"
        );
        let bound = values![
            query.business,
            query.before.unwrap_or(ALWAYS as u64),
            query.from.unwrap_or(Timestamp::from_millis(0)),
            query.until.unwrap_or(Timestamp::from_millis(ALWAYS)),
            query.transactions,
        ];
        let rows = row::all(self.connection(), "ledger_transaction", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    /// The same in the order of the books, after a sequence: what a download reads.
    pub async fn wallet_lines_after(
        &self,
        business: BusinessId,
        after: u64,
        until: Option<Timestamp>,
        transactions: u32,
    ) -> Result<Vec<WalletLine>, StoreError> {
        let columns = line_columns();
        let sql = format!(
            "SELECT {columns} FROM (
               SELECT id, sequence, kind, booked_at, idempotency_key FROM ledger_transaction
               WHERE business = $1 AND sequence > $2 AND booked_at < $3
               ORDER BY sequence LIMIT $4
             ) AS t JOIN ledger_entry e ON e.ledger_transaction = t.id
             GROUP BY {LINE_KEY} ORDER BY t.sequence, e.campaign"
        );
        let until = until.unwrap_or(Timestamp::from_millis(ALWAYS));
        let bound = values![business, after, until, transactions];
        let rows = row::all(self.connection(), "ledger_transaction", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    /// The last sequence booked before a moment; 0 where there is none.
    pub async fn last_sequence_before(
        &self,
        business: BusinessId,
        moment: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT COALESCE(MAX(sequence), 0) AS sequence FROM ledger_transaction
                   WHERE business = $1 AND booked_at < $2";
        let bound = values![business, moment];
        let row = row::one(self.connection(), "ledger_transaction", sql, bound).await?;
        row.map_or(Ok(0), |row| row.int("sequence"))
    }

    /// What the books say is available and held after a sequence, in micro-units.
    pub async fn balance_after(
        &self,
        business: BusinessId,
        sequence: u64,
    ) -> Result<(i64, i64), StoreError> {
        let sql = format!(
            "SELECT {} AS available, {} AS held
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.sequence <= $2",
            credits(FREE),
            credits(HELD),
        );
        let bound = values![business, sequence];
        let row = row::one(self.connection(), "ledger_entry", &sql, bound).await?;
        row.map_or(Ok((0, 0)), |row| {
            Ok((row.get("available")?, row.get("held")?))
        })
    }

    /// What every transaction after `after` up to `last` changed of what is available, newest
    /// first; those that changed nothing are left out.
    pub async fn available_changes(
        &self,
        business: BusinessId,
        after: u64,
        last: u64,
    ) -> Result<Vec<(u64, i64)>, StoreError> {
        let sql = format!(
            "SELECT t.sequence AS sequence, {} AS available
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.sequence > $2 AND t.sequence <= $3
               AND t.kind <> 3 AND e.ledger_account IN ({FREE})
             GROUP BY t.sequence ORDER BY t.sequence DESC",
            row::sum("-e.amount")
        );
        let bound = values![business, after, last];
        let rows = row::all(self.connection(), "ledger_entry", &sql, bound).await?;
        rows.iter()
            .map(|row| Ok((row.int("sequence")?, row.get("available")?)))
            .collect()
    }

    /// By how much what is available changed after a sequence, in micro-units.
    pub async fn available_since(
        &self,
        business: BusinessId,
        sequence: u64,
    ) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT {} AS available
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.sequence > $2 AND t.kind <> 3
               AND e.ledger_account IN ({FREE})",
            row::sum("-e.amount")
        );
        let bound = values![business, sequence];
        let row = row::one(self.connection(), "ledger_entry", &sql, bound).await?;
        row.map_or(Ok(0), |row| row.get("available"))
    }

    /// What transactions of one kind moved between two moments, in micro-units: paid in by a
    /// top-up, spent by a capture.
    pub async fn moved_between(
        &self,
        business: BusinessId,
        kind: TransactionKind,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<i64, StoreError> {
        let sql = format!(
            "SELECT {} AS moved
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.business = $1 AND t.kind = $2 AND t.booked_at >= $3 AND t.booked_at < $4
               AND e.amount > 0",
            row::sum("e.amount")
        );
        let bound = values![business, kind.code(), from, until];
        let row = row::one(self.connection(), "ledger_entry", &sql, bound).await?;
        row.map_or(Ok(0), |row| row.get("moved"))
    }

    /// When the books of a business begin; `None` where nothing is booked.
    pub async fn first_booked_at(
        &self,
        business: BusinessId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT booked_at FROM ledger_transaction WHERE business = $1
                   ORDER BY sequence LIMIT 1";
        let row = row::one(
            self.connection(),
            "ledger_transaction",
            sql,
            values![business],
        );
        row.await?.map(|row| row.time("booked_at")).transpose()
    }

    /// Broadcasts that something was earned from, the latest first: those that have a bill.
    pub async fn billed_campaigns(
        &self,
        business: BusinessId,
        limit: u32,
    ) -> Result<Vec<BilledCampaign>, StoreError> {
        let sql = "SELECT c.id AS id, c.name AS name, a.handle AS handle,
                     c.launched_at AS launched_at, h.captured AS captured,
                     COALESCE((SELECT MAX(t.unit_price) FROM campaign_tariff t
                               WHERE t.campaign = c.id AND t.by_unit = 0), 0) AS unit_price
                   FROM hold h JOIN campaign c ON c.id = h.campaign
                     JOIN account a ON a.id = c.account
                   WHERE h.business = $1 AND h.captured > 0 AND c.kind = $2
                   ORDER BY c.launched_at DESC, c.id DESC LIMIT $3";
        let kind = domain::campaign::CampaignKind::Broadcast.code();
        let rows = row::all(
            self.connection(),
            "hold",
            sql,
            values![business, kind, limit],
        )
        .await?;
        let read = |row: &Row| {
            Ok(BilledCampaign {
                id: row.id("id")?,
                name: row.get("name")?,
                handle: row.get("handle")?,
                launched_at: row.time("launched_at")?,
                captured_micro: row.get("captured")?,
                unit_price_micro: row.get("unit_price")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Holds that something is left of, the largest first.
    pub async fn open_holds(&self, business: BusinessId) -> Result<Vec<OpenHold>, StoreError> {
        let sql = "SELECT campaign, amount, captured, released FROM hold
                   WHERE business = $1 AND amount > captured + released
                   ORDER BY amount - captured - released DESC, campaign";
        let rows = row::all(self.connection(), "hold", sql, values![business]).await?;
        let read = |row: &Row| {
            Ok(OpenHold {
                campaign: row.id("campaign")?,
                amount_micro: row.get("amount")?,
                captured_micro: row.get("captured")?,
                released_micro: row.get("released")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The names behind lines; campaigns of other businesses are not there.
    pub async fn line_campaigns(
        &self,
        business: BusinessId,
        campaigns: &[CampaignId],
    ) -> Result<Vec<LineCampaign>, StoreError> {
        let sql = "SELECT c.id AS id, c.name AS name, c.kind AS kind, a.handle AS handle,
                     COALESCE((SELECT MAX(t.unit_price) FROM campaign_tariff t
                               WHERE t.campaign = c.id AND t.by_unit = 0), 0) AS unit_price
                   FROM campaign c JOIN account a ON a.id = c.account
                   WHERE c.business = {} AND c.id IN";
        let ids: Vec<sea_orm::Value> = campaigns.iter().map(|id| row::Bind::bind(*id)).collect();
        let first = values![business];
        let rows = crate::bulk::look_up(self.connection(), "campaign", [sql, ""], &first, &ids);
        let read = |row: &Row| {
            Ok(LineCampaign {
                id: row.id("id")?,
                name: row.get("name")?,
                handle: row.get("handle")?,
                is_broadcast: !kind_of(row)?.is_standing(),
                unit_price_micro: row.get("unit_price")?,
            })
        };
        rows.await?.iter().map(read).collect()
    }
}

const LINE_KEY: &str = "t.sequence, t.id, t.kind, t.booked_at, t.idempotency_key, e.campaign";

/// A credit of these accounts is what a wallet has more of.
fn credits(accounts: &str) -> String {
    row::sum_where(&format!("e.ledger_account IN ({accounts})"), "-e.amount")
}

fn line_columns() -> String {
    format!(
        "t.sequence AS sequence, t.id AS id, t.kind AS kind, t.booked_at AS booked_at,
         t.idempotency_key AS idempotency_key, e.campaign AS campaign, {} AS available, {} AS held",
        credits(FREE),
        credits(HELD),
    )
}

fn read(row: &Row) -> Result<WalletLine, StoreError> {
    let code: u8 = row.int("kind")?;
    Ok(WalletLine {
        sequence: row.int("sequence")?,
        transaction: row.id("id")?,
        kind: TransactionKind::from_code(code).ok_or_else(|| row.corrupt("kind", code))?,
        booked_at: row.time("booked_at")?,
        key: row.get("idempotency_key")?,
        campaign: row.optional_id("campaign")?,
        available_micro: row.get("available")?,
        held_micro: row.get("held")?,
    })
}
