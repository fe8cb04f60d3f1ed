//! What holds for every message and for every text.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::generate::Choices;
use super::table::rules;
use crate::message::parse;

/// Any JSON, with LINE's property names and types often enough to get past the first check.
fn any_json() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "type",
        "text",
        "image",
        "video",
        "sticker",
        "template",
        "flex",
        "buttons",
        "confirm",
        "carousel",
        "bubble",
        "box",
        "layout",
        "vertical",
        "baseline",
        "contents",
        "altText",
        "actions",
        "action",
        "columns",
        "uri",
        "postback",
        "label",
        "data",
        "hero",
        "body",
        "url",
        "https://example.com/",
        "quickReply",
        "items",
        "sender",
        "name",
        "emojis",
        "index",
        "textV2",
        "{a}",
        "substitution",
        "imagemap",
        "area",
        "x",
        "location",
        "latitude",
        "richmenuswitch",
    ]);
    let text = prop_oneof![words.prop_map(str::to_owned), "\\PC{0,8}", any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((text.clone(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Replaces the value at a position of the walk through all values.
fn replace(value: &mut Value, position: &mut usize, with: &Value) {
    if *position == 0 {
        *value = with.clone();
        *position = usize::MAX;
        return;
    }
    *position -= 1;
    match value {
        Value::Array(list) => list
            .iter_mut()
            .for_each(|inner| replace(inner, position, with)),
        Value::Object(object) => object
            .values_mut()
            .for_each(|inner| replace(inner, position, with)),
        _ => {}
    }
}

fn values_in(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(values_in).sum(),
        Value::Object(object) => object.values().map(values_in).sum(),
        _ => 0,
    }
}

/// Whatever is accepted reads back the same and points at its links; whatever is refused says why.
fn check(json: &str) -> Result<(), TestCaseError> {
    match parse(json, &rules()) {
        Ok(messages) => {
            let canonical = messages.to_json();
            let again = parse(&canonical, &rules());
            prop_assert_eq!(again.as_ref(), Ok(&messages));
            prop_assert!((1..=5).contains(&messages.len()));
            let value: Value = serde_json::from_str(&canonical).unwrap();
            for link in messages.links() {
                let found = value[link.message].pointer(&link.path);
                prop_assert_eq!(found, Some(&Value::from(link.uri)));
            }
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.iter().all(|error| !error.message.is_empty()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn messages_survive_their_json(numbers in vec(any::<u16>(), 0..1_500)) {
        let messages = Choices::from(numbers).messages();
        let json = messages.to_json();
        prop_assert_eq!(parse(&json, &rules()), Ok(messages));
        check(&json)?;
    }

    #[test]
    fn one_changed_value_never_panics(
        numbers in vec(any::<u16>(), 0..400),
        position in any::<prop::sample::Index>(),
        with in any_json(),
    ) {
        let json = Choices::from(numbers).messages().to_json();
        let mut value: Value = serde_json::from_str(&json).unwrap();
        let mut position = position.index(values_in(&value));
        replace(&mut value, &mut position, &with);
        check(&value.to_string())?;
    }

    #[test]
    fn arbitrary_json_never_panics(value in any_json()) {
        check(&value.to_string())?;
        check(&Value::Array(vec![value]).to_string())?;
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>(), cut in any::<prop::sample::Index>()) {
        check(&text)?;
        let json = format!("[{{\"type\":\"text\",\"text\":\"{text}\"}}]");
        check(&json)?;
        let end = cut.index(json.len());
        check(&json[..json.floor_char_boundary(end)])?;
    }
}

/// The generator is worth something only if it reaches every kind of object.
#[test]
fn generated_messages_have_every_type() {
    let mut seen = String::new();
    for seed in 0..400_u32 {
        let mut state = seed;
        let numbers = (0..1_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        });
        seen.push_str(&Choices::from(numbers.collect()).messages().to_json());
    }
    for tag in [
        "text",
        "image",
        "video",
        "audio",
        "sticker",
        "template",
        "imagemap",
        "flex",
        "textV2",
        "coupon",
        "mention",
        "emoji",
        "all",
        "user",
        "buttons",
        "confirm",
        "carousel",
        "image_carousel",
        "bubble",
        "box",
        "button",
        "icon",
        "span",
        "separator",
        "filler",
        "linearGradient",
        "postback",
        "message",
        "uri",
        "datetimepicker",
        "clipboard",
        "camera",
        "cameraRoll",
        "location",
        "action",
    ] {
        assert!(seen.contains(&format!("\"type\":\"{tag}\"")), "no {tag}");
    }
}
