//! Test sends: what a draft says, sent to registered testers before anybody else gets it.
//!
//! Owns: how many testers and tests there may be, and of what a test may be made. A test is frozen,
//! pushed and recorded as anything is; that it costs nothing is [`crate::terms::Terms::free`].

use std::time::Duration;

use crate::campaign::{CampaignKind, CampaignState};
use crate::time::Timestamp;

/// Testers of one account.
pub const TESTERS_MAX: usize = 20;
/// Tests of one account within [`TESTS_SPAN`]: what is free is not a way of sending.
pub const TESTS_MAX: usize = 60;
pub const TESTS_SPAN: Duration = Duration::from_secs(3_600);
/// How long after its launch the pushes of a test may begin: who waits for it looks now.
pub const TEST_LIFETIME: Duration = Duration::from_secs(3_600);

/// Why a test is not sent, or a tester not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TestRefusal {
    #[error("an account has at most {TESTERS_MAX} testers")]
    TooManyTesters,
    #[error("a test goes to at least one tester")]
    NoTester,
    #[error("an account sends at most {TESTS_MAX} tests an hour: the next one may go {0}")]
    TooManyTests(Timestamp),
    #[error("it is {0}: a test is made of what is not sent yet")]
    NotADraft(CampaignState),
    #[error("a test is made of a campaign that a person wrote")]
    NotWritten,
}

/// Whether one more may be registered beside those there are.
pub const fn may_register(registered: usize) -> Result<(), TestRefusal> {
    match registered < TESTERS_MAX {
        true => Ok(()),
        false => Err(TestRefusal::TooManyTesters),
    }
}

/// Whether a test may go now. `sent` are the moments of the account's latest tests, in any order,
/// all of them or at least the last [`TESTS_MAX`].
pub fn may_send(sent: &[Timestamp], now: Timestamp) -> Result<(), TestRefusal> {
    let mut within: Vec<Timestamp> = sent
        .iter()
        .copied()
        .filter(|at| *at + TESTS_SPAN > now)
        .collect();
    within.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
    match within.get(TESTS_MAX - 1) {
        Some(at) => Err(TestRefusal::TooManyTests(*at + TESTS_SPAN)),
        None => Ok(()),
    }
}

/// Whether a test may be made of a campaign: of what a person writes, until it is launched.
pub const fn may_be_tested(kind: CampaignKind, state: CampaignState) -> Result<(), TestRefusal> {
    use CampaignState as S;
    if !matches!(kind, CampaignKind::Broadcast) {
        return Err(TestRefusal::NotWritten);
    }
    match state {
        S::Draft
        | S::Review
        | S::Approved
        | S::Scheduled
        | S::WaitingForFunds
        | S::LaunchFailed => Ok(()),
        _ => Err(TestRefusal::NotADraft(state)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::campaign::{PauseReason, StandingOperation};

    #[test]
    fn there_are_twenty_testers_and_no_more() {
        assert_eq!(may_register(0), Ok(()));
        assert_eq!(may_register(TESTERS_MAX - 1), Ok(()));
        assert_eq!(may_register(TESTERS_MAX), Err(TestRefusal::TooManyTesters));
    }

    #[test]
    fn the_next_test_may_go_when_the_oldest_of_the_hour_is_an_hour_ago() {
        let begin = Timestamp::from_millis(1_000_000);
        let after = |seconds| begin + Duration::from_secs(seconds);
        let full: Vec<Timestamp> = (0..TESTS_MAX as u64).map(after).collect();
        assert_eq!(may_send(&full[1..], after(60)), Ok(()));
        let refused = may_send(&full, after(3_599)).unwrap_err();
        assert_eq!(refused, TestRefusal::TooManyTests(after(3_600)));
        assert_eq!(may_send(&full, after(3_600)), Ok(()));
        let words = refused.to_string();
        assert!(words.contains("60 tests an hour"), "{words}");
    }

    #[test]
    fn a_test_is_made_of_what_a_person_writes_until_it_is_launched() {
        let of = |state| may_be_tested(CampaignKind::Broadcast, state);
        for state in [
            CampaignState::Draft,
            CampaignState::Scheduled,
            CampaignState::LaunchFailed,
        ] {
            assert_eq!(of(state), Ok(()));
        }
        for state in [
            CampaignState::Launching,
            CampaignState::Paused(PauseReason::Requested),
            CampaignState::Closed,
            CampaignState::Discarded,
        ] {
            assert_eq!(of(state), Err(TestRefusal::NotADraft(state)));
        }
        for kind in [
            CampaignKind::Test,
            CampaignKind::Standing(StandingOperation::Push),
        ] {
            let refused = may_be_tested(kind, CampaignState::Draft);
            assert_eq!(refused, Err(TestRefusal::NotWritten));
        }
    }

    proptest! {
        /// Whoever asks again and again sends as many within any hour as the limit says.
        #[test]
        fn no_hour_has_more_than_the_limit(
            pauses in proptest::collection::vec(0u64..400, 0..300),
        ) {
            let mut now = Timestamp::from_millis(0);
            let mut sent: Vec<Timestamp> = Vec::new();
            for pause in pauses {
                now = now + Duration::from_secs(pause);
                if may_send(&sent, now).is_ok() {
                    sent.push(now);
                }
            }
            for (index, at) in sent.iter().enumerate() {
                let within = sent[index..].iter().filter(|later| **later < *at + TESTS_SPAN);
                prop_assert!(within.count() <= TESTS_MAX);
            }
        }
    }
}
