//! Who gets it: the audience of a draft, and the reach explored without one.

pub mod form; // the form as it was typed
pub mod part; // the form as a part of a draft
pub mod reach; // counts and values to choose from, beside the page
pub mod step; // the step of a draft
pub mod explore; // the page that explores the reach
pub mod groups; // audience groups: listed, made, deleted
mod tree; // from the form to the expression it means, and back
mod view; // what the pages show

pub use reach::Counting;
pub use tree::{Meaning, meaning};
pub use view::{included, terms};

use std::time::Duration;

use domain::audience::SEED_MAX;
use domain::id::RequestId;

use crate::state::ConsoleState;

/// How long a page waits for a count, and how long the answer to a change does.
pub const PAGE_PATIENCE: Duration = Duration::from_millis(40);
const CHANGE_PATIENCE: Duration = Duration::from_millis(150);
/// How long an answer waits that was asked for after the page: a million friends take seconds.
pub const LATER_PATIENCE: Duration = Duration::from_secs(8);
/// Characters of a window's name.
const WRITER_CHARS_MAX: usize = 64;

/// What is sent beside the form.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// What a button asks for.
    pub wish: String,
    pub writer: String,
    pub version: u32,
    /// Whether the answer may come late.
    pub waits: bool,
}

impl Sent {
    pub fn of_fields(fields: &[(String, String)]) -> Self {
        let last = |wanted: &str| {
            let found = fields.iter().rev().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str()).unwrap_or("")
        };
        // Over somebody else's save one writes by naming its version.
        let version = match last("over") {
            "" => last("version"),
            over => over,
        };
        Self {
            wish: last("do").chars().take(WRITER_CHARS_MAX).collect(),
            writer: last("writer").chars().take(WRITER_CHARS_MAX).collect(),
            version: version.parse().unwrap_or(0),
            waits: last("wait") == "1",
        }
    }

    pub fn patience(&self) -> Duration {
        match self.waits {
            true => LATER_PATIENCE,
            false => CHANGE_PATIENCE,
        }
    }
}

/// A name for a window that was opened just now.
pub fn window(state: &ConsoleState) -> String {
    let id: RequestId = state.ids.next();
    id.to_string()
}

/// A number to draw from, for as long as the draft lives.
fn seed(state: &ConsoleState) -> String {
    let id: RequestId = state.ids.next();
    let low = id.as_bytes().iter().rev().take(7);
    let number = low.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (number & SEED_MAX).to_string()
}
