//! Friends: the relation of an account and a user, its consents, and what makes it reachable.
//!
//! Events, imports, pages and operators report the same facts in any order and more than once. One
//! order decides which fact stands, so that every path ends in the same state: the last `at` wins,
//! and on a tie the fact that reaches fewer people.

mod profile;
mod reject;

pub use profile::{
    BIRTH_YEAR_MIN, CELL_BYTES_MAX, ConsentCells, DISPLAY_NAME_CHARS_MAX, FieldError, Gender,
    ImportedConsents, LANGUAGE_CHARS_MAX, Profile, ProfileFields, REGION_CHARS_MAX,
    SOURCE_CHARS_MAX, TAG_CHARS_MAX, TAGS_MAX, country, gender, language, parse_consents, region,
    source, split_tags, tag, time_zone,
};
pub use reject::RejectReason;

use serde::{Deserialize, Serialize};

use crate::campaign::Purpose;
use crate::time::Timestamp;

/// What the relation is now. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FriendState {
    Active,
    Blocked,
    Left,
}

/// What a consent allows. Night consent widens promotion to the hours the law keeps quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentPurpose {
    Promotion,
    Night,
}

/// Which path a consent or refusal came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSource {
    Import,
    Event,
    Admin,
    Page,
    Api,
}

/// One answer of a friend to the question for consent, as proof: when, to which words, which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentFact {
    pub granted: bool,
    pub at: Timestamp,
    /// The version of the words that were shown; a refusal may have none.
    pub wording: Option<String>,
    pub source: ConsentSource,
}

/// One reported change of the relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateFact {
    pub state: FriendState,
    pub at: Timestamp,
}

/// The bits the narrow `reach` table stores per friend: all that counting and freezing ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReachFlags(u8);

/// A new consent fact replaces the current one of the same account, user and purpose: the last `at`
/// wins, a refusal wins a tie. Further ties are broken by wording and source, so that the order of
/// arrival never decides.
pub fn supersedes(new: &ConsentFact, current: &ConsentFact) -> bool {
    fn rank(fact: &ConsentFact) -> (Timestamp, bool, &Option<String>, u8) {
        (fact.at, !fact.granted, &fact.wording, fact.source.code())
    }
    rank(new) > rank(current)
}

/// A new state fact replaces the current one of the same account and user: the last `at` wins, on a
/// tie left wins over blocked and blocked over active.
pub fn state_supersedes(new: StateFact, current: StateFact) -> bool {
    (new.at, new.state.code()) > (current.at, current.state.code())
}

impl FriendState {
    pub const ALL: [FriendState; 3] = [Self::Active, Self::Blocked, Self::Left];

    pub const fn code(self) -> u8 {
        match self {
            Self::Active => 1,
            Self::Blocked => 2,
            Self::Left => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::Left => "left",
        }
    }
}

impl ConsentPurpose {
    pub const ALL: [ConsentPurpose; 2] = [Self::Promotion, Self::Night];

    pub const fn code(self) -> u8 {
        match self {
            Self::Promotion => 1,
            Self::Night => 2,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Night => "night",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

impl ConsentSource {
    pub const ALL: [ConsentSource; 5] = [
        Self::Import,
        Self::Event,
        Self::Admin,
        Self::Page,
        Self::Api,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Import => 1,
            Self::Event => 2,
            Self::Admin => 3,
            Self::Page => 4,
            Self::Api => 5,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Event => "event",
            Self::Admin => "admin",
            Self::Page => "page",
            Self::Api => "api",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

impl ReachFlags {
    pub const ACTIVE: u8 = 1;
    pub const PROMOTION: u8 = 2;
    pub const NIGHT: u8 = 4;
    const KNOWN: u8 = Self::ACTIVE | Self::PROMOTION | Self::NIGHT;

    /// `promotion` and `night` say whether the current fact of that purpose is a consent.
    pub const fn of(state: FriendState, promotion: bool, night: bool) -> Self {
        let mut bits = 0;
        if matches!(state, FriendState::Active) {
            bits |= Self::ACTIVE;
        }
        if promotion {
            bits |= Self::PROMOTION;
        }
        if night {
            bits |= Self::NIGHT;
        }
        Self(bits)
    }

    pub const fn bits(self) -> u8 {
        self.0
    }

    /// `None` where a bit is set that this version does not know.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        if bits & !Self::KNOWN == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    pub const fn is_active(self) -> bool {
        self.0 & Self::ACTIVE != 0
    }

    pub const fn has_night_consent(self) -> bool {
        self.0 & Self::NIGHT != 0
    }

    /// The bits that must all be set for a campaign of this purpose: what SQL compares with.
    pub const fn required(purpose: Purpose) -> u8 {
        match purpose {
            Purpose::Promotion => Self::ACTIVE | Self::PROMOTION,
            Purpose::Information => Self::ACTIVE,
        }
    }

    pub const fn is_reachable(self, purpose: Purpose) -> bool {
        let required = Self::required(purpose);
        self.0 & required == required
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_consent() -> impl Strategy<Value = ConsentFact> {
        (any::<bool>(), 0i64..4, 0u8..3, 1u8..=5).prop_map(|(granted, at, wording, source)| {
            ConsentFact {
                granted,
                at: Timestamp::from_millis(at),
                wording: (wording > 0).then(|| format!("ad-{wording}")),
                source: ConsentSource::from_code(source).unwrap(),
            }
        })
    }

    fn any_state() -> impl Strategy<Value = StateFact> {
        (1u8..=3, 0i64..4).prop_map(|(code, at)| StateFact {
            state: FriendState::from_code(code).unwrap(),
            at: Timestamp::from_millis(at),
        })
    }

    fn last_consent(facts: &[ConsentFact]) -> ConsentFact {
        let mut current = facts[0].clone();
        for fact in &facts[1..] {
            if supersedes(fact, &current) {
                current = fact.clone();
            }
        }
        current
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_never_decides(
            facts in prop::collection::vec(any_consent(), 1..8),
            turn in 0usize..8,
        ) {
            let mut arrived = facts.clone();
            arrived.rotate_left(turn % facts.len());
            let reversed: Vec<_> = facts.iter().rev().cloned().collect();
            prop_assert_eq!(last_consent(&facts), last_consent(&arrived));
            prop_assert_eq!(last_consent(&facts), last_consent(&reversed));
        }

        #[test]
        fn a_refusal_at_the_last_moment_stands(
            facts in prop::collection::vec(any_consent(), 1..8),
        ) {
            let winner = last_consent(&facts);
            let last = facts.iter().map(|fact| fact.at).max().unwrap();
            let refused_last = facts.iter().any(|fact| fact.at == last && !fact.granted);
            prop_assert_eq!(winner.at, last);
            prop_assert_eq!(winner.granted, !refused_last);
        }

        #[test]
        fn states_follow_the_same_order(a in any_state(), b in any_state()) {
            prop_assert!(!state_supersedes(a, a));
            prop_assert_eq!(a != b, state_supersedes(a, b) || state_supersedes(b, a));
            prop_assert!(!(state_supersedes(a, b) && state_supersedes(b, a)));
        }
    }

    #[test]
    fn a_tie_of_states_reaches_fewer_people() {
        let at = Timestamp::from_millis(5);
        let [added, blocked, left] = FriendState::ALL.map(|state| StateFact { state, at });
        assert!(state_supersedes(blocked, added) && !state_supersedes(added, blocked));
        assert!(state_supersedes(left, blocked) && !state_supersedes(blocked, left));
        let later = StateFact {
            at: Timestamp::from_millis(6),
            ..added
        };
        assert!(state_supersedes(later, left));
    }

    #[test]
    fn reach_follows_state_and_purpose() {
        for state in FriendState::ALL {
            for (promotion, night) in [(false, false), (true, false), (false, true), (true, true)] {
                let flags = ReachFlags::of(state, promotion, night);
                let active = state == FriendState::Active;
                assert_eq!(flags.is_reachable(Purpose::Promotion), active && promotion);
                assert_eq!(flags.is_reachable(Purpose::Information), active);
                assert_eq!(flags.has_night_consent(), night);
                assert_eq!(ReachFlags::from_bits(flags.bits()), Some(flags));
            }
        }
        assert_eq!(ReachFlags::from_bits(8), None);
    }

    #[test]
    fn stored_codes_and_words_read_back() {
        for state in FriendState::ALL {
            assert_eq!(FriendState::from_code(state.code()), Some(state));
        }
        for purpose in ConsentPurpose::ALL {
            assert_eq!(ConsentPurpose::from_code(purpose.code()), Some(purpose));
            assert_eq!(ConsentPurpose::from_name(purpose.name()), Some(purpose));
        }
        for source in ConsentSource::ALL {
            assert_eq!(ConsentSource::from_code(source.code()), Some(source));
            assert_eq!(ConsentSource::from_name(source.name()), Some(source));
        }
        for reason in RejectReason::ALL {
            assert_eq!(RejectReason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(FriendState::from_code(0), None);
    }
}
