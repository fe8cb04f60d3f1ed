//! What waits for somebody: campaigns that cannot go on by themselves first, then those with a
//! time, then drafts.

use directory::Permission;
use domain::campaign::CampaignState;
use domain::id::CampaignId;
use domain::money::Money;
use domain::shortage::ShortOf;
use store::Snapshot;
use store::campaign_list::ListedCampaign;
use store::forecast::LaunchForecast;

use super::{cost_of_everybody, of_group};
use crate::campaign_words::{StateGroup, called};
use crate::campaigns::ago;
use crate::desk::Desk;
use crate::error::Error;
use crate::page::{Icon, icon};

const RESTORED_MAX: u32 = 20;
const STUCK_MAX: u32 = 5;
/// Scheduled ones are read newest first; the soonest of these are shown.
const SCHEDULED_READ: u32 = 50;
const SCHEDULED_MAX: usize = 3;
const DRAFTS_MAX: u32 = 3;

/// One thing to do.
pub(super) struct Todo {
    pub(super) icon: Icon,
    pub(super) path: String,
    pub(super) name: String,
    /// Why, until when, and for how much.
    pub(super) note: String,
    pub(super) is_urgent: bool,
    /// Where to say that a restored campaign shall go on, for who may.
    pub(super) resume: Option<String>,
}

/// `reach` is how many agreed to promotion, and what one send to everybody costs.
pub(super) async fn read(
    snapshot: &Snapshot,
    desk: &Desk,
    reach: Option<(u64, Money)>,
) -> Result<Vec<Todo>, Error> {
    let mut todos = Vec::new();
    let restored = snapshot.restored_campaigns(desk.account.id, RESTORED_MAX);
    for campaign in restored.await? {
        todos.push(restored_todo(desk, &campaign));
    }
    for campaign in of_group(snapshot, desk, StateGroup::Stuck, STUCK_MAX).await? {
        if campaign.restored_at.is_some() {
            continue;
        }
        todos.push(stuck(desk, &campaign, reach));
    }
    let mut scheduled = of_group(snapshot, desk, StateGroup::Scheduled, SCHEDULED_READ).await?;
    scheduled.retain(|campaign| campaign.restored_at.is_none());
    scheduled.sort_by_key(|campaign| campaign.scheduled_for);
    let looks = snapshot.forecasts_of_account(desk.account.id).await?;
    let short = |campaign: &ListedCampaign| {
        let look = looks.get(&campaign.id)?;
        short_words(desk, look)
    };
    // What lacks something is said before what is only to come.
    scheduled.sort_by_key(|campaign| short(campaign).is_none());
    for campaign in scheduled.iter().take(SCHEDULED_MAX) {
        todos.push(match short(campaign) {
            Some(note) => Todo {
                icon: icon("wallet"),
                note,
                is_urgent: true,
                ..todo(desk, campaign)
            },
            None => timed(desk, campaign, reach),
        });
    }
    let drafts = of_group(snapshot, desk, StateGroup::Draft, DRAFTS_MAX).await?;
    let ids: Vec<CampaignId> = drafts.iter().map(|draft| draft.id).collect();
    let left = snapshot.listed_drafts(&ids).await?;
    for campaign in &drafts {
        let at = left.get(&campaign.id).map(|draft| draft.updated_at);
        let age = desk.now.since(at.unwrap_or(campaign.created_at)).as_secs();
        let key = match campaign.has_launch_error {
            true => "campaigns-sent-back",
            false => "campaigns-edited",
        };
        let note = desk.words.t(key).text("age", ago(&desk.words, age));
        todos.push(Todo {
            icon: icon("pen"),
            note: note.to_string(),
            is_urgent: campaign.has_launch_error,
            ..todo(desk, campaign)
        });
    }
    Ok(todos)
}

fn todo(desk: &Desk, campaign: &ListedCampaign) -> Todo {
    Todo {
        icon: icon("clock"),
        path: desk.at(&format!("/campaigns/{}", campaign.id)),
        name: called(&desk.words, &campaign.name),
        note: String::new(),
        is_urgent: false,
        resume: None,
    }
}

/// A campaign that came out of a backup says so, and can go on from here.
fn restored_todo(desk: &Desk, campaign: &ListedCampaign) -> Todo {
    let resume = desk.at(&format!("/campaigns/{}/resume", campaign.id));
    Todo {
        icon: icon("alert"),
        note: desk.words.t("home-restored").to_string(),
        is_urgent: true,
        resume: desk.may(Permission::Send).then_some(resume),
        ..todo(desk, campaign)
    }
}

fn stuck(desk: &Desk, campaign: &ListedCampaign, reach: Option<(u64, Money)>) -> Todo {
    let words = &desk.words;
    let cost = cost_of_everybody(reach, campaign);
    let spendable = desk.wallet.spendable().unwrap_or(desk.wallet.available);
    let missing = cost
        .and_then(|cost| cost.checked_sub(spendable).ok())
        .filter(|missing| missing.micro() > 0);
    let (sign, note) = match (campaign.state, missing) {
        (CampaignState::WaitingForFunds, Some(missing)) => {
            let note = words.t("home-missing").text("amount", words.money(missing));
            ("wallet", note.to_string())
        }
        (CampaignState::WaitingForFunds, None) => {
            ("wallet", words.t("home-waits-for-funds").to_string())
        }
        (CampaignState::LaunchFailed, _) => ("alert", words.t("home-launch-failed").to_string()),
        _ => ("send", words.t("home-not-sent").to_string()),
    };
    Todo {
        icon: icon(sign),
        note,
        is_urgent: true,
        ..todo(desk, campaign)
    }
}

/// What is short for a scheduled campaign, as it was seen before its time; `None` where there is
/// enough, or enough money by now.
pub(crate) fn short_words(desk: &Desk, look: &LaunchForecast) -> Option<String> {
    let words = &desk.words;
    let short_of = look.short_of?;
    let spendable = desk.wallet.spendable().unwrap_or(desk.wallet.available);
    if short_of == ShortOf::Funds && spendable.micro() >= look.needed_micro {
        return None;
    }
    let missing = Money::from_micro(look.missing_micro, desk.business.currency);
    let said = words
        .t(format!("home-short-{}", short_of.name()))
        .text("time", words.time(look.scheduled_for, &desk.zone));
    let said = match short_of {
        ShortOf::Funds | ShortOf::Budget => said.text("amount", words.money(missing)),
        ShortOf::Plan => said
            .text("granted", words.count(look.granted))
            .text("asked", words.count(look.asked)),
    };
    Some(said.to_string())
}

fn timed(desk: &Desk, campaign: &ListedCampaign, reach: Option<(u64, Money)>) -> Todo {
    let words = &desk.words;
    let at = campaign.scheduled_for;
    let at = at.map(|at| words.time(at, &desk.zone)).unwrap_or_default();
    let note = match cost_of_everybody(reach, campaign) {
        Some(cost) => words
            .t("home-scheduled-cost")
            .text("time", at)
            .text("amount", words.money(cost)),
        None => words.t("home-scheduled").text("time", at),
    };
    Todo {
        note: note.to_string(),
        ..todo(desk, campaign)
    }
}
