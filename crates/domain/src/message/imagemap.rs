//! Imagemap messages: a picture with places to tap, and a video that may play on it.
//!
//! The picture is loaded in several widths from below its base URL; its areas count in pixels of
//! the widest. LINE does not say that an area must lie inside, so one that does not passes.

use serde::Serialize;

use super::common::{Area, pixels};
use super::limits::{
    ALT_TEXT_LENGTH_MAX, CLIPBOARD_LENGTH_MAX, IMAGEMAP_ACTIONS_MAX, IMAGEMAP_LABEL_LENGTH_MAX,
    IMAGEMAP_TEXT_LENGTH_MAX, IMAGEMAP_WIDTH_PIXELS, VIDEO_LINK_LABEL_LENGTH_MAX,
};
use super::link::{LinkWalk, action_uri, media_url};
use super::node::Node;
use super::reader::Reader;
use super::value::{Unit, any_integer, list, text};

shape! {
    /// A picture with places to tap, and the text shown where it cannot be.
    ImagemapMessage ["imagemap"] {
        required {
            base_url "baseUrl": String = media_url;
            alt_text "altText": String = text(Unit::Utf16, 1, ALT_TEXT_LENGTH_MAX);
            base_size "baseSize": BaseSize = BaseSize::read;
            actions "actions": Vec<ImagemapAction> =
                list(0, IMAGEMAP_ACTIONS_MAX, ImagemapAction::read);
        }
        optional {
            video "video": ImagemapVideo = ImagemapVideo::read;
        }
    }
}

shape! {
    /// Pixels of the widest picture.
    BaseSize {
        required {
            width "width": u32 = base_width;
            height "height": u32 = pixels(1);
        }
    }
}

/// What happens on a tap in an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ImagemapAction {
    Uri(ImagemapUri),
    Message(ImagemapText),
    Clipboard(ImagemapClipboard),
}

shape! {
    /// Opens a page, a LINE feature or the telephone.
    ImagemapUri ["uri"] {
        required {
            link_uri "linkUri": String = action_uri;
            area "area": Area = Area::read;
        }
        optional {
            label "label": String = label;
        }
    }
}

shape! {
    /// Sends `text` as the friend's message.
    ImagemapText ["message"] {
        required {
            text "text": String = text(Unit::Utf16, 1, IMAGEMAP_TEXT_LENGTH_MAX);
            area "area": Area = Area::read;
        }
        optional {
            label "label": String = label;
        }
    }
}

shape! {
    /// Copies a text.
    ImagemapClipboard ["clipboard"] {
        required {
            clipboard_text "clipboardText": String = text(Unit::Utf16, 1, CLIPBOARD_LENGTH_MAX);
            area "area": Area = Area::read;
        }
        optional {
            label "label": String = label;
        }
    }
}

shape! {
    /// A video on a part of the picture, and a link shown once it is over.
    ImagemapVideo {
        required {
            original_content_url "originalContentUrl": String = media_url;
            preview_image_url "previewImageUrl": String = media_url;
            area "area": Area = Area::read;
        }
        optional {
            external_link "externalLink": ExternalLink = ExternalLink::read;
        }
    }
}

shape! {
    /// The link after the video.
    ExternalLink {
        required {
            link_uri "linkUri": String = action_uri;
            label "label": String = text(Unit::Utf16, 1, VIDEO_LINK_LABEL_LENGTH_MAX);
        }
    }
}

impl ImagemapMessage {
    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        walk.each("actions", &self.actions, |walk, action| {
            if let ImagemapAction::Uri(action) = action {
                walk.uri("linkUri", &action.link_uri);
            }
        });
        let video = self.video.as_ref();
        if let Some(link) = video.and_then(|video| video.external_link.as_ref()) {
            walk.within("video", |walk| {
                walk.within("externalLink", |walk| walk.uri("linkUri", &link.link_uri));
            });
        }
    }
}

impl BaseSize {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

impl ImagemapAction {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let tags = ["uri", "message", "clipboard"];
        reader.typed(node, &tags, |reader, object, tag| {
            Some(match tag {
                "uri" => Self::Uri(ImagemapUri::fields(reader, object)?),
                "message" => Self::Message(ImagemapText::fields(reader, object)?),
                _ => Self::Clipboard(ImagemapClipboard::fields(reader, object)?),
            })
        })
    }
}

impl ImagemapVideo {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

impl ExternalLink {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

fn base_width(reader: &mut Reader<'_>, node: &Node) -> Option<u32> {
    if any_integer(reader, node)? != i64::from(IMAGEMAP_WIDTH_PIXELS) {
        reader.report(format!("Must be {IMAGEMAP_WIDTH_PIXELS}"));
        return None;
    }
    Some(IMAGEMAP_WIDTH_PIXELS)
}

fn label<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    text(Unit::Utf16, 0, IMAGEMAP_LABEL_LENGTH_MAX)(reader, node)
}
