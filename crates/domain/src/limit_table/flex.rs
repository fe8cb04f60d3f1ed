//! The limits of Flex messages.

use serde_json::{Value, json};

use super::{Row, letters};
use crate::message::limits::*;

fn flex(contents: Value) -> Value {
    json!({"type": "flex", "altText": "a", "contents": contents})
}

fn bubble(contents: Value) -> Value {
    json!({"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": contents}})
}

/// A bubble whose canonical JSON has so many bytes.
fn bubble_of(bytes: usize) -> Value {
    let of = |text: Value| bubble(json!([{"type": "text", "text": text}]));
    let frame = of(json!("")).to_string().len();
    of(letters(bytes - frame))
}

pub(super) fn rows() -> Vec<Row> {
    let picture = |key: &str, value: Value| {
        let mut picture = json!({"type": "image", "url": "https://example.com/a.png"});
        picture[key] = value;
        picture
    };
    let pictures = |picture: Value, count: usize| flex(bubble(json!(vec![picture; count])));
    let carousel = |bubbles: Vec<Value>| flex(json!({"type": "carousel", "contents": bubbles}));
    let carousel_of = |bytes: usize| {
        let frame = json!({"type": "carousel", "contents": []})
            .to_string()
            .len();
        // Two bubbles and the comma between them.
        let bytes = bytes - frame - 1;
        carousel(vec![
            bubble_of(BUBBLE_BYTES_MAX),
            bubble_of(bytes - BUBBLE_BYTES_MAX),
        ])
    };
    let text = |key: &str, value: Value| {
        let mut text = json!({"type": "text", "text": "a"});
        text[key] = value;
        flex(bubble(json!([text])))
    };
    let ratio = "Must be {width}:{height}, both between 1 and 100000, the height at most 3 times \
        the width";
    let component = |key: &str| format!(".contents.body.contents[0].{key}");
    let integer = "Must be between 0 and 2147483647";
    let font = "Must be pixels like 10px or one of \
        [xxs, xs, sm, md, lg, xl, xxl, 3xl, 4xl, 5xl]";
    vec![
        Row::of_message(
            "flex altText",
            "UTF-16 units",
            ALT_TEXT_LENGTH_MAX,
            (".altText", "Length must be between 0 and 1500"),
            |count| {
                let mut message = flex(bubble(json!([])));
                message["altText"] = letters(count);
                message
            },
        ),
        Row::of_message(
            "bubble",
            "bytes",
            BUBBLE_BYTES_MAX,
            (".contents", "The JSON must not be larger than 30720 bytes"),
            |bytes| flex(bubble_of(bytes)),
        ),
        Row::of_message(
            "carousel of bubbles",
            "bytes",
            CAROUSEL_BYTES_MAX,
            (".contents", "The JSON must not be larger than 51200 bytes"),
            carousel_of,
        ),
        Row::of_message(
            "bubbles",
            "objects",
            BUBBLES_MAX,
            (".contents.contents", "Size must be between 1 and 12"),
            |count| carousel(vec![bubble(json!([])); count]),
        ),
        Row::of_message(
            "animated images",
            "objects",
            ANIMATED_IMAGES_MAX,
            (".contents", "Must not have more than 10 animated images"),
            |count| pictures(picture("animated", json!(true)), count),
        ),
        Row::of_message(
            "flex ratio",
            "parts",
            FLEX_INTEGER_MAX as usize,
            (&component("flex"), integer),
            |count| text("flex", json!(count)),
        ),
        Row::of_message(
            "maxLines",
            "lines",
            FLEX_INTEGER_MAX as usize,
            (&component("maxLines"), integer),
            |count| text("maxLines", json!(count)),
        ),
        Row::of_message(
            "size of a measure",
            "characters",
            MEASURE_CHARS_MAX,
            (&component("size"), font),
            |count| text("size", json!(format!("{}px", "1".repeat(count - 2)))),
        ),
        Row::of_message(
            "side of an aspect ratio",
            "parts",
            ASPECT_RATIO_SIDE_MAX as usize,
            (&component("aspectRatio"), ratio),
            |side| pictures(picture("aspectRatio", json!(format!("{side}:1"))), 1),
        ),
        Row::of_message(
            "height of an aspect ratio",
            "widths",
            ASPECT_RATIO_HEIGHT_PER_WIDTH_MAX as usize,
            (&component("aspectRatio"), ratio),
            |height| pictures(picture("aspectRatio", json!(format!("1:{height}"))), 1),
        ),
    ]
}
