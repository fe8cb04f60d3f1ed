//! How far a narrowcast is, in LINE's words. Its list of phases is closed: what else a campaign can
//! be is told as the nearest of them.

use std::time::Duration;

use crate::campaign::CampaignState;

/// How long after its acceptance a narrowcast is told of, and may be aimed at.
pub const TOLD_FOR: Duration = Duration::from_secs(14 * 24 * 3_600);

/// What is known of a narrowcast.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub state: CampaignState,
    /// Somebody's turn has come.
    pub has_begun: bool,
    /// Whom it is for, as many as are frozen or granted.
    pub targets: u64,
    pub was_cancelled: bool,
    /// Why it was given up before its launch.
    pub failure: Option<Failure>,
    /// What was said about a launch that failed.
    pub launch_error: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has been sent to.
    Waiting,
    Sending,
    Succeeded,
    Failed {
        failure: Failure,
        /// In words.
        why: String,
    },
}

/// LINE's error codes, as they are stored and told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Internal,
    NotEnoughRecipients,
    /// It was to go to all of them or to nobody.
    PartialDelivery,
}

impl Failure {
    pub const ALL: [Failure; 3] = [
        Self::Internal,
        Self::NotEnoughRecipients,
        Self::PartialDelivery,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::NotEnoughRecipients => 2,
            Self::PartialDelivery => 5,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.code() == code)
    }
}

/// The phase of a narrowcast.
pub fn phase(facts: &Facts<'_>) -> Phase {
    let failed = |failure, why: &str| Phase::Failed {
        failure,
        why: why.to_owned(),
    };
    if let Some(failure) = facts.failure {
        return failed(failure, facts.launch_error.unwrap_or_default());
    }
    match facts.state {
        CampaignState::LaunchFailed | CampaignState::Discarded => {
            let why = facts.launch_error.unwrap_or("it was thrown away unsent");
            failed(Failure::Internal, why)
        }
        CampaignState::Closing | CampaignState::Closed => match facts.was_cancelled {
            true => failed(Failure::Internal, "it was cancelled"),
            false if facts.targets == 0 => {
                let why = "nobody who may be reached is in the audience";
                failed(Failure::NotEnoughRecipients, why)
            }
            false => Phase::Succeeded,
        },
        _ if facts.has_begun => Phase::Sending,
        _ => Phase::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::PauseReason;

    const RUNNING: Facts<'static> = Facts {
        state: CampaignState::Running,
        has_begun: true,
        targets: 5,
        was_cancelled: false,
        failure: None,
        launch_error: None,
    };

    #[test]
    fn every_state_has_a_phase_of_lines() {
        use CampaignState as S;
        let at = |state, has_begun, targets, was_cancelled| Facts {
            state,
            has_begun,
            targets,
            was_cancelled,
            ..RUNNING
        };
        let paused = S::Paused(PauseReason::Requested);
        let code = |phase| match phase {
            Phase::Waiting => "waiting",
            Phase::Sending => "sending",
            Phase::Succeeded => "succeeded",
            Phase::Failed { failure, .. } => match failure.code() {
                1 => "failed 1",
                2 => "failed 2",
                _ => "failed 5",
            },
        };
        for (facts, expected) in [
            (at(S::Launching, false, 5, false), "waiting"),
            (at(S::Running, false, 5, false), "waiting"),
            (at(S::Running, true, 5, false), "sending"),
            (at(paused, false, 5, false), "waiting"),
            (at(paused, true, 5, false), "sending"),
            (at(S::Cancelling, true, 5, true), "sending"),
            (at(S::Closing, true, 5, false), "succeeded"),
            (at(S::Closed, true, 5, false), "succeeded"),
            (at(S::Closed, true, 5, true), "failed 1"),
            (at(S::Closed, false, 0, true), "failed 1"),
            (at(S::Closing, false, 0, false), "failed 2"),
            (at(S::LaunchFailed, false, 0, false), "failed 1"),
            (at(S::Discarded, false, 0, false), "failed 1"),
        ] {
            assert_eq!(code(phase(&facts)), expected, "{facts:?}");
        }
    }

    #[test]
    fn what_was_given_up_says_why() {
        let facts = Facts {
            state: CampaignState::LaunchFailed,
            failure: Some(Failure::PartialDelivery),
            launch_error: Some("80 people, at most 30"),
            ..RUNNING
        };
        let expected = Phase::Failed {
            failure: Failure::PartialDelivery,
            why: "80 people, at most 30".to_owned(),
        };
        assert_eq!(phase(&facts), expected);
        for failure in Failure::ALL {
            assert_eq!(Failure::from_code(failure.code()), Some(failure));
        }
    }
}
