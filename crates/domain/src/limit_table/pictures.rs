//! The limits of imagemaps and templates.

use serde_json::{Value, json};

use super::{Row, families, letters, url_of};
use crate::message::limits::*;

const HTTPS: &str = "https://example.com/a";
const UNITS: &str = "UTF-16 units";
const CLUSTERS: &str = "grapheme clusters";
const OBJECTS: &str = "objects";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = imagemaps();
    rows.extend(templates());
    rows
}

fn imagemaps() -> Vec<Row> {
    let area = json!({"x": 0, "y": 0, "width": 1, "height": 1});
    let map = |key: &str, value: Value| {
        let mut map = json!({"type": "imagemap", "baseUrl": HTTPS, "altText": "a",
            "baseSize": {"width": 1040, "height": 1}, "actions": []});
        map[key] = value;
        map
    };
    let act = |kind: &str, key: &str, value: Value, label: Value| {
        let mut action = json!({"type": kind, "area": area, "label": label});
        action[key] = value;
        map("actions", json!([action]))
    };
    let video = |uri: Value, label: Value| {
        map(
            "video",
            json!({"originalContentUrl": HTTPS, "previewImageUrl": HTTPS, "area": area,
            "externalLink": {"linkUri": uri, "label": label}}),
        )
    };
    let none = json!(null);
    let tap = json!({"type": "message", "text": "a", "area": area});
    let long_1000 = "Length must be between 0 and 1000";
    vec![
        Row::of_message(
            "imagemap baseUrl",
            UNITS,
            MEDIA_URL_LENGTH_MAX,
            (".baseUrl", "Length must be between 0 and 2000"),
            |count| map("baseUrl", url_of(count)),
        ),
        Row::of_message(
            "imagemap altText",
            UNITS,
            ALT_TEXT_LENGTH_MAX,
            (".altText", "Length must be between 0 and 1500"),
            |count| map("altText", letters(count)),
        ),
        Row::of_message(
            "imagemap baseSize.width",
            "pixels",
            IMAGEMAP_WIDTH_PIXELS as usize,
            (".baseSize.width", "Must be 1040"),
            |width| map("baseSize", json!({"width": width, "height": 1})),
        ),
        Row::of_message(
            "imagemap baseSize.height",
            "pixels",
            PIXELS_MAX as usize,
            (".baseSize.height", "Must be between 1 and 2147483647"),
            |height| map("baseSize", json!({"width": 1040, "height": height})),
        ),
        Row::of_message(
            "imagemap actions",
            OBJECTS,
            IMAGEMAP_ACTIONS_MAX,
            (".actions", "Size must be between 0 and 50"),
            |count| map("actions", json!(vec![tap.clone(); count])),
        ),
        Row::of_message(
            "imagemap label",
            UNITS,
            IMAGEMAP_LABEL_LENGTH_MAX,
            (".actions[0].label", "Length must be between 0 and 100"),
            |count| act("message", "text", json!("a"), letters(count)),
        ),
        Row::of_message(
            "imagemap linkUri",
            UNITS,
            ACTION_URI_LENGTH_MAX,
            (".actions[0].linkUri", long_1000),
            |count| act("uri", "linkUri", url_of(count), none.clone()),
        ),
        Row::of_message(
            "imagemap text",
            UNITS,
            IMAGEMAP_TEXT_LENGTH_MAX,
            (".actions[0].text", "Length must be between 0 and 400"),
            |count| act("message", "text", letters(count), none.clone()),
        ),
        Row::of_message(
            "imagemap clipboardText",
            UNITS,
            CLIPBOARD_LENGTH_MAX,
            (".actions[0].clipboardText", long_1000),
            |count| act("clipboard", "clipboardText", letters(count), none.clone()),
        ),
        Row::of_message(
            "imagemap video linkUri",
            UNITS,
            ACTION_URI_LENGTH_MAX,
            (".video.externalLink.linkUri", long_1000),
            |count| video(url_of(count), json!("a")),
        ),
        Row::of_message(
            "imagemap video label",
            UNITS,
            VIDEO_LINK_LABEL_LENGTH_MAX,
            (
                ".video.externalLink.label",
                "Length must be between 0 and 30",
            ),
            |count| video(json!(HTTPS), letters(count)),
        ),
    ]
}

fn templates() -> Vec<Row> {
    let template =
        |template: Value| json!({"type": "template", "altText": "a", "template": template});
    let tap = json!({"type": "message", "label": "a", "text": "a"});
    let taps = |count: usize| json!(vec![tap.clone(); count]);
    let buttons = |title: Value, text: Value, actions: Value| {
        template(json!({"type": "buttons", "title": title, "text": text, "actions": actions}))
    };
    let column = |title: Value, text: Value, actions: Value| {
        let mut column = json!({"title": title, "text": text});
        column["actions"] = actions;
        column
    };
    let columns = |column: Value, count: usize| {
        template(json!({"type": "carousel", "columns": vec![column; count]}))
    };
    let picture = |label: Value| {
        let action = json!({"type": "message", "label": label, "text": "a"});
        json!({"imageUrl": HTTPS, "action": action})
    };
    let pictures = |picture: Value, count: usize| {
        template(json!({"type": "image_carousel", "columns": vec![picture; count]}))
    };
    let (a, none) = (json!("a"), json!(null));
    let (long_40, long_60) = (
        "Length must be between 0 and 40",
        "Length must be between 0 and 60",
    );
    vec![
        Row::of_message(
            "template altText",
            UNITS,
            ALT_TEXT_LENGTH_MAX,
            (".altText", "Length must be between 0 and 1500"),
            |count| {
                let mut message = buttons(none.clone(), a.clone(), taps(1));
                message["altText"] = letters(count);
                message
            },
        ),
        Row::of_message(
            "buttons title",
            CLUSTERS,
            TEMPLATE_TITLE_GRAPHEMES_MAX,
            (".template.title", long_40),
            |count| buttons(families(count), a.clone(), taps(1)),
        ),
        Row::of_message(
            "buttons text alone",
            CLUSTERS,
            BUTTONS_TEXT_GRAPHEMES_MAX,
            (".template.text", "Length must be between 0 and 160"),
            |count| buttons(none.clone(), families(count), taps(1)),
        ),
        Row::of_message(
            "buttons text below a title",
            CLUSTERS,
            TITLED_TEXT_GRAPHEMES_MAX,
            (".template.text", long_60),
            |count| buttons(a.clone(), families(count), taps(1)),
        ),
        Row::of_message(
            "buttons actions",
            OBJECTS,
            BUTTONS_ACTIONS_MAX,
            (".template.actions", "Size must be between 1 and 4"),
            |count| buttons(none.clone(), a.clone(), taps(count)),
        ),
        Row::of_message(
            "confirm text",
            CLUSTERS,
            CONFIRM_TEXT_GRAPHEMES_MAX,
            (".template.text", "Length must be between 0 and 240"),
            |count| {
                let text = families(count);
                template(json!({"type": "confirm", "text": text, "actions": taps(2)}))
            },
        ),
        Row::of_message(
            "confirm actions",
            OBJECTS,
            CONFIRM_ACTIONS,
            (".template.actions", "Size must be between 2 and 2"),
            |count| template(json!({"type": "confirm", "text": "a", "actions": taps(count)})),
        ),
        Row::of_message(
            "carousel columns",
            OBJECTS,
            COLUMNS_MAX,
            (".template.columns", "Size must be between 1 and 10"),
            |count| columns(column(none.clone(), a.clone(), taps(1)), count),
        ),
        Row::of_message(
            "carousel title",
            CLUSTERS,
            TEMPLATE_TITLE_GRAPHEMES_MAX,
            (".template.columns[0].title", long_40),
            |count| columns(column(families(count), a.clone(), taps(1)), 1),
        ),
        Row::of_message(
            "carousel text alone",
            CLUSTERS,
            COLUMN_TEXT_GRAPHEMES_MAX,
            (
                ".template.columns[0].text",
                "Length must be between 0 and 120",
            ),
            |count| columns(column(none.clone(), families(count), taps(1)), 1),
        ),
        Row::of_message(
            "carousel text below a title",
            CLUSTERS,
            TITLED_TEXT_GRAPHEMES_MAX,
            (".template.columns[0].text", long_60),
            |count| columns(column(a.clone(), families(count), taps(1)), 1),
        ),
        Row::of_message(
            "carousel actions",
            OBJECTS,
            COLUMN_ACTIONS_MAX,
            (
                ".template.columns[0].actions",
                "Size must be between 1 and 3",
            ),
            |count| columns(column(none.clone(), a.clone(), taps(count)), 1),
        ),
        Row::of_message(
            "image carousel columns",
            OBJECTS,
            COLUMNS_MAX,
            (".template.columns", "Size must be between 1 and 10"),
            |count| pictures(picture(a.clone()), count),
        ),
        Row::of_message(
            "image carousel label",
            CLUSTERS,
            IMAGE_CAROUSEL_LABEL_GRAPHEMES_MAX,
            (
                ".template.columns[0].action.label",
                "Length must be between 0 and 12",
            ),
            |count| pictures(picture(families(count)), 1),
        ),
    ]
}
