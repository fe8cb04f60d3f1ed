//! The words of the pages, in Korean, Japanese and English.
//!
//! It owns the catalogue in `templates/locales`, a folder per language and a file per family of
//! pages, and how numbers, money and times are written in each language. It does not own pages.
//!
//! Invariant: every phrase exists in every language with the same arguments; a test holds it.

pub mod catalogue; // the phrases of one language
pub mod figures; // numbers, money and times as people write them
pub mod language; // which languages there are, and which one somebody reads

pub use catalogue::Phrase;
pub use figures::{Count, whole_and_part};
pub use language::Language;

/// The way to everything a page says, in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    language: Language,
}

impl Words {
    pub const fn of(language: Language) -> Self {
        Self { language }
    }

    pub const fn language(&self) -> Language {
        self.language
    }

    /// The phrase of this key; arguments are given with [`Phrase::num`] and [`Phrase::text`].
    pub fn t(&self, key: impl std::fmt::Display) -> Phrase {
        Phrase::of(self.language, key.to_string())
    }

    /// Whether there is such a phrase: for keys made of names that may be unknown.
    pub fn has(&self, key: &str) -> bool {
        catalogue::has(self.language, key)
    }
}
