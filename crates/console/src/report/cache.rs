//! A campaign's figures, read once a second however many watch them.
//!
//! A report is open on several screens and asks every two seconds. The first who asks reads, the
//! others wait for it and get the same; nobody reads what was read within the last second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use billing::{BillingError, CampaignFigures};
use domain::id::{BusinessId, CampaignId};
use domain::time::Timestamp;
use store::Store;
use tokio::sync::Mutex as AsyncMutex;

/// How old figures may be.
const FRESH: Duration = Duration::from_millis(900);
/// Campaigns whose figures are kept.
const CAMPAIGNS_MAX: usize = 64;

/// Figures of campaigns as they were read a moment ago.
#[derive(Default)]
pub struct FiguresCache {
    entries: Mutex<HashMap<CampaignId, Arc<Entry>>>,
}

/// One campaign's: who holds the lock reads, the others wait.
#[derive(Default)]
struct Entry {
    read: AsyncMutex<Option<Read>>,
}

struct Read {
    at: Timestamp,
    figures: Arc<CampaignFigures>,
}

impl FiguresCache {
    /// The figures of a business's campaign as of `now` or a moment before.
    pub async fn figures(
        &self,
        store: &Store,
        business: BusinessId,
        campaign: CampaignId,
        now: Timestamp,
    ) -> Result<Arc<CampaignFigures>, BillingError> {
        let entry = self.entry(campaign);
        let mut read = entry.read.lock().await;
        if let Some(read) = read.as_ref().filter(|read| is_fresh(read.at, now)) {
            return Ok(read.figures.clone());
        }
        let figures = billing::campaign_figures(store, business, campaign).await?;
        let figures = Arc::new(figures);
        *read = Some(Read {
            at: now,
            figures: figures.clone(),
        });
        Ok(figures)
    }

    fn entry(&self, campaign: CampaignId) -> Arc<Entry> {
        // The map is whole after every statement: a panic elsewhere spoils nothing.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= CAMPAIGNS_MAX && !entries.contains_key(&campaign) {
            entries.clear();
        }
        entries.entry(campaign).or_default().clone()
    }
}

/// A clock that was set back makes everything stale, not fresh for ever.
fn is_fresh(read_at: Timestamp, now: Timestamp) -> bool {
    read_at <= now && now.since(read_at) < FRESH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_age() {
        let read = Timestamp::from_millis(10_000);
        for (now, expected) in [
            (10_000, true),
            (10_899, true),
            (10_900, false),
            (9_999, false),
        ] {
            assert_eq!(
                is_fresh(read, Timestamp::from_millis(now)),
                expected,
                "{now}"
            );
        }
    }
}
