//! The gate: the last decision about a chunk, in the worker, right before its push.
//!
//! The freeze decided from what was true then. Since then friends may have refused, blocked or
//! left, and only they are named here. Individual facts exclude single friends; time only ever
//! holds, and it holds the whole chunk, untouched.

use crate::campaign::Purpose;
use crate::friend::FriendState;
use crate::rule::{Rule, RuleId};
use crate::time::Timestamp;

/// What the gate knows about a chunk.
#[derive(Debug, Clone, Copy)]
pub struct GateFacts<'a> {
    pub purpose: Purpose,
    /// The instant the campaign was set for, if it was. Clocks step: where it is still to come by
    /// the worker's clock, the chunk is held instead of sent early.
    pub not_before: Option<Timestamp>,
    /// Positions in the chunk, rising, and the current facts of the friends there whom a change has
    /// named. Everybody else is as the freeze saw them.
    pub changed: &'a [(u32, RecipientFacts)],
}

/// The current facts of one friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipientFacts {
    pub state: FriendState,
    pub promotion: Consent,
    /// On the suppression list of the account or the business.
    pub suppressed: bool,
    /// The person was erased.
    pub erased: bool,
}

/// The current answer of a friend to the question for promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// No answer on record.
    Absent,
    Refused,
    Granted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allow,
    /// The whole chunk returns to READY and is due at `at`.
    HoldUntil {
        at: Timestamp,
        rule: Rule,
    },
    /// Everybody but these positions, which rise.
    Exclude(Vec<(u32, Rule)>),
}

pub fn decide(facts: &GateFacts<'_>, now: Timestamp) -> Decision {
    if let Some(at) = facts.not_before.filter(|at| now < *at) {
        return Decision::HoldUntil {
            at,
            rule: RuleId::NotBefore.current(),
        };
    }
    let excluded: Vec<(u32, Rule)> = facts
        .changed
        .iter()
        .filter_map(|(position, friend)| Some((*position, exclusion(facts.purpose, friend)?)))
        .collect();
    if excluded.is_empty() {
        Decision::Allow
    } else {
        Decision::Exclude(excluded)
    }
}

/// Why a friend must not get a campaign of this purpose; `None` where they may. The gravest reason
/// is told where several hold.
pub fn exclusion(purpose: Purpose, friend: &RecipientFacts) -> Option<Rule> {
    let rule = match (friend.state, friend.promotion) {
        _ if friend.erased => RuleId::Erased,
        _ if friend.suppressed => RuleId::Suppressed,
        (FriendState::Left, _) => RuleId::Left,
        (FriendState::Blocked, _) => RuleId::Blocked,
        (FriendState::Active, _) if purpose == Purpose::Information => return None,
        (FriendState::Active, Consent::Refused) => RuleId::Refused,
        (FriendState::Active, Consent::Absent) => RuleId::NoConsent,
        (FriendState::Active, Consent::Granted) => return None,
    };
    Some(rule.current())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::friend::ReachFlags;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const WILLING: RecipientFacts = RecipientFacts {
        state: FriendState::Active,
        promotion: Consent::Granted,
        suppressed: false,
        erased: false,
    };

    fn gate<'a>(changed: &'a [(u32, RecipientFacts)], not_before: i64) -> GateFacts<'a> {
        GateFacts {
            purpose: Purpose::Promotion,
            not_before: Some(Timestamp::from_millis(not_before)),
            changed,
        }
    }

    #[test]
    fn nobody_changed_is_allowed_and_time_holds_the_whole_chunk() {
        assert_eq!(decide(&gate(&[], 1_000), NOW), Decision::Allow);
        let left = RecipientFacts {
            state: FriendState::Left,
            ..WILLING
        };
        let held = decide(&gate(&[(3, left)], 1_001), NOW);
        let Decision::HoldUntil { at, rule } = held else {
            panic!("not held: {held:?}");
        };
        assert_eq!((at.as_millis(), rule.id), (1_001, RuleId::NotBefore));
    }

    #[test]
    fn every_individual_fact_excludes_with_its_rule() {
        let refused = RecipientFacts {
            promotion: Consent::Refused,
            ..WILLING
        };
        let absent = RecipientFacts {
            promotion: Consent::Absent,
            ..WILLING
        };
        let blocked = RecipientFacts {
            state: FriendState::Blocked,
            ..refused
        };
        let left = RecipientFacts {
            state: FriendState::Left,
            ..refused
        };
        let suppressed = RecipientFacts {
            suppressed: true,
            ..left
        };
        let erased = RecipientFacts {
            erased: true,
            ..suppressed
        };
        let cases = [
            (WILLING, None, None),
            (refused, Some("refused"), None),
            (absent, Some("no_consent"), None),
            (blocked, Some("blocked"), Some("blocked")),
            (left, Some("left"), Some("left")),
            (suppressed, Some("suppressed"), Some("suppressed")),
            (erased, Some("erased"), Some("erased")),
        ];
        for (facts, promotion, information) in cases {
            let name = |purpose| exclusion(purpose, &facts).map(|rule| rule.id.name());
            assert_eq!(name(Purpose::Promotion), promotion, "{facts:?}");
            assert_eq!(name(Purpose::Information), information, "{facts:?}");
        }
        let changed: Vec<_> = (0..).zip(cases.map(|(facts, ..)| facts)).collect();
        let Decision::Exclude(excluded) = decide(&gate(&changed, 0), NOW) else {
            panic!("nobody was excluded");
        };
        let positions: Vec<u32> = excluded.iter().map(|(position, _)| *position).collect();
        assert_eq!(positions, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn the_gate_and_the_freeze_agree_who_is_reachable() {
        for state in FriendState::ALL {
            for promotion in [Consent::Absent, Consent::Refused, Consent::Granted] {
                let facts = RecipientFacts {
                    state,
                    promotion,
                    ..WILLING
                };
                let flags = ReachFlags::of(state, promotion == Consent::Granted, false);
                for purpose in [Purpose::Promotion, Purpose::Information] {
                    let allowed = exclusion(purpose, &facts).is_none();
                    assert_eq!(allowed, flags.is_reachable(purpose), "{facts:?}");
                }
            }
        }
    }

    #[test]
    fn the_law_is_cited_where_it_speaks() {
        assert_eq!(RuleId::NoConsent.citation(), Some("KR-1"));
        assert_eq!(RuleId::Refused.citation(), Some("KR-3"));
        for rule in RuleId::ALL {
            assert_eq!(RuleId::from_code(rule.code()), Some(rule));
        }
    }
}
