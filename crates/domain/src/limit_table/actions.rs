//! The limits of actions, by the place where they stand.

use serde_json::{Value, json};

use super::{Row, errors_of, families, letters, url_of};
use crate::message::limits::*;

const UNITS: &str = "UTF-16 units";
const CLUSTERS: &str = "grapheme clusters";

/// A buttons template with this action.
fn button(action: &Value) -> Value {
    json!({"type": "template", "altText": "a",
        "template": {"type": "buttons", "text": "a", "actions": [action]}})
}

fn labelled(label: &Value) -> Value {
    json!({"type": "message", "label": label, "text": "a"})
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = labels();
    rows.extend(texts());
    rows.extend(pickers());
    rows
}

fn labels() -> Vec<Row> {
    let quick = |action: Value| {
        json!({"type": "text", "text": "a",
            "quickReply": {"items": [{"type": "action", "action": action}]}})
    };
    let quick_at = ".quickReply.items[0].action.label";
    let body = |contents: Value, action: Value| {
        json!({"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": {
            "type": "box", "layout": "vertical", "contents": contents, "action": action}}})
    };
    let (long_20, long_40) = (
        "Length must be between 0 and 20",
        "Length must be between 0 and 40",
    );
    vec![
        Row::of_message(
            "label in a template",
            CLUSTERS,
            LABEL_GRAPHEMES_MAX,
            (".template.actions[0].label", long_20),
            |count| button(&labelled(&families(count))),
        ),
        Row::of_message(
            "label in a quick reply",
            CLUSTERS,
            LABEL_GRAPHEMES_MAX,
            (quick_at, long_20),
            |count| quick(labelled(&families(count))),
        ),
        Row::of_message(
            "label of a camera action",
            CLUSTERS,
            LABEL_GRAPHEMES_MAX,
            (quick_at, long_20),
            |count| quick(json!({"type": "camera", "label": families(count)})),
        ),
        Row::of_message(
            "label of a camera roll action",
            CLUSTERS,
            LABEL_GRAPHEMES_MAX,
            (quick_at, long_20),
            |count| quick(json!({"type": "cameraRoll", "label": families(count)})),
        ),
        Row::of_message(
            "label of a location action",
            CLUSTERS,
            LABEL_GRAPHEMES_MAX,
            (quick_at, long_20),
            |count| quick(json!({"type": "location", "label": families(count)})),
        ),
        Row::of_message(
            "label of a Flex button",
            CLUSTERS,
            FLEX_LABEL_GRAPHEMES_MAX,
            (".contents.body.contents[0].action.label", long_40),
            |count| {
                let action = labelled(&families(count));
                body(json!([{"type": "button", "action": action}]), json!(null))
            },
        ),
        Row::of_message(
            "label of another Flex action",
            CLUSTERS,
            FLEX_LABEL_GRAPHEMES_MAX,
            (".contents.body.action.label", long_40),
            |count| body(json!([]), labelled(&families(count))),
        ),
    ]
}

fn texts() -> Vec<Row> {
    let act = |kind: &str, key: &str, value: Value| {
        let mut action = json!({"type": kind, "label": "a"});
        if kind == "postback" {
            action["data"] = json!("");
        }
        if key == "fillInText" {
            action["inputOption"] = json!("openKeyboard");
        }
        action[key] = value;
        button(&action)
    };
    let picker =
        |data| json!({"type": "datetimepicker", "label": "a", "data": data, "mode": "date"});
    let desktop = |uri: Value| {
        button(&json!({"type": "uri", "label": "a", "uri": "tel:1", "altUri": {"desktop": uri}}))
    };
    let long_300 = "Length must be between 0 and 300";
    let long_1000 = "Length must be between 0 and 1000";
    vec![
        Row::of_message(
            "postback data",
            UNITS,
            POSTBACK_DATA_LENGTH_MAX,
            (".template.actions[0].data", long_300),
            |count| act("postback", "data", letters(count)),
        ),
        Row::of_message(
            "postback displayText",
            CLUSTERS,
            ACTION_TEXT_GRAPHEMES_MAX,
            (".template.actions[0].displayText", long_300),
            |count| act("postback", "displayText", families(count)),
        ),
        Row::of_message(
            "postback text",
            CLUSTERS,
            ACTION_TEXT_GRAPHEMES_MAX,
            (".template.actions[0].text", long_300),
            |count| act("postback", "text", families(count)),
        ),
        Row::of_message(
            "postback fillInText",
            CLUSTERS,
            ACTION_TEXT_GRAPHEMES_MAX,
            (".template.actions[0].fillInText", long_300),
            |count| act("postback", "fillInText", families(count)),
        ),
        Row::of_message(
            "message action text",
            CLUSTERS,
            ACTION_TEXT_GRAPHEMES_MAX,
            (".template.actions[0].text", long_300),
            |count| act("message", "text", families(count)),
        ),
        Row::of_message(
            "uri",
            UNITS,
            ACTION_URI_LENGTH_MAX,
            (".template.actions[0].uri", long_1000),
            |count| act("uri", "uri", url_of(count)),
        ),
        Row::of_message(
            "altUri.desktop",
            UNITS,
            ACTION_URI_LENGTH_MAX,
            (".template.actions[0].altUri.desktop", long_1000),
            |count| desktop(url_of(count)),
        ),
        Row::of_message(
            "clipboardText",
            UNITS,
            CLIPBOARD_LENGTH_MAX,
            (".template.actions[0].clipboardText", long_1000),
            |count| act("clipboard", "clipboardText", letters(count)),
        ),
        Row::of_message(
            "datetimepicker data",
            UNITS,
            POSTBACK_DATA_LENGTH_MAX,
            (".template.actions[0].data", long_300),
            |count| button(&picker(letters(count))),
        ),
    ]
}

fn pickers() -> Vec<Row> {
    let errors = |mode: &str, initial: &str| {
        errors_of(&button(
            &json!({"type": "datetimepicker", "label": "a", "data": "",
            "mode": mode, "initial": initial}),
        ))
    };
    let row = |limit, mode, at, over, words: &str| Row {
        limit,
        unit: "instants",
        at: errors(mode, at),
        over: errors(mode, over),
        property: "messages[0].template.actions[0].initial".to_owned(),
        words: words.to_owned(),
    };
    let date = "Must be a date like 2017-06-18 from 1900 to 2100";
    let both = "Must be like 2017-06-18T06:15, from 1900 to 2100";
    vec![
        row("first date", "date", "1900-01-01", "1899-12-31", date),
        row("last date", "date", "2100-12-31", "2101-01-01", date),
        row(
            "last time",
            "time",
            "23:59",
            "24:00",
            "Must be a time like 06:15",
        ),
        row(
            "first date and time",
            "datetime",
            "1900-01-01T00:00",
            "1899-12-31T23:59",
            both,
        ),
        row(
            "last date and time",
            "datetime",
            "2100-12-31t23:59",
            "2101-01-01t00:00",
            both,
        ),
    ]
}
