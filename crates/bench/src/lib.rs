//! Measures the product as a person would run it: real processes of the program's own executable,
//! a real database, HTTP, and the messenger's own log as the judge.
//!
//! It owns the runs, the raw loops beside them and the report. It wires nothing: every process it
//! measures was started by a command of the documentation.

pub mod friends; // files of friends, as many as asked for
pub mod process; // processes of the executable, their time and memory
pub mod wal; // bytes that went through the write-ahead log
pub mod record; // what the database and the messenger say of a run
pub mod roofline; // the hot functions alone, one after the other
pub mod broadcast; // the run: import, launch, until the last capture
pub mod report; // the figures, as a table and as JSON

pub use broadcast::{BroadcastRun, broadcast};
pub use report::BroadcastReport;
