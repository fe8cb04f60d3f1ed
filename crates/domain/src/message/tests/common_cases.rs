//! Quick replies and senders.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, without};

const ITEM_TYPES: &str = "Must be one of the following values: \
    [postback, message, uri, datetimepicker, camera, cameraRoll, location, clipboard]";

const HTTPS: &str = "invalid uri: must be an https URL";

fn dressed() -> Value {
    json!({"type": "text", "text": "Hello, I am Cony!!",
    "sender": {"name": "Cony", "iconUrl": "https://line.me/conyprof"},
    "quickReply": {"items": [
        {"type": "action", "imageUrl": "https://example.com/sushi.png",
         "action": {"type": "message", "label": "Sushi", "text": "Sushi"}},
        {"type": "action", "action": {"type": "location", "label": "Send location"}},
    ]}})
}

fn button(label: &str) -> Value {
    json!({"type": "action", "action": {"type": "message", "label": label, "text": "x"}})
}

fn buttons(count: usize) -> Value {
    json!(vec![button("a"); count])
}

#[test]
fn quick_replies() {
    let base = dressed();
    let items = "/quickReply/items";
    let size = "Size must be between 1 and 13";
    run(&[
        good(&base, "", dressed()),
        without(&base, "/quickReply"),
        good(&base, "/quickReply", json!(null)),
        good(&base, items, buttons(13)),
        bad(&base, items, buttons(14), ".quickReply.items", size),
        bad(&base, items, json!([]), ".quickReply.items", size),
        bad(
            &base,
            items,
            json!({}),
            ".quickReply.items",
            "Must be an array",
        ),
        missing(&base, items, ".quickReply.items"),
        bad(
            &base,
            "/quickReply",
            json!([]),
            ".quickReply",
            "Must be an object",
        ),
        bad(
            &base,
            "/quickReply/x",
            json!(1),
            ".quickReply.x",
            "Unknown property",
        ),
        missing(
            &base,
            "/quickReply/items/1/action",
            ".quickReply.items[1].action",
        ),
        bad(
            &base,
            "/quickReply/items/0/type",
            json!("button"),
            ".quickReply.items[0].type",
            "Must be one of the following values: [action]",
        ),
        bad(
            &base,
            "/quickReply/items/0/imageUrl",
            json!("http://example.com/a.png"),
            ".quickReply.items[0].imageUrl",
            HTTPS,
        ),
        bad(
            &base,
            "/quickReply/items/0/label",
            json!("x"),
            ".quickReply.items[0].label",
            "Unknown property",
        ),
        bad(
            &base,
            "/quickReply/items/1/action/type",
            json!("richmenuswitch"),
            ".quickReply.items[1].action.type",
            ITEM_TYPES,
        ),
        good(
            &base,
            "/quickReply/items/1/action",
            json!({"type": "camera", "label": "Photo"}),
        ),
        good(
            &base,
            "/quickReply/items/1/action",
            json!({"type": "cameraRoll", "label": "P"}),
        ),
        missing(
            &base,
            "/quickReply/items/1/action/label",
            ".quickReply.items[1].action.label",
        ),
        bad(
            &base,
            "/quickReply/items/1/action/text",
            json!("x"),
            ".quickReply.items[1].action.text",
            "Unknown property",
        ),
        good(&base, "/quickReply/items/0", button(&"한".repeat(20))),
        bad(
            &base,
            "/quickReply/items/0",
            button(&"한".repeat(21)),
            ".quickReply.items[0].action.label",
            "Length must be between 0 and 20",
        ),
    ]);
}

#[test]
fn senders() {
    let base = dressed();
    let name = "/sender/name";
    let word = "Must not contain the word LINE";
    run(&[
        good(&base, "/sender", json!({})),
        without(&base, "/sender/name"),
        without(&base, "/sender/iconUrl"),
        good(&base, name, json!("Airline")),
        good(&base, name, json!("online shop")),
        bad(&base, name, json!("LINE"), ".sender.name", word),
        bad(&base, name, json!("line pay"), ".sender.name", word),
        bad(&base, name, json!("공식LINE계정"), ".sender.name", word),
        bad(&base, name, json!(""), ".sender.name", "May not be empty"),
        good(&base, name, times("가", 20)),
        bad(
            &base,
            name,
            times("가", 21),
            ".sender.name",
            "Length must be between 0 and 20",
        ),
        good(&base, name, times("🍎", 10)),
        bad(
            &base,
            name,
            times("🍎", 11),
            ".sender.name",
            "Length must be between 0 and 20",
        ),
        bad(
            &base,
            "/sender",
            json!("Cony"),
            ".sender",
            "Must be an object",
        ),
        bad(
            &base,
            "/sender/iconUrl",
            json!("cony.png"),
            ".sender.iconUrl",
            "invalid uri",
        ),
        bad(
            &base,
            "/sender/id",
            json!("x"),
            ".sender.id",
            "Unknown property",
        ),
    ]);
}
