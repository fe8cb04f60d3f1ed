//! Rows of the fault table, kept as they come, so that a run that was interrupted goes on.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use chingu_tests::place;
use chingu_tests::table::Table;
use chingu_tests::verdict;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub id: String,
    pub fault: String,
    pub seed: u64,
    pub cells: Vec<String>,
    pub recovery_seconds: f64,
    pub proof: String,
}

pub struct Results {
    /// `None`: nothing is kept, as in the suite.
    file: Option<PathBuf>,
    rows: BTreeMap<String, Row>,
}

impl Results {
    /// What an earlier run of the whole table has left. The file is removed to begin anew.
    pub fn open(is_whole: bool) -> Result<Self> {
        let file = is_whole.then(|| place::target().join("faults.json"));
        let rows = match file.as_deref().map(std::fs::read_to_string) {
            Some(Ok(text)) => serde_json::from_str(&text).context("target/faults.json")?,
            _ => BTreeMap::new(),
        };
        Ok(Self { file, rows })
    }

    pub fn has(&self, name: &str) -> bool {
        self.rows.contains_key(name)
    }

    pub fn add(&mut self, name: &str, row: Row) -> Result<()> {
        self.rows.insert(name.to_owned(), row);
        let Some(file) = &self.file else {
            return Ok(());
        };
        let text = serde_json::to_string_pretty(&self.rows)?;
        let fresh = file.with_extension("json.new");
        std::fs::write(&fresh, text)?;
        std::fs::rename(&fresh, file).context("keeping a row")
    }

    /// `order` are the names of all rows, as they stand in the table.
    pub fn publish(&self, order: &[String]) -> Result<()> {
        let mut table = Table::with_columns(&columns());
        let number = |row: &Row| row.id[1..].parse::<u32>().unwrap_or(u32::MAX);
        let place = |name: &str| order.iter().position(|known| known == name);
        let mut rows: Vec<(&String, &Row)> = self.rows.iter().collect();
        rows.sort_by_key(|(name, row)| (number(row), place(name)));
        for (_, row) in rows {
            table.add(row.line());
        }
        table.publish(
            "faults.md",
            "Faults, on the production engine",
            "Two accounts, three campaigns each, two schedulers, two workers and a front process \
             on PostgreSQL and RabbitMQ, a messenger beside them; rows with fewer recipients have \
             campaigns of their own. Lost and duplicated by the messenger's own log; after each \
             row `chingu reconcile` was clean and every campaign had exactly one hold. \
             *Recovered* is from the end of the fault until the messenger accepts again; after a \
             crash (F3) until it has accepted everybody, after a promotion (F31) until everything \
             is closed. A row is repeated by its name and its seed: \
             `CHINGU_FAULTS=F8 CHINGU_SEED=… just faults`. Written by `just faults`.",
        )
    }
}

/// Columns of the table.
fn columns() -> Vec<&'static str> {
    let mut columns = vec!["#", "fault", "seed"];
    columns.extend(verdict::COLUMNS);
    columns.extend(["recovered", "struck"]);
    columns
}

impl Row {
    fn line(&self) -> Vec<String> {
        let mut line = vec![self.id.clone(), self.fault.clone(), self.seed.to_string()];
        line.extend(self.cells.clone());
        line.push(format!("{:.2} s", self.recovery_seconds));
        line.push(self.proof.clone());
        line
    }

    pub fn in_words(&self) -> String {
        self.line().join(" | ")
    }
}
