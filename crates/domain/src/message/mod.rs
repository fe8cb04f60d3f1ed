//! Message objects in LINE's shapes, and their one validator.
//!
//! It owns what a valid message is and what its canonical JSON looks like. It does not own what a
//! message may say (compliance), where it is stored, or the files behind its URLs. Messages enter
//! only through [`parse`], so a [`Messages`] is valid by construction. Rich menus and coupons are
//! read by the same reader, in modules of their own.

#[macro_use]
mod shape; // one declaration per object: type, JSON, reading
pub(crate) mod node; // JSON as it was written
pub(crate) mod reader; // where we are in it, and what is wrong with it
pub(crate) mod value; // texts, numbers, lists, words
pub(crate) mod link; // URLs: which are admitted, where the links are

pub mod action; // what happens on a tap
pub mod common; // quick reply, sender, areas
pub mod coupon; // coupons, by their id
pub mod flex; // free layouts
pub mod imagemap; // a picture with places to tap
pub mod limits; // every number, with its unit
pub mod location; // places on the map
pub mod media; // image, video, audio
pub mod sticker; // stickers
pub mod template; // buttons, confirm, carousel, image carousel
pub mod text; // text
pub mod text_v2; // text with mentions and emojis

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use link::{Link, MediaOrigin};

use common::{QuickReply, Sender};
use coupon::CouponMessage;
use flex::FlexMessage;
use imagemap::ImagemapMessage;
use limits::MESSAGES_MAX;
use link::LinkWalk;
use location::LocationMessage;
use media::{AudioMessage, ImageMessage, VideoMessage};
use node::Node;
use reader::{Reader, Wording};
use sticker::StickerMessage;
use template::TemplateMessage;
use text::TextMessage;
use text_v2::TextMessageV2;
use value::list;

/// One to five valid messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Messages(Vec<Message>);

/// One message object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    #[serde(flatten)]
    pub content: Content,
    #[serde(rename = "quickReply", skip_serializing_if = "Option::is_none")]
    pub quick_reply: Option<QuickReply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
}

/// What a message shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    Text(TextMessage),
    TextV2(TextMessageV2),
    Image(ImageMessage),
    Video(VideoMessage),
    Audio(AudioMessage),
    Location(LocationMessage),
    Sticker(StickerMessage),
    Template(TemplateMessage),
    Imagemap(ImagemapMessage),
    Flex(FlexMessage),
    Coupon(CouponMessage),
}

/// What the validator must know about this installation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub media: MediaOrigin,
}

/// One thing that is wrong, and where: an entry of `details` in LINE's error answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationError {
    pub message: String,
    /// Such as `messages[0].template.actions[2].label`; empty where it is the JSON text itself.
    pub property: String,
}

/// What the array of messages is called in property paths, as in LINE's requests.
const ROOT: &str = "messages";
/// The first eight as LINE's error text lists them, then what it added since, in that order.
const TYPES: [&str; 11] = [
    "text", "image", "video", "audio", "location", "sticker", "template", "imagemap", "flex",
    "textV2", "coupon",
];

/// Reads a JSON array of message objects. Returns all errors, not the first one.
pub fn parse(json: &str, rules: &Rules) -> Result<Messages, Vec<ValidationError>> {
    reader::read_json(
        json,
        Some(ROOT),
        Wording::Messages,
        rules,
        |reader, node| list(1, MESSAGES_MAX, Message::read)(reader, node).map(Messages),
    )
}

impl Messages {
    /// Canonical JSON: no white space, absent properties left out, `type` first, the others in the
    /// order of their declaration. Equal messages give equal text, so it can be hashed.
    pub fn to_json(&self) -> String {
        // Keys are strings and no value can refuse: there is no error to hand on.
        serde_json::to_string(self).expect("messages are plain text, numbers and lists")
    }

    /// Every URI that can be tapped, in the order of the messages.
    pub fn links(&self) -> Vec<Link> {
        LinkWalk::through(self)
    }

    /// What is written on a link of these messages; empty where nothing is.
    pub fn label_of(&self, link: &Link) -> String {
        let message = self.0.get(link.message);
        let json = message.and_then(|message| serde_json::to_value(message).ok());
        let label = json.as_ref().and_then(|json| {
            let (action, _) = link.path.rsplit_once('/')?;
            json.pointer(action)?.get("label")?.as_str()
        });
        label.unwrap_or_default().to_owned()
    }

    /// What stands where nobody could use it: mentions, because an account talks to one person at
    /// a time, and quotes where it is not one chat that is written to.
    pub fn misplaced(&self, is_one_chat: bool) -> Vec<ValidationError> {
        let mut found = Vec::new();
        for (place, message) in self.0.iter().enumerate() {
            let mut refuse = |property: &str| {
                found.push(ValidationError {
                    message: "Must not be specified".to_owned(),
                    property: format!("{ROOT}[{place}].{property}"),
                });
            };
            let quote = match &message.content {
                Content::Text(text) => &text.quote_token,
                Content::TextV2(text) => {
                    let substitution = text.substitution.iter().flatten();
                    for (key, _) in substitution.filter(|(_, what)| what.is_mention()) {
                        refuse(&format!("substitution.{key}"));
                    }
                    &text.quote_token
                }
                Content::Sticker(sticker) => &sticker.quote_token,
                _ => &None,
            };
            if quote.is_some() && !is_one_chat {
                refuse("quoteToken");
            }
        }
        found
    }

    /// The coupons that are named, each with the property that names it.
    pub fn coupons(&self) -> impl Iterator<Item = (String, &str)> {
        let named = self.0.iter().enumerate();
        named.filter_map(|(place, message)| match &message.content {
            Content::Coupon(coupon) => Some((
                format!("{ROOT}[{place}].couponId"),
                coupon.coupon_id.as_str(),
            )),
            _ => None,
        })
    }

    /// Between 1 and 5.
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is no empty list of messages"
    )]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Message> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Messages {
    type Item = &'a Message;
    type IntoIter = std::slice::Iter<'a, Message>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Message {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &TYPES, |reader, object, tag| {
            let content = match tag {
                "text" => TextMessage::fields(reader, object).map(Content::Text),
                "image" => ImageMessage::fields(reader, object).map(Content::Image),
                "video" => VideoMessage::fields(reader, object).map(Content::Video),
                "audio" => AudioMessage::fields(reader, object).map(Content::Audio),
                "location" => LocationMessage::fields(reader, object).map(Content::Location),
                "sticker" => StickerMessage::fields(reader, object).map(Content::Sticker),
                "template" => TemplateMessage::fields(reader, object).map(Content::Template),
                "imagemap" => ImagemapMessage::fields(reader, object).map(Content::Imagemap),
                "flex" => FlexMessage::fields(reader, object).map(Content::Flex),
                "textV2" => TextMessageV2::read(reader, object).map(Content::TextV2),
                _ => CouponMessage::fields(reader, object).map(Content::Coupon),
            };
            let quick_reply = reader.optional(object, "quickReply", QuickReply::read);
            let sender = reader.optional(object, "sender", Sender::read);
            Some(Self {
                content: content?,
                quick_reply,
                sender,
            })
        })
    }

    fn walk(&self, walk: &mut LinkWalk) {
        match &self.content {
            Content::Template(message) => message.walk(walk),
            Content::Flex(message) => message.walk(walk),
            Content::Imagemap(message) => message.walk(walk),
            Content::Text(_)
            | Content::TextV2(_)
            | Content::Image(_)
            | Content::Video(_)
            | Content::Audio(_)
            | Content::Location(_)
            | Content::Sticker(_)
            | Content::Coupon(_) => {}
        }
        if let Some(quick_reply) = &self.quick_reply {
            walk.within("quickReply", |walk| quick_reply.walk(walk));
        }
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.property.is_empty() {
            write!(f, "{}: ", self.property)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ValidationError {}
