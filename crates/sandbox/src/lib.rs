//! The built-in messenger: the messenger's side of the gateway protocol, and its misbehaviour.
//!
//! It owns its own file (through `store::sandbox`), what it answers, and the faults it shows on
//! request. It shares no table with the platform and knows it only by the wire.
//!
//! Invariants: a push is on disk before it is answered; for a keyed messenger a key is processed at
//! most once and never after it was closed; what is in the accept log was answered as accepted, or
//! would have been had the answer arrived.

pub mod fault; // how it misbehaves, and the words to ask for it
pub mod state; // what the routes share: file, faults, keys in progress
pub mod reply; // answers, and answers that never arrive whole
pub mod push; // taking a push
pub mod key; // asking for a key's result, and closing it
pub mod people; // who is on it, by name
pub mod phone; // the messenger's screen: what a person sees and does
pub mod events; // telling the platform what friends did
pub mod tell; // telling what was done on the screen, once and in order
pub mod control; // switching faults and sending events while it runs
pub mod serve; // the routes
pub mod log; // the accept log as CSV

pub use store::sandbox::{Consent, NewContact, Person, PhoneAccount, ShownWording};

pub use fault::{FaultError, FaultPlan, Faults};
pub use people::KnownAccounts;
pub use serve::{router, serve};
pub use state::{Error, Sandbox, SandboxConfig};
