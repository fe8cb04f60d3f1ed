//! Requests that come at the same time are accepted in the same commit.
//!
//! Whoever comes while a commit is under way waits for the next one, together with everybody else
//! who waits for the same account and operation. One alone waits for nobody.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use domain::api_request::{AggregationUnit, RetryKey};
use domain::campaign::{Purpose, StandingOperation};
use domain::id::{AccountId, BusinessId, RequestId};
use domain::message::Messages;
use domain::user::LineUserId;
use domain::webhook::events::ReplyToken;
use store::StoreError;
use tokio::sync::oneshot;

use crate::SchedulerError;
use crate::standing::{Accepted, ApiSender, Recipients, SendRequest};

/// Requests of one commit, and the recipients they name together: a commit of more would keep the
/// others waiting.
const TOGETHER_MAX: usize = 100;
const RECIPIENTS_TOGETHER_MAX: usize = 2_000;

/// What [`SendRequest`] says, kept while it waits.
#[derive(Debug, Clone)]
pub struct QueuedRequest {
    pub id: RequestId,
    pub business: BusinessId,
    pub account: AccountId,
    pub operation: StandingOperation,
    pub purpose: Purpose,
    pub messages: Messages,
    pub notification_disabled: bool,
    pub recipients: Vec<LineUserId>,
    pub all_known: bool,
    pub retry_key: Option<RetryKey>,
    pub unit: Option<AggregationUnit>,
    pub answer: Option<String>,
    pub reply_token: Option<ReplyToken>,
}

/// The requests that one process accepts.
pub struct SendQueue {
    sender: Arc<ApiSender>,
    lanes: Mutex<HashMap<Lane, Waiting>>,
}

/// Requests that can share a commit.
type Lane = (BusinessId, AccountId, StandingOperation);
type Answer = Result<Accepted, SchedulerError>;

#[derive(Default)]
struct Waiting {
    requests: VecDeque<(QueuedRequest, oneshot::Sender<Answer>)>,
    /// Somebody takes turns for this lane.
    is_served: bool,
}

impl SendQueue {
    pub fn of(sender: Arc<ApiSender>) -> Arc<Self> {
        Arc::new(Self {
            sender,
            lanes: Mutex::default(),
        })
    }

    pub fn sender(&self) -> &ApiSender {
        &self.sender
    }

    /// Accepts a request with whoever waits, as [`ApiSender::send`] would alone. Who stops waiting
    /// for the answer does not take the request back.
    pub async fn send(self: &Arc<Self>, request: QueuedRequest) -> Answer {
        let lane = (request.business, request.account, request.operation);
        let (answer, answered) = oneshot::channel();
        let is_first = {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = lanes.entry(lane).or_default();
            waiting.requests.push_back((request, answer));
            !std::mem::replace(&mut waiting.is_served, true)
        };
        if is_first {
            // Not within this request: whoever asked may go away in the middle.
            tokio::spawn(self.clone().serve(lane));
        }
        answered.await.unwrap_or_else(|_| {
            let words = "a request that waited was given up".to_owned();
            Err(StoreError::Invariant(words).into())
        })
    }

    /// Commits what waits in a lane until nothing does.
    async fn serve(self: Arc<Self>, lane: Lane) {
        loop {
            let together = self.take(lane);
            if together.is_empty() {
                return;
            }
            // A task of its own: a commit that gives up must not leave the lane unserved.
            let accepting = tokio::spawn(self.clone().accept(together));
            if let Err(error) = accepting.await {
                tracing::error!(%error, "requests that waited were given up");
            }
        }
    }

    /// The next that can share a commit; the lane is gone where nothing waits.
    fn take(&self, lane: Lane) -> Vec<(QueuedRequest, oneshot::Sender<Answer>)> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waiting) = lanes.get_mut(&lane) else {
            return Vec::new();
        };
        let together = next_together(&mut waiting.requests);
        if together.is_empty() {
            lanes.remove(&lane);
        }
        together
    }

    async fn accept(self: Arc<Self>, together: Vec<(QueuedRequest, oneshot::Sender<Answer>)>) {
        metrics::histogram!("chingu_requests_per_commit").record(together.len() as f64);
        let requests: Vec<SendRequest<'_>> = together
            .iter()
            .map(|(request, _)| request.as_asked())
            .collect();
        let answers = match self.sender.send_all(&requests).await {
            Ok(answers) => answers,
            // Some of them may be possible, and each has its own reason where it is not.
            Err(_) if requests.len() > 1 => {
                let mut answers = Vec::with_capacity(requests.len());
                for request in &requests {
                    answers.push(self.sender.send(request).await);
                }
                answers
            }
            Err(error) => vec![Err(error)],
        };
        drop(requests);
        for ((_, waiting), answer) in together.into_iter().zip(answers) {
            // Whoever asked may be gone; the request stays accepted.
            let _ = waiting.send(answer);
        }
    }
}

impl QueuedRequest {
    fn as_asked(&self) -> SendRequest<'_> {
        SendRequest {
            id: self.id,
            business: self.business,
            account: self.account,
            operation: self.operation,
            purpose: self.purpose,
            messages: &self.messages,
            notification_disabled: self.notification_disabled,
            recipients: Recipients::LineIds(&self.recipients),
            all_known: self.all_known,
            retry_key: self.retry_key.as_ref().map(RetryKey::as_str),
            unit: self.unit.as_ref(),
            answer: self.answer.as_deref(),
            reply_token: self.reply_token.as_ref(),
        }
    }
}

/// Takes requests from the front, in order, up to the first that has to wait for one before it: a
/// repetition of it, or a push to the same user, whose order is that of the commits.
fn next_together<T>(waiting: &mut VecDeque<(QueuedRequest, T)>) -> Vec<(QueuedRequest, T)> {
    let mut together = Vec::new();
    let mut keys: HashSet<RetryKey> = HashSet::new();
    let mut alone: HashSet<LineUserId> = HashSet::new();
    let mut recipients = 0;
    while let Some((request, _)) = waiting.front() {
        let one = match &*request.recipients {
            [one] => Some(*one),
            _ => None,
        };
        let is_repeated = request
            .retry_key
            .as_ref()
            .is_some_and(|key| keys.contains(key));
        let has_room = together.len() < TOGETHER_MAX
            && recipients + request.recipients.len() <= RECIPIENTS_TOGETHER_MAX;
        let waits = is_repeated || one.is_some_and(|one| alone.contains(&one)) || !has_room;
        if waits && !together.is_empty() {
            break;
        }
        let Some((request, answer)) = waiting.pop_front() else {
            break;
        };
        keys.extend(request.retry_key.clone());
        alone.extend(one);
        recipients += request.recipients.len();
        together.push((request, answer));
    }
    together
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queued(number: u64, users: &[u8], key: Option<u8>) -> QueuedRequest {
        let json = r#"[{"type":"text","text":"a"}]"#;
        let messages = domain::message::parse(json, &domain::message::Rules::default());
        let key = key.map(|key| format!("{key:08x}-0000-0000-0000-000000000000"));
        QueuedRequest {
            id: RequestId::from_bytes(u128::from(number).to_be_bytes()),
            business: BusinessId::from_bytes([1; 16]),
            account: AccountId::from_bytes([2; 16]),
            operation: StandingOperation::Push,
            purpose: Purpose::Promotion,
            messages: messages.unwrap(),
            notification_disabled: false,
            recipients: users
                .iter()
                .map(|user| LineUserId::from_bytes([*user; 16]))
                .collect(),
            all_known: true,
            retry_key: key.and_then(|key| RetryKey::parse(&key)),
            unit: None,
            answer: None,
            reply_token: None,
        }
    }

    proptest! {
        #[test]
        fn commits_keep_the_order_and_hold_no_two_that_wait_for_each_other(
            given in proptest::collection::vec(
                (proptest::collection::vec(0u8..4, 1..3), proptest::option::of(0u8..3)),
                0..40,
            )
        ) {
            let numbered = (0u64..).zip(&given);
            let mut waiting: VecDeque<(QueuedRequest, ())> = numbered
                .map(|(number, (users, key))| (queued(number, users, *key), ()))
                .collect();
            let mut taken = Vec::new();
            while !waiting.is_empty() {
                let together = next_together(&mut waiting);
                prop_assert!(!together.is_empty() && together.len() <= TOGETHER_MAX);
                let (mut keys, mut alone) = (HashSet::new(), HashSet::new());
                for (request, ()) in &together {
                    if let Some(key) = &request.retry_key {
                        prop_assert!(keys.insert(key.clone()));
                    }
                    if let [one] = &*request.recipients {
                        prop_assert!(alone.insert(*one));
                    }
                    taken.push(request.id);
                }
            }
            let order: Vec<RequestId> = (0..given.len() as u64)
                .map(|number| RequestId::from_bytes(u128::from(number).to_be_bytes()))
                .collect();
            prop_assert_eq!(taken, order);
        }
    }

    #[test]
    fn a_commit_has_its_bounds() {
        let many = (0..250).map(|number| (queued(number, &[number as u8], None), ()));
        let mut waiting: VecDeque<_> = many.collect();
        let sizes: Vec<usize> = std::iter::from_fn(|| {
            let together = next_together(&mut waiting);
            (!together.is_empty()).then_some(together.len())
        })
        .collect();
        assert_eq!(sizes, [TOGETHER_MAX, TOGETHER_MAX, 50]);
        let users: Vec<u8> = (0..=255).collect();
        let large: Vec<u8> = users.iter().chain(&users).take(500).copied().collect();
        let mut waiting: VecDeque<_> = (0..9)
            .map(|number| (queued(number, &large, None), ()))
            .collect();
        assert_eq!(next_together(&mut waiting).len(), 4);
    }
}
