//! What a Flex component looks like: keywords of the format as classes, values that no class can
//! list as attributes. Pages carry no inline style; `chat.css` reads both.

use crate::part::Part;

/// Characters of a size, as the validator of messages counts them.
const MEASURE_CHARS_MAX: usize = 16;
/// Flex ratios that have a class.
const FLEX_CLASSES_MAX: u64 = 10;
/// Numbers of lines that have a class.
const LINES_CLASSES_MAX: u64 = 6;

const SPACES: &[&str] = &["none", "xs", "sm", "md", "lg", "xl", "xxl"];
const BORDERS: &[&str] = &["none", "light", "normal", "medium", "semi-bold", "bold"];
const SIZES: &[&str] = &[
    "xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl", "full",
];

/// Sizes by property, the class they make, and their keywords.
const MEASURES: [(&str, &str, &[&str]); 17] = [
    ("spacing", "gap", SPACES),
    ("margin", "margin", SPACES),
    ("offsetTop", "top", SPACES),
    ("offsetBottom", "bottom", SPACES),
    ("offsetStart", "start", SPACES),
    ("offsetEnd", "end", SPACES),
    ("width", "width", &[]),
    ("maxWidth", "max-width", &[]),
    ("maxHeight", "max-height", &[]),
    ("paddingAll", "pad", SPACES),
    ("paddingTop", "pad-top", SPACES),
    ("paddingBottom", "pad-bottom", SPACES),
    ("paddingStart", "pad-start", SPACES),
    ("paddingEnd", "pad-end", SPACES),
    ("cornerRadius", "corner", SPACES),
    ("borderWidth", "border", BORDERS),
    ("size", "size", SIZES),
];

/// Words by property, with the class each of them makes; no class for what is the rule anyway.
const WORDS: [(&str, &[(&str, &str)]); 9] = [
    ("position", &[("absolute", "fx-absolute")]),
    (
        "justifyContent",
        &[
            ("center", "fx-justify-center"),
            ("flex-start", "fx-justify-flex-start"),
            ("flex-end", "fx-justify-flex-end"),
            ("space-between", "fx-justify-space-between"),
            ("space-around", "fx-justify-space-around"),
            ("space-evenly", "fx-justify-space-evenly"),
        ],
    ),
    (
        "alignItems",
        &[
            ("center", "fx-items-center"),
            ("flex-start", "fx-items-flex-start"),
            ("flex-end", "fx-items-flex-end"),
        ],
    ),
    (
        "gravity",
        &[
            ("top", "fx-gravity-top"),
            ("center", "fx-gravity-center"),
            ("bottom", "fx-gravity-bottom"),
        ],
    ),
    (
        "align",
        &[
            ("start", "fx-align-start"),
            ("center", "fx-align-center"),
            ("end", "fx-align-end"),
        ],
    ),
    (
        "weight",
        &[("bold", "fx-weight-bold"), ("regular", "fx-weight-regular")],
    ),
    ("style", &[("italic", "fx-italic"), ("normal", "fx-normal")]),
    (
        "decoration",
        &[
            ("underline", "fx-underline"),
            ("line-through", "fx-line-through"),
        ],
    ),
    ("aspectMode", &[("cover", "fx-cover"), ("fit", "fx-fit")]),
];

/// Classes and attributes of one element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub classes: String,
    pub values: Vec<(String, String)>,
}

impl Look {
    /// What every component has: `class` and whatever its properties ask for.
    pub fn of(component: &Part<'_>, class: &str) -> Self {
        let mut look = Self::classed(class);
        for (property, group, keywords) in MEASURES {
            look.measure(component.text(property), group, keywords);
        }
        for (property, words) in WORDS {
            let word = component.text(property);
            let class = words.iter().find(|(name, _)| Some(*name) == word);
            if let Some((_, class)) = class {
                look.class(class);
            }
        }
        look.ratio(component);
        look.color(component.text("backgroundColor"), "back");
        look.color(component.text("borderColor"), "border-color");
        look
    }

    pub fn classed(class: &str) -> Self {
        Self {
            classes: class.to_owned(),
            values: Vec::new(),
        }
    }

    pub fn class(&mut self, class: &str) {
        self.classes.push(' ');
        self.classes.push_str(class);
    }

    pub fn value(&mut self, name: &str, value: impl Into<String>) {
        self.values.push((format!("data-fx-{name}"), value.into()));
    }

    pub fn color(&mut self, text: Option<&str>, name: &str) {
        if let Some(color) = text.filter(|text| is_color(text)) {
            self.value(name, color);
        }
    }

    pub fn measure(&mut self, text: Option<&str>, group: &str, keywords: &[&str]) {
        let Some(text) = text else { return };
        if keywords.contains(&text) {
            self.class(&format!("fx-{group}-{text}"));
        } else if is_measure(text) {
            self.value(group, text);
        }
    }

    pub fn lines(&mut self, lines: Option<u64>) {
        match lines {
            None | Some(0) => {}
            Some(lines @ 1..=LINES_CLASSES_MAX) => self.class(&format!("fx-lines-{lines}")),
            Some(lines) => {
                self.class("fx-lines-more");
                self.value("lines", lines.to_string());
            }
        }
    }

    /// `20:13` as two numbers; a picture without one is square.
    pub fn sides(&mut self, ratio: Option<&str>) {
        let side = |text: &str| text.parse::<f64>().ok().filter(|side| *side >= 1.0);
        let sides = ratio.and_then(|ratio| ratio.split_once(':'));
        let sides = sides.filter(|(wide, high)| side(wide).is_some() && side(high).is_some());
        let (wide, high) = sides.unwrap_or(("1", "1"));
        self.value("wide", wide);
        self.value("high", high);
    }

    fn ratio(&mut self, component: &Part<'_>) {
        match component.number("flex") {
            Some(flex @ 0..=FLEX_CLASSES_MAX) => self.class(&format!("fx-flex-{flex}")),
            Some(flex) => {
                self.class("fx-flex-1");
                self.value("flex", flex.to_string());
            }
            // A box of a given width does not stretch.
            None if component.kind() == "box" && component.text("width").is_some() => {
                self.class("fx-flex-0");
            }
            None => {}
        }
    }
}

/// `#RRGGBB` or `#RRGGBBAA`.
fn is_color(text: &str) -> bool {
    let hex = text.strip_prefix('#');
    hex.is_some_and(|hex| {
        matches!(hex.len(), 6 | 8) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Pixels, percent or degrees: `-10px`, `23.5%`, `90deg`.
pub(crate) fn is_measure(text: &str) -> bool {
    let units = ["px", "%", "deg"];
    let number = units.iter().find_map(|unit| text.strip_suffix(unit));
    let number = number.map(|number| number.strip_prefix('-').unwrap_or(number));
    text.len() <= MEASURE_CHARS_MAX
        && number.is_some_and(|number| {
            number.starts_with(|c: char| c.is_ascii_digit())
                && number
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
}
