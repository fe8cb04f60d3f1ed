//! How far a campaign is, what it costs, and what friends did with it. At once, and without floors:
//! it is the brand's own.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use billing::{BillLine, BillOutcomes, CampaignFigures};
use domain::audience::LimitMethod;
use domain::receipt::Sum;
use domain::rule::RuleId;
use serde::Serialize;
use store::receipt::{LinkReceipts, ReceiptBucket};
use store::shortage::PartialLaunch;
use utoipa::ToSchema;

use super::amount::Amount;
use super::campaign::time;
use super::{Caller, Refusal, V1State};

/// How far a campaign is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Progress {
    pub campaign: String,
    pub state: &'static str,
    pub pause_reason: Option<&'static str>,
    pub was_cancelled: bool,
    pub outcomes: Outcomes,
    /// Who was skipped, and why: left out when the audience was frozen.
    pub left_out: Vec<Skipped>,
    /// The same of those who were taken out right before their push.
    pub excluded: Vec<Skipped>,
    /// Whom the messenger refused, by its code.
    pub failed: Vec<Failed>,
    /// It goes to fewer than it could, because there was not enough for all.
    pub partial: Option<Partial>,
    /// By when the last of the uncertain is decided.
    pub uncertain_until: Option<String>,
}

/// What became of recipients.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcomes {
    /// Not decided yet.
    pub pending: u64,
    /// What is billed: accepted, or confirmed where that is what is billed.
    pub accepted: u64,
    pub failed: u64,
    pub excluded: u64,
    /// Nobody knows yet.
    pub uncertain: u64,
    pub cancelled: u64,
    /// Never in a chunk; of all tariffs together.
    pub left_out: u64,
}

/// People who were skipped by one rule.
#[derive(Debug, Serialize, ToSchema)]
pub struct Skipped {
    #[schema(example = "consent_absent")]
    pub rule: &'static str,
    /// The law behind it, where there is one.
    pub citation: Option<&'static str>,
    pub people: u64,
}

/// People whom the messenger refused for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failed {
    pub code: &'static str,
    pub people: u64,
}

/// How many a launch asked for and was granted, and how those were chosen.
#[derive(Debug, Serialize, ToSchema)]
pub struct Partial {
    pub asked: u64,
    pub granted: u64,
    /// user_number or random.
    pub method: &'static str,
    /// Draws the sample again.
    pub seed: Option<u64>,
    /// funds, plan or budget.
    pub short_of: &'static str,
}

/// What a campaign costs: live at any moment, final once it is closed. Net of VAT.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bill {
    pub campaign: String,
    pub state: &'static str,
    /// What of it is billed: accepted, or delivered.
    pub billable: &'static str,
    /// Null before the launch.
    pub price_version: Option<u32>,
    pub quoted: Amount,
    pub held: Amount,
    /// What its sends cost, less what came back.
    pub captured: Amount,
    /// What came back when a month reached a cheaper band.
    pub re_rated: Amount,
    pub released: Amount,
    /// Neither captured nor released.
    pub open: Amount,
    pub lines: Vec<Line>,
}

/// One tariff of a bill.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// untargeted, targeted, api_push or information.
    pub tariff: &'static str,
    pub unit_price: Amount,
    pub counted: u64,
    pub granted: u64,
    pub frozen: u64,
    pub outcomes: Outcomes,
    /// One price for all of the billed, or several where a price depends on the sends before.
    pub charges: Vec<Charge>,
}

/// Sends at one price.
#[derive(Debug, Serialize, ToSchema)]
pub struct Charge {
    pub units: u64,
    pub unit_price: Amount,
}

/// What friends did with a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    pub campaign: String,
    pub state: &'static str,
    pub launched_at: Option<String>,
    /// People it reached.
    pub delivered: u64,
    pub opened: Deeds,
    pub clicked: Deeds,
    pub coupon_used: Deeds,
    /// Friends who blocked the account within 7 days after this was the last that reached them.
    pub blocked_afterwards: u64,
    pub links: Vec<LinkFigures>,
    /// People by when they did it first, without the empty stretches.
    pub over_time: Vec<Stretch>,
    pub stretch_seconds: u32,
}

/// How many people did something, and how often altogether.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deeds {
    pub people: u64,
    pub total: u64,
}

/// A link of the message.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkFigures {
    pub id: String,
    /// The place of its message object.
    pub message: u32,
    pub label: String,
    pub url: String,
    pub people: u64,
    pub total: u64,
}

/// One stretch of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Stretch {
    pub at: String,
    pub opened: u64,
    pub clicked: u64,
    pub blocked: u64,
}

/// How far a campaign is, and who was skipped and why.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}/progress", tag = "figures",
    operation_id = "getProgress",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "Its progress", body = Progress)),
)]
pub async fn progress(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
) -> Result<Json<Progress>, Refusal> {
    let campaign = caller.campaign(&campaign).await?;
    let figures = state.figures.read(&caller, campaign.id).await?;
    let partial = caller.store.partial_launch(campaign.id).await?;
    let shown = campaign.shown_state();
    let CampaignFigures { bill, .. } = &*figures;
    Ok(Json(Progress {
        campaign: campaign.id.to_string(),
        state: shown.name(),
        pause_reason: shown.pause_reason().map(|reason| reason.name()),
        was_cancelled: bill.is_cancelled,
        outcomes: Outcomes::of(&bill.outcomes),
        left_out: skipped(&figures.left_out),
        excluded: skipped(&figures.skipped),
        failed: figures
            .failed
            .iter()
            .map(|(code, people)| Failed {
                code: code.name(),
                people: *people,
            })
            .collect(),
        partial: partial.as_ref().map(Partial::of),
        uncertain_until: time(figures.uncertain_until),
    }))
}

/// What a campaign costs, tariff by tariff.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}/bill", tag = "figures", operation_id = "getBill",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "Its bill", body = Bill)),
)]
pub async fn bill(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
) -> Result<Json<Bill>, Refusal> {
    let campaign = caller.campaign(&campaign).await?;
    let figures = state.figures.read(&caller, campaign.id).await?;
    let bill = &figures.bill;
    Ok(Json(Bill {
        campaign: campaign.id.to_string(),
        state: campaign.shown_state().name(),
        billable: bill.billable.name(),
        price_version: bill.price_version,
        quoted: bill.quoted.into(),
        held: bill.held.into(),
        captured: bill.captured.into(),
        re_rated: bill.re_rated.into(),
        released: bill.released.into(),
        open: bill.open.into(),
        lines: bill.lines.iter().map(Line::of).collect(),
    }))
}

/// What friends did with a campaign: opened, clicked, used coupons, blocked.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}/report", tag = "figures", operation_id = "getReport",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "Its figures", body = Report)),
)]
pub async fn report(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
) -> Result<Json<Report>, Refusal> {
    let campaign = caller.campaign(&campaign).await?;
    let figures = state.figures.read(&caller, campaign.id).await?;
    let receipts = &figures.receipts;
    Ok(Json(Report {
        campaign: campaign.id.to_string(),
        state: campaign.shown_state().name(),
        launched_at: time(campaign.launch.map(|launch| launch.launched_at)),
        delivered: receipts.delivered,
        opened: Deeds::of(&receipts.opened),
        clicked: Deeds::of(&receipts.clicked),
        coupon_used: Deeds::of(&receipts.coupon_used),
        blocked_afterwards: receipts.blocked_afterwards,
        links: receipts.links.iter().map(LinkFigures::of).collect(),
        over_time: receipts.over_time.iter().map(Stretch::of).collect(),
        stretch_seconds: receipts.bucket_seconds,
    }))
}

fn skipped(by_rule: &[(RuleId, u64)]) -> Vec<Skipped> {
    let one = |(rule, people): &(RuleId, u64)| Skipped {
        rule: rule.name(),
        citation: rule.citation(),
        people: *people,
    };
    by_rule.iter().map(one).collect()
}

impl Outcomes {
    fn of(outcomes: &BillOutcomes) -> Self {
        Self {
            pending: outcomes.pending,
            accepted: outcomes.accepted,
            failed: outcomes.failed,
            excluded: outcomes.excluded,
            uncertain: outcomes.uncertain,
            cancelled: outcomes.cancelled,
            left_out: outcomes.left_out,
        }
    }
}

impl Partial {
    fn of(partial: &PartialLaunch) -> Self {
        let (method, seed) = match partial.method {
            LimitMethod::UserNumber => ("user_number", None),
            LimitMethod::Random { seed } => ("random", Some(seed)),
        };
        Self {
            asked: partial.asked,
            granted: partial.granted,
            method,
            seed,
            short_of: partial.short_of.name(),
        }
    }
}

impl Line {
    fn of(line: &BillLine) -> Self {
        let charges = line.charges.iter().map(|slice| Charge {
            units: slice.units,
            unit_price: slice.unit_price.into(),
        });
        Self {
            tariff: line.tariff.name(),
            unit_price: line.unit_price.into(),
            counted: line.counted,
            granted: line.granted,
            frozen: line.frozen,
            outcomes: Outcomes::of(&line.outcomes),
            charges: charges.collect(),
        }
    }
}

impl Deeds {
    const fn of(sum: &Sum) -> Self {
        Self {
            people: sum.people,
            total: sum.total,
        }
    }
}

impl LinkFigures {
    fn of(link: &LinkReceipts) -> Self {
        Self {
            id: link.id.to_string(),
            message: link.message,
            label: link.label.clone(),
            url: link.url.clone(),
            people: link.unique,
            total: link.total,
        }
    }
}

impl Stretch {
    fn of(bucket: &ReceiptBucket) -> Self {
        Self {
            at: bucket.at.to_string(),
            opened: bucket.opened,
            clicked: bucket.clicked,
            blocked: bucket.blocked,
        }
    }
}
