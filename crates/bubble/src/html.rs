//! What is drawn already: put into a template, it is not escaped a second time.

use std::fmt;

use askama::Template;

/// Markup that templates of this crate made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl Html {
    pub fn of(template: &impl Template) -> Self {
        // Templates write into a string, which takes whatever there is.
        Self(template.render().unwrap_or_default())
    }

    pub fn all(parts: impl IntoIterator<Item = Html>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }

    pub fn into_text(self) -> String {
        self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Html {}
