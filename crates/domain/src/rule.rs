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
}

impl RuleId {
    pub const ALL: [RuleId; 8] = [
        Self::NoConsent,
        Self::Refused,
        Self::Blocked,
        Self::Left,
        Self::Surplus,
        Self::Limit,
        Self::Suppressed,
        Self::Erased,
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
        }
    }
}
