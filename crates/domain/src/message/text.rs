//! Text messages, with LINE's own emojis in the place of `$` characters.

use super::limits::{EMOJI_ID_LENGTH_MAX, EMOJIS_MAX, TEXT_LENGTH_MAX};
use super::node::Node;
use super::reader::{Object, Reader, Unit, integer, list, text};

shape! {
    /// A text of up to 5,000 UTF-16 code units.
    TextMessage ["text"] {
        required {
            text "text": String = text(Unit::Utf16, 1, TEXT_LENGTH_MAX);
        }
        optional {
            emojis "emojis": Vec<Emoji> = list(1, EMOJIS_MAX, Emoji::read);
        }
    }
}

shape! {
    /// A LINE emoji that replaces the `$` at `index`, counted in UTF-16 code units.
    Emoji {
        required {
            index "index": u32 = integer(TEXT_LENGTH_MAX as i64);
            product_id "productId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
            emoji_id "emojiId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
        }
    }
}

impl TextMessage {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let message = Self::fields(reader, object)?;
        let units: Vec<u16> = message.text.encode_utf16().collect();
        let mut taken = Vec::new();
        for (position, emoji) in message.emojis.iter().flatten().enumerate() {
            if units.get(emoji.index as usize) != Some(&u16::from(b'$')) {
                let words = "Must be the position of a $ in the text";
                reader.report_in("emojis", position, "index", words);
            } else if taken.contains(&emoji.index) {
                let words = "Must not be the position of another emoji";
                reader.report_in("emojis", position, "index", words);
            }
            taken.push(emoji.index);
        }
        Some(message)
    }
}

impl Emoji {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}
