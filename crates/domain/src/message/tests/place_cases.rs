//! Sounds, places, coupons and image carousels.

use serde_json::{Value, json};

use super::table::{bad, good, missing, rules, run, without};
use crate::message::parse;

const HTTPS: &str = "invalid uri: must be an https URL";

fn audio() -> Value {
    json!({"type": "audio", "originalContentUrl": "https://example.com/original.m4a",
        "duration": 60000})
}

fn place() -> Value {
    json!({"type": "location", "title": "my location",
        "address": "1-3 Kioicho, Chiyoda-ku, Tokyo, 102-8282, Japan",
        "latitude": 35.67966, "longitude": 139.73669})
}

fn coupon() -> Value {
    json!({"type": "coupon", "couponId": "01JYNW8JMQVFBNWF1APF8Z3FS7",
        "deliveryTag": "2025_winter_campaign"})
}

fn pictures() -> Value {
    json!({"type": "template", "altText": "a", "template": {"type": "image_carousel", "columns": [
        {"imageUrl": "https://example.com/item1.jpg",
            "action": {"type": "postback", "label": "Buy", "data": "action=buy&itemid=111"}},
        {"imageUrl": "https://example.com/item2.jpg",
            "action": {"type": "uri", "label": "View", "uri": "http://example.com/page/222"}}]}})
}

#[test]
fn sounds() {
    let base = audio();
    run(&[
        good(&base, "", audio()),
        missing(&base, "/originalContentUrl", ".originalContentUrl"),
        missing(&base, "/duration", ".duration"),
        bad(
            &base,
            "/originalContentUrl",
            json!("http://example.com/a.mp3"),
            ".originalContentUrl",
            HTTPS,
        ),
        good(&base, "/duration", json!(0)),
        bad(
            &base,
            "/duration",
            json!(-1),
            ".duration",
            "Must be between 0 and 2147483647",
        ),
        bad(
            &base,
            "/duration",
            json!(1.5),
            ".duration",
            "Must be an integer",
        ),
        bad(
            &base,
            "/previewImageUrl",
            json!("x"),
            ".previewImageUrl",
            "Unknown property",
        ),
    ]);
}

#[test]
fn places() {
    let base = place();
    let (north, east) = (".latitude", ".longitude");
    run(&[
        good(&base, "", place()),
        missing(&base, "/title", ".title"),
        missing(&base, "/address", ".address"),
        missing(&base, "/latitude", north),
        missing(&base, "/longitude", east),
        bad(&base, "/title", json!(""), ".title", "May not be empty"),
        bad(&base, "/address", json!(""), ".address", "May not be empty"),
        good(&base, "/latitude", json!(-90.0)),
        good(&base, "/longitude", json!(180.0)),
        good(&base, "/longitude", json!(-0.000000001)),
        bad(
            &base,
            "/latitude",
            json!(90.000001),
            north,
            "Must be between -90 and 90",
        ),
        bad(
            &base,
            "/longitude",
            json!(-180.5),
            east,
            "Must be between -180 and 180",
        ),
        bad(
            &base,
            "/longitude",
            json!(u64::MAX),
            east,
            "Must be between -180 and 180",
        ),
        bad(&base, "/latitude", json!("35.6"), north, "Must be a number"),
        bad(&base, "/zoom", json!(3), ".zoom", "Unknown property"),
    ]);
}

#[test]
fn places_are_kept_to_a_billionth_of_a_degree() {
    let json = |latitude: &str| {
        let place = format!(
            r#"[{{"type":"location","title":"a","address":"b","longitude":1,
                "latitude":{latitude}}}]"#
        );
        parse(&place, &rules()).expect("valid").to_json()
    };
    for (given, kept) in [
        ("35", "35.0"),
        ("-0", "0.0"),
        ("35.65910807942215", "35.659108079"),
        ("3.5679660e1", "35.67966"),
    ] {
        let canonical = json(given);
        assert!(
            canonical.contains(&format!("\"latitude\":{kept},")),
            "{canonical}"
        );
        assert_eq!(json(kept), canonical);
    }
}

#[test]
fn coupons() {
    let base = coupon();
    let letters = "Must contain only the characters a-z, A-Z, 0-9 and _";
    run(&[
        good(&base, "", coupon()),
        without(&base, "/deliveryTag"),
        missing(&base, "/couponId", ".couponId"),
        bad(
            &base,
            "/couponId",
            json!(""),
            ".couponId",
            "May not be empty",
        ),
        bad(
            &base,
            "/deliveryTag",
            json!(""),
            ".deliveryTag",
            "May not be empty",
        ),
        bad(
            &base,
            "/deliveryTag",
            json!("winter-2025"),
            ".deliveryTag",
            letters,
        ),
        bad(
            &base,
            "/deliveryTag",
            json!("겨울"),
            ".deliveryTag",
            letters,
        ),
        bad(&base, "/title", json!("x"), ".title", "Unknown property"),
    ]);
}

#[test]
fn image_carousels() {
    let base = pictures();
    let columns = "/template/columns";
    let label = "/template/columns/0/action/label";
    run(&[
        good(&base, "", pictures()),
        missing(&base, columns, ".template.columns"),
        bad(
            &base,
            columns,
            json!([]),
            ".template.columns",
            "Size must be between 1 and 10",
        ),
        missing(
            &base,
            "/template/columns/0/imageUrl",
            ".template.columns[0].imageUrl",
        ),
        missing(
            &base,
            "/template/columns/0/action",
            ".template.columns[0].action",
        ),
        without(&base, label),
        good(&base, label, json!("")),
        bad(
            &base,
            "/template/columns/1/action/type",
            json!("camera"),
            ".template.columns[1].action.type",
            "Must be one of the following values: \
             [postback, message, uri, datetimepicker, clipboard]",
        ),
        bad(
            &base,
            "/template/columns/0/text",
            json!("x"),
            ".template.columns[0].text",
            "Unknown property",
        ),
    ]);
    let messages = parse(&json!([base]).to_string(), &rules()).expect("valid");
    let paths: Vec<_> = messages.links().into_iter().map(|link| link.path).collect();
    assert_eq!(paths, ["/template/columns/1/action/uri"]);
}
