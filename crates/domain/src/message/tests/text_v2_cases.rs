//! Texts (v2): braces, what stands in them, and who may be mentioned.

use serde_json::{Value, json};

use super::table::{Case, bad, good, missing, run, times, without, worse};
use crate::message::text_v2::{Piece, pieces};

const PAIRS: &str = "{ and } must be used in pairs";
const KEY: &str = "The key must have 1 to 20 of the characters a-z, A-Z, 0-9 and _";
const KINDS: &str = "Must be one of the following values: [mention, emoji]";

fn welcome() -> Value {
    json!({"type": "textV2", "text": "Welcome, {user1}! {laugh}\n{everyone} {{hello}}",
        "substitution": {
            "user1": {"type": "mention", "mentionee": {"type": "user",
                "userId": "U49585cd0d5ae9a0b5e94a3bd9d5a3f0c"}},
            "laugh": {"type": "emoji", "productId": "5a8555cfe6256cc92ea23c2a", "emojiId": "002"},
            "everyone": {"type": "mention", "mentionee": {"type": "all"}}},
        "quoteToken": "yHAz4Ua2wx7"})
}

fn said(text: &str) -> Value {
    json!({"type": "textV2", "text": text, "substitution": {
        "a": {"type": "emoji", "productId": "p", "emojiId": "e"}}})
}

#[test]
fn braces_stand_in_pairs() {
    let whole = |text: &str| good(&said(""), "/text", json!(text));
    let broken = |text: &str| bad(&said(""), "/text", json!(text), ".text", PAIRS);
    run(&[
        whole("a"),
        whole("{a}"),
        whole("{a}{a}"),
        whole("{{}}"),
        whole("{{{a}}}"),
        whole("}}{{"),
        whole("{{{{a}}}}"),
        broken("{"),
        broken("}"),
        broken("{{}"),
        broken("{a"),
        broken("a}"),
        broken("{a{a}}"),
        broken("{{{a}}"),
        broken("}{"),
        bad(
            &said(""),
            "/text",
            json!("{}"),
            ".text",
            "{} must be in substitution",
        ),
        bad(
            &said(""),
            "/text",
            json!("{A}{A}"),
            ".text",
            "{A} must be in substitution",
        ),
        bad(
            &said(""),
            "/text",
            json!("{ a }"),
            ".text",
            "{ a } must be in substitution",
        ),
        bad(&said(""), "/text", json!(""), ".text", "May not be empty"),
        // Judged although the substitution is refused as well.
        worse(
            &said("{b}"),
            "/substitution/a/type",
            json!("sticker"),
            &[
                (".substitution.a.type", KINDS),
                (".text", "{b} must be in substitution"),
            ],
        ),
    ]);
}

#[test]
fn substitutes_have_names_and_kinds() {
    let base = welcome();
    let user = "/substitution/user1";
    let key = |name: &str, property| -> Case {
        let emoji = json!({"type": "emoji", "productId": "p", "emojiId": "e"});
        bad(
            &base,
            &format!("/substitution/{name}"),
            emoji,
            property,
            KEY,
        )
    };
    run(&[
        good(&base, "", welcome()),
        without(&base, "/quoteToken"),
        good(&said("a"), "/substitution", json!({})),
        good(&said("a"), "/substitution", json!(null)),
        without(&said("a"), "/substitution"),
        good(&said("a"), "/substitution/b", json!(null)),
        bad(
            &said("a"),
            "/substitution",
            json!([]),
            ".substitution",
            "Must be an object",
        ),
        bad(
            &said("{a}"),
            "/substitution/a",
            json!(null),
            ".text",
            "{a} must be in substitution",
        ),
        key("", ".substitution."),
        key("a-b", ".substitution.a-b"),
        key("한", ".substitution.한"),
        key(
            "abcdefghij0123456789_",
            ".substitution.abcdefghij0123456789_",
        ),
        missing(
            &base,
            "/substitution/user1/type",
            ".substitution.user1.type",
        ),
        missing(
            &base,
            "/substitution/user1/mentionee",
            ".substitution.user1.mentionee",
        ),
        missing(
            &base,
            "/substitution/user1/mentionee/userId",
            ".substitution.user1.mentionee.userId",
        ),
        missing(
            &base,
            "/substitution/laugh/productId",
            ".substitution.laugh.productId",
        ),
        missing(
            &base,
            "/substitution/laugh/emojiId",
            ".substitution.laugh.emojiId",
        ),
        bad(
            &base,
            "/substitution/user1/mentionee/type",
            json!("room"),
            ".substitution.user1.mentionee.type",
            "Must be one of the following values: [user, all]",
        ),
        bad(
            &base,
            "/substitution/everyone/mentionee/userId",
            json!("U1"),
            ".substitution.everyone.mentionee.userId",
            "Unknown property",
        ),
        bad(
            &base,
            user,
            times("a", 3),
            ".substitution.user1",
            "Must be an object",
        ),
        bad(&base, "/emojis", json!([]), ".emojis", "Unknown property"),
    ]);
}

#[test]
fn a_text_falls_into_what_is_said_and_what_is_named() {
    let words = |text: &str| Piece::Words(text.to_owned());
    for (text, expected) in [
        ("", vec![]),
        ("a", vec![words("a")]),
        ("{{a}}", vec![words("{a}")]),
        ("{a}", vec![Piece::Place("a")]),
        (
            "b{{{a}}}c{d}",
            vec![
                words("b{"),
                Piece::Place("a"),
                words("}c"),
                Piece::Place("d"),
            ],
        ),
    ] {
        assert_eq!(pieces(text), Some(expected), "{text}");
    }
    assert_eq!(pieces("{"), None);
}

#[test]
fn a_hostile_substitution_is_read_once() {
    let entries: Vec<String> = (0..100_000).map(|key| format!("\"k{key}\":0")).collect();
    let text = "{k}".repeat(300_000);
    let json = format!(
        r#"[{{"type":"textV2","text":"{text}","substitution":{{{}}}}}]"#,
        entries.join(",")
    );
    let errors = crate::message::parse(&json, &super::table::rules()).unwrap_err();
    assert_eq!(errors[0].message, "Length must be between 0 and 5000");
    let twice = r#"[{"type":"textV2","text":"a","substitution":{"a":null,"a":null}}]"#;
    let errors = crate::message::parse(twice, &super::table::rules()).unwrap_err();
    assert_eq!(errors[0].property, "messages[0].substitution.a");
    assert_eq!(errors[0].message, "Must not be specified more than once");
}
