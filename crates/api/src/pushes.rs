//! What receipts are read by, remembered: pushes and campaigns do not change once they are out, and
//! a broadcast's receipts come by the thousand from the same few hundred pushes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use domain::id::{CampaignId, LinkId};
use domain::push::PushKey;
use store::push::{Push, PushedCampaign};
use store::{Store, StoreError};

/// Pushes remembered, of at most a thousand numbers: 16 MB. Beyond that they are read anew.
const PUSHES_MAX: usize = 4_000;
const CAMPAIGNS_MAX: usize = 1_000;

#[derive(Debug, Default)]
pub struct Pushes {
    pushes: Mutex<HashMap<PushKey, Arc<Push>>>,
    campaigns: Mutex<HashMap<CampaignId, Arc<PushedCampaign>>>,
}

impl Pushes {
    /// The pushes of these keys; keys of no push are missing.
    pub async fn of(
        &self,
        store: &Store,
        keys: &[PushKey],
    ) -> Result<HashMap<PushKey, Arc<Push>>, StoreError> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut unknown = Vec::new();
        {
            let known = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
            for key in keys {
                match known.get(key) {
                    Some(push) => {
                        found.insert(*key, push.clone());
                    }
                    None => unknown.push(*key),
                }
            }
        }
        unknown.sort_unstable();
        unknown.dedup();
        for (key, push) in store.pushes(&unknown).await? {
            let push = Arc::new(push);
            keep(&self.pushes, PUSHES_MAX, key, &push);
            found.insert(key, push);
        }
        Ok(found)
    }

    /// The campaign of a push, with this link where there is such a one.
    pub async fn campaign(
        &self,
        store: &Store,
        id: CampaignId,
        link: Option<LinkId>,
    ) -> Result<Option<Arc<PushedCampaign>>, StoreError> {
        let known = known(&self.campaigns, &id);
        // Links of API sending come with its requests.
        let has_link =
            |campaign: &PushedCampaign| link.is_none_or(|link| campaign.links.contains_key(&link));
        if let Some(campaign) = known.filter(|campaign| has_link(campaign)) {
            return Ok(Some(campaign));
        }
        let Some(campaign) = store.pushed_campaign(id).await? else {
            return Ok(None);
        };
        let campaign = Arc::new(campaign);
        keep(&self.campaigns, CAMPAIGNS_MAX, id, &campaign);
        Ok(Some(campaign))
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
