//! Reads our own small JSON documents (audiences, schedules): closed objects, every fault named by
//! its path, unknown and repeated keys refused.

pub(crate) use crate::message::node::Node;

use crate::message::ValidationError;

/// Faults told at most; more would help nobody.
const FAULTS_MAX: usize = 50;

/// What is wrong so far.
#[derive(Default)]
pub(crate) struct Faults(Vec<ValidationError>);

/// An object and where it stands.
pub(crate) struct Object<'a> {
    entries: &'a [(String, Node)],
    path: &'a str,
}

/// Reads one JSON text of at most `bytes_max` bytes; `what` names it in the error.
pub(crate) fn parse(
    json: &str,
    what: &str,
    bytes_max: usize,
) -> Result<Node, Vec<ValidationError>> {
    let refuse = |message| {
        Err(vec![ValidationError {
            message,
            property: what.to_owned(),
        }])
    };
    if json.len() > bytes_max {
        return refuse(format!("must not be larger than {bytes_max} bytes"));
    }
    Node::parse(json).or_else(|error| {
        let (line, column) = (error.line(), error.column());
        refuse(format!("is not JSON (line {line}, column {column})"))
    })
}

impl Faults {
    /// Answers `None`, so that a reading function can end with it.
    pub(crate) fn add<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        if self.0.len() < FAULTS_MAX {
            self.0.push(ValidationError {
                message: message.into(),
                property: path.to_owned(),
            });
        }
        None
    }

    pub(crate) fn mismatch<T>(&mut self, path: &str, found: &Node, expected: &str) -> Option<T> {
        match found {
            Node::TooDeep => self.add(path, "is nested too deeply"),
            _ => self.add(path, format!("must be {expected}")),
        }
    }

    /// The value, or every fault; a value that was refused has left at least one.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Vec<ValidationError>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

impl<'a> Object<'a> {
    /// An object with no other keys than `known`, none of them twice.
    pub(crate) fn read(
        node: &'a Node,
        path: &'a str,
        known: &[&str],
        faults: &mut Faults,
    ) -> Option<Self> {
        let Node::Object(entries) = node else {
            return faults.mismatch(path, node, "an object");
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            let shown: String = key.chars().take(40).collect();
            if !known.contains(&key.as_str()) {
                let expected = known.join(", ");
                let message = format!("has the unknown key '{shown}'; known are {expected}");
                faults.add::<()>(path, message);
            } else if entries[..index].iter().any(|(earlier, _)| earlier == key) {
                faults.add::<()>(path, format!("has the key '{shown}' twice"));
            }
        }
        Some(Self { entries, path })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        Some(node)
    }

    pub(crate) fn required(&self, key: &str, faults: &mut Faults) -> Option<&'a Node> {
        match self.get(key) {
            Some(node) => Some(node),
            None => faults.add(self.path, format!("needs the key '{key}'")),
        }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }
}

pub(crate) fn text<'a>(node: &'a Node, path: &str, faults: &mut Faults) -> Option<&'a str> {
    match node {
        Node::Text(text) => Some(text),
        other => faults.mismatch(path, other, "a text"),
    }
}

/// A whole number within `range`.
pub(crate) fn integer(
    node: &Node,
    range: std::ops::RangeInclusive<i64>,
    path: &str,
    faults: &mut Faults,
) -> Option<i64> {
    let expected = format!("a whole number from {} to {}", range.start(), range.end());
    match node {
        Node::Integer(value) if range.contains(value) => Some(*value),
        other => faults.mismatch(path, other, &expected),
    }
}

/// The value of `{"all": true}` and its like: only `true` says anything.
pub(crate) fn only_true(node: &Node, path: &str, faults: &mut Faults) -> Option<()> {
    match node {
        Node::Bool(true) => Some(()),
        other => faults.mismatch(path, other, "true"),
    }
}
