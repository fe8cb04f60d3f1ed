//! What the check of every few minutes reads: sums over the books and over the campaigns they
//! moved for lately. No chunk is unpacked, so that it costs as much as there is new.

use domain::id::{BusinessId, CampaignId};
use domain::ledger::LedgerAccount;
use domain::time::Timestamp;

use crate::campaign::kind_of;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// Transactions out of balance that are named at once.
const NAMED_MAX: u32 = 100;

/// What all entries of a business in one account of its books add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSum {
    pub business: BusinessId,
    pub account: LedgerAccount,
    pub amount_micro: i64,
    pub entries: u64,
}

/// A transaction that does not sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbalanced {
    pub business: BusinessId,
    pub sequence: u64,
    pub key: String,
    pub entries: u64,
    pub total_micro: i64,
}

/// Money that a campaign at rest still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldAtRest {
    pub campaign: CampaignId,
    pub business: BusinessId,
    pub open_micro: i64,
}

/// One campaign as its rows add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CampaignBalance {
    pub campaign: CampaignId,
    pub business: BusinessId,
    /// Or a test of one: its audience was frozen.
    pub is_broadcast: bool,
    /// By its hold row, in micro-units.
    pub captured_micro: i64,
    /// By the books' revenue.
    pub revenue_micro: i64,
    /// By its capture rows, less what re-rating gave back.
    pub capture_rows_micro: i64,
    pub capture_units: u64,
    /// Accepted by settles that the roll-up must have seen, and by all of them.
    pub accepted_before_mark: u64,
    pub accepted: u64,
    /// Told later by the messenger.
    pub confirmed: u64,
    /// First rounds: chunks, and the recipients in them.
    pub chunks: u64,
    pub recipients: u64,
    /// The same as the freeze's ranges say, and as its tariffs count.
    pub range_chunks: u64,
    pub range_recipients: u64,
    pub tariff_recipients: u64,
}

impl Snapshot {
    /// The books of every business, added up by account.
    pub async fn ledger_sums(&self) -> Result<Vec<LedgerSum>, StoreError> {
        let sql = format!(
            "SELECT t.business AS business, e.ledger_account AS ledger_account, {} AS amount,
               COUNT(*) AS entries
             FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
             GROUP BY t.business, e.ledger_account ORDER BY t.business, e.ledger_account",
            row::sum("e.amount")
        );
        let rows = row::all(self.connection(), "ledger_entry", &sql, []).await?;
        let read = |row: &Row| {
            let code: u8 = row.int("ledger_account")?;
            Ok(LedgerSum {
                business: row.id("business")?,
                account: LedgerAccount::from_code(code)
                    .ok_or_else(|| row.corrupt("ledger_account", code))?,
                amount_micro: row.get("amount")?,
                entries: row.int("entries")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Transactions booked since a moment: how many there are, and those out of balance.
    pub async fn unbalanced_since(
        &self,
        since: Timestamp,
    ) -> Result<(u64, Vec<Unbalanced>), StoreError> {
        let sql = "SELECT COUNT(*) AS transactions FROM ledger_transaction WHERE booked_at >= $1";
        let bound = values![since];
        let row = row::one(self.connection(), "ledger_transaction", sql, bound).await?;
        let booked = row.map_or(Ok(0), |row| row.int("transactions"))?;
        let total = row::sum("e.amount");
        let sql = format!(
            "SELECT t.business AS business, t.sequence AS sequence,
               t.idempotency_key AS idempotency_key, COUNT(e.position) AS entries, {total} AS total
             FROM ledger_transaction t LEFT JOIN ledger_entry e ON e.ledger_transaction = t.id
             WHERE t.booked_at >= $1
             GROUP BY t.business, t.sequence, t.idempotency_key
             HAVING COUNT(e.position) < 2 OR {total} <> 0
             ORDER BY t.business, t.sequence LIMIT $2"
        );
        let bound = values![since, NAMED_MAX];
        let rows = row::all(self.connection(), "ledger_transaction", &sql, bound).await?;
        let read = |row: &Row| {
            Ok(Unbalanced {
                business: row.id("business")?,
                sequence: row.int("sequence")?,
                key: row.get("idempotency_key")?,
                entries: row.int("entries")?,
                total_micro: row.get("total")?,
            })
        };
        let unbalanced: Result<Vec<Unbalanced>, StoreError> = rows.iter().map(read).collect();
        Ok((booked, unbalanced?))
    }

    /// Campaigns at rest, how many of them have a hold, and those that still hold something.
    pub async fn holds_at_rest(&self) -> Result<(u64, Vec<HoldAtRest>), StoreError> {
        let at_rest = "FROM hold h JOIN campaign c ON c.id = h.campaign
                       WHERE c.state NOT IN (6, 8, 9, 10, 11)";
        let sql = format!("SELECT COUNT(*) AS holds {at_rest}");
        let row = row::one(self.connection(), "hold", &sql, []).await?;
        let holds = row.map_or(Ok(0), |row| row.int("holds"))?;
        let sql = format!(
            "SELECT h.campaign AS campaign, h.business AS business,
               h.amount - h.captured - h.released AS open
             {at_rest} AND h.amount <> h.captured + h.released ORDER BY h.campaign LIMIT $1"
        );
        let rows = row::all(self.connection(), "hold", &sql, values![NAMED_MAX]).await?;
        let read = |row: &Row| {
            Ok(HoldAtRest {
                campaign: row.id("campaign")?,
                business: row.id("business")?,
                open_micro: row.get("open")?,
            })
        };
        let open: Result<Vec<HoldAtRest>, StoreError> = rows.iter().map(read).collect();
        Ok((holds, open?))
    }

    /// Campaigns that money moved for since a moment.
    pub async fn campaigns_moved_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let sql = "SELECT DISTINCT e.campaign AS campaign
                   FROM ledger_transaction t JOIN ledger_entry e ON e.ledger_transaction = t.id
                   WHERE t.booked_at >= $1 AND e.campaign IS NOT NULL ORDER BY e.campaign";
        let rows = row::all(self.connection(), "ledger_entry", sql, values![since]).await?;
        rows.iter().map(|row| row.id("campaign")).collect()
    }

    /// One campaign added up; `None` where there is none, or it was never launched. `mark` is the
    /// roll-up's.
    pub async fn campaign_balance(
        &self,
        campaign: CampaignId,
        mark: i64,
    ) -> Result<Option<CampaignBalance>, StoreError> {
        let tariffs = row::sum("t.frozen");
        let sql = format!(
            "SELECT c.business AS business, c.kind AS kind, c.month AS month,
               COALESCE(h.captured, 0) AS captured,
               (SELECT {} FROM ledger_entry e WHERE e.campaign = c.id AND e.ledger_account = $2)
                 AS revenue,
               (SELECT {tariffs} FROM campaign_tariff t WHERE t.campaign = c.id) AS frozen,
               (SELECT {} FROM freeze_range f WHERE f.campaign = c.id) AS range_frozen,
               (SELECT {} FROM freeze_range f WHERE f.campaign = c.id) AS range_chunks
             FROM campaign c LEFT JOIN hold h ON h.campaign = c.id WHERE c.id = $1",
            row::sum("-e.amount"),
            row::sum("f.frozen"),
            row::sum("f.chunks"),
        );
        let bound = values![campaign, LedgerAccount::Revenue.code()];
        let of_campaign = row::one(self.connection(), "campaign", &sql, bound).await?;
        let Some(of_campaign) = of_campaign else {
            return Ok(None);
        };
        let Some(month) = of_campaign.optional_int::<i64>("month")? else {
            return Ok(None);
        };
        let captures = self.capture_sums(month, campaign).await?;
        let settled = "state = 10";
        let sql = format!(
            "SELECT {} AS chunks, {} AS recipients, {} AS accepted, {} AS before_mark
             FROM chunk WHERE month = $1 AND campaign = $2",
            row::sum_where("round = 0", "1"),
            row::sum_where("round = 0", "size"),
            row::sum_where(settled, "accepted"),
            row::sum_where(&format!("{settled} AND sequence < $3"), "accepted"),
        );
        let bound = values![month, campaign, mark];
        let chunks = row::one(self.connection(), "chunk", &sql, bound).await?;
        let chunks = chunks.ok_or_else(|| StoreError::NotFound("chunks".into()))?;
        let sql = "SELECT COUNT(*) AS confirmed FROM amendment
                   WHERE month = $1 AND campaign = $2 AND outcome = 2";
        let amended = row::one(
            self.connection(),
            "amendment",
            sql,
            values![month, campaign],
        );
        let amended = amended.await?;
        Ok(Some(CampaignBalance {
            campaign,
            business: of_campaign.id("business")?,
            is_broadcast: !kind_of(&of_campaign)?.is_standing(),
            captured_micro: of_campaign.get("captured")?,
            revenue_micro: of_campaign.get("revenue")?,
            capture_rows_micro: captures.1 - self.re_rated_micro(campaign).await?,
            capture_units: captures.0,
            accepted_before_mark: chunks.int("before_mark")?,
            accepted: chunks.int("accepted")?,
            confirmed: amended.map_or(Ok(0), |row| row.int("confirmed"))?,
            chunks: chunks.int("chunks")?,
            recipients: chunks.int("recipients")?,
            range_chunks: of_campaign.int("range_chunks")?,
            range_recipients: of_campaign.int("range_frozen")?,
            tariff_recipients: of_campaign.int("frozen")?,
        }))
    }

    /// Units and micro-units of a campaign's capture rows.
    async fn capture_sums(
        &self,
        month: i64,
        campaign: CampaignId,
    ) -> Result<(u64, i64), StoreError> {
        let sql = format!(
            "SELECT {} FROM capture WHERE month = $1 AND campaign = $2",
            row::sums(&["units", "amount"])
        );
        let row = row::one(self.connection(), "capture", &sql, values![month, campaign]);
        let row = row.await?;
        row.map_or(Ok((0, 0)), |row| {
            Ok((row.int("units")?, row.get("amount")?))
        })
    }
}
