//! The campaign: one broadcast from draft to closed.
//!
//! ```text
//! DRAFT -> REVIEW -> APPROVED -> SCHEDULED -> LAUNCHING -> RUNNING
//! RUNNING <-> PAUSED(reason)        RUNNING, PAUSED -> CLOSING -> CLOSED
//! DRAFT -> APPROVED (no second person needed)
//! REVIEW, APPROVED, SCHEDULED, WAITING_FOR_FUNDS, LAUNCH_FAILED -> DRAFT (edited) | DISCARDED
//! DRAFT -> DISCARDED (thrown away before it was finished)
//! APPROVED -> LAUNCHING (now)
//! APPROVED, SCHEDULED --launch, funds short--> WAITING_FOR_FUNDS -> LAUNCHING
//! LAUNCHING --error, nothing frozen--> LAUNCH_FAILED (hold released)
//! LAUNCHING, RUNNING, PAUSED -> CANCELLING -> CLOSING
//! RUNNING, PAUSED --freeze ended, every chunk terminal--> CLOSING
//! ```

use std::fmt;

/// The states of the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CampaignState {
    Draft,
    Review,
    Approved,
    Scheduled,
    WaitingForFunds,
    Launching,
    LaunchFailed,
    Running,
    Paused(PauseReason),
    Cancelling,
    Closing,
    Closed,
    Discarded,
}

/// Why a campaign stands still; shown to the brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PauseReason {
    /// A person paused it.
    Requested,
    /// Three chunks in a row were refused as malformed.
    MessengerRefuses,
    /// An invariant broke: this campaign stops, the process goes on.
    BrokenInvariant,
    /// It came out of a copy of the books. Shown, not stored: it lies over whatever state it is in.
    Restored,
}

impl PauseReason {
    pub const ALL: [PauseReason; 4] = [
        Self::Requested,
        Self::MessengerRefuses,
        Self::BrokenInvariant,
        Self::Restored,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Requested => 1,
            Self::MessengerRefuses => 2,
            Self::BrokenInvariant => 3,
            Self::Restored => 4,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::MessengerRefuses => "messenger_refuses",
            Self::BrokenInvariant => "broken_invariant",
            Self::Restored => "restored",
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

/// What happens to a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CampaignEvent {
    Submit,
    Approve,
    Schedule,
    /// The launch transaction holds the money.
    Launch,
    FundsShort,
    /// An error before anything was frozen; the hold is released.
    LaunchError,
    /// The first freeze commit is past the plan barrier.
    FirstFreeze,
    Pause(PauseReason),
    Resume,
    Cancel,
    /// The freeze has ended and every chunk is terminal.
    AllTerminal,
    /// Nothing is uncertain or uncaptured any more; the rest of the hold is released.
    Close,
    Edit,
    Discard,
}

/// A transition the diagram does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {from} cannot {}", event.verb())]
pub struct InvalidTransition {
    pub from: CampaignState,
    pub event: CampaignEvent,
}

impl CampaignState {
    /// The state after `event`, or that the diagram has no such arrow.
    pub fn after(self, event: CampaignEvent) -> Result<CampaignState, InvalidTransition> {
        use CampaignEvent as E;
        use CampaignState as S;
        match (self, event) {
            (S::Draft, E::Submit) => Ok(S::Review),
            (S::Draft | S::Review, E::Approve) => Ok(S::Approved),
            (S::Approved, E::Schedule) => Ok(S::Scheduled),
            (S::Approved | S::Scheduled | S::WaitingForFunds, E::Launch) => Ok(S::Launching),
            (S::Approved | S::Scheduled, E::FundsShort) => Ok(S::WaitingForFunds),
            (S::Launching, E::LaunchError) => Ok(S::LaunchFailed),
            (S::Launching, E::FirstFreeze) => Ok(S::Running),
            (S::Running, E::Pause(reason)) => Ok(S::Paused(reason)),
            (S::Paused(_), E::Resume) => Ok(S::Running),
            (S::Launching | S::Running | S::Paused(_), E::Cancel) => Ok(S::Cancelling),
            (S::Running | S::Paused(_) | S::Cancelling, E::AllTerminal) => Ok(S::Closing),
            (S::Closing, E::Close) => Ok(S::Closed),
            (
                S::Review | S::Approved | S::Scheduled | S::WaitingForFunds | S::LaunchFailed,
                E::Edit,
            ) => Ok(S::Draft),
            (
                S::Draft
                | S::Review
                | S::Approved
                | S::Scheduled
                | S::WaitingForFunds
                | S::LaunchFailed,
                E::Discard,
            ) => Ok(S::Discarded),
            (from, event) => Err(InvalidTransition { from, event }),
        }
    }

    pub const fn code(self) -> u8 {
        match self {
            Self::Draft => 1,
            Self::Review => 2,
            Self::Approved => 3,
            Self::Scheduled => 4,
            Self::WaitingForFunds => 5,
            Self::Launching => 6,
            Self::LaunchFailed => 7,
            Self::Running => 8,
            Self::Paused(_) => 9,
            Self::Cancelling => 10,
            Self::Closing => 11,
            Self::Closed => 12,
            Self::Discarded => 13,
        }
    }

    /// Reads the two columns of a row; `None` where they hold no state.
    pub fn from_codes(code: u8, pause_reason: Option<u8>) -> Option<Self> {
        let state = match code {
            1 => Self::Draft,
            2 => Self::Review,
            3 => Self::Approved,
            4 => Self::Scheduled,
            5 => Self::WaitingForFunds,
            6 => Self::Launching,
            7 => Self::LaunchFailed,
            8 => Self::Running,
            9 => return Some(Self::Paused(PauseReason::from_code(pause_reason?)?)),
            10 => Self::Cancelling,
            11 => Self::Closing,
            12 => Self::Closed,
            13 => Self::Discarded,
            _ => return None,
        };
        pause_reason.is_none().then_some(state)
    }

    pub const fn pause_reason(self) -> Option<PauseReason> {
        match self {
            Self::Paused(reason) => Some(reason),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Review => "review",
            Self::Approved => "approved",
            Self::Scheduled => "scheduled",
            Self::WaitingForFunds => "waiting_for_funds",
            Self::Launching => "launching",
            Self::LaunchFailed => "launch_failed",
            Self::Running => "running",
            Self::Paused(_) => "paused",
            Self::Cancelling => "cancelling",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Discarded => "discarded",
        }
    }

    /// Whether the freeze may write: a cancelled campaign gets no more chunks.
    pub const fn may_freeze(self) -> bool {
        matches!(self, Self::Launching | Self::Running | Self::Paused(_))
    }
}

impl fmt::Display for CampaignState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused(reason) => write!(f, "paused ({})", reason.name()),
            state => f.write_str(state.name()),
        }
    }
}

impl CampaignEvent {
    const fn verb(self) -> &'static str {
        match self {
            Self::Submit => "be submitted for review",
            Self::Approve => "be approved",
            Self::Schedule => "be scheduled",
            Self::Launch => "be launched",
            Self::FundsShort => "wait for funds",
            Self::LaunchError => "fail its launch",
            Self::FirstFreeze => "begin to run",
            Self::Pause(_) => "be paused",
            Self::Resume => "be resumed",
            Self::Cancel => "be cancelled",
            Self::AllTerminal => "begin to close",
            Self::Close => "be closed",
            Self::Edit => "be edited",
            Self::Discard => "be discarded",
        }
    }
}

/// What a campaign is for; the law treats the two differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Promotion,
    Information,
}

impl Purpose {
    pub const fn code(self) -> u8 {
        match self {
            Self::Promotion => 1,
            Self::Information => 2,
        }
    }

    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Promotion),
            2 => Some(Self::Information),
            _ => None,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Information => "information",
        }
    }
}

/// How requests of API sending map to campaigns; a broadcast is a campaign of its own, and so is
/// every test of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CampaignKind {
    Broadcast,
    /// What a draft says, sent to registered testers as anything is sent, and free.
    Test,
    /// One per account, operation and day: RUNNING from its first request.
    Standing(StandingOperation),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StandingOperation {
    Push,
    Multicast,
    Reply,
}

impl CampaignKind {
    pub const fn code(self) -> u8 {
        match self {
            Self::Broadcast => 1,
            Self::Standing(StandingOperation::Push) => 2,
            Self::Standing(StandingOperation::Multicast) => 3,
            Self::Standing(StandingOperation::Reply) => 4,
            Self::Test => 5,
        }
    }

    /// A day of API sending: its recipients come with requests. Any other campaign's audience is
    /// frozen at its launch.
    pub const fn is_standing(self) -> bool {
        matches!(self, Self::Standing(_))
    }

    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Broadcast),
            2 => Some(Self::Standing(StandingOperation::Push)),
            3 => Some(Self::Standing(StandingOperation::Multicast)),
            4 => Some(Self::Standing(StandingOperation::Reply)),
            5 => Some(Self::Test),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATES: [CampaignState; 13] = [
        CampaignState::Draft,
        CampaignState::Review,
        CampaignState::Approved,
        CampaignState::Scheduled,
        CampaignState::WaitingForFunds,
        CampaignState::Launching,
        CampaignState::LaunchFailed,
        CampaignState::Running,
        CampaignState::Paused(PauseReason::Requested),
        CampaignState::Cancelling,
        CampaignState::Closing,
        CampaignState::Closed,
        CampaignState::Discarded,
    ];
    const EVENTS: [CampaignEvent; 14] = [
        CampaignEvent::Submit,
        CampaignEvent::Approve,
        CampaignEvent::Schedule,
        CampaignEvent::Launch,
        CampaignEvent::FundsShort,
        CampaignEvent::LaunchError,
        CampaignEvent::FirstFreeze,
        CampaignEvent::Pause(PauseReason::Requested),
        CampaignEvent::Resume,
        CampaignEvent::Cancel,
        CampaignEvent::AllTerminal,
        CampaignEvent::Close,
        CampaignEvent::Edit,
        CampaignEvent::Discard,
    ];

    #[test]
    fn the_diagram_has_just_these_arrows() {
        let mut arrows = 0;
        for from in STATES {
            for event in EVENTS {
                arrows += usize::from(from.after(event).is_ok());
            }
        }
        assert_eq!(arrows, 31);
        for end in [CampaignState::Closed, CampaignState::Discarded] {
            assert!(
                EVENTS.iter().all(|event| end.after(*event).is_err()),
                "{end} is an end"
            );
        }
    }

    #[test]
    fn codes_round_trip() {
        for state in STATES {
            let reason = state.pause_reason().map(PauseReason::code);
            assert_eq!(CampaignState::from_codes(state.code(), reason), Some(state));
        }
        assert_eq!(CampaignState::from_codes(9, None), None);
        assert_eq!(CampaignState::from_codes(8, Some(1)), None);
    }

    #[test]
    fn kinds_round_trip_and_only_days_of_api_sending_are_standing() {
        let kinds: Vec<CampaignKind> = (0..=u8::MAX).filter_map(CampaignKind::from_code).collect();
        assert_eq!(kinds.len(), 5);
        assert!((1..).zip(&kinds).all(|(code, kind)| kind.code() == code));
        let standing = kinds.iter().filter(|kind| kind.is_standing()).count();
        assert_eq!(standing, 3);
        assert!(!CampaignKind::Test.is_standing());
    }

    #[test]
    fn a_refusal_is_said_in_words() {
        let error = CampaignState::Closed.after(CampaignEvent::Pause(PauseReason::Requested));
        let words = error.unwrap_err().to_string();
        assert_eq!(words, "a campaign that is closed cannot be paused");
    }

    proptest! {
        /// Money was held on the way to RUNNING, whatever happened before.
        #[test]
        fn nothing_runs_without_a_launch(picks in proptest::collection::vec(0usize..14, 0..40)) {
            let mut state = CampaignState::Draft;
            let mut launches = 0;
            for pick in picks {
                let Ok(next) = state.after(EVENTS[pick]) else { continue };
                launches += usize::from(EVENTS[pick] == CampaignEvent::Launch);
                state = next;
            }
            let past_launch = matches!(
                state,
                CampaignState::Launching
                    | CampaignState::Running
                    | CampaignState::Paused(_)
                    | CampaignState::Cancelling
                    | CampaignState::Closing
                    | CampaignState::Closed
            );
            prop_assert!(!past_launch || launches > 0);
        }
    }
}
