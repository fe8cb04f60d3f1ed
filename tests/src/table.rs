//! Tables in Markdown: printed by a run, and written to `docs` by the whole one.

use std::fmt::{Display, Write};

use anyhow::{Context, Result};

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
        // Whole or not at all: a table that was there before outlives a full disk.
        let fresh = folder.join(format!("{name}.new"));
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .with_context(|| format!("writing {}", path.display()))
    }
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
}
