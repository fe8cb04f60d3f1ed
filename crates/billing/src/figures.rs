//! Everything a campaign's report counts, read as of one commit: the bill, who was reached, who was
//! not and why, and what friends did with it.

use std::collections::BTreeMap;

use domain::id::{BusinessId, CampaignId};
use domain::outcome::{Outcome, RejectionCode};
use domain::receipt;
use domain::rule::RuleId;
use domain::time::Timestamp;
use store::receipt::CampaignReceipts;
use store::{Snapshot, Store, StoreError};

use crate::BillingError;
use crate::bill::{self, Bill};

/// What deliveries are counted by over time.
pub const DELIVERY_STRETCH_MS: i64 = receipt::MINUTE_SECONDS as i64 * 1_000;

/// A campaign in figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignFigures {
    pub bill: Bill,
    pub receipts: CampaignReceipts,
    /// Most first, as the two below.
    pub failed: Vec<(RejectionCode, u64)>,
    /// Taken out right before sending.
    pub skipped: Vec<(RuleId, u64)>,
    /// Left out when the audience was counted.
    pub left_out: Vec<(RuleId, u64)>,
    /// What seconds and stretches count from; `None` before the launch.
    pub epoch: Option<Timestamp>,
    /// People by the minute since then.
    pub delivered_over_time: BTreeMap<i64, u64>,
    /// By when the last of the undecided is decided.
    pub uncertain_until: Option<Timestamp>,
}

/// Reads the figures of a business's campaign.
pub async fn campaign_figures(
    store: &Store,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<CampaignFigures, BillingError> {
    let snapshot = store.snapshot().await?;
    let figures = read(&snapshot, business, campaign).await?;
    snapshot.end().await?;
    Ok(figures)
}

async fn read(
    snapshot: &Snapshot,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<CampaignFigures, BillingError> {
    let record = snapshot.recorded_campaign(business, campaign).await?;
    let epoch = record.launched_at.map(receipt::epoch);
    let mut figures = CampaignFigures {
        receipts: snapshot.receipts(business, campaign).await?,
        failed: Vec::new(),
        skipped: Vec::new(),
        left_out: Vec::new(),
        epoch,
        delivered_over_time: BTreeMap::new(),
        uncertain_until: None,
        bill: bill::read(snapshot, record.clone()).await?,
    };
    if let (Some(month), Some(epoch)) = (record.month, epoch) {
        for (code, count) in snapshot.unsent_by_outcome(month, campaign).await? {
            match Outcome::from_code(code) {
                Some(Outcome::Failed(code)) => figures.failed.push((code, count)),
                Some(Outcome::Excluded(rule)) => figures.skipped.push((rule, count)),
                _ => {}
            }
        }
        figures.delivered_over_time = snapshot
            .deliveries_over_time(month, campaign, epoch, DELIVERY_STRETCH_MS)
            .await?;
    }
    for (code, count) in snapshot.exclusion_sums(campaign).await? {
        let rule = RuleId::from_code(code).ok_or_else(|| StoreError::Corrupt {
            table: "exclusion",
            column: "rule",
            why: code.to_string(),
        })?;
        figures.left_out.push((rule, count));
    }
    if figures.bill.outcomes.uncertain > 0 {
        figures.uncertain_until = snapshot.uncertain_until(campaign).await?;
    }
    figures
        .failed
        .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    figures
        .skipped
        .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    figures
        .left_out
        .sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Ok(figures)
}
