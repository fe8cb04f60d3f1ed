//! Requests of a brand's programs to send something, in LINE's words.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::campaign::StandingOperation;
use crate::id::{CampaignId, RequestId};
use crate::message::{Content, Message, Messages};

/// Bounds of a unit's name, as LINE documents them.
pub const UNIT_CHARS_MAX: usize = 30;
/// Units a channel may use in a month; a send of one more has none.
pub const UNITS_A_MONTH_MAX: u32 = 1_000;
/// Ids of sent messages have so many digits, which every JSON library keeps as a number as well.
const MESSAGE_ID_DIGITS: u32 = 15;
/// What may be quoted later has a token of so many bytes.
const QUOTE_TOKEN_BYTES: usize = 24;

/// What was asked for. Codes are stored: stable for years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiOperation {
    Push,
    Multicast,
    Reply,
    Broadcast,
    Narrowcast,
}

/// What sends are added up under, beside their campaign: chosen by the brand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AggregationUnit(String);

/// By it a request that is made again is known: a UUID as text, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RetryKey(String);

/// What a push or reply says of one message that it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// Digits.
    pub id: String,
    /// By it the message can be quoted, where its kind can be.
    pub quote_token: Option<String>,
}

impl ApiOperation {
    pub const ALL: [ApiOperation; 5] = [
        Self::Push,
        Self::Multicast,
        Self::Reply,
        Self::Broadcast,
        Self::Narrowcast,
    ];

    pub const fn code(self) -> u8 {
        match self {
            Self::Push => 1,
            Self::Multicast => 2,
            Self::Reply => 3,
            Self::Broadcast => 4,
            Self::Narrowcast => 5,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.code() == code)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Multicast => "multicast",
            Self::Reply => "reply",
            Self::Broadcast => "broadcast",
            Self::Narrowcast => "narrowcast",
        }
    }
}

impl From<StandingOperation> for ApiOperation {
    fn from(operation: StandingOperation) -> Self {
        match operation {
            StandingOperation::Push => Self::Push,
            StandingOperation::Multicast => Self::Multicast,
            StandingOperation::Reply => Self::Reply,
        }
    }
}

impl AggregationUnit {
    /// `None` where it is not 1 to 30 of LINE's characters.
    pub fn parse(text: &str) -> Option<Self> {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = (1..=UNIT_CHARS_MAX).contains(&text.len()) && text.bytes().all(is_known);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl RetryKey {
    /// `None` where it is not 8-4-4-4-12 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
        let key = uuid::Uuid::try_parse(text).ok().filter(|_| is_hyphenated)?;
        Some(Self(key.to_string()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What receipts of a unit's requests of one day, with so many messages, are counted under beside
/// the day's campaign. It stands where the id of a campaign stands, and is none.
pub fn receipts_of_unit(day: CampaignId, unit: &AggregationUnit, messages: u8) -> CampaignId {
    let mut digest = Sha256::new();
    digest.update("unit");
    digest.update(day.as_bytes());
    digest.update([messages]);
    digest.update(unit.as_str());
    let digest: [u8; 32] = digest.finalize().into();
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    CampaignId::from_bytes(id)
}

impl fmt::Display for AggregationUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SentMessage {
    /// What a request says of its messages: computed, so that it is the same whenever it is asked
    /// for.
    pub fn of(request: RequestId, messages: &Messages) -> Vec<Self> {
        let numbered = (0u8..).zip(messages);
        let one = |(place, message)| Self {
            id: message_id(request, place),
            quote_token: is_quotable(message).then(|| quote_token(request, place)),
        };
        numbered.map(one).collect()
    }
}

pub(crate) fn message_id(request: RequestId, place: u8) -> String {
    let digest = digest("message", request, place);
    let [a, b, c, d, e, f, g, h, ..] = digest;
    let least = 10u64.pow(MESSAGE_ID_DIGITS - 1);
    let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    (least + number % (9 * least)).to_string()
}

pub(crate) fn quote_token(request: RequestId, place: u8) -> String {
    hex::encode(&digest("quote", request, place)[..QUOTE_TOKEN_BYTES])
}

fn digest(what: &str, request: RequestId, place: u8) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(what);
    digest.update(request.as_bytes());
    digest.update([place]);
    digest.finalize().into()
}

fn is_quotable(message: &Message) -> bool {
    match &message.content {
        Content::Text(_)
        | Content::TextV2(_)
        | Content::Sticker(_)
        | Content::Image(_)
        | Content::Video(_)
        | Content::Template(_)
        | Content::Flex(_) => true,
        Content::Audio(_) | Content::Location(_) | Content::Imagemap(_) | Content::Coupon(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::message;

    #[test]
    fn units_are_of_lines_letters() {
        for text in ["a", "Spring_2026", &"x".repeat(30)] {
            assert_eq!(AggregationUnit::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a-b", "봄", "a b", &"x".repeat(31)] {
            assert_eq!(AggregationUnit::parse(text), None, "{text}");
        }
    }

    #[test]
    fn receipts_of_units_stand_apart() {
        let (day, other) = (
            CampaignId::from_bytes([1; 16]),
            CampaignId::from_bytes([2; 16]),
        );
        let (a, b) = (
            AggregationUnit::parse("a").unwrap(),
            AggregationUnit::parse("A").unwrap(),
        );
        let ids = [(day, &a, 1), (day, &a, 2), (day, &b, 1), (other, &a, 1)];
        let ids = ids.map(|(day, unit, messages)| receipts_of_unit(day, unit, messages));
        assert_eq!(BTreeSet::from(ids).len(), 4);
        assert_eq!(receipts_of_unit(day, &a, 1), ids[0]);
    }

    #[test]
    fn retry_keys_are_uuids_with_hyphens_in_any_case() {
        let key = "123E4567-e89b-12d3-a456-426614174000";
        assert_eq!(
            RetryKey::parse(key).unwrap().as_str(),
            key.to_ascii_lowercase()
        );
        for text in [
            "",
            "123e4567e89b12d3a456426614174000",
            "{123e4567-e89b-12d3-a456-426614174000}",
            "123e4567-e89b-12d3-a456-42661417400g",
            "123e4567-e89b-12d3-a456-4266141740000",
        ] {
            assert_eq!(RetryKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn codes_of_operations_are_read_as_they_are_written() {
        for operation in ApiOperation::ALL {
            assert_eq!(ApiOperation::from_code(operation.code()), Some(operation));
        }
        assert_eq!(ApiOperation::from_code(0), None);
    }

    proptest! {
        #[test]
        fn sent_messages_have_ids_of_their_own_and_the_same_ones_again(bytes: [u8; 16]) {
            let json = r#"[{"type":"text","text":"a"},{"type":"sticker","packageId":"1",
                "stickerId":"2"},{"type":"location","title":"t","address":"a","latitude":1,
                "longitude":2}]"#;
            let messages = message::parse(json, &message::Rules::default()).unwrap();
            let request = RequestId::from_bytes(bytes);
            let sent = SentMessage::of(request, &messages);
            prop_assert_eq!(&sent, &SentMessage::of(request, &messages));
            let ids: BTreeSet<&str> = sent.iter().map(|message| message.id.as_str()).collect();
            prop_assert_eq!(ids.len(), 3);
            prop_assert!(ids.iter().all(|id| id.len() == 15 && !id.starts_with('0')));
            let quotable: Vec<bool> = sent.iter().map(|m| m.quote_token.is_some()).collect();
            prop_assert_eq!(quotable, vec![true, true, false]);
        }
    }
}
