//! The JSON text itself: syntax, size, depth, repeated keys, number of messages; and what comes
//! out of it: canonical JSON and links.

use serde_json::json;

use super::table::rules;
use crate::message::limits::{BODY_BYTES_MAX, ERRORS_MAX};
use crate::message::{Link, MediaOrigin, Rules, ValidationError, parse};

const TEXT: &str = r#"{"type":"text","text":"a"}"#;

fn errors(json: &str) -> Vec<ValidationError> {
    parse(json, &rules()).expect_err("the text is refused")
}

fn assert_errors(json: &str, expected: &[(&str, &str)]) {
    let found = errors(json);
    let found: Vec<_> = found
        .iter()
        .map(|error| (error.property.as_str(), error.message.as_str()))
        .collect();
    assert_eq!(
        found,
        expected,
        "for {}",
        json.chars().take(100).collect::<String>()
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let table = [
        ("", 1, 0),
        ("   ", 1, 3),
        ("nonsense", 1, 2),
        ("[", 1, 1),
        ("[{\"type\":\"text\"", 1, 15),
        ("[{\"type\":\"text\",}]", 1, 17),
        ("[{type:\"text\"}]", 1, 3),
        ("[{'type':'text'}]", 1, 3),
        ("[1,]", 1, 4),
        ("[] []", 1, 4),
        ("[]\n\nx", 3, 1),
        ("\u{feff}[]", 1, 1),
        ("[NaN]", 1, 2),
        ("[Infinity]", 1, 2),
        ("[1e400]", 1, 6),
        ("[01]", 1, 3),
        ("[+1]", 1, 2),
        ("[.5]", 1, 2),
        ("[0x10]", 1, 3),
        ("[\"\\ud800\"]", 1, 9),
        ("[\"\\udc00\\ud800\"]", 1, 8),
        ("[\"\\u12\"]", 1, 8),
        ("[\"\\x\"]", 1, 4),
        ("[\"a\nb\"]", 2, 0),
        ("[\"a\u{0}b\"]", 1, 4),
        ("[{\"a\" 1}]", 1, 7),
        ("[// comment\n]", 1, 2),
    ];
    for (json, line, column) in table {
        let words = format!(
            "The request body could not be parsed as JSON (line: {line}, column: {column})"
        );
        assert_errors(json, &[("", &words)]);
    }
}

#[test]
fn one_to_five_messages() {
    let of = |count: usize| format!("[{}]", vec![TEXT; count].join(","));
    for count in 1..=5 {
        assert_eq!(parse(&of(count), &rules()).expect("valid").len(), count);
    }
    for count in [0, 6, 1_000] {
        assert_errors(&of(count), &[("messages", "Size must be between 1 and 5")]);
    }
    for json in ["{}", "null", "\"[]\"", "1", "1.5", "true", TEXT] {
        assert_errors(json, &[("messages", "Must be an array")]);
    }
    let mixed = format!("[{TEXT},7,{TEXT},{{\"type\":\"text\"}}]");
    assert_errors(
        &mixed,
        &[
            ("messages[1]", "Must be an object"),
            ("messages[3].text", "must be specified"),
        ],
    );
}

#[test]
fn keys_stand_once() {
    let twice = "Must not be specified more than once";
    assert_errors(
        r#"[{"type":"text","text":"a","text":"b"}]"#,
        &[("messages[0].text", twice)],
    );
    assert_errors(
        r#"[{"type":"text","type":"flex","text":"a"}]"#,
        &[("messages[0].type", twice)],
    );
    assert_errors(
        r#"[{"type":"text","text":"a","te\u0078t":"b","text":"c"}]"#,
        &[("messages[0].text", twice), ("messages[0].text", twice)],
    );
    assert_errors(
        r#"[{"type":"text","text":"a","x":1,"x":1}]"#,
        &[
            ("messages[0].x", "Unknown property"),
            ("messages[0].x", twice),
        ],
    );
    assert_errors(
        r#"[{"type":"text","text":"a","sender":{"name":"b","name":"b"}}]"#,
        &[("messages[0].sender.name", twice)],
    );
}

#[test]
fn size_is_limited_before_anything_is_read() {
    let padded = |bytes: usize| format!("[{TEXT}{}]", " ".repeat(bytes - TEXT.len() - 2));
    assert!(parse(&padded(BODY_BYTES_MAX), &rules()).is_ok());
    assert_errors(
        &padded(BODY_BYTES_MAX + 1),
        &[("", "The JSON must not be larger than 2097152 bytes")],
    );
}

/// A Flex message with this many boxes in each other.
fn boxes(count: usize) -> String {
    let open = r#"{"type":"box","layout":"vertical","contents":["#;
    format!(
        r#"[{{"type":"flex","altText":"a","contents":{{"type":"bubble","body":{}{}}}}}]"#,
        open.repeat(count),
        "]}".repeat(count)
    )
}

#[test]
fn depth_is_limited_at_a_path() {
    // Messages, message and bubble are three levels; each box is two.
    assert!(parse(&boxes(30), &rules()).is_ok());
    let path = format!(
        "messages[0].contents.body{}.contents",
        ".contents[0]".repeat(30)
    );
    assert_errors(&boxes(31), &[(&path, "Must not be nested this deeply")]);
    assert_errors(&boxes(20_000), &[(&path, "Must not be nested this deeply")]);
}

#[test]
fn depth_that_nobody_reads_is_harmless() {
    let depth = 400_000;
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_errors(&deep, &[("messages[0]", "Must be an object")]);
    let hidden = format!(r#"[{{"type":"text","text":"a","x":{deep}}}]"#);
    assert_errors(&hidden, &[("messages[0].x", "Unknown property")]);
    let unfinished = "[".repeat(1_000_000);
    assert!(
        errors(&unfinished)[0]
            .message
            .contains("could not be parsed")
    );
    let maps = "{\"a\":".repeat(100_000);
    assert!(errors(&maps)[0].message.contains("could not be parsed"));
}

#[test]
fn a_hostile_body_gets_a_bounded_answer() {
    let many: Vec<String> = (0..20_000).map(|key| format!("\"k{key}\":1")).collect();
    let json = format!(r#"[{{"type":"text","text":"a",{}}}]"#, many.join(","));
    let found = errors(&json);
    assert_eq!(found.len(), ERRORS_MAX + 1);
    assert_eq!(
        found[ERRORS_MAX].message,
        "19000 more errors are not listed"
    );

    let long = "k".repeat(1_000_000);
    let found = errors(&format!(r#"[{{"type":"text","text":"a","{long}":1}}]"#));
    assert_eq!(found[0].property, format!("messages[0].{}", "k".repeat(64)));
}

#[test]
fn errors_read_like_details_of_an_answer() {
    let found = errors(r#"[{"type":"text","text":""}]"#);
    assert_eq!(
        serde_json::to_value(&found).expect("serialisable"),
        json!([{"message": "May not be empty", "property": "messages[0].text"}])
    );
    assert_eq!(found[0].to_string(), "messages[0].text: May not be empty");
    assert_eq!(
        errors("x")[0].to_string(),
        "The request body could not be parsed as JSON (line: 1, column: 1)"
    );
}

#[test]
fn canonical_json_does_not_depend_on_the_writer() {
    let one = r#"[ {"sender":null, "text":"\ud55c \u002f", "quickReply":{"items":[
        {"action":{"text":"t","label":"l","type":"message"}}]}, "type":"text"} ]"#;
    let other = r#"[{"type":"text","quickReply":{"items":[{"type":"action",
        "action":{"type":"message","label":"l","text":"t"}}]},"text":"한 /"}]"#;
    let canonical = concat!(
        r#"[{"type":"text","text":"한 /","quickReply":{"items":[{"type":"action","#,
        r#""action":{"type":"message","text":"t","label":"l"}}]}}]"#
    );
    let read = |json| parse(json, &rules()).expect("valid").to_json();
    assert_eq!(read(one), canonical);
    assert_eq!(read(other), canonical);
    assert_eq!(read(canonical), canonical);
}

#[test]
fn without_an_own_origin_only_https_is_admitted() {
    let image = r#"[{"type":"image","originalContentUrl":"http://127.0.0.1:8080/media/a.png",
        "previewImageUrl":"https://example.com/a.png"}]"#;
    assert!(parse(image, &rules()).is_ok());
    for media in [
        MediaOrigin::default(),
        MediaOrigin::with_own_media("https://127.0.0.1:8080").expect("a URL"),
        MediaOrigin::with_own_media("http://localhost:8080").expect("a URL"),
    ] {
        let found = parse(image, &Rules { media }).expect_err("http from elsewhere");
        assert_eq!(found[0].property, "messages[0].originalContentUrl");
    }
    assert!(MediaOrigin::with_own_media("/media").is_err());
}

#[test]
fn links_are_found_where_they_are() {
    let uri = |name: &str| {
        let uri = format!("https://a.example/{name}");
        json!({"type": "uri", "label": "l", "uri": uri})
    };
    let held = |action| {
        json!({"type": "box", "layout": "vertical", "contents": [
            {"type": "text", "text": "x"},
            {"type": "box", "layout": "vertical", "contents": [
                {"type": "button", "action": action},
            ]},
        ]})
    };
    let messages = json!([
        {"type": "text", "text": "https://not.a.link/"},
        {"type": "flex", "altText": "a", "contents": {
            "type": "bubble", "header": held(uri("1")),
            "hero": {"type": "image", "url": "https://a.example/i.png", "action": uri("2")},
            "body": {"type": "box", "layout": "vertical", "contents": [], "action": uri("3")},
            "footer": held(json!({"type": "message", "label": "l", "text": "x"})),
            "action": uri("4")}},
        {"type": "flex", "altText": "a", "contents": {"type": "carousel", "contents": [
            {"type": "bubble", "body": held(uri("5"))}]}},
        {"type": "flex", "altText": "a", "contents": {"type": "bubble", "hero": {
            "type": "video", "url": "https://a.example/v.mp4",
            "previewUrl": "https://a.example/p.png",
            "altContent": held(uri("6")), "action": uri("7")}}},
        {"type": "template", "altText": "a", "template": {"type": "carousel", "columns": [
            {"text": "t", "actions": [uri("8"), {"type": "uri", "label": "l", "uri": "tel:112",
                "altUri": {"desktop": "https://a.example/9"}}], "defaultAction": uri("10")}]},
         "quickReply": {"items": [{"type": "action", "action": uri("11")}]}},
    ]);
    let messages = parse(&messages.to_string(), &rules()).expect("valid");
    let links = messages.links();
    let found: Vec<_> = links
        .iter()
        .map(|link| (link.message, link.path.as_str(), link.uri.as_str()))
        .collect();
    let inside = "/contents/1/contents/0/action/uri";
    let expected = [
        (
            1,
            format!("/contents/header{inside}"),
            "https://a.example/1",
        ),
        (
            1,
            "/contents/hero/action/uri".to_owned(),
            "https://a.example/2",
        ),
        (
            1,
            "/contents/body/action/uri".to_owned(),
            "https://a.example/3",
        ),
        (1, "/contents/action/uri".to_owned(), "https://a.example/4"),
        (
            2,
            format!("/contents/contents/0/body{inside}"),
            "https://a.example/5",
        ),
        (
            3,
            format!("/contents/hero/altContent{inside}"),
            "https://a.example/6",
        ),
        (
            3,
            "/contents/hero/action/uri".to_owned(),
            "https://a.example/7",
        ),
        (
            4,
            "/template/columns/0/actions/0/uri".to_owned(),
            "https://a.example/8",
        ),
        (4, "/template/columns/0/actions/1/uri".to_owned(), "tel:112"),
        (
            4,
            "/template/columns/0/actions/1/altUri/desktop".to_owned(),
            "https://a.example/9",
        ),
        (
            4,
            "/template/columns/0/defaultAction/uri".to_owned(),
            "https://a.example/10",
        ),
        (
            4,
            "/quickReply/items/0/action/uri".to_owned(),
            "https://a.example/11",
        ),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(message, path, uri)| (*message, path.as_str(), *uri))
        .collect();
    assert_eq!(found, expected);

    // Each path leads to its URI in the canonical JSON.
    let canonical: serde_json::Value = serde_json::from_str(&messages.to_json()).expect("JSON");
    for Link { message, path, uri } in &links {
        assert_eq!(canonical[message].pointer(path), Some(&json!(uri)));
    }
}
