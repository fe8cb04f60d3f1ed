//! Campaigns that came out of a copy of the books: what may have happened since the copy was taken,
//! and what is done with a chunk once the messenger was asked for its key.
//!
//! A chunk in doubt is UNKNOWN with a [`Doubt`] for its detour: whatever the books say of it, it
//! may have been pushed by a life of the installation that they do not know. Nothing is pushed
//! before its key was asked for; what cannot be asked for any more is given up, never sent again.

use std::time::Duration;

use crate::answer::{AskAnswer, PushResults};
use crate::capability::{Capability, Guarantee};
use crate::rule::RuleId;

/// A request of the life before is over by then, whatever became of its process.
pub const REQUESTS_OVER_AFTER: Duration = Duration::from_secs(60);

/// How a chunk came to be in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// By the books nothing of it was under way.
    NotBegun,
    /// By the books it was under way, or its outcome was unknown.
    UnderWay,
    /// Cut after the restore: under its key the life before may have pushed to others.
    CutAnew,
    /// The same, and the messenger does not know its key. It waits for the rest of its range, in
    /// which whoever is in it may have been pushed to under another key.
    CutAnewAbsent,
}

/// Whether a chunk in doubt can be asked for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Ask,
    /// The messenger's answer would not be final yet.
    Wait,
    /// Nobody can tell any more: every recipient is uncertain.
    GiveUp,
}

/// What follows the messenger's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It was pushed: these are its results.
    Settle(PushResults),
    /// It was closed, and not pushed.
    KeyClosed,
    /// Something was pushed under its key: pushing it again says whether it was the same.
    Compare,
    /// It never was pushed: as if nothing had been.
    Free,
    /// Not known, which proves nothing: it goes on as unknown, with the same key.
    GoOn,
    WaitForRange,
    GiveUp,
    /// No usable answer.
    AskAgain,
}

impl Doubt {
    pub const ALL: [Doubt; 4] = [
        Self::NotBegun,
        Self::UnderWay,
        Self::CutAnew,
        Self::CutAnewAbsent,
    ];

    /// The word of the chunk's `detour` column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotBegun => "restored",
            Self::UnderWay => "restored_under_way",
            Self::CutAnew => "cut_anew",
            Self::CutAnewAbsent => "cut_anew_absent",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.name() == name)
    }

    /// Of the next round that a chunk's stored results make: the life before may have pushed it.
    pub const fn of_next_round(self) -> Self {
        match self {
            Self::NotBegun | Self::UnderWay => Self::NotBegun,
            Self::CutAnew | Self::CutAnewAbsent => Self::CutAnew,
        }
    }
}

/// Whether to ask for a chunk whose key may have been used for `age`, in books that were restored
/// `since_restore` ago.
pub fn question(capability: &Capability, age: Duration, since_restore: Duration) -> Question {
    match capability.guarantee() {
        Guarantee::Keyed if capability.key_is_usable(age) => Question::Ask,
        Guarantee::Keyed | Guarantee::Neither => Question::GiveUp,
        Guarantee::Queryable if since_restore < capability.query_settles_after => Question::Wait,
        Guarantee::Queryable => Question::Ask,
    }
}

/// Whether a campaign whose books are complete until `age` ago may be launched: it may have been
/// launched since, and its messenger has to be able to tell.
pub fn may_launch(capability: &Capability, age: Duration) -> bool {
    question(capability, age, Duration::MAX) == Question::Ask
}

pub fn after_asking(
    capability: &Capability,
    doubt: Doubt,
    answer: AskAnswer,
    since_restore: Duration,
) -> Told {
    let is_cut_anew = matches!(doubt, Doubt::CutAnew | Doubt::CutAnewAbsent);
    match answer {
        AskAnswer::Unknown => Told::AskAgain,
        AskAnswer::Closed => Told::KeyClosed,
        // Only who deduplicates can be given it again.
        AskAnswer::Processed(_) | AskAnswer::OtherRecipients if is_cut_anew => {
            match capability.keyed {
                true => Told::Compare,
                false => Told::GiveUp,
            }
        }
        AskAnswer::Processed(results) => Told::Settle(results),
        // What we pushed has as many recipients as the books say.
        AskAnswer::OtherRecipients => Told::AskAgain,
        // Some of its requests were not begun: for the same recipients they go on.
        AskAnswer::Partly if !is_cut_anew => Told::GoOn,
        AskAnswer::Partly => Told::GiveUp,
        AskAnswer::NotFound if is_cut_anew => Told::WaitForRange,
        AskAnswer::NotFound => absent(capability, doubt, since_restore),
    }
}

/// What follows a key that the messenger does not know, and whose recipients it has under no other
/// key of ours.
pub fn absent(capability: &Capability, doubt: Doubt, since_restore: Duration) -> Told {
    match (capability.guarantee(), doubt) {
        (Guarantee::Neither, _) => Told::GiveUp,
        // It has settled: what it does not know it never processed.
        (Guarantee::Queryable, Doubt::UnderWay) => Told::KeyClosed,
        (Guarantee::Queryable, _) => Told::Free,
        // Taint is sticky, and a request of the life before may still be on its way.
        (Guarantee::Keyed, Doubt::UnderWay) => Told::GoOn,
        (Guarantee::Keyed, _) if since_restore < REQUESTS_OVER_AFTER => Told::GoOn,
        (Guarantee::Keyed, _) => Told::Free,
    }
}

/// `known` exclusions and those of the results that nobody remembers: an attempt that is not in the
/// books excluded them, and its reason is lost with it.
pub fn with_lost_exclusions(results: &PushResults, known: &[(u32, RuleId)]) -> Vec<(u32, RuleId)> {
    let is_known = |position: &u32| known.iter().any(|(excluded, _)| excluded == position);
    let lost = results
        .excluded
        .iter()
        .filter(|position| !is_known(position));
    let lost = lost.map(|position| (*position, RuleId::LostReason));
    known.iter().copied().chain(lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::KEY_TTL_MARGIN;

    const LATER: Duration = Duration::from_secs(3_600);

    fn results() -> PushResults {
        PushResults {
            accepted: 9,
            excluded: vec![4],
            ..PushResults::default()
        }
    }

    #[test]
    fn a_key_is_asked_for_while_the_messenger_keeps_it() {
        let keyed = Capability::gateway();
        let life = keyed.key_ttl - KEY_TTL_MARGIN;
        let just_before = life - Duration::from_millis(1);
        assert_eq!(question(&keyed, just_before, LATER), Question::Ask);
        assert_eq!(question(&keyed, life, LATER), Question::GiveUp);
        assert!(may_launch(&keyed, just_before));
        assert!(!may_launch(&keyed, life));
        let queryable = Capability::queryable_gateway(LATER);
        assert_eq!(question(&queryable, life, LATER / 2), Question::Wait);
        assert_eq!(question(&queryable, life, LATER), Question::Ask);
        let bare = Capability::bare_gateway();
        assert_eq!(question(&bare, Duration::ZERO, LATER), Question::GiveUp);
        assert!(!may_launch(&bare, Duration::ZERO));
    }

    #[test]
    fn what_was_pushed_is_settled_and_what_was_not_goes_on() {
        let (keyed, queryable) = (Capability::gateway(), Capability::queryable_gateway(LATER));
        let bare = Capability::bare_gateway();
        use AskAnswer::{Closed, NotFound, OtherRecipients, Partly, Processed, Unknown};
        use Doubt::{CutAnew, NotBegun, UnderWay};
        let soon = Duration::from_secs(1);
        let cases = [
            (
                &keyed,
                NotBegun,
                Processed(results()),
                LATER,
                Told::Settle(results()),
            ),
            (
                &keyed,
                UnderWay,
                Processed(results()),
                LATER,
                Told::Settle(results()),
            ),
            (&keyed, CutAnew, Processed(results()), LATER, Told::Compare),
            (
                &queryable,
                CutAnew,
                Processed(results()),
                LATER,
                Told::GiveUp,
            ),
            (&keyed, NotBegun, NotFound, LATER, Told::Free),
            (&keyed, NotBegun, NotFound, soon, Told::GoOn),
            (&keyed, UnderWay, NotFound, LATER, Told::GoOn),
            (&keyed, CutAnew, NotFound, LATER, Told::WaitForRange),
            (&queryable, NotBegun, NotFound, LATER, Told::Free),
            (&queryable, UnderWay, NotFound, LATER, Told::KeyClosed),
            (&bare, NotBegun, NotFound, LATER, Told::GiveUp),
            (&keyed, CutAnew, OtherRecipients, LATER, Told::Compare),
            (&keyed, UnderWay, OtherRecipients, LATER, Told::AskAgain),
            (&keyed, NotBegun, Partly, LATER, Told::GoOn),
            (&keyed, CutAnew, Partly, LATER, Told::GiveUp),
            (&keyed, CutAnew, Closed, LATER, Told::KeyClosed),
            (&keyed, UnderWay, Unknown, LATER, Told::AskAgain),
        ];
        for (capability, doubt, answer, since, expected) in cases {
            let told = after_asking(capability, doubt, answer.clone(), since);
            assert_eq!(told, expected, "{doubt:?} {answer:?} after {since:?}");
        }
    }

    #[test]
    fn an_exclusion_whose_reason_is_lost_says_so() {
        let known = [(7, RuleId::Blocked)];
        let all = with_lost_exclusions(&results(), &known);
        assert_eq!(all, [(7, RuleId::Blocked), (4, RuleId::LostReason)]);
        let remembered = [(4, RuleId::Refused)];
        assert_eq!(with_lost_exclusions(&results(), &remembered), remembered);
    }

    #[test]
    fn doubts_are_read_back_by_their_names() {
        for doubt in Doubt::ALL {
            assert_eq!(Doubt::from_name(doubt.name()), Some(doubt));
        }
        assert_eq!(Doubt::from_name("timeout"), None);
    }
}
