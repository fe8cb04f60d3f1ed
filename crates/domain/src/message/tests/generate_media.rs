//! Valid sounds, places, coupons, imagemaps and texts (v2) from a stream of numbers.

use std::collections::BTreeMap;

use super::generate::Choices;
use crate::message::Content;
use crate::message::common::Area;
use crate::message::coupon::CouponMessage;
use crate::message::imagemap::*;
use crate::message::location::{Degrees, LocationMessage};
use crate::message::media::AudioMessage;
use crate::message::text_v2::*;

impl Choices {
    pub(super) fn later_content(&mut self) -> Content {
        match self.below(5) {
            0 => Content::Audio(AudioMessage {
                original_content_url: self.url(),
                duration_ms: self.of(&[0, 60_000, i32::MAX as u32]),
            }),
            1 => Content::Location(LocationMessage {
                title: self.text(20),
                address: self.text(20),
                latitude: self.degrees(90.0),
                longitude: self.degrees(180.0),
            }),
            2 => Content::Coupon(CouponMessage {
                coupon_id: self.of(&["01JYNW8JMQVFBNWF1APF8Z3FS7", "a_b-c"]).to_owned(),
                delivery_tag: self.maybe(|c| c.of(&["a", "2025_winter"]).to_owned()),
            }),
            3 => Content::Imagemap(self.imagemap()),
            _ => Content::TextV2(self.text_v2()),
        }
    }

    fn degrees(&mut self, most: f64) -> Degrees {
        // Up to 65,535 steps between the ends, few of which are whole billionths.
        let part = self.below(65_536) as f64 / 65_535.0;
        Degrees::nearest(most * (2.0 * part - 1.0))
    }

    fn imagemap(&mut self) -> ImagemapMessage {
        ImagemapMessage {
            base_url: self.url(),
            alt_text: self.text(20),
            base_size: BaseSize {
                width: 1_040,
                height: self.of(&[1, 585, i32::MAX as u32]),
            },
            actions: self.many(0, 5, Self::imagemap_action),
            video: self.maybe(|c| ImagemapVideo {
                original_content_url: c.url(),
                preview_image_url: c.url(),
                area: c.area(),
                external_link: c.maybe(|c| ExternalLink {
                    link_uri: c.uri(),
                    label: c.text(15),
                }),
            }),
        }
    }

    fn imagemap_action(&mut self) -> ImagemapAction {
        let area = self.area();
        let label = self.maybe(|c| c.text(50));
        match self.below(3) {
            0 => ImagemapAction::Uri(ImagemapUri {
                link_uri: self.uri(),
                area,
                label,
            }),
            1 => ImagemapAction::Message(ImagemapText {
                text: self.text(200),
                area,
                label,
            }),
            _ => ImagemapAction::Clipboard(ImagemapClipboard {
                clipboard_text: self.text(200),
                area,
                label,
            }),
        }
    }

    fn area(&mut self) -> Area {
        Area {
            x: self.of(&[0, 520, i32::MAX as u32]),
            y: self.of(&[0, 1]),
            width: self.of(&[1, 1_040]),
            height: self.of(&[1, i32::MAX as u32]),
        }
    }

    fn text_v2(&mut self) -> TextMessageV2 {
        let substitution: BTreeMap<String, Substitute> = ["a", "B_2", "_", "20_characters_long__"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), self.maybe(Self::substitute)?)))
            .collect();
        let mut text = self.text(10);
        for name in substitution.keys().take(self.below(5)) {
            text.push_str(&format!("{{{name}}}{{{{}}}}{}", self.text(10)));
        }
        TextMessageV2 {
            text,
            substitution: (!substitution.is_empty() || self.below(2) == 1).then_some(substitution),
            quote_token: self.maybe(|c| c.text(20)),
        }
    }

    fn substitute(&mut self) -> Substitute {
        match self.below(3) {
            0 => Substitute::Emoji(EmojiSubstitute {
                product_id: self.text(10),
                emoji_id: "001".to_owned(),
            }),
            1 => Substitute::Mention(MentionSubstitute {
                mentionee: Mentionee::All(AllMentionee {}),
            }),
            _ => Substitute::Mention(MentionSubstitute {
                mentionee: Mentionee::User(UserMentionee {
                    user_id: self.text(10),
                }),
            }),
        }
    }
}
