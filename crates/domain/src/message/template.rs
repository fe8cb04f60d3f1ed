//! Template messages: buttons, confirm, carousel and image carousel.

use serde::Serialize;

use super::action::{Action, Place, action};
use super::limits::{
    ALT_TEXT_LENGTH_MAX, BUTTONS_ACTIONS_MAX, BUTTONS_TEXT_GRAPHEMES_MAX, COLUMN_ACTIONS_MAX,
    COLUMN_TEXT_GRAPHEMES_MAX, COLUMNS_MAX, CONFIRM_ACTIONS, CONFIRM_TEXT_GRAPHEMES_MAX,
    TEMPLATE_TITLE_GRAPHEMES_MAX, TITLED_TEXT_GRAPHEMES_MAX,
};
use super::link::{LinkWalk, media_url};
use super::node::Node;
use super::reader::{MUST_BE_SPECIFIED, MUST_NOT_BE_SPECIFIED, Object, Reader};
use super::value::{Unit, keyword, list, string, text};

shape! {
    /// A prepared layout, and the text shown where layouts cannot be.
    TemplateMessage ["template"] {
        required {
            alt_text "altText": String = text(Unit::Utf16, 1, ALT_TEXT_LENGTH_MAX);
            template "template": Template = Template::read;
        }
    }
}

/// The layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Template {
    Buttons(Box<ButtonsTemplate>),
    Confirm(ConfirmTemplate),
    Carousel(CarouselTemplate),
    ImageCarousel(ImageCarouselTemplate),
}

shape! {
    /// A picture, a title, a text and up to four buttons.
    ButtonsTemplate ["buttons"] with text_graphemes_max: usize {
        required {
            text "text": String = text(Unit::Graphemes, 1, text_graphemes_max);
            actions "actions": Vec<Action> =
                list(1, BUTTONS_ACTIONS_MAX, action(Place::Template));
        }
        optional {
            thumbnail_image_url "thumbnailImageUrl": String = media_url;
            image_aspect_ratio "imageAspectRatio": ImageAspectRatio = keyword;
            image_size "imageSize": ImageSize = keyword;
            image_background_color "imageBackgroundColor": String = rgb;
            title "title": String = title;
            default_action "defaultAction": Action = action(Place::Template);
        }
    }
}

shape! {
    /// A question with two answers.
    ConfirmTemplate ["confirm"] {
        required {
            text "text": String = text(Unit::Graphemes, 1, CONFIRM_TEXT_GRAPHEMES_MAX);
            actions "actions": Vec<Action> =
                list(CONFIRM_ACTIONS, CONFIRM_ACTIONS, action(Place::Template));
        }
    }
}

shape! {
    /// Up to ten columns side by side.
    CarouselTemplate ["carousel"] {
        required {
            columns "columns": Vec<Column> = list(1, COLUMNS_MAX, Column::read);
        }
        optional {
            image_aspect_ratio "imageAspectRatio": ImageAspectRatio = keyword;
            image_size "imageSize": ImageSize = keyword;
        }
    }
}

shape! {
    /// One column of a carousel.
    Column with text_graphemes_max: usize {
        required {
            text "text": String = text(Unit::Graphemes, 1, text_graphemes_max);
            actions "actions": Vec<Action> =
                list(1, COLUMN_ACTIONS_MAX, action(Place::Template));
        }
        optional {
            thumbnail_image_url "thumbnailImageUrl": String = media_url;
            image_background_color "imageBackgroundColor": String = rgb;
            title "title": String = title;
            default_action "defaultAction": Action = action(Place::Template);
        }
    }
}

shape! {
    /// Up to ten pictures side by side.
    ImageCarouselTemplate ["image_carousel"] {
        required {
            columns "columns": Vec<ImageColumn> = list(1, COLUMNS_MAX, ImageColumn::read);
        }
    }
}

shape! {
    /// One picture, which can be tapped as a whole.
    ImageColumn {
        required {
            image_url "imageUrl": String = media_url;
            action "action": Action = action(Place::ImageCarousel);
        }
    }
}

keywords! {
    /// Width to height of a template's picture: 1.51 to 1, or 1 to 1.
    ImageAspectRatio {
        Rectangle = "rectangle",
        Square = "square",
    }
}

keywords! {
    /// How a picture fills its area.
    ImageSize {
        Cover = "cover",
        Contain = "contain",
    }
}

impl TemplateMessage {
    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        walk.within("template", |walk| self.template.walk(walk));
    }
}

impl Template {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        let tags = ["buttons", "confirm", "carousel", "image_carousel"];
        reader.typed(node, &tags, |reader, object, tag| {
            Some(match tag {
                "buttons" => {
                    let max = text_graphemes_max(object, BUTTONS_TEXT_GRAPHEMES_MAX);
                    Self::Buttons(Box::new(ButtonsTemplate::fields(reader, object, max)?))
                }
                "confirm" => Self::Confirm(ConfirmTemplate::fields(reader, object)?),
                "carousel" => Self::Carousel(CarouselTemplate::read(reader, object)?),
                _ => Self::ImageCarousel(ImageCarouselTemplate::fields(reader, object)?),
            })
        })
    }

    fn walk(&self, walk: &mut LinkWalk) {
        match self {
            Self::Buttons(buttons) => {
                each_action(walk, &buttons.actions);
                walk.action("defaultAction", buttons.default_action.as_ref());
            }
            Self::Confirm(confirm) => each_action(walk, &confirm.actions),
            Self::Carousel(carousel) => walk.each("columns", &carousel.columns, |walk, column| {
                each_action(walk, &column.actions);
                walk.action("defaultAction", column.default_action.as_ref());
            }),
            Self::ImageCarousel(carousel) => {
                walk.each("columns", &carousel.columns, |walk, column| {
                    walk.action("action", Some(&column.action));
                });
            }
        }
    }
}

impl CarouselTemplate {
    fn read<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let carousel = Self::fields(reader, object);
        Self::check_likeness(reader, &object.inners("columns"));
        carousel
    }

    /// Columns of one carousel look alike: the first one sets what the others must have.
    fn check_likeness(reader: &mut Reader<'_>, columns: &[(usize, Object<'_>)]) {
        let Some(((_, first), others)) = columns.split_first() else {
            return;
        };
        for (index, column) in others {
            if let (Some(expected), Some(found)) = (first.size("actions"), column.size("actions"))
                && expected != found
            {
                let words = format!("Size must be {expected}, as in the first column");
                reader.report_in("columns", *index, "actions", words);
            }
            for key in ["thumbnailImageUrl", "title"] {
                match (first.has(key), column.has(key)) {
                    (true, false) => reader.report_in("columns", *index, key, MUST_BE_SPECIFIED),
                    (false, true) => {
                        reader.report_in("columns", *index, key, MUST_NOT_BE_SPECIFIED);
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Column {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, |reader, object| {
            let max = text_graphemes_max(object, COLUMN_TEXT_GRAPHEMES_MAX);
            Self::fields(reader, object, max)
        })
    }
}

impl ImageColumn {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.plain(node, Self::fields)
    }
}

/// A picture or a title leaves less room for the text.
fn text_graphemes_max(object: &Object<'_>, alone: usize) -> usize {
    if object.has("thumbnailImageUrl") || object.has("title") {
        TITLED_TEXT_GRAPHEMES_MAX
    } else {
        alone
    }
}

fn title<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    text(Unit::Graphemes, 1, TEMPLATE_TITLE_GRAPHEMES_MAX)(reader, node)
}

/// Templates know no transparency, unlike Flex.
fn rgb<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    let hex = text.strip_prefix('#');
    if !hex.is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        reader.report("Must be a color like #RRGGBB");
        return None;
    }
    Some(text.to_owned())
}

fn each_action(walk: &mut LinkWalk, actions: &[Action]) {
    walk.each("actions", actions, |walk, action| action.walk(walk));
}
