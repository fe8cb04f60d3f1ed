//! What a command prints: words for people, one JSON object for programs.

use std::io::{ErrorKind, Write};

use serde_json::Value;

/// How results are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Words,
    Json,
}

impl Output {
    pub fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Words }
    }

    pub fn show(self, words: impl std::fmt::Display, json: &Value) -> anyhow::Result<()> {
        match self {
            Self::Words => say(words),
            Self::Json => say(json),
        }
    }
}

/// One line on the standard output. A reader that has gone is no error: it saw what it wanted.
pub fn say(line: impl std::fmt::Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// `12,345,678`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An error on the standard error, in words.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell where this fails.
    let _ = writeln!(std::io::stderr(), "error: {}", in_words(error));
}

/// An error and its causes, each said once.
fn in_words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let words = cause.to_string();
        if text.contains(&words) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&words);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (43_163, "43,163")];
        for (number, expected) in cases {
            assert_eq!(thousands(number), expected);
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
    }

    #[test]
    fn causes_are_said_once() {
        let error = anyhow::anyhow!("disk full")
            .context("the file cannot be written: disk full")
            .context("the report is not complete");
        let words = "the report is not complete: the file cannot be written: disk full";
        assert_eq!(in_words(&error), words);
    }
}
