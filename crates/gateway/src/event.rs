//! Messenger to platform: what friends did and what became of deliveries.
//!
//! A list is read event by event: a bad one is answered with its place and the reason and never
//! rejects its neighbours. Only a body that is no list at all is refused as a whole.

mod read;

pub use read::{BadEvent, parse_events};

use std::collections::BTreeMap;
use std::time::Duration;

use domain::handle::Handle;
use domain::id::AccountId;
use domain::outcome::RejectionCode;
use domain::push::PushKey;
use domain::rich_menu::RichMenuId;
use domain::time::Timestamp;
use domain::user::UserKey;
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of an event's id: printable ASCII.
pub const EVENT_ID_BYTES_MAX: usize = 128;
/// An event from further ahead would win over everything a friend does until then.
pub const EVENT_AHEAD_MAX: Duration = Duration::from_secs(5 * 60);
/// Characters of a text field: source, wording, coupon, postback data, profile fields.
pub const EVENT_TEXT_CHARS_MAX: usize = 300;
/// What was picked with a postback: a date, a menu and how that went.
pub const POSTBACK_PARAMS_MAX: usize = 10;

/// One event as the platform takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub at: Timestamp,
    pub body: EventBody,
}

/// Unique per messenger: what events are deduplicated by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

#[derive(Debug, Clone, PartialEq)]
pub enum EventBody {
    Friend {
        account: AccountRef,
        user: UserKey,
        event: FriendEvent,
    },
    /// The fate of an uncertain recipient, or of an accepted one; `failed` holds the code of a
    /// failure.
    Delivery {
        push_key: PushKey,
        index: u32,
        failed: Option<RejectionCode>,
    },
}

/// How the messenger names an account: by our id or by its handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRef {
    Id(AccountId),
    Handle(Handle),
}

#[derive(Debug, Clone, PartialEq)]
pub enum FriendEvent {
    Added {
        source: Option<String>,
        profile: Option<Box<EventProfile>>,
    },
    Blocked,
    Left,
    ConsentChanged {
        kind: ConsentKind,
        granted: bool,
        wording: Option<String>,
    },
    ProfileUpdated {
        profile: Box<EventProfile>,
    },
    MessageOpened {
        push_key: PushKey,
        message: u32,
    },
    LinkClicked {
        push_key: PushKey,
        message: u32,
        link: String,
    },
    CouponUsed {
        push_key: PushKey,
        coupon: String,
    },
    /// The friend wants the coupon: whether they have it then, the messenger asks.
    CouponAcquired {
        coupon: String,
    },
    RichMenuShown {
        menu: RichMenuId,
    },
    /// `area` is the place of the area in the menu.
    RichMenuTapped {
        menu: RichMenuId,
        area: u8,
    },
    /// The message object the friend wrote, as JSON text.
    MessageReceived {
        message: String,
    },
    /// What a tap posts, and what was picked with it.
    Postback {
        data: String,
        params: BTreeMap<String, String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConsentKind {
    Promotion,
    Night,
}

/// A friend's profile as the messenger tells it; what its values may be is the directory's matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventProfile {
    pub display_name: Option<String>,
    pub language: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub gender: Option<String>,
    pub birth_year: Option<u16>,
    pub time_zone: Option<String>,
}

/// The body of a request that carries `events`.
pub fn events_body(events: &[Event]) -> Vec<u8> {
    let events: Vec<Value> = events.iter().map(Event::to_json).collect();
    json!({ "events": events }).to_string().into_bytes()
}

impl EventId {
    /// 1 to 128 printable ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let length_fits = (1..=EVENT_ID_BYTES_MAX).contains(&text.len());
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (length_fits && printable).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AccountRef {
    pub fn parse(text: &str) -> Option<Self> {
        if text.starts_with('@') {
            Handle::parse(text).ok().map(Self::Handle)
        } else {
            text.parse().ok().map(Self::Id)
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::Handle(handle) => handle.to_string(),
        }
    }
}

impl Event {
    pub fn to_json(&self) -> Value {
        let mut event = match &self.body {
            EventBody::Friend {
                account,
                user,
                event,
            } => {
                let mut fields = event.to_json();
                fields["account"] = account.to_text().into();
                fields["user"] = user.as_str().into();
                fields
            }
            EventBody::Delivery {
                push_key,
                index,
                failed: None,
            } => json!({"type": "delivery.confirmed", "pushKey": push_key.to_string(),
                "index": index}),
            EventBody::Delivery {
                push_key,
                index,
                failed: Some(code),
            } => json!({"type": "delivery.failed", "pushKey": push_key.to_string(),
                "index": index, "code": code.name()}),
        };
        event["id"] = self.id.0.as_str().into();
        event["at"] = self.at.to_string().into();
        event
    }
}

impl FriendEvent {
    fn to_json(&self) -> Value {
        match self {
            Self::Added { source, profile } => json!({"type": "friend.added", "source": source,
                "profile": profile.as_deref().map(EventProfile::to_json)}),
            Self::Blocked => json!({"type": "friend.blocked"}),
            Self::Left => json!({"type": "friend.left"}),
            Self::ConsentChanged {
                kind,
                granted,
                wording,
            } => json!({"type": "consent.changed", "kind": kind.name(), "granted": granted,
                "wording": wording}),
            Self::ProfileUpdated { profile } => {
                json!({"type": "profile.updated", "profile": profile.to_json()})
            }
            Self::MessageOpened { push_key, message } => json!({"type": "message.opened",
                "pushKey": push_key.to_string(), "message": message}),
            Self::LinkClicked {
                push_key,
                message,
                link,
            } => json!({"type": "link.clicked", "pushKey": push_key.to_string(),
                "message": message, "link": link}),
            Self::CouponUsed { push_key, coupon } => json!({"type": "coupon.used",
                "pushKey": push_key.to_string(), "coupon": coupon}),
            Self::CouponAcquired { coupon } => {
                json!({"type": "coupon.acquired", "coupon": coupon})
            }
            Self::RichMenuShown { menu } => {
                json!({"type": "richmenu.shown", "menu": menu.to_string()})
            }
            Self::RichMenuTapped { menu, area } => json!({"type": "richmenu.tapped",
                "menu": menu.to_string(), "area": area}),
            Self::MessageReceived { message } => json!({"type": "message.received",
                "message": serde_json::from_str::<Value>(message).unwrap_or_default()}),
            Self::Postback { data, params } if params.is_empty() => {
                json!({"type": "postback", "data": data})
            }
            Self::Postback { data, params } => {
                json!({"type": "postback", "data": data, "params": params})
            }
        }
    }
}

impl ConsentKind {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promotion => "promotion",
            Self::Night => "night",
        }
    }
}

impl EventProfile {
    fn to_json(&self) -> Value {
        json!({"displayName": self.display_name, "language": self.language,
            "country": self.country, "region": self.region, "gender": self.gender,
            "birthYear": self.birth_year, "timeZone": self.time_zone})
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        [
            &self.display_name,
            &self.language,
            &self.country,
            &self.region,
            &self.gender,
            &self.time_zone,
        ]
        .into_iter()
        .flatten()
    }
}
