//! Which operations of LINE's specification its library was seen to do here, counted by the files
//! of the specification.
//!
//! `tests/sdk/specification.csv` lists every operation there is. `M` and `S` are what an account
//! sends and shows with, `s` is what stands beside that; all of them have to be answered as LINE
//! answers them. `X` is no part of an official account here and has to be refused in LINE's shape.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use chingu_tests::table::Table;
use serde::Deserialize;
use serde_json::Value;

const SPECIFICATION: &str = include_str!("../sdk/specification.csv");
pub const CLIENTS: [&str; 2] = ["ordinary", "asynchronous"];
const NOT_OFFERED: &str = "X";

/// What the library's program does not ask for, and why. A row goes when its operation comes.
const NOT_ASKED: [(&str, &str); 1] = [(
    "callback",
    "the messenger asks for it, and the brand answers",
)];

/// What a client of the library cannot ask of any server: it fails before.
const UNABLE: [(&str, &str); 1] = [("addUserIdsToAudience", "asynchronous")];

/// A row of the list.
#[derive(Debug, Deserialize)]
struct Operation {
    file: String,
    operation: String,
    mark: String,
}

/// What operations came to, by client.
pub struct Came {
    listed: Vec<Operation>,
    /// By operation and client: whether every answer was the documented one.
    answers: BTreeMap<(String, &'static str), bool>,
}

impl Operation {
    fn is_offered(&self) -> bool {
        self.mark != NOT_OFFERED
    }
}

impl Came {
    /// Reads the operations that the library's program printed: `operation` or, of what was asked
    /// in a way that is refused, `operation, how`.
    pub fn read(operations: &Value) -> Result<Self> {
        let mut rows = csv::Reader::from_reader(SPECIFICATION.as_bytes());
        let listed = rows.deserialize().collect::<Result<Vec<Operation>, _>>()?;
        let mut answers = BTreeMap::new();
        for (asked, by) in operations.as_object().context("operations")? {
            let name = asked.split(',').next().unwrap_or_default();
            let is_listed = listed.iter().any(|operation| operation.operation == name);
            ensure!(is_listed, "{name} is no operation of LINE's");
            for client in CLIENTS {
                let words = by[client].as_str().context("what an operation came to")?;
                let is_good = words == "ok" || words.ends_with(" as documented");
                let all = answers.entry((name.to_owned(), client)).or_insert(true);
                *all &= is_good;
            }
        }
        Ok(Self { listed, answers })
    }

    /// Nothing is missing but what is known to be, and what is known to be missing is.
    pub fn expect_complete(&self) -> Result<()> {
        let mut missing = Vec::new();
        for operation in &self.listed {
            let name = &*operation.operation;
            let reason = NOT_ASKED.iter().find(|(known, _)| *known == name);
            for client in CLIENTS {
                let is_unable = UNABLE.contains(&(name, client));
                let is_known = reason.is_some() || is_unable;
                match (self.passes(name, client), is_known) {
                    (false, false) => missing.push(format!("{name} by the {client} client")),
                    (true, true) => missing.push(format!("{name} is there, take it off the list")),
                    _ => {}
                }
            }
        }
        ensure!(missing.is_empty(), "{missing:#?}");
        Ok(())
    }

    /// A row per file of the specification, and one of all.
    pub fn table(&self) -> Table {
        let mut table = Table::with_columns(&[
            "specification",
            "operations",
            "ordinary client",
            "asynchronous client",
            "not offered",
        ]);
        let mut files: Vec<&str> = Vec::new();
        for operation in &self.listed {
            if !files.contains(&&*operation.file) {
                files.push(&operation.file);
            }
        }
        for file in files {
            let is_of_file = |operation: &&Operation| operation.file == file;
            let operations: Vec<_> = self.listed.iter().filter(is_of_file).collect();
            table.add(self.row(format!("`{file}.yml`"), &operations));
        }
        let all: Vec<_> = self.listed.iter().collect();
        table.add(self.row("all".to_owned(), &all));
        table
    }

    fn row(&self, name: String, operations: &[&Operation]) -> Vec<String> {
        let count = |is_counted: &dyn Fn(&Operation) -> bool| {
            let counted = operations.iter().filter(|operation| is_counted(operation));
            counted.count().to_string()
        };
        let by = |client| {
            count(&|operation| operation.is_offered() && self.passes(&operation.operation, client))
        };
        let [ordinary, asynchronous] = CLIENTS.map(by);
        let is_refused = |operation: &Operation| {
            let passes = |client| self.passes(&operation.operation, client);
            !operation.is_offered() && CLIENTS.into_iter().all(passes)
        };
        vec![
            name,
            operations.len().to_string(),
            ordinary,
            asynchronous,
            count(&is_refused),
        ]
    }

    fn passes(&self, operation: &str, client: &'static str) -> bool {
        let answer = self.answers.get(&(operation.to_owned(), client));
        answer.copied().unwrap_or_default()
    }
}

#[test]
fn an_operation_passes_when_all_its_answers_do() {
    let came = Came::read(&serde_json::json!({
        "pushMessage": {"ordinary": "ok", "asynchronous": "ok"},
        "pushMessage, retried": {"ordinary": "409 as documented", "asynchronous": "no"},
        "leaveRoom": {"ordinary": "404 as documented", "asynchronous": "404 as documented"},
    }));
    let came = came.unwrap();
    assert!(came.passes("pushMessage", "ordinary"));
    assert!(!came.passes("pushMessage", "asynchronous"));
    assert!(!came.passes("broadcast", "ordinary"));
    assert!(came.expect_complete().is_err());
    let table = came.table().to_markdown();
    for row in [
        "| `messaging-api.yml` | 73 | 1 | 0 | 1 |",
        "| all | 111 | 1 | 0 | 1 |",
    ] {
        assert!(table.lines().any(|line| line == row), "{table}");
    }
    let unknown = serde_json::json!({"push": {"ordinary": "ok", "asynchronous": "ok"}});
    assert!(Came::read(&unknown).is_err());
}
