//! `@handle`s: what people type to find an official account.

use std::fmt;

/// `@` and 2 to 30 of `a-z`, `0-9`, `_`, `-`, `.`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a handle: expected @ and 2 to 30 of a-z, 0-9, '_', '-', '.'")]
pub struct InvalidHandle(String);

pub const HANDLE_LENGTH_MIN: usize = 2;
pub const HANDLE_LENGTH_MAX: usize = 30;

impl Handle {
    /// Reads a handle with or without its `@`.
    pub fn parse(text: &str) -> Result<Self, InvalidHandle> {
        let name = text.strip_prefix('@').unwrap_or(text);
        let length_fits = (HANDLE_LENGTH_MIN..=HANDLE_LENGTH_MAX).contains(&name.len());
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let letters_fit = name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'));
        if length_fits && starts_well && letters_fit {
            Ok(Self(format!("@{name}")))
        } else {
            Err(InvalidHandle(text.chars().take(64).collect()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
