//! Questions whose answer may take longer than a page: asked once, answered beside the page, kept
//! for a moment.
//!
//! A count over a million friends takes seconds. It runs in a task of its own, a few at a time, so
//! that pages keep their connections to the database; whoever asks waits as long as they like and
//! comes back later. A question that its asker has replaced by another, before its turn came, is
//! not answered at all.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::time::Timestamp;
use store::StoreError;
use tokio::sync::{Semaphore, watch};

/// Questions answered at a time.
const AT_ONCE: usize = 2;
/// Answers kept.
const KEPT_MAX: usize = 64;

/// Answers of one kind.
pub struct Background<Q, A> {
    turns: Arc<Semaphore>,
    kept: Arc<Mutex<Vec<Kept<Q, A>>>>,
    /// How long an answer stays good.
    fresh: Duration,
}

struct Kept<Q, A> {
    question: Q,
    asked_at: Timestamp,
    askers: Vec<String>,
    answer: watch::Receiver<Option<Arc<A>>>,
    /// The answer before this one.
    before: Option<Arc<A>>,
}

/// An answer that is on its way.
pub struct Pending<A> {
    answer: watch::Receiver<Option<Arc<A>>>,
    before: Option<Arc<A>>,
}

impl<A> Pending<A> {
    /// The answer, if it comes in time; `None` too where there will be none.
    pub async fn within(mut self, patience: Duration) -> Option<Arc<A>> {
        let answered = self.answer.wait_for(Option::is_some);
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(answer)) => answer.clone(),
            _ => None,
        }
    }

    /// The answer, if it comes in time, else the one before it.
    pub async fn within_or_before(mut self, patience: Duration) -> Option<Arc<A>> {
        let before = self.before.take();
        self.within(patience).await.or(before)
    }
}

impl<Q, A> Background<Q, A>
where
    Q: PartialEq + Clone + Send + Sync + 'static,
    A: Send + Sync + 'static,
{
    pub fn keeping(fresh: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            kept: Arc::default(),
            fresh,
        }
    }

    /// Asks, or joins whoever asked the same. `asker` is a window: it wants no more than its last
    /// question answered.
    pub fn ask<F>(&self, question: Q, asker: &str, now: Timestamp, answer: F) -> Pending<A>
    where
        F: Future<Output = Result<A, StoreError>> + Send + 'static,
    {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in kept.iter_mut() {
            entry.askers.retain(|other| other != asker);
        }
        let is_good = |entry: &Kept<Q, A>| {
            let is_answered = entry.answer.borrow().is_some();
            // Whoever fails lets go of the answer without one.
            let is_lost = entry.answer.has_changed().is_err() && !is_answered;
            !is_lost && (!is_answered || now.since(entry.asked_at) < self.fresh)
        };
        let mut before = None;
        for entry in kept.iter().filter(|entry| entry.question == question) {
            before = entry.answer.borrow().clone().or(entry.before.clone());
        }
        kept.retain(is_good);
        if let Some(entry) = kept.iter_mut().find(|entry| entry.question == question) {
            entry.askers.push(asker.to_owned());
            return Pending {
                answer: entry.answer.clone(),
                before: entry.before.clone(),
            };
        }
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        let (sender, receiver) = watch::channel(None);
        kept.push(Kept {
            question: question.clone(),
            asked_at: now,
            askers: vec![asker.to_owned()],
            answer: receiver.clone(),
            before: before.clone(),
        });
        drop(kept);
        tokio::spawn(self.work(question, answer, sender));
        Pending {
            answer: receiver,
            before,
        }
    }

    fn work<F>(
        &self,
        question: Q,
        answer: F,
        sender: watch::Sender<Option<Arc<A>>>,
    ) -> impl Future<Output = ()> + Send + use<F, Q, A>
    where
        F: Future<Output = Result<A, StoreError>> + Send + 'static,
    {
        let (turns, kept) = (self.turns.clone(), self.kept.clone());
        async move {
            let Ok(_turn) = turns.acquire().await else {
                return;
            };
            if !is_wanted(&kept, &question) {
                return;
            }
            match answer.await {
                Ok(answer) => {
                    sender.send_replace(Some(Arc::new(answer)));
                }
                Err(error) => tracing::error!(%error, "a question was not answered"),
            }
        }
    }
}

/// Whether anybody still asks; a question nobody asks is forgotten.
fn is_wanted<Q: PartialEq, A>(kept: &Mutex<Vec<Kept<Q, A>>>, question: &Q) -> bool {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let place = kept.iter().position(|entry| entry.question == *question);
    let Some(place) = place else {
        return false;
    };
    let is_wanted = !kept[place].askers.is_empty();
    if !is_wanted {
        kept.remove(place);
    }
    is_wanted
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_secs(20);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[tokio::test]
    async fn the_same_question_is_answered_once_while_it_is_fresh() {
        let questions: Background<u32, u32> = Background::keeping(SECOND);
        let worked = Arc::new(AtomicU32::new(0));
        let ask = |question: u32, now: i64| {
            let worked = worked.clone();
            let pending = questions.ask(question, "me", at(now), async move {
                worked.fetch_add(1, Ordering::SeqCst);
                Ok(question * 2)
            });
            pending.within(LONG)
        };
        assert_eq!(ask(21, 0).await.as_deref(), Some(&42));
        assert_eq!(ask(21, 999).await.as_deref(), Some(&42));
        assert_eq!(worked.load(Ordering::SeqCst), 1);
        assert_eq!(ask(21, 1_000).await.as_deref(), Some(&42));
        assert_eq!(worked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_question_that_was_replaced_before_its_turn_is_not_answered() {
        let questions: Background<u32, u32> = Background::keeping(SECOND);
        let gate = Arc::new(Semaphore::new(0));
        let ask = |question: u32, asker: &str| {
            let gate = gate.clone();
            questions.ask(question, asker, at(0), async move {
                let _open = gate.acquire().await;
                Ok(question)
            })
        };
        // Two hold every turn; the third waits and is replaced.
        let (first, second) = (ask(1, "a"), ask(2, "b"));
        tokio::task::yield_now().await;
        let (third, fourth) = (ask(3, "c"), ask(4, "c"));
        gate.add_permits(10);
        assert_eq!(fourth.within(LONG).await.as_deref(), Some(&4));
        assert_eq!(third.within(LONG).await, None);
        assert_eq!(first.within(LONG).await.as_deref(), Some(&1));
        assert_eq!(second.within(LONG).await.as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn what_fails_is_asked_again() {
        let questions: Background<u32, u32> = Background::keeping(SECOND);
        let failing = questions.ask(1, "a", at(0), async {
            Err(StoreError::NotFound("count".into()))
        });
        assert_eq!(failing.within(LONG).await, None);
        let working = questions.ask(1, "a", at(0), async { Ok(5) });
        assert_eq!(working.within(LONG).await.as_deref(), Some(&5));
    }
}
