//! Flex messages: one bubble, or a carousel of bubbles, laid out freely.

pub mod component; // what stands in a block
mod measure; // sizes, colours, ratios

use serde::Serialize;

use component::{FlexBox, FlexImage};
use measure::{aspect_ratio, color};

use super::action::{Action, Place, action};
use super::limits::{
    ALT_TEXT_LENGTH_MAX, ANIMATED_IMAGES_MAX, BUBBLE_BYTES_MAX, BUBBLES_MAX, CAROUSEL_BYTES_MAX,
};
use super::link::{LinkWalk, media_url};
use super::node::Node;
use super::reader::{Object, Reader};
use super::value::{Unit, boolean, keyword, list, text};

shape! {
    /// A layout, and the text shown where layouts cannot be.
    FlexMessage ["flex"] {
        required {
            alt_text "altText": String = text(Unit::Utf16, 1, ALT_TEXT_LENGTH_MAX);
            contents "contents": Container = Container::read;
        }
    }
}

/// The outermost element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Container {
    Bubble(Box<Bubble>),
    Carousel(Carousel),
}

shape! {
    /// Bubbles side by side, all of the same size.
    Carousel ["carousel"] {
        required {
            contents "contents": Vec<Bubble> = list(1, BUBBLES_MAX, Bubble::in_carousel);
        }
    }
}

shape! {
    /// Up to four blocks below each other.
    Bubble ["bubble"] {
        optional {
            size "size": BubbleSize = keyword;
            direction "direction": Direction = keyword;
            header "header": FlexBox = FlexBox::read;
            hero "hero": Hero = Hero::read;
            body "body": FlexBox = FlexBox::read;
            footer "footer": FlexBox = FlexBox::read;
            styles "styles": BubbleStyles = BubbleStyles::read;
            action "action": Action = action(Place::Flex);
        }
    }
}

/// The block for the main picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Hero {
    Box(Box<FlexBox>),
    Image(Box<FlexImage>),
    Video(Box<FlexVideo>),
}

shape! {
    /// A video that plays in the chat.
    FlexVideo ["video"] {
        required {
            url "url": String = media_url;
            preview_url "previewUrl": String = media_url;
            alt_content "altContent": AltContent = AltContent::read;
        }
        optional {
            aspect_ratio "aspectRatio": String = aspect_ratio;
            action "action": Action = action(Place::FlexVideo);
        }
    }
}

/// What is shown where a video cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AltContent {
    Box(Box<FlexBox>),
    Image(Box<FlexImage>),
}

shape! {
    /// The style of each block.
    BubbleStyles {
        optional {
            header "header": BlockStyle = BlockStyle::read;
            hero "hero": BlockStyle = BlockStyle::read;
            body "body": BlockStyle = BlockStyle::read;
            footer "footer": BlockStyle = BlockStyle::read;
        }
    }
}

shape! {
    /// The style of one block.
    BlockStyle {
        optional {
            background_color "backgroundColor": String = color;
            separator "separator": bool = boolean;
            separator_color "separatorColor": String = color;
        }
    }
}

keywords! {
    /// The width of a bubble; mega where none is given.
    BubbleSize {
        Nano = "nano",
        Micro = "micro",
        Deca = "deca",
        Hecto = "hecto",
        Kilo = "kilo",
        Mega = "mega",
        Giga = "giga",
    }
}

keywords! {
    /// The direction of text and of horizontal boxes.
    Direction { Ltr = "ltr", Rtl = "rtl" }
}

impl FlexMessage {
    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        walk.within("contents", |walk| match &self.contents {
            Container::Bubble(bubble) => bubble.walk(walk),
            Container::Carousel(carousel) => {
                walk.each("contents", &carousel.contents, |walk, bubble| {
                    bubble.walk(walk);
                });
            }
        });
    }
}

impl Container {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["bubble", "carousel"], |reader, object, tag| {
            let container = if tag == "bubble" {
                Self::Bubble(Box::new(Bubble::read_fields(reader, object)?))
            } else {
                Self::Carousel(Carousel::read_fields(reader, object)?)
            };
            if container.animated_images() > ANIMATED_IMAGES_MAX {
                reader.report(format!(
                    "Must not have more than {ANIMATED_IMAGES_MAX} animated images"
                ));
            }
            Some(container)
        })
    }

    fn animated_images(&self) -> usize {
        match self {
            Self::Bubble(bubble) => bubble.animated_images(),
            Self::Carousel(carousel) => {
                let bubbles = carousel.contents.iter();
                bubbles.map(Bubble::animated_images).sum()
            }
        }
    }
}

impl Carousel {
    fn read_fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let carousel = Self::fields(reader, object);
        Self::check_sizes(reader, &object.inners("contents"));
        let carousel = carousel?;
        limit_bytes(reader, &carousel, CAROUSEL_BYTES_MAX);
        Some(carousel)
    }

    fn check_sizes(reader: &mut Reader<'_>, bubbles: &[(usize, Object<'_>)]) {
        let Some(first) = bubbles.first().and_then(|(_, bubble)| size_of(bubble)) else {
            return;
        };
        for (index, bubble) in bubbles {
            if size_of(bubble).is_some_and(|size| size != first) {
                let words = "Must be the same size as the first bubble";
                reader.report_in("contents", *index, "size", words);
            }
        }
    }
}

impl Bubble {
    fn read_fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let bubble = Self::fields(reader, object)?;
        let blocks = ["header", "hero", "body", "footer"];
        if !blocks.iter().any(|block| object.has(block)) {
            reader.report("At least one block must be specified");
        }
        if has_video(object) && !is_wide_enough_for_video(object) {
            reader.report_at(
                "hero",
                "A video must be in a bubble of size kilo, mega or giga",
            );
        }
        limit_bytes(reader, &bubble, BUBBLE_BYTES_MAX);
        Some(bubble)
    }

    fn in_carousel<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["bubble"], |reader, object, _| {
            if has_video(object) {
                reader.report_at("hero", "A video must not be in a carousel");
            }
            Self::read_fields(reader, object)
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &FlexBox> {
        [&self.header, &self.body, &self.footer]
            .into_iter()
            .flatten()
    }

    fn animated_images(&self) -> usize {
        let hero = match &self.hero {
            Some(Hero::Box(block)) => block.animated_images(),
            Some(Hero::Image(image)) => image.animated_images(),
            Some(Hero::Video(video)) => match &video.alt_content {
                AltContent::Box(block) => block.animated_images(),
                AltContent::Image(image) => image.animated_images(),
            },
            None => 0,
        };
        let blocks = self.blocks().map(FlexBox::animated_images);
        hero + blocks.sum::<usize>()
    }

    fn walk(&self, walk: &mut LinkWalk) {
        let block = |walk: &mut LinkWalk, step: &str, block: &Option<FlexBox>| {
            if let Some(block) = block {
                walk.within(step, |walk| block.walk(walk));
            }
        };
        block(walk, "header", &self.header);
        if let Some(hero) = &self.hero {
            walk.within("hero", |walk| hero.walk(walk));
        }
        block(walk, "body", &self.body);
        block(walk, "footer", &self.footer);
        walk.action("action", self.action.as_ref());
    }
}

impl Hero {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["box", "image", "video"], |reader, object, tag| {
            Some(match tag {
                "box" => Self::Box(Box::new(FlexBox::fields(reader, object)?)),
                "image" => Self::Image(Box::new(FlexImage::fields(reader, object)?)),
                _ => Self::Video(Box::new(FlexVideo::fields(reader, object)?)),
            })
        })
    }

    fn walk(&self, walk: &mut LinkWalk) {
        match self {
            Self::Box(block) => block.walk(walk),
            Self::Image(image) => walk.action("action", image.action.as_ref()),
            Self::Video(video) => {
                walk.within("altContent", |walk| match &video.alt_content {
                    AltContent::Box(block) => block.walk(walk),
                    AltContent::Image(image) => walk.action("action", image.action.as_ref()),
                });
                walk.action("action", video.action.as_ref());
            }
        }
    }
}

impl AltContent {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["box", "image"], |reader, object, tag| {
            Some(match tag {
                "box" => Self::Box(Box::new(FlexBox::fields(reader, object)?)),
                _ => Self::Image(Box::new(FlexImage::fields(reader, object)?)),
            })
        })
    }
}

impl BubbleStyles {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

impl BlockStyle {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

/// `None` where the size is not one; that error is reported elsewhere.
fn size_of(bubble: &Object<'_>) -> Option<BubbleSize> {
    if bubble.has("size") {
        bubble.keyword("size")
    } else {
        Some(BubbleSize::Mega)
    }
}

fn is_wide_enough_for_video(bubble: &Object<'_>) -> bool {
    matches!(
        size_of(bubble),
        None | Some(BubbleSize::Kilo | BubbleSize::Mega | BubbleSize::Giga)
    )
}

fn has_video(bubble: &Object<'_>) -> bool {
    let hero = bubble.inner("hero");
    hero.and_then(|hero| hero.word("type")) == Some("video")
}

/// The limit is on what is delivered, so the canonical JSON is measured, not the given one.
fn limit_bytes(reader: &mut Reader<'_>, value: &impl Serialize, max: usize) {
    let bytes = serde_json::to_vec(value).map_or(usize::MAX, |json| json.len());
    if bytes > max {
        reader.report(format!("The JSON must not be larger than {max} bytes"));
    }
}
