//! What friends write, of every kind that LINE's libraries know, with all that they expect of it.

use serde::Serialize;
use serde_json::{Number, Value};

/// Bytes of a message that programs are told of.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// What a sticker is where the messenger does not say, and all that LINE knows.
const USUAL_STICKER: &str = "STATIC";
const STICKERS: [&str; 10] = [
    USUAL_STICKER,
    "ANIMATION",
    "SOUND",
    "ANIMATION_SOUND",
    "POPUP",
    "POPUP_SOUND",
    "CUSTOM",
    "MESSAGE",
    "NAME_TEXT",
    "PER_STICKER_TEXT",
];

/// A message of a friend, of a kind that programs are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum WrittenMessage {
    Text {
        text: String,
    },
    Sticker {
        package_id: String,
        sticker_id: String,
        sticker_resource_type: &'static str,
    },
    Image {
        content_provider: ContentProvider,
    },
    Video {
        content_provider: ContentProvider,
        /// Milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<u64>,
    },
    Audio {
        content_provider: ContentProvider,
        /// Milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        duration: Option<u64>,
    },
    File {
        file_name: String,
        /// Bytes.
        file_size: u64,
    },
    Location {
        #[serde(skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        latitude: Number,
        longitude: Number,
    },
}

/// Where a picture, film or sound is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ContentProvider {
    /// With the messenger.
    Line,
    External {
        original_content_url: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        preview_image_url: Option<String>,
    },
}

impl WrittenMessage {
    /// A message object as the messenger tells it; `None` where programs are told of none such, or
    /// it lacks what they need.
    pub fn parse(json: &str) -> Option<Self> {
        if json.len() > MESSAGE_BYTES_MAX {
            return None;
        }
        let message: Value = serde_json::from_str(json).ok()?;
        let text = |name: &str| message[name].as_str().map(ToOwned::to_owned);
        let number = |name: &str| message[name].as_number().cloned();
        let duration = message["duration"].as_u64();
        let content_provider = ContentProvider::of(&message);
        Some(match message["type"].as_str()? {
            "text" => Self::Text {
                text: text("text")?,
            },
            "sticker" => Self::Sticker {
                package_id: text("packageId")?,
                sticker_id: text("stickerId")?,
                sticker_resource_type: sticker_kind(message["stickerResourceType"].as_str()),
            },
            "image" => Self::Image { content_provider },
            "video" => Self::Video {
                content_provider,
                duration,
            },
            "audio" => Self::Audio {
                content_provider,
                duration,
            },
            "file" => Self::File {
                file_name: text("fileName")?,
                file_size: message["fileSize"].as_u64()?,
            },
            "location" => Self::Location {
                title: text("title"),
                address: text("address"),
                latitude: number("latitude")?,
                longitude: number("longitude")?,
            },
            _ => return None,
        })
    }

    /// Whether the kind can be quoted by who answers.
    pub const fn is_quotable(&self) -> bool {
        match self {
            Self::Text { .. } | Self::Sticker { .. } | Self::Image { .. } | Self::Video { .. } => {
                true
            }
            Self::Audio { .. } | Self::File { .. } | Self::Location { .. } => false,
        }
    }
}

impl ContentProvider {
    /// What the message says of it, as it sends one or as LINE's events have it.
    fn of(message: &Value) -> Self {
        let text = |name: &str| {
            let within = message["contentProvider"][name].as_str();
            within.or(message[name].as_str()).map(ToOwned::to_owned)
        };
        match text("originalContentUrl") {
            Some(original_content_url) => Self::External {
                original_content_url,
                preview_image_url: text("previewImageUrl"),
            },
            None => Self::Line,
        }
    }
}

fn sticker_kind(told: Option<&str>) -> &'static str {
    let known = STICKERS.into_iter().find(|kind| Some(*kind) == told);
    known.unwrap_or(USUAL_STICKER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(told: &Value) -> Option<Value> {
        let message = WrittenMessage::parse(&told.to_string())?;
        Some(serde_json::to_value(message).unwrap())
    }

    #[test]
    fn every_kind_has_what_libraries_expect() {
        let url = "https://example.com/original.jpg";
        for (told, expected) in [
            (
                json!({"type": "text", "text": "안녕", "quoteToken": "x"}),
                json!({"text": "안녕"}),
            ),
            (
                json!({"type": "sticker", "packageId": "1", "stickerId": "2"}),
                json!({"packageId": "1", "stickerId": "2", "stickerResourceType": "STATIC"}),
            ),
            (
                json!({"type": "image"}),
                json!({"contentProvider": {"type": "line"}}),
            ),
            (
                json!({"type": "image", "originalContentUrl": url, "previewImageUrl": url}),
                json!({"contentProvider": {"type": "external", "originalContentUrl": url,
                    "previewImageUrl": url}}),
            ),
            (
                json!({"type": "video", "duration": 60_000,
                    "contentProvider": {"type": "external", "originalContentUrl": url}}),
                json!({"duration": 60_000,
                    "contentProvider": {"type": "external", "originalContentUrl": url}}),
            ),
            (
                json!({"type": "audio"}),
                json!({"contentProvider": {"type": "line"}}),
            ),
            (
                json!({"type": "file", "fileName": "a.pdf", "fileSize": 2_138}),
                json!({"fileName": "a.pdf", "fileSize": 2_138}),
            ),
            (
                json!({"type": "location", "latitude": 35.65, "longitude": 139, "title": "here"}),
                json!({"title": "here", "latitude": 35.65, "longitude": 139}),
            ),
        ] {
            let mut expected = expected;
            expected["type"] = told["type"].clone();
            assert_eq!(shown(&told), Some(expected), "{told}");
        }
    }

    #[test]
    fn a_sticker_is_of_a_kind_that_libraries_know() {
        let of_kind = |kind: &str| {
            shown(
                &json!({"type": "sticker", "packageId": "1", "stickerId": "2",
                "stickerResourceType": kind}),
            )
        };
        for (told, expected) in [("SOUND", "SOUND"), ("SINGING", "STATIC")] {
            assert_eq!(of_kind(told).unwrap()["stickerResourceType"], expected);
        }
    }

    #[test]
    fn what_libraries_do_not_know_is_not_told() {
        for told in [
            json!([]),
            json!({"type": "hologram"}),
            json!({"text": "hello"}),
            json!({"type": "text"}),
            json!({"type": "sticker", "packageId": 1, "stickerId": "2"}),
            json!({"type": "file", "fileName": "a.pdf"}),
            json!({"type": "location", "latitude": "35", "longitude": 139}),
            json!({"type": "text", "text": "a".repeat(MESSAGE_BYTES_MAX)}),
        ] {
            assert_eq!(shown(&told), None);
        }
        assert_eq!(WrittenMessage::parse(""), None);
    }
}
