//! What was delivered to this process and is not acknowledged yet.
//!
//! Tags are counted here and never used twice, over all connections. Each leads to the handle of
//! the channel that delivered it; when that channel is lost its tags are forgotten, and whoever
//! still holds one finds nothing to acknowledge.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::chunk::ChunkId;
use lapin::Acker;
use tokio::sync::Notify;

use crate::lanes::Lanes;
use crate::port::{Delivery, Depth, Lane};

#[derive(Default)]
pub struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    waiting: Lanes<(u64, ChunkId)>,
    /// Of everything delivered, taken or waiting.
    ackers: BTreeMap<u64, Acker>,
    last_tag: u64,
    /// What waits in the broker for anybody, when it was last asked.
    queued: usize,
    /// Who received then, this process included.
    receivers: usize,
}

impl Inbox {
    pub fn deliver(&self, lane: Lane, chunk: ChunkId, acker: Acker) {
        let mut state = self.state();
        state.last_tag += 1;
        let tag = state.last_tag;
        state.ackers.insert(tag, acker);
        state.waiting.push(lane, (tag, chunk));
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits until something is there. There is no await between taking and returning: a wait that
    /// is given up has taken nothing.
    pub async fn receive(&self, limit: usize) -> Vec<Delivery> {
        loop {
            let taken = self.take(limit);
            if !taken.is_empty() {
                return taken;
            }
            self.arrived.notified().await;
        }
    }

    fn take(&self, limit: usize) -> Vec<Delivery> {
        let mut state = self.state();
        let taken = state.waiting.take(limit);
        if !state.waiting.is_empty() {
            self.arrived.notify_one();
        }
        let delivery = |(_, (tag, chunk))| Delivery { chunk, tag };
        taken.into_iter().map(delivery).collect()
    }

    /// The handles of what waits: nobody here takes it any more.
    pub fn waiting(&self) -> Vec<Acker> {
        let mut state = self.state();
        let waiting = state.waiting.take(usize::MAX);
        let acker = |(_, (tag, _))| state.ackers.remove(&tag);
        waiting.into_iter().filter_map(acker).collect()
    }

    /// The handle of a delivery, once.
    pub fn acker(&self, tag: u64) -> Option<Acker> {
        self.state().ackers.remove(&tag)
    }

    /// The channel is lost: the broker delivers everything again.
    pub fn forget(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.ackers.clear();
        (state.queued, state.receivers) = (0, 0);
    }

    pub fn looks_like(&self, queued: usize, receivers: usize) {
        let mut state = self.state();
        (state.queued, state.receivers) = (queued, receivers);
    }

    pub fn receivers(&self) -> usize {
        self.state().receivers
    }

    pub fn depth(&self) -> Depth {
        let state = self.state();
        let here = state.waiting.len();
        Depth {
            queued: state.queued + here,
            unacknowledged: state.ackers.len().saturating_sub(here),
        }
    }

    // A panic while the lock was held cannot leave anything half changed in a way that matters:
    // every message is a hint.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
