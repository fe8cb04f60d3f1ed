//! What the messenger saw and did: the truth that the books are compared with.

use std::collections::{HashMap, HashSet};

use connector::Push;
use domain::answer::PushResults;
use domain::push::PushKey;
use domain::time::Timestamp;
use domain::user::UserKey;

/// A request as it began, whatever became of it.
#[derive(Debug, Clone)]
pub struct Request {
    pub number: usize,
    pub key: PushKey,
    pub content_hash: [u8; 32],
    pub users: Vec<UserKey>,
    pub exclude: Vec<u32>,
    pub not_after: Option<Timestamp>,
    pub began_at: Timestamp,
    /// Whatever its owner counts: the simulation's step.
    pub began_step: u64,
}

/// One message that a user got.
#[derive(Debug, Clone)]
pub struct Acceptance {
    pub request: usize,
    pub key: PushKey,
    pub position: u32,
    pub user: UserKey,
    pub at: Timestamp,
}

/// A recipient of whom the messenger did not know yet what became.
#[derive(Debug, Clone)]
pub struct Undecided {
    pub key: PushKey,
    pub position: u32,
    pub user: UserKey,
    pub decision: Option<Decision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Confirmed,
    Failed,
}

#[derive(Debug, Default)]
pub struct Oracle {
    /// Counted by its owner and written beside every request that begins.
    pub step: u64,
    pub requests: Vec<Request>,
    pub acceptances: Vec<Acceptance>,
    pub undecided: Vec<Undecided>,
    pub closed: HashSet<PushKey>,
    /// Requests that came with a key of another content: a defect of the platform.
    pub mismatches: Vec<Request>,
    contents: HashMap<PushKey, [u8; 32]>,
}

impl Oracle {
    pub(super) fn began(&mut self, push: &Push<'_>, now: Timestamp) -> Request {
        // Keys that cannot be read would be a defect of the platform's codec: nobody is pushed to.
        let users = push.keys.to_keys().unwrap_or_default();
        let request = Request {
            number: self.requests.len(),
            key: push.key,
            content_hash: push.content_hash,
            users,
            exclude: push.exclude.to_vec(),
            not_after: push.not_after,
            began_at: now,
            began_step: self.step,
        };
        self.requests.push(request.clone());
        request
    }

    /// The first request with a key decides what the key's content is.
    pub(super) fn is_mismatched(&mut self, request: &Request) -> bool {
        let first = *self
            .contents
            .entry(request.key)
            .or_insert(request.content_hash);
        let is_mismatched = first != request.content_hash;
        if is_mismatched {
            self.mismatches.push(request.clone());
        }
        is_mismatched
    }

    pub(super) fn processed(&mut self, request: &Request, results: &PushResults, now: Timestamp) {
        for (position, user) in request.users.iter().enumerate() {
            let position = position as u32;
            let is_rejected = results.rejected.iter().any(|(at, _)| *at == position);
            if results.excluded.contains(&position) || is_rejected {
                continue;
            }
            if results.uncertain.contains(&position) {
                self.undecided.push(Undecided {
                    key: request.key,
                    position,
                    user: user.clone(),
                    decision: None,
                });
                continue;
            }
            self.acceptances.push(Acceptance {
                request: request.number,
                key: request.key,
                position,
                user: user.clone(),
                at: now,
            });
        }
    }
}
