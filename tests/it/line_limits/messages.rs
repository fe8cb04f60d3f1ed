//! The limits of messages, and of what messages have in common.

use serde_json::{Value, json};

use super::{Limit, families, letters, url_of};

const HTTPS: &str = "https://example.com/a";

pub fn limits() -> Vec<Limit> {
    let mut limits = simple();
    limits.extend(texts_v2());
    limits.extend(imagemaps());
    limits.extend(templates());
    limits.extend(carousels());
    limits.extend(labels());
    limits.extend(actions());
    limits.extend(flex_messages());
    limits
}

/// A limit of one message that is looked at and not sent.
fn of(
    kind: &str,
    property: &str,
    at_most: usize,
    make: impl Fn(usize) -> Value + 'static,
) -> Limit {
    Limit::post(
        &format!("validatePush, {kind}"),
        "/v2/bot/message/validate/push",
        &format!("messages[0].{property}"),
        at_most,
        move |count| json!({"messages": [make(count)]}),
    )
}

fn with(mut message: Value, key: &str, value: Value) -> Value {
    message[key] = value;
    message
}

fn text(key: &str, value: Value) -> Value {
    with(json!({"type": "text", "text": "$"}), key, value)
}

fn simple() -> Vec<Limit> {
    let emojis = |count: usize| {
        let emoji = |index| json!({"index": index, "productId": "p", "emojiId": "e"});
        let list: Vec<Value> = (0..count).map(emoji).collect();
        json!({"type": "text", "text": "$".repeat(count), "emojis": list})
    };
    let place = json!({"type": "location", "title": "a", "address": "a", "latitude": 0,
        "longitude": 0});
    let places = [("title", 100), ("address", 100)].map(|(key, most)| {
        let place = place.clone();
        of("location", key, most, move |count| {
            with(place.clone(), key, letters(count))
        })
    });
    let degrees = [("latitude", 90), ("longitude", 180)].map(|(key, most)| {
        let place = place.clone();
        of("location", key, most, move |count| {
            with(place.clone(), key, json!(count))
        })
    });
    let quick = |count| {
        let action = json!({"type": "message", "label": "a", "text": "a"});
        json!({"items": vec![json!({"type": "action", "action": action}); count]})
    };
    let image = json!({"type": "image", "originalContentUrl": HTTPS, "previewImageUrl": HTTPS});
    let images = ["originalContentUrl", "previewImageUrl"].map(|key| {
        let image = image.clone();
        of("image", key, 2_000, move |count| {
            with(image.clone(), key, url_of(count))
        })
    });
    let video = json!({"type": "video", "originalContentUrl": HTTPS, "previewImageUrl": HTTPS});
    let mut limits = vec![
        of("text", "text", 5_000, |count| text("text", letters(count))),
        of("text", "emojis", 20, emojis),
        of("text", "sender.name", 20, |count| {
            text("sender", json!({"name": letters(count)}))
        }),
        of("text", "sender.iconUrl", 2_000, |count| {
            text("sender", json!({"iconUrl": url_of(count)}))
        }),
        of("text", "quickReply.items", 13, move |count| {
            text("quickReply", quick(count))
        }),
        of("video", "trackingId", 100, move |count| {
            with(video.clone(), "trackingId", letters(count))
        }),
    ];
    limits.extend(places);
    limits.extend(degrees);
    limits.extend(images);
    limits
}

fn texts_v2() -> Vec<Limit> {
    let message = |text: String, names: Value| {
        let message = json!({"type": "textV2", "text": text});
        with(message, "substitution", names)
    };
    let emoji = json!({"type": "emoji", "productId": "p", "emojiId": "e"});
    let many = {
        let emoji = emoji.clone();
        move |count: usize| {
            let names = (0..count).map(|number| (format!("n{number}"), emoji.clone()));
            message("a".to_owned(), Value::Object(names.collect()))
        }
    };
    let named = {
        let emoji = emoji.clone();
        move |count: usize| {
            message(
                "a".to_owned(),
                with(json!({}), &"a".repeat(count), emoji.clone()),
            )
        }
    };
    vec![
        of("textV2", "text", 5_000, move |count| {
            message("a".repeat(count), json!({}))
        }),
        of("textV2", "substitution", 100, many),
        of(
            "textV2, characters of a key",
            &format!("substitution.{}", "a".repeat(21)),
            20,
            named,
        ),
        of("textV2, emojis", "text", 20, move |count| {
            message("{a}".repeat(count), json!({"a": emoji}))
        }),
    ]
}

fn imagemaps() -> Vec<Limit> {
    let area = json!({"x": 0, "y": 0, "width": 1, "height": 1});
    let map = |key: &str, value: Value| {
        let map = json!({"type": "imagemap", "baseUrl": HTTPS, "altText": "a",
            "baseSize": {"width": 1040, "height": 1}, "actions": []});
        with(map, key, value)
    };
    let tap = json!({"type": "message", "text": "a", "label": "a", "area": area});
    let act = move |key: &str, value: Value| map("actions", json!([with(tap.clone(), key, value)]));
    let of_kind = move |kind: &str, key: &str, value: Value| {
        let area = json!({"x": 0, "y": 0, "width": 1, "height": 1});
        let action = json!({"type": kind, "label": "a", "area": area});
        map("actions", json!([with(action, key, value)]))
    };
    let video = move |key: &str, value: Value| {
        let link = with(json!({"linkUri": HTTPS, "label": "a"}), key, value);
        map(
            "video",
            json!({"originalContentUrl": HTTPS, "previewImageUrl": HTTPS, "area": area,
                "externalLink": link}),
        )
    };
    let (labels, texts) = (act.clone(), act);
    let (of_uri, of_clipboard) = (of_kind, of_kind);
    let (links, link_labels) = (video.clone(), video);
    vec![
        of("imagemap", "baseUrl", 2_000, move |count| {
            map("baseUrl", url_of(count))
        }),
        of("imagemap", "altText", 1_500, move |count| {
            map("altText", letters(count))
        }),
        of("imagemap", "baseSize.width", 1_040, move |width| {
            map("baseSize", json!({"width": width, "height": 1}))
        }),
        of("imagemap", "actions", 50, move |count| {
            let action = json!({"type": "message", "text": "a",
                "area": {"x": 0, "y": 0, "width": 1, "height": 1}});
            map("actions", json!(vec![action; count]))
        }),
        of("imagemap", "actions[0].label", 100, move |count| {
            labels("label", letters(count))
        }),
        of("imagemap", "actions[0].text", 400, move |count| {
            texts("text", letters(count))
        }),
        of("imagemap", "actions[0].linkUri", 1_000, move |count| {
            of_uri("uri", "linkUri", url_of(count))
        }),
        of(
            "imagemap",
            "actions[0].clipboardText",
            1_000,
            move |count| of_clipboard("clipboard", "clipboardText", letters(count)),
        ),
        of(
            "imagemap",
            "video.externalLink.linkUri",
            1_000,
            move |count| links("linkUri", url_of(count)),
        ),
        of("imagemap", "video.externalLink.label", 30, move |count| {
            link_labels("label", letters(count))
        }),
    ]
}

fn template(template: Value) -> Value {
    json!({"type": "template", "altText": "a", "template": template})
}

fn taps(count: usize) -> Value {
    json!(vec![
        json!({"type": "message", "label": "a", "text": "a"});
        count
    ])
}

fn buttons(key: &str, value: Value) -> Value {
    let buttons = json!({"type": "buttons", "text": "a", "actions": taps(1)});
    template(with(buttons, key, value))
}

fn templates() -> Vec<Limit> {
    let confirm = |key: &str, value: Value| {
        let confirm = json!({"type": "confirm", "text": "a", "actions": taps(2)});
        template(with(confirm, key, value))
    };
    vec![
        of("buttons", "altText", 1_500, |count| {
            with(buttons("text", json!("a")), "altText", letters(count))
        }),
        of("buttons", "template.title", 40, |count| {
            buttons("title", families(count))
        }),
        of("buttons, no title", "template.text", 160, |count| {
            buttons("text", families(count))
        }),
        of("buttons, title", "template.text", 60, |count| {
            let mut message = buttons("title", json!("a"));
            message["template"]["text"] = families(count);
            message
        }),
        of("buttons", "template.actions", 4, |count| {
            buttons("actions", taps(count))
        }),
        of("confirm", "template.text", 240, move |count| {
            confirm("text", families(count))
        }),
        of("confirm", "template.actions", 2, move |count| {
            confirm("actions", taps(count))
        }),
    ]
}

fn carousels() -> Vec<Limit> {
    let carousel = |columns: Value| template(json!({"type": "carousel", "columns": columns}));
    let column = move |key: &str, value: Value| {
        carousel(json!([with(
            json!({"text": "a", "actions": taps(1)}),
            key,
            value
        )]))
    };
    let pictures = |label: Value, count: usize| {
        let action = json!({"type": "message", "label": label, "text": "a"});
        let column = json!({"imageUrl": HTTPS, "action": action});
        template(json!({"type": "image_carousel", "columns": vec![column; count]}))
    };
    vec![
        of("carousel", "template.columns", 10, move |count| {
            carousel(json!(vec![json!({"text": "a", "actions": taps(1)}); count]))
        }),
        of("carousel", "template.columns[0].title", 40, move |count| {
            column("title", families(count))
        }),
        of(
            "carousel, no title",
            "template.columns[0].text",
            120,
            move |count| column("text", families(count)),
        ),
        of(
            "carousel, title",
            "template.columns[0].text",
            60,
            move |count| {
                let mut message = column("title", json!("a"));
                message["template"]["columns"][0]["text"] = families(count);
                message
            },
        ),
        of("carousel", "template.columns[0].actions", 3, move |count| {
            column("actions", taps(count))
        }),
        of("image_carousel", "template.columns", 10, move |count| {
            pictures(json!("a"), count)
        }),
        of(
            "image_carousel",
            "template.columns[0].action.label",
            12,
            move |count| pictures(families(count), 1),
        ),
    ]
}

fn labels() -> Vec<Limit> {
    let quick = |kind: &'static str| {
        of(
            &format!("{kind} in a quick reply"),
            "quickReply.items[0].action.label",
            20,
            move |count| {
                let mut action = json!({"type": kind, "label": families(count)});
                if kind == "message" {
                    action["text"] = json!("a");
                }
                let items = json!({"items": [{"type": "action", "action": action}]});
                text("quickReply", items)
            },
        )
    };
    let mut limits: Vec<Limit> = ["message", "camera", "cameraRoll", "location"]
        .map(quick)
        .into();
    limits.push(of("buttons", "template.actions[0].label", 20, |count| {
        let action = json!({"type": "message", "label": families(count), "text": "a"});
        buttons("actions", json!([action]))
    }));
    limits.push(of(
        "flex",
        "contents.body.contents[0].action.label",
        40,
        |count| {
            let action = json!({"type": "message", "label": families(count), "text": "a"});
            flex(bubble(json!([{"type": "button", "action": action}])))
        },
    ));
    limits
}

fn actions() -> Vec<Limit> {
    type Filled = fn(usize) -> Value;
    let act = |kind: &'static str, key: &'static str, most: usize, filled: Filled| {
        of(
            &format!("{kind} action"),
            &format!("template.actions[0].{key}"),
            most,
            move |count| {
                let mut action = json!({"type": kind, "label": "a"});
                match kind {
                    "postback" => action["data"] = json!(""),
                    "datetimepicker" => action["mode"] = json!("date"),
                    _ => {}
                }
                if key == "fillInText" {
                    action["inputOption"] = json!("openKeyboard");
                }
                buttons("actions", json!([with(action, key, filled(count))]))
            },
        )
    };
    vec![
        act("postback", "data", 300, letters),
        act("postback", "displayText", 300, families),
        act("postback", "text", 300, families),
        act("postback", "fillInText", 300, families),
        act("message", "text", 300, families),
        act("uri", "uri", 1_000, url_of),
        act("clipboard", "clipboardText", 1_000, letters),
        act("datetimepicker", "data", 300, letters),
        of(
            "uri action",
            "template.actions[0].altUri.desktop",
            1_000,
            |count| {
                let other = json!({"desktop": url_of(count)});
                let action = json!({"type": "uri", "label": "a", "uri": "tel:1", "altUri": other});
                buttons("actions", json!([action]))
            },
        ),
    ]
}

fn flex(contents: Value) -> Value {
    json!({"type": "flex", "altText": "a", "contents": contents})
}

fn bubble(contents: Value) -> Value {
    json!({"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": contents}})
}

/// A bubble whose JSON has so many bytes.
fn bubble_of(bytes: usize) -> Value {
    let of = |text: Value| bubble(json!([{"type": "text", "text": text}]));
    let frame = of(json!("")).to_string().len();
    of(letters(bytes - frame))
}

fn flex_messages() -> Vec<Limit> {
    const BUBBLE_BYTES: usize = 30 * 1_024;
    let carousel = |bubbles: Vec<Value>| flex(json!({"type": "carousel", "contents": bubbles}));
    let picture = |key: &str, value: Value| {
        let picture = json!({"type": "image", "url": "https://example.com/a.png"});
        with(picture, key, value)
    };
    let ratio = "contents.body.contents[0].aspectRatio";
    vec![
        of("flex", "altText", 1_500, |count| {
            with(flex(bubble(json!([]))), "altText", letters(count))
        }),
        of("bubble, bytes", "contents", BUBBLE_BYTES, |bytes| {
            flex(bubble_of(bytes))
        }),
        of("carousel, bytes", "contents", 50 * 1_024, move |bytes| {
            let frame = json!({"type": "carousel", "contents": []}).to_string();
            // Two bubbles and the comma between them.
            let rest = bytes - frame.len() - 1 - BUBBLE_BYTES;
            carousel(vec![bubble_of(BUBBLE_BYTES), bubble_of(rest)])
        }),
        of("carousel", "contents.contents", 12, move |count| {
            carousel(vec![bubble(json!([])); count])
        }),
        of("bubble, animated images", "contents", 10, move |count| {
            flex(bubble(json!(vec![picture("animated", json!(true)); count])))
        }),
        of("bubble, width", ratio, 100_000, move |side| {
            flex(bubble(json!([picture(
                "aspectRatio",
                json!(format!("{side}:1"))
            )])))
        }),
        of("bubble, height per width", ratio, 3, move |height| {
            flex(bubble(json!([picture(
                "aspectRatio",
                json!(format!("1:{height}"))
            )])))
        }),
    ]
}
