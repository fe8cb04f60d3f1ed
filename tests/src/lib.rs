//! Shared by the suites: real processes of the program, started, asked, killed and restarted.
//!
//! It owns the life of processes and what they left behind. It does not own expectations: those
//! stand in the suites. Everything is waited for as a fact with a deadline; nothing is slept for.

pub mod wait; // facts with a deadline
pub mod place; // free ports, the program's place, log files
pub mod engine; // which database and broker a data folder has
pub mod http; // a request without a client library
pub mod program; // one process of the program
pub mod machine; // a machine whose clock steps and whose disk is full
pub mod messenger; // the sandbox as a process of its own, and its accept log
pub mod shell; // commands that end: admin, import, reconcile
pub mod world; // a brand with friends, money and a campaign
pub mod console; // a browser for the pages, and members who sign in
pub mod platform; // the platform of a fault test: its recipe, its brand, its messenger
pub mod course; // how fast the messenger accepted, by its log
pub mod memory; // what the system says of processes
pub mod fleet; // a whole installation without anything between its processes
pub mod verdict; // attempted, accepted, recorded, billed, lost, duplicated, unknown
pub mod table; // tables in Markdown
pub mod draw; // seeded choices
