//! Text messages (v2): a text with mentions and LINE's emojis in the places it names in braces.
//!
//! Braces are this text's own: `{{` and `}}` stand for one brace each, so the variables of other
//! texts do not exist here.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::common::quote_token;
use super::limits::{
    EMOJI_ID_LENGTH_MAX, EMOJIS_MAX, MENTIONS_MAX, PROPERTY_NAME_CHARS_MAX,
    SUBSTITUTION_KEY_LENGTH_MAX, SUBSTITUTIONS_MAX, TEXT_LENGTH_MAX,
};
use super::node::Node;
use super::reader::{Object, Reader};
use super::value::{Unit, text};
use crate::user::USER_KEY_BYTES_MAX;

shape! {
    /// A text of up to 5,000 UTF-16 code units, its braces included.
    TextMessageV2 ["textV2"] {
        required {
            text "text": String = text(Unit::Utf16, 1, TEXT_LENGTH_MAX);
        }
        optional {
            substitution "substitution": BTreeMap<String, Substitute> = substitution;
            quote_token "quoteToken": String = quote_token;
        }
    }
}

/// What stands in a place that the text names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Substitute {
    Mention(MentionSubstitute),
    Emoji(EmojiSubstitute),
}

shape! {
    /// Somebody, or everybody, in a chat of several.
    MentionSubstitute ["mention"] {
        required {
            mentionee "mentionee": Mentionee = Mentionee::read;
        }
    }
}

/// Who is mentioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Mentionee {
    User(UserMentionee),
    All(AllMentionee),
}

shape! {
    /// One member of the chat.
    UserMentionee ["user"] {
        required {
            user_id "userId": String = text(Unit::Utf16, 1, USER_KEY_BYTES_MAX);
        }
    }
}

shape! {
    /// All members of the chat.
    AllMentionee ["all"] {}
}

shape! {
    /// A LINE emoji.
    EmojiSubstitute ["emoji"] {
        required {
            product_id "productId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
            emoji_id "emojiId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
        }
    }
}

/// A piece of the text, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words as they are shown, each doubled brace single.
    Words(String),
    /// The name of a place.
    Place(&'a str),
}

/// The text in pieces; `None` where its braces are not in pairs.
pub fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        words.push_str(before);
        let (brace, after) = from.split_at(1);
        if let Some(after) = after.strip_prefix(brace) {
            words.push_str(brace);
            rest = after;
            continue;
        }
        let (name, after) = after.split_once('}').filter(|_| brace == "{")?;
        if name.contains('{') {
            return None;
        }
        if !words.is_empty() {
            pieces.push(Piece::Words(std::mem::take(&mut words)));
        }
        pieces.push(Piece::Place(name));
        rest = after;
    }
    words.push_str(rest);
    if !words.is_empty() {
        pieces.push(Piece::Words(words));
    }
    Some(pieces)
}

impl TextMessageV2 {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let message = Self::fields(reader, object);
        let substitution = object.inner("substitution");
        // What is too long or too large is not searched: its own errors say so.
        let is_small = |found: &Object<'_>| found.len() <= SUBSTITUTIONS_MAX;
        if let Some(text) = object.word("text")
            && text.encode_utf16().count() <= TEXT_LENGTH_MAX
            && substitution.as_ref().is_none_or(is_small)
        {
            check_places(reader, text, substitution.as_ref());
        }
        message
    }
}

impl Substitute {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["mention", "emoji"], |reader, object, tag| {
            Some(match tag {
                "mention" => Self::Mention(MentionSubstitute::fields(reader, object)?),
                _ => Self::Emoji(EmojiSubstitute::fields(reader, object)?),
            })
        })
    }
}

impl Substitute {
    pub const fn is_mention(&self) -> bool {
        matches!(self, Self::Mention(_))
    }
}

impl Mentionee {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["user", "all"], |reader, object, tag| {
            Some(match tag {
                "user" => Self::User(UserMentionee::fields(reader, object)?),
                _ => Self::All(AllMentionee::fields(reader, object)?),
            })
        })
    }
}

fn substitution<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
) -> Option<BTreeMap<String, Substitute>> {
    reader.named(node, SUBSTITUTIONS_MAX, |reader, name, node| {
        if !is_name(name) {
            reader.report(format!(
                "The key must have 1 to {SUBSTITUTION_KEY_LENGTH_MAX} of the characters \
                 a-z, A-Z, 0-9 and _"
            ));
        }
        Substitute::read(reader, node)
    })
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=SUBSTITUTION_KEY_LENGTH_MAX).contains(&name.len()) && name.chars().all(allowed)
}

/// Every place has its substitute, and not too many are substituted.
fn check_places(reader: &mut Reader<'_>, text: &str, substitution: Option<&Object<'_>>) {
    let Some(pieces) = pieces(text) else {
        return reader.report_at("text", "{ and } must be used in pairs");
    };
    let kind = |name: &str| substitution?.inner(name)?.word("type");
    let (mut mentions, mut emojis) = (0, 0);
    let mut lacking = HashSet::new();
    for piece in pieces {
        let Piece::Place(name) = piece else {
            continue;
        };
        match kind(name) {
            Some("mention") => mentions += 1,
            Some("emoji") => emojis += 1,
            _ => {}
        }
        let is_there = substitution.is_some_and(|found| found.has(name));
        if !is_there && lacking.insert(name) {
            let shown: String = name.chars().take(PROPERTY_NAME_CHARS_MAX).collect();
            reader.report_at("text", format!("{{{shown}}} must be in substitution"));
        }
    }
    for (count, max, what) in [
        (mentions, MENTIONS_MAX, "mentions"),
        (emojis, EMOJIS_MAX, "emojis"),
    ] {
        if count > max {
            let words = format!("Must not substitute more than {max} {what}");
            reader.report_at("text", words);
        }
    }
}
