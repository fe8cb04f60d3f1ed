//! Campaigns as a list shows them: a page of rows with their money, and what became of many
//! campaigns at once. Nothing here reads a row per friend, however large a campaign was.

use std::collections::BTreeMap;

use domain::campaign::{CampaignKind, CampaignState, Purpose};
use domain::id::{AccountId, CampaignId};
use domain::outcome::Outcome;
use domain::receipt::ReceiptKind;
use domain::time::Timestamp;
use sea_orm::{ConnectionTrait, Value};

use crate::campaign::{shown, state_of};
use crate::draft::Part;
use crate::receipt::figures;
use crate::row::{self, Bind, Row, values};
use crate::{Snapshot, StoreError, bulk};

/// Bytes of receipts not yet added up that one page reads to be exact; beyond, a campaign's figures
/// are as they were added up last.
const LOG_BYTES_MAX: u64 = 256 * 1024;

/// Which campaigns of an account, newest first.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    pub account: AccountId,
    /// By their codes.
    pub states: &'a [u8],
    /// What the name contains; empty for any.
    pub text: &'a str,
    /// The last one of the page before.
    pub before: Option<CampaignId>,
    pub limit: u32,
}

/// A broadcast without its message.
#[derive(Debug, Clone)]
pub struct ListedCampaign {
    pub id: CampaignId,
    pub name: String,
    pub purpose: Purpose,
    pub state: CampaignState,
    /// Canonical JSON.
    pub audience: String,
    pub scheduled_for: Option<Timestamp>,
    pub created_at: Timestamp,
    pub launched_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub has_launch_error: bool,
    /// Since when it stands still because it came out of a copy of the books.
    pub restored_at: Option<Timestamp>,
    /// Somebody cancelled it, whatever became of its sends.
    pub was_cancelled: bool,
    /// Recipients as the launch counted them.
    pub counted: u64,
    /// Of the launch, in micro-units; 0 before.
    pub unit_price_micro: i64,
    pub held_micro: i64,
    pub captured_micro: i64,
    pub released_micro: i64,
}

/// What became of a campaign's recipients so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListedOutcomes {
    pub pending: u64,
    pub accepted: u64,
    pub failed: u64,
    pub excluded: u64,
    pub uncertain: u64,
    pub cancelled: u64,
}

/// How many people opened a campaign, and clicked in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListedReceipts {
    pub opened: u64,
    pub clicked: u64,
}

/// A draft as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDraft {
    pub updated_at: Timestamp,
    /// Of the audience's part, where there is one.
    pub audience: Option<String>,
}

/// What an account sent in campaigns launched within some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SentSums {
    pub campaigns: u64,
    /// Billed sends.
    pub sends: u64,
    pub captured_micro: i64,
}

impl ListedCampaign {
    /// The state as people are told it.
    pub fn shown_state(&self) -> CampaignState {
        shown(self.state, self.restored_at)
    }
}

impl ListedOutcomes {
    /// Everybody something became of.
    pub fn done(&self) -> u64 {
        self.accepted + self.failed + self.excluded + self.uncertain + self.cancelled
    }

    fn add(&mut self, outcome: Outcome, count: u64) {
        match outcome {
            Outcome::Accepted | Outcome::Confirmed => self.accepted += count,
            Outcome::Failed(_) => self.failed += count,
            Outcome::Excluded(_) => self.excluded += count,
            Outcome::Uncertain | Outcome::Unconfirmed => self.uncertain += count,
            Outcome::Cancelled | Outcome::WrittenOff => self.cancelled += count,
            // Who moved to a next round is told there.
            Outcome::Moved => {}
        }
    }
}

impl Snapshot {
    pub async fn list_campaigns(
        &self,
        query: &ListQuery<'_>,
    ) -> Result<Vec<ListedCampaign>, StoreError> {
        let head = format!(
            "SELECT {COLUMNS} FROM campaign c LEFT JOIN hold h ON h.campaign = c.id
             WHERE c.account = {{}} AND c.kind = {{}} AND c.id < {{}}
               AND LOWER(c.name) LIKE {{}} ESCAPE '!' AND c.state IN"
        );
        let tail = format!(" ORDER BY c.id DESC LIMIT {}", query.limit);
        let newest = CampaignId::from_bytes([u8::MAX; 16]);
        let first = values![
            query.account,
            CampaignKind::Broadcast.code(),
            query.before.unwrap_or(newest),
            containing(query.text),
        ];
        let states: Vec<Value> = query.states.iter().map(|code| code.bind()).collect();
        let connection = self.connection();
        let rows = bulk::look_up(connection, "campaign", [&head, &tail], &first, &states).await?;
        rows.iter().map(read).collect()
    }

    /// Campaigns launched, or to be launched, from one moment until before another; oldest first.
    pub async fn campaigns_between(
        &self,
        account: AccountId,
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<ListedCampaign>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM campaign c LEFT JOIN hold h ON h.campaign = c.id
             WHERE c.account = $1 AND c.kind = $2 AND c.state NOT IN ($3, $4)
               AND COALESCE(c.launched_at, c.scheduled_for) >= $5
               AND COALESCE(c.launched_at, c.scheduled_for) < $6
             ORDER BY COALESCE(c.launched_at, c.scheduled_for), c.id LIMIT $7"
        );
        let bound = values![
            account,
            CampaignKind::Broadcast.code(),
            CampaignState::Draft.code(),
            CampaignState::Discarded.code(),
            from,
            until,
            limit,
        ];
        let rows = row::all(self.connection(), "campaign", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    /// Broadcasts that came out of a copy of the books, and of which nobody has said yet that they
    /// shall go on; newest first.
    pub async fn restored_campaigns(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<Vec<ListedCampaign>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM campaign c LEFT JOIN hold h ON h.campaign = c.id
             WHERE c.account = $1 AND c.kind = $2 AND c.restored_at IS NOT NULL
               AND c.resumed_at IS NULL
             ORDER BY c.id DESC LIMIT $3"
        );
        let bound = values![account, CampaignKind::Broadcast.code(), limit];
        let rows = row::all(self.connection(), "campaign", &sql, bound).await?;
        rows.iter().map(read).collect()
    }

    /// How many broadcasts of the account are in each state, by the states' codes.
    pub async fn campaign_counts(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<u8, u64>, StoreError> {
        let sql = "SELECT state, COUNT(*) AS campaigns FROM campaign
                   WHERE account = $1 AND kind = $2 GROUP BY state";
        let bound = values![account, CampaignKind::Broadcast.code()];
        let rows = row::all(self.connection(), "campaign", sql, bound).await?;
        rows.iter()
            .map(|row| Ok((row.int("state")?, row.int("campaigns")?)))
            .collect()
    }

    /// What became of these campaigns' recipients: from what their closing added up, and from the
    /// chunks of those that are not closed.
    pub async fn listed_outcomes(
        &self,
        campaigns: &[ListedCampaign],
    ) -> Result<BTreeMap<CampaignId, ListedOutcomes>, StoreError> {
        let launched = campaigns.iter().filter(|one| one.launched_at.is_some());
        let (closed, open): (Vec<_>, Vec<_>) =
            launched.partition(|one| one.state == CampaignState::Closed);
        let ids = |some: Vec<&ListedCampaign>| -> Vec<Value> {
            some.into_iter().map(|one| one.id.bind()).collect()
        };
        let mut outcomes = closed_outcomes(self.connection(), &ids(closed)).await?;
        outcomes.extend(open_outcomes(self.connection(), &ids(open)).await?);
        Ok(outcomes)
    }

    /// How many opened and clicked, for campaigns somebody did either of.
    pub async fn listed_receipts(
        &self,
        campaigns: &[CampaignId],
    ) -> Result<BTreeMap<CampaignId, ListedReceipts>, StoreError> {
        let connection = self.connection();
        let ids: Vec<Value> = campaigns.iter().map(|id| id.bind()).collect();
        let mut receipts: BTreeMap<CampaignId, ListedReceipts> = BTreeMap::new();
        let sql = "SELECT campaign, kind, people FROM receipt_sum WHERE campaign IN";
        for row in bulk::look_up(connection, "receipt_sum", [sql, ""], &[], &ids).await? {
            let of_campaign = receipts.entry(row.id("campaign")?).or_default();
            match ReceiptKind::from_code(row.int("kind")?) {
                Some(ReceiptKind::Opened) => of_campaign.opened = row.int("people")?,
                Some(ReceiptKind::Clicked) => of_campaign.clicked = row.int("people")?,
                _ => {}
            }
        }
        let sql = "SELECT campaign, SUM(LENGTH(receipts)) AS bytes FROM receipt_log
                   WHERE campaign IN";
        let tail = " GROUP BY campaign ORDER BY campaign DESC";
        let mut bytes = 0;
        for row in bulk::look_up(connection, "receipt_log", [sql, tail], &[], &ids).await? {
            bytes += row.int::<u64>("bytes")?;
            if bytes > LOG_BYTES_MAX {
                break;
            }
            let campaign = row.id("campaign")?;
            let told = figures::of_campaign(connection, campaign).await?;
            let of_campaign = ListedReceipts {
                opened: told.sum(ReceiptKind::Opened).people,
                clicked: told.sum(ReceiptKind::Clicked).people,
            };
            receipts.insert(campaign, of_campaign);
        }
        Ok(receipts)
    }

    /// The drafts among these campaigns, as they were left.
    pub async fn listed_drafts(
        &self,
        campaigns: &[CampaignId],
    ) -> Result<BTreeMap<CampaignId, ListedDraft>, StoreError> {
        let ids: Vec<Value> = campaigns.iter().map(|id| id.bind()).collect();
        let sql = "SELECT campaign, MAX(updated_at) AS updated_at,
                          MAX(CASE WHEN part = {} THEN content END) AS audience
                   FROM draft_part WHERE campaign IN";
        let first = values![Part::Audience.code()];
        let tail = " GROUP BY campaign";
        let rows = bulk::look_up(self.connection(), "draft_part", [sql, tail], &first, &ids);
        let read = |row: &Row| {
            let draft = ListedDraft {
                updated_at: row.time("updated_at")?,
                audience: row.get("audience")?,
            };
            Ok((row.id("campaign")?, draft))
        };
        rows.await?.iter().map(read).collect()
    }

    /// What the account sent, API sending included and tests not, in campaigns launched from one
    /// moment until before another.
    pub async fn sent_between(
        &self,
        account: AccountId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<SentSums, StoreError> {
        let sql = format!(
            "SELECT COUNT(DISTINCT c.id) AS campaigns, {} AS sends, {} AS captured
             FROM campaign c JOIN capture k ON k.month = c.month AND k.campaign = c.id
             WHERE c.account = $1 AND c.launched_at >= $2 AND c.launched_at < $3 AND c.kind <> $4",
            row::sum("k.units"),
            row::sum("k.amount"),
        );
        let bound = values![account, from, until, CampaignKind::Test.code()];
        let row = row::one(self.connection(), "capture", &sql, bound).await?;
        row.map_or(Ok(SentSums::default()), |row| {
            Ok(SentSums {
                campaigns: row.int("campaigns")?,
                sends: row.int("sends")?,
                captured_micro: row.get("captured")?,
            })
        })
    }
}

// The action is `Action::Cancel`.
const COLUMNS: &str = "c.id AS id, c.name AS name, c.purpose AS purpose, c.state AS state,
    c.pause_reason AS pause_reason, c.audience AS audience, c.scheduled_for AS scheduled_for,
    c.created_at AS created_at, c.launched_at AS launched_at, c.closed_at AS closed_at,
    c.launch_error IS NOT NULL AS has_launch_error, c.restored_at AS restored_at,
    EXISTS (SELECT 1 FROM campaign_action a WHERE a.campaign = c.id AND a.action = 3)
      AS was_cancelled,
    COALESCE((SELECT CAST(SUM(t.counted) AS BIGINT) FROM campaign_tariff t
              WHERE t.campaign = c.id), 0) AS counted,
    COALESCE((SELECT MAX(t.unit_price) FROM campaign_tariff t WHERE t.campaign = c.id), 0)
      AS unit_price,
    COALESCE(h.amount, 0) AS held, COALESCE(h.captured, 0) AS captured,
    COALESCE(h.released, 0) AS released";

async fn closed_outcomes(
    connection: &impl ConnectionTrait,
    ids: &[Value],
) -> Result<BTreeMap<CampaignId, ListedOutcomes>, StoreError> {
    let sql = "SELECT campaign, outcome, count FROM outcome_bitmap WHERE campaign IN";
    let mut outcomes: BTreeMap<CampaignId, ListedOutcomes> = BTreeMap::new();
    for row in bulk::look_up(connection, "outcome_bitmap", [sql, ""], &[], ids).await? {
        let code: u8 = row.int("outcome")?;
        let outcome = Outcome::from_code(code).ok_or_else(|| row.corrupt("outcome", code))?;
        let of_campaign = outcomes.entry(row.id("campaign")?).or_default();
        of_campaign.add(outcome, row.int("count")?);
    }
    Ok(outcomes)
}

async fn open_outcomes(
    connection: &impl ConnectionTrait,
    ids: &[Value],
) -> Result<BTreeMap<CampaignId, ListedOutcomes>, StoreError> {
    let head = format!(
        "SELECT k.campaign AS campaign, {} AS pending, {}
         FROM campaign c JOIN chunk k ON k.month = c.month AND k.campaign = c.id
         WHERE c.id IN",
        row::sum_where("k.state < 10", "k.size"),
        row::sums(&["accepted", "failed", "excluded", "uncertain", "cancelled"]),
    );
    let tail = " GROUP BY k.campaign";
    let read = |row: &Row| {
        let sums = ListedOutcomes {
            pending: row.int("pending")?,
            accepted: row.int("accepted")?,
            failed: row.int("failed")?,
            excluded: row.int("excluded")?,
            uncertain: row.int("uncertain")?,
            cancelled: row.int("cancelled")?,
        };
        Ok((row.id("campaign")?, sums))
    };
    let rows = bulk::look_up(connection, "chunk", [&head, tail], &[], ids).await?;
    rows.iter().map(read).collect()
}

/// A pattern for whatever contains the text, whatever stands in it. Both databases lower the
/// letters of ASCII only.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(character.to_ascii_lowercase());
    }
    pattern.push('%');
    pattern
}

fn read(row: &Row) -> Result<ListedCampaign, StoreError> {
    let purpose = Purpose::from_code(row.int("purpose")?);
    Ok(ListedCampaign {
        id: row.id("id")?,
        name: row.get("name")?,
        purpose: purpose.ok_or_else(|| row.corrupt("purpose", "no such purpose"))?,
        state: state_of(row)?,
        audience: row.get("audience")?,
        scheduled_for: row.optional_time("scheduled_for")?,
        created_at: row.time("created_at")?,
        launched_at: row.optional_time("launched_at")?,
        closed_at: row.optional_time("closed_at")?,
        has_launch_error: row.get("has_launch_error")?,
        restored_at: row.optional_time("restored_at")?,
        was_cancelled: row.get("was_cancelled")?,
        counted: row.int("counted")?,
        unit_price_micro: row.get("unit_price")?,
        held_micro: row.get("held")?,
        captured_micro: row.get("captured")?,
        released_micro: row.get("released")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_takes_no_sign_for_a_wildcard() {
        assert_eq!(containing(""), "%%");
        assert_eq!(containing("100%_!"), "%100!%!_!!%");
        assert_eq!(containing("ÉTÉ"), "%ÉtÉ%");
    }
}
