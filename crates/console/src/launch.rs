//! From a draft to a campaign under way: what was seen is what is sent, once, or nothing is.
//!
//! The form says which versions of the draft were seen and how much they cost. Whatever changed
//! since leads back to the review, and the campaign is a draft as before.

use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use billing::BillingError;
use directory::campaigns::LIFETIME_SECONDS_MAX;
use directory::{CampaignRequest, Permission};
use domain::budget::BudgetOf;
use domain::campaign::CampaignState;
use domain::money::Money;
use domain::schedule::Schedule;
use scheduler::SchedulerError;
use scheduler::launch::Launched;
use store::StoreError;
use store::draft::Part;

use crate::aim::Aim;
use crate::audience::LATER_PATIENCE;
use crate::composer::{Finished, finished};
use crate::desk::Desk;
use crate::draft::Draft;
use crate::error::Error;
use crate::own_campaign::CampaignPath;
use crate::review::{self, Notice, Why};
use crate::schedule::form::Delivery;
use crate::schedule::{forecast, own_budget};
use crate::state::ConsoleState;

/// What the button sends.
#[derive(Debug, Clone, Default)]
struct Sent {
    /// The most it may cost, net, in micro-units: what was seen.
    highest: Option<i64>,
    versions: [Option<u32>; 3],
    is_checked: bool,
    is_confirmed: bool,
}

impl Sent {
    fn of_fields(fields: &[(String, String)]) -> Self {
        let field = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let version = |name: &str| field(name).and_then(|text| text.parse().ok());
        Self {
            highest: field("highest")
                .and_then(|text| text.parse().ok())
                .filter(|micro| *micro >= 0),
            versions: ["message", "audience", "delivery"].map(version),
            is_checked: field("checked") == Some("yes"),
            is_confirmed: field("confirmed") == Some("yes"),
        }
    }
}

pub async fn submit(
    State(state): State<Arc<ConsoleState>>,
    desk: Desk,
    Path(path): Path<CampaignPath>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Error> {
    desk.expect(Permission::Send)?;
    let draft = Draft::open(&desk, &path).await?;
    let sent = Sent::of_fields(&fields);
    if !draft.is_draft() {
        return launch_finished(&state, &desk, &path, &sent).await;
    }
    if let Some(why) = refused(&draft, &sent) {
        return back(&state, &desk, &path, why).await;
    }
    let aim = Aim::of(&desk, &draft);
    let content = review::content(&draft).to_json();
    let (Ok(finished), Some(audience), Ok(delivery)) = (
        finished(&content, &state.rules),
        aim.audience(),
        &aim.delivery,
    ) else {
        return back(&state, &desk, &path, changed("review-notice-unready")).await;
    };
    let asker = format!("launch {}", draft.campaign.id);
    let counted = aim.counted(&state, &desk, &asker, LATER_PATIENCE).await?;
    let counted = counted.map(|counted| counted.as_granted(&desk, &aim));
    let counted = counted.transpose()?;
    if let Some(counted) = &counted {
        if counted.people == 0 {
            return back(&state, &desk, &path, changed("review-notice-unready")).await;
        }
        let now = counted.quote.net;
        if sent.highest.is_some_and(|seen| now.micro() > seen) {
            return back(&state, &desk, &path, dearer(&desk, &sent, now)).await;
        }
    }
    if !sent.is_confirmed {
        let why = Why {
            confirms: true,
            ..Why::default()
        };
        return review::draw(&state, &desk, &draft, LATER_PATIENCE, why).await;
    }
    let plan = counted.and_then(|counted| aim.plan(&state, &desk, counted.people));
    let longest = std::time::Duration::from_secs(u64::from(LIFETIME_SECONDS_MAX));
    // Nobody knows yet how long it takes: no pushes are given up for it.
    let lifetime = plan.map_or(longest, |plan| forecast::lifetime(&plan, longest));
    let audience = audience.to_json();
    let request = request(&finished, &audience, delivery, lifetime);
    set_budget(&desk, &draft, delivery).await?;
    if let Some(response) = finish(&state, &desk, &path, &draft, &request).await? {
        return Ok(response);
    }
    match delivery.schedule {
        Schedule::Now => launch_finished(&state, &desk, &path, &sent).await,
        Schedule::At(_) => {
            let door = draft.at(&desk, "?done=done-scheduled");
            Ok(Redirect::to(&door).into_response())
        }
    }
}

/// The campaign's own budget, while it is a draft: before anything can be held for it.
async fn set_budget(desk: &Desk, draft: &Draft, delivery: &Delivery) -> Result<(), Error> {
    let Some(limit) = delivery.budget else {
        return Ok(());
    };
    // Another version only where something is another.
    if own_budget(desk, draft).await? != limit {
        let of = BudgetOf::Campaign(draft.campaign.id);
        desk.control.set_budget(desk.business.id, of, limit).await?;
    }
    Ok(())
}

fn request<'a>(
    finished: &'a Finished,
    audience: &'a str,
    delivery: &'a Delivery,
    lifetime: std::time::Duration,
) -> CampaignRequest<'a> {
    CampaignRequest {
        name: &finished.name,
        purpose: finished.purpose,
        messages: &finished.messages,
        audience: Some(audience),
        schedule: &delivery.schedule,
        rate_per_second: delivery.rate,
        lifetime_seconds: u32::try_from(lifetime.as_secs()).unwrap_or(LIFETIME_SECONDS_MAX),
        if_short: delivery.if_short,
    }
}

/// Why it is not sent as it was sent: not ticked, or not what was seen.
fn refused(draft: &Draft, sent: &Sent) -> Option<Why> {
    if !sent.is_checked {
        return Some(Why {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            tick_fault: true,
            ..Why::default()
        });
    }
    let is_same = Part::ALL
        .into_iter()
        .zip(sent.versions)
        .all(|(part, seen)| seen == Some(draft.version(part)));
    (!is_same || sent.highest.is_none()).then(|| Why {
        status: StatusCode::CONFLICT,
        ..changed("review-notice-changed")
    })
}

/// Writes the finished campaign over its draft; an answer where that was refused or somebody else
/// did it first.
async fn finish(
    state: &ConsoleState,
    desk: &Desk,
    path: &CampaignPath,
    draft: &Draft,
    request: &CampaignRequest<'_>,
) -> Result<Option<Response>, Error> {
    let versions = Part::ALL.map(|part| (part, draft.version(part)));
    let (business, account, id) = (desk.business.id, desk.account.id, draft.campaign.id);
    let done = desk
        .directory
        .finish_draft(business, account, id, &versions, request, &state.rules)
        .await;
    match done {
        Ok(_) => Ok(None),
        Err(directory::Error::Store(StoreError::Conflict(_))) => {
            let why = Why {
                status: StatusCode::CONFLICT,
                ..changed("review-notice-changed")
            };
            back(state, desk, path, why).await.map(Some)
        }
        // Another window or the same button, a moment earlier.
        Err(directory::Error::Refused { field: "state", .. }) => {
            let now = Draft::open(desk, path).await?;
            Ok(Some(where_it_is(desk, &now)))
        }
        Err(directory::Error::Refused { .. }) => {
            back(state, desk, path, changed("review-notice-unready"))
                .await
                .map(Some)
        }
        Err(error) => Err(error.into()),
    }
}

/// Launches what is finished. Whoever comes second finds it launched.
async fn launch_finished(
    state: &ConsoleState,
    desk: &Desk,
    path: &CampaignPath,
    sent: &Sent,
) -> Result<Response, Error> {
    let draft = Draft::open(desk, path).await?;
    let may_launch = matches!(
        draft.campaign.state,
        CampaignState::Approved | CampaignState::WaitingForFunds
    );
    let Some(highest) = sent.highest.filter(|_| may_launch) else {
        return Ok(where_it_is(desk, &draft));
    };
    let highest = Money::from_micro(highest, desk.business.currency);
    let (business, id) = (desk.business.id, draft.campaign.id);
    let why = match desk.control.launch(business, id, Some(highest)).await {
        Ok(Launched::Launched { .. }) => {
            let running = draft.at(desk, "/running");
            return Ok(Redirect::to(&running).into_response());
        }
        Ok(Launched::WaitsForFunds { .. }) => return Ok(draft.to_door(desk)),
        // Somebody else was a moment earlier.
        Err(SchedulerError::Refused(_) | SchedulerError::Store(StoreError::Conflict(_))) => {
            let now = Draft::open(desk, path).await?;
            return Ok(where_it_is(desk, &now));
        }
        Err(SchedulerError::Dearer { now, .. }) => dearer(desk, sent, now),
        Err(error @ SchedulerError::NotPossible(_)) => {
            tracing::warn!(campaign = %id, %error, "a launch was refused");
            changed("review-notice-refused")
        }
        Err(SchedulerError::Billing(
            error @ (BillingError::BeyondPlan { .. } | BillingError::BeyondBudget { .. }),
        )) => {
            tracing::info!(campaign = %id, %error, "a launch was refused");
            changed("review-notice-refused")
        }
        Err(error) => {
            reopen(desk, &draft).await?;
            return Err(error.into());
        }
    };
    reopen(desk, &draft).await?;
    back(state, desk, path, why).await
}

/// A draft again, unless somebody else did something with it meanwhile.
async fn reopen(desk: &Desk, draft: &Draft) -> Result<(), Error> {
    let (business, account) = (desk.business.id, desk.account.id);
    match desk
        .directory
        .reopen(business, account, draft.campaign.id)
        .await
    {
        Ok(()) | Err(directory::Error::Refused { .. }) => Ok(()),
        Err(directory::Error::Store(StoreError::Conflict(_))) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The page of a campaign as it stands now.
fn where_it_is(desk: &Desk, draft: &Draft) -> Response {
    let page = match draft.campaign.state {
        CampaignState::Draft => "/review",
        CampaignState::Launching | CampaignState::Running => "/running",
        _ => "",
    };
    Redirect::to(&draft.at(desk, page)).into_response()
}

async fn back(
    state: &ConsoleState,
    desk: &Desk,
    path: &CampaignPath,
    why: Why,
) -> Result<Response, Error> {
    let draft = Draft::open(desk, path).await?;
    if !draft.is_draft() {
        return Ok(where_it_is(desk, &draft));
    }
    review::draw(state, desk, &draft, LATER_PATIENCE, why).await
}

fn changed(key: &'static str) -> Why {
    Why {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        notice: Some(Notice {
            key,
            detail: String::new(),
        }),
        ..Why::default()
    }
}

fn dearer(desk: &Desk, sent: &Sent, now: Money) -> Why {
    let seen = Money::from_micro(sent.highest.unwrap_or(0), now.currency());
    let words = desk.words;
    let detail = words
        .t("review-notice-dearer-detail")
        .text("seen", words.money(seen))
        .text("now", words.money(now))
        .to_string();
    Why {
        status: StatusCode::CONFLICT,
        notice: Some(Notice {
            key: "review-notice-dearer",
            detail,
        }),
        ..Why::default()
    }
}
