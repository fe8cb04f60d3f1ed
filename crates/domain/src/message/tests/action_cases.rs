//! Actions, in each place where they may stand.

use serde_json::{Value, json};

use super::table::{Case, bad, good, missing, run, times, url_of, without, worse};

const AT: &str = "/template/actions/0";
const SCHEMES: &str = "invalid uri: the scheme must be one of [http, https, line, tel]";
const LONG_300: &str = "Length must be between 0 and 300";
const DATE: &str = "Must be a date like 2017-06-18 from 1900 to 2100";
const TIME: &str = "Must be a time like 06:15";
const DATETIME: &str = "Must be like 2017-06-18T06:15, from 1900 to 2100";

fn with(action: &Value) -> Value {
    json!({"type": "template", "altText": "a",
        "template": {"type": "buttons", "text": "t", "actions": [action]}})
}

fn postback() -> Value {
    with(
        &json!({"type": "postback", "label": "Buy", "data": "action=buy&itemid=111",
        "displayText": "Buy", "inputOption": "openKeyboard", "fillInText": "---\nName: \n---"}),
    )
}

fn message() -> Value {
    with(&json!({"type": "message", "label": "Yes", "text": "Yes"}))
}

fn uri() -> Value {
    with(
        &json!({"type": "uri", "label": "View details", "uri": "http://example.com/page/222",
        "altUri": {"desktop": "http://example.com/pc/page/222"}}),
    )
}

fn picker(mode: &str) -> Value {
    with(
        &json!({"type": "datetimepicker", "label": "Select", "data": "storeId=12345",
        "mode": mode}),
    )
}

fn clipboard() -> Value {
    with(&json!({"type": "clipboard", "label": "Copy", "clipboardText": "3B48740B"}))
}

fn flex(action: &Value) -> Value {
    json!({"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": {
        "type": "box", "layout": "vertical", "contents": [{"type": "button", "action": action}],
        "action": {"type": "message", "text": "x"}}}})
}

#[test]
fn labels_depend_on_the_place() {
    let template = message();
    let button = flex(&json!({"type": "message", "label": "x", "text": "x"}));
    let label = "/template/actions/0/label";
    let button_label = "/contents/body/contents/0/action/label";
    let box_label = "/contents/body/action/label";
    run(&[
        missing(&template, label, ".template.actions[0].label"),
        bad(
            &template,
            label,
            json!(null),
            ".template.actions[0].label",
            "must be specified",
        ),
        bad(
            &template,
            label,
            json!(""),
            ".template.actions[0].label",
            "May not be empty",
        ),
        bad(
            &template,
            label,
            json!(3),
            ".template.actions[0].label",
            "Must be a string",
        ),
        good(&template, label, times("👨‍👩‍👧‍👦", 20)),
        bad(
            &template,
            label,
            times("👨‍👩‍👧‍👦", 21),
            ".template.actions[0].label",
            "Length must be between 0 and 20",
        ),
        missing(
            &button,
            button_label,
            ".contents.body.contents[0].action.label",
        ),
        good(&button, button_label, times("가", 40)),
        bad(
            &button,
            button_label,
            times("가", 41),
            ".contents.body.contents[0].action.label",
            "Length must be between 0 and 40",
        ),
        good(&button, box_label, json!("")),
        good(&button, box_label, times("가", 40)),
        bad(
            &button,
            box_label,
            times("가", 41),
            ".contents.body.action.label",
            "Length must be between 0 and 40",
        ),
        bad(
            &button,
            "/contents/body/action",
            json!({"type": "camera", "label": "x"}),
            ".contents.body.action.type",
            "Must be one of the following values: \
             [postback, message, uri, datetimepicker, clipboard]",
        ),
        missing(
            &template,
            "/template/actions/0/type",
            ".template.actions[0].type",
        ),
        bad(
            &template,
            AT,
            json!(null),
            ".template.actions[0]",
            "Must be an object",
        ),
        bad(
            &template,
            AT,
            json!("uri"),
            ".template.actions[0]",
            "Must be an object",
        ),
    ]);
}

#[test]
fn postbacks_and_messages() {
    let base = postback();
    let set = |key: &str, value| good(&base, &format!("{AT}/{key}"), value);
    let refuse = |key: &str, value, property, words: &str| {
        bad(&base, &format!("{AT}/{key}"), value, property, words)
    };
    let (text, data) = (".template.actions[0].text", ".template.actions[0].data");
    let (shown, filled) = (
        ".template.actions[0].displayText",
        ".template.actions[0].fillInText",
    );
    let option = ".template.actions[0].inputOption";
    let options = "Must be one of the following values: \
        [closeRichMenu, openRichMenu, openKeyboard, openVoice]";
    let once = "Must not be specified";
    run(&[
        good(&base, "", postback()),
        set("data", json!("")),
        set("data", times("a", 300)),
        refuse("data", times("a", 301), data, LONG_300),
        // Data is counted in UTF-16 units, shown text in grapheme clusters.
        refuse("data", times("🍎", 151), data, LONG_300),
        set("displayText", times("🍎", 300)),
        refuse("displayText", times("🍎", 301), shown, LONG_300),
        refuse("displayText", json!(""), shown, "May not be empty"),
        refuse("text", json!("x"), text, once),
        set("displayText", json!(null)),
        set("fillInText", times("가", 300)),
        refuse("fillInText", times("가", 301), filled, LONG_300),
        refuse("inputOption", json!("openVoice"), filled, once),
        refuse("inputOption", json!(null), filled, once),
        refuse("inputOption", json!("openCamera"), option, options),
        missing(&base, "/template/actions/0/data", data),
        without(&base, "/template/actions/0/fillInText"),
        refuse(
            "uri",
            json!("https://a.example/"),
            ".template.actions[0].uri",
            "Unknown property",
        ),
        good(
            &message(),
            "/template/actions/0/text",
            times("e\u{301}", 300),
        ),
        bad(
            &message(),
            "/template/actions/0/text",
            times("e\u{301}", 301),
            text,
            LONG_300,
        ),
        bad(
            &message(),
            "/template/actions/0/text",
            json!(""),
            text,
            "May not be empty",
        ),
        missing(&message(), "/template/actions/0/text", text),
        bad(
            &message(),
            "/template/actions/0/data",
            json!("x"),
            data,
            "Unknown property",
        ),
        good(
            &message(),
            AT,
            json!({"type": "postback", "label": "l", "data": "", "text": "t"}),
        ),
        worse(
            &message(),
            AT,
            json!({"type": "postback"}),
            &[
                (".template.actions[0].label", "must be specified"),
                (data, "must be specified"),
            ],
        ),
    ]);
}

#[test]
fn uris_open_four_schemes() {
    let base = uri();
    let at = "/template/actions/0/uri";
    let property = ".template.actions[0].uri";
    let desktop = "/template/actions/0/altUri/desktop";
    let desktop_property = ".template.actions[0].altUri.desktop";
    let accepted = |uri: &str| good(&base, at, json!(uri));
    let refused = |uri: &str, words: &str| bad(&base, at, json!(uri), property, words);
    run(&[
        accepted("https://line.me/R/nv/recommendOA/%40linedevelopers"),
        accepted("http://example.com/?q=%ED%95%9C"),
        accepted("line://nv/profile"),
        accepted("tel:09001234567"),
        accepted("TEL:+82-2-1234-5678"),
        refused("javascript:alert(1)", SCHEMES),
        refused("data:text/html,x", SCHEMES),
        refused("mailto:a@example.com", SCHEMES),
        refused("intent://scan/#Intent;end", SCHEMES),
        refused("tel:", "invalid uri"),
        refused("http:", "invalid uri"),
        refused("http://", "invalid uri"),
        refused("https:///path", "invalid uri"),
        refused("java\nscript:alert(1)", "invalid uri"),
        refused("www.example.com", "invalid uri"),
        refused("https://a b.example/", "invalid uri"),
        refused("https://example.com/a b", "invalid uri"),
        refused("https://example.com/\u{a0}", "invalid uri"),
        refused("", "May not be empty"),
        good(&base, at, url_of(1_000)),
        bad(
            &base,
            at,
            url_of(1_001),
            property,
            "Length must be between 0 and 1000",
        ),
        missing(&base, at, property),
        without(&base, "/template/actions/0/altUri"),
        good(&base, "/template/actions/0/altUri", json!({})),
        good(&base, desktop, url_of(1_000)),
        bad(
            &base,
            desktop,
            url_of(1_001),
            desktop_property,
            "Length must be between 0 and 1000",
        ),
        bad(
            &base,
            desktop,
            json!("ftp://a.example/"),
            desktop_property,
            SCHEMES,
        ),
        bad(
            &base,
            "/template/actions/0/altUri/mobile",
            json!("x"),
            ".template.actions[0].altUri.mobile",
            "Unknown property",
        ),
        bad(
            &base,
            "/template/actions/0/altUri",
            json!("https://a.example/"),
            ".template.actions[0].altUri",
            "Must be an object",
        ),
    ]);
}

fn picks(mode: &str, initial: &str) -> Case {
    good(&picker(mode), "/template/actions/0/initial", json!(initial))
}

fn no_pick(mode: &str, initial: &str, words: &str) -> Case {
    let at = "/template/actions/0/initial";
    bad(
        &picker(mode),
        at,
        json!(initial),
        ".template.actions[0].initial",
        words,
    )
}

fn range(mode: &str, min: &str, max: &str, words: Option<&str>) -> Case {
    let action = json!({"type": "datetimepicker", "label": "l", "data": "", "mode": mode,
        "min": min, "max": max});
    match words {
        Some(words) => bad(&message(), AT, action, ".template.actions[0].max", words),
        None => good(&message(), AT, action),
    }
}

#[test]
fn pickers_know_the_calendar() {
    let greater = Some("Must be greater than min");
    run(&[
        good(&message(), "", picker("date")),
        good(&message(), "", picker("time")),
        good(&message(), "", picker("datetime")),
        picks("date", "1900-01-01"),
        picks("date", "2100-12-31"),
        picks("date", "2024-02-29"),
        no_pick("date", "1899-12-31", DATE),
        no_pick("date", "2101-01-01", DATE),
        no_pick("date", "2023-02-29", DATE),
        no_pick("date", "1900-02-29", DATE),
        no_pick("date", "2024-13-01", DATE),
        no_pick("date", "2024-00-01", DATE),
        no_pick("date", "2024-04-31", DATE),
        no_pick("date", "2024-4-1", DATE),
        no_pick("date", "20240401", DATE),
        no_pick("date", "2024-04-01T00:00", DATE),
        no_pick("date", "2024-04-01-", DATE),
        no_pick("date", "-024-04-01", DATE),
        no_pick("date", "２０２４-04-01", DATE),
        no_pick("date", "", DATE),
        picks("time", "00:00"),
        picks("time", "23:59"),
        no_pick("time", "24:00", TIME),
        no_pick("time", "06:60", TIME),
        no_pick("time", "6:15", TIME),
        no_pick("time", "06:15:00", TIME),
        no_pick("time", "2017-06-18", TIME),
        picks("datetime", "2017-06-18T06:15"),
        picks("datetime", "2017-06-18t06:15"),
        no_pick("datetime", "2017-06-18 06:15", DATETIME),
        no_pick("datetime", "2017-06-18T06:15Z", DATETIME),
        no_pick("datetime", "2017-06-18", DATETIME),
        no_pick("datetime", "2017-06-31T06:15", DATETIME),
        range("date", "2024-01-01", "2024-01-02", None),
        range("date", "2024-01-02", "2024-01-01", greater),
        range("date", "2024-01-01", "2024-01-01", greater),
        range("time", "22:00", "06:00", greater),
        range("datetime", "2017-12-25t00:00", "2018-01-24T23:59", None),
        range("datetime", "2018-01-24T23:59", "2018-01-24t23:58", greater),
    ]);
}

#[test]
fn pickers_and_clipboards() {
    let (base, clipboard) = (picker("date"), clipboard());
    let copied = ".template.actions[0].clipboardText";
    let at = "/template/actions/0/clipboardText";
    run(&[
        missing(
            &base,
            "/template/actions/0/mode",
            ".template.actions[0].mode",
        ),
        missing(
            &base,
            "/template/actions/0/data",
            ".template.actions[0].data",
        ),
        bad(
            &base,
            "/template/actions/0/mode",
            json!("month"),
            ".template.actions[0].mode",
            "Must be one of the following values: [date, time, datetime]",
        ),
        bad(
            &base,
            "/template/actions/0/min",
            json!(20240101),
            ".template.actions[0].min",
            "Must be a string",
        ),
        bad(
            &base,
            "/template/actions/0/data",
            times("a", 301),
            ".template.actions[0].data",
            LONG_300,
        ),
        // Without a mode the values cannot be judged.
        bad(
            &base,
            AT,
            json!({"type": "datetimepicker", "label": "l", "data": "", "initial": "soon"}),
            ".template.actions[0].mode",
            "must be specified",
        ),
        good(&clipboard, "", clipboard.clone()),
        good(&clipboard, at, times("a", 1_000)),
        bad(
            &clipboard,
            at,
            times("a", 1_001),
            copied,
            "Length must be between 0 and 1000",
        ),
        bad(&clipboard, at, json!(""), copied, "May not be empty"),
        missing(&clipboard, at, copied),
        bad(
            &clipboard,
            "/template/actions/0/text",
            json!("x"),
            ".template.actions[0].text",
            "Unknown property",
        ),
    ]);
}
