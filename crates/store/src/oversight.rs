//! All businesses together, for whoever runs the installation: who there is, what is held and for
//! how long, what nobody knows yet. Read before the wall, by no page of a brand.

use domain::campaign::CampaignState;
use domain::contract::STANDARD_BOOK;
use domain::id::{BusinessId, CampaignId};
use domain::money::Currency;
use domain::time::Timestamp;

use crate::campaign::kind_of;
use crate::campaign_list::containing;
use crate::ledger::currency;
use crate::revenue::Days;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError};

/// A business on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedBusiness {
    pub id: BusinessId,
    pub name: String,
    pub currency: Currency,
    pub available_micro: i64,
    pub held_micro: i64,
    pub accounts: u64,
    /// Within the days asked for.
    pub spent_micro: i64,
}

/// Which businesses: those whose name, or the handle of an account, holds the text.
#[derive(Debug, Clone, Copy)]
pub struct BusinessQuery<'a> {
    pub text: &'a str,
    pub days: Days,
    pub limit: u32,
    pub offset: u32,
}

/// Money that a campaign still holds, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCampaign {
    pub campaign: CampaignId,
    pub name: String,
    pub business: BusinessId,
    pub business_name: String,
    pub currency: Currency,
    /// Of its account.
    pub handle: String,
    /// Or a test of one.
    pub is_broadcast: bool,
    pub state: CampaignState,
    /// Since when it holds: its launch.
    pub since: Timestamp,
    pub amount_micro: i64,
    pub captured_micro: i64,
    pub released_micro: i64,
}

/// A campaign of a business that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignUnderWay {
    pub campaign: CampaignId,
    pub name: String,
    pub handle: String,
    /// Or a test of one.
    pub is_broadcast: bool,
    pub state: CampaignState,
    pub launched_at: Option<Timestamp>,
    pub captured_micro: i64,
    pub open_micro: i64,
}

/// What a currency's wallets and holds add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CurrencyPosition {
    pub currency: Currency,
    pub available_micro: i64,
    pub held_micro: i64,
    /// What was spent or reserved on credit, which no promotional credit makes less, and how far it
    /// may go.
    pub credit_used_micro: i64,
    pub credit_limit_micro: i64,
    /// Holds that something is left of, and those that are old.
    pub holds: u64,
    pub aged_holds: u64,
    pub aged_micro: i64,
}

/// Businesses that pay by a price book at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookUse {
    pub currency: Currency,
    pub book: String,
    pub businesses: u64,
}

/// Sends whose outcome nobody knows yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unresolved {
    /// Pushed, and not answered: chunks that are asked for, and the recipients in them.
    pub asked_for: u64,
    /// Recipients that wait for the messenger's word, or for the deadline.
    pub waiting: u64,
}

impl HeldCampaign {
    pub fn open_micro(&self) -> i64 {
        self.amount_micro - self.captured_micro - self.released_micro
    }
}

const FOUND: &str = "(LOWER(b.name) LIKE $1 ESCAPE '!' OR EXISTS (
    SELECT 1 FROM account f WHERE f.business = b.id AND f.handle LIKE $1 ESCAPE '!'))";

impl Snapshot {
    /// A page of businesses by name, and how many there are in all.
    pub async fn list_businesses(
        &self,
        query: &BusinessQuery<'_>,
    ) -> Result<(u64, Vec<ListedBusiness>), StoreError> {
        let pattern = containing(query.text);
        let sql = format!("SELECT COUNT(*) AS businesses FROM business b WHERE {FOUND}");
        let row = row::one(self.connection(), "business", &sql, values![&*pattern]).await?;
        let count = row.map_or(Ok(0), |row| row.int("businesses"))?;
        let sql = format!(
            "SELECT b.id AS id, b.name AS name, b.currency AS currency,
               COALESCE(w.available, 0) AS available, COALESCE(w.held, 0) AS held,
               (SELECT COUNT(*) FROM account a WHERE a.business = b.id) AS accounts,
               (SELECT {} FROM revenue_day r
                WHERE r.business = b.id AND r.day BETWEEN $2 AND $3) AS spent
             FROM business b LEFT JOIN wallet w ON w.business = b.id
             WHERE {FOUND} ORDER BY b.name, b.id LIMIT $4 OFFSET $5",
            row::sum("r.amount")
        );
        let bound = values![
            pattern,
            i64::from(query.days.first),
            i64::from(query.days.last),
            query.limit,
            query.offset,
        ];
        let rows = row::all(self.connection(), "business", &sql, bound).await?;
        let read = |row: &Row| {
            Ok(ListedBusiness {
                id: row.id("id")?,
                name: row.get("name")?,
                currency: currency(row)?,
                available_micro: row.get("available")?,
                held_micro: row.get("held")?,
                accounts: row.int("accounts")?,
                spent_micro: row.get("spent")?,
            })
        };
        let page: Result<Vec<ListedBusiness>, StoreError> = rows.iter().map(read).collect();
        Ok((count, page?))
    }

    /// Holds that something is left of, the oldest first; of one business, or of all.
    pub async fn held_campaigns(
        &self,
        business: Option<BusinessId>,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<HeldCampaign>, StoreError> {
        let of_business = match business {
            Some(_) => "AND h.business = $3",
            None => "",
        };
        let sql = format!(
            "SELECT h.campaign AS campaign, c.name AS name, h.business AS business,
               b.name AS business_name, b.currency AS currency, a.handle AS handle,
               c.kind AS kind, c.state AS state, c.pause_reason AS pause_reason,
               COALESCE(c.launched_at, c.created_at) AS since,
               h.amount AS amount, h.captured AS captured, h.released AS released
             FROM hold h JOIN campaign c ON c.id = h.campaign
               JOIN account a ON a.id = c.account JOIN business b ON b.id = h.business
             WHERE h.amount > h.captured + h.released {of_business}
             ORDER BY COALESCE(c.launched_at, c.created_at), h.campaign LIMIT $1 OFFSET $2"
        );
        let mut bound = values![limit, offset].to_vec();
        bound.extend(business.map(row::Bind::bind));
        let rows = row::all(self.connection(), "hold", &sql, bound);
        let read = |row: &Row| {
            Ok(HeldCampaign {
                campaign: row.id("campaign")?,
                name: row.get("name")?,
                business: row.id("business")?,
                business_name: row.get("business_name")?,
                currency: currency(row)?,
                handle: row.get("handle")?,
                is_broadcast: !kind_of(row)?.is_standing(),
                state: state(row)?,
                since: row.time("since")?,
                amount_micro: row.get("amount")?,
                captured_micro: row.get("captured")?,
                released_micro: row.get("released")?,
            })
        };
        rows.await?.iter().map(read).collect()
    }

    /// A business's campaigns between their launch and their close, the latest first.
    pub async fn campaigns_under_way(
        &self,
        business: BusinessId,
        limit: u32,
    ) -> Result<Vec<CampaignUnderWay>, StoreError> {
        let sql = "SELECT c.id AS id, c.name AS name, a.handle AS handle, c.kind AS kind,
                     c.state AS state, c.pause_reason AS pause_reason,
                     c.launched_at AS launched_at, COALESCE(h.captured, 0) AS captured,
                     COALESCE(h.amount - h.captured - h.released, 0) AS open
                   FROM campaign c JOIN account a ON a.id = c.account
                     LEFT JOIN hold h ON h.campaign = c.id
                   WHERE c.business = $1 AND c.state IN (6, 8, 9, 10, 11)
                   ORDER BY c.launched_at DESC, c.id DESC LIMIT $2";
        let rows = row::all(self.connection(), "campaign", sql, values![business, limit]);
        let read = |row: &Row| {
            Ok(CampaignUnderWay {
                campaign: row.id("id")?,
                name: row.get("name")?,
                handle: row.get("handle")?,
                is_broadcast: !kind_of(row)?.is_standing(),
                state: state(row)?,
                launched_at: row.optional_time("launched_at")?,
                captured_micro: row.get("captured")?,
                open_micro: row.get("open")?,
            })
        };
        rows.await?.iter().map(read).collect()
    }

    /// What there is in every currency that somebody pays in; holds from before `aged_before` are
    /// old.
    pub async fn positions(
        &self,
        aged_before: Timestamp,
    ) -> Result<Vec<CurrencyPosition>, StoreError> {
        let on_credit = "w.owed - w.available + COALESCE(l.free, 0)
           + CASE WHEN w.credit_limit > 0 THEN w.receivable ELSE 0 END";
        let sql = format!(
            "SELECT w.currency AS currency, {} AS available, {} AS held, {} AS credit_limit,
               {} AS used
             FROM wallet w LEFT JOIN (SELECT business, {} AS free FROM promotional_lot
                                      GROUP BY business) l ON l.business = w.business
             GROUP BY w.currency ORDER BY w.currency",
            row::sum("w.available"),
            row::sum("w.held"),
            row::sum("w.credit_limit"),
            row::sum_where(&format!("{on_credit} > 0"), on_credit),
            row::sum("available"),
        );
        let rows = row::all(self.connection(), "wallet", &sql, []).await?;
        let read = |row: &Row| {
            Ok(CurrencyPosition {
                currency: currency(row)?,
                available_micro: row.get("available")?,
                held_micro: row.get("held")?,
                credit_used_micro: row.get("used")?,
                credit_limit_micro: row.get("credit_limit")?,
                holds: 0,
                aged_holds: 0,
                aged_micro: 0,
            })
        };
        let positions: Result<Vec<CurrencyPosition>, StoreError> = rows.iter().map(read).collect();
        let mut positions = positions?;
        let is_aged = "COALESCE(c.launched_at, c.created_at) < $1";
        let sql = format!(
            "SELECT w.currency AS currency, COUNT(*) AS holds, {} AS aged, {} AS aged_open
             FROM hold h JOIN campaign c ON c.id = h.campaign
               JOIN wallet w ON w.business = h.business
             WHERE h.amount > h.captured + h.released GROUP BY w.currency",
            row::sum_where(is_aged, "1"),
            row::sum_where(is_aged, "h.amount - h.captured - h.released"),
        );
        for row in row::all(self.connection(), "hold", &sql, values![aged_before]).await? {
            let of = currency(&row)?;
            if let Some(position) = positions.iter_mut().find(|one| one.currency == of) {
                position.holds = row.int("holds")?;
                position.aged_holds = row.int("aged")?;
                position.aged_micro = row.get("aged_open")?;
            }
        }
        Ok(positions)
    }

    /// How many businesses pay by which book at a moment; who agreed to nothing pays by the
    /// standard one.
    pub async fn book_uses(&self, at: Timestamp) -> Result<Vec<BookUse>, StoreError> {
        let sql = format!(
            "SELECT currency, book, COUNT(*) AS businesses FROM (
               SELECT b.currency AS currency, COALESCE((
                 SELECT c.book FROM contract c
                 WHERE c.business = b.id AND c.effective_from <= $1
                 ORDER BY c.effective_from DESC, c.version DESC LIMIT 1
               ), '{STANDARD_BOOK}') AS book FROM business b
             ) AS used
             GROUP BY currency, book ORDER BY currency, book"
        );
        let rows = row::all(self.connection(), "contract", &sql, values![at]).await?;
        let read = |row: &Row| {
            Ok(BookUse {
                currency: currency(row)?,
                book: row.get("book")?,
                businesses: row.int("businesses")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Sends of campaigns under way whose outcome nobody knows. Where deliveries are billed, sends
    /// wait for the messenger's word as a rule, and are not among them.
    pub async fn unresolved(&self) -> Result<Unresolved, StoreError> {
        let alive = "FROM campaign k JOIN chunk c ON c.campaign = k.id
                     WHERE k.state BETWEEN 4 AND 11 AND k.billable = 1";
        let sql = format!(
            "SELECT {} AS asked_for {alive} AND c.state = 3 AND c.state < 10",
            row::sum("c.size")
        );
        let row = row::one(self.connection(), "chunk", &sql, []).await?;
        let asked_for = row.map_or(Ok(0), |row| row.int("asked_for"))?;
        let sql = format!(
            "SELECT {} AS uncertain {alive} AND k.billable = 1 AND c.uncertain > 0",
            row::sum("c.uncertain")
        );
        let row = row::one(self.connection(), "chunk", &sql, []).await?;
        let uncertain: u64 = row.map_or(Ok(0), |row| row.int("uncertain"))?;
        let sql = "SELECT COUNT(*) AS known
                   FROM campaign k JOIN amendment a ON a.month = k.month AND a.campaign = k.id
                   WHERE k.state BETWEEN 4 AND 11";
        let row = row::one(self.connection(), "amendment", sql, []).await?;
        let known: u64 = row.map_or(Ok(0), |row| row.int("known"))?;
        Ok(Unresolved {
            asked_for,
            waiting: uncertain.saturating_sub(known),
        })
    }

    /// Accounts that are not stopped.
    pub async fn active_accounts(&self) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS accounts FROM account a JOIN business b ON b.id = a.business
                   WHERE a.stopped_at IS NULL AND b.stopped_at IS NULL";
        let row = row::one(self.connection(), "account", sql, []).await?;
        row.map_or(Ok(0), |row| row.int("accounts"))
    }
}

fn state(row: &Row) -> Result<CampaignState, StoreError> {
    let (code, reason): (u8, Option<u8>) = (row.int("state")?, row.optional_int("pause_reason")?);
    CampaignState::from_codes(code, reason).ok_or_else(|| row.corrupt("state", code))
}
