//! What a brand's program is told: events in LINE's shapes, signed, at an address of the brand's.

pub mod events; // what happened with a friend, field by field

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use crate::coupon::CouponId;
use crate::user::LineUserId;

/// Characters of an address.
pub const URL_CHARS_MAX: usize = 500;
/// What an event says where it is sent for the first time; nothing else of it changes later.
const FIRST: &str = r#""deliveryContext":{"isRedelivery":false}"#;
const AGAIN: &str = r#""deliveryContext":{"isRedelivery":true}"#;

/// The id of an event, in LINE's form: a ULID, as a coupon's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId([u8; 16]);

impl EventId {
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub fn parse(text: &str) -> Option<Self> {
        CouponId::parse(text).map(|id| Self(*id.as_bytes()))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", CouponId::from_bytes(self.0))
    }
}

/// Closed lists of names, with the numbers that the database keeps.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident { $($one:ident $name:literal $number:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $kind { $($one),* }

        impl $kind {
            pub const ALL: [Self; [$($number),*].len()] = [$(Self::$one),*];

            pub const fn name(self) -> &'static str {
                match self { $(Self::$one => $name),* }
            }

            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }

            pub const fn code(self) -> u8 {
                match self { $(Self::$one => $number),* }
            }

            pub fn from_code(code: u8) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.code() == code)
            }
        }
    };
}

named! {
    /// What happened, as LINE calls it.
    EventKind {
        Follow "follow" 1,
        Unfollow "unfollow" 2,
        Message "message" 3,
        Postback "postback" 4,
    }
}

named! {
    /// Whether the program was told.
    EventState {
        Waiting "waiting" 1,
        Delivered "delivered" 2,
        GivenUp "given_up" 3,
    }
}

named! {
    /// Why a request was not taken.
    FailureReason {
        CouldNotConnect "could_not_connect" 1,
        RequestTimeout "request_timeout" 2,
        ErrorStatusCode "error_status_code" 3,
        Unclassified "unclassified" 4,
        ForbiddenAddress "forbidden_address" 5,
    }
}

impl FailureReason {
    /// As LINE's test of a webhook says it.
    pub const fn line_name(self) -> &'static str {
        match self {
            Self::CouldNotConnect => "COULD_NOT_CONNECT",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
            Self::ErrorStatusCode => "ERROR_STATUS_CODE",
            Self::Unclassified => "UNCLASSIFIED",
            Self::ForbiddenAddress => "FORBIDDEN_ADDRESS",
        }
    }
}

/// An address with the form of a webhook's. Whether it may be asked is judged when it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address of a webhook")]
pub struct InvalidUrl;

impl EndpointUrl {
    pub fn parse(text: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(text).map_err(|_| InvalidUrl)?;
        let is_fit = text.chars().count() <= URL_CHARS_MAX
            && !text.contains(|c: char| c.is_control() || c.is_whitespace())
            && ["https", "http"].contains(&url.scheme())
            && url.host_str().is_some_and(|host| !host.is_empty());
        match is_fit {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidUrl),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The body of a request with these events, each JSON already.
pub fn body(destination: LineUserId, events: &[&str]) -> String {
    format!(
        r#"{{"destination":"{destination}","events":[{}]}}"#,
        events.join(",")
    )
}

/// An event as it is sent once more.
pub fn again(event: &str) -> String {
    event.replacen(FIRST, AGAIN, 1)
}

/// What proves that a body comes from here: HMAC-SHA256 under the channel's secret, in base64.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        unreachable!("a key of HMAC has any length");
    };
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_libraries_check() {
        let body = r#"{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}"#;
        let bot = LineUserId::parse("U8e742f61d673b39c7fff3cecb7536ef0").unwrap();
        assert_eq!(super::body(bot, &[]), body);
        let signature = sign("8c570fa6dd201bb328f1c1eac23a96d8", body.as_bytes());
        assert_eq!(signature, "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=");
    }

    #[test]
    fn an_address_has_a_host_and_a_bounded_length() {
        let long = format!("https://x.example/{}", "a".repeat(483));
        for (text, is_fit) in [
            ("https://x.example/hook?a=b", true),
            ("http://127.0.0.1:8080/hook", true),
            (&long[..500], true),
            (&*long, false),
            ("https://", false),
            ("ftp://x.example/", false),
            ("x.example/hook", false),
            ("https://x.example/a b", false),
            ("", false),
        ] {
            assert_eq!(EndpointUrl::parse(text).is_ok(), is_fit, "{text}");
        }
    }
}
