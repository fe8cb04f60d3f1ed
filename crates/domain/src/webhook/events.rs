//! What happened with a friend, in LINE's shapes, with every field that LINE's libraries expect:
//! they take an event without one of them for a kind that they do not know.
//!
//! Ids and tokens of a message follow from the event's id, so that they are the same whenever they
//! are asked for. A reply token is drawn by whoever makes the event.

mod written; // what friends write

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{EventId, EventKind};
use crate::api_request::{message_id, quote_token};
use crate::id::RequestId;
use crate::time::Timestamp;
use crate::user::LineUserId;
pub use written::{ContentProvider, MESSAGE_BYTES_MAX, WrittenMessage};

/// Bytes of a reply token: twice as many hexadecimal digits.
pub const REPLY_TOKEN_BYTES: usize = 16;

/// What a friend did, as far as brands' programs are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    Followed {
        /// They had blocked the account.
        is_unblocked: bool,
    },
    Unfollowed,
    Wrote(WrittenMessage),
    /// What a tap posts, and what was picked with it.
    Posted {
        data: String,
        params: BTreeMap<String, String>,
    },
}

/// One deed, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendEvent {
    pub id: EventId,
    pub user: LineUserId,
    pub at: Timestamp,
    pub deed: Deed,
}

/// By it a program answers one event, once and soon.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplyToken([u8; REPLY_TOKEN_BYTES]);

/// Why a token answers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Never issued to the channel, or long over.
    #[error("The reply token is not known to this channel")]
    Unknown,
    #[error("The reply token has expired")]
    Expired,
    #[error("The reply token has been used")]
    Used,
}

impl ReplyToken {
    pub const fn from_bytes(bytes: [u8; REPLY_TOKEN_BYTES]) -> Self {
        Self(bytes)
    }

    /// `None` where it is not 32 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let mut bytes = [0; REPLY_TOKEN_BYTES];
        let is_fit = text.bytes().all(is_digit) && hex::decode_to_slice(text, &mut bytes).is_ok();
        is_fit.then_some(Self(bytes))
    }

    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// What is kept of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl std::fmt::Debug for ReplyToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(reply token)")
    }
}

impl Deed {
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Followed { .. } => EventKind::Follow,
            Self::Unfollowed => EventKind::Unfollow,
            Self::Wrote(_) => EventKind::Message,
            Self::Posted { .. } => EventKind::Postback,
        }
    }

    /// Whether it can be answered: whoever went cannot.
    pub const fn takes_reply(&self) -> bool {
        !matches!(self, Self::Unfollowed)
    }
}

impl FriendEvent {
    /// The event as it is sent for the first time, with a token where it can be answered.
    pub fn to_json(&self, reply_token: Option<ReplyToken>) -> String {
        let deed = match &self.deed {
            Deed::Followed { is_unblocked } => DeedFields::Follow {
                follow: FollowDetail {
                    is_unblocked: *is_unblocked,
                },
            },
            Deed::Unfollowed => DeedFields::Unfollow {},
            Deed::Wrote(written) => DeedFields::Message {
                message: self.message(written),
            },
            Deed::Posted { data, params } => DeedFields::Postback {
                postback: PostbackContent { data, params },
            },
        };
        let fields = EventFields {
            deed,
            mode: "active",
            timestamp: self.at.as_millis(),
            source: Source {
                kind: "user",
                user_id: self.user.to_string(),
            },
            webhook_event_id: self.id.to_string(),
            delivery_context: DeliveryContext {
                is_redelivery: false,
            },
            reply_token: reply_token.map(|token| token.reveal()),
        };
        let Ok(json) = serde_json::to_string(&fields) else {
            unreachable!("an event is text and numbers");
        };
        json
    }

    fn message<'a>(&self, written: &'a WrittenMessage) -> MessageFields<'a> {
        let request = RequestId::from_bytes(*self.id.as_bytes());
        MessageFields {
            written,
            id: message_id(request, 0),
            quote_token: written.is_quotable().then(|| quote_token(request, 0)),
            mark_as_read_token: read_token(self.id),
        }
    }
}

/// By it a program says that it has read a message and those before: it names the message's event.
pub fn read_token(message: EventId) -> String {
    URL_SAFE_NO_PAD.encode(message.as_bytes())
}

/// The event of the message that a token is of, where it has the form of one.
pub fn event_of_read_token(token: &str) -> Option<EventId> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    Some(EventId::from_bytes(bytes.try_into().ok()?))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventFields<'a> {
    #[serde(flatten)]
    deed: DeedFields<'a>,
    mode: &'static str,
    timestamp: i64,
    source: Source,
    webhook_event_id: String,
    delivery_context: DeliveryContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_token: Option<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum DeedFields<'a> {
    Follow { follow: FollowDetail },
    Unfollow {},
    Message { message: MessageFields<'a> },
    Postback { postback: PostbackContent<'a> },
}

#[derive(Serialize)]
struct Source {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "userId")]
    user_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryContext {
    is_redelivery: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FollowDetail {
    is_unblocked: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageFields<'a> {
    #[serde(flatten)]
    written: &'a WrittenMessage,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote_token: Option<String>,
    mark_as_read_token: String,
}

#[derive(Serialize)]
struct PostbackContent<'a> {
    data: &'a str,
    #[serde(skip_serializing_if = "<BTreeMap<String, String>>::is_empty")]
    params: &'a BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ID: EventId = EventId::from_bytes([1; 16]);
    const TOKEN: ReplyToken = ReplyToken::from_bytes([0xbb; REPLY_TOKEN_BYTES]);

    fn told(deed: Deed, token: Option<ReplyToken>) -> (String, Value) {
        let event = FriendEvent {
            id: ID,
            user: LineUserId::from_bytes([0xab; 16]),
            at: Timestamp::from_millis(1_625_665_242_214),
            deed,
        };
        let text = event.to_json(token);
        let parsed = serde_json::from_str(&text).unwrap();
        (text, parsed)
    }

    fn with_common(kind: &str, fields: Value) -> Value {
        let mut all = json!({
            "type": kind, "mode": "active", "timestamp": 1_625_665_242_214_i64,
            "source": {"type": "user", "userId": format!("U{}", "ab".repeat(16))},
            "webhookEventId": ID.to_string(), "deliveryContext": {"isRedelivery": false},
        });
        for (name, value) in fields.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }

    #[test]
    fn events_have_every_field_of_lines() {
        let token = "bb".repeat(16);
        for is_unblocked in [false, true] {
            let (_, event) = told(Deed::Followed { is_unblocked }, Some(TOKEN));
            let fields = json!({"replyToken": token, "follow": {"isUnblocked": is_unblocked}});
            assert_eq!(event, with_common("follow", fields));
        }
        let (_, event) = told(Deed::Unfollowed, None);
        assert_eq!(event, with_common("unfollow", json!({})));
        for (params, postback) in [
            (BTreeMap::new(), json!({"data": "action=buy"})),
            (
                BTreeMap::from([("date".to_owned(), "2026-12-24".to_owned())]),
                json!({"data": "action=buy", "params": {"date": "2026-12-24"}}),
            ),
        ] {
            let data = "action=buy".to_owned();
            let (_, event) = told(Deed::Posted { data, params }, Some(TOKEN));
            let fields = json!({"replyToken": token, "postback": postback});
            assert_eq!(event, with_common("postback", fields));
        }
        let text = WrittenMessage::parse(r#"{"type":"text","text":"안녕"}"#).unwrap();
        let (_, event) = told(Deed::Wrote(text), Some(TOKEN));
        let message = &event["message"];
        let id = message["id"].as_str().unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        let read = message["markAsReadToken"].as_str().unwrap();
        assert_eq!(event_of_read_token(read), Some(ID));
        let fields = json!({"replyToken": token, "message": {"type": "text", "id": id,
            "text": "안녕", "quoteToken": message["quoteToken"], "markAsReadToken": read}});
        assert!(message["quoteToken"].is_string());
        assert_eq!(event, with_common("message", fields));
    }

    #[test]
    fn only_the_delivery_changes_when_it_is_sent_again() {
        let text = r#"{"deliveryContext":{"isRedelivery":false}}"#.to_owned();
        let written = WrittenMessage::Text { text: text.clone() };
        let (sent, event) = told(Deed::Wrote(written), Some(TOKEN));
        let again: Value = serde_json::from_str(&crate::webhook::again(&sent)).unwrap();
        let mut expected = event;
        expected["deliveryContext"]["isRedelivery"] = true.into();
        assert_eq!(again, expected);
        assert_eq!(again["message"]["text"], text);
    }

    #[test]
    fn only_what_can_be_quoted_has_a_token_for_that() {
        for (json, is_quotable) in [
            (
                r#"{"type":"sticker","packageId":"1","stickerId":"2"}"#,
                true,
            ),
            (r#"{"type":"audio"}"#, false),
        ] {
            let written = WrittenMessage::parse(json).unwrap();
            let (_, event) = told(Deed::Wrote(written), Some(TOKEN));
            assert_eq!(event["message"]["quoteToken"].is_string(), is_quotable);
            assert!(event["message"]["markAsReadToken"].is_string(), "{event}");
        }
    }

    #[test]
    fn tokens_have_one_form() {
        assert_eq!(ReplyToken::parse(&TOKEN.reveal()), Some(TOKEN));
        assert_eq!(format!("{TOKEN:?}"), "(reply token)");
        for text in [
            "",
            "bb",
            &"BB".repeat(16),
            &"bb".repeat(17),
            &"가".repeat(11),
        ] {
            assert_eq!(ReplyToken::parse(text), None, "{text}");
        }
        for text in ["", "a", "AQEBAQEBAQEBAQEBAQEBAQE", "한국어"] {
            assert_eq!(event_of_read_token(text), None, "{text}");
        }
    }
}
