//! What is wrong with a form that was sent, at the fields it concerns.

use axum::http::StatusCode;
use words::Words;

/// Faults of one form, in the order of its fields.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    found: Vec<Fault>,
}

/// One fault: the `id` of the field, and the words beside it.
#[derive(Debug, Clone)]
pub struct Fault {
    pub field: String,
    pub words: String,
}

impl Faults {
    pub fn one(field: impl Into<String>, words: impl ToString) -> Self {
        let mut faults = Self::default();
        faults.add(field, words);
        faults
    }

    pub fn add(&mut self, field: impl Into<String>, words: impl ToString) {
        let (field, words) = (field.into(), words.to_string());
        self.found.push(Fault { field, words });
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Of the page that shows the form: 422 where it has to be mended.
    pub fn status(&self) -> StatusCode {
        match self.is_empty() {
            true => StatusCode::OK,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.found.iter()
    }

    /// What is wrong with a field; templates ask for every field they show.
    pub fn at(&self, field: &str) -> Option<&str> {
        let fault = self.found.iter().find(|fault| fault.field == field)?;
        Some(&fault.words)
    }

    /// The heading over all of them.
    pub fn heading(&self, words: &Words) -> String {
        words
            .t("form-faults")
            .num("count", self.found.len())
            .to_string()
    }
}
