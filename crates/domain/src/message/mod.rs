//! Message objects in LINE's shapes, and their one validator.
//!
//! It owns what a valid message is and what its canonical JSON looks like. It does not own what a
//! message may say (compliance), where it is stored, or the files behind its URLs. Messages enter
//! only through [`parse`], so a [`Messages`] is valid by construction. Types of LINE that are not
//! here yet (audio, location, imagemap, coupon, textV2, image carousel) are refused by name.

#[macro_use]
mod shape; // one declaration per object: type, JSON, reading
pub(crate) mod node; // JSON as it was written
mod reader; // where we are in it, and what is wrong with it
mod link; // URLs: which are admitted, where the links are

pub mod action; // what happens on a tap
pub mod common; // quick reply and sender
pub mod flex; // free layouts
pub mod limits; // every number, with its unit
pub mod media; // image and video
pub mod sticker; // stickers
pub mod template; // buttons, confirm, carousel
pub mod text; // text

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use link::{Link, MediaOrigin};

use common::{QuickReply, Sender};
use flex::FlexMessage;
use limits::{MESSAGES_BYTES_MAX, MESSAGES_MAX};
use link::LinkWalk;
use media::{ImageMessage, VideoMessage};
use node::Node;
use reader::{Reader, list};
use sticker::StickerMessage;
use template::TemplateMessage;
use text::TextMessage;

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
    Image(ImageMessage),
    Video(VideoMessage),
    Sticker(StickerMessage),
    Template(TemplateMessage),
    Flex(FlexMessage),
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
const TYPES: [&str; 6] = ["text", "image", "video", "sticker", "template", "flex"];

/// Reads a JSON array of message objects. Returns all errors, not the first one.
pub fn parse(json: &str, rules: &Rules) -> Result<Messages, Vec<ValidationError>> {
    if json.len() > MESSAGES_BYTES_MAX {
        let message = format!("The JSON must not be larger than {MESSAGES_BYTES_MAX} bytes");
        return Err(refuse_text(message));
    }
    let node = Node::parse(json).map_err(|error| {
        refuse_text(format!(
            "The request body could not be parsed as JSON (line: {}, column: {})",
            error.line(),
            error.column()
        ))
    })?;
    let mut reader = Reader::at(ROOT, rules);
    let messages = list(1, MESSAGES_MAX, Message::read)(&mut reader, &node);
    match (messages, reader.into_errors()) {
        (Some(messages), errors) if errors.is_empty() => Ok(Messages(messages)),
        (_, errors) => Err(errors),
    }
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
                "sticker" => StickerMessage::fields(reader, object).map(Content::Sticker),
                "template" => TemplateMessage::fields(reader, object).map(Content::Template),
                _ => FlexMessage::fields(reader, object).map(Content::Flex),
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
            Content::Text(_) | Content::Image(_) | Content::Video(_) | Content::Sticker(_) => {}
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

fn refuse_text(message: String) -> Vec<ValidationError> {
    vec![ValidationError {
        message,
        property: String::new(),
    }]
}
