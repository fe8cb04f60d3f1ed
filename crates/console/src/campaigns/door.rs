//! Where a campaign's link leads: to its draft, to where it runs, to its report; or, while it waits
//! to be sent, to a page that says for what, for how many people and for how much.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use bubble::{Context, Mode};
use directory::Permission;
use domain::audience::Audience;
use domain::campaign::{CampaignState, Purpose};
use domain::money::Money;
use domain::price::{Quote, Rounding};
use domain::schedule::Schedule;
use domain::shortage::IfShort;
use domain::time::Timestamp;
use serde_json::Value;
use store::campaign::Campaign;
use words::Words;

use crate::audience;
use crate::audience::reach::Question;
use crate::campaign_words::{Badge, audience_in_words, called, purpose_in_words};
use crate::campaigns::moment_in;
use crate::desk::Desk;
use crate::error::Error;
use crate::frame::{Frame, Place};
use crate::home::todo::short_words;
use crate::own_campaign::{CampaignPath, own_campaign};
use crate::page;
use crate::state::ConsoleState;

/// So long a page waits for a count; with a million friends it may take longer.
const COUNT_PATIENCE: Duration = Duration::from_millis(60);

/// A page of its own, by what the campaign waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// Its time.
    Time,
    /// Somebody who sends it.
    Person,
    Funds,
    /// A top-up, after which it starts by itself.
    TopUp,
    /// Somebody who mends it.
    Repair,
    /// Nothing any more.
    Nothing,
}

#[derive(Template)]
#[template(path = "campaigns/door.html")]
struct DoorPage<'a> {
    frame: Frame<'a>,
    words: Words,
    path: String,
    name: String,
    kind: String,
    audience: String,
    badge: Badge,
    waits: Waits,
    /// It came out of a backup: nothing happens to it before somebody lets it go on.
    is_restored: bool,
    moment: Option<Moment>,
    /// What was short when it was looked at before its time.
    short: Option<String>,
    price: Option<Price>,
    /// The count takes longer than a page: it is asked for again.
    is_counting: bool,
    failure: Option<Failure>,
    preview: String,
    speed: Option<u32>,
    may_compose: bool,
    may_send: bool,
}

/// When it will be sent.
struct Moment {
    at: String,
    zone: String,
    /// The same in the account's zone, where that is another.
    here: Option<String>,
    /// How long until then; `None` once it is due.
    left: Option<String>,
}

/// What sending it now would mean.
struct Price {
    people: u64,
    unit: String,
    net: String,
    vat: String,
    gross: String,
    available: String,
    after: String,
    /// What the wallet lacks.
    missing: Option<String>,
    /// The dearest a launch from this page may be, in micro-units.
    highest: i64,
}

/// Why it could not be launched: in the reader's words, and as it was noted.
struct Failure {
    words: String,
    noted: String,
}

impl Waits {
    /// The keys of its heading and of what stands below.
    fn keys(&self) -> (&'static str, &'static str) {
        match self {
            Self::Time => ("campaign-waits-time", "campaign-waits-time-text"),
            Self::Person => ("campaign-waits-person", "campaign-waits-person-text"),
            Self::Funds => ("campaign-waits-funds", "campaign-waits-funds-text"),
            Self::TopUp => ("campaign-waits-top-up", "campaign-waits-top-up-text"),
            Self::Repair => ("campaign-waits-repair", "campaign-waits-repair-text"),
            Self::Nothing => ("campaign-waits-nothing", "campaign-waits-nothing-text"),
        }
    }

    fn is_for_time(&self) -> bool {
        *self == Self::Time
    }

    fn is_over(&self) -> bool {
        *self == Self::Nothing
    }

    /// Whether it can be sent from here.
    fn is_for_a_sender(&self) -> bool {
        matches!(self, Self::Person | Self::Funds | Self::TopUp)
    }
}

pub async fn show(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
) -> Result<Response, Error> {
    desk.expect(Permission::Read)?;
    let campaign = own_campaign(&desk, &path).await?;
    use CampaignState as S;
    match campaign.state {
        S::Draft => Ok(to(&desk, &campaign, "message")),
        S::Launching | S::Running | S::Paused(_) | S::Cancelling => {
            Ok(to(&desk, &campaign, "running"))
        }
        S::Closing | S::Closed => Ok(to(&desk, &campaign, "report")),
        S::Scheduled => draw(&state, &desk, &campaign, Waits::Time).await,
        S::Review | S::Approved => draw(&state, &desk, &campaign, Waits::Person).await,
        S::WaitingForFunds if campaign.if_short == IfShort::Wait => {
            draw(&state, &desk, &campaign, Waits::TopUp).await
        }
        S::WaitingForFunds => draw(&state, &desk, &campaign, Waits::Funds).await,
        S::LaunchFailed => draw(&state, &desk, &campaign, Waits::Repair).await,
        S::Discarded => draw(&state, &desk, &campaign, Waits::Nothing).await,
    }
}

/// On to another page, with what was just done.
fn to(desk: &Desk, campaign: &Campaign, page: &str) -> Response {
    let done = desk.done.as_ref().map(|done| format!("?done={done}"));
    let done = done.unwrap_or_default();
    let path = desk.at(&format!("/campaigns/{}/{page}{done}", campaign.id));
    Redirect::to(&path).into_response()
}

async fn draw(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    waits: Waits,
) -> Result<Response, Error> {
    let words = desk.words;
    let price = match waits {
        Waits::Nothing => None,
        _ => price(state, desk, campaign).await?,
    };
    page::show(&DoorPage {
        frame: Frame::of(desk, Place::Campaigns),
        words,
        path: desk.at(&format!("/campaigns/{}", campaign.id)),
        name: called(&words, &campaign.name),
        kind: purpose_in_words(&words, campaign.purpose),
        audience: audience_in_words(&words, &campaign.audience),
        badge: Badge::of(&words, campaign.shown_state(), false),
        waits,
        is_restored: campaign.restored_at.is_some(),
        moment: match waits {
            Waits::Time => campaign.scheduled_for.map(|at| moment(desk, campaign, at)),
            _ => None,
        },
        short: short(desk, campaign, waits).await?,
        is_counting: price.is_none() && waits != Waits::Nothing,
        price,
        failure: campaign.launch_error.as_deref().map(|noted| Failure {
            words: failure_in_words(&words, noted),
            noted: noted.to_owned(),
        }),
        preview: preview(desk, campaign),
        speed: campaign.rate_per_second,
        may_compose: desk.may(Permission::Compose),
        may_send: desk.may(Permission::Send),
    })
}

async fn short(desk: &Desk, campaign: &Campaign, waits: Waits) -> Result<Option<String>, Error> {
    if !waits.is_for_time() {
        return Ok(None);
    }
    let looks = desk.store.forecasts(campaign.id).await?;
    Ok(looks.first().and_then(|look| short_words(desk, look)))
}

fn moment(desk: &Desk, campaign: &Campaign, at: Timestamp) -> Moment {
    let words = &desk.words;
    let own = match Schedule::parse(&campaign.schedule) {
        Ok(Schedule::At(wall)) => wall.zone().to_owned(),
        _ => desk.account.time_zone.clone(),
    };
    let zone = domain::time::zone(&own).unwrap_or_else(|_| desk.zone.clone());
    let left = at.as_millis() - desk.now.as_millis();
    Moment {
        at: moment_in(desk, at, &zone),
        zone: words.zone(&own),
        here: (own != desk.account.time_zone).then(|| moment_in(desk, at, &desk.zone)),
        left: (left > 0).then(|| words.span(left / 1_000)),
    }
}

/// Everybody it would reach now, at the price in force now; `None` while that is being counted.
async fn price(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
) -> Result<Option<Price>, Error> {
    let audience = Audience::parse(&campaign.audience)
        .map_err(|faults| Error::Broken(format!("the audience of {}: {faults:?}", campaign.id)))?;
    let Some(people) = people(state, desk, campaign, &audience).await? else {
        return Ok(None);
    };
    let tariff = audience.tariff(campaign.purpose);
    let terms = audience::terms(desk).await?;
    let quote = terms.quote(tariff, people).map_err(billing_error)?;
    let unit = terms.book.unit_price(tariff);
    let priced = priced(desk, people, unit, &quote).map_err(billing_error)?;
    Ok(Some(priced))
}

/// How many it would reach now. Everybody who agreed is known without counting; others are counted
/// beside the page, and `None` until they are.
async fn people(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
    audience: &Audience,
) -> Result<Option<u64>, Error> {
    let limit = audience.limit.map(|limit| u64::from(limit.count));
    let most = limit.unwrap_or(u64::MAX);
    if audience.is_untargeted() && campaign.purpose == Purpose::Promotion {
        let tally = desk.store.friend_tally(campaign.account).await?;
        return Ok(Some(tally.reachable.min(most)));
    }
    let question = Question {
        account: campaign.account,
        purpose: campaign.purpose,
        whole: audience.expression.clone(),
        each: Vec::new(),
    };
    let asker = campaign.id.to_string();
    let asked = state
        .counting
        .reach(&desk.store, question, &asker, desk.now);
    let reach = asked.within_or_before(COUNT_PATIENCE).await;
    Ok(reach.map(|reach| reach.found.reachable.min(most)))
}

fn billing_error(error: impl Into<billing::BillingError>) -> Error {
    error.into().into()
}

fn priced(
    desk: &Desk,
    people: u64,
    unit: Money,
    quote: &Quote,
) -> Result<Price, domain::price::PriceError> {
    let words = &desk.words;
    let spendable = desk.wallet.spendable()?;
    let after = spendable.checked_sub(quote.net)?;
    let missing = after
        .is_negative()
        .then(|| quote.net.checked_sub(spendable));
    Ok(Price {
        people,
        unit: words.money(unit),
        net: words.money(quote.net),
        vat: words.money(quote.vat),
        gross: words.money(quote.total(Rounding::Floor)?),
        available: words.money(spendable),
        after: words.money(after),
        missing: missing.transpose()?.map(|missing| words.money(missing)),
        highest: quote.net.micro(),
    })
}

/// What is known to go wrong has words of its own; the rest is shown as it was noted.
pub(crate) fn failure_in_words(words: &Words, noted: &str) -> String {
    let key = if noted.contains("message cannot be sent") {
        "campaign-failure-message"
    } else if noted.contains("would cost") {
        "campaign-failure-dearer"
    } else if noted.contains("budget") {
        "campaign-failure-budget"
    } else if noted.contains("the plan has room") {
        "campaign-failure-plan"
    } else if noted.contains("stopped") {
        "campaign-failure-stopped"
    } else {
        "campaign-failure-other"
    };
    words.t(key).to_string()
}

/// The message as a friend will see it; names stand as their fallbacks.
fn preview(desk: &Desk, campaign: &Campaign) -> String {
    let messages: Vec<Value> = serde_json::from_str(&campaign.messages).unwrap_or_default();
    let context = Context {
        language: desk.words.language(),
        account: desk.account.display_name.clone(),
        icon_url: desk.account.icon_url.clone(),
        contact: None,
        purpose: campaign.purpose,
        time: desk
            .words
            .clock(campaign.scheduled_for.unwrap_or(desk.now), &desk.zone),
        variables: Default::default(),
        mode: Mode::Preview,
    };
    bubble::draw(&messages, &context)
}
