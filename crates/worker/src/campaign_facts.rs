//! What stays the same for every chunk of a campaign once it is launched, read once.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};

use domain::campaign::Purpose;
use domain::id::{AccountId, CampaignId};
use domain::time::Timestamp;
use gateway::FrozenBody;
use store::{Store, StoreError};

use crate::WorkerError;

/// Campaigns remembered; beyond that the cache begins anew.
const CAMPAIGNS_MAX: usize = 1_000;

#[derive(Debug)]
pub struct CampaignFacts {
    pub account: AccountId,
    pub purpose: Purpose,
    pub launched_at: Timestamp,
    pub not_after: Timestamp,
    pub reach_mark: i64,
    pub frozen: FrozenBody,
    /// Chunks refused as malformed since one was not, as far as this worker saw.
    pub refusals: AtomicU32,
}

#[derive(Debug, Default)]
pub struct CampaignFactsCache(Mutex<HashMap<CampaignId, Arc<CampaignFacts>>>);

impl CampaignFactsCache {
    pub async fn of(
        &self,
        store: &Store,
        campaign: CampaignId,
    ) -> Result<Arc<CampaignFacts>, WorkerError> {
        if let Some(facts) = self.known(campaign) {
            return Ok(facts);
        }
        let facts = Arc::new(read(store, campaign).await?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAMPAIGNS_MAX {
            known.clear();
        }
        known.insert(campaign, facts.clone());
        Ok(facts)
    }

    fn known(&self, campaign: CampaignId) -> Option<Arc<CampaignFacts>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&campaign)
            .cloned()
    }
}

async fn read(store: &Store, id: CampaignId) -> Result<CampaignFacts, WorkerError> {
    let campaign = store.campaign(id).await?;
    let launch = campaign.launch.ok_or_else(|| {
        StoreError::Invariant(format!(
            "a chunk of {id} was claimed, but it was never launched"
        ))
    })?;
    let body = store.message(launch.message_hash).await?;
    let frozen = FrozenBody::from_stored(&body).map_err(|error| WorkerError::FrozenBody {
        campaign: id,
        why: error.to_string(),
    })?;
    Ok(CampaignFacts {
        account: campaign.account,
        purpose: campaign.purpose,
        launched_at: launch.launched_at,
        not_after: launch.not_after,
        reach_mark: launch.reach_mark,
        frozen,
        refusals: AtomicU32::new(0),
    })
}
