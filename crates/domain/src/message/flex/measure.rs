//! The small texts of Flex layouts: sizes, colours, ratios, angles.
//!
//! They stay text once they are checked: nothing here computes with them, and the renderer takes
//! them as they are.

use crate::message::limits::{
    ASPECT_RATIO_HEIGHT_PER_WIDTH_MAX, ASPECT_RATIO_SIDE_MAX, MEASURE_CHARS_MAX,
};
use crate::message::node::Node;
use crate::message::reader::Reader;
use crate::message::value::string;

/// What a size may be.
pub(super) struct Measure {
    keywords: &'static [&'static str],
    percent: bool,
    smallest: Smallest,
}

/// The smallest number of pixels or percent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Smallest {
    Negative,
    Zero,
    /// Text and pictures: at size zero a friend would not see what was sent.
    AboveZero,
}

const NONE_TO_XXL: &[&str] = &["none", "xs", "sm", "md", "lg", "xl", "xxl"];
const XXS_TO_5XL: &[&str] = &[
    "xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl",
];
const XXS_TO_FULL: &[&str] = &[
    "xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl", "full",
];

/// `margin` and `spacing`.
pub(super) const SPACE: Measure = Measure {
    keywords: NONE_TO_XXL,
    percent: false,
    smallest: Smallest::Zero,
};
pub(super) const CORNER: Measure = SPACE;
pub(super) const BORDER: Measure = Measure {
    keywords: &["none", "light", "normal", "medium", "semi-bold", "bold"],
    percent: false,
    smallest: Smallest::Zero,
};
pub(super) const PADDING: Measure = Measure {
    keywords: NONE_TO_XXL,
    percent: true,
    smallest: Smallest::Zero,
};
pub(super) const OFFSET: Measure = Measure {
    keywords: NONE_TO_XXL,
    percent: true,
    smallest: Smallest::Negative,
};
/// Width and height of boxes.
pub(super) const BOX_SIDE: Measure = Measure {
    keywords: &[],
    percent: true,
    smallest: Smallest::Zero,
};
/// Text, span and icon.
pub(super) const FONT: Measure = Measure {
    keywords: XXS_TO_5XL,
    percent: false,
    smallest: Smallest::AboveZero,
};
pub(super) const IMAGE: Measure = Measure {
    keywords: XXS_TO_FULL,
    percent: true,
    smallest: Smallest::AboveZero,
};
pub(super) const LINE_SPACING: Measure = Measure {
    keywords: &[],
    percent: false,
    smallest: Smallest::AboveZero,
};

impl Measure {
    fn admits(&self, text: &str) -> bool {
        if self.keywords.contains(&text) {
            return true;
        }
        let percent = self.percent.then(|| text.strip_suffix('%')).flatten();
        let Some(number) = text.strip_suffix("px").or(percent) else {
            return false;
        };
        let positive = number.strip_prefix('-').unwrap_or(number);
        let Some(value) = decimal(positive) else {
            return false;
        };
        match self.smallest {
            Smallest::Negative => true,
            Smallest::Zero => positive == number,
            Smallest::AboveZero => positive == number && value > 0.0,
        }
    }

    fn words(&self) -> String {
        let mut ways = vec!["pixels like 10px".to_owned()];
        if self.percent {
            ways.push("a percentage like 50%".to_owned());
        }
        if !self.keywords.is_empty() {
            ways.push(format!("one of [{}]", self.keywords.join(", ")));
        }
        format!("Must be {}", ways.join(" or "))
    }
}

pub(super) fn measure<'a>(
    measure: &'static Measure,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<String> {
    move |reader, node| {
        checked(
            reader,
            node,
            |text| measure.admits(text),
            || measure.words(),
        )
    }
}

/// `#RRGGBB` or, with transparency, `#RRGGBBAA`.
pub(super) fn color<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let valid = |text: &str| {
        text.strip_prefix('#').is_some_and(|hex| {
            matches!(hex.len(), 6 | 8) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    checked(reader, node, valid, || {
        "Must be a color like #RRGGBB or #RRGGBBAA".to_owned()
    })
}

/// `{width}:{height}`.
pub(super) fn aspect_ratio<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let side =
        |text: &str| decimal(text).filter(|side| (1.0..=ASPECT_RATIO_SIDE_MAX).contains(side));
    let valid = |text: &str| {
        let sides = text.split_once(':');
        let sides = sides.and_then(|(width, height)| Some((side(width)?, side(height)?)));
        sides.is_some_and(|(width, height)| height <= width * ASPECT_RATIO_HEIGHT_PER_WIDTH_MAX)
    };
    checked(reader, node, valid, || {
        "Must be {width}:{height}, both between 1 and 100000, the height at most 3 times the width"
            .to_owned()
    })
}

/// Degrees of a gradient in [0, 360).
pub(super) fn angle<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let valid = |text: &str| {
        let degrees = text.strip_suffix("deg").and_then(decimal);
        degrees.is_some_and(|degrees| degrees < 360.0)
    };
    checked(reader, node, valid, || {
        "Must be an angle like 90deg, from 0deg to below 360deg".to_owned()
    })
}

/// Where the middle colour of a gradient stands.
pub(super) fn position_percent<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<String> {
    let valid = |text: &str| {
        let percent = text.strip_suffix('%').and_then(decimal);
        percent.is_some_and(|percent| percent <= 100.0)
    };
    checked(reader, node, valid, || {
        "Must be a percentage between 0% and 100%".to_owned()
    })
}

fn checked<'a>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    valid: impl FnOnce(&str) -> bool,
    words: impl FnOnce() -> String,
) -> Option<String> {
    let text = string(reader, node)?;
    if text.len() > MEASURE_CHARS_MAX || !valid(text) {
        reader.report(words());
        return None;
    }
    Some(text.to_owned())
}

/// Digits, with or without a fraction: no sign, no exponent, no bare point.
fn decimal(text: &str) -> Option<f64> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    text.parse().ok()
}
