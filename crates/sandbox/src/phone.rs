//! The messenger's screen: whose phone it is, the list of chats, a chat, and what a person does in
//! it.
//!
//! It is a tool for development: whoever reaches the sandbox can be anybody on it, as on a phone
//! that lies around. It owns pages and deeds. It does not own how a message looks (`bubble`), nor
//! what the platform makes of a deed: that is told by events, as any messenger tells it.
//!
//! Invariants: a deed is on disk together with its event before the page says so; what a tap does
//! is read from the message that was sent, never from what a browser claims; nothing somebody wrote
//! becomes markup.

mod add; // adding an account as a friend
mod beside; // what the platform says of a chat beside its messages: menu, coupons
mod chat; // one chat, in the order in which it happened
mod chats; // the list of chats
mod deeds; // what a person does, with what the platform is told of it
mod error; // what went wrong, as a page in the reader's language
mod guest; // language, theme, time zone and whose phone it was last
mod live; // who looks at which phone, and when there is something new
mod menus; // the rich menu below a chat, and what a tap on it does
mod open; // where a tap leads: a page elsewhere, a question
mod pace; // how much may be done at once
mod page; // from a template to an answer
mod people; // whose phone it is
mod receipt; // what was agreed to, when, where, to which words; and stopping it
mod routes; // every page on one page
mod screen; // list and chat side by side
mod taps; // what a tap does
mod when; // days as a chat says them

pub(crate) use live::Screens;
pub(crate) use pace::Pace;
pub(crate) use routes::routes;
