//! What every message may carry: quick replies and a sender of its own.

use super::action::{Action, Place, action};
use super::limits::{QUICK_REPLY_ITEMS_MAX, SENDER_NAME_LENGTH_MAX};
use super::link::{LinkWalk, media_url};
use super::node::Node;
use super::reader::{Reader, Unit, length, list, one_of_words, string};

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
                    reader.report(one_of_words(&["action"]));
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
