//! Sticker messages.

use super::common::quote_token;
use super::limits::STICKER_ID_LENGTH_MAX;
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, length, string};

shape! {
    /// A sticker of a package the messenger knows.
    StickerMessage ["sticker"] {
        required {
            package_id "packageId": String = sticker_id;
            sticker_id "stickerId": String = sticker_id;
        }
        optional {
            quote_token "quoteToken": String = quote_token;
        }
    }
}

/// Messengers number or name their stickers; either way the id stays a plain word.
fn sticker_id<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    let text = length(reader, text, Unit::Utf16, 1, STICKER_ID_LENGTH_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !text.chars().all(allowed) {
        reader.report("Must contain only the characters a-z, A-Z, 0-9, - and _");
        return None;
    }
    Some(text.to_owned())
}
