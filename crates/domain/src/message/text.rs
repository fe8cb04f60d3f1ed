//! Text messages, with LINE's own emojis in the place of `$` characters.

use std::collections::HashSet;

use super::common::quote_token;
use super::limits::{EMOJI_ID_LENGTH_MAX, EMOJIS_MAX, TEXT_LENGTH_MAX};
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, integer, list, text};

shape! {
    /// A text of up to 5,000 UTF-16 code units.
    TextMessage ["text"] {
        required {
            text "text": String = text(Unit::Utf16, 1, TEXT_LENGTH_MAX);
        }
        optional {
            emojis "emojis": Vec<Emoji> = emojis(text.as_deref());
            quote_token "quoteToken": String = quote_token;
        }
    }
}

shape! {
    /// A LINE emoji that replaces the `$` at `index`, counted in UTF-16 code units.
    Emoji with units: Option<&[u16]> {
        required {
            index "index": u32 = placeholder(units);
            product_id "productId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
            emoji_id "emojiId": String = text(Unit::Utf16, 1, EMOJI_ID_LENGTH_MAX);
        }
    }
}

/// Reads the emojis of a text. Where the text was refused, any position passes.
fn emojis<'a>(text: Option<&str>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Vec<Emoji>> {
    let units: Option<Vec<u16>> = text.map(|text| text.encode_utf16().collect());
    move |reader, node| {
        let units = units.as_deref();
        let emoji = |reader: &mut Reader<'a>, node: &'a Node| {
            reader.plain(node, |reader, object| Emoji::fields(reader, object, units))
        };
        let emojis = list(1, EMOJIS_MAX, emoji)(reader, node)?;
        let mut taken = HashSet::new();
        if !emojis.iter().all(|emoji| taken.insert(emoji.index)) {
            reader.report("Must not have two emojis at one position");
        }
        Some(emojis)
    }
}

/// Reads the position of a `$`.
fn placeholder<'a>(units: Option<&[u16]>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<u32> {
    move |reader, node| {
        let index = integer(TEXT_LENGTH_MAX as i64)(reader, node)?;
        let unit = units.map(|units| units.get(index as usize));
        if unit.is_some_and(|unit| unit != Some(&u16::from(b'$'))) {
            reader.report("Must be the position of a $ in the text");
        }
        Some(index)
    }
}
