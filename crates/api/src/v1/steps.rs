//! What is done to a campaign: approved, scheduled, tested, launched, paused, resumed, cancelled,
//! discarded. Each is one commit with what it is answered.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use billing::BillingError;
use directory::TestRequest;
use domain::money::Money;
use domain::schedule::Schedule;
use domain::user::UserNumber;
use scheduler::programs::OwnCampaign;
use scheduler::{Launched, SchedulerError};
use serde::Serialize;
use serde_json::Value;
use store::Write;
use utoipa::ToSchema;

use super::amount::Amount;
use super::body::{Faults, Fields, Posted};
use super::campaign::Campaign;
use super::campaigns::{amount, schedule};
use super::once::{Open, Turn, begin, begin_launch};
use super::{Caller, Refusal, V1State};

/// Characters of a reason, at most.
const REASON_CHARS_MAX: usize = 200;
pub(super) const SCHEDULE_PROPERTIES: [&str; 1] = ["schedule"];
pub(super) const LAUNCH_PROPERTIES: [&str; 1] = ["highest_amount"];
pub(super) const CANCEL_PROPERTIES: [&str; 1] = ["reason"];
pub(super) const TEST_PROPERTIES: [&str; 1] = ["to"];

/// When a campaign starts.
#[derive(Debug, ToSchema)]
pub struct ScheduleBody {
    /// `{"at": {"wall": "2026-12-01 09:00", "zone": "Asia/Seoul"}}`.
    #[schema(value_type = Object,
             example = json!({"at": {"wall": "2026-12-01 09:00", "zone": "Asia/Seoul"}}))]
    pub schedule: Value,
}

/// What a launch may cost.
#[derive(Debug, ToSchema)]
pub struct LaunchBody {
    /// Refuses to launch where it would cost more than this, net: decimal digits, in the currency
    /// of the business.
    #[schema(example = "15000")]
    pub highest_amount: Option<String>,
}

/// Why a campaign is cancelled.
#[derive(Debug, ToSchema)]
pub struct CancelBody {
    /// At most 200 characters, kept with the campaign as they are.
    #[schema(example = "the price was wrong")]
    pub reason: Option<String>,
}

/// Whom a test goes to.
#[derive(Debug, ToSchema)]
pub struct TestBody {
    /// Testers by `usr_…` or `U…`; every tester of the account where it is left out.
    pub to: Option<Vec<String>>,
}

/// What a launch came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct LaunchAnswer {
    pub campaign: Campaign,
    /// Of whom the audience is; null where it waits for funds.
    pub audience: Option<u64>,
    /// Of these, who may be reached.
    pub reachable: Option<u64>,
    /// Whom it goes to: fewer than may be reached where there was not enough for all, and the
    /// campaign says so.
    pub granted: Option<u64>,
    /// What is held for them.
    pub held: Option<Amount>,
    /// What was needed where it waits for funds.
    pub needed: Option<Amount>,
}

/// What a cancel came to at once; what is on its way is decided later.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelAnswer {
    pub campaign: Campaign,
    /// Recipients who were not begun.
    pub not_begun: u64,
    /// Recipients who were not even frozen.
    pub not_frozen: u64,
    pub released: Amount,
}

/// Approves a draft: it is scheduled where it has a time, and otherwise waits for its launch.
///
/// A draft that somebody writes on the console's pages is finished there.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/approve", tag = "campaigns",
    operation_id = "approveCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "Approved, or scheduled", body = Campaign)),
)]
pub async fn approve(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = nothing_said(&caller, &campaign, &posted.fields).await?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let (business, account) = (caller.business, caller.account);
    let approved = caller
        .directory
        .approve_campaign(&mut open.write, business, account, own.id, &state.rules)
        .await?;
    let answer = open.end(StatusCode::OK, &Campaign::of(approved)?).await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// Gives a campaign that is not launched yet its time, in place of the one it had, and approves it.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/schedule", tag = "campaigns",
    operation_id = "scheduleCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    request_body = ScheduleBody,
    responses((status = 200, description = "It is scheduled", body = Campaign)),
)]
pub async fn set_schedule(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = caller.own_campaign(&campaign).await?;
    let mut faults = Faults::default();
    posted.fields.only(&SCHEDULE_PROPERTIES, &mut faults);
    if posted.fields.raw("schedule").is_none() {
        faults.add("schedule", "is required");
    }
    let schedule = schedule(&posted.fields, &mut faults);
    if let Some(given) = &schedule {
        if *given == Schedule::Now {
            faults.add("schedule", "has a time: launch it to send it now");
        }
        if let Err(why) = given.resolve(state.clock.now()) {
            faults.add("schedule", why.to_string());
        }
    }
    faults.finish()?;
    let schedule = schedule.ok_or(Refusal::Broken)?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let (write, rules) = (&mut open.write, &state.rules);
    let (business, account) = (caller.business, caller.account);
    let scheduled = caller
        .directory
        .schedule_campaign(write, business, account, own.id, &schedule, rules)
        .await?;
    let answer = open.end(StatusCode::OK, &Campaign::of(scheduled)?).await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// Launches an approved campaign now: counts its audience, holds the money, begins to send.
///
/// Where the wallet does not suffice, nothing is held and it waits for funds (202): for a top-up
/// where `if_short` is wait, otherwise for another launch.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/launch", tag = "campaigns",
    operation_id = "launchCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    request_body = Option<LaunchBody>,
    responses(
        (status = 200, description = "It is launched", body = LaunchAnswer),
        (status = 202, description = "It waits for funds", body = LaunchAnswer),
    ),
)]
pub async fn launch(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = caller.own_campaign(&campaign).await?;
    let currency = caller.currency().await?;
    let mut faults = Faults::default();
    posted.fields.only(&LAUNCH_PROPERTIES, &mut faults);
    let highest = amount(&posted.fields, "highest_amount", currency, &mut faults);
    faults.finish()?;
    let mut open = match begin_launch(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let control = &caller.control;
    let launched = control.launch_in(&mut open.write, own, highest).await;
    let launched = match launched {
        Err(SchedulerError::Billing(BillingError::FundsShort { needed, .. })) => {
            return wait(&caller, *open, own, needed, highest).await;
        }
        launched => launched?,
    };
    let campaign = stands(&mut open.write, own).await?;
    let answer = LaunchAnswer::of(campaign, &launched);
    let answer = open.end(StatusCode::OK, &answer).await?;
    control.wake.notify_one();
    Ok(answer)
}

/// What a launch wrote before it found too little is taken back; the campaign waits instead.
async fn wait(
    caller: &Caller,
    open: Open,
    own: OwnCampaign,
    needed: Money,
    highest: Option<Money>,
) -> Result<Response, Refusal> {
    let mut open = match open.start_over().await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let write = &mut open.write;
    caller.control.wait_in(write, own, needed, highest).await?;
    let answer = LaunchAnswer {
        campaign: stands(write, own).await?,
        audience: None,
        reachable: None,
        granted: None,
        held: None,
        needed: Some(needed.into()),
    };
    open.end(StatusCode::ACCEPTED, &answer).await
}

/// Stops new pushes; what is in flight finishes.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/pause", tag = "campaigns",
    operation_id = "pauseCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "It is paused", body = Campaign)),
)]
pub async fn pause(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = nothing_said(&caller, &campaign, &posted.fields).await?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    caller.control.pause_in(&mut open.write, own).await?;
    let campaign = stands(&mut open.write, own).await?;
    open.end(StatusCode::OK, &campaign).await
}

/// Goes on with a campaign that is paused, or came out of a backup.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/resume", tag = "campaigns",
    operation_id = "resumeCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "It goes on", body = Campaign)),
)]
pub async fn resume(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = nothing_said(&caller, &campaign, &posted.fields).await?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    caller.control.resume_in(&mut open.write, own).await?;
    let campaign = stands(&mut open.write, own).await?;
    let answer = open.end(StatusCode::OK, &campaign).await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// Ends a launched campaign for good: what has not begun is not sent, and its money goes back.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/cancel", tag = "campaigns",
    operation_id = "cancelCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    request_body = Option<CancelBody>,
    responses((status = 200, description = "It is cancelled", body = CancelAnswer)),
)]
pub async fn cancel(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = caller.own_campaign(&campaign).await?;
    let mut faults = Faults::default();
    posted.fields.only(&CANCEL_PROPERTIES, &mut faults);
    let reason: Option<String> = posted.fields.optional("reason", "a text", &mut faults);
    let reason = reason.unwrap_or_default().trim().to_owned();
    if reason.chars().count() > REASON_CHARS_MAX || reason.chars().any(char::is_control) {
        let words = format!("has at most {REASON_CHARS_MAX} characters, none of them of control");
        faults.add("reason", words);
    }
    faults.finish()?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let write = &mut open.write;
    let cancelled = caller.control.cancel_in(write, own, &reason).await?;
    let answer = CancelAnswer {
        campaign: stands(write, own).await?,
        not_begun: cancelled.units,
        not_frozen: cancelled.unfrozen,
        released: cancelled.released.into(),
    };
    let answer = open.end(StatusCode::OK, &answer).await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// Throws away a campaign that was never launched.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/discard", tag = "campaigns",
    operation_id = "discardCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "It is thrown away", body = Campaign)),
)]
pub async fn discard(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = nothing_said(&caller, &campaign, &posted.fields).await?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let (business, account) = (caller.business, caller.account);
    let discarded = caller
        .directory
        .discard_campaign(&mut open.write, business, account, own.id)
        .await?;
    open.end(StatusCode::OK, &Campaign::of(discarded)?).await
}

/// Sends what a draft says to testers now: free, and the draft stays as it is.
#[utoipa::path(
    post, path = "/v1/campaigns/{campaign}/test", tag = "campaigns",
    operation_id = "testCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`, a draft or a finished campaign")),
    request_body = Option<TestBody>,
    responses((status = 200, description = "The test, on its way", body = LaunchAnswer)),
)]
pub async fn test(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    Path(campaign): Path<String>,
    posted: Posted,
) -> Result<Response, Refusal> {
    let own = caller.own_campaign(&campaign).await?;
    let mut faults = Faults::default();
    posted.fields.only(&TEST_PROPERTIES, &mut faults);
    let to: Option<Vec<String>> = posted.fields.optional("to", "a list of texts", &mut faults);
    let testers = testers(&caller, to, &mut faults).await?;
    faults.finish()?;
    let currency = caller.currency().await?;
    let mut open = match begin_launch(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let write = &mut open.write;
    let (business, account, directory) = (caller.business, caller.account, &caller.directory);
    let draft = directory
        .expect_written(write, business, account, own.id)
        .await?;
    let request = TestRequest {
        name: &draft.name,
        purpose: draft.purpose,
        messages: &draft.messages,
    };
    let of = (business, account);
    let test = directory
        .begin_test_in(write, of, own.id, &request, &testers, &state.rules)
        .await?;
    let test = OwnCampaign { id: test.id, ..own };
    // Dearer than nothing is refused.
    let nothing = Some(Money::zero(currency));
    let launched = caller.control.launch_in(write, test, nothing).await?;
    let answer = LaunchAnswer::of(stands(write, test).await?, &launched);
    let answer = open.end(StatusCode::OK, &answer).await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// The testers that are named, or all of them.
async fn testers(
    caller: &Caller,
    to: Option<Vec<String>>,
    faults: &mut Faults,
) -> Result<Vec<UserNumber>, Refusal> {
    let known = caller.store.testers(caller.account).await?;
    let Some(to) = to else {
        return Ok(known.into_iter().map(|tester| tester.number).collect());
    };
    let mut chosen = Vec::new();
    // More than an account has are not looked for.
    for (place, friend) in to.iter().enumerate().take(known.len() + 1) {
        let number = match caller.friend(friend).await {
            Ok(number) => Some(number),
            Err(Refusal::NotFound) => None,
            Err(other) => return Err(other),
        };
        match number.filter(|number| known.iter().any(|tester| tester.number == *number)) {
            Some(number) if chosen.contains(&number) => {}
            Some(number) => chosen.push(number),
            None => faults.add(&format!("to[{place}]"), "is no tester of the account"),
        }
    }
    if to.len() > known.len() {
        faults.add("to", format!("has at most {} testers", known.len()));
    }
    Ok(chosen)
}

impl LaunchAnswer {
    fn of(campaign: Campaign, launched: &Launched) -> Self {
        let mut answer = Self {
            campaign,
            audience: None,
            reachable: None,
            granted: None,
            held: None,
            needed: None,
        };
        match launched {
            Launched::Launched {
                audience,
                reachable,
                granted,
                held,
            } => {
                answer.audience = Some(*audience);
                answer.reachable = Some(*reachable);
                answer.granted = Some(*granted);
                answer.held = Some((*held).into());
            }
            Launched::WaitsForFunds { needed, .. } => answer.needed = Some((*needed).into()),
        }
        answer
    }
}

/// The campaign of a step that takes no body.
async fn nothing_said(
    caller: &Caller,
    campaign: &str,
    fields: &Fields,
) -> Result<OwnCampaign, Refusal> {
    let own = caller.own_campaign(campaign).await?;
    let mut faults = Faults::default();
    fields.only(&[], &mut faults);
    faults.finish()?;
    Ok(own)
}

/// A campaign as it stands within the write that moves it.
async fn stands(write: &mut Write, own: OwnCampaign) -> Result<Campaign, Refusal> {
    Campaign::of(write.campaign(own.id).await?)
}
