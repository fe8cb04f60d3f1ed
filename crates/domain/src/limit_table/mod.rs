//! Every limit of messages, rich menus and coupons on both sides of its edge: what stands at it is
//! accepted, one more is refused at its path, in its words. The rows also make a table to read.

mod actions;
mod flex;
mod messages;
mod pictures;
mod rich_menus_and_coupons;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::message::{Rules, ValidationError, parse};

/// One limit.
struct Row {
    /// What is limited, and in which unit.
    limit: &'static str,
    unit: &'static str,
    /// What was found at the limit: nothing, where the row holds.
    at: Vec<ValidationError>,
    /// What was found one beyond it.
    over: Vec<ValidationError>,
    property: String,
    words: String,
}

impl Row {
    /// A limit of messages; `make` gives one with so many of the unit, `property` stands below it.
    fn of_message(
        limit: &'static str,
        unit: &'static str,
        max: usize,
        (property, words): (&str, &str),
        make: impl Fn(usize) -> Value,
    ) -> Self {
        Self {
            limit,
            unit,
            at: errors_of(&make(max)),
            over: errors_of(&make(max + 1)),
            property: format!("messages[0]{property}"),
            words: words.to_owned(),
        }
    }

    /// What is wrong with the row, if anything.
    fn complaint(&self) -> Option<String> {
        let expected = [ValidationError {
            property: self.property.clone(),
            message: self.words.clone(),
        }];
        let holds = self.at.is_empty() && self.over == expected;
        let (limit, at, over) = (self.limit, &self.at, &self.over);
        (!holds).then(|| format!("{limit}: at it {at:?}; over it {over:?}, expected {expected:?}"))
    }
}

fn errors_of(message: &Value) -> Vec<ValidationError> {
    let json = json!([message]).to_string();
    parse(&json, &Rules::default()).err().unwrap_or_default()
}

fn rows() -> Vec<Row> {
    let mut rows = messages::rows();
    rows.extend(pictures::rows());
    rows.extend(actions::rows());
    rows.extend(flex::rows());
    rows.extend(rich_menus_and_coupons::rows());
    rows
}

/// The rows as a table in Markdown.
fn table(rows: &[Row]) -> String {
    let mut table = "| limit | unit | at | over |\n| --- | --- | --- | --- |\n".to_owned();
    for row in rows {
        let found = |errors: &[ValidationError]| match errors {
            [] => "accepted".to_owned(),
            errors => {
                let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
                errors.join("; ").replace('|', "\\|")
            }
        };
        let (at, over) = (found(&row.at), found(&row.over));
        // Writing into a string does not fail.
        let _ = writeln!(table, "| {} | {} | {at} | {over} |", row.limit, row.unit);
    }
    table
}

/// A text of so many letters.
fn letters(count: usize) -> Value {
    json!("a".repeat(count))
}

/// A text of so many grapheme clusters, each of eleven UTF-16 code units.
fn families(count: usize) -> Value {
    json!("👨‍👩‍👧‍👦".repeat(count))
}

/// An https URL of so many characters.
fn url_of(length: usize) -> Value {
    let start = "https://example.com/";
    json!(format!("{start}{}", "a".repeat(length - start.len())))
}

#[test]
fn every_limit_holds_on_both_sides() {
    let complaints: Vec<_> = rows().iter().filter_map(Row::complaint).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_table_names_every_limit_once() {
    let rows = rows();
    let table = table(&rows);
    assert_eq!(table.lines().count(), rows.len() + 2);
    let mut limits: Vec<_> = rows.iter().map(|row| (row.limit, row.unit)).collect();
    limits.sort_unstable();
    limits.dedup();
    assert_eq!(limits.len(), rows.len());
    let text = "| text | UTF-16 units | accepted | \
        messages[0].text: Length must be between 0 and 5000 |";
    assert!(table.lines().any(|line| line == text), "{table}");
}
