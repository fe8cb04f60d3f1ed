//! Imagemaps: pictures, areas, what a tap does, and the video.

use serde_json::{Value, json};

use super::table::{bad, good, missing, rules, run, without};
use crate::message::parse;

const HTTPS: &str = "invalid uri: must be an https URL";
const SCHEMES: &str = "invalid uri: the scheme must be one of [http, https, line, tel]";

fn map() -> Value {
    let area = json!({"x": 0, "y": 586, "width": 520, "height": 454});
    json!({"type": "imagemap", "baseUrl": "https://example.com/bot/images/rm001",
        "altText": "This is an imagemap", "baseSize": {"width": 1040, "height": 1040},
        "video": {"originalContentUrl": "https://example.com/video.mp4",
            "previewImageUrl": "https://example.com/video_preview.jpg",
            "area": {"x": 0, "y": 0, "width": 1040, "height": 585},
            "externalLink": {"linkUri": "https://example.com/see_more.html", "label": "See More"}},
        "actions": [
            {"type": "uri", "linkUri": "https://example.com/", "label": "Home", "area": area},
            {"type": "message", "text": "Hello", "area": area},
            {"type": "clipboard", "clipboardText": "3B48740B", "area": area}]})
}

#[test]
fn pictures_and_areas() {
    let base = map();
    let (x, width) = ("/actions/0/area/x", "/actions/0/area/width");
    run(&[
        good(&base, "", map()),
        good(&base, "/baseUrl", json!("http://127.0.0.1:8080/media/map")),
        bad(
            &base,
            "/baseUrl",
            json!("http://example.com/a"),
            ".baseUrl",
            HTTPS,
        ),
        missing(&base, "/baseUrl", ".baseUrl"),
        missing(&base, "/altText", ".altText"),
        bad(&base, "/altText", json!(""), ".altText", "May not be empty"),
        missing(&base, "/baseSize", ".baseSize"),
        missing(&base, "/baseSize/width", ".baseSize.width"),
        missing(&base, "/baseSize/height", ".baseSize.height"),
        bad(
            &base,
            "/baseSize/width",
            json!(1039),
            ".baseSize.width",
            "Must be 1040",
        ),
        bad(
            &base,
            "/baseSize/width",
            json!("1040"),
            ".baseSize.width",
            "Must be an integer",
        ),
        good(&base, "/baseSize/height", json!(1)),
        bad(
            &base,
            "/baseSize/height",
            json!(0),
            ".baseSize.height",
            "Must be between 1 and 2147483647",
        ),
        missing(&base, "/actions", ".actions"),
        good(&base, "/actions", json!([])),
        missing(&base, "/actions/0/area", ".actions[0].area"),
        missing(&base, x, ".actions[0].area.x"),
        missing(&base, "/actions/0/area/y", ".actions[0].area.y"),
        missing(&base, width, ".actions[0].area.width"),
        missing(&base, "/actions/0/area/height", ".actions[0].area.height"),
        good(&base, x, json!(5_000)),
        bad(
            &base,
            x,
            json!(-1),
            ".actions[0].area.x",
            "Must be between 0 and 2147483647",
        ),
        bad(
            &base,
            x,
            json!(0.5),
            ".actions[0].area.x",
            "Must be an integer",
        ),
        bad(
            &base,
            width,
            json!(0),
            ".actions[0].area.width",
            "Must be between 1 and 2147483647",
        ),
        bad(
            &base,
            "/contents",
            json!({}),
            ".contents",
            "Unknown property",
        ),
    ]);
}

#[test]
fn taps_and_videos() {
    let base = map();
    let kinds = "Must be one of the following values: [uri, message, clipboard]";
    let once = "May not be empty";
    let external = ".video.externalLink";
    run(&[
        bad(
            &base,
            "/actions/1/type",
            json!("postback"),
            ".actions[1].type",
            kinds,
        ),
        missing(&base, "/actions/0/linkUri", ".actions[0].linkUri"),
        good(&base, "/actions/0/linkUri", json!("tel:112")),
        bad(
            &base,
            "/actions/0/linkUri",
            json!("ftp://a.b/"),
            ".actions[0].linkUri",
            SCHEMES,
        ),
        bad(
            &base,
            "/actions/0/uri",
            json!("tel:1"),
            ".actions[0].uri",
            "Unknown property",
        ),
        without(&base, "/actions/0/label"),
        good(&base, "/actions/0/label", json!("")),
        missing(&base, "/actions/1/text", ".actions[1].text"),
        bad(
            &base,
            "/actions/1/text",
            json!(""),
            ".actions[1].text",
            once,
        ),
        missing(
            &base,
            "/actions/2/clipboardText",
            ".actions[2].clipboardText",
        ),
        bad(
            &base,
            "/actions/2/clipboardText",
            json!(""),
            ".actions[2].clipboardText",
            once,
        ),
        without(&base, "/video"),
        missing(
            &base,
            "/video/originalContentUrl",
            ".video.originalContentUrl",
        ),
        missing(&base, "/video/previewImageUrl", ".video.previewImageUrl"),
        missing(&base, "/video/area", ".video.area"),
        without(&base, "/video/externalLink"),
        missing(
            &base,
            "/video/externalLink/linkUri",
            ".video.externalLink.linkUri",
        ),
        missing(
            &base,
            "/video/externalLink/label",
            ".video.externalLink.label",
        ),
        bad(
            &base,
            "/video/externalLink",
            json!("x"),
            external,
            "Must be an object",
        ),
        bad(
            &base,
            "/video/trackingId",
            json!("x"),
            ".video.trackingId",
            "Unknown property",
        ),
    ]);
}

#[test]
fn links_are_found_in_their_order() {
    let messages = parse(&json!([map()]).to_string(), &rules()).expect("valid");
    let links = messages.links();
    let found: Vec<_> = links.iter().map(|link| link.path.as_str()).collect();
    assert_eq!(found, ["/actions/0/linkUri", "/video/externalLink/linkUri"]);
    let labels: Vec<_> = links.iter().map(|link| messages.label_of(link)).collect();
    assert_eq!(labels, ["Home", "See More"]);
}
