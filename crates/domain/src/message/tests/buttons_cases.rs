//! Buttons templates.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, url_of, without, worse};

const RGB: &str = "Must be a color like #RRGGBB";

const LONG_60: &str = "Length must be between 0 and 60";

fn uri(label: &str) -> Value {
    json!({"type": "uri", "label": label, "uri": "http://example.com/page/123"})
}

fn uris(count: usize) -> Value {
    json!(vec![uri("View"); count])
}

fn buttons() -> Value {
    json!({"type": "template", "altText": "This is a buttons template", "template": {
    "type": "buttons",
    "thumbnailImageUrl": "https://example.com/bot/images/image.jpg",
    "imageAspectRatio": "rectangle",
    "imageSize": "cover",
    "imageBackgroundColor": "#FFFFFF",
    "title": "Menu",
    "text": "Please select",
    "defaultAction": uri("View detail"),
    "actions": [
        {"type": "postback", "label": "Buy", "data": "action=buy&itemid=123"},
        {"type": "postback", "label": "Add to cart", "data": "action=add&itemid=123"},
        uri("View detail"),
    ]}})
}

fn plain_buttons() -> Value {
    json!({"type": "template", "altText": "a",
        "template": {"type": "buttons", "text": "t", "actions": uris(1)}})
}

#[test]
fn buttons_hold_less_text_beside_a_picture() {
    let (base, plain) = (buttons(), plain_buttons());
    let text = "/template/text";
    run(&[
        good(&base, "", buttons()),
        good(&plain, "", plain_buttons()),
        good(&plain, text, times("가", 160)),
        bad(
            &plain,
            text,
            times("가", 161),
            ".template.text",
            "Length must be between 0 and 160",
        ),
        // Grapheme clusters: a family counts as one.
        good(&plain, text, times("👨‍👩‍👧‍👦", 160)),
        bad(
            &plain,
            text,
            times("👨‍👩‍👧‍👦", 161),
            ".template.text",
            "Length must be between 0 and 160",
        ),
        good(&base, text, times("e\u{301}", 60)),
        bad(
            &base,
            text,
            times("e\u{301}", 61),
            ".template.text",
            LONG_60,
        ),
        bad(
            &plain,
            "/template",
            json!({"type": "buttons", "title": "T", "text": "a".repeat(61), "actions": uris(1)}),
            ".template.text",
            LONG_60,
        ),
        bad(
            &plain,
            "/template",
            json!({"type": "buttons", "thumbnailImageUrl": "https://example.com/a.png",
                "text": "a".repeat(61), "actions": uris(1)}),
            ".template.text",
            LONG_60,
        ),
        // A refused title still takes the room.
        worse(
            &plain,
            "/template",
            json!({"type": "buttons", "title": "", "text": "a".repeat(61), "actions": uris(1)}),
            &[
                (".template.text", LONG_60),
                (".template.title", "May not be empty"),
            ],
        ),
        bad(&base, text, json!(""), ".template.text", "May not be empty"),
        missing(&base, text, ".template.text"),
        good(&base, "/template/title", times("👍🏽", 40)),
        bad(
            &base,
            "/template/title",
            times("👍🏽", 41),
            ".template.title",
            "Length must be between 0 and 40",
        ),
        bad(
            &base,
            "/template/title",
            json!(1),
            ".template.title",
            "Must be a string",
        ),
    ]);
}

#[test]
fn buttons_and_their_picture() {
    let base = buttons();
    let at = "/template/thumbnailImageUrl";
    run(&[
        good(&base, at, url_of(2_000)),
        bad(
            &base,
            at,
            url_of(2_001),
            ".template.thumbnailImageUrl",
            "Length must be between 0 and 2000",
        ),
        bad(
            &base,
            at,
            json!("http://example.com/a.jpg"),
            ".template.thumbnailImageUrl",
            "invalid uri: must be an https URL",
        ),
        good(&base, "/template/imageAspectRatio", json!("square")),
        bad(
            &base,
            "/template/imageAspectRatio",
            json!("1:1"),
            ".template.imageAspectRatio",
            "Must be one of the following values: [rectangle, square]",
        ),
        good(&base, "/template/imageSize", json!("contain")),
        bad(
            &base,
            "/template/imageSize",
            json!("fill"),
            ".template.imageSize",
            "Must be one of the following values: [cover, contain]",
        ),
        good(&base, "/template/imageBackgroundColor", json!("#0aF9c3")),
        bad(
            &base,
            "/template/imageBackgroundColor",
            json!("#FFF"),
            ".template.imageBackgroundColor",
            RGB,
        ),
        bad(
            &base,
            "/template/imageBackgroundColor",
            json!("#FFFFFF00"),
            ".template.imageBackgroundColor",
            RGB,
        ),
        bad(
            &base,
            "/template/imageBackgroundColor",
            json!("white"),
            ".template.imageBackgroundColor",
            RGB,
        ),
        bad(
            &base,
            "/template/imageBackgroundColor",
            json!("#GGGGGG"),
            ".template.imageBackgroundColor",
            RGB,
        ),
        bad(
            &base,
            "/template/imageBackgroundColor",
            json!("#가나"),
            ".template.imageBackgroundColor",
            RGB,
        ),
    ]);
}

#[test]
fn buttons_and_their_actions() {
    let base = buttons();
    let at = "/template/actions";
    let size = "Size must be between 1 and 4";
    run(&[
        without(&base, "/template/defaultAction"),
        missing(
            &base,
            "/template/defaultAction/label",
            ".template.defaultAction.label",
        ),
        good(&base, at, uris(1)),
        good(&base, at, uris(4)),
        bad(&base, at, uris(5), ".template.actions", size),
        bad(&base, at, json!([]), ".template.actions", size),
        bad(
            &base,
            at,
            json!(null),
            ".template.actions",
            "must be specified",
        ),
        bad(
            &base,
            at,
            json!("x"),
            ".template.actions",
            "Must be an array",
        ),
        bad(
            &base,
            "/template/actions/-",
            json!(3),
            ".template.actions[3]",
            "Must be an object",
        ),
        missing(&base, at, ".template.actions"),
        missing(
            &base,
            "/template/actions/2/label",
            ".template.actions[2].label",
        ),
        bad(
            &base,
            "/template/columns",
            json!([]),
            ".template.columns",
            "Unknown property",
        ),
        // Everything at once, in reading order.
        worse(
            &base,
            "",
            json!({"type": "template", "altText": "", "x": 1, "template": {
                "type": "buttons", "text": 1, "y": 2, "imageSize": 3,
                "actions": [{"type": "uri", "uri": "nowhere"}, {"type": "fly"}, 4]}}),
            &[
                (".altText", "May not be empty"),
                (".template.text", "Must be a string"),
                (".template.actions[0].label", "must be specified"),
                (".template.actions[0].uri", "invalid uri"),
                (
                    ".template.actions[1].type",
                    "Must be one of the following values: \
                     [postback, message, uri, datetimepicker, clipboard]",
                ),
                (".template.actions[2]", "Must be an object"),
                (".template.imageSize", "Must be a string"),
                (".template.y", "Unknown property"),
                (".x", "Unknown property"),
            ],
        ),
    ]);
}
