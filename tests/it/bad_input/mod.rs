//! What is wrong is told in clear words: an exit code or a 4xx, never a panic, never a 500, and
//! nothing is half done.

mod answers; // what a messenger may answer
mod campaigns; // messages, audiences and times of campaigns
mod command_line; // commands, money, names
mod configuration; // files and variables
mod events; // bodies and events of the messenger
mod files; // friends as CSV

use std::path::Path;
use std::process::Output;

use anyhow::{Result, ensure};
use chingu_tests::shell;
use chingu_tests::verdict::violations;

/// What the command line answers to what it cannot do, and to what it cannot read.
const CANNOT: i32 = 1;
const CANNOT_READ: i32 = 2;

/// Cases that were not answered as they should be; all are told at once.
#[derive(Default)]
struct Cases {
    count: usize,
    wrong: Vec<String>,
}

impl Cases {
    fn check(&mut self, name: &str, answered: Result<()>) {
        self.count += 1;
        if let Err(error) = answered {
            self.wrong.push(format!("{name}: {error:#}"));
        }
    }

    fn finish(self, table: &str) -> Result<()> {
        let (count, wrong) = (self.count, self.wrong.join("\n\n"));
        ensure!(wrong.is_empty(), "of {count} cases of {table}:\n{wrong}");
        eprintln!("bad input: {table}: {count} cases");
        Ok(())
    }
}

/// It refused with this exit code, and its words name what is wrong.
fn is_refusal(output: &Output, code: i32, words: &str) -> Result<()> {
    let said = shell::words(output).trim().to_owned();
    ensure!(
        output.status.code() == Some(code),
        "{}, not {code}: {said}",
        output.status
    );
    ensure!(said.starts_with("error:"), "not an error in words: {said}");
    ensure!(said.contains(words), "'{words}' is not in: {said}");
    ensure!(
        !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
        "a panic: {said}"
    );
    Ok(())
}

fn books_close(data: &Path) -> Result<()> {
    let found = violations(&shell::reconcile(data)?)?;
    ensure!(found.is_empty(), "{found:?}");
    Ok(())
}
