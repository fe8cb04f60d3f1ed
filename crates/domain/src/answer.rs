//! What a messenger answered to a push, classified: the facts a chunk's next state follows from.

use std::time::Duration;

use crate::outcome::RejectionCode;

/// The answer to one push request (or to the several requests of one chunk, put together).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushAnswer {
    /// Processed, now or before; the numbers add up.
    Processed(PushResults),
    /// Certainly not processed: refused connection, TLS, 401, 403, 429, 503 with processed false.
    NotProcessed {
        reason: NotProcessed,
        retry_after: Option<Duration>,
    },
    /// 400, 413, 415: permanent, not processed.
    Rejected { status: u16 },
    /// 409: a push with this key is being processed.
    InProgress { retry_after: Option<Duration> },
    /// 422: the same key with another content hash: a defect of ours.
    ContentMismatch,
    /// 410: the key was closed; not processed, for good.
    Closed,
    /// Anything else, or no answer.
    Unknown(UnknownReason),
}

/// Who was accepted is whoever is not listed. Positions rise and stand in one list only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushResults {
    pub accepted: u32,
    pub excluded: Vec<u32>,
    pub rejected: Vec<(u32, RejectionCode)>,
    pub uncertain: Vec<u32>,
    /// The stored result of an earlier request, whatever this one excluded.
    pub replayed: bool,
}

impl PushResults {
    /// Recipients it tells of.
    pub fn listed(&self) -> u32 {
        let named = self.excluded.len() + self.rejected.len() + self.uncertain.len();
        self.accepted
            .saturating_add(u32::try_from(named).unwrap_or(u32::MAX))
    }

    /// Whether the lists are disjoint, within `size`, and add up to it with the accepted.
    pub fn add_up_to(&self, size: u32) -> bool {
        let mut positions: Vec<u32> = self
            .excluded
            .iter()
            .chain(self.rejected.iter().map(|(position, _)| position))
            .chain(&self.uncertain)
            .copied()
            .collect();
        positions.sort_unstable();
        let distinct = positions.windows(2).all(|pair| pair[0] < pair[1]);
        let within = positions.last().is_none_or(|last| *last < size);
        distinct && within && u64::from(self.accepted) + positions.len() as u64 == u64::from(size)
    }
}

/// Why a push was certainly not processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotProcessed {
    /// The connection was refused or TLS failed: no byte of the request was read.
    Unreachable,
    /// 401 or 403: the connector stops until an operator looks.
    Unauthorized,
    /// 429.
    Throttled,
    /// 503 with `{"processed": false}`.
    Unavailable,
    /// The worker's own deadline passed before the first byte was written.
    DeadlinePassed,
}

/// Why an outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnknownReason {
    Timeout,
    ConnectionLost,
    ServerError(u16),
    /// An answer that is cut off, unreadable, names another key or does not add up.
    BadAnswer,
    /// The worker died or its lease ran out.
    LeaseOver,
}

/// The answer to closing a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseAnswer {
    /// It had been processed: the stored result.
    Processed(PushResults),
    /// The key is closed, durably: not processed, for good.
    Closed,
    InProgress {
        retry_after: Option<Duration>,
    },
    /// No usable answer: ask again later.
    Unknown,
}

/// The answer to asking for a stored result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskAnswer {
    Processed(PushResults),
    Closed,
    /// The messenger knows nothing of the key. Proof only where the capability record says so.
    NotFound,
    /// Of a chunk sent in several requests some were processed, others are not known.
    Partly,
    /// There is a stored result, for another number of recipients.
    OtherRecipients,
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_that_do_not_add_up_are_seen() {
        let results =
            |accepted, excluded: &[u32], rejected: &[u32], uncertain: &[u32]| PushResults {
                accepted,
                excluded: excluded.to_vec(),
                rejected: rejected
                    .iter()
                    .map(|p| (*p, RejectionCode::Blocked))
                    .collect(),
                uncertain: uncertain.to_vec(),
                replayed: false,
            };
        assert!(results(10, &[], &[], &[]).add_up_to(10));
        assert!(results(6, &[9, 1], &[3], &[0]).add_up_to(10));
        let bad = [
            results(9, &[], &[], &[]),
            results(11, &[], &[], &[]),
            results(8, &[1, 1], &[], &[]),
            results(8, &[1], &[1], &[]),
            results(9, &[10], &[], &[]),
            results(u32::MAX, &[0], &[], &[]),
        ];
        for case in bad {
            assert!(!case.add_up_to(10), "{case:?}");
        }
    }
}
