//! What a cancel came to: what was sent is billed, the rest went back. The running page and the
//! report say it in the same words (`running/outcome.html`).

use domain::campaign::CampaignState;
use store::campaign::Campaign;
use words::Words;

use super::{Tally, look};
use crate::desk::Desk;
use crate::error::Error;
use crate::state::ConsoleState;

/// A cancelled campaign in words.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub words: Words,
    pub delivered: String,
    pub billed: String,
    /// Everybody who did not get it, and what did not have to be paid for them so far.
    pub not_sent: String,
    pub released: String,
    /// Whose outcome is not known yet, and what they may still cost.
    pub pending: Option<(String, String)>,
    /// When and by whom; and why, where somebody said.
    pub who_and_when: String,
    pub reason: Option<String>,
    /// How many people got it, for tests and scripts.
    pub delivered_people: u64,
}

impl Outcome {
    /// When and by whom it was cancelled, and why where somebody said.
    pub fn who_and_why(&self) -> String {
        match &self.reason {
            None => self.who_and_when.clone(),
            Some(reason) => {
                let why = self
                    .words
                    .t("running-cancelled-reason")
                    .text("reason", reason);
                format!("{} · {why}", self.who_and_when)
            }
        }
    }
}

/// What cancelling a campaign came to; `None` where nobody cancelled it.
pub async fn outcome_of(
    state: &ConsoleState,
    desk: &Desk,
    campaign: &Campaign,
) -> Result<Option<Outcome>, Error> {
    use CampaignState as S;
    let may_be_cancelled = matches!(campaign.state, S::Cancelling | S::Closing | S::Closed);
    if !may_be_cancelled {
        return Ok(None);
    }
    let snapshot = desk.store.snapshot().await?;
    let actions = snapshot.campaign_actions(campaign.id).await?;
    snapshot.end().await?;
    if !actions
        .iter()
        .any(|action| action.action.name() == "cancel")
    {
        return Ok(None);
    }
    let tally = look(state, desk, campaign.id).await?;
    of_tally(desk, &tally).await
}

pub(super) async fn of_tally(desk: &Desk, tally: &Tally) -> Result<Option<Outcome>, Error> {
    let Some(cancel) = tally.cancel() else {
        return Ok(None);
    };
    let (words, people, money) = (desk.words, tally.people, tally.money);
    let when = words.time(cancel.at, &desk.zone);
    let who_and_when = match cancel.member {
        None => when,
        Some(id) => {
            let members = desk.store.members_of_business(desk.business.id).await?;
            let member = members.into_iter().find(|member| member.id == id);
            match member {
                Some(member) => words
                    .t("running-cancelled-by")
                    .text("name", member.display_name)
                    .text("time", when)
                    .to_string(),
                None => when,
            }
        }
    };
    let pending = people.in_flight + people.checking;
    let not_sent = people.stopped + people.skipped + people.failed + people.left;
    Ok(Some(Outcome {
        words,
        delivered: words.count(people.delivered),
        billed: words.money(money.of(people.delivered)),
        not_sent: words.count(not_sent),
        released: words.money(money.released),
        pending: (pending > 0).then(|| (words.count(pending), words.money(money.of(pending)))),
        who_and_when,
        reason: Some(cancel.reason.clone()).filter(|reason| !reason.is_empty()),
        delivered_people: people.delivered,
    }))
}
