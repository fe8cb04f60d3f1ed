//! URLs inside messages: which are admitted, and where the tappable ones are.
//!
//! Media must come over https, or over http from this installation's own `/media`: a development
//! machine has no certificate. Links are found by walking the typed message, so that their order
//! and their paths follow the canonical JSON.

use url::Url;

use super::Messages;
use super::action::Action;
use super::limits::{ACTION_URI_LENGTH_MAX, MEDIA_URL_LENGTH_MAX};
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, length, string};

/// Where the media of messages may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaOrigin {
    /// Host and port of this installation, where it is served without TLS.
    own_http: Option<(String, u16)>,
}

/// A URI that can be tapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Index of the message.
    pub message: usize,
    /// JSON pointer (RFC 6901) to the URI, from the message object.
    pub path: String,
    pub uri: String,
}

/// Schemes a URI action may have.
const ACTION_SCHEMES: [&str; 4] = ["http", "https", "line", "tel"];

impl MediaOrigin {
    /// https from anywhere, and `/media/…` of the given base URL where that is an http one.
    pub fn with_own_media(base: &str) -> Result<Self, url::ParseError> {
        let base = Url::parse(base)?;
        let host = base.host_str().ok_or(url::ParseError::EmptyHost)?;
        let port = base.port_or_known_default().unwrap_or(80);
        Ok(Self {
            own_http: (base.scheme() == "http").then(|| (host.to_owned(), port)),
        })
    }

    fn admits(&self, url: &Url) -> bool {
        match (url.scheme(), &self.own_http) {
            ("https", _) => true,
            ("http", Some((host, port))) => {
                url.host_str() == Some(host)
                    && url.port_or_known_default() == Some(*port)
                    && url.username().is_empty()
                    && url.password().is_none()
                    // Dot segments are resolved by the time the path is asked for.
                    && url.path().starts_with("/media/")
            }
            _ => false,
        }
    }
}

/// Reads the URL of an image, a video, a sound or an icon.
pub(crate) fn media_url<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    let text = length(reader, text, Unit::Utf16, 1, MEDIA_URL_LENGTH_MAX)?;
    match absolute(text) {
        Some(url) if reader.rules.media.admits(&url) => Some(text.to_owned()),
        Some(_) => {
            reader.report("invalid uri: must be an https URL");
            None
        }
        None => {
            reader.report("invalid uri");
            None
        }
    }
}

/// Reads the URI of an action.
pub(super) fn action_uri<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    let text = length(reader, text, Unit::Utf16, 1, ACTION_URI_LENGTH_MAX)?;
    match absolute(text) {
        Some(url) if ACTION_SCHEMES.contains(&url.scheme()) => Some(text.to_owned()),
        Some(_) => {
            let schemes = ACTION_SCHEMES.join(", ");
            reader.report(format!(
                "invalid uri: the scheme must be one of [{schemes}]"
            ));
            None
        }
        None => {
            reader.report("invalid uri");
            None
        }
    }
}

/// Parses what every client reads the same way: browsers drop line breaks inside a URL and take
/// `https:\\host` for `https://host`, so neither is admitted.
fn absolute(text: &str) -> Option<Url> {
    let doubtful = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if text.contains(doubtful) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let (_, rest) = text.split_once(':')?;
    let web = matches!(url.scheme(), "http" | "https");
    // Browsers also take one slash, or three, for two.
    let host_follows = rest.starts_with("//") && !rest.starts_with("///");
    if web && !host_follows {
        return None;
    }
    // A scheme alone leads nowhere.
    (!rest.is_empty()).then_some(url)
}

/// Collects links while it walks through the messages.
pub(super) struct LinkWalk {
    message: usize,
    pointer: String,
    links: Vec<Link>,
}

impl LinkWalk {
    pub(super) fn through(messages: &Messages) -> Vec<Link> {
        let mut walk = Self {
            message: 0,
            pointer: String::new(),
            links: Vec::new(),
        };
        for (index, message) in messages.iter().enumerate() {
            walk.message = index;
            message.walk(&mut walk);
        }
        walk.links
    }

    pub(super) fn within(&mut self, step: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        visit(self);
        self.pointer.truncate(length);
    }

    pub(super) fn each<T>(&mut self, step: &str, items: &[T], visit: impl Fn(&mut Self, &T)) {
        self.within(step, |walk| {
            for (index, item) in items.iter().enumerate() {
                walk.within(&index.to_string(), |walk| visit(walk, item));
            }
        });
    }

    /// An action under the property `step`, if it is there.
    pub(super) fn action(&mut self, step: &str, action: Option<&Action>) {
        if let Some(action) = action {
            self.within(step, |walk| action.walk(walk));
        }
    }

    pub(super) fn uri(&mut self, step: &str, uri: &str) {
        self.within(step, |walk| {
            walk.links.push(Link {
                message: walk.message,
                path: walk.pointer.clone(),
                uri: uri.to_owned(),
            });
        });
    }
}
