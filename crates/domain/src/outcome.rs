//! What became of one recipient of a chunk: the billing evidence, one byte a send.

use crate::rule::RuleId;

/// Why the messenger did not deliver to one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectionCode {
    Blocked,
    Left,
    UnknownUser,
    Unreachable,
    Policy,
    Content,
    Expired,
    RateLimited,
    Unavailable,
}

impl RejectionCode {
    pub const ALL: [RejectionCode; 9] = [
        Self::Blocked,
        Self::Left,
        Self::UnknownUser,
        Self::Unreachable,
        Self::Policy,
        Self::Content,
        Self::Expired,
        Self::RateLimited,
        Self::Unavailable,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Left => "left",
            Self::UnknownUser => "unknown_user",
            Self::Unreachable => "unreachable",
            Self::Policy => "policy",
            Self::Content => "content",
            Self::Expired => "expired",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// Retryable rejections become the chunk's next round.
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }
}

/// The recorded outcome of one recipient. `code()` is what a chunk stores: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Accepted,
    Confirmed,
    Failed(RejectionCode),
    Excluded(RuleId),
    Uncertain,
    Cancelled,
    /// Moved to the chunk's next round, which decides.
    Moved,
    WrittenOff,
    /// Accepted by the messenger, under a contract that bills what was delivered, and not
    /// confirmed yet.
    Unconfirmed,
}

/// Codes from here on are `FAILED_BASE + RejectionCode` and `EXCLUDED_BASE + RuleId::code()`.
const FAILED_BASE: u8 = 32;
const EXCLUDED_BASE: u8 = 128;

impl Outcome {
    pub fn code(self) -> u8 {
        match self {
            Self::Accepted => 1,
            Self::Confirmed => 2,
            Self::Uncertain => 3,
            Self::Cancelled => 4,
            Self::Moved => 5,
            Self::WrittenOff => 6,
            Self::Unconfirmed => 7,
            Self::Failed(code) => {
                let position = RejectionCode::ALL.iter().position(|known| *known == code);
                FAILED_BASE + position.unwrap_or_default() as u8
            }
            Self::Excluded(rule) => EXCLUDED_BASE + rule.code(),
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Accepted),
            2 => Some(Self::Confirmed),
            3 => Some(Self::Uncertain),
            4 => Some(Self::Cancelled),
            5 => Some(Self::Moved),
            6 => Some(Self::WrittenOff),
            7 => Some(Self::Unconfirmed),
            FAILED_BASE..EXCLUDED_BASE => RejectionCode::ALL
                .get(usize::from(code - FAILED_BASE))
                .copied()
                .map(Self::Failed),
            EXCLUDED_BASE.. => RuleId::from_code(code - EXCLUDED_BASE).map(Self::Excluded),
            _ => None,
        }
    }

    /// The word of the per-send report; the reason stands in a column of its own.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Confirmed => "confirmed",
            Self::Failed(_) => "failed",
            Self::Excluded(_) => "excluded",
            Self::Uncertain => "uncertain",
            Self::Cancelled => "cancelled",
            Self::Moved => "moved",
            Self::WrittenOff => "written_off",
            Self::Unconfirmed => "unconfirmed",
        }
    }

    pub const fn reason(self) -> &'static str {
        match self {
            Self::Failed(code) => code.name(),
            Self::Excluded(rule) => rule.name(),
            _ => "",
        }
    }

    /// Billed: accepted by the messenger, or confirmed where the contract asks for that.
    pub const fn is_billable(self) -> bool {
        matches!(self, Self::Accepted | Self::Confirmed)
    }

    /// Recorded, and decided by an event or the deadline: until then its price stays held.
    pub const fn is_undecided(self) -> bool {
        matches!(self, Self::Uncertain | Self::Unconfirmed)
    }
}

/// How many recipients of a chunk ended how. They add up to its size once it is terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Accepted or confirmed: what is billed.
    pub accepted: u32,
    pub failed: u32,
    pub excluded: u32,
    /// Whoever an event or the deadline decides about: uncertain or unconfirmed.
    pub uncertain: u32,
    /// Cancelled or written off.
    pub cancelled: u32,
    pub moved: u32,
}

impl OutcomeCounts {
    pub fn of(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *counts.slot(outcome) += 1;
        }
        counts
    }

    /// A chunk whose recipients all ended alike.
    pub fn all(outcome: Outcome, size: u32) -> Self {
        let mut counts = Self::default();
        *counts.slot(outcome) = size;
        counts
    }

    pub const fn total(&self) -> u32 {
        self.accepted + self.failed + self.excluded + self.uncertain + self.cancelled + self.moved
    }

    fn slot(&mut self, outcome: Outcome) -> &mut u32 {
        match outcome {
            Outcome::Accepted | Outcome::Confirmed => &mut self.accepted,
            Outcome::Failed(_) => &mut self.failed,
            Outcome::Excluded(_) => &mut self.excluded,
            Outcome::Uncertain | Outcome::Unconfirmed => &mut self.uncertain,
            Outcome::Cancelled | Outcome::WrittenOff => &mut self.cancelled,
            Outcome::Moved => &mut self.moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        let known: Vec<Outcome> = (0..=u8::MAX).filter_map(Outcome::from_code).collect();
        assert!(known.len() > 7 + RejectionCode::ALL.len());
        for outcome in known {
            assert_eq!(Outcome::from_code(outcome.code()), Some(outcome));
            // What is billed is decided, and what is not decided counts as uncertain.
            assert!(!(outcome.is_billable() && outcome.is_undecided()));
            let counts = OutcomeCounts::all(outcome, 1);
            assert_eq!(counts.uncertain == 1, outcome.is_undecided());
            assert_eq!(counts.accepted == 1, outcome.is_billable());
            assert_eq!(counts.total(), 1);
        }
    }
}
