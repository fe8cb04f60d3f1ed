//! One chunk as several requests, where a messenger takes fewer recipients at once.
//!
//! Part keys are UUIDv5(chunk key, first position), so they are recomputed like the chunk's own.
//! One answer is made of the parts' answers, and it must be true of the whole chunk:
//!
//! - **Keyed.** An attempt may follow an unknown one, so "not processed" of a part says nothing of
//!   the attempts before. Whatever is not certain for every part leaves the whole chunk unknown;
//!   the repetition meets the stored results of the parts that were processed. A few lost answers
//!   are asked for again at once, with the same keys, before it comes to that. Parts that were
//!   processed beside parts that were not are answered as *in progress*: the chunk is, and its
//!   Retry-After is obeyed. A part that was refused for good beside processed ones is closed first:
//!   only then is it certain that no earlier attempt delivered it.
//! - **Queryable.** Attempts never repeat a key whose outcome is unknown, so "not processed" is
//!   certain. An unknown part leaves the chunk unknown and it is asked for; a part not found by
//!   then was not processed and goes on in the next round.
//! - **Neither.** The same, except that nobody can be asked: the recipients of an unknown part are
//!   uncertain, those of the others are settled.
//!
//! What certainly was not processed beside processed parts is listed as a retryable rejection: the
//! settle moves it to the next round.

use std::ops::Range;
use std::time::Duration;

use domain::answer::{
    AskAnswer, CloseAnswer, NotProcessed, PushAnswer, PushResults, UnknownReason,
};
use domain::capability::Guarantee;
use domain::chunk::CHUNK_SIZE_MAX;
use domain::outcome::RejectionCode;

/// Requests of one chunk that are under way at once.
pub const PARTS_IN_FLIGHT_MAX: usize = 64;
/// Requests under way at once, and connections kept for the next ones. More would be opened and
/// closed again and again, and a messenger that cannot take them all refuses some of each chunk:
/// these are then sent again, and again.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 256;

/// Times that lost answers of parts are asked for again before the chunk is left unknown.
pub const REPETITIONS_MAX: u32 = 3;
/// Where more than one part in so many lost its answer, the messenger is in trouble: repeating at
/// once would add to it.
const LOST_ONE_IN: usize = 4;

/// Whole chunks that a process may push at once, at least one.
pub fn chunks_in_flight_max(batch_max: u32) -> usize {
    let parts = CHUNK_SIZE_MAX.div_ceil(batch_max.max(1)) as usize;
    REQUESTS_IN_FLIGHT_MAX / parts.min(PARTS_IN_FLIGHT_MAX)
}

/// The positions of each request of a chunk of `size`.
pub fn ranges(size: u32, batch_max: u32) -> impl Iterator<Item = Range<u32>> {
    let batch = batch_max.max(1);
    (0..size)
        .step_by(batch as usize)
        .map(move |first| first..size.min(first.saturating_add(batch)))
}

/// A push answer of the whole chunk from those of its parts, in order of position.
///
/// Keyed parts that were rejected beside processed ones must have been closed before.
pub fn put_together(guarantee: Guarantee, parts: &[(Range<u32>, PushAnswer)]) -> PushAnswer {
    let facts = Facts::of(parts);
    if facts.mismatch {
        return PushAnswer::ContentMismatch;
    }
    if let Some(answer) = facts.all_alike() {
        return answer;
    }
    match guarantee {
        Guarantee::Keyed | Guarantee::Queryable if let Some(reason) = facts.unknown => {
            PushAnswer::Unknown(reason)
        }
        Guarantee::Keyed if facts.in_progress => PushAnswer::InProgress {
            retry_after: facts.retry_after,
        },
        Guarantee::Keyed if let Some(reason) = facts.not_processed => match facts.processed {
            0 => PushAnswer::NotProcessed {
                reason,
                retry_after: facts.retry_after,
            },
            _ => PushAnswer::InProgress {
                retry_after: facts.retry_after,
            },
        },
        // It can be asked for what is in progress, once it has settled.
        Guarantee::Queryable if facts.in_progress => PushAnswer::InProgress {
            retry_after: facts.retry_after,
        },
        _ => PushAnswer::Processed(merge(parts)),
    }
}

/// Which parts are pushed again at once: those whose answer was lost, where a repeated key is
/// answered with the stored result and few are lost.
pub fn worth_repeating(guarantee: Guarantee, parts: &[(Range<u32>, PushAnswer)]) -> Vec<usize> {
    let is_lost = |answer: &PushAnswer| matches!(answer, PushAnswer::Unknown(_));
    let numbered = parts.iter().enumerate();
    let lost: Vec<usize> = numbered
        .filter(|(_, (_, answer))| is_lost(answer))
        .map(|(index, _)| index)
        .collect();
    match guarantee {
        Guarantee::Keyed if lost.len() * LOST_ONE_IN <= parts.len() => lost,
        _ => Vec::new(),
    }
}

/// What a lost part is after its repetition: only a result says what became of the request
/// before, "not processed" does not.
pub fn repeated(lost: &mut PushAnswer, answer: PushAnswer) {
    if matches!(answer, PushAnswer::Processed(_)) {
        *lost = answer;
    }
}

/// Whether the parts that were rejected have to be closed before the answers are put together.
pub fn must_close_rejected(guarantee: Guarantee, parts: &[(Range<u32>, PushAnswer)]) -> bool {
    let facts = Facts::of(parts);
    guarantee == Guarantee::Keyed
        && facts.rejected.is_some()
        && facts.rejections < facts.parts
        && facts.only_final()
}

/// What a rejected part is, once closing it was answered; `None` where keys cannot be closed.
pub fn rejected_part(size: u32, closed: Option<CloseAnswer>) -> PushAnswer {
    match closed {
        Some(CloseAnswer::Processed(results)) => PushAnswer::Processed(results),
        Some(CloseAnswer::Closed) => PushAnswer::Processed(PushResults {
            rejected: (0..size)
                .map(|position| (position, RejectionCode::Content))
                .collect(),
            ..PushResults::default()
        }),
        Some(CloseAnswer::InProgress { retry_after }) => PushAnswer::InProgress { retry_after },
        Some(CloseAnswer::Unknown) => PushAnswer::InProgress { retry_after: None },
        // Repeating it would be refused for ever, and an earlier attempt may have delivered it.
        None => PushAnswer::Processed(PushResults {
            uncertain: (0..size).collect(),
            ..PushResults::default()
        }),
    }
}

/// A close answer of the whole chunk. Closed parts beside processed ones go on in the next round.
pub fn put_closes_together(parts: &[(Range<u32>, CloseAnswer)]) -> CloseAnswer {
    let is_closed = |answer: &CloseAnswer| *answer == CloseAnswer::Closed;
    let mut retry_after = None;
    let mut in_progress = false;
    for (_, answer) in parts {
        match answer {
            CloseAnswer::Unknown => return CloseAnswer::Unknown,
            CloseAnswer::InProgress { retry_after: pause } => {
                in_progress = true;
                retry_after = retry_after.max(*pause);
            }
            CloseAnswer::Processed(_) | CloseAnswer::Closed => {}
        }
    }
    if in_progress {
        return CloseAnswer::InProgress { retry_after };
    }
    if parts.iter().all(|(_, answer)| is_closed(answer)) {
        return CloseAnswer::Closed;
    }
    let parts: Vec<(Range<u32>, PushAnswer)> = parts
        .iter()
        .map(|(range, answer)| {
            let answer = match answer {
                CloseAnswer::Processed(results) => PushAnswer::Processed(results.clone()),
                _ => PushAnswer::Closed,
            };
            (range.clone(), answer)
        })
        .collect();
    CloseAnswer::Processed(merge(&parts))
}

/// An ask answer of the whole chunk. "Not found" beside processed parts is a fact only where the
/// guarantee makes it one.
pub fn put_asks_together(guarantee: Guarantee, parts: &[(Range<u32>, AskAnswer)]) -> AskAnswer {
    let count =
        |wanted: fn(&AskAnswer) -> bool| parts.iter().filter(|(_, answer)| wanted(answer)).count();
    let unknown = count(|answer| *answer == AskAnswer::Unknown);
    let missing = count(|answer| *answer == AskAnswer::NotFound);
    let closed = count(|answer| *answer == AskAnswer::Closed);
    if unknown > 0 {
        return AskAnswer::Unknown;
    }
    if count(|answer| *answer == AskAnswer::OtherRecipients) > 0 {
        return AskAnswer::OtherRecipients;
    }
    if closed == parts.len() {
        return AskAnswer::Closed;
    }
    if missing == parts.len() {
        return AskAnswer::NotFound;
    }
    if missing > 0 && guarantee != Guarantee::Queryable {
        return AskAnswer::Partly;
    }
    if missing + closed == parts.len() {
        return AskAnswer::NotFound;
    }
    let parts: Vec<(Range<u32>, PushAnswer)> = parts
        .iter()
        .map(|(range, answer)| {
            let answer = match answer {
                AskAnswer::Processed(results) => PushAnswer::Processed(results.clone()),
                _ => PushAnswer::Closed,
            };
            (range.clone(), answer)
        })
        .collect();
    AskAnswer::Processed(merge(&parts))
}

/// What the parts' answers have in common.
#[derive(Default)]
struct Facts {
    parts: usize,
    processed: usize,
    closed: usize,
    rejections: usize,
    unknowns: usize,
    not_processed_parts: usize,
    mismatch: bool,
    in_progress: bool,
    unknown: Option<UnknownReason>,
    not_processed: Option<NotProcessed>,
    rejected: Option<u16>,
    retry_after: Option<Duration>,
}

impl Facts {
    fn of(parts: &[(Range<u32>, PushAnswer)]) -> Self {
        let mut facts = Self {
            parts: parts.len(),
            ..Self::default()
        };
        for (_, answer) in parts {
            match answer {
                PushAnswer::Processed(_) => facts.processed += 1,
                PushAnswer::Closed => facts.closed += 1,
                PushAnswer::ContentMismatch => facts.mismatch = true,
                PushAnswer::Rejected { status } => {
                    facts.rejections += 1;
                    facts.rejected.get_or_insert(*status);
                }
                PushAnswer::Unknown(reason) => {
                    facts.unknowns += 1;
                    facts.unknown.get_or_insert(*reason);
                }
                PushAnswer::InProgress { retry_after } => {
                    facts.in_progress = true;
                    facts.retry_after = facts.retry_after.max(*retry_after);
                }
                PushAnswer::NotProcessed {
                    reason,
                    retry_after,
                } => {
                    facts.not_processed_parts += 1;
                    facts.not_processed.get_or_insert(*reason);
                    facts.retry_after = facts.retry_after.max(*retry_after);
                }
            }
        }
        facts
    }

    /// The answer where every part got the same kind that needs no merging.
    fn all_alike(&self) -> Option<PushAnswer> {
        let all = |count| count == self.parts;
        if let Some(status) = self.rejected.filter(|_| all(self.rejections)) {
            return Some(PushAnswer::Rejected { status });
        }
        if let Some(reason) = self.not_processed.filter(|_| all(self.not_processed_parts)) {
            return Some(PushAnswer::NotProcessed {
                reason,
                retry_after: self.retry_after,
            });
        }
        if let Some(reason) = self.unknown.filter(|_| all(self.unknowns)) {
            return Some(PushAnswer::Unknown(reason));
        }
        all(self.closed).then_some(PushAnswer::Closed)
    }

    /// Every part is processed, rejected or closed.
    fn only_final(&self) -> bool {
        self.processed + self.closed + self.rejections == self.parts
    }
}

/// Puts results together, positions shifted to the chunk's.
fn merge(parts: &[(Range<u32>, PushAnswer)]) -> PushResults {
    let mut whole = PushResults::default();
    for (range, answer) in parts {
        let shift = |position: &u32| position + range.start;
        let all = |code: RejectionCode| range.clone().map(move |position| (position, code));
        match answer {
            PushAnswer::Processed(part) => {
                whole.accepted += part.accepted;
                whole.excluded.extend(part.excluded.iter().map(shift));
                let rejected = part.rejected.iter().map(|(at, code)| (shift(at), *code));
                whole.rejected.extend(rejected);
                whole.uncertain.extend(part.uncertain.iter().map(shift));
                whole.replayed |= part.replayed;
            }
            PushAnswer::Rejected { .. } => whole.rejected.extend(all(RejectionCode::Content)),
            PushAnswer::NotProcessed { reason, .. } => {
                let code = match reason {
                    NotProcessed::Throttled => RejectionCode::RateLimited,
                    _ => RejectionCode::Unavailable,
                };
                whole.rejected.extend(all(code));
            }
            PushAnswer::Closed => whole.rejected.extend(all(RejectionCode::Unavailable)),
            PushAnswer::InProgress { .. }
            | PushAnswer::Unknown(_)
            | PushAnswer::ContentMismatch => whole.uncertain.extend(range.clone()),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_at_once_are_no_more_than_connections_that_are_kept() {
        for (batch_max, chunks) in [(1, 4), (10, 4), (100, 25), (500, 128), (1_000, 256)] {
            assert_eq!(chunks_in_flight_max(batch_max), chunks, "{batch_max}");
        }
        assert_eq!(chunks_in_flight_max(0), 4);
    }
}
