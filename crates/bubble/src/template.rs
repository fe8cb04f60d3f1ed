//! Template messages: buttons, confirm, carousel, image carousel.

use askama::Template;

use crate::context::Context;
use crate::draw::said;
use crate::html::Html;
use crate::message::picture;
use crate::part::Part;
use crate::tap;

/// One card: of a buttons template, or of a carousel.
#[derive(Template)]
#[template(path = "bubble/card.html")]
struct Card {
    picture: Option<Html>,
    title: Option<String>,
    text: Option<String>,
    /// The action of the card as a whole.
    over: Option<Html>,
    taps: Vec<Html>,
}

#[derive(Template)]
#[template(path = "bubble/confirm.html")]
struct Confirm {
    text: Option<String>,
    taps: Vec<Html>,
}

#[derive(Template)]
#[template(path = "bubble/carousel.html")]
struct Carousel<'a> {
    label: &'a str,
    cards: Vec<Html>,
}

#[derive(Template)]
#[template(path = "bubble/image_tap.html")]
struct ImageTap {
    picture: Html,
    label: Option<String>,
    over: Html,
}

pub(crate) fn draw(message: &Part<'_>, context: &Context) -> Option<Html> {
    let template = message.part("template")?;
    match template.kind() {
        "buttons" => Some(card(&template, &template, context)),
        "confirm" => Some(Html::of(&Confirm {
            text: said(&template, "text", context),
            taps: taps(&template, context),
        })),
        "carousel" => {
            let columns = template.list("columns");
            let cards = columns
                .iter()
                .map(|column| card(column, &template, context));
            Some(carousel(message, cards.collect()))
        }
        "image_carousel" => {
            let columns = template.list("columns");
            let cards = columns
                .iter()
                .filter_map(|column| image_tap(column, context));
            Some(carousel(message, cards.collect()))
        }
        _ => None,
    }
}

/// The shape of pictures is the template's, what stands in them the card's.
fn card(card: &Part<'_>, template: &Part<'_>, context: &Context) -> Html {
    let mut class = String::from("picture");
    if template.text("imageAspectRatio") == Some("square") {
        class.push_str(" picture-square");
    }
    if template.text("imageSize") == Some("contain") {
        class.push_str(" picture-contain");
    }
    Html::of(&Card {
        picture: picture(card.text("thumbnailImageUrl"), &class, ""),
        title: said(card, "title", context),
        text: said(card, "text", context),
        over: card
            .part("defaultAction")
            .map(|action| tap::over(&action, context)),
        taps: taps(card, context),
    })
}

fn carousel(message: &Part<'_>, cards: Vec<Html>) -> Html {
    Html::of(&Carousel {
        label: message.text("altText").unwrap_or(""),
        cards,
    })
}

fn image_tap(column: &Part<'_>, context: &Context) -> Option<Html> {
    let action = column.part("action")?;
    Some(Html::of(&ImageTap {
        picture: picture(column.text("imageUrl"), "", "")?,
        label: said(&action, "label", context),
        over: tap::over(&action, context),
    }))
}

fn taps(of: &Part<'_>, context: &Context) -> Vec<Html> {
    let actions = of.list("actions");
    let button = |action| tap::button(action, "tap", context);
    actions.iter().map(button).collect()
}
