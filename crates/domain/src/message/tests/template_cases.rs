//! Confirm and carousel templates, and what all templates share.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, without, worse};

const LONG_60: &str = "Length must be between 0 and 60";

fn uri(label: &str) -> Value {
    json!({"type": "uri", "label": label, "uri": "http://example.com/page/123"})
}

fn uris(count: usize) -> Value {
    json!(vec![uri("View"); count])
}

fn confirm() -> Value {
    json!({"type": "template", "altText": "this is a confirm template", "template": {
    "type": "confirm", "text": "Are you sure?", "actions": [
        {"type": "message", "label": "Yes", "text": "yes"},
        {"type": "message", "label": "No", "text": "no"},
    ]}})
}

fn column() -> Value {
    json!({"thumbnailImageUrl": "https://example.com/bot/images/item1.jpg",
        "imageBackgroundColor": "#FFFFFF", "title": "this is menu", "text": "description",
        "defaultAction": uri("View detail"), "actions": uris(3)})
}

fn carousel(columns: &[Value]) -> Value {
    json!({"type": "template", "altText": "this is a carousel template", "template": {
        "type": "carousel", "columns": columns,
        "imageAspectRatio": "rectangle", "imageSize": "cover"}})
}

fn plain_column(actions: usize) -> Value {
    json!({"text": "t", "actions": uris(actions)})
}

#[test]
fn templates_have_an_alternative_text() {
    let base = confirm();
    let types = "Must be one of the following values: [buttons, confirm, carousel, image_carousel]";
    run(&[
        good(&base, "", confirm()),
        good(&base, "/altText", times("a", 1_500)),
        bad(
            &base,
            "/altText",
            times("a", 1_501),
            ".altText",
            "Length must be between 0 and 1500",
        ),
        good(&base, "/altText", times("🍎", 750)),
        bad(
            &base,
            "/altText",
            times("🍎", 751),
            ".altText",
            "Length must be between 0 and 1500",
        ),
        bad(&base, "/altText", json!(""), ".altText", "May not be empty"),
        bad(&base, "/altText", json!({}), ".altText", "Must be a string"),
        missing(&base, "/altText", ".altText"),
        missing(&base, "/template", ".template"),
        bad(
            &base,
            "/template",
            json!("confirm"),
            ".template",
            "Must be an object",
        ),
        bad(
            &base,
            "/template",
            json!([]),
            ".template",
            "Must be an object",
        ),
        missing(&base, "/template/type", ".template.type"),
        bad(
            &base,
            "/template/type",
            json!("imageCarousel"),
            ".template.type",
            types,
        ),
        bad(
            &base,
            "/contents",
            json!({}),
            ".contents",
            "Unknown property",
        ),
        worse(
            &base,
            "",
            json!({"type": "template"}),
            &[
                (".altText", "must be specified"),
                (".template", "must be specified"),
            ],
        ),
    ]);
}

#[test]
fn a_confirmation_has_two_answers() {
    let base = confirm();
    let size = "Size must be between 2 and 2";
    run(&[
        good(&base, "/template/text", times("가", 240)),
        bad(
            &base,
            "/template/text",
            times("가", 241),
            ".template.text",
            "Length must be between 0 and 240",
        ),
        good(&base, "/template/text", times("🇰🇷", 240)),
        bad(
            &base,
            "/template/actions",
            uris(1),
            ".template.actions",
            size,
        ),
        good(&base, "/template/actions", uris(2)),
        bad(
            &base,
            "/template/actions",
            uris(3),
            ".template.actions",
            size,
        ),
        missing(&base, "/template/text", ".template.text"),
        missing(&base, "/template/actions", ".template.actions"),
        bad(
            &base,
            "/template/title",
            json!("x"),
            ".template.title",
            "Unknown property",
        ),
    ]);
}

#[test]
fn columns_of_a_carousel_look_alike() {
    let base = carousel(&[column(), column()]);
    let plain = carousel(&[plain_column(1), plain_column(1)]);
    let with = |count| json!(vec![plain_column(1); count]);
    let columns = "/template/columns";
    run(&[
        good(&base, "", base.clone()),
        good(&plain, "", plain.clone()),
        good(&plain, columns, with(1)),
        good(&plain, columns, with(10)),
        bad(
            &plain,
            columns,
            with(11),
            ".template.columns",
            "Size must be between 1 and 10",
        ),
        bad(
            &plain,
            columns,
            json!([]),
            ".template.columns",
            "Size must be between 1 and 10",
        ),
        bad(
            &plain,
            columns,
            json!({}),
            ".template.columns",
            "Must be an array",
        ),
        missing(&plain, columns, ".template.columns"),
        bad(
            &plain,
            "/template/columns/1",
            json!(1),
            ".template.columns[1]",
            "Must be an object",
        ),
        good(&plain, "/template/columns/0/text", times("가", 120)),
        bad(
            &plain,
            "/template/columns/0/text",
            times("가", 121),
            ".template.columns[0].text",
            "Length must be between 0 and 120",
        ),
        good(&base, "/template/columns/1/text", times("가", 60)),
        bad(
            &base,
            "/template/columns/1/text",
            times("가", 61),
            ".template.columns[1].text",
            LONG_60,
        ),
        good(&base, "/template/columns/1/title", times("가", 40)),
        bad(
            &base,
            "/template/columns/1/title",
            times("가", 41),
            ".template.columns[1].title",
            "Length must be between 0 and 40",
        ),
        good(&plain, columns, json!([plain_column(3), plain_column(3)])),
        bad(
            &plain,
            columns,
            json!([plain_column(4)]),
            ".template.columns[0].actions",
            "Size must be between 1 and 3",
        ),
        bad(
            &plain,
            columns,
            json!([plain_column(2), plain_column(1)]),
            ".template.columns[1].actions",
            "Size must be 2, as in the first column",
        ),
        // Unlike columns are found even where a column has errors of its own.
        worse(
            &plain,
            columns,
            json!([{"text": "", "actions": uris(2)}, plain_column(1)]),
            &[
                (".template.columns[0].text", "May not be empty"),
                (
                    ".template.columns[1].actions",
                    "Size must be 2, as in the first column",
                ),
            ],
        ),
        missing(
            &base,
            "/template/columns/1/title",
            ".template.columns[1].title",
        ),
        missing(
            &base,
            "/template/columns/1/thumbnailImageUrl",
            ".template.columns[1].thumbnailImageUrl",
        ),
        bad(
            &plain,
            "/template/columns/1/title",
            json!("x"),
            ".template.columns[1].title",
            "Must not be specified",
        ),
        without(&base, "/template/columns/1/imageBackgroundColor"),
        without(&base, "/template/columns/1/defaultAction"),
        missing(
            &base,
            "/template/columns/0/actions",
            ".template.columns[0].actions",
        ),
        bad(
            &base,
            "/template/columns/0/type",
            json!("column"),
            ".template.columns[0].type",
            "Unknown property",
        ),
        bad(
            &base,
            "/template/imageSize",
            json!(""),
            ".template.imageSize",
            "Must be one of the following values: [cover, contain]",
        ),
        bad(
            &base,
            "/template/columns/0/imageSize",
            json!("cover"),
            ".template.columns[0].imageSize",
            "Unknown property",
        ),
    ]);
}
