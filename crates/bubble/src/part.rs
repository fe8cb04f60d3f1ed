//! An object of a message, and where it stands in it: what a tap is named by.

use serde_json::Value;

/// An object inside a message. Reading it never fails: what is not there is not drawn.
#[derive(Debug, Clone)]
pub(crate) struct Part<'a> {
    value: &'a Value,
    /// The message's position in its push.
    message: usize,
    /// JSON pointer from the message.
    path: String,
}

impl<'a> Part<'a> {
    pub fn message(message: usize, value: &'a Value) -> Self {
        Self {
            value,
            message,
            path: String::new(),
        }
    }

    /// Its `type`.
    pub fn kind(&self) -> &'a str {
        self.text("type").unwrap_or("")
    }

    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key)?.as_str()
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.value.get(key)?.as_u64()
    }

    pub fn is_set(&self, key: &str) -> bool {
        self.value.get(key).and_then(Value::as_bool) == Some(true)
    }

    pub fn part(&self, key: &str) -> Option<Self> {
        let value = self.value.get(key).filter(|value| value.is_object())?;
        Some(self.inner(value, format!("{}/{key}", self.path)))
    }

    pub fn list(&self, key: &str) -> Vec<Self> {
        let elements = self.value.get(key).and_then(Value::as_array);
        let elements = elements.into_iter().flatten().enumerate();
        elements
            .map(|(index, value)| self.inner(value, format!("{}/{key}/{index}", self.path)))
            .collect()
    }

    /// `0:/template/actions/1`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.message, self.path)
    }

    fn inner(&self, value: &'a Value, path: String) -> Self {
        Self {
            value,
            message: self.message,
            path,
        }
    }
}
