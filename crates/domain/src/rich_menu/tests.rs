//! Rich menus and the requests about them: good ones, bad ones, LINE's examples.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ID: &str = "richmenu-862e6ad6c267d2ddf3f42bc78554f6a4";
const OTHER: &str = "richmenu-88c05ef6921ae53f8b58a25f3a65faf7";

fn menu() -> Value {
    json!({"size": {"width": 2500, "height": 1686}, "selected": false, "name": "Nice rich menu",
        "chatBarText": "Tap to open", "areas": [
            {"bounds": {"x": 0, "y": 0, "width": 1250, "height": 1686},
                "action": {"type": "postback", "data": "action=buy&itemid=123"}},
            {"bounds": {"x": 1250, "y": 0, "width": 1250, "height": 1686},
                "action": {"type": "richmenuswitch", "richMenuAliasId": "richmenu-alias-b",
                    "data": "richmenu-changed-to-b", "label": "b"}}]})
}

fn without(mut value: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let object = value.pointer_mut(parent).unwrap();
    object.as_object_mut().unwrap().remove(key).unwrap();
    value
}

fn with(mut value: Value, pointer: &str, part: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    value.pointer_mut(parent).unwrap()[key] = part;
    value
}

fn assert_errors<T: std::fmt::Debug>(
    found: Result<T, Vec<ValidationError>>,
    expected: &[(&str, &str)],
) {
    let errors = found.err().unwrap_or_default();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.property.as_str(), error.message.as_str()))
        .collect();
    assert_eq!(found, expected);
}

fn read(menu: &Value) -> Result<RichMenu, Vec<ValidationError>> {
    RichMenu::parse(&menu.to_string(), &Rules::default())
}

#[test]
fn the_examples_of_the_reference_are_accepted_and_kept() {
    let examples: Vec<Value> = serde_json::from_str(include_str!("corpus.json")).unwrap();
    for example in &examples {
        let menu = read(example).unwrap();
        let json = menu.to_json();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), *example);
        assert_eq!(RichMenu::parse(&json, &Rules::default()), Ok(menu));
    }
    assert_eq!(examples.len(), 4);
}

#[test]
fn every_property_of_a_menu_is_required() {
    for pointer in [
        "/size",
        "/size/width",
        "/size/height",
        "/selected",
        "/name",
        "/chatBarText",
        "/areas",
    ] {
        let property = pointer[1..].replace('/', ".");
        let found = read(&without(menu(), pointer));
        assert_errors(found, &[(&property, "must be specified")]);
    }
    for pointer in [
        "bounds",
        "bounds/x",
        "bounds/height",
        "action",
        "action/data",
    ] {
        let property = format!("areas[0].{}", pointer.replace('/', "."));
        let found = read(&without(menu(), &format!("/areas/0/{pointer}")));
        assert_errors(found, &[(&property, "must be specified")]);
    }
}

#[test]
fn all_errors_of_a_menu_are_told_at_once() {
    let types = "Must be one of the following values: \
        [postback, message, uri, datetimepicker, richmenuswitch, clipboard]";
    let bad = json!({"size": {"width": 799, "height": 249}, "selected": "no", "name": "",
        "chatBarText": "", "richMenuId": ID, "areas": [
            {"bounds": {"x": -1, "y": 9_000, "width": 0, "height": 1},
                "action": {"type": "camera", "label": "a"}},
            {"bounds": {"x": 9_000, "y": 0, "width": 1, "height": 1},
                "action": {"type": "richmenuswitch", "richMenuAliasId": "Alias", "data": ""}},
            7]});
    assert_errors(
        read(&bad),
        &[
            ("size.width", "Must be between 800 and 2500"),
            ("size.height", "Must be greater than or equal to 250"),
            ("selected", "Must be true or false"),
            ("name", "May not be empty"),
            ("chatBarText", "May not be empty"),
            ("areas[0].bounds.x", "Must be between 0 and 2147483647"),
            ("areas[0].bounds.width", "Must be between 1 and 2147483647"),
            ("areas[0].action.type", types),
            (
                "areas[1].action.richMenuAliasId",
                "Must contain only the characters a-z, 0-9, _ and -",
            ),
            ("areas[2]", "Must be an object"),
            ("richMenuId", "Unknown property"),
        ],
    );
    assert_errors(
        RichMenu::parse("[]", &Rules::default()),
        &[("", "Must be an object")],
    );
    assert_errors(
        RichMenu::parse("{", &Rules::default()),
        &[(
            "",
            "The request body could not be parsed as JSON (line: 1, column: 1)",
        )],
    );
}

#[test]
fn areas_begin_on_the_menu() {
    let outside = "Must begin within the size of the rich menu";
    let at = |x: u32, y: u32| {
        let menu = with(menu(), "/areas/0/bounds/x", json!(x));
        read(&with(menu, "/areas/0/bounds/y", json!(y)))
    };
    assert_errors(at(2499, 1685), &[]);
    assert_errors(at(2500, 0), &[("areas[0].bounds", outside)]);
    assert_errors(at(0, 1686), &[("areas[0].bounds", outside)]);
    // Without a size nothing is outside.
    let unsized_menu = with(menu(), "/size/width", json!(3_000));
    let found = read(&with(unsized_menu, "/areas/0/bounds/x", json!(5_000)));
    assert_errors(found, &[("size.width", "Must be between 800 and 2500")]);
}

#[test]
fn switches_stand_in_rich_menus_only() {
    let switch = json!([{"type": "text", "text": "a", "quickReply": {"items": [{"type": "action",
        "action": {"type": "richmenuswitch", "richMenuAliasId": "a", "data": ""}}]}}]);
    let errors = crate::message::parse(&switch.to_string(), &Rules::default()).unwrap_err();
    assert_eq!(
        errors[0].property,
        "messages[0].quickReply.items[0].action.type"
    );
}

#[test]
fn batches_link_and_unlink() {
    let read = |body: Value| BatchRequest::parse(&body.to_string());
    let link = json!({"type": "link", "from": ID, "to": OTHER});
    let unlink = json!({"type": "unlink", "from": OTHER});
    let all = json!({"type": "unlinkAll"});
    let body = json!({"operations": [link, unlink], "resumeRequestKey": "key_0-A"});
    let request = read(body.clone()).unwrap();
    assert_eq!(serde_json::to_value(&request).unwrap(), body);
    assert_errors(read(json!({"operations": [all]})), &[]);
    assert_errors(read(json!({})), &[("operations", "must be specified")]);
    assert_errors(
        read(json!({"operations": []})),
        &[("operations", "Size must be between 1 and 1000")],
    );
    assert_errors(
        read(json!({"operations": [link, all]})),
        &[(
            "operations[].type",
            "'unlinkAll' type can't be combined with other type",
        )],
    );
    let twice = format!("from richmenu ({ID}) is duplicated");
    assert_errors(
        read(json!({"operations": [link, {"type": "unlink", "from": ID}]})),
        &[("operations[].from", twice.as_str())],
    );
    assert_errors(
        read(json!({"operations": [
            {"type": "link", "from": "richmenu-1", "to": ID.to_uppercase()},
            {"type": "unlink"},
            {"type": "unlinkAll", "from": ID},
            {"type": "relink"},
        ], "resumeRequestKey": "a b"})),
        &[
            ("operations[0].from", "invalid richMenuId"),
            ("operations[0].to", "invalid richMenuId"),
            ("operations[1].from", "must be specified"),
            ("operations[2].from", "Unknown property"),
            (
                "operations[3].type",
                "Must be one of the following values: [link, unlink, unlinkAll]",
            ),
            (
                "resumeRequestKey",
                "Must contain only the characters a-z, A-Z, 0-9 and -_",
            ),
            (
                "operations[].type",
                "'unlinkAll' type can't be combined with other type",
            ),
        ],
    );
}

#[test]
fn aliases_name_menus() {
    let create = |body: Value| CreateAliasRequest::parse(&body.to_string());
    let made = create(json!({"richMenuAliasId": "richmenu-alias-a", "richMenuId": ID})).unwrap();
    assert_eq!(made.alias_id.as_str(), "richmenu-alias-a");
    assert_eq!(made.rich_menu_id.to_string(), ID);
    assert_errors(
        create(json!({"richMenuAliasId": "", "richMenuId": "x"})),
        &[
            ("richMenuAliasId", "May not be empty"),
            ("richMenuId", "invalid richMenuId"),
        ],
    );
    let update = |body: Value| UpdateAliasRequest::parse(&body.to_string());
    assert_errors(update(json!({"richMenuId": ID})), &[]);
    assert_errors(
        update(json!({"richMenuAliasId": "a"})),
        &[
            ("richMenuId", "must be specified"),
            ("richMenuAliasId", "Unknown property"),
        ],
    );
}

proptest! {
    #[test]
    fn ids_survive_their_text(bytes: [u8; 16], text in "(richmenu-)?[0-9a-fA-F]{0,40}") {
        let id = RichMenuId::from_bytes(bytes);
        prop_assert_eq!(RichMenuId::parse(&id.to_string()), Some(id));
        prop_assert_eq!(id.as_bytes(), &bytes);
        if let Some(read) = RichMenuId::parse(&text) {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn menus_survive_their_json(
        width in 800_u32..=2_500,
        height in 250_u32..=1_724,
        names in prop::collection::vec("\\PC{1,20}", 2),
        areas in prop::collection::vec((any::<u16>(), any::<u16>(), 1_u16.., any::<bool>()), 0..20),
    ) {
        let areas: Vec<_> = areas
            .into_iter()
            .map(|(x, y, side, switches)| {
                let action = if switches {
                    json!({"type": "richmenuswitch", "richMenuAliasId": "b", "data": names[0]})
                } else {
                    json!({"type": "message", "text": names[1]})
                };
                json!({"bounds": {"x": x, "y": y, "width": side, "height": side},
                    "action": action})
            })
            .collect();
        let value = json!({"size": {"width": width, "height": height}, "selected": true,
            "name": names[0], "chatBarText": "a", "areas": areas});
        match read(&value) {
            Ok(menu) => {
                prop_assert!(u64::from(width) * 100 >= u64::from(height) * 145);
                prop_assert_eq!(serde_json::to_value(&menu).unwrap(), value);
                let again = RichMenu::parse(&menu.to_json(), &Rules::default());
                prop_assert_eq!(again, Ok(menu));
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn arbitrary_bodies_never_panic(text in "\\PC{0,60}", key in "[a-zA-Z]{1,12}", number: i64) {
        for body in [text.clone(), json!({key: number, "operations": [text]}).to_string()] {
            let _ = RichMenu::parse(&body, &Rules::default());
            let _ = BatchRequest::parse(&body);
            let _ = CreateAliasRequest::parse(&body);
        }
    }
}
