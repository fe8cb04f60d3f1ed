//! The phrases of one language: Fluent files, read once.

use std::fmt;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rust_embed::Embed;

use crate::Language;
use crate::figures::{Count, grouped};

type Bundle = FluentBundle<FluentResource>;

#[derive(Embed)]
#[folder = "../../templates/locales"]
struct Files;

/// A phrase with its arguments; shown, it is what the page says.
#[derive(Debug)]
pub struct Phrase {
    language: Language,
    key: String,
    arguments: FluentArgs<'static>,
}

impl Phrase {
    pub(crate) fn of(language: Language, key: String) -> Self {
        Self {
            language,
            key,
            arguments: FluentArgs::new(),
        }
    }

    /// A number: grouped by thousands, and what plural forms go by.
    pub fn num(mut self, name: &'static str, number: impl Count) -> Self {
        self.arguments
            .set(name, FluentValue::from(number.to_signed()));
        self
    }

    /// Anything that is text already, money and times among it.
    pub fn text(mut self, name: &'static str, text: impl fmt::Display) -> Self {
        self.arguments
            .set(name, FluentValue::from(text.to_string()));
        self
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundle = bundle(self.language);
        let pattern = bundle
            .get_message(&self.key)
            .and_then(|message| message.value());
        let Some(pattern) = pattern else {
            debug_assert!(false, "there is no phrase {}", self.key);
            return f.write_str(&self.key);
        };
        let mut errors = Vec::new();
        let said = bundle.format_pattern(pattern, Some(&self.arguments), &mut errors);
        debug_assert!(errors.is_empty(), "{}: {errors:?}", self.key);
        f.write_str(&said)
    }
}

pub(crate) fn has(language: Language, key: &str) -> bool {
    bundle(language).has_message(key)
}

fn bundle(language: Language) -> &'static Bundle {
    static BUNDLES: OnceLock<[Bundle; 3]> = OnceLock::new();
    let bundles = BUNDLES.get_or_init(|| Language::ALL.map(read));
    &bundles[language as usize]
}

/// Every file of the language. A file that cannot be read is a fault of the build; what could be
/// read of it counts, and the test below names it.
fn read(language: Language) -> Bundle {
    let identifier = language.code().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // Directional marks around arguments confuse comparison and copying; none of ours needs them.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(number) => Some(grouped(number.value as i64)),
        _ => None,
    }));
    for (_, text) in texts(language) {
        let resource = FluentResource::try_new(text).unwrap_or_else(|(resource, _)| resource);
        // A key that stands twice keeps its first meaning.
        let _ = bundle.add_resource(resource);
    }
    bundle
}

fn texts(language: Language) -> Vec<(String, String)> {
    let folder = format!("{}/", language.code());
    let ours = Files::iter().filter(|path| path.starts_with(&folder));
    let mut texts: Vec<_> = ours
        .filter_map(|path| {
            let file = Files::get(&path)?;
            let text = String::from_utf8_lossy(&file.data).into_owned();
            Some((path.into_owned(), text))
        })
        .collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests;
