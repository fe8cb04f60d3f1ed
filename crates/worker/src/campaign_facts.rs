//! What stays the same for every chunk of a campaign once it is launched, read once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError};

use domain::campaign::{CampaignKind, Purpose};
use domain::contract::Billable;
use domain::id::{AccountId, CampaignId};
use domain::time::Timestamp;
use gateway::FrozenBody;
use store::{Store, StoreError};

use crate::WorkerError;

/// Campaigns remembered; beyond that the cache begins anew.
const CAMPAIGNS_MAX: usize = 1_000;
/// Messages remembered: one per broadcast, one per request of API sending.
const MESSAGES_MAX: usize = 1_000;

#[derive(Debug)]
pub struct CampaignFacts {
    pub account: AccountId,
    pub kind: CampaignKind,
    pub purpose: Purpose,
    /// What it was scheduled for, where that is why it was launched: a clock that has gone back
    /// since does not make it early. Whoever launched it at once wanted it sent.
    pub not_before: Option<Timestamp>,
    pub not_after: Timestamp,
    pub reach_mark: i64,
    pub billable: Billable,
    /// Chunks refused as malformed since one was not, as far as this worker saw.
    pub refusals: AtomicU32,
}

#[derive(Debug, Default)]
pub struct CampaignFactsCache {
    campaigns: Mutex<HashMap<CampaignId, Arc<CampaignFacts>>>,
    bodies: Mutex<HashMap<[u8; 32], Arc<FrozenBody>>>,
}

impl CampaignFactsCache {
    pub async fn of(
        &self,
        store: &Store,
        campaign: CampaignId,
    ) -> Result<Arc<CampaignFacts>, WorkerError> {
        if let Some(facts) = known(&self.campaigns, &campaign) {
            return Ok(facts);
        }
        let facts = Arc::new(read(store, campaign).await?);
        keep(&self.campaigns, CAMPAIGNS_MAX, campaign, &facts);
        Ok(facts)
    }

    /// The frozen parts of a chunk's message.
    pub async fn body(
        &self,
        store: &Store,
        campaign: CampaignId,
        message: [u8; 32],
    ) -> Result<Arc<FrozenBody>, WorkerError> {
        if let Some(body) = known(&self.bodies, &message) {
            return Ok(body);
        }
        let stored = store.message(message).await?;
        let frozen = FrozenBody::from_stored(&stored).map_err(|error| WorkerError::FrozenBody {
            campaign,
            why: error.to_string(),
        })?;
        let frozen = Arc::new(frozen);
        keep(&self.bodies, MESSAGES_MAX, message, &frozen);
        Ok(frozen)
    }
}

fn known<K: Eq + Hash, V>(cache: &Mutex<HashMap<K, Arc<V>>>, key: &K) -> Option<Arc<V>> {
    let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    cache.get(key).cloned()
}

fn keep<K: Eq + Hash, V>(cache: &Mutex<HashMap<K, Arc<V>>>, max: usize, key: K, value: &Arc<V>) {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= max {
        cache.clear();
    }
    cache.insert(key, value.clone());
}

async fn read(store: &Store, id: CampaignId) -> Result<CampaignFacts, WorkerError> {
    let campaign = store.campaign(id).await?;
    let launch = campaign.launch.ok_or_else(|| {
        StoreError::Invariant(format!(
            "a chunk of {id} was claimed, but it was never launched"
        ))
    })?;
    Ok(CampaignFacts {
        account: campaign.account,
        kind: campaign.kind,
        purpose: campaign.purpose,
        not_before: campaign
            .scheduled_for
            .filter(|scheduled| *scheduled <= launch.launched_at),
        not_after: launch.not_after,
        reach_mark: launch.reach_mark,
        billable: launch.billable,
        refusals: AtomicU32::new(0),
    })
}
