//! The rules that exclude or hold a friend, by number and name.

/// A rule of the gates. Codes are stored in exclusion bitmaps and outcomes: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleId {
    NoConsent,
    Refused,
    Blocked,
    Left,
    Surplus,
    Limit,
    Suppressed,
    Erased,
    /// Became a friend after the launch counted.
    JoinedAfterCut,
    /// Holds: the campaign's time has not come.
    NotBefore,
    /// Excluded by an attempt that a restored copy of the books does not know.
    LostReason,
    /// Within the audience and its limit, and not among those there was enough money for.
    Unfunded,
}

impl RuleId {
    pub const ALL: [RuleId; 12] = [
        Self::NoConsent,
        Self::Refused,
        Self::Blocked,
        Self::Left,
        Self::Surplus,
        Self::Limit,
        Self::Suppressed,
        Self::Erased,
        Self::JoinedAfterCut,
        Self::NotBefore,
        Self::LostReason,
        Self::Unfunded,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::NoConsent => 1,
            Self::Refused => 2,
            Self::Blocked => 3,
            Self::Left => 4,
            Self::Surplus => 5,
            Self::Limit => 6,
            Self::Suppressed => 7,
            Self::Erased => 8,
            Self::JoinedAfterCut => 9,
            Self::NotBefore => 10,
            Self::LostReason => 11,
            Self::Unfunded => 12,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::NoConsent => "no_consent",
            Self::Refused => "refused",
            Self::Blocked => "blocked",
            Self::Left => "left",
            Self::Surplus => "surplus",
            Self::Limit => "limit",
            Self::Suppressed => "suppressed",
            Self::Erased => "erased",
            Self::JoinedAfterCut => "joined_after_cut",
            Self::NotBefore => "not_before",
            Self::LostReason => "lost_reason",
            Self::Unfunded => "unfunded",
        }
    }

    /// The rule of the law it enforces, as compliance numbers it; `None` for a rule of ours.
    pub const fn citation(self) -> Option<&'static str> {
        match self {
            Self::NoConsent => Some("KR-1"),
            Self::Refused => Some("KR-3"),
            _ => None,
        }
    }

    /// The rule as it reads today, for what a decision stores.
    pub const fn current(self) -> Rule {
        Rule {
            id: self,
            version: 1,
        }
    }
}

/// A rule in one version: evidence says by which words somebody was excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    pub id: RuleId,
    pub version: u16,
}
