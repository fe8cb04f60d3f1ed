//! The catalogue is whole: no phrase is missing, doubled, or used and not there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::Words;

/// Key → arguments, of one language.
fn phrases(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (path, text) in texts(language) {
        if let Err((_, errors)) = FluentResource::try_new(text.clone()) {
            panic!("{path}: {errors:?}");
        }
        let mut current: Option<String> = None;
        for line in text.lines() {
            let starts = line.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
            if let (true, Some((key, _))) = (starts, line.split_once('=')) {
                let key = key.trim().to_owned();
                let is_double = found.insert(key.clone(), BTreeSet::new()).is_some();
                assert!(!is_double, "{path}: {key} stands twice");
                current = Some(key);
            }
            let Some(arguments) = current.as_ref().and_then(|key| found.get_mut(key)) else {
                continue;
            };
            for part in line.split('$').skip(1) {
                let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                arguments.insert(part.chars().take_while(|c| is_of_name(*c)).collect());
            }
        }
    }
    found
}

#[test]
fn every_phrase_exists_in_every_language_with_the_same_arguments() {
    let korean = phrases(Language::Korean);
    assert!(!korean.is_empty());
    let mut wrong = Vec::new();
    for language in [Language::Japanese, Language::English] {
        let other = phrases(language);
        for (key, arguments) in &korean {
            match other.get(key) {
                None => wrong.push(format!("{language}: no {key}")),
                Some(found) if found != arguments => {
                    wrong.push(format!(
                        "{language}: {key} has {found:?}, not {arguments:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        let more = other.keys().filter(|key| !korean.contains_key(*key));
        wrong.extend(more.map(|key| format!("ko: no {key}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Path and text of everything that says something, but for tests.
fn asking() -> Vec<(String, String)> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let mut found = Vec::new();
    let mut pending = vec![root.join("templates"), root.join("crates")];
    while let Some(path) = pending.pop() {
        let name = path.file_name().unwrap_or_default();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let ending = path.extension().and_then(|ending| ending.to_str());
        if matches!(ending, Some("html" | "rs")) {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
    found
}

/// Keys as sources name them: whole, or made of a beginning or an end and something else.
struct Asked {
    whole: BTreeSet<String>,
    /// Beginning and end around what is put in; either may be empty.
    made: BTreeSet<(String, String)>,
}

impl Asked {
    fn of(sources: &[(String, String)]) -> Self {
        let (mut whole, mut made) = (BTreeSet::new(), BTreeSet::new());
        for (_, text) in sources {
            let is_of_key = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            whole.extend(text.split(|c| !is_of_key(c)).map(str::to_owned));
            for part in text.split("format!(").skip(1) {
                let literal = part.trim_start().strip_prefix('"').unwrap_or("");
                let literal = literal.split('"').next().unwrap_or("");
                let beginning = literal.split_once('{').map(|(before, _)| before);
                let end = literal.rsplit_once('}').map(|(_, after)| after);
                if let (Some(beginning), Some(end)) = (beginning, end)
                    && (beginning.ends_with('-') || (beginning.is_empty() && end.starts_with('-')))
                {
                    made.insert((beginning.to_owned(), end.to_owned()));
                }
            }
        }
        Self { whole, made }
    }

    fn has(&self, key: &str) -> bool {
        let is_made = |(beginning, end): &(String, String)| {
            let rest = key.strip_prefix(beginning.as_str());
            match rest.and_then(|rest| rest.strip_suffix(end.as_str())) {
                // An end hangs on another key.
                Some(rest) if beginning.is_empty() => self.whole.contains(rest),
                Some(rest) => !rest.is_empty(),
                None => false,
            }
        };
        self.whole.contains(key) || self.made.iter().any(is_made)
    }
}

#[test]
fn every_phrase_that_is_asked_for_is_there() {
    let korean = phrases(Language::Korean);
    let mut missing = Vec::new();
    for (path, text) in asking() {
        for part in text.split("words.t(\"").skip(1) {
            let key = part.split('"').next().unwrap_or("");
            if !korean.contains_key(key) {
                missing.push(format!("{path}: {key}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_phrase_there_is_is_asked_for() {
    let asked = Asked::of(&asking());
    let korean = phrases(Language::Korean);
    let dead: Vec<&String> = korean.keys().filter(|key| !asked.has(key)).collect();
    assert!(dead.is_empty(), "{dead:?}");
    let planted = Asked::of(&[(
        "a.html".to_owned(),
        r#"t("one"), t(format!("two-{}", x)), t(format!("{key}-text"))"#.to_owned(),
    )]);
    for (key, is_asked) in [
        ("one", true),
        ("one-text", true),
        ("two-x", true),
        ("two", false),
        ("three", false),
        ("three-text", false),
    ] {
        assert_eq!(planted.has(key), is_asked, "{key}");
    }
}

#[test]
fn arguments_are_written_in_their_places() {
    for (language, expected) in [
        (Language::Korean, "1,240명"),
        (Language::Japanese, "1,240人"),
        (Language::English, "1,240 people"),
    ] {
        let words = Words::of(language);
        let said = words.t("people-count").num("count", 1_240_u64).to_string();
        assert_eq!(said, expected);
    }
    let words = Words::of(Language::English);
    assert_eq!(
        words.t("people-count").num("count", 1_u64).to_string(),
        "1 person"
    );
}
