//! Valid Flex containers from a stream of numbers.

use super::generate::Choices;
use crate::message::flex::component::*;
use crate::message::flex::*;

impl Choices {
    pub(super) fn container(&mut self) -> Container {
        let size = self.maybe(Self::word);
        if self.below(2) == 0 {
            let mut bubble = self.bubble(size);
            if self.below(4) == 1 {
                bubble.size = None;
                bubble.hero = Some(Hero::Video(Box::new(self.video())));
            }
            return Container::Bubble(Box::new(bubble));
        }
        Container::Carousel(Carousel {
            contents: self.many(1, 4, |c| c.bubble(size)),
        })
    }

    fn bubble(&mut self, size: Option<BubbleSize>) -> Bubble {
        Bubble {
            size,
            direction: self.maybe(Self::word),
            header: self.maybe(|c| c.flex_box(0)),
            hero: self.maybe(|c| match c.below(2) {
                0 => Hero::Box(Box::new(c.flex_box(1))),
                _ => Hero::Image(Box::new(c.image())),
            }),
            body: Some(self.flex_box(2)),
            footer: self.maybe(|c| c.flex_box(0)),
            styles: self.maybe(|c| BubbleStyles {
                header: c.maybe(Self::block_style),
                hero: c.maybe(Self::block_style),
                body: c.maybe(Self::block_style),
                footer: c.maybe(Self::block_style),
            }),
            action: self.maybe(Self::flex_action),
        }
    }

    fn block_style(&mut self) -> BlockStyle {
        BlockStyle {
            background_color: self.maybe(Self::color),
            separator: self.maybe(|c| c.below(2) == 0),
            separator_color: self.maybe(Self::color),
        }
    }

    fn video(&mut self) -> FlexVideo {
        FlexVideo {
            url: self.url(),
            preview_url: self.url(),
            alt_content: match self.below(2) {
                0 => AltContent::Box(Box::new(self.flex_box(1))),
                _ => AltContent::Image(Box::new(self.image())),
            },
            aspect_ratio: self.maybe(Self::ratio),
            action: self.maybe(|c| c.uri_action(None)),
        }
    }

    fn flex_box(&mut self, depth: usize) -> FlexBox {
        let layout = self.word();
        FlexBox {
            layout,
            contents: self.many(0, 3, |c| c.component(layout, depth)),
            flex: self.maybe(Self::integer),
            spacing: self.maybe(Self::space),
            margin: self.maybe(Self::space),
            position: self.maybe(Self::word),
            offset_top: self.maybe(Self::offset),
            offset_bottom: self.maybe(Self::offset),
            offset_start: self.maybe(Self::offset),
            offset_end: self.maybe(Self::offset),
            width: self.maybe(Self::side),
            max_width: self.maybe(Self::side),
            height: self.maybe(Self::side),
            max_height: self.maybe(Self::side),
            padding_all: self.maybe(Self::padding),
            padding_top: self.maybe(Self::padding),
            padding_bottom: self.maybe(Self::padding),
            padding_start: self.maybe(Self::padding),
            padding_end: self.maybe(Self::padding),
            justify_content: self.maybe(Self::word),
            align_items: self.maybe(Self::word),
            background_color: self.maybe(Self::color),
            background: self.maybe(|c| LinearGradient {
                angle: c.of(&["0deg", "23.5deg", "359deg"]).to_owned(),
                start_color: c.color(),
                end_color: c.color(),
                center_color: c.maybe(Self::color),
                center_position: c.maybe(|c| c.of(&["0%", "100%", "9.9%"]).to_owned()),
            }),
            border_color: self.maybe(Self::color),
            border_width: self.maybe(|c| c.of(&["light", "semi-bold", "2px"]).to_owned()),
            corner_radius: self.maybe(Self::space),
            action: self.maybe(Self::flex_action),
        }
    }

    fn component(&mut self, layout: Layout, depth: usize) -> Component {
        if layout == Layout::Baseline {
            return match self.below(3) {
                0 => Component::Filler(FlexFiller {
                    flex: self.maybe(Self::integer),
                }),
                1 => Component::Text(Box::new(self.flex_text())),
                _ => Component::Icon(Box::new(self.icon())),
            };
        }
        match self.below(6) {
            0 => Component::Filler(FlexFiller {
                flex: self.maybe(Self::integer),
            }),
            1 => Component::Separator(FlexSeparator {
                margin: self.maybe(Self::space),
                color: self.maybe(Self::color),
            }),
            2 => Component::Text(Box::new(self.flex_text())),
            3 => Component::Image(Box::new(self.image())),
            4 if depth > 0 => Component::Box(Box::new(self.flex_box(depth - 1))),
            _ => Component::Button(Box::new(self.button())),
        }
    }

    fn button(&mut self) -> FlexButton {
        FlexButton {
            action: self.labelled(),
            flex: self.maybe(Self::integer),
            margin: self.maybe(Self::space),
            position: self.maybe(Self::word),
            offset_top: self.maybe(Self::offset),
            offset_bottom: self.maybe(Self::offset),
            offset_start: self.maybe(Self::offset),
            offset_end: self.maybe(Self::offset),
            height: self.maybe(Self::word),
            style: self.maybe(Self::word),
            color: self.maybe(Self::color),
            gravity: self.maybe(Self::word),
            adjust_mode: self.maybe(Self::word),
            scaling: self.maybe(|c| c.below(2) == 0),
        }
    }

    fn image(&mut self) -> FlexImage {
        FlexImage {
            url: self.url(),
            flex: self.maybe(Self::integer),
            margin: self.maybe(Self::space),
            position: self.maybe(Self::word),
            offset_top: self.maybe(Self::offset),
            offset_bottom: self.maybe(Self::offset),
            offset_start: self.maybe(Self::offset),
            offset_end: self.maybe(Self::offset),
            align: self.maybe(Self::word),
            gravity: self.maybe(Self::word),
            size: self.maybe(|c| c.of(&["full", "3xl", "50%", "1px"]).to_owned()),
            aspect_ratio: self.maybe(Self::ratio),
            aspect_mode: self.maybe(Self::word),
            background_color: self.maybe(Self::color),
            // A message may have ten animated images; the tables test that edge.
            animated: self.maybe(|_| false),
            action: self.maybe(Self::flex_action),
        }
    }

    fn icon(&mut self) -> FlexIcon {
        FlexIcon {
            url: self.url(),
            margin: self.maybe(Self::space),
            position: self.maybe(Self::word),
            offset_top: self.maybe(Self::offset),
            offset_bottom: self.maybe(Self::offset),
            offset_start: self.maybe(Self::offset),
            offset_end: self.maybe(Self::offset),
            size: self.maybe(Self::font),
            aspect_ratio: self.maybe(Self::ratio),
            scaling: self.maybe(|c| c.below(2) == 0),
        }
    }

    fn flex_text(&mut self) -> FlexText {
        let contents = self.maybe(|c| c.many(0, 3, Self::span));
        let text = match &contents {
            Some(spans) if !spans.is_empty() => self.maybe(|c| c.text(20)),
            _ => Some(self.text(20)),
        };
        FlexText {
            text,
            contents,
            flex: self.maybe(Self::integer),
            margin: self.maybe(Self::space),
            position: self.maybe(Self::word),
            offset_top: self.maybe(Self::offset),
            offset_bottom: self.maybe(Self::offset),
            offset_start: self.maybe(Self::offset),
            offset_end: self.maybe(Self::offset),
            size: self.maybe(Self::font),
            align: self.maybe(Self::word),
            gravity: self.maybe(Self::word),
            wrap: self.maybe(|c| c.below(2) == 0),
            line_spacing: self.maybe(|c| c.of(&["20px", "0.1px"]).to_owned()),
            max_lines: self.maybe(Self::integer),
            weight: self.maybe(Self::word),
            color: self.maybe(Self::color),
            style: self.maybe(Self::word),
            decoration: self.maybe(Self::word),
            adjust_mode: self.maybe(Self::word),
            scaling: self.maybe(|c| c.below(2) == 0),
            action: self.maybe(Self::flex_action),
        }
    }

    fn span(&mut self) -> FlexSpan {
        FlexSpan {
            text: self.maybe(|c| c.text(20)),
            size: self.maybe(Self::font),
            color: self.maybe(Self::color),
            weight: self.maybe(Self::word),
            style: self.maybe(Self::word),
            decoration: self.maybe(Self::word),
        }
    }

    fn color(&mut self) -> String {
        self.of(&["#000000", "#FFaa09", "#12345678"]).to_owned()
    }

    fn space(&mut self) -> String {
        self.of(&["none", "xs", "xxl", "0px", "12.5px"]).to_owned()
    }

    fn padding(&mut self) -> String {
        self.of(&["none", "md", "3px", "50%", "0.5%"]).to_owned()
    }

    fn side(&mut self) -> String {
        self.of(&["0px", "10px", "33.3%"]).to_owned()
    }

    fn offset(&mut self) -> String {
        self.of(&["none", "-3px", "4.5%", "-1%"]).to_owned()
    }

    fn font(&mut self) -> String {
        self.of(&["xxs", "5xl", "1px", "0.5px"]).to_owned()
    }

    fn ratio(&mut self) -> String {
        self.of(&["1:1", "1.91:1", "1:3", "100000:1"]).to_owned()
    }

    fn integer(&mut self) -> u32 {
        self.of(&[0, 1, 7, i32::MAX as u32])
    }
}
