//! Commands that end: what a person types in a shell beside the running program.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::engine;

/// A command of the program, not started yet.
pub fn command<S: AsRef<OsStr>>(data: &Path, arguments: &[S]) -> Result<Command> {
    let mut command = engine::command(data)?;
    command
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null());
    Ok(command)
}

/// Runs it to its end, whatever the end is.
pub fn run<S: AsRef<OsStr>>(data: &Path, arguments: &[S]) -> Result<Output> {
    command(data, arguments)?
        .output()
        .context("starting the program")
}

/// Runs it beside the caller.
pub fn spawn<S: AsRef<OsStr>>(data: &Path, arguments: &[S]) -> Result<Child> {
    let mut command = command(data, arguments)?;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().context("starting the program")
}

/// Runs it with `--json`; what it printed. Anything but success is an error with its words.
pub fn json(data: &Path, arguments: &[&str]) -> Result<Value> {
    let with_json: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    let output = run(data, &with_json)?;
    if !output.status.success() {
        bail!(
            "chingu {}: {}\n{}",
            arguments.join(" "),
            output.status,
            words(&output)
        );
    }
    parse(&output).with_context(|| format!("chingu {}", arguments.join(" ")))
}

/// `chingu admin …`: the created or shown thing.
pub fn admin(data: &Path, arguments: &[&str]) -> Result<Value> {
    let all: Vec<&str> = ["admin"]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    json(data, &all)
}

/// The same for a command that reads its standard input.
pub fn admin_with_input(data: &Path, arguments: &[&str], input: &str) -> Result<Value> {
    let all = [&["admin"], arguments, &["--json"]].concat();
    let mut command = command(data, &all)?;
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("starting the program")?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    if !output.status.success() {
        let line = arguments.join(" ");
        bail!("chingu admin {line}: {}\n{}", output.status, words(&output));
    }
    parse(&output).with_context(|| format!("chingu admin {}", arguments.join(" ")))
}

/// The checks of `chingu reconcile`. A violation is an answer, not an error: it ends with 1.
pub fn reconcile(data: &Path) -> Result<Value> {
    let output = run(data, &["reconcile", "--json"])?;
    match output.status.code() {
        Some(0 | 1) => parse(&output).context("chingu reconcile"),
        _ => bail!("chingu reconcile: {}\n{}", output.status, words(&output)),
    }
}

/// What it said on both channels.
pub fn words(output: &Output) -> String {
    let of = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    format!("{}\n{}", of(&output.stdout), of(&output.stderr))
}

/// The text of a field, or an error that shows the whole.
pub fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field]
        .as_str()
        .with_context(|| format!("the text of '{field}' in {value}"))
}

fn parse(output: &Output) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| format!("JSON: {}", words(output)))
}
