//! Structured logs on the standard error: pretty on a terminal, JSON otherwise.

use std::io::IsTerminal;

use anyhow::anyhow;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{LogFormat, LogSection};

/// What kind of command logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// A server says what it does.
    Server,
    /// A command says what it prints; only what goes wrong is logged.
    Command,
}

/// What else takes what is logged.
pub type Beside = Option<Box<dyn Layer<Registry> + Send + Sync>>;

/// Starts logging for the rest of the process.
pub fn start(config: &LogSection, verbosity: Verbosity, beside: Beside) -> anyhow::Result<()> {
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
    let logs = tracing_subscriber::fmt::layer()
        // What cannot be written, on a full disk, would be complained about where it cannot be
        // written either, and that ends in a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(beside);
    let started = if as_json {
        let logs = logs.json().flatten_event(true);
        registry.with(logs.with_filter(filter)).try_init()
    } else {
        let logs = logs.with_ansi(is_terminal);
        registry.with(logs.with_filter(filter)).try_init()
    };
    started.map_err(|error| anyhow!("logging cannot start: {error}"))
}
