//! Flex components other than boxes.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, without};

const COLOR: &str = "Must be a color like #RRGGBB or #RRGGBBAA";

const FONT: &str = "Must be pixels like 10px or one of \
    [xxs, xs, sm, md, lg, xl, xxl, 3xl, 4xl, 5xl]";

const IMAGE: &str = "Must be pixels like 10px or a percentage like 50% or one of \
    [xxs, xs, sm, md, lg, xl, xxl, 3xl, 4xl, 5xl, full]";

const RATIO: &str = "Must be {width}:{height}, both between 1 and 100000, \
    the height at most 3 times the width";

fn message(body: Value) -> Value {
    json!({"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": body}})
}

fn holding(component: Value) -> Value {
    message(json!({"type": "box", "layout": "vertical", "contents": [component]}))
}

fn full_text() -> Value {
    holding(json!({"type": "text", "text": "Hello", "contents": [
            {"type": "span", "text": "蛙", "size": "xxl", "weight": "bold", "style": "italic",
             "color": "#4f8f00", "decoration": "line-through"},
            {"type": "span"},
        ],
        "flex": 2, "size": "23px", "align": "center", "gravity": "bottom", "wrap": true,
        "lineSpacing": "20px", "maxLines": 3, "weight": "regular", "color": "#0000ff",
        "style": "normal", "decoration": "underline", "adjustMode": "shrink-to-fit",
        "scaling": false, "margin": "none", "position": "absolute", "offsetTop": "1px",
        "action": {"type": "uri", "uri": "tel:112"}}))
}

fn full_image() -> Value {
    holding(
        json!({"type": "image", "url": "https://example.com/a.png", "size": "full",
        "aspectRatio": "1.91:1", "aspectMode": "cover", "align": "end", "gravity": "top",
        "backgroundColor": "#ffffff", "animated": false, "flex": 1, "margin": "sm",
        "action": {"type": "clipboard", "clipboardText": "x"}}),
    )
}

fn full_button() -> Value {
    holding(
        json!({"type": "button", "style": "primary", "color": "#0000ff", "height": "sm",
        "gravity": "center", "adjustMode": "shrink-to-fit", "scaling": true, "flex": 1,
        "action": {"type": "uri", "label": "Tap me", "uri": "https://example.com"}}),
    )
}

fn full_icon() -> Value {
    message(json!({"type": "box", "layout": "baseline", "contents": [
        {"type": "icon", "url": "https://example.com/icon.png", "size": "lg",
         "aspectRatio": "3:1", "scaling": true, "margin": "xs", "offsetTop": "2px"},
        {"type": "text", "text": "x"},
    ]}))
}

#[test]
fn texts_and_spans() {
    let base = full_text();
    let at = |key: &str| format!("/contents/body/contents/0/{key}");
    let only = |fields: Value| holding(fields);
    let text = ".contents.body.contents[0].text";
    let lines = ".contents.body.contents[0].lineSpacing";
    let size = ".contents.body.contents[0].size";
    run(&[
        good(&base, "", base.clone()),
        without(&base, &at("text")),
        without(&base, &at("contents")),
        good(&base, &at("contents"), json!([])),
        bad(
            &base,
            "",
            only(json!({"type": "text"})),
            text,
            "must be specified",
        ),
        bad(
            &base,
            "",
            only(json!({"type": "text", "contents": []})),
            text,
            "must be specified",
        ),
        bad(
            &base,
            "",
            only(json!({"type": "text", "contents": 1})),
            ".contents.body.contents[0].contents",
            "Must be an array",
        ),
        bad(&base, &at("text"), json!(""), text, "May not be empty"),
        bad(&base, &at("text"), json!(1), text, "Must be a string"),
        bad(
            &base,
            &at("contents/1"),
            json!({"type": "text", "text": "x"}),
            ".contents.body.contents[0].contents[1].type",
            "Must be one of the following values: [span]",
        ),
        bad(
            &base,
            &at("contents/0/wrap"),
            json!(true),
            ".contents.body.contents[0].contents[0].wrap",
            "Unknown property",
        ),
        bad(
            &base,
            &at("contents/0/weight"),
            json!("heavy"),
            ".contents.body.contents[0].contents[0].weight",
            "Must be one of the following values: [regular, bold]",
        ),
        good(&base, &at("size"), json!("5xl")),
        bad(&base, &at("size"), json!("full"), size, FONT),
        bad(&base, &at("size"), json!("50%"), size, FONT),
        // A text of no size would be a text nobody sees.
        bad(&base, &at("size"), json!("0px"), size, FONT),
        bad(&base, &at("size"), json!("0.0px"), size, FONT),
        good(&base, &at("size"), json!("0.1px")),
        bad(
            &base,
            &at("lineSpacing"),
            json!("md"),
            lines,
            "Must be pixels like 10px",
        ),
        bad(
            &base,
            &at("lineSpacing"),
            json!("0px"),
            lines,
            "Must be pixels like 10px",
        ),
        good(&base, &at("maxLines"), json!(0)),
        bad(
            &base,
            &at("maxLines"),
            json!(-1),
            ".contents.body.contents[0].maxLines",
            "Must be between 0 and 2147483647",
        ),
        bad(
            &base,
            &at("wrap"),
            json!(1),
            ".contents.body.contents[0].wrap",
            "Must be true or false",
        ),
        bad(
            &base,
            &at("align"),
            json!("left"),
            ".contents.body.contents[0].align",
            "Must be one of the following values: [start, end, center]",
        ),
        bad(
            &base,
            &at("decoration"),
            json!("overline"),
            ".contents.body.contents[0].decoration",
            "Must be one of the following values: [none, underline, line-through]",
        ),
        bad(
            &base,
            &at("style"),
            json!("oblique"),
            ".contents.body.contents[0].style",
            "Must be one of the following values: [normal, italic]",
        ),
        bad(
            &base,
            &at("adjustMode"),
            json!("grow"),
            ".contents.body.contents[0].adjustMode",
            "Must be one of the following values: [shrink-to-fit]",
        ),
        bad(
            &base,
            &at("color"),
            json!("#00f"),
            ".contents.body.contents[0].color",
            COLOR,
        ),
    ]);
}

#[test]
fn images_and_icons() {
    let (image, icon) = (full_image(), full_icon());
    let at = |key: &str| format!("/contents/body/contents/0/{key}");
    let ratio = ".contents.body.contents[0].aspectRatio";
    let size = ".contents.body.contents[0].size";
    let refuse = |value: &str| bad(&image, &at("aspectRatio"), json!(value), ratio, RATIO);
    run(&[
        good(&image, "", image.clone()),
        good(&icon, "", icon.clone()),
        good(&image, &at("aspectRatio"), json!("1:3")),
        good(&image, &at("aspectRatio"), json!("100000:1")),
        refuse("1:3.01"),
        refuse("0.9:1"),
        refuse("100001:1"),
        refuse("1"),
        refuse("1:1:1"),
        refuse("16/9"),
        refuse("1:"),
        good(&image, &at("size"), json!("50%")),
        good(&image, &at("size"), json!("23.5px")),
        bad(&image, &at("size"), json!("0%"), size, IMAGE),
        bad(&image, &at("size"), json!("huge"), size, IMAGE),
        bad(&icon, &at("size"), json!("full"), size, FONT),
        bad(&icon, &at("aspectRatio"), json!("1:4"), ratio, RATIO),
        bad(
            &icon,
            &at("flex"),
            json!(1),
            ".contents.body.contents[0].flex",
            "Unknown property",
        ),
        missing(&image, &at("url"), ".contents.body.contents[0].url"),
        missing(&icon, &at("url"), ".contents.body.contents[0].url"),
        bad(
            &image,
            &at("url"),
            json!("http://example.com/a.png"),
            ".contents.body.contents[0].url",
            "invalid uri: must be an https URL",
        ),
        bad(
            &image,
            &at("animated"),
            json!("yes"),
            ".contents.body.contents[0].animated",
            "Must be true or false",
        ),
        bad(
            &image,
            &at("aspectMode"),
            json!("contain"),
            ".contents.body.contents[0].aspectMode",
            "Must be one of the following values: [fit, cover]",
        ),
        bad(
            &image,
            &at("gravity"),
            json!("middle"),
            ".contents.body.contents[0].gravity",
            "Must be one of the following values: [top, bottom, center]",
        ),
    ]);
}

#[test]
fn buttons_separators_and_fillers() {
    let button = full_button();
    let separator = holding(json!({"type": "separator", "margin": "xxl", "color": "#000000"}));
    let filler = holding(json!({"type": "filler", "flex": 3}));
    let at = |key: &str| format!("/contents/body/contents/0/{key}");
    run(&[
        good(&button, "", button.clone()),
        missing(&button, &at("action"), ".contents.body.contents[0].action"),
        bad(
            &button,
            &at("height"),
            json!("lg"),
            ".contents.body.contents[0].height",
            "Must be one of the following values: [md, sm]",
        ),
        bad(
            &button,
            &at("style"),
            json!("danger"),
            ".contents.body.contents[0].style",
            "Must be one of the following values: [primary, secondary, link]",
        ),
        bad(
            &button,
            &at("scaling"),
            json!("null"),
            ".contents.body.contents[0].scaling",
            "Must be true or false",
        ),
        bad(
            &button,
            &at("action/label"),
            times("x", 41),
            ".contents.body.contents[0].action.label",
            "Length must be between 0 and 40",
        ),
        bad(
            &button,
            &at("text"),
            json!("x"),
            ".contents.body.contents[0].text",
            "Unknown property",
        ),
        good(&separator, "", separator.clone()),
        bad(
            &separator,
            &at("color"),
            json!("black"),
            ".contents.body.contents[0].color",
            COLOR,
        ),
        bad(
            &separator,
            &at("flex"),
            json!(1),
            ".contents.body.contents[0].flex",
            "Unknown property",
        ),
        good(&filler, "", filler.clone()),
        bad(
            &filler,
            &at("margin"),
            json!("md"),
            ".contents.body.contents[0].margin",
            "Unknown property",
        ),
    ]);
}
