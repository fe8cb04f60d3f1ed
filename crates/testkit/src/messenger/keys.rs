//! What the messenger knows of a key: nothing, being processed, a stored result, or closed.

use std::collections::HashMap;

use domain::answer::PushResults;
use domain::capability::Capability;
use domain::push::PushKey;
use domain::time::Timestamp;

use super::Request;

#[derive(Debug)]
pub(super) enum Key {
    BeingProcessed { request: usize, at: Timestamp },
    Processed { results: PushResults, at: Timestamp },
    Closed { at: Timestamp },
}

#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<PushKey, Key>);

impl Keys {
    /// What is known of a key; forgotten at the very end of the time it is promised for.
    pub(super) fn find(
        &mut self,
        capability: &Capability,
        key: PushKey,
        now: Timestamp,
    ) -> Option<&Key> {
        let age = match self.0.get(&key)? {
            Key::BeingProcessed { at, .. } | Key::Processed { at, .. } | Key::Closed { at } => {
                now.since(*at)
            }
        };
        if age >= capability.key_ttl {
            self.0.remove(&key);
        }
        self.0.get(&key)
    }

    pub(super) fn being_processed(
        &mut self,
        capability: &Capability,
        request: &Request,
        now: Timestamp,
    ) {
        if self.find(capability, request.key, now).is_none() {
            let request_number = request.number;
            let being = Key::BeingProcessed {
                request: request_number,
                at: now,
            };
            self.0.insert(request.key, being);
        }
    }

    pub(super) fn processed(&mut self, key: PushKey, results: PushResults, now: Timestamp) {
        self.0.insert(key, Key::Processed { results, at: now });
    }

    pub(super) fn close(&mut self, key: PushKey, now: Timestamp) {
        self.0.entry(key).or_insert(Key::Closed { at: now });
    }
}
