//! What the dashboard and the alert rules ask for is what the program counts.

use crate::workspace::{assert_none, files_below, sources};

const PREFIX: &str = "chingu_";
/// Endings that Prometheus gives to a histogram's or summary's parts.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// The metrics that a text names.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    words.filter(|word| word.starts_with(PREFIX) && word.len() > PREFIX.len())
}

fn unknown(asked: &str, is_counted: impl Fn(&str) -> bool) -> Vec<String> {
    let stem = |name: &str| {
        let part = PARTS.iter().find_map(|part| name.strip_suffix(part));
        part.unwrap_or(name).to_owned()
    };
    let is_unknown = |name: &&str| !is_counted(name) && !is_counted(&stem(name));
    let complain = |name: &str| format!("nothing counts {name}");
    named(asked).filter(is_unknown).map(complain).collect()
}

#[test]
fn every_metric_that_is_asked_for_is_counted() {
    let is_counted = |name: &str| {
        let quoted = format!("\"{name}\"");
        sources().iter().any(|source| source.text.contains(&quoted))
    };
    let asked = files_below(&["docs/monitoring"], &["yaml", "json"]);
    assert!(asked.len() >= 2, "the dashboard and the rules are there");
    let complaints = asked
        .iter()
        .flat_map(|file| unknown(&file.text, is_counted));
    assert_none("metrics", complaints.collect());
}

#[test]
fn a_metric_that_nothing_counts_is_found() {
    let is_counted = |name: &str| name == "chingu_pushes_total" || name == "chingu_push_seconds";
    let asked = "rate(chingu_pushes_total[1m]) + chingu_push_seconds_bucket + chingu_pushs_total";
    assert_eq!(
        unknown(asked, is_counted),
        ["nothing counts chingu_pushs_total"]
    );
}
