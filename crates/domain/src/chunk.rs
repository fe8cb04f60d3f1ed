//! The chunk: up to 1,000 frozen recipients, one unit of work, one push, one settlement.
//!
//! ```text
//! READY --claim: epoch+1, lease and attempt row in one commit BEFORE the first byte--> SENDING
//! SENDING --processed, results add up, tainted or not--> SETTLED
//! SENDING --gate holds, or not processed--> READY, due later | tainted: UNKNOWN, due later
//! SENDING --400, 413, 415--> REJECTED | tainted: UNKNOWN, close next
//! SENDING --409 in progress--> UNKNOWN, tainted, due at Retry-After
//! SENDING --422--> QUARANTINED
//! SENDING --timeout, reset, 5xx, bad answer, worker death, lease over--> UNKNOWN, tainted for good
//! UNKNOWN --K, campaign RUNNING, inside key_ttl less an hour--> SENDING with the same key
//! UNKNOWN --K and closable, otherwise: close the key--> CLOSED KEY
//! SENDING --410--> CLOSED KEY
//!    CLOSED KEY: processed -> SETTLED; not processed -> CANCELLED (campaign cancelling), EXPIRED
//!    (past its time), else SETTLED with every recipient moved to the next round
//! UNKNOWN --Q: asked after query_settles_after--> SETTLED, or as CLOSED KEY
//! UNKNOWN --K not closable, otherwise--> stays
//! UNKNOWN --N, or past key_ttl--> UNRESOLVED (every recipient uncertain)
//! READY --cancel, past its time--> CANCELLED / EXPIRED (every recipient cancelled)
//! SETTLED under a contract that bills what was delivered: whom the messenger accepted is
//!    unconfirmed, and decided as the uncertain are: by an event, or by the deadline
//! READY, SENDING, UNKNOWN --restored from a copy--> UNKNOWN in doubt, asked for before all else
//! UNKNOWN in doubt --key absent, nothing of it was under way--> READY (`crate::restore`)
//! SENDING, UNKNOWN --5 deaths of its own worker with no other fault known--> QUARANTINED
//! terminal: SETTLED REJECTED UNRESOLVED CANCELLED EXPIRED
//! ```

use std::fmt;
use std::time::Duration;

use crate::answer::{NotProcessed, PushAnswer, PushResults, UnknownReason};
use crate::capability::{Capability, Guarantee};
use crate::contract::Billable;
use crate::id::CampaignId;
use crate::outcome::{Outcome, OutcomeCounts, RejectionCode};
use crate::restore::Doubt;
use crate::rule::RuleId;
use crate::time::LaunchMonth;

/// Recipients in one chunk, at most.
pub const CHUNK_SIZE_MAX: u32 = 1_000;
/// Rounds made by retryable rejections; rounds made by closing a key do not count.
pub const RETRY_ROUNDS_MAX: u8 = 5;
/// Deaths of its own worker after which a chunk waits for the operator.
pub const WORKER_DEATHS_MAX: u8 = 5;
/// How long the price of an uncertain or unconfirmed recipient stays held, from the settle on.
pub const UNCERTAIN_DEADLINE: Duration = Duration::from_secs(72 * 3_600);

/// First and longest pause before a push is tried again; doubled in between.
const RETRY_PAUSE_MIN: Duration = Duration::from_millis(500);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(60);
/// A messenger's Retry-After is obeyed up to here.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// One round of one chunk. The month is the campaign's launch month: the partition it lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkId {
    pub month: LaunchMonth,
    pub campaign: CampaignId,
    /// range × 65,536 + index; standing campaigns number by a sequence.
    pub number: u64,
    pub round: u8,
}

impl ChunkId {
    /// What a broker message carries: month, campaign, number, round.
    pub const BYTES: usize = 27;

    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..2].copy_from_slice(&self.month.number().to_be_bytes());
        bytes[2..18].copy_from_slice(self.campaign.as_bytes());
        bytes[18..26].copy_from_slice(&self.number.to_be_bytes());
        bytes[26] = self.round;
        bytes
    }

    /// `None` where a message has another length: it is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        let month = u16::from_be_bytes([bytes[0], bytes[1]]);
        Some(Self {
            month: LaunchMonth::from_number(i64::from(month)).ok()?,
            campaign: CampaignId::from_slice(&bytes[2..18])?,
            number: u64::from_be_bytes(bytes[18..26].try_into().ok()?),
            round: bytes[26],
        })
    }

    pub const fn next_round(self) -> Self {
        Self {
            round: self.round + 1,
            ..self
        }
    }
}

/// `cmp_…/131072.0`: what logs and reports name.
impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.campaign, self.number, self.round)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkState {
    Ready,
    Sending,
    Unknown,
    Quarantined,
    Settled,
    Rejected,
    Unresolved,
    Cancelled,
    Expired,
}

impl ChunkState {
    pub const ALL: [ChunkState; 9] = [
        Self::Ready,
        Self::Sending,
        Self::Unknown,
        Self::Quarantined,
        Self::Settled,
        Self::Rejected,
        Self::Unresolved,
        Self::Cancelled,
        Self::Expired,
    ];
    /// Terminal states have codes from here on, so that SQL can ask `state >= 10`.
    pub const TERMINAL_FROM: u8 = 10;

    pub const fn code(self) -> u8 {
        match self {
            Self::Ready => 1,
            Self::Sending => 2,
            Self::Unknown => 3,
            Self::Quarantined => 4,
            Self::Settled => 10,
            Self::Rejected => 11,
            Self::Unresolved => 12,
            Self::Cancelled => 13,
            Self::Expired => 14,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    pub const fn is_terminal(self) -> bool {
        self.code() >= Self::TERMINAL_FROM
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Quarantined => "quarantined",
            Self::Settled => "settled",
            Self::Rejected => "rejected",
            Self::Unresolved => "unresolved",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Why a chunk took a detour; stored beside it and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detour {
    Held(RuleId),
    NotProcessed(NotProcessed),
    InProgress,
    Unknown(UnknownReason),
    RejectedWhileTainted(u16),
    Rejected(u16),
    ContentMismatch,
    WorkerDeaths,
    KeyClosed,
    /// The connector cannot tell and the key is no longer usable.
    CannotTell,
    CampaignCancelled,
    PastItsTime,
    CloseUnanswered,
    AskUnanswered,
    /// It came out of a copy of the books and was not asked for yet.
    Doubted(Doubt),
    /// The messenger was asked and does not know its key.
    KeyAbsent,
}

impl Detour {
    /// A word for logs, pages and the chunk's `detour` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::NotProcessed(NotProcessed::Unreachable) => "unreachable",
            Self::NotProcessed(NotProcessed::Unauthorized) => "unauthorized",
            Self::NotProcessed(NotProcessed::Throttled) => "throttled",
            Self::NotProcessed(NotProcessed::Unavailable) => "unavailable",
            Self::NotProcessed(NotProcessed::DeadlinePassed) => "deadline_passed",
            Self::InProgress => "in_progress",
            Self::Unknown(UnknownReason::Timeout) => "timeout",
            Self::Unknown(UnknownReason::ConnectionLost) => "connection_lost",
            Self::Unknown(UnknownReason::ServerError(_)) => "server_error",
            Self::Unknown(UnknownReason::BadAnswer) => "bad_answer",
            Self::Unknown(UnknownReason::LeaseOver) => "lease_over",
            Self::RejectedWhileTainted(_) => "rejected_while_tainted",
            Self::Rejected(_) => "rejected",
            Self::ContentMismatch => "content_mismatch",
            Self::WorkerDeaths => "worker_deaths",
            Self::KeyClosed => "key_closed",
            Self::CannotTell => "cannot_tell",
            Self::CampaignCancelled => "campaign_cancelled",
            Self::PastItsTime => "past_its_time",
            Self::CloseUnanswered => "close_unanswered",
            Self::AskUnanswered => "ask_unanswered",
            Self::Doubted(doubt) => doubt.name(),
            Self::KeyAbsent => "key_absent",
        }
    }
}

/// What must be known of a chunk to decide what follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkFacts {
    pub size: u32,
    /// Counts the claims; the pause before a retry grows with it.
    pub epoch: u32,
    pub tainted: bool,
    /// Rounds of this chunk that retryable rejections made so far.
    pub retry_rounds: u8,
    /// As its campaign was launched.
    pub billable: Billable,
}

/// Where the campaign stands when an unknown outcome is resolved or a key turns out closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Situation {
    /// The campaign runs and the chunk is within its time: a retry may deliver.
    MaySend,
    /// Paused or stopped: nothing may be delivered now, it may be later.
    MayNotSendNow,
    Cancelling,
    PastItsTime,
}

/// What the store does with a chunk after an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Settle(Settlement),
    Return {
        pause: Duration,
        detour: Detour,
    },
    Unknown {
        pause: Duration,
        detour: Detour,
        close_next: bool,
    },
    Quarantine {
        detour: Detour,
    },
    End {
        state: ChunkState,
        outcome: Outcome,
        detour: Detour,
    },
}

/// Every recipient's outcome, and who goes on in the next round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    pub outcomes: Vec<Outcome>,
    pub counts: OutcomeCounts,
    pub next_round: Option<NextRound>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRound {
    /// Positions in the parent, rising.
    pub positions: Vec<u32>,
    pub pause: Duration,
    pub retry_rounds: u8,
}

/// The pause before try number `tries` (from 1), doubling, or what the messenger asked for.
pub fn retry_pause(tries: u32, retry_after: Option<Duration>) -> Duration {
    let doubled = RETRY_PAUSE_MIN.saturating_mul(1 << tries.saturating_sub(1).min(7));
    let own = doubled.min(RETRY_PAUSE_MAX);
    match retry_after {
        Some(asked) => asked.min(RETRY_AFTER_MAX),
        None => own,
    }
}

/// What follows the answer to a push.
///
/// `exclusions` are the positions that any attempt with this key excluded, with their rules: a
/// replayed result may exclude for an earlier attempt's reasons.
pub fn after_push(
    chunk: &ChunkFacts,
    answer: PushAnswer,
    exclusions: &[(u32, RuleId)],
    situation: Situation,
) -> Next {
    match answer {
        PushAnswer::Processed(results) => match settlement(chunk, &results, exclusions) {
            Some(settlement) => Next::Settle(settlement),
            None => unknown(chunk, Detour::Unknown(UnknownReason::BadAnswer), None),
        },
        PushAnswer::NotProcessed {
            reason,
            retry_after,
        } => {
            let detour = Detour::NotProcessed(reason);
            if chunk.tainted {
                unknown(chunk, detour, retry_after)
            } else {
                Next::Return {
                    pause: retry_pause(chunk.epoch, retry_after),
                    detour,
                }
            }
        }
        PushAnswer::Rejected { status } if chunk.tainted => Next::Unknown {
            pause: Duration::ZERO,
            detour: Detour::RejectedWhileTainted(status),
            close_next: true,
        },
        PushAnswer::Rejected { status } => Next::End {
            state: ChunkState::Rejected,
            outcome: Outcome::Failed(RejectionCode::Content),
            detour: Detour::Rejected(status),
        },
        PushAnswer::InProgress { retry_after } => unknown(chunk, Detour::InProgress, retry_after),
        PushAnswer::ContentMismatch => Next::Quarantine {
            detour: Detour::ContentMismatch,
        },
        PushAnswer::Closed => after_closed_key(chunk, situation),
        PushAnswer::Unknown(reason) => unknown(chunk, Detour::Unknown(reason), None),
    }
}

/// What follows a key that is closed for good and was not processed.
pub fn after_closed_key(chunk: &ChunkFacts, situation: Situation) -> Next {
    let end = |state, detour| Next::End {
        state,
        outcome: Outcome::Cancelled,
        detour,
    };
    match situation {
        Situation::Cancelling => end(ChunkState::Cancelled, Detour::CampaignCancelled),
        Situation::PastItsTime => end(ChunkState::Expired, Detour::PastItsTime),
        Situation::MaySend | Situation::MayNotSendNow => Next::Settle(Settlement {
            outcomes: vec![Outcome::Moved; chunk.size as usize],
            counts: OutcomeCounts::all(Outcome::Moved, chunk.size),
            next_round: Some(NextRound {
                positions: (0..chunk.size).collect(),
                pause: Duration::ZERO,
                retry_rounds: chunk.retry_rounds,
            }),
        }),
    }
}

/// The settlement that a processed result makes; `None` where the result does not add up or
/// excludes somebody whom none of our attempts excluded.
pub fn settlement(
    chunk: &ChunkFacts,
    results: &PushResults,
    exclusions: &[(u32, RuleId)],
) -> Option<Settlement> {
    if !results.add_up_to(chunk.size) {
        return None;
    }
    let mut outcomes = vec![chunk.billable.accepted(); chunk.size as usize];
    for position in &results.excluded {
        let (_, rule) = exclusions
            .iter()
            .find(|(excluded, _)| excluded == position)?;
        outcomes[*position as usize] = Outcome::Excluded(*rule);
    }
    for position in &results.uncertain {
        outcomes[*position as usize] = Outcome::Uncertain;
    }
    let rounds_left = chunk.retry_rounds < RETRY_ROUNDS_MAX;
    let mut moved = Vec::new();
    for (position, code) in &results.rejected {
        outcomes[*position as usize] = match code.is_retryable() {
            true if rounds_left => {
                moved.push(*position);
                Outcome::Moved
            }
            true => Outcome::Failed(RejectionCode::Unavailable),
            false => Outcome::Failed(*code),
        };
    }
    moved.sort_unstable();
    let retry_rounds = chunk.retry_rounds + 1;
    let next_round = (!moved.is_empty()).then(|| NextRound {
        positions: moved,
        pause: retry_pause(u32::from(retry_rounds), None),
        retry_rounds,
    });
    let counts = OutcomeCounts::of(outcomes.iter().copied());
    Some(Settlement {
        outcomes,
        counts,
        next_round,
    })
}

/// How an unknown outcome is resolved now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Push again with the same key: the dispatcher may send it out.
    Retry,
    CloseKey,
    Ask,
    /// Nobody can tell: every recipient is uncertain.
    GiveUp,
    /// Nothing can be done now; look again later.
    Wait,
}

/// Decides how to resolve an UNKNOWN chunk whose first attempt began `age` ago.
pub fn resolve_unknown(
    capability: &Capability,
    situation: Situation,
    close_next: bool,
    age: Duration,
) -> Resolution {
    match capability.guarantee() {
        Guarantee::Keyed => {
            let usable = capability.key_is_usable(age);
            match situation {
                Situation::MaySend if usable && !close_next => Resolution::Retry,
                _ if !usable => Resolution::GiveUp,
                _ if capability.closable => Resolution::CloseKey,
                _ => Resolution::Wait,
            }
        }
        Guarantee::Queryable if age < capability.query_settles_after => Resolution::Wait,
        Guarantee::Queryable => Resolution::Ask,
        Guarantee::Neither => Resolution::GiveUp,
    }
}

fn unknown(chunk: &ChunkFacts, detour: Detour, retry_after: Option<Duration>) -> Next {
    Next::Unknown {
        pause: retry_pause(chunk.epoch, retry_after),
        detour,
        close_next: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRESH: ChunkFacts = ChunkFacts {
        size: 10,
        epoch: 1,
        tainted: false,
        retry_rounds: 0,
        billable: Billable::Accepted,
    };
    const TAINTED: ChunkFacts = ChunkFacts {
        tainted: true,
        epoch: 2,
        ..FRESH
    };

    fn processed(rejected: &[(u32, RejectionCode)]) -> PushAnswer {
        PushAnswer::Processed(PushResults {
            accepted: FRESH.size - rejected.len() as u32,
            rejected: rejected.to_vec(),
            ..PushResults::default()
        })
    }

    #[test]
    fn a_chunk_id_survives_the_broker() {
        let id = ChunkId {
            month: LaunchMonth::from_number(682).unwrap(),
            campaign: CampaignId::from_bytes([9; 16]),
            number: 3 << 16 | 7,
            round: 2,
        };
        assert_eq!(ChunkId::from_bytes(&id.to_bytes()), Some(id));
        assert_eq!(ChunkId::from_bytes(&[0; 26]), None);
    }

    #[test]
    fn taint_is_sticky_whatever_the_answer() {
        let throttled = PushAnswer::NotProcessed {
            reason: NotProcessed::Throttled,
            retry_after: None,
        };
        let next = |chunk, answer| after_push(chunk, answer, &[], Situation::MaySend);
        assert!(matches!(
            next(&FRESH, throttled.clone()),
            Next::Return { .. }
        ));
        assert!(matches!(
            next(&TAINTED, throttled),
            Next::Unknown {
                close_next: false,
                ..
            }
        ));
        let rejected = PushAnswer::Rejected { status: 400 };
        assert!(matches!(next(&FRESH, rejected.clone()), Next::End { .. }));
        assert!(matches!(
            next(&TAINTED, rejected),
            Next::Unknown {
                close_next: true,
                ..
            }
        ));
    }

    #[test]
    fn retryable_rejections_move_on_and_then_fail() {
        let answer = processed(&[(3, RejectionCode::RateLimited), (1, RejectionCode::Blocked)]);
        let Next::Settle(first) = after_push(&FRESH, answer.clone(), &[], Situation::MaySend)
        else {
            panic!("not settled")
        };
        assert_eq!(first.next_round.unwrap().positions, vec![3]);
        assert_eq!(first.outcomes[1], Outcome::Failed(RejectionCode::Blocked));
        assert_eq!(first.counts.total(), FRESH.size);
        let last = ChunkFacts {
            retry_rounds: RETRY_ROUNDS_MAX,
            ..FRESH
        };
        let Next::Settle(last) = after_push(&last, answer, &[], Situation::MaySend) else {
            panic!("not settled")
        };
        assert_eq!(last.next_round, None);
        assert_eq!(
            last.outcomes[3],
            Outcome::Failed(RejectionCode::Unavailable)
        );
    }

    #[test]
    fn an_exclusion_nobody_asked_for_is_a_bad_answer() {
        let answer = PushAnswer::Processed(PushResults {
            accepted: 9,
            excluded: vec![4],
            ..PushResults::default()
        });
        let known = [(4, RuleId::Refused)];
        let next = |exclusions| after_push(&FRESH, answer.clone(), exclusions, Situation::MaySend);
        assert!(matches!(next(&[]), Next::Unknown { .. }));
        let Next::Settle(settled) = next(&known) else {
            panic!("not settled")
        };
        assert_eq!(settled.outcomes[4], Outcome::Excluded(RuleId::Refused));
    }

    #[test]
    fn unknown_outcomes_are_resolved_by_capability_alone() {
        let hour = Duration::from_secs(3_600);
        let keyed = Capability::gateway();
        let resolve = |capability: &Capability, situation, close_next, age| {
            resolve_unknown(capability, situation, close_next, age)
        };
        assert_eq!(
            resolve(&keyed, Situation::MaySend, false, hour),
            Resolution::Retry
        );
        assert_eq!(
            resolve(&keyed, Situation::MaySend, true, hour),
            Resolution::CloseKey
        );
        assert_eq!(
            resolve(&keyed, Situation::Cancelling, false, hour),
            Resolution::CloseKey
        );
        assert_eq!(
            resolve(&keyed, Situation::MaySend, false, hour * 168),
            Resolution::GiveUp
        );
        let not_closable = Capability {
            closable: false,
            ..keyed
        };
        let cancelling = Situation::Cancelling;
        assert_eq!(
            resolve(&not_closable, cancelling, false, hour),
            Resolution::Wait
        );
        let queryable = Capability::queryable_gateway(hour);
        assert_eq!(
            resolve(&queryable, cancelling, false, hour / 2),
            Resolution::Wait
        );
        assert_eq!(
            resolve(&queryable, cancelling, false, hour),
            Resolution::Ask
        );
        let bare = Capability::bare_gateway();
        assert_eq!(
            resolve(&bare, Situation::MaySend, false, hour),
            Resolution::GiveUp
        );
    }

    proptest! {
        #[test]
        fn settlements_account_for_everybody(
            rejected in proptest::collection::btree_map(0u32..50, 0usize..9, 0..50),
            retry_rounds in 0u8..=RETRY_ROUNDS_MAX,
        ) {
            let chunk = ChunkFacts { size: 50, retry_rounds, ..FRESH };
            let results = PushResults {
                accepted: 50 - rejected.len() as u32,
                rejected: rejected.iter().map(|(p, c)| (*p, RejectionCode::ALL[*c])).collect(),
                ..PushResults::default()
            };
            let settled = settlement(&chunk, &results, &[]).unwrap();
            prop_assert_eq!(settled.counts.total(), 50);
            prop_assert_eq!(settled.counts.accepted, results.accepted);
            let moved = settled.next_round.as_ref().map_or(0, |round| round.positions.len() as u32);
            prop_assert_eq!(settled.counts.moved, moved);
            // Under a contract that bills deliveries the same, but for whom it accepted.
            let chunk = ChunkFacts { billable: Billable::Delivered, ..chunk };
            let waiting = settlement(&chunk, &results, &[]).unwrap();
            prop_assert_eq!(waiting.next_round, settled.next_round);
            prop_assert_eq!((waiting.counts.accepted, waiting.counts.total()), (0, 50));
            prop_assert_eq!(waiting.counts.uncertain, results.accepted);
            for (outcome, before) in waiting.outcomes.iter().zip(&settled.outcomes) {
                let expected = match before {
                    Outcome::Accepted => Outcome::Unconfirmed,
                    other => *other,
                };
                prop_assert_eq!(*outcome, expected);
            }
        }
    }
}
