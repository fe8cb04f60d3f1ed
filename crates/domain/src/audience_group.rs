//! Audience groups: audiences that are kept under a number, as LINE's API has them.
//!
//! A group is made with ids that somebody uploads, or of what people did with a campaign. What a
//! group is called in LINE's API stands here beside the rules, because both have to agree.

use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// Groups of one account.
pub const GROUPS_MAX: u64 = 1_000;
/// Characters of what a group is called, and of what an upload is.
pub const DESCRIPTION_CHARS_MAX: usize = 120;
pub const UPLOAD_DESCRIPTION_CHARS_MAX: usize = 300;
/// Ids of one request and of one file.
pub const REQUEST_IDS_MAX: usize = 10_000;
pub const FILE_IDS_MAX: u64 = 1_500_000;
/// Bytes of one file: the most ids at 34 bytes each, with room for other line ends and empty lines.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const _: () = assert!(FILE_BYTES_MAX > FILE_IDS_MAX * 36);
/// Characters of an address that was clicked.
pub const CLICK_URL_CHARS_MAX: usize = 2_000;
/// Uploads of one group that are not at their end.
pub const JOBS_AT_ONCE: u64 = 10;
/// The same of all groups of an account.
pub const JOBS_OF_ACCOUNT: u64 = 100;
/// Uploads that are shown of a group, the latest.
pub const JOBS_SHOWN: u32 = 50;
/// How long a group may be aimed at, and how long it is still shown afterwards.
pub const LIVES_FOR: Duration = Duration::from_secs(180 * 24 * 3_600);
pub const SHOWN_AFTERWARDS: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long after a campaign was sent a group may be made of who clicked or saw it.
pub const SOURCE_AGE_MAX: Duration = Duration::from_secs(60 * 24 * 3_600);
/// User numbers whose membership stands in one word.
pub const WORD_NUMBERS: u32 = u64::BITS;

/// The smallest and the largest number of thirteen digits. The largest stays far below 2^53, beyond
/// which JavaScript would round it.
const NUMBER_MIN: i64 = 1_000_000_000_000;
const NUMBER_MAX: i64 = 9_999_999_999_999;
const NUMBERS: u128 = (NUMBER_MAX - NUMBER_MIN + 1) as u128;
const _: () = assert!(NUMBER_MAX < 1 << 53);

/// The number of an audience group: thirteen digits, in LINE's API and here alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AudienceGroupId(i64);

impl AudienceGroupId {
    /// `None` where no group can have this number.
    pub fn from_number(number: i64) -> Option<Self> {
        (NUMBER_MIN..=NUMBER_MAX)
            .contains(&number)
            .then_some(Self(number))
    }

    /// Reads the digits as they are written in paths and forms.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_digits.then(|| text.parse().ok()).flatten();
        number.and_then(Self::from_number)
    }

    /// A number out of sixteen bytes that were never given out before. Two of them may lead to the
    /// same one: whoever keeps it draws again where it is taken.
    pub fn drawn(bytes: [u8; 16]) -> Self {
        // The ends of time-ordered bytes differ, their beginnings hardly: all of them are mixed.
        let mut mixed = u128::from_be_bytes(bytes);
        for _ in 0..2 {
            mixed ^= mixed >> 67;
            mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        }
        let offset = i64::try_from((mixed >> 40) % NUMBERS).unwrap_or_default();
        Self(NUMBER_MIN + offset)
    }

    pub const fn number(self) -> i64 {
        self.0
    }
}

impl fmt::Display for AudienceGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a group is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// Ids that were uploaded.
    Upload,
    /// Who clicked in a campaign.
    Click,
    /// Who saw a campaign.
    Impression,
}

/// Where a group was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupRoute {
    /// By a brand's program.
    Api,
    Console,
}

/// How a group stands. `Expired` is never stored: it follows from the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupStatus {
    InProgress,
    Ready,
    Failed,
    Expired,
}

/// Why a group or an upload failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupFailure {
    /// Nobody is in it.
    Insufficient,
    Internal,
}

/// How an upload stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobStatus {
    Queued,
    Working,
    Finished,
    Failed,
}

macro_rules! coded {
    ($kind:ident { $($value:ident $code:literal $line:literal),* $(,)? }) => {
        impl $kind {
            pub const ALL: &'static [$kind] = &[$($kind::$value),*];

            /// What is stored: stable for years.
            pub const fn code(self) -> u8 {
                match self {
                    $($kind::$value => $code),*
                }
            }

            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.code() == code)
            }

            /// Its name in LINE's API.
            pub const fn line_name(self) -> &'static str {
                match self {
                    $($kind::$value => $line),*
                }
            }
        }
    };
}

coded!(GroupKind { Upload 1 "UPLOAD", Click 2 "CLICK", Impression 3 "IMP" });
coded!(GroupRoute { Api 1 "MESSAGING_API", Console 2 "OA_MANAGER" });
coded!(GroupStatus {
    InProgress 1 "IN_PROGRESS",
    Ready 2 "READY",
    Failed 3 "FAILED",
    Expired 4 "EXPIRED",
});
coded!(GroupFailure {
    Insufficient 1 "AUDIENCE_GROUP_AUDIENCE_INSUFFICIENT",
    Internal 2 "INTERNAL_ERROR",
});
coded!(JobStatus {
    Queued 1 "QUEUED",
    Working 2 "WORKING",
    Finished 3 "FINISHED",
    Failed 4 "FAILED",
});

impl GroupStatus {
    /// How a group stands now that was stored so.
    pub fn at(self, expires_at: Timestamp, now: Timestamp) -> Self {
        match now >= expires_at {
            true => Self::Expired,
            false => self,
        }
    }
}

/// Why something is not done with a group: what LINE answers, and words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GroupRefusal {
    #[error("the audience's name is empty")]
    NameEmpty,
    #[error("the audience's name has more than {DESCRIPTION_CHARS_MAX} characters")]
    NameTooLong,
    #[error("the audience's name has a control character")]
    NameWrong,
    #[error(
        "the description of the upload has more than {UPLOAD_DESCRIPTION_CHARS_MAX} characters"
    )]
    UploadDescriptionTooLong,
    #[error("the account has {GROUPS_MAX} audience groups already")]
    TooManyGroups,
    #[error("audience group not found")]
    NotFound,
    #[error("the audience group has expired")]
    Expired,
    #[error("too many uploads are not at their end yet")]
    TooManyJobs,
    /// Of a file's line, or the place of an id in a request; from 1.
    #[error("invalid audience id format (number {0})")]
    WrongId(u64),
    #[error("no valid audience ids")]
    NoIds,
    #[error("more than {0} audience ids")]
    TooManyIds(u64),
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    FileTooLarge,
    #[error("request not found")]
    RequestNotFound,
    #[error("the request was sent by another account")]
    OtherAccount,
    #[error("the message was sent more than 60 days ago")]
    TooOld,
    #[error("there is an audience group of this request already")]
    Duplicate,
}

impl GroupRefusal {
    /// What LINE says in `details`; `None` where it has no word for it.
    pub const fn line_code(self) -> Option<&'static str> {
        Some(match self {
            Self::NameEmpty => "AUDIENCE_GROUP_NAME_EMPTY",
            Self::NameTooLong => "AUDIENCE_GROUP_NAME_SIZE_OVER",
            Self::NameWrong => "AUDIENCE_GROUP_NAME_WRONG",
            Self::UploadDescriptionTooLong => "AUDIENCE_GROUP_UPLOAD_DESCRIPTION_SIZE_OVER",
            Self::TooManyGroups => "AUDIENCE_GROUP_COUNT_MAX_OVER",
            Self::NotFound => "AUDIENCE_GROUP_NOT_FOUND",
            Self::Expired => "AUDIENCE_GROUP_CAN_NOT_UPLOAD_STATUS_EXPIRED",
            Self::WrongId(_) => "UPLOAD_AUDIENCE_GROUP_INVALID_AUDIENCE_ID_FORMAT",
            Self::NoIds => "UPLOAD_AUDIENCE_GROUP_NO_VALID_AUDIENCE_IDS",
            Self::TooManyIds(_) => "UPLOAD_AUDIENCE_GROUP_TOO_MANY_AUDIENCE_IDS",
            Self::RequestNotFound => "REQUEST_NOT_FOUND",
            Self::OtherAccount => "WRONG_BOT_ID",
            Self::TooOld => "TOO_OLD_MESSAGES",
            Self::Duplicate => "AUDIENCE_GROUP_REQUESTID_DUPLICATE",
            Self::TooManyJobs | Self::FileTooLarge => return None,
        })
    }
}

/// What a group may be called.
pub fn checked_description(text: &str) -> Result<&str, GroupRefusal> {
    match text {
        _ if text.trim().is_empty() => Err(GroupRefusal::NameEmpty),
        _ if text.chars().count() > DESCRIPTION_CHARS_MAX => Err(GroupRefusal::NameTooLong),
        _ if text.chars().any(char::is_control) => Err(GroupRefusal::NameWrong),
        _ => Ok(text),
    }
}

/// What an upload may be called.
pub fn checked_upload_description(text: &str) -> Result<&str, GroupRefusal> {
    match text.chars().count() > UPLOAD_DESCRIPTION_CHARS_MAX {
        true => Err(GroupRefusal::UploadDescriptionTooLong),
        false => Ok(text),
    }
}

/// How a group stands once one of its uploads has ended; `others` are not at their end yet.
pub fn after_job(
    members: u64,
    others: u64,
    failure: Option<GroupFailure>,
) -> (GroupStatus, Option<GroupFailure>) {
    match (members, others) {
        (0, 0) => {
            let why = failure.unwrap_or(GroupFailure::Insufficient);
            (GroupStatus::Failed, Some(why))
        }
        (0, _) => (GroupStatus::InProgress, None),
        _ => (GroupStatus::Ready, None),
    }
}

/// User numbers, rising, by the words their bits stand in.
pub fn member_words(numbers: impl IntoIterator<Item = u32>) -> Vec<(u32, u64)> {
    let mut words: Vec<(u32, u64)> = Vec::new();
    for number in numbers {
        let (word, bit) = (number / WORD_NUMBERS, 1 << (number % WORD_NUMBERS));
        match words.last_mut() {
            Some((last, bits)) if *last == word => *bits |= bit,
            _ => words.push((word, bit)),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audience::{Audience, FriendFacts};
    use crate::friend::Profile;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_thirteen_digits() {
        for (text, good) in [
            ("1000000000000", true),
            ("9999999999999", true),
            ("999999999999", false),
            ("10000000000000", false),
            ("+1000000000000", false),
            ("-1000000000000", false),
            (" 1000000000000", false),
            ("1e12", false),
            ("", false),
            ("99999999999999999999999", false),
        ] {
            let read = AudienceGroupId::parse(text);
            assert_eq!(read.is_some(), good, "{text}");
            assert_eq!(read.map(|id| id.to_string()), good.then(|| text.to_owned()));
        }
    }

    #[test]
    fn ids_that_follow_each_other_lead_to_numbers_apart() {
        let numbers: std::collections::BTreeSet<AudienceGroupId> = (0..10_000_u128)
            .map(|count| AudienceGroupId::drawn(count.to_be_bytes()))
            .collect();
        assert!(numbers.len() >= 9_999, "{}", numbers.len());
    }

    #[test]
    fn an_audience_names_groups_by_their_numbers() {
        let ours = AudienceGroupId::from_number(1_234_567_890_123).unwrap();
        let json =
            r#"{"expression":{"or":[{"tag":"a"},{"not":{"audience_group":1234567890123}}]}}"#;
        let audience = Audience::parse(json).unwrap();
        assert_eq!(audience.to_json(), json);
        assert_eq!(audience.expression.groups(), [ours]);
        assert!(!audience.is_untargeted());
        let profile = Profile::default();
        for (groups, is_met) in [(&[ours][..], false), (&[][..], true)] {
            let facts = FriendFacts {
                profile: &profile,
                since: Timestamp::default(),
                lists: &[],
                groups,
                sent: &[],
            };
            assert_eq!(audience.expression.matches(&facts), is_met);
        }
        for (json, words) in [
            (r#"{"audience_group":"1234567890123"}"#, "a number"),
            (r#"{"audience_group":7}"#, "not the number"),
            (r#"{"audience_group":10000000000000}"#, "not the number"),
        ] {
            let errors = Audience::parse(json).unwrap_err();
            assert_eq!(errors.len(), 1, "{json}: {errors:?}");
            assert_eq!(errors[0].property, "audience.audience_group");
            assert!(errors[0].message.contains(words), "{json}: {errors:?}");
        }
    }

    #[test]
    fn names_have_limits() {
        let name = "가".repeat(DESCRIPTION_CHARS_MAX);
        assert_eq!(checked_description(&name), Ok(&*name));
        let refused = |name: &str| checked_description(name).unwrap_err();
        assert_eq!(refused(&format!("{name}!")), GroupRefusal::NameTooLong);
        assert_eq!(refused(" \u{3000}"), GroupRefusal::NameEmpty);
        assert_eq!(refused("a\nb"), GroupRefusal::NameWrong);
        let upload = "x".repeat(UPLOAD_DESCRIPTION_CHARS_MAX);
        assert!(checked_upload_description(&upload).is_ok());
        assert!(checked_upload_description(&format!("{upload}x")).is_err());
    }

    #[test]
    fn a_group_is_ready_with_its_first_member_and_fails_without_one() {
        use GroupFailure::{Insufficient, Internal};
        for (members, others, failure, after) in [
            (0, 0, None, (GroupStatus::Failed, Some(Insufficient))),
            (0, 0, Some(Internal), (GroupStatus::Failed, Some(Internal))),
            (0, 1, Some(Internal), (GroupStatus::InProgress, None)),
            (1, 0, Some(Internal), (GroupStatus::Ready, None)),
            (1, 3, None, (GroupStatus::Ready, None)),
        ] {
            assert_eq!(after_job(members, others, failure), after);
        }
        let (created, end) = (Timestamp::default(), Timestamp::default() + LIVES_FOR);
        assert_eq!(GroupStatus::Ready.at(end, created), GroupStatus::Ready);
        assert_eq!(GroupStatus::Failed.at(end, end), GroupStatus::Expired);
    }

    proptest! {
        #[test]
        fn what_is_drawn_can_be_read(bytes in any::<[u8; 16]>()) {
            let drawn = AudienceGroupId::drawn(bytes);
            prop_assert_eq!(AudienceGroupId::from_number(drawn.number()), Some(drawn));
            prop_assert_eq!(AudienceGroupId::parse(&drawn.to_string()), Some(drawn));
        }

        #[test]
        fn words_hold_every_number_and_no_other(
            numbers in proptest::collection::btree_set(any::<u32>(), 0..200),
        ) {
            let words = member_words(numbers.iter().copied());
            prop_assert!(words.is_sorted_by(|one, next| one.0 < next.0));
            let held = words.iter().flat_map(|(word, bits)| {
                let bits = (0..WORD_NUMBERS).filter(move |bit| bits >> bit & 1 == 1);
                bits.map(move |bit| word * WORD_NUMBERS + bit)
            });
            prop_assert_eq!(held.collect::<Vec<u32>>(), numbers.into_iter().collect::<Vec<u32>>());
        }
    }
}
