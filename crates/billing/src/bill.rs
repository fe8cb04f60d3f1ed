//! A campaign's bill: what was quoted and held, what is captured so far, what went back, and what
//! became of its recipients. Live at any moment, final once the campaign is closed.

use std::collections::BTreeMap;

use domain::band::Slice;
use domain::campaign::CampaignState;
use domain::contract::{Billable, beyond_quota};
use domain::id::{BusinessId, CampaignId};
use domain::money::Money;
use domain::outcome::Outcome;
use domain::price::Tariff;
use domain::rule::RuleId;
use store::report::{ChunkSums, RecordedCampaign};
use store::{Snapshot, Store, StoreError};

use crate::BillingError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    pub campaign: CampaignId,
    pub name: String,
    pub state: CampaignState,
    /// Somebody cancelled it: what was not sent by then was not sent.
    pub is_cancelled: bool,
    /// What of it is billed, as it was launched.
    pub billable: Billable,
    /// `None` before the launch.
    pub price_version: Option<u32>,
    /// Σ counted × unit price, as the launch counted.
    pub quoted: Money,
    pub held: Money,
    /// What its sends cost, less what came back.
    pub captured: Money,
    /// What came back when a month was closed, because it reached a cheaper band.
    pub re_rated: Money,
    pub released: Money,
    /// Neither captured nor released.
    pub open: Money,
    pub lines: Vec<BillLine>,
    pub outcomes: BillOutcomes,
}

/// One tariff of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    pub tariff: Tariff,
    pub unit_price: Money,
    pub counted: u64,
    pub granted: u64,
    pub frozen: u64,
    pub outcomes: BillOutcomes,
    /// What the accepted cost: one price for all, or where a price depends on the sends before,
    /// as they were captured so far.
    pub charges: Vec<Slice>,
}

/// What became of recipients, late outcomes merged. All but those left out by the freeze add up to
/// the frozen ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BillOutcomes {
    pub pending: u64,
    /// Accepted or confirmed: what is billed.
    pub accepted: u64,
    pub failed: u64,
    /// Excluded by the gate, after the freeze.
    pub excluded: u64,
    /// Uncertain, or accepted where what was delivered is billed and nobody confirmed it yet.
    pub uncertain: u64,
    /// Cancelled or written off.
    pub cancelled: u64,
    /// Left out by the freeze: in the audience, never in a chunk. Not known per tariff.
    pub left_out: u64,
}

/// Reads the bill as of one commit.
pub async fn bill(
    store: &Store,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<Bill, BillingError> {
    let snapshot = store.snapshot().await?;
    let record = snapshot.recorded_campaign(business, campaign).await?;
    let bill = read(&snapshot, record).await?;
    snapshot.end().await?;
    Ok(bill)
}

/// Whom the freeze left out of a campaign, by rule.
pub async fn left_out(
    store: &Store,
    business: BusinessId,
    campaign: CampaignId,
) -> Result<Vec<(RuleId, u64)>, BillingError> {
    let snapshot = store.snapshot().await?;
    snapshot.recorded_campaign(business, campaign).await?;
    let sums = snapshot.exclusion_sums(campaign).await?;
    snapshot.end().await?;
    let named = |(code, count)| {
        let rule = RuleId::from_code(code).ok_or_else(|| corrupt("exclusion", "rule", code));
        Ok((rule?, count))
    };
    sums.into_iter().map(named).collect()
}

pub(crate) async fn read(
    snapshot: &Snapshot,
    campaign: RecordedCampaign,
) -> Result<Bill, BillingError> {
    let mut sums: BTreeMap<u8, BillOutcomes> = BTreeMap::new();
    if let Some(month) = campaign.month {
        for chunk in snapshot.chunk_sums(month, campaign.id).await? {
            sums.insert(chunk.tariff, BillOutcomes::of(&chunk));
        }
        // The sums count as the chunks settled.
        for (tariff, outcome, people) in snapshot.amended_sums(month, campaign.id).await? {
            sums.entry(tariff).or_default().decide(outcome, people);
        }
    }
    let zero = Money::zero(campaign.currency);
    let mut quoted = zero;
    let mut lines = Vec::new();
    let mut outcomes = BillOutcomes::default();
    for grant in snapshot
        .tariff_grants(campaign.id, campaign.currency)
        .await?
    {
        let tariff = Tariff::from_code(grant.tariff)
            .ok_or_else(|| corrupt("campaign_tariff", "tariff", grant.tariff))?;
        let paid_for = beyond_quota(grant.counted, grant.quota);
        quoted = quoted.checked_add(grant.unit_price.times(paid_for)?)?;
        let of_tariff = sums.remove(&grant.tariff).unwrap_or_default();
        outcomes.add(&of_tariff);
        let (id, currency) = (campaign.id, campaign.currency);
        let charges = match (grant.is_by_unit, campaign.month) {
            (true, Some(month)) => snapshot.captured_slices(month, id, currency).await?,
            _ => vec![Slice {
                units: of_tariff.accepted,
                unit_price: grant.unit_price,
            }],
        };
        lines.push(BillLine {
            tariff,
            unit_price: grant.unit_price,
            counted: grant.counted,
            granted: grant.granted,
            frozen: grant.frozen,
            outcomes: of_tariff,
            charges,
        });
    }
    let left_out = snapshot.exclusion_sums(campaign.id).await?;
    outcomes.left_out = left_out.iter().map(|(_, count)| count).sum();
    let hold = snapshot.hold(campaign.id).await?;
    Ok(Bill {
        campaign: campaign.id,
        name: campaign.name,
        state: CampaignState::from_codes(campaign.state, campaign.pause_reason)
            .ok_or_else(|| corrupt("campaign", "state", campaign.state))?,
        is_cancelled: snapshot.was_cancelled(campaign.id).await?,
        billable: campaign.billable,
        price_version: campaign.price_version,
        quoted,
        held: hold.map_or(zero, |hold| hold.amount),
        captured: hold.map_or(zero, |hold| hold.captured),
        re_rated: Money::from_micro(
            snapshot.re_rated_micro(campaign.id).await?,
            campaign.currency,
        ),
        released: hold.map_or(zero, |hold| hold.released),
        open: hold.map_or(zero, |hold| hold.open()),
        lines,
        outcomes,
    })
}

impl BillOutcomes {
    fn of(chunk: &ChunkSums) -> Self {
        Self {
            pending: chunk.pending,
            accepted: chunk.accepted,
            failed: chunk.failed,
            excluded: chunk.excluded,
            uncertain: chunk.uncertain,
            cancelled: chunk.cancelled,
            left_out: 0,
        }
    }

    /// Of so many of the undecided it became known.
    fn decide(&mut self, outcome: Outcome, people: u64) {
        self.uncertain = self.uncertain.saturating_sub(people);
        match outcome {
            Outcome::Accepted | Outcome::Confirmed => self.accepted += people,
            Outcome::Failed(_) => self.failed += people,
            Outcome::Excluded(_) => self.excluded += people,
            _ => self.cancelled += people,
        }
    }

    fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.accepted += other.accepted;
        self.failed += other.failed;
        self.excluded += other.excluded;
        self.uncertain += other.uncertain;
        self.cancelled += other.cancelled;
        self.left_out += other.left_out;
    }

    /// Everybody who was frozen.
    pub fn frozen(&self) -> u64 {
        self.pending + self.accepted + self.failed + self.excluded + self.uncertain + self.cancelled
    }
}

fn corrupt(table: &'static str, column: &'static str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt {
        table,
        column,
        why: why.to_string(),
    }
}
