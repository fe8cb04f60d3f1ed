//! What is drawn: the same in both places, every kind, and nothing hostile.

use std::collections::BTreeMap;

use domain::campaign::Purpose;
use domain::message::{Rules, parse};
use serde_json::{Value, json};
use words::Language;

use crate::{Context, Mode, Taps, draw, draw_one, quick_replies, summary, tap};

fn context(mode: Mode) -> Context {
    Context {
        language: Language::Korean,
        account: "한옥마켓".to_owned(),
        icon_url: Some("https://a.example/icon.png".to_owned()),
        contact: Some("1600-0000".to_owned()),
        purpose: Purpose::Promotion,
        time: "19:05".to_owned(),
        variables: BTreeMap::from([("name".to_owned(), "하늘".to_owned())]),
        mode,
    }
}

fn chat() -> Mode {
    Mode::Chat(Taps {
        target: "/messenger/kim/hanok/tap".to_owned(),
        push_key: "0190a0b0-0000-7000-8000-000000000001".to_owned(),
    })
}

/// One message of every kind the validator admits, every action among them.
fn admitted() -> Vec<Value> {
    let uri = json!({"type": "uri", "label": "보기", "uri": "https://a.example/?a=1&b=2"});
    let postback = json!({"type": "postback", "label": "받기", "data": "x=1"});
    let says = json!({"type": "message", "label": "말하기", "text": "네"});
    let picker = json!({"type": "datetimepicker", "label": "날", "data": "d", "mode": "date"});
    let copies = json!({"type": "clipboard", "label": "복사", "clipboardText": "HK7"});
    let image = "https://a.example/i.png";
    let text = |text: &str| json!({"type": "text", "text": text});
    let area = json!({"x": 0, "y": 0, "width": 9, "height": 9});
    let bubble = json!({"type": "bubble", "size": "kilo", "direction": "rtl",
        "header": {"type": "box", "layout": "vertical", "contents": [text("머리")]},
        "hero": {"type": "image", "url": image, "size": "full", "aspectRatio": "20:13",
            "aspectMode": "cover", "action": uri},
        "body": {"type": "box", "layout": "horizontal", "spacing": "md", "paddingAll": "10%",
            "backgroundColor": "#ffffff", "action": postback, "contents": [
            {"type": "text", "text": "a", "size": "xl", "weight": "bold", "wrap": true, "flex": 2,
                "color": "#11223344", "maxLines": 3, "margin": "4px", "contents": [
                {"type": "span", "text": "span", "decoration": "underline"}]},
            {"type": "separator", "margin": "lg", "color": "#000000"},
            {"type": "box", "layout": "baseline", "width": "40%", "contents": [
                {"type": "icon", "url": image, "size": "sm"}, {"type": "filler"}],
                "background": {"type": "linearGradient", "angle": "90deg",
                    "startColor": "#ff0000", "endColor": "#00ff00"}}]},
        "footer": {"type": "box", "layout": "vertical", "contents": [
            {"type": "button", "style": "primary", "height": "sm", "action": copies}]},
        "styles": {"footer": {"separator": true, "separatorColor": "#cccccc"}}});
    let column = |title: &str| {
        json!({"title": title, "text": "b", "thumbnailImageUrl": image,
        "defaultAction": uri, "actions": [says]})
    };
    vec![
        json!({"type": "text", "text": "{{name|고객}} 님 https://a.example $",
            "emojis": [{"index": 32, "productId": "p", "emojiId": "1"}]}),
        json!({"type": "image", "originalContentUrl": image, "previewImageUrl": image}),
        json!({"type": "video", "originalContentUrl": "https://a.example/v.mp4",
            "previewImageUrl": image}),
        json!({"type": "sticker", "packageId": "1", "stickerId": "2"}),
        json!({"type": "template", "altText": "단추", "template": {"type": "buttons", "text": "t",
            "title": "제목", "thumbnailImageUrl": image, "imageAspectRatio": "square",
            "imageSize": "contain", "defaultAction": uri,
            "actions": [uri, postback, says, picker]}}),
        json!({"type": "template", "altText": "물음", "template": {"type": "confirm", "text": "t",
            "actions": [postback, says]}}),
        json!({"type": "template", "altText": "카드", "template": {"type": "carousel",
            "columns": [column("a"), column("b")]}}),
        json!({"type": "textV2", "text": "{kim}, {{안녕}} {smile} https://a.example",
            "substitution": {
                "kim": {"type": "mention", "mentionee": {"type": "user", "userId": "U1"}},
                "smile": {"type": "emoji", "productId": "p", "emojiId": "e"}}}),
        json!({"type": "audio", "originalContentUrl": "https://a.example/a.m4a", "duration": 1}),
        json!({"type": "location", "title": "북촌점", "address": "서울", "latitude": 37.58,
            "longitude": 126.98}),
        json!({"type": "imagemap", "baseUrl": "https://a.example/m", "altText": "지도",
            "baseSize": {"width": 1040, "height": 585},
            "video": {"originalContentUrl": "https://a.example/v.mp4", "previewImageUrl": image,
                "area": area},
            "actions": [
                {"type": "uri", "linkUri": "https://a.example", "area": area},
                {"type": "message", "text": "네", "label": "네", "area": area},
                {"type": "clipboard", "clipboardText": "HK7", "area": area}]}),
        json!({"type": "template", "altText": "그림들", "template": {"type": "image_carousel",
            "columns": [{"imageUrl": image, "action": uri}, {"imageUrl": image, "action": says}]}}),
        json!({"type": "coupon", "couponId": "HK7-2Q9P", "deliveryTag": "spring"}),
        json!({"type": "flex", "altText": "판", "contents": bubble}),
        json!({"type": "flex", "altText": "판들",
            "contents": {"type": "carousel", "contents": [bubble, bubble]},
            "quickReply": {"items": [{"type": "action", "action": says}]},
            "sender": {"name": "점장", "iconUrl": image}}),
    ]
}

#[test]
fn what_the_tests_draw_is_what_the_validator_admits() {
    for message in admitted() {
        let json = json!([message]).to_string();
        assert_eq!(parse(&json, &Rules::default()).err(), None, "{message}");
    }
}

#[test]
fn preview_and_chat_have_the_same_nodes() {
    let whole = admitted();
    for messages in whole.iter().map(std::slice::from_ref).chain([&whole[..]]) {
        let preview = draw(messages, &context(Mode::Preview));
        let chat = draw(messages, &context(chat()));
        let form = "<form class=\"taps\" method=\"post\" action=\"/messenger/kim/hanok/tap\">\
            <input type=\"hidden\" name=\"push\" value=\"0190a0b0-0000-7000-8000-000000000001\">";
        let inside = chat.strip_prefix(form).unwrap();
        assert_eq!(inside.strip_suffix("</form>").unwrap(), preview);
        assert!(!preview.contains("<form"), "nothing to send in a preview");
    }
}

#[test]
fn every_kind_is_drawn_whole_and_well_formed() {
    for message in admitted() {
        let html = draw_one(&message, &context(Mode::Preview));
        assert_balanced(&html);
        assert!(!html.contains("모르는"), "{message}: {html}");
        assert!(!html.contains("style="), "{html}");
    }
}

#[test]
fn a_promotion_says_so_at_the_front_and_ends_with_the_way_out() {
    for message in admitted() {
        let html = draw_one(&message, &context(Mode::Preview));
        let label = html.find("<b>(광고) 한옥마켓</b> · 1600-0000").unwrap();
        let body = html.find("<span class=\"text\">").unwrap_or(html.len());
        assert!(label < body, "{html}");
        let opt_out = html.find("value=\"opt-out\"").unwrap();
        assert!(
            opt_out > label && html[opt_out..].contains("19:05"),
            "{html}"
        );
    }
    let information = Context {
        purpose: Purpose::Information,
        ..context(Mode::Preview)
    };
    let html = draw(&admitted(), &information);
    assert!(
        !html.contains("광고") && !html.contains("opt-out"),
        "{html}"
    );
}

#[test]
fn messages_stand_in_blocks_by_their_sender() {
    let html = draw(&admitted(), &context(Mode::Preview));
    assert_eq!(html.matches("class=\"from\"").count(), 2);
    assert_eq!(html.matches("class=\"at\"").count(), 1);
    assert_eq!(html.matches("class=\"ad-label\"").count(), 1);
    assert_eq!(html.matches("class=\"opt-out\"").count(), 1);
    assert!(html.contains("<span class=\"who\">점장</span>"));
}

#[test]
fn every_button_leads_back_to_its_action() {
    let messages = admitted();
    let html =
        draw(&messages, &context(Mode::Preview)) + &quick_replies(&messages, &context(chat()));
    let mut found = 0;
    for button in html.split("<button").skip(1) {
        let value = |name: &str| {
            let (_, rest) = button.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0
        };
        if value("value") == tap::OPT_OUT {
            continue;
        }
        let tapped = tap::find(&messages, value("value")).unwrap();
        assert_eq!(tapped.action["type"], value("data-action"));
        found += 1;
    }
    assert!(found > 20, "{found}");
}

#[test]
fn a_place_that_names_no_action_is_none() {
    let messages = admitted();
    for place in [
        "",
        "0",
        ":",
        "0:",
        "99:/template/actions/0",
        "4:/template",
        "4:/template/actions",
        "4:/template/actions/9",
        "4:/template/actions/0/uri",
        "4:template/actions/0",
        "-1:/template/actions/0",
        "4:/template/actions/0\u{0}",
        "opt-out",
    ] {
        assert_eq!(tap::find(&messages, place), None, "{place}");
    }
}

#[test]
fn hostile_texts_stay_texts() {
    const EVIL: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>&lt;{{name}}";
    let mut evil = context(chat());
    evil.account = EVIL.to_owned();
    evil.contact = Some(EVIL.to_owned());
    evil.time = EVIL.to_owned();
    evil.icon_url = Some("javascript:alert(1)".to_owned());
    evil.variables.insert("name".to_owned(), EVIL.to_owned());
    let hostile = poisoned(&Value::Array(admitted()), EVIL);
    let html = draw(hostile.as_array().unwrap(), &evil) + &summary_escaped(&evil);
    for word in [
        "<script",
        "<img src=x",
        "javascript:",
        " onerror=alert(1)>\"",
    ] {
        assert!(!html.contains(word), "{word}: {html}");
    }
    assert_balanced(&html);
}

fn summary_escaped(context: &Context) -> String {
    // A summary is text: whoever shows it escapes it.
    let said = summary(&admitted(), context);
    said.replace('<', "&lt;")
}

#[test]
fn hostile_addresses_are_neither_loaded_nor_followed() {
    for address in [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "//evil.example/x.png",
        "http://evil.example/x.png",
        "https://a.example/\" onload=\"alert(1)",
    ] {
        let mut messages = Vec::new();
        for message in admitted() {
            let text = message.to_string();
            let address = address.replace('"', "\\\"");
            let text = text.replace("https://a.example/i.png", &address);
            let text = text.replace("https://a.example/v.mp4", &address);
            messages.push(serde_json::from_str(&text).unwrap());
        }
        let html = draw(&messages, &context(Mode::Preview));
        assert!(!html.contains(&format!("src=\"{address}")), "{html}");
        assert!(!html.to_lowercase().contains("javascript:"), "{html}");
        assert!(!html.contains("data:"), "{html}");
        assert!(!html.contains(" onload="), "{html}");
        assert_balanced(&html);
    }
    let text = json!({"type": "text", "text": "javascript:alert(1) http://\u{7}a data:x"});
    assert!(!draw_one(&text, &context(Mode::Preview)).contains("href"));
}

#[test]
fn anything_at_all_is_drawn_without_falling() {
    for message in [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({"type": 7}),
        json!({"type": "template"}),
        json!({"type": "template", "template": []}),
        json!({"type": "flex", "contents": {"type": "bubble", "body": {"type": "box"}}}),
        json!({"type": "flex", "contents": {"type": "carousel", "contents": "x"}}),
        json!({"type": "image"}),
        json!({"type": "imagemap", "baseUrl": "x"}),
        json!({"type": "text"}),
    ] {
        assert_balanced(&draw_one(&message, &context(Mode::Preview)));
    }
    assert_eq!(quick_replies(&[], &context(Mode::Preview)), "");
    let mut deep = json!({"type": "text", "text": "a"});
    for _ in 0..100 {
        deep = json!({"type": "box", "layout": "vertical", "contents": [deep]});
    }
    let deep = json!({"type": "flex", "contents": {"type": "bubble", "body": deep}});
    assert_balanced(&draw_one(&deep, &context(Mode::Preview)));
}

/// Every text that is no keyword replaced by `evil`.
fn poisoned(value: &Value, evil: &str) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let keeps = key == "type" || key == "layout";
                let value = if keeps {
                    value.clone()
                } else {
                    poisoned(value, evil)
                };
                (key.clone(), value)
            })
            .collect(),
        Value::Array(list) => list.iter().map(|value| poisoned(value, evil)).collect(),
        Value::String(_) => evil.into(),
        other => other.clone(),
    }
}

/// Every element that opens closes, in order.
fn assert_balanced(html: &str) {
    const VOID: [&str; 3] = ["img", "input", "br"];
    let mut open: Vec<&str> = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{html}");
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "{html}");
}
