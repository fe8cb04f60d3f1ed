//! Image, video and audio messages. Files are not looked at here: only what the URL itself says.

use super::limits::{AUDIO_MILLIS_MAX, TRACKING_ID_LENGTH_MAX};
use super::link::media_url;
use super::node::Node;
use super::reader::Reader;
use super::value::{integer, word};

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

shape! {
    /// A sound.
    AudioMessage ["audio"] {
        required {
            original_content_url "originalContentUrl": String = media_url;
            duration_ms "duration": u32 = integer(AUDIO_MILLIS_MAX);
        }
    }
}

/// Symbols a tracking id may have beside ASCII letters and digits.
const TRACKING_ID_SYMBOLS: &str = "-.=,+*()%$&;:@{}!?<>[]";

fn tracking_id<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    word(TRACKING_ID_LENGTH_MAX, TRACKING_ID_SYMBOLS)(reader, node)
}
