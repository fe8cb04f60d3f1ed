//! Flex boxes: what they hold, how they are measured, their backgrounds.

use serde_json::{Value, json};

use super::table::{Case, bad, good, missing, run, without, worse};

const COLOR: &str = "Must be a color like #RRGGBB or #RRGGBBAA";

const VERTICAL: &str = "Must be one of the following values: \
    [box, button, image, text, separator, filler]";

const BASELINE: &str = "Must be one of the following values: [icon, text, filler]";

const SPACE: &str = "Must be pixels like 10px or one of [none, xs, sm, md, lg, xl, xxl]";

const PADDING: &str = "Must be pixels like 10px or a percentage like 50% or one of \
    [none, xs, sm, md, lg, xl, xxl]";

const SIDE: &str = "Must be pixels like 10px or a percentage like 50%";

const ANGLE: &str = "Must be an angle like 90deg, from 0deg to below 360deg";

fn message(body: Value) -> Value {
    json!({"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": body}})
}

fn holding(component: Value) -> Value {
    message(json!({"type": "box", "layout": "vertical", "contents": [component]}))
}

fn full_box() -> Value {
    message(
        json!({"type": "box", "layout": "horizontal", "contents": [{"type": "filler"}],
        "flex": 0, "spacing": "md", "margin": "10px", "position": "relative",
        "offsetTop": "-5px", "offsetBottom": "5%", "offsetStart": "none", "offsetEnd": "xxl",
        "width": "50%", "maxWidth": "200px", "height": "23.5px", "maxHeight": "100%",
        "paddingAll": "0px", "paddingTop": "sm", "paddingBottom": "23.5%", "paddingStart": "lg",
        "paddingEnd": "xl", "justifyContent": "space-evenly", "alignItems": "flex-end",
        "backgroundColor": "#00000000", "borderColor": "#000000", "borderWidth": "semi-bold",
        "cornerRadius": "xs",
        "background": {"type": "linearGradient", "angle": "90deg", "startColor": "#FFFF00",
            "endColor": "#0080ff", "centerColor": "#00ff0080", "centerPosition": "33.3%"},
        "action": {"type": "message", "text": "x"}}),
    )
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

fn on_box(key: &str, value: Value, property: &'static str, words: &str) -> Case {
    bad(
        &full_box(),
        &format!("/contents/body/{key}"),
        value,
        property,
        words,
    )
}

fn box_with(key: &str, value: Value) -> Case {
    good(&full_box(), &format!("/contents/body/{key}"), value)
}

#[test]
fn layouts_decide_what_boxes_hold() {
    let base = full_box();
    let inside = "/contents/body/contents/0";
    let property = ".contents.body.contents[0].type";
    let of = |layout: &str, tag: &str| {
        let full = match tag {
            "icon" => &full_icon(),
            "button" => &full_button(),
            "image" => &full_image(),
            "text" => &full_text(),
            _ => &holding(json!({"type": tag, "layout": "vertical", "contents": []})),
        };
        let mut component = full["contents"]["body"]["contents"][0].clone();
        if matches!(tag, "separator" | "filler" | "span" | "video") {
            component = json!({"type": tag});
        }
        message(json!({"type": "box", "layout": layout, "contents": [component]}))
    };
    let layout = "Must be one of the following values: [horizontal, vertical, baseline]";
    run(&[
        good(&base, "", base.clone()),
        good(&base, "", of("vertical", "box")),
        good(&base, "", of("horizontal", "button")),
        good(&base, "", of("vertical", "image")),
        good(&base, "", of("vertical", "text")),
        good(&base, "", of("vertical", "separator")),
        good(&base, "", of("baseline", "icon")),
        good(&base, "", of("baseline", "text")),
        good(&base, "", of("baseline", "filler")),
        bad(&base, "", of("vertical", "icon"), property, VERTICAL),
        bad(&base, "", of("horizontal", "icon"), property, VERTICAL),
        bad(&base, "", of("vertical", "span"), property, VERTICAL),
        bad(&base, "", of("vertical", "video"), property, VERTICAL),
        bad(&base, "", of("baseline", "box"), property, BASELINE),
        bad(&base, "", of("baseline", "button"), property, BASELINE),
        bad(&base, "", of("baseline", "image"), property, BASELINE),
        bad(&base, "", of("baseline", "separator"), property, BASELINE),
        good(&base, "/contents/body/contents", json!([])),
        bad(
            &base,
            "/contents/body/contents",
            json!({}),
            ".contents.body.contents",
            "Must be an array",
        ),
        missing(&base, "/contents/body/contents", ".contents.body.contents"),
        missing(&base, "/contents/body/layout", ".contents.body.layout"),
        missing(&base, "/contents/body/type", ".contents.body.type"),
        bad(
            &base,
            "/contents/body/layout",
            json!("grid"),
            ".contents.body.layout",
            layout,
        ),
        bad(
            &base,
            inside,
            json!(null),
            ".contents.body.contents[0]",
            "Must be an object",
        ),
        missing(&base, "/contents/body/contents/0/type", property),
        worse(
            &base,
            "/contents/body",
            json!({"type": "box", "layout": "grid", "contents": [{"type": "icon"}]}),
            &[
                (".contents.body.layout", layout),
                (".contents.body.contents[0].url", "must be specified"),
            ],
        ),
    ]);
}

#[test]
fn boxes_are_measured() {
    let integer = "Must be between 0 and 2147483647";
    run(&[
        box_with("flex", json!(2_147_483_647)),
        on_box(
            "flex",
            json!(2_147_483_648_u32),
            ".contents.body.flex",
            integer,
        ),
        on_box("flex", json!(-1), ".contents.body.flex", integer),
        on_box(
            "flex",
            json!(0.5),
            ".contents.body.flex",
            "Must be an integer",
        ),
        on_box(
            "flex",
            json!("1"),
            ".contents.body.flex",
            "Must be an integer",
        ),
        box_with("spacing", json!("0px")),
        box_with("spacing", json!("xxl")),
        on_box("spacing", json!("3xl"), ".contents.body.spacing", SPACE),
        on_box("spacing", json!("5%"), ".contents.body.spacing", SPACE),
        on_box("spacing", json!("5"), ".contents.body.spacing", SPACE),
        on_box(
            "spacing",
            json!(5),
            ".contents.body.spacing",
            "Must be a string",
        ),
        on_box("margin", json!("-5px"), ".contents.body.margin", SPACE),
        on_box("margin", json!("5 px"), ".contents.body.margin", SPACE),
        on_box("margin", json!(".5px"), ".contents.body.margin", SPACE),
        on_box("margin", json!("5.px"), ".contents.body.margin", SPACE),
        on_box("margin", json!("1e3px"), ".contents.body.margin", SPACE),
        on_box("margin", json!("infpx"), ".contents.body.margin", SPACE),
        on_box("margin", json!("px"), ".contents.body.margin", SPACE),
        on_box("margin", json!("5PX"), ".contents.body.margin", SPACE),
        on_box("margin", json!("１px"), ".contents.body.margin", SPACE),
        on_box("margin", json!(""), ".contents.body.margin", SPACE),
        box_with("margin", json!("12345678901234px")),
        on_box(
            "margin",
            json!("123456789012345px"),
            ".contents.body.margin",
            SPACE,
        ),
        box_with("paddingAll", json!("100%")),
        on_box(
            "paddingAll",
            json!("-1%"),
            ".contents.body.paddingAll",
            PADDING,
        ),
        on_box(
            "paddingEnd",
            json!("big"),
            ".contents.body.paddingEnd",
            PADDING,
        ),
        box_with("offsetStart", json!("-12.5%")),
        on_box(
            "offsetStart",
            json!("--1px"),
            ".contents.body.offsetStart",
            PADDING,
        ),
        on_box("width", json!("md"), ".contents.body.width", SIDE),
        on_box("maxHeight", json!("auto"), ".contents.body.maxHeight", SIDE),
        box_with("borderWidth", json!("bold")),
        box_with("borderWidth", json!("2px")),
        on_box(
            "borderWidth",
            json!("md"),
            ".contents.body.borderWidth",
            "Must be pixels like 10px or one of \
             [none, light, normal, medium, semi-bold, bold]",
        ),
        on_box(
            "cornerRadius",
            json!("50%"),
            ".contents.body.cornerRadius",
            SPACE,
        ),
        on_box(
            "borderColor",
            json!("#00"),
            ".contents.body.borderColor",
            COLOR,
        ),
        on_box(
            "backgroundColor",
            json!("00ffff"),
            ".contents.body.backgroundColor",
            COLOR,
        ),
        on_box(
            "backgroundColor",
            json!("#00ffff0"),
            ".contents.body.backgroundColor",
            COLOR,
        ),
        on_box(
            "backgroundColor",
            json!("rgb(0,0,0)"),
            ".contents.body.backgroundColor",
            COLOR,
        ),
        on_box(
            "position",
            json!("fixed"),
            ".contents.body.position",
            "Must be one of the following values: [relative, absolute]",
        ),
        on_box(
            "justifyContent",
            json!("start"),
            ".contents.body.justifyContent",
            "Must be one of the following values: \
             [center, flex-start, flex-end, space-between, space-around, space-evenly]",
        ),
        on_box(
            "alignItems",
            json!("stretch"),
            ".contents.body.alignItems",
            "Must be one of the following values: [center, flex-start, flex-end]",
        ),
        on_box(
            "gravity",
            json!("top"),
            ".contents.body.gravity",
            "Unknown property",
        ),
    ]);
}

#[test]
fn gradients() {
    let base = full_box();
    let at = "/contents/body/background";
    let percent = "Must be a percentage between 0% and 100%";
    let middle = ".contents.body.background.centerPosition";
    run(&[
        box_with("background/angle", json!("0deg")),
        box_with("background/angle", json!("359.9deg")),
        on_box(
            "background/angle",
            json!("360deg"),
            ".contents.body.background.angle",
            ANGLE,
        ),
        on_box(
            "background/angle",
            json!("-1deg"),
            ".contents.body.background.angle",
            ANGLE,
        ),
        on_box(
            "background/angle",
            json!("90"),
            ".contents.body.background.angle",
            ANGLE,
        ),
        box_with("background/centerPosition", json!("0%")),
        box_with("background/centerPosition", json!("100%")),
        on_box(
            "background/centerPosition",
            json!("100.1%"),
            middle,
            percent,
        ),
        on_box("background/centerPosition", json!("50"), middle, percent),
        missing(
            &base,
            "/contents/body/background/angle",
            ".contents.body.background.angle",
        ),
        missing(
            &base,
            "/contents/body/background/startColor",
            ".contents.body.background.startColor",
        ),
        missing(
            &base,
            "/contents/body/background/endColor",
            ".contents.body.background.endColor",
        ),
        without(&base, "/contents/body/background/centerColor"),
        on_box(
            "background/type",
            json!("radialGradient"),
            ".contents.body.background.type",
            "Must be one of the following values: [linearGradient]",
        ),
        bad(
            &base,
            at,
            json!("#ffffff"),
            ".contents.body.background",
            "Must be an object",
        ),
    ]);
}
