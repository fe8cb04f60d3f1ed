//! What several messages have in common: quick replies, a sender of its own, areas, quotes.

use super::action::{Action, Place, action};
use super::limits::{
    PIXELS_MAX, QUICK_REPLY_ITEMS_MAX, QUOTE_TOKEN_LENGTH_MAX, SENDER_NAME_LENGTH_MAX,
};
use super::link::{LinkWalk, media_url};
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, integer_between, length, list, string, text};

shape! {
    /// Buttons below the chat, gone once one was tapped.
    QuickReply {
        required {
            items "items": Vec<QuickReplyItem> =
                list(1, QUICK_REPLY_ITEMS_MAX, QuickReplyItem::read);
        }
    }
}

shape! {
    /// One button.
    QuickReplyItem ["action"] {
        required {
            action "action": Action = action(Place::QuickReply);
        }
        optional {
            image_url "imageUrl": String = media_url;
        }
    }
}

shape! {
    /// Another name or icon than the account's, for one message.
    Sender {
        optional {
            name "name": String = sender_name;
            icon_url "iconUrl": String = media_url;
        }
    }
}

shape! {
    /// A rectangle in a picture, in its pixels from the top left corner.
    Area {
        required {
            x "x": u32 = pixels(0);
            y "y": u32 = pixels(0);
            width "width": u32 = pixels(1);
            height "height": u32 = pixels(1);
        }
    }
}

impl QuickReply {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }

    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        walk.each("items", &self.items, |walk, item| {
            walk.action("action", Some(&item.action));
        });
    }
}

impl QuickReplyItem {
    /// LINE's specification gives `type` a default here, and only here.
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, |reader, object| {
            reader.optional(object, "type", |reader, node| {
                if string(reader, node)? != "action" {
                    reader.report_words(&["action"]);
                }
                Some(())
            });
            Self::fields(reader, object)
        })
    }
}

impl Sender {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

impl Area {
    pub(crate) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

/// A position or length of at least `min` pixels.
pub(crate) fn pixels<'a>(min: i64) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<u32> {
    move |reader, node| u32::try_from(integer_between(min, PIXELS_MAX)(reader, node)?).ok()
}

/// The token of the message that is quoted.
pub(super) fn quote_token<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    text(Unit::Utf16, 1, QUOTE_TOKEN_LENGTH_MAX)(reader, node)
}

/// A sender may not pass itself off as the messenger: `LINE` as a word is refused, `Airline` is
/// not.
fn sender_name<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let name = string(reader, node)?;
    let name = length(reader, name, Unit::Utf16, 1, SENDER_NAME_LENGTH_MAX)?;
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    if words.any(|word| word.eq_ignore_ascii_case("LINE")) {
        reader.report("Must not contain the word LINE");
        return None;
    }
    Some(name.to_owned())
}
