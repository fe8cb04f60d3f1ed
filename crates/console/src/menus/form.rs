//! The form of a rich menu: a layout, words, and what each area does; and the menu that it says.

use domain::message::Rules;
use domain::message::action::Action;
use domain::rich_menu::limits::{CHAT_BAR_TEXT_GRAPHEMES_MAX, NAME_GRAPHEMES_MAX};
use domain::rich_menu::{LAYOUTS, Layout, RichMenu};
use serde_json::{Value, json};
use words::Words;

use crate::form::Faults;
use crate::upload::Upload;

/// The field of the file.
pub const PICTURE: &str = "picture";
/// What an area may do, as forms name it.
pub const ACTIONS: [&str; 5] = ["uri", "message", "phone", "postback", "none"];

/// A menu as it was typed.
#[derive(Debug, Clone)]
pub struct MenuForm {
    pub layout: Layout,
    pub name: String,
    pub bar: String,
    pub is_open: bool,
    /// As many as the layout has.
    pub areas: Vec<AreaForm>,
}

#[derive(Debug, Clone, Default)]
pub struct AreaForm {
    pub kind: String,
    pub value: String,
    pub label: String,
}

impl MenuForm {
    /// An empty form of a layout.
    pub fn of(layout: &str) -> Self {
        let layout = Layout::from_name(layout).unwrap_or(LAYOUTS[0]);
        let area = AreaForm {
            kind: ACTIONS[0].to_owned(),
            ..AreaForm::default()
        };
        Self {
            layout,
            name: String::new(),
            bar: String::new(),
            is_open: true,
            areas: vec![area; layout.areas().len()],
        }
    }

    pub fn sent(upload: &Upload) -> Self {
        let field = |name: &str| upload.field(name).trim().to_owned();
        let empty = Self::of(upload.field("layout"));
        let areas = (0..empty.areas.len()).map(|index| AreaForm {
            kind: field(&format!("area-{index}-kind")),
            value: field(&format!("area-{index}")),
            label: field(&format!("area-{index}-label")),
        });
        Self {
            areas: areas.collect(),
            name: field("name"),
            bar: field("bar"),
            is_open: field("open") == "1",
            ..empty
        }
    }

    /// The menu; `None` where something is wrong, which is in the faults then.
    pub fn menu(&self, words: &Words, rules: &Rules, faults: &mut Faults) -> Option<RichMenu> {
        let bounds = self.layout.areas();
        // Where each area of the menu stands in the form.
        let mut places = Vec::new();
        let mut areas = Vec::new();
        for (place, (area, bounds)) in self.areas.iter().zip(&bounds).enumerate() {
            if let Some(action) = area.action() {
                places.push(place);
                areas.push(json!({ "bounds": bounds, "action": action }));
            }
        }
        if areas.is_empty() {
            faults.add("area-0", words.t("menus-fault-no-area"));
            return None;
        }
        let menu = json!({
            "size": self.layout.size(),
            "selected": self.is_open,
            "name": self.name,
            "chatBarText": self.bar,
            "areas": areas,
        });
        let errors = match RichMenu::parse(&menu.to_string(), rules) {
            Ok(menu) => return Some(menu),
            Err(errors) => errors,
        };
        for error in errors {
            let area = error.property.strip_prefix("areas[");
            let area = area.and_then(|rest| rest.split_once(']'));
            let place = area.and_then(|(index, _)| places.get(index.parse::<usize>().ok()?));
            match (place, error.property.as_str()) {
                (Some(place), _) => {
                    let field = format!("area-{place}");
                    // Two things that are wrong with one area are mended together.
                    if faults.at(&field).is_none() {
                        faults.add(field, words.t("menus-fault-area"));
                    }
                }
                (None, "chatBarText") => {
                    let said = words.t("menus-fault-bar");
                    faults.add("bar", said.num("max", CHAT_BAR_TEXT_GRAPHEMES_MAX));
                }
                (None, _) => {
                    let said = words.t("menus-fault-name");
                    faults.add("name", said.num("max", NAME_GRAPHEMES_MAX));
                }
            }
        }
        None
    }
}

impl AreaForm {
    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// What it does, in LINE's shape; nothing where it shall do nothing.
    fn action(&self) -> Option<Value> {
        let value = &self.value;
        let mut action = match self.kind.as_str() {
            "none" => return None,
            "message" => json!({ "type": "message", "text": value }),
            "postback" => json!({ "type": "postback", "data": value }),
            "phone" => {
                let number: String = value.chars().filter(|c| !c.is_whitespace()).collect();
                json!({ "type": "uri", "uri": format!("tel:{number}") })
            }
            _ => json!({ "type": "uri", "uri": value }),
        };
        if !self.label.is_empty() {
            action["label"] = json!(self.label);
        }
        Some(action)
    }
}

/// What an area does, in one line.
pub fn in_words(words: &Words, action: &Action) -> String {
    let does = match action {
        Action::Uri(action) => action.uri.clone(),
        Action::Message(action) => format!("“{}”", action.text),
        Action::Postback(action) => action.data.clone(),
        Action::DatetimePicker(action) => action.data.clone(),
        Action::Clipboard(action) => action.clipboard_text.clone(),
        Action::RichMenuSwitch(action) => action.rich_menu_alias_id.as_str().to_owned(),
        Action::Camera(_) | Action::CameraRoll(_) | Action::Location(_) => String::new(),
    };
    match action.label().filter(|label| !label.is_empty()) {
        Some(label) => words
            .t("menus-area-labelled")
            .text("label", label)
            .text("does", does)
            .to_string(),
        None => does,
    }
}
