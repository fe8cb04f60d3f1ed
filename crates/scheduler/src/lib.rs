//! The way of a campaign: launch and hold, freeze, dispatch, rescue, roll up, close.
//!
//! It owns when things happen to a campaign and in which commit. It does not own what an answer
//! means or what a send costs (`domain`, `billing`), nor the push itself (`worker`). One leader at
//! a time; its epoch stands in every leader transaction. Every stage is a step that is safe to
//! repeat, to interrupt and to run twice.
//!
//! Read in this order.

pub mod settings; // limits and times
pub mod error; // what went wrong, by what the caller does about it
pub mod launch; // count, hold the money, fix what is sent: one transaction
pub mod forecast; // whether there is enough for what is scheduled
pub mod waiting; // what waits for a top-up is launched after it
pub mod freeze; // cut the audience into chunks, range by range, resumable
pub mod dispatch; // due chunks at the metered pace, fair between accounts
pub mod rescue; // leases over, unknown outcomes, chunks past their time
pub mod restore; // what came out of a copy of the books is asked for, then goes on
pub mod roll_up; // captures into the ledger, once a second
pub mod expire; // promotional credit whose time is over
pub mod reconcile; // the books checked, what was earned counted by day
pub mod close; // release the rest, keep what happened as bitmaps
pub mod seal; // a day that is over, under one hash
pub mod control; // pause, resume, cancel
pub mod programs; // the same for brands' programs, inside writes of their callers
pub mod standing; // campaigns of API sending: one per account, operation and day
pub mod api_campaign; // campaigns that a brand's program asks for
mod accept; // what becomes of requests in the commit that accepts them
pub mod send_queue; // requests that wait for the same commit
mod block; // units leased for API sending, and their end
pub mod watch; // what operators see of the stages
pub mod lead; // who leads
pub mod run; // the loops around the steps
mod trace; // what it did, for whoever collects it

pub use control::CampaignControl;
pub use error::SchedulerError;
pub use launch::{Launched, launch};
pub use settings::SchedulerSettings;

use std::sync::{Arc, Mutex};

use broker::Broker;
use connector::Connector;
use domain::id::{IdSource, WorkerId};
use domain::message::Rules;
use domain::time::Clock;
use store::Store;
use tokio::sync::Notify;

/// One scheduler; several may run, one leads.
pub struct Scheduler {
    pub id: WorkerId,
    pub store: Store,
    pub broker: Arc<dyn Broker>,
    pub connector: Arc<dyn Connector>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn IdSource>,
    pub settings: SchedulerSettings,
    /// What a message may refer to in this installation.
    pub rules: Rules,
    /// Somebody wrote something: look at once.
    pub wake: Arc<Notify>,
    pub dispatcher: Mutex<dispatch::Dispatcher>,
}

/// Whether a step found something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Worked,
    Idle,
}

impl Progress {
    pub fn and(self, other: Progress) -> Progress {
        match (self, other) {
            (Self::Idle, Self::Idle) => Self::Idle,
            _ => Self::Worked,
        }
    }
}
