//! Flex messages from the outside: bubbles, carousels, blocks, videos, sizes in bytes.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, without, worse};

const BUBBLE_SIZES: &str =
    "Must be one of the following values: [nano, micro, deca, hecto, kilo, mega, giga]";
const WIDE: &str = "A video must be in a bubble of size kilo, mega or giga";

fn text_box(text: &str) -> Value {
    json!({"type": "box", "layout": "vertical", "contents": [{"type": "text", "text": text}]})
}

fn picture() -> Value {
    json!({"type": "image", "url": "https://example.com/flex/images/image.jpg"})
}

fn bubble() -> Value {
    json!({"type": "bubble", "size": "mega", "direction": "ltr",
        "header": text_box("Header text"), "hero": picture(), "body": text_box("Body text"),
        "footer": text_box("Footer text"),
        "styles": {
            "header": {"backgroundColor": "#00ffff"},
            "hero": {"separator": true, "separatorColor": "#000000"},
            "footer": {"backgroundColor": "#00ffff80", "separator": false},
        },
        "action": {"type": "uri", "uri": "https://example.com/"}})
}

fn message(contents: Value) -> Value {
    json!({"type": "flex", "altText": "this is a flex message", "contents": contents})
}

fn small(size: &str) -> Value {
    json!({"type": "bubble", "size": size, "body": text_box("x")})
}

fn carousel(bubbles: &[Value]) -> Value {
    message(json!({"type": "carousel", "contents": bubbles}))
}

fn video() -> Value {
    message(json!({"type": "bubble", "size": "mega", "hero": {
        "type": "video", "url": "https://example.com/video.mp4",
        "previewUrl": "https://example.com/video_preview.jpg",
        "altContent": picture(), "aspectRatio": "20:13",
        "action": {"type": "uri", "label": "More", "uri": "http://example.com/"}}}))
}

/// A bubble whose canonical JSON has exactly this many bytes.
fn bubble_of(bytes: usize) -> Value {
    let frame = json!({"type": "bubble", "body": text_box("")})
        .to_string()
        .len();
    json!({"type": "bubble", "body": text_box(&"a".repeat(bytes - frame))})
}

/// A carousel of two bubbles whose canonical JSON has exactly this many bytes.
fn carousel_of(bytes: usize) -> Value {
    let first = bubble_of(25 * 1024);
    let with = |second| json!({"type": "carousel", "contents": [first, second]});
    let least = bubble_of(100);
    let frame = with(least).to_string().len() - 100;
    message(with(bubble_of(bytes - frame)))
}

fn moving_picture() -> Value {
    let mut picture = picture();
    picture["animated"] = json!(true);
    picture
}

fn moving_video() -> Value {
    let mut hero = video()["contents"]["hero"].clone();
    hero["altContent"] = moving_picture();
    hero
}

fn animated(count: usize) -> Value {
    json!({"type": "box", "layout": "vertical", "contents": vec![moving_picture(); count]})
}

fn with_hero(animated_in_body: usize, hero: Value) -> Value {
    json!({"type": "bubble", "hero": hero, "body": animated(animated_in_body)})
}

#[test]
fn flex_messages_hold_one_container() {
    let base = message(bubble());
    let containers = "Must be one of the following values: [bubble, carousel]";
    run(&[
        good(&base, "", base.clone()),
        good(&base, "/altText", times("가", 1_500)),
        bad(
            &base,
            "/altText",
            times("가", 1_501),
            ".altText",
            "Length must be between 0 and 1500",
        ),
        missing(&base, "/altText", ".altText"),
        missing(&base, "/contents", ".contents"),
        missing(&base, "/contents/type", ".contents.type"),
        bad(
            &base,
            "/contents",
            json!([bubble()]),
            ".contents",
            "Must be an object",
        ),
        bad(
            &base,
            "/contents/type",
            json!("box"),
            ".contents.type",
            containers,
        ),
        bad(
            &base,
            "/template",
            json!({}),
            ".template",
            "Unknown property",
        ),
    ]);
}

#[test]
fn bubbles_and_their_blocks() {
    let base = message(bubble());
    let direction = "Must be one of the following values: [ltr, rtl]";
    let heroes = "Must be one of the following values: [box, image, video]";
    run(&[
        without(&base, "/contents/header"),
        without(&base, "/contents/hero"),
        without(&base, "/contents/size"),
        without(&base, "/contents/styles"),
        bad(
            &base,
            "/contents",
            json!({"type": "bubble"}),
            ".contents",
            "At least one block must be specified",
        ),
        good(&base, "/contents", small("nano")),
        good(&base, "/contents", small("deca")),
        good(&base, "/contents", small("hecto")),
        good(&base, "/contents", small("giga")),
        bad(
            &base,
            "/contents",
            small("huge"),
            ".contents.size",
            BUBBLE_SIZES,
        ),
        good(&base, "/contents/direction", json!("rtl")),
        bad(
            &base,
            "/contents/direction",
            json!("ttb"),
            ".contents.direction",
            direction,
        ),
        good(&base, "/contents/hero", text_box("hero")),
        bad(
            &base,
            "/contents/hero",
            json!({"type": "text", "text": "x"}),
            ".contents.hero.type",
            heroes,
        ),
        bad(
            &base,
            "/contents/body",
            picture(),
            ".contents.body.type",
            "Must be one of the following values: [box]",
        ),
        bad(
            &base,
            "/contents/footer",
            json!([]),
            ".contents.footer",
            "Must be an object",
        ),
        bad(
            &base,
            "/contents/altText",
            json!("x"),
            ".contents.altText",
            "Unknown property",
        ),
        good(&base, "/contents/styles", json!({})),
        good(&base, "/contents/styles/body", json!({})),
        bad(
            &base,
            "/contents/styles/comment",
            json!("See"),
            ".contents.styles.comment",
            "Unknown property",
        ),
        bad(
            &base,
            "/contents/styles/hero/separator",
            json!("true"),
            ".contents.styles.hero.separator",
            "Must be true or false",
        ),
        bad(
            &base,
            "/contents/styles/header/backgroundColor",
            json!("aqua"),
            ".contents.styles.header.backgroundColor",
            "Must be a color like #RRGGBB or #RRGGBBAA",
        ),
        bad(
            &base,
            "/contents/styles/header/color",
            json!("#000000"),
            ".contents.styles.header.color",
            "Unknown property",
        ),
        bad(
            &base,
            "/contents/action",
            json!({"type": "uri", "uri": "https://"}),
            ".contents.action.uri",
            "invalid uri",
        ),
        worse(
            &base,
            "/contents",
            json!({"type": "bubble", "size": 1, "direction": 2, "body": 3, "footer": 4}),
            &[
                (".contents.size", "Must be a string"),
                (".contents.direction", "Must be a string"),
                (".contents.body", "Must be an object"),
                (".contents.footer", "Must be an object"),
            ],
        ),
    ]);
}

#[test]
fn bubbles_of_a_carousel_are_as_wide() {
    let base = carousel(&[small("micro"), small("micro")]);
    let at = "/contents/contents";
    let many = |count| json!(vec![small("kilo"); count]);
    let size = "Size must be between 1 and 12";
    let same = "Must be the same size as the first bubble";
    run(&[
        good(&base, "", base.clone()),
        good(&base, at, many(1)),
        good(&base, at, many(12)),
        bad(&base, at, many(13), ".contents.contents", size),
        bad(&base, at, json!([]), ".contents.contents", size),
        bad(
            &base,
            at,
            json!({}),
            ".contents.contents",
            "Must be an array",
        ),
        missing(&base, at, ".contents.contents"),
        bad(
            &base,
            "/contents/contents/1/size",
            json!("nano"),
            ".contents.contents[1].size",
            same,
        ),
        bad(
            &base,
            "/contents/contents/1",
            json!({"type": "bubble", "body": text_box("x")}),
            ".contents.contents[1].size",
            same,
        ),
        // Mega is what a bubble without a size has.
        good(
            &base,
            at,
            json!([small("mega"), {"type": "bubble", "body": text_box("x")}]),
        ),
        bad(
            &base,
            "/contents/contents/1/size",
            json!("tiny"),
            ".contents.contents[1].size",
            BUBBLE_SIZES,
        ),
        worse(
            &base,
            at,
            json!([small("nano"), {"type": "bubble", "size": "micro", "body": 1}]),
            &[
                (".contents.contents[1].body", "Must be an object"),
                (".contents.contents[1].size", same),
            ],
        ),
        bad(
            &base,
            "/contents/contents/0/type",
            json!("carousel"),
            ".contents.contents[0].type",
            "Must be one of the following values: [bubble]",
        ),
        bad(
            &base,
            "/contents/size",
            json!("kilo"),
            ".contents.size",
            "Unknown property",
        ),
    ]);
}

#[test]
fn videos_need_room() {
    let base = video();
    let hero = &base["contents"]["hero"];
    let mut nested = hero.clone();
    nested["altContent"] = hero.clone();
    run(&[
        good(&base, "", base.clone()),
        without(&base, "/contents/size"),
        good(&base, "/contents/size", json!("kilo")),
        good(&base, "/contents/size", json!("giga")),
        bad(
            &base,
            "/contents/size",
            json!("hecto"),
            ".contents.hero",
            WIDE,
        ),
        bad(
            &base,
            "/contents/size",
            json!("nano"),
            ".contents.hero",
            WIDE,
        ),
        bad(
            &base,
            "",
            carousel(&[base["contents"].clone()]),
            ".contents.contents[0].hero",
            "A video must not be in a carousel",
        ),
        bad(
            &base,
            "/contents/body",
            json!({"type": "box", "layout": "vertical", "contents": [hero]}),
            ".contents.body.contents[0].type",
            "Must be one of the following values: \
             [box, button, image, text, separator, filler]",
        ),
        missing(&base, "/contents/hero/url", ".contents.hero.url"),
        missing(
            &base,
            "/contents/hero/previewUrl",
            ".contents.hero.previewUrl",
        ),
        missing(
            &base,
            "/contents/hero/altContent",
            ".contents.hero.altContent",
        ),
        good(&base, "/contents/hero/altContent", text_box("x")),
        bad(
            &base,
            "/contents/hero",
            nested,
            ".contents.hero.altContent.type",
            "Must be one of the following values: [box, image]",
        ),
        without(&base, "/contents/hero/action"),
        without(&base, "/contents/hero/action/label"),
        bad(
            &base,
            "/contents/hero/action",
            json!({"type": "message", "text": "x"}),
            ".contents.hero.action.type",
            "Must be one of the following values: [uri]",
        ),
        bad(
            &base,
            "/contents/hero/url",
            json!("http://example.com/video.mp4"),
            ".contents.hero.url",
            "invalid uri: must be an https URL",
        ),
        bad(
            &base,
            "/contents/hero/size",
            json!("full"),
            ".contents.hero.size",
            "Unknown property",
        ),
    ]);
}

#[test]
fn bytes_and_animated_images_are_limited() {
    let base = message(bubble());
    let bubble_bytes = "The JSON must not be larger than 30720 bytes";
    let carousel_bytes = "The JSON must not be larger than 51200 bytes";
    let moving = "Must not have more than 10 animated images";
    let body = |count| json!({"type": "bubble", "body": animated(count)});
    run(&[
        good(&base, "/contents", bubble_of(30 * 1024)),
        bad(
            &base,
            "/contents",
            bubble_of(30 * 1024 + 1),
            ".contents",
            bubble_bytes,
        ),
        good(&base, "", carousel_of(50 * 1024)),
        bad(
            &base,
            "",
            carousel_of(50 * 1024 + 1),
            ".contents",
            carousel_bytes,
        ),
        bad(
            &base,
            "",
            carousel(&[small("mega"), bubble_of(30 * 1024 + 1)]),
            ".contents.contents[1]",
            bubble_bytes,
        ),
        good(&base, "/contents", body(10)),
        bad(&base, "/contents", body(11), ".contents", moving),
        // Every block counts, and so does what stands in for a video.
        good(&base, "/contents", with_hero(9, animated(1))),
        bad(
            &base,
            "/contents",
            with_hero(10, animated(1)),
            ".contents",
            moving,
        ),
        bad(
            &base,
            "/contents",
            with_hero(10, moving_picture()),
            ".contents",
            moving,
        ),
        bad(
            &base,
            "/contents",
            with_hero(10, moving_video()),
            ".contents",
            moving,
        ),
        bad(
            &base,
            "/contents",
            json!({"type": "bubble", "header": animated(6), "footer": animated(5)}),
            ".contents",
            moving,
        ),
        good(&base, "", carousel(&[body(5), body(5)])),
        bad(
            &base,
            "",
            carousel(&[body(5), body(6)]),
            ".contents",
            moving,
        ),
        worse(
            &base,
            "",
            json!({"type": "flex", "contents": body(11)}),
            &[(".altText", "must be specified"), (".contents", moving)],
        ),
    ]);
}
