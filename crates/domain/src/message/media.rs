//! Image and video messages. Files are not looked at here: only what the URL itself says.

use super::limits::TRACKING_ID_LENGTH_MAX;
use super::link::media_url;
use super::node::Node;
use super::reader::{Reader, Unit, length, string};

shape! {
    /// A picture and its smaller preview.
    ImageMessage ["image"] {
        required {
            original_content_url "originalContentUrl": String = media_url;
            preview_image_url "previewImageUrl": String = media_url;
        }
    }
}

shape! {
    /// A video and the picture shown before it plays.
    VideoMessage ["video"] {
        required {
            original_content_url "originalContentUrl": String = media_url;
            preview_image_url "previewImageUrl": String = media_url;
        }
        optional {
            tracking_id "trackingId": String = tracking_id;
        }
    }
}

/// Symbols a tracking id may have beside ASCII letters and digits.
const TRACKING_ID_SYMBOLS: &str = "-.=,+*()%$&;:@{}!?<>[]";

fn tracking_id<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    let text = length(reader, text, Unit::Utf16, 1, TRACKING_ID_LENGTH_MAX)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || TRACKING_ID_SYMBOLS.contains(c);
    if !text.chars().all(allowed) {
        reader.report(format!(
            "Must contain only the characters a-z, A-Z, 0-9 and {TRACKING_ID_SYMBOLS}"
        ));
        return None;
    }
    Some(text.to_owned())
}
