//! The components of a Flex layout: boxes and what stands in them.

use serde::Serialize;

use super::measure::{
    BORDER, BOX_SIDE, CORNER, FONT, IMAGE, LINE_SPACING, OFFSET, PADDING, SPACE, angle,
    aspect_ratio, color, measure, position_percent,
};
use crate::message::action::{Action, Place, action};
use crate::message::limits::FLEX_INTEGER_MAX;
use crate::message::link::{LinkWalk, media_url};
use crate::message::node::Node;
use crate::message::reader::{MAY_NOT_BE_EMPTY, MUST_BE_SPECIFIED, Object, Reader};
use crate::message::value::{boolean, elements, integer, keyword, string};

/// What may stand in a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Component {
    Box(Box<FlexBox>),
    Button(Box<FlexButton>),
    Image(Box<FlexImage>),
    Text(Box<FlexText>),
    Icon(Box<FlexIcon>),
    Separator(FlexSeparator),
    Filler(FlexFiller),
}

shape! {
    /// Components beside or below each other.
    FlexBox ["box"] {
        required {
            layout "layout": Layout = keyword;
            contents "contents": Vec<Component> =
                |reader, node| elements(reader, node, &Component::of(layout));
        }
        optional {
            flex "flex": u32 = integer(FLEX_INTEGER_MAX);
            spacing "spacing": String = measure(&SPACE);
            margin "margin": String = measure(&SPACE);
            position "position": Position = keyword;
            offset_top "offsetTop": String = measure(&OFFSET);
            offset_bottom "offsetBottom": String = measure(&OFFSET);
            offset_start "offsetStart": String = measure(&OFFSET);
            offset_end "offsetEnd": String = measure(&OFFSET);
            width "width": String = measure(&BOX_SIDE);
            max_width "maxWidth": String = measure(&BOX_SIDE);
            height "height": String = measure(&BOX_SIDE);
            max_height "maxHeight": String = measure(&BOX_SIDE);
            padding_all "paddingAll": String = measure(&PADDING);
            padding_top "paddingTop": String = measure(&PADDING);
            padding_bottom "paddingBottom": String = measure(&PADDING);
            padding_start "paddingStart": String = measure(&PADDING);
            padding_end "paddingEnd": String = measure(&PADDING);
            justify_content "justifyContent": JustifyContent = keyword;
            align_items "alignItems": AlignItems = keyword;
            background_color "backgroundColor": String = color;
            background "background": LinearGradient = LinearGradient::read;
            border_color "borderColor": String = color;
            border_width "borderWidth": String = measure(&BORDER);
            corner_radius "cornerRadius": String = measure(&CORNER);
            action "action": Action = action(Place::Flex);
        }
    }
}

shape! {
    /// The only kind of background beside a plain colour.
    LinearGradient ["linearGradient"] {
        required {
            angle "angle": String = angle;
            start_color "startColor": String = color;
            end_color "endColor": String = color;
        }
        optional {
            center_color "centerColor": String = color;
            center_position "centerPosition": String = position_percent;
        }
    }
}

shape! {
    /// A button; its text is the action's label.
    FlexButton ["button"] {
        required {
            action "action": Action = action(Place::FlexButton);
        }
        optional {
            flex "flex": u32 = integer(FLEX_INTEGER_MAX);
            margin "margin": String = measure(&SPACE);
            position "position": Position = keyword;
            offset_top "offsetTop": String = measure(&OFFSET);
            offset_bottom "offsetBottom": String = measure(&OFFSET);
            offset_start "offsetStart": String = measure(&OFFSET);
            offset_end "offsetEnd": String = measure(&OFFSET);
            height "height": ButtonHeight = keyword;
            style "style": ButtonStyle = keyword;
            color "color": String = color;
            gravity "gravity": Gravity = keyword;
            adjust_mode "adjustMode": AdjustMode = keyword;
            scaling "scaling": bool = boolean;
        }
    }
}

shape! {
    /// A picture.
    FlexImage ["image"] {
        required {
            url "url": String = media_url;
        }
        optional {
            flex "flex": u32 = integer(FLEX_INTEGER_MAX);
            margin "margin": String = measure(&SPACE);
            position "position": Position = keyword;
            offset_top "offsetTop": String = measure(&OFFSET);
            offset_bottom "offsetBottom": String = measure(&OFFSET);
            offset_start "offsetStart": String = measure(&OFFSET);
            offset_end "offsetEnd": String = measure(&OFFSET);
            align "align": Align = keyword;
            gravity "gravity": Gravity = keyword;
            size "size": String = measure(&IMAGE);
            aspect_ratio "aspectRatio": String = aspect_ratio;
            aspect_mode "aspectMode": AspectMode = keyword;
            background_color "backgroundColor": String = color;
            animated "animated": bool = boolean;
            action "action": Action = action(Place::Flex);
        }
    }
}

shape! {
    /// A small picture in a line of text, in baseline boxes only.
    FlexIcon ["icon"] {
        required {
            url "url": String = media_url;
        }
        optional {
            margin "margin": String = measure(&SPACE);
            position "position": Position = keyword;
            offset_top "offsetTop": String = measure(&OFFSET);
            offset_bottom "offsetBottom": String = measure(&OFFSET);
            offset_start "offsetStart": String = measure(&OFFSET);
            offset_end "offsetEnd": String = measure(&OFFSET);
            size "size": String = measure(&FONT);
            aspect_ratio "aspectRatio": String = aspect_ratio;
            scaling "scaling": bool = boolean;
        }
    }
}

shape! {
    /// A text, or spans of text; the spans win where both are given.
    FlexText ["text"] {
        optional {
            text "text": String = flex_text;
            contents "contents": Vec<FlexSpan> =
                |reader, node| elements(reader, node, &FlexSpan::read);
            flex "flex": u32 = integer(FLEX_INTEGER_MAX);
            margin "margin": String = measure(&SPACE);
            position "position": Position = keyword;
            offset_top "offsetTop": String = measure(&OFFSET);
            offset_bottom "offsetBottom": String = measure(&OFFSET);
            offset_start "offsetStart": String = measure(&OFFSET);
            offset_end "offsetEnd": String = measure(&OFFSET);
            size "size": String = measure(&FONT);
            align "align": Align = keyword;
            gravity "gravity": Gravity = keyword;
            wrap "wrap": bool = boolean;
            line_spacing "lineSpacing": String = measure(&LINE_SPACING);
            max_lines "maxLines": u32 = integer(FLEX_INTEGER_MAX);
            weight "weight": Weight = keyword;
            color "color": String = color;
            style "style": TextStyle = keyword;
            decoration "decoration": Decoration = keyword;
            adjust_mode "adjustMode": AdjustMode = keyword;
            scaling "scaling": bool = boolean;
            action "action": Action = action(Place::Flex);
        }
    }
}

shape! {
    /// A part of a text with a style of its own.
    FlexSpan ["span"] {
        optional {
            text "text": String = flex_text;
            size "size": String = measure(&FONT);
            color "color": String = color;
            weight "weight": Weight = keyword;
            style "style": TextStyle = keyword;
            decoration "decoration": Decoration = keyword;
        }
    }
}

shape! {
    /// A line between components.
    FlexSeparator ["separator"] {
        optional {
            margin "margin": String = measure(&SPACE);
            color "color": String = color;
        }
    }
}

shape! {
    /// Empty space. LINE calls it deprecated and still takes it.
    FlexFiller ["filler"] {
        optional {
            flex "flex": u32 = integer(FLEX_INTEGER_MAX);
        }
    }
}

keywords! { Layout { Horizontal = "horizontal", Vertical = "vertical", Baseline = "baseline" } }
keywords! { Position { Relative = "relative", Absolute = "absolute" } }
keywords! {
    JustifyContent {
        Center = "center",
        FlexStart = "flex-start",
        FlexEnd = "flex-end",
        SpaceBetween = "space-between",
        SpaceAround = "space-around",
        SpaceEvenly = "space-evenly",
    }
}
keywords! { AlignItems { Center = "center", FlexStart = "flex-start", FlexEnd = "flex-end" } }
keywords! { ButtonHeight { Md = "md", Sm = "sm" } }
keywords! { ButtonStyle { Primary = "primary", Secondary = "secondary", Link = "link" } }
keywords! { Gravity { Top = "top", Bottom = "bottom", Center = "center" } }
keywords! { Align { Start = "start", End = "end", Center = "center" } }
keywords! { AspectMode { Fit = "fit", Cover = "cover" } }
keywords! { AdjustMode { ShrinkToFit = "shrink-to-fit" } }
keywords! { Weight { Regular = "regular", Bold = "bold" } }
keywords! { TextStyle { Normal = "normal", Italic = "italic" } }
keywords! {
    Decoration { None = "none", Underline = "underline", LineThrough = "line-through" }
}

impl Component {
    /// Reads a component of a box with this layout. Where the layout was refused, every component
    /// is read, so that its own errors are not hidden.
    fn of<'a>(layout: Option<Layout>) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Self> {
        move |reader, node| {
            let tags: &[_] = match layout {
                Some(Layout::Horizontal | Layout::Vertical) => {
                    &["box", "button", "image", "text", "separator", "filler"]
                }
                Some(Layout::Baseline) => &["icon", "text", "filler"],
                None => &[
                    "box",
                    "button",
                    "image",
                    "text",
                    "icon",
                    "separator",
                    "filler",
                ],
            };
            reader.typed(node, tags, Self::fields)
        }
    }

    fn fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>, tag: &'a str) -> Option<Self> {
        Some(match tag {
            "box" => Self::Box(Box::new(FlexBox::fields(reader, object)?)),
            "button" => Self::Button(Box::new(FlexButton::fields(reader, object)?)),
            "image" => Self::Image(Box::new(FlexImage::fields(reader, object)?)),
            "text" => Self::Text(Box::new(FlexText::read_fields(reader, object)?)),
            "icon" => Self::Icon(Box::new(FlexIcon::fields(reader, object)?)),
            "separator" => Self::Separator(FlexSeparator::fields(reader, object)?),
            _ => Self::Filler(FlexFiller::fields(reader, object)?),
        })
    }

    fn walk(&self, walk: &mut LinkWalk) {
        match self {
            Self::Box(component) => component.walk(walk),
            Self::Button(component) => walk.action("action", Some(&component.action)),
            Self::Image(component) => walk.action("action", component.action.as_ref()),
            Self::Text(component) => walk.action("action", component.action.as_ref()),
            Self::Icon(_) | Self::Separator(_) | Self::Filler(_) => {}
        }
    }
}

impl FlexBox {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["box"], |reader, object, _| {
            Self::fields(reader, object)
        })
    }

    pub(super) fn walk(&self, walk: &mut LinkWalk) {
        walk.each("contents", &self.contents, |walk, component| {
            component.walk(walk);
        });
        walk.action("action", self.action.as_ref());
    }

    pub(super) fn animated_images(&self) -> usize {
        let of = |component: &Component| match component {
            Component::Box(component) => component.animated_images(),
            Component::Image(image) => image.animated_images(),
            _ => 0,
        };
        self.contents.iter().map(of).sum()
    }
}

impl FlexImage {
    pub(super) fn animated_images(&self) -> usize {
        usize::from(self.animated == Some(true))
    }
}

impl FlexText {
    fn read_fields<'a>(reader: &mut Reader<'a>, object: &mut Object<'a>) -> Option<Self> {
        let component = Self::fields(reader, object)?;
        // Editors write an empty list of spans beside a text; refused spans have their own errors.
        let no_spans = match &component.contents {
            Some(spans) => spans.is_empty(),
            None => !object.has("contents"),
        };
        if no_spans && !object.has("text") {
            reader.report_at("text", MUST_BE_SPECIFIED);
        }
        Some(component)
    }
}

impl FlexSpan {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["span"], |reader, object, _| {
            Self::fields(reader, object)
        })
    }
}

impl LinearGradient {
    fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Self> {
        reader.typed(node, &["linearGradient"], |reader, object, _| {
            Self::fields(reader, object)
        })
    }
}

/// A text whose length only the size of its bubble limits.
fn flex_text<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let text = string(reader, node)?;
    if text.is_empty() {
        reader.report(MAY_NOT_BE_EMPTY);
        return None;
    }
    Some(text.to_owned())
}
