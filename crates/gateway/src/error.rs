//! What can be wrong with bytes from the other side, by what the receiver answers.

use domain::codec::CorruptBlob;
use serde::Deserialize;

/// The words are for the other side's developers: they name the field and say what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Answer 400: the same bytes will never be accepted.
    #[error("{0}")]
    Malformed(String),
    /// Answer 413.
    #[error("the body has {bytes} bytes, at most {max} are taken")]
    TooLarge { bytes: usize, max: usize },
    /// Answer 401: who wrote the body is not proven.
    #[error("{0}")]
    Unauthentic(&'static str),
    /// Our own books hold keys that cannot be read: stop that campaign and page someone.
    #[error("stored recipients cannot be read: {0}")]
    Corrupt(#[from] CorruptBlob),
}

/// The longest piece of the sender's own text that an error repeats, in characters.
const QUOTED_CHARS_MAX: usize = 40;

impl Error {
    pub(crate) fn malformed(words: impl Into<String>) -> Self {
        Self::Malformed(words.into())
    }

    /// serde's words name the field and the place.
    pub(crate) fn json(what: &str, source: &serde_json::Error) -> Self {
        Self::Malformed(format!("the body is not {what}: {source}"))
    }
}

/// A short quotation of what the other side sent, safe to print.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text
        .chars()
        .take(QUOTED_CHARS_MAX)
        .flat_map(char::escape_debug)
        .collect();
    format!("'{short}'")
}

/// Reads a JSON object. serde would take a struct's fields from an array as well, in their order.
pub(crate) fn read_object<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<T, Error> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_some_and(|byte| *byte != b'{') {
        return Err(Error::malformed(format!(
            "the body is not {what}: expected an object"
        )));
    }
    serde_json::from_slice(body).map_err(|error| Error::json(what, &error))
}
