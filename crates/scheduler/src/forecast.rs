//! Scheduled campaigns, looked at a day and an hour before their time: whether wallet, plan and
//! budgets suffice. Seldom and cheap: once for each step, and everybody is counted out of a tally.

use billing::BillingError;
use domain::audience::{Audience, Expression};
use domain::campaign::Purpose;
use domain::id::CampaignId;
use domain::money::Money;
use domain::shortage::{ForecastStep, Means, ShortOf};
use domain::time::Timestamp;
use store::StoreError;
use store::campaign::Campaign;
use store::forecast::LaunchForecast;
use store::leader::LeaderEpoch;

use crate::launch::read_audience;
use crate::{Progress, Scheduler, SchedulerError};

impl Scheduler {
    /// Looks at what is due within a day or an hour and was not looked at for it yet. Each campaign
    /// is looked at by itself, whatever else is scheduled before it.
    pub async fn forecast_step(&self, epoch: LeaderEpoch) -> Result<Progress, SchedulerError> {
        let now = self.clock.now();
        for id in self.store.campaigns_to_forecast(now).await? {
            let campaign = self.store.campaign(id).await?;
            let look = match self.look_ahead(&campaign, now).await {
                Ok(Some(look)) => look,
                Ok(None) => continue,
                Err(error @ SchedulerError::Store(StoreError::Unavailable(_))) => {
                    return Err(error);
                }
                // Its launch says so when its time comes; the others are looked at.
                Err(error) => {
                    tracing::warn!(campaign = %id, %error, "could not be looked at");
                    continue;
                }
            };
            let mut write = self.store.write().await?;
            write.must_lead(epoch).await?;
            let is_new = write.note_forecast(&look).await?;
            write.commit().await?;
            if let (true, Some(short_of)) = (is_new, look.short_of) {
                warn(id, &look, short_of);
            }
        }
        Ok(Progress::Idle)
    }

    async fn look_ahead(
        &self,
        campaign: &Campaign,
        now: Timestamp,
    ) -> Result<Option<LaunchForecast>, SchedulerError> {
        let Some(at) = campaign.scheduled_for else {
            return Ok(None);
        };
        let Some(step) = ForecastStep::at(at.since(now)) else {
            return Ok(None);
        };
        let (store, payer) = (&self.store, campaign.business);
        let audience = read_audience(campaign)?;
        let tariff = audience.tariff(campaign.purpose);
        let asked = self.reachable(campaign, &audience).await?;
        let wallet = store::wallet::find(store, payer).await?;
        let currency = wallet.available.currency();
        let terms = billing::terms(store, payer, currency, at).await?;
        let all = billing::budget::budgets(store, payer, Some(campaign.id), at).await?;
        let budgets = billing::budget::of_account(&all, campaign.account);
        let means = Means {
            funds: wallet.spendable().map_err(BillingError::from)?,
            budgets: &budgets,
            terms: &terms,
        };
        let granted = means.grant(tariff, asked);
        let needed = terms.quote(tariff, asked).map_err(BillingError::from)?.net;
        let there = match granted.short_of {
            Some(ShortOf::Funds) => means.funds,
            Some(ShortOf::Budget) => domain::budget::room(&budgets).unwrap_or(needed),
            Some(ShortOf::Plan) | None => needed,
        };
        let missing: Money = needed.checked_sub(there).map_err(BillingError::from)?;
        Ok(Some(LaunchForecast {
            campaign: campaign.id,
            step,
            scheduled_for: at,
            looked_at: now,
            asked,
            granted: granted.units,
            needed_micro: needed.micro(),
            missing_micro: missing.micro(),
            short_of: granted.short_of,
        }))
    }

    /// How many it would reach now.
    async fn reachable(
        &self,
        campaign: &Campaign,
        audience: &Audience,
    ) -> Result<u64, SchedulerError> {
        let (account, purpose) = (campaign.account, campaign.purpose);
        let reachable = match &audience.expression {
            Expression::All => {
                let tally = self.store.friend_tally(account).await?;
                match purpose {
                    Purpose::Promotion => tally.reachable,
                    Purpose::Information => tally.active(),
                }
            }
            some => {
                let found = self.store.explore_audience(account, some, &[], purpose);
                found.await?.reachable
            }
        };
        let limit = audience.limit.map_or(u64::MAX, |limit| limit.count.into());
        Ok(reachable.min(limit))
    }
}

fn warn(campaign: CampaignId, look: &LaunchForecast, short_of: ShortOf) {
    let (step, short_of) = (look.step.hours(), short_of.name());
    let labels = [
        ("hours", step.to_string()),
        ("short_of", short_of.to_owned()),
    ];
    metrics::counter!("chingu_launch_warnings_total", &labels).increment(1);
    tracing::warn!(%campaign, hours = step, short_of, asked = look.asked, granted = look.granted,
                   "there is not enough for a scheduled campaign");
}
