//! What was seen of scheduled campaigns before their time: whether there is enough for them.

use std::collections::BTreeMap;

use domain::campaign::CampaignState;
use domain::id::{AccountId, CampaignId};
use domain::shortage::{ForecastStep, ShortOf};
use domain::time::Timestamp;

use crate::row::{self, Row, values};
use crate::{Snapshot, Store, StoreError, Write};

/// One look at a scheduled campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaunchForecast {
    pub campaign: CampaignId,
    pub step: ForecastStep,
    /// The time it was scheduled for then.
    pub scheduled_for: Timestamp,
    pub looked_at: Timestamp,
    pub asked: u64,
    /// For how many there is enough.
    pub granted: u64,
    pub needed_micro: i64,
    /// Of money, or of a budget.
    pub missing_micro: i64,
    /// `None` where there is enough.
    pub short_of: Option<ShortOf>,
}

const COLUMNS: &str = "f.campaign AS campaign, f.step AS step, f.scheduled_for AS scheduled_for,
    f.looked_at AS looked_at, f.asked AS asked, f.granted AS granted, f.needed AS needed,
    f.missing AS missing, f.short_of AS short_of";

impl Store {
    /// Scheduled campaigns whose time comes within a step and that were not looked at for it yet.
    pub async fn campaigns_to_forecast(
        &self,
        now: Timestamp,
    ) -> Result<Vec<CampaignId>, StoreError> {
        let sql = "SELECT c.id AS id FROM campaign c
                   WHERE c.state = $1 AND c.restored_at IS NULL AND c.scheduled_for > $2
                     AND c.scheduled_for <= $3
                     AND NOT EXISTS (SELECT 1 FROM launch_forecast f WHERE f.campaign = c.id
                       AND f.scheduled_for = c.scheduled_for
                       AND (f.step = $4 OR c.scheduled_for > $5))
                   ORDER BY c.scheduled_for";
        let (day, hour) = (ForecastStep::Day, ForecastStep::Hour);
        let bound = values![
            CampaignState::Scheduled.code(),
            now,
            now + day.before(),
            hour.hours(),
            now + hour.before(),
        ];
        let rows = row::all(self.reader(), "campaign", sql, bound).await?;
        rows.iter().map(|row| row.id("id")).collect()
    }

    /// What was seen of a campaign, the last look first.
    pub async fn forecasts(&self, campaign: CampaignId) -> Result<Vec<LaunchForecast>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM launch_forecast f JOIN campaign c ON c.id = f.campaign
             WHERE f.campaign = $1 AND f.scheduled_for = c.scheduled_for ORDER BY f.step"
        );
        let rows = row::all(self.reader(), "launch_forecast", &sql, values![campaign]).await?;
        rows.iter().map(forecast_of).collect()
    }
}

impl Snapshot {
    /// The last look at each scheduled campaign of an account that was looked at.
    pub async fn forecasts_of_account(
        &self,
        account: AccountId,
    ) -> Result<BTreeMap<CampaignId, LaunchForecast>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM launch_forecast f JOIN campaign c ON c.id = f.campaign
             WHERE c.account = $1 AND c.state = $2 AND f.scheduled_for = c.scheduled_for
             ORDER BY f.step DESC"
        );
        let bound = values![account, CampaignState::Scheduled.code()];
        let rows = row::all(self.connection(), "launch_forecast", &sql, bound).await?;
        let looks = rows.iter().map(forecast_of);
        // The later look of two is the one with fewer hours left: it comes last and stays.
        let by_campaign = looks.map(|look| look.map(|look| (look.campaign, look)));
        by_campaign.collect()
    }
}

impl Write {
    /// Notes a look, once for each step of the same time; whether it was not there yet.
    pub async fn note_forecast(&mut self, look: &LaunchForecast) -> Result<bool, StoreError> {
        let sql = "INSERT INTO launch_forecast (campaign, step, scheduled_for, looked_at, asked,
                     granted, needed, missing, short_of)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                   ON CONFLICT (campaign, step) DO UPDATE SET
                     scheduled_for = excluded.scheduled_for, looked_at = excluded.looked_at,
                     asked = excluded.asked, granted = excluded.granted,
                     needed = excluded.needed, missing = excluded.missing,
                     short_of = excluded.short_of
                   WHERE launch_forecast.scheduled_for <> excluded.scheduled_for";
        let bound = values![
            look.campaign,
            look.step.hours(),
            look.scheduled_for,
            look.looked_at,
            look.asked,
            look.granted,
            look.needed_micro,
            look.missing_micro,
            look.short_of.map(ShortOf::code),
        ];
        Ok(row::execute(self.connection(), sql, bound).await? == 1)
    }
}

fn forecast_of(row: &Row) -> Result<LaunchForecast, StoreError> {
    let step: u8 = row.int("step")?;
    let short_of: Option<u8> = row.optional_int("short_of")?;
    let what = |code: u8| ShortOf::from_code(code).ok_or_else(|| row.corrupt("short_of", code));
    Ok(LaunchForecast {
        campaign: row.id("campaign")?,
        step: ForecastStep::from_hours(step).ok_or_else(|| row.corrupt("step", step))?,
        scheduled_for: row.time("scheduled_for")?,
        looked_at: row.time("looked_at")?,
        asked: row.int("asked")?,
        granted: row.int("granted")?,
        needed_micro: row.get("needed")?,
        missing_micro: row.get("missing")?,
        short_of: short_of.map(what).transpose()?,
    })
}
