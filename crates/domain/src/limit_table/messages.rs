//! The limits of whole requests, of simple messages and of what all messages have in common.

use serde_json::{Value, json};

use super::{Row, errors_of, letters, url_of};
use crate::message::limits::*;
use crate::message::{Rules, parse};

const HTTPS: &str = "https://example.com/a";
const UNITS: &str = "UTF-16 units";
const OBJECTS: &str = "objects";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = whole();
    rows.extend(simple());
    rows.extend(texts_v2());
    rows
}

/// The limits of the whole body.
fn whole() -> Vec<Row> {
    let errors = |json: String| parse(&json, &Rules::default()).err().unwrap_or_default();
    let text = r#"{"type":"text","text":"a"}"#;
    let messages = |count| errors(format!("[{}]", vec![text; count].join(",")));
    let padded = |bytes: usize| errors(format!("[{text}{}]", " ".repeat(bytes - text.len() - 2)));
    // Messages, message and bubble are three levels, each box is two; the last holds a text.
    let boxes = |count: usize| {
        let mut inside = json!({"type": "separator"});
        for _ in 0..count {
            inside = json!({"type": "box", "layout": "vertical", "contents": [inside]});
        }
        errors_of(&json!({"type": "flex", "altText": "a",
            "contents": {"type": "bubble", "body": inside}}))
    };
    let deepest = (NESTING_DEPTH_MAX - 4) / 2;
    let inside = ".contents[0]".repeat(deepest);
    vec![
        Row {
            limit: "messages of a request",
            unit: OBJECTS,
            at: messages(MESSAGES_MAX),
            over: messages(MESSAGES_MAX + 1),
            property: "messages".to_owned(),
            words: "Size must be between 1 and 5".to_owned(),
        },
        Row {
            limit: "JSON text",
            unit: "bytes",
            at: padded(BODY_BYTES_MAX),
            over: padded(BODY_BYTES_MAX + 1),
            property: String::new(),
            words: "The JSON must not be larger than 2097152 bytes".to_owned(),
        },
        Row {
            limit: "nesting",
            unit: "boxes in boxes",
            at: boxes(deepest),
            over: boxes(deepest + 1),
            property: format!("messages[0].contents.body{inside}.contents"),
            words: "Must not be nested this deeply".to_owned(),
        },
    ]
}

fn simple() -> Vec<Row> {
    let text = |key: &'static str| {
        move |value: Value| {
            let mut message = json!({"type": "text", "text": "$"});
            message[key] = value;
            message
        }
    };
    let emoji = json!({"index": 0, "productId": "p", "emojiId": "e"});
    let emoji_list = |count: usize| {
        let emoji = |index| json!({"index": index, "productId": "p", "emojiId": "e"});
        json!({"type": "text", "text": "$".repeat(count),
            "emojis": (0..count).map(emoji).collect::<Vec<_>>()})
    };
    let with_emoji = |key: &str, value: Value| {
        let mut emoji = emoji.clone();
        emoji[key] = value;
        text("emojis")(json!([emoji]))
    };
    let sticker = |count| json!({"type": "sticker", "packageId": letters(count), "stickerId": "1"});
    let image = |count| {
        let url = url_of(count);
        json!({"type": "image", "originalContentUrl": url, "previewImageUrl": HTTPS})
    };
    let video = |count| {
        json!({"type": "video", "originalContentUrl": HTTPS, "previewImageUrl": HTTPS,
            "trackingId": letters(count)})
    };
    let audio = |millis| json!({"type": "audio", "originalContentUrl": HTTPS, "duration": millis});
    let place = |title: Value, address: Value, latitude: f64, longitude: f64| {
        json!({"type": "location", "title": title, "address": address, "latitude": latitude,
            "longitude": longitude})
    };
    let coupon = |id, tag| json!({"type": "coupon", "couponId": id, "deliveryTag": tag});
    let long_100 = "Length must be between 0 and 100";
    let quick = |count| {
        let button = json!({"type": "action",
            "action": {"type": "message", "label": "a", "text": "a"}});
        json!({"items": vec![button; count]})
    };
    let long_64 = "Length must be between 0 and 64";
    vec![
        Row::of_message(
            "text",
            UNITS,
            TEXT_LENGTH_MAX,
            (".text", "Length must be between 0 and 5000"),
            |count| text("text")(letters(count)),
        ),
        Row::of_message(
            "quoteToken",
            UNITS,
            QUOTE_TOKEN_LENGTH_MAX,
            (".quoteToken", "Length must be between 0 and 512"),
            |count| text("quoteToken")(letters(count)),
        ),
        Row::of_message(
            "emojis",
            OBJECTS,
            EMOJIS_MAX,
            (".emojis", "Size must be between 1 and 20"),
            emoji_list,
        ),
        Row::of_message(
            "emojis[].productId",
            UNITS,
            EMOJI_ID_LENGTH_MAX,
            (".emojis[0].productId", long_64),
            |count| with_emoji("productId", letters(count)),
        ),
        Row::of_message(
            "emojis[].emojiId",
            UNITS,
            EMOJI_ID_LENGTH_MAX,
            (".emojis[0].emojiId", long_64),
            |count| with_emoji("emojiId", letters(count)),
        ),
        Row::of_message(
            "sticker packageId",
            "characters",
            STICKER_ID_LENGTH_MAX,
            (".packageId", long_64),
            sticker,
        ),
        Row::of_message(
            "originalContentUrl",
            UNITS,
            MEDIA_URL_LENGTH_MAX,
            (".originalContentUrl", "Length must be between 0 and 2000"),
            image,
        ),
        Row::of_message(
            "video trackingId",
            "characters",
            TRACKING_ID_LENGTH_MAX,
            (".trackingId", long_100),
            video,
        ),
        Row::of_message(
            "audio duration",
            "milliseconds",
            AUDIO_MILLIS_MAX as usize,
            (".duration", "Must be between 0 and 2147483647"),
            audio,
        ),
        Row::of_message(
            "location title",
            UNITS,
            LOCATION_TEXT_LENGTH_MAX,
            (".title", long_100),
            |count| place(letters(count), json!("a"), 0.0, 0.0),
        ),
        Row::of_message(
            "location address",
            UNITS,
            LOCATION_TEXT_LENGTH_MAX,
            (".address", long_100),
            |count| place(json!("a"), letters(count), 0.0, 0.0),
        ),
        Row::of_message(
            "location latitude",
            "degrees",
            LATITUDE_DEGREES_MAX as usize,
            (".latitude", "Must be between -90 and 90"),
            |degrees| place(json!("a"), json!("a"), degrees as f64, 0.0),
        ),
        Row::of_message(
            "location longitude",
            "degrees",
            LONGITUDE_DEGREES_MAX as usize,
            (".longitude", "Must be between -180 and 180"),
            |degrees| place(json!("a"), json!("a"), 0.0, -(degrees as f64)),
        ),
        Row::of_message(
            "couponId",
            "characters",
            COUPON_ID_LENGTH_MAX,
            (".couponId", long_64),
            |count| coupon(letters(count), json!(null)),
        ),
        Row::of_message(
            "coupon deliveryTag",
            "characters",
            DELIVERY_TAG_LENGTH_MAX,
            (".deliveryTag", "Length must be between 0 and 30"),
            |count| coupon(json!("a"), letters(count)),
        ),
        Row::of_message(
            "sender.name",
            UNITS,
            SENDER_NAME_LENGTH_MAX,
            (".sender.name", "Length must be between 0 and 20"),
            |count| text("sender")(json!({"name": letters(count)})),
        ),
        Row::of_message(
            "sender.iconUrl",
            UNITS,
            MEDIA_URL_LENGTH_MAX,
            (".sender.iconUrl", "Length must be between 0 and 2000"),
            |count| text("sender")(json!({"iconUrl": url_of(count)})),
        ),
        Row::of_message(
            "quickReply.items",
            OBJECTS,
            QUICK_REPLY_ITEMS_MAX,
            (".quickReply.items", "Size must be between 1 and 13"),
            |count| text("quickReply")(quick(count)),
        ),
    ]
}

fn texts_v2() -> Vec<Row> {
    let message = |text: String, substitution: Value| {
        let mut message = json!({"type": "textV2", "text": text});
        message["substitution"] = substitution;
        message
    };
    let emoji = json!({"type": "emoji", "productId": "p", "emojiId": "e"});
    let all = json!({"type": "mention", "mentionee": {"type": "all"}});
    let user = |id: Value| {
        let mentionee = json!({"type": "user", "userId": id});
        json!({"a": {"type": "mention", "mentionee": mentionee}})
    };
    let many = |count: usize| {
        let names = (0..count).map(|number| (format!("n{number}"), emoji.clone()));
        message("a".to_owned(), Value::Object(names.collect()))
    };
    let named =
        |name: &str| Value::Object([(name.to_owned(), emoji.clone())].into_iter().collect());
    let key = "The key must have 1 to 20 of the characters a-z, A-Z, 0-9 and _";
    let key_at = format!(".substitution.{}", "a".repeat(21));
    vec![
        Row::of_message(
            "textV2 text",
            UNITS,
            TEXT_LENGTH_MAX,
            (".text", "Length must be between 0 and 5000"),
            |count| message("a".repeat(count), json!({})),
        ),
        Row::of_message(
            "textV2 substitution",
            OBJECTS,
            SUBSTITUTIONS_MAX,
            (".substitution", "Size must be between 0 and 100"),
            many,
        ),
        Row::of_message(
            "textV2 substitution key",
            "characters",
            SUBSTITUTION_KEY_LENGTH_MAX,
            (&key_at, key),
            |count| message("a".to_owned(), named(&"a".repeat(count))),
        ),
        Row::of_message(
            "textV2 mentions",
            "places",
            MENTIONS_MAX,
            (".text", "Must not substitute more than 20 mentions"),
            |count| message("{a}".repeat(count), json!({"a": all})),
        ),
        Row::of_message(
            "textV2 emojis",
            "places",
            EMOJIS_MAX,
            (".text", "Must not substitute more than 20 emojis"),
            |count| message("{a}".repeat(count), json!({"a": emoji})),
        ),
        Row::of_message(
            "textV2 userId",
            UNITS,
            64,
            (
                ".substitution.a.mentionee.userId",
                "Length must be between 0 and 64",
            ),
            |count| message("{a}".to_owned(), user(letters(count))),
        ),
    ]
}
