//! Campaigns that cannot be: their messages, audiences and times.

use anyhow::Result;
use chingu_tests::shell;
use chingu_tests::world::Brand;
use domain::audience::DEPTH_MAX;
use serde_json::json;

use super::{CANNOT, Cases, is_refusal};

/// `campaign create` with one flag's value being wrong.
pub(super) fn create(
    brand: &Brand,
    cases: &mut Cases,
    name: &str,
    flags: &[&str],
    words: &str,
) -> Result<()> {
    let messages = ["--messages", r#"[{"type":"text","text":"안녕하세요"}]"#];
    let campaign = [
        "admin",
        "campaign",
        "create",
        "--account",
        &brand.handle,
        "--name",
        "x",
    ];
    let with_messages = flags.first() == Some(&"--messages");
    let own: &[&str] = if with_messages { &[] } else { &messages };
    let output = shell::run(&brand.data, &[&campaign[..], own, flags].concat())?;
    cases.check(name, is_refusal(&output, CANNOT, words));
    Ok(())
}

pub(super) fn messages(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let text = |text: &str| json!([{"type": "text", "text": text}]).to_string();
    let button = |actions: serde_json::Value| {
        let template = json!({"type": "buttons", "text": "t", "actions": actions});
        json!([{"type": "template", "altText": "a", "template": template}]).to_string()
    };
    let picture = |url: &str| {
        let preview = "https://a.example/b.jpg";
        json!([{"type": "image", "originalContentUrl": url, "previewImageUrl": preview}])
            .to_string()
    };
    let one = json!({"type": "message", "label": "l", "text": "t"});
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let six = json!(vec![json!({"type": "text", "text": "x"}); 6]).to_string();
    let table: Vec<(&str, String, &str)> = vec![
        ("no JSON", "hello".into(), "JSON"),
        ("empty", String::new(), "JSON"),
        ("half", r#"[{"type":"text""#.into(), "JSON"),
        (
            "trailing comma",
            r#"[{"type":"text","text":"x"},]"#.into(),
            "JSON",
        ),
        ("nested too deep", deep, "messages[0]"),
        (
            "an object",
            r#"{"type":"text","text":"x"}"#.into(),
            "messages",
        ),
        ("a number", "7".into(), "messages"),
        ("null", "null".into(), "messages"),
        ("no message", "[]".into(), "messages"),
        ("six messages", six, "messages"),
        ("a text for a message", r#"["hello"]"#.into(), "messages[0]"),
        ("no type", r#"[{"text":"x"}]"#.into(), "messages[0].type"),
        (
            "unknown type",
            r#"[{"type":"hologram"}]"#.into(),
            "messages[0].type",
        ),
        (
            "a sound without its address",
            r#"[{"type":"audio","duration":1}]"#.into(),
            "messages[0].originalContentUrl",
        ),
        ("no text", r#"[{"type":"text"}]"#.into(), "messages[0].text"),
        ("empty text", text(""), "messages[0].text"),
        (
            "text too long",
            text(&"가".repeat(5_001)),
            "messages[0].text",
        ),
        (
            "text is a number",
            r#"[{"type":"text","text":5}]"#.into(),
            "messages[0].text",
        ),
        (
            "text is null",
            r#"[{"type":"text","text":null}]"#.into(),
            "messages[0].text",
        ),
        (
            "the same key twice",
            r#"[{"type":"text","text":"a","text":"b"}]"#.into(),
            "text",
        ),
        (
            "the second of two",
            r#"[{"type":"text","text":"x"},{"type":"text","text":""}]"#.into(),
            "messages[1].text",
        ),
        (
            "image without preview",
            r#"[{"type":"image","originalContentUrl":"https://a.example/b.jpg"}]"#.into(),
            "messages[0].previewImageUrl",
        ),
        (
            "image over http",
            picture("http://a.example/b.jpg"),
            "messages[0].originalContentUrl",
        ),
        (
            "image from a file",
            picture("file:///etc/passwd"),
            "messages[0].originalContentUrl",
        ),
        (
            "video without preview",
            r#"[{"type":"video","originalContentUrl":"https://a.example/b.mp4"}]"#.into(),
            "messages[0].previewImageUrl",
        ),
        (
            "sticker without id",
            r#"[{"type":"sticker","packageId":"1"}]"#.into(),
            "messages[0].stickerId",
        ),
        (
            "buttons without actions",
            button(json!([])),
            "messages[0].template.actions",
        ),
        (
            "five buttons",
            button(json!(vec![one.clone(); 5])),
            "messages[0].template.actions",
        ),
        (
            "label too long",
            button(json!([{"type": "message", "label": "l".repeat(41), "text": "t"}])),
            "messages[0].template.actions[0].label",
        ),
        (
            "javascript link",
            button(json!([{"type": "uri", "label": "l", "uri": "javascript:alert(1)"}])),
            "messages[0].template.actions[0].uri",
        ),
        (
            "no alternative text",
            r#"[{"type":"template","template":{"type":"confirm","text":"t","actions":[]}}]"#.into(),
            "messages[0].altText",
        ),
        (
            "flex without contents",
            r#"[{"type":"flex","altText":"a"}]"#.into(),
            "messages[0].contents",
        ),
        (
            "flex of an unknown kind",
            r#"[{"type":"flex","altText":"a","contents":{"type":"balloon"}}]"#.into(),
            "messages[0].contents.type",
        ),
        (
            "a file that is not there",
            "@/nowhere/messages.json".into(),
            "cannot read",
        ),
        ("a folder for a file", "@/".into(), "cannot read"),
    ];
    for (name, json, words) in table {
        create(
            brand,
            cases,
            &format!("messages: {name}"),
            &["--messages", &json],
            words,
        )?;
    }
    // Two megabytes are more than a command line takes: as a file.
    let large = brand.data.with_extension("large.json");
    std::fs::write(&large, text(&"x".repeat(2_000_000)))?;
    let flag = format!("@{}", large.display());
    create(
        brand,
        cases,
        "messages: 2 MB",
        &["--messages", &flag],
        "messages",
    )?;
    std::fs::write(&large, b"[{\"type\":\"text\",\"text\":\"\xff\"}]")?;
    create(
        brand,
        cases,
        "messages: not UTF-8",
        &["--messages", &flag],
        "cannot read",
    )
}

pub(super) fn audiences(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let deep = format!(
        "{}{}{}",
        r#"{"not":"#.repeat(DEPTH_MAX),
        r#"{"all":true}"#,
        "}".repeat(DEPTH_MAX)
    );
    let wide = json!({"or": vec![json!({"tag": "x"}); 101]}).to_string();
    let table: Vec<(&str, String, &str)> = vec![
        ("no JSON", "everybody".into(), "audience"),
        ("empty", String::new(), "audience"),
        ("a list", "[]".into(), "audience"),
        ("nothing in it", "{}".into(), "audience"),
        (
            "two conditions in one",
            r#"{"tag":"a","all":true}"#.into(),
            "exactly one key",
        ),
        ("unknown condition", r#"{"zodiac":"leo"}"#.into(), "zodiac"),
        ("all is false", r#"{"all":false}"#.into(), "audience.all"),
        (
            "a tag that is a number",
            r#"{"tag":5}"#.into(),
            "audience.tag",
        ),
        ("an empty tag", r#"{"tag":""}"#.into(), "audience.tag"),
        (
            "unknown attribute",
            r#"{"attribute":{"name":"shoe_size","in":["40"]}}"#.into(),
            "shoe_size",
        ),
        (
            "unknown gender",
            r#"{"attribute":{"name":"gender","in":["F?"]}}"#.into(),
            "audience.attribute.in[0]",
        ),
        (
            "years the wrong way round",
            r#"{"attribute":{"name":"birth_year","from":2000,"to":1990}}"#.into(),
            "audience.attribute",
        ),
        (
            "a year that is none",
            r#"{"attribute":{"name":"birth_year","from":99999}}"#.into(),
            "audience.attribute",
        ),
        ("empty and", r#"{"and":[]}"#.into(), "audience.and"),
        (
            "and of no list",
            r#"{"and":{"all":true}}"#.into(),
            "audience.and",
        ),
        (
            "the third of an or",
            r#"{"or":[{"all":true},{"all":true},{"tag":""}]}"#.into(),
            "audience.or[2].tag",
        ),
        ("nested too deep", deep, "levels deep"),
        ("too many conditions", wide, "audience"),
        (
            "a date that is none",
            r#"{"friend_since":{"from":"yesterday"}}"#.into(),
            "friend_since",
        ),
        (
            "no bound at all",
            r#"{"friend_since":{}}"#.into(),
            "friend_since",
        ),
        (
            "a list that is not there",
            r#"{"list":"lst_01h455vb4pex5vsknk084sn02q"}"#.into(),
            "list",
        ),
        (
            "a limit of nobody",
            r#"{"expression":{"all":true},"limit":{"count":0,"method":"user_number"}}"#.into(),
            "limit",
        ),
        (
            "a limit without method",
            r#"{"expression":{"all":true},"limit":{"count":5}}"#.into(),
            "limit",
        ),
        (
            "SQL in a tag",
            r#"{"tag":"x') OR 1=1 --\u0000"}"#.into(),
            "audience.tag",
        ),
    ];
    for (name, json, words) in table {
        create(
            brand,
            cases,
            &format!("audience: {name}"),
            &["--audience", &json],
            words,
        )?;
    }
    Ok(())
}

pub(super) fn times(brand: &Brand, cases: &mut Cases) -> Result<()> {
    let table: [(&str, &str, Option<&str>, &str); 15] = [
        ("no time", "tomorrow", None, "tomorrow"),
        ("empty", "", None, "''"),
        ("no clock time", "2030-01-01", None, "2030-01-01"),
        ("month 13", "2030-13-01 09:00", None, "2030-13-01"),
        ("30 February", "2030-02-30 09:00", None, "2030-02-30"),
        ("hour 24", "2030-01-01 24:00", None, "24:00"),
        ("minute 60", "2030-01-01 09:60", None, "09:60"),
        (
            "with an offset",
            "2030-01-01T09:00:00+09:00",
            None,
            "2030-01-01",
        ),
        ("UTC", "2030-01-01T09:00:00Z", None, "2030-01-01"),
        ("the past", "2020-01-01 09:00", None, "past"),
        ("year 10000", "10000-01-01 09:00", None, "10000"),
        ("a negative year", "-2030-01-01 09:00", None, "2030"),
        ("full-width digits", "２０３０-01-01 09:00", None, "01-01"),
        (
            "a zone that is none",
            "2030-01-01 09:00",
            Some("Asia/Seul"),
            "Asia/Seul",
        ),
        ("an empty zone", "2030-01-01 09:00", Some(""), "zone"),
    ];
    for (name, at, zone, words) in table {
        let at = format!("--at={at}");
        let mut flags = vec![&*at];
        flags.extend(zone.map(|_| "--zone"));
        flags.extend(zone);
        create(brand, cases, &format!("time: {name}"), &flags, words)?;
    }
    Ok(())
}
