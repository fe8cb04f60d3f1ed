//! Types, texts and emojis.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, without, worse};

const TYPES: &str = "Must be one of the following values: [text, image, video, audio, \
    location, sticker, template, imagemap, flex, textV2, coupon]";

const DOLLAR: &str = "Must be the position of a $ in the text";

fn text() -> Value {
    json!({"type": "text", "text": "Hello, world"})
}

fn emojis() -> Value {
    json!({"type": "text", "text": "$ LINE emoji $", "emojis": [
        {"index": 0, "productId": "5ac1bfd5040ab15980c9b435", "emojiId": "001"},
        {"index": 13, "productId": "5ac1bfd5040ab15980c9b435", "emojiId": "002"},
    ]})
}

fn image() -> Value {
    json!({"type": "image",
        "originalContentUrl": "https://example.com/original.jpg",
        "previewImageUrl": "https://example.com/preview.jpg"})
}

fn video() -> Value {
    json!({"type": "video",
        "originalContentUrl": "https://example.com/original.mp4",
        "previewImageUrl": "https://example.com/preview.jpg",
        "trackingId": "track-id"})
}

fn sticker() -> Value {
    json!({"type": "sticker", "packageId": "446", "stickerId": "1988"})
}

fn emoji_list(count: usize) -> Value {
    let emoji = |index| json!({"index": index, "productId": "p", "emojiId": "e"});
    json!((0..count).map(emoji).collect::<Vec<_>>())
}

#[test]
fn the_type_decides() {
    let base = text();
    run(&[
        good(&base, "", text()),
        good(&base, "", image()),
        good(&base, "", video()),
        good(&base, "", sticker()),
        missing(&base, "/type", ".type"),
        bad(&base, "/type", json!(null), ".type", "must be specified"),
        bad(&base, "/type", json!("textv2"), ".type", TYPES),
        bad(&base, "/type", json!("file"), ".type", TYPES),
        bad(&base, "/type", json!("Text"), ".type", TYPES),
        bad(&base, "/type", json!(""), ".type", TYPES),
        bad(&base, "/type", json!(1), ".type", "Must be a string"),
        bad(&base, "/type", json!(["text"]), ".type", "Must be a string"),
        bad(&base, "", json!("text"), "", "Must be an object"),
        bad(&base, "", json!(null), "", "Must be an object"),
        bad(&base, "", json!([text()]), "", "Must be an object"),
        bad(&base, "", json!({}), ".type", "must be specified"),
        bad(
            &image(),
            "/quoteToken",
            json!("q"),
            ".quoteToken",
            "Unknown property",
        ),
        good(&base, "/quoteToken", json!("yHAz4Ua2wx7")),
        good(&sticker(), "/quoteToken", json!("yHAz4Ua2wx7")),
        bad(
            &base,
            "/quoteToken",
            json!(""),
            ".quoteToken",
            "May not be empty",
        ),
        bad(
            &base,
            "/substitution",
            json!({}),
            ".substitution",
            "Unknown property",
        ),
        bad(&base, "/Text", json!("x"), ".Text", "Unknown property"),
        bad(&base, "/", json!("x"), ".", "Unknown property"),
        bad(
            &base,
            "/altText",
            json!(null),
            ".altText",
            "Unknown property",
        ),
        bad(&image(), "/type", json!("imageMap"), ".type", TYPES),
        worse(
            &base,
            "/type",
            json!("image"),
            &[
                (".originalContentUrl", "must be specified"),
                (".previewImageUrl", "must be specified"),
                (".text", "Unknown property"),
            ],
        ),
    ]);
}

#[test]
fn texts_count_utf_16_units() {
    let base = text();
    let long = "Length must be between 0 and 5000";
    run(&[
        good(&base, "/text", json!("a")),
        good(&base, "/text", times("a", 5_000)),
        bad(&base, "/text", times("a", 5_001), ".text", long),
        good(&base, "/text", times("가", 5_000)),
        bad(&base, "/text", times("가", 5_001), ".text", long),
        // An apple is two units, a family joined by zero-width joiners is eleven.
        good(&base, "/text", times("🍎", 2_500)),
        bad(&base, "/text", times("🍎", 2_501), ".text", long),
        good(&base, "/text", times("👨‍👩‍👧‍👦", 454)),
        bad(&base, "/text", times("👨‍👩‍👧‍👦", 455), ".text", long),
        good(&base, "/text", times("e\u{301}", 2_500)),
        bad(&base, "/text", times("e\u{301}", 2_501), ".text", long),
        good(&base, "/text", json!("\u{202e}txt.exe\u{202c}\r\n\t")),
        good(&base, "/text", json!(" ")),
        good(&base, "/text", json!("$")),
        bad(&base, "/text", json!(""), ".text", "May not be empty"),
        bad(
            &base,
            "/text",
            json!("a\0b"),
            ".text",
            "Must not contain the character U+0000",
        ),
        bad(&base, "/text", json!(null), ".text", "must be specified"),
        bad(&base, "/text", json!(5), ".text", "Must be a string"),
        bad(&base, "/text", json!(5.5), ".text", "Must be a string"),
        bad(&base, "/text", json!(true), ".text", "Must be a string"),
        bad(&base, "/text", json!(["a"]), ".text", "Must be a string"),
        bad(&base, "/text", json!({"a": 1}), ".text", "Must be a string"),
        missing(&base, "/text", ".text"),
    ]);
}

#[test]
fn emojis_stand_on_dollars() {
    let base = emojis();
    let many = json!({"type": "text", "text": "$".repeat(21), "emojis": emoji_list(20)});
    run(&[
        good(&base, "", emojis()),
        without(&base, "/emojis"),
        good(&base, "/emojis", json!(null)),
        good(&many, "", many.clone()),
        bad(
            &many,
            "/emojis",
            emoji_list(21),
            ".emojis",
            "Size must be between 1 and 20",
        ),
        bad(
            &base,
            "/emojis",
            json!([]),
            ".emojis",
            "Size must be between 1 and 20",
        ),
        bad(&base, "/emojis", json!({}), ".emojis", "Must be an array"),
        bad(
            &base,
            "/emojis/0",
            json!(1),
            ".emojis[0]",
            "Must be an object",
        ),
        bad(
            &base,
            "/emojis/0/index",
            json!(1),
            ".emojis[0].index",
            DOLLAR,
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!(14),
            ".emojis[1].index",
            DOLLAR,
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!(-1),
            ".emojis[1].index",
            "Must be between 0 and 5000",
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!(u64::MAX),
            ".emojis[1].index",
            "Must be between 0 and 5000",
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!(13.0),
            ".emojis[1].index",
            "Must be an integer",
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!("13"),
            ".emojis[1].index",
            "Must be an integer",
        ),
        bad(
            &base,
            "/emojis/1/index",
            json!(0),
            ".emojis",
            "Must not have two emojis at one position",
        ),
        // Positions are UTF-16 units: the apple before the dollar takes two.
        good(
            &base,
            "",
            json!({"type": "text", "text": "🍎$",
                "emojis": [{"index": 2, "productId": "p", "emojiId": "e"}]}),
        ),
        bad(
            &base,
            "",
            json!({"type": "text", "text": "🍎$",
                "emojis": [{"index": 1, "productId": "p", "emojiId": "e"}]}),
            ".emojis[0].index",
            DOLLAR,
        ),
        missing(&base, "/emojis/0/index", ".emojis[0].index"),
        missing(&base, "/emojis/0/productId", ".emojis[0].productId"),
        missing(&base, "/emojis/1/emojiId", ".emojis[1].emojiId"),
        bad(
            &base,
            "/emojis/0/emojiId",
            json!(""),
            ".emojis[0].emojiId",
            "May not be empty",
        ),
        good(&base, "/emojis/0/productId", times("p", 64)),
        bad(
            &base,
            "/emojis/0/productId",
            times("p", 65),
            ".emojis[0].productId",
            "Length must be between 0 and 64",
        ),
        bad(
            &base,
            "/emojis/0/size",
            json!(1),
            ".emojis[0].size",
            "Unknown property",
        ),
        // The text is refused; the positions in it are not judged.
        bad(&base, "/text", json!(""), ".text", "May not be empty"),
    ]);
}
