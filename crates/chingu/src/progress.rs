//! Progress of long commands: a bar on a terminal, nothing elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(120);

/// A bar of `total` bytes.
pub fn bytes(total: u64) -> ProgressBar {
    let template = "{msg} [{bar:32}] {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    bar(Some(total), template)
}

/// A count whose end is not known.
pub fn count() -> ProgressBar {
    bar(None, "{msg} {human_pos} ({per_sec})")
}

/// Something that takes a while.
pub fn wait(words: impl Into<String>) -> ProgressBar {
    let bar = bar(None, "{spinner} {msg} ({elapsed})");
    bar.set_message(words.into());
    bar
}

fn bar(total: Option<u64>, template: &str) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(total, target);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(REDRAW);
    bar
}
