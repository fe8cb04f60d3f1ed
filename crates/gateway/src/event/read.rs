//! Reading a list of events, one by one.

use std::collections::BTreeMap;

use domain::outcome::RejectionCode;
use domain::push::PushKey;
use domain::rich_menu::RichMenuId;
use domain::rich_menu::limits::AREAS_MAX;
use domain::time::Timestamp;
use domain::user::UserKey;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{
    AccountRef, ConsentKind, EVENT_AHEAD_MAX, EVENT_ID_BYTES_MAX, EVENT_TEXT_CHARS_MAX, Event,
    EventBody, EventId, EventProfile, FriendEvent, POSTBACK_PARAMS_MAX,
};
use crate::error::{Error, quoted, read_object};
use crate::{BODY_BYTES_MAX, EVENTS_MAX, MESSAGES_MAX, RECIPIENTS_MAX};

/// Why one event of a list was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadEvent {
    pub index: usize,
    /// Its id where that could be read.
    pub id: Option<String>,
    pub reason: String,
}

/// Reads a list of events received at `now`. The outer error refuses the whole body.
pub fn parse_events(body: &[u8], now: Timestamp) -> Result<Vec<Result<Event, BadEvent>>, Error> {
    if body.len() > BODY_BYTES_MAX {
        return Err(Error::TooLarge {
            bytes: body.len(),
            max: BODY_BYTES_MAX,
        });
    }
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        events: Vec<&'a RawValue>,
    }
    let list: List<'_> = read_object("a list of events", body)?;
    if list.events.len() > EVENTS_MAX {
        return Err(Error::malformed(format!(
            "there are {} events, at most {EVENTS_MAX} are taken in one request",
            list.events.len()
        )));
    }
    let read = |(index, text): (usize, &&RawValue)| {
        parse_event(text.get(), now).map_err(|reason| BadEvent {
            index,
            id: readable_id(text.get()),
            reason,
        })
    };
    Ok(list.events.iter().enumerate().map(read).collect())
}

/// Every field an event of any type may have; the type says which it must have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    at: String,
    account: Option<String>,
    user: Option<String>,
    source: Option<String>,
    profile: Option<EventProfile>,
    #[serde(rename = "kind")]
    consent_kind: Option<String>,
    granted: Option<bool>,
    wording: Option<String>,
    push_key: Option<String>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    link: Option<String>,
    coupon: Option<String>,
    menu: Option<String>,
    area: Option<u32>,
    data: Option<String>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
    index: Option<u32>,
    code: Option<String>,
}

fn parse_event(text: &str, now: Timestamp) -> Result<Event, String> {
    let wire: Wire<'_> =
        read_object("readable", text.as_bytes()).map_err(|error| error.to_string())?;
    let id = EventId::parse(&wire.id).ok_or_else(|| {
        format!("the id is not 1 to {EVENT_ID_BYTES_MAX} printable ASCII characters")
    })?;
    let at = Timestamp::parse_rfc3339(&wire.at).map_err(|error| format!("at: {error}"))?;
    if at > now + EVENT_AHEAD_MAX {
        return Err("at is more than 5 minutes ahead".to_owned());
    }
    let body = match wire.kind.as_str() {
        "delivery.confirmed" | "delivery.failed" => wire.delivery()?,
        _ => {
            let event = wire.friend_event()?;
            EventBody::Friend {
                account: wire.account()?,
                user: wire.user()?,
                event,
            }
        }
    };
    Ok(Event { id, at, body })
}

fn readable_id(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let id = value.get("id")?.as_str()?;
    EventId::parse(id).map(|id| id.0)
}

impl Wire<'_> {
    fn friend_event(&self) -> Result<FriendEvent, String> {
        Ok(match self.kind.as_str() {
            "friend.added" => FriendEvent::Added {
                source: self.source.clone().map(bounded).transpose()?,
                profile: self.profile.clone().map(bounded_profile).transpose()?,
            },
            "friend.blocked" => FriendEvent::Blocked,
            "friend.left" => FriendEvent::Left,
            "consent.changed" => FriendEvent::ConsentChanged {
                kind: self.consent_kind()?,
                granted: self.granted.ok_or_else(|| missing("granted"))?,
                wording: self.wording.clone().map(bounded).transpose()?,
            },
            "profile.updated" => FriendEvent::ProfileUpdated {
                profile: bounded_profile(required(&self.profile, "profile")?)?,
            },
            "message.opened" => FriendEvent::MessageOpened {
                push_key: self.push_key()?,
                message: self.message_position()?,
            },
            "link.clicked" => FriendEvent::LinkClicked {
                push_key: self.push_key()?,
                message: self.message_position()?,
                link: bounded(required(&self.link, "link")?)?,
            },
            "coupon.used" => FriendEvent::CouponUsed {
                push_key: self.push_key()?,
                coupon: bounded(required(&self.coupon, "coupon")?)?,
            },
            "coupon.acquired" => FriendEvent::CouponAcquired {
                coupon: bounded(required(&self.coupon, "coupon")?)?,
            },
            "richmenu.shown" => FriendEvent::RichMenuShown { menu: self.menu()? },
            "richmenu.tapped" => FriendEvent::RichMenuTapped {
                menu: self.menu()?,
                area: self.area()?,
            },
            "message.received" => FriendEvent::MessageReceived {
                message: self.message_object()?,
            },
            "postback" => FriendEvent::Postback {
                data: bounded(required(&self.data, "data")?)?,
                params: self.params()?,
            },
            unknown => return Err(format!("{} is not an event type", quoted(unknown))),
        })
    }

    fn delivery(&self) -> Result<EventBody, String> {
        let index = self.index.ok_or_else(|| missing("index"))?;
        if index as usize >= RECIPIENTS_MAX {
            return Err(format!("index {index} is not below {RECIPIENTS_MAX}"));
        }
        let failed = match (self.kind.as_str(), &self.code) {
            ("delivery.failed", Some(code)) => Some(
                RejectionCode::from_name(code)
                    .ok_or_else(|| format!("{} is not a rejection code", quoted(code)))?,
            ),
            ("delivery.failed", None) => return Err(missing("code")),
            _ => None,
        };
        Ok(EventBody::Delivery {
            push_key: self.push_key()?,
            index,
            failed,
        })
    }

    fn account(&self) -> Result<AccountRef, String> {
        let text = self.account.as_deref().ok_or_else(|| missing("account"))?;
        AccountRef::parse(text)
            .ok_or_else(|| format!("account {} is neither acc_… nor @handle", quoted(text)))
    }

    fn user(&self) -> Result<UserKey, String> {
        let text = self.user.as_deref().ok_or_else(|| missing("user"))?;
        UserKey::parse(text).map_err(|error| format!("user: {error}"))
    }

    fn push_key(&self) -> Result<PushKey, String> {
        let text = self.push_key.as_deref().ok_or_else(|| missing("pushKey"))?;
        PushKey::parse(text).ok_or_else(|| format!("pushKey {} is not a UUID", quoted(text)))
    }

    fn menu(&self) -> Result<RichMenuId, String> {
        let text = self.menu.as_deref().ok_or_else(|| missing("menu"))?;
        RichMenuId::parse(text).ok_or_else(|| format!("menu {} is not a rich menu", quoted(text)))
    }

    fn area(&self) -> Result<u8, String> {
        let area = self.area.ok_or_else(|| missing("area"))?;
        let place = u8::try_from(area).ok();
        place
            .filter(|place| usize::from(*place) < AREAS_MAX)
            .ok_or_else(|| format!("area {area} is not below {AREAS_MAX}"))
    }

    fn consent_kind(&self) -> Result<ConsentKind, String> {
        match self.consent_kind.as_deref() {
            Some("promotion") => Ok(ConsentKind::Promotion),
            Some("night") => Ok(ConsentKind::Night),
            Some(other) => Err(format!(
                "kind {} is neither promotion nor night",
                quoted(other)
            )),
            None => Err(missing("kind")),
        }
    }

    fn message_position(&self) -> Result<u32, String> {
        let text = self.message.ok_or_else(|| missing("message"))?.get();
        text.parse()
            .ok()
            .filter(|position| (*position as usize) < MESSAGES_MAX)
            .ok_or_else(|| format!("message {} is not a message's position", quoted(text)))
    }

    fn params(&self) -> Result<BTreeMap<String, String>, String> {
        let Some(raw) = self.params else {
            return Ok(BTreeMap::new());
        };
        let params: BTreeMap<String, String> = serde_json::from_str(raw.get())
            .map_err(|_| "params is not an object of texts".to_owned())?;
        if params.len() > POSTBACK_PARAMS_MAX {
            return Err(format!("there are more than {POSTBACK_PARAMS_MAX} params"));
        }
        let pairs = params.into_iter();
        pairs
            .map(|(name, value)| Ok((bounded(name)?, bounded(value)?)))
            .collect()
    }

    fn message_object(&self) -> Result<String, String> {
        let text = self.message.ok_or_else(|| missing("message"))?.get();
        match text.starts_with('{') {
            true => Ok(text.to_owned()),
            false => Err("message is not an object".to_owned()),
        }
    }
}

fn missing(field: &str) -> String {
    format!("the event has no {field}")
}

fn required<T: Clone>(field: &Option<T>, name: &str) -> Result<T, String> {
    field.clone().ok_or_else(|| missing(name))
}

fn bounded(text: String) -> Result<String, String> {
    match text.chars().nth(EVENT_TEXT_CHARS_MAX) {
        Some(_) => Err(format!(
            "a text is longer than {EVENT_TEXT_CHARS_MAX} characters"
        )),
        None => Ok(text),
    }
}

fn bounded_profile(profile: EventProfile) -> Result<Box<EventProfile>, String> {
    let too_long = |text: &String| text.chars().nth(EVENT_TEXT_CHARS_MAX).is_some();
    if profile.texts().any(too_long) {
        return Err(format!(
            "a profile text is longer than {EVENT_TEXT_CHARS_MAX} characters"
        ));
    }
    Ok(Box::new(profile))
}
