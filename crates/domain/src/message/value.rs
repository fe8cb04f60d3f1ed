//! Single values: texts, numbers, lists and words of closed sets, each read and checked at once.

use unicode_segmentation::UnicodeSegmentation;

use super::node::Node;
use super::reader::{MAY_NOT_BE_EMPTY, Reader, Step, Wording};

/// In what the length of a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Utf16,
    Graphemes,
}

/// A closed set of words on the wire.
pub(crate) trait Keyword: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

/// Any text, however long.
pub(crate) fn string<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<&'a str> {
    match node {
        // Databases and C interfaces end a text at U+0000.
        Node::Text(text) if text.contains('\0') => {
            reader.report("Must not contain the character U+0000");
            None
        }
        Node::Text(text) => Some(text),
        other => reader.mismatch(other, "a string"),
    }
}

/// A text of `min` to `max` units.
pub(crate) fn text<'a>(
    unit: Unit,
    min: usize,
    max: usize,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<String> {
    move |reader, node| {
        let text = string(reader, node)?;
        length(reader, text, unit, min, max).map(str::to_owned)
    }
}

/// Checks the length of a text that was read already.
pub(crate) fn length<'t>(
    reader: &mut Reader<'_>,
    text: &'t str,
    unit: Unit,
    min: usize,
    max: usize,
) -> Option<&'t str> {
    let count = match unit {
        Unit::Utf16 => text.encode_utf16().count(),
        Unit::Graphemes => text.graphemes(true).count(),
    };
    if text.is_empty() && min > 0 && reader.wording == Wording::Messages {
        reader.report(MAY_NOT_BE_EMPTY);
        return None;
    }
    if !(min..=max).contains(&count) {
        reader.report_length(min, max);
        return None;
    }
    Some(text)
}

pub(crate) fn boolean<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        other => reader.mismatch(other, "true or false"),
    }
}

/// An integer between 0 and `max`, both included.
pub(crate) fn integer<'a>(max: i64) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<u32> {
    move |reader, node| u32::try_from(integer_between(0, max)(reader, node)?).ok()
}

/// An integer between `min` and `max`, both included.
pub(crate) fn integer_between<'a>(
    min: i64,
    max: i64,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<i64> {
    move |reader, node| {
        let value = any_integer(reader, node)?;
        if !(min..=max).contains(&value) {
            reader.report(format!("Must be between {min} and {max}"));
            return None;
        }
        Some(value)
    }
}

/// An integer of at least `min`; where LINE names no largest one, `max` is ours.
pub(crate) fn integer_from<'a>(
    min: i64,
    max: i64,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<i64> {
    move |reader, node| {
        let value = any_integer(reader, node)?;
        if value < min {
            reader.report(format!("Must be greater than or equal to {min}"));
        } else if value > max {
            reader.report(format!("Must be less than or equal to {max}"));
        }
        (min..=max).contains(&value).then_some(value)
    }
}

/// Any integer; those beyond 64 bits are held at the largest one.
pub(crate) fn any_integer(reader: &mut Reader<'_>, node: &Node) -> Option<i64> {
    match node {
        Node::Integer(value) => Some(*value),
        other => reader.mismatch(other, "an integer"),
    }
}

/// A number, with or without a fraction, between `-most` and `most`.
pub(crate) fn number_within<'a>(most: f64) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<f64> {
    move |reader, node| {
        let value = match node {
            Node::Integer(value) => *value as f64,
            Node::Fraction(value) => *value,
            other => return reader.mismatch(other, "a number"),
        };
        if !(-most..=most).contains(&value) {
            reader.report(format!("Must be between -{most} and {most}"));
            return None;
        }
        Some(value)
    }
}

/// A text of 1 to `max` ASCII letters, digits and `symbols`.
pub(crate) fn word<'a>(
    max: usize,
    symbols: &'static str,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<String> {
    move |reader, node| {
        let text = string(reader, node)?;
        let text = length(reader, text, Unit::Utf16, 1, max)?;
        if !text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || symbols.contains(c))
        {
            reader.report(format!(
                "Must contain only the characters a-z, A-Z, 0-9 and {symbols}"
            ));
            return None;
        }
        Some(text.to_owned())
    }
}

/// An array of `min` to `max` elements.
pub(crate) fn list<'a, T>(
    min: usize,
    max: usize,
    read: impl Fn(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<Vec<T>> {
    move |reader, node| {
        if let Node::List(nodes) = node
            && !(min..=max).contains(&nodes.len())
        {
            reader.report(format!("Size must be between {min} and {max}"));
        }
        elements(reader, node, &read)
    }
}

/// An array of any number of elements.
pub(crate) fn elements<'a, T>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    read: &impl Fn(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> Option<Vec<T>> {
    let Node::List(nodes) = node else {
        return reader.mismatch(node, "an array");
    };
    // Collecting options would stop at the first refused element.
    let mut values = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        values.push(reader.within(Step::Index(index), |reader| read(reader, node)));
    }
    values.into_iter().collect()
}

/// One word of a closed set.
pub(crate) fn keyword<'a, K: Keyword>(reader: &mut Reader<'a>, node: &'a Node) -> Option<K> {
    let word = string(reader, node)?;
    let found = known_word(word);
    if found.is_none() {
        let words: Vec<_> = K::WORDS.iter().map(|(known, _)| *known).collect();
        reader.report_words(&words);
    }
    found
}

pub(super) fn known_word<K: Keyword>(word: &str) -> Option<K> {
    let found = K::WORDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, value)| *value)
}

pub(super) fn one_of<'a>(
    words: &[&'static str],
) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<&'a str> {
    move |reader, node| {
        let word = string(reader, node)?;
        if words.contains(&word) {
            return Some(word);
        }
        reader.report_words(words);
        None
    }
}
