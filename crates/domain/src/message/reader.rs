//! Reads JSON into typed messages, knows where it is, and never stops at the first error.
//!
//! Every reading function takes a node and returns `None` after it has reported why; the caller
//! goes on with the next property, so that one pass finds all there is to find.

use std::collections::HashSet;
use std::fmt::Write as _;

use unicode_segmentation::UnicodeSegmentation;

use super::limits::{ERRORS_MAX, PROPERTY_NAME_CHARS_MAX};
use super::node::Node;
use super::{Rules, ValidationError};

// LINE's words, letter for letter.
pub(super) const MUST_BE_SPECIFIED: &str = "must be specified";
pub(super) const MUST_NOT_BE_SPECIFIED: &str = "Must not be specified";
pub(super) const MAY_NOT_BE_EMPTY: &str = "May not be empty";

/// In what the length of a text is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Utf16,
    Graphemes,
}

/// A closed set of words on the wire.
pub(super) trait Keyword: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
}

/// Where the reader is and what it has found.
pub(super) struct Reader<'a> {
    pub(super) rules: &'a Rules,
    path: Vec<Step<'a>>,
    errors: Vec<ValidationError>,
    unlisted: usize,
}

/// An object whose properties are being read; it remembers which were asked for.
pub(super) struct Object<'a> {
    entries: &'a [(String, Node)],
    known: Vec<&'static str>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Reader<'a> {
    pub(super) fn at(root: &'a str, rules: &'a Rules) -> Self {
        Self {
            rules,
            path: vec![Step::Key(root)],
            errors: Vec::new(),
            unlisted: 0,
        }
    }

    /// All errors in the order in which they were found; empty means valid.
    pub(super) fn into_errors(mut self) -> Vec<ValidationError> {
        if self.unlisted > 0 {
            self.errors.push(ValidationError {
                message: format!("{} more errors are not listed", self.unlisted),
                property: String::new(),
            });
        }
        self.errors
    }

    /// Reports an error of the value being read.
    pub(super) fn report(&mut self, message: impl Into<String>) {
        if self.errors.len() == ERRORS_MAX {
            self.unlisted += 1;
            return;
        }
        let property = self.property();
        self.errors.push(ValidationError {
            message: message.into(),
            property,
        });
    }

    /// Reports an error of a property of the object being read.
    pub(super) fn report_at(&mut self, key: &'a str, message: impl Into<String>) {
        self.within(Step::Key(key), |reader| reader.report(message));
    }

    /// Reports an error of a property of an element of a list in the object being read.
    pub(super) fn report_in(
        &mut self,
        list: &'a str,
        index: usize,
        key: &'a str,
        message: impl Into<String>,
    ) {
        self.within(Step::Key(list), |reader| {
            reader.within(Step::Index(index), |reader| reader.report_at(key, message));
        });
    }

    pub(super) fn required<T>(
        &mut self,
        object: &mut Object<'a>,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'a Node) -> Option<T>,
    ) -> Option<T> {
        if !object.has(key) {
            self.report_at(key, MUST_BE_SPECIFIED);
        }
        self.optional(object, key, read)
    }

    /// `None` stands for absent and for refused; the difference is in the list of errors.
    pub(super) fn optional<T>(
        &mut self,
        object: &mut Object<'a>,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'a Node) -> Option<T>,
    ) -> Option<T> {
        object.known.push(key);
        let node = object.get(key)?;
        self.within(Step::Key(key), |reader| read(reader, node))
    }

    /// Reads an object without a `type`.
    pub(super) fn plain<T>(
        &mut self,
        node: &'a Node,
        read: impl FnOnce(&mut Self, &mut Object<'a>) -> Option<T>,
    ) -> Option<T> {
        let mut object = self.object(node)?;
        let value = read(self, &mut object);
        self.finish(&object);
        value
    }

    /// Reads an object whose `type` is one of `tags`. Nothing can be said about the properties of
    /// an object of an unknown type, so there the type is the only error.
    pub(super) fn typed<T>(
        &mut self,
        node: &'a Node,
        tags: &[&'static str],
        read: impl FnOnce(&mut Self, &mut Object<'a>, &'a str) -> Option<T>,
    ) -> Option<T> {
        let mut object = self.object(node)?;
        let tag = self.required(&mut object, "type", one_of(tags))?;
        let value = read(self, &mut object, tag);
        self.finish(&object);
        value
    }

    fn object(&mut self, node: &'a Node) -> Option<Object<'a>> {
        let object = Object::of(node);
        if object.is_none() {
            return self.mismatch(node, "an object");
        }
        object
    }

    fn finish(&mut self, object: &Object<'a>) {
        let mut seen = HashSet::new();
        for (key, _) in object.entries {
            if !seen.insert(key.as_str()) {
                self.report_at(key, "Must not be specified more than once");
            } else if !object.known.contains(&key.as_str()) {
                self.report_at(key, "Unknown property");
            }
        }
    }

    fn within<T>(&mut self, step: Step<'a>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    fn mismatch<T>(&mut self, found: &Node, expected: &str) -> Option<T> {
        match found {
            Node::TooDeep => self.report("Must not be nested this deeply"),
            _ => self.report(format!("Must be {expected}")),
        }
        None
    }

    fn property(&self) -> String {
        let mut property = String::new();
        for (position, step) in self.path.iter().enumerate() {
            match step {
                Step::Index(index) => {
                    // Writing into a string does not fail.
                    let _ = write!(property, "[{index}]");
                }
                Step::Key(key) => {
                    if position > 0 {
                        property.push('.');
                    }
                    property.extend(key.chars().take(PROPERTY_NAME_CHARS_MAX));
                }
            }
        }
        property
    }
}

impl<'a> Object<'a> {
    /// Whether the property is there; `null` counts as absent, as client libraries write it so.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// What the property says, if it is a text. This and the next four look at what was written,
    /// not at what was read: rules between properties hold while one of them is still wrong.
    pub(super) fn word(&self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The word of a closed set, if it is one.
    pub(super) fn keyword<K: Keyword>(&self, key: &str) -> Option<K> {
        known_word(self.word(key)?)
    }

    /// The number of elements, if it is an array.
    pub(super) fn size(&self, key: &str) -> Option<usize> {
        match self.get(key)? {
            Node::List(nodes) => Some(nodes.len()),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub(super) fn inner(&self, key: &str) -> Option<Object<'a>> {
        Self::of(self.get(key)?)
    }

    /// The elements that are objects, with their indices.
    pub(super) fn inners(&self, key: &str) -> Vec<(usize, Object<'a>)> {
        let Some(Node::List(nodes)) = self.get(key) else {
            return Vec::new();
        };
        let objects = nodes.iter().enumerate();
        objects
            .filter_map(|(index, node)| Some((index, Self::of(node)?)))
            .collect()
    }

    fn of(node: &'a Node) -> Option<Self> {
        match node {
            Node::Object(entries) => Some(Self {
                entries,
                known: Vec::new(),
            }),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<&'a Node> {
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        (!matches!(node, Node::Null)).then_some(node)
    }
}

/// Any text, however long.
pub(super) fn string<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<&'a str> {
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
pub(super) fn text<'a>(
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
pub(super) fn length<'t>(
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
    if text.is_empty() && min > 0 {
        reader.report(MAY_NOT_BE_EMPTY);
        return None;
    }
    if count > max {
        reader.report(format!("Length must be between 0 and {max}"));
        return None;
    }
    Some(text)
}

pub(super) fn boolean<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(*value),
        other => reader.mismatch(other, "true or false"),
    }
}

/// An integer between 0 and `max`, both included.
pub(super) fn integer<'a>(max: i64) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<u32> {
    move |reader, node| match node {
        Node::Integer(value) if (0..=max).contains(value) => u32::try_from(*value).ok(),
        Node::Integer(_) => {
            reader.report(format!("Must be between 0 and {max}"));
            None
        }
        other => reader.mismatch(other, "an integer"),
    }
}

/// An array of `min` to `max` elements.
pub(super) fn list<'a, T>(
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
pub(super) fn elements<'a, T>(
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
pub(super) fn keyword<'a, K: Keyword>(reader: &mut Reader<'a>, node: &'a Node) -> Option<K> {
    let word = string(reader, node)?;
    let found = known_word(word);
    if found.is_none() {
        let words: Vec<_> = K::WORDS.iter().map(|(known, _)| *known).collect();
        reader.report(one_of_words(&words));
    }
    found
}

fn known_word<K: Keyword>(word: &str) -> Option<K> {
    let found = K::WORDS.iter().find(|(known, _)| *known == word);
    found.map(|(_, value)| *value)
}

pub(super) fn one_of_words(words: &[&str]) -> String {
    format!(
        "Must be one of the following values: [{}]",
        words.join(", ")
    )
}

fn one_of<'a>(words: &[&'static str]) -> impl Fn(&mut Reader<'a>, &'a Node) -> Option<&'a str> {
    move |reader, node| {
        let word = string(reader, node)?;
        if words.contains(&word) {
            return Some(word);
        }
        reader.report(one_of_words(words));
        None
    }
}
