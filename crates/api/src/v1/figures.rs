//! A campaign in figures, counted at most once a second however often a program asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billing::CampaignFigures;
use domain::id::CampaignId;
use domain::time::Clock;

use super::{Caller, Refusal};

/// How long figures are what is.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// Campaigns whose figures are kept.
const KEPT_MAX: usize = 256;

/// Figures that were counted a moment ago.
pub(super) struct FiguresCache {
    clock: Arc<dyn Clock>,
    kept: Mutex<HashMap<CampaignId, (Arc<CampaignFigures>, Duration)>>,
}

impl FiguresCache {
    pub fn of(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
        }
    }

    /// The figures of a campaign that is known to be the caller's.
    pub async fn read(
        &self,
        caller: &Caller,
        campaign: CampaignId,
    ) -> Result<Arc<CampaignFigures>, Refusal> {
        if let Some(figures) = self.fresh(campaign) {
            return Ok(figures);
        }
        let read = billing::campaign_figures(&caller.store, caller.business, campaign);
        let figures = Arc::new(read.await?);
        let now = self.clock.monotonic();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (_, at)| now.saturating_sub(*at) < BELIEVED_FOR);
        }
        if kept.len() < KEPT_MAX {
            kept.insert(campaign, (figures.clone(), now));
        }
        Ok(figures)
    }

    fn fresh(&self, campaign: CampaignId) -> Option<Arc<CampaignFigures>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (figures, at) = kept.get(&campaign)?;
        let is_fresh = self.clock.monotonic().saturating_sub(*at) < BELIEVED_FOR;
        is_fresh.then(|| figures.clone())
    }
}
