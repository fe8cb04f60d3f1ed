//! Tables in Markdown: printed by a run, and written to `docs` by the whole one.

use std::fmt::{Display, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::place;

#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn with_columns(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn add(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.columns.len(), "a cell per column");
        self.rows.push(row);
    }

    pub fn to_markdown(&self) -> String {
        let mut text = line(&self.columns);
        text.push_str(&line(&vec!["---".to_owned(); self.columns.len()]));
        for row in &self.rows {
            text.push_str(&line(row));
        }
        text
    }

    /// Prints the table, and writes it as the document `name` where whole tables are asked for.
    pub fn publish(&self, name: &str, title: &str, introduction: &str) -> Result<()> {
        let table = self.to_markdown();
        eprintln!("\n{table}");
        let Some(folder) = place::tables() else {
            return Ok(());
        };
        std::fs::create_dir_all(&folder).context("the folder of tables")?;
        let path = folder.join(name);
        let mut text = String::new();
        write!(text, "# {title}\n\n{introduction}\n\n{table}")?;
        replace(&path, &text)
    }

    /// A file of the repository has this table between `<!-- name -->` and `<!-- /name -->`; it is
    /// written there where whole tables are asked for.
    pub fn keep_in(&self, file: &str, name: &str) -> Result<()> {
        let path = place::repository().join(file);
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {file}"))?;
        let (before, kept, after) =
            between_marks(&text, name).with_context(|| format!("a place for {name} in {file}"))?;
        let table = format!("\n\n{}\n", self.to_markdown());
        if kept == table {
            return Ok(());
        }
        ensure!(
            place::tables().is_some(),
            "{file} has other {name} than what came out:{table}"
        );
        replace(&path, &format!("{before}{table}{after}"))
    }
}

/// What stands before, between and after two marks, the marks with their neighbours.
fn between_marks<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let from = text.find(&begin)? + begin.len();
    let to = from + text[from..].find(&end)?;
    Some((&text[..from], &text[from..to], &text[to..]))
}

/// Whole or not at all: a file that was there before outlives a full disk.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, text)
        .and_then(|()| std::fs::rename(&fresh, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// A whole number as `1,234,567`.
pub fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn line(cells: &[String]) -> String {
    let escaped: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", escaped.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_columns() {
        let mut table = Table::with_columns(&["fault", "lost"]);
        table.add(vec!["5xx | 429".to_owned(), "0".to_owned()]);
        let expected = "| fault | lost |\n| --- | --- |\n| 5xx \\| 429 | 0 |\n";
        assert_eq!(table.to_markdown(), expected);
    }

    #[test]
    fn a_table_has_its_place_between_two_marks() {
        let text = "a\n<!-- one -->\n\n| b |\n\n<!-- /one -->\nc";
        let parts = ("a\n<!-- one -->", "\n\n| b |\n\n", "<!-- /one -->\nc");
        assert_eq!(between_marks(text, "one"), Some(parts));
        assert_eq!(between_marks(text, "other"), None);
        assert_eq!(between_marks("<!-- /one --> <!-- one -->", "one"), None);
    }
}
