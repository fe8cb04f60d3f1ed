//! Reads JSON into typed messages, knows where it is, and never stops at the first error.
//!
//! Every reading function takes a node and returns `None` after it has reported why; the caller
//! goes on with the next property, so that one pass finds all there is to find.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::limits::{BODY_BYTES_MAX, ERRORS_MAX, PROPERTY_NAME_CHARS_MAX};
use super::node::Node;
use super::value::{Keyword, known_word, one_of};
use super::{Rules, ValidationError};

// LINE's words, letter for letter.
pub(crate) const MUST_BE_SPECIFIED: &str = "must be specified";
pub(crate) const MUST_NOT_BE_SPECIFIED: &str = "Must not be specified";
pub(crate) const MAY_NOT_BE_EMPTY: &str = "May not be empty";
// Ours: most readers of JSON keep the last of two equal keys, some the first.
const MUST_BE_ONCE: &str = "Must not be specified more than once";

/// How errors are worded: LINE's coupons say two things otherwise than its messages do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// `Length must be between 0 and 60`, `[a, b]`.
    Messages,
    /// `Size must be between 1 and 60`, `[a,b]`.
    Coupons,
}

/// Where the reader is and what it has found.
pub(crate) struct Reader<'a> {
    pub(crate) rules: &'a Rules,
    pub(super) wording: Wording,
    path: Vec<Step<'a>>,
    errors: Vec<ValidationError>,
    unlisted: usize,
}

/// An object whose properties are being read; it remembers which were asked for.
pub(crate) struct Object<'a> {
    entries: &'a [(String, Node)],
    known: Vec<&'a str>,
}

#[derive(Clone, Copy)]
pub(super) enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Reads one JSON text to its end; all errors, not the first one. Property paths start at `root`,
/// or at the properties of the value itself.
pub(crate) fn read_json<T>(
    json: &str,
    root: Option<&str>,
    wording: Wording,
    rules: &Rules,
    read: impl for<'a> FnOnce(&mut Reader<'a>, &'a Node) -> Option<T>,
) -> Result<T, Vec<ValidationError>> {
    if json.len() > BODY_BYTES_MAX {
        return Err(refuse_text(bytes_words(BODY_BYTES_MAX)));
    }
    let node = Node::parse(json).map_err(|error| {
        refuse_text(format!(
            "The request body could not be parsed as JSON (line: {}, column: {})",
            error.line(),
            error.column()
        ))
    })?;
    let mut reader = Reader {
        rules,
        wording,
        path: root.map(Step::Key).into_iter().collect(),
        errors: Vec::new(),
        unlisted: 0,
    };
    let value = read(&mut reader, &node);
    match (value, reader.into_errors()) {
        (Some(value), errors) if errors.is_empty() => Ok(value),
        (_, errors) => Err(errors),
    }
}

/// What is said of a JSON text larger than `max` bytes.
pub(crate) fn bytes_words(max: usize) -> String {
    format!("The JSON must not be larger than {max} bytes")
}

fn refuse_text(message: String) -> Vec<ValidationError> {
    vec![ValidationError {
        message,
        property: String::new(),
    }]
}

impl<'a> Reader<'a> {
    /// All errors in the order in which they were found; empty means valid.
    fn into_errors(mut self) -> Vec<ValidationError> {
        if self.unlisted > 0 {
            self.errors.push(ValidationError {
                message: format!("{} more errors are not listed", self.unlisted),
                property: String::new(),
            });
        }
        self.errors
    }

    /// Reports an error of the value being read.
    pub(crate) fn report(&mut self, message: impl Into<String>) {
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
    pub(crate) fn report_at(&mut self, key: &'a str, message: impl Into<String>) {
        self.within(Step::Key(key), |reader| reader.report(message));
    }

    /// Reports an error of a property of an element of a list in the object being read.
    pub(crate) fn report_in(
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

    pub(crate) fn required<T>(
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
    pub(crate) fn optional<T>(
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
    pub(crate) fn plain<T>(
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
    pub(crate) fn typed<T>(
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

    /// Reads an object of at most `max` properties whose names are the writer's own.
    pub(crate) fn named<T>(
        &mut self,
        node: &'a Node,
        max: usize,
        read: impl Fn(&mut Self, &'a str, &'a Node) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let object = self.object(node)?;
        if object.entries.len() > max {
            self.report(format!("Size must be between 0 and {max}"));
        }
        let mut seen = HashSet::new();
        let mut values = BTreeMap::new();
        let mut all_read = true;
        for (key, node) in object.entries {
            if !seen.insert(key.as_str()) {
                self.report_at(key, MUST_BE_ONCE);
            }
            // `null` counts as absent here as well.
            if matches!(node, Node::Null) {
                continue;
            }
            match self.within(Step::Key(key), |reader| read(reader, key, node)) {
                Some(value) => _ = values.insert(key.clone(), value),
                None => all_read = false,
            }
        }
        all_read.then_some(values)
    }

    /// Reports the properties that belong to another kind of the object being read.
    pub(crate) fn forbid(&mut self, object: &mut Object<'a>, keys: &[&'static str]) {
        for key in keys {
            object.known.push(key);
            if object.has(key) {
                self.report_at(key, MUST_NOT_BE_SPECIFIED);
            }
        }
    }

    /// Reports that the text being read is none of the words it may be.
    pub(crate) fn report_words(&mut self, words: &[&str]) {
        let separator = match self.wording {
            Wording::Messages => ", ",
            Wording::Coupons => ",",
        };
        let words = words.join(separator);
        self.report(format!("Must be one of the following values: [{words}]"));
    }

    pub(super) fn report_length(&mut self, min: usize, max: usize) {
        self.report(match self.wording {
            // LINE says 0 also where an empty text is refused in words of its own.
            Wording::Messages => format!("Length must be between 0 and {max}"),
            Wording::Coupons => format!("Size must be between {min} and {max}"),
        });
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
                self.report_at(key, MUST_BE_ONCE);
            } else if !object.known.contains(&key.as_str()) {
                self.report_at(key, "Unknown property");
            }
        }
    }

    pub(super) fn within<T>(&mut self, step: Step<'a>, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    pub(super) fn mismatch<T>(&mut self, found: &Node, expected: &str) -> Option<T> {
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
    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// What the property says, if it is a text. This and the next four look at what was written,
    /// not at what was read: rules between properties hold while one of them is still wrong.
    pub(crate) fn word(&self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The word of a closed set, if it is one.
    pub(crate) fn keyword<K: Keyword>(&self, key: &str) -> Option<K> {
        known_word(self.word(key)?)
    }

    /// The number of properties, known or not.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of elements, if it is an array.
    pub(crate) fn size(&self, key: &str) -> Option<usize> {
        match self.get(key)? {
            Node::List(nodes) => Some(nodes.len()),
            _ => None,
        }
    }

    /// The object, if it is one.
    pub(crate) fn inner(&self, key: &str) -> Option<Object<'a>> {
        Self::of(self.get(key)?)
    }

    /// The elements that are objects, with their indices.
    pub(crate) fn inners(&self, key: &str) -> Vec<(usize, Object<'a>)> {
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
