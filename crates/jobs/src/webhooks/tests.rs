//! Webhooks: where they may go, one request, and the role that sends them.

mod guard; // spellings of addresses
mod post; // one request against a real socket
mod send; // the role, on both engines
