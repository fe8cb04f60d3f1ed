//! Images, videos and stickers, and where media may come from.

use serde_json::{Value, json};

use super::table::{bad, good, missing, run, times, url_of, without, worse};

const HTTPS: &str = "invalid uri: must be an https URL";

fn image() -> Value {
    json!({"type": "image",
        "originalContentUrl": "https://example.com/original.jpg",
        "previewImageUrl": "https://example.com/preview.jpg"})
}

fn video() -> Value {
    json!({"type": "video",
        "originalContentUrl": "https://example.com/original.mp4",
        "previewImageUrl": "https://example.com/preview.jpg",
        "trackingId": "track-id"})
}

fn sticker() -> Value {
    json!({"type": "sticker", "packageId": "446", "stickerId": "1988"})
}

#[test]
fn media_comes_over_https_or_from_home() {
    let base = image();
    let at = "/originalContentUrl";
    let property = ".originalContentUrl";
    let refused = |url: &str, words: &str| bad(&base, at, json!(url), property, words);
    let accepted = |url: &str| good(&base, at, json!(url));
    run(&[
        accepted("https://example.com"),
        accepted("HTTPS://EXAMPLE.COM/a.png"),
        accepted("https://example.com:8443/a%20b.png?x=1&y=2#z"),
        accepted("https://xn--9t4b11yi5a.com/%EC%82%AC%EC%A7%84.jpg"),
        accepted("https://[2001:db8::1]/a.png"),
        accepted("http://127.0.0.1:8080/media/ab12.jpg"),
        refused("http://127.0.0.1:8080/", HTTPS),
        refused("http://127.0.0.1:8080/mediax/a.jpg", HTTPS),
        refused("http://127.0.0.1:8080/media/../r/a.jpg", HTTPS),
        refused("http://127.0.0.1:8080/media/%2e%2e/r/a.jpg", HTTPS),
        refused("http://127.0.0.1:8081/media/a.jpg", HTTPS),
        refused("http://127.0.0.1/media/a.jpg", HTTPS),
        refused("http://localhost:8080/media/a.jpg", HTTPS),
        refused("http://127.0.0.1:8080@evil.example/media/a.jpg", HTTPS),
        refused("http://user@127.0.0.1:8080/media/a.jpg", HTTPS),
        refused("http://user:secret@127.0.0.1:8080/media/a.jpg", HTTPS),
        refused("http://:secret@127.0.0.1:8080/media/a.jpg", HTTPS),
        refused("http://example.com/media/a.jpg", HTTPS),
        refused("ftp://example.com/a.jpg", HTTPS),
        refused("data:image/png;base64,AAAA", HTTPS),
        refused("javascript:alert(1)", HTTPS),
        refused("file:///etc/passwd", HTTPS),
        refused("//example.com/a.jpg", "invalid uri"),
        refused("/media/a.jpg", "invalid uri"),
        refused("example.com/a.jpg", "invalid uri"),
        refused("https://", "invalid uri"),
        refused("https:example.com/a.jpg", "invalid uri"),
        refused("https:/example.com/a.jpg", "invalid uri"),
        refused("https:\\\\example.com\\a.jpg", "invalid uri"),
        refused(" https://example.com/a.jpg", "invalid uri"),
        refused("https://example.com/a.jpg\n", "invalid uri"),
        refused("https://exam\tple.com/a.jpg", "invalid uri"),
        refused("https://exam ple.com/a.jpg", "invalid uri"),
        refused("https://example.com:99999/a.jpg", "invalid uri"),
        refused("https://[::1/a.jpg", "invalid uri"),
        refused("", "May not be empty"),
        good(&base, at, url_of(2_000)),
        bad(
            &base,
            at,
            url_of(2_001),
            property,
            "Length must be between 0 and 2000",
        ),
        bad(&base, at, json!(null), property, "must be specified"),
        bad(&base, at, json!({"url": "x"}), property, "Must be a string"),
    ]);
}

#[test]
fn images_and_videos() {
    let (image, video) = (image(), video());
    let tracking = "Must contain only the characters a-z, A-Z, 0-9 and -.=,+*()%$&;:@{}!?<>[]";
    run(&[
        missing(&image, "/originalContentUrl", ".originalContentUrl"),
        missing(&image, "/previewImageUrl", ".previewImageUrl"),
        bad(
            &image,
            "/previewImageUrl",
            json!("http://a.example/"),
            ".previewImageUrl",
            HTTPS,
        ),
        bad(
            &image,
            "/trackingId",
            json!("x"),
            ".trackingId",
            "Unknown property",
        ),
        bad(
            &image,
            "/animated",
            json!(true),
            ".animated",
            "Unknown property",
        ),
        missing(&video, "/originalContentUrl", ".originalContentUrl"),
        missing(&video, "/previewImageUrl", ".previewImageUrl"),
        without(&video, "/trackingId"),
        good(&video, "/trackingId", json!("aZ09-.=,+*()%$&;:@{}!?<>[]")),
        good(&video, "/trackingId", times("x", 100)),
        bad(
            &video,
            "/trackingId",
            times("x", 101),
            ".trackingId",
            "Length must be between 0 and 100",
        ),
        bad(
            &video,
            "/trackingId",
            json!(""),
            ".trackingId",
            "May not be empty",
        ),
        bad(&video, "/trackingId", json!("a b"), ".trackingId", tracking),
        bad(&video, "/trackingId", json!("a_b"), ".trackingId", tracking),
        bad(
            &video,
            "/trackingId",
            json!("추적"),
            ".trackingId",
            tracking,
        ),
        bad(
            &video,
            "/duration",
            json!(1),
            ".duration",
            "Unknown property",
        ),
        worse(
            &video,
            "/previewImageUrl",
            json!(7),
            &[(".previewImageUrl", "Must be a string")],
        ),
    ]);
}

#[test]
fn stickers_are_named_by_plain_words() {
    let base = sticker();
    let plain = "Must contain only the characters a-z, A-Z, 0-9, - and _";
    run(&[
        good(&base, "/packageId", json!("hanok_spring-2")),
        good(&base, "/stickerId", times("1", 64)),
        bad(
            &base,
            "/stickerId",
            times("1", 65),
            ".stickerId",
            "Length must be between 0 and 64",
        ),
        bad(
            &base,
            "/stickerId",
            json!(1988),
            ".stickerId",
            "Must be a string",
        ),
        bad(
            &base,
            "/stickerId",
            json!(""),
            ".stickerId",
            "May not be empty",
        ),
        bad(&base, "/packageId", json!("../446"), ".packageId", plain),
        bad(&base, "/packageId", json!("４４６"), ".packageId", plain),
        missing(&base, "/packageId", ".packageId"),
        missing(&base, "/stickerId", ".stickerId"),
        bad(
            &base,
            "/keywords",
            json!([]),
            ".keywords",
            "Unknown property",
        ),
    ]);
}

#[test]
fn null_is_absent() {
    let base = video();
    run(&[
        good(&base, "/trackingId", json!(null)),
        good(&base, "/sender", json!(null)),
        bad(
            &base,
            "/previewImageUrl",
            json!(null),
            ".previewImageUrl",
            "must be specified",
        ),
    ]);
}
