//! A draft as it would be sent now: to how many, at which price, when, how fast.

use std::sync::Arc;
use std::time::Duration;

use billing::BillingError;
use domain::audience::Audience;
use domain::budget::{self, Budget, BudgetOf};
use domain::campaign::Purpose;
use domain::id::CampaignId;
use domain::price::{Quote, Tariff};
use domain::shortage::Means;
use domain::terms::Terms;
use store::draft::Part;

use crate::audience::form::AudienceForm;
use crate::audience::reach::{Question, Reach};
use crate::audience::{self, Meaning, part};
use crate::desk::Desk;
use crate::draft::Draft;
use crate::error::Error;
use crate::schedule::forecast::Plan;
use crate::schedule::form::{Delivery, ScheduleForm, Wrong};
use crate::state::ConsoleState;

/// What the parts of a draft say.
pub struct Aim {
    pub campaign: CampaignId,
    pub purpose: Purpose,
    pub form: AudienceForm,
    pub meaning: Meaning,
    pub schedule: ScheduleForm,
    pub delivery: Result<Delivery, Vec<Wrong>>,
}

/// How many, and what they cost.
pub struct Counted {
    pub people: u64,
    /// How many there are, where it goes to fewer because there is not enough for all.
    pub asked: Option<u64>,
    pub tariff: Tariff,
    pub terms: Terms,
    pub quote: Quote,
    /// Those it counts in, of the day and month it starts.
    pub budgets: Vec<Budget>,
    pub reach: Arc<Reach>,
}

impl Counted {
    /// How many more the plan sells this month, where that is less than this would take.
    pub fn plan_room(&self) -> Option<u64> {
        let passes = self.terms.share(self.people).is_none();
        passes.then(|| self.terms.room())
    }

    /// As it would be sent now: to fewer, where the brand wants that and there is not enough for
    /// all. Where there is not enough for one, it stays what it is.
    pub fn as_granted(mut self, desk: &Desk, aim: &Aim) -> Result<Self, Error> {
        let asked = self.people;
        if aim.schedule.if_short().fewer(aim.campaign).is_none() {
            return Ok(self);
        }
        let means = Means {
            funds: desk.wallet.spendable().map_err(BillingError::from)?,
            budgets: &self.budgets,
            terms: &self.terms,
        };
        let granted = means.grant(self.tariff, asked).units;
        if granted > 0 && granted < asked {
            let quote = self.terms.quote(self.tariff, granted);
            self.quote = quote.map_err(BillingError::from)?;
            (self.people, self.asked) = (granted, Some(asked));
        }
        Ok(self)
    }

    /// The first budget that this would pass.
    pub fn passed_budget(&self) -> Option<&Budget> {
        budget::refusing(&self.budgets, self.quote.net)
    }
}

impl Aim {
    pub fn of(desk: &Desk, draft: &Draft) -> Self {
        let form = part::form_of(draft.content(Part::Audience), &desk.zone);
        let delivery = draft.content(Part::Delivery);
        let schedule = ScheduleForm::of_content(delivery, &desk.account.time_zone);
        Self {
            campaign: draft.campaign.id,
            purpose: draft.purpose(),
            meaning: audience::meaning(&form, &desk.zone),
            delivery: schedule.meaning(desk.now, desk.business.currency),
            form,
            schedule,
        }
    }

    /// With another schedule than the saved one.
    pub fn plan_as(&mut self, schedule: ScheduleForm, desk: &Desk) {
        self.delivery = schedule.meaning(desk.now, desk.business.currency);
        self.schedule = schedule;
    }

    pub fn audience(&self) -> Option<&Audience> {
        self.meaning.audience.as_ref()
    }

    /// Counted within `patience`; `None` where it takes longer, or there is nothing to count.
    pub async fn counted(
        &self,
        state: &ConsoleState,
        desk: &Desk,
        asker: &str,
        patience: Duration,
    ) -> Result<Option<Counted>, Error> {
        let Some(audience) = self.audience() else {
            return Ok(None);
        };
        let question = Question {
            account: desk.account.id,
            purpose: self.purpose,
            whole: audience.expression.clone(),
            each: Vec::new(),
        };
        let asked = state.counting.reach(&desk.store, question, asker, desk.now);
        let Some(reach) = asked.within(patience).await else {
            return Ok(None);
        };
        let reachable = reach.found.reachable;
        let limit = audience.limit;
        let people = limit.map_or(reachable, |limit| reachable.min(u64::from(limit.count)));
        let tariff = audience.tariff(self.purpose);
        let terms = audience::terms(desk).await?;
        let quote = terms.quote(tariff, people).map_err(BillingError::from)?;
        Ok(Some(Counted {
            people,
            asked: None,
            tariff,
            terms,
            quote,
            budgets: self.budgets(desk).await?,
            reach,
        }))
    }

    async fn budgets(&self, desk: &Desk) -> Result<Vec<Budget>, Error> {
        let starts = self.delivery.as_ref().map_or(desk.now, |one| one.starts);
        let (business, campaign) = (desk.business.id, Some(self.campaign));
        let mut all = billing::budget::budgets(&desk.store, business, campaign, starts).await?;
        let wanted = self.delivery.as_ref().ok().and_then(|one| one.budget);
        if let Some(limit) = wanted {
            // Set when it is sent, and counted in from now on.
            let own = BudgetOf::Campaign(self.campaign);
            all.retain(|budget| budget.of != own);
            all.extend(limit.map(|limit| Budget::unused(own, limit, starts, &desk.zone)));
        }
        Ok(billing::budget::of_account(&all, desk.account.id))
    }

    /// What is forecast of, where the schedule means something.
    pub fn plan(&self, state: &ConsoleState, desk: &Desk, people: u64) -> Option<Plan> {
        let delivery = self.delivery.as_ref().ok()?;
        Some(Plan {
            people,
            starts: delivery.starts,
            rate: [delivery.rate, fastest(state, desk)]
                .into_iter()
                .flatten()
                .min(),
        })
    }
}

/// The highest speed a campaign of this account can have.
pub fn fastest(state: &ConsoleState, desk: &Desk) -> Option<u32> {
    let rates = [desk.account.rate_per_second, state.connector_rate];
    rates.into_iter().flatten().min()
}
