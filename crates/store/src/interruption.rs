//! Leads that ended without being given up, which is what an unclean end of the program looks like
//! from the books: when it was, what was under way, and whether the books closed afterwards.

use domain::id::{AccountId, BusinessId, CampaignId};
use domain::time::Timestamp;

use crate::campaign::kind_of;
use crate::row::{self, Row, values};
use crate::{Snapshot, StoreError, Write};

/// A lead that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    pub epoch: i64,
    /// The last sign of life, to the length of a lease.
    pub interrupted_at: Timestamp,
    pub noticed_at: Timestamp,
}

/// A campaign that was under way then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterruptedCampaign {
    pub campaign: CampaignId,
    pub name: String,
    pub business: BusinessId,
    /// Of its account.
    pub handle: String,
    /// A broadcast, or a test of one, has pages; a day of API sending has none.
    pub is_broadcast: bool,
    pub interrupted_at: Timestamp,
    pub noticed_at: Timestamp,
    /// When the books of its business were first checked afterwards, and whether they close.
    pub checked: Option<(Timestamp, bool)>,
}

/// Under way: launching, running, being cancelled. A day of API sending runs from its first request
/// on, so it counts only with something open.
const NOTE: &str = "INSERT INTO interrupted_campaign (campaign, epoch, interrupted_at, noticed_at)
    SELECT k.id, $1, $2, $3 FROM campaign k
    WHERE k.state IN (6, 8, 10) AND k.restored_at IS NULL AND (k.kind = 1 OR EXISTS (
      SELECT 1 FROM chunk c WHERE c.campaign = k.id AND c.state < 10))";

const CAMPAIGN: &str = "SELECT i.campaign AS campaign, c.name AS name, c.business AS business,
      a.handle AS handle, c.kind AS kind, i.interrupted_at AS interrupted_at,
      i.noticed_at AS noticed_at, i.checked_at AS checked_at, i.closes AS closes
    FROM interrupted_campaign i JOIN campaign c ON c.id = i.campaign
      JOIN account a ON a.id = c.account";

/// Notes, with the lead that follows, that the one before it was cut off.
pub(crate) async fn note(
    write: &Write,
    epoch: i64,
    interrupted_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO interruption (epoch, interrupted_at, noticed_at) VALUES ($1, $2, $3)";
    row::execute(write.connection(), sql, values![epoch, interrupted_at, now]).await?;
    row::execute(
        write.connection(),
        NOTE,
        values![epoch, interrupted_at, now],
    )
    .await?;
    Ok(())
}

impl Write {
    /// Notes what a check found that began after campaigns were interrupted: `open` are the
    /// businesses whose books do not close.
    pub async fn note_interrupted_checked(
        &mut self,
        began_at: Timestamp,
        now: Timestamp,
        open: &[BusinessId],
    ) -> Result<(), StoreError> {
        let sql = "SELECT i.campaign AS campaign, i.epoch AS epoch, c.business AS business
                   FROM interrupted_campaign i JOIN campaign c ON c.id = i.campaign
                   WHERE i.noticed_at <= $1 AND (i.closes IS NULL OR i.closes = 0)";
        let rows = row::all(
            self.connection(),
            "interrupted_campaign",
            sql,
            values![began_at],
        );
        for row in rows.await? {
            let campaign: CampaignId = row.id("campaign")?;
            let (epoch, closes) = (
                row.get::<i64>("epoch")?,
                !open.contains(&row.id("business")?),
            );
            let sql = "UPDATE interrupted_campaign SET checked_at = $1, closes = $2
                       WHERE campaign = $3 AND epoch = $4";
            let bound = values![now, closes, campaign, epoch];
            row::execute(self.connection(), sql, bound).await?;
        }
        Ok(())
    }
}

impl Snapshot {
    /// The latest interruptions since a moment.
    pub async fn interruptions(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<Interruption>, StoreError> {
        let sql = "SELECT epoch, interrupted_at, noticed_at FROM interruption
                   WHERE noticed_at >= $1 ORDER BY epoch DESC LIMIT $2";
        let rows = row::all(
            self.connection(),
            "interruption",
            sql,
            values![since, limit],
        );
        let read = |row: &Row| {
            Ok(Interruption {
                epoch: row.get("epoch")?,
                interrupted_at: row.time("interrupted_at")?,
                noticed_at: row.time("noticed_at")?,
            })
        };
        rows.await?.iter().map(read).collect()
    }

    /// What was under way when a lead was cut off, over all businesses.
    pub async fn interrupted_campaigns(
        &self,
        epoch: i64,
        limit: u32,
    ) -> Result<Vec<InterruptedCampaign>, StoreError> {
        let sql = format!("{CAMPAIGN} WHERE i.epoch = $1 ORDER BY i.campaign LIMIT $2");
        let bound = values![epoch, limit];
        let rows = row::all(self.connection(), "interrupted_campaign", &sql, bound).await?;
        rows.iter().map(campaign).collect()
    }

    /// Campaigns of an account that were interrupted since a moment, the latest first.
    pub async fn interrupted_of_account(
        &self,
        account: AccountId,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<InterruptedCampaign>, StoreError> {
        let sql = format!(
            "{CAMPAIGN} WHERE c.account = $1 AND i.noticed_at >= $2
             ORDER BY i.noticed_at DESC, i.campaign LIMIT $3"
        );
        let bound = values![account, since, limit];
        let rows = row::all(self.connection(), "interrupted_campaign", &sql, bound).await?;
        rows.iter().map(campaign).collect()
    }
}

fn campaign(row: &Row) -> Result<InterruptedCampaign, StoreError> {
    let checked_at = row.optional_time("checked_at")?;
    let closes = row.optional_int::<u8>("closes")?.map(|closes| closes == 1);
    Ok(InterruptedCampaign {
        campaign: row.id("campaign")?,
        name: row.get("name")?,
        business: row.id("business")?,
        handle: row.get("handle")?,
        is_broadcast: !kind_of(row)?.is_standing(),
        interrupted_at: row.time("interrupted_at")?,
        noticed_at: row.time("noticed_at")?,
        checked: checked_at.zip(closes),
    })
}
