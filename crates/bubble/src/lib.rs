//! Draws message objects: one renderer for the composer's preview and the messenger's chat.
//!
//! It owns what a message looks like, in the classes of `chat.css`, and how a tap names its action.
//! It does not own what a message may be (`domain::message`) nor what a tap does.
//!
//! Invariants: a message's nodes are the same in preview and chat, byte for byte: a tap is a submit
//! button, and only in the chat a form stands around it. Nothing a message says becomes markup, and
//! no address leaves this crate but those that [`address`] admits.

pub mod context; // who sees it, from whom, and where
pub mod address; // which addresses are loaded or opened
pub mod tap; // actions as buttons, and back from a button to its action
mod html; // what is drawn already
mod part; // an object of a message, and where it stands in it
mod text; // words: variables, emojis, links
mod message; // each kind of message
mod template; // buttons, confirm, carousels
mod flex; // free layouts
mod look; // what a Flex component looks like, as classes and values
mod draw; // messages in blocks, by sender

#[cfg(test)]
mod tests;

pub use context::{Context, Mode, Taps};
pub use draw::{draw, draw_one, quick_replies, summary};
pub use text::filled;
