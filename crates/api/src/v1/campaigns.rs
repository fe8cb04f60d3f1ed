//! Campaigns: written, read, listed.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::Response;
use directory::{CampaignRequest, Finish};
use domain::budget::BudgetOf;
use domain::campaign::{CampaignState, Purpose};
use domain::id::CampaignId;
use domain::money::{Currency, Money};
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use serde_json::Value;
use store::campaign_list::ListQuery;
use utoipa::ToSchema;

use super::body::{Faults, Fields, Parameters, Posted};
use super::campaign::{Campaign, CampaignLine};
use super::once::{Turn, begin};
use super::page::{Page, Wanted, cursor};
use super::problem::Fault;
use super::{Caller, Refusal, V1State};

/// What a campaign is for, where its body does not say.
const PURPOSE: HeaderName = HeaderName::from_static("chingu-purpose");
/// How long after its launch pushes may begin, unless it says otherwise: a day.
const LIFETIME_SECONDS: u32 = 24 * 60 * 60;
/// Characters that are looked for in names.
const TEXT_CHARS_MAX: usize = 64;
const LIST: &str = "campaigns";
const PURPOSES: [&str; 2] = ["promotion", "information"];

/// Of a [`CampaignBody`].
pub(super) const PROPERTIES: [&str; 10] = [
    "name",
    "messages",
    "audience",
    "purpose",
    "schedule",
    "rate_per_second",
    "lifetime_seconds",
    "if_short",
    "budget",
    "draft",
];

/// The states a list is asked for, with their codes.
const STATES: [CampaignState; 13] = [
    CampaignState::Draft,
    CampaignState::Review,
    CampaignState::Approved,
    CampaignState::Scheduled,
    CampaignState::WaitingForFunds,
    CampaignState::Launching,
    CampaignState::LaunchFailed,
    CampaignState::Running,
    CampaignState::Paused(domain::campaign::PauseReason::Requested),
    CampaignState::Cancelling,
    CampaignState::Closing,
    CampaignState::Closed,
    CampaignState::Discarded,
];

/// A campaign as it is asked for.
#[derive(Debug, ToSchema)]
pub struct CampaignBody {
    /// 1 to 64 characters; nobody but the brand sees it.
    #[schema(example = "Autumn")]
    pub name: String,
    /// 1 to 5 message objects in the shapes of the LINE Messaging API.
    #[schema(value_type = Vec<Object>,
             example = json!([{"type": "text", "text": "(광고) hello"}]))]
    pub messages: Value,
    /// Whom it goes to, as an expression over friends: `{"all": true}`, `{"tag": …}`,
    /// `{"attribute": …}`, `{"friend_since": …}`, `{"source": …}`, `{"list": …}`, and `and`, `or`,
    /// `not` of these; or `{"expression": …, "limit": …}`. Every friend where it is left out.
    #[schema(value_type = Option<Object>, example = json!({"expression": {"all": true}}))]
    pub audience: Option<Value>,
    /// promotion or information. Where it is left out the header `Chingu-Purpose` says it, and
    /// without that it is promotion.
    #[schema(example = "promotion")]
    pub purpose: Option<String>,
    /// `{"now": true}`, or `{"at": {"wall": "2026-12-01 09:00", "zone": "Asia/Seoul"}}`: a wall
    /// time stays what it is when a country moves its clocks. Now where it is left out, which
    /// waits for a launch.
    #[schema(value_type = Option<Object>, example = json!({"now": true}))]
    pub schedule: Option<Value>,
    /// Recipients per second.
    pub rate_per_second: Option<u32>,
    /// How long after its launch pushes may begin, at most a week. A day where it is left out.
    pub lifetime_seconds: Option<u32>,
    /// What happens where there is not enough for everybody: do_not_start, wait, fewer_by_number
    /// or fewer_at_random.
    #[schema(example = "do_not_start")]
    pub if_short: Option<String>,
    /// The most it may cost, net, in the currency of the business: decimal digits.
    #[schema(example = "90000")]
    pub budget: Option<String>,
    /// It stays a draft, for a person to look at on its pages, or for a later approval.
    pub draft: Option<bool>,
}

/// What a body says, read.
struct Wish {
    name: String,
    messages: String,
    audience: Option<String>,
    purpose: Purpose,
    schedule: Schedule,
    rate_per_second: Option<u32>,
    lifetime_seconds: u32,
    if_short: IfShort,
    budget: Option<Money>,
    finish: Finish,
}

/// Writes a campaign: approved, scheduled where it has a time, or a draft where that is wanted.
///
/// Everything is checked at once, messages and audience by the validators that check them
/// everywhere. Nothing is sent before it is launched or its time comes.
#[utoipa::path(
    post, path = "/v1/campaigns", tag = "campaigns", operation_id = "createCampaign",
    params(("Chingu-Purpose" = Option<String>, Header,
            description = "promotion or information, where the body does not say")),
    request_body = CampaignBody,
    responses((status = 201, description = "It is written", body = Campaign)),
)]
pub async fn create(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, Refusal> {
    let mut faults = Faults::default();
    let currency = caller.currency().await?;
    let wish = Wish::read(&posted.fields, &headers, currency, &mut faults);
    let account = caller.its_account().await?;
    let request = wish.request();
    let found = caller
        .directory
        .faults(&account, &request, &state.rules)
        .await?;
    // What could not be read is not told a second time for what stands in its place.
    let found = found
        .into_iter()
        .filter(|fault| !faults.knows(&fault.property));
    let found: Vec<Fault> = found.map(Fault::from).collect();
    faults.extend(found);
    faults.finish()?;
    let mut open = match begin(&state, &caller, posted.asked).await? {
        Turn::Fresh(open) => open,
        Turn::Answered(answer) => return Ok(answer),
    };
    let (write, finish) = (&mut open.write, wish.finish);
    let campaign = caller
        .directory
        .write_campaign(write, &account, &request, &state.rules, finish)
        .await?;
    if let Some(limit) = wish.budget {
        let of = BudgetOf::Campaign(campaign.id);
        let now = state.clock.now();
        billing::budget::set_in(write, caller.business, of, Some(limit), now).await?;
    }
    let answer = open
        .end(StatusCode::CREATED, &Campaign::of(campaign)?)
        .await?;
    caller.control.wake.notify_one();
    Ok(answer)
}

/// A campaign as it stands.
#[utoipa::path(
    get, path = "/v1/campaigns/{campaign}", tag = "campaigns", operation_id = "getCampaign",
    params(("campaign" = String, Path, description = "`cmp_…`")),
    responses((status = 200, description = "The campaign", body = Campaign)),
)]
pub async fn show(caller: Caller, Path(campaign): Path<String>) -> Result<Json<Campaign>, Refusal> {
    Ok(Json(Campaign::of(caller.campaign(&campaign).await?)?))
}

/// Broadcasts of the account, the newest first.
#[utoipa::path(
    get, path = "/v1/campaigns", tag = "campaigns", operation_id = "listCampaigns",
    params(
        ("state" = Option<Vec<String>>, Query, description = "These states only"),
        ("text" = Option<String>, Query, description = "What the name contains"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50 where it is left out"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page of them", body = Page<CampaignLine>)),
)]
pub async fn list(
    State(state): State<Arc<V1State>>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<CampaignLine>>, Refusal> {
    let mut faults = Faults::default();
    parameters.only(&["text", "limit", "cursor"], &["state"], &mut faults);
    let wanted = Wanted::read(&state, &caller, LIST, &parameters, &mut faults);
    let mut states = Vec::new();
    for name in parameters.list("state") {
        match STATES.into_iter().find(|state| state.name() == name) {
            Some(state) => states.push(state.code()),
            None => faults.add(
                "state",
                format!("'{}' is no state", super::body::shown(name)),
            ),
        }
    }
    if states.is_empty() {
        states.extend(STATES.map(CampaignState::code));
    }
    states.sort_unstable();
    states.dedup();
    let text = parameters.text("text").unwrap_or_default();
    if text.chars().count() > TEXT_CHARS_MAX {
        faults.add("text", format!("has at most {TEXT_CHARS_MAX} characters"));
    }
    faults.finish()?;
    let query = ListQuery {
        account: caller.account,
        states: &states,
        text,
        before: wanted.after.map(CampaignId::from_bytes),
        // One more says whether there is a next page.
        limit: wanted.limit + 1,
    };
    let snapshot = caller.store.snapshot().await?;
    let mut found = snapshot.list_campaigns(&query).await?;
    snapshot.end().await?;
    let is_last = found.len() <= wanted.limit as usize;
    found.truncate(wanted.limit as usize);
    let next = match found.last().filter(|_| !is_last) {
        Some(last) => Some(cursor(&state, &caller, LIST, last.id.as_bytes())?),
        None => None,
    };
    Ok(Json(Page {
        items: found.into_iter().map(CampaignLine::from).collect(),
        next,
    }))
}

impl Wish {
    fn read(fields: &Fields, headers: &HeaderMap, currency: Currency, faults: &mut Faults) -> Self {
        fields.only(&PROPERTIES, faults);
        if fields.raw("messages").is_none() {
            faults.add("messages", "is required: 1 to 5 message objects");
        }
        let names = IfShort::ALL.map(IfShort::name);
        let if_short = fields.named("if_short", &names, IfShort::from_name, faults);
        let draft = fields.optional("draft", "true or false", faults);
        let speed = "a whole number of recipients";
        Self {
            name: fields
                .required("name", "a text", faults)
                .unwrap_or_default(),
            messages: fields.raw("messages").unwrap_or("[]").to_owned(),
            audience: fields.raw("audience").map(ToOwned::to_owned),
            purpose: purpose(fields, headers, faults),
            schedule: schedule(fields, faults).unwrap_or(Schedule::Now),
            rate_per_second: fields.optional("rate_per_second", speed, faults),
            lifetime_seconds: fields
                .optional("lifetime_seconds", "a whole number of seconds", faults)
                .unwrap_or(LIFETIME_SECONDS),
            if_short: if_short.unwrap_or_default(),
            budget: amount(fields, "budget", currency, faults),
            finish: match draft {
                Some(true) => Finish::Draft,
                _ => Finish::Approved,
            },
        }
    }

    fn request(&self) -> CampaignRequest<'_> {
        CampaignRequest {
            name: &self.name,
            purpose: self.purpose,
            messages: &self.messages,
            audience: self.audience.as_deref(),
            schedule: &self.schedule,
            rate_per_second: self.rate_per_second,
            lifetime_seconds: self.lifetime_seconds,
            if_short: self.if_short,
        }
    }
}

/// What the body says, else the header, else promotion; where both say something, the same.
fn purpose(fields: &Fields, headers: &HeaderMap, faults: &mut Faults) -> Purpose {
    let by_body = fields.named("purpose", &PURPOSES, purpose_of, faults);
    let mut values = headers.get_all(PURPOSE).iter();
    let by_header = values.next().map(|value| {
        let text = value.to_str().unwrap_or_default().trim();
        purpose_of(text).filter(|_| values.next().is_none())
    });
    match (by_body, by_header) {
        (_, Some(None)) => {
            faults.add("Chingu-Purpose", "must be one of promotion, information");
            Purpose::Promotion
        }
        (Some(body), Some(Some(header))) if body != header => {
            faults.add("purpose", "is another than the header Chingu-Purpose says");
            body
        }
        (body, header) => body.or(header.flatten()).unwrap_or(Purpose::Promotion),
    }
}

pub(super) fn purpose_of(name: &str) -> Option<Purpose> {
    [Purpose::Promotion, Purpose::Information]
        .into_iter()
        .find(|purpose| purpose.name() == name)
}

/// The schedule of a body, where it has one.
pub(super) fn schedule(fields: &Fields, faults: &mut Faults) -> Option<Schedule> {
    match Schedule::parse(fields.raw("schedule")?) {
        Ok(schedule) => Some(schedule),
        Err(errors) => {
            faults.extend(errors.into_iter().map(Fault::from));
            None
        }
    }
}

/// An amount of a body, in the currency of the business, where it has one.
pub(super) fn amount(
    fields: &Fields,
    name: &str,
    currency: Currency,
    faults: &mut Faults,
) -> Option<Money> {
    let text: String = fields.optional(name, "an amount in decimal digits, as a text", faults)?;
    match Money::parse(&text, currency) {
        Ok(amount) if !amount.is_negative() => Some(amount),
        Ok(_) => {
            faults.add(name, "is not below zero");
            None
        }
        Err(why) => {
            faults.add(name, why.to_string());
            None
        }
    }
}
