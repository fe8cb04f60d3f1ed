//! Flex messages: boxes in boxes, drawn from the inside out.

use askama::Template;

use crate::context::Context;
use crate::draw::said;
use crate::html::Html;
use crate::look::{Look, is_measure};
use crate::message::picture;
use crate::part::Part;
use crate::tap;

/// Boxes inside each other. The validator admits fewer; what came another way ends here.
const DEPTH_MAX: usize = 64;
const BLOCKS: [(&str, &str); 4] = [
    ("header", "fx-header"),
    ("hero", "fx-hero"),
    ("body", "fx-body"),
    ("footer", "fx-footer"),
];
const BUBBLE_SIZES: [&str; 7] = ["nano", "micro", "deca", "hecto", "kilo", "mega", "giga"];

/// One element: a block, a box, a text.
#[derive(Template)]
#[template(path = "bubble/flex_element.html")]
struct Element {
    look: Look,
    inside: Html,
    /// Where the whole element can be tapped.
    over: Option<Html>,
}

#[derive(Template)]
#[template(path = "bubble/flex_span.html")]
struct Span {
    look: Look,
    text: String,
}

#[derive(Template)]
#[template(path = "bubble/flex_button.html")]
struct Button {
    look: Look,
    place: String,
    kind: String,
    opens: bool,
    label: String,
}

#[derive(Template)]
#[template(path = "bubble/flex_icon.html")]
struct Icon<'a> {
    look: Look,
    address: &'a str,
}

#[derive(Template)]
#[template(path = "bubble/flex_video.html")]
struct FlexVideo<'a> {
    look: Look,
    address: &'a str,
    poster: Option<&'a str>,
    label: String,
}

#[derive(Template)]
#[template(path = "bubble/carousel.html")]
struct Carousel<'a> {
    label: &'a str,
    cards: Vec<Html>,
}

pub(crate) fn draw(message: &Part<'_>, context: &Context) -> Option<Html> {
    let container = message.part("contents")?;
    match container.kind() {
        "bubble" => Some(bubble(&container, context)),
        "carousel" => {
            let bubbles = container.list("contents");
            Some(Html::of(&Carousel {
                label: message.text("altText").unwrap_or(""),
                cards: bubbles.iter().map(|part| bubble(part, context)).collect(),
            }))
        }
        _ => None,
    }
}

fn bubble(bubble: &Part<'_>, context: &Context) -> Html {
    let size = bubble
        .text("size")
        .filter(|size| BUBBLE_SIZES.contains(size));
    let mut look = Look::classed(&format!("fx-bubble fx-{}", size.unwrap_or("mega")));
    if bubble.text("direction") == Some("rtl") {
        look.values.push(("dir".to_owned(), "rtl".to_owned()));
    }
    let styles = bubble.part("styles");
    let blocks = BLOCKS.iter().filter_map(|(name, class)| {
        let block = bubble.part(name)?;
        let style = styles.as_ref().and_then(|styles| styles.part(name));
        Some(self::block(&block, class, style.as_ref(), context))
    });
    element(look, Html::all(blocks), bubble, context)
}

fn block(block: &Part<'_>, class: &str, style: Option<&Part<'_>>, context: &Context) -> Html {
    let is_box = block.kind() == "box";
    let mut look = match is_box && class != "fx-hero" {
        true => box_look(block, &format!("{class} fx-box")),
        false => Look::classed(class),
    };
    if let Some(style) = style {
        look.color(style.text("backgroundColor"), "back");
        if style.is_set("separator") {
            look.class("fx-separated");
            look.color(style.text("separatorColor"), "border-color");
        }
    }
    if is_box && class != "fx-hero" {
        return element(look, contents(block, 1, context), block, context);
    }
    let inside = component(block, 1, context);
    Html::of(&Element {
        look,
        inside,
        over: None,
    })
}

fn component(part: &Part<'_>, depth: usize, context: &Context) -> Html {
    if depth > DEPTH_MAX {
        return Html::default();
    }
    match part.kind() {
        "box" => {
            let look = box_look(part, "fx-box");
            element(look, contents(part, depth + 1, context), part, context)
        }
        "text" => text(part, context),
        "image" => image(part, context),
        "icon" => icon(part),
        "button" => button(part, context),
        "video" => video(part, depth, context),
        "separator" => {
            let mut look = Look::of(part, "fx-separator");
            look.color(part.text("color"), "back");
            element(look, Html::default(), part, context)
        }
        "filler" => element(Look::of(part, "fx-filler"), Html::default(), part, context),
        _ => Html::default(),
    }
}

fn contents(part: &Part<'_>, depth: usize, context: &Context) -> Html {
    let inner = part.list("contents");
    Html::all(inner.iter().map(|part| component(part, depth, context)))
}

fn box_look(part: &Part<'_>, class: &str) -> Look {
    let layout = match part.text("layout") {
        Some("horizontal") => "fx-horizontal",
        Some("baseline") => "fx-baseline",
        _ => "fx-vertical",
    };
    let mut look = Look::of(part, class);
    look.class(layout);
    look.measure(part.text("height"), "height", &[]);
    if let Some(gradient) = part.part("background") {
        look.measure(gradient.text("angle"), "angle", &[]);
        look.color(gradient.text("startColor"), "from");
        look.color(gradient.text("endColor"), "to");
        look.color(gradient.text("centerColor"), "middle");
        let position = gradient.text("centerPosition");
        if let Some(position) = position.filter(|position| is_measure(position)) {
            look.value("middle-at", position);
        }
    }
    look
}

fn text(part: &Part<'_>, context: &Context) -> Html {
    let mut look = Look::of(part, "fx-text");
    look.color(part.text("color"), "color");
    look.lines(part.number("maxLines"));
    if part.is_set("wrap") {
        look.class("fx-wrap");
    }
    let spans = part.list("contents");
    let inside = match spans.is_empty() {
        true => Html::of(&Span {
            look: Look::default(),
            text: said(part, "text", context).unwrap_or_default(),
        }),
        false => Html::all(spans.iter().map(|span| {
            let mut look = Look::of(span, "fx-span");
            look.color(span.text("color"), "color");
            Html::of(&Span {
                look,
                text: said(span, "text", context).unwrap_or_default(),
            })
        })),
    };
    element(look, inside, part, context)
}

fn image(part: &Part<'_>, context: &Context) -> Html {
    let mut look = Look::of(part, "fx-image");
    look.sides(part.text("aspectRatio"));
    let inside = picture(part.text("url"), "", "").unwrap_or_default();
    element(look, inside, part, context)
}

fn icon(part: &Part<'_>) -> Html {
    let Some(address) = part.text("url").and_then(crate::address::media) else {
        return Html::default();
    };
    let look = Look::of(part, "fx-icon");
    Html::of(&Icon { look, address })
}

fn button(part: &Part<'_>, context: &Context) -> Html {
    let Some(action) = part.part("action") else {
        return Html::default();
    };
    let style = part.text("style");
    let (class, paints) = match style {
        Some("primary") => ("fx-button fx-primary", "back"),
        Some("secondary") => ("fx-button fx-secondary", "back"),
        _ => ("fx-button fx-link", "color"),
    };
    let mut look = Look::of(part, class);
    if part.text("height") == Some("sm") {
        look.class("fx-height-sm");
    }
    look.color(part.text("color"), paints);
    Html::of(&Button {
        look,
        place: action.place(),
        kind: action.kind().to_owned(),
        opens: tap::opens(&action),
        label: tap::label(&action, context),
    })
}

fn video(part: &Part<'_>, depth: usize, context: &Context) -> Html {
    let Some(address) = part.text("url").and_then(crate::address::media) else {
        let other = part.part("altContent");
        let other = other.map(|part| component(&part, depth + 1, context));
        return other.unwrap_or_default();
    };
    let mut look = Look::classed("fx-image fx-size-full fx-cover");
    look.sides(part.text("aspectRatio"));
    Html::of(&FlexVideo {
        look,
        address,
        poster: part.text("previewUrl").and_then(crate::address::media),
        label: context.words().t("bubble-video").to_string(),
    })
}

fn element(look: Look, inside: Html, part: &Part<'_>, context: &Context) -> Html {
    let action = part.part("action");
    let over = action.map(|action| tap::over(&action, context));
    Html::of(&Element { look, inside, over })
}
