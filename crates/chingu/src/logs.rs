//! Structured logs on the standard error: pretty on a terminal, JSON otherwise.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{LogFormat, LogSection};

/// What kind of command logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// A server says what it does.
    Server,
    /// A command says what it prints; only what goes wrong is logged.
    Command,
}

/// Starts logging for the rest of the process.
pub fn start(config: &LogSection, verbosity: Verbosity) -> anyhow::Result<()> {
    let level = match verbosity {
        Verbosity::Server => LevelFilter::INFO,
        Verbosity::Command => LevelFilter::WARN,
    };
    let filter = match &config.filter {
        Some(filter) => EnvFilter::builder().parse(filter)?,
        None => EnvFilter::default().add_directive(level.into()),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let as_json = match (config.format, verbosity) {
        (LogFormat::Json, _) => true,
        (LogFormat::Pretty, _) => false,
        // A person reads a command's warnings, even through a pipe.
        (LogFormat::Auto, Verbosity::Command) => false,
        (LogFormat::Auto, Verbosity::Server) => !is_terminal,
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if as_json {
        logs.json().flatten_event(true).try_init()
    } else {
        logs.with_ansi(is_terminal).try_init()
    };
    started.map_err(|error| anyhow!("logging cannot start: {error}"))
}
