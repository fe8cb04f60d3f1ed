//! Each kind of message. Kinds that a validator refuses today are drawn as well: what reached a
//! chat is shown, and what nobody knows is said to be unknown.

use askama::Template;

use crate::address;
use crate::context::Context;
use crate::draw::said;
use crate::flex;
use crate::html::Html;
use crate::part::Part;
use crate::tap;
use crate::template;
use crate::text::{Piece, joined, pieces, pieces_v2};

/// Pixels of an imagemap's picture: LINE offers it in several widths, this is the largest.
const IMAGEMAP_WIDTH: u64 = 1_040;

#[derive(Template)]
#[template(path = "bubble/text.html")]
struct TextBubble {
    label: Option<Html>,
    pieces: Vec<Piece>,
    emoji: String,
}

#[derive(Template)]
#[template(path = "bubble/note.html")]
struct Note {
    words: String,
}

#[derive(Template)]
#[template(path = "bubble/picture.html")]
struct Picture<'a> {
    class: &'a str,
    address: &'a str,
    alt: &'a str,
}

#[derive(Template)]
#[template(path = "bubble/photo.html")]
struct Photo {
    picture: Html,
}

#[derive(Template)]
#[template(path = "bubble/video.html")]
struct Video<'a> {
    address: &'a str,
    poster: Option<&'a str>,
    label: String,
}

#[derive(Template)]
#[template(path = "bubble/audio.html")]
struct Audio<'a> {
    address: &'a str,
    label: String,
}

#[derive(Template)]
#[template(path = "bubble/sticker.html")]
struct Sticker {
    address: String,
    alt: String,
}

#[derive(Template)]
#[template(path = "bubble/place.html")]
struct Place {
    title: Option<String>,
    address: Option<String>,
}

#[derive(Template)]
#[template(path = "bubble/imagemap.html")]
struct Imagemap<'a> {
    address: String,
    alt: &'a str,
    width: u64,
    height: u64,
    areas: Vec<Area>,
}

struct Area {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    button: Html,
}

#[derive(Template)]
#[template(path = "bubble/coupon.html")]
struct Coupon {
    picture: Option<Html>,
    title: String,
    /// What it is for, and on which conditions.
    lines: Vec<String>,
    code: Option<String>,
    is_used: bool,
    button: Option<Html>,
    /// Why there is nothing to tap.
    note: Option<String>,
}

/// The nodes of one message; `label` is the promotion's, for the bubble of a text.
pub(crate) fn draw(message: &Part<'_>, label: Option<Html>, context: &Context) -> Html {
    let drawn = match message.kind() {
        "text" | "textV2" => Some(text(message, label, context)),
        "image" => image(message, context),
        "video" => video(message, context),
        "audio" => audio(message, context),
        "sticker" => Some(sticker(context)),
        "location" => Some(place(message, context)),
        "imagemap" => imagemap(message, context),
        "coupon" => Some(coupon(message, context)),
        "template" => template::draw(message, context),
        "flex" => flex::draw(message, context),
        _ => None,
    };
    drawn.unwrap_or_else(|| {
        let alternative = said(message, "altText", context);
        note(alternative.unwrap_or_else(|| word("bubble-unknown", context)))
    })
}

/// What a message says where there is room for one line.
pub(crate) fn in_words(message: &Part<'_>, context: &Context) -> String {
    let key = match message.kind() {
        "text" => return said(message, "text", context).unwrap_or_default(),
        "textV2" => return joined(&pieces_of(message, context)),
        "image" => "bubble-image",
        "video" => "bubble-video",
        "audio" => "bubble-audio",
        "sticker" => "bubble-sticker",
        "location" => "bubble-place",
        "coupon" => "bubble-coupon",
        _ => {
            let alternative = said(message, "altText", context);
            return alternative.unwrap_or_else(|| word("bubble-unknown", context));
        }
    };
    word(key, context)
}

/// A picture, where its address may be loaded.
pub(crate) fn picture(address: Option<&str>, class: &str, alt: &str) -> Option<Html> {
    let address = address.and_then(address::media)?;
    Some(Html::of(&Picture {
        class,
        address,
        alt,
    }))
}

fn text(message: &Part<'_>, label: Option<Html>, context: &Context) -> Html {
    Html::of(&TextBubble {
        label,
        pieces: pieces_of(message, context),
        emoji: word("bubble-emoji", context),
    })
}

fn pieces_of(message: &Part<'_>, context: &Context) -> Vec<Piece> {
    match message.kind() {
        "textV2" => pieces_v2(message, &word("bubble-everyone", context)),
        _ => pieces(message, &context.variables),
    }
}

fn note(words: String) -> Html {
    Html::of(&Note { words })
}

fn image(message: &Part<'_>, context: &Context) -> Option<Html> {
    let address = message
        .text("originalContentUrl")
        .or_else(|| message.text("previewImageUrl"));
    let alt = word("bubble-image", context);
    let Some(picture) = picture(address, "", &alt) else {
        return Some(note(word("bubble-no-picture", context)));
    };
    Some(Html::of(&Photo { picture }))
}

fn video(message: &Part<'_>, context: &Context) -> Option<Html> {
    let address = message.text("originalContentUrl").and_then(address::media);
    let Some(address) = address else {
        return Some(note(word("bubble-no-picture", context)));
    };
    Some(Html::of(&Video {
        address,
        poster: message.text("previewImageUrl").and_then(address::media),
        label: word("bubble-video", context),
    }))
}

fn audio(message: &Part<'_>, context: &Context) -> Option<Html> {
    let address = message
        .text("originalContentUrl")
        .and_then(address::media)?;
    Some(Html::of(&Audio {
        address,
        label: word("bubble-audio", context),
    }))
}

/// The sandbox has one picture for all stickers: packages belong to a messenger.
fn sticker(context: &Context) -> Html {
    Html::of(&Sticker {
        address: assets::address("art/sticker.svg"),
        alt: word("bubble-sticker", context),
    })
}

fn place(message: &Part<'_>, context: &Context) -> Html {
    Html::of(&Place {
        title: said(message, "title", context),
        address: said(message, "address", context),
    })
}

fn imagemap(message: &Part<'_>, context: &Context) -> Option<Html> {
    let base = message.text("baseUrl").and_then(address::media)?;
    let size = message.part("baseSize")?;
    let areas = message.list("actions");
    let map = Html::of(&Imagemap {
        address: format!("{base}/{IMAGEMAP_WIDTH}"),
        alt: message.text("altText").unwrap_or(""),
        width: size.number("width")?,
        height: size.number("height")?,
        areas: areas
            .iter()
            .filter_map(|action| {
                let area = action.part("area")?;
                Some(Area {
                    x: area.number("x")?,
                    y: area.number("y")?,
                    width: area.number("width")?,
                    height: area.number("height")?,
                    button: tap::over(action, context),
                })
            })
            .collect(),
    });
    // A video that a messenger plays on the picture stands below it here.
    let video = message.part("video").and_then(|part| video(&part, context));
    Some(Html::all([Some(map), video].into_iter().flatten()))
}

/// A coupon by its id, or with what is known of it and of how the reader stands to it.
fn coupon(message: &Part<'_>, context: &Context) -> Html {
    let standing = message.text("standing");
    let (tap, note) = match standing {
        None | Some("offered") => (Some("bubble-coupon-take"), None),
        Some("held") => (Some("bubble-coupon-use"), None),
        Some("used_up") => (None, Some("bubble-coupon-used-up")),
        Some("lost") => (None, Some("bubble-coupon-lost")),
        Some("none_left") => (None, Some("bubble-coupon-none-left")),
        Some("not_yet") => (None, Some("bubble-coupon-not-yet")),
        Some("over") => (None, Some("bubble-coupon-over")),
        Some(_) => (None, Some("bubble-coupon-closed")),
    };
    let code = match standing {
        None => "couponId",
        // Whoever has it shows its code; nobody else sees one.
        Some("held" | "used_up") => "couponCode",
        Some(_) => "",
    };
    let title = said(message, "title", context);
    let lines = ["description", "usageCondition"].map(|key| said(message, key, context));
    let alt = word("bubble-coupon", context);
    Html::of(&Coupon {
        picture: picture(message.text("imageUrl"), "", &alt),
        title: title.unwrap_or(alt),
        lines: lines.into_iter().flatten().collect(),
        code: said(message, code, context),
        is_used: standing == Some("used_up"),
        button: tap.map(|key| tap::of_coupon(message, key, context)),
        note: note.map(|key| word(key, context)),
    })
}

fn word(key: &str, context: &Context) -> String {
    context.words().t(key).to_string()
}
