//! Where a step is cut off: one of the places it passes, chosen by the seed.
//!
//! Every port call and every commit has a place before it and one behind it. At the chosen place
//! the step stands still and is dropped there, as if its process had been killed; or it is told
//! that the database did not answer, though the commit may be in.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use store::pause::hook::{self, Fate};
use tokio::sync::Notify;

/// What is planned for the step that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    GoOn,
    /// Dies at the place with this number, counted from 1.
    DieAt(u32),
    /// From the place with this number on, the first commit is not answered.
    NoAnswerAt(u32),
}

/// How a step ended.
#[derive(Debug)]
pub enum Ended<T> {
    Done(T),
    DiedAt(&'static str),
}

/// The crash machine of one seed's thread.
#[derive(Clone)]
pub struct Crash(Rc<State>);

struct State {
    plan: Cell<Plan>,
    struck_at: Cell<Option<&'static str>>,
    died: Notify,
    /// How often each place was struck, and how.
    struck: RefCell<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Crash {
    pub fn install() -> Self {
        let crash = Self(Rc::new(State {
            plan: Cell::new(Plan::GoOn),
            struck_at: Cell::new(None),
            died: Notify::new(),
            struck: RefCell::default(),
        }));
        let asked = crash.clone();
        hook::install(move |place| asked.fate(place));
        crash
    }

    /// Runs a step under a plan. A step that dies is dropped with everything it held.
    pub async fn run<T>(&self, plan: Plan, step: impl Future<Output = T>) -> Ended<T> {
        self.0.plan.set(plan);
        self.0.struck_at.set(None);
        let ended = tokio::select! {
            biased;
            () = self.0.died.notified() => Ended::DiedAt(self.0.struck_at.get().unwrap_or("?")),
            done = step => Ended::Done(done),
        };
        self.0.plan.set(Plan::GoOn);
        ended
    }

    /// Where the last step was not answered, if it was struck that way.
    pub fn struck_at(&self) -> Option<&'static str> {
        self.0.struck_at.get()
    }

    pub fn struck(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        self.0.struck.borrow().clone()
    }

    fn fate(&self, place: &'static str) -> Fate {
        let is_commit = place.starts_with("commit:");
        match self.0.plan.get() {
            Plan::DieAt(1) => {
                self.strike(place, "died");
                self.0.died.notify_one();
                Fate::Die
            }
            Plan::NoAnswerAt(0 | 1) if is_commit => {
                self.strike(place, "no answer");
                Fate::NoAnswer
            }
            Plan::DieAt(number) => {
                self.0.plan.set(Plan::DieAt(number - 1));
                Fate::GoOn
            }
            Plan::NoAnswerAt(number) => {
                self.0.plan.set(Plan::NoAnswerAt(number.saturating_sub(1)));
                Fate::GoOn
            }
            Plan::GoOn => Fate::GoOn,
        }
    }

    fn strike(&self, place: &'static str, how: &'static str) {
        self.0.plan.set(Plan::GoOn);
        self.0.struck_at.set(Some(place));
        *self.0.struck.borrow_mut().entry((place, how)).or_default() += 1;
    }
}
